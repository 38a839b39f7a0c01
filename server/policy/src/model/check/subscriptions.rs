//! What is wrong with subscriptions.

use ::model::configuration::{Delivery, Subscription};
use ::model::event::{EVENT_ATTRIBUTES, EventType, Stream};

use super::{Check, ModelError, suggestion};
use crate::subscription::Filter;

/// The longest that a receiver may take for one message; leases are longer.
const LONGEST_SECONDS: u32 = 30;
/// The most tries of a message that is refused for good.
const MOST_REFUSALS: u32 = 20;

impl Check<'_> {
    pub(super) fn subscriptions(&mut self) {
        let configuration = self.configuration;
        for (name, subscription) in &configuration.subscriptions {
            let object = format!("subscription `{name}`");
            self.filter(&object, subscription);
            for application in &subscription.applications {
                self.reference(&object, "applications", "application", application, &configuration.applications);
            }
            if !(1..=MOST_REFUSALS).contains(&subscription.refusals) {
                let message = format!(
                    "is {}; give how often a refused message is tried, from 1 to {MOST_REFUSALS}",
                    subscription.refusals
                );
                self.error(&object, "refusals", message);
            }
            if let Some(delivery) = &subscription.deliver {
                self.delivery(&object, delivery);
            }
        }
        if configuration.organisation.keep_events_days == Some(0) {
            let message = "would keep no event for whoever asks again; give at least 1 day, or remove it";
            self.error("organisation", "keep_events_days", message.to_owned());
        }
    }

    fn filter(&mut self, object: &str, subscription: &Subscription) {
        for word in &subscription.types {
            if !EventType::ALL.iter().any(|kind| kind.is_meant_by(word)) {
                let hint = suggestion(word, EventType::ALL.iter().map(|kind| kind.name()));
                let message = format!("there is no type `{word}`{hint}; `account.*` means all that begin so");
                self.error(object, "types", message);
            }
        }
        if subscription.source == Stream::Audit
            && !(subscription.types.is_empty() && subscription.applications.is_empty())
        {
            let message = "the audit trail has lines of one type, about no application; remove `types` and \
                           `applications`, or choose lines with `when`";
            self.error(object, "source", message.to_owned());
        }
        let Some(text) = &subscription.when else { return };
        match Filter::expression(text) {
            Ok(expression) => {
                for name in expression.attributes().iter().filter(|name| !EVENT_ATTRIBUTES.contains(&name.as_str())) {
                    let hint = suggestion(name, EVENT_ATTRIBUTES);
                    self.error(object, "when", format!("reads `event.{name}`, which no event has{hint}"));
                }
            }
            Err(error) => {
                let expected = error.expected.map_or_else(String::new, |expected| format!("; expected {expected}"));
                self.errors.push(ModelError {
                    object: object.to_owned(),
                    field: "when".to_owned(),
                    message: format!("{}{expected}", error.message),
                    position: Some((error.line, error.column)),
                });
            }
        }
    }

    fn delivery(&mut self, object: &str, delivery: &Delivery) {
        match delivery {
            Delivery::Webhook(webhook) => {
                if !(webhook.url.starts_with("https://") || webhook.url.starts_with("http://")) {
                    let message = format!("`{}` is no address of a web server; write https://…", webhook.url);
                    self.error(object, "deliver.webhook.url", message);
                }
                if !(1..=LONGEST_SECONDS).contains(&webhook.timeout_seconds) {
                    let message = format!("is {}; give from 1 to {LONGEST_SECONDS} seconds", webhook.timeout_seconds);
                    self.error(object, "deliver.webhook.timeout_seconds", message);
                }
            }
            Delivery::Syslog(syslog) => {
                let port = syslog.server.rsplit_once(':').map(|(_, port)| port);
                let is_host = !syslog.server.is_empty() && !syslog.server.contains(['/', ' ']);
                if !is_host || port.is_some_and(|port| port.parse::<u16>().is_err()) {
                    let message = format!("`{}` is no server; write a host, or host:port", syslog.server);
                    self.error(object, "deliver.syslog.server", message);
                }
            }
            Delivery::File(file) => {
                if file.path.trim().is_empty() {
                    self.error(object, "deliver.file.path", "is empty; name a file".to_owned());
                }
            }
        }
    }
}
