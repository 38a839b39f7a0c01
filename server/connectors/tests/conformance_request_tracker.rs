//! The connector to Request Tracker against a real one, and against a network that fails.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on ends there")]

mod support {
    #[allow(dead_code, reason = "each test starts its own servers")]
    pub(crate) mod child;
    #[allow(dead_code, reason = "each test needs other faults")]
    pub(crate) mod fault_proxy;
    pub(crate) mod free_port;
    pub(crate) mod request_tracker;
}

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use connectors::conformance::{Step, Subject, exercise};
use connectors::{AccountTypeKey, Connector, Secrets, Settings, connect};
use model::command::{Applied, CalledOff, Command, CommandError, CommandItem, Handed, LateAnswer, Outcome, Polled};
use model::configuration::{Connection, CsvExtract, RequestTrackerConnection, TicketMeaning};
use model::ids::OrderId;
use model::order::ErrorClass;
use model::plan::{ItemKind, ItemOperation, Operation};
use model::value::{Attributes, Value};
use support::fault_proxy::{Fault, FaultProxy};
use support::free_port::free_port;
use support::request_tracker::{PASSWORD, QUEUE, RequestTracker, USER, start_request_tracker};

struct Kept(BTreeMap<&'static str, String>);

impl Secrets for Kept {
    fn reveal(&self, name: &str) -> Option<String> {
        self.0.get(name).cloned()
    }
}

fn connection(port: u16) -> RequestTrackerConnection {
    RequestTrackerConnection {
        url: format!("http://127.0.0.1:{port}/"),
        token: Some("secret:token".to_owned()),
        user: None,
        password: None,
        queue: QUEUE.to_owned(),
        subject: None,
        body: None,
        custom_fields: BTreeMap::from([("Application".to_owned(), "{application}".to_owned())]),
        requestor: None,
        statuses: BTreeMap::new(),
        cancelled_status: None,
        poll_minutes: None,
        expires_days: None,
        extract: None,
    }
}

fn open(connection: RequestTrackerConnection, token: &str, base: &Path) -> Arc<dyn Connector> {
    let secrets = Kept(BTreeMap::from([("token", token.to_owned()), ("password", PASSWORD.to_owned())]));
    let types = [AccountTypeKey { name: "ward account".to_owned(), key: "login".to_owned() }];
    let settings = Settings {
        base: base.to_owned(),
        connect_timeout: Duration::from_millis(500),
        total_timeout: Duration::from_secs(10),
        ..Settings::default()
    };
    connect("ward", &Connection::RequestTracker(connection), &types, settings, &secrets).unwrap()
}

fn connector(tracker: &RequestTracker) -> Arc<dyn Connector> {
    open(connection(tracker.server.port), &tracker.token, Path::new(""))
}

fn command(order: i64, fence: i64) -> Command {
    let item = |kind, name: &str, value: Option<&str>, secret| CommandItem {
        kind,
        name: name.to_owned(),
        operation: if value.is_some() { ItemOperation::Set } else { ItemOperation::Add },
        value: value.map(Value::from),
        secret,
    };
    Command {
        order: OrderId(order),
        fence,
        application: "ward".to_owned(),
        account_type: "ward account".to_owned(),
        operation: Operation::Create,
        key: Some("ann".to_owned()),
        natural_key: Some(("login".to_owned(), Value::from("ann"))),
        items: vec![
            item(ItemKind::Attribute, "login", Some("ann"), false),
            item(ItemKind::Attribute, "pin", Some("s3cret-pin"), true),
            item(ItemKind::Entitlement, "Nurses", None, false),
        ],
        in_doubt: false,
    }
}

async fn submit(connector: &dyn Connector, command: Command) -> Result<u64, CommandError> {
    let order = command.order;
    let mut answers = connector.apply(vec![command]).await;
    assert_eq!(answers.len(), 1);
    let (answered, result) = answers.remove(0);
    assert_eq!(answered, order);
    match result? {
        Outcome::Handed { reference } => Ok(number(&reference)),
        other => panic!("not handed over: {other:?}"),
    }
}

fn number(reference: &str) -> u64 {
    reference.strip_prefix("ticket ").unwrap().parse().unwrap()
}

fn handed(order: i64, fence: i64, ticket: u64) -> Handed {
    Handed { order: OrderId(order), fence, reference: format!("ticket {ticket}"), key: Some("ann".to_owned()) }
}

/// Somebody who reads tickets, does exactly what they say to a list of accounts, and resolves them.
struct Ward {
    tracker: RequestTracker,
    folder: PathBuf,
    accounts: BTreeMap<String, Held>,
}

#[derive(Clone, Debug, Default)]
struct Held {
    attributes: BTreeMap<String, String>,
    entitlements: Vec<String>,
    disabled: bool,
}

const COLUMNS: [&str; 4] = ["login", "name", "note", "site"];

impl Ward {
    fn new(tracker: RequestTracker, folder: &Path) -> Self {
        let ward = Self { tracker, folder: folder.to_owned(), accounts: BTreeMap::new() };
        ward.write();
        ward
    }

    fn write(&self) {
        let mut writer = csv::Writer::from_path(self.folder.join("accounts.csv")).unwrap();
        writer.write_record(["key", "login", "name", "note", "site", "groups", "status"]).unwrap();
        for (key, held) in &self.accounts {
            let cell = |name: &str| held.attributes.get(name).cloned().unwrap_or_default();
            let status = if held.disabled { "disabled" } else { "enabled" };
            let row = [key.clone()].into_iter().chain(COLUMNS.map(cell));
            writer.write_record(row.chain([held.entitlements.join("|"), status.to_owned()])).unwrap();
        }
        writer.flush().unwrap();
    }

    /// Does what the text says; what it does not say is not done.
    fn carry_out(&mut self, text: &str) {
        let mut lines = text.lines();
        let first = lines.next().unwrap().strip_suffix(", of the type ward account.").unwrap();
        let first = first.strip_suffix(" in ward").unwrap();
        let (operation, key) = first.split_once(" the account ").unwrap();
        let key = meant(key);
        if operation == "Delete" {
            self.accounts.remove(&key);
            return;
        }
        let held = self.accounts.entry(key).or_default();
        match operation {
            "Enable" => held.disabled = false,
            "Disable" => held.disabled = true,
            _ => {}
        }
        for line in lines {
            if let Some(name) = line.strip_prefix("Give: ") {
                let name = meant(name);
                held.entitlements.retain(|held| *held != name);
                held.entitlements.push(name);
            } else if let Some(name) = line.strip_prefix("Take away: ") {
                let name = meant(name);
                held.entitlements.retain(|held| *held != name);
            } else if let Some(name) = line.strip_prefix("Clear ") {
                held.attributes.remove(&meant(name));
            } else if let Some((name, value)) = line.strip_prefix("Set ").and_then(|rest| rest.split_once(": ")) {
                held.attributes.insert(meant(name), meant(value));
            }
        }
    }
}

/// A text as it is meant: in quotes where it could be misread.
fn meant(text: &str) -> String {
    if text.starts_with('"') { serde_json::from_str(text).unwrap() } else { text.to_owned() }
}

#[async_trait]
impl Subject for Ward {
    fn application(&self) -> &str {
        "ward"
    }
    fn account_type(&self) -> &str {
        "ward account"
    }
    fn attributes(&self, number: usize) -> Attributes {
        BTreeMap::from([
            ("login".to_owned(), Value::from(format!("user{number}"))),
            ("name".to_owned(), Value::from(format!("Žofie {number}"))),
            ("note".to_owned(), Value::from("begin")),
            ("site".to_owned(), Value::from("Basel")),
        ])
    }
    fn natural_key(&self) -> &str {
        "login"
    }
    fn key(&self, attributes: &Attributes) -> Option<String> {
        attributes.get("login").map(ToString::to_string)
    }
    fn text_attribute(&self) -> &str {
        "note"
    }
    fn entitlements(&self) -> [&str; 2] {
        ["Nurses", "Porters (night)"]
    }
    fn omits(&self) -> &[(Step, &'static str)] {
        &[
            (Step::UnknownEntitlement, "a ticket is done or declined as a whole"),
            (Step::Foreign, "whoever works on the ticket sees the account that is there, and declines in words"),
            (Step::Missing, "the same of an account that is not there"),
            (Step::Entitlements, "the list of entitlements is made of those that somebody holds"),
        ]
    }
    fn holds(&self, text: &str) -> bool {
        // Not the tickets, but the list of accounts cannot.
        !text.contains('\0')
    }
    async fn make_foreign(&mut self, number: usize) -> String {
        unreachable!("the step {number} is left out")
    }
    async fn fulfil(&mut self, handed: Vec<(Command, String)>) -> Vec<LateAnswer> {
        for (_, reference) in handed {
            let ticket = number(&reference);
            let texts = self.tracker.texts(ticket).await;
            assert_eq!(texts.len(), 1, "{texts:?}");
            self.carry_out(&texts[0]);
            self.tracker.work(ticket, None, Some("resolved")).await;
        }
        self.write();
        Vec::new()
    }
}

#[tokio::test]
async fn conforms_on_request_tracker() {
    let folder = tempfile::tempdir().unwrap();
    let mut ward = Ward::new(start_request_tracker(), folder.path());
    let mut connection = connection(ward.tracker.server.port);
    connection.extract = Some(CsvExtract {
        file: "accounts.csv".to_owned(),
        key: "key".to_owned(),
        entitlements: Some("groups".to_owned()),
        status: Some("status".to_owned()),
        attributes: COLUMNS.map(|name| (name.to_owned(), name.to_owned())).into(),
    });
    let connector = open(connection, &ward.tracker.token.clone(), folder.path());
    let run = exercise(&*connector, &mut ward).await;
    let omitted: Vec<Step> = ward.omits().iter().map(|(step, _)| *step).collect();
    assert_eq!(run, Step::ALL.into_iter().filter(|step| !omitted.contains(step)).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_ticket_says_what_to_do_and_no_secret() {
    let tracker = start_request_tracker();
    let connector = connector(&tracker);
    assert!(connector.test().await.iter().all(|(succeeded, _)| *succeeded), "{:?}", connector.test().await);
    let ticket = submit(&*connector, command(7, 1)).await.unwrap();
    let seen = tracker.ticket(ticket).await;
    let subject = seen["Subject"].as_str().unwrap();
    assert!(
        subject.starts_with("[quartermaster 7/1 ") && subject.ends_with("] Create the account ann in ward"),
        "{subject}"
    );
    assert_eq!(seen["CustomFields"][0]["values"][0], "ward", "{seen}");
    let text = tracker.texts(ticket).await.remove(0);
    assert!(text.contains("Set login: ann\n") && text.contains("Give: Nurses\n"), "{text}");
    assert!(!text.contains("s3cret-pin") && !seen.to_string().contains("s3cret-pin"));
}

#[tokio::test]
async fn answers_follow_the_status() {
    let tracker = start_request_tracker();
    let connector = connector(&tracker);
    let mut waiting = Vec::new();
    for order in 1..=7 {
        waiting.push(handed(order, 4, submit(&*connector, command(order, 1)).await.unwrap()));
    }
    assert_eq!(connector.poll(&waiting).await.unwrap(), Polled::default(), "new tickets are queued");
    let tickets: Vec<u64> = waiting.iter().map(|one| number(&one.reference)).collect();
    tracker.work(tickets[0], Some("it is done"), Some("resolved")).await;
    tracker.work(tickets[1], Some("first"), None).await;
    tracker.work(tickets[1], Some("<b>no such</b>\nward"), Some("rejected")).await;
    tracker.work(tickets[2], None, Some("deleted")).await;
    tracker.work(tickets[3], Some("asked them"), Some("open")).await;
    tracker.work(tickets[4], None, Some("with the vendor")).await;
    tracker.merge(tickets[5], tickets[0]).await;
    waiting.push(handed(8, 1, 4_711));

    let polled = connector.poll(&waiting).await.unwrap();
    let answer = |order, result| LateAnswer { order: OrderId(order), fence: Some(4), result };
    let done =
        |detail: &str| Ok(Applied { key: Some("ann".to_owned()), detail: detail.to_owned(), ..Applied::default() });
    let declined = |message: String| Err(CommandError::new(ErrorClass::Declined, message));
    assert_eq!(
        polled.answers,
        [
            answer(1, done(&format!("ticket {} is resolved", tickets[0]))),
            answer(2, declined(format!("Ticket {} is rejected: <b>no such</b> ward", tickets[1]))),
            answer(3, declined(format!("Ticket {} is deleted, without a comment that says why.", tickets[2]))),
            answer(6, done(&format!("ticket {} is resolved", tickets[5]))),
        ]
    );
    let vendor = tickets[4];
    assert_eq!(
        polled.unclear,
        [
            (
                OrderId(5),
                format!(
                    "Ticket {vendor} has the status `with the vendor`, and the connection does not say what that means."
                )
            ),
            (OrderId(8), "Ticket 4711 cannot be found any more, or not be seen.".to_owned()),
        ]
    );
    assert_eq!(connector.poll(&waiting).await.unwrap(), polled, "the same is said until it is not asked for");

    let mut explained = connection(tracker.server.port);
    explained.statuses = BTreeMap::from([
        ("With the vendor".to_owned(), TicketMeaning::Queued),
        ("open".to_owned(), TicketMeaning::Done),
    ]);
    let explained = open(explained, &tracker.token, Path::new(""));
    let polled = explained.poll(&waiting[3..5]).await.unwrap();
    assert_eq!(polled.unclear, []);
    assert_eq!(polled.answers.iter().map(|answer| answer.order.0).collect::<Vec<_>>(), [4]);
}

#[tokio::test]
async fn a_submission_that_is_repeated_opens_no_second_ticket() {
    let tracker = start_request_tracker();
    let proxy = FaultProxy::start(tracker.server.port).await;
    let connector = open(connection(proxy.port), &tracker.token, Path::new(""));
    proxy.set(Fault::CloseAfterRequest { with: "POST /REST/2.0/ticket" });
    let error = submit(&*connector, command(7, 1)).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Unknown, "{error}");
    assert_eq!(tracker.count().await, 1, "the request arrived");

    proxy.set(Fault::None);
    let ticket = submit(&*connector, Command { in_doubt: true, ..command(7, 2) }).await.unwrap();
    assert_eq!(submit(&*connector, command(7, 3)).await.unwrap(), ticket, "an open one is found without the doubt too");
    assert_eq!(tracker.count().await, 1);

    tracker.work(ticket, None, Some("resolved")).await;
    let found = submit(&*connector, Command { in_doubt: true, ..command(7, 4) }).await.unwrap();
    assert_eq!(found, ticket, "somebody was quicker than the second submission");
    assert_eq!(tracker.count().await, 1);

    tracker.work(ticket, None, Some("open")).await;
    tracker.work(ticket, None, Some("rejected")).await;
    assert_ne!(
        submit(&*connector, command(7, 5)).await.unwrap(),
        ticket,
        "what was declined and is wanted again is asked anew"
    );
    assert_eq!(tracker.count().await, 2);
}

#[tokio::test]
async fn another_order_of_the_same_number_is_not_taken_for_this_one() {
    let tracker = start_request_tracker();
    let connector = connector(&tracker);
    let first = submit(&*connector, command(7, 1)).await.unwrap();
    let mut other = Command { in_doubt: true, ..command(7, 2) };
    other.items.pop();
    assert_ne!(submit(&*connector, other).await.unwrap(), first);
    assert_ne!(submit(&*connector, Command { in_doubt: true, ..command(77, 1) }).await.unwrap(), first);
}

#[tokio::test]
async fn what_is_called_off_is_closed_with_the_reason() {
    let tracker = start_request_tracker();
    let connector = connector(&tracker);
    let mut waiting = Vec::new();
    for order in 1..=3 {
        waiting.push(handed(order, 1, submit(&*connector, command(order, 1)).await.unwrap()));
    }
    let tickets: Vec<u64> = waiting.iter().map(|one| number(&one.reference)).collect();
    tracker.work(tickets[1], None, Some("resolved")).await;
    tracker.work(tickets[2], None, Some("rejected")).await;
    waiting.push(handed(4, 1, 4_711));
    let answers = connector.call_off(&waiting, "Nobody needs it.\nReally.").await;
    let [open, resolved, rejected, missing] = &answers[..] else { panic!("{answers:?}") };
    let told = format!("Ticket {} was closed as rejected, with a comment that says why.", tickets[0]);
    assert_eq!(*open, (OrderId(1), Ok(CalledOff::Told(told))));
    assert!(matches!(&resolved.1, Ok(CalledOff::TooLate(why)) if why.contains("is done")), "{resolved:?}");
    assert!(matches!(&rejected.1, Ok(CalledOff::Told(_))), "{rejected:?}");
    assert!(matches!(&missing.1, Ok(CalledOff::TooLate(why)) if why.contains("4711")), "{missing:?}");
    assert_eq!(tracker.ticket(tickets[0]).await["Status"], "rejected");
    assert_eq!(tracker.texts(tickets[0]).await[1], "Nobody needs it.\nReally.");
    assert_eq!(tracker.ticket(tickets[1]).await["Status"], "resolved");
}

#[tokio::test]
async fn credentials_and_queues_are_tried() {
    let tracker = start_request_tracker();
    let port = tracker.server.port;
    let base = Path::new("");
    let mut with_password = connection(port);
    (with_password.token, with_password.user, with_password.password) =
        (None, Some(USER.to_owned()), Some("secret:password".to_owned()));
    let steps = open(with_password, "", base).test().await;
    assert!(steps.iter().all(|(succeeded, _)| *succeeded), "{steps:?}");

    let wrong = open(connection(port), "1-1-0123456789abcdef", base);
    let steps = wrong.test().await;
    assert_eq!(steps.len(), 1);
    assert!(!steps[0].0 && steps[0].1.contains("401"), "{steps:?}");
    assert_eq!(submit(&*wrong, command(1, 1)).await.unwrap_err().class, ErrorClass::Authentication);
    assert_eq!(wrong.poll(&[handed(1, 1, 1)]).await.unwrap_err().class, ErrorClass::Authentication);
    let called_off = wrong.call_off(&[handed(1, 1, 1)], "why").await;
    assert_eq!(called_off[0].1.as_ref().unwrap_err().class, ErrorClass::Authentication);

    let mut elsewhere = connection(port);
    elsewhere.queue = "Nowhere".to_owned();
    let elsewhere = open(elsewhere, &tracker.token, base);
    let steps = elsewhere.test().await;
    assert!(steps[0].0 && !steps[1].0 && steps[1].1.contains("Nowhere"), "{steps:?}");
    assert_eq!(submit(&*elsewhere, command(1, 1)).await.unwrap_err().class, ErrorClass::Permission);
    assert_eq!(tracker.count().await, 0);
}

#[tokio::test]
async fn what_does_not_answer_or_talks_rubbish_is_told_apart() {
    let tracker = start_request_tracker();
    let proxy = FaultProxy::start(tracker.server.port).await;
    let through = open(connection(proxy.port), &tracker.token, Path::new(""));
    let gone = open(connection(free_port()), &tracker.token, Path::new(""));
    fails(&*gone, &[ErrorClass::Transient]).await;
    let http = |head: &str, body: &str| {
        format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes()
    };
    for (rubbish, classes) in [
        (b"220 mail.example.org ESMTP\r\n".to_vec(), [ErrorClass::Protocol, ErrorClass::Protocol]),
        (
            http("200 OK\r\ncontent-type: text/html", "<html>Sign in</html>"),
            [ErrorClass::Protocol, ErrorClass::Unknown],
        ),
        (http("200 OK", "[]"), [ErrorClass::Protocol, ErrorClass::Unknown]),
        (http("200 OK", r#"{"items":[{"id":"1"}],"id":"x"}"#), [ErrorClass::Protocol, ErrorClass::Unknown]),
        (http("302 Found\r\nlocation: http://127.0.0.1:1/", ""), [ErrorClass::Protocol, ErrorClass::Protocol]),
        (http("403 Forbidden", r#"{"message":"not you"}"#), [ErrorClass::Permission, ErrorClass::Permission]),
        (http("429 Too Many Requests\r\nretry-after: 7", ""), [ErrorClass::RateLimited, ErrorClass::RateLimited]),
        (http("503 Service Unavailable", "<html>"), [ErrorClass::Transient, ErrorClass::Transient]),
        (http("500 Internal Server Error", "{}"), [ErrorClass::Transient, ErrorClass::Unknown]),
    ] {
        proxy.set(Fault::Rubbish(rubbish));
        fails(&*through, &classes).await;
    }
    assert_eq!(tracker.count().await, 0, "nothing of that reached it");
}

/// Every call fails with one of the classes.
async fn fails(connector: &dyn Connector, classes: &[ErrorClass]) {
    let steps = connector.test().await;
    assert!(steps.iter().any(|(succeeded, _)| !succeeded), "{steps:?}");
    let submitted = submit(connector, command(1, 1)).await.unwrap_err();
    let again = submit(connector, Command { in_doubt: true, ..command(1, 2) }).await.unwrap_err();
    let polled = connector.poll(&[handed(1, 1, 1)]).await.unwrap_err();
    let called_off = connector.call_off(&[handed(1, 1, 1)], "why").await.remove(0).1.unwrap_err();
    for error in [submitted, again, polled, called_off] {
        assert!(classes.contains(&error.class), "{:?} is none of {classes:?}: {error}", error.class);
    }
}

#[tokio::test]
async fn an_unfinished_connection_is_refused_with_the_field() {
    let complaints = |change: &dyn Fn(&mut RequestTrackerConnection)| {
        let mut changed = connection(1);
        change(&mut changed);
        connectors::complaints_of_request_tracker(&changed)
    };
    assert_eq!(complaints(&|_| ()), []);
    type Change = dyn Fn(&mut RequestTrackerConnection);
    let cases: [(&Change, &str, &str); 10] = [
        (&|c| c.token = None, "url", "credentials"),
        (&|c| c.user = Some("x".into()), "token", "not both"),
        (&|c| (c.token, c.user) = (None, Some("x".into())), "user", "password"),
        (&|c| c.queue = " ".into(), "queue", "queue"),
        (&|c| c.poll_minutes = Some(0), "poll_minutes", "above zero"),
        (&|c| c.expires_days = Some(0), "expires_days", "above zero"),
        (&|c| c.cancelled_status = Some("resolved".into()), "cancelled_status", "resolved"),
        (&|c| c.subject = Some("{person}".into()), "subject", "{account}"),
        (&|c| c.body = Some("Do {operation}".into()), "body", "{changes}"),
        (&|c| drop(c.custom_fields.insert("X".into(), "{".into())), "custom_fields.X", "not closed"),
    ];
    for (change, field, word) in cases {
        let found = complaints(change);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].0, field);
        assert!(found[0].1.contains(word), "{found:?}");
    }
}
