//! What mining looks at: people in the contexts that count, and of each thing who holds it, and who by hand or by nothing.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use jiff::civil::Date;
use model::access::Grantable;
use model::configuration::Configuration;
use model::error::ApiError;
use model::identity::{Identity, LifecycleState};
use model::ids::IdentityId;
use model::mining::{MinedThing, MiningQuery};
use model::request::DirectGrant;
use policy::deduction::{Candidate, candidates};
use policy::engine::Engine as RoleEngine;
use policy::expression::Expression;
use policy::mining::{Chosen, Crowd, Item, Thing};
use roaring::RoaringBitmap;
use store::HeldEntitlements;

use super::attributes;
use crate::bulk_changes::people::{contexts, wrong};
use crate::configuration::computed;

/// All that is read for it.
pub(super) struct Read {
    pub(super) configuration: Arc<Configuration>,
    pub(super) population: Vec<Identity>,
    pub(super) grants: Vec<DirectGrant>,
    pub(super) held: HeldEntitlements,
    /// What applications call their entitlements, by application and key.
    pub(super) names: HashMap<(String, String), String>,
    pub(super) today: Date,
}

/// See the module's head. Positions of people are positions in the crowd.
pub(super) struct Gathered {
    pub(super) configuration: Arc<Configuration>,
    pub(super) names: HashMap<(String, String), String>,
    pub(super) people: Vec<Identity>,
    pub(super) crowd: Crowd,
    pub(super) things: Vec<Thing>,
    /// What each thing is.
    pub(super) mined: Vec<MinedThing>,
    pub(super) items: Vec<Item>,
    /// What roles and access profiles consist of that are there.
    pub(super) known: BTreeSet<Vec<u32>>,
    pub(super) notes: Vec<String>,
}

/// People by what they hold.
type Holders<T> = BTreeMap<T, RoaringBitmap>;

pub(super) fn gather(read: Read, query: &MiningQuery, condition: Option<&Expression>) -> Result<Gathered, ApiError> {
    let Read { configuration, population, grants, held, names, today } = read;
    let people = whom(population, condition, today)?;
    let places: HashMap<IdentityId, u32> = people.iter().map(|identity| identity.id).zip(0..).collect();
    let in_force = |grant: &DirectGrant| grant.period.holds(today) && places.contains_key(&grant.identity);
    let grants: Vec<DirectGrant> = grants.into_iter().filter(in_force).collect();
    let mut notes = Vec::new();

    let broken = |_| ApiError::internal();
    let rules = computed(&configuration, &people, &[], today).map_err(broken)?;
    let by_rule = desired(&rules, &people, &places, today);
    let mut granted = by_rule.clone();
    let asking: BTreeSet<IdentityId> = grants.iter().map(|grant| grant.identity).collect();
    let asking: Vec<Identity> = people.iter().filter(|identity| asking.contains(&identity.id)).cloned().collect();
    if !asking.is_empty() {
        let all = computed(&configuration, &asking, &grants, today).map_err(broken)?;
        for (grantable, holders) in desired(&all, &asking, &places, today) {
            *granted.entry(grantable).or_default() |= holders;
        }
    }
    let held = held_by(&configuration, &held, &places, &mut notes);

    let mut own: Holders<MinedThing> = Holders::new();
    if query.found {
        let left = |(thing, holders): (&MinedThing, &RoaringBitmap)| match thing {
            MinedThing::Known(grantable) => (thing.clone(), holders - of(&granted, grantable)),
            MinedThing::Found { .. } => (thing.clone(), holders.clone()),
        };
        own.extend(held.iter().map(left));
    }
    if query.by_hand {
        let has =
            |holders: &Holders<Grantable>, grant: &DirectGrant, place| of(holders, &grant.grantable).contains(place);
        let mut temporary = 0_u64;
        for grant in &grants {
            let Some(place) = places.get(&grant.identity).copied() else { continue };
            let is_type = matches!(grant.grantable, Grantable::AccountType(_));
            if is_type || has(&by_rule, grant, place) || !has(&granted, grant, place) {
                continue;
            }
            match grant.period.ends {
                Some(_) => temporary += 1,
                None => drop(own.entry(MinedThing::Known(grant.grantable.clone())).or_default().insert(place)),
            }
        }
        if temporary > 0 {
            let what = "Given by hand until a day, and left out since that is meant to end";
            notes.push(format!("{what}: {temporary}."));
        }
    }

    let bundles = candidates(rules.model(), today);
    let meant = Meant { configuration: &configuration, query, bundles: &bundles };
    own.retain(|thing, holders| !holders.is_empty() && meant.is(thing));
    let holders = |thing: &MinedThing| -> RoaringBitmap {
        let found = held.get(thing).cloned().unwrap_or_default();
        match thing {
            MinedThing::Known(grantable) => found | of(&granted, grantable),
            MinedThing::Found { .. } => found,
        }
    };
    let effective = match query.found {
        true => in_effect(&bundles, &own, &granted, &holders, &meant),
        false => BTreeMap::new(),
    };
    let mut mined: Vec<MinedThing> = own.keys().chain(effective.keys()).cloned().collect();
    // What explains most first: roles, access profiles, then single entitlements.
    mined
        .sort_by_cached_key(|thing| (rank(thing), Reverse(meant.gives(thing).map_or(0, BTreeSet::len)), thing.clone()));
    mined.dedup();
    let positions: BTreeMap<&MinedThing, usize> = mined.iter().zip(0..).collect();
    let parts = |gives: &BTreeSet<String>| -> Option<Vec<usize>> {
        gives.iter().map(|name| positions.get(&entitlement(name)).copied()).collect()
    };
    let thing = |thing: &MinedThing| {
        let gives = meant.gives(thing).into_iter().flatten();
        let own = own.get(thing).cloned().unwrap_or_default();
        let (complete, unexplained) = match effective.get(thing) {
            Some(effect) => (effect.complete.clone(), effect.unexplained.clone()),
            None => (RoaringBitmap::new(), RoaringBitmap::new()),
        };
        Thing {
            holders: holders(thing) | complete,
            unexplained: unexplained | &own,
            own,
            parts: gives.filter_map(|name| positions.get(&entitlement(name)).copied()).collect(),
        }
    };
    let things: Vec<Thing> = mined.iter().map(thing).collect();
    let known = bundles.iter().filter_map(|bundle| parts(&bundle.gives));
    let known = known.map(|mut parts| {
        parts.sort_unstable();
        parts.into_iter().filter_map(|part| u32::try_from(part).ok()).collect()
    });
    let known = known.collect();
    let items = items(&configuration, &mined);
    let crowd = crowd(&configuration, query, &people, condition, today)?;
    Ok(Gathered { configuration, names, people, crowd, things, mined, items, known, notes })
}

