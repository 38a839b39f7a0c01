//! Role mining: what is looked at, within which limits and at which costs, and what is proposed: rules that describe who
//! holds something already, and new bundles of what people hold together.

use serde::{Deserialize, Serialize};

use crate::access::Grantable;
use crate::draft::Sample;

/// A share in tenths of a percent: 995 is 99.5 %.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Share(pub u16);

impl Share {
    pub const NONE: Self = Self(0);
    pub const ALL: Self = Self(1_000);

    /// Reads "99.5" or "99.5 %".
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim().trim_end_matches('%').trim_end();
        let (whole, tenth) = text.split_once('.').unwrap_or((text, "0"));
        let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !is_digits(whole) || !is_digits(tenth) || tenth.len() > 1 {
            return None;
        }
        let tenths = whole.parse::<u16>().ok()?.checked_mul(10)?.checked_add(tenth.parse().ok()?)?;
        (tenths <= Self::ALL.0).then_some(Self(tenths))
    }

    /// How much a part is of a whole, rounded down so that only everything is 100 %. Of nothing, all.
    pub fn of(part: u64, whole: u64) -> Self {
        if whole == 0 {
            return Self::ALL;
        }
        Self(u16::try_from((u128::from(part) * 1_000 / u128::from(whole)).min(1_000)).unwrap_or(1_000))
    }

    /// Whether a part is at least this much of a whole.
    pub fn is_reached(self, part: u64, whole: u64) -> bool {
        u128::from(part) * 1_000 >= u128::from(whole) * u128::from(self.0)
    }

    /// Whether a part is at most this much of a whole.
    pub fn is_kept(self, part: u64, whole: u64) -> bool {
        u128::from(part) * 1_000 <= u128::from(whole) * u128::from(self.0)
    }
}

/// "99.5" or "100".
impl std::fmt::Display for Share {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 % 10 {
            0 => write!(f, "{}", self.0 / 10),
            tenth => write!(f, "{}.{tenth}", self.0 / 10),
        }
    }
}

/// What a proposal has to keep to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MiningLimits {
    /// People that it has to be about.
    pub people: u32,
    /// Of those for whom a rule would hold, how many have to hold the thing already.
    pub precision: Share,
    /// How many would newly get the thing by all rules proposed for it together, measured by those who hold it.
    pub false_positives: Share,
    /// Attributes that one condition may join.
    pub attributes: u8,
}

impl MiningLimits {
    pub const MOST_ATTRIBUTES: u8 = 4;
}

impl Default for MiningLimits {
    fn default() -> Self {
        Self { people: 5, precision: Share::ALL, false_positives: Share::NONE, attributes: 2 }
    }
}

/// What each piece of a role model costs: the weighted structural complexity is their sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MiningWeights {
    /// Something given to one person: a role, or a thing by itself.
    pub assignment: u32,
    /// Something inside a role or an access profile.
    pub inclusion: u32,
    /// A role or an access profile.
    pub role: u32,
    pub rule: u32,
}

impl MiningWeights {
    /// Larger weights say nothing that smaller ones do not.
    pub const MOST: u32 = 10_000;
}

impl Default for MiningWeights {
    fn default() -> Self {
        Self { assignment: 1, inclusion: 1, role: 1, rule: 1 }
    }
}

/// What is mined, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MiningQuery {
    /// CEL over `identity`: whom it is about; everybody where it is empty.
    pub condition: String,
    /// Access that applications hold and nothing grants.
    pub found: bool,
    /// Access that requests gave.
    pub by_hand: bool,
    /// Whether rules for what there is are proposed.
    pub rules: bool,
    /// Whether new access profiles and roles are proposed.
    pub bundles: bool,
    pub application: Option<String>,
    /// Only roles and access profiles of this category.
    pub category: Option<String>,
    pub limits: MiningLimits,
    pub weights: MiningWeights,
    /// Attributes that conditions may use; all that identity sources deliver where there are none.
    pub attributes: Vec<String>,
}

