//! The difference between the assignments an identity has on record and those it should have. A change of period,
//! reasons or workflow state closes one and opens another, so that history keeps why something was held at each time.

use hashbrown::HashMap;
use model::access::{DesiredAssignment, Grantable, Reason, WorkflowState};
use model::identity::Period;
use model::ids::AssignmentId;

/// An assignment on record, as far as it is compared.
#[derive(Clone, Copy, Debug)]
pub struct HeldAssignment<'a> {
    pub id: AssignmentId,
    pub grantable: &'a Grantable,
    pub workflow_state: WorkflowState,
    pub period: Period,
    pub reasons: &'a [Reason],
}

/// What has to be written so that the record says what is desired.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AssignmentChanges {
    /// Sorted by what is granted.
    pub open: Vec<DesiredAssignment>,
    /// Sorted.
    pub close: Vec<AssignmentId>,
    pub unchanged: usize,
}

impl AssignmentChanges {
    pub fn is_empty(&self) -> bool {
        self.open.is_empty() && self.close.is_empty()
    }
}

/// Compares regardless of order. Of two records for the same thing the one with the smaller id is kept.
pub fn difference(current: &[HeldAssignment<'_>], desired: &[DesiredAssignment]) -> AssignmentChanges {
    let mut held: HashMap<&Grantable, &HeldAssignment<'_>> = HashMap::with_capacity(current.len());
    let mut changes = AssignmentChanges::default();
    for assignment in current {
        if let Some(other) = held.insert(assignment.grantable, assignment) {
            let (kept, closed) = if other.id < assignment.id { (other, assignment) } else { (assignment, other) };
            held.insert(kept.grantable, kept);
            changes.close.push(closed.id);
        }
    }
    for wanted in desired {
        match held.remove(&wanted.grantable) {
            Some(assignment) if is_same(assignment, wanted) => changes.unchanged += 1,
            Some(assignment) => {
                changes.close.push(assignment.id);
                changes.open.push(wanted.clone());
            }
            None => changes.open.push(wanted.clone()),
        }
    }
    changes.close.extend(held.values().map(|assignment| assignment.id));
    changes.close.sort_unstable();
    changes.open.sort_by(|left, right| left.grantable.cmp(&right.grantable));
    changes
}

fn is_same(held: &HeldAssignment<'_>, wanted: &DesiredAssignment) -> bool {
    held.period == wanted.period
        && held.workflow_state == wanted.workflow_state
        && same_reasons(held.reasons, &wanted.reasons)
}

fn same_reasons(left: &[Reason], right: &[Reason]) -> bool {
    if left == right {
        return true;
    }
    let sorted = |reasons: &'_ [Reason]| {
        let mut positions: Vec<usize> = (0..reasons.len()).collect();
        positions.sort_by(|&left, &right| reasons[left].cmp(&reasons[right]));
        positions
    };
    left.len() == right.len()
        && sorted(left).into_iter().zip(sorted(right)).all(|(one, other)| left[one] == right[other])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(rule: &str) -> Reason {
        Reason { rule: rule.to_owned(), context: None, facts: Vec::new(), path: Vec::new(), grant: None }
    }

    fn wanted(name: &str, rules: &[&str]) -> DesiredAssignment {
        DesiredAssignment {
            grantable: Grantable::Role(name.to_owned()),
            period: Period::default(),
            workflow_state: WorkflowState::Calculated,
            reasons: rules.iter().map(|rule| reason(rule)).collect(),
        }
    }

    fn held(id: i64, assignment: &DesiredAssignment) -> HeldAssignment<'_> {
        HeldAssignment {
            id: AssignmentId(id),
            grantable: &assignment.grantable,
            workflow_state: assignment.workflow_state,
            period: assignment.period,
            reasons: &assignment.reasons,
        }
    }

    #[test]
    fn only_what_differs_is_written() {
        let (a, b, c) = (wanted("a", &["1", "2"]), wanted("b", &["1"]), wanted("c", &["1"]));
        let reordered = wanted("a", &["2", "1"]);
        let changed = wanted("b", &["1", "3"]);
        let changes = difference(&[held(3, &c), held(1, &a), held(2, &b)], &[changed.clone(), reordered]);
        assert_eq!(changes.close, [AssignmentId(2), AssignmentId(3)]);
        assert_eq!(changes.open, [changed]);
        assert_eq!(changes.unchanged, 1);
    }

    #[test]
    fn period_and_workflow_state_count() {
        let before = wanted("a", &["1"]);
        let later = DesiredAssignment {
            period: Period { starts: Some(jiff::civil::date(2026, 1, 1)), ends: None },
            ..before.clone()
        };
        let offered = DesiredAssignment { workflow_state: WorkflowState::Suggested, ..before.clone() };
        for after in [later, offered] {
            let changes = difference(&[held(1, &before)], std::slice::from_ref(&after));
            assert_eq!(
                (changes.open.as_slice(), changes.close.as_slice()),
                ([after].as_slice(), [AssignmentId(1)].as_slice())
            );
        }
        assert!(difference(&[held(1, &before)], std::slice::from_ref(&before)).is_empty());
    }

    #[test]
    fn a_double_record_is_mended() {
        let a = wanted("a", &["1"]);
        for current in [[held(1, &a), held(2, &a)], [held(2, &a), held(1, &a)]] {
            let changes = difference(&current, std::slice::from_ref(&a));
            assert_eq!((changes.close.as_slice(), changes.unchanged), ([AssignmentId(2)].as_slice(), 1));
        }
    }

    #[test]
    fn nothing_at_all_is_no_change() {
        assert!(difference(&[], &[]).is_empty());
    }
}
