//! A small organisation in a temporary folder: a feed, a badge system by CSV exchange, a mainframe worked by hand, and
//! the engine over them, with a clock that stands until it is stepped.

use std::path::{Path, PathBuf};
use std::time::Duration;

use engine::clock::Clock;
use engine::context::OpContext;
use engine::{Engine, Options, Tuning, configurations, jobs, orders, users, work_items};
use jiff::Timestamp;
use model::ids::{RunId, WorkItemId};
use model::job::{Run, RunMode, RunState};
use model::order::{Order, ProvisioningState};
use model::view::{OrderFilter, OrderRow, WorkItemFilter};
use model::work_item::WorkItemState;

use crate::configuration::{BADGE, BADGES, DEPARTMENT, MAINFRAME, SOURCE, terminal};
use crate::exchange::Exchange;
use crate::wait;

/// The day on which every world begins.
pub const BEGINNING: &str = "2026-03-02T08:00:00Z";

/// What the small organisation grants, beside its source and applications.
const CONFIGURATION: &str = r#"
[organisation]
name = "Small Works"
time_zone = "UTC"

[entitlements.door]
display_name = "Main door"
account_type = "badge"
key = "DOOR"
[entitlements.vault]
display_name = "Vault"
account_type = "badge"
key = "VAULT"
[entitlements.ledger]
display_name = "Ledger"
account_type = "terminal"
key = "LEDGER"

[access_profiles.entry]
display_name = "Entry"
application = "badges"
entitlements = ["door"]
[access_profiles.money]
display_name = "Money room"
application = "badges"
entitlements = ["vault"]
[access_profiles.books]
display_name = "Books"
application = "mainframe"
entitlements = ["ledger"]

[roles.colleague]
display_name = "Colleague"
access_profiles = ["entry"]
[roles.bookkeeper]
display_name = "Bookkeeper"
roles = ["colleague"]
access_profiles = ["money", "books"]

[rules.everybody]
when = 'identity.lifecycle == "active"'
roles = ["colleague"]
[rules.finance]
when = 'identity.department == "Finance"'
roles = ["bookkeeper"]

[permission_profiles.administrator]
display_name = "Administrator"
permissions = ["/*"]
"#;

/// A line of the feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    pub number: String,
    pub given_name: String,
    pub family_name: String,
    pub department: String,
    pub first_day: String,
    pub last_day: String,
}

/// Somebody who has worked there for years.
pub fn person(number: u32, given_name: &str, family_name: &str, department: &str) -> Person {
    Person {
        number: number.to_string(),
        given_name: given_name.into(),
        family_name: family_name.into(),
        department: department.into(),
        first_day: "2020-01-01".into(),
        last_day: String::new(),
    }
}

/// So many in Sales, with names to tell them apart.
pub fn crowd(count: u32) -> Vec<Person> {
    (1..=count).map(|number| person(number, &format!("Given{number}"), &format!("Name{number}"), "Sales")).collect()
}

/// See the module's head.
pub struct World {
    pub engine: Engine,
    pub clock: Clock,
    pub badges: Exchange,
    pub mainframe: Exchange,
    folder: tempfile::TempDir,
    database: String,
    tuning: Tuning,
}

impl World {
    /// A world with these people in the feed, its configuration applied and its runner started.
    pub async fn new(people: &[Person]) -> Self {
        Self::with_more(people, "", |_| {}).await
    }

    /// The same with more in its configuration, and with its numbers tuned.
    pub async fn with_more(people: &[Person], more: &str, tune: impl FnOnce(&mut Tuning)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = format!("sqlite:{}", folder.path().join("quartermaster.db").display());
        Self::open(people, &database, folder, more, tune).await
    }

    /// A world over another database.
    pub async fn with_database(people: &[Person], database: &str, folder: tempfile::TempDir) -> Self {
        Self::open(people, database, folder, "", |_| {}).await
    }

    async fn open(
        people: &[Person],
        database: &str,
        folder: tempfile::TempDir,
        more: &str,
        tune: impl FnOnce(&mut Tuning),
    ) -> Self {
        let configuration = folder.path().join("configuration");
        std::fs::create_dir_all(&configuration).unwrap();
        let pieces = [SOURCE, BADGES, BADGE, DEPARTMENT, MAINFRAME, &terminal(&["badge"]), CONFIGURATION];
        std::fs::write(configuration.join("all.toml"), pieces.concat()).unwrap();
        std::fs::write(configuration.join("more.toml"), more).unwrap();
        let badges = Exchange::new(&configuration.join("badges"), "holder", &["name", "department"]);
        let mainframe = Exchange::new(&configuration.join("mainframe"), "userid", &["employee"]);
        write_feed(&configuration, people);
        let clock = Clock::stepped(BEGINNING.parse::<Timestamp>().unwrap());
        let mut tuning =
            Tuning { answer_wait: Duration::ZERO, sweep_every: Duration::from_millis(20), ..Tuning::default() };
        tune(&mut tuning);
        let engine = opened(database, folder.path(), &clock, &tuning).await;
        let world = Self { engine, clock, badges, mainframe, folder, database: database.to_owned(), tuning };
        configurations::apply(&world.op(), &configuration).await.expect("the configuration is good");
        assert!(world.engine.start_runner().await.expect("the runner starts"));
        world
    }

    /// The one who operates this world.
    pub fn op(&self) -> OpContext {
        self.engine.operating_context("test")
    }

    /// Whoever signs in with this login, with what their profiles allow, at the time it is.
    pub async fn op_of(&self, login: &str) -> OpContext {
        let (user, _) = self.engine.store().user_by_login(login).await.unwrap().expect("the login is known");
        users::caller(&self.engine, user, "test").await.unwrap()
    }

