//! Extracts: an application's own list of its accounts, the only thing that can verify what others did by file or by hand.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::path::{Path, PathBuf};

use model::account::{ObservedAccount, ObservedEntitlement};
use model::command::CommandError;
use model::configuration::CsvExtract;
use model::order::ErrorClass;
use model::value::{Attributes, Value};
use model::view::{ApplicationSchema, SchemaAttribute};

use super::{blocking, guard, io_failure};
use crate::Capabilities;
use crate::table::{Finding, Record, Table};

/// Accounts given at once.
const PAGE: usize = 1_000;

/// An extract, as configured.
#[derive(Clone)]
pub(crate) struct Extract {
    configuration: CsvExtract,
    path: PathBuf,
}

impl Extract {
    pub(crate) fn new(configuration: &CsvExtract, base: &Path) -> Self {
        Self { configuration: configuration.clone(), path: base.join(&configuration.file) }
    }

    pub(crate) async fn test(&self) -> (bool, String) {
        match self.read().await {
            Ok(accounts) => {
                (true, format!("The extract {} can be read; accounts: {}.", self.configuration.file, accounts.len()))
            }
            Err(error) => (false, error.message),
        }
    }

    /// All accounts, or what is wrong with the file: a list that is half right would make people look gone.
    async fn read(&self) -> Result<Vec<ObservedAccount>, CommandError> {
        let extract = self.clone();
        blocking(move || extract.read_now()).await
    }

    fn open(&self) -> Result<Table<File>, CommandError> {
        let file = File::open(&self.path).map_err(|error| io_failure(&self.path, &error))?;
        Table::open(&self.configuration.file, None, file).map_err(faulty)
    }

    fn read_now(&self) -> Result<Vec<ObservedAccount>, CommandError> {
        let mut table = self.open()?;
        let columns = self.columns(&table).map_err(faulty)?;
        let mut accounts = Vec::new();
        let mut lines = HashMap::new();
        let mut record = Record::default();
        while table.next(&mut record).map_err(|error| faulty(error.into_finding()))? {
            let account = columns.account(&table, &record).map_err(faulty)?;
            if let Some(line) = lines.insert(account.key.clone(), record.line()) {
                let message = format!("\"{}\" stands on line {line} already", account.key);
                return Err(faulty(table.at(record.line(), columns.key, message)));
            }
            accounts.push(account);
        }
        Ok(accounts)
    }

    fn columns(&self, table: &Table<File>) -> Result<Columns, Finding> {
        let CsvExtract { key, entitlements, status, attributes, .. } = &self.configuration;
        let find = |name: &Option<String>| name.as_deref().map(|name| table.column(name)).transpose();
        let (entitlements, status) = (find(entitlements)?, find(status)?);
        let attributes = if attributes.is_empty() {
            let named =
                table.headers().iter().enumerate().filter(|(index, header)| {
                    !header.is_empty() && Some(*index) != entitlements && Some(*index) != status
                });
            named.map(|(index, header)| (header.clone(), index)).collect()
        } else {
            attributes
                .iter()
                .map(|(attribute, header)| Ok((attribute.clone(), table.column(header)?)))
                .collect::<Result<_, _>>()?
        };
        Ok(Columns { key: table.column(key)?, entitlements, status, attributes })
    }
}

/// Where in a row is what.
struct Columns {
    key: usize,
    entitlements: Option<usize>,
    status: Option<usize>,
    attributes: Vec<(String, usize)>,
}

