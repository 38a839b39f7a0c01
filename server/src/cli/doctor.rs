//! `doctor`: whether everything is in place, and for what is not, what to do.

use std::path::Path;

use engine::Engine;
use serde::Serialize;

use super::output::Output;
use super::{CommandError, Exit, Global};
use crate::http::assets;
use crate::private_file::readable_by_others;

/// One thing looked at.
#[derive(Debug, Serialize)]
struct Finding {
    what: &'static str,
    good: bool,
    /// What was found, and where it is not good, what to do.
    found: String,
}

impl Finding {
    fn good(what: &'static str, found: impl Into<String>) -> Self {
        Self { what, good: true, found: found.into() }
    }

    fn bad(what: &'static str, found: impl Into<String>) -> Self {
        Self { what, good: false, found: found.into() }
    }
}

/// This program was not made before this moment, so a clock that says otherwise is wrong.
const MADE: &str = "2026-01-01T00:00:00Z";

/// Looks at everything, even when the first thing is broken.
pub async fn run(global: &Global, output: &Output) -> Result<Exit, CommandError> {
    let mut findings = vec![data_directory(&global.data_directory())];
    findings.push(key_file(&global.data_directory().join("secret.key")));
    findings.extend(database(global).await);
    findings.push(site());
    let good = findings.iter().all(|finding| finding.good);
    output.rows(&findings, &["", "what", "found"], |finding| {
        vec![if finding.good { "ok" } else { "PROBLEM" }.to_owned(), finding.what.to_owned(), finding.found.clone()]
    })?;
    Ok(if good { Exit::Done } else { Exit::Failed })
}

fn data_directory(path: &Path) -> Finding {
    const WHAT: &str = "data directory";
    if !path.exists() {
        return Finding::good(WHAT, format!("{} will be made at the first start", path.display()));
    }
    let probe = path.join(".doctor");
    match std::fs::write(&probe, b"").and_then(|()| std::fs::remove_file(&probe)) {
        Ok(()) => Finding::good(WHAT, format!("{} can be written", path.display())),
        Err(error) => Finding::bad(
            WHAT,
            format!("{} cannot be written: {error}. Change its owner, or name another with --data", path.display()),
        ),
    }
}

fn key_file(path: &Path) -> Finding {
    const WHAT: &str = "key of the secrets";
    if !path.exists() {
        return Finding::good(WHAT, format!("{} will be made at the first start", path.display()));
    }
    match readable_by_others(path) {
        Ok(false) => Finding::good(
            WHAT,
            format!("{} is readable by its owner alone; keep a copy in a safe place", path.display()),
        ),
        Ok(true) => Finding::bad(
            WHAT,
            format!(
                "{0} can be read by others, and with it every secret in the database. Run: chmod 600 '{0}'",
                path.display()
            ),
        ),
        Err(error) => Finding::bad(WHAT, format!("{} cannot be read: {error}. Change its owner", path.display())),
    }
}

async fn database(global: &Global) -> Vec<Finding> {
    const WHAT: &str = "database";
    let engine = match Engine::open(global.engine_options()).await {
        Ok(engine) => engine,
        Err(error) => return vec![Finding::bad(WHAT, error.to_string())],
    };
    let mut findings = vec![match engine.is_ready().await {
        Ok(()) => {
            let schema = match engine.newest_unknown_migration() {
                None => "schema up to date".to_owned(),
                Some(newer) => {
                    format!("brought further by a newer version ({newer}), with which this one goes on working")
                }
            };
            Finding::good(WHAT, format!("{:?}, can be read and written, {schema}", engine.store().dialect()))
        }
        Err(error) => Finding::bad(WHAT, format!("{error}. Look at free space and rights, then try again")),
    }];
    match engine::restoration::standing(&engine.operating_context("doctor")).await {
        Ok(None) => {}
        Ok(Some(standing)) => findings.push(Finding::bad(
            "restored database",
            format!(
                "this database was put back, and nothing goes out of it. {} See: quartermaster restored show",
                standing.missing().unwrap_or_else(|| "Everything was read and planned anew.".to_owned())
            ),
        )),
        Err(error) => findings.push(Finding::bad("restored database", error.message)),
    }
    findings.push(match engine.store().users().await {
        Ok(users) if users.is_empty() => Finding::bad("users", "nobody can sign in. Run: quartermaster user add NAME"),
        Ok(users) => Finding::good("users", format!("{} can sign in", users.len())),
        Err(error) => Finding::bad("users", error.to_string()),
    });
    let now = engine.now();
    let made: Option<jiff::Timestamp> = MADE.parse().ok();
    findings.push(if made.is_some_and(|made| now >= made) {
        Finding::good("clock", now.strftime("%F %T UTC").to_string())
    } else {
        Finding::bad("clock", format!("it says {now}, which is before this program was made. Set the system's clock"))
    });
    let zone = engine.world().time_zone();
    findings.push(Finding::good(
        "time zone",
        format!(
            "{}, where it is {}",
            zone.iana_name().unwrap_or("fixed"),
            now.to_zoned(zone.clone()).strftime("%F %H:%M")
        ),
    ));
    engine.stop().await;
    findings
}

fn site() -> Finding {
    const WHAT: &str = "scripts and styles";
    let named = std::env::var_os("LEPTOS_SITE_ROOT").map(Into::into);
    let executable = std::env::current_exe().unwrap_or_default();
    let root = assets::site_root(named, &executable);
    if assets::is_built(&root) {
        Finding::good(WHAT, root.display().to_string())
    } else {
        Finding::bad(WHAT, format!("{} has none. Run: cargo leptos build", root.display()))
    }
}
