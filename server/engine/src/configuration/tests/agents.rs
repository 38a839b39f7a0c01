//! What agents read, and what they cannot.

use model::configuration::Connection;

use super::{GOOD, complaints_beside_good, difference, export, good, read, write};

const MORE: &str = r#"
[agents.north]
display_name = "North"
#agent
[applications.cloud]
display_name = "Cloud"
read_by = "north"
connection = { kind = "ldap", url = "ldap://north.invalid", bind_dn = "cn=reader", password = "secret:x", account_base = "ou=people", account_classes = ["person"], account_rdn = "uid" }
#cloud
[applications.extract]
display_name = "Extract"
read_by = "north"
connection = { kind = "manual", extract = { file = "there.csv", key = "id" } }
"#;

#[test]
fn what_an_agent_cannot_read_is_told() {
    let cases: &[(&str, &str, &[&str])] = &[
        ("", "", &[]),
        ("silence_minutes = 5\nexport_minutes = 5", "", &[]),
        (
            "export_minutes = 9",
            "",
            &[
                "more.toml:4:18: A run would give an export up after 9 minutes, before it had waited 10 minutes for a sign of it. Make `export_minutes` the larger of the two.",
            ],
        ),
        (
            "silence_minutes = 0",
            "",
            &["more.toml:4:19: A run would wait for nothing. Expected a number of minutes from 1 on."],
        ),
        (
            "",
            "writes = \"accounts\"",
            &[
                "more.toml:9:10: An agent reads this application, and nothing is written through a connection that an agent reads. Leave `writes` out; an integration, a proxy or people carry its orders out.",
            ],
        ),
        (
            "",
            "[applications.other]\ndisplay_name = \"Other\"\nread_by = \"nort\"\nconnection = { kind = \"manual\" }",
            &[
                "more.toml:11:11: There is no agent `nort`. Did you mean `north`?",
                "more.toml:11:11: There is nothing to read: the connection is worked by hand and has no `extract`. Give it one, or leave `read_by` out.",
            ],
        ),
        (
            "",
            "[applications.other]\ndisplay_name = \"Other\"\nread_by = \"north\"\n\
             connection = { kind = \"csv\", outbox = \"o\", inbox = \"i\" }",
            &[
                "more.toml:11:11: An agent only reads, and a connection of this kind is there to carry orders out. Let the agent read a connection of the kind scim, ldap, sql or manual (with an `extract`), and carry orders out by an integration that names this application.",
            ],
        ),
        (
            "",
            "[applications.other]\ndisplay_name = \"Other\"\nread_by = \"north\"\n\
             connection = { kind = \"scim\", url = \"https://x.example\", token = \"clear\" }",
            &[
                "more.toml:12:66: A token does not belong into a file here. The agent that reads `other` has it in its own file; write token = \"secret:other-token\", which is kept nowhere.",
            ],
        ),
        (
            "",
            "[applications.other]\ndisplay_name = \"Other\"\nproxy = \"cloud\"\nwrites = \"nothing\"\n\
             connection = { kind = \"scim\", url = \"https://x.example\" }",
            &[
                "more.toml:11:9: `cloud` is read by an agent, and nothing is written through its connection from here. Name another, or leave `proxy` out.",
            ],
        ),
    ];
    for (agent, cloud, expected) in cases {
        let more = MORE.replace("#agent", agent).replace("#cloud", cloud);
        assert_eq!(complaints_beside_good(&more), *expected, "{more}");
    }
}

#[test]
fn agents_are_planned_and_written_and_their_paths_are_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), &[("all.toml", GOOD.as_bytes()), ("more.toml", MORE.as_bytes())]);
    let wanted = read(directory.path()).unwrap().configuration;
    let Connection::Manual(manual) = &wanted.applications["extract"].connection else { panic!("it is manual") };
    assert_eq!(manual.extract.as_ref().unwrap().file, "there.csv", "where it lies knows the agent");
    let plan = difference(&good(), &wanted).to_string();
    assert!(plan.contains("+ agent north\n"), "{plan}");
    let mut other = wanted.clone();
    other.agents.get_mut("north").unwrap().silence_minutes = Some(30);
    let plan = difference(&wanted, &other).to_string();
    assert!(plan.contains("~ agent north\n    silence_minutes: ") && plan.contains("30"), "{plan}");

    let written = tempfile::tempdir().unwrap();
    for (path, content) in export(&wanted) {
        write(written.path(), &[(path.to_str().unwrap(), content.as_bytes())]);
    }
    assert!(written.path().join("agents.toml").is_file());
    assert_eq!(read(written.path()).unwrap().configuration, wanted);
}
