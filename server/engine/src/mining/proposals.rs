//! What mining found, in the words of the configuration, with the people by name.

use std::collections::BTreeSet;

use model::access::Grantable;
use model::draft::Sample;
use model::mining::{BundleProposal, MinedCondition, MinedThing, Mining, MiningQuery, RuleProposal, Share};
use policy::mining::{Bundle, Bundles, Described, FoundRule, FoundRules};
use policy::naming;
use roaring::RoaringBitmap;

use super::MOST_SHOWN;
use super::gather::Gathered;
use super::names;
use crate::configuration::hexadecimal;
use crate::role_model::{sample, targets};

pub(super) fn told(gathered: &Gathered, query: &MiningQuery, rules: FoundRules, bundles: Bundles) -> Mining {
    let Gathered { configuration, things, mined, .. } = gathered;
    let teller = Teller { gathered, query, labels: naming::everything(configuration).into_iter().collect() };
    let holdings: u64 = things.iter().map(|thing| thing.own.len()).sum();
    let before = i64::try_from(holdings).unwrap_or(i64::MAX).saturating_mul(i64::from(query.weights.assignment));
    let mut notes = gathered.notes.clone();
    for thing in rules.cut.iter().filter_map(|place| mined.get(*place)) {
        notes.push(format!(
            "Not all conditions that join {} attributes or fewer were looked at for {}: there are too many. Allow fewer \
             attributes, or ask for more people.",
            query.limits.attributes,
            teller.label(thing)
        ));
    }
    if bundles.is_cut {
        notes.push(
            "Not all patterns of what people hold together were looked at: there are too many. Ask for more people, or \
             narrow what is looked at."
                .to_owned(),
        );
    }

    let bundles_saving: i64 = bundles.all.iter().map(|bundle| bundle.saving).sum();
    let bundles_total = bundles.all.len() as u64;
    let mut taken: BTreeSet<String> =
        configuration.roles.keys().chain(configuration.access_profiles.keys()).cloned().collect();
    let told_bundles: Vec<BundleProposal> =
        bundles.all.iter().take(MOST_SHOWN).map(|bundle| teller.bundle(bundle, &mut taken)).collect();

    let mut found: Vec<&FoundRule> = rules.rules.iter().filter(|rule| !teller.is_there(rule)).collect();
    let rules_saving: i64 = found.iter().map(|rule| rule.saving).sum();
    let rules_total = found.len() as u64;
    found.sort_by_key(|rule| std::cmp::Reverse(rule.saving));
    let mut taken: BTreeSet<String> = configuration.rules.keys().cloned().collect();
    let told_rules: Vec<RuleProposal> = found
        .into_iter()
        .take(MOST_SHOWN)
        .map(|rule| {
            let mut told = teller.rule(rule, &mut taken);
            let has = |bundle: &&BundleProposal| bundle.things.iter().any(|(thing, _)| *thing == told.thing);
            told.bundles = told_bundles.iter().filter(has).map(|bundle| bundle.display_name.clone()).collect();
            told
        })
        .collect();
    for (shown, total, noun) in
        [(told_rules.len(), rules_total, "rules"), (told_bundles.len(), bundles_total, "new roles and access profiles")]
    {
        if (shown as u64) < total {
            notes.push(format!(
                "Of {total} proposed {noun} the {shown} that save most are shown. Take some, and look again."
            ));
        }
    }
    Mining {
        people: gathered.people.len() as u64,
        things: things.iter().filter(|thing| !thing.own.is_empty()).count() as u64,
        holdings,
        rules: told_rules,
        bundles: told_bundles,
        rules_total,
        bundles_total,
        before,
        after_rules: before - rules_saving,
        after_bundles: before - bundles_saving,
        notes,
        took_milliseconds: 0,
    }
}

/// Takes people out for whoever may not see them.
pub(super) fn hide_people(mining: &mut Mining) {
    let hide_condition = |condition: &mut MinedCondition| {
        condition.covered.people.clear();
        condition.gains.people.clear();
    };
    for rule in &mut mining.rules {
        hide_condition(&mut rule.condition);
        rule.not_covered.people.clear();
    }
    for bundle in &mut mining.bundles {
        bundle.conditions.iter_mut().for_each(hide_condition);
        for sample in [&mut bundle.members, &mut bundle.gains, &mut bundle.not_described] {
            sample.people.clear();
        }
    }
}

struct Teller<'a> {
    gathered: &'a Gathered,
    query: &'a MiningQuery,
    labels: std::collections::BTreeMap<Grantable, &'a str>,
}

