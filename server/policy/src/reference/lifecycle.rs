//! What lifecycle states mean, worked out by name for one identity at a time. The rules:
//!
//! - Everybody is a joiner, active or a leaver by their contexts, and a leaver once their source no longer lists them. A state
//!   of one's own holds in place of it for whom its condition does in a context that holds today; an identity without
//!   contexts is looked at in the one that is always open. Nobody whose contexts have not begun, or are all over, is in one.
//! - Of several own states that match, that with the smallest priority holds. Of several with the same, the one that takes
//!   most access away, then the first by name; the others are said to be in conflict with it.
//! - A state begins with the time without a gap, up to today, in which contexts make it so: of an own state those in which its
//!   condition holds, of an active identity all. A leaver begins on the day after the last context. Where the condition holds
//!   for the identity without any context, where the contexts have no first day, for a joiner, and for whoever is not listed
//!   any more while a context goes on, no period tells: it began when it was first seen, which is remembered; and today, where
//!   nothing is. What is remembered of a day to come is nothing. Of whoever is not listed any more, what is remembered wins.
//! - A state lets through all that is given, nothing, only some (what is named and what follows from it, also where what leads
//!   to it is withheld), or all but some (what is named, and what would follow through it; an account type with its
//!   entitlements). Denials by rules come first.
//! - Steps are counted from the first day of the state, which is day 0. An account type whose accounts are kept on removal has
//!   only the steps that name it or its application.
//! - A legal hold holds if its condition does in any context, those of the past included: the organisation's first, then the
//!   state's.
//! - Where nothing follows from the state, and no legal hold holds, nothing is said of it.

use std::collections::BTreeMap;

use jiff::Span;
use jiff::civil::Date;
use model::access::{Fact, Grantable};
use model::configuration::{Configuration, LifecycleStateDefinition, OnRemoval, StateAccess};
use model::identity::{Context, Identity, LifecycleState};
use model::lifecycle::{AccountStage, LegalHold, Lifecycle, Remembered, StageStep, Standing};

use crate::expression::{Expression, Subject};

/// The conditions of states and legal holds, read.
pub(super) struct States<'c> {
    configuration: &'c Configuration,
    conditions: BTreeMap<&'c str, Expression>,
    holds: BTreeMap<&'c str, Expression>,
    hold: Option<Expression>,
}

impl<'c> States<'c> {
    pub(super) fn new(configuration: &'c Configuration) -> Self {
        let read = |text: &Option<String>| {
            text.as_ref().and_then(|text| Expression::parse(text).ok()).map(|read| read.climbing(configuration))
        };
        let states = || configuration.lifecycle_states.iter();
        Self {
            configuration,
            conditions: states().filter_map(|(name, state)| Some((name.as_str(), read(&state.when)?))).collect(),
            holds: states().filter_map(|(name, state)| Some((name.as_str(), read(&state.legal_hold)?))).collect(),
            hold: read(&configuration.organisation.legal_hold),
        }
    }

    /// Where the identity stands, with what that makes of its accounts; `withheld` is left empty.
    pub(super) fn of(&self, identity: &Identity, remembered: Option<&Remembered>, today: Date) -> Option<Lifecycle> {
        let usual = LifecycleStateDefinition::default();
        let found = self.own(identity, today).unwrap_or_else(|| built_in(identity, remembered, today));
        let state = self.configuration.lifecycle_states.get(&found.state).unwrap_or(&usual);
        let legal_hold = self.legal_hold(identity, &found.state, today);
        if !state.has_effect() && legal_hold.is_none() {
            return None;
        }
        let seen = remembered.filter(|remembered| remembered.state == found.state && remembered.since <= today);
        let since = found.since.unwrap_or_else(|| seen.map_or(today, |seen| seen.since));
        let standing = Standing {
            label: state.label(&found.state).to_owned(),
            state: found.state,
            since: Some(since),
            first_seen: found.since.is_none(),
            context: found.context.map(|context| context.key.clone()),
            facts: found.facts,
            conflicts: found.conflicts,
            legal_hold,
        };
        Some(Lifecycle { stages: self.stages(state, since, today), standing, withheld: Vec::new() })
    }

