//! Where the three databases differ in writing.

/// Whose SQL it is. MariaDB speaks MySQL's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    Sqlite,
    Postgres,
    MySql,
}

impl Dialect {
    /// The dialect an address is in, by its scheme.
    pub(super) fn of(url: &str) -> Option<Self> {
        Some(match url.split(':').next()? {
            "sqlite" => Self::Sqlite,
            "postgres" | "postgresql" => Self::Postgres,
            "mysql" | "mariadb" => Self::MySql,
            _ => return None,
        })
    }

    /// A name, or several joined with dots, in quotes: `schema.table` is `"schema"."table"`.
    pub(super) fn quote(self, name: &str) -> String {
        name.split('.').map(|part| self.quote_one(part)).collect::<Vec<_>>().join(".")
    }

    /// One name in quotes, whatever it contains.
    pub(super) fn quote_one(self, name: &str) -> String {
        // No database has names with NUL, and what comes after it would be cut off.
        let name = name.replace('\0', "\u{fffd}");
        match self {
            Self::MySql => format!("`{}`", name.replace('`', "``")),
            Self::Sqlite | Self::Postgres => format!("\"{}\"", name.replace('"', "\"\"")),
        }
    }

    /// The parameter of that number, from 1. PostgreSQL wants to know the type, everybody else looks at the value.
    pub(super) fn marker(self, number: usize, sql_type: Option<&str>) -> String {
        match (self, sql_type) {
            (Self::Postgres, Some(sql_type)) => format!("cast(${number} as {sql_type})"),
            (Self::Postgres, None) => format!("${number}"),
            _ => "?".to_owned(),
        }
    }

    /// An expression as text.
    pub(super) fn text_of(self, expression: &str) -> String {
        match self {
            Self::MySql => format!("cast({expression} as char)"),
            Self::Sqlite | Self::Postgres => format!("cast({expression} as text)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_names() {
        let check = |dialect: Dialect, name: &str, expect: &str| assert_eq!(dialect.quote(name), expect);
        check(Dialect::Sqlite, "users", "\"users\"");
        check(Dialect::Postgres, "hr.users", "\"hr\".\"users\"");
        check(Dialect::Postgres, "a\"; drop table b; --", "\"a\"\"; drop table b; --\"");
        check(Dialect::MySql, "a`; drop table b; --", "`a``; drop table b; --`");
        check(Dialect::MySql, "a\0b", "`a\u{fffd}b`");
    }
}
