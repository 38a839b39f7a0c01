//! The plans of the same people under two configurations, beside each other.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use broker::blast_radius::Measure;
use broker::catalogue::Catalogue;
use broker::check::CheckedPlan;
use broker::conflict::Conflict;
use model::ids::{AccountId, IdentityId, OrderId};
use model::plan::AccountRequest;
use model::risk::BrokenRule;
use model::view::PreviewLine;

use super::{LINES, Orders, RiskEffect, Simulation};
use crate::tasks::generate::{Made, lines};
use crate::tasks::violations::risk_label;
use crate::world::Live;

/// People named for one risk.
const NAMED: usize = 20;

/// What was found so far.
#[derive(Default)]
pub(super) struct Compared {
    people: u64,
    described: HashMap<IdentityId, (String, String)>,
    brought: Differing,
    spared: Differing,
    either_way: u64,
    withdrawn: u64,
    risks: BTreeMap<String, Broken>,
    left_out: u64,
    held: u64,
    refused: u64,
}

#[derive(Default)]
struct Differing {
    count: u64,
    measure: Measure,
    lines: Vec<PreviewLine>,
}

#[derive(Default)]
struct Broken {
    created: u64,
    cured: u64,
    people: Vec<(IdentityId, String)>,
}

impl Compared {
    /// Takes in what planning for the same people came to, before and after.
    pub(super) fn note(&mut self, before: (&Catalogue, Vec<Made>), after: (&Catalogue, Vec<Made>)) {
        let (catalogues, (before, after)) = ((before.0, after.0), (before.1, after.1));
        let mut before: HashMap<IdentityId, Made> = before.into_iter().map(|made| (made.identity, made)).collect();
        for made in after {
            self.people += 1;
            self.person(catalogues, before.remove(&made.identity).as_ref(), made);
        }
    }

    fn person(&mut self, catalogues: (&Catalogue, &Catalogue), had: Option<&Made>, after: Made) {
        let (id, name) = (after.identity, after.name);
        self.note_risks(id, &name, had.map_or(&[], |made| &made.broken), &after.broken);
        self.note_conflicts(had.map_or(&[], |made| &made.conflicts), &after.conflicts);
        self.refused += u64::from(after.plan.is_none());
        let old = requests(had.and_then(|made| made.plan.as_ref()));
        let new = requests(after.plan.as_ref());
        let (old_lines, new_lines) = (lines(old.iter(), id, &name), lines(new.iter(), id, &name));
        let brought = beyond((new, &new_lines), (old, &old_lines));
        // What is ordered otherwise for the same account is a change of the order, not an order less.
        let is_replaced =
            |place: &usize| brought.iter().any(|other| account(old.get(*place)) == account(new.get(*other)));
        let mut spared = beyond((old, &old_lines), (new, &new_lines));
        spared.retain(|place| !is_replaced(place));
        self.withdrawn += withdrawn(had.and_then(|made| made.plan.as_ref()), after.plan.as_ref());
        self.either_way += (new.len() - brought.len()) as u64;
        self.brought.add(id, (new, &new_lines), &brought, catalogues.1);
        self.spared.add(id, (old, &old_lines), &spared, catalogues.0);
        if !(brought.is_empty() && spared.is_empty()) {
            self.described.insert(id, (name, after.department));
        }
    }

    fn note_risks(&mut self, id: IdentityId, name: &str, before: &[BrokenRule], after: &[BrokenRule]) {
        let broken = |rules: &[BrokenRule]| -> BTreeSet<(String, u32)> {
            rules.iter().map(|rule| (rule.risk.clone(), rule.rule)).collect()
        };
        let (before, after) = (broken(before), broken(after));
        // Several rules of one risk are one person still.
        let breaks = |broken: &BTreeSet<(String, u32)>, risk: &String| broken.iter().any(|(other, _)| other == risk);
        let created: BTreeSet<&String> = after.difference(&before).map(|(risk, _)| risk).collect();
        for risk in created.into_iter().filter(|risk| !breaks(&before, risk)) {
            let known = self.risks.entry(risk.clone()).or_default();
            known.created += 1;
            if known.people.len() < NAMED {
                known.people.push((id, name.to_owned()));
            }
        }
        let cured: BTreeSet<&String> = before.difference(&after).map(|(risk, _)| risk).collect();
        for risk in cured.into_iter().filter(|risk| !breaks(&after, risk)) {
            self.risks.entry(risk.clone()).or_default().cured += 1;
        }
    }

    fn note_conflicts(&mut self, before: &[Conflict], after: &[Conflict]) {
        let is_new = |conflict: &&Conflict| {
            !before.iter().any(|other| (&other.thing, &other.risk) == (&conflict.thing, &conflict.risk))
        };
        for conflict in after.iter().filter(is_new) {
            *(if conflict.is_left_out { &mut self.left_out } else { &mut self.held }) += 1;
        }
    }

