//! Reconciliation: what applications hold and nothing grants, and what people decide about it. What is held and what is
//! desired stand elsewhere ([`crate::account`], [`crate::access`]); a finding is only the difference, and is not kept.
//! What is kept is a person's word about it, and what was there before Quartermaster came.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::access::Grantable;
use crate::account::{AccountStatus, Provenance};
use crate::identity::Period;
use crate::ids::{AccountId, DirectGrantId, IdentityId, OrderId, ReconciliationId, RequestId};
use crate::page::{Counted, Page};

/// Which difference is looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum View {
    /// Entitlements of a known person that nothing grants.
    #[default]
    Access,
    /// Accounts of a known person that nothing grants.
    Accounts,
    /// Accounts of nobody.
    Orphans,
    /// Direct grants of what a rule gives as well.
    Redundant,
    /// Roles that would explain what nothing grants.
    Roles,
    /// What people decided.
    Decided,
}

impl View {
    pub const ALL: [Self; 6] =
        [Self::Access, Self::Accounts, Self::Orphans, Self::Redundant, Self::Roles, Self::Decided];

    pub fn name(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::Accounts => "accounts",
            Self::Orphans => "orphans",
            Self::Redundant => "redundant",
            Self::Roles => "roles",
            Self::Decided => "decided",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|view| view.name() == name)
    }

    pub fn label(self) -> &'static str {
        match self {
            Self::Access => "Access nothing grants",
            Self::Accounts => "Accounts nothing grants",
            Self::Orphans => "Accounts without owner",
            Self::Redundant => "Redundant assignments",
            Self::Roles => "Roles that would explain it",
            Self::Decided => "Decided",
        }
    }
}

/// What exactly is decided about, with all that makes it this one: whoever decides about something that has another owner by
/// now, or was taken away and given again, decides about something else.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// An entitlement on an account, held since then.
    Access {
        account: AccountId,
        identity: IdentityId,
        held_since: Timestamp,
        entitlement: String,
    },
    Account {
        account: AccountId,
        identity: IdentityId,
    },
    Orphan {
        account: AccountId,
    },
    Grant {
        grant: DirectGrantId,
    },
    /// A role or access profile that is proposed to somebody.
    Proposal {
        identity: IdentityId,
        grantable: Grantable,
    },
}

impl Subject {
    pub fn view(&self) -> View {
        match self {
            Self::Access { .. } => View::Access,
            Self::Account { .. } => View::Accounts,
            Self::Orphan { .. } => View::Orphans,
            Self::Grant { .. } => View::Redundant,
            Self::Proposal { .. } => View::Roles,
        }
    }

    pub fn account(&self) -> Option<AccountId> {
        match self {
            Self::Access { account, .. } | Self::Account { account, .. } | Self::Orphan { account } => Some(*account),
            Self::Grant { .. } | Self::Proposal { .. } => None,
        }
    }

    pub fn identity(&self) -> Option<IdentityId> {
        match self {
            Self::Access { identity, .. } | Self::Account { identity, .. } | Self::Proposal { identity, .. } => {
                Some(*identity)
            }
            Self::Orphan { .. } | Self::Grant { .. } => None,
        }
    }
}

/// As forms and the command line name it. What may hold any character stands last.
impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Access { account, identity, held_since, entitlement } => {
                write!(f, "access:{account}:{identity}:{}:{entitlement}", held_since.as_microsecond())
            }
            Self::Account { account, identity } => write!(f, "account:{account}:{identity}"),
            Self::Orphan { account } => write!(f, "orphan:{account}"),
            Self::Grant { grant } => write!(f, "grant:{grant}"),
            Self::Proposal { identity, grantable } => {
                write!(f, "proposal:{identity}:{}:{}", grantable.kind(), grantable.name())
            }
        }
    }
}

/// The text names nothing that can be decided about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no item of the reconciliation; take one as `reconciliation list` writes it")]
pub struct NoSubject;

impl FromStr for Subject {
    type Err = NoSubject;

    fn from_str(text: &str) -> Result<Self, NoSubject> {
        fn id<Id: FromStr>(text: &str) -> Result<Id, NoSubject> {
            text.parse().map_err(|_| NoSubject)
        }
        let (kind, rest) = text.split_once(':').ok_or(NoSubject)?;
        let parts: Vec<&str> = rest.splitn(4, ':').collect();
        match (kind, parts.as_slice()) {
            ("access", [account, identity, since, entitlement]) => Ok(Self::Access {
                account: id(account)?,
                identity: id(identity)?,
                held_since: Timestamp::from_microsecond(id(since)?).map_err(|_| NoSubject)?,
                entitlement: (*entitlement).to_owned(),
            }),
            ("account", [account, identity]) => Ok(Self::Account { account: id(account)?, identity: id(identity)? }),
            ("orphan", [account]) => Ok(Self::Orphan { account: id(account)? }),
            ("grant", [grant]) => Ok(Self::Grant { grant: id(grant)? }),
            ("proposal", [identity, kind, ..]) => {
                let name = rest.splitn(3, ':').nth(2).ok_or(NoSubject)?;
                let grantable = Grantable::from_parts(kind, name).ok_or(NoSubject)?;
                Ok(Self::Proposal { identity: id(identity)?, grantable })
            }
            _ => Err(NoSubject),
        }
    }
}

