//! What people hold indirectly: through groups within groups, and through what another application gives to a group. Rules for it
//! are the configuration's ([`crate::configuration::IndirectRule`]); `policy::indirect` follows them.

use serde::{Deserialize, Serialize};

use crate::ids::AccountId;

/// An entitlement to which something that somebody holds leads.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct IndirectHolding {
    /// Among whose entitlements it counts, and its key there.
    pub account_type: String,
    pub key: String,
    /// Where the way begins; of several, there is a holding for each.
    pub from: IndirectOrigin,
    /// The shortest way from there, never empty: what is held first.
    pub path: Vec<IndirectStep>,
}

impl IndirectHolding {
    /// Whether it is the entitlement of that key in an account type.
    pub fn is(&self, account_type: &str, key: &str) -> bool {
        self.account_type == account_type && self.key == key
    }
}

/// Whereby somebody holds what leads on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IndirectOrigin {
    /// The role model grants this entitlement.
    Granted(String),
    /// An account of theirs has it.
    Account(AccountId),
}

/// An entitlement that leads on, and what stands for it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct IndirectStep {
    pub rule: String,
    pub account_type: String,
    pub key: String,
    /// The account that stands for it.
    pub through: AccountId,
}

/// An entitlement that somebody has indirectly, as people read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndirectRow {
    /// What people call it, or else its key.
    pub label: String,
    pub application: String,
    /// By which it is reached: what is held first.
    pub way: Vec<IndirectHop>,
    /// The role model grants what the way begins with, and no account has it yet.
    pub is_coming: bool,
    /// Other things that are held and lead there as well.
    pub others: u64,
}

/// What leads on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndirectHop {
    pub label: String,
    pub application: String,
    /// The indirect rule by which it does.
    pub rule: String,
}

impl IndirectRow {
    /// "through Finance in Directory, then Everybody in Directory (indirect rule “nested”)"
    pub fn said(&self) -> String {
        let hops: Vec<String> = self.way.iter().map(|hop| format!("{} in {}", hop.label, hop.application)).collect();
        let mut rules: Vec<String> = self.way.iter().map(|hop| format!("\u{201c}{}\u{201d}", hop.rule)).collect();
        rules.dedup();
        let noun = if rules.len() == 1 { "indirect rule" } else { "indirect rules" };
        let others = match self.others {
            0 => String::new(),
            1 => ", and one other way".to_owned(),
            more => format!(", and {more} other ways"),
        };
        let coming = if self.is_coming { ", once that is there" } else { "" };
        format!("through {}{coming}{others} ({noun} {})", hops.join(", then "), rules.join(", "))
    }
}
