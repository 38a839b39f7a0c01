use std::path::PathBuf;

use jiff::civil::date;

use super::*;

const TODAY: Date = date(2026, 3, 1);

const WORLD: &str = r#"
[applications.mail]
display_name = "Mail"
connection = { kind = "manual" }

[account_types.mailbox]
display_name = "Mailbox"
application = "mail"
key = "login"
attributes.login = { expression = "identity.key" }

[entitlements.pay]
display_name = "Pay"
account_type = "mailbox"
key = "pay"

[entitlements.book]
display_name = "Book"
account_type = "mailbox"
key = "book"

[access_profiles.payer]
display_name = "Payer"
application = "mail"
entitlements = ["pay"]

[access_profiles.booker]
display_name = "Booker"
application = "mail"
entitlements = ["book"]

[rules.payers]
when = 'identity.department == "Finance"'
access_profiles = ["payer"]

[rules.bookers]
when = 'identity.department == "Finance"'
access_profiles = ["booker"]
type = "suggested"

[risks.both]
display_name = "Both"
kind = "separation_of_duties"
level = 50
rules = [{ sides = [{ entitlements = ["pay"] }, { entitlements = ["book"] }] }]

[sources.staff]
file = "staff.csv"
key = "key"
display_name = "identity.department"
attributes.department = "department"
"#;

/// The tests of a file beside the configuration, read.
fn read(text: &str) -> Result<(Configuration, Vec<ReadTest>), Vec<String>> {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("world.toml"), WORLD).expect("written");
    std::fs::write(folder.path().join("people.test.toml"), text).expect("written");
    let files = configuration::read(folder.path()).expect("a configuration");
    assert_eq!(files.files, [PathBuf::from("world.toml")]);
    let tests = read_tests(folder.path(), &files.configuration);
    let tests = tests.map_err(|findings| findings.iter().map(ToString::to_string).collect::<Vec<_>>())?;
    Ok((files.configuration, tests))
}

fn run(text: &str) -> Vec<TestOutcome> {
    let (configuration, tests) = read(text).expect("sound tests");
    evaluate(&configuration, &tests, &OnRecord::default(), TODAY).expect("a sound configuration")
}

const PASSING: &str = r#"
[tests.payer]
description = "Finance pays"
person = { attributes = { department = "Finance" } }
expect = { holds = ["payer", "entitlement:pay", "account_type:mailbox"], offered = ["booker"], lacks = ["book"], violations = [] }

[tests.both-at-once]
person = { attributes = { department = "Finance" } }
given = ["access_profile:booker"]
expect = { holds = ["book"], violations = ["both"] }

[tests.over]
day = "2026-03-11"
expect = { lacks = ["payer"] }
[tests.over.person]
contexts = [{ starts = "2026-02-01", ends = "2026-03-10", attributes = { department = "Finance" } }]

[tests.last-day]
day = "2026-03-10"
expect = { holds = ["payer"] }
[tests.last-day.person]
contexts = [{ starts = "2026-02-01", ends = "2026-03-10", attributes = { department = "Finance" } }]
"#;

#[test]
fn what_is_as_expected_passes() {
    let outcomes = run(PASSING);
    assert!(outcomes.iter().all(|outcome| outcome.passed), "{outcomes:#?}");
    assert_eq!(outcomes.len(), 4);
    assert_eq!(outcomes[0].place, "people.test.toml:7");
}