/// Those whose days are here, and of whom the condition holds in some context; by their numbers.
fn whom(population: Vec<Identity>, condition: Option<&Expression>, today: Date) -> Result<Vec<Identity>, ApiError> {
    let mut people = Vec::new();
    for identity in population {
        if identity.lifecycle(today) == LifecycleState::Active
            && !contexts(condition, &identity, today).map_err(wrong)?.is_empty()
        {
            people.push(identity);
        }
    }
    people.sort_by_key(|identity| identity.id);
    Ok(people)
}

fn crowd(
    configuration: &Configuration,
    query: &MiningQuery,
    people: &[Identity],
    condition: Option<&Expression>,
    today: Date,
) -> Result<Crowd, ApiError> {
    let mut attributes = attributes(configuration);
    if !query.attributes.is_empty() {
        attributes.retain(|name| query.attributes.contains(name));
    }
    let chosen: Vec<Chosen<'_>> = attributes
        .iter()
        .map(|attribute| Chosen { attribute, dimension: configuration.dimension_of(attribute) })
        .collect();
    let mut rows = Vec::with_capacity(people.len());
    for identity in people {
        rows.push((identity, contexts(condition, identity, today).map_err(wrong)?));
    }
    Ok(Crowd::new(&rows, &chosen, query.limits.people, today))
}

/// Who should hold each thing.
fn desired(
    engine: &RoleEngine,
    people: &[Identity],
    places: &HashMap<IdentityId, u32>,
    today: Date,
) -> Holders<Grantable> {
    let mut holders = Holders::new();
    for identity in people {
        let (Some(place), Some(access)) = (places.get(&identity.id), engine.desired(identity.id, today)) else {
            continue;
        };
        for assignment in access.assignments.into_iter().filter(|one| one.workflow_state.grants()) {
            holders.entry(assignment.grantable).or_default().insert(*place);
        }
    }
    holders
}

fn of<'h>(holders: &'h Holders<Grantable>, grantable: &Grantable) -> &'h RoaringBitmap {
    static NOBODY: std::sync::LazyLock<RoaringBitmap> = std::sync::LazyLock::new(RoaringBitmap::new);
    holders.get(grantable).unwrap_or(&NOBODY)
}

