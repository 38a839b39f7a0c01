//! Databases as applications: accounts and grants in tables, or behind statements and procedures.
//!
//! A command is one transaction: the account is read, what differs is written, and all of it holds or none. Statements
//! follow from the tables' names unless the configuration replaces them; values are bound to parameters in the type of
//! their column. Everything is read as text and becomes what its column's type says, so that types we do not know are
//! at least shown and compared.

mod command;
mod database;
mod dialect;
mod failure;
mod listing;
mod shape;
mod statement;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use futures::future::BoxFuture;
use model::account::{Mechanism, ObservedAccount, ObservedEntitlement};
use model::command::{Command, CommandError, Outcome};
use model::configuration::SqlConnection;
use model::order::ErrorClass;
use model::value::Value;
use model::view::{ApplicationSchema, SchemaAttribute};

use crate::patience::Patience;
use crate::turns::Turns;
use crate::{Answered, Capabilities, Connector, Context, Settings};
use database::{Database, Purpose, Transaction};
use dialect::Dialect;
use failure::{Phase, failure, timed_out};
use shape::{TableShape, describe};
use statement::Template;

pub(crate) fn connect(connection: &SqlConnection, context: &Context<'_>) -> Result<Arc<dyn Connector>, CommandError> {
    let application = context.application;
    let invalid = |message: String| CommandError::new(ErrorClass::Invalid, message);
    let url = context.reveal(&connection.url)?;
    let password = connection.password.as_deref().map(|password| context.reveal(password)).transpose()?;
    let dialect = Dialect::of(&url).ok_or_else(|| {
        invalid(format!("The address of {application} begins with none of sqlite:, postgres:, mysql: and mariadb:."))
    })?;
    let place = without_password(&url);
    let database = Database::open(dialect, &url, password.as_deref(), &context.settings)
        .map_err(|error| invalid(format!("The address {place} of {application} is not understood: {error}")))?;
    let template = |name: &str, text: &Option<String>| match text {
        None => Ok(None),
        Some(text) => Template::parse(dialect, text)
            .map(Some)
            .map_err(|error| invalid(format!("The statement `{name}` of {application} {error}."))),
    };
    let grants = connection.grants.as_ref();
    let templates = Templates {
        create: template("accounts.create", &connection.accounts.create)?,
        update: template("accounts.update", &connection.accounts.update)?,
        enable: template("accounts.enable", &connection.accounts.enable)?,
        disable: template("accounts.disable", &connection.accounts.disable)?,
        delete: template("accounts.delete", &connection.accounts.delete)?,
        grant: template("grants.grant", &grants.and_then(|grants| grants.grant.clone()))?,
        revoke: template("grants.revoke", &grants.and_then(|grants| grants.revoke.clone()))?,
    };
    Ok(Arc::new(Sql {
        place,
        dialect,
        database,
        connection: SqlConnection { url: String::new(), password: None, ..connection.clone() },
        templates,
        turns: Turns::new(context.settings.concurrency),
        settings: context.settings.clone(),
        shapes: Mutex::new(None),
    }))
}

struct Sql {
    /// The address without its password.
    place: String,
    dialect: Dialect,
    database: Database,
    /// Without address and password.
    connection: SqlConnection,
    templates: Templates,
    turns: Turns,
    settings: Settings,
    shapes: Mutex<Option<Arc<Shapes>>>,
}

/// Statements that replace ours.
struct Templates {
    create: Option<Template>,
    update: Option<Template>,
    enable: Option<Template>,
    disable: Option<Template>,
    delete: Option<Template>,
    grant: Option<Template>,
    revoke: Option<Template>,
}

/// What the tables look like.
struct Shapes {
    accounts: TableShape,
    grants: TableShape,
    catalogue: TableShape,
}

