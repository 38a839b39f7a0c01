//! What is wrong with the record sections of an identity source.

use std::collections::BTreeMap;

use ::model::configuration::{Gaps, IdentitySource, RecordSection};

use super::{Check, suggestion};

impl Check<'_> {
    pub(super) fn sections(&mut self, object: &str, source: &IdentitySource) {
        if !source.sections.is_empty() && source.positions.is_some() {
            let message = "has positions and sections; make the positions one of the sections";
            self.error(object, "positions", message.to_owned());
        }
        let mut with_boundaries = None;
        let mut owners: BTreeMap<&str, &str> = BTreeMap::new();
        for (name, section) in &source.sections {
            let field = |rest: &str| format!("sections.{name}.{rest}");
            for attribute in section.attributes.keys() {
                if let Some(other) = owners.insert(attribute, name) {
                    let message = format!(
                        "`{attribute}` is delivered by section `{other}` as well, and both may hold at once; keep one of the two"
                    );
                    self.error(object, &field(&format!("attributes.{attribute}")), message);
                }
            }
            if section.boundaries.is_some()
                && let Some(other) = with_boundaries.replace(name)
            {
                let message = format!(
                    "section `{other}` says already from when to when somebody is there; keep one `boundaries`"
                );
                self.error(object, &field("boundaries"), message);
            }
            self.section(object, name, section);
        }
    }

    fn section(&mut self, object: &str, name: &str, section: &RecordSection) {
        let field = |rest: &str| format!("sections.{name}.{rest}");
        match (&section.file, &section.key) {
            (Some(_), None) => {
                let message = "is missing; name the column of the file with the person's key";
                self.error(object, &field("key"), message.to_owned());
            }
            (None, Some(_)) => {
                let message = "means nothing without a `file`: the row of the person has its key; remove it";
                self.error(object, &field("key"), message.to_owned());
            }
            _ => {}
        }
        if section.attributes.is_empty() && section.boundaries.is_none() {
            let message =
                "has no attributes and no boundaries, so that nothing follows from it; give it one of the two";
            self.error(object, &field("attributes"), message.to_owned());
        }
        if section.gaps == Gaps::Leave {
            let needless =
                [("sort_key", section.sort_key.is_some()), ("not_extended", !section.not_extended.is_empty())];
            for (rest, _) in needless.into_iter().filter(|(_, is_given)| *is_given) {
                let message = "means nothing where gaps are left; set `gaps = \"extend\"`, or remove it";
                self.error(object, &field(rest), message.to_owned());
            }
        }
        for attribute in section.not_extended.iter().filter(|name| !section.attributes.contains_key(*name)) {
            let hint = suggestion(attribute, section.attributes.keys().map(String::as_str));
            let message = format!("`{attribute}` is no attribute of the section{hint}");
            self.error(object, &field("not_extended"), message);
        }
    }
}