impl Default for MiningQuery {
    fn default() -> Self {
        Self {
            condition: String::new(),
            found: true,
            by_hand: true,
            rules: true,
            bundles: true,
            application: None,
            category: None,
            limits: MiningLimits::default(),
            weights: MiningWeights::default(),
            attributes: Vec::new(),
        }
    }
}

/// Something that people hold.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MinedThing {
    /// Something of the role model.
    Known(Grantable),
    /// An entitlement that an application has and the role model does not know.
    Found { application: String, account_type: String, key: String },
}

/// A condition, and who is concerned by it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MinedCondition {
    /// CEL over `identity`.
    pub when: String,
    /// Others that hold for exactly the same people.
    pub same: Vec<String>,
    /// For whom it holds.
    pub matching: u64,
    /// For whom it holds and who hold the thing already.
    pub covered: Sample,
    /// Of those, for how many it explains what nothing explained before.
    pub explained: u64,
    /// For whom it holds and who would newly get the thing.
    pub gains: Sample,
    pub precision: Share,
}

/// A rule for something that is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleProposal {
    /// Stands for all of the proposal, as it is now.
    pub key: String,
    /// Name that the rule would have.
    pub name: String,
    pub thing: MinedThing,
    pub label: String,
    pub condition: MinedCondition,
    /// Who hold the thing.
    pub holders: u64,
    /// Who hold it and are not described by this condition.
    pub not_covered: Sample,
    /// By how much the complexity falls.
    pub saving: i64,
    /// What the proposed bundles are called that contain the thing.
    pub bundles: Vec<String>,
}

/// A new access profile, or a new role with its access profiles.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BundleProposal {
    pub key: String,
    pub name: String,
    pub display_name: String,
    /// What it consists of, with what people call it.
    pub things: Vec<(MinedThing, String)>,
    /// Of an access profile; none for a role.
    pub application: Option<String>,
    pub members: Sample,
    /// Members who do not hold all of it yet.
    pub gains: Sample,
    /// Conditions that describe members within the limits.
    pub conditions: Vec<MinedCondition>,
    /// Members whom none of the conditions describes.
    pub not_described: Sample,
    pub saving: i64,
}

/// What mining found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mining {
    /// Whom it was about.
    pub people: u64,
    /// Things that somebody of them holds by hand or by nothing.
    pub things: u64,
    /// How often somebody does.
    pub holdings: u64,
    /// Most saving first.
    pub rules: Vec<RuleProposal>,
    pub bundles: Vec<BundleProposal>,
    /// How many there are, beside those shown.
    pub rules_total: u64,
    pub bundles_total: u64,
    /// Weighted structural complexity of what is held by hand or by nothing, as it is.
    pub before: i64,
    /// The same with all rules that were found, or with all bundles.
    pub after_rules: i64,
    pub after_bundles: i64,
    /// What was not looked at, and why.
    pub notes: Vec<String>,
    pub took_milliseconds: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_read_as_people_write_them() {
        for (text, expected) in [
            ("100", Some(Share::ALL)),
            (" 99.5 % ", Some(Share(995))),
            ("0", Some(Share::NONE)),
            ("0.1", Some(Share(1))),
            ("100.1", None),
            ("99.55", None),
            ("-1", None),
            ("", None),
            (".5", None),
            ("many", None),
            ("99999999", None),
        ] {
            assert_eq!(Share::parse(text), expected, "{text}");
            if let Some(share) = expected {
                assert_eq!(Share::parse(&share.to_string()), expected);
            }
        }
    }

    #[test]
    fn only_everything_is_all() {
        assert_eq!(Share::of(999_999, 1_000_000), Share(999));
        assert_eq!((Share::of(3, 3), Share::of(0, 3), Share::of(0, 0)), (Share::ALL, Share::NONE, Share::ALL));
        assert!(Share(995).is_reached(199, 200) && !Share(995).is_reached(198, 200));
        assert!(Share(10).is_kept(1, 100) && !Share(10).is_kept(2, 100) && Share::NONE.is_kept(0, 0));
    }
}
