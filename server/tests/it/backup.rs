//! Backups of the embedded database: taken while a run writes, each is one to start from; one that cannot be taken leaves nothing.

use std::collections::BTreeSet;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Output;

use sqlx::ConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use tempfile::TempDir;
use testkit::configuration::DESK;
use testkit::wait::until;

use super::http::{ADMINISTRATOR, EVERYBODY, Server, command, expect_success, quartermaster};

const PEOPLE: usize = 1_500;

/// A server whose complete job makes orders for everybody, and the folder that job reads.
fn server_with_people() -> (Server, TempDir) {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("all.toml"), [DESK, EVERYBODY].concat()).unwrap();
    let people: String = (1..=PEOPLE).map(|number| format!("{number},Sales\n")).collect();
    std::fs::write(folder.path().join("people.csv"), format!("number,department\n{people}")).unwrap();
    expect_success(&server.command(&["config", "apply", folder.path().to_str().unwrap()], ""));
    (server, folder)
}

fn backup(server: &Server, file: &Path) -> Output {
    server.command(&["backup", file.to_str().unwrap()], "")
}

/// A data directory that was put back from a backup.
fn restored(server: &Server, file: &Path) -> TempDir {
    let data = tempfile::tempdir().unwrap();
    std::fs::copy(file, data.path().join("quartermaster.db")).unwrap();
    std::fs::copy(server.directory.path().join("secret.key"), data.path().join("secret.key")).unwrap();
    data
}

/// What a command answers to a program.
fn told(data: &Path, arguments: &[&str]) -> serde_json::Value {
    let output = quartermaster(data, &[arguments, &["--output", "json"]].concat(), "");
    expect_success(&output);
    serde_json::from_slice(&output.stdout).unwrap()
}

async fn count(data: &Path, table: &'static str) -> usize {
    let database = SqliteConnectOptions::new().filename(data.join("quartermaster.db")).read_only(true);
    let sql = match table {
        "people" => "select count(*) from identity",
        _ => "select count(*) from provisioning_order",
    };
    let counted: i64 = sqlx::query_scalar(sql).fetch_one(&mut database.connect().await.unwrap()).await.unwrap();
    usize::try_from(counted).unwrap()
}

fn names(folder: &Path) -> BTreeSet<String> {
    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[tokio::test]
async fn backups_under_load_are_each_one_to_start_from() {
    let (server, _feed) = server_with_people();
    let safe = tempfile::tempdir().unwrap();
    expect_success(&server.command(&["jobs", "run", "complete"], ""));
    let files: Vec<PathBuf> = (0..6).map(|number| safe.path().join(format!("{number}.db"))).collect();
    for file in &files {
        expect_success(&backup(&server, file));
        assert_eq!(std::fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600, "for its owner alone");
    }
    until("the run ends", async || told(server.directory.path(), &["jobs", "list"])[0]["run"]["state"] == "completed")
        .await;
    let last = safe.path().join("last.db");
    let said = backup(&server, &last);
    expect_success(&said);
    assert!(String::from_utf8(said.stdout).unwrap().contains("secret.key"), "it says what it does not hold");
    assert_eq!(names(safe.path()).len(), files.len() + 1, "nothing but the backups: {:?}", names(safe.path()));

    let mut orders = Vec::new();
    for file in files.iter().chain([&last]) {
        let data = restored(&server, file);
        assert_eq!(told(data.path(), &["user", "list"]).as_array().unwrap().len(), 2);
        let people = count(data.path(), "people").await;
        assert!(people == 0 || people == PEOPLE, "people come all at once: {people}");
        orders.push(count(data.path(), "orders").await);
        assert!(orders.is_sorted(), "a later backup has all that an earlier one has: {orders:?}");
        assert!(*orders.last().unwrap() == 0 || people == PEOPLE, "no orders of nobody");
    }
    assert_eq!(orders.last(), Some(&PEOPLE));

    // A server starts from the last one, and who could sign in before can sign in again.
    let data = restored(&server, &last);
    drop(server);
    let again = Server::over(data, &[], &[]);
    let cookie = again.sign_in(ADMINISTRATOR).await;
    assert_eq!(again.get("/readyz", &[]).await.status(), 200);
    let page = again.get("/orders", &[("cookie", &cookie)]).await.text().await.unwrap();
    assert!(page.contains("This database was put back") && page.contains("Not read since"), "and what to do first");
    let shown = told(again.directory.path(), &["restored", "show"]);
    assert_eq!((&shown["waiting"], &shown["is_planned"]), (&0.into(), &false.into()));
    let doctor = again.command(&["doctor"], "");
    assert_eq!(doctor.status.code(), Some(1), "{doctor:?}");
    assert!(String::from_utf8(doctor.stdout).unwrap().contains("nothing goes out of it"));
    let early = again.command(&["restored", "end"], "");
    assert_eq!(early.status.code(), Some(4), "{early:?}");
    assert!(String::from_utf8(early.stderr).unwrap().contains("was put back"), "it says what is missing");
    expect_success(&again.command(&["jobs", "run", "complete"], ""));
    until("everything is planned anew", async || {
        told(again.directory.path(), &["restored", "show"])["is_planned"] == true
    })
    .await;
    let ended =
        again.post("/api/pages/orders/end-restoration", &[("cookie", &cookie), ("accept", "text/html")], &[]).await;
    assert!(ended.status().is_redirection(), "{ended:?}");
    let page = again.get("/orders", &[("cookie", &cookie)]).await.text().await.unwrap();
    assert!(!page.contains("This database was put back"));
    let twice = again.command(&["restored", "end"], "");
    assert_eq!(twice.status.code(), Some(4), "{twice:?}");
    expect_success(&again.command(&["restored", "mark", "--taken-at", "2026-11-28T22:00:00Z"], ""));
    assert_eq!(told(again.directory.path(), &["restored", "show"])["taken_at"], "2026-11-28T22:00:00Z");
}

#[tokio::test]
async fn what_cannot_be_taken_is_said_and_leaves_nothing() {
    let server = Server::start();
    let safe = tempfile::tempdir().unwrap();
    let there = safe.path().join("there.db");
    std::fs::write(&there, "something else").unwrap();
    let refused = backup(&server, &there);
    assert_eq!(refused.status.code(), Some(4), "{refused:?}");
    assert!(String::from_utf8(refused.stderr).unwrap().contains("is there already and was left as it is"));
    assert_eq!(std::fs::read(&there).unwrap(), b"something else");

    let nowhere = backup(&server, &safe.path().join("no/such/folder.db"));
    assert_eq!(nowhere.status.code(), Some(1), "{nowhere:?}");
    assert!(String::from_utf8(nowhere.stderr).unwrap().contains("Name a file in a folder that is there"));

    // A disk that takes no more than this.
    let full = safe.path().join("full.db");
    let cut_off = command(&["--fsize=100000"], server.directory.path()).arg("backup").arg(&full).output().unwrap();
    assert_eq!(cut_off.status.code(), Some(1), "{cut_off:?}");
    assert!(String::from_utf8(cut_off.stderr).unwrap().contains("the database cannot be copied"));

    // What somebody else began under that name is theirs.
    let begun = safe.path().join("begun.db.part");
    std::fs::write(&begun, "begun").unwrap();
    std::fs::set_permissions(&begun, Permissions::from_mode(0o644)).unwrap();
    assert_eq!(backup(&server, &safe.path().join("begun.db")).status.code(), Some(4));
    assert_eq!(std::fs::read(&begun).unwrap(), b"begun");
    assert_eq!(names(safe.path()), BTreeSet::from(["there.db".to_owned(), "begun.db.part".to_owned()]));
}
