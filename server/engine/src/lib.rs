//! The corridor: the one room that sees the others. A use case authorises, reads what a decision needs from `store`,
//! lets `policy` and `broker` decide, has `connectors` do, and records the outcome with all that follows from it in
//! one transaction. It holds the clock and the tasks; it knows neither HTTP nor pages.

mod beside;
mod lock;

pub mod clock;
pub mod context;
pub mod error;

pub mod configuration;
pub mod configurations;
pub mod connections;
pub mod demo_support;
pub mod secrets;
pub mod world;

pub(crate) mod circuits;
pub mod dispatch;
pub(crate) mod in_hand;
mod indirect;
pub mod news;
pub(crate) mod pace;
pub mod progress;
pub mod record;
pub mod runner;
pub mod schedule;
pub mod scheduler;
pub mod sweeps;
mod tallies;
pub mod tasks;

pub mod access;
pub mod accounts;
pub mod agents;
pub mod applications;
pub mod approvals;
pub mod backup;
mod boundaries;
pub mod bulk_changes;
pub mod certifications;
pub mod drafts;
pub mod events;
pub mod exports;
pub mod forms;
pub mod found_entitlements;
pub mod grace;
pub mod home;
pub mod identities;
pub mod integrations;
pub mod jobs;
pub mod lint;
pub mod mails;
pub mod mining;
pub mod native_changes;
pub mod orders;
pub mod permissions;
pub mod policy_tests;
mod reach;
pub mod reconciliation;
pub(crate) mod references;
pub mod request_approvals;
pub mod requests;
pub mod restoration;
pub mod reviews;
pub mod rings;
pub mod role_model;
pub mod saved_views;
pub mod search;
pub mod sessions;
pub mod settings;
pub mod sign_ins;
pub mod simulation;
pub mod undo;
pub mod users;
pub mod violations;
mod what_if;
pub mod work_items;

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI64};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use connectors::Connector;
use jiff::Timestamp;
use jiff::civil::Date;
use model::ids::UserId;
use model::order::Order;
use model::user::{PermissionPath, User};
use model::view::RunUpdate;
use store::{Store, StoreError};
use tokio::sync::{Notify, broadcast};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::beside::Beside;
use crate::clock::Clock;
use crate::connections::Connections;
use crate::context::OpContext;
use crate::error::OpenError;
use crate::in_hand::InHand;
use crate::lock::RunnerLock;
use crate::pace::Paces;
use crate::reconciliation::GoLives;
use crate::secrets::Keys;
use crate::simulation::Simulations;
use crate::tallies::Tallies;
use crate::world::World;

/// What the engine is opened with.
pub struct Options {
    /// `sqlite:/path/file.db` or `postgres://…`.
    pub database: String,
    /// Where the key file and the lock are kept; created when absent.
    pub data_directory: PathBuf,
    pub clock: Clock,
    /// Name of this process among those that share a database, which no other may have: leases are held under it. Appears
    /// in timelines.
    pub node: String,
    pub tuning: Tuning,
    /// Called after a person confirmed a manual order. Only the demo uses it: its systems stand for people's.
    pub on_confirmed: Option<ConfirmedHook>,
    /// Applications that live in this process, in place of what their connection says. Only benchmarks use it.
    pub connectors: HashMap<String, Arc<dyn Connector>>,
}

/// See [`Options::on_confirmed`].
pub type ConfirmedHook = Arc<dyn Fn(&Order) + Send + Sync>;

impl Options {
    /// The usual: the system's clock and no hook.
    pub fn new(database: String, data_directory: PathBuf) -> Self {
        Self {
            database,
            data_directory,
            clock: Clock::System,
            // In containers all processes have the same number.
            node: format!("node-{}-{:08x}", std::process::id(), rand::random::<u32>()),
            tuning: Tuning::default(),
            on_confirmed: None,
            connectors: HashMap::new(),
        }
    }
}

