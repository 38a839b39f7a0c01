//! Orders that fail again and again in the same way while their application does others: they are set aside, so that the
//! rest goes on and a person looks at them. What fails because nobody answers says nothing about the order and does not
//! count: that is the breaker's ([`crate::breaker`]).

use model::order::{Answer, ErrorClass, Order, ProvisioningState, StateReason};

use crate::fingerprint;
use crate::lifecycle::{Event, advance};
use crate::retry::is_unreachable;
use crate::settle::Settled;

/// So many failures with one fingerprint set an order aside.
pub const TIMES: u32 = 5;

/// What follows once the failures are counted: the step itself, or setting aside, and how often it has failed so.
/// `application_answers`: it did, or refused, something else at that time.
pub fn mark(order: &Order, settled: Settled, application_answers: bool) -> (Settled, u32) {
    let Answer::Failed { class, message } = &settled.answer else {
        return (settled, order.repeats);
    };
    let fingerprint = fingerprint::after(order, &settled);
    let is_same = order.fingerprint.is_some() && order.fingerprint == fingerprint;
    let counts = application_answers && *class != ErrorClass::RateLimited && !is_unreachable(message);
    let before = if is_same { order.repeats } else { 0 };
    let times = before + u32::from(counts);
    // What is given up already is no longer in anybody's way.
    let goes_on = matches!(settled.to, ProvisioningState::Pending | ProvisioningState::Transmitted);
    match advance(order.state, Event::Fail) {
        Ok(to) if times >= TIMES && goes_on => {
            let reason = StateReason::SetAside { class: *class, message: message.clone(), times };
            let items = settled
                .items
                .iter()
                .map(|(id, state, said)| match state {
                    ProvisioningState::Pending | ProvisioningState::Transmitted => (*id, to, said.clone()),
                    done => (*id, *done, said.clone()),
                })
                .collect();
            let sentence =
                format!("{message} It has failed like this {times} times and is set aside, so that the others go on.");
            let settled =
                Settled { to, reason: Some(reason), next_attempt_at: None, items, message: sentence, ..settled };
            (settled, times)
        }
        _ => (settled, times),
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use model::command::CommandError;

    use super::*;
    use crate::retry::RetryPolicy;
    use crate::settle;
    use crate::worlds::{any_order, catalogue};

    /// The order after so many failures, one like the other but for a number.
    fn failing(times: u32, class: ErrorClass, text: &str, answers: bool) -> Order {
        let mut order = any_order();
        for time in 1..=times {
            if order.state == ProvisioningState::Errored {
                break;
            }
            order.state = ProvisioningState::Transmitted;
            order.attempts = time;
            let failure = Err(CommandError::new(class, text.replace('#', &time.to_string())));
            let now = Timestamp::UNIX_EPOCH;
            let settled = settle::answer(&order, None, &failure, &catalogue(), &RetryPolicy::default(), now, 0.5);
            let (settled, repeats) = mark(&order, settled, answers);
            order.fingerprint = fingerprint::after(&order, &settled);
            (order.state, order.reason, order.repeats) = (settled.to, settled.reason, repeats);
        }
        order
    }

    #[test]
    fn the_fifth_failure_of_the_same_kind_sets_it_aside() {
        let four = failing(4, ErrorClass::Transient, "HTTP 500, request #", true);
        assert_eq!((four.state, four.repeats), (ProvisioningState::Pending, 4));
        let five = failing(9, ErrorClass::Transient, "HTTP 500, request #", true);
        assert_eq!((five.state, five.repeats), (ProvisioningState::Errored, 5));
        let Some(StateReason::SetAside { class, message, times }) = five.reason else { panic!("{five:?}") };
        assert_eq!((class, message.as_str(), times), (ErrorClass::Transient, "HTTP 500, request 5", 5));
        assert_eq!(four.fingerprint, five.fingerprint);
    }

    #[test]
    fn one_whose_outcome_is_not_known_is_set_aside_as_well() {
        let five = failing(9, ErrorClass::Protocol, "the answer is no JSON (#)", true);
        assert_eq!((five.state, five.repeats), (ProvisioningState::Errored, 5));
        assert!(crate::order::may_have_arrived(&five), "it is read before it is written again");
    }

    #[test]
    fn what_says_nothing_about_the_order_does_not_count() {
        for (class, text, answers) in [
            (ErrorClass::Transient, "HTTP 503", false),
            (ErrorClass::Transient, "connection refused", true),
            (ErrorClass::Transient, "No route to host (os error 113)", true),
            (ErrorClass::RateLimited, "HTTP 429", true),
        ] {
            let order = failing(9, class, text, answers);
            assert_eq!((order.state, order.repeats), (ProvisioningState::Pending, 0), "{text}");
        }
    }

    #[test]
    fn another_failure_begins_anew() {
        let mut order = failing(4, ErrorClass::Transient, "HTTP 500", true);
        order.state = ProvisioningState::Transmitted;
        let failure = Err(CommandError::new(ErrorClass::Transient, "the table is locked"));
        let settled =
            settle::answer(&order, None, &failure, &catalogue(), &RetryPolicy::default(), Timestamp::UNIX_EPOCH, 0.5);
        assert_eq!(mark(&order, settled, true).1, 1);
    }
}
