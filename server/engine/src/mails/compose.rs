//! Notices become mails: one for each person, of all that one run brought.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use model::configuration::{Configuration, MailServer};
use model::form::FormOwner;
use model::ids::{MailId, RunId};
use model::mail::{Hearing, Mail, MailState, Notice, NoticeKind};
use model::user::PermissionPath;
use model::work_item::Fulfiller;
use store::{Recipient, StoreError, WaitingNotice};

use crate::Engine;

/// Notices looked at together.
const AT_ONCE: u32 = 10_000;
/// Lines of one kind that a mail has; the page has the others.
const LINES: usize = 20;

/// Makes mails of the notices whose time has come.
pub(super) async fn compose(engine: &Engine) -> Result<(), StoreError> {
    let waiting = engine.store().waiting_notices(AT_ONCE).await?;
    if waiting.is_empty() {
        return Ok(());
    }
    let mut ripe: BTreeMap<Option<RunId>, Vec<WaitingNotice>> = BTreeMap::new();
    for notice in waiting.into_iter().filter(|notice| notice.run_state.is_none_or(|state| state.is_final())) {
        ripe.entry(notice.notice.run).or_default().push(notice);
    }
    if ripe.is_empty() {
        return Ok(());
    }
    let configuration = engine.world().configuration();
    let Some(server) = &configuration.organisation.mail else {
        // Nobody can be told any more.
        let gone: Vec<i64> = ripe.into_values().flatten().map(|notice| notice.sequence).collect();
        return engine.store().write(move |tx| Box::pin(async move { tx.make_mails(&gone, &[]).await })).await;
    };
    let recipients = recipients(engine).await?;
    for (run, notices) in ripe {
        let sequences: Vec<i64> = notices.iter().map(|notice| notice.sequence).collect();
        let notices: Vec<Notice> = notices.into_iter().map(|notice| notice.notice).collect();
        let told = distribute(&configuration, &recipients, &notices);
        let mut ids = engine.store().reserve_ids(told.len()).await?;
        let now = engine.now();
        let mails: Vec<Mail> = told
            .into_iter()
            .map(|(recipient, address, notices)| {
                let id = MailId(ids.next().unwrap_or_default());
                let text = Text::new(server, &recipient.user.display_name, run, &notices);
                mail(id, recipient, address, text, now)
            })
            .collect();
        engine.store().write(move |tx| Box::pin(async move { tx.make_mails(&sequences, &mails).await })).await?;
    }
    Ok(())
}

/// Everybody, with the address at which they are told.
pub(super) async fn recipients(engine: &Engine) -> Result<Vec<Recipient>, StoreError> {
    let mut recipients = engine.store().recipients().await?;
    if let Some(server) = &engine.world().configuration().organisation.mail {
        take_addresses_of_identities(engine, server, &mut recipients).await?;
    }
    Ok(recipients)
}

/// A mail that says only that mails arrive.
pub(super) fn test_mail(server: &MailServer, to: &Recipient, address: &str, id: MailId, now: Timestamp) -> Mail {
    let base = server.public_url.trim_end_matches('/');
    let name = one_line(&to.user.display_name);
    let sentence = "This is the test that you asked for: mail from Quartermaster arrives.";
    let text = Text {
        subject: "A test from Quartermaster".to_owned(),
        plain: format!("Hello {name},\n\n{sentence}\n{base}/mails\n"),
        html: format!(
            "<!doctype html>\n<p>Hello {},</p>\n<p>{sentence}</p>\n<p><a href=\"{}\">Mail</a></p>\n",
            escaped(&name),
            escaped(&format!("{base}/mails"))
        ),
    };
    mail(id, to, address, text, now)
}

