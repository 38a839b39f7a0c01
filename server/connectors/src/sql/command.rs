//! Carrying out one command, in one transaction.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use model::account::ObservedAccount;
use model::command::{Applied, Command, CommandError, Outcome};
use model::order::ErrorClass;
use model::plan::Operation;
use model::value::{Attributes, Value};

use super::database::{Purpose, Transaction};
use super::failure::{Phase, failure};
use super::statement::{Statement, Template};
use super::{Shapes, Sql};

/// One command under way.
struct Work<'a> {
    sql: &'a Sql,
    shapes: &'a Shapes,
    command: &'a Command,
    attributes: Attributes,
    tx: Transaction,
    writing: &'a AtomicBool,
    /// What was done, for a person.
    done: Vec<String>,
    refused: Vec<(String, String)>,
}

impl Sql {
    /// Does what the command says, and raises the flag before the first write.
    pub(super) async fn carry_out(&self, command: &Command, writing: &AtomicBool) -> Result<Outcome, CommandError> {
        let shapes = self.shapes().await?;
        let tx = self.begin(Purpose::Write).await?;
        let attributes = command.attributes();
        let (done, refused) = (Vec::new(), Vec::new());
        Work { sql: self, shapes: &shapes, command, attributes, tx, writing, done, refused }.run().await
    }
}

