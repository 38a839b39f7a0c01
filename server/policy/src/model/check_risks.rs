//! What is wrong with risks: sides that nobody can meet, and rules that one thing alone breaks.

use std::collections::BTreeMap;

use ::model::access::Grantable;
use ::model::configuration::{Risk, RiskRule};

use super::check::Check;

impl Check<'_> {
    pub(super) fn risks(&mut self) {
        let configuration = self.configuration;
        for (name, risk) in &configuration.risks {
            let object = format!("risk `{name}`");
            if !(0..=Risk::HIGHEST).contains(&risk.level) {
                let message = format!("{} is no level; give a number from 0 to {}", risk.level, Risk::HIGHEST);
                self.error(&object, "level", message);
            }
            if risk.exception_days == Some(0) {
                let message = "an exception that lasts no day is none; give at least 1, or leave it out";
                self.error(&object, "exception_days", message.to_owned());
            }
            if risk.owner.as_deref().is_some_and(|owner| owner.trim().is_empty()) {
                self.error(&object, "owner", "names nobody; give a login, or leave it out".to_owned());
            }
            if risk.rules.is_empty() {
                let message = "has no rule, so that nobody ever breaks it; add one with its `sides`";
                self.error(&object, "rules", message.to_owned());
            }
            for (position, rule) in risk.rules.iter().enumerate() {
                self.risk_rule(&object, &format!("rules[{position}]"), risk, rule);
            }
        }
    }

    fn risk_rule(&mut self, object: &str, path: &str, risk: &Risk, rule: &RiskRule) {
        let fewest = risk.kind.fewest_sides();
        if rule.sides.len() < fewest {
            let message = match fewest {
                1 => "has no side, so that nobody ever breaks it; say what is meant".to_owned(),
                _ => format!(
                    "has {} side{}; what nobody should hold together takes two or more, and what is a risk by itself is \
                     `kind = \"high_privilege\"`",
                    rule.sides.len(),
                    if rule.sides.len() == 1 { "" } else { "s" }
                ),
            };
            self.error(object, &format!("{path}.sides"), message);
        }
        let configuration = self.configuration;
        let mut first_on: BTreeMap<Grantable, usize> = BTreeMap::new();
        for (position, side) in rule.sides.iter().enumerate() {
            let path = format!("{path}.sides[{position}]");
            if side.things().next().is_none() {
                let message = "names nothing, so that nobody ever breaks the rule; give it `roles`, `access_profiles`, `account_types` or `entitlements`";
                self.error(object, &path, message.to_owned());
            }
            for thing in side.things() {
                let (field, kind) = (format!("{path}.{}s", thing.kind()), thing.kind().replace('_', " "));
                match &thing {
                    Grantable::Role(name) => self.reference(object, &field, &kind, name, &configuration.roles),
                    Grantable::AccessProfile(name) => {
                        self.reference(object, &field, &kind, name, &configuration.access_profiles);
                    }
                    Grantable::AccountType(name) => {
                        self.reference(object, &field, &kind, name, &configuration.account_types);
                    }
                    Grantable::Entitlement(name) => {
                        self.reference(object, &field, &kind, name, &configuration.entitlements);
                    }
                }
                match first_on.get(&thing) {
                    Some(first) if *first != position => {
                        let message = format!(
                            "{kind} `{}` is on this side and on `sides[{first}]`, so that it alone is enough for both; \
                             keep it on one of them",
                            thing.name()
                        );
                        self.error(object, &field, message);
                    }
                    Some(_) => {
                        self.error(object, &field, format!("{kind} `{}` is here twice; keep it once", thing.name()));
                    }
                    None => {
                        first_on.insert(thing, position);
                    }
                }
            }
        }
    }
}
