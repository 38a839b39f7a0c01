//! What a configuration would mean for people, before it is applied: the role model of both, over everybody.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::num::NonZero;
use std::sync::Arc;

use jiff::civil::Date;
use model::access::{DesiredAccess, DesiredValue, Grantable};
use model::configuration::Configuration;
use model::identity::{Identity, LifecycleState};
use model::ids::IdentityId;
use model::request::DirectGrant;
use policy::engine::{Engine as RoleEngine, Foreseen, Shift, Shifts};
use policy::model::{ModelError, RoleModel};

use super::{Effect, PersonEffect};
use crate::grace::Kept;
use crate::world::{Population, by_identity, role_engine};

/// People named as examples.
const EXAMPLES: usize = 5;
/// People listed with all that changes for them.
const LISTED: usize = 50;
/// Fewer people are not worth a thread.
const LEAST_PART: usize = 1_000;
/// Things named for one example.
const NAMED: usize = 3;

/// Somebody for whom something may change, as far as that is told.
#[derive(Clone, Debug)]
pub(crate) struct Whom {
    pub(crate) id: IdentityId,
    key: String,
    name: String,
    /// Whether anything is given directly on that day.
    pub(crate) is_active: bool,
}

impl Whom {
    pub(crate) fn of(identity: &Identity, today: Date) -> Self {
        Self {
            id: identity.id,
            key: identity.key.clone(),
            name: identity.display_name.clone(),
            // Before the first day and after the last nothing is.
            is_active: identity.lifecycle(today) == LifecycleState::Active,
        }
    }

    pub(crate) fn all(people: &[Identity], today: Date) -> Vec<Self> {
        people.iter().map(|identity| Self::of(identity, today)).collect()
    }
}

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

/// What was found to change for people, as far as somebody looked.
#[derive(Default)]
pub(crate) struct Compared {
    identities: u64,
    /// Those named as examples, by id.
    examples: Vec<(IdentityId, String)>,
    /// Those for whom most changes.
    people: Vec<PersonEffect>,
    counts: Counts,
}

impl Compared {
    /// What was foreseen of people, who are those of the population.
    pub(crate) fn foreseen(foreseen: &Foreseen, population: &Population) -> Self {
        let mut compared = Self { identities: foreseen.people.len() as u64, ..Self::default() };
        let labelled = |things: &[(Grantable, u64)]| -> BTreeMap<String, u64> {
            things.iter().map(|(thing, people)| (label(thing), *people)).collect()
        };
        compared.counts.gains = labelled(&foreseen.gains);
        compared.counts.losses = labelled(&foreseen.losses);
        let person = |id: IdentityId| {
            let identity = population.identities().get(&id)?;
            let (gains, losses) = foreseen.shift(&population.engine, id);
            let (name, key) = (identity.display_name.clone(), identity.key.clone());
            Some(PersonEffect { id, name, key, gains, losses, attributes: Vec::new() })
        };
        let first = foreseen.people.iter().take(EXAMPLES).filter_map(|(id, _)| person(*id));
        compared.examples = first.map(|one| (one.id, example(&one))).collect();
        compared.people = most_affected(foreseen, population).into_iter().filter_map(person).collect();
        compared
    }

    /// Both, of different people.
    pub(crate) fn beside(mut self, mut other: Self) -> Self {
        self.identities += other.identities;
        self.examples.append(&mut other.examples);
        self.examples.sort();
        self.examples.truncate(EXAMPLES);
        self.people.append(&mut other.people);
        keep_most_affected(&mut self.people);
        self.counts.add(&mut other.counts);
        self
    }

    /// The same among so many people.
    pub(crate) fn effect(self, population: u64) -> Effect {
        Effect {
            population,
            identities: self.identities,
            examples: self.examples.into_iter().map(|(_, example)| example).collect(),
            people: self.people,
            gains: most_first(self.counts.gains),
            losses: most_first(self.counts.losses),
            attributes: most_first(self.counts.attributes),
            ..Effect::default()
        }
    }
}

/// Those for whom most was foreseen, as [`keep_most_affected`] would keep them.
fn most_affected(foreseen: &Foreseen, population: &Population) -> Vec<IdentityId> {
    let mut sizes: Vec<u32> = foreseen.people.iter().map(|(_, size)| *size).collect();
    let last = sizes.len().min(LISTED).saturating_sub(1);
    if sizes.is_empty() {
        return Vec::new();
    }
    let (_, least, _) = sizes.select_nth_unstable_by(last, |one, other| other.cmp(one));
    let least = *least;
    // Of as many things there may be a great many people: their names decide.
    let mut listed: Vec<(Reverse<u32>, &str, IdentityId)> = Vec::new();
    for (id, size) in foreseen.people.iter().filter(|(_, size)| *size >= least) {
        let Some(identity) = population.identities().get(id) else { continue };
        listed.push((Reverse(*size), &identity.display_name, *id));
        if listed.len() > 100 * LISTED {
            listed.sort_unstable();
            listed.truncate(LISTED);
        }
    }
    listed.sort_unstable();
    listed.truncate(LISTED);
    listed.into_iter().map(|(_, _, id)| id).collect()
}

