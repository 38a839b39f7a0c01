//! What is asked for, as sentences, as forms and addresses carry it, and what there is to say about how far it is.

use jiff::civil::Date;
use model::access::Grantable;
use model::ids::RunId;
use model::request::{Change, Request, RequestItem, RequestState};

use super::words;

/// "Give Sales staff".
pub fn asked(item: &RequestItem, label: &str) -> String {
    match item.change {
        Change::Give => format!("Give {label}"),
        Change::Take => format!("Take away {label}"),
    }
}

/// "Sales staff (role)".
pub fn named(grantable: &Grantable, label: &str) -> String {
    format!("{label} ({})", words::kind(grantable))
}

/// Change, kind and name in one word of a form: `give:entitlement:vault`.
pub fn written(item: &RequestItem) -> String {
    format!("{}:{}:{}", item.change.name(), item.grantable.kind(), item.grantable.name())
}

/// The reverse of [`written`].
pub fn read(text: &str) -> Option<RequestItem> {
    let (change, rest) = text.split_once(':')?;
    let (kind, name) = rest.split_once(':')?;
    Some(RequestItem { change: Change::from_name(change)?, grantable: Grantable::from_parts(kind, name)? })
}

/// Keys of a request, of which each sign-in may add one: the first few.
pub fn keys(keys: &[String]) -> Option<String> {
    const SHOWN: usize = 3;
    let shown = keys.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    let more = keys.len().saturating_sub(SHOWN);
    match (keys.is_empty(), more) {
        (true, _) => None,
        (false, 0) => Some(shown),
        (false, more) => Some(format!("{shown}, and {more} more")),
    }
}

/// What somebody can do about a request that does not go on by itself, or when it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Some of it waits for those who have to agree.
    Approve,
    /// A threshold stopped the run that plans it.
    DecideAboutRun(RunId),
    /// Its orders wait for a reviewer.
    Review,
    /// Some of its orders failed.
    MendOrders,
    /// It begins by itself.
    Begins(Date),
}

/// What comes next; none where it goes on by itself, or is over.
pub fn next(request: &Request) -> Option<Next> {
    match request.state {
        RequestState::Approval if !request.awaiting.is_empty() => Some(Next::Approve),
        RequestState::Approval if request.planned_at.is_none() => request.run.map(Next::DecideAboutRun),
        RequestState::Approval => Some(Next::Review),
        // What was declined is not mended.
        RequestState::PartlyCompleted if !request.refused.is_empty() => None,
        RequestState::Failed | RequestState::PartlyCompleted => Some(Next::MendOrders),
        RequestState::Waiting => request.not_before.map(Next::Begins),
        RequestState::Submitted
        | RequestState::Provisioning
        | RequestState::Verifying
        | RequestState::Completed
        | RequestState::Cancelled => None,
    }
}

/// Why a request has no orders.
pub fn without_orders(state: RequestState) -> &'static str {
    match state {
        RequestState::Submitted => "They are being made; reload the page in a moment.",
        RequestState::Waiting => "They are made on its first day.",
        RequestState::Approval => "None is made before it is approved.",
        RequestState::Failed => "None could be made; what went wrong is said above.",
        RequestState::Cancelled => "None was made before it was cancelled.",
        RequestState::Provisioning
        | RequestState::Verifying
        | RequestState::Completed
        | RequestState::PartlyCompleted => "Everything was so already; no application had to be changed.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::requests as samples;

    #[test]
    fn what_is_asked_for_survives_a_form() {
        for text in ["give:role:sales", "take:entitlement:a:b", "give:access_profile:x"] {
            assert_eq!(read(text).as_ref().map(written).as_deref(), Some(text));
        }
        for text in ["", "give", "give:role", "give:thing:x", "keep:role:x"] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn of_many_keys_the_first_are_shown() {
        let all = |count: usize| (1..=count).map(|number| number.to_string()).collect::<Vec<_>>();
        for (count, expected) in [(0, None), (1, Some("1")), (3, Some("1, 2, 3")), (5, Some("1, 2, 3, and 2 more"))] {
            assert_eq!(keys(&all(count)).as_deref(), expected);
        }
    }

    #[test]
    fn who_can_do_something_about_it_is_told_what() {
        let day: Date = "2026-12-01".parse().unwrap();
        let of = |state, is_planned: bool| {
            let mut request = samples::detail(state).request;
            request.awaiting.clear();
            request.run = Some(RunId(7));
            request.not_before = Some(day);
            if !is_planned {
                request.planned_at = None;
            }
            next(&request)
        };
        for state in RequestState::ALL {
            let expected = match state {
                RequestState::Approval => Some(Next::Review),
                RequestState::Failed | RequestState::PartlyCompleted => Some(Next::MendOrders),
                RequestState::Waiting => Some(Next::Begins(day)),
                _ => None,
            };
            assert_eq!(of(state, true), expected, "{state:?}");
        }
        assert_eq!(of(RequestState::Approval, false), Some(Next::DecideAboutRun(RunId(7))));
        assert_eq!(next(&samples::detail(RequestState::Approval).request), Some(Next::Approve));
    }
}
