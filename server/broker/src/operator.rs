//! What an operator may do to an order that has not come to its end, as a table. Which state follows is
//! [`crate::lifecycle`]'s; here is where it depends on more than the state: whether it is held, in flight, in doubt,
//! handed to somebody, or done by hand already.
//!
//! | action          | waiting 1 | failed 3 | held 1, 3 | review 5 | question 1 | in doubt 2 | handed 2 | ticket 2 | by hand 2 | sending 2 | done 8 | rule 7 | 0, 4, 6 |
//! |-----------------|-----------|----------|-----------|----------|------------|------------|----------|----------|-----------|-----------|--------|--------|---------|
//! | retry now       | yes       | yes      | –         | –        | –          | read back  | –        | –        | –         | –         | yes    | –      | –       |
//! | edit and retry  | yes       | yes      | –         | –        | –          | –          | –        | –        | –         | –         | –      | –      | –       |
//! | send to manual  | not yet   | not yet  | –         | –        | –          | –          | –        | –        | –         | –         | –      | –      | –       |
//! | mark done       | yes       | yes      | –         | –        | –          | yes        | yes      | –        | –         | –         | –      | –      | –       |
//! | cancel          | yes       | yes      | yes       | yes      | yes        | –          | –        | there    | –         | –         | –      | –      | –       |
//! | hold            | yes       | yes      | –         | –        | –          | –          | –        | –        | –         | –         | –      | –      | –       |
//! | resume          | –         | –        | yes       | –        | –          | –          | –        | –        | –         | –         | –      | –      | –       |
//!
//! "Not yet": only what is not done by hand already. "There": the other system is told that it is no longer wanted.

use model::account::Mechanism;
use model::order::{Action, Order, ProvisioningState, StateReason};

use crate::lifecycle::{Event, advance};

/// "cannot be cancelled".
fn passive(action: Action) -> &'static str {
    match action {
        Action::Retry => "tried again",
        Action::Edit => "changed and tried again",
        Action::SendToManual => "given to people",
        Action::MarkDone => "marked as done",
        Action::Cancel => "given up",
        Action::Hold => "held",
        Action::Resume => "let go",
    }
}

/// Where an order stands, as far as it matters to an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standing {
    Waiting,
    Failed,
    Held,
    Review,
    /// A value is missing that a person has to give.
    Question,
    /// A value is still to come from another account of the person.
    Reference,
    /// Sent, and whether it arrived is not known; it is read back when its time comes.
    InDoubt,
    /// With another system, which has not answered.
    Handed,
    /// The same, and that system can be told that it is no longer wanted, as a ticket system can.
    Ticket,
    /// With a person, as a work item.
    ByHand,
    /// Somebody is carrying it out at this moment.
    Sending,
    Done,
    RuleFailed,
    /// Not computed, confirmed, or no longer needed.
    Over,
}

impl Standing {
    pub const ALL: [Self; 14] = [
        Self::Waiting,
        Self::Failed,
        Self::Held,
        Self::Review,
        Self::Question,
        Self::Reference,
        Self::InDoubt,
        Self::Handed,
        Self::Ticket,
        Self::ByHand,
        Self::Sending,
        Self::Done,
        Self::RuleFailed,
        Self::Over,
    ];

    pub fn of(order: &Order) -> Self {
        let is_held = order.reason.as_ref().is_some_and(StateReason::is_hold);
        match order.state {
            ProvisioningState::Pending | ProvisioningState::Errored if is_held => Self::Held,
            ProvisioningState::Pending if order.reason.as_ref().is_some_and(StateReason::awaits_answer) => {
                Self::Question
            }
            ProvisioningState::Pending if order.reason.as_ref().is_some_and(StateReason::awaits_reference) => {
                Self::Reference
            }
            ProvisioningState::Pending => Self::Waiting,
            ProvisioningState::Errored => Self::Failed,
            ProvisioningState::AwaitingApproval => Self::Review,
            ProvisioningState::Transmitted => match &order.reason {
                Some(StateReason::InDoubt) if order.next_attempt_at.is_some() => Self::InDoubt,
                Some(StateReason::Handed { can_be_called_off: true, .. } | StateReason::Unclear { .. }) => Self::Ticket,
                Some(StateReason::Handed { .. }) => Self::Handed,
                Some(StateReason::WorkItem) => Self::ByHand,
                _ => Self::Sending,
            },
            ProvisioningState::Executed => Self::Done,
            ProvisioningState::Error => Self::RuleFailed,
            ProvisioningState::None | ProvisioningState::Verified | ProvisioningState::Inactive => Self::Over,
        }
    }

