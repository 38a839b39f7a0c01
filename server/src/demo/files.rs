//! The demo's files, part of the program, and how they come to the data directory.

use std::path::Path;

use jiff::civil::Date;

use super::DIRECTORY_PORT;

/// The payroll database, as a script.
pub(super) const PAYROLL: &str = include_str!("../../demo/payroll.sql");

/// Who is in the cloud directory before Quartermaster comes: administrators' accounts beside people's, some whose owner
/// or type only a person can tell. SCIM users.
pub(super) const DIRECTORY: &str = include_str!("../../demo/directory.json");

/// The day the feeds were made for.
pub(super) const MADE_FOR: Date = Date::constant(2026, 11, 22);

macro_rules! configuration {
    ($($name:literal),* $(,)?) => {
        /// The configuration directory: path and text.
        pub(super) const CONFIGURATION: &[(&str, &str)] =
            &[$(($name, include_str!(concat!("../../demo/configuration/", $name)))),*];
    };
}

configuration! {
    "applications/badges.toml",
    "applications/bank.toml",
    "applications/directory.toml",
    "applications/file-server.toml",
    "applications/mainframe.toml",
    "applications/payroll.toml",
    "automation_rules.toml",
    "dimensions.toml",
    "feeds/file-server.csv",
    "feeds/people.csv",
    "feeds/positions.csv",
    "indirect_rules.toml",
    "jobs.toml",
    "lifecycle_states.toml",
    "naming_rules.toml",
    "organisation.toml",
    "permissions.toml",
    "policy.test.toml",
    "risks.toml",
    "roles/categories.toml",
    "roles/commercial.toml",
    "roles/everybody.toml",
    "roles/office.toml",
    "roles/terminal.toml",
    "rules/commercial.toml",
    "rules/departments.toml",
    "rules/everybody.toml",
    "rules/office.toml",
    "rules/sites.toml",
    "rules/terminal.toml",
    "rules/treasury.toml",
    "sources/hr.toml",
    "subscriptions.toml",
}

/// Writes the configuration directory, unless there is one. The feeds' dates move so that what was next month when they
/// were made is next month now. A directory that another start left half written is completed.
pub(super) fn write(directory: &Path, today: Date, directory_port: u16) -> std::io::Result<()> {
    if directory.join("organisation.toml").exists() {
        return Ok(());
    }
    let days = days_between(MADE_FOR, today);
    // The file by which a complete directory is known comes last.
    let is_last = |name: &str| name == "organisation.toml";
    let others = CONFIGURATION.iter().filter(|(name, _)| !is_last(name));
    for &(name, text) in others.chain(CONFIGURATION.iter().filter(|(name, _)| is_last(name))) {
        let path = directory.join(name);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let text = match name {
            name if name.starts_with("feeds/") => moved(text, days),
            "applications/directory.toml" => {
                text.replace(&format!("127.0.0.1:{DIRECTORY_PORT}"), &format!("127.0.0.1:{directory_port}"))
            }
            _ => text.to_owned(),
        };
        std::fs::write(path, text)?;
    }
    Ok(())
}

/// Groups that the directory has and nothing in the configuration stands for: most follow the naming rules.
const FOUND_GROUPS: [&str; 6] = [
    "APP Berth Planner Read",
    "APP Berth Planner Change",
    "APP Berth Planner Administer",
    "APP Manifest Archive Read",
    "APP Manifest Archive Change",
    "Old Fax Distribution",
];

/// Display names of the directory's groups: those that the demo's entitlements name, and some that are found.
pub(super) fn groups() -> Vec<String> {
    let directory = CONFIGURATION.iter().find(|(name, _)| *name == "applications/directory.toml");
    let mut groups: Vec<String> = FOUND_GROUPS.map(str::to_owned).into();
    let mut within = false;
    for line in directory.map_or("", |(_, text)| *text).lines() {
        if line.starts_with('[') {
            within = line.starts_with("[entitlements.");
        }
        if let (true, Some(key)) = (within, line.strip_prefix("key = \"").and_then(|rest| rest.strip_suffix('"'))) {
            groups.push(key.to_owned());
        }
    }
    groups
}

fn days_between(from: Date, to: Date) -> i32 {
    from.until(to).map_or(0, |span| span.get_days())
}

/// The CSV text with every cell that is a date moved by so many days.
fn moved(text: &str, days: i32) -> String {
    let cell = |cell: &str| match cell.parse::<Date>() {
        Ok(date) if cell.len() == 10 => {
            date.checked_add(jiff::Span::new().days(days)).map_or_else(|_| cell.to_owned(), |date| date.to_string())
        }
        _ => cell.to_owned(),
    };
    text.lines().map(|line| line.split(',').map(cell).collect::<Vec<_>>().join(",") + "\n").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_configuration_is_part_of_the_program() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("demo/configuration");
        let mut found = Vec::new();
        let mut folders = vec![root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    found.push(path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned());
                }
            }
        }
        found.sort();
        assert_eq!(found, CONFIGURATION.iter().map(|(name, _)| (*name).to_owned()).collect::<Vec<_>>());
    }

    #[test]
    fn dates_move_and_nothing_else_does() {
        let text = "number,first,last\nE1,2026-11-22,\n\"O, B\",2026-12-31,2027-02-28\n";
        let expected = "number,first,last\nE1,2026-12-02,\n\"O, B\",2027-01-10,2027-03-10\n";
        assert_eq!(moved(text, 10), expected);
        assert_eq!(days_between(MADE_FOR, Date::constant(2028, 1, 1)), 405);
    }

    #[test]
    fn what_a_user_changed_stays() {
        let directory = tempfile::tempdir().unwrap();
        write(directory.path(), MADE_FOR, 4000).unwrap();
        let application = directory.path().join("applications/directory.toml");
        assert!(std::fs::read_to_string(&application).unwrap().contains("http://127.0.0.1:4000/scim/v2"));
        std::fs::write(&application, "mine").unwrap();
        write(directory.path(), MADE_FOR, 4001).unwrap();
        assert_eq!(std::fs::read_to_string(&application).unwrap(), "mine");
        assert_eq!(groups().len(), 36);
    }
}
