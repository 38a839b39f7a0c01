//! Users and permissions over HTTP and on the command line.

use std::path::Path;

use super::http::{ADMINISTRATOR, EMPLOYEE, PASSWORD, Server, client, expect_success, quartermaster};

/// What a page, form, route or use case may be asked for, as written in the sources.
const SOURCES: [&str; 6] = [
    "server/engine/src",
    "server/model/src/order.rs",
    "server/broker/src/user_change.rs",
    "app/src/pages",
    "app/src/frame.rs",
    "server/src/http/permissions.rs",
];

fn text(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The value of a hidden field.
fn hidden(page: &str, name: &str) -> String {
    let tag = page.split("<input").find(|tag| tag.contains(&format!("name=\"{name}\""))).expect(name);
    tag.split("value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_user_is_added_on_a_page_and_does_what_the_tester_says() {
    let server = Server::start();
    let cookie = server.sign_in(ADMINISTRATOR).await;
    let signed_in = [("cookie", cookie.as_str())];
    let form = [("login", "cy"), ("display_name", "Cy Ash"), ("profiles[]", "employee"), ("password", PASSWORD)];
    let answer = server.post("/api/pages/users/create", &signed_in, &form).await;
    let user = answer.headers()["location"].to_str().unwrap().to_owned();
    assert!(user.starts_with("/users/"), "{user}");

    let theirs = server.sign_in("cy").await;
    for (path, page) in
        [("/", "/"), ("/users", "/users"), ("/permissions/test", "/permissions/test"), ("/forms", "/forms")]
    {
        let status = server.get(path, &[("cookie", &theirs)]).await.status();
        let tested = server.command(&["permissions", "test", "cy", page], "");
        assert_eq!(status == 200, tested.status.success(), "{path}: {status}, {}", text(&tested));
        assert!(status == 200 || status == 403, "{path}: {status}");
    }
    let no = server.command(&["permissions", "test", "cy", "/Users/Manage"], "");
    assert_eq!(no.status.code(), Some(4));
    assert!(text(&no).contains("The smallest entry that would be enough: /Users/Manage."), "{}", text(&no));
    assert!(text(&no).contains("/* in the profile administrator, a parent path"), "{}", text(&no));
    let page = server.get("/permissions/test?user=cy&what=/Users/Manage", &signed_in).await.text().await.unwrap();
    assert!(page.contains("No: Cy Ash may not do what takes /Users/Manage."), "{page}");
    let forbidden = server.post("/api/pages/users/create", &[("cookie", &theirs)], &form).await;
    assert_eq!(forbidden.status(), 403);

    // Given the profile, at the next request.
    let page = server.get(&user, &signed_in).await.text().await.unwrap();
    let (id, seen) = (hidden(&page, "id"), hidden(&page, "seen"));
    let change = |seen: String, name: &str, profile: &str| {
        let form =
            [("id", id.clone()), ("seen", seen), ("display_name", name.to_owned()), ("profiles[]", profile.to_owned())];
        client()
            .post(server.url("/api/pages/users/change"))
            .header("sec-fetch-site", "same-origin")
            .header("cookie", &cookie)
            .form(&form)
            .send()
    };
    change(seen.clone(), "Cy Ash", "administrator").await.unwrap();
    assert_eq!(server.get("/users", &[("cookie", &theirs)]).await.status(), 200);

    // Whoever is later keeps what they typed.
    let stale = change(seen, "Cyrus", "employee").await.unwrap();
    let back = stale.headers()["location"].to_str().unwrap().to_owned();
    assert!(back.contains("stale=yes") && back.contains("display_name=Cyrus"), "{back}");
    let page = server.get(&back, &signed_in).await.text().await.unwrap();
    assert!(page.contains("As it is now: Cy Ash, with administrator."), "{page}");
    assert!(page.contains("value=\"Cyrus\""), "{page}");

    // A drawn password is shown once, and ends the session.
    let drawn = server.post("/api/pages/users/password", &signed_in, &[("id", &id), ("password", "")]).await;
    let shown = drawn.headers().get_all("set-cookie").iter().find_map(|value| {
        let value = value.to_str().unwrap();
        value.contains("flash-of-page").then(|| value.to_owned())
    });
    let shown = shown.expect("the password, for the next page");
    assert!(shown.contains(&format!("Path=/users/{id}")) && shown.contains("HttpOnly"), "{shown}");
    assert_eq!(server.get("/", &[("cookie", &theirs)]).await.status(), 303, "signed out");
}

#[test]
fn the_first_user_of_an_empty_database_brings_the_profile_of_administrators() {
    let folder = tempfile::tempdir().unwrap();
    let command = |words: &[&str], input: &str| quartermaster(folder.path(), words, input);
    let refused = command(&["user", "add", "cy", "--profile", "desk"], PASSWORD);
    assert_eq!(refused.status.code(), Some(2));
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("the configuration has none yet") && said.contains("`administrator`"), "{said}");

    let first = command(&["user", "add", "ann"], PASSWORD);
    expect_success(&first);
    assert!(text(&first).contains("it has `administrator` now"), "{}", text(&first));
    expect_success(&command(&["permissions", "test", "ann", "/Users/Elevate"], ""));
    // It came from no files, so that there is nothing that applying them again would undo.
    expect_success(&command(&["config", "drift"], ""));

    let second = command(&["user", "add", "bo"], PASSWORD);
    expect_success(&second);
    assert_eq!(text(&second).trim(), "bo can sign in.");
}

#[tokio::test]
async fn users_are_managed_on_the_command_line() {
    let server = Server::start();
    let add = server.command(&["user", "add", "cy", "--profile", "employee"], PASSWORD);
    expect_success(&add);
    expect_success(&server.command(&["user", "profiles", "cy", "--give", "administrator", "--take", "employee"], ""));
    let json = server.command(&["-o", "json", "user", "list", "--text", "cy"], "");
    let listed: serde_json::Value = serde_json::from_str(&text(&json)).unwrap();
    assert_eq!(listed[0]["profiles"], serde_json::json!(["administrator"]));
    let wrong = server.command(&["user", "profiles", "cy", "--take", "employee"], "");
    assert_eq!(wrong.status.code(), Some(2));
    expect_success(&server.command(&["user", "disable", ADMINISTRATOR], ""));
    let last = server.command(&["user", "disable", "cy"], "");
    assert_eq!(last.status.code(), Some(4), "somebody stays who manages users");
    expect_success(&server.command(&["user", "enable", ADMINISTRATOR], ""));
    expect_success(&server.command(&["user", "disable", "cy"], ""));

    let who = server.command(&["-o", "json", "permissions", "who", "/users"], "");
    let who: serde_json::Value = serde_json::from_str(&text(&who)).unwrap();
    assert_eq!(who.as_array().unwrap().len(), 1, "{who}");
    let of_profiles = server.command(&["permissions", "test-profiles", "/jobs", "--profile", "employee"], "");
    assert_eq!(of_profiles.status.code(), Some(4));
    assert_eq!(server.command(&["permissions", "test", EMPLOYEE, "/jobz"], "").status.code(), Some(2));
    assert_eq!(server.command(&["permissions", "test", "nobody", "/jobs"], "").status.code(), Some(5));
    let list = text(&server.command(&["permissions", "list"], ""));
    assert!(list.contains("administrator") && list.contains("/Home") && list.contains(EMPLOYEE), "{list}");
    expect_success(&server.command(&["permissions", "notices"], ""));
}

#[tokio::test]
async fn what_is_not_held_together_is_refused_and_what_is_shown_only_is_shown() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let profiles = r#"
[permission_profiles.administrator]
display_name = "Administrator"
permissions = ["/*"]
[permission_profiles.employee]
display_name = "Employee"
permissions = ["/Home"]
[permission_profiles.desk]
display_name = "Desk"
permissions = ["/Users/View", "/Users/Manage"]
[permission_profiles.audit]
display_name = "Audit"
permissions = ["/Certifications/View"]
[permission_conflicts.pair]
display_name = "Manages and audits"
first = ["/Users/Manage"]
second = ["/Certifications"]
"#;
    let apply = |text: &str| {
        std::fs::write(folder.path().join("all.toml"), text).unwrap();
        server.command(&["config", "apply", folder.path().to_str().unwrap()], "")
    };
    expect_success(&apply(profiles));
    expect_success(&server.command(&["user", "add", "cy", "--profile", "desk"], PASSWORD));
    let refused = server.command(&["user", "profiles", "cy", "--give", "audit"], "");
    assert_eq!(refused.status.code(), Some(4));
    let why = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(why.contains("Manages and audits: /Users/Manage in desk and /Certifications/View in audit"), "{why}");

    expect_success(&apply(&format!("{profiles}effect = \"warn\"\n")));
    let shown = server.command(&["user", "profiles", "cy", "--give", "audit"], "");
    expect_success(&shown);
    assert!(text(&shown).contains("Not to be held together, and held: Manages and audits"), "{}", text(&shown));
    let conflicts = text(&server.command(&["permissions", "conflicts"], ""));
    assert!(conflicts.contains("admin, cy"), "whoever holds everything is shown as well: {conflicts}");
    let cookie = server.sign_in(ADMINISTRATOR).await;
    for path in ["/users?show=conflicting", "/permissions"] {
        let page = server.get(path, &[("cookie", &cookie)]).await.text().await.unwrap();
        assert!(page.contains("Manages and audits") && page.contains("cy"), "{path}: {page}");
    }

    // A profile that has both by itself is a mistake, with its place.
    let both = profiles.replace("\"/Users/View\", \"/Users/Manage\"", "\"/Users\", \"/Certifications\"");
    let wrong = apply(&both);
    assert!(!wrong.status.success());
    let why = String::from_utf8_lossy(&wrong.stderr).into_owned();
    assert!(why.contains("all.toml:10:15") && why.contains("permission conflict `pair`"), "{why}");
}

