//! Databases as applications: the shared suite on SQLite, PostgreSQL and MariaDB, with tables and with procedures, and
//! what a person is told when the database says no.

#![expect(clippy::unwrap_used, clippy::expect_used, unreachable_pub, reason = "a test that cannot go on ends there")]

mod support {
    #[expect(dead_code, reason = "not every fault is needed here")]
    pub mod fault_proxy;
    pub mod free_port;
    pub mod mariadb;
    pub mod postgres;
    pub mod ready;
}

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use connectors::conformance::{self, Step, Subject};
use connectors::{Connector, Secrets, Settings, connect};
use model::command::{Command, CommandItem, Outcome};
use model::configuration::Connection;
use model::ids::OrderId;
use model::order::ErrorClass;
use model::plan::{ItemKind, ItemOperation, Operation};
use model::value::{Attributes, Value};
use serde_json::json;
use support::fault_proxy::{Fault, FaultProxy};
use support::free_port::free_port;
use support::mariadb::MariaDb;
use support::postgres::{PASSWORD, Postgres};

const ATTRIBUTES: [&str; 5] = ["login", "name", "title", "grade", "remote"];

struct NoSecrets;

impl Secrets for NoSecrets {
    fn reveal(&self, name: &str) -> Option<String> {
        (name == "db_password").then(|| PASSWORD.to_owned())
    }
}

/// The tables have names that have to be quoted.
fn connection(url: &str) -> serde_json::Value {
    json!({
        "kind": "sql",
        "url": url,
        "accounts": {
            "table": "user",
            "key": "login",
            "columns": { "name": "full name", "initial_password": "password" },
            "enabled": { "column": "status", "enabled": "active", "disabled": "closed" },
        },
        "grants": {
            "table": "grant",
            "account": "login",
            "entitlement": "group",
            "catalogue": { "table": "group", "key": "name", "display_name": "label" },
        },
    })
}

fn settings() -> Settings {
    Settings {
        concurrency: 4,
        connect_timeout: Duration::from_secs(10),
        total_timeout: Duration::from_secs(20),
        attributes: ATTRIBUTES.map(str::to_owned).to_vec(),
        ..Settings::default()
    }
}

fn open_with(connection: serde_json::Value, settings: Settings) -> Arc<dyn Connector> {
    let connection: Connection = serde_json::from_value(connection).unwrap();
    connect("payroll", &connection, &[], settings, &NoSecrets).unwrap_or_else(|error| panic!("{error}"))
}

fn open(connection: serde_json::Value) -> Arc<dyn Connector> {
    open_with(connection, settings())
}

/// Everybody else who uses the database.
enum Others {
    Sqlite(sqlx::SqlitePool),
    Postgres(sqlx::PgPool),
    MySql(sqlx::MySqlPool),
}

#[async_trait]
impl Subject for Others {
    fn application(&self) -> &str {
        "payroll"
    }

    fn account_type(&self) -> &str {
        "payroll-user"
    }

    fn attributes(&self, number: usize) -> Attributes {
        Attributes::from([
            ("login".to_owned(), format!("user{number}").into()),
            ("name".to_owned(), format!("User {number}").into()),
            ("title".to_owned(), "Clerk".into()),
            ("grade".to_owned(), Value::Integer(number as i64)),
            ("remote".to_owned(), number.is_multiple_of(2).into()),
            ("initial_password".to_owned(), format!("s3cret-{number}").into()),
        ])
    }

    fn natural_key(&self) -> &str {
        "login"
    }

    fn key(&self, attributes: &Attributes) -> Option<String> {
        attributes["login"].as_text().map(str::to_owned)
    }

    fn text_attribute(&self) -> &str {
        "title"
    }

    fn secret_attributes(&self) -> &[&str] {
        &["initial_password"]
    }

    fn entitlements(&self) -> [&str; 2] {
        ["readers", "pay'ers"]
    }

