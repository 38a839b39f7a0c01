//! What a connector is told, and what it answers. A command leaves no choice open.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ids::OrderId;
use crate::order::ErrorClass;
use crate::plan::{ItemKind, ItemOperation, Operation};
use crate::value::{Attributes, Value};

/// One account's change, complete.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    pub order: OrderId,
    /// Rises with each attempt of the order; a late answer to an older one is refused.
    pub fence: i64,
    pub application: String,
    pub account_type: String,
    pub operation: Operation,
    /// Native key; none for a creation where the application chooses it.
    pub key: Option<String>,
    /// Attribute that identifies the account where the key is not known yet, with its value:
    /// a creation that may have happened looks for this before it writes.
    pub natural_key: Option<(String, Value)>,
    pub items: Vec<CommandItem>,
    /// An earlier attempt may have arrived: read before writing.
    pub in_doubt: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandItem {
    pub kind: ItemKind,
    /// Attribute name, or entitlement key.
    pub name: String,
    pub operation: ItemOperation,
    pub value: Option<Value>,
    pub secret: bool,
}

impl Command {
    /// The attributes that are set, by name.
    pub fn attributes(&self) -> Attributes {
        self.items
            .iter()
            .filter(|item| item.kind == ItemKind::Attribute && item.operation == ItemOperation::Set)
            .filter_map(|item| item.value.clone().map(|value| (item.name.clone(), value)))
            .collect()
    }

    /// Keys of entitlements added.
    pub fn added(&self) -> impl Iterator<Item = &str> {
        self.entitlements(ItemOperation::Add)
    }

    /// Keys of entitlements removed.
    pub fn removed(&self) -> impl Iterator<Item = &str> {
        self.entitlements(ItemOperation::Remove)
    }

    /// Names of attributes removed.
    pub fn cleared(&self) -> impl Iterator<Item = &str> {
        self.items
            .iter()
            .filter(|item| item.kind == ItemKind::Attribute && item.operation == ItemOperation::Remove)
            .map(|item| item.name.as_str())
    }

    fn entitlements(&self, operation: ItemOperation) -> impl Iterator<Item = &str> {
        self.items
            .iter()
            .filter(move |item| item.kind == ItemKind::Entitlement && item.operation == operation)
            .map(|item| item.name.as_str())
    }
}

/// What a connector answers to a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// Done now.
    Applied(Applied),
    /// Was so before.
    AlreadySo(Applied),
    /// Somebody else does it and answers later under this reference.
    Handed { reference: String },
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    /// Native key, always told for a creation.
    pub key: Option<String>,
    /// The account existed, matched, and was taken over.
    pub adopted: bool,
    /// Entitlements or attributes the application refused while it did the rest: name and message.
    pub refused: Vec<(String, String)>,
    /// Why the account itself was not enabled, disabled or deleted while the rest was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_refused: Option<String>,
    /// For a person: "PATCH /Users/42: 200".
    pub detail: String,
}

/// Why a command was not carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct CommandError {
    pub class: ErrorClass,
    /// What happened, to what; no secrets.
    pub message: String,
    /// The application asked to wait so long.
    pub retry_after: Option<Duration>,
}

/// Ends the message of an order that was not sent, because others of its batch had failed like that.
pub const NOT_SENT: &str = " It was not sent for this one.";

impl CommandError {
    pub fn new(class: ErrorClass, message: impl Into<String>) -> Self {
        Self { class, message: message.into(), retry_after: None }
    }
}

/// A command that was handed over earlier, and that somebody else is to answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handed {
    pub order: OrderId,
    pub fence: i64,
    /// What [`Outcome::Handed`] said.
    pub reference: String,
    /// Native key, where the command had one.
    pub key: Option<String>,
}

/// What somebody else said about what was handed over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Polled {
    pub answers: Vec<LateAnswer>,
    /// Still queued, but in a way that a person should look at: order, and a sentence.
    pub unclear: Vec<(OrderId, String)>,
}

/// What became of calling something off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CalledOff {
    /// The other side knows, and does not do it: a sentence.
    Told(String),
    /// It was too late, or there was nothing: a sentence.
    TooLate(String),
}

/// What became of a command that was handed over earlier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LateAnswer {
    pub order: OrderId,
    /// None where the other side does not repeat it; then the current one is assumed.
    pub fence: Option<i64>,
    pub result: Result<Applied, CommandError>,
}
