//! Reading: one account, those with a value, and all of them in pages.

use std::collections::{BTreeMap, BTreeSet};

use model::account::{ObservedAccount, ObservedEntitlement};
use model::command::CommandError;
use model::order::ErrorClass;
use model::value::{Attributes, Value};

use super::database::{TextRow, Transaction};
use super::shape::{ColumnKind, ColumnShape};
use super::statement::Statement;
use super::{Shapes, Sql};

/// Accounts in one page of a listing.
const PAGE: usize = 1_000;

impl Sql {
    /// The next accounts by their key, with what they hold; none after the last.
    pub(super) async fn page(
        &self,
        tx: &mut Transaction,
        shapes: &Shapes,
        after: Option<&str>,
    ) -> Result<Vec<ObservedAccount>, CommandError> {
        let columns = self.read_columns(shapes, &[]);
        let key = &self.connection.accounts.key;
        let mut statement = self.select(&columns);
        statement.push(" where ").column("a", key).push(" is not null");
        if let Some(after) = after {
            statement.push(" and ").column("a", key).push(" > ");
            statement.value(Some(&after.into()), shapes.accounts.column(key))?;
        }
        statement.push(" order by ").column("a", key).push(&format!(" limit {PAGE}"));
        let rows = tx.fetch(&statement).await.map_err(|error| self.read_failure(&error))?;
        let mut accounts = rows.into_iter().map(|row| self.observed(&columns, row)).collect::<Vec<_>>();
        if let Some(twice) =
            accounts.windows(2).find(|pair| pair.first().map(|a| &a.key) == pair.last().map(|a| &a.key))
        {
            let key = twice.first().map_or("", |account| account.key.as_str());
            let message =
                format!("{}: several rows have the key \"{key}\"; the key column has to be unique", self.place);
            return Err(CommandError::new(ErrorClass::Protocol, message));
        }
        self.add_grants(tx, shapes, &mut accounts).await?;
        Ok(accounts)
    }

    pub(super) async fn read_by_key(
        &self,
        tx: &mut Transaction,
        shapes: &Shapes,
        key: &str,
        more: &[&str],
    ) -> Result<Option<ObservedAccount>, CommandError> {
        let column = &self.connection.accounts.key;
        Ok(self.read_where(tx, shapes, column, &key.into(), more).await?.into_iter().next())
    }

    /// The accounts with a value in a column, and beside the managed attributes those in `more`. A value the column
    /// cannot hold finds nothing.
    pub(super) async fn read_where(
        &self,
        tx: &mut Transaction,
        shapes: &Shapes,
        column: &str,
        value: &Value,
        more: &[&str],
    ) -> Result<Vec<ObservedAccount>, CommandError> {
        let columns = self.read_columns(shapes, more);
        let Some(shape) = shapes.accounts.column(column) else {
            let message = format!("{}: table {} has no column {column}", self.place, self.connection.accounts.table);
            return Err(CommandError::new(ErrorClass::Invalid, message));
        };
        let mut statement = self.select(&columns);
        statement.push(" where ").column("a", column).push(" = ");
        if statement.value(Some(value), Some(shape)).is_err() {
            return Ok(Vec::new());
        }
        let rows = tx.fetch(&statement).await.map_err(|error| self.read_failure(&error))?;
        let mut accounts = Vec::with_capacity(rows.len());
        for row in rows {
            let mut account = [self.observed(&columns, row)];
            self.add_grants(tx, shapes, &mut account).await?;
            accounts.extend(account);
        }
        Ok(accounts)
    }

    pub(super) async fn list_entitlements(
        &self,
        tx: &mut Transaction,
        _shapes: &Shapes,
    ) -> Result<Vec<ObservedEntitlement>, CommandError> {
        let Some(grants) = &self.connection.grants else { return Ok(Vec::new()) };
        let mut statement = Statement::new(self.dialect);
        match &grants.catalogue {
            Some(catalogue) => {
                let name = catalogue.display_name.as_ref().unwrap_or(&catalogue.key);
                statement.push("select ").column_text("c", &catalogue.key).push(", ").column_text("c", name);
                statement.push(" from ").name(&catalogue.table).push(" c order by 1");
            }
            // Without a catalogue, what somebody holds is all that is known to exist.
            None => {
                statement.push("select distinct ").column_text("g", &grants.entitlement).push(", ");
                statement
                    .column_text("g", &grants.entitlement)
                    .push(" from ")
                    .name(&grants.table)
                    .push(" g order by 1");
            }
        }
        let rows = tx.fetch(&statement).await.map_err(|error| self.read_failure(&error))?;
        let entitlements = rows.into_iter().filter_map(|row| {
            let mut cells = row.into_iter();
            let key = cells.next().flatten()?;
            let display_name = cells.next().flatten().unwrap_or_else(|| key.clone());
            Some(ObservedEntitlement { key, display_name })
        });
        Ok(entitlements.collect())
    }

    pub(super) async fn count(&self, tx: &mut Transaction, table: &str) -> Result<String, CommandError> {
        let mut statement = Statement::new(self.dialect);
        statement.push("select ").push(&self.dialect.text_of("count(*)")).push(" from ").name(table);
        let rows = tx.fetch(&statement).await.map_err(|error| self.read_failure(&error))?;
        Ok(rows.into_iter().flatten().flatten().next().unwrap_or_default())
    }