fn mail(id: MailId, recipient: &Recipient, address: &str, text: Text, now: Timestamp) -> Mail {
    Mail {
        id,
        user: recipient.user.id,
        address: address.to_owned(),
        subject: text.subject,
        text: text.plain,
        html: text.html,
        state: MailState::Waiting,
        attempts: 0,
        next_attempt_at: Some(now),
        created_at: now,
        sent_at: None,
        problem: None,
    }
}

/// Users without an address of their own have that of their identity.
async fn take_addresses_of_identities(
    engine: &Engine,
    server: &MailServer,
    recipients: &mut [Recipient],
) -> Result<(), StoreError> {
    let Some(attribute) = &server.identity_attribute else { return Ok(()) };
    let lacking = |recipient: &&mut Recipient| recipient.preferences.address.is_none();
    let ids: Vec<_> = recipients.iter_mut().filter(lacking).filter_map(|recipient| recipient.user.identity).collect();
    let identities = engine.store().identities_by_id(&ids).await?;
    for recipient in recipients.iter_mut().filter(lacking) {
        let identity = identities.iter().find(|identity| Some(identity.id) == recipient.user.identity);
        let value = identity.and_then(|identity| identity.attributes.get(attribute));
        recipient.preferences.address = value.map(ToString::to_string);
    }
    Ok(())
}

/// Who is told of what: whoever can sign in, has an address, wants to be told, and is named, or else holds the exact path
/// in a profile that does not keep silent. The same sentence about the same thing is said once.
fn distribute<'a>(
    configuration: &Configuration,
    recipients: &'a [Recipient],
    notices: &'a [Notice],
) -> Vec<(&'a Recipient, &'a str, Vec<&'a Notice>)> {
    let mut told = Vec::new();
    for recipient in recipients {
        let Some(address) = recipient.preferences.address.as_deref() else { continue };
        let held = told_paths(configuration, &recipient.user.profiles);
        let concerns = |notice: &&Notice| {
            let hearing = hearing(configuration, recipient, &held, notice.kind, &notice.about, notice.to.as_ref());
            hearing == Some(Hearing::Told)
        };
        let mut said = BTreeSet::new();
        let is_news = |notice: &&'a Notice| said.insert((notice.kind, &notice.link, &notice.sentence));
        let theirs: Vec<&Notice> = notices.iter().filter(concerns).filter(is_news).collect();
        if !theirs.is_empty() {
            told.push((recipient, address, theirs));
        }
    }
    told
}

/// What becomes of a notice to somebody whose paths `held` notify; none where it does not concern them. The one rule by
/// which mails are made, and by which it is foretold who gets them.
pub(super) fn hearing(
    configuration: &Configuration,
    recipient: &Recipient,
    held: &BTreeSet<PermissionPath>,
    kind: NoticeKind,
    about: &str,
    to: Option<&Fulfiller>,
) -> Option<Hearing> {
    let is_theirs = match (kind, to) {
        (NoticeKind::Form, _) => owns_forms(configuration, recipient, about),
        (_, Some(Fulfiller::User(login))) => recipient.user.login.eq_ignore_ascii_case(login),
        (_, Some(Fulfiller::Profile(profile))) => recipient.user.profiles.contains(profile),
        (kind, _) => kind.paths(about).iter().any(|path| held.contains(path)),
    };
    let preferences = &recipient.preferences;
    match (is_theirs && !recipient.user.disabled, &preferences.address) {
        (false, _) => None,
        _ if preferences.silenced.contains(&kind) => Some(Hearing::Unwanted),
        (true, None) => Some(Hearing::NoAddress),
        (true, Some(_)) => Some(Hearing::Told),
    }
}

/// Whether the forms of this owner, as a notice names it, are theirs to answer: nobody else is told, whatever they may do.
fn owns_forms(configuration: &Configuration, recipient: &Recipient, about: &str) -> bool {
    let user = &recipient.user;
    match about.split_once(':').and_then(|(kind, name)| FormOwner::from_parts(kind, name)) {
        Some(FormOwner::Login(login)) => login.to_lowercase() == user.login.to_lowercase(),
        Some(FormOwner::Profile(profile)) => user.profiles.contains(&profile),
        Some(FormOwner::Operators) => {
            let wanted = PermissionPath::parse(crate::forms::ANSWER);
            wanted
                .is_some_and(|wanted| told_paths(configuration, &user.profiles).iter().any(|path| path.grants(&wanted)))
        }
        None => false,
    }
}