#[async_trait]
impl Connector for Sql {
    fn mechanism(&self) -> Mechanism {
        Mechanism::Direct
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            lists: true,
            reads_one: true,
            deletes: true,
            disables: self.connection.accounts.enabled.is_some()
                || (self.templates.enable.is_some() && self.templates.disable.is_some()),
            assigns_key: false,
            entitlements: self.connection.grants.is_some(),
        }
    }

    async fn test(&self) -> Vec<(bool, String)> {
        let mut steps = Vec::new();
        let mut tx = match self.reading(self.begin(Purpose::Read)).await {
            Ok(tx) => tx,
            Err(error) => return vec![(false, error.message)],
        };
        steps.push((true, format!("{} answers.", self.place)));
        let shapes = match self.reading(self.describe(&mut tx)).await {
            Ok(shapes) => shapes,
            Err(error) => {
                steps.push((false, error.message));
                return steps;
            }
        };
        for (table, shape, columns) in self.expected(&shapes) {
            let problem = if shape.columns.is_empty() {
                Some(format!("There is no table {table} that this login may see."))
            } else {
                let missing = columns.into_iter().filter(|column| shape.column(column).is_none()).collect::<Vec<_>>();
                (!missing.is_empty()).then(|| {
                    let there = shape.columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>();
                    format!("Table {table} has no column {}; it has {}.", missing.join(", "), there.join(", "))
                })
            };
            if let Some(problem) = problem {
                steps.push((false, problem));
                return steps;
            }
            match self.reading(self.count(&mut tx, table)).await {
                Ok(rows) => steps.push((true, format!("Table {table} can be read; rows: {rows}."))),
                Err(error) => {
                    steps.push((false, error.message));
                    return steps;
                }
            }
        }
        self.remember(Some(Arc::new(shapes)));
        steps
    }

    async fn schema(&self) -> Result<ApplicationSchema, CommandError> {
        self.remember(None);
        let shapes = self.shapes().await?;
        let attributes = shapes.accounts.columns.iter().map(|column| SchemaAttribute {
            name: self.attribute_of(&column.name).to_owned(),
            kind: column.kind.name().to_owned(),
            required: column.required,
            read_only: column.read_only,
            unique: column.unique,
        });
        Ok(ApplicationSchema { attributes: attributes.collect() })
    }

    async fn entitlements(&self) -> Result<Vec<ObservedEntitlement>, CommandError> {
        let shapes = self.shapes().await?;
        self.reading(async {
            let mut tx = self.begin(Purpose::Read).await?;
            self.list_entitlements(&mut tx, &shapes).await
        })
        .await
    }

    async fn accounts(&self, sink: &mut (dyn FnMut(Vec<ObservedAccount>) + Send)) -> Result<(), CommandError> {
        self.remember(None);
        let shapes = self.shapes().await?;
        let mut tx = self.reading(self.begin(Purpose::Read)).await?;
        let mut after = None;
        loop {
            let page = self.reading(self.page(&mut tx, &shapes, after.as_deref())).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(last.key.clone());
            sink(page);
        }
    }

    async fn account(&self, key: &str) -> Result<Option<ObservedAccount>, CommandError> {
        let shapes = self.shapes().await?;
        self.reading(async {
            let mut tx = self.begin(Purpose::Read).await?;
            self.read_by_key(&mut tx, &shapes, key, &[]).await
        })
        .await
    }

    async fn find(&self, attribute: &str, value: &Value) -> Result<Vec<ObservedAccount>, CommandError> {
        let shapes = self.shapes().await?;
        self.reading(async {
            let mut tx = self.begin(Purpose::Read).await?;
            self.read_where(&mut tx, &shapes, self.column_of(attribute), value, &[]).await
        })
        .await
    }

    async fn apply(&self, commands: Vec<Command>) -> Vec<Answered> {
        let patience = &Patience::default();
        let carry_out = |command: Command| -> BoxFuture<'_, Answered> {
            Box::pin(async move {
                let answer = patience.call(self.carry_out_in_time(&command)).await;
                if answer.as_ref().is_err_and(|error| error.class == ErrorClass::Invalid) {
                    // Perhaps the tables were changed meanwhile.
                    self.remember(None);
                }
                (command.order, answer.map_err(|error| conceal(&command, error)))
            })
        };
        self.turns.in_turn(commands.into_iter().map(carry_out).collect()).await
    }
}

impl Sql {
    async fn carry_out_in_time(&self, command: &Command) -> Result<Outcome, CommandError> {
        let writing = AtomicBool::new(false);
        match tokio::time::timeout(self.settings.total_timeout, self.carry_out(command, &writing)).await {
            Ok(answer) => answer,
            Err(_) if writing.load(Ordering::Relaxed) => Err(timed_out(&self.place, Phase::Writing)),
            Err(_) => Err(timed_out(&self.place, Phase::Reading)),
        }
    }

    /// What the tables look like, as last described.
    async fn shapes(&self) -> Result<Arc<Shapes>, CommandError> {
        if let Some(shapes) = self.shapes.lock().unwrap_or_else(PoisonError::into_inner).clone() {
            return Ok(shapes);
        }
        let shapes = self
            .reading(async {
                let mut tx = self.begin(Purpose::Read).await?;
                self.describe(&mut tx).await
            })
            .await?;
        for (table, shape, columns) in self.expected(&shapes) {
            let missing = columns.into_iter().find(|column| shape.column(column).is_none());
            if let Some(missing) = missing {
                let message = if shape.columns.is_empty() {
                    format!("{}: there is no table {table} that this login may see", self.place)
                } else {
                    format!("{}: table {table} has no column {missing}", self.place)
                };
                return Err(CommandError::new(ErrorClass::Invalid, message));
            }
        }
        let shapes = Arc::new(shapes);
        self.remember(Some(shapes.clone()));
        Ok(shapes)
    }

