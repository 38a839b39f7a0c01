//! What is wrong with categories, and with the terms of roles and access profiles.

use ::model::configuration::Terms;

use super::{Check, circles};

/// The longest time for which anything is given: a hundred years.
const LONGEST_DAYS: u16 = 36_525;

impl Check<'_> {
    pub(super) fn categories(&mut self) {
        let configuration = self.configuration;
        let mut parents = std::collections::BTreeMap::new();
        for (name, category) in &configuration.categories {
            let object = format!("category `{name}`");
            if category.display_name.trim().is_empty() {
                self.error(&object, "display_name", "is empty; say what people call it".to_owned());
            }
            if let Some(parent) = &category.parent {
                self.reference(&object, "parent", "category", parent, &configuration.categories);
            }
            parents.insert(name.as_str(), category.parent.iter().cloned().collect::<Vec<String>>());
        }
        for circle in circles(parents.iter().map(|(name, parents)| (*name, parents)).collect()) {
            let object = format!("category `{}`", circle.first().copied().unwrap_or_default());
            let message = format!("categories are parts of each other in a circle: {}", circle.join(" → "));
            self.error(&object, "parent", format!("{message}; remove one of these steps"));
        }
        for (name, role) in &configuration.roles {
            self.terms(&format!("role `{name}`"), &role.terms());
        }
        for (name, profile) in &configuration.access_profiles {
            self.terms(&format!("access profile `{name}`"), &profile.terms());
        }
    }

    fn terms(&mut self, object: &str, terms: &Terms) {
        let configuration = self.configuration;
        if let Some(category) = &terms.category {
            self.reference(object, "category", "category", category, &configuration.categories);
        }
        if terms.owner.as_deref().is_some_and(|owner| owner.trim().is_empty()) {
            self.error(object, "owner", "names nobody; give a login, or leave it out".to_owned());
        }
        if let (Some(first), Some(last)) = (terms.valid_from, terms.valid_until)
            && last < first
        {
            let message = format!("the last day, {last}, comes before the first one, {first}; correct one of them");
            self.error(object, "valid_until", message);
        }
        match terms.maximum_days {
            Some(0) => {
                let message =
                    "given for no day is not given; give at least 1, or leave it out, or set `requestable = false`";
                self.error(object, "maximum_days", message.to_owned());
            }
            Some(days) if days > LONGEST_DAYS => {
                let message =
                    format!("{days} days are more than a hundred years; give at most {LONGEST_DAYS}, or leave it out");
                self.error(object, "maximum_days", message);
            }
            _ => {}
        }
        if terms.grace_days > LONGEST_DAYS {
            let days = terms.grace_days;
            let message = format!("{days} days are more than a hundred years; give at most {LONGEST_DAYS}");
            self.error(object, "grace_days", message);
        }
    }
}