    /// The attributes that are read, each with its column.
    fn read_columns<'a>(&'a self, shapes: &'a Shapes, more: &[&'a str]) -> Vec<(&'a str, &'a ColumnShape)> {
        let flag = self.connection.accounts.enabled.as_ref().map(|flag| flag.column.as_str());
        if self.settings.attributes.is_empty() {
            let columns = shapes.accounts.columns.iter().map(|column| (self.attribute_of(&column.name), column));
            // The flag is the account's status, unless it is told to be an attribute as well.
            return columns
                .filter(|(attribute, column)| Some(column.name.as_str()) != flag || *attribute != column.name)
                .collect();
        }
        let names =
            self.settings.attributes.iter().map(String::as_str).chain(more.iter().copied()).collect::<BTreeSet<_>>();
        names
            .into_iter()
            .filter_map(|attribute| Some((attribute, shapes.accounts.column(self.column_of(attribute))?)))
            .collect()
    }

    /// `select` key, flag and attributes `from` the accounts, as `a`.
    fn select(&self, columns: &[(&str, &ColumnShape)]) -> Statement {
        let accounts = &self.connection.accounts;
        let mut statement = Statement::new(self.dialect);
        statement.push("select ").column_text("a", &accounts.key);
        // Without a flag the key once more keeps the columns where they are.
        let flag = accounts.enabled.as_ref().map_or(&accounts.key, |flag| &flag.column);
        statement.push(", ").column_text("a", flag);
        for (_, column) in columns {
            statement.push(", ").column_text("a", &column.name);
        }
        statement.push(" from ").name(&accounts.table).push(" a");
        statement
    }

    fn observed(&self, columns: &[(&str, &ColumnShape)], row: TextRow) -> ObservedAccount {
        let mut cells = row.into_iter();
        let key = cells.next().flatten().unwrap_or_default();
        let flag = cells.next().flatten();
        let enabled = match &self.connection.accounts.enabled {
            Some(configured) => !flag.is_some_and(|text| same_flag(&text, &configured.disabled)),
            None => true,
        };
        let attributes = columns
            .iter()
            .zip(cells)
            .filter_map(|((attribute, column), cell)| Some(((*attribute).to_owned(), value(column.kind, cell?))))
            .collect::<Attributes>();
        ObservedAccount { key, enabled, attributes, entitlements: BTreeSet::new() }
    }

    /// Adds what accounts that lie side by side in the order of keys hold.
    async fn add_grants(
        &self,
        tx: &mut Transaction,
        shapes: &Shapes,
        accounts: &mut [ObservedAccount],
    ) -> Result<(), CommandError> {
        let Some(grants) = &self.connection.grants else { return Ok(()) };
        let [first, .., last] = accounts else {
            let [only] = accounts else { return Ok(()) };
            only.entitlements = self.grants_of(tx, shapes, &only.key).await?;
            return Ok(());
        };
        let table = &self.connection.accounts;
        let key = shapes.accounts.column(&table.key);
        let mut statement = Statement::new(self.dialect);
        statement.push("select ").column_text("a", &table.key).push(", ").column_text("g", &grants.entitlement);
        statement.push(" from ").name(&grants.table).push(" g join ").name(&table.table).push(" a on ");
        statement.column("a", &table.key).push(" = ").column("g", &grants.account).push(" where ");
        statement.column("a", &table.key).push(" >= ").value(Some(&first.key.as_str().into()), key)?;
        statement.push(" and ").column("a", &table.key).push(" <= ").value(Some(&last.key.as_str().into()), key)?;
        let rows = tx.fetch(&statement).await.map_err(|error| self.read_failure(&error))?;
        let mut by_key = BTreeMap::<String, BTreeSet<String>>::new();
        for row in rows {
            if let [Some(key), Some(entitlement)] = row.as_slice() {
                by_key.entry(key.clone()).or_default().insert(entitlement.clone());
            }
        }
        for account in accounts {
            account.entitlements = by_key.remove(&account.key).unwrap_or_default();
        }
        Ok(())
    }

    async fn grants_of(
        &self,
        tx: &mut Transaction,
        shapes: &Shapes,
        key: &str,
    ) -> Result<BTreeSet<String>, CommandError> {
        let Some(grants) = &self.connection.grants else { return Ok(BTreeSet::new()) };
        let mut statement = Statement::new(self.dialect);
        statement.push("select ").column_text("g", &grants.entitlement).push(" from ").name(&grants.table);
        statement.push(" g where ").column("g", &grants.account).push(" = ");
        statement.value(Some(&key.into()), shapes.grants.column(&grants.account))?;
        let rows = tx.fetch(&statement).await.map_err(|error| self.read_failure(&error))?;
        Ok(rows.into_iter().flatten().flatten().collect())
    }
}

/// What a column's text means.
fn value(kind: ColumnKind, text: String) -> Value {
    match kind {
        ColumnKind::Text => Value::Text(text),
        ColumnKind::Integer => text.parse().map_or(Value::Text(text), Value::Integer),
        ColumnKind::Boolean => match text.as_str() {
            "true" | "t" | "1" => Value::Boolean(true),
            "false" | "f" | "0" => Value::Boolean(false),
            _ => Value::Text(text),
        },
    }
}

/// Whether a flag column's text is the configured one; `true` and `1` are written differently by each database.
fn same_flag(text: &str, configured: &str) -> bool {
    let canonical = |text: &str| match text.to_ascii_lowercase().as_str() {
        "true" | "t" => "1".to_owned(),
        "false" | "f" => "0".to_owned(),
        other => other.to_owned(),
    };
    text == configured || canonical(text) == canonical(configured)
}
