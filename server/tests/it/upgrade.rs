//! One process takes the place of another while people work: on the socket that both are given, and on a schema that a newer
//! version has brought further. The same program stands for both versions, for there is no second one yet; what makes the
//! one that goes on the older one is a migration that it does not know.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use sqlx::Connection;
use testkit::configuration::DESK;
use testkit::wait::until;

use super::http::{ADMINISTRATOR, EVERYBODY, PASSWORD, client, session_cookie};
use crate::postgres::Postgres;

const CYCLES: usize = 10;
const CALLERS: usize = 10;
/// Between two requests of one caller: all of them together make 200 a second.
const PAUSE: Duration = Duration::from_millis(50);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn versions_change_under_load_on_sqlite() {
    let data = tempfile::tempdir().unwrap();
    let database = format!("sqlite:{}", data.path().join("quartermaster.db").display());
    change(data.path(), &database).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn versions_change_under_load_on_postgres() {
    let data = tempfile::tempdir().unwrap();
    let server = Postgres::start();
    change(data.path(), &server.create_database("upgrade")).await;
}

async fn change(data: &Path, database: &str) {
    let command = |arguments: &[&str], input: &str| run(data, database, arguments, input);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("all.toml"), [DESK, EVERYBODY].concat()).unwrap();
    std::fs::write(folder.path().join("people.csv"), "number,department\n7,Sales\n8,Sales\n").unwrap();
    command(&["config", "apply", folder.path().to_str().unwrap()], "");
    command(&["user", "add", ADMINISTRATOR, "--profile", "administrator"], PASSWORD);

    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", socket.local_addr().unwrap());
    let mut serving = serve(&socket, data, database);
    let form = [("login", ADMINISTRATOR), ("password", PASSWORD)];
    let signed_in = client().post(format!("{base}/login")).header("sec-fetch-site", "same-origin").form(&form).send();
    let cookie = session_cookie(signed_in.await.unwrap().headers()).expect("a session");

    let (over, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let callers: Vec<_> = (0..CALLERS)
        .map(|caller| tokio::spawn(call(caller, base.clone(), cookie.clone(), over.clone(), answered.clone())))
        .collect();
    bring_further(database).await;
    for cycle in 0..CYCLES {
        // Whichever of the two runs it.
        command(&["jobs", "run", "complete"], "");
        let next = serve(&socket, data, database);
        let before = answered.load(Ordering::Relaxed);
        until("people go on working", async || answered.load(Ordering::Relaxed) > before + 20).await;
        let mut old = std::mem::replace(&mut serving, next);
        let asked = Command::new("kill").args(["-TERM", &old.0.id().to_string()]).status().unwrap();
        assert!(asked.success());
        let ended = tokio::task::spawn_blocking(move || old.0.wait().unwrap()).await.unwrap();
        assert!(ended.success(), "cycle {cycle}: {ended}");
        until("the run ends", async || runs(data, database).iter().all(|state| state == "completed")).await;
    }
    over.store(true, Ordering::Relaxed);
    for caller in callers {
        let failures: Vec<String> = caller.await.unwrap();
        assert_eq!(failures, Vec::<String>::new(), "nobody is turned away");
    }
    assert_eq!(runs(data, database).len(), CYCLES, "no run is lost");
    assert!(answered.load(Ordering::Relaxed) > CYCLES * 20);
    let doctor = program(data, database).arg("doctor").output().unwrap();
    assert!(String::from_utf8_lossy(&doctor.stdout).contains("9999_add_notes"), "{doctor:?}");
}

/// Somebody at work: each request on a connection of its own, as it comes through a proxy that keeps none.
async fn call(
    caller: usize,
    base: String,
    cookie: String,
    over: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
) -> Vec<String> {
    let _ = client();
    let client = reqwest::Client::builder().pool_max_idle_per_host(0).build().unwrap();
    let mut failures = Vec::new();
    let mut tick = tokio::time::interval(PAUSE);
    for number in 0.. {
        tick.tick().await;
        if over.load(Ordering::Relaxed) {
            break;
        }
        let path = match (caller + number) % 40 {
            0 => "/identities",
            1 | 2 => "/readyz",
            _ => "/livez",
        };
        match client.get(format!("{base}{path}")).header("cookie", &cookie).send().await {
            Ok(answer) if answer.status() == 200 => match answer.text().await {
                Ok(_) => {
                    answered.fetch_add(1, Ordering::Relaxed);
                }
                Err(error) => failures.push(format!("{path}: {error:?}")),
            },
            Ok(answer) => failures.push(format!("{path}: {}", answer.status())),
            Err(error) => failures.push(format!("{path}: {error:?}")),
        }
    }
    failures
}

/// A process that ends with the value.
struct Serving(Child);

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts the program on a socket, as systemd hands it over, and waits until it is ready.
fn serve(socket: &TcpListener, data: &Path, database: &str) -> Serving {
    const HAND_OVER: &str = r#"exec 3<&0 </dev/null; LISTEN_PID=$$ LISTEN_FDS=1 exec "$@""#;
    let mut child = Command::new("sh")
        .args(["-c", HAND_OVER, "sh", env!("CARGO_BIN_EXE_quartermaster"), "--data"])
        .arg(data)
        .args(["--database", database, "serve"])
        .stdin(OwnedFd::from(socket.try_clone().unwrap()))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let port = socket.local_addr().unwrap().port();
    assert!(line.contains(&format!(":{port}")), "it is ready on the socket it was given: {line:?}");
    Serving(child)
}

/// The schema as a newer version leaves it: what it added is there, and says that this program goes on.
async fn bring_further(database: &str) {
    const ADDED: [&str; 4] = [
        "create table note (id bigint primary key, text text not null)",
        "alter table run add column note text",
        "alter table provisioning_order add column note text not null default ''",
        "insert into schema_migration (number, name, body)
         select 9999, '9999_add_notes', '-- Programs go on from ' || max(number) || '.' from schema_migration",
    ];
    for sql in ADDED {
        if database.starts_with("sqlite") {
            let mut connection = sqlx::SqliteConnection::connect(database).await.unwrap();
            sqlx::query(sql).execute(&mut connection).await.unwrap();
            connection.close().await.unwrap();
        } else {
            let mut connection = sqlx::PgConnection::connect(database).await.unwrap();
            sqlx::query(sql).execute(&mut connection).await.unwrap();
            connection.close().await.unwrap();
        }
    }
}

/// States of all runs.
fn runs(data: &Path, database: &str) -> Vec<String> {
    let output = program(data, database).args(["-o", "json", "jobs", "list"]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let listed: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let runs = listed.as_array().unwrap().iter();
    runs.map(|run| run["run"]["state"].as_str().unwrap().to_owned()).collect()
}

fn run(data: &Path, database: &str, arguments: &[&str], input: &str) {
    use std::io::Write as _;
    let mut child = program(data, database)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(format!("{input}\n").as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {output:?}");
}

fn program(data: &Path, database: &str) -> Command {
    let mut command = super::http::command(&[], data);
    command.args(["--database", database]);
    command
}
