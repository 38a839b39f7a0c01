//! Violations on record beside those that are there: what begins, what is over, what rests on something else by now; and
//! what a person may decide. Decided here, kept by `store`; who breaks which rule is `policy::risk`'s.
//!
//! | from          | except     | remediate     | reopen | day is over | more is held | no longer so |
//! |---------------|------------|---------------|--------|-------------|--------------|--------------|
//! | open          | excepted   | remediation   | –      | –           | –            | closed       |
//! | excepted      | excepted   | remediation   | open   | open        | open         | closed       |
//! | remediation   | excepted   | remediation   | open   | –           | –            | closed       |
//! | closed        | –          | –             | –      | –           | –            | –            |
//!
//! An exception is about what somebody saw: where another thing is held beside it, the exception ends. What is closed
//! stays closed; who breaks the rule again opens another.

use jiff::ToSpan as _;
use jiff::civil::Date;
use model::ids::{ViolationId, ViolationThingId};
use model::risk::{BrokenRule, Decided, HeldThing, Violation, ViolationState};

/// What a person wants to become of a violation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    Except,
    Remediate,
    Reopen,
}

impl Decision {
    pub const ALL: [Self; 3] = [Self::Except, Self::Remediate, Self::Reopen];

    /// Where it leads from there; none where it makes no sense.
    pub fn from(self, state: ViolationState) -> Option<ViolationState> {
        use ViolationState::{Closed, Excepted, Open, Remediation};
        match (self, state) {
            (_, Closed) | (Self::Reopen, Open) => None,
            (Self::Except, _) => Some(Excepted),
            (Self::Remediate, _) => Some(Remediation),
            (Self::Reopen, _) => Some(Open),
        }
    }
}

/// What has to be written so that the record says what is so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ViolationChanges {
    /// New ones.
    pub open: Vec<BrokenRule>,
    /// Those that are over.
    pub close: Vec<ViolationId>,
    /// What is held, or held otherwise, of those that stay: violation, side from 1, and thing.
    pub hold: Vec<(ViolationId, u32, HeldThing)>,
    /// What is no longer held, or no longer so: violation and thing.
    pub let_go: Vec<(ViolationId, ViolationThingId)>,
    /// Exceptions that end, because this is held as well by now.
    pub outgrown: Vec<(ViolationId, HeldThing)>,
}

