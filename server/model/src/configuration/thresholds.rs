//! Limits on what one run may change, as a configuration writes them.

use serde::{Deserialize, Serialize};

/// Limits on what may be changed within one run, and within an hour; beyond them a run stops before the first effect.
/// Exceeding either the count or the percentage trips. Percentages are of what is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Thresholds {
    pub inserted: Option<Limit>,
    pub updated: Option<Limit>,
    /// Accounts disabled count as well.
    pub deleted: Option<Limit>,
    pub links_added: Option<Limit>,
    pub links_removed: Option<Limit>,
    /// Entitlements marked as privileged that are granted.
    pub privileged_granted: Option<Limit>,
    /// Of a feed: rows fewer than people on record.
    pub rows_lost: Option<Limit>,
    /// Of a feed: by how many points the share of empty values of an attribute grows. The count means nothing.
    pub values_lost: Option<Limit>,
    /// Who lets a run go on beyond one of these limits is somebody else than who started it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub second_person: bool,
}

/// A number, a percentage, or both, of which each alone is enough to stop; `off` is said, never left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "LimitText", into = "LimitText")]
pub struct Limit {
    /// 0 where only the percentage limits.
    pub count: u64,
    /// 0 where only the count limits.
    pub percent: u8,
}

impl Limit {
    pub const OFF: Self = Self { count: 0, percent: 0 };

    pub fn is_off(self) -> bool {
        self == Self::OFF
    }
}

/// A limit as it is written.
#[derive(Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged, expecting = "expected \"off\", or a table with `count`, `percent` or both")]
enum LimitText {
    Word(String),
    Sizes(LimitSizes),
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct LimitSizes {
    #[serde(default)]
    count: u64,
    #[serde(default)]
    percent: u8,
}

impl TryFrom<LimitText> for Limit {
    type Error = String;

    fn try_from(text: LimitText) -> Result<Self, String> {
        match text {
            LimitText::Word(word) if word == "off" => Ok(Self::OFF),
            LimitText::Word(word) => Err(format!(
                "`{word}` is no limit; write \"off\", or a table such as {{ count = 50, percent = 5 }}"
            )),
            LimitText::Sizes(LimitSizes { count: 0, percent: 0 }) => Err(
                "a limit of nothing stops nothing; write \"off\" where that is meant, or give it a `count` or a `percent`"
                    .to_owned(),
            ),
            LimitText::Sizes(LimitSizes { count, percent }) => Ok(Self { count, percent }),
        }
    }
}

impl From<Limit> for LimitText {
    fn from(limit: Limit) -> Self {
        if limit.is_off() {
            Self::Word("off".to_owned())
        } else {
            Self::Sizes(LimitSizes { count: limit.count, percent: limit.percent })
        }
    }
}
