//! Bad configuration directories and the exact complaints about them; and that writing and reading are each other's reverse.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use jiff::civil::Date;
use model::configuration::{Configuration, Connection, Role, ScimConnection, SqlAccounts, SqlConnection};
use model::identity::Identity;
use model::ids::IdentityId;
use model::value::Value;

use super::{Effect, difference, digest, export, parse, read};

mod agents;
mod jobs;
mod native;
mod round_trip;
mod routes;

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

/// What reading complains about, one line each, with the directory's own name replaced by `DIR`; none where all is well.
fn complaints(files: &[(&str, &[u8])]) -> Vec<String> {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), files);
    let findings = read(directory.path()).err().unwrap_or_default();
    let place = directory.path().display().to_string();
    findings.iter().map(|finding| finding.to_string().replace(&place, "DIR")).collect()
}

/// The same, of the good configuration with another file beside it.
fn complaints_beside_good(more: &str) -> Vec<String> {
    complaints(&[("all.toml", GOOD.as_bytes()), ("more.toml", more.as_bytes())])
}

fn good() -> Configuration {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), &[("all.toml", GOOD.as_bytes())]);
    read(directory.path()).unwrap().configuration
}

/// The good configuration with one text replaced by another, and the complaints expected about it.
#[test]
fn every_mistake_is_told_with_its_place_and_what_was_expected() {
    let cases: &[(&str, &str, &[&str])] = &[
        (
            "when = \"identity",
            "wen = \"identity",
            &[
                "all.toml:37:1: `wen` is not a key that is known here. Did you mean `when`? Known here: description, when, type, roles, access_profiles, account_types, entitlements, deny, priority, days_before, days_after.",
            ],
        ),
        (
            "[rules.everybody]",
            "[rule.everybody]",
            &[
                "all.toml:36:2: `rule` is not a key that is known here. Did you mean `rules`? Known here: organisation, sources, dimensions, applications, integrations, agents, account_types, entitlements, categories, access_profiles, roles, rules, lifecycle_states, risks, naming_rules, indirect_rules, automation_rules, sign_ins, subscriptions, jobs, permission_profiles, permission_conflicts.",
            ],
        ),
        (
            "when = \"identity.given_name != ''\"\n",
            "",
            &["all.toml:36:1: Rule `everybody` lacks the key `when`. Add it."],
        ),
        (
            "roles = [\"staff\"]",
            "roles = [\"stuff\"]",
            &["all.toml:38:10: There is no role `stuff`. Did you mean `staff`?"],
        ),
        (
            "entitlements = [\"host-read\"]",
            "entitlements = [\"payroll-pay\"]",
            &["all.toml:30:17: There is no entitlement `payroll-pay`. Add [entitlements.payroll-pay]."],
        ),
        (
            "entitlements = [\"host-read\"]",
            "entitlements = \"host-read\"",
            &["all.toml:30:16: Expected a list, found the text \"host-read\"."],
        ),
        ("account_type = \"host-user\"", "account_type = 3", &["all.toml:24:16: Expected text, found the number 3."]),
        (
            "kind = \"manual\"",
            "kind = \"manual\", instruction = \"Do it\"",
            &[
                "all.toml:14:33: `instruction` is not a key that is known here. Did you mean `instructions`? Known here: instructions, fulfiller, revoker, escalate_to, extract, due_days, due_hours, remind_hours, remind_overdue_hours, escalate_hours, escalate_taken, evidence, no_own_work.",
            ],
        ),
        (
            "kind = \"manual\"",
            "kind = \"manaul\"",
            &[
                "all.toml:14:23: `manaul` is no kind of connection. Did you mean `manual`? Expected one of: scim, ldap, sql, csv, request_tracker, manual.",
            ],
        ),
        (
            "kind = \"manual\"",
            "due_days = 3",
            &[
                "all.toml:14:14: The connection of application `host` lacks the key `kind`. Expected one of: scim, ldap, sql, csv, request_tracker, manual.",
            ],
        ),
        (
            "permissions = [\"/*\"]",
            "permissions = [\"/Orders/View\", \"/Jobs/Run\"]\npeople = \"identity.given_name == user.given_name\"",
            &[
                "all.toml:42:32: `/Jobs/Run` cannot be allowed about some people only, and this profile has `people`. Put it into a profile without; here can stand `/Identities/View`, `/Orders/View`, `/Requests/View`, `/Requests/Submit`.",
            ],
        ),
        (
            "permissions = [\"/*\"]",
            "permissions = [\"/Orders/View\"]\npeople = \"identity.given_nam == user.site\"",
            &[
                "all.toml:43:10: Reads `identity.given_nam`, which no identity source delivers; perhaps `given_name` is meant.",
                "all.toml:43:10: Reads `user.site`, which no identity source delivers.",
            ],
        ),
        (
            "kind = \"manual\"",
            "kind = \"manual\", due_days = \"three\"",
            &["all.toml:14:44: Expected a whole number of 0 or more, found the text \"three\"."],
        ),
        (
            "kind = \"manual\"",
            "kind = \"manual\", fulfiller = \"administrators\"",
            &["all.toml:14:45: There is no permission profile `administrators`. Did you mean `administrator`?"],
        ),
        (
            "kind = \"manual\"",
            "kind = \"manual\", revoker = \"nobody\"",
            &["all.toml:14:43: There is no permission profile `nobody`. Add [permission_profiles.nobody]."],
        ),
        (
            "kind = \"manual\"",
            "kind = \"manual\", escalate_to = \"user:\"",
            &["all.toml:14:47: `user:` names nobody. Write the login behind it, such as `user:ann`."],
        ),
        (
            "kind = \"manual\"",
            "kind = \"manual\", due_days = 1, due_hours = 8",
            &["all.toml:14:59: Give either `due_days` or `due_hours`: both say when the work is due."],
        ),
        (
            "kind = \"manual\"",
            "kind = \"manual\", due_hours = 8, remind_hours = [4, 9]",
            &[
                "all.toml:14:63: Nobody is reminded 9 hours before it is due, since it is due after 8 hours. Leave it out, or give more time.",
            ],
        ),
        (
            "kind = \"manual\"",
            "kind = \"manual\", escalate_hours = 8",
            &[
                "all.toml:14:50: It is never due, so nothing is overdue. Say when it is, with `due_days` or `due_hours`.",
            ],
        ),
        (
            "kind = \"manual\"",
            "kind = \"manual\", due_hours = 8, escalate_taken = true",
            &[
                "all.toml:14:65: It is about work that is not done in time. Say after how many hours it goes on, with `escalate_hours`.",
            ],
        ),
        (
            "key = \"name\"\n",
            "key = \"name\"\nask = \"manager\"\n",
            &[
                "all.toml:20:7: Nobody is asked which account is meant, so `ask` says nothing. Say `several = \"ask\"` as well, or remove it.",
            ],
        ),
        (
            "key = \"name\"\n",
            "key = \"name\"\nseveral = \"ask\"\nask = { login = \" \" }\n",
            &["all.toml:21:7: The login is empty. Name who signs in, or ask the manager, the owner or the person."],
        ),
        (
            "key = \"name\"\n",
            "key = \"name\"\nseveral = \"ask\"\nask = { profile = \"administrators\" }\n",
            &["all.toml:21:7: There is no permission profile `administrators`. Did you mean `administrator`?"],
        ),
        (
            "key = \"name\"\n",
            "key = \"name\"\nattributes.name.required = true\nattributes.name.question = \"account.host-user\"\n",
            &[
                "all.toml:21:28: The question `account.host-user` asks which account of type `host-user` is meant. Give the attribute another `question`.",
            ],
        ),
        (
            "kind = \"manual\"",
            "kind = \"scim\", url = \"https://x\", token = \"abc\"",
            &[
                "all.toml:14:58: A token in clear text does not belong into a file. Keep it with `quartermaster config secret host-token` and write token = \"secret:host-token\".",
            ],
        ),
        (
            "kind = \"manual\"",
            "kind = \"sql\", url = \"postgres://u:p@h/d\", accounts = { table = \"a\", key = \"b\" }",
            &[
                "all.toml:14:36: This address contains a password. Take it out, keep it with `quartermaster config secret host-password` and write password = \"secret:host-password\".",
            ],
        ),
        (
            "time_zone = \"Europe/Amsterdam\"",
            "time_zone = \"Europe/Amsterdm\"",
            &[
                "all.toml:4:13: `Europe/Amsterdm` is no time zone. Expected an IANA name such as Europe/Amsterdam or UTC.",
            ],
        ),
        (
            "kind = \"manual\"",
            "kind = \"request_tracker\", url = \"https://x\", queue = \"Access\", user = \"q\", password = \"abc\", body = \"Do {thing}\"",
            &[
                "all.toml:14:102: A password in clear text does not belong into a file. Keep it with `quartermaster config secret host-password` and write password = \"secret:host-password\".",
                "all.toml:14:116: There is no placeholder {thing}. There are: {order}, {attempt}, {application}, {account_type}, {operation}, {account}, {changes}.",
            ],
        ),
        (
            "kind = \"manual\"",
            "kind = \"request_tracker\", url = \"https://x\"",
            &["all.toml:14:14: The connection of application `host` lacks the key `queue`. Add it."],
        ),
        (
            "time_zone = \"Europe/Amsterdam\"",
            "mail = { server = \"a b\", sender = \"q@example.org\", public_url = \"https://q\", password = \"abc\" }",
            &[
                "all.toml:4:19: `a b` is no host, nor host and port. Expected mail.example.org, perhaps with :587.",
                "all.toml:4:89: A password in clear text does not belong into a file. Keep it with `quartermaster config secret mail-password` and write password = \"secret:mail-password\".",
                "all.toml:4:89: A password needs a user.",
            ],
        ),
        (
            "permissions = [\"/*\"]",
            "permissions = [\"/*\", { path = \"Jobs\", notify = false }]",
            &["all.toml:42:22: `Jobs` is no permission path. Expected one such as /Jobs/Run, or /* for all."],
        ),
        (
            "permissions = [\"/*\"]",
            "permissions = [\"/Jobs\"]\n[permission_conflicts.pair]\ndisplay_name = \"Pair\"\nfirst = [\"/Jobs/Run\", \"/Jobz/Run\", \"Jobs\"]\nsecond = [\"/Jobs/Resume\", \"/*\"]",
            &[
                "all.toml:42:15: Whoever holds this profile meets both sides of the permission conflict `pair`: /Jobs and /Jobs. Split the profile, or say `effect = \"warn\"` there.",
                "all.toml:45:23: Nothing takes the permission `/Jobz/Run`. Did you mean `/Jobs/Run`?",
                "all.toml:45:36: `Jobs` is no permission path. Expected one such as /Jobs/Run, or /* for all.",
                "all.toml:46:27: `/*` is everything, of which nobody could hold one side alone. Name what is meant.",
            ],
        ),
        (
            "permissions = [\"/*\"]",
            "permissions = [\"/Jobs\"]\n[permission_conflicts.pair]\ndisplay_name = \"Pair\"\nfirst = [\"/Jobs/Run\"]\nsecond = []\n[permission_conflicts.same]\ndisplay_name = \"Same\"\nfirst = [\"/Orders\"]\nsecond = [\"/Orders\"]\neffect = \"warn\"",
            &[
                "all.toml:46:10: This side names no path, so nobody meets it. Name at least one.",
                "all.toml:50:10: `/Orders` is on both sides, so whoever holds it meets them at once. Keep it on one.",
            ],
        ),
        (
            "permissions = [\"/*\"]",
            "permissions = [7]",
            &["all.toml:42:15: Expected a permission path, or a table with `path` and `notify`."],
        ),
        (
            "permissions = [\"/*\"]",
            "permissions = [\"/*\", \"Jobs\"]",
            &["all.toml:42:22: `Jobs` is no permission path. Expected one such as /Jobs/Run, or /* for all."],
        ),
        (
            "attributes.given_name = \"First name\"",
            "attributes.given_name = { colum = \"First name\" }",
            &[
                "all.toml:10:27: `colum` is not a key that is known here. Did you mean `column`? Known here: column, type, required.",
            ],
        ),
        (
            "attributes.given_name = \"First name\"",
            "attributes.given_name = { column = \"First name\", type = \"number\" }",
            &["all.toml:10:57: `number` is not accepted here. Expected one of: text, integer, boolean, date."],
        ),
        (
            "attributes.given_name = \"First name\"",
            "attributes.given_name = 7",
            &["all.toml:10:25: Expected the header of a column, or a table with `column`, `type` and `required`."],
        ),
        (
            "attributes.name.expression = \"identity.given_name\"",
            "attributes.name.value = 2026-01-01",
            &["all.toml:20:25: Expected text, a whole number, true, false or a list of texts."],
        ),
        (
            "roles = [\"staff\"]",
            "roles = [\"staff\"]\npriority = \"high\"",
            &["all.toml:39:12: Expected a whole number, found the text \"high\"."],
        ),
        (
            "roles = [\"staff\"]",
            "roles = [\"staff\"]\ndays_before = 70000",
            &["all.toml:39:15: Expected a whole number from 0 to 65535, found the number 70000."],
        ),
        (
            "roles = [\"staff\"]",
            "roles = [\"staff\"]\ntype = \"manual\"",
            &[
                "all.toml:39:8: `manual` is not accepted here. Expected one of: automatic, automatic_with_validation, suggested.",
            ],
        ),
        (
            "roles = [\"staff\"]",
            "roles = [\"staff",
            &["all.toml:40:1: This is not valid TOML: missing comma between array elements, expected `,`."],
        ),
        (
            "roles = [\"staff\"]",
            "roles = [\"staff\"]\nroles = []",
            &["all.toml:39:1: `roles` is here twice. Keep one of the two."],
        ),
        (
            "[roles.staff]",
            "[roles.staff]\n[roles.staff]",
            &["all.toml:33:8: `staff` is here twice. Keep one of the two."],
        ),
        (
            "[roles.staff]",
            "[roles.\"staff \"]",
            &[
                "all.toml:32:8: The name \"staff \" has control characters, or spaces around it. Write it without.",
                "all.toml:38:10: There is no role `staff`. Did you mean `staff `?",
            ],
        ),
        (
            "[permission_profiles.administrator]",
            "[roles]\nx = 1\n[permission_profiles.administrator]",
            &["all.toml:41:5: Expected a table, found the number 1."],
        ),
        (
            "[permission_profiles.administrator]",
            "roles = \"x\"\n[permission_profiles.administrator]",
            &["all.toml:40:1: `roles` is here twice. Keep one of the two."],
        ),
        (
            "[organisation]\n",
            "roles = [\"x\"]\n[organisation]\n",
            &["all.toml:33:2: This is not valid TOML: cannot extend value of type array with a dotted key."],
        ),
        (
            "[organisation]\n",
            "organisation = \"x\"\n[organisatio]\n",
            &[
                "all.toml:2:16: Expected a table, found the text \"x\".",
                "all.toml:3:2: `organisatio` is not a key that is known here. Did you mean `organisation`? Known here: organisation, sources, dimensions, applications, integrations, agents, account_types, entitlements, categories, access_profiles, roles, rules, lifecycle_states, risks, naming_rules, indirect_rules, automation_rules, sign_ins, subscriptions, jobs, permission_profiles, permission_conflicts.",
            ],
        ),
    ];
    for (from, to, expected) in cases {
        assert_eq!(GOOD.matches(from).count(), 1, "{from}");
        let text = GOOD.replace(from, to);
        assert_eq!(complaints(&[("all.toml", text.as_bytes())]), *expected, "{from} → {to}");
    }
}

