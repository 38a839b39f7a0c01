//! Which values people on record have, and what else there is to compare names with.

use std::collections::{BTreeMap, BTreeSet};

use model::identity::Identity;
use model::lint::{Claim, FindingKind, Severity, Spot, Witnessed};
use model::value::Value;

use super::{Lint, claim};
use crate::expression::nearest;
use crate::naming_rules;

/// Values by attribute, of those attributes that rules ask for values of.
#[derive(Default)]
pub(super) struct Values(BTreeMap<String, BTreeSet<Value>>);

impl Values {
    pub(super) fn of(people: &[&Identity], attributes: BTreeSet<String>) -> Self {
        let mut values: BTreeMap<String, BTreeSet<Value>> =
            attributes.into_iter().map(|name| (name, BTreeSet::new())).collect();
        for person in people {
            for (name, known) in &mut values {
                each(person, name, |value| {
                    if !known.contains(value) {
                        known.insert(value.clone());
                    }
                });
            }
        }
        Self(values)
    }

    fn get(&self, attribute: &str) -> Option<&BTreeSet<Value>> {
        self.0.get(attribute)
    }
}

/// Calls with everything that an attribute of somebody is, in one of their contexts or by itself.
fn each(person: &Identity, attribute: &str, mut see: impl FnMut(&Value)) {
    match attribute {
        "key" => see(&Value::from(person.key.as_str())),
        "source" => see(&Value::from(person.source.as_str())),
        "display_name" => see(&Value::from(person.display_name.as_str())),
        "manager" => person.manager_key.iter().for_each(|key| see(&Value::from(key.as_str()))),
        _ => {
            let contexts = person.contexts.iter().map(|context| &context.attributes);
            std::iter::once(&person.attributes).chain(contexts).filter_map(|own| own.get(attribute)).for_each(see);
        }
    }
}

impl Lint<'_> {
    /// Whether nobody on record has the value. Of states of life everything is known.
    pub(super) fn is_unknown(&self, attribute: &str, value: &Value) -> bool {
        // A dimension says which values there are, also where nobody has one: a part of the organisation that only has parts.
        let dimension = self.configuration.dimension_of(attribute);
        let is_listed =
            dimension.is_some_and(|found| found.text_of(value).is_some_and(|text| found.values.contains_key(&text)));
        attribute != "lifecycle" && !is_listed && self.values.get(attribute).is_some_and(|known| !known.contains(value))
    }

    /// The value most like it that somebody has, with somebody who has it.
    pub(super) fn nearest(&self, attribute: &str, value: &Value) -> Option<(Value, Witnessed)> {
        let known = self.values.get(attribute)?.iter().filter_map(Value::as_text);
        let near = Value::from(nearest(value.as_text()?, known)?);
        let people = self.crowd?.people.iter();
        let person = people.into_iter().find(|person| {
            let mut has = false;
            each(person, attribute, |own| has |= *own == near);
            has
        })?;
        Some((near, Witnessed { is_made_up: false, identity: (**person).clone() }))
    }

    /// Naming rules that fit nothing of an application whose entitlements are known.
    pub(super) fn naming_rules(&mut self) {
        let Some(crowd) = self.crowd else { return };
        let mut keys: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for entitlement in self.configuration.entitlements.values() {
            if let Some(kind) = self.configuration.account_types.get(&entitlement.account_type) {
                keys.entry(kind.application.as_str()).or_default().push(&entitlement.key);
            }
        }
        for found in crowd.found {
            keys.entry(found.application.as_str()).or_default().push(&found.key);
        }
        let mut unmatched = Vec::new();
        for (name, rule) in &self.configuration.naming_rules {
            let Some(kind) = self.configuration.account_types.get(&rule.account_type) else { continue };
            let (Some(keys), Ok(pattern)) = (keys.get(kind.application.as_str()), naming_rules::pattern(&rule.pattern))
            else {
                continue;
            };
            if !keys.iter().any(|key| pattern.is_match(key)) {
                unmatched.push((name.clone(), kind.application.clone(), keys.len()));
            }
        }
        for (name, application, count) in unmatched {
            let message = format!(
                "Naming rule `{name}` fits none of the {count} entitlements known of application `{application}`. Correct its pattern, or remove it."
            );
            let spot = Spot::field("naming_rules", &name, "pattern");
            let witness = claim(Claim::FitsNothing { naming_rule: name });
            self.found(Severity::Note, FindingKind::UnmatchedNamingRule, vec![spot], message, witness);
        }
    }
}
