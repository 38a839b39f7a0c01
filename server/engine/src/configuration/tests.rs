//! Bad configuration directories and the exact complaints about them; and that writing and reading are each other's reverse.

use std::path::Path;

use model::configuration::{
    AssignmentRule, Configuration, Connection, ManualConnection, PermissionProfile, Role, RuleType,
};
use proptest::prelude::*;

use super::{difference, digest, export, read};

/// A small configuration that is good.
const GOOD: &str = r#"
[organisation]
name = "Test"
time_zone = "Europe/Amsterdam"

[sources.hr]
file = "people.csv"
key = "number"
display_name = "identity.given_name"
attributes.given_name = "First name"

[applications.host]
display_name = "Host"
connection = { kind = "manual" }

[account_types.host-user]
display_name = "User of the host"
application = "host"
key = "name"
attributes.name.expression = "identity.given_name"

[entitlements.host-read]
display_name = "Read"
account_type = "host-user"
key = "READ"

[access_profiles.host-basic]
display_name = "Basic"
application = "host"
entitlements = ["host-read"]

[roles.staff]
display_name = "Staff"
access_profiles = ["host-basic"]

[rules.everybody]
when = "identity.given_name != ''"
roles = ["staff"]

[permission_profiles.administrator]
display_name = "Administrator"
permissions = ["/*"]
"#;

fn write(directory: &Path, files: &[(&str, &[u8])]) {
    for (name, content) in files {
        let path = directory.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
}

/// What reading complains about, one line each, with the directory's own name replaced by `DIR`.
fn complaints(files: &[(&str, &[u8])]) -> Vec<String> {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), files);
    let findings = read(directory.path()).map(|_| ()).unwrap_err();
    let place = directory.path().display().to_string();
    findings.iter().map(|finding| finding.to_string().replace(&place, "DIR")).collect()
}

fn good() -> Configuration {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), &[("all.toml", GOOD.as_bytes())]);
    read(directory.path()).unwrap().configuration
}

/// The good configuration with one text replaced by another, and the complaints expected about it.
#[test]
fn every_mistake_is_told_with_its_place_and_what_was_expected() {
    let cases: &[(&str, &str, &[&str])] = &[(
        "when = \"identity",
        "wen = \"identity",
        &["all.toml:40:1: `wen` is not a key that is known here. Did you mean `when`? Known here: description, when, \
             type, roles, access_profiles, account_types, entitlements, deny, priority, days_before, days_after."],
    )];
    for (from, to, expected) in cases {
        assert_eq!(GOOD.matches(from).count(), 1, "{from}");
        let text = GOOD.replace(from, to);
        assert_eq!(complaints(&[("all.toml", text.as_bytes())]), *expected, "{from} → {to}");
    }
}
