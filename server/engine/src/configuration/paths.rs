//! Relative paths mean "beside the configuration files": they are made absolute once, so that it does not matter where
//! the program was started.

use std::path::{Component, Path, PathBuf};

use model::configuration::{Configuration, Connection, CsvExtract, IdentitySource};

/// Makes every path of sources and connections absolute. What an agent reads lies where the agent is, and it says itself
/// where: nothing is known of it here.
pub(super) fn resolve(configuration: &mut Configuration, directory: &Path) {
    for source in
        configuration.sources.values_mut().filter(|source| source.read_by.is_none() && !source.file.is_empty())
    {
        resolve_source(source, directory);
    }
    let own = configuration.applications.values_mut().filter(|application| application.read_by.is_none());
    let own = own.map(|application| &mut application.connection);
    let others = configuration.integrations.values_mut().map(|integration| &mut integration.connection);
    for connection in own.chain(others) {
        resolve_connection(connection, directory);
    }
}

/// Makes every path of a connection absolute.
pub(crate) fn resolve_connection(connection: &mut Connection, directory: &Path) {
    match connection {
        Connection::Csv(csv) => {
            absolute(&mut csv.outbox, directory);
            absolute(&mut csv.inbox, directory);
            extract(&mut csv.extract, directory);
        }
        Connection::RequestTracker(tickets) => extract(&mut tickets.extract, directory),
        Connection::Manual(manual) => extract(&mut manual.extract, directory),
        Connection::Sql(sql) => database(&mut sql.url, directory),
        Connection::Scim(_) | Connection::Ldap(_) => {}
    }
}

/// Makes the paths of a source's files absolute.
pub(crate) fn resolve_source(source: &mut IdentitySource, directory: &Path) {
    absolute(&mut source.file, directory);
    if let Some(positions) = &mut source.positions {
        absolute(&mut positions.file, directory);
    }
    for file in source.sections.values_mut().filter_map(|section| section.file.as_mut()) {
        absolute(file, directory);
    }
}

fn extract(extract: &mut Option<CsvExtract>, directory: &Path) {
    if let Some(extract) = extract {
        absolute(&mut extract.file, directory);
    }
}

fn absolute(path: &mut String, directory: &Path) {
    *path = tidy(&directory.join(path.as_str())).to_string_lossy().into_owned();
}

/// `sqlite:payroll.db` and `sqlite://payroll.db` name a file; other addresses, and databases in memory, do not.
fn database(url: &mut String, directory: &Path) {
    let Some(rest) = url.strip_prefix("sqlite:") else { return };
    let rest = rest.strip_prefix("//").unwrap_or(rest);
    let (file, options) = rest.split_once('?').map_or((rest, None), |(file, options)| (file, Some(options)));
    if file.is_empty() || file == ":memory:" {
        return;
    }
    let mut file = file.to_owned();
    absolute(&mut file, directory);
    *url = match options {
        Some(options) => format!("sqlite://{file}?{options}"),
        None => format!("sqlite://{file}"),
    };
}

/// Without `.` and, by name alone, without `..`.
fn tidy(path: &Path) -> PathBuf {
    let mut tidy = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                tidy.pop();
            }
            other => tidy.push(other),
        }
    }
    tidy
}
