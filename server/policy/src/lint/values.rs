//! Which values people on record have, and what else there is to compare names with.

use std::collections::BTreeMap;

use model::lint::{Claim, FindingKind, Severity, Spot, Witnessed};
use model::value::Value;

use super::{Lint, claim};
use crate::expression::nearest;
use crate::naming_rules;

impl Lint<'_> {
    /// Whether nobody on record has the value. Of states of life everything is known.
    pub(super) fn is_unknown(&self, attribute: &str, value: &Value) -> bool {
        // A dimension says which values there are, also where nobody has one: a part of the organisation that only has parts.
        let dimension = self.configuration.dimension_of(attribute);
        let is_listed =
            dimension.is_some_and(|found| found.text_of(value).is_some_and(|text| found.values.contains_key(&text)));
        let known = self.crowd.and_then(|crowd| crowd.values(attribute));
        attribute != "lifecycle" && !is_listed && known.is_some_and(|known| !known.contains_key(value))
    }

    /// The value most like it that somebody has, with somebody who has it.
    pub(super) fn nearest(&self, attribute: &str, value: &Value) -> Option<(Value, Witnessed)> {
        let crowd = self.crowd?;
        let known = crowd.values(attribute)?;
        let near = Value::from(nearest(value.as_text()?, known.keys().filter_map(Value::as_text))?);
        let person = crowd.witnessed(*known.get(&near)?)?;
        Some((near, person))
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
