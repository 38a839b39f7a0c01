//! Taking back what a run did: what goes back, what does not, and why.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::blast_radius::BlastRadius;
use crate::ids::{AccountId, IdentityId, OrderId, RunId};
use crate::job::Run;
use crate::page::Page;
use crate::plan::{ItemKind, ItemOperation, Operation};
use crate::value::Value;

/// Which part of a run is taken back. What is empty does not restrict.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct UndoSelection {
    pub application: Option<String>,
    pub account_type: Option<String>,
    pub identity: Option<IdentityId>,
    /// Only what these orders did.
    pub orders: Vec<OrderId>,
}

/// One attribute, entitlement or account that the run changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UndoLine {
    /// The run's last order that changed it.
    pub order: OrderId,
    pub identity: IdentityId,
    pub application: String,
    pub account_type: String,
    pub account: Option<AccountId>,
    pub key: Option<String>,
    pub kind: ItemKind,
    /// Attribute, key of the entitlement, or key of the account.
    pub name: String,
    /// Name of the entitlement in the configuration.
    pub entitlement: Option<String>,
    /// What the run did.
    pub done: ItemOperation,
    pub secret: bool,
    /// An attribute's value; true or false for an entitlement; the status of an account, none where there was none.
    pub before: Option<Value>,
    /// What the run made of it.
    pub after: Option<Value>,
    /// What is there now.
    pub now: Option<Value>,
    pub fate: UndoFate,
}

/// What an undo does about a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fate", rename_all = "snake_case")]
pub enum UndoFate {
    /// It becomes again what it was before.
    GoesBack,
    /// It is as before already.
    AlreadyBack,
    /// Somebody has changed it since, or it is needed for another reason: it stays as it is.
    Conflict { conflict: UndoConflict },
    /// There is no way back.
    Impossible { obstacle: UndoObstacle },
}

impl UndoFate {
    pub const NAMES: [&'static str; 4] = ["goes_back", "conflict", "impossible", "already_back"];

    pub fn name(&self) -> &'static str {
        match self {
            Self::GoesBack => "goes_back",
            Self::AlreadyBack => "already_back",
            Self::Conflict { .. } => "conflict",
            Self::Impossible { .. } => "impossible",
        }
    }

    /// Why it does not go back, in a sentence.
    pub fn why(&self) -> Option<String> {
        match self {
            Self::GoesBack => None,
            Self::AlreadyBack => Some("It is as it was before the run; nothing is left to take back.".to_owned()),
            Self::Conflict { conflict } => Some(conflict.to_string()),
            Self::Impossible { obstacle } => Some(obstacle.to_string()),
        }
    }
}

/// Why a line is left to whoever changed it later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "conflict_kind", rename_all = "snake_case")]
pub enum UndoConflict {
    /// The application holds something else than what the run set.
    Changed,
    /// A later order changed it, or is about to.
    LaterOrder { order: OrderId },
    /// The account is not there any more.
    AccountGone,
    /// Rules that had no part in the run ask for what it did.
    RoleModel { rules: Vec<String> },
}

impl std::fmt::Display for UndoConflict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Changed => f.write_str("Somebody has changed it since the run; the later value stays."),
            Self::LaterOrder { order } => write!(f, "Order {order} came later and changes the same; it stays."),
            Self::AccountGone => f.write_str("The account is not there any more."),
            Self::RoleModel { rules } => {
                write!(f, "It is now needed for another reason: {}.", rules.join(", "))
            }
        }
    }
}

/// Why there is no way back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UndoObstacle {
    /// The account was deleted.
    Deleted,
    /// The order is still on its way.
    UnderWay,
    /// What was there before is never kept.
    Secret,
    /// The account was there before the run, which took it over; what it held is not known.
    TakenOver,
    /// Its account type says that accounts are kept.
    Kept,
    /// The configuration does not know it any more.
    Unknown,
    /// It would be granted to an account that goes.
    AccountGoes,
}

impl std::fmt::Display for UndoObstacle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Deleted => "The account was deleted. A deletion cannot be undone; the next run creates it anew where it is wanted.",
            Self::UnderWay => "Its order is on its way, and whether it happened is not known yet. Wait for the answer, then undo again.",
            Self::Secret => "It is a secret: what was there before is never kept. Set it anew in the application.",
            Self::TakenOver => "The account was there before the run, which took it over; what it held then is not known.",
            Self::Kept => "Its account type says that accounts are kept when nothing grants them.",
            Self::Unknown => "The configuration does not know it any more.",
            Self::AccountGoes => "It would be granted to an account that is disabled by this undo.",
        })
    }
}

/// An undo that somebody confirmed, kept with the run that carries it out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunUndo {
    /// The run that takes back.
    pub run: RunId,
    /// The run that is taken back.
    pub undoes: RunId,
    pub selection: UndoSelection,
    pub reason: String,
    /// Login of who confirmed it.
    pub by: String,
    /// Of the lines that were seen when it was confirmed.
    pub digest: String,
    pub at: Timestamp,
}

/// Something that was undone: it is not ordered again without a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undone {
    pub id: i64,
    /// The run that took it back.
    pub run: RunId,
    pub identity: IdentityId,
    pub account_type: String,
    pub kind: ItemKind,
    pub name: String,
    /// What was taken back.
    pub operation: ItemOperation,
    pub value: Option<Value>,
    pub by: String,
    pub why: String,
    pub since: Timestamp,
}

/// Which lines of an undo to list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct UndoFilter {
    /// One of [`UndoFate::NAMES`].
    pub fate: Option<String>,
    /// Words, each found in the person's name, the account's key or the name of what changes.
    pub text: Option<String>,
    /// How many lines come before the first one listed.
    pub after: Option<usize>,
    pub limit: Option<usize>,
}

/// A line with names for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UndoRow {
    pub line: UndoLine,
    pub identity_name: String,
    pub application_name: String,
}

/// What an undo would do, before anything happens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UndoPreview {
    /// The run that would be taken back.
    pub run: Run,
    /// What its job is called.
    pub job_label: String,
    pub selection: UndoSelection,
    /// Of all lines: a confirmation says which it has seen.
    pub digest: String,
    /// Lines by fate, in the order of [`UndoFate::NAMES`].
    pub counts: Vec<(String, u64)>,
    /// Orders that would be made, by operation.
    pub orders: Vec<(Operation, u64)>,
    pub people: u64,
    /// Key and name of applications that the run changed.
    pub applications: Vec<(String, String)>,
    /// Key and name of account types that the run changed.
    pub account_types: Vec<(String, String)>,
    pub blast_radius: BlastRadius,
    /// Orders of the run that were not sent yet; an undo leaves them alone.
    pub unsent: u64,
    /// Runs that have taken back this one before.
    pub undone_by: Vec<RunUndo>,
    pub rows: Page<UndoRow>,
}

impl UndoPreview {
    /// How many lines have this fate.
    pub fn count(&self, fate: &str) -> u64 {
        self.counts.iter().find(|(name, _)| name == fate).map_or(0, |(_, count)| *count)
    }
}
