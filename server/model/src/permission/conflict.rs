//! Separation of duties among the product's own users: pairs of permissions, of which nobody should hold both sides.
//!
//! Whoever holds everything (`/*`) holds both sides of every pair. That is what sets the product up and mends it, so it is
//! shown and never refused.

use serde::{Deserialize, Serialize};

use super::{Extent, Grant, grant, profile_entries};
use crate::configuration::{Configuration, ConflictEffect, PermissionConflict};
use crate::user::{Duty, PermissionPath};

/// The path of everything.
const EVERYTHING: &str = "/*";

/// A conflict that some profiles meet together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Met {
    /// Its name in the configuration.
    pub conflict: String,
    pub label: String,
    pub description: Option<String>,
    /// What it means for these profiles.
    pub effect: ConflictEffect,
    /// Entries of each side.
    pub first: Vec<Grant>,
    pub second: Vec<Grant>,
}

impl Met {
    /// In a sentence: "Runs and manages: /Jobs in operator and /Users in desk".
    pub fn words(&self) -> String {
        format!("{}: {}", self.label, self.entries())
    }

    /// Whether a side is met by what allows everything alone.
    pub fn is_by_everything(&self) -> bool {
        only_everything(&self.first) || only_everything(&self.second)
    }

    /// An entry of each side.
    pub fn entries(&self) -> String {
        let one = |side: &[Grant]| {
            side.first().map(|grant| format!("{} in {}", grant.entry.as_str(), grant.profile)).unwrap_or_default()
        };
        format!("{} and {}", one(&self.first), one(&self.second))
    }
}

/// Conflicts of which whoever holds these profiles meets both sides, by name.
pub fn met(configuration: &Configuration, profiles: &[String]) -> Vec<Met> {
    let met = |(name, conflict): (&String, &PermissionConflict)| {
        let (first, second) =
            (side(configuration, profiles, &conflict.first), side(configuration, profiles, &conflict.second));
        if first.is_empty() || second.is_empty() {
            return None;
        }
        let effect = match only_everything(&first) || only_everything(&second) {
            true => ConflictEffect::Warn,
            false => conflict.effect,
        };
        let (label, description) = (conflict.display_name.clone(), conflict.description.clone());
        Some(Met { conflict: name.clone(), label, description, effect, first, second })
    };
    configuration.permission_conflicts.iter().filter_map(met).collect()
}

fn only_everything(side: &[Grant]) -> bool {
    side.iter().all(|grant| grant.entry.as_str() == EVERYTHING)
}

/// Those that `after` meets and `before` does not.
pub fn newly_met(configuration: &Configuration, before: &[String], after: &[String]) -> Vec<Met> {
    let known = met(configuration, before);
    let is_new = |met: &Met| !known.iter().any(|known| known.conflict == met.conflict && known.effect == met.effect);
    met(configuration, after).into_iter().filter(is_new).collect()
}

/// Entries of the profiles that allow something of a side, the narrowest first.
fn side(configuration: &Configuration, profiles: &[String], paths: &[String]) -> Vec<Grant> {
    let wanted: Vec<PermissionPath> =
        paths.iter().filter_map(|path| PermissionPath::parse(path)).flat_map(spellings).collect();
    let is_meant = |name: &str| profiles.iter().any(|held| held == name);
    let granted = |(profile, entry): (&str, PermissionPath)| {
        let extent = match () {
            () if wanted.contains(&entry) => Extent::Exact,
            () if wanted.iter().any(|wanted| wanted.grants(&entry)) => Extent::Part,
            () if wanted.iter().any(|wanted| entry.grants(wanted)) => Extent::Parent,
            () => return None,
        };
        Some(Grant { extent, ..grant(configuration, profile, entry) })
    };
    let mut found: Vec<Grant> = profile_entries(configuration, is_meant).filter_map(granted).collect();
    found.sort_by(|one, other| (one.extent, one).cmp(&(other.extent, other)));
    found
}

/// The path in every spelling: a duty has two.
fn spellings(path: PermissionPath) -> Vec<PermissionPath> {
    let of_duty = |duty: Duty| {
        let parents = duty.everywhere();
        let rest = parents.iter().find_map(|parent| path.as_str().strip_prefix(parent.as_str()))?;
        (rest.is_empty() || rest.starts_with('/')).then(|| {
            parents.iter().filter_map(|parent| PermissionPath::parse(&format!("{}{rest}", parent.as_str()))).collect()
        })
    };
    Duty::ALL.into_iter().find_map(of_duty).unwrap_or_else(|| vec![path.clone()])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn configuration() -> Configuration {
        let mut configuration = super::super::tests::configuration(&[
            ("admin", &["/*"]),
            ("runner", &["/Jobs/Run"]),
            ("approver", &["/Jobs/Resume"]),
            ("operator", &["/Jobs"]),
            ("viewer", &["/Jobs/View", "/Users/View"]),
            ("desk", &["/Custom/ProvisioningPolicy/PerformManualProvisioning/terminal"]),
            ("reviewer", &["/Orders/Review"]),
        ]);
        let conflict = |first: &str, second: &str, effect| PermissionConflict {
            display_name: format!("{first} and {second}"),
            description: None,
            first: vec![first.to_owned()],
            second: vec![second.to_owned()],
            effect,
        };
        configuration.permission_conflicts = [
            ("jobs".to_owned(), conflict("/Jobs/Run", "/Jobs/Resume", ConflictEffect::Refuse)),
            ("work".to_owned(), conflict("/WorkItems/Fulfil", "/Orders/Review", ConflictEffect::Warn)),
        ]
        .into();
        configuration
    }

    #[test]
    fn both_sides_are_met_by_entries_at_above_or_below_them() {
        use ConflictEffect::{Refuse, Warn};
        let configuration = configuration();
        for (profiles, expected) in [
            (vec!["runner"], vec![]),
            (vec!["runner", "approver"], vec![("jobs", Refuse)]),
            (vec!["operator"], vec![("jobs", Refuse)]),
            (vec!["viewer", "runner"], vec![]),
            (vec!["desk", "reviewer"], vec![("work", Warn)]),
            (vec!["admin"], vec![("jobs", Warn), ("work", Warn)]),
            (vec!["admin", "runner"], vec![("jobs", Warn), ("work", Warn)]),
            (vec!["admin", "operator"], vec![("jobs", Refuse), ("work", Warn)]),
            (vec!["nobody"], vec![]),
        ] {
            let names: Vec<String> = profiles.iter().map(|name| (*name).to_owned()).collect();
            let met = met(&configuration, &names);
            let found: Vec<(&str, ConflictEffect)> =
                met.iter().map(|met| (met.conflict.as_str(), met.effect)).collect();
            assert_eq!(found, expected, "{profiles:?}");
        }
    }

    #[test]
    fn what_was_met_before_is_not_new() {
        let configuration = configuration();
        let names = |profiles: &[&str]| profiles.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let new = |before: &[&str], after: &[&str]| newly_met(&configuration, &names(before), &names(after)).len();
        assert_eq!(new(&[], &["runner", "approver"]), 1);
        assert_eq!(new(&["operator"], &["operator", "viewer"]), 0);
        assert_eq!(new(&["admin"], &["admin", "operator"]), 1, "what was only shown is refused now");
        assert_eq!(new(&["operator"], &["operator", "desk", "reviewer"]), 1);
    }
}