    /// What it comes to in a population of so many people.
    pub(super) fn simulation(self, population: u64, (now, then): (&Live, &Live)) -> Simulation {
        let described = self.described;
        let describe = |id: IdentityId| described.get(&id).cloned().unwrap_or_default();
        let orders = |differing: Differing, live: &Live| {
            let mut radius = differing.measure.end(population, &describe);
            let mut lines = differing.lines;
            lines.iter_mut().for_each(|line| line.application = live.application_label(&line.application));
            radius.applications.iter_mut().for_each(|row| row.application = live.application_label(&row.application));
            Orders { count: differing.count, radius, lines }
        };
        let label = |risk: &str| match then.configuration.risks.contains_key(risk) {
            true => risk_label(then, risk),
            false => risk_label(now, risk),
        };
        let mut risks: Vec<RiskEffect> = self
            .risks
            .into_iter()
            .map(|(risk, Broken { created, cured, people })| RiskEffect {
                label: label(&risk),
                risk,
                created,
                cured,
                people,
            })
            .collect();
        risks.sort_by(|one, other| (&one.label, &one.risk).cmp(&(&other.label, &other.risk)));
        Simulation {
            people: self.people,
            brought: orders(self.brought, then),
            spared: orders(self.spared, now),
            either_way: self.either_way,
            withdrawn: self.withdrawn,
            risks,
            left_out: self.left_out,
            held: self.held,
            refused: self.refused,
            ..Simulation::default()
        }
    }
}

impl Differing {
    fn add(
        &mut self,
        identity: IdentityId,
        (requests, lines): (&[AccountRequest], &[PreviewLine]),
        places: &[usize],
        catalogue: &Catalogue,
    ) {
        self.count += places.len() as u64;
        self.measure.add(identity, places.iter().filter_map(|place| requests.get(*place)), catalogue);
        let room = LINES.saturating_sub(self.lines.len());
        self.lines.extend(places.iter().filter_map(|place| lines.get(*place).cloned()).take(room));
    }
}

fn requests(plan: Option<&CheckedPlan>) -> &[AccountRequest] {
    plan.map_or(&[], |plan| plan.plan().requests.as_slice())
}

/// The account that a request is about: its type, and which one where it is there already.
fn account(request: Option<&AccountRequest>) -> Option<(&str, Option<AccountId>)> {
    request.map(|request| (request.account_type.as_str(), request.account))
}

/// Orders that wait, and that the one plan calls off and the other does not.
fn withdrawn(before: Option<&CheckedPlan>, after: Option<&CheckedPlan>) -> u64 {
    let is_called_off = |order: &&OrderId| before.is_some_and(|plan| plan.plan().withdrawn.contains(order));
    let all = after.into_iter().flat_map(|plan| &plan.plan().withdrawn);
    all.filter(|order| !is_called_off(order)).count() as u64
}

/// Places of those requests that the others have no equal of, with a line that tells each; why something is ordered does not
/// count.
fn beyond(these: (&[AccountRequest], &[PreviewLine]), others: (&[AccountRequest], &[PreviewLine])) -> Vec<usize> {
    type Key<'a> = (Option<AccountId>, &'a str, &'a str, &'a str);
    fn keys<'a>((requests, lines): (&'a [AccountRequest], &'a [PreviewLine])) -> impl Iterator<Item = Key<'a>> {
        let key = |(request, line): (&'a AccountRequest, &'a PreviewLine)| {
            (request.account, line.account_type.as_str(), line.operation.as_str(), line.change.as_str())
        };
        requests.iter().zip(lines).map(key)
    }
    let mut known: HashMap<Key<'_>, usize> = HashMap::new();
    keys(others).for_each(|key| *known.entry(key).or_default() += 1);
    let mut places = Vec::new();
    for (place, key) in keys(these).enumerate() {
        match known.get_mut(&key) {
            Some(left) if *left > 0 => *left -= 1,
            _ => places.push(place),
        }
    }
    places
}

#[cfg(test)]
mod tests {
    use model::plan::{AttributeRequest, ItemKind, ItemOperation, Operation, RequestPart};

    use super::*;

    /// Sets the title of this account, for a reason.
    fn request(account: i64, title: &str, explanation: &str) -> AccountRequest {
        AccountRequest {
            application: "badges".into(),
            account_type: "badge".into(),
            account: Some(AccountId(account)),
            key: None,
            operation: Operation::Update,
            part: RequestPart::Whole,
            items: vec![AttributeRequest {
                kind: ItemKind::Attribute,
                name: "title".into(),
                operation: ItemOperation::Set,
                value: Some(title.into()),
                current: None,
                entitlement: None,
                explanation: String::new(),
                reasons: Vec::new(),
                secret: false,
            }],
            reasons: Vec::new(),
            explanation: explanation.into(),
            after: Vec::new(),
            error: None,
            waits_for: Vec::new(),
            supersedes: Vec::new(),
            awaits: Vec::new(),
            refers: Vec::new(),
            sets_back: Vec::new(),
            in_doubt: false,
        }
    }

    fn beyond_of(these: &[AccountRequest], others: &[AccountRequest]) -> Vec<usize> {
        let told = |requests: &[AccountRequest]| lines(requests.iter(), IdentityId(1), "Ann");
        beyond((these, &told(these)), (others, &told(others)))
    }

    #[test]
    fn what_both_have_counts_as_often_as_both_have_it() {
        let (one, other_reason) = (request(1, "b", "Because."), request(1, "b", "For another reason."));
        assert_eq!(beyond_of(&[one.clone(), request(1, "c", "")], &[other_reason]), [1]);
        assert_eq!(beyond_of(&[one.clone(), one.clone()], std::slice::from_ref(&one)), [1]);
        assert_eq!(beyond_of(std::slice::from_ref(&one), &[one.clone(), one.clone()]), [0_usize; 0]);
        // The same change of another account is another order.
        assert_eq!(beyond_of(&[one], &[request(2, "b", "Because.")]), [0]);
    }
}
