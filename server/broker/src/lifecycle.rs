//! The states of an order, as a table. Whoever changes a state asks here; the store's CHECK constraint says the same.
//!
//! | event             | from → to                     | what happened |
//! |-------------------|-------------------------------|---------------|
//! | `Reevaluate`      | 0, 6, 7 → 1                   | the role model was computed and wants it |
//! | `Review`          | 0, 1, 6, 7 → 5                | the same, and the account type asks for a review |
//! | `RuleFailed`      | 0 → 7                         | the rule or an expression failed |
//! | `Fill`            | 1 → 1                         | a value of another account that it waited for is known, and is put in |
//! | `Approve`         | 5 → 1                         | a reviewer agreed |
//! | `Decline`         | 5 → 6                         | a reviewer refused |
//! | `Postpone`        | 5 → 5                         | a reviewer refused a part and put off the rest |
//! | `Transmit`        | 1 → 2                         | claimed: the intent is written down, the first byte may leave |
//! | `Execute`         | 2 → 8                         | the application, or the person, said it is done |
//! | `LateAnswer`      | 3 → 8                         | the same, after the time was over; only while the fence still holds |
//! | `Fail`            | 2 → 3                         | the answer was no, or trying again was given up |
//! | `RetryLater`      | 2 → 1                         | the answer proves that nothing was done, and it passes by itself |
//! | `ReadBackPresent` | 2 → 8                         | the application was read after a lost answer: it is done |
//! | `ReadBackAbsent`  | 2 → 1                         | the same: it is not done, and is sent again |
//! | `Verify`          | 8 → 4                         | a later reading shows what was ordered |
//! | `Drift`           | 8 → 3                         | a later reading shows something else |
//! | `Reopen`          | 8 → 1                         | the same, of work by hand: it is asked for again |
//! | `TimeOut`         | 2, 8 → 3                      | no answer, or no confirmation, in time |
//! | `RetryNow`        | 3, 8 → 1, 1 → 1               | a person wants it sent (again) now |
//! | `Expire`          | 0, 1, 5 → 6                   | its period is over before it was sent |
//! | `Supersede`       | 1, 3, 5, 7 → 6                | a new computation replaced it, or no longer wants it |
//! | `Cancel`          | 1, 3, 5 → 6                   | a person called it off before it was sent |
//! | `CallOff`         | 2 → 6                         | the same, after it was handed to a system that can be told |
//! | `ReadBackNow`     | 2 → 2                         | a person wants what is in doubt read back now |
//! | `Edit`            | 1, 3 → 1                      | a person changed values and wants it sent |
//! | `SendToManual`    | 1, 3 → 1                      | a person decided that people carry it out |
//! | `MarkDone`        | 1, 2, 3 → 8                   | a person says that it is done, with evidence |
//! | `Hold`            | 1, 3 → the same               | a person keeps it back |
//! | `Resume`          | 1, 3 → the same               | a person lets it go again |
//!
//! 4 Verified is final: drift afterwards is a new order. 6 and 7 are left by a new computation only. What is in flight
//! (2) can be neither cancelled nor superseded: nobody knows yet whether it happened. Only what waits in another system,
//! as a ticket does, can be called off there. Retry waiting, quarantine, a
//! dependency, a person's hold and doubt after a crash are reasons inside 1, 2 or 3, never states. Where an operator's
//! action depends on such a reason as well is [`crate::operator`]'s table.

use model::order::ProvisioningState::{
    self, AwaitingApproval, Error, Errored, Executed, Inactive, None as NotComputed, Pending, Transmitted, Verified,
};

/// Something that happened to an order; see the table above for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Event {
    Reevaluate,
    Review,
    RuleFailed,
    Fill,
    Approve,
    Decline,
    Postpone,
    Transmit,
    Execute,
    LateAnswer,
    Fail,
    RetryLater,
    ReadBackPresent,
    ReadBackAbsent,
    Verify,
    Drift,
    Reopen,
    TimeOut,
    RetryNow,
    Expire,
    Supersede,
    Cancel,
    CallOff,
    ReadBackNow,
    Edit,
    SendToManual,
    MarkDone,
    Hold,
    Resume,
}