/// The paths of these profiles that notify.
pub(super) fn told_paths(configuration: &Configuration, profiles: &[String]) -> BTreeSet<PermissionPath> {
    let profiles = profiles.iter().filter_map(|name| configuration.permission_profiles.get(name));
    let entries = profiles.flat_map(|profile| &profile.permissions).filter(|entry| entry.notifies());
    entries.filter_map(|entry| PermissionPath::parse(entry.path())).collect()
}

/// Words of one mail.
struct Text {
    subject: String,
    plain: String,
    html: String,
}

impl Text {
    fn new(server: &MailServer, name: &str, run: Option<RunId>, notices: &[&Notice]) -> Self {
        let base = server.public_url.trim_end_matches('/');
        let mut plain = format!("Hello {},\n", one_line(name));
        let mut html = format!("<p>Hello {},</p>\n", escaped(&one_line(name)));
        let mut subjects = Vec::new();
        for kind in NoticeKind::ALL {
            let of_kind: Vec<&&Notice> = notices.iter().filter(|notice| notice.kind == kind).collect();
            if of_kind.is_empty() {
                continue;
            }
            subjects.push(headline(kind, &of_kind));
            plain.push_str(&format!("\n{}\n", kind.label()));
            html.push_str(&format!("<h2>{}</h2>\n<ul>\n", kind.label()));
            for notice in of_kind.iter().take(LINES) {
                let (sentence, address) = (one_line(&notice.sentence), format!("{base}{}", address(&notice.link)));
                plain.push_str(&format!("- {sentence}\n  {address}\n"));
                html.push_str(&format!("<li><a href=\"{}\">{}</a></li>\n", escaped(&address), escaped(&sentence)));
            }
            html.push_str("</ul>\n");
            if of_kind.len() > LINES {
                let (more, all) = (of_kind.len() - LINES, format!("{base}{}", list(kind)));
                plain.push_str(&format!("and {more} more: {all}\n"));
                html.push_str(&format!("<p><a href=\"{}\">and {more} more</a></p>\n", escaped(&all)));
            }
        }
        let from = run.map(|run| format!(" All of this comes from run {run}.")).unwrap_or_default();
        let why = format!(
            "You are told because of your permission profile, or by name.{from} To be told less, open {base}/my-mail"
        );
        plain.push_str(&format!("\n-- \n{why}\n"));
        html.push_str(&format!("<hr>\n<p><small>{}</small></p>\n", escaped(&why)));
        Self { subject: shortened(&subjects.join("; ")), plain, html: format!("<!doctype html>\n{html}") }
    }
}

fn headline(kind: NoticeKind, notices: &[&&Notice]) -> String {
    let count = notices.len();
    let plural = if count == 1 { "" } else { "s" };
    match (kind, notices) {
        (NoticeKind::WorkItem, _) => format!("{count} work item{plural} for you"),
        (NoticeKind::Approval, [_]) => "1 request waits for your approval".to_owned(),
        (NoticeKind::Approval, _) => format!("{count} requests wait for your approval"),
        (NoticeKind::Certification, [only]) => one_line(&only.sentence),
        (NoticeKind::Certification, _) => "Access for you to certify".to_owned(),
        (NoticeKind::Review, [_]) => "1 order waits for your review".to_owned(),
        (NoticeKind::Review, _) => format!("{count} orders wait for your review"),
        // Why is in the text.
        (NoticeKind::RunEnded, [only]) => one_line(only.sentence.split(": ").next().unwrap_or_default()),
        (
            NoticeKind::Form | NoticeKind::ApplicationTrouble | NoticeKind::NativeChange | NoticeKind::Violation,
            [only],
        ) => one_line(&only.sentence),
        (NoticeKind::RunEnded, _) => format!("{count} runs ended"),
        (NoticeKind::Form, _) => "Questions for you to answer".to_owned(),
        (NoticeKind::ApplicationTrouble, _) => format!("{count} applications in trouble"),
        (NoticeKind::Violation, _) => format!("{count} risks that people break"),
        (NoticeKind::NativeChange, _) => format!("{count} notices of changes made in applications"),
    }
}

