use store::{Dialect, Store, StoreError};

use crate::harness::empty_database_like;
use crate::world::*;

pub(crate) async fn migrating_twice_changes_nothing(store: Store) {
    let report = store.migrate().await.unwrap();
    assert!(report.applied.is_empty());
    assert!(report.current >= 12);
    store.is_ready().await.unwrap();
}

pub(crate) async fn a_database_without_schema_is_not_ready(store: Store) {
    let folder = tempfile::tempdir().unwrap();
    let empty = Store::open(&empty_database_like(&store, folder.path())).await.unwrap();
    let error = empty.is_ready().await.unwrap_err();
    assert!(
        matches!(&error, StoreError::Migration { reason } if reason.contains("quartermaster migrate")),
        "{error:?}"
    );
    let report = empty.migrate().await.unwrap();
    let files = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../../migrations")).unwrap();
    let files =
        files.map(|file| file.unwrap().file_name().into_string().unwrap()).filter(|name| name.ends_with(".sql"));
    let files = files.filter(|name| empty.dialect() == Dialect::Postgres || !name.ends_with(".postgres.sql"));
    assert_eq!(report.applied.len(), files.count(), "every file of the folder is in the list");
    empty.is_ready().await.unwrap();
    empty.close().await;
}

pub(crate) async fn a_foreign_migration_is_refused(store: Store) {
    let folder = tempfile::tempdir().unwrap();
    let address = empty_database_like(&store, folder.path());
    let other = Store::open(&address).await.unwrap();
    other.migrate().await.unwrap();
    execute(&address, "update schema_migration set body = 'other' where number = 5").await;
    let error = other.migrate().await.unwrap_err();
    assert!(matches!(&error, StoreError::Migration { reason } if reason.contains("0005_create_runs")), "{error:?}");
    execute(&address, "insert into schema_migration (number, name, body) values (9999, '9999_from_the_future', '')")
        .await;
    execute(&address, "delete from schema_migration where number = 5").await;
    assert!(matches!(other.is_ready().await.unwrap_err(), StoreError::Migration { .. }));
    other.close().await;
}

/// What a newer version applied that only adds: this one goes on, and leaves it as it is.
pub(crate) async fn a_newer_migration_that_only_adds_is_lived_with(store: Store) {
    let folder = tempfile::tempdir().unwrap();
    let address = empty_database_like(&store, folder.path());
    let other = Store::open(&address).await.unwrap();
    let current = other.migrate().await.unwrap().current;
    let newer = "insert into schema_migration (number, name, body)
        select 9998, '9998_add_notes', '-- Programs go on from ' || max(number) || '.' from schema_migration";
    execute(&address, newer).await;
    other.is_ready().await.unwrap();
    let report = other.migrate().await.unwrap();
    assert_eq!(report.newer, ["9998_add_notes"]);
    assert!(report.applied.is_empty() && report.current == 9998 && current < 9998);

    // Another one needs what the first brought, which this program does not know.
    let further = "insert into schema_migration (number, name, body)
        values (9999, '9999_use_notes', '-- Programs go on from 9998.')";
    execute(&address, further).await;
    let error = other.is_ready().await.unwrap_err();
    assert!(matches!(&error, StoreError::Migration { reason } if reason.contains("9999_use_notes")), "{error:?}");
    assert!(other.migrate().await.is_err());
    other.close().await;
}

pub(crate) async fn execute(address: &str, sql: &'static str) {
    use sqlx::Connection;
    if address.starts_with("sqlite") {
        let mut connection = sqlx::SqliteConnection::connect(address).await.unwrap();
        sqlx::query(sql).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    } else {
        let mut connection = sqlx::PgConnection::connect(address).await.unwrap();
        sqlx::query(sql).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }
}

