//! The other side of a CSV exchange, scripted: takes batch files, does what they say to its own list of accounts,
//! writes results and the extract. Its list is the truth that tests compare with.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// An account as the other side holds it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Held {
    pub enabled: bool,
    pub attributes: BTreeMap<String, String>,
    pub entitlements: BTreeSet<String>,
}

/// See the module's head.
pub struct Exchange {
    folder: PathBuf,
    /// Columns of the extract beside key, status and entitlements.
    columns: Vec<String>,
    pub accounts: BTreeMap<String, Held>,
    /// Creations seen, by key: more than one means that an account was created twice.
    pub creations: BTreeMap<String, u32>,
    key_attribute: String,
}

impl Exchange {
    /// Uses `outbox`, `inbox` and `extract.csv` in the folder; makes them.
    pub fn new(folder: &Path, key_attribute: &str, columns: &[&str]) -> Self {
        for name in ["outbox", "inbox"] {
            std::fs::create_dir_all(folder.join(name)).unwrap();
        }
        let exchange = Self {
            folder: folder.to_owned(),
            columns: columns.iter().map(|&name| name.to_owned()).collect(),
            accounts: BTreeMap::new(),
            creations: BTreeMap::new(),
            key_attribute: key_attribute.to_owned(),
        };
        exchange.write_extract();
        exchange
    }

    /// Does all batches that are there; answers how many.
    pub fn work(&mut self) -> usize {
        let mut names: Vec<PathBuf> = std::fs::read_dir(self.folder.join("outbox"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "csv"))
            .collect();
        names.sort();
        for path in &names {
            self.batch(path);
        }
        if !names.is_empty() {
            self.write_extract();
        }
        names.len()
    }

    fn batch(&mut self, path: &Path) {
        let mut reader = csv::Reader::from_path(path).unwrap();
        let mut orders: BTreeMap<(String, String), Vec<BTreeMap<String, String>>> = BTreeMap::new();
        for row in reader.deserialize::<BTreeMap<String, String>>() {
            let row = row.unwrap();
            orders.entry((row["order"].clone(), row["fence"].clone())).or_default().push(row);
        }
        let done: Vec<(String, String, String)> =
            orders.into_iter().map(|((order, fence), rows)| (order, fence, self.order(&rows))).collect();
        let stem = path.file_stem().unwrap().to_string_lossy();
        let mut writer = csv::Writer::from_path(self.folder.join("inbox").join(format!("{stem}.tmp"))).unwrap();
        writer.write_record(["order", "fence", "result", "key", "message"]).unwrap();
        for (order, fence, key) in &done {
            writer.write_record([order.as_str(), fence, "ok", key, ""]).unwrap();
        }
        writer.flush().unwrap();
        drop(writer);
        self.write_extract();
        let inbox = self.folder.join("inbox");
        std::fs::rename(inbox.join(format!("{stem}.tmp")), inbox.join(format!("{stem}.result.csv"))).unwrap();
        std::fs::remove_file(path).unwrap();
    }

    /// Does one order; answers the account's key.
    fn order(&mut self, rows: &[BTreeMap<String, String>]) -> String {
        let named = rows.iter().find(|row| row["name"] == self.key_attribute).map(|row| row["value"].clone());
        let key = rows.iter().map(|row| row["key"].clone()).find(|key| !key.is_empty()).or(named).unwrap();
        self.begin(&rows[0]["operation"], &key);
        for row in rows {
            self.item(&key, &row["item"], &row["name"], &row["change"], &row["value"]);
        }
        key
    }

    fn begin(&mut self, operation: &str, key: &str) {
        match operation {
            "create" if !self.accounts.contains_key(key) => {
                *self.creations.entry(key.to_owned()).or_insert(0) += 1;
                self.accounts.insert(key.to_owned(), Held { enabled: true, ..Held::default() });
            }
            "disable" | "enable" => {
                if let Some(account) = self.accounts.get_mut(key) {
                    account.enabled = operation == "enable";
                }
            }
            "delete" => {
                self.accounts.remove(key);
            }
            _ => {}
        }
    }

    fn item(&mut self, key: &str, item: &str, name: &str, change: &str, value: &str) {
        let Some(account) = self.accounts.get_mut(key) else { return };
        match (item, change) {
            ("attribute", "set") => {
                account.attributes.insert(name.to_owned(), value.to_owned());
            }
            ("attribute", "remove") => {
                account.attributes.remove(name);
            }
            ("entitlement", "add") => {
                account.entitlements.insert(name.to_owned());
            }
            ("entitlement", "remove") => {
                account.entitlements.remove(name);
            }
            _ => {}
        }
    }

    /// Writes the list of accounts.
    pub fn write_extract(&self) {
        let temporary = self.folder.join("extract.tmp");
        let mut writer = csv::Writer::from_path(&temporary).unwrap();
        let mut header = vec![self.key_attribute.as_str(), "status", "entitlements"];
        let columns: Vec<&str> =
            self.columns.iter().map(String::as_str).filter(|name| *name != self.key_attribute).collect();
        header.extend(&columns);
        writer.write_record(&header).unwrap();
        for (key, account) in &self.accounts {
            let entitlements: Vec<&str> = account.entitlements.iter().map(String::as_str).collect();
            let status = if account.enabled { "enabled" } else { "disabled" };
            let mut row = vec![key.clone(), status.to_owned(), entitlements.join("|")];
            row.extend(columns.iter().map(|name| account.attributes.get(*name).cloned().unwrap_or_default()));
            writer.write_record(&row).unwrap();
        }
        writer.flush().unwrap();
        drop(writer);
        std::fs::rename(temporary, self.folder.join("extract.csv")).unwrap();
    }
}

impl Exchange {
    /// Does one order by hand, from what a work item shows.
    pub fn carry_out(&mut self, order: &model::order::Order) {
        let attribute = |name: &str| {
            order
                .items
                .iter()
                .find(|item| item.name == name)
                .and_then(|item| item.value.as_ref())
                .map(ToString::to_string)
        };
        let key = order.key.clone().or_else(|| attribute(&self.key_attribute)).unwrap();
        self.begin(order.operation.name(), &key);
        for item in &order.items {
            let value = item.value.as_ref().map(ToString::to_string).unwrap_or_default();
            self.item(&key, item.kind.name(), &item.name, item.operation.name(), &value);
        }
    }
}