    /// What the state says of access.
    pub(super) fn definition(&self, name: &str) -> Option<&'c LifecycleStateDefinition> {
        self.configuration.lifecycle_states.get(name)
    }

    fn own<'a>(&self, identity: &'a Identity, today: Date) -> Option<Found<'a>> {
        if !identity.present {
            return None;
        }
        let holds = |name: &str, context: Option<&Context>| {
            let condition = self.conditions.get(name);
            condition.is_some_and(|when| when.holds(&Subject::new(identity, context, today)) == Ok(true))
        };
        let open: Vec<&Context> = identity.contexts.iter().filter(|context| context.period.holds(today)).collect();
        let matches = |name: &str| match identity.contexts.is_empty() {
            true => holds(name, None),
            false => open.iter().any(|context| holds(name, Some(context))),
        };
        let states = self.configuration.lifecycle_states.iter();
        let matching: Vec<_> = states.filter(|(name, _)| matches(name)).collect();
        let best = matching.iter().map(|(_, state)| state.priority).min()?;
        let mut same: Vec<_> = matching.into_iter().filter(|(_, state)| state.priority == best).collect();
        same.sort_by_key(|(name, state)| (gentleness(state), *name));
        let (name, _) = *same.first()?;
        let mut conflicts: Vec<String> = same.iter().skip(1).map(|(name, _)| (*name).clone()).collect();
        conflicts.sort();
        let is_of_context = !identity.contexts.is_empty() && !holds(name, None);
        let context = open
            .iter()
            .filter(|context| holds(name, Some(context)))
            .min_by_key(|context| (context.priority, context.period.starts, &context.key))
            .copied();
        let making = identity.contexts.iter().filter(|context| holds(name, Some(context))).collect();
        let subject = Subject::new(identity, context, today);
        Some(Found {
            state: name.clone(),
            since: if is_of_context { without_gap(making, today) } else { None },
            context,
            facts: facts(self.conditions.get(name.as_str()), &subject),
            conflicts,
        })
    }

    fn legal_hold(&self, identity: &Identity, state: &str, today: Date) -> Option<LegalHold> {
        let mut contexts: Vec<&Context> = identity.contexts.iter().collect();
        contexts.sort_by(|one, other| one.key.cmp(&other.key));
        let mut contexts: Vec<Option<&Context>> = contexts.into_iter().map(Some).collect();
        if contexts.is_empty() {
            contexts.push(None);
        }
        let held = |when: &Expression| {
            let subjects = contexts.iter().map(|context| Subject::new(identity, *context, today));
            let mut holding = subjects.filter(|subject| when.holds(subject) == Ok(true));
            holding.next().map(|subject| facts(Some(when), &subject))
        };
        let of_all = self.hold.as_ref().and_then(held).map(|facts| LegalHold { state: None, facts });
        of_all.or_else(|| {
            let facts = held(self.holds.get(state)?)?;
            Some(LegalHold { state: Some(state.to_owned()), facts })
        })
    }

    fn stages(&self, state: &LifecycleStateDefinition, since: Date, today: Date) -> Vec<AccountStage> {
        let mut stages = Vec::new();
        for (name, kind) in &self.configuration.account_types {
            let mut steps = Vec::new();
            for step in &state.accounts {
                let is_named = step.applications.contains(&kind.application) || step.account_types.contains(name);
                let is_of_all = step.applications.is_empty() && step.account_types.is_empty();
                if is_named || (is_of_all && kind.on_removal != OnRemoval::Keep) {
                    let on = since.checked_add(Span::new().days(i64::from(step.after_days)));
                    steps.extend(on.ok().map(|on| StageStep { on, action: step.action }));
                }
            }
            if steps.is_empty() {
                continue;
            }
            steps.sort();
            steps.dedup();
            let reached = steps.iter().filter(|step| step.on <= today).count();
            stages.push(AccountStage { account_type: name.clone(), steps, reached });
        }
        stages
    }
}

/// Whether what is granted goes with the state, and what follows through it.
pub(super) fn stops(configuration: &Configuration, state: &LifecycleStateDefinition, grantable: &Grantable) -> bool {
    let Some(without) = &state.without else { return false };
    let is_named = |grantable: &Grantable| without.all().any(|named| named == *grantable);
    is_named(grantable)
        || match grantable {
            Grantable::Entitlement(name) => configuration
                .entitlements
                .get(name)
                .is_some_and(|entitlement| is_named(&Grantable::AccountType(entitlement.account_type.clone()))),
            _ => false,
        }
}