    fn holds(&self, text: &str) -> bool {
        !text.contains('\0')
    }

    async fn make_foreign(&mut self, number: usize) -> String {
        let login = format!("user{number}");
        match &*self {
            Self::Sqlite(pool) => {
                let insert = sqlx::query("insert into user (login, \"full name\") values (?, 'Somebody else')");
                insert.bind(&login).execute(pool).await.map(drop)
            }
            Self::Postgres(pool) => {
                let insert = sqlx::query("insert into \"user\" (login, \"full name\") values ($1, 'Somebody else')");
                insert.bind(&login).execute(pool).await.map(drop)
            }
            Self::MySql(pool) => {
                let insert = sqlx::query("insert into `user` (login, `full name`) values (?, 'Somebody else')");
                insert.bind(&login).execute(pool).await.map(drop)
            }
        }
        .unwrap();
        login
    }
}

const TABLES: &str = "
    create table \"user\" (
        login varchar(80) primary key,
        \"full name\" varchar(200) not null,
        title text,
        grade integer,
        remote boolean,
        password text,
        status varchar(10) not null default 'active' check (status in ('active', 'closed')),
        constraint grade_is_small check (grade < 100000)
    );
    create table \"group\" (name varchar(40) primary key, label varchar(40));
    create table \"grant\" (
        login varchar(80) not null references \"user\" (login),
        \"group\" varchar(40) not null references \"group\" (name),
        primary key (login, \"group\")
    );
    insert into \"group\" values ('readers', 'Those who read'), ('pay''ers', null);
";

/// A SQLite file with the tables, and the address to reach it.
async fn sqlite(folder: &tempfile::TempDir) -> (String, Others) {
    let path = folder.path().join("payroll.db");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path).create_if_missing(true);
    let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
    sqlx::raw_sql(TABLES).execute(&pool).await.unwrap();
    ("sqlite:payroll.db".to_owned(), Others::Sqlite(pool))
}

async fn postgres_target(server: &Postgres) -> (String, Others) {
    let options = sqlx::postgres::PgConnectOptions::new_without_pgpass().host("127.0.0.1").port(server.port);
    let options = options.username("postgres").password(PASSWORD).database("postgres");
    let pool = sqlx::PgPool::connect_with(options).await.unwrap();
    sqlx::raw_sql(TABLES).execute(&pool).await.unwrap();
    (format!("postgres://postgres@127.0.0.1:{}/postgres", server.port), Others::Postgres(pool))
}

async fn mariadb_target(server: &MariaDb) -> (String, Others) {
    let options = sqlx::mysql::MySqlConnectOptions::new().host("127.0.0.1").port(server.port).username("root");
    let pool = sqlx::MySqlPool::connect_with(options.clone()).await.unwrap();
    sqlx::raw_sql("create database target").execute(&pool).await.unwrap();
    let pool = sqlx::mysql::MySqlPoolOptions::new()
        .after_connect(|connection, _| {
            Box::pin(async { sqlx::raw_sql("set sql_mode = 'ANSI_QUOTES'").execute(connection).await.map(drop) })
        })
        .connect_with(options.database("target"))
        .await
        .unwrap();
    sqlx::raw_sql(TABLES).execute(&pool).await.unwrap();
    let plain = sqlx::mysql::MySqlConnectOptions::new().host("127.0.0.1").port(server.port).username("root");
    let pool = sqlx::MySqlPool::connect_with(plain.database("target")).await.unwrap();
    (format!("mariadb://root@127.0.0.1:{}/target", server.port), Others::MySql(pool))
}

#[tokio::test]
async fn sqlite_tables() {
    let folder = tempfile::tempdir().unwrap();
    let (url, mut others) = sqlite(&folder).await;
    let connector = open_with(connection(&url), Settings { base: folder.path().to_owned(), ..settings() });
    assert_eq!(conformance::exercise(connector.as_ref(), &mut others).await, Step::ALL);
    stories(connector.as_ref()).await;
}

