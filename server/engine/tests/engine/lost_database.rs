//! PostgreSQL goes away in the middle of everything, or cuts connections and transactions off: what was acknowledged is
//! there afterwards, the run goes on within seconds, not when a lease has passed, and nobody's account is made twice.
//!
//! And of two nodes on one database the one that was away for too long does no harm.
//!
//! The program is a process of its own ([`crate::crash`]); PostgreSQL is a real one, ended as by `pg_ctl stop -m immediate`.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use model::view::AuditLine;
use store::{Store, StoreError};
use testkit::wait::until_here as until;
use testkit::world::{Person, person};

use crate::crash::house::House;
use crate::crash::program::{End, Program};
use crate::postgres::Postgres;

/// How soon the work goes on once the database is there again.
const SOON: Duration = Duration::from_secs(5);

#[test]
fn a_run_goes_on_when_its_database_comes_back() {
    let mut server = Postgres::durable();
    let database = server.create_database("house");
    // Leases are as long as they usually are: nothing may wait for their end.
    let house = House::build_with(Some(&database), None);
    house.directory.state().latency = Duration::from_millis(40);
    house.feed(&people());
    house.ask_for("complete");
    let mut program = Program::start(house.folder());
    assert_eq!(program.works_within(None), None, "the program came to work");
    let writer = Writer::start(&database);
    // Once while accounts are made in the directory, and once while those that depend on them are made in the payroll.
    let moments: [&dyn Fn() -> bool; 2] = [&|| created(&house) >= 5, &|| house.paid() >= 1];
    for moment in moments {
        until("orders go out", moment);
        server.end();
        // Whatever is on its way comes to its end meanwhile, and its answers have nowhere to go.
        until("nothing more is sent", quiet(&house));
        let acknowledged = writer.acknowledged();
        server.come_back();
        let back = Instant::now();
        let before = steps(&server);
        until("the work goes on", || steps(&server) > before);
        let took = back.elapsed();
        eprintln!("the work goes on after {took:?}");
        assert!(took < SOON, "the work goes on only after {took:?}");
        until("writes are taken again", || writer.acknowledged() > acknowledged);
    }
    assert_eq!(program.ends_within(None), Some(End::Through("completed".into())));
    settle(&house);
    writer.end_and_check(&house);
}

#[test]
fn cut_connections_and_transactions_that_get_in_each_others_way_lose_nothing() {
    let server = Postgres::durable();
    let database = server.create_database("house");
    let house = House::build_with(Some(&database), None);
    house.directory.state().latency = Duration::from_millis(60);
    // With every transaction serializable, those that touch the same rows fail with 40001 instead of waiting.
    server.query("postgres", "alter database house set default_transaction_isolation = 'serializable'");
    house.feed(&people());
    house.ask_for("complete");
    let mut program = Program::start(house.folder());
    assert_eq!(program.works_within(None), None, "the program came to work");
    until("the run is on record", || !house.is_asked());
    let writers = [Writer::start(&database), Writer::start(&database)];
    let mut ended = None;
    let mut cut = 0;
    while ended.is_none() && cut < 8 {
        ended = program.ends_within(Some(Duration::from_millis(250)));
        let sql =
            "select count(pg_terminate_backend(pid)) from pg_stat_activity where application_name = 'quartermaster'";
        cut += usize::from(server.query("house", sql) != "0");
    }
    assert!(cut >= 5, "the run was over after {cut} cuts: {ended:?}");
    // As quick as they are they take every other transaction's turn on a busy machine, and the run would have to wait for
    // luck: what it has suffered by now is enough.
    writers.iter().for_each(Writer::stop);
    let ended = ended.or_else(|| program.ends_within(None));
    assert_eq!(ended, Some(End::Through("completed".into())));
    let contended: u64 = writers.iter().map(Writer::contended).sum();
    eprintln!("{cut} times all connections were cut, {contended} transactions got in each other's way");
    assert!(contended > 0, "no transaction got in another's way");
    for writer in writers {
        writer.end_and_check(&house);
    }
    settle(&house);
}

/// A node is stopped in the middle of a batch for longer than its leases hold. Another takes over what it had in hand; then
/// the first one wakes up, with most of the batch still to be sent, as it believes.
#[test]
fn a_node_that_wakes_up_after_its_lease_sends_nothing_more() {
    let server = Postgres::durable();
    let house = House::build_with(Some(&server.create_database("house")), Some(Duration::from_secs(2)));
    house.directory.state().latency = Duration::from_millis(300);
    house.feed(&people());
    house.ask_for("complete");
    let mut first = Program::start(house.folder());
    assert_eq!(first.works_within(None), None, "the program came to work");
    // All its connections wait for their answers: it is not stopped between looking at its lease and calling.
    let mut waiting = steady(|| house.directory.state().under_way, Duration::from_millis(60));
    until("accounts are being made", || waiting() && house.directory.state().under_way >= 4);
    first.signal("STOP");
    until("what it sent is done", || house.directory.state().under_way == 0);
    let made = created(&house);
    assert!((made as usize) < people().len(), "all was sent before it was stopped");
    // A run waits for what is read back no longer than a lease holds.
    house.directory.state().latency = Duration::from_millis(20);
    let mut second = Program::start(house.folder());
    assert_eq!(second.works_within(None), None, "the other program came to work");
    until("the other has taken over", || created(&house) > made);
    first.signal("CONT");
    assert_eq!(second.ends_within(None), Some(End::Through("completed".into())), "who took over");
    assert_eq!(first.ends_within(None), Some(End::Through("completed".into())), "who was away");
    let both = "select count(distinct one.order_id) from order_attempt one
        join order_attempt other on other.order_id = one.order_id and other.node <> one.node";
    let taken_over: u64 = server.query("house", both).parse().expect("a number");
    assert!(taken_over >= 4, "{taken_over} orders were taken over");
    settle(&house);
}

