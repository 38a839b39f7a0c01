//! Ways that lead nowhere, and two where there is to be one.

use model::configuration::{Carrier, Part};

use super::{GOOD, complaints_beside_good, difference, export, good, read, write};

const MORE: &str = r#"
[applications.cloud]
display_name = "Cloud"
connection = { kind = "scim", url = "https://cloud.example/v2" }
#cloud
[integrations.desk]
display_name = "Desk"
connection = { kind = "csv", outbox = "out", inbox = "in" }
applications = ["cloud"]
#desk
"#;

/// With lines in the place of `#cloud` and `#desk`, and what is complained about.
#[test]
fn every_way_that_leads_nowhere_is_told() {
    let cases: &[(&str, &str, &[&str])] = &[
        ("", "", &[]),
        ("writes = \"accounts\"", "takes = \"entitlements\"", &[]),
        (
            "writes = \"half\"",
            "",
            &[
                "more.toml:5:10: `half` is not accepted here. Expected one of: everything, accounts, entitlements, nothing.",
            ],
        ),
        ("proxy = \"clowd\"", "", &["more.toml:5:9: There is no application `clowd`. Did you mean `cloud`?"]),
        (
            "writes = \"nothing\"\nproxy = \"cloud\"",
            "",
            &["more.toml:6:9: An application is not its own proxy. Name another application, or leave `proxy` out."],
        ),
        (
            "writes = \"nothing\"\nproxy = \"host\"",
            "",
            &[
                "more.toml:6:9: `host` is worked by hand, and has no connection that writes. Name an application that has one.",
            ],
        ),
        (
            "proxy = \"host\"",
            "",
            &[
                "more.toml:5:9: The connection of `cloud` writes everything itself, so nothing is left for a proxy. Say with `writes` what it does not write, or leave `proxy` out.",
            ],
        ),
        (
            "[applications.other]\ndisplay_name = \"Other\"\nwrites = \"accounts\"\nproxy = \"cloud\"\n\
             connection = { kind = \"scim\", url = \"https://other.example/v2\" }\n\
             [applications.third]\ndisplay_name = \"Third\"\nwrites = \"accounts\"\nproxy = \"other\"\n\
             connection = { kind = \"scim\", url = \"https://third.example/v2\" }",
            "",
            &[
                "more.toml:13:9: The connection of `other` does not write what that of `third` leaves out. Name another, or leave `proxy` out.",
            ],
        ),
        (
            "[applications.hand]\ndisplay_name = \"Hand\"\nconnection = { kind = \"manual\" }\nwrites = \"nothing\"",
            "",
            &[
                "more.toml:8:10: A connection of the kind `manual` writes nothing itself: people do what nobody else carries out. Leave `writes` out.",
            ],
        ),
        (
            "",
            "takes = \"nothing\"",
            &["more.toml:10:9: It would be sent nothing. Expected everything, accounts or entitlements."],
        ),
        ("", "applications = [\"cloud\"]", &["more.toml:10:1: `applications` is here twice. Keep one of the two."]),
        (
            "",
            "[integrations.idle]\ndisplay_name = \"Idle\"\nconnection = { kind = \"manual\" }",
            &[
                "more.toml:10:15: It would be sent nothing: name its `applications`, or write universal = true for what nobody else carries out.",
            ],
        ),
        (
            "",
            "[integrations.host]\ndisplay_name = \"Host\"\nuniversal = true\nconnection = { kind = \"manual\" }",
            &[
                "more.toml:10:15: There is an application `host`, and orders are sent to applications and integrations by name. Choose another.",
            ],
        ),
        (
            "",
            "[integrations.direct]\ndisplay_name = \"Direct\"\nuniversal = true\n\
             connection = { kind = \"scim\", url = \"https://x.example\" }",
            &[
                "more.toml:13:23: A connection of the kind `scim` reaches one application, and an integration carries out orders of others: expected csv, request_tracker or manual. To write through another application's connection, name that application as `proxy`.",
            ],
        ),
        (
            "",
            "[integrations.read]\ndisplay_name = \"Read\"\nuniversal = true\n\
             connection = { kind = \"manual\", extract = { file = \"x.csv\", key = \"k\" } }",
            &[
                "more.toml:13:43: What an application holds is read through its own connection. Give that the extract, and leave it out here.",
            ],
        ),
        (
            "",
            "universal = true\n[integrations.every]\ndisplay_name = \"Every\"\nuniversal = true\n\
             connection = { kind = \"manual\" }",
            &[
                "more.toml:13:13: `desk` is universal as well, and there can be one: what nobody else carries out goes to it. Keep one.",
            ],
        ),
        (
            "",
            "takes = \"accounts\"\n[integrations.two]\ndisplay_name = \"Two\"\napplications = [\"host\", \"cloud\", \"host\"]\n\
             connection = { kind = \"manual\" }",
            &[
                "more.toml:13:25: `desk` carries out accounts and their attributes of `cloud` already. Take it out of one of the two, or say with `takes` who takes what.",
                "more.toml:13:34: `host` is here twice. Keep one of the two.",
            ],
        ),
        (
            "",
            "takes = \"accounts\"\n[integrations.two]\ndisplay_name = \"Two\"\napplications = [\"cloud\", \"clowd\"]\n\
             takes = \"entitlements\"\nconnection = { kind = \"manual\", fulfiller = \"nobody\", due_days = 1, due_hours = 1 }",
            &[
                "more.toml:13:26: There is no application `clowd`. Did you mean `cloud`?",
                "more.toml:15:45: There is no permission profile `nobody`. Add [permission_profiles.nobody].",
                "more.toml:15:81: Give either `due_days` or `due_hours`: both say when the work is due.",
            ],
        ),
        (
            "",
            "retry = { give_up_on = [\"\"] }\n[integrations.rt]\ndisplay_name = \"RT\"\nuniversal = true\n\
             connection = { kind = \"request_tracker\", url = \"https://rt.example\", queue = \"q\", token = \"clear\" }",
            &[
                "more.toml:10:9: An empty pattern would fit every failure. Write a part of the message, or remove it.",
                "more.toml:14:91: A token in clear text does not belong into a file. Keep it with `quartermaster config secret rt-token` and write token = \"secret:rt-token\".",
            ],
        ),
    ];
    for (cloud, desk, expected) in cases {
        let more = MORE.replace("#cloud", cloud).replace("#desk", desk);
        assert_eq!(complaints_beside_good(&more), *expected, "{cloud}\n{desk}");
    }
}