/// Whether what is given is held; what follows from it is asked about by itself.
pub(super) fn lets_through(
    configuration: &Configuration,
    state: &LifecycleStateDefinition,
    grantable: &Grantable,
) -> bool {
    match &state.only {
        _ if state.access == StateAccess::None => false,
        Some(only) => only.all().any(|named| leads_to(configuration, &named, grantable)),
        None => true,
    }
}

fn leads_to(configuration: &Configuration, from: &Grantable, to: &Grantable) -> bool {
    if from == to {
        return true;
    }
    let next: Vec<Grantable> = match from {
        Grantable::Role(name) => configuration.roles.get(name).map_or_else(Vec::new, |role| {
            let profiles = role.access_profiles.iter().cloned().map(Grantable::AccessProfile);
            profiles.chain(role.roles.iter().cloned().map(Grantable::Role)).collect()
        }),
        Grantable::AccessProfile(name) => configuration.access_profiles.get(name).map_or_else(Vec::new, |profile| {
            let entitlements = profile.entitlements.iter().cloned().map(Grantable::Entitlement);
            entitlements.chain(profile.account_types.iter().cloned().map(Grantable::AccountType)).collect()
        }),
        Grantable::Entitlement(name) => {
            let entitlement = configuration.entitlements.get(name).into_iter();
            entitlement.map(|entitlement| Grantable::AccountType(entitlement.account_type.clone())).collect()
        }
        Grantable::AccountType(_) => Vec::new(),
    };
    next.iter().any(|next| leads_to(configuration, next, to))
}

struct Found<'a> {
    state: String,
    /// Where a period tells.
    since: Option<Date>,
    context: Option<&'a Context>,
    facts: Vec<Fact>,
    conflicts: Vec<String>,
}

fn built_in<'a>(identity: &'a Identity, remembered: Option<&Remembered>, today: Date) -> Found<'a> {
    let state = identity.lifecycle(today);
    let last = identity
        .contexts
        .iter()
        .map(|context| context.period.ends)
        .reduce(|one, other| one.zip(other).map(|(one, other)| one.max(other)));
    let last = last.flatten();
    let since = match state {
        LifecycleState::Joiner => None,
        LifecycleState::Active => without_gap(identity.contexts.iter().collect(), today),
        LifecycleState::Leaver if identity.present => last,
        LifecycleState::Leaver => {
            let seen = remembered.filter(|seen| seen.state == state.name() && seen.since <= today);
            if seen.is_some() { None } else { last.filter(|last| *last <= today) }
        }
    };
    Found { state: state.name().to_owned(), since, context: None, facts: Vec::new(), conflicts: Vec::new() }
}

/// The first day of the time without a gap in which these hold, up to today.
fn without_gap(contexts: Vec<&Context>, today: Date) -> Option<Date> {
    let mut since =
        contexts.iter().filter(|context| context.period.holds(today)).map(|context| context.period.starts).min()??;
    loop {
        let before = contexts.iter().filter(|context| {
            context.period.starts.is_none_or(|starts| starts < since)
                && context.period.ends.is_none_or(|ends| since <= ends)
        });
        match before.map(|context| context.period.starts).min() {
            None => return Some(since),
            Some(starts) => since = starts?,
        }
    }
}

fn facts(condition: Option<&Expression>, subject: &Subject<'_>) -> Vec<Fact> {
    let names = condition.map_or(&[][..], Expression::attributes).iter();
    names.map(|name| Fact { attribute: name.clone(), value: subject.value(name) }).collect()
}

/// The more a state takes away, the smaller.
fn gentleness(state: &LifecycleStateDefinition) -> u8 {
    match (state.access, &state.only, &state.without) {
        (StateAccess::None, ..) => 0,
        (StateAccess::Keep, Some(_), _) => 1,
        (StateAccess::Keep, None, Some(_)) => 2,
        (StateAccess::Keep, None, None) => 3,
    }
}
