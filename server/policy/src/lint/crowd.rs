//! Everybody on record, as far as the policy check asks about them.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use model::identity::Identity;
use model::ids::IdentityId;
use model::lint::Witnessed;
use model::value::Value;

use super::condition::named_values;
use crate::day;
use crate::engine::Engine;
use crate::model::RoleModel;
use crate::naming_rules::FoundEntitlement;

/// Everybody on record.
#[derive(Clone, Copy)]
pub struct Crowd<'a> {
    pub asked: &'a Asked,
    /// Who somebody is.
    pub person: &'a dyn Fn(IdentityId) -> Option<Identity>,
    /// What applications say they have beside what the role model knows.
    pub found: &'a [FoundEntitlement],
}

/// What everybody was asked for one configuration.
#[derive(Clone, Debug)]
pub struct Asked {
    /// How many are on record.
    count: usize,
    /// Rules that hold for somebody, with whom.
    met: BTreeMap<String, IdentityId>,
    /// What rules can see people have of the attributes that rules ask for by value.
    values: BTreeMap<String, BTreeMap<Value, IdentityId>>,
}

impl Asked {
    /// Asks everybody in an engine, whether they were computed or not. The engine may be of another model, such as the one that is
    /// live: none where the one that is checked reads attributes of which nothing is kept there.
    pub fn new(engine: &mut Engine, model: &RoleModel, today: Date) -> Option<Self> {
        let today = day::number(today);
        let mut met = BTreeMap::new();
        let mut names: BTreeSet<String> = BTreeSet::new();
        for rule in &model.rules {
            if !engine.keeps_what_is_read(&model.attributes, rule) {
                return None;
            }
            let somebody = engine.somebody_meets(&model.attributes, rule, today);
            met.extend(somebody.map(|id| (rule.name.clone(), id)));
            names.extend(named_values(&rule.when.expression).into_iter().map(|(attribute, _)| attribute.to_owned()));
        }
        let values = names.into_iter().map(|name| {
            let values = engine.values_of(&name)?;
            Some((name, values))
        });
        let values = values.collect::<Option<_>>()?;
        Some(Self { count: engine.present(), met, values })
    }
}

impl<'a> Crowd<'a> {
    pub(super) fn count(&self) -> usize {
        self.asked.count
    }

    /// Whether the rule holds for anybody.
    pub(super) fn meets(&self, rule: &str) -> bool {
        self.asked.met.contains_key(rule)
    }

    /// Somebody for whom the rule holds.
    pub(super) fn meeting(&self, rule: &str) -> Option<Witnessed> {
        self.asked.met.get(rule).and_then(|id| self.witnessed(*id))
    }

    /// What people have of an attribute; none where no rule asks for a value of it.
    pub(super) fn values(&self, attribute: &str) -> Option<&'a BTreeMap<Value, IdentityId>> {
        self.asked.values.get(attribute)
    }

    pub(super) fn witnessed(&self, id: IdentityId) -> Option<Witnessed> {
        (self.person)(id).map(|identity| Witnessed { is_made_up: false, identity })
    }
}