impl Serialize for Subject {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Subject {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// What a person says about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It stays: access and accounts become direct grants, proposed roles are given, accounts of nobody are somebody's
    /// to answer for, redundant grants hold until their end.
    Keep,
    /// It goes: by a plan, as everything does; of a redundant grant only the grant goes.
    Remove,
    /// It is decided another day, and stays until then.
    Postpone,
}

impl Verdict {
    pub const ALL: [Self; 3] = [Self::Keep, Self::Remove, Self::Postpone];

    pub fn name(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Remove => "remove",
            Self::Postpone => "postpone",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verdict| verdict.name() == name)
    }
}

/// What a person says, with all that belongs to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    pub verdict: Verdict,
    pub reason: String,
    /// The last day on which it is kept, or the day until which it is postponed.
    pub until: Option<Date>,
    /// Login of who answers for an account of nobody that is kept.
    pub responsible: Option<String>,
}

/// A decision on record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReconciliationDecision {
    pub id: ReconciliationId,
    pub subject: Subject,
    pub verdict: Verdict,
    /// Whose it was.
    pub identity: Option<IdentityId>,
    /// Empty for a role that is proposed.
    pub application: String,
    /// What people knew it by.
    pub title: String,
    /// What was given or taken because of it.
    pub grantable: Option<Grantable>,
    /// The request that carries it out.
    pub request: Option<RequestId>,
    pub responsible: Option<String>,
    pub until: Option<Date>,
    pub comment: String,
    /// Login.
    pub decided_by: String,
    pub decided_at: Timestamp,
    pub ended_by: Option<String>,
    pub ended_at: Option<Timestamp>,
}

impl ReconciliationDecision {
    /// Whether it still stands on that day.
    pub fn stands(&self, today: Date) -> bool {
        self.ended_at.is_none() && !(self.verdict == Verdict::Postpone && self.until.is_some_and(|day| day <= today))
    }
}

/// A decision as a list shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecisionRow {
    pub decision: ReconciliationDecision,
    pub identity_name: Option<String>,
    pub application_name: String,
    pub stands: bool,
}

/// What a plan has to know of what was decided, or of what was there before: one for each thing at most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StandingMark {
    pub account: AccountId,
    /// Key of the entitlement; none where it is about the account itself.
    pub entitlement: Option<String>,
    pub kind: MarkKind,
    /// Login of who decided, or who took the inventory.
    pub by: String,
    pub at: Timestamp,
    pub comment: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MarkKind {
    /// Was there at go-live: stays until a person says otherwise.
    PreExisting,
    /// Stays until that day.
    Postponed { until: Date },
    /// Goes.
    Remove,
}

/// What would happen by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outlook {
    /// Whether the next plan takes it away.
    pub goes: bool,
    /// Why, or why not.
    pub why: String,
}

/// Something held that nothing grants: an entitlement, an account, or an account of nobody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    pub subject: Subject,
    pub application: String,
    pub application_name: String,
    pub account_type: String,
    pub account_type_label: String,
    pub account: AccountId,
    pub account_key: String,
    /// What people know the account by, where that is not its key.
    pub called: Option<String>,
    pub account_status: AccountStatus,
    pub provenance: Provenance,
    /// Whether something grants the account itself.
    pub account_granted: bool,
    pub identity_name: Option<String>,
    /// What would have to be granted for it to be right; none for an account of nobody.
    pub grantable: Option<Grantable>,
    /// What people call that.
    pub label: String,
    /// Since when it is known.
    pub since: Timestamp,
    /// Was there at go-live.
    pub pre_existing: bool,
    /// The order of ours that put it there; none where somebody else did.
    pub order: Option<OrderId>,
    pub outlook: Option<Outlook>,
}

/// A direct grant of what is held without it as well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redundancy {
    pub subject: Subject,
    pub identity: IdentityId,
    pub identity_name: String,
    pub grantable: Grantable,
    pub label: String,
    /// None for a role.
    pub application: Option<String>,
    pub request: RequestId,
    pub requester: String,
    pub justification: String,
    pub period: Period,
    pub since: Timestamp,
    /// What gives it as well.
    pub causes: Vec<String>,
}

