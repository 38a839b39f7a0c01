//! How much a run changes, weighed by what it may break: known before the first write.

use serde::{Deserialize, Serialize};

use crate::ids::IdentityId;

/// The size of a set of finished plans. How it is weighed is `broker::blast_radius`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlastRadius {
    /// The weights of all changes together.
    pub size: u64,
    pub label: BlastLabel,
    /// People concerned, of all there are.
    pub people: u64,
    pub population: u64,
    pub applications: Vec<ApplicationBlast>,
    pub entitlements_added: u64,
    pub entitlements_removed: u64,
    /// Privileged entitlements, of those above.
    pub privileged_added: u64,
    pub privileged_removed: u64,
    /// The most affected people, heaviest first, at most ten.
    pub top_people: Vec<PersonBlast>,
    /// The most affected departments, heaviest first, at most ten.
    pub top_departments: Vec<DepartmentBlast>,
}

/// Relative to the population.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BlastLabel {
    #[default]
    Small,
    Considerable,
    Large,
    Huge,
}

impl BlastLabel {
    pub const ALL: [Self; 4] = [Self::Small, Self::Considerable, Self::Large, Self::Huge];

    pub fn name(self) -> &'static str {
        match self {
            Self::Small => "small",
            Self::Considerable => "considerable",
            Self::Large => "large",
            Self::Huge => "huge",
        }
    }
}

/// Accounts of one application, by what happens to them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApplicationBlast {
    pub application: String,
    pub created: u64,
    pub updated: u64,
    pub enabled: u64,
    pub disabled: u64,
    pub deleted: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonBlast {
    pub identity: IdentityId,
    pub name: String,
    pub weight: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DepartmentBlast {
    pub department: String,
    pub people: u64,
    pub weight: u64,
}
