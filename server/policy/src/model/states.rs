//! Lifecycle states, compiled: what of access stays in each, and what becomes of accounts of each type.

use std::collections::BTreeMap;

use ::model::access::Grantable;
use ::model::configuration::{
    AccountAction, AccountStep, Configuration, LifecycleStateDefinition, OnRemoval, StateAccess,
};
use ::model::identity::LifecycleState;

use super::check::{Expressions, Field};
use super::{Read, RoleModel};

/// All states, and who is under a legal hold whatever their state.
#[derive(Clone, Debug, Default)]
pub(crate) struct States {
    /// In the order of their names; the three that everybody has are among them.
    pub(crate) states: Vec<StateModel>,
    pub(crate) legal_hold: Option<Read>,
    /// Whether anything follows from any of this.
    pub(crate) is_configured: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct StateModel {
    pub(crate) name: String,
    pub(crate) label: String,
    /// None for the three that everybody has.
    pub(crate) when: Option<Read>,
    pub(crate) priority: i32,
    pub(crate) access: AccessModel,
    pub(crate) legal_hold: Option<Read>,
    /// By account type, in the order of names: days after the first, and what happens then.
    pub(crate) stages: Vec<(String, Vec<(i32, AccountAction)>)>,
    pub(crate) has_effect: bool,
}

/// What a state lets through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AccessModel {
    Keep,
    /// Everything but these, sorted, and what would follow through them.
    Without(Vec<u32>),
    /// These and nothing else, sorted.
    Only(Vec<u32>),
    Nothing,
}

impl AccessModel {
    /// The more it takes away, the smaller: of states in conflict, what takes more away decides.
    pub(crate) fn rank(&self) -> u8 {
        match self {
            Self::Nothing => 0,
            Self::Only(_) => 1,
            Self::Without(_) => 2,
            Self::Keep => 3,
        }
    }

    /// Whether nothing follows through this any more.
    pub(crate) fn stops(&self, grantable: u32) -> bool {
        matches!(self, Self::Without(these) if these.binary_search(&grantable).is_ok())
    }

    /// Whether this is held where it is given.
    pub(crate) fn lets_through(&self, grantable: u32) -> bool {
        match self {
            Self::Keep | Self::Without(_) => true,
            Self::Only(these) => these.binary_search(&grantable).is_ok(),
            Self::Nothing => false,
        }
    }
}

impl States {
    pub(super) fn compiled(
        configuration: &Configuration,
        model: &RoleModel,
        expressions: &Expressions,
        attributes: &[String],
    ) -> Self {
        let read =
            |field: Field, text: &Option<String>| text.as_ref().map(|_| Read::new(expressions.get(&field), attributes));
        let mut definitions: BTreeMap<&str, LifecycleStateDefinition> =
            [LifecycleState::Joiner, LifecycleState::Active, LifecycleState::Leaver]
                .into_iter()
                .map(|state| (state.name(), LifecycleStateDefinition::default()))
                .collect();
        definitions.extend(configuration.lifecycle_states.iter().map(|(name, state)| (name.as_str(), state.clone())));
        let states = definitions.into_iter().map(|(name, state)| StateModel {
            name: name.to_owned(),
            label: state.label(name).to_owned(),
            when: read(Field::State(name.to_owned()), &state.when),
            priority: state.priority,
            access: access(&state, model),
            legal_hold: read(Field::LegalHold(Some(name.to_owned())), &state.legal_hold),
            stages: stages(&state, configuration),
            has_effect: state.has_effect(),
        });
        let states: Vec<StateModel> = states.collect();
        let legal_hold = read(Field::LegalHold(None), &configuration.organisation.legal_hold);
        let is_configured = legal_hold.is_some() || states.iter().any(|state| state.has_effect);
        Self { states, legal_hold, is_configured }
    }

    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        self.states.binary_search_by(|state| state.name.as_str().cmp(name)).ok()
    }

    pub(crate) fn of(&self, state: LifecycleState) -> usize {
        self.position(state.name()).unwrap_or_default()
    }
}

fn access(state: &LifecycleStateDefinition, model: &RoleModel) -> AccessModel {
    let mut found: Vec<u32> = Vec::new();
    let named = |grantable: Grantable| model.position(&grantable);
    match (state.access, &state.only, &state.without) {
        (StateAccess::None, ..) => AccessModel::Nothing,
        (_, Some(only), _) => {
            let reached = only.all().flat_map(|grantable| model.reach(&grantable));
            found.extend(reached.filter_map(named));
            found.sort_unstable();
            found.dedup();
            AccessModel::Only(found)
        }
        (_, None, Some(without)) => {
            found.extend(without.all().filter_map(named));
            let all = 0..u32::try_from(model.grantables.len()).unwrap_or(u32::MAX);
            let of_them: Vec<u32> = all
                .filter(|grantable| model.account_type_of(*grantable).is_some_and(|kind| found.contains(&kind)))
                .collect();
            found.extend(of_them);
            found.sort_unstable();
            found.dedup();
            AccessModel::Without(found)
        }
        (StateAccess::Keep, None, None) => AccessModel::Keep,
    }
}

/// An account type that says that its accounts are kept is left out, unless a step names it.
fn stages(state: &LifecycleStateDefinition, configuration: &Configuration) -> Vec<(String, Vec<(i32, AccountAction)>)> {
    let stages = configuration.account_types.iter().map(|(name, kind)| {
        let is_meant = |step: &&AccountStep| {
            step.is_about(&kind.application, name)
                && (kind.on_removal != OnRemoval::Keep || step.names(&kind.application, name))
        };
        let steps = state.accounts.iter().filter(is_meant).map(|step| (i32::from(step.after_days), step.action));
        let mut steps: Vec<(i32, AccountAction)> = steps.collect();
        steps.sort_unstable();
        steps.dedup();
        (name.clone(), steps)
    });
    stages.filter(|(_, steps)| !steps.is_empty()).collect()
}