    fn allows(self, action: Action) -> bool {
        use Action::{Cancel, Edit, Hold, MarkDone, Resume, Retry, SendToManual};
        match self {
            Self::Waiting | Self::Failed => {
                matches!(action, Retry | Edit | SendToManual | MarkDone | Cancel | Hold)
            }
            Self::Held => matches!(action, Cancel | Resume),
            Self::Reference => matches!(action, Cancel | Hold),
            Self::Review | Self::Question | Self::Ticket => matches!(action, Cancel),
            Self::InDoubt => matches!(action, Retry | MarkDone),
            Self::Handed => matches!(action, MarkDone),
            Self::Done => matches!(action, Retry),
            Self::ByHand | Self::Sending | Self::RuleFailed | Self::Over => false,
        }
    }

    /// What the person who was refused does next.
    fn advice(self, action: Action) -> &'static str {
        match self {
            Self::Waiting | Self::Failed if action == Action::Resume => "It is not held.",
            Self::Waiting | Self::Failed => "It is done by hand already.",
            Self::Held => "It is held: let it go first.",
            Self::Review => "It waits for review: approve or decline it first.",
            Self::Question => "It waits for an answer: give that on its form.",
            Self::Reference => {
                "It waits for a value of another account of the person: see to that account's order, and it goes on by itself."
            }
            Self::InDoubt => "Whether it happened is not known yet: have it read back first.",
            Self::Handed => "Another system has it: wait for its answer, or mark it as done with evidence.",
            Self::Ticket => "It waits in a ticket: answer that there, or give the order up.",
            Self::ByHand => "A person has it: report on its work item.",
            Self::Sending => "It is being sent at this moment: look again in a little while.",
            Self::Done => "It is done and waits to be confirmed: read the application back.",
            Self::RuleFailed => "Its rule failed: mend the rule or the value and compute the role model again.",
            Self::Over => "It has come to its end; a change from here on is a new order.",
        }
    }
}

/// The action does not fit the order; nothing changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("An order in state {} \u{201c}{}\u{201d} cannot be {}. {}", .state.number(), .state.label(), passive(*.action), .standing.advice(*.action))]
pub struct Refused {
    pub state: ProvisioningState,
    pub standing: Standing,
    pub action: Action,
}

/// The state that follows.
pub fn decide(order: &Order, action: Action) -> Result<ProvisioningState, Refused> {
    let standing = Standing::of(order);
    let refused = Refused { state: order.state, standing, action };
    let is_by_hand_already = action == Action::SendToManual && order.mechanism == Mechanism::Manual;
    if !standing.allows(action) || is_by_hand_already {
        return Err(refused);
    }
    let event = match (action, standing) {
        (Action::Retry, Standing::InDoubt) => Event::ReadBackNow,
        (Action::Retry, _) => Event::RetryNow,
        (Action::Edit, _) => Event::Edit,
        (Action::SendToManual, _) => Event::SendToManual,
        (Action::MarkDone, _) => Event::MarkDone,
        (Action::Cancel, Standing::Ticket) => Event::CallOff,
        (Action::Cancel, _) => Event::Cancel,
        (Action::Hold, _) => Event::Hold,
        (Action::Resume, _) => Event::Resume,
    };
    advance(order.state, event).map_err(|_| refused)
}