/// The page that shows all of a kind.
fn list(kind: NoticeKind) -> &'static str {
    match kind {
        NoticeKind::WorkItem => "/work-items",
        NoticeKind::Approval => "/approvals",
        NoticeKind::Certification => "/certifications",
        NoticeKind::Review => "/orders?state=awaiting_approval",
        NoticeKind::RunEnded => "/jobs",
        NoticeKind::ApplicationTrouble => "/applications",
        NoticeKind::Form => "/forms",
        NoticeKind::NativeChange => "/native-changes",
        NoticeKind::Violation => "/violations",
    }
}

/// A path with what an address cannot have written as `%20`.
fn address(link: &str) -> String {
    let kept = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_.~?=&".contains(&byte);
    let byte = |byte: u8| if kept(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    link.bytes().map(byte).collect()
}

/// Without line breaks and whatever else could end a line or a header.
fn one_line(text: &str) -> String {
    let line: String =
        text.chars().map(|c| if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') { ' ' } else { c }).collect();
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn shortened(text: &str) -> String {
    const LONGEST: usize = 150;
    let line = one_line(text);
    if line.chars().count() <= LONGEST {
        return line;
    }
    line.chars().take(LONGEST - 1).chain(['…']).collect()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use model::configuration::{MailEncryption, PermissionEntry, PermissionProfile, PermissionTable};
    use model::ids::UserId;
    use model::mail::MailPreferences;
    use model::user::User;

    use super::*;

    fn notice(kind: NoticeKind, about: &str, sentence: &str) -> Notice {
        let at = Timestamp::UNIX_EPOCH;
        Notice {
            at,
            kind,
            about: about.into(),
            sentence: sentence.into(),
            link: "/orders/7".into(),
            run: None,
            to: None,
        }
    }

    fn server() -> MailServer {
        MailServer {
            server: "mail.example.org".into(),
            encryption: MailEncryption::StartTls,
            user: None,
            password: None,
            sender: "quartermaster@example.org".into(),
            public_url: "https://q.example.org/".into(),
            identity_attribute: None,
        }
    }

    #[test]
    fn only_the_whole_path_tells() {
        let mut configuration = Configuration::default();
        let mut recipients = Vec::new();
        let path = |path: &str| PermissionEntry::from(path);
        let silent =
            PermissionEntry::Table(PermissionTable { path: "/WorkItems/Fulfil/terminal".into(), notify: false });
        for (id, (name, entries)) in [
            ("exact", vec![path("/ProvisioningPolicy/PerformManualProvisioning/terminal")]),
            ("custom", vec![path("/Custom/ProvisioningPolicy/PerformManualProvisioning/terminal")]),
            ("ours", vec![path("/WorkItems/Fulfil/terminal")]),
            ("other", vec![path("/WorkItems/Fulfil/badge")]),
            ("parent", vec![path("/WorkItems/Fulfil"), path("/ProvisioningPolicy/PerformManualProvisioning")]),
            ("all", vec![path("/*")]),
            ("silent", vec![silent]),
            ("disabled", vec![path("/WorkItems/Fulfil/terminal")]),
            ("without", vec![path("/WorkItems/Fulfil/terminal")]),
            ("unwilling", vec![path("/WorkItems/Fulfil/terminal")]),
        ]
        .into_iter()
        .enumerate()
        {
            let profile = PermissionProfile { display_name: name.into(), permissions: entries, people: None };
            configuration.permission_profiles.insert(name.into(), profile);
            let address = (name != "without").then(|| format!("{name}@example.org"));
            let silenced = if name == "unwilling" { vec![NoticeKind::WorkItem] } else { Vec::new() };
            recipients.push(Recipient {
                user: User {
                    id: UserId(i64::try_from(id).unwrap()),
                    login: name.into(),
                    display_name: name.into(),
                    identity: None,
                    profiles: vec![name.into()],
                    disabled: name == "disabled",
                },
                preferences: MailPreferences { address, silenced },
            });
        }
        let notices = [notice(NoticeKind::WorkItem, "terminal", "x")];
        let told = distribute(&configuration, &recipients, &notices);
        let names: Vec<&str> = told.iter().map(|(recipient, _, _)| recipient.user.login.as_str()).collect();
        assert_eq!(names, ["exact", "custom", "ours"]);
    }

    #[test]
    fn forms_are_told_to_their_owner_alone() {
        let mut configuration = Configuration::default();
        for (name, path) in [("all", "/*"), ("desk", "/Home"), ("operator", "/Forms")] {
            let profile = PermissionProfile { display_name: name.into(), permissions: vec![path.into()], people: None };
            configuration.permission_profiles.insert(name.into(), profile);
        }
        let recipient = |id: i64, login: &str, profile: &str| Recipient {
            user: User {
                id: UserId(id),
                login: login.into(),
                display_name: login.into(),
                identity: None,
                profiles: vec![profile.into()],
                disabled: login == "gone",
            },
            preferences: MailPreferences { address: Some(format!("{login}@example.org")), silenced: Vec::new() },
        };
        let recipients = [
            recipient(1, "Ann", "desk"),
            recipient(2, "bo", "desk"),
            recipient(3, "gone", "desk"),
            recipient(4, "olga", "operator"),
            recipient(5, "root", "all"),
        ];
        for (owner, expect) in [
            (FormOwner::Login("ann".into()), vec!["Ann"]),
            (FormOwner::Profile("desk".into()), vec!["Ann", "bo"]),
            (FormOwner::Operators, vec!["olga", "root"]),
        ] {
            let notices = [notice(NoticeKind::Form, &super::super::notices::form_owner(&owner), "x")];
            let told = distribute(&configuration, &recipients, &notices);
            let names: Vec<&str> = told.iter().map(|(recipient, _, _)| recipient.user.login.as_str()).collect();
            assert_eq!(names, expect, "{owner}");
        }
    }

    #[test]
    fn a_mail_is_readable_and_cannot_be_broken_out_of() {
        let notices: Vec<Notice> = (0..22)
            .map(|_| notice(NoticeKind::WorkItem, "t", "Ward: <b>change</b>\r\nBcc: everybody@example.org"))
            .chain([notice(NoticeKind::RunEnded, "complete", "The run 5 of the job complete failed: no feed")])
            .collect();
        let notices: Vec<&Notice> = notices.iter().collect();
        let text = Text::new(&server(), "Ann\nLee", Some(RunId(5)), &notices);
        assert_eq!(text.subject, "22 work items for you; The run 5 of the job complete failed");
        assert!(text.plain.starts_with(
            "Hello Ann Lee,\n\nWork for you\n- Ward: <b>change</b> Bcc: everybody@example.org\n  https://q.example.org/orders/7\n"
        ));
        assert!(text.plain.contains("and 2 more: https://q.example.org/work-items\n"));
        assert!(text.html.contains("&lt;b&gt;change&lt;/b&gt; Bcc") && !text.html.contains("<b>"));
        assert!(!text.subject.contains(['\r', '\n']));
        assert_eq!(address("/applications/HR é"), "/applications/HR%20%C3%A9");
    }
}
