//! On which terms roles and access profiles are given: since and until when, in which state, and whether people may ask for them.

use std::fmt;

use jiff::civil::Date;
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::{AccessProfile, ApprovalStage, Configuration, Role};
use crate::access::{Dormancy, Grantable};
use crate::identity::Period;

/// Something that roles and access profiles are sorted into.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Category {
    pub display_name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Name of the category that this one is a part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// Who has to agree to what is sorted into it, where the thing itself says nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approvals: Option<Vec<ApprovalStage>>,
}

/// How far a role or an access profile is in its life. Only an active one gives anything, or is given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RoleState {
    /// Prepared, and not in use yet.
    Draft,
    #[default]
    Active,
    /// Not in use any more.
    Retired,
}

impl RoleState {
    pub const ALL: [Self; 3] = [Self::Draft, Self::Active, Self::Retired];

    /// As stored, and in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Active => "active",
            Self::Retired => "retired",
        }
    }

    /// The reverse of [`Self::name`].
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    pub fn label(self) -> &'static str {
        match self {
            Self::Draft => "Draft",
            Self::Active => "Active",
            Self::Retired => "Retired",
        }
    }
}

/// Reads a day, and says how one is written where it is none.
pub(super) fn day<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Date>, D::Error> {
    struct Day;

    impl<'de> Visitor<'de> for Day {
        type Value = Option<Date>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a day in quotes, such as \"2026-12-31\"")
        }

        fn visit_none<E>(self) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
            deserializer.deserialize_str(self)
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
            let wrong = |_| E::custom(format!("`{text}` is no day; write it as year-month-day: \"2026-12-31\""));
            text.parse().map(Some).map_err(wrong)
        }
    }

    deserializer.deserialize_option(Day)
}

/// The terms of one role or access profile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    pub category: Option<String>,
    pub owner: Option<String>,
    pub requestable: bool,
    pub state: RoleState,
    pub valid_from: Option<Date>,
    /// This day still counts.
    pub valid_until: Option<Date>,
    pub maximum_days: Option<u16>,
    pub grace_days: u16,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            category: None,
            owner: None,
            requestable: true,
            state: RoleState::default(),
            valid_from: None,
            valid_until: None,
            maximum_days: None,
            grace_days: 0,
        }
    }
}

impl Terms {
    /// The days on which it is in force, were it active.
    pub fn period(&self) -> Period {
        Period { starts: self.valid_from, ends: self.valid_until.and_then(|last| last.tomorrow().ok()) }
    }

    /// Why it gives nothing on a day; none where it is in force.
    pub fn dormancy(&self, day: Date) -> Option<Dormancy> {
        match self.state {
            RoleState::Draft => Some(Dormancy::Draft),
            RoleState::Retired => Some(Dormancy::Retired),
            RoleState::Active => {
                let early = self.valid_from.filter(|first| day < *first).map(Dormancy::NotBefore);
                early.or_else(|| self.valid_until.filter(|last| *last < day).map(Dormancy::NotAfter))
            }
        }
    }
}

impl Role {
    /// A role that consists of nothing yet, on the usual terms.
    pub fn new(display_name: impl Into<String>) -> Self {
        Self { display_name: display_name.into(), ..Self::on(Terms::default()) }
    }

    /// One without a name, on these terms.
    pub fn on(terms: Terms) -> Self {
        let Terms { category, owner, requestable, state, valid_from, valid_until, maximum_days, grace_days } = terms;
        Self {
            display_name: String::new(),
            description: None,
            access_profiles: Vec::new(),
            roles: Vec::new(),
            category,
            owner,
            requestable,
            state,
            valid_from,
            valid_until,
            maximum_days,
            grace_days,
            approvals: None,
        }
    }

    pub fn terms(&self) -> Terms {
        Terms {
            category: self.category.clone(),
            owner: self.owner.clone(),
            requestable: self.requestable,
            state: self.state,
            valid_from: self.valid_from,
            valid_until: self.valid_until,
            maximum_days: self.maximum_days,
            grace_days: self.grace_days,
        }
    }
}

impl AccessProfile {
    /// A profile of an application that holds nothing yet, on the usual terms.
    pub fn new(display_name: impl Into<String>, application: impl Into<String>) -> Self {
        Self { display_name: display_name.into(), application: application.into(), ..Self::on(Terms::default()) }
    }

    /// One without a name, on these terms.
    pub fn on(terms: Terms) -> Self {
        let Terms { category, owner, requestable, state, valid_from, valid_until, maximum_days, grace_days } = terms;
        Self {
            display_name: String::new(),
            description: None,
            application: String::new(),
            entitlements: Vec::new(),
            account_types: Vec::new(),
            category,
            owner,
            requestable,
            state,
            valid_from,
            valid_until,
            maximum_days,
            grace_days,
            approvals: None,
        }
    }

    pub fn terms(&self) -> Terms {
        Terms {
            category: self.category.clone(),
            owner: self.owner.clone(),
            requestable: self.requestable,
            state: self.state,
            valid_from: self.valid_from,
            valid_until: self.valid_until,
            maximum_days: self.maximum_days,
            grace_days: self.grace_days,
        }
    }
}

impl Configuration {
    /// The terms of a role or an access profile; none of what has none, or is not known.
    pub fn terms(&self, grantable: &Grantable) -> Option<Terms> {
        match grantable {
            Grantable::Role(name) => self.roles.get(name).map(Role::terms),
            Grantable::AccessProfile(name) => self.access_profiles.get(name).map(AccessProfile::terms),
            Grantable::AccountType(_) | Grantable::Entitlement(_) => None,
        }
    }

    /// A category with those that it is a part of, outermost first.
    pub fn category_path(&self, name: &str) -> Vec<&str> {
        let mut path = Vec::new();
        let mut next = self.categories.get_key_value(name);
        while let Some((name, category)) = next.filter(|(name, _)| !path.contains(&name.as_str())) {
            path.push(name.as_str());
            next = category.parent.as_ref().and_then(|parent| self.categories.get_key_value(parent));
        }
        path.reverse();
        path
    }

    /// What people call a category and those that it is a part of: "Sales › Field sales".
    pub fn category_label(&self, name: &str) -> String {
        let path = self.category_path(name);
        let labels: Vec<&str> =
            path.into_iter().filter_map(|name| Some(self.categories.get(name)?.display_name.as_str())).collect();
        if labels.is_empty() { name.to_owned() } else { labels.join(" \u{203a} ") }
    }
}
