//! Who has to agree to a request before it takes effect, and rules that decide when nobody does in time.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Configuration;
use crate::access::Grantable;
use crate::approval::Verdict;

/// The most stages that a thing may have.
pub const MOST_STAGES: usize = 3;

/// One step of an approval: these people, so many of whom have to agree before the next stage begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ApprovalStage {
    /// Who may decide.
    pub from: Vec<Approver>,
    /// How many of them have to agree.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub required: u16,
    /// Days until others may decide as well; without it only when nobody is left who may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days: Option<u16>,
    /// Those others. After them, or where nothing is said, everybody who may decide about every request.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub escalate_to: Vec<Approver>,
}

fn one() -> u16 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
fn is_one(value: &u16) -> bool {
    *value == 1
}

impl ApprovalStage {
    /// One of these has to agree, however long it takes.
    pub fn of(from: impl IntoIterator<Item = Approver>) -> Self {
        Self { from: from.into_iter().collect(), required: 1, days: None, escalate_to: Vec::new() }
    }
}

/// Somebody who may decide, as a configuration names them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(with = "String"))]
#[serde(from = "String", into = "String")]
pub enum Approver {
    /// The manager of whom it is for.
    Manager,
    /// That one's manager.
    ManagersManager,
    /// Whoever answers for the role or access profile.
    Owner,
    /// Whoever answers for the application that the thing belongs to.
    ApplicationOwner,
    /// One person, by login.
    User(String),
    /// A team: the holders of a permission profile.
    Profile(String),
}

impl Approver {
    /// What stands before a login; a name without it that is none of the words is a permission profile's.
    pub const USER: &str = "user:";
    /// The words that name somebody by what they are to the matter.
    pub const WORDS: [(&str, Self); 4] = [
        ("manager", Self::Manager),
        ("managers_manager", Self::ManagersManager),
        ("owner", Self::Owner),
        ("application_owner", Self::ApplicationOwner),
    ];

    /// Whether more than one person may be meant.
    pub fn is_team(&self) -> bool {
        matches!(self, Self::Profile(_))
    }
}

impl From<String> for Approver {
    fn from(text: String) -> Self {
        if let Some((_, word)) = Self::WORDS.into_iter().find(|(word, _)| *word == text) {
            return word;
        }
        match text.strip_prefix(Self::USER) {
            Some(login) => Self::User(login.to_owned()),
            None => Self::Profile(text),
        }
    }
}

impl From<Approver> for String {
    fn from(approver: Approver) -> Self {
        approver.to_string()
    }
}

impl fmt::Display for Approver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((word, _)) = Self::WORDS.iter().find(|(_, word)| word == self) {
            return f.write_str(word);
        }
        match self {
            Self::User(login) => write!(f, "{}{login}", Self::USER),
            Self::Profile(name) => f.write_str(name),
            Self::Manager | Self::ManagersManager | Self::Owner | Self::ApplicationOwner => Ok(()),
        }
    }
}

/// Decides a stage by itself when it has waited too long. It is about one thing, a category, or everything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AutomationRule {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_profile: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entitlement: Option<String>,
    /// Whatever is sorted into this category, or into a part of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// Hours that a stage has waited.
    pub hours: u32,
    pub decision: Verdict,
}

impl AutomationRule {
    /// What it is about; none for everything.
    pub fn targets(&self) -> Vec<AutomationTarget<'_>> {
        [
            self.role.as_deref().map(|name| AutomationTarget::Thing(Grantable::Role(name.to_owned()))),
            self.access_profile
                .as_deref()
                .map(|name| AutomationTarget::Thing(Grantable::AccessProfile(name.to_owned()))),
            self.entitlement.as_deref().map(|name| AutomationTarget::Thing(Grantable::Entitlement(name.to_owned()))),
            self.category.as_deref().map(AutomationTarget::Category),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// What an automation rule is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AutomationTarget<'a> {
    Thing(Grantable),
    Category(&'a str),
}

impl Configuration {
    /// Who has to agree before a thing that is asked for is given: as the thing says, else its category and those that this
    /// one is a part of, else the organisation.
    pub fn approvals(&self, grantable: &Grantable) -> &[ApprovalStage] {
        let own = match grantable {
            Grantable::Role(name) => self.roles.get(name).and_then(|role| role.approvals.as_ref()),
            Grantable::AccessProfile(name) => {
                self.access_profiles.get(name).and_then(|profile| profile.approvals.as_ref())
            }
            Grantable::Entitlement(name) => self.entitlements.get(name).and_then(|found| found.approvals.as_ref()),
            Grantable::AccountType(_) => None,
        };
        let of_category = || {
            let mut nearest = self.categories_of(grantable).into_iter().rev();
            nearest.find_map(|name| self.categories.get(name)?.approvals.as_ref())
        };
        own.or_else(of_category).or(self.organisation.approvals.as_ref()).map_or(&[], Vec::as_slice)
    }

    /// The categories that a thing is in, outermost first.
    pub fn categories_of(&self, grantable: &Grantable) -> Vec<&str> {
        let category = match grantable {
            Grantable::Role(name) => self.roles.get(name).and_then(|role| role.category.as_deref()),
            Grantable::AccessProfile(name) => {
                self.access_profiles.get(name).and_then(|profile| profile.category.as_deref())
            }
            Grantable::AccountType(_) | Grantable::Entitlement(_) => None,
        };
        category.map(|name| self.category_path(name)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::configuration::{Category, Role};

    #[test]
    fn approvers_are_written_as_they_are_read() {
        for (text, approver) in [
            ("manager", Approver::Manager),
            ("managers_manager", Approver::ManagersManager),
            ("owner", Approver::Owner),
            ("application_owner", Approver::ApplicationOwner),
            ("user:ann", Approver::User("ann".into())),
            ("security", Approver::Profile("security".into())),
        ] {
            assert_eq!(Approver::from(text.to_owned()), approver);
            assert_eq!(approver.to_string(), text);
        }
    }

    #[test]
    fn the_nearest_list_counts_and_an_empty_one_is_a_list() {
        let stage = |login: &str| Some(vec![ApprovalStage::of([Approver::User(login.into())])]);
        let mut configuration = Configuration::default();
        let thing = Grantable::Role("clerk".into());
        assert!(configuration.approvals(&thing).is_empty());
        configuration.organisation.approvals = stage("organisation");
        let category = |parent: Option<&str>, approvals| Category {
            display_name: "C".into(),
            parent: parent.map(str::to_owned),
            approvals,
            ..Category::default()
        };
        configuration.categories.insert("outer".into(), category(None, stage("outer")));
        configuration.categories.insert("inner".into(), category(Some("outer"), None));
        configuration.roles.insert("clerk".into(), Role { category: Some("inner".into()), ..Role::new("Clerk") });
        let first = |configuration: &Configuration, thing: &Grantable| {
            configuration.approvals(thing).first().map(|stage| stage.from[0].to_string())
        };
        assert_eq!(first(&configuration, &thing).as_deref(), Some("user:outer"));
        assert_eq!(first(&configuration, &Grantable::Entitlement("door".into())).as_deref(), Some("user:organisation"));
        configuration.roles.get_mut("clerk").unwrap().approvals = Some(Vec::new());
        assert_eq!(first(&configuration, &thing), None);
    }
}
