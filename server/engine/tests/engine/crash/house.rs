//! A house with all its applications, and what can be seen in it from outside.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use broker::lifecycle::Event;
use engine::{Engine, configurations, orders, work_items};
use model::account::Account;
use model::ids::{IdentityId, OrderId};
use model::order::ProvisioningState;
use model::plan::ItemKind;
use model::view::{OrderDetail, OrderFilter, WorkItemFilter};
use model::work_item::WorkItemState;
use testkit::configuration::{BADGE, BADGES, DEPARTMENT, MAINFRAME, SOURCE, terminal};
use testkit::directory::Directory;
use testkit::exchange::Exchange;
use testkit::payroll::{self, Payroll};
use testkit::world::{Person, write_feed};
use tokio::runtime::Runtime;

use super::Counts;
use super::program::{BETWEEN, DATABASE, HITS, LEASE, Program, WANTED, options};

/// A network's distance: long enough that a kill falls between what was sent and what was answered.
const LATENCY: Duration = Duration::from_millis(3);

/// See the module's head.
pub(crate) struct House {
    _badge_system: BadgeSystem,
    runtime: Runtime,
    folder: tempfile::TempDir,
    pub(crate) directory: Directory,
    payroll: Payroll,
    badges: Arc<Mutex<Exchange>>,
    mainframe: RefCell<Exchange>,
}

/// What is known and what is there, without ids, dates and keys that applications choose.
pub(crate) struct Snapshot {
    pub(crate) lines: BTreeSet<String>,
    pub(crate) counts: Counts,
    /// Orders that are neither confirmed nor called off.
    pub(crate) not_verified: Vec<String>,
}

impl House {
    /// Its database is a file of its own, or on this server.
    pub(super) fn build(server: Option<&str>) -> Self {
        // Another node could be at work: what one that is gone held is taken up when its lease has passed, and no sooner.
        Self::build_with(server, server.map(|_| Duration::from_millis(1_500)))
    }

    /// The same, with claims that hold so long; as long as they usually do unless told.
    pub(crate) fn build_with(server: Option<&str>, lease: Option<Duration>) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let configuration = folder.path().join("configuration");
        std::fs::create_dir_all(&configuration).unwrap();
        if let Some(server) = server {
            std::fs::write(folder.path().join(DATABASE), server).unwrap();
        }
        if let Some(lease) = lease {
            std::fs::write(folder.path().join(LEASE), lease.as_millis().to_string()).unwrap();
        }
        let directory = Directory::start(&["staff", "finance"]);
        directory.state().latency = LATENCY;
        let payroll = runtime.block_on(Payroll::create(&configuration));
        let badges = Exchange::new(&configuration.join("badges"), "holder", &["name", "department"]);
        let badges = Arc::new(Mutex::new(badges));
        let mainframe = RefCell::new(Exchange::new(&configuration.join("mainframe"), "userid", &["employee"]));
        let own = CONFIGURATION.replace("{directory}", &directory.url());
        let pieces = [SOURCE, BADGES, BADGE, DEPARTMENT, MAINFRAME, &terminal(&["badge"]), &own];
        std::fs::write(configuration.join("all.toml"), pieces.concat()).unwrap();
        std::fs::write(configuration.join("payroll.toml"), payroll::CONFIGURATION).unwrap();
        let system = BadgeSystem::start(Arc::clone(&badges));
        let house = Self { _badge_system: system, runtime, folder, directory, payroll, badges, mainframe };
        house.with_engine(async |engine| {
            let applied = configurations::apply(&engine.operating_context("parent"), &configuration).await;
            applied.unwrap_or_else(|error| panic!("{error}"));
        });
        house
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    fn configuration(&self) -> PathBuf {
        self.folder.path().join("configuration")
    }

    /// How many people the payroll holds.
    pub(crate) fn paid(&self) -> usize {
        self.runtime.block_on(self.payroll.people()).len()
    }

    pub(crate) fn feed(&self, people: &[Person]) {
        write_feed(&self.configuration(), people);
    }

