//! What a check of the role model finds: rules and roles that are sound by themselves and make no sense beside the others.
//!
//! What no configuration may hold at all is refused when it is read; these are things that somebody should look at. Each
//! comes with a witness: people and claims that can be evaluated again, so that nobody has to take the finding's word.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::access::Grantable;
use crate::identity::Identity;
use crate::value::Value;

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// A rule whose condition contradicts itself.
    NeverTrue,
    /// A rule whose condition holds for nobody on record.
    MatchesNobody,
    /// A rule that another one makes needless.
    Shadowed,
    /// What a rule gives, a denial always takes away.
    AlwaysDenied,
    /// A denial of what nothing gives.
    DeniesNothing,
    /// A role or an access profile that nobody can get.
    Unobtainable,
    /// A role, an access profile or a rule of which nothing follows.
    GivesNothing,
    /// Roles, or access profiles, of the same contents.
    Duplicate,
    /// A role that names what its other parts give already.
    Redundant,
    /// A condition that names a value that nobody has.
    UnknownValue,
    /// A risk with a side that nothing gives.
    RiskWithoutSide,
    /// A role or an access profile that breaks a risk by itself.
    RiskByItself,
    /// A rule that gives all sides of a risk.
    RiskByRule,
    /// A role or an access profile whose last day is over.
    Ended,
    /// An account type that nothing gives.
    UnusedAccountType,
    /// A naming rule that fits no entitlement on record.
    UnmatchedNamingRule,
}

impl FindingKind {
    pub const ALL: [Self; 16] = [
        Self::NeverTrue,
        Self::MatchesNobody,
        Self::Shadowed,
        Self::AlwaysDenied,
        Self::DeniesNothing,
        Self::Unobtainable,
        Self::GivesNothing,
        Self::Duplicate,
        Self::Redundant,
        Self::UnknownValue,
        Self::RiskWithoutSide,
        Self::RiskByItself,
        Self::RiskByRule,
        Self::Ended,
        Self::UnusedAccountType,
        Self::UnmatchedNamingRule,
    ];

    /// As in addresses and commands.
    pub fn name(self) -> &'static str {
        match self {
            Self::NeverTrue => "never_true",
            Self::MatchesNobody => "matches_nobody",
            Self::Shadowed => "shadowed",
            Self::AlwaysDenied => "always_denied",
            Self::DeniesNothing => "denies_nothing",
            Self::Unobtainable => "unobtainable",
            Self::GivesNothing => "gives_nothing",
            Self::Duplicate => "duplicate",
            Self::Redundant => "redundant",
            Self::UnknownValue => "unknown_value",
            Self::RiskWithoutSide => "risk_without_side",
            Self::RiskByItself => "risk_by_itself",
            Self::RiskByRule => "risk_by_rule",
            Self::Ended => "ended",
            Self::UnusedAccountType => "unused_account_type",
            Self::UnmatchedNamingRule => "unmatched_naming_rule",
        }
    }

    /// The reverse of [`Self::name`].
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// What a person reads.
    pub fn label(self) -> &'static str {
        match self {
            Self::NeverTrue => "Never true",
            Self::MatchesNobody => "Holds for nobody",
            Self::Shadowed => "Shadowed",
            Self::AlwaysDenied => "Always denied",
            Self::DeniesNothing => "Denies nothing",
            Self::Unobtainable => "Nobody can get it",
            Self::GivesNothing => "Gives nothing",
            Self::Duplicate => "Same contents",
            Self::Redundant => "Contained twice",
            Self::UnknownValue => "Unknown value",
            Self::RiskWithoutSide => "Risk nobody meets",
            Self::RiskByItself => "A risk by itself",
            Self::RiskByRule => "A risk by rule",
            Self::Ended => "Ended",
            Self::UnusedAccountType => "Account type unused",
            Self::UnmatchedNamingRule => "Names nothing",
        }
    }
}

/// How much it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Cannot be what was meant.
    Error,
    /// Hardly what was meant.
    Warning,
    /// Good to know; may well be meant.
    Note,
}

impl Severity {
    pub const ALL: [Self; 3] = [Self::Error, Self::Warning, Self::Note];

    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }

    /// What a person reads.
    pub fn label(self) -> &'static str {
        match self {
            Self::Error => "Error",
            Self::Warning => "Warning",
            Self::Note => "Note",
        }
    }
}

/// Where in a configuration something stands: the object, and what of it is meant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Spot {
    /// Table of the configuration, such as `rules`.
    pub table: String,
    pub name: String,
    /// Field of the object, such as `when`; the object itself where none is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// File and line, such as `rules/sales.toml:12`, where the files are at hand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
}

impl Spot {
    /// An object as a whole.
    pub fn new(table: &str, name: &str) -> Self {
        Self { table: table.to_owned(), name: name.to_owned(), field: None, place: None }
    }

    /// One field of an object.
    pub fn field(table: &str, name: &str, field: &str) -> Self {
        Self { field: Some(field.to_owned()), ..Self::new(table, name) }
    }

