//! Users as pages and the command line show them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::User;
use crate::configuration::Configuration;
use crate::identity::LifecycleState;
use crate::ids::{IdentityId, UserId};
use crate::permission::conflict;

/// Which users to list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct UserFilter {
    /// A part of the login or the name.
    pub text: Option<String>,
    /// Name of a permission profile.
    pub profile: Option<String>,
    pub show: Option<UserShow>,
    pub after: Option<String>,
    pub limit: Option<u32>,
}

/// Users of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UserShow {
    Enabled,
    Disabled,
    /// Nobody has said which identity they are.
    Unlinked,
    /// They meet both sides of a permission conflict.
    Conflicting,
}

impl UserShow {
    pub const ALL: [Self; 4] = [Self::Enabled, Self::Disabled, Self::Unlinked, Self::Conflicting];

    pub fn name(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Disabled => "disabled",
            Self::Unlinked => "unlinked",
            Self::Conflicting => "conflicting",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|show| show.name() == name)
    }

    /// What people call them.
    pub fn label(self) -> &'static str {
        match self {
            Self::Enabled => "Can sign in",
            Self::Disabled => "Disabled",
            Self::Unlinked => "Linked to nobody",
            Self::Conflicting => "In conflict",
        }
    }

    pub fn holds(self, configuration: &Configuration, user: &User) -> bool {
        match self {
            Self::Enabled => !user.disabled,
            Self::Disabled => user.disabled,
            Self::Unlinked => user.identity.is_none(),
            Self::Conflicting => !conflict::met(configuration, &user.profiles).is_empty(),
        }
    }
}

/// A line of the list of users.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserRow {
    pub id: UserId,
    pub login: String,
    pub display_name: String,
    /// The identity this user is, and its name.
    pub identity: Option<(IdentityId, String)>,
    /// Names of permission profiles.
    pub profiles: Vec<String>,
    pub disabled: bool,
    pub last_sign_in: Option<Timestamp>,
    /// What people call the permission conflicts of which they meet both sides.
    pub conflicts: Vec<String>,
}

/// One user with what is around them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserDetail {
    pub user: User,
    /// Stands for the user as shown: a change is made only to what somebody has seen.
    pub seen: String,
    pub person: Option<LinkedPerson>,
    pub last_sign_in: Option<Timestamp>,
    /// Browsers in which the user is signed in.
    pub sessions: u64,
    /// Where mail goes.
    pub address: Option<String>,
}

/// The identity that a user is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkedPerson {
    pub id: IdentityId,
    pub key: String,
    pub display_name: String,
    pub lifecycle: LifecycleState,
}

/// Somebody who is to sign in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewUser {
    pub login: String,
    /// The login where it is empty.
    pub display_name: String,
    pub profiles: Vec<String>,
}