#[tokio::test]
async fn postgres_tables_and_functions() {
    let server = Postgres::start();
    let (url, mut others) = postgres_target(&server).await;
    let mut tables = connection(&url);
    tables["password"] = json!("secret:db_password");
    let connector = open(tables.clone());
    assert_eq!(conformance::exercise(connector.as_ref(), &mut others).await, Step::ALL);
    stories(connector.as_ref()).await;
    over_a_bad_line(tables.clone(), &url, server.port, &mut others).await;

    let Others::Postgres(pool) = &others else { unreachable!() };
    sqlx::raw_sql(
        "create procedure add_user(login text, name text, title text, grade integer, remote boolean) language sql as $$
             insert into \"user\" values (login, name, title, grade, remote, null, 'active') $$;
         create function change_user(key text, name text, title text, grade integer) returns void language sql as $$
             update \"user\" set \"full name\" = name, title = change_user.title, grade = change_user.grade
             where login = key $$;
         create procedure set_open(key text, is_open boolean) language sql as $$
             update \"user\" set status = case when is_open then 'active' else 'closed' end where login = key $$;
         create procedure drop_user(key text) language sql as $$
             delete from \"grant\" where login = key; delete from \"user\" where login = key $$;
         create procedure add_holding(key text, name text) language sql as $$ insert into \"grant\" values (key, name) $$;
         create procedure drop_holding(key text, name text) language sql as $$
             delete from \"grant\" where login = key and \"group\" = name $$;
         truncate \"grant\", \"user\";
         create role reader login password 'reader';
         grant select on all tables in schema public to reader;",
    )
    .execute(pool)
    .await
    .unwrap();
    let mut procedures = tables.clone();
    procedures["accounts"]["create"] = json!("call add_user(:login, :name, :title, :grade, :remote) -- :comment");
    procedures["accounts"]["update"] = json!("select change_user(:key::text, :name, :title, :grade)");
    procedures["accounts"]["enable"] = json!("call set_open(:key, true)");
    procedures["accounts"]["disable"] = json!("call set_open(:key, false)");
    procedures["accounts"]["delete"] = json!("call drop_user(:key)");
    procedures["grants"]["grant"] = json!("call add_holding(:key, :entitlement)");
    procedures["grants"]["revoke"] = json!("call drop_holding(:key, :entitlement)");
    let connector = open(procedures);
    assert_eq!(conformance::exercise(connector.as_ref(), &mut others).await, Step::ALL);

    tables["password"] = json!("not the password");
    let connector = open(tables.clone());
    conformance::fails_with(connector.as_ref(), &mut others, &[ErrorClass::Authentication]).await;
    let address = url.replace("postgres@", "reader@");
    tables["url"] = json!(address);
    tables["password"] = json!("reader");
    let refused = apply(open(tables).as_ref(), create("nobody", vec![])).await.unwrap_err();
    assert_eq!(refused, (ErrorClass::Permission, format!("{address}: permission denied for table user")));
}