/// Numbers that tests and benchmarks may want otherwise.
#[derive(Clone, Debug)]
pub struct Tuning {
    /// How long a claim holds without being renewed.
    pub lease: std::time::Duration,
    /// How often waiting work is looked for.
    pub sweep_every: std::time::Duration,
    /// How long *fulfil* waits for answers of executors before the run goes on without them.
    pub answer_wait: std::time::Duration,
    /// Orders claimed in one transaction.
    pub claim_batch: u32,
    /// How long another run waits before *fulfil* leaves what is still to be sent to the sweep.
    pub hand_over_after: std::time::Duration,
    /// When an application that does not answer is left alone, and when it is tried again.
    pub breaker: broker::breaker::Limits,
    /// How long an agent that reads may be silent before another one may begin anew.
    pub agent_lease: std::time::Duration,
    /// Bytes that an agent may hand over of one export.
    pub agent_export_bytes: u64,
    /// For the connection to an application alone, and for one call.
    pub connect_timeout: std::time::Duration,
    pub call_timeout: std::time::Duration,
    pub retry: broker::retry::RetryPolicy,
}

impl Default for Tuning {
    fn default() -> Self {
        use std::time::Duration;
        Self {
            lease: Duration::from_secs(30),
            sweep_every: Duration::from_secs(1),
            answer_wait: Duration::from_secs(10),
            claim_batch: 1_000,
            hand_over_after: Duration::from_secs(10),
            breaker: broker::breaker::Limits::default(),
            agent_lease: Duration::from_secs(60),
            agent_export_bytes: model::agent::EXPORT_BYTES,
            connect_timeout: Duration::from_secs(5),
            call_timeout: Duration::from_secs(30),
            retry: broker::retry::RetryPolicy::default(),
        }
    }
}

/// How long what has to be on record waits before it is handed in again.
const INSIST_EVERY: std::time::Duration = std::time::Duration::from_millis(200);

/// The running product, cheap to clone.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

struct Inner {
    store: Store,
    /// The newest migration that a newer version has applied, and this one does not know.
    newest_unknown: Option<String>,
    clock: Clock,
    node: String,
    tuning: Tuning,
    keys: Keys,
    world: World,
    connections: Connections,
    paces: Paces,
    tallies: Tallies,
    simulations: Simulations,
    go_lives: GoLives,
    found: Beside<Arc<found_entitlements::OnRecord>>,
    in_hand: InHand,
    waiting: references::Waiting,
    /// Why the run under way does not go on.
    held_up: Mutex<Option<String>>,
    /// Applications to which the sweep delivers now, and bulk changes that it carries on.
    delivering: Mutex<BTreeSet<String>>,
    updates: broadcast::Sender<RunUpdate>,
    wake: Notify,
    /// Told when an export goes on in this process: was asked for, taken, filled or ended.
    exports: Notify,
    stop: CancellationToken,
    tasks: TaskTracker,
    lock: RunnerLock,
    data_directory: PathBuf,
    on_confirmed: Option<ConfirmedHook>,
    /// When each executor that is not asked all the time is asked again.
    asked: Mutex<sweeps::Asked>,
    /// Set while a run delivers orders itself: the sweep then leaves due orders to it, so that it counts them.
    fulfilling: AtomicBool,
    /// Number of the run that this process carries out; 0 for none.
    carrying_out: AtomicI64,
    /// Held while executors are asked: a run and the sweep would otherwise both take the same answers.
    asking: tokio::sync::Mutex<()>,
}