#[test]
fn integrations_are_planned_and_written_like_everything_else() {
    let directory = tempfile::tempdir().unwrap();
    let more = MORE.replace("#cloud", "writes = \"accounts\"").replace("#desk", "takes = \"entitlements\"");
    write(directory.path(), &[("all.toml", GOOD.as_bytes()), ("more.toml", more.as_bytes())]);
    let wanted = read(directory.path()).unwrap().configuration;
    let desk = wanted.carrier("desk").unwrap();
    assert_eq!((desk.display_name, Carrier::from(&wanted.integrations["desk"]).connection.kind()), ("Desk", "csv"));
    assert!(!wanted.integrations["desk"].takes.include(Part::Accounts));
    let names: Vec<&str> = wanted.carriers().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["cloud", "host", "desk"]);
    let plan = difference(&good(), &wanted).to_string();
    assert!(plan.contains("+ integration desk\n"), "{plan}");
    let mut other = wanted.clone();
    other.applications.get_mut("cloud").unwrap().writes = model::configuration::Parts::Nothing;
    let plan = difference(&wanted, &other).to_string();
    assert!(plan.contains("~ application cloud\n    writes: \"accounts\" → \"nothing\"\n"), "{plan}");

    let written = tempfile::tempdir().unwrap();
    for (path, content) in export(&wanted) {
        write(written.path(), &[(path.to_str().unwrap(), content.as_bytes())]);
    }
    assert!(written.path().join("integrations/desk.toml").is_file());
    assert_eq!(read(written.path()).unwrap().configuration, wanted);
}