impl ViolationChanges {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Compares what is on record for one identity, closed ones left out, with the rules that it breaks.
pub fn difference(known: &[Violation], broken: &[BrokenRule]) -> ViolationChanges {
    let mut changes = ViolationChanges::default();
    let is_it = |violation: &Violation, rule: &BrokenRule| violation.risk == rule.risk && violation.rule == rule.rule;
    for violation in known.iter().filter(|violation| violation.until.is_none()) {
        match broken.iter().find(|rule| is_it(violation, rule)) {
            Some(rule) => follow(violation, rule, &mut changes),
            None => changes.close.push(violation.id),
        }
    }
    let is_new =
        |rule: &&BrokenRule| !known.iter().any(|violation| violation.until.is_none() && is_it(violation, rule));
    changes.open.extend(broken.iter().filter(is_new).cloned());
    changes
}

fn follow(violation: &Violation, rule: &BrokenRule, changes: &mut ViolationChanges) {
    let now = || (1_u32..).zip(&rule.sides).flat_map(|(side, things)| things.iter().map(move |thing| (side, thing)));
    for known in &violation.things {
        if !now().any(|(side, thing)| side == known.side && *thing == known.thing) {
            changes.let_go.push((violation.id, known.id));
        }
    }
    let mut more = None;
    for (side, thing) in now() {
        let same = violation.things.iter().filter(|known| known.side == side);
        let mut same = same.filter(|known| known.thing.grantable == thing.grantable).peekable();
        if same.peek().is_none() {
            more = more.or(Some(thing));
        }
        if !same.any(|known| known.thing == *thing) {
            changes.hold.push((violation.id, side, thing.clone()));
        }
    }
    if let Some(thing) = more.filter(|_| violation.state == ViolationState::Excepted) {
        changes.outgrown.push((violation.id, thing.clone()));
    }
}

/// Whether an exception that is given today may have this last day, and otherwise what is wrong with it.
pub fn check_last_day(last_day: Date, today: Date, most: u16) -> Result<(), String> {
    if last_day < today {
        return Err(format!("The last day, {last_day}, is over. Choose a later one."));
    }
    let longest = longest(today, most);
    if longest < last_day {
        return Err(format!(
            "An exception of this risk lasts {most} days at most: until {longest}. Choose that day or an earlier one; it \
             can be given again then."
        ));
    }
    Ok(())
}

/// The last day an exception that is given today may have.
pub fn longest(today: Date, most: u16) -> Date {
    today.checked_add(i32::from(most).days()).unwrap_or(Date::MAX)
}

/// Whether the exception's last day is over.
pub fn is_over(decided: &Decided, today: Date) -> bool {
    matches!(decided, Decided::Exception { last_day, .. } if *last_day < today)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use jiff::civil::date;
    use model::access::Grantable;
    use model::ids::{AccountId, IdentityId};
    use model::risk::ViolationThing;

    use super::*;

    fn thing(name: &str) -> HeldThing {
        HeldThing {
            grantable: Grantable::Entitlement(name.to_owned()),
            reasons: Vec::new(),
            accounts: vec![AccountId(1)],
        }
    }

    fn broken(risk: &str, sides: &[&[&str]]) -> BrokenRule {
        let sides = sides.iter().map(|side| side.iter().map(|name| thing(name)).collect());
        BrokenRule { risk: risk.to_owned(), rule: 1, sides: sides.collect() }
    }

    fn known(id: i64, state: ViolationState, rule: &BrokenRule) -> Violation {
        let things =
            (1_u32..).zip(&rule.sides).flat_map(|(side, things)| things.iter().map(move |thing| (side, thing)));
        let things = (1_i64..).zip(things).map(|(number, (side, thing))| ViolationThing {
            id: ViolationThingId(id * 10 + number),
            side,
            thing: thing.clone(),
            application: String::new(),
            since: Timestamp::UNIX_EPOCH,
        });
        Violation {
            id: ViolationId(id),
            identity: IdentityId(1),
            risk: rule.risk.clone(),
            rule: rule.rule,
            state,
            since: Timestamp::UNIX_EPOCH,
            until: (state == ViolationState::Closed).then_some(Timestamp::UNIX_EPOCH),
            version: 1,
            things: things.collect(),
            decision: None,
        }
    }

    #[test]
    fn what_is_so_stays_and_what_is_not_is_closed() {
        let (pay, vault) = (broken("pay", &[&["book"], &["pay"]]), broken("vault", &[&["vault"]]));
        let record = [known(1, ViolationState::Open, &pay), known(2, ViolationState::Excepted, &vault)];
        assert!(difference(&record, &[pay.clone(), vault.clone()]).is_empty());
        assert!(difference(&[], &[]).is_empty());
        let changes = difference(&record, std::slice::from_ref(&pay));
        assert_eq!(changes, ViolationChanges { close: vec![ViolationId(2)], ..ViolationChanges::default() });
        let changes = difference(&record[..1], &[pay, vault.clone()]);
        assert_eq!(changes, ViolationChanges { open: vec![vault], ..ViolationChanges::default() });
    }

    #[test]
    fn what_was_closed_opens_another() {
        let pay = broken("pay", &[&["book"], &["pay"]]);
        let changes = difference(&[known(1, ViolationState::Closed, &pay)], std::slice::from_ref(&pay));
        assert_eq!(changes, ViolationChanges { open: vec![pay], ..ViolationChanges::default() });
    }

    #[test]
    fn an_exception_ends_where_more_is_held_and_stays_where_less_is() {
        let (less, more) = (broken("pay", &[&["book"], &["pay"]]), broken("pay", &[&["book"], &["pay", "wire"]]));
        for (state, outgrown) in [
            (ViolationState::Open, vec![]),
            (ViolationState::Remediation, vec![]),
            (ViolationState::Excepted, vec![(ViolationId(1), thing("wire"))]),
        ] {
            let changes = difference(&[known(1, state, &less)], std::slice::from_ref(&more));
            let expected = ViolationChanges {
                hold: vec![(ViolationId(1), 2, thing("wire"))],
                outgrown,
                ..ViolationChanges::default()
            };
            assert_eq!(changes, expected, "{state:?}");
        }
        let changes = difference(&[known(1, ViolationState::Excepted, &more)], std::slice::from_ref(&less));
        let let_go = vec![(ViolationId(1), ViolationThingId(13))];
        assert_eq!(changes, ViolationChanges { let_go, ..ViolationChanges::default() });
    }

    #[test]
    fn the_same_held_for_another_reason_is_no_more() {
        let before = broken("pay", &[&["book"], &["pay"]]);
        let mut after = before.clone();
        after.sides[1][0].accounts = vec![AccountId(2)];
        let changes = difference(&[known(1, ViolationState::Excepted, &before)], std::slice::from_ref(&after));
        let expected = ViolationChanges {
            hold: vec![(ViolationId(1), 2, after.sides[1][0].clone())],
            let_go: vec![(ViolationId(1), ViolationThingId(12))],
            ..ViolationChanges::default()
        };
        assert_eq!(changes, expected);
    }

    #[test]
    fn nothing_is_decided_about_what_is_closed() {
        use ViolationState::{Closed, Excepted, Open, Remediation};
        for (decision, expected) in [
            (Decision::Except, [Some(Excepted), Some(Excepted), Some(Excepted), None]),
            (Decision::Remediate, [Some(Remediation), Some(Remediation), Some(Remediation), None]),
            (Decision::Reopen, [None, Some(Open), Some(Open), None]),
        ] {
            let found = [Open, Excepted, Remediation, Closed].map(|state| decision.from(state));
            assert_eq!(found, expected, "{decision:?}");
        }
    }

    #[test]
    fn an_exception_has_a_last_day_that_is_near_enough() {
        let today = date(2026, 3, 1);
        for (last, says) in [
            (date(2026, 2, 28), Some("is over")),
            (today, None),
            (date(2026, 3, 31), None),
            (date(2026, 4, 1), Some("30 days at most: until 2026-03-31")),
        ] {
            let found = check_last_day(last, today, 30).err();
            assert_eq!(found.is_some(), says.is_some(), "{last}");
            assert!(says.is_none_or(|says| found.is_some_and(|found| found.contains(says))), "{last}");
            let decided = Decided::Exception { control: "c".into(), last_day: last };
            assert_eq!(is_over(&decided, today), last < today);
        }
    }
}