impl Engine {
    /// Opens the database, brings its schema up to date, and loads the configuration. Starts nothing: see
    /// [`Engine::start_runner`].
    ///
    /// # Errors
    /// Says which of database, key file and stored configuration could not be used, and what to do.
    pub async fn open(options: Options) -> Result<Self, OpenError> {
        std::fs::create_dir_all(&options.data_directory)
            .map_err(|source| OpenError::DataDirectory { path: options.data_directory.clone(), source })?;
        let keys = Keys::open(&options.data_directory.join("secret.key"))?;
        let store = Store::open(&options.database).await?;
        let newest = store.migrate().await?.newer.pop();
        if let Some(migration) = &newest {
            tracing::warn!(
                migration,
                "A newer version has brought the database further; this one goes on working on it"
            );
        }
        let lock = RunnerLock::new(&options.data_directory, store.dialect());
        let world = World::load(&store).await?;
        let engine = Self(Arc::new(Inner {
            store,
            newest_unknown: newest,
            clock: options.clock,
            node: options.node,
            tuning: options.tuning,
            keys,
            world,
            connections: Connections::new(options.connectors),
            paces: Paces::default(),
            tallies: Tallies::default(),
            simulations: Simulations::default(),
            go_lives: GoLives::default(),
            found: Beside::default(),
            in_hand: InHand::default(),
            waiting: references::Waiting::default(),
            held_up: Mutex::default(),
            delivering: Mutex::default(),
            updates: broadcast::channel(1024).0,
            wake: Notify::new(),
            exports: Notify::new(),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
            lock,
            data_directory: options.data_directory,
            on_confirmed: options.on_confirmed,
            asked: Mutex::default(),
            fulfilling: AtomicBool::new(false),
            carrying_out: AtomicI64::new(0),
            asking: tokio::sync::Mutex::new(()),
        }));
        restoration::notice(&engine).await?;
        Ok(engine)
    }

    /// Starts taking queued runs, retries and late answers. With an embedded database only one process does so at a
    /// time; false says that another one already does.
    pub async fn start_runner(&self) -> Result<bool, OpenError> {
        if !self.0.lock.acquire()? {
            return Ok(false);
        }
        if self.0.lock.is_exclusive() {
            // Nobody else can hold a lease on a database that is ours alone: those that are left are of a process that died.
            let work = self.0.store.write(|tx| {
                Box::pin(async move {
                    tx.free_subscriptions().await?;
                    tx.void_leases().await
                })
            });
            work.await?;
        }
        // Listening before the first look at what is queued: nothing falls in between.
        if let Some(signals) = self.0.store.signals().await? {
            self.0.tasks.spawn(news::run(self.clone(), signals));
        }
        self.0.tasks.spawn(runner::run(self.clone()));
        self.0.tasks.spawn(sweeps::run(self.clone()));
        self.0.tasks.spawn(mails::run(self.clone()));
        self.0.tasks.spawn(events::run(self.clone()));
        Ok(true)
    }

    /// Starts jobs at the times of their schedules. For a process that stays: after [`Engine::start_runner`].
    pub fn start_scheduler(&self) {
        self.0.tasks.spawn(scheduler::run(self.clone()));
    }

    /// Lets what is under way come to its end, starts nothing new, and closes the database.
    pub async fn stop(&self) {
        self.0.stop.cancel();
        self.0.tasks.close();
        self.0.tasks.wait().await;
        self.0.store.close().await;
    }

    /// Catches up with what other processes wrote: a configuration applied, identities changed.
    pub(crate) async fn follow(&self) -> Result<world::Followed, OpenError> {
        let followed = self.world().follow(self.store()).await?;
        if followed.configuration {
            self.connections().forget_all();
        }
        Ok(followed)
    }

    /// Catches up with a configuration that another process applied.
    pub(crate) async fn follow_configuration(&self) -> Result<(), OpenError> {
        if self.world().follow_configuration(self.store()).await? {
            self.connections().forget_all();
        }
        Ok(())
    }

    /// The system of record.
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    /// The newest migration of the database, where a newer version has applied it and this one goes on without knowing it.
    pub fn newest_unknown_migration(&self) -> Option<&str> {
        self.0.newest_unknown.as_deref()
    }

    /// Whether the database can be used, by this process and for what it has to do: reading, small changes and large ones.
    ///
    /// # Errors
    /// Says why not. What is under way goes on by itself once it can.
    pub async fn is_ready(&self) -> Result<(), StoreError> {
        self.store().is_ready().await?;
        match self.held_up().clone() {
            Some(reason) => Err(StoreError::Unavailable { reason }),
            None => Ok(()),
        }
    }

    /// The time now.
    pub fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// The day now, where the organisation is.
    pub fn today(&self) -> Date {
        self.day(self.now())
    }

    /// The day of a moment, where the organisation is.
    pub fn day(&self, at: Timestamp) -> Date {
        at.to_zoned(self.world().time_zone()).date()
    }

