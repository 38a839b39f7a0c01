//! What the troubles of orders have in common: application, kind of failure, and the message without what differs from
//! one order to the next (numbers, ids, quoted values, addresses, times, the order's own values). Orders with the same
//! fingerprint are one row of the triage and, as a rule, one thing to mend.

use std::borrow::Cow;

use model::command::NOT_SENT;
use model::order::{Answer, Order, ProvisioningState, StateReason, Trouble};
use model::value::Value;
use sha2::{Digest, Sha256};

use crate::settle::Settled;

/// Of an order that is, or comes to be, in this state for this reason; none where nothing is wrong with it.
pub fn of(order: &Order, state: ProvisioningState, reason: Option<&StateReason>) -> Option<String> {
    let trouble = Trouble::of(state, reason)?;
    let (kind, message) = match reason {
        // Waiting to be tried again, given up and set aside are the same trouble at different ages.
        Some(
            StateReason::Failed { class, message }
            | StateReason::RetryWait { class, message }
            | StateReason::SetAside { class, message, .. },
        ) => (class.name(), Cow::Owned(template(&without_own_values(order, message)))),
        Some(StateReason::RuleFailed { message }) => (trouble.name(), Cow::Owned(template(message))),
        Some(StateReason::Drifted { found }) => {
            (trouble.name(), Cow::Owned(template(&without_own_values(order, found))))
        }
        Some(StateReason::Held { by, why, .. }) => (trouble.name(), Cow::Owned(format!("{by}: {why}"))),
        _ => (trouble.name(), Cow::Borrowed("")),
    };
    Some(digest(&order.application, kind, &message))
}

/// After a step: as [`of`]; of a failure whose outcome is not known the failure's own; an order that is tried again keeps
/// the one it had, so that a failure that comes back is known again.
pub fn after(order: &Order, settled: &Settled) -> Option<String> {
    let by_reason = of(order, settled.to, settled.reason.as_ref());
    match (&settled.reason, &settled.answer) {
        (Some(StateReason::InDoubt), Answer::Failed { class, message }) => {
            Some(digest(&order.application, class.name(), &template(&without_own_values(order, message))))
        }
        (_, _) if by_reason.is_none() && settled.to.is_open() => order.fingerprint.clone(),
        _ => by_reason,
    }
}

/// Of orders that wait because nothing is sent to their application.
pub fn of_pause(application: &str, trouble: Trouble) -> String {
    digest(application, trouble.name(), "")
}

