//! Forms of what a configuration consists of, and what comes of them.

use serde_json::json;

use super::typed::value;
use super::*;

fn typed(pairs: &[(&str, &str)]) -> Typed {
    pairs.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect()
}

/// What a form shows of a value, as it is posted when nothing is changed.
fn posted(fields: &[Field], value: &Value) -> Typed {
    let mut typed = Typed::new();
    fields.iter().for_each(|field| {
        post(
            field.shape.clone(),
            field.is_nullable,
            &field.key,
            value.get(&field.key),
            field.default.as_ref(),
            &mut typed,
        )
    });
    typed
}

fn post(
    shape: Shape,
    is_nullable: bool,
    path: &str,
    value: Option<&Value>,
    default: Option<&Value>,
    typed: &mut Typed,
) {
    match &shape {
        Shape::Switch => {
            let is_set = value.or(default.filter(|_| !is_nullable)).and_then(Value::as_bool);
            match is_set {
                Some(true) => drop(typed.insert(path.to_owned(), "yes".into())),
                Some(false) if is_nullable => drop(typed.insert(path.to_owned(), "no".into())),
                _ => {}
            }
        }
        Shape::Choices(_) => {
            for word in value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
                typed.insert(within(path, word), CHECKED.into());
            }
        }
        Shape::List(item) => {
            for (position, value) in value.and_then(Value::as_array).into_iter().flatten().enumerate() {
                post((**item).clone(), false, &within(path, &position.to_string()), Some(value), None, typed);
            }
        }
        Shape::Named(item) => {
            for (position, (key, value)) in value.and_then(Value::as_object).into_iter().flatten().enumerate() {
                let path = within(path, &position.to_string());
                typed.insert(within(&path, KEY), key.clone());
                post((**item).clone(), false, &within(&path, VALUE), Some(value), None, typed);
            }
        }
        Shape::Group(fields) => {
            if let Some(value) = value {
                typed.insert(within(path, USE), CHECKED.into());
                for field in fields {
                    post(
                        field.shape.clone(),
                        field.is_nullable,
                        &within(path, &field.key),
                        value.get(&field.key),
                        field.default.as_ref(),
                        typed,
                    );
                }
            }
        }
        Shape::Variants(variants) => {
            if let Some((value, variant)) = value.and_then(|value| Some((value, variant_of(variants, value)?))) {
                typed.insert(within(path, VARIANT), variant.word.value.clone());
                post(variant.shape.clone(), false, path, Some(value), None, typed);
            }
        }
        Shape::Any => drop(value.map(|value| typed.insert(path.to_owned(), value.to_string()))),
        _ => drop(value.map(|value| typed.insert(path.to_owned(), shown(Some(value))))),
    }
}