impl Work<'_> {
    async fn run(mut self) -> Result<Outcome, CommandError> {
        let found = self.look().await?;
        let (key, adopted) = match (self.command.operation, found) {
            (Operation::Create, None) => (self.create().await?, false),
            (Operation::Create, Some(account)) => (self.adopt(&account).await?, !self.command.in_doubt),
            (Operation::Delete, Some(account)) => (self.delete(&account).await?, false),
            (Operation::Delete, None) => (self.command.key.clone().unwrap_or_default(), false),
            (_, None) => {
                let key = self.command.key.as_deref().unwrap_or_default();
                return Err(self.error(ErrorClass::NotFound, format!("there is no account \"{key}\"")));
            }
            (Operation::Update, Some(account)) => (self.change(&account).await?, false),
            (Operation::Enable, Some(account)) => (self.switch(&account, true).await?, false),
            (Operation::Disable, Some(account)) => (self.switch(&account, false).await?, false),
        };
        let changed = !self.done.is_empty();
        self.tx.commit().await.map_err(|error| {
            let phase = if changed { Phase::Writing } else { Phase::Reading };
            failure(&self.sql.place, phase, &error)
        })?;
        let detail = if changed { self.done.join("; ") } else { "nothing to do".to_owned() };
        let applied = Applied { key: Some(key), adopted, refused: self.refused, detail, ..Applied::default() };
        Ok(if changed { Outcome::Applied(applied) } else { Outcome::AlreadySo(applied) })
    }

    /// The account the command is about, with the attributes the command speaks of.
    async fn look(&mut self) -> Result<Option<ObservedAccount>, CommandError> {
        let more = self.attributes.keys().cloned().chain(self.command.cleared().map(str::to_owned)).collect::<Vec<_>>();
        let more = more.iter().map(String::as_str).collect::<Vec<_>>();
        if let Some(key) = self.key() {
            let found = self.sql.read_by_key(&mut self.tx, self.shapes, &key, &more).await?;
            if found.is_some() {
                return Ok(found);
            }
        }
        let Some((attribute, value)) = self.command.natural_key.as_ref() else { return Ok(None) };
        let column = self.sql.column_of(attribute);
        if self.command.operation != Operation::Create || self.shapes.accounts.column(column).is_none() {
            return Ok(None);
        }
        let mut found = self.sql.read_where(&mut self.tx, self.shapes, column, value, &more).await?;
        match found.len() {
            0 | 1 => Ok(found.pop()),
            several => {
                let message = format!("{several} accounts have this {attribute}; none of them is touched");
                Err(self.error(ErrorClass::Conflict, message))
            }
        }
    }

    /// The native key, as far as it is known before the account exists.
    fn key(&self) -> Option<String> {
        let column = &self.sql.connection.accounts.key;
        let among_attributes = || {
            let (_, value) = self.attributes.iter().find(|(attribute, _)| self.sql.column_of(attribute) == column)?;
            Some(value.to_string())
        };
        self.command.key.clone().or_else(among_attributes)
    }

    async fn create(&mut self) -> Result<String, CommandError> {
        let sql = self.sql;
        let accounts = &sql.connection.accounts;
        let statement = match &sql.templates.create {
            Some(template) => self.fill(template, "accounts.create", None, None)?,
            None => {
                let mut values = BTreeMap::new();
                for (attribute, value) in &self.attributes {
                    values.insert(self.writable(attribute)?, value.clone());
                }
                if let Some(flag) = &accounts.enabled {
                    values.entry(flag.column.as_str()).or_insert_with(|| flag.enabled.as_str().into());
                }
                if let Some(key) = &self.command.key {
                    values.entry(accounts.key.as_str()).or_insert_with(|| key.as_str().into());
                }
                let mut statement = Statement::new(sql.dialect);
                statement.push("insert into ").name(&accounts.table).push(" (");
                for (index, column) in values.keys().enumerate() {
                    statement.push(if index > 0 { ", " } else { "" }).push(&sql.dialect.quote_one(column));
                }
                statement.push(") values (");
                for (index, (column, value)) in values.iter().enumerate() {
                    statement.push(if index > 0 { ", " } else { "" });
                    statement.value(Some(value), self.shapes.accounts.column(column))?;
                }
                statement.push(")");
                statement
            }
        };
        self.execute(&statement, format!("account created in {}", accounts.table)).await?;
        let Some(account) = self.look().await? else {
            let message = "the statement for a new account ran, and there is no such account afterwards".to_owned();
            return Err(self.error(ErrorClass::Protocol, message));
        };
        self.grants(&account).await?;
        Ok(account.key)
    }

    /// Takes over an account that is there already, if it is as it should be.
    async fn adopt(&mut self, account: &ObservedAccount) -> Result<String, CommandError> {
        let differing = self.differing(account);
        let readable = |name: &&String| !self.is_secret(name) && self.shape(name).is_some();
        let others = differing.iter().filter(readable).map(String::as_str).collect::<Vec<_>>();
        let elsewhere = self.command.key.as_ref().is_some_and(|key| *key != account.key);
        if elsewhere || !others.is_empty() {
            let what = if elsewhere { "its key".to_owned() } else { others.join(", ") };
            let message =
                format!("there is an account \"{}\" that differs in {what}; it is left as it is", account.key);
            return Err(self.error(ErrorClass::Conflict, message));
        }
        self.set_enabled(account, true).await?;
        self.grants(account).await?;
        Ok(account.key.clone())
    }

    /// Attributes and entitlements.
    async fn change(&mut self, account: &ObservedAccount) -> Result<String, CommandError> {
        let sql = self.sql;
        let accounts = &sql.connection.accounts;
        let differing = self.differing(account);
        let cleared = self.command.cleared().filter(|name| account.attributes.contains_key(*name)).collect::<Vec<_>>();
        let mut key = account.key.clone();
        if !differing.is_empty() || !cleared.is_empty() {
            let statement = match &sql.templates.update {
                Some(template) => self.fill(template, "accounts.update", Some(account), None)?,
                None => {
                    let mut statement = Statement::new(sql.dialect);
                    statement.push("update ").name(&accounts.table).push(" set ");
                    let set = differing.iter().map(|name| (name.as_str(), self.attributes.get(name)));
                    for (index, (name, value)) in set.chain(cleared.iter().map(|name| (*name, None))).enumerate() {
                        let column = self.writable(name)?;
                        statement.push(if index > 0 { ", " } else { "" }).push(&sql.dialect.quote_one(column));
                        statement.push(" = ").value(value, self.shapes.accounts.column(column))?;
                        if let (true, Some(value)) = (column == accounts.key, value) {
                            key = value.to_string();
                        }
                    }
                    self.where_key(&mut statement, account)?;
                    statement
                }
            };
            let names = differing.iter().map(String::as_str).chain(cleared.iter().copied()).collect::<Vec<_>>();
            let rows = self.execute(&statement, format!("{} changed in {}", names.join(", "), accounts.table)).await?;
            if sql.templates.update.is_none() {
                self.exactly_one(rows, account)?;
            }
        }
        // By now its grants hang on the new key.
        let account = ObservedAccount { key: key.clone(), ..account.clone() };
        self.grants(&account).await?;
        Ok(key)
    }

    async fn switch(&mut self, account: &ObservedAccount, enabled: bool) -> Result<String, CommandError> {
        self.set_enabled(account, enabled).await?;
        self.change(account).await
    }

    async fn set_enabled(&mut self, account: &ObservedAccount, enabled: bool) -> Result<(), CommandError> {
        let sql = self.sql;
        let accounts = &sql.connection.accounts;
        let (template, name, word) = match enabled {
            true => (&sql.templates.enable, "accounts.enable", "enabled"),
            false => (&sql.templates.disable, "accounts.disable", "disabled"),
        };
        // Without a flag it cannot be told whether it is so already.
        if accounts.enabled.is_some() && account.enabled == enabled {
            return Ok(());
        }
        let statement = match (template, &accounts.enabled) {
            (Some(template), _) => self.fill(template, name, Some(account), None)?,
            (None, Some(flag)) => {
                let value = Value::from(if enabled { flag.enabled.as_str() } else { flag.disabled.as_str() });
                let mut statement = Statement::new(sql.dialect);
                statement.push("update ").name(&accounts.table).push(" set ");
                statement.push(&sql.dialect.quote_one(&flag.column)).push(" = ");
                statement.value(Some(&value), self.shapes.accounts.column(&flag.column))?;
                self.where_key(&mut statement, account)?;
                statement
            }
            (None, None) if self.command.operation == Operation::Create => return Ok(()),
            (None, None) => {
                let message = "accounts cannot be enabled or disabled: configure `enabled` or statements for it";
                return Err(self.error(ErrorClass::Unsupported, message.to_owned()));
            }
        };
        let rows = self.execute(&statement, format!("account {word} in {}", accounts.table)).await?;
        if template.is_none() { self.exactly_one(rows, account) } else { Ok(()) }
    }

    async fn delete(&mut self, account: &ObservedAccount) -> Result<String, CommandError> {
        let sql = self.sql;
        let accounts = &sql.connection.accounts;
        if let Some(template) = &sql.templates.delete {
            let statement = self.fill(template, "accounts.delete", Some(account), None)?;
            self.execute(&statement, format!("account deleted from {}", accounts.table)).await?;
            return Ok(account.key.clone());
        }
        if let Some(grants) = &sql.connection.grants {
            let mut statement = Statement::new(sql.dialect);
            statement.push("delete from ").name(&grants.table).push(" where ");
            statement.push(&sql.dialect.quote_one(&grants.account)).push(" = ");
            let column = self.shapes.grants.column(&grants.account);
            statement.value(Some(&account.key.as_str().into()), column)?;
            self.execute(&statement, format!("grants deleted from {}", grants.table)).await?;
        }
        let mut statement = Statement::new(sql.dialect);
        statement.push("delete from ").name(&accounts.table);
        self.where_key(&mut statement, account)?;
        let rows = self.execute(&statement, format!("account deleted from {}", accounts.table)).await?;
        self.exactly_one(rows, account)?;
        Ok(account.key.clone())
    }

    async fn grants(&mut self, account: &ObservedAccount) -> Result<(), CommandError> {
        let sql = self.sql;
        let Some(grants) = &sql.connection.grants else {
            for name in self.command.added().chain(self.command.removed()) {
                self.refused.push((name.to_owned(), "the connection has no `grants`".to_owned()));
            }
            return Ok(());
        };
        let entitlement = self.shapes.grants.column(&grants.entitlement);
        let holder = self.shapes.grants.column(&grants.account);
        for name in self.command.removed().filter(|name| account.entitlements.contains(*name)) {
            let statement = match &sql.templates.revoke {
                Some(template) => self.fill(template, "grants.revoke", Some(account), Some(name))?,
                None => {
                    let mut statement = Statement::new(sql.dialect);
                    statement.push("delete from ").name(&grants.table).push(" where ");
                    statement.push(&sql.dialect.quote_one(&grants.account)).push(" = ");
                    statement.value(Some(&account.key.as_str().into()), holder)?;
                    statement.push(" and ").push(&sql.dialect.quote_one(&grants.entitlement)).push(" = ");
                    statement.value(Some(&name.into()), entitlement)?;
                    statement
                }
            };
            self.execute(&statement, format!("{name} revoked in {}", grants.table)).await?;
        }
        for name in self.command.added().filter(|name| !account.entitlements.contains(*name)) {
            if !self.is_known(name).await? {
                self.refused.push((name.to_owned(), format!("{}: there is no such entitlement", sql.place)));
                continue;
            }
            let statement = match &sql.templates.grant {
                Some(template) => self.fill(template, "grants.grant", Some(account), Some(name))?,
                None => {
                    let mut statement = Statement::new(sql.dialect);
                    statement.push("insert into ").name(&grants.table).push(" (");
                    statement.push(&sql.dialect.quote_one(&grants.account)).push(", ");
                    statement.push(&sql.dialect.quote_one(&grants.entitlement)).push(") values (");
                    statement.value(Some(&account.key.as_str().into()), holder)?.push(", ");
                    statement.value(Some(&name.into()), entitlement)?.push(")");
                    statement
                }
            };
            self.execute(&statement, format!("{name} granted in {}", grants.table)).await?;
        }
        Ok(())
    }

    /// Whether the catalogue lists an entitlement; without a catalogue the database will say.
    async fn is_known(&mut self, name: &str) -> Result<bool, CommandError> {
        let catalogue = self.sql.connection.grants.as_ref().and_then(|grants| grants.catalogue.as_ref());
        let Some(catalogue) = catalogue else { return Ok(true) };
        let mut statement = Statement::new(self.sql.dialect);
        statement.push("select ").column_text("c", &catalogue.key).push(" from ").name(&catalogue.table);
        statement.push(" c where ").column("c", &catalogue.key).push(" = ");
        if statement.value(Some(&name.into()), self.shapes.catalogue.column(&catalogue.key)).is_err() {
            return Ok(false);
        }
        let rows = self.tx.fetch(&statement).await.map_err(|error| self.sql.read_failure(&error))?;
        Ok(!rows.is_empty())
    }

    /// Attributes whose value is another, or cannot be compared: secrets, and parameters without a column.
    fn differing(&self, account: &ObservedAccount) -> Vec<String> {
        let differs = |(name, value): &(&String, &Value)| {
            self.is_secret(name)
                || account.attributes.get(*name).is_none_or(|held| held.to_string() != value.to_string())
        };
        self.attributes.iter().filter(differs).map(|(name, _)| name.clone()).collect()
    }

    fn is_secret(&self, name: &str) -> bool {
        self.command.items.iter().any(|item| item.secret && item.name == name)
    }

    fn shape(&self, attribute: &str) -> Option<&super::shape::ColumnShape> {
        self.shapes.accounts.column(self.sql.column_of(attribute))
    }

    /// The column of an attribute that can be written.
    fn writable<'b>(&'b self, attribute: &'b str) -> Result<&'b str, CommandError> {
        let message = match self.shape(attribute) {
            Some(column) if column.read_only => {
                format!("{attribute} is computed by the database and cannot be set")
            }
            Some(_) => return Ok(self.sql.column_of(attribute)),
            None => {
                let table = &self.sql.connection.accounts.table;
                format!("table {table} has no column {} for the attribute {attribute}", self.sql.column_of(attribute))
            }
        };
        Err(self.error(ErrorClass::Invalid, message))
    }

    fn where_key(&self, statement: &mut Statement, account: &ObservedAccount) -> Result<(), CommandError> {
        let key = &self.sql.connection.accounts.key;
        statement.push(" where ").push(&self.sql.dialect.quote_one(key)).push(" = ");
        statement.value(Some(&account.key.as_str().into()), self.shapes.accounts.column(key))?;
        Ok(())
    }

    /// Puts a configured statement together. What the command does not say about an attribute stays as it is.
    fn fill(
        &self,
        template: &Template,
        what: &str,
        account: Option<&ObservedAccount>,
        entitlement: Option<&str>,
    ) -> Result<Statement, CommandError> {
        let grants = self.sql.connection.grants.as_ref();
        template.fill(self.sql.dialect, |statement, name| {
            match (name, entitlement) {
                ("key", _) => {
                    let key = account.map(|account| account.key.clone()).or_else(|| self.key()).map(Value::from);
                    let column = self.shapes.accounts.column(&self.sql.connection.accounts.key);
                    statement.value(key.as_ref(), column)?;
                }
                ("entitlement", Some(entitlement)) => {
                    let column = grants.and_then(|grants| self.shapes.grants.column(&grants.entitlement));
                    statement.value(Some(&entitlement.into()), column)?;
                }
                _ => {
                    let column = self.shape(name);
                    let given = self.attributes.get(name);
                    let cleared = self.command.cleared().any(|cleared| cleared == name);
                    let managed = self.sql.settings.attributes.iter().any(|attribute| attribute == name);
                    if given.is_none() && !cleared && column.is_none() && !managed {
                        let message =
                            format!("the statement `{what}` names :{name}, which is neither an attribute nor a column");
                        return Err(self.error(ErrorClass::Invalid, message));
                    }
                    let held = account.and_then(|account| account.attributes.get(name)).filter(|_| !cleared);
                    statement.value(given.or(held), column)?;
                }
            }
            Ok(())
        })
    }

    async fn execute(&mut self, statement: &Statement, done: String) -> Result<u64, CommandError> {
        self.writing.store(true, Ordering::Relaxed);
        let rows =
            self.tx.execute(statement).await.map_err(|error| failure(&self.sql.place, Phase::Writing, &error))?;
        self.done.push(done);
        Ok(rows)
    }

    fn exactly_one(&self, rows: u64, account: &ObservedAccount) -> Result<(), CommandError> {
        let key = &account.key;
        match rows {
            1 => Ok(()),
            0 => Err(self.error(
                ErrorClass::NotFound,
                format!("the account \"{key}\" cannot be changed by this login, or is gone"),
            )),
            _ => Err(self.error(
                ErrorClass::Protocol,
                format!("{rows} rows have the key \"{key}\"; the key column has to be unique. Nothing was changed"),
            )),
        }
    }

    fn error(&self, class: ErrorClass, message: String) -> CommandError {
        CommandError::new(class, format!("{}: {message}", self.sql.place))
    }
}
