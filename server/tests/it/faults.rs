//! The real program where the system gives it too little: a disk that takes nothing more, no free descriptors, a folder that
//! cannot be written. It stays up, says what is wrong and what to do, loses nothing, and goes on by itself.

use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::{Duration, Instant};

use sqlx::ConnectOptions;
use testkit::configuration::DESK;
use testkit::wait::until;

use super::http::{ADMINISTRATOR, EVERYBODY, Server, client, expect_success, quartermaster};

/// How soon the program is itself again once it has what it needs.
const SOON: Duration = Duration::from_secs(10);

/// People whose first load writes several times what the limit lets through.
const PEOPLE: usize = 3_000;
const LIMIT: &str = "--fsize=3000000:unlimited";

#[tokio::test]
async fn a_full_disk_is_said_and_survived() {
    // The log is a file as well, and reaches the limit in its turn.
    let server = Server::start_limited(&[LIMIT], &[]);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("all.toml"), [DESK, EVERYBODY].concat()).unwrap();
    let people: String = (1..=PEOPLE).map(|number| format!("{number},{:x<200}\n", "Sales")).collect();
    std::fs::write(folder.path().join("people.csv"), format!("number,department\n{people}")).unwrap();
    expect_success(&server.command(&["config", "apply", folder.path().to_str().unwrap()], ""));
    let cookie = server.sign_in(ADMINISTRATOR).await;
    expect_success(&server.command(&["jobs", "run", "complete"], ""));

    until("the disk is full", async || ready(&server).await.0 == 503).await;
    let (_, said) = ready(&server).await;
    assert!(said.contains("nothing can be written to the disk") && said.contains("Make room"), "{said}");
    for path in ["/livez", "/login", "/", "/jobs", "/identities"] {
        let answer = server.get(path, &[("cookie", &cookie)]).await;
        assert_eq!(answer.status(), 200, "{path} needs no writing");
    }

    let raised = Command::new("prlimit").args(["--pid", &server.process(), "--fsize=unlimited"]).status().unwrap();
    assert!(raised.success());
    let since = Instant::now();
    until("it is ready again", async || ready(&server).await.0 == 200).await;
    eprintln!("ready again after {:?}", since.elapsed());
    assert!(since.elapsed() < SOON, "ready again only after {:?}", since.elapsed());

    let mut database = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(server.directory.path().join("quartermaster.db"))
        .read_only(true)
        .connect()
        .await
        .unwrap();
    let ended = "select count(*) from run where state in ('completed', 'warning', 'errored')";
    until("the run ends", async || number(&mut database, ended).await == 1).await;
    let intact: String = sqlx::query_scalar("pragma integrity_check").fetch_one(&mut database).await.unwrap();
    assert_eq!(intact, "ok");
    let all = PEOPLE as i64;
    for (what, sql, count) in [
        ("runs", "select count(*) from run where state = 'completed'", 1),
        ("people", "select count(*) from identity", all),
        ("orders", "select count(*) from provisioning_order where state <> 6", all),
        ("people with an order", "select count(distinct identity_id) from provisioning_order where state <> 6", all),
        ("work items", "select count(*) from work_item where state = 'open'", all),
    ] {
        assert_eq!(number(&mut database, sql).await, count, "{what}");
    }
    assert!(!server.log().contains("panicked"), "{}", server.log());
}

#[tokio::test]
async fn without_free_descriptors_it_waits_and_does_not_end() {
    let server = Server::start_limited(&["--nofile=64:64"], &[]);
    let address = server.base.trim_start_matches("http://").to_owned();
    // More than it can take; those beyond wait in the system's queue.
    let crowd: Vec<TcpStream> = (0..100).map(|_| TcpStream::connect(&address).unwrap()).collect();
    let impatient = client().get(server.url("/readyz")).timeout(Duration::from_millis(1_500));
    assert!(impatient.send().await.is_err(), "there is a descriptor left; the test proves nothing");
    drop(crowd);
    let since = Instant::now();
    until("it answers again", async || ready(&server).await.0 == 200).await;
    assert!(since.elapsed() < SOON, "it answers again only after {:?}", since.elapsed());
    server.sign_in(ADMINISTRATOR).await;
    assert!(!server.log().contains("panicked"), "{}", server.log());
}

#[test]
fn a_folder_that_cannot_be_written_is_said_at_start() {
    let directory = tempfile::tempdir().unwrap();
    expect_success(&quartermaster(directory.path(), &["migrate"], ""));
    let permit = |mode: u32| {
        let permissions = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(directory.path(), permissions).unwrap();
    };
    permit(0o555);
    // The administrator of the system may write everywhere, unless that right is laid down.
    let program = env!("CARGO_BIN_EXE_quartermaster");
    let is_root = Command::new("id").arg("-u").output().unwrap().stdout.trim_ascii() == b"0";
    let mut command = Command::new(if is_root { "setpriv" } else { program });
    if is_root {
        command.args(["--bounding-set=-dac_override,-dac_read_search", "--", program]);
    }
    let output = command
        .env_remove("QUARTERMASTER_DATABASE")
        .arg("--data")
        .arg(directory.path())
        .args(["serve", "--address", "127.0.0.1:0"])
        .output()
        .unwrap();
    permit(0o755);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    let place = directory.path().join("quartermaster.db");
    assert!(said.contains(place.to_str().unwrap()) && said.contains("writable"), "{said}");
    assert!(!said.contains("panicked"), "{said}");
    expect_success(&quartermaster(directory.path(), &["jobs", "list"], ""));
}

/// Status and text of /readyz; no status where nobody answers in time.
async fn ready(server: &Server) -> (u16, String) {
    match client().get(server.url("/readyz")).timeout(Duration::from_secs(5)).send().await {
        Ok(answer) => (answer.status().as_u16(), answer.text().await.unwrap_or_default()),
        Err(_) => (0, String::new()),
    }
}

async fn number(database: &mut sqlx::SqliteConnection, sql: &'static str) -> i64 {
    sqlx::query_scalar::<_, i64>(sql).fetch_one(database).await.unwrap()
}