    /// Where the configuration and the feed lie.
    pub fn configuration(&self) -> PathBuf {
        self.folder.path().join("configuration")
    }

    /// Replaces the feed.
    pub fn feed(&self, people: &[Person]) {
        write_feed(&self.configuration(), people);
    }

    /// Starts a job and waits until it ends.
    pub async fn run(&self, job: &str, mode: RunMode) -> Run {
        let id = jobs::start(&self.op(), job.into(), mode).await.expect("the run starts");
        self.ended(id).await
    }

    /// The run when it has ended.
    pub async fn ended(&self, id: RunId) -> Run {
        let mut updates = self.engine.updates().subscribe();
        loop {
            let run = self.find(id).await;
            if run.state.is_final() {
                return run;
            }
            // A lagging receiver has only missed news; the run itself is read again.
            let _ = updates.recv().await;
        }
    }

    /// Everything up to the orders, without sending any.
    pub async fn plan(&self) {
        for job in ["collect", "synchronize", "compute-role-model", "generate-orders"] {
            let run = self.run(job, RunMode::default()).await;
            assert!(matches!(run.state, RunState::Completed | RunState::Warning), "{run:#?}");
        }
    }

    async fn find(&self, id: RunId) -> Run {
        jobs::run(&self.op(), id).await.unwrap().run
    }

    /// The complete job, the badge system answering in between, and a second reading that confirms.
    pub async fn settle(&mut self) {
        self.run("complete", RunMode::default()).await;
        self.badges.work();
        self.run("synchronize-back", RunMode::default()).await;
    }

    /// Does all open work items as a person would: at the terminal first, then on the page.
    pub async fn do_work_items(&mut self) -> usize {
        let op = self.op();
        let open = self.open_work_items().await;
        for id in &open {
            let detail = work_items::detail(&op, *id).await.unwrap();
            if detail.order.application == "mainframe" {
                self.mainframe.carry_out(&detail.order);
            }
        }
        self.mainframe.write_extract();
        if !open.is_empty() {
            for (_, outcome) in work_items::confirm(&op, open.clone(), "done".into()).await.unwrap() {
                outcome.unwrap();
            }
        }
        open.len()
    }

    /// Orders in a state.
    pub async fn orders(&self, state: ProvisioningState) -> Vec<OrderRow> {
        let filter = OrderFilter { state: Some(state), limit: Some(500), ..OrderFilter::default() };
        orders::page(&self.op(), filter).await.unwrap().rows
    }

    /// All orders of an application, in the order in which they were made.
    pub async fn orders_of(&self, application: &str) -> Vec<Order> {
        let filter = OrderFilter { application: Some(application.into()), limit: Some(500), ..OrderFilter::default() };
        let mut found = Vec::new();
        for row in orders::page(&self.op(), filter).await.unwrap().rows {
            found.push(orders::detail(&self.op(), row.id).await.unwrap().order);
        }
        found.sort_by_key(|order| order.id);
        found
    }

    /// Lets time pass until the orders of an application are as wanted.
    pub async fn until(&self, application: &str, what: &str, is_so: impl Fn(&[Order]) -> bool) -> Vec<Order> {
        let mut orders = Vec::new();
        wait::until(what, async || {
            orders = self.orders_of(application).await;
            let is_so = is_so(&orders);
            if !is_so {
                self.clock.step(Duration::from_secs(5));
            }
            is_so
        })
        .await;
        orders
    }

    /// Work items that are open.
    pub async fn open_work_items(&self) -> Vec<WorkItemId> {
        let filter = WorkItemFilter { state: Some(WorkItemState::Open), limit: Some(500), ..WorkItemFilter::default() };
        work_items::page(&self.op(), filter).await.unwrap().rows.into_iter().map(|row| row.id).collect()
    }

    /// Ends the engine and starts another one over the same database.
    pub async fn restart(&mut self) {
        self.engine.stop().await;
        self.engine = opened(&self.database, self.folder.path(), &self.clock, &self.tuning).await;
        assert!(self.engine.start_runner().await.expect("the runner starts"));
    }

    /// Ends the engine and starts another one over this backup in the place of the database.
    pub async fn put_back(&mut self, backup: &Path) {
        self.engine.stop().await;
        let database = self.folder.path().join("quartermaster.db");
        for ending in ["db-wal", "db-shm"] {
            // Gone already where the last connection has tidied up.
            let _ = std::fs::remove_file(database.with_extension(ending));
        }
        std::fs::copy(backup, database).unwrap();
        self.engine = opened(&self.database, self.folder.path(), &self.clock, &self.tuning).await;
        assert!(self.engine.start_runner().await.expect("the runner starts"));
    }

    /// Ends the engine, as a stop of the program does.
    pub async fn stop(self) {
        self.engine.stop().await;
    }
}

async fn opened(database: &str, folder: &Path, clock: &Clock, tuning: &Tuning) -> Engine {
    let mut options = Options::new(database.to_owned(), folder.join("data"));
    (options.clock, options.tuning, options.node) = (clock.clone(), tuning.clone(), "test".into());
    Engine::open(options).await.expect("the engine opens")
}

/// Writes the feed into the configuration's folder.
pub fn write_feed(folder: &Path, people: &[Person]) {
    let mut text = String::from("number,given_name,family_name,department,first_day,last_day,manager\n");
    for person in people {
        let Person { number, given_name, family_name, department, first_day, last_day } = person;
        text.push_str(&format!("{number},{given_name},{family_name},{department},{first_day},{last_day},\n"));
    }
    std::fs::write(folder.join("people.csv"), text).unwrap();
}

/// Whether there are some, and all are in this state.
pub fn all(state: ProvisioningState) -> impl Fn(&[Order]) -> bool {
    move |orders| !orders.is_empty() && orders.iter().all(|order| order.state == state)
}