    /// The program will start the complete job in this mode.
    pub(crate) fn ask_for(&self, mode: &str) {
        let temporary = self.folder.path().join("asked");
        std::fs::write(&temporary, mode).unwrap();
        std::fs::rename(temporary, self.folder.path().join(WANTED)).unwrap();
    }

    /// Whether a run is asked for that the program has not begun.
    pub(crate) fn is_asked(&self) -> bool {
        self.folder.path().join(WANTED).exists()
    }

    /// In which tasks runs were broken off.
    pub(super) fn hits(&self) -> Counts {
        let mut hits = Counts::new();
        for line in std::fs::read_to_string(self.folder.path().join(HITS)).unwrap_or_default().lines() {
            *hits.entry(line.to_owned()).or_default() += 1;
        }
        hits
    }

    /// The tasks among them.
    pub(super) fn tasks_hit(&self) -> BTreeSet<String> {
        self.hits().into_keys().filter(|task| task != BETWEEN).collect()
    }

    /// Looks into the database while the program does not run.
    pub(crate) fn with_engine<T>(&self, work: impl AsyncFnOnce(&Engine) -> T) -> T {
        self.runtime.block_on(async {
            let engine = Engine::open(options(self.folder.path())).await.expect("the engine opens");
            let answer = work(&engine).await;
            engine.stop().await;
            answer
        })
    }

    /// Does what waits for a person; answers how much.
    pub(crate) fn work_by_hand(&self) -> usize {
        let mut mainframe = self.mainframe.borrow_mut();
        self.with_engine(async |engine| {
            let op = engine.operating_context("parent");
            let open = WorkItemFilter { state: Some(WorkItemState::Open), limit: Some(200), ..Default::default() };
            let rows = work_items::page(&op, open).await.unwrap().rows;
            let mut ids: Vec<_> = rows.iter().map(|row| row.id).collect();
            ids.sort_unstable();
            for id in &ids {
                mainframe.carry_out(&work_items::detail(&op, *id).await.unwrap().order);
            }
            mainframe.write_extract();
            if !ids.is_empty() {
                for (id, outcome) in work_items::confirm(&op, ids.clone(), String::new()).await.unwrap() {
                    outcome.unwrap_or_else(|error| panic!("work item {id}: {error}"));
                }
            }
            ids.len()
        })
    }

    /// Complete runs and work by hand, until there is nothing left to do.
    pub(crate) fn live_until_settled(&self) {
        for _ in 0..6 {
            self.ask_for("complete");
            let ended = Program::start(self.folder()).ends_within(None);
            assert_eq!(ended, Some(super::End::Through("completed".into())));
            if self.work_by_hand() == 0 && self.snapshot().not_verified.is_empty() {
                return;
            }
        }
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        let mut snapshot = self.with_engine(async |engine| known(engine).await);
        let mut there = |what: &str, held: String| snapshot.lines.insert(format!("{what} holds {held}"));
        let people = self.directory.people();
        for (user, groups) in &people {
            there("directory", format!("{user:?} in {groups:?}"));
        }
        let paid = self.runtime.block_on(self.payroll.people());
        for row in &paid {
            there("payroll", format!("{row:?}"));
        }
        let (badges, mainframe) = (self.badges.lock().unwrap(), self.mainframe.borrow());
        for (key, badge) in badges.accounts.iter().chain(&mainframe.accounts) {
            there("exchange", format!("{key}: {badge:?}"));
        }
        let mut count = |what: &str, number: usize| snapshot.counts.insert(what.to_owned(), number);
        // As a list could hold two of a kind, numbers are compared as well.
        count("users in the directory", people.len());
        count("people in payroll", paid.len());
        for (name, made) in &self.directory.state().creations {
            count(&format!("{name} made in the directory"), *made as usize);
        }
        for (number, made) in self.runtime.block_on(self.payroll.additions()) {
            count(&format!("{number} added in payroll"), made as usize);
        }
        for (key, made) in badges.creations.iter().chain(&mainframe.creations) {
            count(&format!("{key} made by exchange"), *made as usize);
        }
        snapshot
    }