/// Compares what these people should have on that day under both role models, which were computed over them. Nothing is changed.
pub(crate) fn compare(before: &RoleEngine, after: &RoleEngine, people: &[Whom], today: Date) -> Compared {
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
    let parts = people.chunks(people.len().div_ceil(threads).max(LEAST_PART));
    let shifts = &Shifts::new(before, after, today);
    let all: Vec<Compared> = std::thread::scope(|scope| {
        let parts: Vec<_> =
            parts.map(|part| scope.spawn(move || compared(before, after, shifts, part, today))).collect();
        let joined = parts.into_iter().map(|part| match part.join() {
            Ok(found) => found,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        joined.collect()
    });
    all.into_iter().fold(Compared::default(), Compared::beside)
}

/// The same of some of them.
fn compared(before: &RoleEngine, after: &RoleEngine, shifts: &Shifts<'_>, people: &[Whom], today: Date) -> Compared {
    let mut compared = Compared::default();
    let (mut gained, mut lost): (HashMap<u32, u64>, HashMap<u32, u64>) = Default::default();
    // For whom less changes is not listed.
    let mut least = 0;
    for whom in people {
        if before.digest(whom.id) == after.digest(whom.id) {
            continue;
        }
        let change = match shifts.of(whom.id) {
            Some(shift) => Change::Told(shift),
            None => Change::Whole(Changed::between(before, after, whom.id, today)),
        };
        let size = change.size();
        if size == 0 {
            continue;
        }
        compared.identities += 1;
        match &change {
            Change::Told(shift) => {
                shift.gains.iter().for_each(|number| *gained.entry(*number).or_default() += 1);
                shift.losses.iter().for_each(|number| *lost.entry(*number).or_default() += 1);
            }
            Change::Whole(change) => compared.counts.note(change),
        }
        // Names are looked up only for those who are listed.
        if compared.examples.len() >= EXAMPLES && size < least {
            continue;
        }
        let Changed { gains, losses, attributes } = change.named(shifts);
        let (id, name, key) = (whom.id, whom.name.clone(), whom.key.clone());
        let person = PersonEffect { id, name, key, gains, losses, attributes };
        if compared.examples.len() < EXAMPLES {
            compared.examples.push((id, example(&person)));
        }
        compared.people.push(person);
        if compared.people.len() > 4 * LISTED {
            keep_most_affected(&mut compared.people);
            least = compared.people.last().map_or(0, PersonEffect::size);
        }
    }
    for (number, people) in gained {
        *compared.counts.gains.entry(label(shifts.gained(number))).or_default() += people;
    }
    for (number, people) in lost {
        *compared.counts.losses.entry(label(shifts.lost(number))).or_default() += people;
    }
    keep_most_affected(&mut compared.people);
    compared
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

/// What changes for somebody, by numbers or whole.
enum Change {
    Told(Shift),
    Whole(Changed),
}

impl Change {
    fn size(&self) -> usize {
        match self {
            Self::Told(shift) => shift.gains.len() + shift.losses.len(),
            Self::Whole(change) => change.gains.len() + change.losses.len() + change.attributes.len(),
        }
    }

    fn named(self, shifts: &Shifts<'_>) -> Changed {
        match self {
            Self::Whole(change) => change,
            Self::Told(shift) => {
                let mut gains: Vec<Grantable> = shift.gains.iter().map(|one| shifts.gained(*one).clone()).collect();
                let mut losses: Vec<Grantable> = shift.losses.iter().map(|one| shifts.lost(*one).clone()).collect();
                gains.sort();
                losses.sort();
                Changed { gains, losses, attributes: Vec::new() }
            }
        }
    }
}

/// What changes for somebody, by name.
struct Changed {
    gains: Vec<Grantable>,
    losses: Vec<Grantable>,
    attributes: Vec<String>,
}

impl Changed {
    /// Out of both whole answers.
    fn between(before: &RoleEngine, after: &RoleEngine, id: IdentityId, today: Date) -> Self {
        let had = before.desired(id, today).map(Access::of).unwrap_or_default();
        let has = after.desired(id, today).map(Access::of).unwrap_or_default();
        let only = |these: &Access, others: &Access| these.held.difference(&others.held).cloned().collect();
        Self { gains: only(&has, &had), losses: only(&had, &has), attributes: has.changed_since(&had) }
    }
}

impl Counts {
    fn note(&mut self, change: &Changed) {
        change.gains.iter().for_each(|thing| *self.gains.entry(label(thing)).or_default() += 1);
        change.losses.iter().for_each(|thing| *self.losses.entry(label(thing)).or_default() += 1);
        change.attributes.iter().for_each(|name| *self.attributes.entry(name.clone()).or_default() += 1);
    }

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

fn example(person: &PersonEffect) -> String {
    let labels = |things: &[Grantable]| things.iter().map(label).collect::<Vec<_>>();
    let parts = [
        ("gains", labels(&person.gains)),
        ("loses", labels(&person.losses)),
        ("gets other values:", person.attributes.clone()),
    ];
    let parts: Vec<String> = parts
        .into_iter()
        .filter(|(_, things)| !things.is_empty())
        .map(|(verb, things)| {
            let more = things.len().saturating_sub(NAMED);
            let named = things.into_iter().take(NAMED).collect::<Vec<_>>().join(", ");
            if more > 0 { format!("{verb} {named} and {more} more") } else { format!("{verb} {named}") }
        })
        .collect();
    format!("{} ({}) {}", person.name, person.key, parts.join("; "))
}
