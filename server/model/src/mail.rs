//! Who is told of what by mail.
//!
//! A notice is written with the change that it tells of; a mail is made of the notices that one person is to have. Who is
//! told follows from permission paths: a parent path grants an action for all that lies below, but only who holds the
//! whole path, down to the thing itself, is told (settled question 10). What is meant for one person or team alone, such
//! as a question or a reminder, goes to them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::{MailId, RunId, UserId};
use crate::user::{Duty, PermissionPath};
use crate::work_item::Fulfiller;

/// Kinds of events that people may be told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeKind {
    /// Work for a person; about an account type.
    WorkItem,
    /// An order waits for review; about an account type.
    Review,
    /// A run came to its end; about a job.
    RunEnded,
    /// An application does not answer, or needs to be looked at; about the application.
    ApplicationTrouble,
    /// Questions to answer; about their owner, who alone is told.
    Form,
    /// An application holds what nobody ordered; about an account type, or about the application where it has none.
    NativeChange,
    /// A request waits for an approval; about what is asked for. Those who may decide are told by name.
    Approval,
    /// Access to certify, or to change as its owner; about the campaign. Those who are asked are told by name.
    Certification,
    /// A risk is newly broken, or an exception from it is over; about the risk. Its owner is told by name, where it has one.
    Violation,
}

impl NoticeKind {
    pub const ALL: [Self; 9] = [
        Self::WorkItem,
        Self::Approval,
        Self::Certification,
        Self::Review,
        Self::Form,
        Self::NativeChange,
        Self::Violation,
        Self::RunEnded,
        Self::ApplicationTrouble,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::WorkItem => "work_item",
            Self::Review => "review",
            Self::RunEnded => "run_ended",
            Self::ApplicationTrouble => "application_trouble",
            Self::Form => "form",
            Self::NativeChange => "native_change",
            Self::Approval => "approval",
            Self::Certification => "certification",
            Self::Violation => "violation",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// What a person calls it.
    pub fn label(self) -> &'static str {
        match self {
            Self::WorkItem => "Work for you",
            Self::Review => "Orders that wait for your review",
            Self::RunEnded => "Runs that ended",
            Self::ApplicationTrouble => "Applications in trouble",
            Self::Form => "Questions for you to answer",
            Self::NativeChange => "Changes made in applications themselves",
            Self::Approval => "Requests that wait for your approval",
            Self::Certification => "Access that you are asked to certify",
            Self::Violation => "People who break a risk\u{2019}s rules",
        }
    }

    /// The paths whose holders are told of this kind about this thing, in both spellings there are.
    pub fn paths(self, about: &str) -> Vec<PermissionPath> {
        let only = |parent: &str| PermissionPath::of(parent, about).into_iter().collect();
        match self {
            Self::WorkItem => Duty::Fulfil.paths(about),
            Self::Review => Duty::Review.paths(about),
            Self::RunEnded => only("/Jobs/View"),
            Self::ApplicationTrouble => only("/Applications/View"),
            Self::NativeChange => only("/NativeChanges/View"),
            Self::Violation => only("/Violations/View"),
            // Whoever owns it, or may decide, see `engine::mails`.
            Self::Form | Self::Approval | Self::Certification => Vec::new(),
        }
    }
}

/// What becomes of a notice to somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hearing {
    /// They are told.
    Told,
    /// They would be, and have no address.
    NoAddress,
    /// They would be, and do not want to be told of this kind.
    Unwanted,
    /// They hold the exact path in an entry that does not notify.
    Silent,
    /// They may act by a parent path, which notifies nobody.
    MayAct,
}

impl Hearing {
    pub const ALL: [Self; 5] = [Self::Told, Self::NoAddress, Self::Unwanted, Self::Silent, Self::MayAct];

    /// What a person calls it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Told => "Is told",
            Self::NoAddress => "Not told: has no address",
            Self::Unwanted => "Not told: does not want to be",
            Self::Silent => "Not told: the entry does not notify",
            Self::MayAct => "Not told: may act, by a parent path",
        }
    }
}

/// Something that happened, and that somebody may have to be told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    pub at: Timestamp,
    pub kind: NoticeKind,
    /// Account type, job or application, see [`NoticeKind`].
    pub about: String,
    /// One line, without secrets and values of attributes.
    pub sentence: String,
    /// Path of the page that shows it.
    pub link: String,
    /// The run it belongs to; one mail tells of all that one run brought.
    pub run: Option<RunId>,
    /// Who is told, whatever their paths are; otherwise it follows from these.
    #[serde(default)]
    pub to: Option<Fulfiller>,
}

/// One mail to one person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mail {
    pub id: MailId,
    pub user: UserId,
    pub address: String,
    pub subject: String,
    pub text: String,
    pub html: String,
    pub state: MailState,
    pub attempts: u32,
    /// When it is tried next; none once it is sent or given up.
    pub next_attempt_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub sent_at: Option<Timestamp>,
    /// Why the last attempt failed.
    pub problem: Option<String>,
}

/// | from | to | when |
/// |---|---|---|
/// | waiting | sent | the server took it |
/// | waiting | waiting | it could not, for now |
/// | waiting | failed | it never will, or trying again was given up, by itself or by a person |
/// | failed | waiting | a person wants it sent again |
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MailState {
    Waiting,
    Sent,
    Failed,
}

impl MailState {
    pub const ALL: [Self; 3] = [Self::Waiting, Self::Sent, Self::Failed];

    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Sent => "sent",
            Self::Failed => "failed",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// A line of the list of mails.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailRow {
    pub id: MailId,
    /// Display name.
    pub user_name: String,
    pub address: String,
    pub subject: String,
    pub state: MailState,
    pub attempts: u32,
    pub next_attempt_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub sent_at: Option<Timestamp>,
    pub problem: Option<String>,
}

/// Which mails to list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MailFilter {
    pub state: Option<MailState>,
    pub after: Option<String>,
    pub limit: Option<u32>,
}

/// Where mails go, and how many there are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailOverview {
    /// The server's address; without one nothing is sent.
    pub server: Option<String>,
    pub waiting: u64,
    pub sent: u64,
    pub failed: u64,
}

/// How somebody gets mail.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailPreferences {
    /// Without one, the address of the user's identity counts.
    pub address: Option<String>,
    /// Kinds of events that the person does not want to be told of.
    pub silenced: Vec<NoticeKind>,
}

#[cfg(test)]
mod tests {
    use super::NoticeKind;

    #[test]
    fn paths_go_down_to_the_thing_itself() {
        let paths = |kind: NoticeKind, about: &str| {
            kind.paths(about).iter().map(|path| path.as_str().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(
            paths(NoticeKind::WorkItem, "terminal"),
            ["/WorkItems/Fulfil/terminal", "/ProvisioningPolicy/PerformManualProvisioning/terminal"]
        );
        assert_eq!(paths(NoticeKind::RunEnded, "complete"), ["/Jobs/View/complete"]);
        assert_eq!(paths(NoticeKind::ApplicationTrouble, "HR é/2"), ["/Applications/View/HR---2"]);
        for kind in NoticeKind::ALL {
            assert_eq!(NoticeKind::from_name(kind.name()), Some(kind));
        }
    }
}