/// Every path that something asks for has words, and every path that has words is asked for.
#[test]
fn the_catalogue_of_permissions_is_what_is_asked_for() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut asked = std::collections::BTreeSet::new();
    let mut places: Vec<std::path::PathBuf> = SOURCES.iter().map(|source| root.join(source)).collect();
    while let Some(place) = places.pop() {
        if place.is_dir() {
            places.extend(std::fs::read_dir(place).unwrap().map(|entry| entry.unwrap().path()));
            continue;
        }
        let text = std::fs::read_to_string(&place).unwrap();
        let own = text.split("#[cfg(test)]").next().unwrap();
        let quoted = own.match_indices("\"/").filter_map(|(at, _)| own[at + 1..].split('"').next());
        let is_path = |text: &&str| {
            let mut parts = text.split('/').skip(1);
            let is_part = |part: Option<&str>| {
                part.is_some_and(|part| {
                    part.starts_with(|c: char| c.is_ascii_uppercase()) && part.chars().all(|c| c.is_ascii_alphabetic())
                })
            };
            text.starts_with('/') && is_part(parts.next()) && is_part(parts.next()) && parts.next().is_none()
        };
        asked.extend(quoted.filter(is_path).map(str::to_owned));
    }
    asked.extend(
        app::permissions::PERMISSIONS
            .iter()
            .map(|(_, needs)| (*needs).to_owned())
            .filter(|needs| needs.starts_with('/')),
    );
    asked.extend(model::user::Duty::ALL.map(|duty| duty.path().to_owned()));
    let known: std::collections::BTreeSet<String> =
        model::permission::catalogue::ACTIONS.iter().map(|(path, _)| (*path).to_owned()).collect();
    assert!(known.len() > 50);
    assert_eq!(asked, known, "model/src/permission/catalogue.rs has a line for each path, and for no other");
}
