//! What the tables look like, as the database itself describes them.

use super::database::Transaction;
use super::dialect::Dialect;
use super::statement::Statement;

/// A table's columns, in its order.
#[derive(Clone, Debug, Default)]
pub(super) struct TableShape {
    pub(super) columns: Vec<ColumnShape>,
}

impl TableShape {
    pub(super) fn column(&self, name: &str) -> Option<&ColumnShape> {
        self.columns.iter().find(|column| column.name == name)
    }
}

#[derive(Clone, Debug)]
pub(super) struct ColumnShape {
    pub(super) name: String,
    /// As the database writes it; on PostgreSQL fit to cast to, without a length that a cast would cut to.
    pub(super) sql_type: String,
    pub(super) kind: ColumnKind,
    /// Has to be given.
    pub(super) required: bool,
    /// Is computed and cannot be given.
    pub(super) read_only: bool,
    pub(super) unique: bool,
}

impl ColumnShape {
    /// A column of which nothing else is known.
    #[cfg(test)]
    pub(super) fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            sql_type: "text".to_owned(),
            kind: ColumnKind::Text,
            required: false,
            read_only: false,
            unique: false,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ColumnKind {
    Text,
    Integer,
    Boolean,
}

impl ColumnKind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Integer => "integer",
            Self::Boolean => "boolean",
        }
    }
}

/// Describes a table; one that is not there has no columns.
pub(super) async fn describe(dialect: Dialect, tx: &mut Transaction, table: &str) -> Result<TableShape, sqlx::Error> {
    let mut statement = Statement::new(dialect);
    let (schema, name) = match table.rsplit_once('.') {
        Some((schema, name)) => (Some(schema.into()), name.into()),
        None => (None, table.into()),
    };
    // A text is bound without a column's rules, which cannot fail.
    let parameter = |statement: &mut Statement, value: Option<&model::value::Value>| {
        statement.value(value, None).map(|_| ()).map_err(|error| sqlx::Error::Configuration(error.message.into()))
    };
    match dialect {
        Dialect::Sqlite => {
            statement.push(
                "select name, type, cast(\"notnull\" = 1 and dflt_value is null and pk = 0 as text), \
                 cast(hidden in (2, 3) as text), cast(pk = 1 and (select max(pk) from pragma_table_xinfo(",
            );
            parameter(&mut statement, Some(&name))?;
            statement.push(", ");
            parameter(&mut statement, Some(&schema.clone().unwrap_or_else(|| "main".into())))?;
            statement.push(")) = 1 as text) from pragma_table_xinfo(");
            parameter(&mut statement, Some(&name))?;
            statement.push(", ");
            parameter(&mut statement, Some(&schema.unwrap_or_else(|| "main".into())))?;
            statement.push(") order by cid");
        }
        Dialect::Postgres => {
            statement.push(
                "select cast(a.attname as text), format_type(a.atttypid, -1), \
                 cast(a.attnotnull and not a.atthasdef and a.attidentity = '' as text), \
                 cast(a.attgenerated <> '' or a.attidentity = 'a' as text), \
                 cast(exists (select 1 from pg_index i where i.indrelid = a.attrelid and i.indisunique \
                 and i.indnkeyatts = 1 and i.indkey[0] = a.attnum and i.indpred is null) as text) \
                 from pg_attribute a where a.attnum > 0 and not a.attisdropped and a.attrelid = to_regclass(",
            );
            parameter(&mut statement, Some(&dialect.quote(table).into()))?;
            statement.push(") order by a.attnum");
        }
        Dialect::MySql => {
            statement.push(
                "select cast(column_name as char), cast(column_type as char), \
                 cast(if(is_nullable = 'NO' and column_default is null and extra not like '%auto_increment%', 'true', 'false') as char), \
                 cast(if(extra like '%GENERATED%', 'true', 'false') as char), \
                 cast(if(column_key = 'PRI' or column_key = 'UNI', 'true', 'false') as char) \
                 from information_schema.columns where table_name = ",
            );
            parameter(&mut statement, Some(&name))?;
            statement.push(" and table_schema = coalesce(");
            parameter(&mut statement, schema.as_ref())?;
            statement.push(", database()) order by ordinal_position");
        }
    }
    let rows = tx.fetch(&statement).await?;
    let columns = rows.into_iter().map(|row| {
        let mut cells = row.into_iter().map(Option::unwrap_or_default);
        let mut next = || cells.next().unwrap_or_default();
        let (name, sql_type) = (next(), next());
        let mut flag = || matches!(next().as_str(), "true" | "1");
        let (required, read_only, unique) = (flag(), flag(), flag());
        let kind = kind(dialect, &sql_type);
        ColumnShape { name, sql_type, kind, required, read_only, unique }
    });
    Ok(TableShape { columns: columns.collect() })
}

fn kind(dialect: Dialect, sql_type: &str) -> ColumnKind {
    let sql_type = sql_type.to_ascii_lowercase();
    let (integer, boolean) = match dialect {
        // The rule of affinity: https://www.sqlite.org/datatype3.html, section 3.1.
        Dialect::Sqlite => (sql_type.contains("int"), sql_type.contains("bool")),
        Dialect::Postgres => (matches!(sql_type.as_str(), "smallint" | "integer" | "bigint"), sql_type == "boolean"),
        Dialect::MySql => {
            let word = sql_type.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
            let integer = matches!(word, "tinyint" | "smallint" | "mediumint" | "int" | "bigint");
            (integer, sql_type.starts_with("tinyint(1)"))
        }
    };
    match (boolean, integer) {
        (true, _) => ColumnKind::Boolean,
        (_, true) => ColumnKind::Integer,
        _ => ColumnKind::Text,
    }
}
