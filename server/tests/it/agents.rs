//! Agents: the real program in the place of both, with a directory between them that the server cannot reach; and what
//! goes wrong on the way, spoken by hand.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use engine::jobs;
use model::agent::{Assignment, ExportState};
use model::error::ApiError;
use model::ids::{AgentTokenId, RunId};
use model::job::{LogLevel, RunMode, RunState};
use model::view::{AccountFilter, LogFilter};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use server::agent::{AgentError, AgentOptions};
use server::http::{Site, SiteOptions};
use testkit::wait;
use testkit::world::{World, person};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::http::{Server, client, expect_success, quartermaster};
use crate::slapd::{PASSWORD, SUFFIX, signed_in, start_slapd};

/// Longer than anything takes that does not hang.
const PATIENCE: Duration = Duration::from_secs(60);

/// A clinic's directory, at an address that leads nowhere from the server.
const CLINIC: &str = r#"
[agents.clinic]
display_name = "Clinic's network"
[agents.bank]
display_name = "Bank"

[applications.directory]
display_name = "Directory"
read_by = "clinic"
[applications.directory.connection]
kind = "ldap"
url = "ldap://directory.clinic.invalid"
bind_dn = "cn=admin,dc=example,dc=org"
password = "secret:directory-password"
account_base = "ou=people,dc=example,dc=org"
account_classes = ["inetOrgPerson"]
account_rdn = "uid"
group_base = "ou=groups,dc=example,dc=org"
group_class = "groupOfNames"

[account_types.clinician]
display_name = "Clinician"
application = "directory"
key = "uid"
[account_types.clinician.attributes]
uid = { expression = "identity.key", required = true, create_only = true }
cn = { expression = "identity.display_name", required = true }
sn = { expression = "identity.display_name", required = true }
"#;

const STAFF: &str = r#"
[sources.staff]
file = "where it lies knows the agent"
read_by = "clinic"
key = "number"
display_name = 'identity.name'
[sources.staff.attributes]
name = { column = "name", required = true }
department = "department"

[rules.clinicians]
when = 'identity.department == "Ward"'
account_types = ["clinician"]

[permission_profiles.administrator]
display_name = "Administrator"
permissions = ["/*"]
[permission_profiles.employee]
display_name = "Employee"
permissions = ["/Home"]
"#;

/// The program as an agent; ends with the value.
struct Agent {
    child: Child,
    log: PathBuf,
}

impl Agent {
    fn start(server: &str, token: &Path, connections: &Path) -> Self {
        let log = connections.with_extension("log");
        let mut child = Command::new(env!("CARGO_BIN_EXE_quartermaster"))
            .args(["agent", "--server", server, "--token-file", token.to_str().unwrap()])
            .args(["--connections", connections.to_str().unwrap()])
            .env("DIRECTORY_PASSWORD", PASSWORD)
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let agent = Self { child, log };
        assert_eq!(line, format!("The agent reads for {server}\n"), "{}", agent.said());
        agent
    }