#[test]
fn what_is_wrong_with_files_is_told_as_well() {
    type Files<'a> = &'a [(&'a str, &'a [u8])];
    let cases: &[(Files<'_>, &[&str])] = &[
        (
            &[],
            &[
                "DIR: There is no configuration file here. Expected at least one file ending in .toml in this folder or below it.",
            ],
        ),
        (
            &[("notes.txt", b"x"), (".hidden.toml", b"x")],
            &[
                "DIR: There is no configuration file here. Expected at least one file ending in .toml in this folder or below it.",
            ],
        ),
        (
            &[("a.toml", b"[roles.a]\ndisplay_name = \"A\"\n"), ("b/c.toml", b"\n  [roles.a]\ndisplay_name = \"B\"\n")],
            &["b/c.toml:2:10: The role `a` is also in a.toml:1. Keep one of the two."],
        ),
        (
            &[("a.toml", b"[organisation]\nname = \"A\"\n"), ("b.toml", b"[organisation]\nname = \"B\"\n")],
            &["b.toml:1:2: The organisation is also in a.toml:1. Keep one of the two."],
        ),
        (
            &[("a.toml", b"[roles.a]\ndisplay_name = \"Z\xc3\xbcrich \xfc\"\n")],
            &["a.toml:2:24: The byte 0xFC is not UTF-8. Save the file in the encoding UTF-8."],
        ),
        (
            &[("a.toml", b"[roles.a]\ndisplay_name = \"A\0\"\n")],
            &[
                "a.toml:2:18: This is not valid TOML: invalid basic string, expected non-double-quote visible characters, `\\`.",
            ],
        ),
    ];
    for (files, expected) in cases {
        assert_eq!(complaints(files), *expected);
    }
    let gone = read(Path::new("/nowhere/at/all")).map(|_| ()).unwrap_err();
    assert_eq!(
        gone[0].to_string(),
        "/nowhere/at/all: This folder cannot be read: No such file or directory (os error 2). \
         Name a folder with configuration files and read access."
    );
}

/// A mistake in one file hides none in another, and what a broken object is called is still known to others.
#[test]
fn all_mistakes_are_told_at_once() {
    let files: &[(&str, &[u8])] = &[
        ("a.toml", b"[roles.a]\ndisplay = \"A\"\n"),
        ("b.toml", b"[rules.b]\nwhen = \"true\"\nroles = [\"a\", \"c\"]\n"),
        ("c.toml", b"[roles.d]\ndisplay_name = \"D\"\nvalid_until = \"soon\"\ncategory = \"x\"\n"),
        ("d.toml", b"[roles.e]\ndisplay_name = \"E\"\nstate = \"retird\"\n[categories.f]\ndisplay_name = \"F\"\nparent = \"g\"\n"),
    ];
    assert_eq!(
        complaints(files),
        [
            "a.toml:2:1: `display` is not a key that is known here. Known here: display_name, description, \
             access_profiles, roles, category, owner, requestable, state, valid_from, valid_until, maximum_days, grace_days, approvals.",
            "b.toml:3:15: There is no role `c`. Add [roles.c].",
            "c.toml:3:15: `soon` is no day; write it as year-month-day: \"2026-12-31\".",
            "d.toml:3:9: `retird` is not accepted here. Did you mean `retired`? Expected one of: draft, active, retired.",
            "d.toml:6:10: There is no category `g`. Add [categories.g].",
        ]
    );
}

#[test]
fn relative_paths_are_beside_the_files() {
    let configuration = good();
    let file = &configuration.sources["hr"].file;
    assert!(Path::new(file).is_absolute() && file.ends_with("/people.csv"), "{file}");
}

#[test]
fn a_plan_shows_what_changes_field_by_field() {
    let current = good();
    let mut wanted = current.clone();
    let rule = wanted.rules.get_mut("everybody").unwrap();
    rule.when = "identity.given_name != 'x'".into();
    rule.deny = true;
    wanted.entitlements.remove("host-read");
    wanted.roles.insert("guest".into(), Role { roles: vec!["staff".into()], ..Role::new("Guest") });
    wanted.organisation.name = "Other".into();
    let plan = difference(&current, &wanted);
    assert_eq!(
        plan.to_string(),
        r#"+ role guest
    display_name: "Guest"
    roles: ["staff"]
~ organisation
    name: "Test" → "Other"
~ rule everybody
    deny: false → true
    when: "identity.given_name != ''" → "identity.given_name != 'x'"
- entitlement host-read
Plan: 1 to add, 2 to change, 1 to remove.
"#
    );
    let json = serde_json::to_value(&plan).unwrap();
    assert_eq!(json["changed"][1]["fields"][0]["before"], false);
    let nothing = difference(&current, &current.clone());
    assert!(nothing.is_empty());
    assert_eq!(nothing.to_string(), "No changes: the configuration is as the files say.\n");
    assert_eq!(digest(&current), digest(&current.clone()));
    assert_ne!(digest(&current), digest(&wanted));
}

#[test]
fn credentials_are_compared_and_never_shown() {
    let mut current = good();
    let host = current.applications.get_mut("host").unwrap();
    let scim = |token: &str| {
        Connection::Scim(ScimConnection { url: "https://host".into(), token: Some(token.into()), page_size: None })
    };
    host.connection = scim("hunter2");
    let mut wanted = current.clone();
    wanted.applications.get_mut("host").unwrap().connection = scim("hunter3");
    let plan = difference(&current, &wanted);
    let expected = "~ application host\n    connection.token: \"(hidden)\" → \"(hidden)\"\nPlan: 0 to add, 1 to change, 0 to remove.\n";
    assert_eq!(plan.to_string(), expected);
    assert!(!serde_json::to_string(&plan).unwrap().contains("hunter"));
    let files = export(&current);
    let host = &files.iter().find(|(path, _)| path == Path::new("applications/host.toml")).unwrap().1;
    assert!(host.contains("token = \"secret:host-token\"") && !host.contains("hunter"), "{host}");
    wanted.applications.get_mut("host").unwrap().connection = Connection::Sql(SqlConnection {
        url: "postgres://reader:hunter4@db.example/pay?x=1".into(),
        password: None,
        accounts: SqlAccounts {
            table: "users".into(),
            key: "id".into(),
            columns: BTreeMap::new(),
            enabled: None,
            create: None,
            update: None,
            enable: None,
            disable: None,
            delete: None,
        },
        grants: None,
    });
    let everything = format!("{}{:?}", difference(&current, &wanted), export(&wanted));
    assert!(
        everything.contains("postgres://reader@db.example/pay?x=1") && !everything.contains("hunter"),
        "{everything}"
    );
}

fn person(number: i64, given_name: &str) -> Identity {
    Identity {
        id: IdentityId(number),
        source: "hr".into(),
        key: format!("E{number}"),
        display_name: given_name.into(),
        attributes: [("given_name".to_owned(), Value::from(given_name))].into(),
        contexts: Vec::new(),
        manager_key: None,
        present: true,
    }
}

fn effect(current: &Configuration, wanted: &Configuration, people: &[Identity], today: Date) -> Effect {
    crate::what_if::WhatIf::of(current, wanted, people, today).unwrap().effect()
}

#[test]
fn the_effect_on_people_is_counted_and_named() {
    let today = Date::constant(2026, 11, 22);
    let people = [person(1, "Zoë"), person(2, "Łukasz"), person(3, "José")];
    let current = good();
    let mut wanted = current.clone();
    wanted.rules.get_mut("everybody").unwrap().when =
        "identity.given_name == 'Zoë' || identity.given_name == 'José'".into();
    let specification = wanted.account_types.get_mut("host-user").unwrap().attributes.get_mut("name").unwrap();
    specification.expression = Some("identity.given_name == 'José' ? 'jose' : identity.given_name".into());
    let found = effect(&current, &wanted, &people, today);
    assert_eq!((found.population, found.identities), (3, 2));
    assert_eq!(found.gains, []);
    let losses = ["access profile host-basic", "account type host-user", "entitlement host-read", "role staff"];
    assert_eq!(found.losses, losses.map(|thing| (thing.to_owned(), 1)));
    assert_eq!(found.attributes, [("host-user name".to_owned(), 1)]);
    assert_eq!(
        found.examples,
        [
            "Łukasz (E2) loses role staff, access profile host-basic, account type host-user and 1 more",
            "José (E3) gets other values: host-user name",
        ]
    );
    let most = &found.people[0];
    assert_eq!((most.name.as_str(), most.gains.len(), most.losses.len(), most.size()), ("Łukasz", 0, 4, 4));
    assert_eq!(found.people.len(), 2);
    let back = effect(&wanted, &current, &people, today);
    assert_eq!((back.gains, back.losses.len()), (found.losses, 0));

    // Another name of the rule is another reason and the same access.
    let mut renamed = current.clone();
    let rule = renamed.rules.remove("everybody").unwrap();
    renamed.rules.insert("all".into(), rule);
    assert_eq!(effect(&current, &renamed, &people, today).identities, 0);
    assert!(effect(&current, &current, &people, today).to_string().contains("nobody's access changes, of 3 people"));
}

/// What `policy` finds wrong is told at its place in the files, within expressions to the character.
#[test]
fn expressions_and_circles_are_told_with_their_place() {
    let cases: &[(&str, &str, &[&str])] = &[
        (
            "when = \"identity.given_name != ''\"",
            "when = \"identity.given_name !=\"",
            &[
                "all.toml:37:31: Mismatched input '<EOF>'; expected '[', '{', '(', '.', '-', '!', 'true', 'false', 'null', a number, a text, a name.",
            ],
        ),
        (
            "when = \"identity.given_name != ''\"",
            "when = '''\nidentity.given_name == 'a'\n  || identity.givn_name == 'b' '''",
            &[
                "all.toml:37:8: Reads `identity.givn_name`, which no identity source delivers; perhaps `given_name` is meant.",
            ],
        ),
        (
            "when = \"identity.given_name != ''\"",
            "when = \"\\\"ü\\\" == identity.given_name || lowr(identity.given_name) == 'x'\"",
            &["all.toml:37:45: There is no function `lowr`; expected perhaps `lower`."],
        ),
        (
            "attributes.name.expression = \"identity.given_name\"",
            "attributes.\"a.b\".expression = \"1 +\"\nattributes.name.value = \"x\"",
            &[
                "all.toml:20:35: Mismatched input '<EOF>'; expected '[', '{', '(', '.', '-', '!', 'true', 'false', 'null', a number, a text, a name.",
            ],
        ),
        (
            "attributes.name.expression = \"identity.given_name\"",
            "attributes.name.value = \"x\"\nattributes.name.expression = \"identity.given_name\"",
            &["all.toml:20:12: Has several sources; keep one of `value`, `expression`, `unique` and `reference`."],
        ),
        (
            "attributes.name.expression = \"identity.given_name\"",
            "attributes.name.required = true",
            &[
                "all.toml:20:12: Has no source; give it one of `value`, `expression`, `unique` and `reference`, or `ask` a person.",
            ],
        ),
        ("key = \"name\"\n", "key = \"login\"\n", &["all.toml:19:7: The key `login` is none of the attributes."]),
        (
            "key = \"name\"\n",
            "key = \"name\"\ncorrelation = [{ identity = \"identity.\", account = \"name\", confidence = 100 }]\n",
            &["all.toml:20:39: No viable alternative at input '.'."],
        ),
        (
            "key = \"name\"\n",
            "key = \"name\"\ndepends_on = [\"host-user\"]\n",
            &[
                "all.toml:20:14: Account types depend on each other in a circle: host-user → host-user; remove one of these steps.",
            ],
        ),
        (
            "attributes.name.expression = \"identity.given_name\"",
            "attributes.name.expression = \"identity.given_name\"\nattributes.badge.reference = { account_type = \"hots-user\", attribute = \"key\" }",
            &["all.toml:21:47: There is no account type `hots-user`. Did you mean `host-user`?"],
        ),
        (
            "attributes.name.expression = \"identity.given_name\"",
            "attributes.name.expression = \"identity.given_name\"\nattributes.badge.reference = { account_type = \"host-user\", attribute = \"key\" }",
            &[
                "all.toml:21:47: Takes its value from the account type itself; use `expression`, or name another than `host-user`.",
            ],
        ),
        (
            "attributes.name.expression = \"identity.given_name\"",
            "attributes.name.expression = \"identity.given_name\"\nattributes.badge.reference = { account_type = \"desk\", attribute = \"nam\" }\n[account_types.desk]\ndisplay_name = \"Desk\"\napplication = \"host\"\nkey = \"name\"\nattributes.name.expression = \"identity.given_name\"",
            &["all.toml:21:67: Takes `nam`, which account type `desk` does not specify; perhaps `name` is meant."],
        ),
        (
            "attributes.name.expression = \"identity.given_name\"",
            "attributes.name.expression = \"identity.given_name\"\nattributes.badge.reference = { account_type = \"desk\", expression = \"account.name + account.nam + identity.shoe\" }\n[account_types.desk]\ndisplay_name = \"Desk\"\napplication = \"host\"\nkey = \"name\"\nattributes.name.expression = \"identity.given_name\"",
            &[
                "all.toml:21:68: Reads `identity.shoe`, which no identity source delivers.",
                "all.toml:21:68: Takes `nam`, which account type `desk` does not specify; perhaps `name` is meant.",
            ],
        ),
        (
            "attributes.name.expression = \"identity.given_name\"",
            "attributes.name.expression = \"identity.given_name\"\nattributes.badge.reference = { account_type = \"desk\", attribute = \"name\" }\n[account_types.desk]\ndisplay_name = \"Desk\"\napplication = \"host\"\nkey = \"name\"\ndepends_on = [\"host-user\"]\nattributes.name.expression = \"identity.given_name\"",
            &[
                "all.toml:26:14: Account types depend on each other in a circle: desk → host-user → desk; remove one of these steps.",
            ],
        ),
        (
            "display_name = \"Staff\"\n",
            "display_name = \"Staff\"\nroles = [\"other\"]\n[roles.other]\ndisplay_name = \"Other\"\nroles = [\"staff\"]\n[roles.third]\ndisplay_name = \"Third\"\n",
            &["all.toml:37:9: Roles contain each other in a circle: other → staff → other; remove one of these steps."],
        ),
        (
            "display_name = \"identity.given_name\"",
            "display_name = \"identity.given_name + 1 1\"",
            &["all.toml:9:41: Extraneous input '1'; expected the end."],
        ),
    ];
    for (from, to, expected) in cases {
        assert_eq!(GOOD.matches(from).count(), 1, "{from}");
        let text = GOOD.replace(from, to);
        assert_eq!(complaints(&[("all.toml", text.as_bytes())]), *expected, "{from} → {to}");
    }
}

/// What a file can hold, a draft can change: nothing is left to files alone.
#[test]
fn everything_of_a_configuration_can_be_drafted() {
    let drafted: BTreeSet<(&str, &str)> =
        model::draft::ObjectKind::all().map(|kind| (kind.table(), kind.noun())).collect();
    assert_eq!(drafted, parse::KINDS.into_iter().collect());
}