    fn remember(&self, shapes: Option<Arc<Shapes>>) {
        *self.shapes.lock().unwrap_or_else(PoisonError::into_inner) = shapes;
    }

    async fn describe(&self, tx: &mut Transaction) -> Result<Shapes, CommandError> {
        let mut shapes = Vec::new();
        let grants = self.connection.grants.as_ref();
        let catalogue = grants.and_then(|grants| grants.catalogue.as_ref());
        let tables = [
            Some(&self.connection.accounts.table),
            grants.map(|grants| &grants.table),
            catalogue.map(|catalogue| &catalogue.table),
        ];
        for table in tables {
            shapes.push(match table {
                Some(table) => describe(self.dialect, tx, table).await.map_err(|error| self.read_failure(&error))?,
                None => TableShape::default(),
            });
        }
        let mut shapes = shapes.into_iter();
        let mut next = || shapes.next().unwrap_or_default();
        Ok(Shapes { accounts: next(), grants: next(), catalogue: next() })
    }

    /// The tables and columns the configuration speaks of.
    fn expected<'a>(&'a self, shapes: &'a Shapes) -> Vec<(&'a str, &'a TableShape, Vec<&'a str>)> {
        let accounts = &self.connection.accounts;
        let mut columns = vec![accounts.key.as_str()];
        columns.extend(accounts.columns.values().map(String::as_str));
        columns.extend(accounts.enabled.as_ref().map(|flag| flag.column.as_str()));
        let mut expected = vec![(accounts.table.as_str(), &shapes.accounts, columns)];
        if let Some(grants) = &self.connection.grants {
            let columns = vec![grants.account.as_str(), grants.entitlement.as_str()];
            expected.push((&grants.table, &shapes.grants, columns));
            if let Some(catalogue) = &grants.catalogue {
                let columns = [Some(&catalogue.key), catalogue.display_name.as_ref()];
                let columns = columns.into_iter().flatten().map(String::as_str).collect();
                expected.push((&catalogue.table, &shapes.catalogue, columns));
            }
        }
        expected
    }

    async fn begin(&self, purpose: Purpose) -> Result<Transaction, CommandError> {
        self.database.begin(purpose).await.map_err(|error| self.read_failure(&error))
    }

    /// Gives a call that only reads its time.
    async fn reading<T>(&self, call: impl Future<Output = Result<T, CommandError>>) -> Result<T, CommandError> {
        match tokio::time::timeout(self.settings.total_timeout, call).await {
            Ok(answer) => answer,
            Err(_) => Err(timed_out(&self.place, Phase::Reading)),
        }
    }

    fn read_failure(&self, error: &sqlx::Error) -> CommandError {
        failure(&self.place, Phase::Reading, error)
    }

    fn column_of<'a>(&'a self, attribute: &'a str) -> &'a str {
        self.connection.accounts.columns.get(attribute).map_or(attribute, String::as_str)
    }

    fn attribute_of<'a>(&'a self, column: &'a str) -> &'a str {
        let mapped = self.connection.accounts.columns.iter().find(|(_, mapped)| *mapped == column);
        mapped.map_or(column, |(attribute, _)| attribute.as_str())
    }
}

/// An address fit for messages: `postgres://user@host/database`.
fn without_password(url: &str) -> String {
    let url = url.split(['?', '#']).next().unwrap_or_default();
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    match rest.rsplit_once('@') {
        None => url.to_owned(),
        Some((user, place)) => {
            let user = user.split(':').next().unwrap_or_default();
            format!("{scheme}://{user}@{place}")
        }
    }
}

/// Takes the command's secrets out of what the database says about them.
fn conceal(command: &Command, mut error: CommandError) -> CommandError {
    let secrets = command.items.iter().filter(|item| item.secret).filter_map(|item| item.value.as_ref());
    for secret in secrets.map(ToString::to_string).filter(|secret| !secret.is_empty()) {
        error.message = error.message.replace(&secret, "…");
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_lose_their_password() {
        let check = |url: &str, expect: &str| assert_eq!(without_password(url), expect);
        check(
            "postgres://ann:s3cret@db.example:5432/hr?sslmode=require&password=x",
            "postgres://ann@db.example:5432/hr",
        );
        check("mysql://ann:p@ss:w@db/hr", "mysql://ann@db/hr");
        check("mysql://db/hr", "mysql://db/hr");
        check("sqlite:payroll.db?mode=rw", "sqlite:payroll.db");
    }
}
