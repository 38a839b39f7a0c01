//! The real program, started privately: a temporary data directory, a free port, and a client that shows redirections
//! and cookies as they are.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Once;

use reqwest::header::{self, HeaderMap};
use reqwest::{Client, Response, redirect};
use tempfile::TempDir;
use testkit::configuration::DESK;

/// Users of a test's server, and the password of both.
pub(crate) const ADMINISTRATOR: &str = "admin";
pub(crate) const EMPLOYEE: &str = "worker";
pub(crate) const PASSWORD: &str = "canary-password-of-everybody";

/// Work at the desk for everybody, however many there are: beside [`DESK`], in a configuration of its own.
pub(crate) const EVERYBODY: &str = r#"
[entitlements.reader]
display_name = "Reads"
account_type = "desk"
key = "READ"
[rules.everybody]
when = 'identity.department != ""'
entitlements = ["reader"]
[account_types.desk.thresholds]
inserted = "off"
updated = "off"
links_added = "off"
links_removed = "off"
deleted = { percent = 5 }
[sources.hr.thresholds]
inserted = { percent = 100 }
updated = { percent = 100 }
deleted = { percent = 5 }
[permission_profiles.administrator]
display_name = "Administrator"
permissions = ["/*"]
[permission_profiles.employee]
display_name = "Employee"
permissions = ["/Home"]
"#;

/// A running server; stops with the value.
pub(crate) struct Server {
    child: Child,
    pub(crate) base: String,
    pub(crate) directory: TempDir,
    /// One for all requests: making one takes longer than a request.
    pub(crate) client: Client,
}

impl Server {
    /// Starts on plain HTTP.
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts with additional arguments of `serve`.
    pub(crate) fn start_with(arguments: &[&str]) -> Self {
        Self::start_limited(&[], arguments)
    }

    /// Starts with limits, as `prlimit` is told them.
    pub(crate) fn start_limited(limits: &[&str], arguments: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let configuration = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/small");
        expect_success(&quartermaster(directory.path(), &["config", "apply", configuration.to_str().unwrap()], ""));
        for (login, profile) in [(ADMINISTRATOR, "administrator"), (EMPLOYEE, "employee")] {
            expect_success(&quartermaster(directory.path(), &["user", "add", login, "--profile", profile], PASSWORD));
        }
        Self::over(directory, limits, arguments)
    }

    /// Starts on what this data directory holds.
    pub(crate) fn over(directory: TempDir, limits: &[&str], arguments: &[&str]) -> Self {
        let log = std::fs::File::create(directory.path().join("log")).unwrap();
        let mut child = command(limits, directory.path())
            .args(["serve", "--address", "127.0.0.1:0"])
            .args(arguments)
            .env("QUARTERMASTER_LOG", "debug")
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port = || {
            // With a public address that is what the line names; the log has the port.
            let log = std::fs::read_to_string(directory.path().join("log")).unwrap();
            let (_, after) = log.split_once("listening address=127.0.0.1:").expect("the log names the port");
            format!("http://127.0.0.1:{}", after.split_whitespace().next().unwrap())
        };
        assert!(
            line.starts_with("Quartermaster is ready at "),
            "{line:?}, and the log: {}",
            read(&directory.path().join("log"))
        );
        let base = port();
        Self { child, base, directory, client: client() }
    }

    pub(crate) fn process(&self) -> String {
        self.child.id().to_string()
    }

