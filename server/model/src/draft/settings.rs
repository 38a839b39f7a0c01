//! What drafts can change beside the role model: every other table of a configuration.
//!
//! A setting is kept as the JSON that its table of a file would have, whether or not it makes sense yet: somebody may be
//! in the middle of it. Whether it reads as what it is meant to be is asked when the draft is looked at.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::configuration::Configuration;

/// Name of the one object in the table `organisation`.
pub const ORGANISATION: &str = "organisation";

macro_rules! settings {
    ($($kind:ident, $table:ident, $name:literal, $noun:literal, $plural:literal;)*) => {
        /// A table of a configuration, outside the role model.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum SettingKind {
            Organisation,
            $($kind,)*
        }

        impl SettingKind {
            pub const ALL: &'static [Self] = &[Self::Organisation, $(Self::$kind,)*];

            /// As stored, and in addresses.
            pub fn name(self) -> &'static str {
                match self {
                    Self::Organisation => ORGANISATION,
                    $(Self::$kind => $name,)*
                }
            }

            /// Table of a configuration file in which such objects stand.
            pub fn table(self) -> &'static str {
                match self {
                    Self::Organisation => ORGANISATION,
                    $(Self::$kind => stringify!($table),)*
                }
            }

            /// One of them, in words.
            pub fn noun(self) -> &'static str {
                match self {
                    Self::Organisation => ORGANISATION,
                    $(Self::$kind => $noun,)*
                }
            }

            /// All of them, in words.
            pub fn plural(self) -> &'static str {
                match self {
                    Self::Organisation => "Organisation",
                    $(Self::$kind => $plural,)*
                }
            }

            /// Names of those that a configuration has, sorted.
            pub fn names(self, configuration: &Configuration) -> Vec<String> {
                match self {
                    Self::Organisation => vec![ORGANISATION.to_owned()],
                    $(Self::$kind => configuration.$table.keys().cloned().collect(),)*
                }
            }

            /// The object of that name as JSON.
            pub fn find(self, configuration: &Configuration, name: &str) -> Option<Value> {
                match self {
                    Self::Organisation => serde_json::to_value(&configuration.organisation).ok(),
                    $(Self::$kind => configuration.$table.get(name).and_then(|found| serde_json::to_value(found).ok()),)*
                }
                .map(without_nothing)
            }

            /// Puts an object into a configuration.
            ///
            /// # Errors
            /// Where the JSON is none of this kind; the configuration stays as it is then.
            pub fn put(self, configuration: &mut Configuration, name: &str, value: &Value) -> Result<(), String> {
                match self {
                    Self::Organisation => {
                        configuration.organisation =
                            serde_json::from_value(value.clone()).map_err(|error| error.to_string())?;
                    }
                    $(Self::$kind => {
                        let object = serde_json::from_value(value.clone()).map_err(|error| error.to_string())?;
                        configuration.$table.insert(name.to_owned(), object);
                    })*
                }
                Ok(())
            }

            /// Takes an object out of a configuration. The organisation stays: it goes back to what is usual.
            pub fn remove(self, configuration: &mut Configuration, name: &str) {
                match self {
                    Self::Organisation => configuration.organisation = Default::default(),
                    $(Self::$kind => drop(configuration.$table.remove(name)),)*
                }
            }
        }
    };
}

settings! {
    Source, sources, "source", "identity source", "Identity sources";
    SignIn, sign_ins, "sign_in", "sign-in", "Sign-ins";
    Subscription, subscriptions, "subscription", "subscription", "Subscriptions";
    Dimension, dimensions, "dimension", "dimension", "Dimensions";
    Application, applications, "application", "application", "Applications";
    Integration, integrations, "integration", "integration", "Integrations";
    Agent, agents, "agent", "agent", "Agents";
    AccountType, account_types, "account_type", "account type", "Account types";
    Category, categories, "category", "category", "Categories";
    LifecycleState, lifecycle_states, "lifecycle_state", "lifecycle state", "Lifecycle states";
    Risk, risks, "risk", "risk", "Risks";
    NamingRule, naming_rules, "naming_rule", "naming rule", "Naming rules";
    IndirectRule, indirect_rules, "indirect_rule", "indirect rule", "Indirect rules";
    AutomationRule, automation_rules, "automation_rule", "automation rule", "Automation rules";
    Job, jobs, "job", "job", "Jobs";
    PermissionProfile, permission_profiles, "permission_profile", "permission profile", "Permission profiles";
    PermissionConflict, permission_conflicts, "permission_conflict", "permission conflict", "Permission conflicts";
}

impl SettingKind {
    /// The reverse of [`Self::name`].
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name)
    }
}

/// The same without what is null: files have no word for nothing.
fn without_nothing(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let kept = fields.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(kept.map(|(name, value)| (name, without_nothing(value))).collect())
        }
        Value::Array(members) => Value::Array(members.into_iter().map(without_nothing).collect()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_is_found_again_and_what_is_none_of_its_kind_changes_nothing() {
        let mut configuration = Configuration::default();
        let category = serde_json::json!({ "display_name": "Sales" });
        SettingKind::Category.put(&mut configuration, "sales", &category).unwrap();
        assert_eq!(SettingKind::Category.find(&configuration, "sales"), Some(category));
        let before = configuration.clone();
        let wrong = serde_json::json!({ "display_name": 7 });
        assert!(SettingKind::Category.put(&mut configuration, "sales", &wrong).is_err());
        assert_eq!(configuration, before);
        SettingKind::Category.remove(&mut configuration, "sales");
        assert_eq!(configuration, Configuration::default());
        for kind in SettingKind::ALL {
            assert_eq!(SettingKind::from_name(kind.name()), Some(*kind));
        }
    }
}
