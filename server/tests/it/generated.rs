//! A generated organisation is one like any other: it can be applied, computed, and brought into order.

use std::path::Path;

use super::http::{Server, expect_success, quartermaster};

const DAY: &str = "2026-03-02";

fn generate(data: &Path, folder: &Path, days: &str) -> std::process::Output {
    let folder = folder.to_str().unwrap();
    quartermaster(
        data,
        &["generate", "--people", "300", "--seed", "5", "--day", DAY, "--days", days, "--out", folder],
        "",
    )
}

fn lines(file: &Path) -> Vec<String> {
    std::fs::read_to_string(file).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn a_generated_organisation_goes_through_the_complete_job() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let world = folder.path().join("world");
    expect_success(&generate(server.directory.path(), &world, "0"));
    expect_success(&server.command(&["config", "apply", world.to_str().unwrap()], ""));
    expect_success(&server.command(&["jobs", "run", "complete", "--wait"], ""));
    let told = |arguments: &[&str]| -> serde_json::Value {
        let output = server.command(&[arguments, &["--output", "json"]].concat(), "");
        expect_success(&output);
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let someone = told(&["identities", "show", "P00000007"]);
    assert_eq!(someone["identity"]["key"], "P00000007", "{someone:#}");
    // Accounts that are nobody's are found, and all others have an owner.
    let without_owner = told(&["accounts", "list", "--without-owner"]).to_string();
    assert!(without_owner.contains("service-00-00000"), "{without_owner}");
    assert!(!without_owner.contains("P0000"), "{without_owner}");
}

#[test]
fn a_day_changes_some_and_a_folder_in_use_is_left_alone() {
    let data = tempfile::tempdir().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let world = folder.path().join("world");
    expect_success(&generate(data.path(), &world, "30"));
    let (before, after) = (lines(&world.join("feeds/people.csv")), lines(&world.join("day-30/people.csv")));
    assert_eq!(before.len(), 301);
    assert!(before != after);
    assert!(lines(&world.join("feeds/positions.csv")).len() > 301);
    assert!(lines(&world.join("requests.jsonl")).len() > 200);
    let again = generate(data.path(), &world, "0");
    assert_eq!(again.status.code(), Some(4), "{again:?}");
    assert!(String::from_utf8(again.stderr).unwrap().contains("is not empty"));
}
