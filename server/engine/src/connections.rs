//! Connectors of applications and integrations, made when first used and kept until the configuration or a secret changes.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use broker::catalogue::Catalogue;
use broker::untrusted;
use connectors::{AccountTypeKey, Connector, Settings};
use model::command::CommandError;
use model::configuration::{Carrier, Configuration, Connection, ManualConnection};
use model::order::ErrorClass;

use crate::Engine;
use crate::secrets::Revealed;

/// See the module's head.
pub(crate) struct Connections {
    made: Mutex<HashMap<String, Arc<dyn Connector>>>,
    /// Given from outside, whatever the configuration says.
    given: HashMap<String, Arc<dyn Connector>>,
}

impl Connections {
    pub(crate) fn new(given: HashMap<String, Arc<dyn Connector>>) -> Self {
        Self { made: Mutex::default(), given }
    }

    /// Makes all connectors anew when they are next used.
    pub(crate) fn forget_all(&self) {
        self.made.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn known(&self, application: &str) -> Option<Arc<dyn Connector>> {
        let made = || self.made.lock().unwrap_or_else(PoisonError::into_inner).get(application).cloned();
        self.given.get(application).cloned().or_else(made)
    }
}

impl Engine {
    /// The connector of an application or integration.
    pub(crate) async fn connector(&self, name: &str) -> Result<Arc<dyn Connector>, CommandError> {
        let connections = self.connections();
        if let Some(known) = connections.known(name) {
            return Ok(known);
        }
        let configuration = self.world().configuration();
        let Some(described) = configuration.carrier(name) else {
            return Err(CommandError::new(ErrorClass::Invalid, format!("`{name}` is no longer in the configuration")));
        };
        let account_types = account_types(&configuration, &self.world().live().catalogue, name);
        let made = self.connect(&configuration, name, &described, &account_types).await?;
        let mut connectors = connections.made.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(connectors.entry(name.to_owned()).or_insert(made).clone())
    }

    async fn connect(
        &self,
        configuration: &Configuration,
        name: &str,
        described: &Carrier<'_>,
        account_types: &[AccountTypeKey],
    ) -> Result<Arc<dyn Connector>, CommandError> {
        let connection = from_here(configuration, name, described.connection)?;
        let secrets = Revealed::load(self, &secret_names(&connection)).await;
        let settings = self.settings(configuration, name, described);
        connectors::connect(name, &connection, account_types, settings, &secrets)
    }

    fn settings(&self, configuration: &Configuration, name: &str, carrier: &Carrier<'_>) -> Settings {
        Settings {
            concurrency: usize::from(carrier.concurrency.unwrap_or(CONCURRENCY)),
            connect_timeout: self.tuning().connect_timeout,
            total_timeout: self.tuning().call_timeout,
            base: PathBuf::new(),
            attributes: attributes(configuration, name),
        }
    }
}

/// Tries the connection of an application or integration, step by step.
pub(crate) async fn test(engine: &Engine, name: &str) -> Vec<(bool, String)> {
    untrusted::lines(match engine.connector(name).await {
        Ok(connector) => connector.test().await,
        Err(error) => vec![(false, error.message)],
    })
}

/// The same as another configuration than the live one has it; nothing of it is kept.
pub(crate) async fn test_drafted(engine: &Engine, configuration: &Configuration, name: &str) -> Vec<(bool, String)> {
    let Some(described) = configuration.carrier(name) else { return Vec::new() };
    untrusted::lines(match engine.connect(configuration, name, &described, &[]).await {
        Ok(connector) => connector.test().await,
        Err(error) => vec![(false, error.message)],
    })
}

/// Commands under way at once where nothing is said.
pub(crate) const CONCURRENCY: u16 = 8;

/// What can be done of a connection from here: of one that an agent reads nothing, but that people do the work.
fn from_here<'a>(
    configuration: &Configuration,
    name: &str,
    connection: &'a Connection,
) -> Result<Cow<'a, Connection>, CommandError> {
    let Some(agent) = configuration.applications.get(name).and_then(|application| application.read_by.as_ref()) else {
        return Ok(Cow::Borrowed(connection));
    };
    match connection {
        Connection::Manual(manual) => {
            Ok(Cow::Owned(Connection::Manual(ManualConnection { extract: None, ..manual.clone() })))
        }
        _ => Err(CommandError::new(
            ErrorClass::Unsupported,
            format!("`{name}` is read by the agent `{agent}`, and cannot be reached from here"),
        )),
    }
}

/// The attributes that are read of the application's accounts: those that are managed, and by which owners are found.
pub(crate) fn attributes(configuration: &Configuration, name: &str) -> Vec<String> {
    let own = configuration.account_types.values().filter(|kind| kind.application == name);
    let attributes = own.flat_map(|kind| {
        let correlated = kind.correlation.iter().map(|rule| rule.account.clone());
        let managed = kind.attributes.iter().filter(|(_, made)| !made.secret).map(|(name, _)| name.clone());
        managed.chain(correlated)
    });
    attributes.collect::<BTreeSet<_>>().into_iter().collect()
}

/// Those whose orders it may be told: of the application itself, and of others that it carries out orders for.
pub(crate) fn account_types(configuration: &Configuration, catalogue: &Catalogue, name: &str) -> Vec<AccountTypeKey> {
    let carries_out = |application: &str| application == name || catalogue.goes_to(application, name);
    configuration
        .account_types
        .iter()
        .filter(|(_, kind)| carries_out(&kind.application))
        .map(|(name, kind)| AccountTypeKey { name: name.clone(), key: kind.key.clone() })
        .collect()
}

/// The secrets a connection refers to.
fn secret_names(connection: &Connection) -> Vec<String> {
    let texts: [Option<&str>; 2] = match connection {
        Connection::Scim(scim) => [scim.token.as_deref(), None],
        Connection::Ldap(ldap) => [Some(&ldap.password), None],
        Connection::Sql(sql) => [sql.password.as_deref(), None],
        Connection::RequestTracker(tickets) => [tickets.token.as_deref(), tickets.password.as_deref()],
        Connection::Csv(_) | Connection::Manual(_) => [None, None],
    };
    texts.into_iter().flatten().filter_map(|text| text.strip_prefix("secret:")).map(str::to_owned).collect()
}
