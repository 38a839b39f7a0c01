//! One identity in coded form: the attributes that the model reads, its contexts with what they change, and where the
//! last computation left it.

use std::collections::BTreeSet;

use model::access::GrantOrigin;
use model::identity::{Identity, LifecycleState};
use model::ids::IdentityId;
use model::request::DirectGrant;
use model::value::Value;

use crate::digest::Digest;
use crate::expression::BUILT_IN;
use crate::model::RoleModel;

use super::day::{self, ALWAYS, Day, NEVER};
use super::dictionary::{ABSENT, Dictionary};

/// Stands for the keys of contexts in the dictionary; no attribute of a model has this position.
const CONTEXT_KEY: u16 = u16::MAX;

#[derive(Clone)]
pub(super) struct Person {
    pub(super) id: IdentityId,
    pub(super) present: bool,
    /// Codes of its own attributes, in the model's order. `lifecycle` is absent here: it depends on the day.
    pub(super) own: Box<[u32]>,
    /// In the order of their keys.
    pub(super) contexts: Box<[Row]>,
    pub(super) grants: Box<[Grant]>,
    /// The combination of rules that held when last evaluated.
    pub(super) set: Option<u32>,
    pub(super) digest: Option<i64>,
    pub(super) confirmed: Option<i64>,
    /// State that was recorded, by position, and its first day.
    pub(super) remembered: Option<(usize, Day)>,
    /// Days on which its state goes on, as far as known when last evaluated.
    pub(super) advances: BTreeSet<Day>,
}

/// Something given directly.
#[derive(Clone)]
pub(super) struct Grant {
    /// Position of what is given.
    pub(super) grantable: u32,
    pub(super) bounds: (Day, Day),
    pub(super) origin: GrantOrigin,
    /// Of the origin.
    pub(super) hash: u64,
}

impl Grant {
    /// In an order of their own; those of things that the configuration does not know are left out.
    pub(super) fn all(grants: &[DirectGrant], model: &RoleModel) -> Box<[Self]> {
        let mut known: Vec<Self> = grants
            .iter()
            .filter_map(|grant| {
                let mut digest = Digest::default();
                digest.number(grant.origin.request.0.cast_unsigned());
                digest.text(&grant.origin.by);
                digest.text(&grant.origin.why);
                Some(Self {
                    grantable: model.position(&grant.grantable)?,
                    bounds: day::bounds(grant.period),
                    origin: grant.origin.clone(),
                    hash: digest.finish(),
                })
            })
            .collect();
        known.sort_by(|left, right| (&left.origin, left.grantable).cmp(&(&right.origin, right.grantable)));
        known.into()
    }
}

/// One context.
#[derive(Clone)]
pub(super) struct Row {
    /// Code of its key.
    pub(super) key: u32,
    pub(super) priority: i32,
    pub(super) bounds: (Day, Day),
    /// Attributes that it has itself.
    pub(super) over: Box<[(u16, u32)]>,
}

impl Person {
    pub(super) fn new(
        identity: &Identity,
        grants: &[DirectGrant],
        model: &RoleModel,
        dictionary: &mut Dictionary,
    ) -> Self {
        let mut own = vec![ABSENT; model.attributes.len()];
        for (attribute, (slot, name)) in own.iter_mut().zip(&model.attributes).enumerate() {
            let Ok(attribute) = u16::try_from(attribute) else { continue };
            let text = |text: &str| Some(Value::Text(text.to_owned()));
            let built_in = match name.as_str() {
                "key" => text(&identity.key),
                "source" => text(&identity.source),
                "display_name" => text(&identity.display_name),
                "manager" => identity.manager_key.as_deref().and_then(text),
                "lifecycle" => None,
                name => {
                    if let Some(value) = identity.attributes.get(name) {
                        *slot = dictionary.take(attribute, value);
                    }
                    continue;
                }
            };
            if let Some(value) = built_in {
                *slot = dictionary.take(attribute, &value);
            }
        }
        let mut contexts: Vec<_> = identity.contexts.iter().collect();
        contexts.sort_by(|left, right| left.key.cmp(&right.key));
        let contexts = contexts.into_iter().map(|context| {
            let mut over = Vec::new();
            for (attribute, name) in model.attributes.iter().enumerate() {
                let value = context.attributes.get(name).filter(|_| !BUILT_IN.contains(&name.as_str()));
                if let (Ok(attribute), Some(value)) = (u16::try_from(attribute), value) {
                    over.push((attribute, dictionary.take(attribute, value)));
                }
            }
            Row {
                key: dictionary.take(CONTEXT_KEY, &Value::Text(context.key.clone())),
                priority: context.priority,
                bounds: day::bounds(context.period),
                over: over.into(),
            }
        });
        Self {
            id: identity.id,
            present: identity.present,
            contexts: contexts.collect(),
            grants: Grant::all(grants, model),
            own: own.into(),
            set: None,
            digest: None,
            confirmed: None,
            remembered: None,
            advances: BTreeSet::new(),
        }
    }

    /// Every code that it uses, as often as it does.
    pub(super) fn codes(&self) -> impl Iterator<Item = u32> {
        let contexts = self.contexts.iter().flat_map(|row| row.over.iter().map(|(_, code)| *code).chain([row.key]));
        self.own.iter().copied().chain(contexts)
    }

    /// See [`Identity::lifecycle`].
    pub(super) fn lifecycle(&self, today: Day) -> LifecycleState {
        if !self.present {
            LifecycleState::Leaver
        } else if self.contexts.is_empty() || self.contexts.iter().any(|row| day::holds(row.bounds, today)) {
            LifecycleState::Active
        } else if self.contexts.iter().any(|row| row.bounds.1 > today) {
            LifecycleState::Joiner
        } else {
            LifecycleState::Leaver
        }
    }

    /// A day on which something about it holds, for questions that come before any day was computed.
    pub(super) fn some_day(&self) -> Day {
        let best = self.contexts.iter().min_by_key(|row| (row.priority, row.bounds.0));
        match best.map(|row| row.bounds) {
            Some((starts, _)) if starts != ALWAYS => starts,
            Some((_, ends)) if ends != NEVER => ends - 1,
            _ => 0,
        }
    }
}
