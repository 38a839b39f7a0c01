//! The plans of the same people under two configurations, beside each other.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use broker::blast_radius::Measure;
use broker::catalogue::Catalogue;
use broker::check::CheckedPlan;
use broker::conflict::Conflict;
use model::ids::IdentityId;
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
    /// How many people were compared.
    pub(super) fn people(&self) -> u64 {
        self.people
    }

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
        let brought = beyond(&new_lines, &old_lines);
        let spared = beyond(&old_lines, &new_lines);
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
        let created: BTreeSet<&String> = after.difference(&before).map(|(risk, _)| risk).collect();
        for risk in created {
            let known = self.risks.entry(risk.clone()).or_default();
            known.created += 1;
            if known.people.len() < NAMED {
                known.people.push((id, name.to_owned()));
            }
        }
        let cured: BTreeSet<&String> = before.difference(&after).map(|(risk, _)| risk).collect();
        for risk in cured.into_iter().filter(|risk| !after.iter().any(|(other, _)| other == *risk)) {
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
        let orders = |differing: Differing| Orders {
            count: differing.count,
            radius: differing.measure.end(population, &describe),
            lines: differing.lines,
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
            brought: orders(self.brought),
            spared: orders(self.spared),
            either_way: self.either_way,
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

/// Places of those lines that the others have no equal of; why something is ordered does not count.
fn beyond(these: &[PreviewLine], others: &[PreviewLine]) -> Vec<usize> {
    fn key(line: &PreviewLine) -> [&str; 4] {
        [&line.application, &line.account_type, &line.operation, &line.change]
    }
    let mut known: HashMap<[&str; 4], usize> = HashMap::new();
    others.iter().for_each(|line| *known.entry(key(line)).or_default() += 1);
    let mut places = Vec::new();
    for (place, line) in these.iter().enumerate() {
        match known.get_mut(&key(line)) {
            Some(left) if *left > 0 => *left -= 1,
            _ => places.push(place),
        }
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(operation: &str, change: &str) -> PreviewLine {
        PreviewLine {
            identity: Some(IdentityId(1)),
            identity_name: "Ann".into(),
            application: "badges".into(),
            account_type: "badge".into(),
            operation: operation.into(),
            change: change.into(),
            why: format!("Because of {operation}."),
            since_approval: None,
        }
    }

    #[test]
    fn what_both_have_counts_as_often_as_both_have_it() {
        let update = || line("update", "title: a → b");
        let other_reason = || PreviewLine { why: "Of another rule.".into(), ..update() };
        assert_eq!(beyond(&[update(), line("disable", "")], &[other_reason()]), [1]);
        assert_eq!(beyond(&[update(), update()], &[update()]), [1]);
        assert_eq!(beyond(&[update()], &[update(), update()]), [0_usize; 0]);
    }
}
