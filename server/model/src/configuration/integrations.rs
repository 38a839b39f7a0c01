//! Who carries out what for which application: what an application's own connection writes, and systems that carry out
//! orders for applications other than themselves. Which of several ways is taken is decided by `broker::route`.

use serde::{Deserialize, Serialize};

use crate::account::Mechanism;

use super::{Application, Configuration, Connection, MaintenanceWindow, Retries, is_default};

/// A part of an account's change that may go its own way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// The account itself and its attributes.
    Accounts,
    /// What the account holds.
    Entitlements,
}

impl Part {
    pub const ALL: [Self; 2] = [Self::Accounts, Self::Entitlements];

    /// As part of a sentence.
    pub fn label(self) -> &'static str {
        match self {
            Self::Accounts => "accounts and their attributes",
            Self::Entitlements => "entitlements",
        }
    }
}

/// What somebody writes: both parts, one of them, or none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Parts {
    #[default]
    Everything,
    Accounts,
    Entitlements,
    Nothing,
}

impl Parts {
    pub fn include(self, part: Part) -> bool {
        match self {
            Self::Everything => true,
            Self::Accounts => part == Part::Accounts,
            Self::Entitlements => part == Part::Entitlements,
            Self::Nothing => false,
        }
    }
}

/// A system that carries out orders for applications: a ticket system, a batch exchange, or people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Integration {
    pub display_name: String,
    pub description: Option<String>,
    /// Login of the person who answers for it.
    pub owner: Option<String>,
    pub connection: Connection,
    /// Applications whose orders it carries out, before anything else does.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub applications: Vec<String>,
    /// Carries out what neither an application's own connection nor another application's writes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub universal: bool,
    /// What it takes of an order.
    #[serde(default, skip_serializing_if = "is_default")]
    pub takes: Parts,
    /// How many commands may be under way at once.
    pub concurrency: Option<u16>,
    /// When and how often a failed order is tried again.
    #[serde(default, skip_serializing_if = "is_default")]
    pub retry: Retries,
    /// Times in which nothing is sent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub maintenance: Vec<MaintenanceWindow>,
}

/// What an order is sent to: an application, or an integration. They share one space of names.
#[derive(Clone, Copy, Debug)]
pub struct Carrier<'a> {
    pub display_name: &'a str,
    pub owner: Option<&'a str>,
    pub connection: &'a Connection,
    /// An agent reads it: what is sent to it goes to people, because nothing is written through such a connection.
    pub is_read_elsewhere: bool,
    pub concurrency: Option<u16>,
    pub retry: &'a Retries,
    pub maintenance: &'a [MaintenanceWindow],
}

impl Carrier<'_> {
    /// How what is sent to it is carried out.
    pub fn mechanism(&self) -> Mechanism {
        if self.is_read_elsewhere { Mechanism::Manual } else { self.connection.mechanism() }
    }
}

impl<'a> From<&'a Application> for Carrier<'a> {
    fn from(application: &'a Application) -> Self {
        Self {
            display_name: &application.display_name,
            owner: application.owner.as_deref(),
            connection: &application.connection,
            is_read_elsewhere: application.read_by.is_some(),
            concurrency: application.concurrency,
            retry: &application.retry,
            maintenance: &application.maintenance,
        }
    }
}

impl<'a> From<&'a Integration> for Carrier<'a> {
    fn from(integration: &'a Integration) -> Self {
        Self {
            display_name: &integration.display_name,
            owner: integration.owner.as_deref(),
            connection: &integration.connection,
            is_read_elsewhere: false,
            concurrency: integration.concurrency,
            retry: &integration.retry,
            maintenance: &integration.maintenance,
        }
    }
}

impl Configuration {
    /// The application or integration of this name.
    pub fn carrier(&self, name: &str) -> Option<Carrier<'_>> {
        let application = self.applications.get(name).map(Carrier::from);
        application.or_else(|| self.integrations.get(name).map(Carrier::from))
    }

    /// All applications and integrations, by name within each.
    pub fn carriers(&self) -> impl Iterator<Item = (&String, Carrier<'_>)> {
        let applications = self.applications.iter().map(|(name, application)| (name, Carrier::from(application)));
        applications.chain(self.integrations.iter().map(|(name, integration)| (name, Carrier::from(integration))))
    }
}
