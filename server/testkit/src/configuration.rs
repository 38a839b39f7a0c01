//! Pieces of configuration that several tests and the benchmark put together. The source and the account types end with
//! their table of attributes, so that lines may follow that add some.

/// People out of `people.csv`, with names and departments.
pub const SOURCE: &str = r#"
[sources.hr]
file = "people.csv"
key = "number"
display_name = 'identity.given_name + " " + identity.family_name'
manager = "manager"
starts = "first_day"
ends = "last_day"
[sources.hr.attributes]
given_name = { column = "given_name", required = true }
family_name = { column = "family_name", required = true }
department = { column = "department", required = true }
"#;

/// A badge system fed by batch files.
pub const BADGES: &str = r#"
[applications.badges]
display_name = "Badges"
[applications.badges.connection]
kind = "csv"
outbox = "badges/outbox"
inbox = "badges/inbox"
[applications.badges.connection.extract]
file = "badges/extract.csv"
key = "holder"
entitlements = "entitlements"
status = "status"
"#;

/// Badges in it.
pub const BADGE: &str = r#"
[account_types.badge]
display_name = "Badge"
application = "badges"
key = "holder"
correlation = [{ identity = "identity.key", account = "holder", confidence = 100 }]
[account_types.badge.attributes]
holder = { expression = "identity.key", required = true, create_only = true }
name = { expression = "identity.display_name", required = true }
"#;

/// The least there is to provision: people with a number and a department, and a desk worked by hand.
pub const DESK: &str = r#"
[sources.hr]
file = "people.csv"
key = "number"
display_name = "identity.key"
[sources.hr.attributes]
department = "department"

[applications.desk]
display_name = "Desk"
[applications.desk.connection]
kind = "manual"
[account_types.desk]
display_name = "Desk"
application = "desk"
key = "name"
attributes = { name = { expression = "identity.key" } }
"#;

/// A mainframe worked by hand.
pub const MAINFRAME: &str = r#"
[applications.mainframe]
display_name = "Mainframe"
[applications.mainframe.connection]
kind = "manual"
instructions = "Sign on and change the user."
due_days = 5
[applications.mainframe.connection.extract]
file = "mainframe/extract.csv"
key = "userid"
entitlements = "entitlements"
status = "status"
"#;

/// Gives `department` to what the piece before it makes.
pub const DEPARTMENT: &str = "department = { expression = \"identity.department\" }\n";

/// Users of the mainframe, whose names are made up, and what has to exist before them.
pub fn terminal(depends_on: &[&str]) -> String {
    TERMINAL.replace("{depends_on}", &format!("{depends_on:?}"))
}

const TERMINAL: &str = r#"
[account_types.terminal]
display_name = "Mainframe user"
application = "mainframe"
key = "userid"
depends_on = {depends_on}
correlation = [{ identity = "identity.key", account = "employee", confidence = 100 }]
[account_types.terminal.attributes]
userid = { unique = 'identity.family_name.ascii().upper().left(6) + (attempt == 0 ? "" : string(attempt + 1))', required = true, create_only = true }
employee = { expression = "identity.key", required = true }
"#;

/// A SCIM directory at this port; `more` goes into the application's own part.
pub fn directory(port: u16, more: &str) -> String {
    DIRECTORY.replace("{port}", &port.to_string()).replace("{more}", more)
}

const DIRECTORY: &str = r#"
[applications.directory]
display_name = "Directory"
{more}
[applications.directory.connection]
kind = "scim"
url = "http://127.0.0.1:{port}/v2"
"#;

/// Users of the directory, which everybody at work has, with one group for all of them.
pub const USER: &str = r#"
[account_types.user]
display_name = "User"
application = "directory"
key = "userName"
correlation = [
    { identity = "identity.key", account = "userName", confidence = 100 },
    { identity = "identity.display_name", account = "displayName", confidence = 60 },
]
[account_types.user.attributes]
userName = { expression = "identity.key", required = true, create_only = true }
displayName = { expression = "identity.display_name", required = true }
[entitlements.staff]
display_name = "Staff"
account_type = "user"
key = "staff"
[rules.staff]
when = 'identity.lifecycle == "active"'
entitlements = ["staff"]
"#;
