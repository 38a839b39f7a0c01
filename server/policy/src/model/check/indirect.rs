//! What is wrong with indirect rules.

use super::Check;
use crate::indirect::part;

impl Check<'_> {
    pub(super) fn indirect_rules(&mut self) {
        let configuration = self.configuration;
        for (name, rule) in &configuration.indirect_rules {
            let object = format!("indirect rule `{name}`");
            let known = &configuration.account_types;
            self.reference(&object, "account_type", "account type", &rule.account_type, known);
            self.reference(&object, "through", "account type", &rule.through, known);
            if let Some(counts_as) = &rule.counts_as {
                self.reference(&object, "counts_as", "account type", counts_as, known);
            }
            if rule.account_type == rule.through {
                let message = "its accounts are people's; name the account type whose accounts stand for entitlements";
                self.error(&object, "through", message.to_owned());
            }
            if known.get(&rule.through).is_some_and(|kind| !kind.correlation.is_empty()) {
                let message = format!(
                    "accounts of `{}` stand for entitlements and are nobody's, and its `correlation` says whose they are; give those of people a type of their own",
                    rule.through
                );
                self.error(&object, "through", message);
            }
            if rule.attribute.as_deref().is_some_and(|attribute| attribute.trim().is_empty()) {
                let message = "is empty; name an attribute, or leave it out where the key says it";
                self.error(&object, "attribute", message.to_owned());
            }
            match rule.pattern.as_deref().map(part) {
                Some(Err(message)) => {
                    self.error(&object, "pattern", format!("is no regular expression: {message}"));
                }
                Some(Ok(pattern)) if pattern.captures_len() != 2 => {
                    let message = "has to have one group, of the part that stands in the attribute: `cn=([^,]+),.*`";
                    self.error(&object, "pattern", message.to_owned());
                }
                _ => {}
            }
        }
    }
}
