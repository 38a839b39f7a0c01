//! What stands in a ticket, and how it is recognised as an order's.
//!
//! The mark in front of the subject, `[quartermaster 1234/2 5f0c61a9b3d2]`, tells order and attempt, and a digest of
//! what was ordered: numbers begin anew with a new database, and an older ticket of the same number must not be taken
//! for this one. Values stand as they are; one that a person could misread (with line breaks, spaces around it or
//! quotes) is written as a JSON string. Secrets are never written into tickets.

use model::command::{Command, CommandItem};
use model::configuration::RequestTrackerConnection;
use model::ids::OrderId;
use model::plan::{ItemKind, ItemOperation, Operation};
use model::value::Value;
use sha2::{Digest, Sha256};

use super::template;

pub(super) const PLACEHOLDERS: [&str; 7] =
    ["order", "attempt", "application", "account_type", "operation", "account", "changes"];

const SUBJECT: &str = "{operation} {account} in {application}";
const BODY: &str = "\
{operation} {account} in {application}, of the type {account_type}.

{changes}

When it is done, resolve this ticket. If it cannot be done, reject it and say why in a comment.
Quartermaster asks for this with its order {order}, attempt {attempt}, and finds the ticket by the mark in its subject.
";

/// Longest subject that Request Tracker keeps.
const LONGEST_SUBJECT: usize = 200;

/// Words of one ticket.
pub(super) struct Text {
    pub(super) subject: String,
    pub(super) body: String,
    pub(super) custom_fields: Vec<(String, String)>,
}

impl Text {
    pub(super) fn new(command: &Command, connection: &RequestTrackerConnection, digest: &str) -> Self {
        let fill = |text: &str| template::fill(text, |name| value_of(name, command));
        let subject = fill(connection.subject.as_deref().unwrap_or(SUBJECT));
        let subject = format!("{}{}/{} {digest}] {subject}", MARK, command.order, command.fence);
        Self {
            subject: one_line(&subject),
            body: fill(connection.body.as_deref().unwrap_or(BODY)),
            custom_fields: connection.custom_fields.iter().map(|(name, text)| (name.clone(), fill(text))).collect(),
        }
    }
}

/// What nobody could carry out, because nobody can type it.
pub(super) fn fault(command: &Command) -> Option<String> {
    let has_nul = |item: &&CommandItem| match &item.value {
        Some(Value::Text(text)) => text.contains('\0'),
        Some(Value::List(members)) => members.iter().any(|text| text.contains('\0')),
        _ => false,
    };
    let item = command.items.iter().find(has_nul)?;
    Some(format!("The value for {} holds a NUL character, which nobody can type.", item.name.replace('\0', "\u{fffd}")))
}

const MARK: &str = "[quartermaster ";

/// How the marks of all attempts of an order begin.
pub(super) fn mark_start(order: OrderId) -> String {
    format!("{MARK}{order}/")
}