    /// Every step of every order is one of the table of states, follows from the one before, and has its attempt.
    pub(crate) fn check_timelines(&self) {
        self.with_engine(async |engine| {
            for id in all_orders(engine).await {
                let op = engine.operating_context("parent");
                check_timeline(&orders::detail(&op, id).await.unwrap());
            }
        });
    }
}

fn check_timeline(detail: &OrderDetail) {
    let OrderDetail { order, attempts, timeline, .. } = detail;
    let edges: BTreeSet<(ProvisioningState, ProvisioningState)> =
        Event::ALL.iter().flat_map(|event| event.edges().iter().copied()).collect();
    let mut state = timeline.first().map(|event| event.from);
    for event in timeline {
        assert_eq!(Some(event.from), state, "order {}: {timeline:#?}", order.id);
        // What is in flight may be told again, handed on, or left in doubt; it stays in flight.
        let stays = event.from == event.to && event.to == ProvisioningState::Transmitted;
        assert!(stays || edges.contains(&(event.from, event.to)), "order {}: {timeline:#?}", order.id);
        state = Some(event.to);
    }
    if let Some(state) = state {
        assert_eq!(state, order.state, "order {}: {timeline:#?}", order.id);
    }
    assert_eq!(order.attempts as usize, attempts.len(), "order {}: {attempts:#?}", order.id);
    for (attempt, number) in attempts.iter().zip(1..) {
        assert_eq!(attempt.number, number, "order {}: {attempts:#?}", order.id);
    }
    assert!(attempts.is_sorted_by(|one, next| one.fence < next.fence), "order {}: {attempts:#?}", order.id);
}

/// What the database knows.
async fn known(engine: &Engine) -> Snapshot {
    let store = engine.store();
    let identities = store.load_identities().await.unwrap();
    let keys: BTreeMap<IdentityId, &str> =
        identities.iter().map(|identity| (identity.id, identity.key.as_str())).collect();
    let mut lines = BTreeSet::new();
    let mut counts = Counts::new();
    // Whether what is done was already seen to be done depends on what a run happened to read.
    let so_far = |state: ProvisioningState| match state {
        ProvisioningState::Executed => ProvisioningState::Verified,
        other => other,
    };
    let mut not_verified = Vec::new();
    for identity in &identities {
        let (key, name, attributes) = (&identity.key, &identity.display_name, &identity.attributes);
        lines.insert(format!("person {key} {name} {} {attributes:?}", identity.present));
    }
    for row in store.load_assignments().await.unwrap() {
        let whose = keys[&row.identity];
        let (thing, period, reasons, state) = (&row.grantable, row.period, &row.reasons, row.state.map(so_far));
        lines.insert(format!("{whose} should have {thing:?} in {period:?}, {state:?} because {reasons:?}"));
    }
    for account in store.load_accounts().await.unwrap() {
        let line = format!("account {}", told(&account, &keys));
        *counts.entry(line.clone()).or_default() += 1;
        lines.insert(line);
    }
    let ids = all_orders(engine).await;
    for order in store.orders_by_id(&ids).await.unwrap() {
        // Planned anew before it was ever sent: nobody outside has heard of it, and a run that begins again may do so.
        if order.state == ProvisioningState::Inactive && order.attempts == 0 {
            continue;
        }
        let items: Vec<_> = order
            .items
            .iter()
            // The account itself goes by its key.
            .map(|item| (item.kind, if item.kind == ItemKind::Lifecycle { "" } else { &item.name }, item))
            .map(|(kind, name, item)| (kind, name, item.operation, &item.value, so_far(item.state)))
            .collect();
        let (whose, place, operation) = (keys[&order.identity], &order.application, order.operation);
        let line = format!("order for {whose} in {place}: {operation:?} {items:?} is {:?}", so_far(order.state));
        if !matches!(order.state, ProvisioningState::Verified | ProvisioningState::Inactive) {
            not_verified.push(format!("{line}, {:?} {:?}", order.state, order.reason));
        }
        *counts.entry(line.clone()).or_default() += 1;
        lines.insert(line);
    }
    Snapshot { lines, counts, not_verified }
}

