//! What set an order off, where no request did: decided when it is made, because that is when it is known how the
//! person's life and the account's differ from what was.
//!
//! - Whatever happens to somebody who has left is a *lifecycle event*.
//! - What is ordered again because an application did not hold what it had confirmed, or sets back what was changed in the
//!   application itself, is *drift*.
//! - An update of attributes only, of an account that is there, is *attribute synchronization*.
//! - What is ordered before somebody's first day, or after a position of theirs began or ended and nothing was planned for
//!   them since, is a *lifecycle event*: they joined or moved.
//! - Everything else follows from rules that changed, or from what an application holds: an *identity refresh*.

use jiff::civil::Date;
use model::identity::{Identity, LifecycleState};
use model::plan::{AccountRequest, ItemKind, Operation};
use model::trigger::Trigger;

/// A person's life as it stands on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Life {
    pub lifecycle: LifecycleState,
    /// The last day until then on which a position of theirs began or ended.
    pub turn: Option<Date>,
}

impl Life {
    pub fn of(identity: &Identity, today: Date) -> Self {
        let turns = identity.contexts.iter().flat_map(|context| [context.period.starts, context.period.ends]);
        let turn = turns.flatten().filter(|day| *day <= today).max();
        Self { lifecycle: identity.lifecycle(today), turn }
    }
}

/// Where a person stands when orders are made for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Situation {
    pub lifecycle: LifecycleState,
    /// A position of theirs began or ended since they were last planned.
    pub turned: bool,
}

impl Situation {
    /// Where nothing about the person's life decides: a person orders it.
    pub const NO_MATTER: Self = Self { lifecycle: LifecycleState::Active, turned: false };

    /// `since` is the day on which something was last planned for them.
    pub fn of(life: Life, since: Date) -> Self {
        Self { lifecycle: life.lifecycle, turned: life.turn.is_some_and(|turn| since < turn) }
    }
}

/// `drifted` tells that the request replaces an order which the application had not kept to, or sets back a native change.
pub fn of(request: &AccountRequest, situation: Situation, drifted: bool) -> Trigger {
    let attributes_only = request.operation == Operation::Update
        && request.items.iter().all(|item| item.kind == ItemKind::Attribute)
        && !request.items.is_empty();
    match situation.lifecycle {
        LifecycleState::Leaver => Trigger::LifecycleEvent,
        _ if drifted => Trigger::Drift,
        _ if attributes_only => Trigger::AttributeSynchronization,
        LifecycleState::Joiner => Trigger::LifecycleEvent,
        LifecycleState::Active if situation.turned => Trigger::LifecycleEvent,
        LifecycleState::Active => Trigger::IdentityRefresh,
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use model::access::DesiredValue;
    use model::account::{AccountStatus, Provenance};
    use model::identity::{Context, Period};
    use model::ids::IdentityId;
    use model::value::Attributes;

    use super::*;
    use crate::worlds::{Taken, access, account, attribute, compile, desired_account};

    fn person(periods: &[(Option<Date>, Option<Date>)]) -> Identity {
        let context = |(starts, ends): &(Option<Date>, Option<Date>)| Context {
            key: String::new(),
            priority: 0,
            period: Period { starts: *starts, ends: *ends },
            attributes: Attributes::new(),
            filled: Vec::new(),
        };
        Identity {
            id: IdentityId(1),
            source: "hr".into(),
            key: "1".into(),
            display_name: "Ada".into(),
            attributes: Attributes::new(),
            contexts: periods.iter().map(context).collect(),
            manager_key: None,
            present: true,
        }
    }

    #[test]
    fn a_position_that_began_or_ended_since_the_last_plan_is_a_turn() {
        let (since, today) = (date(2026, 3, 1), date(2026, 3, 10));
        let long_ago = Some(date(2020, 1, 1));
        for (periods, lifecycle, turned) in [
            (vec![], LifecycleState::Active, false),
            (vec![(long_ago, None)], LifecycleState::Active, false),
            (vec![(Some(since), None)], LifecycleState::Active, false),
            (vec![(Some(date(2026, 3, 2)), None)], LifecycleState::Active, true),
            (vec![(Some(today), None)], LifecycleState::Active, true),
            (vec![(long_ago, Some(today)), (Some(today), None)], LifecycleState::Active, true),
            (vec![(Some(today), None), (Some(date(2026, 3, 11)), None)], LifecycleState::Active, true),
            (vec![(Some(date(2026, 3, 11)), None)], LifecycleState::Joiner, false),
            (vec![(long_ago, Some(date(2026, 2, 1)))], LifecycleState::Leaver, false),
        ] {
            let found = Situation::of(Life::of(&person(&periods), today), since);
            assert_eq!(found, Situation { lifecycle, turned }, "{periods:?}");
        }
    }

    #[test]
    fn each_order_says_what_set_it_off() {
        let login = |value: &str| vec![attribute("login", DesiredValue::Value(value.into()))];
        let mut held = account(1, "person", AccountStatus::Enabled, Provenance::Created);
        held.attributes.insert("login".into(), "old".into());
        let attributes = access(vec![desired_account("person", login("new"), &[])]);
        let attributes =
            compile(&attributes, std::slice::from_ref(&held), &[], &mut Taken::default()).requests.remove(0);
        let both = access(vec![desired_account("person", login("new"), &["person-a"])]);
        let both = compile(&both, &[held], &[], &mut Taken::default()).requests.remove(0);
        let new = access(vec![desired_account("person", login("new"), &[])]);
        let new = compile(&new, &[], &[], &mut Taken::default()).requests.remove(0);
        let active = Situation { lifecycle: LifecycleState::Active, turned: false };
        let moved = Situation { turned: true, ..active };
        let joiner = Situation { lifecycle: LifecycleState::Joiner, ..active };
        let leaver = Situation { lifecycle: LifecycleState::Leaver, ..active };
        for (request, situation, drifted, expected) in [
            (&attributes, active, false, Trigger::AttributeSynchronization),
            (&attributes, moved, false, Trigger::AttributeSynchronization),
            (&attributes, leaver, true, Trigger::LifecycleEvent),
            (&attributes, active, true, Trigger::Drift),
            (&both, active, false, Trigger::IdentityRefresh),
            (&both, moved, false, Trigger::LifecycleEvent),
            (&new, active, false, Trigger::IdentityRefresh),
            (&new, joiner, false, Trigger::LifecycleEvent),
            (&new, moved, false, Trigger::LifecycleEvent),
            (&new, leaver, false, Trigger::LifecycleEvent),
        ] {
            assert_eq!(of(request, situation, drifted), expected, "{situation:?}, {drifted}");
        }
    }
}
