//! Work for people: changes that they carry out in an application, line by line, and report on.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::{OrderId, OrderItemId, UserId, WorkItemId, WorkItemQuestionId};

/// A change that a person carries out in an application, and reports on.
///
/// All work items of one attempt of an order, usually one, together answer that attempt: more than one are there where
/// lines were split off for somebody else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkItem {
    pub id: WorkItemId,
    pub order: OrderId,
    /// The attempt of the order that it belongs to.
    pub fence: i64,
    /// 0 for the first of an attempt; those split off count on.
    pub part: u32,
    pub application: String,
    pub state: WorkItemState,
    /// Whose work it is.
    pub fulfiller: Fulfiller,
    /// Why it is theirs.
    pub chosen: Chosen,
    pub claimed_by: Option<UserId>,
    pub created_at: Timestamp,
    /// Moves on by as long as the clock stood.
    pub due_at: Option<Timestamp>,
    /// Since when the clock stands: a question is open.
    pub paused_at: Option<Timestamp>,
    /// When somebody is reminded, or it is escalated, next.
    pub next_action_at: Option<Timestamp>,
    /// How many of its reminders are over.
    pub reminders: u32,
    /// How often it was escalated.
    pub escalations: u32,
    pub closed_at: Option<Timestamp>,
    pub closed_by: Option<UserId>,
    /// What the person wrote: evidence, or why it cannot be done.
    pub note: Option<String>,
    /// Where the evidence is: a ticket's number, or an address.
    pub reference: Option<String>,
    /// What is to be done, by item of the order.
    pub lines: Vec<WorkItemLine>,
}

impl WorkItem {
    /// Work that nobody has begun and that has no time by which it is due.
    pub fn open(id: WorkItemId, order: OrderId, application: &str, created_at: Timestamp) -> Self {
        Self {
            id,
            order,
            fence: 0,
            part: 0,
            application: application.to_owned(),
            state: WorkItemState::Open,
            fulfiller: Fulfiller::Everybody,
            chosen: Chosen::Everybody,
            claimed_by: None,
            created_at,
            due_at: None,
            paused_at: None,
            next_action_at: None,
            reminders: 0,
            escalations: 0,
            closed_at: None,
            closed_by: None,
            note: None,
            reference: None,
            lines: Vec::new(),
        }
    }

    /// Whether it should be done by now. While the clock stands it is as it was when it stopped.
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        is_overdue(self.state, self.due_at, self.paused_at, now)
    }
}

/// See [`WorkItem::is_overdue`].
pub fn is_overdue(
    state: WorkItemState,
    due_at: Option<Timestamp>,
    paused_at: Option<Timestamp>,
    now: Timestamp,
) -> bool {
    state == WorkItemState::Open && due_at.is_some_and(|due| due < paused_at.unwrap_or(now))
}

/// | from | to | when |
/// |---|---|---|
/// | open | done | every line is done |
/// | open | partly_done | some lines are done, and others cannot be |
/// | open | cannot_do | no line can be done |
/// | open | withdrawn | the order no longer needs it |
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkItemState {
    Open,
    Done,
    PartlyDone,
    CannotDo,
    /// The order no longer needs it.
    Withdrawn,
}

impl WorkItemState {
    pub const ALL: [Self; 5] = [Self::Open, Self::Done, Self::PartlyDone, Self::CannotDo, Self::Withdrawn];

    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Done => "done",
            Self::PartlyDone => "partly_done",
            Self::CannotDo => "cannot_do",
            Self::Withdrawn => "withdrawn",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// Whose work something is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", content = "name", rename_all = "snake_case")]
pub enum Fulfiller {
    /// One person, by login.
    User(String),
    /// A team: the holders of a permission profile.
    Profile(String),
    /// Everybody who has the duty.
    Everybody,
}

impl Fulfiller {
    /// What stands before a login in the configuration; a name without it is a permission profile's.
    pub const USER: &str = "user:";

    /// As the configuration and forms spell it: `user:ann`, or the name of a permission profile.
    pub fn parse(text: &str) -> Self {
        match text.strip_prefix(Self::USER) {
            Some(login) => Self::User(login.to_owned()),
            None => Self::Profile(text.to_owned()),
        }
    }

    pub fn kind(&self) -> &'static str {
        match self {
            Self::User(_) => "user",
            Self::Profile(_) => "profile",
            Self::Everybody => "everybody",
        }
    }

    /// Login, or name of the profile.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::User(name) | Self::Profile(name) => Some(name),
            Self::Everybody => None,
        }
    }

    pub fn from_parts(kind: &str, name: Option<String>) -> Option<Self> {
        match (kind, name) {
            ("user", Some(name)) => Some(Self::User(name)),
            ("profile", Some(name)) => Some(Self::Profile(name)),
            ("everybody", None) => Some(Self::Everybody),
            _ => None,
        }
    }
}

