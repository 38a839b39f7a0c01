//! Mechanisms: how a command reaches an application, and what came back.
//!
//! Every application is behind the one trait [`Connector`], whether a server answers at once, another system answers
//! later, or a person does the work. What to do is decided elsewhere; a connector does what a command says, leaves no
//! choice open, and tells exactly what became of it. Nothing is stored here and no command is retried here: retries,
//! rate and the memory of what may have been sent belong to the engine.

#[cfg(feature = "conformance")]
pub mod conformance;
mod csv_extract;
pub mod demo_database;
mod directory;
pub mod feed;
mod http;
mod ldap;
pub mod mail;
mod manual;
pub mod outgoing;
mod patience;
mod request_tracker;
mod scim;
pub mod sheet;
mod sql;
mod table;
mod turns;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use model::account::{Mechanism, ObservedAccount, ObservedEntitlement};
use model::command::{CalledOff, Command, CommandError, Handed, LateAnswer, Outcome, Polled};
use model::configuration::{Connection, RequestTrackerConnection};
use model::ids::OrderId;
use model::order::ErrorClass;
use model::value::Value;
use model::view::ApplicationSchema;

/// What became of one command.
pub type Answered = (OrderId, Result<Outcome, CommandError>);

/// One application, as it can be reached.
#[async_trait]
pub trait Connector: Send + Sync + 'static {
    /// Whether the application answers at once, later, or through a person.
    fn mechanism(&self) -> Mechanism;

    /// What the application can do; what it cannot is answered with [`ErrorClass::Unsupported`].
    fn capabilities(&self) -> Capabilities;

    /// Tries the connection: whether each step succeeded, and a sentence about it. Stops at the first that failed.
    async fn test(&self) -> Vec<(bool, String)>;

    /// Attributes of the application's accounts, as it describes them.
    async fn schema(&self) -> Result<ApplicationSchema, CommandError>;

    /// All entitlements the application has.
    async fn entitlements(&self) -> Result<Vec<ObservedEntitlement>, CommandError>;

    /// All accounts, page by page, each exactly once and with its entitlements. Pages given before an error are to be
    /// thrown away: a list that breaks off says nothing about what is missing from it.
    async fn accounts(&self, sink: &mut (dyn FnMut(Vec<ObservedAccount>) + Send)) -> Result<(), CommandError>;

    /// The account with this native key, or none.
    async fn account(&self, key: &str) -> Result<Option<ObservedAccount>, CommandError>;

    /// Accounts whose attribute has this value: how an account is found whose key is not known yet.
    async fn find(&self, attribute: &str, value: &Value) -> Result<Vec<ObservedAccount>, CommandError>;

    /// Carries out the commands, at most [`Settings::concurrency`] at once. Every command is answered exactly once, in
    /// any order. Commands of one batch concern different accounts.
    async fn apply(&self, commands: Vec<Command>) -> Vec<Answered>;

    /// Answers to commands that were handed over earlier. Only executors have any. `handed` are those that still wait for
    /// one; an executor that is asked all the time tells of all by itself, and gets none. The same answer is given until
    /// it is acknowledged.
    async fn poll(&self, handed: &[Handed]) -> Result<Polled, CommandError> {
        let _ = handed;
        Ok(Polled::default())
    }

    /// Tells that these answers are durably recorded and need not be given again.
    async fn acknowledge(&self, answers: &[LateAnswer]) -> Result<(), CommandError> {
        let _ = answers;
        Ok(())
    }

    /// Tells that what was handed over is no longer wanted, and why. Each is answered exactly once.
    async fn call_off(&self, handed: &[Handed], why: &str) -> Vec<(OrderId, Result<CalledOff, CommandError>)> {
        let _ = why;
        let cannot = || CommandError::new(ErrorClass::Unsupported, "What was handed over here cannot be called off.");
        handed.iter().map(|one| (one.order, Err(cannot()))).collect()
    }
}

/// What an application can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// All accounts can be listed.
    pub lists: bool,
    /// One account can be read by its key.
    pub reads_one: bool,
    /// Accounts can be deleted.
    pub deletes: bool,
    /// Accounts can be disabled and enabled.
    pub disables: bool,
    /// The application chooses the native key.
    pub assigns_key: bool,
    /// Accounts hold entitlements.
    pub entitlements: bool,
}

/// How a connector behaves; what it connects to is the [`Connection`].
#[derive(Clone, Debug)]
pub struct Settings {
    /// Commands, or batches of them, under way at once.
    pub concurrency: usize,
    /// For the connection alone.
    pub connect_timeout: Duration,
    /// For one call, from its first byte to the last of the answer.
    pub total_timeout: Duration,
    /// Folder to which relative paths of a connection refer.
    pub base: PathBuf,
    /// Account attributes the configuration manages; these are read. Empty: all that the application gives.
    pub attributes: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            concurrency: 8,
            connect_timeout: Duration::from_secs(5),
            total_timeout: Duration::from_secs(30),
            base: PathBuf::new(),
            attributes: Vec::new(),
        }
    }
}

/// Where secrets are kept. A text `secret:NAME` in a connection stands for the one of that name.
pub trait Secrets: Send + Sync {
    /// The secret, or none of that name.
    fn reveal(&self, name: &str) -> Option<String>;
}

/// What a connector has to know about an account type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountTypeKey {
    /// Name in the configuration.
    pub name: String,
    /// Attribute whose value becomes the native key where the application does not choose one.
    pub key: String,
}

/// Makes the connector for an application. Nothing is sent yet: an application that is down can be connected to, and
/// says so when it is used.
///
/// # Errors
/// [`ErrorClass::Authentication`] where a secret is missing, [`ErrorClass::Invalid`] where the connection makes no sense.
pub fn connect(
    application: &str,
    connection: &Connection,
    account_types: &[AccountTypeKey],
    settings: Settings,
    secrets: &dyn Secrets,
) -> Result<Arc<dyn Connector>, CommandError> {
    // Another crate may have chosen before; two libraries that choose for themselves make rustls panic.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let context = Context { application, account_types, settings, secrets };
    match connection {
        Connection::Scim(connection) => scim::connect(connection, &context),
        Connection::Ldap(connection) => ldap::connect(connection, &context),
        Connection::Sql(connection) => sql::connect(connection, &context),
        Connection::Csv(connection) => csv_extract::connect(connection, &context),
        Connection::RequestTracker(connection) => request_tracker::connect(connection, &context),
        Connection::Manual(connection) => manual::connect(connection, &context),
    }
}

/// What is wrong with a connection to Request Tracker, beyond what its fields' types say: field and sentence each.
pub fn complaints_of_request_tracker(connection: &RequestTrackerConnection) -> Vec<(String, String)> {
    request_tracker::complaints(connection)
}

/// What every kind of connector is made from, beside its connection.
struct Context<'a> {
    application: &'a str,
    account_types: &'a [AccountTypeKey],
    settings: Settings,
    secrets: &'a dyn Secrets,
}

impl Context<'_> {
    /// The text itself, or the secret it names.
    fn reveal(&self, text: &str) -> Result<String, CommandError> {
        let Some(name) = text.strip_prefix("secret:") else { return Ok(text.to_owned()) };
        self.secrets.reveal(name).ok_or_else(|| {
            CommandError::new(
                ErrorClass::Authentication,
                format!(
                    "The connection of {} needs the secret {name}, which is not stored. Store it, then retry.",
                    self.application
                ),
            )
        })
    }
}