impl Event {
    pub const ALL: [Self; 29] = [
        Self::Reevaluate,
        Self::Review,
        Self::RuleFailed,
        Self::Fill,
        Self::Approve,
        Self::Decline,
        Self::Postpone,
        Self::Transmit,
        Self::Execute,
        Self::LateAnswer,
        Self::Fail,
        Self::RetryLater,
        Self::ReadBackPresent,
        Self::ReadBackAbsent,
        Self::Verify,
        Self::Drift,
        Self::Reopen,
        Self::TimeOut,
        Self::RetryNow,
        Self::Expire,
        Self::Supersede,
        Self::Cancel,
        Self::CallOff,
        Self::ReadBackNow,
        Self::Edit,
        Self::SendToManual,
        Self::MarkDone,
        Self::Hold,
        Self::Resume,
    ];

    /// The states in which it may happen, each with the state it leads to.
    pub fn edges(self) -> &'static [(ProvisioningState, ProvisioningState)] {
        match self {
            Self::Reevaluate => &[(NotComputed, Pending), (Inactive, Pending), (Error, Pending)],
            Self::Review => &[
                (NotComputed, AwaitingApproval),
                (Pending, AwaitingApproval),
                (Inactive, AwaitingApproval),
                (Error, AwaitingApproval),
            ],
            Self::RuleFailed => &[(NotComputed, Error)],
            Self::Fill => &[(Pending, Pending)],
            Self::Approve => &[(AwaitingApproval, Pending)],
            Self::Decline => &[(AwaitingApproval, Inactive)],
            Self::Postpone => &[(AwaitingApproval, AwaitingApproval)],
            Self::Transmit => &[(Pending, Transmitted)],
            Self::Execute | Self::ReadBackPresent => &[(Transmitted, Executed)],
            Self::LateAnswer => &[(Errored, Executed)],
            Self::Fail => &[(Transmitted, Errored)],
            Self::RetryLater | Self::ReadBackAbsent => &[(Transmitted, Pending)],
            Self::Verify => &[(Executed, Verified)],
            Self::Drift => &[(Executed, Errored)],
            Self::Reopen => &[(Executed, Pending)],
            Self::TimeOut => &[(Transmitted, Errored), (Executed, Errored)],
            Self::RetryNow => &[(Pending, Pending), (Errored, Pending), (Executed, Pending)],
            Self::Expire => &[(NotComputed, Inactive), (Pending, Inactive), (AwaitingApproval, Inactive)],
            Self::Supersede => {
                &[(Pending, Inactive), (Errored, Inactive), (AwaitingApproval, Inactive), (Error, Inactive)]
            }
            Self::Cancel => &[(Pending, Inactive), (Errored, Inactive), (AwaitingApproval, Inactive)],
            Self::CallOff => &[(Transmitted, Inactive)],
            Self::ReadBackNow => &[(Transmitted, Transmitted)],
            Self::Edit | Self::SendToManual => &[(Pending, Pending), (Errored, Pending)],
            Self::MarkDone => &[(Pending, Executed), (Transmitted, Executed), (Errored, Executed)],
            Self::Hold | Self::Resume => &[(Pending, Pending), (Errored, Errored)],
        }
    }

    /// As part of a sentence: "cannot be approved".
    fn passive(self) -> &'static str {
        match self {
            Self::Reevaluate => "taken up again",
            Self::Review => "put up for review",
            Self::RuleFailed => "marked as a failed rule",
            Self::Fill => "filled in",
            Self::Approve => "approved",
            Self::Decline => "declined",
            Self::Postpone => "put off",
            Self::Transmit => "sent",
            Self::Execute | Self::LateAnswer | Self::MarkDone => "marked as done",
            Self::Fail => "marked as failed",
            Self::RetryLater => "put off",
            Self::ReadBackPresent | Self::ReadBackAbsent => "settled by reading back",
            Self::ReadBackNow => "read back",
            Self::Edit => "changed",
            Self::SendToManual => "given to people",
            Self::Hold => "held",
            Self::Resume => "let go",
            Self::Verify => "confirmed",
            Self::Drift => "marked as drifted",
            Self::Reopen => "asked for again",
            Self::TimeOut => "timed out",
            Self::RetryNow => "tried again",
            Self::Expire => "expired",
            Self::Supersede => "replaced",
            Self::Cancel => "cancelled",
            Self::CallOff => "called off",
        }
    }
}

