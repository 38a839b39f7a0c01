//! Lists as files, as somebody downloads them; and what the palette is told.

use std::path::Path;

use super::http::{ADMINISTRATOR, EMPLOYEE, EVERYBODY, PASSWORD, Server, expect_success, quartermaster};
use testkit::configuration::DESK;

const REVIEWER: &str = "reviewer";

/// Two account types whose orders wait for a review, one of which somebody reviews; and a receiver of events.
const REVIEWED: &str = r#"
[applications.vault]
display_name = "Vault"
[applications.vault.connection]
kind = "manual"
[account_types.vault]
display_name = "Vault"
application = "vault"
key = "name"
review = true
attributes = { name = { expression = "identity.key" }, department = { expression = "identity.department" } }
[applications.safe]
display_name = "Safe"
[applications.safe.connection]
kind = "manual"
[account_types.safe]
display_name = "Safe"
application = "safe"
key = "name"
review = true
attributes = { name = { expression = "identity.key" } }
[rules.vault]
when = 'identity.department != "Finance"'
account_types = ["vault", "safe"]
[permission_profiles.reviewer]
display_name = "Reviewer"
permissions = ["/Home", "/Orders/Review/vault"]
[subscriptions.asks]
from = "now"
"#;

/// A name that a spreadsheet would calculate, one that fills a line, and more people than fit into one piece.
fn people() -> String {
    let mut rows = String::from("number,department\n7,\"=HYPERLINK(\"\"http://x\"\")\"\n8,Sales\n");
    for number in 1_000..1_700 {
        rows.push_str(&format!("{number},Finance\n"));
    }
    rows
}

fn server() -> Server {
    server_with("")
}

/// With more in the configuration; where that has a profile for them, a reviewer signs in as well.
fn server_with(more: &str) -> Server {
    let directory = tempfile::tempdir().unwrap();
    let folder = directory.path().join("configuration");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("all.toml"), [DESK, EVERYBODY].concat()).unwrap();
    std::fs::write(folder.join("more.toml"), more).unwrap();
    std::fs::write(folder.join("people.csv"), people()).unwrap();
    let run = |arguments: &[&str], input: &str| expect_success(&quartermaster(directory.path(), arguments, input));
    run(&["config", "apply", Path::new(&folder).to_str().unwrap()], "");
    let reviewer = more.contains("[permission_profiles.reviewer]").then_some((REVIEWER, "reviewer"));
    for (login, profile) in [(ADMINISTRATOR, "administrator"), (EMPLOYEE, "employee")].into_iter().chain(reviewer) {
        run(&["user", "add", login, "--profile", profile], PASSWORD);
    }
    run(&["jobs", "run", "complete", "--wait"], "");
    Server::over(directory, &[], &[])
}

/// Rows of a file, as a spreadsheet has them.
fn rows(text: &str) -> Vec<Vec<String>> {
    let sheet = connectors::sheet::read("list.csv", text).unwrap();
    assert!(sheet.broken.is_none());
    sheet.rows.into_iter().map(|row| row.cells).collect()
}

