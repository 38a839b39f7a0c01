//! Whose fault a database's error is.

use model::command::CommandError;
use model::order::ErrorClass;
use sqlx::error::{DatabaseError, ErrorKind};

/// How far the call had come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Nothing was written yet.
    Reading,
    /// Something was written, and whether it stays is not known once the connection is lost.
    Writing,
}

/// Turns a database's error into ours. `place` is the address without its password.
pub(super) fn failure(place: &str, phase: Phase, error: &sqlx::Error) -> CommandError {
    let (class, text) = match error {
        sqlx::Error::Database(error) => (classify(error.as_ref()), clean(error.message())),
        sqlx::Error::PoolTimedOut => {
            (ErrorClass::Transient, "it does not answer, or all connections are in use".into())
        }
        sqlx::Error::Io(error) => (ErrorClass::Transient, clean(&error.to_string())),
        sqlx::Error::Tls(error) => (ErrorClass::Transient, clean(&error.to_string())),
        sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => {
            (ErrorClass::Transient, "the connection was closed".into())
        }
        sqlx::Error::Configuration(error) => (ErrorClass::Invalid, clean(&error.to_string())),
        other => (ErrorClass::Protocol, clean(&other.to_string())),
    };
    let lost = class == ErrorClass::Transient && !matches!(error, sqlx::Error::Database(_));
    // A connection closed by the server on purpose is an error of the database, and the transaction is gone with it.
    let class = if lost && phase == Phase::Writing { ErrorClass::Unknown } else { class };
    CommandError::new(class, format!("{place}: {text}"))
}

/// The call took longer than it may.
pub(super) fn timed_out(place: &str, phase: Phase) -> CommandError {
    let class = if phase == Phase::Writing { ErrorClass::Unknown } else { ErrorClass::Transient };
    CommandError::new(class, format!("{place}: no answer in time"))
}

fn classify(error: &dyn DatabaseError) -> ErrorClass {
    if error.kind() == ErrorKind::UniqueViolation {
        return ErrorClass::Conflict;
    }
    let code = error.code().unwrap_or_default();
    if let Some(error) = error.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>() {
        return mysql(error.number(), &code);
    }
    if error.try_downcast_ref::<sqlx::sqlite::SqliteError>().is_some() {
        return sqlite(code.parse().unwrap_or(1));
    }
    sqlstate(&code)
}

/// <https://www.postgresql.org/docs/current/errcodes-appendix.html>
fn sqlstate(code: &str) -> ErrorClass {
    match code {
        "42501" => ErrorClass::Permission,
        "23505" => ErrorClass::Conflict,
        "57014" | "55P03" => ErrorClass::Transient,
        _ => match code.get(..2).unwrap_or_default() {
            "28" => ErrorClass::Authentication,
            "08" | "40" | "53" | "57" | "58" => ErrorClass::Transient,
            "XX" => ErrorClass::Protocol,
            _ => ErrorClass::Invalid,
        },
    }
}

/// <https://mariadb.com/kb/en/mariadb-error-code-reference/>
fn mysql(number: u16, code: &str) -> ErrorClass {
    match number {
        1045 | 1698 | 1251 => ErrorClass::Authentication,
        1044 | 1142 | 1143 | 1227 | 1370 => ErrorClass::Permission,
        1022 | 1062 | 1586 => ErrorClass::Conflict,
        // Too many connections, lock wait, deadlock, killed, shutdown, read-only for now.
        1040 | 1203 | 1205 | 1213 | 1053 | 1317 | 1290 | 1969 | 3024 => ErrorClass::Transient,
        _ => sqlstate(code),
    }
}

/// <https://www.sqlite.org/rescode.html>; the lowest byte is the primary code.
fn sqlite(code: i64) -> ErrorClass {
    match (code, code & 0xff) {
        (1555 | 2067 | 2579, _) => ErrorClass::Conflict,
        (_, 3 | 8 | 23) => ErrorClass::Permission,
        // Busy, locked, out of memory, interrupted, input and output, full, cannot open.
        (_, 5 | 6 | 7 | 9 | 10 | 13 | 14) => ErrorClass::Transient,
        (_, 11 | 26) => ErrorClass::Protocol,
        _ => ErrorClass::Invalid,
    }
}

/// What another program says, fit for a message: one line, not too long.
fn clean(text: &str) -> String {
    text.chars().take(300).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes() {
        for (code, expect) in [
            ("28P01", ErrorClass::Authentication),
            ("28000", ErrorClass::Authentication),
            ("42501", ErrorClass::Permission),
            ("23505", ErrorClass::Conflict),
            ("23514", ErrorClass::Invalid),
            ("23502", ErrorClass::Invalid),
            ("22001", ErrorClass::Invalid),
            ("42P01", ErrorClass::Invalid),
            ("P0001", ErrorClass::Invalid),
            ("40001", ErrorClass::Transient),
            ("57P01", ErrorClass::Transient),
            ("53300", ErrorClass::Transient),
        ] {
            assert_eq!(sqlstate(code), expect, "{code}");
        }
        for (number, code, expect) in [
            (1045, "28000", ErrorClass::Authentication),
            (1142, "42000", ErrorClass::Permission),
            (1062, "23000", ErrorClass::Conflict),
            (1048, "23000", ErrorClass::Invalid),
            (1406, "22001", ErrorClass::Invalid),
            (4025, "23000", ErrorClass::Invalid),
            (1644, "45000", ErrorClass::Invalid),
            (1213, "40001", ErrorClass::Transient),
        ] {
            assert_eq!(mysql(number, code), expect, "{number}");
        }
        for (code, expect) in [
            (5, ErrorClass::Transient),
            (261, ErrorClass::Transient),
            (14, ErrorClass::Transient),
            (8, ErrorClass::Permission),
            (1555, ErrorClass::Conflict),
            (2067, ErrorClass::Conflict),
            (275, ErrorClass::Invalid),
            (1299, ErrorClass::Invalid),
            (787, ErrorClass::Invalid),
        ] {
            assert_eq!(sqlite(code), expect, "{code}");
        }
    }

    #[test]
    fn a_connection_lost_while_writing_leaves_it_open() {
        let lost = sqlx::Error::Io(std::io::ErrorKind::ConnectionReset.into());
        assert_eq!(failure("db", Phase::Reading, &lost).class, ErrorClass::Transient);
        assert_eq!(failure("db", Phase::Writing, &lost).class, ErrorClass::Unknown);
        assert_eq!(failure("db", Phase::Writing, &lost).message, "db: connection reset");
    }
}
