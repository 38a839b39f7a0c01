//! What other systems are told: events of what happened here, and the audit trail, each in a stream whose numbers have no
//! gaps. A receiver that has seen number 41 and is then sent a message whose `previous` is 43 knows that it has missed
//! something, and from where to read again.
//!
//! An event says that something is so, of whom and of what. It carries names and states, never the values of attributes:
//! those may be secret, and whoever may know them asks for them.

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::ids::{EventTokenId, IdentityId, OrderId, RequestId, RunId};
use crate::page::Page;
use crate::value::{Attributes, Value};

/// Version of the form in which messages are written. What is only added does not raise it.
pub const SCHEMA: u32 = 1;

/// A sequence of messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Stream {
    /// What happened to people, their access and their accounts.
    #[default]
    Events,
    /// The audit trail: who did what.
    Audit,
}

impl Stream {
    pub const ALL: [Self; 2] = [Self::Events, Self::Audit];

    pub fn name(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Audit => "audit",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stream| stream.name() == name)
    }
}

macro_rules! event_types {
    ($($(#[$doc:meta])* $variant:ident => $name:literal),* $(,)?) => {
        /// What kind of thing happened.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum EventType {
            $($(#[$doc])* #[serde(rename = $name)] $variant,)*
        }

        impl EventType {
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

event_types! {
    /// From here on events are written. Before, some may be missing: take a snapshot.
    StreamBegan => "stream.began",
    IdentityJoined => "identity.joined",
    IdentityChanged => "identity.changed",
    IdentityLeft => "identity.left",
    AssignmentGranted => "assignment.granted",
    /// Still held, for other reasons or another period.
    AssignmentChanged => "assignment.changed",
    AssignmentEnded => "assignment.ended",
    AccountCreated => "account.created",
    AccountChanged => "account.changed",
    AccountEnabled => "account.enabled",
    AccountDisabled => "account.disabled",
    AccountDeleted => "account.deleted",
    /// Read back and found as ordered.
    OrderVerified => "order.verified",
    /// Given up or turned out otherwise: a person is needed, or the next run.
    OrderFailed => "order.failed",
    /// Will not be carried out: replaced, expired or called off.
    OrderCancelled => "order.cancelled",
    /// Everybody who has to agree to a thing that was asked for has agreed.
    RequestApproved => "request.approved",
    RequestDeclined => "request.declined",
    /// A request reached its end, in whatever state.
    RequestEnded => "request.ended",
    RunEnded => "run.ended",
    ViolationOpened => "violation.opened",
    ViolationClosed => "violation.closed",
    /// A line of the audit trail.
    Audited => "audit",
}

impl EventType {
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name)
    }

    /// Whether a filter's word means it: the name itself, or everything of a kind, as in `account.*`.
    pub fn is_meant_by(self, word: &str) -> bool {
        match word.strip_suffix('*') {
            Some(beginning) => self.name().starts_with(beginning),
            None => self.name() == word,
        }
    }
}

/// Whom an event is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventIdentity {
    pub id: IdentityId,
    pub source: String,
    pub key: String,
    pub display_name: String,
}

/// What happened, without its place in a stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventBody {
    #[serde(rename = "type")]
    pub kind: EventType,
    pub at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<OrderId>,
    /// Requests that are carried out by it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requests: Vec<RequestId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<EventIdentity>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application: Option<String>,
    /// What there is to say of this type.
    #[serde(default, skip_serializing_if = "Attributes::is_empty")]
    pub data: Attributes,
}

impl EventBody {
    pub fn new(kind: EventType, at: Timestamp) -> Self {
        Self {
            kind,
            at,
            run: None,
            order: None,
            requests: Vec::new(),
            identity: None,
            application: None,
            data: Attributes::new(),
        }
    }

    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.data.insert(name.to_owned(), value.into());
        self
    }

    /// What a filter's expression reads as `event`.
    pub fn attributes(&self) -> Attributes {
        let mut all = self.data.clone();
        let mut put = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                all.insert(name.to_owned(), value);
            }
        };
        put("type", Some(Value::from(self.kind.name())));
        put("run", self.run.map(|run| Value::Integer(run.0)));
        put("order", self.order.map(|order| Value::Integer(order.0)));
        put("application", self.application.as_deref().map(Value::from));
        if let Some(identity) = &self.identity {
            put("identity_source", Some(Value::from(identity.source.as_str())));
            put("identity_key", Some(Value::from(identity.key.as_str())));
        }
        all
    }
}

/// Names that a filter's expression may read of `event`.
pub const EVENT_ATTRIBUTES: [&str; 26] = [
    "type",
    "run",
    "order",
    "application",
    "identity_source",
    "identity_key",
    "kind",
    "name",
    "starts",
    "ends",
    "account",
    "account_type",
    "key",
    "status",
    "attributes",
    "entitlements",
    "added",
    "removed",
    "operation",
    "state",
    "change",
    "job",
    "risk",
    "rule",
    "actor",
    "action",
];

/// One event in its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    pub stream: Stream,
    /// Another one says that the numbers began anew: the database was put back to an earlier state.
    pub epoch: String,
    pub sequence: i64,
    #[serde(flatten)]
    pub body: EventBody,
}

/// What a receiver is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    pub schema: u32,
    /// The same whenever this event is sent.
    pub id: String,
    /// Nothing that this receiver is to be sent lies between this number and its own.
    pub previous: i64,
    #[serde(flatten)]
    pub event: Event,
}

impl Message {
    pub fn new(event: Event, previous: i64) -> Self {
        let id = format!("{}-{}-{}", event.stream.name(), event.epoch, event.sequence);
        Self { schema: SCHEMA, id, previous, event }
    }
}

