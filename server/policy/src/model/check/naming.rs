//! What is wrong with naming rules.

use std::collections::BTreeSet;

use ::model::configuration::{NamedBundle, NamingRule};

use super::{Check, suggestion};
use crate::naming_rules::{Template, pattern, template};

/// Parts that stand for what the application says, beside the groups of the pattern.
const ALWAYS: [&str; 2] = [template::KEY, template::DISPLAY_NAME];

impl Check<'_> {
    pub(super) fn naming_rules(&mut self) {
        let configuration = self.configuration;
        for (name, rule) in &configuration.naming_rules {
            let object = format!("naming rule `{name}`");
            let known = &configuration.account_types;
            self.reference(&object, "account_type", "account type", &rule.account_type, known);
            let groups: BTreeSet<String> = match pattern(&rule.pattern) {
                Ok(pattern) => pattern.capture_names().flatten().map(str::to_owned).collect(),
                Err(message) => {
                    self.error(&object, "pattern", format!("is no regular expression: {message}"));
                    continue;
                }
            };
            self.texts(&object, rule, &groups);
            if rule.role.is_some() && rule.access_profile.is_none() {
                let message =
                    "a role consists of access profiles; say in `access_profile` which one it gets, or remove `role`";
                self.error(&object, "role", message.to_owned());
            }
        }
    }

    fn texts(&mut self, object: &str, rule: &NamingRule, groups: &BTreeSet<String>) {
        let entitlement = &rule.entitlement;
        let has_part = self.text(object, "entitlement.name", &entitlement.name, groups, true);
        if has_part == Some(false) {
            let message = "is the same for every key; put a group of the pattern into it, or `{key}`";
            self.error(object, "entitlement.name", message.to_owned());
        }
        for (field, text) in [("display_name", &entitlement.display_name), ("description", &entitlement.description)] {
            if let Some(text) = text {
                self.text(object, &format!("entitlement.{field}"), text, groups, false);
            }
        }
        for (field, bundle) in [("access_profile", &rule.access_profile), ("role", &rule.role)] {
            let Some(NamedBundle { name, display_name, description }) = bundle else { continue };
            self.text(object, &format!("{field}.name"), name, groups, true);
            self.text(object, &format!("{field}.display_name"), display_name, groups, false);
            if let Some(description) = description {
                self.text(object, &format!("{field}.description"), description, groups, false);
            }
        }
    }

    /// Whether the text has a part; nothing where it cannot be read.
    fn text(
        &mut self,
        object: &str,
        field: &str,
        text: &str,
        groups: &BTreeSet<String>,
        is_name: bool,
    ) -> Option<bool> {
        let template = match Template::parse(text) {
            Ok(template) => template,
            Err(message) => {
                self.error(object, field, message);
                return None;
            }
        };
        let mut has_part = false;
        for part in template.parts() {
            has_part = true;
            if !ALWAYS.contains(&part) && !groups.contains(part) {
                let known = groups.iter().map(String::as_str).chain(ALWAYS);
                let hint = suggestion(part, known);
                self.error(
                    object,
                    field,
                    format!("the pattern has no group `{part}`{hint}; write it as `(?<{part}>…)`"),
                );
            }
        }
        let is_good = |character: char| character.is_alphanumeric() || "-_.".contains(character);
        let between = template.fill(|_| String::new());
        if is_name && !between.chars().all(is_good) {
            let message = "a name has letters, digits, hyphens, dots and underscores only; leave out the rest";
            self.error(object, field, message.to_owned());
        }
        Some(has_part)
    }
}
