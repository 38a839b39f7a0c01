//! Which automation rule decides, and when: of all that are about a thing the most specific one, and of equal ones a rule
//! that declines. A rule that is not the one decides nothing, also where it would be earlier.

use jiff::{SignedDuration, Timestamp};
use model::access::Grantable;
use model::approval::{ApprovalState, RequestApproval, Verdict};
use model::configuration::{AutomationRule, AutomationTarget, Configuration};

/// The rule that is for this thing, with its name.
pub fn governing<'c>(configuration: &'c Configuration, thing: &Grantable) -> Option<(&'c str, &'c AutomationRule)> {
    let categories = configuration.categories_of(thing);
    let rated = configuration.automation_rules.iter().filter_map(|(name, rule)| {
        let how_specific = specificity(rule, thing, &categories)?;
        Some((how_specific, rule.decision == Verdict::Decline, std::cmp::Reverse((rule.hours, name.as_str())), rule))
    });
    let best = rated.max_by(|one, other| (one.0, one.1, &one.2).cmp(&(other.0, other.1, &other.2)));
    best.map(|(_, _, std::cmp::Reverse((_, name)), rule)| (name, rule))
}

/// 0 for a rule about everything; more for a category, the more the nearer; most for the thing itself. None where the rule
/// is about something else.
fn specificity(rule: &AutomationRule, thing: &Grantable, categories: &[&str]) -> Option<usize> {
    let targets = rule.targets();
    if targets.is_empty() {
        return Some(0);
    }
    let one = |target: &AutomationTarget<'_>| match target {
        AutomationTarget::Thing(meant) => (meant == thing).then_some(usize::MAX),
        AutomationTarget::Category(name) => {
            categories.iter().position(|category| category == name).map(|depth| depth + 1)
        }
    };
    targets.iter().filter_map(one).max()
}

/// Whether the stage has waited for as long as the rule gives it.
pub fn is_due(rule: &AutomationRule, approval: &RequestApproval, now: Timestamp) -> bool {
    approval.state == ApprovalState::Waiting
        && now.duration_since(approval.since) >= SignedDuration::from_hours(i64::from(rule.hours))
}
