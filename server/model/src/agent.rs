//! What server and agent say to one another, and how an export is. An agent asks what to read, hands over the rows in
//! numbered pages, and says at the end that it is through, or why not.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::account::{ObservedAccount, ObservedEntitlement};
use crate::command::CommandError;
use crate::configuration::{Connection, IdentitySource};
use crate::feed::FeedIdentity;
use crate::ids::{AgentExportId, AgentTokenId, RunId};

/// Rows of one page, at the most.
pub const PAGE_ROWS: usize = 2_000;
/// Bytes of one page as JSON, at the most: the server refuses what is larger than a megabyte.
pub const PAGE_BYTES: usize = 600 * 1024;
/// Pages of one export, at the most.
pub const MOST_PAGES: u32 = 100_000;
/// Bytes of all pages of one export, at the most; three million accounts of seven hundred.
pub const EXPORT_BYTES: u64 = 2 * 1024 * 1024 * 1024;
/// An agent that was not heard of for so long is missed: it says something every half minute.
pub const MISSED_SECONDS: i64 = 120;
/// How the version of these messages begins; one that differs is refused, and says so.
pub const PROTOCOL: u32 = 1;

/// An agent asks whether there is something to read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NextExport {
    pub protocol: u32,
    /// Of the program that asks.
    pub version: String,
    /// How long the answer may wait for something to read; the server may wait less.
    pub wait_seconds: u32,
}

/// What an agent is to read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assignment {
    pub export: AgentExportId,
    /// Rises when an export is begun anew; pages of an earlier attempt are refused.
    pub attempt: u32,
    pub what: ExportTask,
    /// Seconds in which the server wants to hear of it again.
    pub lease_seconds: u32,
}

/// One reading, as the configuration describes it. Credentials and places are the agent's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ExportTask {
    Application {
        name: String,
        connection: Connection,
        /// Account type → attribute that is its key.
        account_types: BTreeMap<String, String>,
        /// Attributes that are read; all where none is named.
        attributes: Vec<String>,
        concurrency: u16,
    },
    Source {
        name: String,
        source: IdentitySource,
    },
}

impl ExportTask {
    pub fn subject(&self) -> ExportSubject {
        match self {
            Self::Application { name, .. } => ExportSubject::Application(name.clone()),
            Self::Source { name, .. } => ExportSubject::Source(name.clone()),
        }
    }
}

/// What an export is of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExportSubject {
    Application(String),
    Source(String),
}

impl ExportSubject {
    pub fn name(&self) -> &str {
        match self {
            Self::Application(name) | Self::Source(name) => name,
        }
    }

    /// As the database has it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Application(_) => "application",
            Self::Source(_) => "source",
        }
    }

    pub fn from_kind(kind: &str, name: String) -> Option<Self> {
        Some(match kind {
            "application" => Self::Application(name),
            "source" => Self::Source(name),
            _ => return None,
        })
    }
}

/// Rows that were read. Of an application accounts and entitlements, of a source people.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ExportPage {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub entitlements: Vec<ObservedEntitlement>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub accounts: Vec<ObservedAccount>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub people: Vec<FeedIdentity>,
}

impl ExportPage {
    pub fn rows(&self) -> usize {
        self.entitlements.len() + self.accounts.len() + self.people.len()
    }
}

/// How an export ended at the agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case", deny_unknown_fields)]
pub enum ExportOutcome {
    Complete {
        /// How many pages were handed over, numbered from 1.
        pages: u32,
        /// Whether the application can be listed at all.
        lists: bool,
        /// Of a feed: equal digests mean equal files.
        digest: String,
        warnings: Vec<String>,
    },
    Failed {
        error: CommandError,
        /// What is wrong in a feed, line by line.
        findings: Vec<String>,
    },
    /// The agent does not read it, or hand it over: sentences that say why, and what to do about it.
    Refused { why: String },
}

/// What becomes of an export. `broker::agent` has the table of what follows what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExportState {
    /// Asked for, and nobody reads yet.
    Waiting,
    Reading,
    /// Read whole, and not taken over yet.
    Complete,
    /// The agent could not read it.
    Failed,
    /// The run has its rows.
    TakenOver,
    /// The run does not wait for it any longer.
    GivenUp,
}

impl ExportState {
    pub const ALL: [Self; 6] =
        [Self::Waiting, Self::Reading, Self::Complete, Self::Failed, Self::TakenOver, Self::GivenUp];

    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Reading => "reading",
            Self::Complete => "complete",
            Self::Failed => "failed",
            Self::TakenOver => "taken_over",
            Self::GivenUp => "given_up",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// As people read it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Waiting => "Asked for",
            Self::Reading => "Reading",
            Self::Complete => "Read",
            Self::Failed => "Failed",
            Self::TakenOver => "Complete",
            Self::GivenUp => "Given up",
        }
    }

    /// Whether the agent has nothing to do with it any more.
    pub fn is_over(self) -> bool {
        !matches!(self, Self::Waiting | Self::Reading)
    }
}

/// One reading that a run asked an agent for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentExport {
    pub id: AgentExportId,
    pub agent: String,
    pub run: RunId,
    pub subject: ExportSubject,
    pub state: ExportState,
    pub attempt: u32,
    pub requested_at: Timestamp,
    /// When the current attempt began: what was read is no older.
    pub taken_at: Option<Timestamp>,
    pub lease_until: Option<Timestamp>,
    /// When anything was last heard of it.
    pub heard_at: Option<Timestamp>,
    pub rows: u64,
    pub outcome: Option<ExportOutcome>,
    /// Why it was given up.
    pub given_up_because: Option<String>,
    pub finished_at: Option<Timestamp>,
}

/// What an agent signs in with; the token itself is kept nowhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentToken {
    pub id: AgentTokenId,
    pub agent: String,
    /// What it is for, in a person's words.
    pub label: String,
    pub created_by: String,
    pub created_at: Timestamp,
    pub last_used_at: Option<Timestamp>,
    pub revoked_by: Option<String>,
    pub revoked_at: Option<Timestamp>,
}

/// What is known of an agent from its asking.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentFacts {
    pub name: String,
    pub heard_at: Timestamp,
    pub version: String,
    pub address: String,
}

/// An agent as pages and the command line show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentView {
    pub name: String,
    pub display_name: String,
    pub description: Option<String>,
    pub owner: Option<String>,
    /// It was in the configuration, and is no longer.
    pub is_gone: bool,
    pub facts: Option<AgentFacts>,
    /// It was heard of just now.
    pub is_there: bool,
    pub reads: Vec<AgentReads>,
    pub tokens: Vec<AgentToken>,
}

/// Something that an agent reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentReads {
    pub subject: ExportSubject,
    pub label: String,
    /// The one under way, if any.
    pub current: Option<AgentExport>,
    /// The newest that is over.
    pub last: Option<AgentExport>,
}

/// An agent, where something that it reads is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentLink {
    pub name: String,
    pub display_name: String,
    pub heard_at: Option<Timestamp>,
}

/// A token, shown this once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewAgentToken {
    pub id: AgentTokenId,
    pub agent: String,
    pub token: String,
}
