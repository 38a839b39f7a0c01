//! What a configuration would mean for people, before it is applied: the role model of both, over everybody.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZero;
use std::sync::Arc;

use jiff::civil::Date;
use model::access::{DesiredAccess, DesiredValue, Grantable};
use model::configuration::Configuration;
use model::identity::Identity;
use model::request::DirectGrant;
use policy::engine::Engine as RoleEngine;
use policy::model::{ModelError, RoleModel};

use super::{Effect, PersonEffect};
use crate::grace::Kept;
use crate::world::{by_identity, role_engine};

/// People named as examples.
const EXAMPLES: usize = 5;
/// People listed with all that changes for them.
const LISTED: usize = 50;
/// Fewer people are not worth a thread.
const LEAST_PART: usize = 1_000;
/// Things named for one example.
const NAMED: usize = 3;

impl Effect {
    /// With what people keep for a while, which is no loss yet.
    pub(crate) fn keeping(mut self, kept: &[Kept]) -> Self {
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        let days = |days: u16| if days == 1 { "a day".to_owned() } else { format!("{days} days") };
        for one in kept {
            *counts.entry(format!("{} for {}", label(&one.grantable), days(one.days))).or_default() += 1;
        }
        self.kept = most_first(counts);
        self
    }
}

/// Compares what these people should have on that day under both role models, which were computed over them. Nothing is changed.
pub(crate) fn compare(before: &RoleEngine, after: &RoleEngine, people: &[Identity], today: Date) -> Effect {
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
    let parts = people.chunks(people.len().div_ceil(threads).max(LEAST_PART));
    let mut all: Vec<(Effect, Counts)> = std::thread::scope(|scope| {
        let parts: Vec<_> = parts.map(|part| scope.spawn(move || compared(before, after, part, today))).collect();
        let joined = parts.into_iter().map(|part| match part.join() {
            Ok(found) => found,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        joined.collect()
    });
    let mut effect = Effect { population: people.len() as u64, ..Effect::default() };
    let mut counts = Counts::default();
    for (part, of_part) in &mut all {
        effect.identities += part.identities;
        effect.examples.append(&mut part.examples);
        effect.people.append(&mut part.people);
        counts.add(of_part);
    }
    effect.examples.truncate(EXAMPLES);
    keep_most_affected(&mut effect.people);
    effect.gains = most_first(counts.gains);
    effect.losses = most_first(counts.losses);
    effect.attributes = most_first(counts.attributes);
    effect
}

/// The same of some of them: people, and how often what changes.
fn compared(before: &RoleEngine, after: &RoleEngine, people: &[Identity], today: Date) -> (Effect, Counts) {
    let mut counts = Counts::default();
    let mut effect = Effect::default();
    for identity in people {
        if before.digest(identity.id) == after.digest(identity.id) {
            continue;
        }
        let had = before.desired(identity.id, today).map(Access::of).unwrap_or_default();
        let has = after.desired(identity.id, today).map(Access::of).unwrap_or_default();
        let gains: Vec<&Grantable> = has.held.difference(&had.held).collect();
        let losses: Vec<&Grantable> = had.held.difference(&has.held).collect();
        let attributes = has.changed_since(&had);
        if gains.is_empty() && losses.is_empty() && attributes.is_empty() {
            continue;
        }
        effect.identities += 1;
        if effect.examples.len() < EXAMPLES {
            effect.examples.push(example(identity, &gains, &losses, &attributes));
        }
        let owned = |things: &[&Grantable]| things.iter().map(|thing| (*thing).clone()).collect();
        effect.people.push(PersonEffect {
            id: identity.id,
            name: identity.display_name.clone(),
            key: identity.key.clone(),
            gains: owned(&gains),
            losses: owned(&losses),
            attributes: attributes.clone(),
        });
        if effect.people.len() > 4 * LISTED {
            keep_most_affected(&mut effect.people);
        }
        gains.into_iter().for_each(|thing| *counts.gains.entry(label(thing)).or_default() += 1);
        losses.into_iter().for_each(|thing| *counts.losses.entry(label(thing)).or_default() += 1);
        attributes.into_iter().for_each(|attribute| *counts.attributes.entry(attribute).or_default() += 1);
    }
    (effect, counts)
}

fn keep_most_affected(people: &mut Vec<PersonEffect>) {
    people.sort_by(|a, b| (b.size(), &a.name, a.id).cmp(&(a.size(), &b.name, b.id)));
    people.truncate(LISTED);
}

/// Everybody, computed with a configuration.
///
/// # Errors
/// What is wrong with the configuration.
pub(crate) fn computed(
    configuration: &Configuration,
    population: &[Identity],
    grants: &[DirectGrant],
    today: Date,
) -> Result<RoleEngine, Vec<ModelError>> {
    let mut engine = role_engine(Arc::new(RoleModel::compile(configuration)?));
    for (id, grants) in by_identity(grants.to_vec()) {
        engine.set_grants(id, grants);
    }
    population.iter().for_each(|identity| engine.upsert(identity));
    engine.compute(today);
    Ok(engine)
}

#[derive(Default)]
struct Counts {
    gains: BTreeMap<String, u64>,
    losses: BTreeMap<String, u64>,
    attributes: BTreeMap<String, u64>,
}

impl Counts {
    fn add(&mut self, other: &mut Self) {
        let sides = [
            (&mut self.gains, &mut other.gains),
            (&mut self.losses, &mut other.losses),
            (&mut self.attributes, &mut other.attributes),
        ];
        for (own, other) in sides {
            for (name, people) in std::mem::take(other) {
                *own.entry(name).or_default() += people;
            }
        }
    }
}

/// What an identity really has, without the reasons: a rule that only changes its name changes nothing for people.
#[derive(Default)]
struct Access {
    held: BTreeSet<Grantable>,
    /// By account type and attribute.
    values: BTreeMap<String, BTreeMap<String, DesiredValue>>,
}

impl Access {
    fn of(desired: DesiredAccess) -> Self {
        let held = desired.assignments.into_iter().filter(|assignment| assignment.workflow_state.grants());
        let accounts = desired.accounts.into_iter().map(|account| {
            let values = account.attributes.into_iter().map(|attribute| (attribute.name, attribute.value)).collect();
            (account.account_type, values)
        });
        Self { held: held.map(|assignment| assignment.grantable).collect(), values: accounts.collect() }
    }

    /// Attributes of accounts that are there before and after, and get another value.
    fn changed_since(&self, before: &Self) -> Vec<String> {
        let mut changed = Vec::new();
        for (account_type, values) in &self.values {
            let Some(old) = before.values.get(account_type) else { continue };
            let names: BTreeSet<&String> = values.keys().chain(old.keys()).collect();
            let differ = names.into_iter().filter(|name| values.get(*name) != old.get(*name));
            changed.extend(differ.map(|name| format!("{account_type} {name}")));
        }
        changed
    }
}

fn label(thing: &Grantable) -> String {
    format!("{} {}", thing.kind().replace('_', " "), thing.name())
}

fn most_first(counts: BTreeMap<String, u64>) -> Vec<(String, u64)> {
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(_, people)| std::cmp::Reverse(*people));
    counts
}

fn example(identity: &Identity, gains: &[&Grantable], losses: &[&Grantable], attributes: &[String]) -> String {
    let labels = |things: &[&Grantable]| things.iter().map(|thing| label(thing)).collect::<Vec<_>>();
    let parts = [("gains", labels(gains)), ("loses", labels(losses)), ("gets other values:", attributes.to_vec())];
    let parts: Vec<String> = parts
        .into_iter()
        .filter(|(_, things)| !things.is_empty())
        .map(|(verb, things)| {
            let more = things.len().saturating_sub(NAMED);
            let named = things.into_iter().take(NAMED).collect::<Vec<_>>().join(", ");
            if more > 0 { format!("{verb} {named} and {more} more") } else { format!("{verb} {named}") }
        })
        .collect();
    format!("{} ({}) {}", identity.display_name, identity.key, parts.join("; "))
}