    /// Where pages that are open hear of runs.
    pub fn updates(&self) -> &broadcast::Sender<RunUpdate> {
        &self.0.updates
    }

    /// The live configuration and the role model computed from it.
    pub fn world(&self) -> &World {
        &self.0.world
    }

    /// The context of whoever operates this machine: the command line has no sign-in of its own, since who can read
    /// the database file can do everything anyway.
    pub fn operating_context(&self, request_id: &str) -> OpContext {
        OpContext {
            engine: self.clone(),
            user: User {
                id: UserId(0),
                login: "command line".into(),
                display_name: "Command line".into(),
                identity: None,
                profiles: Vec::new(),
                disabled: false,
            },
            permissions: PermissionPath::parse("/*").into_iter().collect(),
            limited: Vec::new(),
            request_id: request_id.to_owned(),
            now: self.now(),
        }
    }

    pub(crate) fn node(&self) -> &str {
        &self.0.node
    }

    pub(crate) fn data_directory(&self) -> &std::path::Path {
        &self.0.data_directory
    }

    pub(crate) fn tuning(&self) -> &Tuning {
        &self.0.tuning
    }

    pub(crate) fn keys(&self) -> &Keys {
        &self.0.keys
    }

    pub(crate) fn connections(&self) -> &Connections {
        &self.0.connections
    }

    pub(crate) fn paces(&self) -> &Paces {
        &self.0.paces
    }

    pub(crate) fn waiting(&self) -> &references::Waiting {
        &self.0.waiting
    }

    pub(crate) fn in_hand(&self) -> &InHand {
        &self.0.in_hand
    }

    pub(crate) fn held_up(&self) -> MutexGuard<'_, Option<String>> {
        self.0.held_up.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn go_lives(&self) -> &GoLives {
        &self.0.go_lives
    }

    pub(crate) fn found(&self) -> &Beside<Arc<found_entitlements::OnRecord>> {
        &self.0.found
    }

    pub(crate) fn delivering(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.0.delivering.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does what has to be on record in the end, again and again until the database takes it or the engine stops: it has
    /// happened outside, and nobody would tell it a second time. What is tried must be harmless when it is done twice,
    /// because a commit whose answer was lost is not known to have happened.
    pub(crate) async fn insist<T, F>(&self, what: &str, work: impl Fn() -> F) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let mut told = false;
        loop {
            match work().await {
                Err(error) if error.passes() && !self.stopping().is_cancelled() => {
                    if !std::mem::replace(&mut told, true) {
                        tracing::warn!(%error, "{what} is kept until the database takes it");
                    }
                }
                outcome => return outcome,
            }
            tokio::select! {
                () = tokio::time::sleep(INSIST_EVERY) => {}
                () = self.stopping().cancelled() => {}
            }
        }
    }

    /// Goes on beside whatever calls it, until it ends by itself; a stop of the engine waits for it.
    pub(crate) fn beside(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.0.tasks.spawn(work);
    }

    pub(crate) fn wake(&self) -> &Notify {
        &self.0.wake
    }

    pub(crate) fn exports(&self) -> &Notify {
        &self.0.exports
    }

    pub(crate) fn stopping(&self) -> &CancellationToken {
        &self.0.stop
    }

    pub(crate) fn asked(&self) -> MutexGuard<'_, sweeps::Asked> {
        self.0.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn fulfilling(&self) -> &AtomicBool {
        &self.0.fulfilling
    }

    pub(crate) fn carrying_out(&self) -> &AtomicI64 {
        &self.0.carrying_out
    }

    pub(crate) fn asking(&self) -> &tokio::sync::Mutex<()> {
        &self.0.asking
    }

    pub(crate) fn on_confirmed(&self) -> Option<&ConfirmedHook> {
        self.0.on_confirmed.as_ref()
    }

    /// The moment so far from now.
    pub(crate) fn after(&self, delay: std::time::Duration) -> Timestamp {
        let now = self.now();
        jiff::SignedDuration::try_from(delay).ok().and_then(|delay| now.checked_add(delay).ok()).unwrap_or(now)
    }
}