/// SQLite reports columns, and the store has to know the names: every unique index of the schema is in its list.
pub(crate) async fn every_unique_constraint_is_reported_by_name(store: Store) {
    let folder = tempfile::tempdir().unwrap();
    let address = empty_database_like(&store, folder.path());
    let other = Store::open(&address).await.unwrap();
    other.migrate().await.unwrap();
    other.close().await;
    let listed: std::collections::BTreeMap<&str, &str> = store::error::UNIQUE_CONSTRAINTS.iter().copied().collect();
    let found = unique_indexes(&address).await;
    assert!(found.len() > 20);
    for (columns, name) in found {
        let known = listed.get(columns.as_str()).unwrap_or_else(|| panic!("`{columns}` is not in UNIQUE_CONSTRAINTS"));
        assert!(name.is_none_or(|name| name == *known), "{columns}: {known}");
    }
}

/// Columns of unique indexes, and the names where the database has them.
async fn unique_indexes(address: &str) -> Vec<(String, Option<String>)> {
    use sqlx::{Connection, Row};
    const SQLITE: &str = "
        select
          (
            select group_concat(c.name, ', ')
            from (select t.name || '.' || name as name from pragma_index_info(i.name) order by seqno) as c
          ) as columns,
          case when i.origin = 'c' then i.name end as name
        from sqlite_schema t
        join pragma_index_list(t.name) i
        where t.type = 'table' and i.\"unique\" and t.name <> 'schema_migration'";
    const POSTGRES: &str = "
        select
          (
            select string_agg(t.relname || '.' || a.attname, ', ' order by k.position)
            from unnest(i.indkey) with ordinality as k (number, position)
            join pg_attribute a on a.attrelid = t.oid and a.attnum = k.number
          ) as columns,
          x.relname :: text as name
        from pg_index i
        join pg_class t on t.oid = i.indrelid
        join pg_class x on x.oid = i.indexrelid
        where i.indisunique
          and t.relnamespace = 'public' :: regnamespace
          and t.relname <> 'schema_migration'
          and not exists (
            select 1 from pg_attribute a
            where a.attrelid = t.oid and a.attname = 'sequence' and i.indisprimary and i.indnkeyatts = 1 and a.attnum = i.indkey[0]
          )";
    if address.starts_with("sqlite") {
        let mut connection = sqlx::SqliteConnection::connect(address).await.unwrap();
        let rows = sqlx::query(SQLITE).fetch_all(&mut connection).await.unwrap();
        rows.iter().map(|row| (row.get("columns"), row.get("name"))).collect()
    } else {
        let mut connection = sqlx::PgConnection::connect(address).await.unwrap();
        let rows = sqlx::query(POSTGRES).fetch_all(&mut connection).await.unwrap();
        rows.iter().map(|row| (row.get("columns"), row.get("name"))).collect()
    }
}

pub(crate) async fn checks_and_foreign_keys_are_reported(store: Store) {
    people(&store).await;
    let mut unknown = order(10, 99);
    let error = refused!(store, |tx| tx.insert_orders(&[unknown.clone()]).await?);
    assert_foreign_key(&error, "order_identity");
    unknown = order(10, 1);
    unknown.state = model::order::ProvisioningState::Transmitted;
    let error = refused!(store, |tx| tx.insert_orders(&[unknown]).await?);
    assert_conflict(&error, "order_transmitted_when");
}

pub(crate) async fn addresses_that_are_none_are_refused_without_their_password(_store: Store) {
    for address in
        ["postgres://user:s3cret@host:notaport/db", "mysql://user:s3cret@host/db", "sqlite:", "", "sqlite:x?s3cret"]
    {
        let Err(error) = Store::open(address).await else { panic!("`{address}` was opened") };
        assert!(matches!(error, StoreError::Invalid { .. }), "{error:?}");
        assert!(address.starts_with("sqlite") || !format!("{error:?} {error}").contains("s3cret"), "{error:?}");
    }
    let Err(error) = Store::open("sqlite:/no/such/folder/file.db").await else { panic!("opened") };
    assert!(matches!(&error, StoreError::Unavailable { reason } if reason.contains("/no/such/folder")), "{error:?}");
}