/// A role or access profile that would explain what somebody holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleProposal {
    pub subject: Subject,
    pub identity: IdentityId,
    pub identity_name: String,
    pub grantable: Grantable,
    pub label: String,
    /// What of that which nothing grants it would explain, by what people call it.
    pub explains: Vec<String>,
    /// What it gives and the person does not hold, by what people call it. Empty: the proposal is exact.
    pub missing: Vec<String>,
    /// Others that would explain the same: none of them is deduced.
    pub rivals: Vec<String>,
}

/// When something was there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    NonConforming,
    PreExisting,
}

impl Origin {
    pub const ALL: [Self; 2] = [Self::NonConforming, Self::PreExisting];

    pub fn name(self) -> &'static str {
        match self {
            Self::NonConforming => "non_conforming",
            Self::PreExisting => "pre_existing",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|origin| origin.name() == name)
    }

    pub fn label(self) -> &'static str {
        match self {
            Self::NonConforming => "Non-conforming",
            Self::PreExisting => "Pre-existing",
        }
    }
}

/// Which lines to list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ReconciliationFilter {
    pub view: View,
    pub application: Option<String>,
    pub account_type: Option<String>,
    /// Words, each found in the account or in its owner's name or key.
    pub text: Option<String>,
    pub identity: Option<IdentityId>,
    /// Known since that day or later.
    pub since: Option<Date>,
    pub origin: Option<Origin>,
    pub after: Option<String>,
    pub limit: Option<u32>,
}

/// The lines of a view.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Lines {
    Findings(Page<Finding>),
    Redundant(Page<Redundancy>),
    Roles(Page<RoleProposal>),
    Decided(Page<DecisionRow>),
}

impl Lines {
    pub fn counted(&self) -> Counted {
        match self {
            Self::Findings(page) => page.counted(),
            Self::Redundant(page) => page.counted(),
            Self::Roles(page) => page.counted(),
            Self::Decided(page) => page.counted(),
        }
    }

    pub fn shown(&self) -> usize {
        match self {
            Self::Findings(page) => page.rows.len(),
            Self::Redundant(page) => page.rows.len(),
            Self::Roles(page) => page.rows.len(),
            Self::Decided(page) => page.rows.len(),
        }
    }

    /// What the next piece is asked for with.
    pub fn next(&self) -> Option<&String> {
        match self {
            Self::Findings(page) => page.next.as_ref(),
            Self::Redundant(page) => page.next.as_ref(),
            Self::Roles(page) => page.next.as_ref(),
            Self::Decided(page) => page.next.as_ref(),
        }
    }

    /// What can be decided about.
    pub fn subjects(&self) -> Vec<&Subject> {
        match self {
            Self::Findings(page) => page.rows.iter().map(|row| &row.subject).collect(),
            Self::Redundant(page) => page.rows.iter().map(|row| &row.subject).collect(),
            Self::Roles(page) => page.rows.iter().map(|row| &row.subject).collect(),
            Self::Decided(_) => Vec::new(),
        }
    }
}

/// What was there when an application went live.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GoLive {
    pub application: String,
    pub application_name: String,
    /// When it was done before, and by whom.
    pub before: Option<(Timestamp, String)>,
    /// Not marked yet: entitlements and accounts that nothing grants.
    pub access: u64,
    pub accounts: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_decided_about_is_read_back_from_its_name() {
        let subjects = [
            Subject::Access {
                account: AccountId(7),
                identity: IdentityId(9),
                held_since: Timestamp::from_microsecond(1_764_000_000_000_001).unwrap(),
                entitlement: "cn=a:b,dc=x".into(),
            },
            Subject::Account { account: AccountId(7), identity: IdentityId(9) },
            Subject::Orphan { account: AccountId(7) },
            Subject::Grant { grant: DirectGrantId(5) },
            Subject::Proposal { identity: IdentityId(9), grantable: Grantable::Role("a:b".into()) },
            Subject::Proposal { identity: IdentityId(9), grantable: Grantable::AccessProfile("clerk".into()) },
        ];
        for subject in subjects {
            assert_eq!(subject.to_string().parse(), Ok(subject.clone()));
            let json = serde_json::to_string(&subject).unwrap();
            assert_eq!(serde_json::from_str::<Subject>(&json).unwrap(), subject);
        }
        for text in
            ["", "access", "access:1:2:3", "access:1:2:x:a", "account:1", "orphan:x", "grant:", "proposal:1:x:y"]
        {
            assert_eq!(text.parse::<Subject>(), Err(NoSubject), "{text}");
        }
    }

    #[test]
    fn names_are_read_back() {
        for view in View::ALL {
            assert_eq!(View::from_name(view.name()), Some(view));
        }
        for verdict in Verdict::ALL {
            assert_eq!(Verdict::from_name(verdict.name()), Some(verdict));
        }
        for origin in Origin::ALL {
            assert_eq!(Origin::from_name(origin.name()), Some(origin));
        }
    }
}
