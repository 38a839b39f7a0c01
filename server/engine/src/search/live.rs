//! What the live configuration describes, folded once for all questions.

use model::configuration::Configuration;
use model::draft::{ObjectKind, SettingKind};
use model::search::Target;
use store::words::fold;

use super::matching::Letters;

/// Something of the configuration that can be found.
pub(crate) struct Described {
    pub(crate) target: Target,
    pub(crate) title: String,
    pub(crate) detail: String,
    /// Its name, and what people call it.
    pub(crate) title_words: String,
    /// Its kind and description.
    pub(crate) detail_words: String,
    /// All that are in either.
    pub(super) letters: Letters,
}

impl Described {
    /// Everything that the configuration describes.
    pub(crate) fn all(configuration: &Configuration) -> Vec<Self> {
        let mut all = Vec::new();
        for (name, role) in &configuration.roles {
            let target = Target::Object(ObjectKind::Role, name.clone());
            all.push(Self::new(target, name, &role.display_name, "Role", role.description.as_deref()));
        }
        for (name, profile) in &configuration.access_profiles {
            let target = Target::Object(ObjectKind::AccessProfile, name.clone());
            all.push(Self::new(target, name, &profile.display_name, "Access profile", profile.description.as_deref()));
        }
        for (name, entitlement) in &configuration.entitlements {
            let target = Target::Object(ObjectKind::Entitlement, name.clone());
            let about = entitlement.description.as_deref();
            all.push(Self::new(target, name, &entitlement.display_name, "Entitlement", about));
        }
        for (name, rule) in &configuration.rules {
            let target = Target::Object(ObjectKind::Rule, name.clone());
            all.push(Self::new(target, name, name, "Rule", rule.description.as_deref()));
        }
        for (name, application) in &configuration.applications {
            let target = Target::Application(name.clone());
            all.push(Self::new(target, name, &application.display_name, "Application", None));
        }
        for (name, integration) in &configuration.integrations {
            let target = Target::Integration(name.clone());
            let about = integration.description.as_deref();
            all.push(Self::new(target, name, &integration.display_name, "Integration", about));
        }
        let with_page = [SettingKind::Application, SettingKind::Integration];
        for kind in SettingKind::ALL.iter().copied().filter(|kind| !with_page.contains(kind)) {
            for name in kind.names(configuration) {
                let object = kind.find(configuration, &name).unwrap_or_default();
                let text = |field: &str| object.get(field).and_then(|value| value.as_str()).unwrap_or_default();
                let label = if text("display_name").is_empty() { &name } else { text("display_name") };
                let target = Target::Object(ObjectKind::Setting(kind), name.clone());
                all.push(Self::new(target, &name, label, &sentence(kind.noun()), Some(text("description"))));
            }
        }
        all
    }

    fn new(target: Target, name: &str, label: &str, kind: &str, about: Option<&str>) -> Self {
        let detail = if name == label { kind.to_owned() } else { format!("{kind} {name}") };
        let (title_words, detail_words) = (fold([label, name]), fold([kind, about.unwrap_or_default()]));
        Self {
            target,
            title: label.to_owned(),
            letters: Letters::of(&format!("{title_words}{detail_words}")),
            title_words,
            detail_words,
            detail,
        }
    }
}

fn sentence(noun: &str) -> String {
    let mut letters = noun.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