/// Why a work item is somebody's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Chosen {
    /// Fulfiller of the account type.
    AccountType,
    /// Fulfiller of removals.
    Revoker,
    /// Fulfiller of the application.
    Connection,
    /// Owner of the application.
    Owner,
    /// Nobody else could.
    Everybody,
    /// A person gave it to them.
    Reassigned,
    /// A person gave them a part of another one.
    Split,
    /// It was not done in time.
    Escalated,
}

impl Chosen {
    pub const ALL: [Self; 8] = [
        Self::AccountType,
        Self::Revoker,
        Self::Connection,
        Self::Owner,
        Self::Everybody,
        Self::Reassigned,
        Self::Split,
        Self::Escalated,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::AccountType => "account_type",
            Self::Revoker => "revoker",
            Self::Connection => "connection",
            Self::Owner => "owner",
            Self::Everybody => "everybody",
            Self::Reassigned => "reassigned",
            Self::Split => "split",
            Self::Escalated => "escalated",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|chosen| chosen.name() == name)
    }
}

/// One item of the order, as a person carries it out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkItemLine {
    pub item: OrderItemId,
    /// None while nobody has reported.
    pub outcome: Option<LineOutcome>,
}

/// What became of a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum LineOutcome {
    /// With another value than was asked for, where one is given.
    Done {
        actual: Option<String>,
    },
    CannotDo {
        why: String,
    },
}

impl LineOutcome {
    pub fn name(&self) -> &'static str {
        match self {
            Self::Done { .. } => "done",
            Self::CannotDo { .. } => "cannot_do",
        }
    }

    /// The actual value, or why it cannot be done.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Done { actual } => actual.as_deref(),
            Self::CannotDo { why } => Some(why),
        }
    }

    pub fn from_parts(name: &str, text: Option<String>) -> Option<Self> {
        match (name, text) {
            ("done", actual) => Some(Self::Done { actual }),
            ("cannot_do", Some(why)) => Some(Self::CannotDo { why }),
            _ => None,
        }
    }
}

/// What somebody says of one line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineReport {
    pub line: OrderItemId,
    pub outcome: LineOutcome,
}

/// A question on a work item. While it is open the clock stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkItemQuestion {
    pub id: WorkItemQuestionId,
    pub work_item: WorkItemId,
    pub asked_by: Option<UserId>,
    /// Who is to answer.
    pub asked_of: UserId,
    pub question: String,
    pub asked_at: Timestamp,
    /// None in a question that was taken back.
    pub answer: Option<String>,
    /// None while it is open.
    pub closed_at: Option<Timestamp>,
    pub closed_by: Option<UserId>,
}

/// Something that happened to a work item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkItemEvent {
    pub at: Timestamp,
    /// Login, or the name of the node.
    pub actor: String,
    pub kind: WorkItemEventKind,
    /// A sentence.
    pub message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkItemEventKind {
    Opened,
    Claimed,
    Released,
    Reassigned,
    Split,
    Asked,
    Answered,
    Reported,
    Reminded,
    Escalated,
    Closed,
}

impl WorkItemEventKind {
    pub const ALL: [Self; 11] = [
        Self::Opened,
        Self::Claimed,
        Self::Released,
        Self::Reassigned,
        Self::Split,
        Self::Asked,
        Self::Answered,
        Self::Reported,
        Self::Reminded,
        Self::Escalated,
        Self::Closed,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Claimed => "claimed",
            Self::Released => "released",
            Self::Reassigned => "reassigned",
            Self::Split => "split",
            Self::Asked => "asked",
            Self::Answered => "answered",
            Self::Reported => "reported",
            Self::Reminded => "reminded",
            Self::Escalated => "escalated",
            Self::Closed => "closed",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::{Chosen, Fulfiller, LineOutcome, WorkItemEventKind, WorkItemState};

    #[test]
    fn names_lead_back() {
        for state in WorkItemState::ALL {
            assert_eq!(WorkItemState::from_name(state.name()), Some(state));
        }
        for chosen in Chosen::ALL {
            assert_eq!(Chosen::from_name(chosen.name()), Some(chosen));
        }
        for kind in WorkItemEventKind::ALL {
            assert_eq!(WorkItemEventKind::from_name(kind.name()), Some(kind));
        }
        for fulfiller in [Fulfiller::User("ann".into()), Fulfiller::Profile("desk".into()), Fulfiller::Everybody] {
            let name = fulfiller.name().map(str::to_owned);
            assert_eq!(Fulfiller::from_parts(fulfiller.kind(), name), Some(fulfiller));
        }
        for outcome in [
            LineOutcome::Done { actual: None },
            LineOutcome::Done { actual: Some("B2.14".into()) },
            LineOutcome::CannotDo { why: "locked".into() },
        ] {
            let text = outcome.text().map(str::to_owned);
            assert_eq!(LineOutcome::from_parts(outcome.name(), text), Some(outcome));
        }
        assert_eq!(LineOutcome::from_parts("cannot_do", None), None);
    }

    #[test]
    fn a_login_has_a_mark_in_front() {
        assert_eq!(Fulfiller::parse("user:ann"), Fulfiller::User("ann".into()));
        assert_eq!(Fulfiller::parse("desk"), Fulfiller::Profile("desk".into()));
    }
}
