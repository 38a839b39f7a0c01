//! Record sections: parts of what a source says of somebody that have dates of their own, such as contracts and positions.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Column;

/// A part of what a source says of people, in records of which several may hold at once. What holds at the same time in all
/// sections makes a context.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct RecordSection {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// A file of its own, with a row for each record. Without it the section is a part of the person's row: one record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Column of that file with the person's key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Column with the key of the record itself, by which it stays the same one when its days change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record: Option<String>,
    /// First and last day; the last day still counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub starts: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ends: Option<String>,
    /// Column with the priority; smaller wins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<String>,
    /// What becomes of days on which no record holds.
    #[serde(skip_serializing_if = "super::is_default")]
    pub gaps: Gaps,
    /// Column that decides which of several records fills a gap: the one with the greatest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sort_key: Option<String>,
    /// Attributes that are absent in a gap that is filled.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_extended: Vec<String>,
    /// Set where this section says from when to when somebody is there; otherwise the person's row does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub boundaries: Option<Boundaries>,
    pub attributes: BTreeMap<String, Column>,
}

/// What becomes of days on which no record of a section holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Gaps {
    /// Nothing of the section is known then.
    #[default]
    Leave,
    /// The record before goes on; where there is none, the next one counts already.
    Extend,
}

/// What a record of the section with the boundaries means that has no first or no last day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Boundaries {
    /// That of the person's row.
    Employment,
    /// Since ever, and for ever.
    Open,
}