/// Whether a subject bears the mark of that order, with that digest.
pub(super) fn is_marked(subject: &str, order: OrderId, digest: &str) -> bool {
    let mark = mark_start(order);
    let after = subject.find(&mark).and_then(|position| subject.get(position + mark.len()..));
    let inside = after.and_then(|after| after.split_once(']')).map(|(inside, _)| inside);
    inside.and_then(|inside| inside.split_once(' ')).is_some_and(|(attempt, found)| {
        found == digest && !attempt.is_empty() && attempt.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// Tells what is ordered from everything else that could be.
pub(super) fn digest(command: &Command) -> String {
    let mut digest = Sha256::new();
    let mut add = |text: &str| {
        digest.update(text.len().to_le_bytes());
        digest.update(text.as_bytes());
    };
    add(&command.application);
    add(&command.account_type);
    add(command.operation.name());
    add(&account(command));
    add(&changes(command));
    digest.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn reference(ticket: u64) -> String {
    format!("ticket {ticket}")
}

pub(super) fn of_reference(reference: &str) -> Option<u64> {
    reference.strip_prefix("ticket ")?.parse().ok()
}

fn value_of(name: &str, command: &Command) -> String {
    match name {
        "order" => command.order.to_string(),
        "attempt" => command.fence.to_string(),
        "application" => command.application.clone(),
        "account_type" => command.account_type.clone(),
        "operation" => operation(command.operation).to_owned(),
        "account" => account(command),
        _ => changes(command),
    }
}

fn operation(operation: Operation) -> &'static str {
    match operation {
        Operation::Create => "Create the account",
        Operation::Update => "Change the account",
        Operation::Enable => "Enable the account",
        Operation::Disable => "Disable the account",
        Operation::Delete => "Delete the account",
    }
}

fn account(command: &Command) -> String {
    let named = command.natural_key.as_ref().map(|(_, value)| value.to_string());
    command.key.clone().filter(|key| !key.is_empty()).or(named).map(|key| exact(&key)).unwrap_or_default()
}

/// A line for each thing to do.
fn changes(command: &Command) -> String {
    let lines: Vec<String> = command.items.iter().filter(|item| item.kind != ItemKind::Lifecycle).map(change).collect();
    if lines.is_empty() { "Nothing else is to be changed.".to_owned() } else { lines.join("\n") }
}

fn change(item: &CommandItem) -> String {
    let name = exact(&item.name);
    match (item.kind, item.operation) {
        (ItemKind::Entitlement, ItemOperation::Remove) => format!("Take away: {name}"),
        (ItemKind::Entitlement, _) => format!("Give: {name}"),
        (_, ItemOperation::Remove) => format!("Clear {name}"),
        _ if item.secret => format!("Set {name}: to one that you choose and hand over; it is not written here"),
        _ => match &item.value {
            None => format!("Clear {name}"),
            Some(Value::List(members)) => format!("Set {name}: {}", serde_json::json!(members)),
            Some(value) => format!("Set {name}: {}", exact(&value.to_string())),
        },
    }
}

/// The text, in quotes and with escapes where it could be misread.
fn exact(text: &str) -> String {
    let invisible = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    let is_plain =
        !text.is_empty() && text.trim() == text && !text.starts_with(['"', '[']) && !text.contains(invisible);
    if is_plain {
        return text.to_owned();
    }
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if invisible(c) => quoted.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// Without line breaks, and short enough for a subject.
fn one_line(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if line.chars().count() <= LONGEST_SUBJECT {
        return line;
    }
    line.chars().take(LONGEST_SUBJECT - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command() -> Command {
        let item = |kind, name: &str, operation, value: Option<Value>, secret| CommandItem {
            kind,
            name: name.to_owned(),
            operation,
            value,
            secret,
        };
        Command {
            order: OrderId(12),
            fence: 3,
            application: "ward".to_owned(),
            account_type: "ward account".to_owned(),
            operation: Operation::Create,
            key: None,
            natural_key: Some(("login".to_owned(), Value::from("ann"))),
            items: vec![
                item(ItemKind::Attribute, "login", ItemOperation::Set, Some("ann".into()), false),
                item(ItemKind::Attribute, "note", ItemOperation::Set, Some(" two\n\"lines\" {changes}".into()), false),
                item(ItemKind::Attribute, "pin", ItemOperation::Set, Some("s3cret".into()), true),
                item(ItemKind::Attribute, "sites", ItemOperation::Set, Some(Value::List(vec!["a, b".into()])), false),
                item(ItemKind::Attribute, "phone", ItemOperation::Remove, None, false),
                item(ItemKind::Entitlement, "Nurses", ItemOperation::Add, None, false),
                item(ItemKind::Entitlement, "Porters", ItemOperation::Remove, None, false),
            ],
            in_doubt: false,
        }
    }

    fn connection() -> RequestTrackerConnection {
        RequestTrackerConnection {
            url: "https://tickets.example.org".to_owned(),
            token: None,
            user: None,
            password: None,
            queue: "Access".to_owned(),
            subject: None,
            body: None,
            custom_fields: [("Order".to_owned(), "{order} for {application}".to_owned())].into(),
            requestor: None,
            statuses: Default::default(),
            cancelled_status: None,
            poll_minutes: None,
            expires_days: None,
            extract: None,
        }
    }

    #[test]
    fn a_ticket_says_exactly_what_to_do() {
        let command = command();
        let digest = digest(&command);
        let text = Text::new(&command, &connection(), &digest);
        assert_eq!(text.subject, format!("[quartermaster 12/3 {digest}] Create the account ann in ward"));
        assert_eq!(text.custom_fields, [("Order".to_owned(), "12 for ward".to_owned())]);
        assert_eq!(
            text.body,
            "Create the account ann in ward, of the type ward account.\n\n\
             Set login: ann\n\
             Set note: \" two\\u000a\\\"lines\\\" {changes}\"\n\
             Set pin: to one that you choose and hand over; it is not written here\n\
             Set sites: [\"a, b\"]\n\
             Clear phone\n\
             Give: Nurses\n\
             Take away: Porters\n\n\
             When it is done, resolve this ticket. If it cannot be done, reject it and say why in a comment.\n\
             Quartermaster asks for this with its order 12, attempt 3, and finds the ticket by the mark in its subject.\n"
        );
        assert!(!format!("{}{}", text.subject, text.body).contains("s3cret"));
    }

    #[test]
    fn a_mark_is_recognised_and_nothing_like_it() {
        let digest = digest(&command());
        let is = |subject: &str| is_marked(subject, OrderId(12), &digest);
        assert!(is(&format!("Re: [quartermaster 12/3 {digest}] whatever")));
        assert!(is(&format!("[quartermaster 12/45 {digest}]")));
        assert!(!is(&format!("[quartermaster 112/3 {digest}]")));
        assert!(!is("[quartermaster 12/3 000000000000]"));
        assert!(!is(&format!("[quartermaster 12/3 {digest}")));
        let mut other = command();
        other.items.pop();
        assert_ne!(super::digest(&other), digest);
        other = command();
        other.fence = 4;
        assert_eq!(super::digest(&other), digest, "the same order, tried again, is the same");
    }

    #[test]
    fn subjects_are_one_line_and_fit() {
        let mut command = command();
        command.natural_key = Some(("login".to_owned(), Value::from("x".repeat(400))));
        let subject = Text::new(&command, &connection(), &digest(&command)).subject;
        assert_eq!(subject.chars().count(), LONGEST_SUBJECT);
        assert!(is_marked(&subject, OrderId(12), &digest(&command)));
        assert_eq!(one_line("a\r\nb"), "a  b");
    }

    #[test]
    fn references_are_read_back() {
        assert_eq!(of_reference(&reference(17)), Some(17));
        assert_eq!(of_reference("batch-1-1-abc.csv"), None);
    }
}
