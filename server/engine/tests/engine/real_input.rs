//! Real input: the people of a real feed, half a year apart, into a real LDAP server, a real SCIM server, a CSV exchange
//! and work by hand. What must be there afterwards is counted from the two files by code of this test alone, and looked
//! up on the servers themselves.
//!
//! The feeds are not part of this project. Where they are absent the test says so and stops.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use engine::clock::Clock;
use engine::context::OpContext;
use engine::{Engine, Options, configurations, jobs, orders, work_items};
use model::job::{Run, RunMode, RunState};
use model::order::ProvisioningState;
use model::view::{OrderFilter, WorkItemFilter};
use model::work_item::WorkItemState;
use testkit::configuration::{BADGE, BADGES, MAINFRAME, terminal};
use testkit::exchange::Exchange;

use crate::{child, scim2_server, slapd};

const DEPARTMENTS: [&str; 9] = [
    "Customer Service",
    "Development",
    "Finance",
    "Human Resources",
    "Marketing",
    "Production",
    "Quality Management",
    "Research",
    "Sales",
];
const TITLES: [&str; 7] =
    ["Assistant Engineer", "Engineer", "Manager", "Senior Engineer", "Senior Staff", "Staff", "Technique Leader"];
/// Departments that work in the cloud.
const CLOUD: [&str; 2] = ["Marketing", "Sales"];
/// Who works at the mainframe.
const TERMINAL: (&str, &str) = ("Finance", "Staff");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_a_year_of_a_real_company_reaches_every_application() {
    let feeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/employees");
    if !feeds.is_dir() {
        eprintln!("The real feeds are not here ({}); this test has nothing to read and stops.", feeds.display());
        return;
    }
    let january = read(&feeds.join("hr-2000-01-01.csv"));
    let july = read(&feeds.join("hr-2000-07-01.csv"));
    assert_eq!((january.len(), july.len()), (8_615, 8_552), "the feeds are those this test was written for");

    let mut company = Company::start().await;
    company.feed(&feeds.join("hr-2000-01-01.csv"));
    company.live_until_settled("first load").await;
    company.compare(&january, &BTreeMap::new());
    let first = company.count_orders().await;
    assert_eq!(first, orders_for(&BTreeMap::new(), &january), "orders of the first load");

    company.clock.step(Duration::from_secs(182 * 24 * 3600));
    company.feed(&feeds.join("hr-2000-07-01.csv"));
    company.live_until_settled("half a year later").await;
    company.compare(&july, &january);
    let second = company.count_orders().await;
    assert_eq!(second - first, orders_for(&january, &july), "orders of half a year");
    company.stop().await;
}

// ------------------------------------------------------------------------------ what must be, from the files alone

#[derive(Clone, Debug, PartialEq, Eq)]
struct Row {
    department: String,
    title: String,
    name: String,
}

fn read(path: &Path) -> BTreeMap<String, Row> {
    let mut reader = csv::Reader::from_path(path).unwrap();
    reader
        .deserialize::<BTreeMap<String, String>>()
        .map(|row| {
            let row = row.unwrap();
            let name = format!("{} {}", row["given_name"], row["family_name"]);
            (
                row["employee_number"].clone(),
                Row { department: row["department"].clone(), title: row["title"].clone(), name },
            )
        })
        .collect()
}

fn group(row: &Row) -> String {
    format!("{} {}", row.department, row.title).to_lowercase().replace(' ', "-")
}

fn in_cloud(row: &Row) -> bool {
    CLOUD.contains(&row.department.as_str())
}

fn at_terminal(row: &Row) -> bool {
    (row.department.as_str(), row.title.as_str()) == TERMINAL
}

/// Orders that follow from one state of the company and the next: one for each account that comes, goes or changes.
fn orders_for(before: &BTreeMap<String, Row>, after: &BTreeMap<String, Row>) -> u64 {
    let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let count = |key: &&String| {
        let (old, new) = (before.get(*key), after.get(*key));
        let came_or_went = |holds: fn(&Row) -> bool| {
            (old.is_some_and(holds) != new.is_some_and(holds)) || (old.is_some_and(holds) && old != new)
        };
        // Directory and cloud hold department and title, so a move changes them; badge and terminal hold neither.
        let directory = u64::from(came_or_went(|_| true));
        let cloud = u64::from(came_or_went(in_cloud));
        let badge = u64::from(old.is_some() != new.is_some());
        let terminal = u64::from(old.is_some_and(at_terminal) != new.is_some_and(at_terminal));
        directory + cloud + badge + terminal
    };
    keys.iter().map(count).sum()
}

