use std::path::Path;

use serde_json::json;

use super::*;

const DEMO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../demo/configuration");
const FORMATS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/FORMATS.md");

fn complaints(schema: &Value, value: &Value) -> Vec<String> {
    let validator = jsonschema::validator_for(schema).expect("a JSON Schema");
    validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path)).collect()
}

fn value(text: &str) -> Option<Value> {
    serde_json::to_value(toml::from_str::<toml::Table>(text).ok()?).ok()
}

fn files(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder").filter_map(Result::ok) {
        let path = entry.path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "toml") {
            found.push(path);
        }
    }
}

#[test]
fn every_file_of_the_demo_is_as_the_schema_says() {
    let mut found = Vec::new();
    files(Path::new(DEMO), &mut found);
    assert!(found.len() > 10);
    let (of_configuration, of_tests) = (schema(), test_schema());
    for path in found {
        let is_test = path.to_string_lossy().ends_with(".test.toml");
        let text = std::fs::read_to_string(&path).expect("a file");
        let value = value(&text).expect("TOML");
        let schema = if is_test { &of_tests } else { &of_configuration };
        assert_eq!(complaints(schema, &value), Vec::<String>::new(), "{}", path.display());
    }
}

/// Examples show parts of objects, so that what has to be there may be missing; nothing else may be wrong.
#[test]
fn every_example_of_the_documentation_is_as_the_schema_says() {
    let text = std::fs::read_to_string(FORMATS).expect("the documentation");
    let (mut of_configuration, mut of_tests) = (schema(), test_schema());
    let tables: Vec<String> = of_configuration["properties"]
        .as_object()
        .expect("tables")
        .keys()
        .cloned()
        .chain(["tests".to_owned()])
        .collect();
    for schema in [&mut of_configuration, &mut of_tests] {
        drop_required(schema);
    }
    let mut checked = 0;
    for block in text.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()) {
        // What shows only the shape of something is no TOML, and an agent has a file of its own.
        let Some(value) = value(block) else { continue };
        let table = value.as_object().and_then(|table| table.keys().next()).cloned().unwrap_or_default();
        let is_agents_own = block.contains("[applications.clinic-directory]");
        if is_agents_own || !tables.contains(&table) {
            continue;
        }
        let schema = if table == "tests" { &of_tests } else { &of_configuration };
        assert_eq!(complaints(schema, &value), Vec::<String>::new(), "{block}");
        checked += 1;
    }
    assert!(checked > 12, "{checked} examples");
}

fn drop_required(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            if object.get("required").is_some_and(Value::is_array) {
                object.remove("required");
            }
            // Without what tells them apart, a part may fit several kinds of connection.
            if let Some(kinds) = object.remove("oneOf") {
                object.insert("anyOf".to_owned(), kinds);
            }
            object.values_mut().for_each(drop_required);
        }
        Value::Array(members) => members.iter_mut().for_each(drop_required),
        _ => {}
    }
}

#[test]
fn unknown_keys_and_wrong_kinds_of_values_are_refused() {
    let schema = schema();
    for (wrong, part) in [
        (json!({ "rool": {} }), "rool"),
        (json!({ "rules": { "one": { "when": "true", "rolls": ["x"] } } }), "rolls"),
        (json!({ "rules": { "one": { "roles": ["x"] } } }), "when"),
        (json!({ "rules": { "one": { "when": true } } }), "string"),
        (json!({ "rules": { "one": { "when": "true", "type": "sometimes" } } }), "sometimes"),
        (json!({ "roles": { "one": { "display_name": "One", "valid_until": 3 } } }), "valid_until"),
        (json!({ "organisation": { "nmae": "x" } }), "nmae"),
        (json!({ "organisation": { "thresholds": { "deleted": { "cuont": 3 } } } }), "deleted"),
        (
            json!({ "applications": { "one": { "display_name": "One", "connection": { "kind": "ldap", "urll": "x" } } } }),
            "connection",
        ),
    ] {
        let complaints = complaints(&schema, &wrong);
        assert!(complaints.iter().any(|complaint| complaint.contains(part)), "{wrong}: {complaints:?}");
    }
}

#[test]
fn fields_are_described() {
    let schema = schema();
    let rule = &schema["$defs"]["AssignmentRule"]["properties"]["when"];
    assert_eq!(rule["description"], "CEL over `identity`, giving true or false.");
}