    fn said(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// Exit code once it has ended.
    fn ended(&mut self) -> Option<i32> {
        let mut code = None;
        wait::until_here("the agent ends", || {
            let status = self.child.try_wait().unwrap();
            code = status.and_then(|status| status.code());
            status.is_some()
        });
        code
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn add(port: u16, uid: &str, name: &str) {
    let mut ldap = signed_in(port).await;
    let attributes = vec![
        ("objectClass", ["inetOrgPerson"].into()),
        ("uid", [uid].into()),
        ("cn", [name].into()),
        ("sn", [name].into()),
    ];
    ldap.add(&format!("uid={uid},ou=people,{SUFFIX}"), attributes).await.unwrap().success().unwrap();
}

fn rows(server: &Server, arguments: &[&str]) -> Vec<Value> {
    let output = server.command(&[arguments, &["-o", "json"]].concat(), "");
    expect_success(&output);
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test]
async fn an_agent_reads_what_the_server_cannot_reach() {
    let slapd = start_slapd(&["nurses"], false);
    add(slapd.server.port, "1", "Ann").await;
    add(slapd.server.port, "2", "Bo").await;
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let configuration = folder.path().join("configuration");
    std::fs::create_dir(&configuration).unwrap();
    std::fs::write(configuration.join("all.toml"), [CLINIC, STAFF].concat()).unwrap();
    expect_success(&server.command(&["config", "apply", configuration.to_str().unwrap()], ""));
    let made = server.command(&["agents", "token", "clinic", "--note", "the clinic's cellar"], "");
    expect_success(&made);
    let token = folder.path().join("token");
    std::fs::write(&token, &made.stdout).unwrap();
    let connections = folder.path().join("agent.toml");
    let here = format!(
        "[applications.directory]\nurl = \"ldap://127.0.0.1:{}\"\npassword = \"environment:DIRECTORY_PASSWORD\"\n\
         [sources.staff]\nfile = \"staff.csv\"\n",
        slapd.server.port
    );
    std::fs::write(&connections, here).unwrap();
    let staff = |rows: &str| std::fs::write(folder.path().join("staff.csv"), format!("number,name,department\n{rows}"));
    staff("1,Ann,Ward\n2,Bo,Ward\n3,Cy,Kitchen\n").unwrap();

    // Whoever has no token, or another's, reads nothing, and is told so at once.
    let wrong = folder.path().join("wrong");
    std::fs::write(&wrong, format!("qma_{}", "0".repeat(64))).unwrap();
    let refused = quartermaster(
        folder.path(),
        &[
            "agent",
            "--server",
            &server.base,
            "--token-file",
            wrong.to_str().unwrap(),
            "--connections",
            connections.to_str().unwrap(),
        ],
        "",
    );
    assert_eq!(refused.status.code(), Some(4), "{refused:?}");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("no token of an agent here"), "{refused:?}");

    let mut agent = Agent::start(&server.base, &token, &connections);
    let run = server.command(&["jobs", "run", "complete", "--wait"], "");
    expect_success(&run);
    let said = String::from_utf8_lossy(&run.stdout).into_owned();
    assert!(said.contains("Read 3 rows from `staff`."), "{said}");
    assert!(said.contains("Read 2 accounts from `directory`."), "{said}");
    let names = |server: &Server| -> Vec<String> {
        let people = rows(server, &["identities", "list"]);
        people.iter().map(|row| row["display_name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&server), ["Ann", "Bo", "Cy"]);
    let accounts = rows(&server, &["accounts", "list", "--application", "directory"]);
    assert_eq!(accounts.len(), 2, "{accounts:?}");

    // What is ordered there is for people: nothing is written through what an agent reads.
    let orders = rows(&server, &["orders", "list"]);
    assert!(!orders.is_empty() && orders.iter().all(|order| order["mechanism"] == "manual"), "{orders:?}");
    // An incremental run has the feed read again.
    staff("1,Ann,Ward\n2,Bo,Ward\n3,Cy,Kitchen\n4,Di,Kitchen\n").unwrap();
    expect_success(&server.command(&["jobs", "run", "complete", "--incremental", "--wait"], ""));
    assert_eq!(names(&server), ["Ann", "Bo", "Cy", "Di"]);

    // A feed that is wrong is told line by line, and nothing of it is taken over.
    staff("1,Ann,Ward\n,Bo,Ward\n").unwrap();
    let run = server.command(&["jobs", "run", "collect", "--wait"], "");
    let said = String::from_utf8_lossy(&run.stdout).into_owned();
    assert!(!run.status.success() && said.contains("the key is missing"), "{run:?}");
    assert_eq!(names(&server).len(), 4);

    // A directory that says no is as one that says it to the server.
    std::fs::write(
        &connections,
        format!("[applications.directory]\nurl = \"ldap://127.0.0.1:{}\"\npassword = \"guessed\"\n", slapd.server.port),
    )
    .unwrap();
    let run = server.command(&["jobs", "run", "synchronize-back", "--wait"], "");
    let said = String::from_utf8_lossy(&run.stdout).into_owned();
    assert!(said.contains("`directory` cannot be read"), "{run:?}");

    let agents = rows(&server, &["agents", "list"]);
    let clinic = agents.iter().find(|agent| agent["name"] == "clinic").unwrap();
    let reads = clinic["reads"].as_array().unwrap();
    assert_eq!(reads[0]["last"]["state"], "failed", "{clinic:#}");
    let number = clinic["tokens"][0]["id"].to_string();
    expect_success(&server.command(&["agents", "revoke", &number], ""));
    assert_eq!(agent.ended(), Some(4), "{}", agent.said());
    // Neither end has written the token or the password down.
    let token = String::from_utf8(made.stdout).unwrap();
    for (path, bytes) in server.written() {
        for secret in [token.trim(), PASSWORD] {
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "{} holds a secret", path.display());
        }
    }
    assert!(!agent.said().contains(token.trim()) && !agent.said().contains(PASSWORD));
}

/// A server in this process, over a world with a clock that stands until it is stepped.
struct House {
    world: World,
    base: String,
    token: String,
    token_id: AgentTokenId,
    serving: JoinHandle<()>,
}

impl House {
    async fn new() -> Self {
        Self::with(World::with_more(&[person(1, "Ann", "Lee", "Ward")], CLINIC, |_| {}).await).await
    }

    async fn with(world: World) -> Self {
        let made = engine::agents::tokens::create(&world.op(), "clinic".into(), "test".into()).await.unwrap();
        let (base, serving) = serve(&world).await;
        Self { world, base, token: made.token, token_id: made.id, serving }
    }

    /// Ends the engine and starts another over the same database.
    async fn restart(&mut self) {
        self.serving.abort();
        self.world.restart().await;
        (self.base, self.serving) = serve(&self.world).await;
    }

    async fn say(&self, method: Method, path: &str, body: &Value) -> (StatusCode, String) {
        self.say_as(&self.token, method, path, body).await
    }

    async fn say_as(&self, token: &str, method: Method, path: &str, body: &Value) -> (StatusCode, String) {
        let url = format!("{}/api/agents/{path}", self.base);
        let answer = client().request(method, url).bearer_auth(token).json(body).send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        let message = serde_json::from_str::<ApiError>(&text).map(|error| error.message);
        (status, message.unwrap_or(text))
    }

    /// What there is to read, once there is something.
    async fn next(&self) -> Assignment {
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            let (status, text) = self.say(Method::POST, "next", &ask(5)).await;
            match status {
                StatusCode::OK => return serde_json::from_str(&text).unwrap(),
                StatusCode::NO_CONTENT => {}
                _ => panic!("{status}: {text}"),
            }
        }
        panic!("there is nothing to read");
    }

    async fn page(&self, assignment: &Assignment, number: u32, keys: &[&str]) -> (StatusCode, String) {
        let accounts: Vec<Value> = keys.iter().map(|key| account(key)).collect();
        let path = format!("exports/{}/{}/pages/{number}", assignment.export, assignment.attempt);
        self.say(Method::PUT, &path, &json!({ "accounts": accounts })).await
    }

    async fn outcome(&self, assignment: &Assignment, outcome: &Value) -> (StatusCode, String) {
        let path = format!("exports/{}/{}/outcome", assignment.export, assignment.attempt);
        self.say(Method::PUT, &path, outcome).await
    }

    async fn start(&self, job: &str) -> RunId {
        jobs::start(&self.world.op(), job.into(), RunMode::default()).await.unwrap()
    }

    async fn log(&self, run: RunId) -> String {
        let filter = LogFilter { level: LogLevel::Information, task: None, after: 0, limit: 500 };
        let lines = jobs::log(&self.world.op(), run, filter).await.unwrap();
        lines.iter().map(|line| line.message.clone() + "\n").collect()
    }

    async fn accounts(&self) -> Vec<String> {
        let filter = AccountFilter { application: "directory".into(), ..AccountFilter::default() };
        let page = engine::accounts::page(&self.world.op(), filter).await.unwrap();
        page.rows.into_iter().map(|row| row.key).collect()
    }

    async fn state(&self, assignment: &Assignment) -> ExportState {
        self.world.engine.store().agent_export(assignment.export).await.unwrap().unwrap().state
    }
}

async fn serve(world: &World) -> (String, JoinHandle<()>) {
    let (_stop, stopping) = watch::channel(false);
    let options = SiteOptions {
        https: false,
        behind_proxy: false,
        metrics: None,
        metrics_token: None,
        stopping,
        site_root: None,
        executable: env!("CARGO_BIN_EXE_quartermaster").into(),
    };
    // Not all routes: another test of this program has made one that nothing permits, so that they are refused together.
    let router = server::http::layered(Site::new(world.engine.clone(), options), server::http::agents::router());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move {
        let _stop = _stop;
        axum::serve(listener, router.into_make_service_with_connect_info::<SocketAddr>()).await.unwrap();
    });
    (base, serving)
}

fn ask(wait_seconds: u32) -> Value {
    json!({ "protocol": 1, "version": "1", "wait_seconds": wait_seconds })
}

fn account(key: &str) -> Value {
    json!({ "key": key, "enabled": true, "attributes": { "uid": key, "cn": key, "sn": key }, "entitlements": [] })
}

fn complete(pages: u32) -> Value {
    json!({ "outcome": "complete", "pages": pages, "lists": true, "digest": "", "warnings": [] })
}

#[tokio::test]
async fn a_page_counts_once_and_an_agent_that_is_lost_is_replaced() {
    let house = House::new().await;
    let run = house.start("collect").await;
    let first = house.next().await;
    assert_eq!(first.attempt, 1);
    for _ in 0..2 {
        assert_eq!(house.page(&first, 1, &["ann", "lost"]).await.0, StatusCode::NO_CONTENT);
    }
    let (status, _) = house.say(Method::POST, "next", &ask(0)).await;
    assert_eq!(status, StatusCode::NO_CONTENT, "somebody reads it");

    // The first is not heard of for longer than its lease: another begins anew, and the first is refused.
    house.world.clock.step(Duration::from_secs(61));
    let second = house.next().await;
    assert_eq!((second.export, second.attempt), (first.export, 2));
    let (status, why) = house.page(&first, 2, &["bo"]).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(why.contains("was begun anew"), "{why}");

    for number in [1, 2, 2, 1] {
        let keys: &[&str] = if number == 1 { &["ann"] } else { &["bo", "cy"] };
        assert_eq!(house.page(&second, number, keys).await.0, StatusCode::NO_CONTENT);
    }
    let (status, why) = house.outcome(&second, &complete(3)).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{why}");
    assert!(why.contains("there are 2 pages here"), "{why}");
    // It is still this agent's: the end was only said too early.
    let (status, _) = house.say(Method::POST, "next", &ask(0)).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    assert_eq!(house.page(&second, 3, &["dora"]).await.0, StatusCode::NO_CONTENT);
    assert_eq!(house.outcome(&second, &complete(3)).await.0, StatusCode::NO_CONTENT);
    let run = house.world.ended(run).await;
    assert_eq!(run.state, RunState::Completed, "{run:#?}");
    assert_eq!(house.state(&second).await, ExportState::TakenOver);
    assert!(house.log(run.id).await.contains("Read 4 accounts from `directory`."));
    house.world.run("synchronize", RunMode::default()).await;
    assert_eq!(house.accounts().await, ["ann", "bo", "cy", "dora"]);
}

#[tokio::test]
async fn a_run_waits_so_long_and_says_for_whom() {
    let house = House::new().await;
    let run = house.start("collect").await;
    // The run says what it waits for while it does.
    let mut message = None;
    wait::until("the run says what it waits for", async || {
        message = jobs::run(&house.world.op(), run).await.unwrap().run.tasks[0].message.clone();
        message.is_some()
    })
    .await;
    let message = message.unwrap();
    assert_eq!(message, "directory: Waiting for the agent \u{201c}Clinic's network\u{201d}, never heard of so far.");
    house.world.clock.step(Duration::from_secs(600));
    let ended = house.world.ended(run).await;
    let why = "was not heard of for 10 minutes, and has not begun to read it";
    assert!(house.log(run).await.contains(why), "{}", house.log(run).await);
    // What to do is said once, and fits.
    assert!(house.log(run).await.contains("then start the job again.\n"), "{}", house.log(run).await);
    assert!(ended.tasks[0].message.as_ref().is_some_and(|message| message.contains("directory")), "{ended:#?}");
    // The others were read.
    assert!(house.log(run).await.contains("from `badges`"), "{}", house.log(run).await);
    let trouble = engine::applications::rows(&house.world.op()).await.unwrap();
    let trouble = trouble.into_iter().find(|row| row.name == "directory").unwrap().trouble;
    assert!(trouble.is_some_and(|trouble| trouble.contains(why)));
    let (status, _) = house.say(Method::POST, "next", &ask(0)).await;
    assert_eq!(status, StatusCode::NO_CONTENT, "nobody wants it any more");

    // Begun, and then silent: what comes late is refused, and told why.
    let run = house.start("collect").await;
    let taken = house.next().await;
    assert_eq!(house.page(&taken, 1, &["ann"]).await.0, StatusCode::NO_CONTENT);
    house.world.clock.step(Duration::from_secs(600));
    house.world.ended(run).await;
    for (status, why) in [house.page(&taken, 2, &["bo"]).await, house.outcome(&taken, &complete(1)).await] {
        assert_eq!(status, StatusCode::CONFLICT);
        assert!(why.contains("Nobody waits for export") && why.contains("was not heard of for 10 minutes"), "{why}");
    }
    let path = format!("exports/{}/{}/lease", taken.export, taken.attempt);
    assert_eq!(house.say(Method::POST, &path, &Value::Null).await.0, StatusCode::CONFLICT);
    assert_eq!(house.accounts().await, Vec::<String>::new());
}

/// A second application that the clinic's agent reads.
const LABORATORY: &str = r#"
[applications.laboratory]
display_name = "Laboratory"
read_by = "clinic"
[applications.laboratory.connection]
kind = "manual"
extract = { file = "x.csv", key = "id" }
"#;

#[tokio::test]
async fn an_agent_that_is_busy_is_not_given_up() {
    let more = [CLINIC, LABORATORY].concat();
    let house = House::with(World::with_more(&[person(1, "Ann", "Lee", "Ward")], &more, |_| {}).await).await;
    let run = house.start("collect").await;
    let first = house.next().await;
    let other = async || {
        let all = house.world.engine.store().agent_exports().await.unwrap();
        all.into_iter().find(|export| export.id != first.export)
    };
    wait::until("both are asked for", async || other().await.is_some()).await;
    // It reads one for a quarter of an hour, and asks for nothing else meanwhile.
    for number in 1..=3 {
        house.world.clock.step(Duration::from_secs(300));
        assert_eq!(house.page(&first, number, &[&number.to_string()]).await.0, StatusCode::NO_CONTENT);
        let agents = engine::agents::rows(&house.world.op()).await.unwrap();
        assert!(agents.iter().any(|agent| agent.name == "clinic" && agent.is_there), "{agents:#?}");
    }
    assert_eq!(house.outcome(&first, &complete(3)).await.0, StatusCode::NO_CONTENT);
    wait::until("the run has the rows", async || house.state(&first).await == ExportState::TakenOver).await;
    assert_eq!(other().await.unwrap().state, ExportState::Waiting);
    let second = house.next().await;
    assert_eq!(house.outcome(&second, &complete(0)).await.0, StatusCode::NO_CONTENT);
    let ended = house.world.ended(run).await;
    assert!(!house.log(run).await.contains("cannot be read"), "{ended:#?}");
}

#[tokio::test]
async fn what_is_too_much_is_refused_and_the_run_says_so() {
    let tune = |tuning: &mut engine::Tuning| tuning.agent_export_bytes = 1_000;
    let house = House::with(World::with_more(&[person(1, "Ann", "Lee", "Ward")], CLINIC, tune).await).await;
    let run = house.start("collect").await;
    let taken = house.next().await;
    assert_eq!(house.page(&taken, 1, &["ann"]).await.0, StatusCode::NO_CONTENT);
    let (status, why) = house.page(&taken, 2, &["x".repeat(900).as_str()]).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(why.contains("larger than") && why.contains("Have less of it read"), "{why}");
    let refused = json!({ "outcome": "refused", "why": why });
    assert_eq!(house.outcome(&taken, &refused).await.0, StatusCode::NO_CONTENT);
    house.world.ended(run).await;
    let log = house.log(run).await;
    assert!(log.contains("`directory` cannot be read: Export") && log.contains("a part of the accounts.\n"), "{log}");
    let test = engine::applications::test(&house.world.op(), "directory".into()).await.unwrap();
    assert!(!test.succeeded && test.steps[1].1.contains("did not hand its last export over"), "{test:?}");
}

#[tokio::test]
async fn who_has_lost_the_run_takes_no_export_over() {
    let house = House::new().await;
    let store = house.world.engine.store();
    let run = house.start("collect").await;
    let taken = house.next().await;
    assert_eq!(house.page(&taken, 1, &["ann"]).await.0, StatusCode::NO_CONTENT);
    // This node was away for longer than its lease, and another one has the run.
    let mut updates = house.world.engine.updates().subscribe();
    let (now, until) = (house.world.clock.now(), house.world.clock.now() + Duration::from_secs(3_600));
    let lost = store.write(move |tx| {
        Box::pin(async move {
            tx.give_up_runs("test").await?;
            tx.claim_run("other", now, until).await
        })
    });
    assert!(lost.await.unwrap().is_some());
    house.world.clock.step(Duration::from_secs(600));
    let ends = async { while !updates.recv().await.unwrap().run.tasks[0].state.is_final() {} };
    tokio::time::timeout(PATIENCE, ends).await.unwrap();
    assert_eq!(house.state(&taken).await, ExportState::Reading, "it is the other node's to wait for, or to give up");
    store.write(|tx| Box::pin(async move { tx.give_up_runs("other").await })).await.unwrap();
    house.world.ended(run).await;
    assert_eq!(house.state(&taken).await, ExportState::GivenUp);
}

#[tokio::test]
async fn who_cancels_a_run_is_heard_by_the_agent() {
    let house = House::new().await;
    let run = house.start("collect").await;
    let taken = house.next().await;
    assert_eq!(house.page(&taken, 1, &["ann"]).await.0, StatusCode::NO_CONTENT);
    jobs::cancel(&house.world.op(), run).await.unwrap();
    let ended = house.world.ended(run).await;
    assert_eq!(ended.state, RunState::Cancelled);
    let (status, why) = house.page(&taken, 2, &["bo"]).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(why.contains("The run was cancelled."), "{why}");
    assert_eq!(house.state(&taken).await, ExportState::GivenUp);
}

#[tokio::test]
async fn a_server_that_starts_again_goes_on_with_what_was_handed_over() {
    let mut house = House::new().await;
    let run = house.start("collect").await;
    let taken = house.next().await;
    assert_eq!(house.page(&taken, 1, &["ann"]).await.0, StatusCode::NO_CONTENT);
    house.restart().await;
    assert_eq!(house.page(&taken, 2, &["bo"]).await.0, StatusCode::NO_CONTENT);
    assert_eq!(house.outcome(&taken, &complete(2)).await.0, StatusCode::NO_CONTENT);
    let ended = house.world.ended(run).await;
    assert_eq!(ended.state, RunState::Completed, "{ended:#?}");
    assert!(house.log(run).await.contains("Read 2 accounts from `directory`."), "{}", house.log(run).await);
}

#[tokio::test]
async fn what_an_agent_cannot_read_keeps_its_kind_of_error() {
    let house = House::new().await;
    let run = house.start("collect").await;
    let taken = house.next().await;
    let failed = json!({
        "outcome": "failed", "findings": [],
        "error": { "class": "authentication", "message": "the directory\u{202e} refuses\u{7} the password", "retry_after": null },
    });
    for _ in 0..2 {
        assert_eq!(house.outcome(&taken, &failed).await, (StatusCode::NO_CONTENT, String::new()));
    }
    house.world.ended(run).await;
    let log = house.log(run).await;
    let remedy = model::order::ErrorClass::Authentication.remedy();
    assert!(
        log.contains(&format!("`directory` cannot be read: the directory refuses the password. {remedy}")),
        "{log}"
    );
}

#[tokio::test]
async fn only_an_agent_with_a_token_in_force_is_answered() {
    let house = House::new().await;
    let op = house.world.op();
    let next = async |token: &str| house.say_as(token, Method::POST, "next", &ask(0)).await;
    assert_eq!(next(&house.token).await.0, StatusCode::NO_CONTENT);
    for token in ["", "qma_", "nonsense"] {
        let (status, why) = next(token).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{token}");
        assert!(why.contains("no token of an agent here"), "{why}");
    }
    let without = client().post(format!("{}/api/agents/next", house.base)).json(&ask(0)).send().await.unwrap();
    assert_eq!(without.status(), StatusCode::UNAUTHORIZED);
    // Another agent's export is none of this one's.
    let bank = engine::agents::tokens::create(&op, "bank".into(), String::new()).await.unwrap();
    house.start("collect").await;
    let taken = house.next().await;
    let path = format!("exports/{}/{}/pages/1", taken.export, taken.attempt);
    let page = json!({ "accounts": [account("ann")] });
    assert_eq!(house.say_as(&bank.token, Method::PUT, &path, &page).await.0, StatusCode::NOT_FOUND);
    // What is no page is refused, and nothing of it is kept.
    for wrong in
        [json!({}), json!({ "accounts": [account("")] }), json!({ "people": [] }), json!({ "rows": 1 }), json!("x")]
    {
        let (status, why) = house.say(Method::PUT, &path, &wrong).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{wrong}: {why}");
    }
    let huge = json!({ "accounts": [account(&"x".repeat(1_100_000))] });
    assert_eq!(house.say(Method::PUT, &path, &huge).await.0, StatusCode::PAYLOAD_TOO_LARGE);
    let old = json!({ "protocol": 0, "version": "0", "wait_seconds": 0 });
    let (status, why) = house.say(Method::POST, "next", &old).await;
    assert!(status == StatusCode::BAD_REQUEST && why.contains("the server's release"), "{why}");

    // Revoked while it waits: it is told at once, and so is everything later.
    let patiently = ask(20);
    let waiting = house.say(Method::POST, "next", &patiently);
    let (revoked, (status, why)) = tokio::join!(engine::agents::tokens::revoke(&op, house.token_id), waiting);
    revoked.unwrap();
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    assert!(why.contains("was revoked by command line"), "{why}");
    assert_eq!(house.say(Method::PUT, &path, &page).await.0, StatusCode::UNAUTHORIZED);
    assert!(engine::agents::tokens::revoke(&op, house.token_id).await.is_err(), "it is revoked already");
    assert!(engine::agents::tokens::create(&op, "nobody".into(), String::new()).await.is_err());
    let audit: Vec<String> = house
        .world
        .engine
        .store()
        .audit_page(None, 50)
        .await
        .unwrap()
        .rows
        .into_iter()
        .filter(|line| line.action == "agent")
        .map(|line| format!("{}: {}", line.subject, line.detail))
        .collect();
    assert_eq!(audit.len(), 3, "{audit:?}");
    assert!(audit[0].starts_with("clinic: revoked token"), "{audit:?}");

    // Who guesses is asked to wait, and shuts nobody out who has a token and the same address.
    let mut last = StatusCode::OK;
    for _ in 0..70 {
        last = next("qma_guess").await.0;
    }
    assert_eq!(last, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(next(&bank.token).await.0, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn an_agent_goes_on_when_its_server_is_back_and_says_what_it_may_not_read() {
    let slapd = start_slapd(&["nurses"], false);
    add(slapd.server.port, "1", "Ann").await;
    let house = House::new().await;
    let folder = tempfile::tempdir().unwrap();
    let (token_file, connections) = (folder.path().join("token"), folder.path().join("agent.toml"));
    std::fs::write(&token_file, &house.token).unwrap();
    std::fs::write(&connections, "").unwrap();
    // Every second connection to the server is cut before it says anything.
    let server = house.base.replace("http://", "");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        for number in 0_u32.. {
            let (mut inside, _) = listener.accept().await.unwrap();
            let server = server.clone();
            tokio::spawn(async move {
                if number % 2 == 0 {
                    return;
                }
                let mut outside = tokio::net::TcpStream::connect(server).await.unwrap();
                // One answer a connection: the next thing said needs another one.
                let _ = tokio::time::timeout(
                    Duration::from_millis(1_500),
                    tokio::io::copy_bidirectional(&mut inside, &mut outside),
                )
                .await;
            });
        }
    });
    let options = AgentOptions {
        server: format!("http://{address}"),
        token_file,
        connections: connections.clone(),
        ca_file: None,
        parallel: 2,
        insecure_http: false,
    };
    let (stop, stopping) = watch::channel(false);
    let agent = tokio::spawn(async move { server::agent::run(&options, stopping, || {}).await });
    let run = house.start("collect").await;
    house.world.ended(run).await;
    let log = house.log(run).await;
    assert!(log.contains("The agent is not allowed to read `directory`"), "{log}");

    let here = format!(
        "[applications.directory]\nurl = \"ldap://127.0.0.1:{}\"\npassword = \"{PASSWORD}\"\n",
        slapd.server.port
    );
    std::fs::write(&connections, here).unwrap();
    let run = house.start("collect").await;
    let ended = house.world.ended(run).await;
    assert_eq!(ended.state, RunState::Completed, "{ended:#?}");
    assert!(house.log(run).await.contains("Read 1 account from `directory`."));
    stop.send(true).unwrap();
    agent.await.unwrap().unwrap();

    let test = engine::applications::test(&house.world.op(), "directory".into()).await.unwrap();
    assert!(test.succeeded, "{test:?}");
    house.world.clock.step(Duration::from_secs(600));
    let test = engine::applications::test(&house.world.op(), "directory".into()).await.unwrap();
    assert!(!test.succeeded && test.steps[0].1.contains("last heard of on"), "{test:?}");
}

#[tokio::test]
async fn an_agent_that_cannot_start_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let (token_file, connections) = (folder.path().join("token"), folder.path().join("agent.toml"));
    let options = AgentOptions {
        server: "http://127.0.0.1:1".into(),
        token_file: token_file.clone(),
        connections: connections.clone(),
        ca_file: None,
        parallel: 1,
        insecure_http: false,
    };
    let (_stop, stopping) = watch::channel(true);
    let start = async |options: &AgentOptions| server::agent::run(options, stopping.clone(), || {}).await;
    assert!(matches!(start(&options).await, Err(AgentError::File { what: "token", .. })));
    std::fs::write(&token_file, "\n").unwrap();
    assert!(matches!(start(&options).await, Err(AgentError::File { what: "token", .. })));
    std::fs::write(&token_file, "qma_1\n").unwrap();
    assert!(matches!(start(&options).await, Err(AgentError::Site(why)) if why.contains("agent.toml")));
    std::fs::write(&connections, "[nonsense]\n").unwrap();
    assert!(matches!(start(&options).await, Err(AgentError::Site(why)) if why.contains("line 1")));
    std::fs::write(&connections, "").unwrap();
    let plain = AgentOptions { server: "http://elsewhere.example".into(), ..options.clone() };
    assert!(matches!(start(&plain).await, Err(AgentError::Plain { .. })));
    assert!(start(&options).await.is_ok(), "it is asked to stop");
}
