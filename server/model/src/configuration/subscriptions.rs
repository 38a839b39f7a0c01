//! Who is told of what happens: receivers of events and of the audit trail, and how they are reached.

use serde::{Deserialize, Serialize};

use crate::event::{EventBody, Stream};

use super::{Configuration, is_default};

/// Days that events are kept where nothing is said.
pub const KEEP_EVENTS_DAYS: u16 = 30;

/// A receiver of events, or of the audit trail.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Subscription {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What it is told: `events`, or the `audit` trail.
    #[serde(default, skip_serializing_if = "is_default")]
    pub source: Stream,
    /// Types, such as `account.created` or `account.*`; all unless told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub types: Vec<String>,
    /// Only what is about these applications; all unless told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub applications: Vec<String>,
    /// CEL over `event`: only those for which it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// Where it begins when it is new.
    #[serde(default, skip_serializing_if = "is_default")]
    pub from: SubscriptionStart,
    /// What becomes of a message that the receiver refuses for good.
    #[serde(default, skip_serializing_if = "is_default")]
    pub on_refusal: OnRefusal,
    /// How often such a message is tried before.
    #[serde(default = "three", skip_serializing_if = "is_three")]
    pub refusals: u32,
    /// How it is sent; without it the receiver asks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deliver: Option<Delivery>,
}

fn three() -> u32 {
    3
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_three(number: &u32) -> bool {
    *number == three()
}

/// Where a new subscription begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum SubscriptionStart {
    /// With what happens once it is applied.
    #[default]
    Now,
    /// With the oldest that is kept.
    Beginning,
}

/// What becomes of a message that is refused for good.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum OnRefusal {
    /// Nothing goes on until a person lets it.
    #[default]
    Stop,
    /// It is kept apart, and those after it go on. A person may have it sent once more.
    SetAside,
}

/// How messages are sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    Webhook(Webhook),
    Syslog(Syslog),
    File(EventFile),
}

impl Delivery {
    /// Where it goes, in words.
    pub fn sentence(&self) -> String {
        match self {
            Self::Webhook(webhook) => format!("webhook {}", webhook.url),
            Self::Syslog(syslog) => format!("syslog {}", syslog.server),
            Self::File(file) => format!("file {}", file.path),
        }
    }
}

/// Each message is a POST of its own, signed as Standard Webhooks has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    pub url: String,
    /// What messages are signed with, as `secret:NAME`.
    pub secret: String,
    /// Until the receiver has answered.
    #[serde(default = "ten", skip_serializing_if = "is_ten")]
    pub timeout_seconds: u32,
}

fn ten() -> u32 {
    10
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_ten(number: &u32) -> bool {
    *number == ten()
}

/// A syslog server, spoken to as RFC 5424 over TCP, each message with its length before it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Syslog {
    /// Host, or host and port.
    pub server: String,
    #[serde(default, skip_serializing_if = "is_default")]
    pub encryption: SyslogEncryption,
    #[serde(default, skip_serializing_if = "is_default")]
    pub format: SyslogFormat,
    /// Name of this installation in messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_name: Option<String>,
    /// File with the certificates, in PEM, that the server's has to come from; those of the machine unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authority: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum SyslogEncryption {
    /// Encrypted from the first byte (RFC 5425); port 6514 unless told.
    #[default]
    Tls,
    /// In clear (RFC 6587); port 601 unless told.
    None,
}

/// What stands in a syslog message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum SyslogFormat {
    /// ArcSight's Common Event Format.
    #[default]
    Cef,
    /// The message as webhooks have it.
    Json,
}

/// A file that grows by a line for each message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct EventFile {
    /// A relative one begins in the data directory.
    pub path: String,
}

impl Subscription {
    /// Whether its types and applications let an event through; `when` is for who can read expressions.
    pub fn admits(&self, body: &EventBody) -> bool {
        let by_type = self.types.is_empty() || self.types.iter().any(|word| body.kind.is_meant_by(word));
        let by_application = self.applications.is_empty()
            || body.application.as_ref().is_some_and(|application| self.applications.contains(application));
        by_type && by_application
    }
}

impl Configuration {
    /// Whether anybody wants events, so that they have to be written.
    pub fn wants_events(&self) -> bool {
        self.subscriptions.values().any(|subscription| subscription.source == Stream::Events)
    }
}