fn people() -> Vec<Person> {
    const DEPARTMENTS: [&str; 3] = ["Finance", "Sales", "Stores"];
    let family = |number: u32| {
        format!("Alder{}{}", char::from(b'a' + (number / 8) as u8), char::from(b'a' + (number % 8) as u8))
    };
    (1..=48).map(|number| person(number, "Ada", &family(number), DEPARTMENTS[number as usize % 3])).collect()
}

/// Steps of orders on record.
fn steps(server: &Postgres) -> u64 {
    server.query("house", "select count(*) from order_event").parse().expect("a number")
}

fn created(house: &House) -> u32 {
    house.directory.state().creations.values().sum()
}

/// Whether no account was made for several times as long as making one takes.
fn quiet(house: &House) -> impl FnMut() -> bool {
    steady(|| created(house), Duration::from_millis(400))
}

/// Whether a number has stayed the same for so long.
fn steady(number: impl Fn() -> u32, long: Duration) -> impl FnMut() -> bool {
    let mut last = (number(), Instant::now());
    move || {
        let now = number();
        if now != last.0 {
            last = (now, Instant::now());
        }
        last.1.elapsed() > long
    }
}

/// Everything is done and confirmed, and nothing was done twice.
fn settle(house: &House) {
    house.directory.state().latency = Duration::ZERO;
    house.work_by_hand();
    house.live_until_settled();
    assert_eq!(house.snapshot().not_verified, Vec::<String>::new());
    house.check_timelines();
    let twice: Vec<_> = house
        .directory
        .state()
        .creations
        .iter()
        .filter(|(_, times)| **times > 1)
        .map(|(name, _)| name.clone())
        .collect();
    assert_eq!(twice, Vec::<String>::new(), "accounts were made twice");
}

/// Writes lines to the audit trail as quickly as it can, and remembers which were acknowledged.
struct Writer {
    shared: Arc<Shared>,
    thread: std::thread::JoinHandle<BTreeSet<String>>,
}

#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    acknowledged: AtomicU64,
    contended: AtomicU64,
}

impl Writer {
    fn start(database: &str) -> Self {
        static WRITERS: AtomicU64 = AtomicU64::new(0);
        let own = WRITERS.fetch_add(1, Ordering::Relaxed);
        let shared = Arc::new(Shared::default());
        let (told, database) = (Arc::clone(&shared), database.to_owned());
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let store = Store::open(&database).await.expect("the store opens");
                let mut kept = BTreeSet::new();
                let mut pace = tokio::time::interval(Duration::from_millis(5));
                for number in 0.. {
                    pace.tick().await;
                    if told.stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let subject = format!("{own}.{number}");
                    match write(&store, &subject).await {
                        Ok(()) => {
                            kept.insert(subject);
                            told.acknowledged.fetch_add(1, Ordering::Relaxed);
                        }
                        Err(StoreError::Contended) => {
                            told.contended.fetch_add(1, Ordering::Relaxed);
                        }
                        Err(error) => assert!(error.passes(), "{error:?}"),
                    }
                }
                store.close().await;
                kept
            })
        });
        Self { shared, thread }
    }

    fn acknowledged(&self) -> u64 {
        self.shared.acknowledged.load(Ordering::Relaxed)
    }

    fn contended(&self) -> u64 {
        self.shared.contended.load(Ordering::Relaxed)
    }

    /// Has it write no more.
    fn stop(&self) {
        self.shared.stop.store(true, Ordering::Relaxed);
    }

    fn end_and_check(self, house: &House) {
        self.stop();
        let kept = self.thread.join().expect("the writer ends by itself");
        assert!(!kept.is_empty());
        let there: BTreeSet<String> = house.with_engine(async |engine| {
            let (mut there, mut after) = (BTreeSet::new(), None::<i64>);
            loop {
                let page = engine.store().audit_page(after, 500).await.unwrap();
                there.extend(page.rows.into_iter().filter(|line| line.action == "wrote").map(|line| line.subject));
                after = page.next.map(|next| next.parse().unwrap());
                if after.is_none() {
                    return there;
                }
            }
        });
        let lost: Vec<_> = kept.difference(&there).collect();
        assert!(lost.is_empty(), "acknowledged, and gone: {lost:?}");
    }
}

/// Takes a number, as everybody does who makes something, and writes a line.
async fn write(store: &Store, subject: &str) -> Result<(), StoreError> {
    let line = AuditLine {
        at: jiff::Timestamp::UNIX_EPOCH,
        actor: "test".into(),
        action: "wrote".into(),
        subject: subject.to_owned(),
        detail: String::new(),
    };
    let work = store.write(move |tx| {
        Box::pin(async move {
            tx.reserve_ids(1).await?;
            tx.append_audit(&line).await
        })
    });
    work.await
}