// ------------------------------------------------------------------------------------------------------ the company

struct Company {
    engine: Engine,
    clock: Clock,
    folder: tempfile::TempDir,
    ldap: slapd::Slapd,
    scim: child::Server,
    badges: Arc<Mutex<Exchange>>,
    mainframe: Exchange,
    stop_badges: Sender<()>,
}

impl Company {
    async fn start() -> Self {
        let groups: Vec<String> = DEPARTMENTS
            .iter()
            .flat_map(|department| {
                TITLES.iter().map(|title| {
                    group(&Row { department: (*department).into(), title: (*title).into(), name: String::new() })
                })
            })
            .collect();
        let ldap = slapd::start_slapd(&groups.iter().map(String::as_str).collect::<Vec<_>>(), false);
        let scim = scim2_server::start_scim2_server();
        let folder = tempfile::tempdir().unwrap();
        let configuration = folder.path().join("configuration");
        std::fs::create_dir_all(&configuration).unwrap();
        for name in ["cloud-marketing", "cloud-sales"] {
            let body =
                format!(r#"{{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"{name}"}}"#);
            let answer = http(scim.port, "POST", "/v2/Groups", &body);
            assert!(answer.contains(name), "{answer}");
        }
        let badges = Exchange::new(&configuration.join("badges"), "holder", &["name"]);
        let mainframe = Exchange::new(&configuration.join("mainframe"), "userid", &["employee"]);
        std::fs::write(configuration.join("all.toml"), configuration_text(ldap.server.port, scim.port)).unwrap();
        std::fs::write(configuration.join("rules.toml"), rules_text()).unwrap();

        let clock = Clock::stepped("2000-01-01T08:00:00Z".parse().unwrap());
        let mut options = Options::new(
            format!("sqlite:{}", folder.path().join("quartermaster.db").display()),
            folder.path().join("data"),
        );
        options.clock = clock.clone();
        options.tuning.answer_wait = Duration::from_secs(60);
        let engine = Engine::open(options).await.expect("the engine opens");
        configurations::apply(&engine.operating_context("test"), &configuration)
            .await
            .unwrap_or_else(|error| panic!("{error}"));
        assert!(engine.start_runner().await.unwrap());
        let badges = Arc::new(Mutex::new(badges));
        let stop_badges = badge_system(badges.clone());
        Self { engine, clock, folder, ldap, scim, badges, mainframe, stop_badges }
    }

    fn op(&self) -> OpContext {
        self.engine.operating_context("test")
    }

    fn feed(&self, path: &Path) {
        std::fs::copy(path, self.folder.path().join("configuration/hr.csv")).unwrap();
    }

    /// The complete job, the work by hand, and the reading that confirms it.
    async fn live_until_settled(&mut self, what: &str) {
        let start = Instant::now();
        let run = self.run("complete").await;
        for task in &run.tasks {
            eprintln!(
                "{what}: {} {} of {:?} {}, {:?}",
                task.task.label(),
                task.done,
                task.total,
                task.unit,
                task.counts
            );
        }
        assert_eq!(run.state, RunState::Completed, "{run:#?}");
        eprintln!("{what}: complete job after {:?}", start.elapsed());
        // Removals wait for each other in the other direction, so work may turn up more than once.
        loop {
            let done = self.work_by_hand().await;
            self.run("fulfil").await;
            if done == 0 {
                break;
            }
        }
        let run = self.run("synchronize-back").await;
        assert_eq!(run.state, RunState::Completed, "{run:#?}");
        let counts = orders::counts(&self.op(), OrderFilter::default()).await.unwrap();
        let open: Vec<_> = counts.by_state.iter().filter(|(state, _)| *state != ProvisioningState::Verified).collect();
        let filter =
            OrderFilter { state: open.first().map(|(state, _)| *state), limit: Some(3), ..OrderFilter::default() };
        let examples = orders::page(&self.op(), filter).await.unwrap().rows;
        assert!(open.is_empty(), "not verified: {open:?}, such as {examples:#?}");
        eprintln!("{what}: all verified after {:?}", start.elapsed());
    }

    async fn run(&self, job: &str) -> Run {
        let mut updates = self.engine.updates().subscribe();
        let id = jobs::start(&self.op(), job.into(), RunMode::default()).await.unwrap();
        loop {
            let run = jobs::run(&self.op(), id).await.unwrap().run;
            if run.state.is_final() {
                return run;
            }
            let _ = updates.recv().await;
        }
    }

    async fn work_by_hand(&mut self) -> usize {
        let op = self.op();
        let mut open = Vec::new();
        let mut after = None;
        loop {
            let filter =
                WorkItemFilter { state: Some(WorkItemState::Open), after, limit: Some(200), ..Default::default() };
            let page = work_items::page(&op, filter).await.unwrap();
            open.extend(page.rows.into_iter().map(|row| row.id));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        for id in &open {
            let detail = work_items::detail(&op, *id).await.unwrap();
            self.mainframe.carry_out(&detail.order);
        }
        self.mainframe.write_extract();
        if !open.is_empty() {
            for (id, outcome) in work_items::confirm(&op, open.clone(), "done at the terminal".into()).await.unwrap() {
                outcome.unwrap_or_else(|error| panic!("work item {id}: {error}"));
            }
        }
        open.len()
    }

    async fn count_orders(&self) -> u64 {
        let counts = orders::counts(&self.op(), OrderFilter::default()).await.unwrap();
        counts.by_state.iter().map(|(_, count)| count).sum()
    }

    /// Looks at the servers themselves: everybody of `now` is there as the file says, everybody else of `before` is
    /// disabled and holds nothing, and nobody else is there.
    fn compare(&self, now: &BTreeMap<String, Row>, before: &BTreeMap<String, Row>) {
        let everybody = |holds: fn(&Row) -> bool| -> BTreeSet<String> {
            now.iter().chain(before).filter(|(_, row)| holds(row)).map(|(key, _)| key.clone()).collect()
        };
        let (people, groups) = self.directory();
        assert_eq!(people.keys().cloned().collect::<BTreeSet<_>>(), everybody(|_| true), "accounts in the directory");
        for (key, (enabled, department, title)) in &people {
            match now.get(key) {
                Some(row) => {
                    assert!(enabled, "{key} is enabled");
                    assert_eq!((department, title), (&row.department, &row.title), "{key} in the directory");
                }
                None => assert!(!enabled, "{key} is disabled"),
            }
        }
        let mut expected: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (key, row) in now {
            expected.entry(group(row)).or_default().insert(key.clone());
        }
        assert_eq!(groups, expected, "memberships in the directory");

        let (users, groups) = self.cloud();
        assert_eq!(users.keys().cloned().collect::<BTreeSet<_>>(), everybody(in_cloud), "accounts in the cloud");
        for (key, enabled) in &users {
            assert_eq!(*enabled, now.get(key).is_some_and(in_cloud), "{key} in the cloud");
        }
        let mut expected: BTreeMap<String, BTreeSet<String>> =
            CLOUD.iter().map(|name| (format!("cloud-{}", name.to_lowercase()), BTreeSet::new())).collect();
        for (key, row) in now.iter().filter(|(_, row)| in_cloud(row)) {
            expected.entry(format!("cloud-{}", row.department.to_lowercase())).or_default().insert(key.clone());
        }
        assert_eq!(groups, expected, "memberships in the cloud");

        let badges = self.badges.lock().unwrap();
        assert_eq!(badges.accounts.keys().cloned().collect::<BTreeSet<_>>(), everybody(|_| true), "badges");
        assert!(badges.creations.values().all(|count| *count == 1), "a badge was made twice");
        for (key, badge) in &badges.accounts {
            assert_eq!(badge.enabled, now.contains_key(key), "badge {key}");
            assert_eq!(badge.attributes["name"], now.get(key).or(before.get(key)).unwrap().name);
        }
        let terminals: BTreeMap<&String, bool> =
            self.mainframe.accounts.values().map(|held| (&held.attributes["employee"], held.enabled)).collect();
        let expected = everybody(at_terminal);
        assert_eq!(terminals.keys().map(|key| (*key).clone()).collect::<BTreeSet<_>>(), expected, "mainframe users");
        assert_eq!(self.mainframe.accounts.len(), expected.len(), "a mainframe user was made twice");
        for (key, enabled) in terminals {
            assert_eq!(enabled, now.get(key).is_some_and(at_terminal), "mainframe user {key}");
        }
    }

    /// Accounts (enabled, department, title) and memberships, read with OpenLDAP's own client.
    fn directory(&self) -> (People, BTreeMap<String, BTreeSet<String>>) {
        let mut people = BTreeMap::new();
        for entry in self.ldapsearch("(objectClass=inetOrgPerson)") {
            let of = |name: &str| entry.get(name).and_then(|values| values.first()).cloned().unwrap_or_default();
            people.insert(of("uid"), (of("employeeType") != "disabled", of("departmentNumber"), of("title")));
        }
        let mut groups = BTreeMap::new();
        for entry in self.ldapsearch("(objectClass=groupOfNames)") {
            let members: BTreeSet<String> = entry["member"]
                .iter()
                .filter_map(|dn| dn.strip_prefix("uid=")?.split(',').next().map(str::to_owned))
                .collect();
            if !members.is_empty() {
                groups.insert(entry["cn"][0].clone(), members);
            }
        }
        (people, groups)
    }

    fn ldapsearch(&self, filter: &str) -> Vec<BTreeMap<String, Vec<String>>> {
        let url = format!("ldap://127.0.0.1:{}", self.ldap.server.port);
        let output = Command::new("ldapsearch")
            .args([
                "-x",
                "-LLL",
                "-o",
                "ldif-wrap=no",
                "-H",
                &url,
                "-D",
                slapd::ADMIN,
                "-w",
                slapd::PASSWORD,
                "-b",
                slapd::SUFFIX,
                filter,
            ])
            .output()
            .expect("ldapsearch runs; install ldap-utils");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        text.split("\n\n")
            .filter(|entry| !entry.trim().is_empty())
            .map(|entry| {
                let mut attributes: BTreeMap<String, Vec<String>> = BTreeMap::new();
                for (name, value) in entry.lines().filter_map(|line| line.split_once(": ")) {
                    attributes.entry(name.to_owned()).or_default().push(value.to_owned());
                }
                attributes
            })
            .collect()
    }

    /// Users (active) and members of groups, by user name.
    fn cloud(&self) -> (BTreeMap<String, bool>, BTreeMap<String, BTreeSet<String>>) {
        let mut users = BTreeMap::new();
        let mut names = BTreeMap::new();
        for user in self.resources("/v2/Users") {
            let name = user["userName"].as_str().unwrap().to_owned();
            names.insert(user["id"].as_str().unwrap().to_owned(), name.clone());
            users.insert(name, user["active"].as_bool().unwrap_or(true));
        }
        let groups = self.resources("/v2/Groups").into_iter().map(|group| {
            let members = group["members"].as_array().cloned().unwrap_or_default();
            let members = members.iter().map(|member| names[member["value"].as_str().unwrap()].clone()).collect();
            (group["displayName"].as_str().unwrap().to_owned(), members)
        });
        (users, groups.collect())
    }

    fn resources(&self, path: &str) -> Vec<serde_json::Value> {
        let mut resources = Vec::new();
        loop {
            let page = http(self.scim.port, "GET", &format!("{path}?startIndex={}&count=500", resources.len() + 1), "");
            let page: serde_json::Value = serde_json::from_str(&page).unwrap_or_else(|error| panic!("{error}: {page}"));
            let rows = page["Resources"].as_array().cloned().unwrap_or_default();
            resources.extend(rows.iter().cloned());
            if rows.is_empty() || resources.len() as u64 >= page["totalResults"].as_u64().unwrap() {
                return resources;
            }
        }
    }

    async fn stop(self) {
        drop(self.stop_badges);
        self.engine.stop().await;
    }
}

/// By user id: enabled, department, title.
type People = BTreeMap<String, (bool, String, String)>;

/// The badge system works by itself until its sender is dropped.
fn badge_system(exchange: Arc<Mutex<Exchange>>) -> Sender<()> {
    let (stop, stopped) = channel();
    std::thread::spawn(move || {
        while matches!(stopped.recv_timeout(Duration::from_millis(50)), Err(RecvTimeoutError::Timeout)) {
            exchange.lock().unwrap().work();
        }
    });
    stop
}

/// One request of HTTP/1.0, without any library that the product uses.
fn http(port: u16, method: &str, path: &str, body: &str) -> String {
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    let token = scim2_server::TOKEN;
    write!(
        stream,
        "{method} {path} HTTP/1.0\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\nContent-Type: application/scim+json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default()
}

// ------------------------------------------------------------------------------------------------ its configuration

fn configuration_text(ldap: u16, scim: u16) -> String {
    let token = scim2_server::TOKEN;
    let directory = slapd::application(("directory", "Directory"), ldap, "uid", "");
    let (badges, badge, mainframe, terminal) = (BADGES, BADGE, MAINFRAME, terminal(&[]));
    format!(
        r#"
[organisation]
name = "Employees"
time_zone = "UTC"

[sources.hr]
file = "hr.csv"
key = "employee_number"
display_name = 'identity.given_name + " " + identity.family_name'
manager = "manager_number"
starts = "hire_date"
ends = "end_date"
thresholds.deleted = {{ percent = 5 }}
[sources.hr.attributes]
given_name = {{ column = "given_name", required = true }}
family_name = {{ column = "family_name", required = true }}
department = {{ column = "department", required = true }}
title = {{ column = "title", required = true }}

{directory}disabled = {{ attribute = "employeeType", value = "disabled", enabled = "active" }}

[account_types.person]
display_name = "Directory account"
application = "directory"
key = "uid"
correlation = [{{ identity = "identity.key", account = "uid", confidence = 100 }}]
thresholds.deleted = {{ percent = 5 }}
[account_types.person.attributes]
uid = {{ expression = "identity.key", required = true, create_only = true }}
cn = {{ expression = "identity.display_name", required = true }}
sn = {{ expression = "identity.family_name", required = true }}
givenName = {{ expression = "identity.given_name" }}
departmentNumber = {{ expression = "identity.department" }}
title = {{ expression = "identity.title" }}

[applications.cloud]
display_name = "Cloud"
demo = true
[applications.cloud.connection]
kind = "scim"
url = "http://127.0.0.1:{scim}/v2"
token = "{token}"

[account_types.cloud-user]
display_name = "Cloud user"
application = "cloud"
key = "userName"
correlation = [{{ identity = "identity.key", account = "userName", confidence = 100 }}]
thresholds.deleted = {{ percent = 5 }}
[account_types.cloud-user.attributes]
userName = {{ expression = "identity.key", required = true, create_only = true }}
"name.familyName" = {{ expression = "identity.family_name" }}
"name.givenName" = {{ expression = "identity.given_name" }}
displayName = {{ expression = "identity.display_name" }}
title = {{ expression = "identity.title" }}
"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department" = {{ expression = "identity.department" }}

{badges}{badge}
[account_types.badge.thresholds]
deleted = {{ percent = 5 }}
{mainframe}{terminal}
[account_types.terminal.thresholds]
deleted = {{ percent = 50 }}
inserted = "off"

[rules.everybody]
when = "true"
account_types = ["person", "badge"]
"#
    )
}

/// A group and a rule for each department and title, and the rules for cloud and mainframe.
fn rules_text() -> String {
    let mut text = String::new();
    for department in DEPARTMENTS {
        for title in TITLES {
            let name = group(&Row { department: department.into(), title: title.into(), name: String::new() });
            text.push_str(&format!(
                "[entitlements.{name}]\ndisplay_name = \"{department}, {title}\"\naccount_type = \"person\"\nkey = \"{name}\"\n\
                 [access_profiles.{name}]\ndisplay_name = \"{department}, {title}\"\napplication = \"directory\"\nentitlements = [\"{name}\"]\n\
                 [rules.{name}]\nwhen = 'identity.department == \"{department}\" && identity.title == \"{title}\"'\naccess_profiles = [\"{name}\"]\n"
            ));
        }
    }
    for department in CLOUD {
        let name = format!("cloud-{}", department.to_lowercase());
        text.push_str(&format!(
            "[entitlements.{name}]\ndisplay_name = \"{department}\"\naccount_type = \"cloud-user\"\nkey = \"{name}\"\n\
             [rules.{name}]\nwhen = 'identity.department == \"{department}\"'\nentitlements = [\"{name}\"]\n"
        ));
    }
    let (department, title) = TERMINAL;
    text.push_str(&format!(
        "[rules.terminal]\nwhen = 'identity.department == \"{department}\" && identity.title == \"{title}\"'\naccount_types = [\"terminal\"]\n"
    ));
    text
}
