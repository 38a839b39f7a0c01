//! Messages to other systems: as webhooks, to a syslog server, or into a file. Each way takes messages in order and says
//! how many of them certainly arrived; whatever did not is sent again, so that a message may arrive twice and never not
//! at all.

mod cef;
mod file;
mod syslog;
mod webhook;

use std::path::Path;

use jiff::Timestamp;
use model::configuration::Delivery;
use model::event::{Message, NotTaken};

use crate::Secrets;

/// A receiver, as it can be reached.
pub enum Receiver {
    Webhook(webhook::Webhook),
    Syslog(syslog::Syslog),
    File(file::File),
}

/// How many messages were taken, and why the next was not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    pub taken: usize,
    pub not_taken: Option<NotTaken>,
}

impl Receiver {
    /// Makes ready; nothing is sent yet. Files with relative names are in the directory.
    ///
    /// # Errors
    /// What is wrong with the settings, or which secret is missing.
    pub fn new(delivery: &Delivery, secrets: &dyn Secrets, directory: &Path) -> Result<Self, String> {
        // Another crate may have chosen before; two libraries that choose for themselves make rustls panic.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Ok(match delivery {
            Delivery::Webhook(webhook) => Self::Webhook(webhook::Webhook::new(webhook, secrets)?),
            Delivery::Syslog(syslog) => Self::Syslog(syslog::Syslog::new(syslog)?),
            Delivery::File(file) => Self::File(file::File::new(&directory.join(&file.path))),
        })
    }

    /// How many messages go at once, and are sent again together where that breaks off.
    pub fn at_once(&self) -> usize {
        match self {
            Self::Webhook(_) => 1,
            Self::Syslog(_) | Self::File(_) => 200,
        }
    }

    /// Hands messages over, in order, up to the first that is not taken.
    pub async fn send(&self, messages: &[Message], now: Timestamp) -> Sent {
        let result = match self {
            Self::Webhook(webhook) => return webhook.send(messages, now).await,
            Self::Syslog(syslog) => syslog.send(messages).await,
            Self::File(file) => file.send(messages).await,
        };
        match result {
            Ok(()) => Sent { taken: messages.len(), not_taken: None },
            Err(problem) => {
                Sent { taken: 0, not_taken: Some(NotTaken { problem, for_good: false, retry_after: None }) }
            }
        }
    }
}

/// The message as JSON, on one line.
fn json(message: &Message) -> String {
    serde_json::to_string(message).unwrap_or_default()
}