#[tokio::test]
async fn a_file_holds_exactly_what_the_list_is_narrowed_to() {
    let server = server();
    let cookie = server.sign_in(ADMINISTRATOR).await;
    let get = async |path: &str| {
        let answer = server.get(path, &[("cookie", &cookie)]).await;
        assert_eq!(answer.status(), 200, "{path}");
        answer
    };

    let all = get("/exports/identities.csv").await;
    assert!(all.headers()["content-disposition"].to_str().unwrap().contains("identities.csv"));
    let all = all.text().await.unwrap();
    assert!(
        !all.contains(",=HYPERLINK") && !all.contains(",\"=HYPERLINK") && all.contains("'=HYPERLINK"),
        "{}",
        &all[..400]
    );
    let all = rows(&all);
    assert_eq!(all.len(), 702, "everybody, in several pieces, under one header");
    assert!(all.iter().all(|row| row.len() == 10 && row[0] != "Id"));

    // Page by page the list shows the same, in the same order.
    let file = rows(&get("/exports/identities.csv?department=Finance&lifecycle=active").await.text().await.unwrap());
    let keys: Vec<&str> = file.iter().map(|row| row[0].as_str()).collect();
    assert_eq!(keys.len(), 700);
    let mut listed: Vec<String> = Vec::new();
    let mut path = "/identities?department=Finance&lifecycle=active".to_owned();
    loop {
        let page = get(&path).await.text().await.unwrap();
        listed.extend(
            page.split("data-open=\"\" href=\"/identities/")
                .skip(1)
                .map(|rest| rest.split('"').next().unwrap().to_owned()),
        );
        let Some(next) = page.split("rel=\"next\"").next().filter(|before| before.len() < page.len()) else { break };
        let next = next.rsplit("href=\"").next().unwrap().split('"').next().unwrap();
        path = next.replace("&amp;", "&");
    }
    assert_eq!(keys, listed);
    let page = get("/identities?department=Finance").await.text().await.unwrap();
    assert!(page.contains("/exports/identities.csv?department=Finance"), "the page leads to its file");

    let users = rows(&get("/exports/users.csv?profile=employee").await.text().await.unwrap());
    assert_eq!(users.iter().map(|row| row[0].as_str()).collect::<Vec<_>>(), [EMPLOYEE]);
    let page = get("/users?profile=employee").await.text().await.unwrap();
    assert!(page.contains("/exports/users.csv?profile=employee") && page.contains("Save this view"), "{page}");

    // Every list there is, and nothing that is none.
    for list in [
        "orders",
        "work-items",
        "requests",
        "runs",
        "applications",
        "rules",
        "violations",
        "mails",
        "drafts",
        "policy-check",
    ] {
        let text = get(&format!("/exports/{list}.csv")).await.text().await.unwrap();
        assert!(text.lines().next().unwrap().contains(','), "{list}: {text}");
    }
    assert_eq!(server.get("/exports/secrets.csv", &[("cookie", &cookie)]).await.status(), 404);
    assert_eq!(server.get("/exports/orders.txt", &[("cookie", &cookie)]).await.status(), 404);

    // A file takes what its page takes.
    let employee = server.sign_in(EMPLOYEE).await;
    for list in ["identities", "orders", "work-items", "requests", "runs", "applications", "rules", "mails"] {
        let refused = server.get(&format!("/exports/{list}.csv"), &[("cookie", &employee)]).await;
        assert_eq!(refused.status(), 403, "{list}");
    }
    assert_eq!(server.get("/exports/identities.csv", &[]).await.status(), 303, "to the page for signing in");
}

#[tokio::test]
async fn the_palette_is_told_what_somebody_may_see() {
    let server = server();
    let titles = async |login: &str, text: &str| {
        let cookie = server.sign_in(login).await;
        let answer = server.get(&format!("/api/search?q={text}"), &[("cookie", &cookie)]).await;
        assert_eq!(answer.status(), 200);
        let found: serde_json::Value = answer.json().await.unwrap();
        let title = |line: &serde_json::Value| line["title"].as_str().unwrap().to_owned();
        found.as_array().unwrap().iter().map(title).collect::<Vec<_>>()
    };
    assert!(titles(ADMINISTRATOR, "complete").await.contains(&"Start the complete job".to_owned()));
    assert!(titles(ADMINISTRATOR, "reads").await.contains(&"Reads".to_owned()));
    assert_eq!(titles(EMPLOYEE, "complete").await, [] as [String; 0]);
    assert_eq!(titles(EMPLOYEE, "reads").await, [] as [String; 0]);
    assert_eq!(titles(EMPLOYEE, "1000").await, [] as [String; 0]);
    assert!(titles(EMPLOYEE, "saved").await.contains(&"Saved views".to_owned()));
    assert_eq!(titles(ADMINISTRATOR, "").await, [] as [String; 0]);
    assert_eq!(server.get("/api/search?q=a", &[]).await.status(), 401);
}

