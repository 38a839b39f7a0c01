//! Who signs in, and what they may do.

mod list;

use serde::{Deserialize, Serialize};

use crate::configuration::Configuration;
use crate::ids::{IdentityId, UserId};

pub use list::{LinkedPerson, NewUser, UserDetail, UserFilter, UserRow, UserShow};

/// Somebody who signs in to Quartermaster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    pub id: UserId,
    pub login: String,
    pub display_name: String,
    /// The identity this user is, where known.
    pub identity: Option<IdentityId>,
    /// Names of permission profiles.
    pub profiles: Vec<String>,
    pub disabled: bool,
}

/// A permission path such as `/Jobs/Run`. A parent grants the action for all its children; an optional leading
/// `/Custom` is the same path (settled question 10).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PermissionPath(String);

impl PermissionPath {
    /// Normalises the spelling. None unless the path is `/` followed by non-empty segments of letters, digits, `_`, `-` and `*`.
    pub fn parse(text: &str) -> Option<Self> {
        let path = text.strip_prefix("/Custom").filter(|rest| rest.starts_with('/')).unwrap_or(text);
        let path = path.strip_suffix('/').unwrap_or(path);
        let segments = path.strip_prefix('/')?;
        let valid = |segment: &str| {
            !segment.is_empty() && segment.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '*'))
        };
        segments.split('/').all(valid).then(|| Self(path.to_owned()))
    }

    /// The path of a thing below its parent. A path has fewer characters than a name may have: others become `-`.
    pub fn of(parent: &str, name: &str) -> Option<Self> {
        let kept = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '_' | '-') { c } else { '-' };
        Self::parse(&format!("{parent}/{}", name.chars().map(kept).collect::<String>()))
    }

    /// What permission profiles allow about everybody, by their names; those that are not there, and what is no path, allow nothing.
    pub fn held(configuration: &Configuration, profiles: &[String]) -> Vec<Self> {
        let profiles = profiles.iter().filter_map(|name| configuration.permission_profiles.get(name));
        let entries = profiles.filter(|profile| profile.people.is_none()).flat_map(|profile| &profile.permissions);
        entries.filter_map(|entry| Self::parse(entry.path())).collect()
    }

    /// What permission profiles allow about some people only, with the name of the profile.
    pub fn limited(configuration: &Configuration, profiles: &[String]) -> Vec<(String, Self)> {
        let profiles = profiles.iter().filter_map(|name| Some((name, configuration.permission_profiles.get(name)?)));
        let limited = profiles.filter(|(_, profile)| profile.people.is_some());
        let entries = limited.flat_map(|(name, profile)| profile.permissions.iter().map(move |entry| (name, entry)));
        entries.filter_map(|(name, entry)| Some((name.clone(), Self::parse(entry.path())?))).collect()
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether holding this path allows the action that needs `needed`.
    pub fn grants(&self, needed: &Self) -> bool {
        needed.0 == self.0 || self.0 == "/*" || needed.0.strip_prefix(&self.0).is_some_and(|rest| rest.starts_with('/'))
    }
}

/// What a profile may allow for one account type alone: the path goes on with the type's name. Each has two spellings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duty {
    /// Carrying out work items.
    Fulfil,
    /// Deciding on orders that wait for a review.
    Review,
}

impl Duty {
    pub const ALL: [Self; 2] = [Self::Fulfil, Self::Review];

    /// The path for every account type.
    pub fn path(self) -> &'static str {
        self.spellings()[0]
    }

    fn spellings(self) -> [&'static str; 2] {
        match self {
            Self::Fulfil => ["/WorkItems/Fulfil", "/ProvisioningPolicy/PerformManualProvisioning"],
            Self::Review => ["/Orders/Review", "/ProvisioningPolicy/ReviewProvisioning"],
        }
    }

    /// The duty whose path for every account type this is.
    pub fn of(path: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|duty| duty.path() == path)
    }

    /// The paths for every account type, in both spellings.
    pub fn everywhere(self) -> Vec<PermissionPath> {
        self.spellings().into_iter().filter_map(PermissionPath::parse).collect()
    }

    /// The whole paths for one account type.
    pub fn paths(self, account_type: &str) -> Vec<PermissionPath> {
        self.spellings().iter().filter_map(|parent| PermissionPath::of(parent, account_type)).collect()
    }

    /// Whether these paths allow it for the account type.
    pub fn is_allowed(self, held: &[PermissionPath], account_type: &str) -> bool {
        self.paths(account_type).iter().any(|needed| held.iter().any(|held| held.grants(needed)))
    }

    /// Whether these paths allow it for some account type at least.
    pub fn is_allowed_somewhere(self, held: &[PermissionPath]) -> bool {
        let parents = self.spellings().map(|parent| PermissionPath(parent.to_owned()));
        held.iter().any(|held| parents.iter().any(|parent| held.grants(parent) || parent.grants(held)))
    }
}

#[cfg(test)]
mod tests {
    use super::{Duty, PermissionPath};

    #[test]
    fn a_duty_can_be_held_for_one_account_type() {
        for (held, terminal, badge, somewhere) in [
            ("/WorkItems/Fulfil/terminal", true, false, true),
            ("/ProvisioningPolicy/PerformManualProvisioning/terminal", true, false, true),
            ("/Custom/ProvisioningPolicy/PerformManualProvisioning/terminal", true, false, true),
            ("/WorkItems/Fulfil", true, true, true),
            ("/ProvisioningPolicy", true, true, true),
            ("/*", true, true, true),
            ("/WorkItems/View", false, false, false),
            ("/WorkItems/Fulfilled/terminal", false, false, false),
            ("/Orders/Review/terminal", false, false, false),
        ] {
            let paths = [PermissionPath::parse(held).unwrap()];
            assert_eq!(Duty::Fulfil.is_allowed(&paths, "terminal"), terminal, "{held}");
            assert_eq!(Duty::Fulfil.is_allowed(&paths, "badge"), badge, "{held}");
            assert_eq!(Duty::Fulfil.is_allowed_somewhere(&paths), somewhere, "{held}");
        }
        assert!(!Duty::Fulfil.is_allowed_somewhere(&[]));
        assert_eq!(Duty::of("/WorkItems/Fulfil"), Some(Duty::Fulfil));
        assert_eq!(Duty::of("/WorkItems/View"), None);
    }

    #[test]
    fn a_parent_grants_its_children_and_nothing_beside_them() {
        let cases = [
            ("/Jobs", "/Jobs/Run", true),
            ("/Jobs/Run", "/Jobs/Run", true),
            ("/Custom/Jobs", "/Jobs/Run", true),
            ("/Jobs/", "/Custom/Jobs/Run", true),
            ("/*", "/Jobs/Run", true),
            ("/Jobs/Run", "/Jobs", false),
            ("/Job", "/Jobs/Run", false),
            ("/jobs", "/Jobs/Run", false),
        ];
        for (held, needed, expected) in cases {
            let held = PermissionPath::parse(held).unwrap();
            let needed = PermissionPath::parse(needed).unwrap();
            assert_eq!(held.grants(&needed), expected, "{held:?} → {needed:?}");
        }
    }

    #[test]
    fn odd_spellings_are_no_paths() {
        for text in ["", "/", "Jobs", "//Jobs", "/Jobs//Run", "/Jobs/..", "/Jobs/%2f", "/Jobs Run", "/Custom"] {
            let path = PermissionPath::parse(text);
            assert!(path.is_none() || path.unwrap().as_str() == "/Custom", "{text}");
        }
    }
}
