//! Role mining as people use it: the page without scripts, and the command line, over one database.

use serde_json::Value;

use super::http::{ADMINISTRATOR, PASSWORD, Server, computed, expect_success, quartermaster};

const MORE: &str = r#"
[entitlements.reader]
display_name = "Reads"
account_type = "desk"
key = "READ"
[permission_profiles.administrator]
display_name = "Administrator"
permissions = ["/*"]
"#;
const WHEN: &str = "identity.department == \"Sales\"";
/// The question as the page asks it, and as the command line does.
const ASKED: &str = "look=yes&access=by_hand&wanted=rules&people=3";
const QUESTION: [&str; 6] = ["--access", "by_hand", "--wanted", "rules", "--people", "3"];

#[tokio::test]
async fn a_proposal_is_looked_at_on_the_page_and_taken_once() {
    let directory = computed(MORE, "number,department\n1,Sales\n2,Sales\n3,Sales\n4,Legal\n");
    let give = |number| format!(r#"{{"identity": "{number}", "give": ["reader"], "justification": "asked for"}}"#);
    let lines = [1, 2, 3].map(give).join("\n");
    expect_success(&quartermaster(directory.path(), &["requests", "submit", "--file", "-"], &lines));
    expect_success(&quartermaster(
        directory.path(),
        &["user", "add", ADMINISTRATOR, "--profile", "administrator"],
        PASSWORD,
    ));
    let server = Server::over(directory, &[], &[]);
    let command =
        |arguments: &[&str]| server.command(&[["mining"].as_slice(), arguments, QUESTION.as_slice()].concat(), "");
    let run = command(&["run", "-o", "json"]);
    expect_success(&run);
    let found: Value = serde_json::from_slice(&run.stdout).unwrap();
    let rule = &found["rules"][0];
    assert_eq!((&rule["condition"]["when"], &rule["condition"]["matching"]), (&WHEN.into(), &3.into()), "{found:#}");
    let key = rule["key"].as_str().unwrap();

    let cookie = server.sign_in(ADMINISTRATOR).await;
    let signed_in = [("cookie", cookie.as_str()), ("accept", "text/html")];
    let asked = server.get("/mining", &signed_in).await.text().await.unwrap();
    assert!(asked.contains("Look for proposals") && !asked.contains(key), "nothing is looked for yet");
    let page = server.get(&format!("/mining?{ASKED}"), &signed_in).await.text().await.unwrap();
    for piece in
        [key, "Of 4 people, 1 thing is held by hand or by nothing, 3 times", "It covers 3 of the 3 who hold it"]
    {
        assert!(page.contains(piece), "{piece}");
    }
    let wrong = server.get("/mining?look=yes&access=found&wanted=rules&people=few", &signed_in).await;
    assert_eq!(wrong.status(), 200);
    let wrong = wrong.text().await.unwrap();
    assert!(
        wrong.contains("class=\"quoted\">few")
            && wrong.contains("is no whole number")
            && wrong.contains("value=\"few\""),
        "what was typed stays"
    );

    let take = [
        ("asked", ASKED),
        ("ids[]", key),
        ("keys[]", key),
        ("names[]", "sales-reads"),
        ("kind", "automatic"),
        ("priority", "0"),
        ("draft", ""),
    ];
    let taken = server.post("/api/pages/mining/take", &signed_in, &take).await;
    let location = taken.headers()["location"].to_str().unwrap().to_owned();
    assert!(taken.status().is_redirection() && location.contains("/drafts/"), "{location}");
    let draft = server.get(&location, &signed_in).await.text().await.unwrap();
    assert!(draft.contains("sales-reads"), "the draft holds the rule");

    let twice = server.post("/api/pages/mining/take", &signed_in, &take).await;
    assert!(twice.headers()["location"].to_str().unwrap().contains("/mining?look=yes"), "back to the question");
    let accepted = command(&["accept", key]);
    assert_eq!(accepted.status.code(), Some(4), "{accepted:?}");
    assert!(String::from_utf8_lossy(&accepted.stderr).contains("holds this already, as rule `sales-reads`"));
    let files = command(&["files", &format!("{key}=readers")]);
    expect_success(&files);
    let text = String::from_utf8_lossy(&files.stdout).into_owned();
    assert!(text.contains("[rules.readers]") && text.contains("entitlements = [\"reader\"]"), "{text}");

    for (arguments, code) in [
        (["accept", "0123456789"].as_slice(), 4),
        (["run", "--precision", "101"].as_slice(), 2),
        (["run", "--attribute", "shoe_size"].as_slice(), 2),
    ] {
        let output = command(arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {output:?}");
    }
}