    /// The object that defines something that can be held.
    pub fn of(grantable: &Grantable) -> Self {
        let table = match grantable {
            Grantable::Role(_) => "roles",
            Grantable::AccessProfile(_) => "access_profiles",
            Grantable::AccountType(_) => "account_types",
            Grantable::Entitlement(_) => "entitlements",
        };
        Self::new(table, grantable.name())
    }

    /// What kind of object it is, in words.
    pub fn noun(&self) -> &str {
        match self.table.as_str() {
            "rules" => "rule",
            "roles" => "role",
            "access_profiles" => "access profile",
            "account_types" => "account type",
            "entitlements" => "entitlement",
            "naming_rules" => "naming rule",
            "risks" => "risk",
            other => other,
        }
    }
}

impl fmt::Display for Spot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} `{}`", self.noun(), self.name)
    }
}

/// One thing found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Finding {
    pub severity: Severity,
    pub kind: FindingKind,
    /// The object at fault first, then those that make it so.
    pub spots: Vec<Spot>,
    /// What is so, of what, and what to do about it.
    pub message: String,
    pub witness: Witness,
}

impl Finding {
    /// Whether both say the same of the same object, whatever proves it: for what a change newly brings.
    pub fn is_same(&self, other: &Self) -> bool {
        (self.kind, self.spots.first(), &self.message) == (other.kind, other.spots.first(), &other.message)
    }
}

/// What proves a finding: each claim is so for each of the people, or for the configuration where it is not about people.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Witness {
    pub people: Vec<Witnessed>,
    pub claims: Vec<Claim>,
}

/// Somebody by whom a finding can be seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Witnessed {
    /// Nobody on record: made up so that the finding can be seen.
    pub is_made_up: bool,
    pub identity: Identity,
}

impl PartialOrd for Witnessed {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Witnessed {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let key = |one: &Self| (one.is_made_up, one.identity.id, one.identity.attributes.clone());
        key(self).cmp(&key(other))
    }
}

/// Something that can be evaluated again.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "claim", rename_all = "snake_case")]
pub enum Claim {
    /// The rule's condition holds for them.
    Meets { rule: String },
    /// It does not.
    Misses { rule: String },
    /// It holds for nobody on record.
    MeetsNobody { rule: String },
    /// They have the same access without the rule.
    SameWithout { rule: String },
    /// The rule does not give them the thing.
    NotGivenBy { rule: String, thing: Grantable },
    /// Whoever is given this gets no account and no entitlement.
    NothingOf { thing: Grantable },
    /// Whoever is given the one gets the same accounts and entitlements as whoever is given the other.
    SameContents { one: Grantable, other: Grantable },
    /// The container gives the part without naming it.
    GivenAnyway { container: Grantable, part: Grantable },
    /// Nobody on record has the value.
    NobodyHas { attribute: String, value: Value },
    /// They have the value.
    Has { attribute: String, value: Value },
    /// No rule gives any of these, and nobody may ask for them or for what contains them.
    NobodyCanGet { things: Vec<Grantable> },
    /// Whoever is given this breaks the risk.
    BreaksWith { risk: String, thing: Grantable },
    /// They break the risk by what rules give them.
    Breaks { risk: String },
    /// The thing gives nothing any more.
    IsOver { thing: Grantable },
    /// The pattern fits no key of an entitlement of the account type.
    FitsNothing { naming_rule: String },
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = |thing: &Grantable| Spot::of(thing).to_string();
        match self {
            Self::Meets { rule } => write!(f, "rule `{rule}` holds"),
            Self::Misses { rule } => write!(f, "rule `{rule}` does not hold"),
            Self::MeetsNobody { rule } => write!(f, "rule `{rule}` holds for nobody on record"),
            Self::SameWithout { rule } => write!(f, "access is the same without rule `{rule}`"),
            Self::NotGivenBy { rule, thing } => write!(f, "rule `{rule}` does not give {}", named(thing)),
            Self::NothingOf { thing } => write!(f, "no account and no entitlement follows from {}", named(thing)),
            Self::SameContents { one, other } => {
                write!(f, "the same follows from {} and {}", named(one), named(other))
            }
            Self::GivenAnyway { container, part } => {
                write!(f, "{} gives {} without naming it", named(container), named(part))
            }
            Self::NobodyHas { attribute, value } => write!(f, "nobody on record has {attribute} \"{value}\""),
            Self::Has { attribute, value } => write!(f, "{attribute} is \"{value}\""),
            Self::NobodyCanGet { things } => {
                let things: Vec<String> = things.iter().map(named).collect();
                write!(f, "neither a rule nor a request leads to {}", things.join(", "))
            }
            Self::BreaksWith { risk, thing } => write!(f, "whoever is given {} breaks risk `{risk}`", named(thing)),
            Self::Breaks { risk } => write!(f, "what rules give breaks risk `{risk}`"),
            Self::IsOver { thing } => write!(f, "the last day of {} is over", named(thing)),
            Self::FitsNothing { naming_rule } => write!(f, "naming rule `{naming_rule}` fits no entitlement on record"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_kinds_are_distinct_and_as_they_are_written() {
        for kind in FindingKind::ALL {
            assert_eq!(FindingKind::from_name(kind.name()), Some(kind));
            assert_eq!(serde_json::to_value(kind).ok(), Some(kind.name().into()));
        }
    }
}