/// The event cannot happen in that state; nothing changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("An order in state {} \u{201c}{}\u{201d} cannot be {}. {}", .state.number(), .state.label(), .event.passive(), advice(*.state))]
pub struct Refused {
    pub state: ProvisioningState,
    pub event: Event,
}

/// The state that follows.
pub fn advance(state: ProvisioningState, event: Event) -> Result<ProvisioningState, Refused> {
    let edge = event.edges().iter().find(|(from, _)| *from == state);
    edge.map(|(_, to)| *to).ok_or(Refused { state, event })
}

/// The states in which the event may happen: what a store compares before it writes.
pub fn sources(event: Event) -> Vec<ProvisioningState> {
    event.edges().iter().map(|(from, _)| *from).collect()
}

/// The state of an order from those of its items: 7 > 3 > 5 > 2 > 1 > 8 > 6 > 4, and 0 for nothing at all.
pub fn consolidate(states: impl Iterator<Item = ProvisioningState>) -> ProvisioningState {
    states.max_by_key(|state| precedence(*state)).unwrap_or(NotComputed)
}

fn precedence(state: ProvisioningState) -> u8 {
    match state {
        NotComputed => 0,
        Verified => 1,
        Inactive => 2,
        Executed => 3,
        Pending => 4,
        Transmitted => 5,
        AwaitingApproval => 6,
        Errored => 7,
        Error => 8,
    }
}

