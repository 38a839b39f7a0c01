//! Changes of the configuration that people prepare on pages before anything of them is live.
//!
//! A draft holds objects as they are to be, beside how each was when it was first touched, so that nothing that somebody
//! else published meanwhile is overwritten unseen. Roles, access profiles, entitlements and assignment rules are typed;
//! everything else is a [`SettingKind`].

pub mod settings;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::access::{Dormancy, Grantable};
use crate::configuration::{AccessProfile, AssignmentRule, Configuration, Entitlement, Role, RoleState, Terms};
use crate::ids::{ConfigurationVersionId, DraftId, IdentityId};

pub use settings::SettingKind;

/// What of a configuration is edited on pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ObjectKind {
    Role,
    AccessProfile,
    Entitlement,
    Rule,
    Setting(SettingKind),
}

impl ObjectKind {
    /// Those that say who holds what.
    pub const ROLE_MODEL: [Self; 4] = [Self::Role, Self::AccessProfile, Self::Entitlement, Self::Rule];

    pub fn all() -> impl Iterator<Item = Self> {
        Self::ROLE_MODEL.into_iter().chain(SettingKind::ALL.iter().copied().map(Self::Setting))
    }

    /// As stored, and in addresses.
    pub fn name(self) -> &'static str {
        match self {
            Self::Role => "role",
            Self::AccessProfile => "access_profile",
            Self::Entitlement => "entitlement",
            Self::Rule => "rule",
            Self::Setting(kind) => kind.name(),
        }
    }

    /// The reverse of [`Self::name`].
    pub fn from_name(name: &str) -> Option<Self> {
        Self::all().find(|kind| kind.name() == name)
    }

    /// Table of a configuration file in which such objects stand.
    pub fn table(self) -> &'static str {
        match self {
            Self::Role => "roles",
            Self::AccessProfile => "access_profiles",
            Self::Entitlement => "entitlements",
            Self::Rule => "rules",
            Self::Setting(kind) => kind.table(),
        }
    }

    /// Whether such objects are sorted into categories, and given on terms.
    pub fn has_terms(self) -> bool {
        matches!(self, Self::Role | Self::AccessProfile)
    }

    /// In words.
    pub fn noun(self) -> &'static str {
        match self {
            Self::Role => "role",
            Self::AccessProfile => "access profile",
            Self::Entitlement => "entitlement",
            Self::Rule => "rule",
            Self::Setting(kind) => kind.noun(),
        }
    }

    /// The object of that name in a configuration.
    pub fn find(self, configuration: &Configuration, name: &str) -> Option<Object> {
        match self {
            Self::Role => configuration.roles.get(name).cloned().map(Object::Role),
            Self::AccessProfile => configuration.access_profiles.get(name).cloned().map(Object::AccessProfile),
            Self::Entitlement => configuration.entitlements.get(name).cloned().map(Object::Entitlement),
            Self::Rule => configuration.rules.get(name).cloned().map(Object::Rule),
            Self::Setting(kind) => kind.find(configuration, name).map(|value| Object::Setting(kind, value)),
        }
    }

    /// The thing that people hold; none for a rule or a setting.
    pub fn grantable(self, name: &str) -> Option<Grantable> {
        match self {
            Self::Role => Some(Grantable::Role(name.to_owned())),
            Self::AccessProfile => Some(Grantable::AccessProfile(name.to_owned())),
            Self::Entitlement => Some(Grantable::Entitlement(name.to_owned())),
            Self::Rule | Self::Setting(_) => None,
        }
    }
}

/// An object of a configuration in one form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "body", rename_all = "snake_case")]
pub enum Object {
    Role(Role),
    AccessProfile(AccessProfile),
    Entitlement(Entitlement),
    Rule(AssignmentRule),
    /// As its table of a file would have it, whether or not it makes sense yet.
    Setting(SettingKind, Value),
}

impl Object {
    pub fn kind(&self) -> ObjectKind {
        match self {
            Self::Role(_) => ObjectKind::Role,
            Self::AccessProfile(_) => ObjectKind::AccessProfile,
            Self::Entitlement(_) => ObjectKind::Entitlement,
            Self::Rule(_) => ObjectKind::Rule,
            Self::Setting(kind, _) => ObjectKind::Setting(*kind),
        }
    }

    /// What pages do not show stays as it was: who has to agree before it is given.
    #[must_use]
    pub fn with_approvals_of(mut self, before: Option<&Self>) -> Self {
        match (&mut self, before) {
            (Self::Role(role), Some(Self::Role(before))) => role.approvals.clone_from(&before.approvals),
            (Self::AccessProfile(profile), Some(Self::AccessProfile(before))) => {
                profile.approvals.clone_from(&before.approvals);
            }
            (Self::Entitlement(entitlement), Some(Self::Entitlement(before))) => {
                entitlement.approvals.clone_from(&before.approvals);
            }
            _ => {}
        }
        self
    }

    /// On which terms it is given; only roles and access profiles have any.
    pub fn terms(&self) -> Option<Terms> {
        match self {
            Self::Role(role) => Some(role.terms()),
            Self::AccessProfile(profile) => Some(profile.terms()),
            Self::Entitlement(_) | Self::Rule(_) | Self::Setting(..) => None,
        }
    }
}