/// How far a stream is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamFacts {
    pub stream: Stream,
    /// None before its first message.
    pub epoch: Option<String>,
    /// The highest number given.
    pub last: i64,
    /// The lowest number that is still kept; one more than `last` where nothing is.
    pub first: i64,
}

/// Whether a subscription is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubscriptionState {
    Active,
    /// A person let it wait.
    Paused,
    /// The receiver refused a message for good, and the configuration says that nothing goes on then.
    Stopped,
}

impl SubscriptionState {
    pub const ALL: [Self; 3] = [Self::Active, Self::Paused, Self::Stopped];

    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Paused => "paused",
            Self::Stopped => "stopped",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// Where a subscription is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubscriptionStanding {
    pub name: String,
    pub stream: Stream,
    pub state: SubscriptionState,
    /// Everything up to this number is delivered, set aside or not meant for it.
    pub cursor: i64,
    /// The last one of these that was meant for it, or from where it was told to go on.
    pub previous: i64,
    /// Tries of the next message that failed.
    pub attempts: u32,
    pub next_attempt_at: Option<Timestamp>,
    pub problem: Option<String>,
    pub failing_since: Option<Timestamp>,
    pub delivered: u64,
    pub delivered_at: Option<Timestamp>,
    /// Goes up with every node that takes it: what an earlier one still writes counts no more.
    pub fence: i64,
}

/// A subscription as pages and the command line show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubscriptionRow {
    pub standing: SubscriptionStanding,
    pub description: Option<String>,
    /// Where it goes, in words.
    pub way: String,
    /// The stream's highest number.
    pub last: i64,
    /// When the oldest thing happened that it has not got yet.
    pub waiting_since: Option<Timestamp>,
    pub set_aside: u64,
}

impl SubscriptionRow {
    /// Numbers that it has yet to be looked at for; an upper limit of what is to be sent.
    pub fn lag(&self) -> u64 {
        u64::try_from(self.last - self.standing.cursor).unwrap_or(0)
    }
}

/// A message that a receiver refused for good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetAsideMessage {
    pub subscription: String,
    pub sequence: i64,
    pub previous: i64,
    pub at: Timestamp,
    pub attempts: u32,
    pub problem: String,
    /// A person wants it sent once more.
    pub again: bool,
}

/// Which part of a stream a list shows, the newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EventFilter {
    pub stream: Stream,
    /// A type, or everything of a kind as in `account.*`. Lines of the audit trail are all of one.
    pub kind: Option<String>,
    /// What happened in it, and to what belongs to it.
    pub application: Option<String>,
    pub identity: Option<IdentityId>,
    /// Words of a person, or the key or name of what it happened to; of the audit trail a part of a line.
    pub text: Option<String>,
    /// The first day and the last one, in the organisation's zone.
    pub since: Option<Date>,
    pub until: Option<Date>,
    pub before: Option<i64>,
    pub limit: Option<u32>,
}

/// A piece of a stream, the newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventList {
    pub page: Page<Event>,
    /// Whether `total` is that of the whole list; it is of this piece where there is more than can be looked at at once.
    pub is_counted: bool,
    /// Nothing before that was looked at yet, because the filter leaves so much out: `next` looks further back.
    pub looked_back_to: Option<Timestamp>,
}

/// Where a subscription is told to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// After this number.
    After(i64),
    /// With the first that happened then or later.
    Since(Timestamp),
    /// After everything that there is.
    End,
}

/// What was read of a stream by a receiver that asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventPage {
    pub stream: Stream,
    pub epoch: Option<String>,
    pub messages: Vec<Message>,
    /// Where to go on: what lies before it is all there.
    pub next: i64,
    /// The stream's highest number.
    pub last: i64,
}

/// Why a message was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotTaken {
    /// A sentence.
    pub problem: String,
    /// The receiver has understood the message and does not want it.
    pub for_good: bool,
    /// How long the receiver asks to wait.
    pub retry_after: Option<Duration>,
}

/// What a receiver signs in with; the token itself is kept nowhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventToken {
    pub id: EventTokenId,
    pub subscription: String,
    pub created_by: String,
    pub created_at: Timestamp,
    pub revoked_at: Option<Timestamp>,
}

/// A token that was just made: the only time that it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewEventToken {
    pub id: EventTokenId,
    pub subscription: String,
    pub token: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_filters_mean_types() {
        for (word, kind, meant) in [
            ("account.*", EventType::AccountDeleted, true),
            ("account.*", EventType::AssignmentEnded, false),
            ("account.created", EventType::AccountCreated, true),
            ("account", EventType::AccountCreated, false),
            ("*", EventType::RunEnded, true),
        ] {
            assert_eq!(kind.is_meant_by(word), meant, "{word} {kind:?}");
        }
    }

    #[test]
    fn a_message_is_one_flat_object() {
        let body = EventBody::new(EventType::RunEnded, Timestamp::UNIX_EPOCH).with("job", "nightly");
        let event = Event { stream: Stream::Events, epoch: "e1".into(), sequence: 7, body };
        let message = Message::new(event, 5);
        let text = serde_json::to_string(&message).unwrap();
        assert_eq!(
            text,
            r#"{"schema":1,"id":"events-e1-7","previous":5,"stream":"events","epoch":"e1","sequence":7,"type":"run.ended","at":"1970-01-01T00:00:00Z","data":{"job":"nightly"}}"#
        );
        assert_eq!(serde_json::from_str::<Message>(&text).unwrap(), message);
    }

    #[test]
    fn every_type_is_known_by_its_name() {
        for kind in EventType::ALL {
            assert_eq!(EventType::from_name(kind.name()), Some(*kind));
        }
    }
}