/// What the person who was refused does next.
fn advice(state: ProvisioningState) -> &'static str {
    match state {
        NotComputed => "Compute the role model first.",
        Pending => "It is sent when its turn comes; it can be cancelled until then.",
        Transmitted => "Wait for the answer, or for the time-out; whether it happened is not known yet.",
        Errored => "Retry it or cancel it.",
        Verified => "It is finished; a change from here on is a new order.",
        AwaitingApproval => "Approve or decline it first.",
        Inactive => "It comes back only if a new computation wants it again.",
        Error => "Mend the rule or the value and compute the role model again.",
        Executed => "Synchronize the application to confirm it.",
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_state_and_event_is_decided() {
        let mut table = String::new();
        for event in Event::ALL {
            let _ = write!(table, "{:<17}", format!("{event:?}"));
            for state in ProvisioningState::ALL {
                let cell = advance(state, event).map_or_else(|_| "-".to_owned(), |to| to.number().to_string());
                let _ = write!(table, " {cell}");
            }
            table.push('\n');
        }
        // Columns: the states 0 to 8.
        let expect = "\
Reevaluate        1 - - - - - 1 1 -
Review            5 5 - - - - 5 5 -
RuleFailed        7 - - - - - - - -
Fill              - 1 - - - - - - -
Approve           - - - - - 1 - - -
Decline           - - - - - 6 - - -
Postpone          - - - - - 5 - - -
Transmit          - 2 - - - - - - -
Execute           - - 8 - - - - - -
LateAnswer        - - - 8 - - - - -
Fail              - - 3 - - - - - -
RetryLater        - - 1 - - - - - -
ReadBackPresent   - - 8 - - - - - -
ReadBackAbsent    - - 1 - - - - - -
Verify            - - - - - - - - 4
Drift             - - - - - - - - 3
Reopen            - - - - - - - - 1
TimeOut           - - 3 - - - - - 3
RetryNow          - 1 - 1 - - - - 1
Expire            6 6 - - - 6 - - -
Supersede         - 6 - 6 - 6 - 6 -
Cancel            - 6 - 6 - 6 - - -
CallOff           - - 6 - - - - - -
ReadBackNow       - - 2 - - - - - -
Edit              - 1 - 1 - - - - -
SendToManual      - 1 - 1 - - - - -
MarkDone          - 8 8 8 - - - - -
Hold              - 1 - 3 - - - - -
Resume            - 1 - 3 - - - - -
";
        assert_eq!(table, expect);
    }

    #[test]
    fn each_event_is_listed_once() {
        for (position, event) in Event::ALL.into_iter().enumerate() {
            assert_eq!(Event::ALL.iter().position(|other| *other == event), Some(position));
            let sources = sources(event);
            assert!(!sources.is_empty(), "{event:?} happens nowhere");
            assert!(sources.iter().all(|state| sources.iter().filter(|other| *other == state).count() == 1));
        }
    }

    /// The edges between states, whatever causes them: what a constraint in the store may allow.
    #[test]
    fn the_edges_are_those_of_the_contract() {
        let contract: &[(i64, &[i64])] = &[
            (0, &[1, 5, 6, 7]),
            (1, &[1, 2, 5, 6, 8]),
            (2, &[1, 2, 3, 6, 8]),
            (3, &[1, 3, 6, 8]),
            (4, &[]),
            (5, &[1, 5, 6]),
            (6, &[1, 5]),
            (7, &[1, 5, 6]),
            (8, &[1, 3, 4]),
        ];
        for (from, expect) in contract {
            let from = ProvisioningState::from_number(*from).unwrap();
            let mut reached: Vec<i64> = Event::ALL
                .iter()
                .filter_map(|event| advance(from, *event).ok())
                .map(ProvisioningState::number)
                .collect();
            reached.sort_unstable();
            reached.dedup();
            assert_eq!(reached, *expect, "from {from:?}");
        }
    }

    #[test]
    fn a_refusal_says_what_to_do() {
        for (state, expect) in [
            (
                Verified,
                "An order in state 4 \u{201c}Confirmed\u{201d} cannot be cancelled. \
                 It is finished; a change from here on is a new order.",
            ),
            (
                Transmitted,
                "An order in state 2 \u{201c}Sent, no answer yet\u{201d} cannot be cancelled. \
                 Wait for the answer, or for the time-out; whether it happened is not known yet.",
            ),
        ] {
            assert_eq!(advance(state, Event::Cancel).unwrap_err().to_string(), expect);
        }
        for state in ProvisioningState::ALL {
            for event in Event::ALL {
                if let Err(refused) = advance(state, event) {
                    assert!(refused.to_string().ends_with('.'), "{refused}");
                }
            }
        }
    }

    #[test]
    fn consolidation_takes_the_state_that_needs_most_attention() {
        let order = [Error, Errored, AwaitingApproval, Transmitted, Pending, Executed, Inactive, Verified, NotComputed];
        for (position, strongest) in order.iter().enumerate() {
            assert_eq!(consolidate(order[position..].iter().copied()), *strongest);
            assert_eq!(consolidate(order[position..].iter().rev().copied()), *strongest);
        }
        assert_eq!(consolidate(std::iter::empty()), NotComputed);
    }

    proptest! {
        #![proptest_config(crate::worlds::cases())]

        #[test]
        fn no_history_leaves_a_final_state(steps in prop::collection::vec(0..Event::ALL.len(), 0..200)) {
            let mut state = NotComputed;
            for step in steps {
                let event = Event::ALL[step];
                let next = advance(state, event).unwrap_or(state);
                if next != state {
                    prop_assert!(state != Verified, "{event:?} left Verified");
                    if matches!(state, Inactive | Error) {
                        prop_assert!(matches!(event, Event::Reevaluate | Event::Review | Event::Supersede));
                    }
                    if next == Verified {
                        prop_assert_eq!((state, event), (Executed, Event::Verify));
                    }
                    if next == Transmitted && state != Transmitted {
                        prop_assert_eq!((state, event), (Pending, Event::Transmit));
                    }
                }
                state = next;
            }
        }
    }
}