#[tokio::test]
async fn mariadb_tables_and_procedures() {
    let server = MariaDb::start();
    let (url, mut others) = mariadb_target(&server).await;
    let mut tables = connection(&url);
    let connector = open(tables.clone());
    assert_eq!(conformance::exercise(connector.as_ref(), &mut others).await, Step::ALL);
    stories(connector.as_ref()).await;
    over_a_bad_line(tables.clone(), &url, server.port, &mut others).await;

    let Others::MySql(pool) = &others else { unreachable!() };
    for statement in [
        "create procedure add_user(the_login varchar(80), the_name text, the_title text, the_grade int, is_remote bool)
         insert into `user` values (the_login, the_name, the_title, the_grade, is_remote, null, 'active')",
        "create procedure change_user(the_key varchar(80), the_name text, the_title text, the_grade int)
         update `user` set `full name` = the_name, title = the_title, grade = the_grade where login = the_key",
        "create procedure set_open(the_key varchar(80), is_open bool)
         update `user` set status = if(is_open, 'active', 'closed') where login = the_key",
        "create procedure drop_user(the_key varchar(80))
         begin delete from `grant` where login = the_key; delete from `user` where login = the_key; end",
        "create procedure add_holding(the_key varchar(80), the_name varchar(40)) insert into `grant` values (the_key, the_name)",
        "create procedure drop_holding(the_key varchar(80), the_name varchar(40))
         delete from `grant` where login = the_key and `group` = the_name",
        "delete from `grant`",
        "delete from `user`",
        "create user reader@'127.0.0.1' identified by 'reader'",
        "grant select on target.* to reader@'127.0.0.1'",
    ] {
        sqlx::raw_sql(statement).execute(pool).await.unwrap();
    }
    let mut procedures = tables.clone();
    procedures["accounts"]["create"] = json!("call add_user(:login, :name, :title, :grade, :remote) # :comment");
    procedures["accounts"]["update"] = json!("call change_user(:key, :name, :title, :grade)");
    procedures["accounts"]["enable"] = json!("call set_open(:key, true)");
    procedures["accounts"]["disable"] = json!("call set_open(:key, false)");
    procedures["accounts"]["delete"] = json!("call drop_user(:key)");
    procedures["grants"]["grant"] = json!("call add_holding(:key, :entitlement)");
    procedures["grants"]["revoke"] = json!("call drop_holding(:key, :entitlement)");
    let connector = open(procedures);
    assert_eq!(conformance::exercise(connector.as_ref(), &mut others).await, Step::ALL);

    let address = url.replace("root@", "reader@");
    tables["url"] = json!(address);
    tables["password"] = json!("not the password");
    let connector = open(tables.clone());
    conformance::fails_with(connector.as_ref(), &mut others, &[ErrorClass::Authentication]).await;
    tables["password"] = json!("reader");
    let (class, message) = apply(open(tables).as_ref(), create("nobody", vec![])).await.unwrap_err();
    assert_eq!(class, ErrorClass::Permission, "{message}");
}

#[tokio::test]
async fn databases_that_are_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let (_, mut others) = sqlite(&folder).await;
    let short =
        || Settings { connect_timeout: Duration::from_millis(300), base: folder.path().to_owned(), ..settings() };
    // Listens, and never says a word.
    let mute = TcpListener::bind("127.0.0.1:0").unwrap();
    let mute = mute.local_addr().unwrap().port();
    let nobody = free_port();
    for url in [
        format!("postgres://u@127.0.0.1:{nobody}/db"),
        format!("mysql://u@127.0.0.1:{nobody}/db"),
        format!("postgres://u@127.0.0.1:{mute}/db"),
        format!("mysql://u@127.0.0.1:{mute}/db"),
        "sqlite:missing.db".to_owned(),
    ] {
        let connector = open_with(connection(&url), short());
        conformance::fails_with(connector.as_ref(), &mut others, &[ErrorClass::Transient]).await;
    }
    std::fs::write(folder.path().join("rubbish.db"), "this is no database, however long it may be").unwrap();
    let connector = open_with(connection("sqlite:rubbish.db"), short());
    conformance::fails_with(connector.as_ref(), &mut others, &[ErrorClass::Protocol]).await;
}