/// What a draft makes of one object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DraftChange {
    pub kind: ObjectKind,
    pub name: String,
    /// As it was live when the draft first touched it; none where there was none.
    pub before: Option<Object>,
    /// As it is to be; none where it is removed.
    pub after: Option<Object>,
    pub changed_by: String,
    pub changed_at: Timestamp,
}

impl DraftChange {
    /// Whether the live object is another than the draft began from.
    pub fn has_moved(&self, live: &Configuration) -> bool {
        self.kind.find(live, &self.name) != self.before
    }

    /// Puts the object, as it is to be, into a configuration. A setting that is none of its kind yet is left out.
    pub fn put_into(&self, configuration: &mut Configuration) {
        let name = self.name.clone();
        match &self.after {
            Some(Object::Role(role)) => {
                configuration.roles.insert(name, role.clone());
            }
            Some(Object::AccessProfile(profile)) => {
                configuration.access_profiles.insert(name, profile.clone());
            }
            Some(Object::Entitlement(entitlement)) => {
                configuration.entitlements.insert(name, entitlement.clone());
            }
            Some(Object::Rule(rule)) => {
                configuration.rules.insert(name, rule.clone());
            }
            Some(Object::Setting(kind, value)) => drop(kind.put(configuration, &name, value)),
            None => match self.kind {
                ObjectKind::Role => drop(configuration.roles.remove(&name)),
                ObjectKind::AccessProfile => drop(configuration.access_profiles.remove(&name)),
                ObjectKind::Entitlement => drop(configuration.entitlements.remove(&name)),
                ObjectKind::Rule => drop(configuration.rules.remove(&name)),
                ObjectKind::Setting(kind) => kind.remove(configuration, &name),
            },
        }
    }
}

/// A draft with all that it changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draft {
    pub id: DraftId,
    pub title: String,
    pub state: DraftState,
    pub created_by: String,
    pub created_at: Timestamp,
    /// Who published or discarded it, and when.
    pub ended: Option<(String, Timestamp)>,
    /// What publishing made of it.
    pub version: Option<ConfigurationVersionId>,
    /// Sorted by kind and name.
    pub changes: Vec<DraftChange>,
}

impl Draft {
    /// The configuration as it would be, were the draft published, without settings that are none of their kind yet.
    pub fn applied_to(&self, live: &Configuration) -> Configuration {
        let mut wanted = live.clone();
        self.changes.iter().for_each(|change| change.put_into(&mut wanted));
        wanted
    }

    /// What it makes of one object.
    pub fn change(&self, kind: ObjectKind, name: &str) -> Option<&DraftChange> {
        self.changes.iter().find(|change| change.kind == kind && change.name == name)
    }
}

/// A draft is open until somebody publishes or discards it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DraftState {
    Open,
    Published,
    Discarded,
}

impl DraftState {
    pub const ALL: [Self; 3] = [Self::Open, Self::Published, Self::Discarded];

    /// As stored.
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Published => "published",
            Self::Discarded => "discarded",
        }
    }

    /// The reverse of [`Self::name`].
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    pub fn label(self) -> &'static str {
        match self {
            Self::Open => "Open",
            Self::Published => "Published",
            Self::Discarded => "Discarded",
        }
    }
}

/// A draft in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DraftRow {
    pub id: DraftId,
    pub title: String,
    pub state: DraftState,
    pub created_by: String,
    pub created_at: Timestamp,
    /// When something of it was last changed, or it ended.
    pub changed_at: Timestamp,
    pub changes: u64,
}

/// An object of the role model in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectRow {
    pub kind: ObjectKind,
    pub name: String,
    pub display_name: String,
    pub description: Option<String>,
    /// Application of an access profile, condition of a rule, what a role consists of.
    pub note: String,
    /// Who holds it now, or for whom the rule holds.
    pub people: u64,
    /// Of a role or an access profile.
    pub terms: Option<Terms>,
    /// What people call its category, with those that this one is a part of.
    pub category: Option<String>,
}

/// What of the objects of a kind is looked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectFilter {
    /// Words, each a part of the name, of what people call it, or of what it consists of.
    pub text: String,
    /// Name of a category; those that are parts of it count.
    pub category: Option<String>,
    /// Login.
    pub owner: Option<String>,
    pub state: Option<RoleState>,
}

impl ObjectFilter {
    /// Whether everything is meant.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Some of the people that something concerns.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    pub total: u64,
    /// The first of them by name.
    pub people: Vec<(IdentityId, String)>,
}

/// For whom a condition holds that somebody is writing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Matching {
    /// Nothing is written yet.
    Nothing,
    /// So many of all people on record, of whom the sample names a few.
    People { found: Sample, of: u64 },
    /// It cannot be read; what is wrong, where, and what to do.
    Unclear(String),
}

/// An object of the role model with everything around it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectDetail {
    pub name: String,
    pub object: Object,
    pub people: Sample,
    /// Rules that give it or, with true, take it away; with their conditions.
    pub rules: Vec<(String, String, bool)>,
    /// Roles and access profiles that contain it, with what people call them.
    pub contained_in: Vec<(Grantable, String)>,
    /// Everything that holding it leads to, with what people call it; itself left out.
    pub leads_to: Vec<(Grantable, String)>,
    /// Open drafts that change it.
    pub drafts: Vec<DraftRow>,
    /// What people call its category, with those that this one is a part of.
    pub category: Option<String>,
    /// Why it gives nothing today, where it is not in force.
    pub dormancy: Option<Dormancy>,
}
