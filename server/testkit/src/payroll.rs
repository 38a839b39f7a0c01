//! A database as an application, as careless as databases are: it numbers its people itself, nothing in it keeps the
//! same person from being there twice, and a trigger writes down whom it was told to add.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sqlx::{Row, SqlitePool};

const TABLES: &str = "
    create table person (
      id integer primary key autoincrement,
      number text not null,
      name text,
      department text,
      active text not null default 'yes'
    );
    create table addition (number text not null);
    create trigger note_addition after insert on person begin
      insert into addition (number) values (new.number);
    end;
    create table payroll_right (name text primary key);
    insert into payroll_right values ('PAY');
    create table holding (
      person integer not null,
      name text not null references payroll_right (name),
      primary key (person, name)
    );";

/// Connection and account type for a configuration; the file is `payroll.db` beside it.
pub const CONFIGURATION: &str = r#"
[applications.payroll]
display_name = "Payroll"
[applications.payroll.connection]
kind = "sql"
url = "sqlite:payroll.db"
[applications.payroll.connection.accounts]
table = "person"
key = "id"
[applications.payroll.connection.accounts.enabled]
column = "active"
enabled = "yes"
disabled = "no"
[applications.payroll.connection.grants]
table = "holding"
account = "person"
entitlement = "name"
[applications.payroll.connection.grants.catalogue]
table = "payroll_right"
key = "name"
"#;

/// A row of the database, without its id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Paid {
    pub number: String,
    pub name: Option<String>,
    pub department: Option<String>,
    pub active: String,
    pub rights: BTreeSet<String>,
}

/// See the module's head.
pub struct Payroll(PathBuf);

impl Payroll {
    /// Makes the file in the folder.
    pub async fn create(folder: &Path) -> Self {
        let payroll = Self(folder.join("payroll.db"));
        let pool = payroll.open().await;
        sqlx::raw_sql(TABLES).execute(&pool).await.unwrap();
        pool.close().await;
        payroll
    }

    /// Everybody in it.
    pub async fn people(&self) -> Vec<Paid> {
        let pool = self.open().await;
        let mut rights: BTreeMap<i64, BTreeSet<String>> = BTreeMap::new();
        for row in sqlx::query("select person, name from holding").fetch_all(&pool).await.unwrap() {
            rights.entry(row.get(0)).or_default().insert(row.get(1));
        }
        let rows = sqlx::query("select id, number, name, department, active from person").fetch_all(&pool).await;
        let mut people: Vec<Paid> = rows
            .unwrap()
            .iter()
            .map(|row| Paid {
                number: row.get(1),
                name: row.get(2),
                department: row.get(3),
                active: row.get(4),
                rights: rights.remove(&row.get(0)).unwrap_or_default(),
            })
            .collect();
        people.sort();
        pool.close().await;
        people
    }

    /// How often each number was added.
    pub async fn additions(&self) -> BTreeMap<String, i64> {
        let pool = self.open().await;
        let rows = sqlx::query("select number, count(*) from addition group by number").fetch_all(&pool).await.unwrap();
        pool.close().await;
        rows.iter().map(|row| (row.get(0), row.get(1))).collect()
    }

    async fn open(&self) -> SqlitePool {
        let options = SqliteConnectOptions::new().filename(&self.0).create_if_missing(true);
        SqlitePoolOptions::new().max_connections(1).connect_with(options).await.unwrap()
    }
}
