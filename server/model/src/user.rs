//! Who signs in, and what they may do.

use serde::{Deserialize, Serialize};

use crate::ids::{IdentityId, UserId};

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

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether holding this path allows the action that needs `needed`.
    pub fn grants(&self, needed: &Self) -> bool {
        needed.0 == self.0 || self.0 == "/*" || needed.0.strip_prefix(&self.0).is_some_and(|rest| rest.starts_with('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::PermissionPath;

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