/// An account but for its id and, where the application chooses it, its key.
fn told(account: &Account, keys: &BTreeMap<IdentityId, &str>) -> String {
    let Account { application, status, provenance, attributes, entitlements, .. } = account;
    let key = if ["directory", "payroll"].contains(&application.as_str()) { "" } else { &account.key };
    let owner = account.owner.map(|id| keys[&id]);
    format!("{application} {key} of {owner:?}: {status:?} {provenance:?} {attributes:?} {entitlements:?}")
}

async fn all_orders(engine: &Engine) -> Vec<OrderId> {
    let op = engine.operating_context("parent");
    let mut ids = Vec::new();
    let mut after = None;
    loop {
        let page = orders::page(&op, OrderFilter { after, limit: Some(500), ..OrderFilter::default() }).await.unwrap();
        ids.extend(page.rows.iter().map(|row| row.id));
        after = page.next;
        if after.is_none() {
            ids.sort_unstable();
            return ids;
        }
    }
}

/// The badge system works by itself until this is dropped.
struct BadgeSystem {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl BadgeSystem {
    fn start(exchange: Arc<Mutex<Exchange>>) -> Self {
        let (stop, stopped) = channel();
        let thread = std::thread::spawn(move || {
            while matches!(stopped.recv_timeout(Duration::from_millis(15)), Err(RecvTimeoutError::Timeout)) {
                exchange.lock().unwrap().work();
            }
        });
        Self { stop: Some(stop), thread: Some(thread) }
    }
}

impl Drop for BadgeSystem {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

const CONFIGURATION: &str = r#"
[organisation]
name = "Shaken Works"
time_zone = "UTC"

[applications.directory]
display_name = "Directory"
[applications.directory.connection]
kind = "scim"
url = "{directory}"

[account_types.user]
display_name = "User"
application = "directory"
key = "userName"
correlation = [{ identity = "identity.key", account = "userName", confidence = 100 }]
thresholds = { inserted = "off", updated = "off", links_added = "off", links_removed = "off", deleted = { count = 10000 } }
[account_types.user.attributes]
userName = { expression = "identity.key", required = true, create_only = true }
displayName = { expression = "identity.display_name", required = true }
title = { expression = "identity.department" }

[account_types.employee]
display_name = "Employee"
application = "payroll"
key = "number"
on_removal = "delete"
depends_on = ["user"]
correlation = [{ identity = "identity.key", account = "number", confidence = 100 }]
thresholds = { inserted = "off", updated = "off", links_added = "off", links_removed = "off", deleted = { count = 10000 } }
[account_types.employee.attributes]
number = { expression = "identity.key", required = true, create_only = true }
name = { expression = "identity.display_name", required = true }
department = { expression = "identity.department" }

[account_types.badge.thresholds]
inserted = "off"
updated = "off"
links_added = "off"
links_removed = "off"
deleted = { count = 10000 }
[account_types.terminal.thresholds]
inserted = "off"
updated = "off"
links_added = "off"
links_removed = "off"
deleted = { count = 10000 }
[sources.hr.thresholds]
deleted = { percent = 50 }
inserted = { percent = 100 }
updated = { percent = 100 }

[entitlements.staff]
display_name = "Staff"
account_type = "user"
key = "staff"
[entitlements.finance]
display_name = "Finance"
account_type = "user"
key = "finance"
[entitlements.pay]
display_name = "Pay"
account_type = "employee"
key = "PAY"
[entitlements.door]
display_name = "Main door"
account_type = "badge"
key = "DOOR"
[entitlements.ledger]
display_name = "Ledger"
account_type = "terminal"
key = "LEDGER"

[access_profiles.entry]
display_name = "Entry"
application = "badges"
entitlements = ["door"]
[roles.colleague]
display_name = "Colleague"
access_profiles = ["entry"]

[rules.everybody]
when = 'identity.lifecycle == "active"'
roles = ["colleague"]
entitlements = ["staff"]
account_types = ["employee"]
[rules.finance]
when = 'identity.department == "Finance"'
entitlements = ["finance", "pay", "ledger"]

[permission_profiles.administrator]
display_name = "Administrator"
permissions = ["/*"]
"#;