impl Columns {
    fn account(&self, table: &Table<File>, record: &Record) -> Result<ObservedAccount, Finding> {
        let cell = |column: usize| guard::open(record.cell(column));
        let key = cell(self.key).to_owned();
        if key.is_empty() {
            return Err(table.at(record.line(), self.key, "the key is missing"));
        }
        let enabled = match self.status.map(|column| (column, cell(column).trim().to_ascii_lowercase())) {
            None => true,
            Some((_, status)) if status == "enabled" => true,
            Some((_, status)) if status == "disabled" => false,
            Some((column, status)) => {
                let message = format!("{status:?} is no status; write enabled or disabled");
                return Err(table.at(record.line(), column, message));
            }
        };
        let attributes = self.attributes.iter().filter(|(_, column)| !cell(*column).is_empty());
        let attributes =
            attributes.map(|(name, column)| (name.clone(), Value::from(cell(*column)))).collect::<Attributes>();
        let entitlements = self.entitlements.map(cell).unwrap_or_default();
        let entitlements = entitlements.split('|').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned);
        Ok(ObservedAccount { key, enabled, attributes, entitlements: entitlements.collect::<BTreeSet<_>>() })
    }
}

/// What can be read, with or without an extract; everything can be asked for.
pub(crate) fn capabilities(extract: Option<&Extract>) -> Capabilities {
    Capabilities {
        lists: extract.is_some(),
        reads_one: extract.is_some(),
        deletes: true,
        disables: true,
        assigns_key: false,
        entitlements: extract.is_none_or(|extract| extract.configuration.entitlements.is_some()),
    }
}

/// The attributes of the extract's columns; none without an extract.
pub(crate) async fn schema(extract: Option<&Extract>) -> Result<ApplicationSchema, CommandError> {
    let Some(extract) = extract.cloned() else { return Ok(ApplicationSchema { attributes: Vec::new() }) };
    blocking(move || {
        let columns = extract.columns(&extract.open()?).map_err(faulty)?;
        let attributes = columns.attributes.into_iter().map(|(name, column)| SchemaAttribute {
            name,
            kind: "text".to_owned(),
            required: column == columns.key,
            read_only: false,
            unique: column == columns.key,
        });
        Ok(ApplicationSchema { attributes: attributes.collect() })
    })
    .await
}

/// The entitlements somebody holds; an extract has no list of its own.
pub(crate) async fn entitlements(extract: Option<&Extract>) -> Result<Vec<ObservedEntitlement>, CommandError> {
    let Some(extract) = extract else { return Ok(Vec::new()) };
    let keys = extract.read().await?.into_iter().flat_map(|account| account.entitlements).collect::<BTreeSet<_>>();
    Ok(keys.into_iter().map(|key| ObservedEntitlement { display_name: key.clone(), key }).collect())
}

pub(crate) async fn accounts(
    extract: Option<&Extract>,
    sink: &mut (dyn FnMut(Vec<ObservedAccount>) + Send),
) -> Result<(), CommandError> {
    let mut accounts = extract.ok_or_else(no_extract)?.read().await?;
    while !accounts.is_empty() {
        let rest = accounts.split_off(accounts.len().min(PAGE));
        sink(std::mem::replace(&mut accounts, rest));
    }
    Ok(())
}

pub(crate) async fn account(extract: Option<&Extract>, key: &str) -> Result<Option<ObservedAccount>, CommandError> {
    let accounts = extract.ok_or_else(no_extract)?.read().await?;
    Ok(accounts.into_iter().find(|account| account.key == key))
}

pub(crate) async fn find(
    extract: Option<&Extract>,
    attribute: &str,
    value: &Value,
) -> Result<Vec<ObservedAccount>, CommandError> {
    let wanted = value.to_string();
    let mut accounts = extract.ok_or_else(no_extract)?.read().await?;
    accounts.retain(|account| account.attributes.get(attribute).is_some_and(|held| held.to_string() == wanted));
    Ok(accounts)
}

fn no_extract() -> CommandError {
    let message = "The application cannot be read: its connection has no `extract`.";
    CommandError::new(ErrorClass::Unsupported, message)
}

fn faulty(finding: Finding) -> CommandError {
    CommandError::new(ErrorClass::Protocol, format!("{finding}. Send a corrected extract."))
}