    /// What it has logged so far.
    pub(crate) fn log(&self) -> String {
        read(&self.directory.path().join("log"))
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// Everything the server has written: log, database, write-ahead log.
    pub(crate) fn written(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let entries = std::fs::read_dir(self.directory.path()).unwrap().map(|entry| entry.unwrap().path());
        entries.filter(|path| path.is_file()).map(|path| (path.clone(), std::fs::read(&path).unwrap())).collect()
    }

    pub(crate) fn command(&self, arguments: &[&str], input: &str) -> Output {
        quartermaster(self.directory.path(), arguments, input)
    }

    /// Signs in as a browser would, and answers with the session's cookie, `name=value`.
    pub(crate) async fn sign_in(&self, login: &str) -> String {
        let answer = self.post("/login", &[], &[("login", login), ("password", PASSWORD)]).await;
        assert_eq!(answer.status(), 303, "signing in as {login}");
        session_cookie(answer.headers()).expect("a session")
    }

    /// A form that a page of ours posts, with more headers.
    pub(crate) async fn post(&self, path: &str, headers: &[(&str, &str)], form: &[(&str, &str)]) -> Response {
        let mut request = self.client.post(self.url(path)).header("sec-fetch-site", "same-origin").form(form);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Response {
        let mut request = self.client.get(self.url(path));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a command of the program to its end.
pub(crate) fn quartermaster(data: &Path, arguments: &[&str], input: &str) -> Output {
    let mut child = command(&[], data)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(format!("{input}\n").as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

/// The program over a data directory, with limits as `prlimit` is told them.
pub(crate) fn command(limits: &[&str], data: &Path) -> Command {
    const PROGRAM: &str = env!("CARGO_BIN_EXE_quartermaster");
    let mut command = Command::new(if limits.is_empty() { PROGRAM } else { "prlimit" });
    if !limits.is_empty() {
        // It becomes the program, and keeps its number.
        command.args(limits).arg(PROGRAM);
    }
    // Nothing of whoever runs the tests.
    for name in ["QUARTERMASTER_DATABASE", "QUARTERMASTER_DATA", "QUARTERMASTER_ADDRESS", "QUARTERMASTER_PUBLIC_URL"] {
        command.env_remove(name);
    }
    command.arg("--data").arg(data);
    command
}

pub(crate) fn expect_success(output: &Output) {
    assert!(output.status.success(), "{output:?}");
}

/// A client that follows nothing and keeps no cookies.
pub(crate) fn client() -> Client {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        // Another test of this process may have been first.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
    Client::builder().redirect(redirect::Policy::none()).build().unwrap()
}

/// The session's cookie out of an answer, `name=value`.
pub(crate) fn session_cookie(headers: &HeaderMap) -> Option<String> {
    let cookies = headers.get_all(header::SET_COOKIE).iter().filter_map(|value| value.to_str().ok());
    cookies
        .map(|cookie| cookie.split(';').next().unwrap().to_owned())
        .find(|pair| pair.starts_with("sid=") || pair.starts_with("__Host-sid="))
}

fn read(path: &Path) -> String {
    String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned()
}

#[tokio::test]
async fn the_machines_that_watch_get_their_answers() {
    let server = Server::start_with(&["--metrics-token", "watcher"]);
    for (path, body) in [("/livez", "ok\n"), ("/healthz", "ok\n"), ("/readyz", "ready\n")] {
        let answer = server.get(path, &[]).await;
        assert_eq!(answer.status(), 200, "{path}");
        assert_eq!(answer.text().await.unwrap(), body);
    }
    let metrics = server.get("/metrics", &[]).await;
    assert_eq!(metrics.status(), 200);
    assert!(metrics.text().await.unwrap().contains("http_request_duration_seconds_bucket{"));
    // Through a proxy everybody looks local; only the token counts then.
    let proxied = ("x-forwarded-for", "203.0.113.9");
    assert_eq!(server.get("/metrics", &[proxied]).await.status(), 404);
    assert_eq!(server.get("/metrics", &[proxied, ("authorization", "Bearer watched")]).await.status(), 404);
    assert_eq!(server.get("/metrics", &[proxied, ("authorization", "Bearer watcher")]).await.status(), 200);
}

#[tokio::test]
async fn pages_are_drawn_by_the_server() {
    let server = Server::start();
    let cookie = server.sign_in(ADMINISTRATOR).await;
    for (path, _) in
        app::permissions::PERMISSIONS.iter().filter(|(path, _)| !path.starts_with("/api/") && !path.contains('{'))
    {
        let answer = server.get(path, &[("cookie", &cookie)]).await;
        assert_eq!(answer.status(), 200, "{path}");
        let body = answer.text().await.unwrap();
        assert!(body.contains("<main") && body.contains("</html>"), "{path}: {body}");
    }
    let missing = server.get("/identities/987654321", &[("cookie", &cookie)]).await;
    assert_eq!(missing.status(), 404);
    assert_eq!(server.get("/no-such-page", &[("cookie", &cookie)]).await.status(), 404);
}

#[tokio::test]
async fn the_program_stops_when_it_is_asked_to() {
    let mut server = Server::start();
    let asked = Command::new("kill").args(["-TERM", &server.child.id().to_string()]).status().unwrap();
    assert!(asked.success());
    assert!(server.child.wait().unwrap().success());
    assert!(read(&server.directory.path().join("log")).contains("stopped"));
}

#[test]
fn exit_codes_say_what_kind_of_trouble_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let small = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/small");
    let small = small.to_str().unwrap();
    let export = directory.path().join("export");
    let export = export.to_str().unwrap();
    // Exported once, the folder is no longer empty.
    let steps: [(&[&str], i32); 23] = [
        (&["nonsense"], 2),
        (&["doctor"], 1),
        (&["migrate"], 0),
        (&["config", "plan", small], 3),
        (&["config", "apply", small], 0),
        (&["config", "plan", small], 0),
        (&["config", "apply", "/no/such/folder"], 1),
        (&["config", "export", export], 0),
        (&["config", "export", export], 4),
        (&["jobs", "run", "nonsense"], 2),
        (&["jobs", "run", "nightly"], 4),
        (&["jobs", "run", "compute-role-model", "--wait"], 0),
        // One that waits because no server runs, and the same again.
        (&["jobs", "run", "compute-role-model"], 0),
        (&["jobs", "run", "compute-role-model"], 4),
        (&["jobs", "show", "1"], 5),
        (&["jobs", "rerun", "1"], 5),
        (&["jobs", "cancel", "1"], 5),
        (&["jobs", "log", "1", "--level", "loud"], 2),
        (&["jobs", "list", "--job", "compute-role-model"], 0),
        (&["jobs", "list", "--jobs"], 0),
        (&["jobs", "compare", "1", "2"], 5),
        (&["identities", "show", "nobody"], 5),
        (&["orders", "show", "1"], 5),
    ];
    for (arguments, code) in steps {
        let output = quartermaster(directory.path(), arguments, "");
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {output:?}");
        if code != 0 && code != 3 && arguments != ["doctor"] {
            assert!(!output.stderr.is_empty(), "{arguments:?} says nothing");
        }
    }
    let json = quartermaster(directory.path(), &["-o", "json", "jobs", "list", "--jobs"], "");
    let jobs: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(jobs[0]["name"], "complete");
    assert_eq!((&jobs[1]["name"], &jobs[1]["schedule"]["cron"]), (&"nightly".into(), &"30 2 * * *".into()));
    let json = quartermaster(directory.path(), &["-o", "json", "jobs", "list"], "");
    let runs: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    let (waiting, done) = (runs[0]["run"]["id"].to_string(), runs[1]["run"]["id"].to_string());
    assert_eq!((&runs[0]["run"]["state"], &runs[1]["run"]["state"]), (&"queued".into(), &"completed".into()));
    let compared = quartermaster(directory.path(), &["-o", "json", "jobs", "compare", &done, &waiting], "");
    let compared: serde_json::Value = serde_json::from_slice(&compared.stdout).unwrap();
    assert_eq!(compared["steps"][0][0], "compute-role-model");
    for (arguments, code) in [
        (vec!["jobs", "rerun", &done], 4),
        (vec!["jobs", "resume", &done, "--reason", "It is right."], 4),
        (vec!["jobs", "reject", &done, "--reason", "It is wrong."], 4),
        (vec!["jobs", "cancel", &waiting], 0),
        (vec!["jobs", "cancel", &waiting], 4),
        (vec!["jobs", "log", &done], 0),
        (vec!["jobs", "rerun", &waiting], 0),
    ] {
        let output = quartermaster(directory.path(), &arguments, "");
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {output:?}");
    }
}

/// A data directory in which [`DESK`] and more is in force, and the role model of these people computed.
pub(crate) fn computed(more: &str, people: &str) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let configuration = directory.path().join("configuration");
    std::fs::create_dir(&configuration).unwrap();
    std::fs::write(configuration.join("all.toml"), [DESK, more].concat()).unwrap();
    std::fs::write(configuration.join("people.csv"), people).unwrap();
    let run = |arguments: &[&str]| expect_success(&quartermaster(directory.path(), arguments, ""));
    run(&["config", "apply", configuration.to_str().unwrap()]);
    for step in ["collect", "synchronize", "compute-role-model"] {
        run(&["jobs", "run", step, "--wait"]);
    }
    directory
}

/// One thing to be given, beside [`DESK`].
const READER: &str = r#"
[entitlements.reader]
display_name = "Reads"
account_type = "desk"
key = "READ"
"#;

#[test]
fn many_requests_are_answered_line_by_line() {
    let directory = computed(READER, "number,department\n7,Sales\n");
    let run = |arguments: &[&str], input: &str| quartermaster(directory.path(), arguments, input);
    let good = r#"{"identity": "7", "give": ["reader"], "justification": "asked for", "simulate": true}"#;
    let nobody = good.replace("\"7\"", "\"nobody\"");
    let nobody = nobody.as_str();
    for (lines, code, says) in [
        (vec![good, good], 0, ""),
        (vec![good, nobody], 6, "There is no identity with the key or number `nobody`"),
        (vec![nobody, "{}"], 4, "This is no request: missing field `identity`"),
    ] {
        let output = run(&["requests", "submit", "--file", "-"], &lines.join("\n"));
        let text = String::from_utf8_lossy(&[output.stdout.clone(), output.stderr.clone()].concat()).into_owned();
        assert_eq!(output.status.code(), Some(code), "{lines:?}: {text}");
        assert!(text.contains(says), "{lines:?}: {text}");
    }
    for arguments in
        [["requests", "submit", "--file", "/no/such/file"].as_slice(), &["work-items", "import", "/no/such/file"]]
    {
        let output = run(arguments, "");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("Name another file."), "{output:?}");
    }
    let output = run(&["requests", "submit", "nobody", "--give", "reader", "--justification", "asked for"], "");
    assert_eq!(output.status.code(), Some(5), "{output:?}");
}

/// A name that two things share, beside [`DESK`].
const SHARED_NAMES: &str = r#"
[entitlements.reader]
display_name = "Reads"
account_type = "desk"
key = "READ"
[access_profiles.reader]
display_name = "Readers"
application = "desk"
entitlements = ["reader"]
[rules.sales]
when = 'identity.department == "Sales"'
access_profiles = ["reader"]
"#;

#[test]
fn why_asks_back_about_names_that_are_shared_or_unknown() {
    let directory = computed(SHARED_NAMES, "number,department\n7,Sales\n8,Legal\n");
    let run = |arguments: &[&str]| quartermaster(directory.path(), arguments, "");
    let cases: [(&str, &str, i32, &str); 7] = [
        ("7", "entitlement:reader", 0, "Held: entitlement `reader`"),
        ("8", "entitlement:reader", 5, "rule sales would grant it"),
        ("7", "reader", 2, "Say which is meant: access_profile:reader or entitlement:reader."),
        ("7", "role:reader", 5, "No role is called `reader`. Did you mean access_profile:reader, entitlement:reader?"),
        ("7", "raeder", 5, "Nothing is called `raeder`. Did you mean access_profile:reader, entitlement:reader?"),
        ("7", "teapot", 5, "Nothing is called `teapot`. No other name is like it"),
        ("7", "cup:reader", 2, "`cup` is no kind of access"),
    ];
    for (identity, name, code, says) in cases {
        let output = run(&["why", identity, name]);
        let text = String::from_utf8_lossy(&[output.stdout.clone(), output.stderr.clone()].concat()).into_owned();
        assert_eq!(output.status.code(), Some(code), "{name}: {text}");
        assert!(text.contains(says), "{name}: {text}");
    }
}