/// The review: a line for each property that waits, of the account types that one may review and of no other.
#[tokio::test]
async fn the_review_and_the_events_go_out_as_they_are_narrowed() {
    let server = server_with(REVIEWED);
    let cookie = server.sign_in(ADMINISTRATOR).await;
    let file = async |cookie: &str, path: &str| {
        let answer = server.get(path, &[("cookie", cookie)]).await;
        assert_eq!(answer.status(), 200, "{path}");
        answer.text().await.unwrap()
    };
    let all = file(&cookie, "/exports/review.csv").await;
    assert!(!all.contains(",=HYPERLINK") && !all.contains(",\"=HYPERLINK") && all.contains("'=HYPERLINK"), "{all}");
    let kinds = |text: &str| {
        let mut kinds: Vec<String> = rows(text).into_iter().map(|row| row[5].clone()).collect();
        kinds.dedup();
        kinds.sort();
        kinds.dedup();
        kinds
    };
    assert_eq!(kinds(&all), ["Safe", "Vault"]);
    let vaults = file(&cookie, "/exports/review.csv?cause=review&type=vault").await;
    assert_eq!(kinds(&vaults), ["Vault"]);
    assert!(rows(&vaults).iter().any(|row| row[8] == "department" && row[10] == "Sales"), "{vaults}");
    let page = file(&cookie, "/review?cause=review&type=vault").await;
    assert!(page.contains("/exports/review.csv?cause=review&amp;type=vault"), "the page leads to its file");
    for row in rows(&vaults) {
        assert!(page.contains(&format!("/orders/{}\"", row[0])), "order {} is on the page", row[0]);
    }
    // Whoever reviews one account type is shown that one, on the page and in the file.
    let reviewer = server.sign_in(REVIEWER).await;
    assert_eq!(kinds(&file(&reviewer, "/exports/review.csv").await), ["Vault"]);
    assert_eq!(rows(&file(&reviewer, "/exports/review.csv?type=safe").await), [] as [Vec<String>; 0]);
    assert!(file(&reviewer, "/review").await.contains("Save this view"));

    // Events, piece after piece, as the list shows them.
    let joined = rows(&file(&cookie, "/exports/events.csv?stream=events&type=identity.joined").await);
    assert_eq!(joined.len(), 702, "everybody, in several pieces, under one header");
    assert!(joined.iter().all(|row| row[1] == "identity.joined"));
    assert!(joined.is_sorted_by_key(|row| std::cmp::Reverse(row[0].parse::<i64>().unwrap())), "the newest first");
    let one = rows(&file(&cookie, "/exports/events.csv?stream=events&text=1000&type=identity.*").await);
    assert_eq!(one.iter().map(|row| row[3].as_str()).collect::<Vec<_>>(), ["1000"]);
    let page = file(&cookie, "/events?stream=events&text=1000&type=identity.*").await;
    assert!(page.contains("/exports/events.csv?stream=events&amp;text=1000"), "the page leads to its file");
    assert!(page.contains(&format!(">{}<", one[0][0])), "{page}");
    let desk = rows(&file(&cookie, "/exports/events.csv?stream=events&application=desk&type=assignment.*").await);
    assert!(!desk.is_empty() && desk.iter().all(|row| row[4] == "desk"), "{desk:?}");
    let lines = rows(&file(&cookie, "/exports/events.csv?stream=audit&text=reviewer").await);
    assert!(
        !lines.is_empty() && lines.iter().all(|row| row.len() == 6 && row.join(" ").contains("reviewer")),
        "{lines:?}"
    );
    assert_eq!(rows(&file(&cookie, "/exports/events.csv?stream=audit&until=2020-01-01").await), [] as [Vec<String>; 0]);
    assert!(!file(&cookie, "/events").await.contains("Export as CSV"), "receivers are no list");

    // A file takes what its page takes.
    let employee = server.sign_in(EMPLOYEE).await;
    for (list, who) in [("review", &employee), ("events", &employee), ("events", &reviewer)] {
        for path in [format!("/exports/{list}.csv"), format!("/{list}?stream=audit")] {
            assert_eq!(server.get(&path, &[("cookie", who)]).await.status(), 403, "{path}");
        }
    }
}