/// Who holds each entitlement in its application.
fn held_by(
    configuration: &Configuration,
    held: &HeldEntitlements,
    places: &HashMap<IdentityId, u32>,
    notes: &mut Vec<String>,
) -> Holders<MinedThing> {
    let mut names: HashMap<(&str, &str), &String> = HashMap::new();
    for (name, one) in configuration.entitlements.iter().rev() {
        names.insert((&one.account_type, &one.key), name);
    }
    let thing = |key: &store::HeldKey| match names.get(&(key.account_type.as_str(), key.key.as_str())) {
        Some(name) => Some(entitlement(name)),
        None => configuration.account_types.contains_key(&key.account_type).then(|| MinedThing::Found {
            application: key.application.clone(),
            account_type: key.account_type.clone(),
            key: key.key.clone(),
        }),
    };
    let things: Vec<Option<MinedThing>> = held.keys.iter().map(thing).collect();
    let mut holders: Vec<RoaringBitmap> = vec![RoaringBitmap::new(); things.len()];
    let mut left_out = 0_u64;
    for (identity, key) in &held.holdings {
        let Some(place) = places.get(identity) else { continue };
        match (things.get(*key as usize), holders.get_mut(*key as usize)) {
            (Some(Some(_)), Some(holders)) => drop(holders.insert(*place)),
            _ => left_out += 1,
        }
    }
    if left_out > 0 {
        let what = "Held on accounts whose type the configuration does not have, and left out";
        notes.push(format!("{what}: {left_out}."));
    }
    let mut found = Holders::new();
    for (thing, holders) in things.into_iter().zip(holders) {
        if let Some(thing) = thing.filter(|_| !holders.is_empty()) {
            *found.entry(thing).or_default() |= holders;
        }
    }
    found
}

/// Who hold a role or an access profile in effect, without being given it.
struct Effect {
    /// Who hold all that it gives.
    complete: RoaringBitmap,
    /// Those of whom nothing explains some of it.
    unexplained: RoaringBitmap,
}

fn in_effect(
    bundles: &[Candidate],
    own: &Holders<MinedThing>,
    granted: &Holders<Grantable>,
    holders: &impl Fn(&MinedThing) -> RoaringBitmap,
    meant: &Meant<'_>,
) -> BTreeMap<MinedThing, Effect> {
    let mut found = BTreeMap::new();
    for bundle in bundles {
        let thing = MinedThing::Known(bundle.grantable.clone());
        let parts = || bundle.gives.iter().map(|name| entitlement(name));
        let mut unexplained = RoaringBitmap::new();
        parts().filter_map(|part| own.get(&part)).for_each(|own| unexplained |= own);
        if unexplained.is_empty() || !meant.is(&thing) {
            continue;
        }
        let mut all = parts().map(|part| holders(&part));
        let first = all.next().unwrap_or_default();
        let complete = all.fold(first, |all, part| all & part) - of(granted, &bundle.grantable);
        unexplained &= &complete;
        if !unexplained.is_empty() {
            found.insert(thing, Effect { complete, unexplained });
        }
    }
    found
}

/// What the question is about.
struct Meant<'a> {
    configuration: &'a Configuration,
    query: &'a MiningQuery,
    bundles: &'a [Candidate],
}

impl Meant<'_> {
    /// Entitlements that follow from a role or an access profile.
    fn gives(&self, thing: &MinedThing) -> Option<&BTreeSet<String>> {
        let MinedThing::Known(grantable) = thing else { return None };
        let place = self.bundles.binary_search_by(|bundle| bundle.grantable.cmp(grantable)).ok()?;
        self.bundles.get(place).map(|bundle| &bundle.gives)
    }

    fn is(&self, thing: &MinedThing) -> bool {
        let is_of = |application: &String| match thing {
            MinedThing::Found { application: own, .. } => own == application,
            MinedThing::Known(Grantable::Role(_)) => self.gives(thing).into_iter().flatten().any(|name| {
                let entitlement = Grantable::Entitlement(name.clone());
                self.configuration.application_of(&entitlement) == Some(application)
            }),
            MinedThing::Known(grantable) => self.configuration.application_of(grantable) == Some(application),
        };
        let is_in = |category: &String| match thing {
            MinedThing::Found { .. } => false,
            MinedThing::Known(grantable) => {
                let own = self.configuration.terms(grantable).and_then(|terms| terms.category);
                own.is_some_and(|own| self.configuration.category_path(&own).contains(&category.as_str()))
            }
        };
        self.query.application.as_ref().is_none_or(is_of) && self.query.category.as_ref().is_none_or(is_in)
    }
}

fn items(configuration: &Configuration, mined: &[MinedThing]) -> Vec<Item> {
    let applications: Vec<&String> = configuration.applications.keys().collect();
    let number = |application: &str| {
        let place = applications.iter().position(|name| *name == application);
        place.and_then(|place| u32::try_from(place).ok())
    };
    let item = |thing: &MinedThing| match thing {
        MinedThing::Found { application, .. } => Item { application: number(application) },
        MinedThing::Known(grantable @ Grantable::Entitlement(_)) => {
            Item { application: configuration.application_of(grantable).and_then(number) }
        }
        MinedThing::Known(_) => Item::default(),
    };
    mined.iter().map(item).collect()
}

fn entitlement(name: &str) -> MinedThing {
    MinedThing::Known(Grantable::Entitlement(name.to_owned()))
}

fn rank(thing: &MinedThing) -> u8 {
    match thing {
        MinedThing::Known(Grantable::Role(_)) => 0,
        MinedThing::Known(Grantable::AccessProfile(_)) => 1,
        MinedThing::Known(_) => 2,
        MinedThing::Found { .. } => 3,
    }
}