impl Teller<'_> {
    fn label(&self, thing: &MinedThing) -> String {
        match thing {
            MinedThing::Known(grantable) => {
                self.labels.get(grantable).map_or(grantable.name(), |label| label).to_owned()
            }
            MinedThing::Found { application, key, .. } => {
                let called = self.gathered.names.get(&(application.clone(), key.clone()));
                called.filter(|called| !called.is_empty()).unwrap_or(key).clone()
            }
        }
    }

    /// The condition as a rule has it: whom the question was about, and what describes them.
    fn when(&self, terms: &[u32]) -> String {
        let about = self.query.condition.trim();
        let mut parts: Vec<String> = self.gathered.crowd.terms(terms).into_iter().map(|term| term.text()).collect();
        match (about.is_empty(), parts.is_empty()) {
            (true, true) => "true".to_owned(),
            (false, true) => about.to_owned(),
            (true, false) => parts.join(" && "),
            (false, false) => {
                parts.insert(0, format!("({about})"));
                parts.join(" && ")
            }
        }
    }

    /// "Sales, Oslo": the values that describe them.
    fn values(&self, terms: &[u32]) -> String {
        let values = self.gathered.crowd.terms(terms).into_iter().map(|term| term.value.to_string());
        let values: Vec<String> = values.collect();
        if values.is_empty() { "Everybody".to_owned() } else { values.join(", ") }
    }

    fn people(&self, places: &RoaringBitmap) -> Sample {
        sample(places.iter().filter_map(|place| self.gathered.people.get(place as usize)))
    }

    /// Numbers of these people, for what stands for them.
    fn numbers(&self, places: &RoaringBitmap) -> Vec<i64> {
        places.iter().filter_map(|place| Some(self.gathered.people.get(place as usize)?.id.0)).collect()
    }

    /// Whether a rule of the configuration says so already, even where it only offers.
    fn is_there(&self, rule: &FoundRule) -> bool {
        let Some(MinedThing::Known(grantable)) = self.gathered.mined.get(rule.thing) else { return false };
        let when = self.when(&rule.described.terms);
        let words = |text: &str| text.split_whitespace().collect::<String>();
        let says = |rule: &model::configuration::AssignmentRule| {
            !rule.deny && words(&rule.when) == words(&when) && targets(rule).contains(grantable)
        };
        self.gathered.configuration.rules.values().any(says)
    }

    fn condition(&self, described: &Described, holders: &RoaringBitmap) -> MinedCondition {
        let covered = &described.matching & holders;
        MinedCondition {
            when: self.when(&described.terms),
            same: described.same.iter().map(|terms| self.when(terms)).collect(),
            matching: described.matching.len(),
            precision: Share::of(covered.len(), described.matching.len()),
            covered: self.people(&covered),
            explained: described.explains.len(),
            gains: self.people(&(&described.matching - holders)),
        }
    }

    fn rule(&self, rule: &FoundRule, taken: &mut BTreeSet<String>) -> RuleProposal {
        let nobody = RoaringBitmap::new();
        let holders = self.gathered.things.get(rule.thing).map_or(&nobody, |thing| &thing.holders);
        let thing = self.gathered.mined.get(rule.thing).cloned();
        let thing = thing.unwrap_or_else(|| MinedThing::Known(Grantable::Entitlement(String::new())));
        let condition = self.condition(&rule.described, holders);
        let gains = &rule.described.matching - holders;
        let key = key(&(&thing, &condition.when, self.numbers(&rule.described.matching), self.numbers(&gains)));
        let called = match &thing {
            MinedThing::Known(grantable) => grantable.name(),
            MinedThing::Found { key, .. } => key,
        };
        RuleProposal {
            name: names::free(&names::plain(&format!("{called} {}", self.values(&rule.described.terms))), taken),
            key,
            label: self.label(&thing),
            holders: holders.len(),
            not_covered: self.people(&(holders - &rule.described.matching)),
            condition,
            saving: rule.saving,
            bundles: Vec::new(),
            thing,
        }
    }

    fn bundle(&self, bundle: &Bundle, taken: &mut BTreeSet<String>) -> BundleProposal {
        let things = bundle.things.iter().filter_map(|place| self.gathered.mined.get(*place as usize));
        let things: Vec<(MinedThing, String)> = things.map(|thing| (thing.clone(), self.label(thing))).collect();
        let nobody = RoaringBitmap::new();
        let holders = |place: &u32| self.gathered.things.get(*place as usize).map_or(&nobody, |thing| &thing.holders);
        let mut all = bundle.things.iter().map(holders);
        let first = all.next().cloned().unwrap_or_default();
        let holders = all.fold(first, |all, own| all & own);
        let conditions: Vec<MinedCondition> =
            bundle.described.iter().map(|described| self.condition(described, &holders)).collect();
        let mut not_described = bundle.members.clone();
        bundle.described.iter().for_each(|described| not_described -= &described.matching);
        let display_name = match bundle.described.first() {
            Some(described) => self.values(&described.terms),
            None => held_together(&things),
        };
        let whens: Vec<&String> = conditions.iter().map(|condition| &condition.when).collect();
        BundleProposal {
            key: key(&(&things, self.numbers(&bundle.members), self.numbers(&bundle.gains), whens)),
            name: names::free(&names::plain(&display_name), taken),
            application: self.application(&things),
            members: self.people(&bundle.members),
            gains: self.people(&bundle.gains),
            not_described: self.people(&not_described),
            saving: bundle.saving,
            display_name,
            conditions,
            things,
        }
    }

    /// The application, where all of it are entitlements of one.
    fn application(&self, things: &[(MinedThing, String)]) -> Option<String> {
        let of = |thing: &MinedThing| match thing {
            MinedThing::Found { application, .. } => Some(application.clone()),
            MinedThing::Known(grantable @ Grantable::Entitlement(_)) => {
                self.gathered.configuration.application_of(grantable).map(str::to_owned)
            }
            MinedThing::Known(_) => None,
        };
        let first = of(&things.first()?.0)?;
        things.iter().all(|(thing, _)| of(thing).as_ref() == Some(&first)).then_some(first)
    }
}

/// "Ledger, Vault and 3 more".
fn held_together(things: &[(MinedThing, String)]) -> String {
    let named: Vec<&str> = things.iter().take(2).map(|(_, label)| label.as_str()).collect();
    match things.len().saturating_sub(named.len()) {
        0 => named.join(" and "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

/// Stands for all of a proposal.
fn key(all: &impl serde::Serialize) -> String {
    let text = serde_json::to_vec(all).unwrap_or_default();
    hexadecimal(&text).chars().take(20).collect()
}