/// The network fails: nothing is called done that may not be, and what was done is found again.
async fn over_a_bad_line(mut tables: serde_json::Value, url: &str, port: u16, others: &mut Others) {
    let proxy = FaultProxy::start(port).await;
    tables["url"] = json!(url.replace(&port.to_string(), &proxy.port.to_string()));
    let short =
        || Settings { connect_timeout: Duration::from_secs(2), total_timeout: Duration::from_secs(2), ..settings() };
    let connector = open_with(tables.clone(), short());
    assert!(connector.test().await.iter().all(|(succeeded, _)| *succeeded));

    proxy.set(Fault::CloseAfterRequest { with: "COMMIT" });
    let (class, message) = apply(connector.as_ref(), create("committed", vec![])).await.unwrap_err();
    assert_eq!(class, ErrorClass::Unknown, "{message}");
    proxy.set(Fault::None);
    assert!(connector.account("committed").await.unwrap().is_some(), "the server had done it");
    let again = Command { in_doubt: true, ..create("committed", vec![]) };
    assert!(matches!(apply(connector.as_ref(), again).await, Ok(Outcome::AlreadySo(applied)) if !applied.adopted));

    proxy.set(Fault::CloseAfterRequest { with: "insert into" });
    let (class, message) = apply(connector.as_ref(), create("unsaid", vec![])).await.unwrap_err();
    assert_eq!(class, ErrorClass::Unknown, "{message}");
    proxy.set(Fault::None);
    assert_eq!(connector.account("unsaid").await.unwrap(), None, "without a commit nothing stays");

    let lost = [ErrorClass::Transient, ErrorClass::Protocol, ErrorClass::Unknown];
    for fault in [Fault::Refuse, Fault::Silence, Fault::Rubbish(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec())] {
        proxy.set(fault);
        let connector = open_with(tables.clone(), short());
        conformance::fails_with(connector.as_ref(), others, &lost).await;
    }
}

#[test]
fn connections_that_make_no_sense() {
    let check = |change: &dyn Fn(&mut serde_json::Value), class: ErrorClass, expect: &str| {
        let mut connection = connection("sqlite:payroll.db");
        change(&mut connection);
        let connection: Connection = serde_json::from_value(connection).unwrap();
        let error = connect("payroll", &connection, &[], settings(), &NoSecrets).map(drop).unwrap_err();
        assert_eq!((error.class, error.message.as_str()), (class, expect));
    };
    check(
        &|connection| connection["url"] = json!("oracle://db"),
        ErrorClass::Invalid,
        "The address of payroll begins with none of sqlite:, postgres:, mysql: and mariadb:.",
    );
    check(
        &|connection| connection["password"] = json!("secret:other"),
        ErrorClass::Authentication,
        "The connection of payroll needs the secret other, which is not stored. Store it, then retry.",
    );
    check(
        &|connection| connection["accounts"]["disable"] = json!("update user set status = 'closed where login = :key"),
        ErrorClass::Invalid,
        "The statement `accounts.disable` of payroll opens a text and does not close it.",
    );
}

