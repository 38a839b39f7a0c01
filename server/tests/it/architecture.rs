//! The drawing of the house, enforced: who may depend on whom, and what never reaches the browser.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Which crates of the workspace each may depend on; the table of `docs/ARCHITECTURE.md`.
const MAY_DEPEND_ON: [(&str, &[&str]); 11] = [
    ("model", &[]),
    ("generator", &["model"]),
    ("policy", &["model"]),
    ("broker", &["model"]),
    ("store", &["model"]),
    ("connectors", &["model"]),
    ("engine", &["model", "policy", "broker", "store", "connectors"]),
    ("app", &["model", "engine"]),
    ("frontend", &["app"]),
    ("server", &["app", "engine", "generator", "model"]),
    ("testkit", &["model", "policy", "broker", "store", "connectors", "engine"]),
];

/// What the wasm of the browser must not hold.
const NOT_IN_THE_BROWSER: [&str; 9] =
    ["engine", "store", "sqlx", "tokio", "policy", "broker", "connectors", "reqwest", "argon2"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO")).args(arguments).current_dir(root()).output().unwrap();
    assert!(output.status.success(), "cargo {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn packages() -> Vec<Value> {
    let metadata: Value =
        serde_json::from_str(&cargo(&["metadata", "--format-version=1", "--no-deps", "--offline"])).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

#[test]
fn crates_depend_only_on_those_that_the_table_allows() {
    let allowed: BTreeMap<&str, BTreeSet<&str>> =
        MAY_DEPEND_ON.iter().map(|(name, on)| (*name, on.iter().copied().collect())).collect();
    let packages = packages();
    let names: BTreeSet<&str> = packages.iter().map(|package| package["name"].as_str().unwrap()).collect();
    assert_eq!(names, allowed.keys().copied().collect(), "crates of the workspace and rows of the table");
    for package in &packages {
        let name = package["name"].as_str().unwrap();
        for dependency in package["dependencies"].as_array().unwrap() {
            let on = dependency["name"].as_str().unwrap();
            // Tests may reach for what they test against.
            let is_for_tests = dependency["kind"].as_str() == Some("dev");
            if names.contains(on) && dependency["source"].is_null() {
                assert!(
                    is_for_tests || allowed[name].contains(on),
                    "{name} depends on {on}, which the table does not allow"
                );
                assert!(on != "testkit" || is_for_tests, "{name} ships testkit");
            }
        }
    }
}

#[test]
fn app_reaches_engine_only_on_the_server() {
    let packages = packages();
    let app = packages.iter().find(|package| package["name"] == "app").unwrap();
    let engine =
        app["dependencies"].as_array().unwrap().iter().find(|dependency| dependency["name"] == "engine").unwrap();
    assert_eq!(engine["optional"], true);
    let features = app["features"].as_object().unwrap();
    let turning_on: Vec<&String> = features
        .iter()
        .filter(|(_, parts)| parts.as_array().unwrap().iter().any(|part| part == "dep:engine"))
        .map(|(name, _)| name)
        .collect();
    assert_eq!(turning_on, ["ssr"]);
}

#[test]
fn every_crate_has_the_lints_of_the_workspace() {
    for package in packages() {
        let manifest = std::fs::read_to_string(package["manifest_path"].as_str().unwrap()).unwrap();
        let has =
            manifest.split_once("[lints]").is_some_and(|(_, after)| after.trim_start().starts_with("workspace = true"));
        assert!(has, "{} lacks `[lints] workspace = true`", package["name"]);
    }
}

#[test]
fn nothing_of_the_backend_is_in_the_wasm() {
    let tree = cargo(&[
        "tree",
        "--package",
        "frontend",
        "--target",
        "wasm32-unknown-unknown",
        "--edges",
        "normal",
        "--prefix",
        "none",
        "--format",
        "{p}",
        "--offline",
    ]);
    let crates: BTreeSet<&str> = tree.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert!(crates.contains("app") && crates.contains("leptos"), "the tree was not read: {tree}");
    for name in NOT_IN_THE_BROWSER {
        assert!(
            !crates.contains(name),
            "the browser would get `{name}`: cargo tree -p frontend --target wasm32-unknown-unknown -i {name}"
        );
    }
}

#[test]
fn only_store_holds_sql() {
    // The SQL connector speaks to applications, not to our own database.
    let elsewhere = ["model", "policy", "broker", "engine", "src"].map(|folder| root().join("server").join(folder));
    for folder in elsewhere.into_iter().chain([root().join("app"), root().join("frontend")]) {
        for file in rust_files(&folder) {
            let text = std::fs::read_to_string(&file).unwrap();
            assert!(!text.contains("sqlx::"), "{} speaks SQL; that is the store's part", file.display());
        }
    }
}

#[test]
fn every_route_of_the_rim_is_in_its_table() {
    let known: BTreeSet<&str> = server::http::permissions::ROUTES.iter().map(|(path, _)| *path).collect();
    let mut found = BTreeSet::new();
    for file in rust_files(&root().join("server/src/http")) {
        let text = std::fs::read_to_string(&file).unwrap();
        for call in [".route(\"", ".route_service(\"", ".nest_service(\"", ".nest(\""] {
            for after in text.split(call).skip(1) {
                let path = after.split('"').next().unwrap();
                assert!(known.contains(path), "{} serves {path}, which has no line in ROUTES", file.display());
                found.insert(path.to_owned());
            }
        }
    }
    assert_eq!(found.iter().map(String::as_str).collect::<BTreeSet<_>>(), known, "lines of ROUTES that nothing serves");
}

#[test]
fn the_repository_has_the_top_level_that_was_drawn() {
    let drawn = [
        ".cargo",
        ".ci",
        ".config",
        ".git",
        ".gitignore",
        "Cargo.lock",
        "Cargo.toml",
        "LICENSE",
        "README.md",
        "app",
        "clippy.toml",
        "docs",
        "end2end",
        "frontend",
        "migrations",
        "rust-toolchain.toml",
        "rustfmt.toml",
        "server",
        "style",
    ];
    let output = Command::new("git").args(["ls-tree", "--name-only", "HEAD"]).current_dir(root()).output();
    // In an archive without history there is nothing to compare.
    let Ok(output) = output else { return };
    for name in String::from_utf8(output.stdout).unwrap().lines() {
        assert!(drawn.contains(&name), "`{name}` lies at the top level; docs/ARCHITECTURE.md says what does");
    }
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    entries
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .flat_map(|path| {
            if path.is_dir() {
                rust_files(&path)
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                vec![path]
            } else {
                Vec::new()
            }
        })
        .collect()
}