#[test]
fn every_setting_has_a_form_and_nothing_of_it_is_typed_as_json_but_values_of_any_kind() {
    let schema = engine::configuration::schema();
    fn any(shape: &Shape, path: &str, found: &mut Vec<String>) {
        match shape {
            Shape::Any => found.push(path.to_owned()),
            Shape::Group(fields) => fields.iter().for_each(|field| any(&field.shape, &within(path, &field.key), found)),
            Shape::List(item) | Shape::Named(item) | Shape::Lines(item) => any(item, path, found),
            Shape::Variants(variants) => variants.iter().for_each(|variant| any(&variant.shape, path, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    for kind in model::draft::SettingKind::ALL {
        let (fields, _) = of_table(&schema, kind.table());
        assert!(!fields.is_empty(), "{kind:?}");
        fields.iter().for_each(|field| any(&field.shape, &within(kind.name(), &field.key), &mut found));
    }
    assert_eq!(found, Vec::<String>::new());
}

/// Files to pages to files: a form that is posted as it was shown changes nothing.
#[test]
fn every_setting_of_the_demo_is_posted_as_it_was_shown() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../server/demo/configuration");
    let known = engine::configuration::read(&folder).unwrap().configuration;
    let schema = engine::configuration::schema();
    let mut after = known.clone();
    for kind in model::draft::SettingKind::ALL {
        let (fields, _) = of_table(&schema, kind.table());
        for name in kind.names(&known) {
            let shown = kind.find(&known, &name).unwrap();
            let read = object(&fields, &posted(&fields, &shown));
            kind.put(&mut after, &name, &read).unwrap_or_else(|error| panic!("{kind:?} {name}: {error}"));
        }
    }
    assert_eq!(after, known);
}

#[test]
fn what_was_typed_becomes_what_it_means() {
    let schema = engine::configuration::schema();
    let (fields, _) = of_table(&schema, "applications");
    let typed = typed(&[
        ("display_name", "Payroll"),
        ("demo", "yes"),
        ("concurrency", "many"),
        ("connection.__variant", "ldap"),
        ("connection.url", "ldap://localhost"),
        ("connection.account_classes", "person\n\n  inetOrgPerson "),
        ("connection.page_size", "100"),
    ]);
    let expected = json!({
        "display_name": "Payroll",
        "demo": true,
        "concurrency": "many",
        "connection": { "kind": "ldap", "url": "ldap://localhost", "account_classes": ["person", "inetOrgPerson"], "page_size": 100 },
    });
    assert_eq!(object(&fields, &typed), expected);
    assert_eq!(object(&fields, &posted(&fields, &expected)), expected, "and is posted again as it was");
}

#[test]
fn a_line_that_nobody_filled_in_is_none() {
    let (fields, _) = of_table(&engine::configuration::schema(), "sources");
    let typed = typed(&[
        ("attributes.0.__key", "name"),
        ("attributes.0.__value.__variant", "text"),
        ("attributes.0.__value", "full_name"),
        ("attributes.1.__key", ""),
        ("attributes.1.__value.__variant", "text"),
        ("attributes.1.__value", ""),
        ("attributes.2.__key", "grade"),
        ("attributes.2.__value.__variant", "text"),
        ("attributes.2.__value", ""),
    ]);
    assert_eq!(object(&fields, &typed), json!({ "attributes": { "name": "full_name", "grade": "" } }));
}

#[test]
fn what_is_typed_first_stands_first() {
    let schema = engine::configuration::schema();
    let keys = |table: &str| of_table(&schema, table).0.into_iter().map(|field| field.key).collect::<Vec<_>>();
    assert_eq!(keys("sources")[..7], ["display_name", "description", "file", "key", "attributes", "manager", "starts"]);
    assert_eq!(keys("account_types")[..5], ["display_name", "application", "key", "attributes", "depends_on"]);
}

#[test]
fn a_thing_of_several_forms_keeps_the_one_that_was_chosen() {
    let schema = engine::configuration::schema();
    let (fields, _) = of_table(&schema, "account_types");
    let ask = fields.iter().find(|field| field.key == "ask").unwrap();
    for (pairs, expected) in [
        (vec![("ask.__variant", "manager")], json!("manager")),
        (vec![("ask.__variant", "profile"), ("ask.profile", "helpdesk")], json!({ "profile": "helpdesk" })),
        (vec![("ask.__variant", "login")], json!({ "login": "" })),
    ] {
        let found = value(&ask.shape, "ask", &typed(&pairs)).unwrap();
        assert_eq!(found, expected);
        let Shape::Variants(variants) = &ask.shape else { panic!("{ask:?}") };
        assert_eq!(variant_of(variants, &found).unwrap().word.value, pairs[0].1);
    }
    assert_eq!(value(&ask.shape, "ask", &typed(&[("ask.__variant", "")])), None);
}

#[test]
fn lines_are_added_and_taken_out() {
    let item = Shape::Group(vec![Field {
        key: "day".into(),
        label: "Day".into(),
        hint: None,
        is_required: true,
        is_nullable: false,
        default: None,
        shape: Shape::Text,
    }]);
    let list = Shape::List(Box::new(item.clone()));
    let found = value(
        &list,
        "when",
        &typed(&[
            ("when.0.day", "Monday"),
            ("when.2.day", "Friday"),
            ("when.1.day", ""),
            ("when.10.day", "Sunday"),
            ("when.2.__remove", "yes"),
        ]),
    );
    assert_eq!(found, Some(json!([{ "day": "Monday" }, { "day": "Sunday" }])));
    let named = Shape::Named(Box::new(item));
    let found = value(
        &named,
        "steps",
        &typed(&[("steps.0.__key", "first"), ("steps.1.__value.day", "Friday"), ("steps.3.__key", " ")]),
    );
    assert_eq!(
        found,
        Some(json!({ "first": {}, "": { "day": "Friday" } })),
        "a name alone is kept, and so is what has none yet"
    );
}

#[test]
fn descriptions_and_keys_are_told_in_words() {
    assert_eq!(label("display_name"), "Display name");
    assert_eq!(label("ldap"), "LDAP");
    let schema = json!({ "description": "Times in which `nothing` is sent.\\nSee [`Window`]." });
    assert_eq!(description(&json!({ "description": "One `thing`." })).as_deref(), Some("One thing."));
    assert!(description(&schema).is_none());
}