/// What the suite does not ask, on each database.
async fn stories(connector: &dyn Connector) {
    let failed = |answer: Result<Outcome, (ErrorClass, String)>| match answer {
        Err((class, message)) => {
            assert!(!message.contains("s3cret"), "{message}");
            class
        }
        Ok(outcome) => panic!("{outcome:?}"),
    };
    // All or nothing: the account is good, its grade is not.
    let grade = set("grade", Value::Integer(100_000));
    assert_eq!(failed(apply(connector, create("atomic", vec![grade])).await), ErrorClass::Invalid, "check");
    assert_eq!(connector.account("atomic").await.unwrap(), None);
    let grade = set("grade", "s3cret".into());
    let grade = CommandItem { secret: true, ..grade };
    assert_eq!(failed(apply(connector, create("atomic", vec![grade])).await), ErrorClass::Invalid, "type");
    let column = set("shoe_size", "44".into());
    assert_eq!(failed(apply(connector, create("atomic", vec![column])).await), ErrorClass::Invalid, "no such column");
    let mut nameless = create("atomic", vec![]);
    nameless.items.retain(|item| item.name != "name");
    assert_eq!(failed(apply(connector, nameless).await), ErrorClass::Invalid, "not null");
    assert_eq!(connector.account("atomic").await.unwrap(), None, "nothing of it stays");

    // The same values: taken over. And taken over in doubt: it was ours.
    assert!(
        matches!(apply(connector, create("twin", vec![])).await, Ok(Outcome::Applied(applied)) if !applied.adopted)
    );
    assert!(
        matches!(apply(connector, create("twin", vec![])).await, Ok(Outcome::AlreadySo(applied)) if applied.adopted)
    );
    let again = Command { in_doubt: true, ..create("twin", vec![]) };
    assert!(matches!(apply(connector, again).await, Ok(Outcome::AlreadySo(applied)) if !applied.adopted));

    // What is so already is not written again.
    let change = || Command { operation: Operation::Update, ..create("twin", vec![set("title", "Boss".into())]) };
    assert!(matches!(apply(connector, change()).await, Ok(Outcome::Applied(_))));
    assert!(matches!(apply(connector, change()).await, Ok(Outcome::AlreadySo(_))));
    for name in ["disable", "enable"] {
        let operation = Operation::from_name(name).unwrap();
        let switch = || Command { operation, items: vec![], ..create("twin", vec![]) };
        assert!(matches!(apply(connector, switch()).await, Ok(Outcome::Applied(_))));
        assert!(matches!(apply(connector, switch()).await, Ok(Outcome::AlreadySo(_))));
        let nobody = Command { key: Some("nobody".to_owned()), ..switch() };
        assert_eq!(failed(apply(connector, nobody).await), ErrorClass::NotFound);
    }

    // A new name keeps what the account holds together.
    let rename =
        Command { operation: Operation::Update, items: vec![set("login", "twin2".into())], ..create("twin", vec![]) };
    assert!(
        matches!(apply(connector, rename).await, Ok(Outcome::Applied(applied)) if applied.key.as_deref() == Some("twin2"))
    );
    assert_eq!(connector.account("twin").await.unwrap(), None);

    // A value a column cannot hold is held by nobody.
    assert_eq!(connector.find("grade", &"nobody".into()).await.unwrap(), vec![]);
    assert_eq!(connector.find("grade", &Value::Integer(-1)).await.unwrap(), vec![]);

    let schema = connector.schema().await.unwrap();
    let told = schema.attributes.iter().map(|one| (one.name.as_str(), one.kind.as_str(), one.required, one.unique));
    let told = told.collect::<Vec<_>>();
    assert!(told.contains(&("name", "text", true, false)), "{told:?}");
    assert!(told.contains(&("grade", "integer", false, false)), "{told:?}");
    assert!(told.contains(&("remote", "boolean", false, false)), "{told:?}");
    assert!(told.iter().any(|(name, _, _, unique)| *name == "login" && *unique), "{told:?}");
    let offered = connector.entitlements().await.unwrap();
    let label = |key: &str| offered.iter().find(|one| one.key == key).unwrap().display_name.as_str();
    assert_eq!((label("readers"), label("pay'ers")), ("Those who read", "pay'ers"));
}

fn set(name: &str, value: Value) -> CommandItem {
    let name = name.to_owned();
    CommandItem { kind: ItemKind::Attribute, name, operation: ItemOperation::Set, value: Some(value), secret: false }
}

fn create(login: &str, items: Vec<CommandItem>) -> Command {
    let login: Value = login.into();
    Command {
        order: OrderId(1),
        fence: 1,
        application: "payroll".to_owned(),
        account_type: "payroll-user".to_owned(),
        operation: Operation::Create,
        key: login.as_text().map(str::to_owned),
        natural_key: None,
        items: [set("name", "Somebody".into())].into_iter().chain(items).collect(),
        in_doubt: false,
    }
}

async fn apply(connector: &dyn Connector, command: Command) -> Result<Outcome, (ErrorClass, String)> {
    let mut answers = connector.apply(vec![command]).await;
    assert_eq!(answers.len(), 1);
    answers.remove(0).1.map_err(|error| (error.class, error.message))
}