fn digest(application: &str, kind: &str, message: &str) -> String {
    let mut hash = Sha256::new();
    for part in [application, kind, message] {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// Values of the order itself that an application likes to repeat, such as a login that is taken.
fn without_own_values(order: &Order, message: &str) -> String {
    /// Shorter ones would hit words by chance.
    const SHORTEST: usize = 3;
    let values = order.items.iter().filter(|item| !item.secret).flat_map(|item| [&item.value, &item.current]);
    let mut own: Vec<&str> = values.flatten().filter_map(Value::as_text).chain(order.key.as_deref()).collect();
    own.retain(|value| value.chars().count() >= SHORTEST);
    // The longest first: a login is often part of an address.
    own.sort_unstable_by_key(|value| std::cmp::Reverse(value.len()));
    own.dedup();
    let mut message = message.to_owned();
    for value in own {
        if message.contains(value) {
            message = message.replace(value, "…");
        }
    }
    message
}

/// The message with its variable parts as `…`, in lower case.
pub fn template(message: &str) -> String {
    // Those that failed, and those that were not sent because of it, are one trouble.
    let message = message.strip_suffix(NOT_SENT).unwrap_or(message);
    let mut words: Vec<Cow<'_, str>> = Vec::new();
    let mut codes = false;
    for word in unquoted(message).split_whitespace() {
        let bare = word.trim_matches(|c: char| !c.is_alphanumeric() && c != '…').to_lowercase();
        let is_code = codes && bare.len() <= 5 && bare.chars().all(|c| c.is_ascii_digit());
        codes = matches!(bare.as_str(), "http" | "status" | "code" | "sqlstate" | "result" | "error");
        let word = if !is_code && is_variable(&bare) { Cow::Borrowed("…") } else { Cow::Owned(bare) };
        // How many there are differs as well.
        let is_repeated = word == "…" && words.last().is_some_and(|last| last == "…");
        if !word.is_empty() && !is_repeated {
            words.push(word);
        }
    }
    words.join(" ")
}

/// Numbers, ids, times, addresses, paths, names of directory entries.
fn is_variable(word: &str) -> bool {
    let is_hexadecimal = word.len() >= 8 && word.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
    word.contains('…')
        || word.chars().any(|c| c.is_ascii_digit())
        || word.contains("://")
        || word.contains('@')
        || word.contains('=')
        || is_hexadecimal
}

/// What stands between quotation marks is a value. An apostrophe inside a word is none.
fn unquoted(message: &str) -> String {
    let mut text = String::with_capacity(message.len());
    let mut characters = message.chars().peekable();
    let mut previous = ' ';
    while let Some(character) = characters.next() {
        let closing = match character {
            '"' => Some('"'),
            '`' => Some('`'),
            '\u{201c}' => Some('\u{201d}'),
            '\u{ab}' => Some('\u{bb}'),
            '\'' if !previous.is_alphanumeric() => Some('\''),
            _ => None,
        };
        previous = character;
        match closing {
            Some(closing) if characters.clone().any(|c| c == closing) => {
                for inner in characters.by_ref() {
                    if inner == closing {
                        break;
                    }
                }
                text.push_str(" … ");
            }
            _ => text.push(character),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use model::order::ErrorClass;
    use proptest::prelude::*;

    use super::*;
    use crate::worlds::any_order;

    fn failed(message: &str) -> StateReason {
        StateReason::Failed { class: ErrorClass::Conflict, message: message.to_owned() }
    }

    #[test]
    fn what_differs_between_orders_is_left_out() {
        for (one, other) in [
            ("user 4711 exists", "user 99 exists"),
            ("\"ann.lee\" is taken", "\"bo\" is taken"),
            ("\u{201c}Ann\u{201d} is taken", "\u{201c}Bo Ek\u{201d} is taken"),
            ("`a` and 'b c' clash", "`x y` and 'z' clash"),
            ("sent to ann@example.org at 10:02:11", "sent to bo@example.com at 23:59:01"),
            ("POST http://10.0.0.1:80/v2/Users/4f3a failed", "POST https://idp.example/Users/77 failed"),
            ("no entry uid=ann,ou=people", "no entry uid=bo,ou=people"),
            ("id 6f1b2c3d-aaaa-bbbb-cccc-ddddeeeeffff is gone", "id deadbeef-abcd is gone"),
            ("groups 1, 2, 3 refused", "groups 7 refused"),
            ("Since 2026-01-02T03:04:05Z no answer", "Since 2027-11-12T13:14:15Z no answer"),
        ] {
            assert_eq!(template(one), template(other));
        }
    }

    #[test]
    fn what_is_different_stays_different() {
        for (one, other) in [
            ("HTTP 500 from the server", "HTTP 409 from the server"),
            ("connection refused", "connection reset"),
            ("the user's group is gone", "the user's account is gone"),
            ("SQLSTATE 23505", "SQLSTATE 42501"),
        ] {
            assert_ne!(template(one), template(other));
        }
    }

    #[test]
    fn application_kind_and_message_make_the_fingerprint() {
        let order = any_order();
        let errored = |reason: StateReason| of(&order, ProvisioningState::Errored, Some(&reason));
        let first = errored(failed("user 1 exists"));
        assert_eq!(first.as_ref().map(String::len), Some(16));
        assert_eq!(first, errored(failed("user 2 exists")));
        assert_ne!(first, errored(StateReason::Timeout));
        let class = ErrorClass::Conflict;
        let waiting = StateReason::RetryWait { class, message: "user 3 exists".to_owned() };
        assert_eq!(first, of(&order, ProvisioningState::Pending, Some(&waiting)), "it is the same trouble, younger");
        let mut elsewhere = order.clone();
        elsewhere.application.push('2');
        assert_ne!(first, of(&elsewhere, ProvisioningState::Errored, Some(&failed("user 1 exists"))));
        assert_eq!(of(&order, ProvisioningState::Verified, None), None);
        assert_eq!(of(&order, ProvisioningState::Pending, None), None);
    }

    #[test]
    fn a_value_of_the_order_itself_is_left_out_without_quotation_marks() {
        let with = |login: &str| {
            let mut order = any_order();
            order.key = Some(login.to_owned());
            of(&order, ProvisioningState::Errored, Some(&failed(&format!("name {login} is taken"))))
        };
        assert_eq!(with("annabel"), with("bodil"));
    }

    proptest! {
        #[test]
        fn any_text_has_a_template_no_longer_than_it_may_be(text in any::<String>()) {
            let once = template(&text);
            prop_assert!(once.chars().count() <= text.chars().count() * 4 + 4);
            prop_assert!(!once.contains("… …"), "{once}");
        }
    }
}