/// What may be done to the order as it is, in the order in which it is offered.
pub fn offered(order: &Order) -> Vec<Action> {
    Action::ALL.into_iter().filter(|action| decide(order, *action).is_ok()).collect()
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;
    use crate::worlds::any_order;

    fn standing(standing: Standing) -> Order {
        let hold = StateReason::Held {
            by: "ann".to_owned(),
            why: "asked to".to_owned(),
            since: jiff::Timestamp::UNIX_EPOCH,
            before: None,
        };
        let mut order = any_order();
        order.mechanism = Mechanism::Direct;
        (order.state, order.reason) = match standing {
            Standing::Waiting => (ProvisioningState::Pending, None),
            Standing::Failed => (ProvisioningState::Errored, Some(StateReason::Timeout)),
            Standing::Held => (ProvisioningState::Errored, Some(hold)),
            Standing::Review => (ProvisioningState::AwaitingApproval, None),
            Standing::Question => {
                (ProvisioningState::Pending, Some(StateReason::AwaitingAnswer { answers: Vec::new() }))
            }
            Standing::Reference => {
                let (references, orders) = (Vec::new(), Vec::new());
                (ProvisioningState::Pending, Some(StateReason::AwaitingReference { references, orders }))
            }
            Standing::InDoubt => (ProvisioningState::Transmitted, Some(StateReason::InDoubt)),
            Standing::Handed => {
                let reference = "7".to_owned();
                (ProvisioningState::Transmitted, Some(StateReason::Handed { reference, can_be_called_off: false }))
            }
            Standing::Ticket => {
                let reference = "7".to_owned();
                (ProvisioningState::Transmitted, Some(StateReason::Handed { reference, can_be_called_off: true }))
            }
            Standing::ByHand => (ProvisioningState::Transmitted, Some(StateReason::WorkItem)),
            Standing::Sending => (ProvisioningState::Transmitted, None),
            Standing::Done => (ProvisioningState::Executed, None),
            Standing::RuleFailed => (ProvisioningState::Error, None),
            Standing::Over => (ProvisioningState::Verified, None),
        };
        order.next_attempt_at = (standing == Standing::InDoubt).then_some(jiff::Timestamp::UNIX_EPOCH);
        order
    }

    #[test]
    fn every_action_is_decided_everywhere() {
        let mut table = String::new();
        for action in Action::ALL {
            let _ = write!(table, "{:<14}", action.name());
            for place in Standing::ALL {
                let order = standing(place);
                assert_eq!(Standing::of(&order), place);
                let cell = decide(&order, action).map_or_else(|_| "-".to_owned(), |to| to.number().to_string());
                let _ = write!(table, " {cell}");
            }
            table.push('\n');
        }
        // Columns: waiting, failed, held, review, question, reference, in doubt, handed, ticket, by hand, sending, done,
        // rule failed, over.
        let expect = "\
retry          1 1 - - - - 2 - - - - 1 - -
edit           1 1 - - - - - - - - - - - -
send-to-manual 1 1 - - - - - - - - - - - -
mark-done      8 8 - - - - 8 8 - - - - - -
cancel         6 6 6 6 6 6 - - 6 - - - - -
hold           1 3 - - - 1 - - - - - - - -
resume         - - 3 - - - - - - - - - - -
";
        assert_eq!(table, expect);
    }

    #[test]
    fn what_is_done_by_hand_is_not_given_to_people_again() {
        let mut order = standing(Standing::Failed);
        order.mechanism = Mechanism::Manual;
        let refused = decide(&order, Action::SendToManual).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "An order in state 3 \u{201c}Failed\u{201d} cannot be given to people. It is done by hand already."
        );
    }

    #[test]
    fn a_refusal_says_what_to_do() {
        for place in Standing::ALL {
            for action in Action::ALL {
                if let Err(refused) = decide(&standing(place), action) {
                    assert!(refused.to_string().ends_with('.'), "{refused}");
                }
            }
        }
        assert_eq!(
            decide(&standing(Standing::Held), Action::Retry).unwrap_err().to_string(),
            "An order in state 3 \u{201c}Failed\u{201d} cannot be tried again. It is held: let it go first."
        );
    }

    #[test]
    fn names_and_permissions_are_each_ones_own() {
        for action in Action::ALL {
            assert_eq!(Action::from_name(action.name()), Some(action));
            assert!(action.permission().starts_with("/Orders/"));
        }
        assert_eq!(Action::from_name("explode"), None);
    }
}