#[test]
fn what_is_otherwise_fails_and_says_why() {
    let outcomes = run(r#"
[tests.wrong]
person = { attributes = { department = "Sales" } }
expect = { holds = ["payer"], violations = ["both"] }

[tests.wrong-too]
person = { attributes = { department = "Finance" } }
expect = { lacks = ["payer"], offered = ["pay"] }

[tests.nobody]
identity = "E99"
expect = { lacks = ["payer"] }
"#);
    let told: Vec<(&str, Vec<&str>)> = outcomes
        .iter()
        .map(|outcome| {
            (outcome.name.as_str(), outcome.failures.iter().map(|failure| failure.message.as_str()).collect())
        })
        .collect();
    assert_eq!(
        told,
        [
            (
                "nobody",
                vec!["Nobody on record has the key `E99`. Name somebody who is, or make somebody up with `person`."]
            ),
            (
                "wrong",
                vec![
                    "Access profile `payer` should be held on 2026-03-01, and is not held.",
                    "Risk `both` should be broken, and is not."
                ]
            ),
            (
                "wrong-too",
                vec![
                    "Access profile `payer` should not be held on 2026-03-01, and is held.",
                    "Entitlement `pay` should be offered on 2026-03-01, and is held."
                ]
            ),
        ]
    );
    let why = outcomes[1].failures[0].why.as_ref().expect("a reason");
    assert_eq!(why.missing[0].rule, "payers");
    let text = junit(&outcomes);
    assert!(text.contains("<testsuite name=\"policy\" tests=\"3\" failures=\"3\">"), "{text}");
    assert!(text.contains("<testcase name=\"wrong\" classname=\"people.test.toml\">"), "{text}");
    assert!(!text.contains("`payer` should be held on 2026-03-01, and is not held.</failure>"), "{text}");
}

#[test]
fn somebody_on_record_is_looked_at_with_what_they_were_given() {
    let text = "[tests.ann]\nidentity = \"E1\"\nexpect = { holds = [\"book\"], lacks = [\"payer\"] }\n";
    let (configuration, tests) = read(text).expect("sound tests");
    let ann = Identity {
        id: IdentityId(1),
        source: "staff".into(),
        key: "E1".into(),
        display_name: "Ann".into(),
        attributes: Default::default(),
        contexts: Vec::new(),
        manager_key: None,
        present: true,
    };
    let grant = granted(ann.id, Grantable::AccessProfile("booker".into()));
    let on_record = OnRecord {
        grants: [(ann.id, vec![grant])].into(),
        people: [("E1".to_owned(), ann)].into(),
        remembered: Vec::new(),
    };
    let outcomes = evaluate(&configuration, &tests, &on_record, TODAY).expect("a sound configuration");
    assert!(outcomes[0].passed, "{outcomes:?}");
}

#[test]
fn mistakes_are_told_with_their_places() {
    for (text, expected) in [
        (
            "[tests.a]\nperson = {}\nexpect = { hold = [\"payer\"] }\n",
            "people.test.toml:3:12: `hold` is not a key that is known here. Did you mean `holds`?",
        ),
        (
            "[test.a]\nperson = {}\n",
            "people.test.toml:1:2: `test` is not a key that is known here. Did you mean `tests`?",
        ),
        ("[tests.a]\nperson = {}\n", "people.test.toml:1:1: Test `a` lacks the key `expect`. Add it."),
        ("[tests.a]\nexpect = { lacks = [\"payer\"] }\n", "Test `a` has to say of whom"),
        ("[tests.a]\nperson = {}\nexpect = {}\n", "Test `a` expects nothing"),
        (
            "[tests.a]\nperson = {}\nexpect = { holds = [\"payr\"] }\n",
            "people.test.toml:3:21: There is nothing of the name `payr`. Did you mean `access_profile:payer`?",
        ),
        (
            "[tests.a]\nperson = {}\nexpect = { violations = [\"bot\"] }\n",
            "There is no risk `bot`. Did you mean `both`?",
        ),
        (
            "[tests.a]\nday = \"1 March\"\nperson = {}\nexpect = { violations = [] }\n",
            "people.test.toml:2:7: `1 March` is no day.",
        ),
        (
            "[tests.a]\nperson = { attributes = { departmnt = \"x\" } }\nexpect = { violations = [] }\n",
            "No identity source delivers `departmnt`. Did you mean `department`?",
        ),
        (
            "[tests.a]\nperson = { attributes = { lifecycle = \"x\" } }\nexpect = { violations = [] }\n",
            "`lifecycle` is no attribute that a source delivers.",
        ),
        (
            "[tests.a]\nperson = { source = \"staf\" }\nexpect = { violations = [] }\n",
            "There is no identity source `staf`.",
        ),
        ("[tests.a\n", "This is not valid TOML"),
    ] {
        let findings = read(text).map(|_| ()).expect_err(text);
        assert!(findings.len() == 1 && findings[0].contains(expected), "{text}: {findings:?}");
    }
}
