//! CSV exchange and work by hand: the shared suite against a scripted other side, and files that are not as they
//! should be.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends there")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use connectors::conformance::{self, Step, Subject};
use connectors::{Connector, Secrets, Settings, connect};
use model::command::{Command, CommandItem, LateAnswer, Outcome};
use model::configuration::Connection;
use model::ids::OrderId;
use model::order::ErrorClass;
use model::plan::{ItemKind, ItemOperation, Operation};
use model::value::{Attributes, Value};
use serde_json::json;

const HEADER: &str = "login,name,title,door codes,groups,status\n";
const GROUPS: [&str; 2] = ["front door", "=vault"];

struct NoSecrets;

impl Secrets for NoSecrets {
    fn reveal(&self, _: &str) -> Option<String> {
        None
    }
}

fn open(base: &Path, connection: serde_json::Value) -> Arc<dyn Connector> {
    let connection: Connection = serde_json::from_value(connection).unwrap();
    let settings = Settings { base: base.to_owned(), ..Settings::default() };
    connect("badges", &connection, &[], settings, &NoSecrets).unwrap_or_else(|error| panic!("{error}"))
}

fn extract() -> serde_json::Value {
    json!({ "file": "extract.csv", "key": "login", "entitlements": "groups", "status": "status" })
}

fn exchange() -> serde_json::Value {
    json!({ "kind": "csv", "outbox": "out", "inbox": "in", "extract": extract() })
}

/// An account of the badge system.
#[derive(Clone, Debug, Default, PartialEq)]
struct Badge {
    attributes: BTreeMap<String, String>,
    groups: BTreeSet<String>,
    closed: bool,
}

/// One row's cells by header, read the way the format says.
type Row = BTreeMap<String, String>;

/// The badge system, with its own idea of who has a badge. Reads batches, or is told by a person.
struct BadgeSystem {
    base: PathBuf,
    badges: BTreeMap<String, Badge>,
    by_hand: bool,
}

impl BadgeSystem {
    fn new(base: &Path, by_hand: bool) -> Self {
        let holder = Badge { groups: GROUPS.map(str::to_owned).into(), ..Badge::default() };
        let badges = BTreeMap::from([("caretaker".to_owned(), holder)]);
        let system = Self { base: base.to_owned(), badges, by_hand };
        system.write_extract();
        system
    }

    /// Writes cells as they are, without a guard: an application need not know of it.
    fn write_extract(&self) {
        let mut writer = csv::Writer::from_writer(HEADER.as_bytes().to_vec());
        for (login, badge) in &self.badges {
            let attribute = |name: &str| badge.attributes.get(name).map_or("", String::as_str);
            let groups = badge.groups.iter().map(String::as_str).collect::<Vec<_>>().join("|");
            let status = if badge.closed { "disabled" } else { "enabled" };
            writer.write_record([login, attribute("name"), attribute("title"), "", &groups, status]).unwrap();
        }
        std::fs::write(self.base.join("extract.csv"), writer.into_inner().unwrap()).unwrap();
    }

    /// Does one order; answers the key and what was refused, or why not.
    fn carry_out(&mut self, rows: &[Row]) -> Result<(String, Vec<String>), (&'static str, String)> {
        let first = &rows[0];
        let items = |kind: &str, change: &str| {
            let rows = rows.iter().filter(|row| row["item"] == kind && row["change"] == change);
            rows.map(|row| (row["name"].clone(), row["value"].clone())).collect::<BTreeMap<_, _>>()
        };
        let key = first["key"].clone();
        let set = items("attribute", "set");
        match first["operation"].as_str() {
            "create" => {
                let fresh = Badge { attributes: set.clone(), ..Badge::default() };
                let badge = self.badges.entry(key.clone()).or_insert_with(|| fresh.clone());
                if badge.attributes != fresh.attributes {
                    return Err(("conflict", format!("{key} is somebody else's badge")));
                }
            }
            "delete" => {
                self.badges.remove(&key);
                return Ok((key, vec![]));
            }
            operation => {
                let Some(badge) = self.badges.get_mut(&key) else {
                    return Err(("not_found", format!("there is no badge {key}")));
                };
                match operation {
                    "enable" => badge.closed = false,
                    "disable" => badge.closed = true,
                    "update" => {}
                    other => panic!("{other} is no operation"),
                }
                badge.attributes.extend(set);
                for name in items("attribute", "remove").into_keys() {
                    badge.attributes.remove(&name);
                }
            }
        }
        let badge = self.badges.get_mut(&key).unwrap();
        for group in items("entitlement", "remove").into_keys() {
            badge.groups.remove(&group);
        }
        let (known, refused) =
            items("entitlement", "add").into_keys().partition(|name| GROUPS.contains(&name.as_str()));
        badge.groups.extend::<Vec<_>>(known);
        Ok((key, refused))
    }

    /// Reads a batch and writes its results.
    fn work(&mut self, batch: &str) {
        let orders = read_batch(&self.base.join("out").join(batch));
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(["order", "fence", "result", "class", "refused", "message"]).unwrap();
        for rows in orders {
            let (order, fence) = (&rows[0]["order"], &rows[0]["fence"]);
            match self.carry_out(&rows) {
                Ok((_, refused)) => {
                    let message = if refused.is_empty() { "" } else { "no such group" };
                    writer.write_record([order, fence, "ok", "", &refused.join("|"), message]).unwrap();
                }
                Err((class, message)) => {
                    writer.write_record([order, fence, "error", class, "", &message]).unwrap();
                }
            }
        }
        let name = batch.replace(".csv", ".result.csv");
        std::fs::write(self.base.join("in").join(name), writer.into_inner().unwrap()).unwrap();
        self.write_extract();
    }
}

/// The rows of each order, in the order of the file, with the guard taken off.
fn read_batch(path: &Path) -> Vec<Vec<Row>> {
    let mut reader = csv::Reader::from_path(path).unwrap();
    let headers = reader.headers().unwrap().clone();
    let mut orders = Vec::<Vec<Row>>::new();
    for record in reader.records() {
        let record = record.unwrap();
        let unguarded = record.iter().map(|cell| {
            assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r']), "a spreadsheet would calculate {cell:?}");
            let guarded = cell.strip_prefix('\'').filter(|rest| {
                let rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '\'' || c == '"');
                rest.starts_with(['=', '+', '-', '@'])
            });
            guarded.unwrap_or(cell).to_owned()
        });
        let row = headers.iter().map(str::to_owned).zip(unguarded).collect::<Row>();
        match orders.last_mut() {
            Some(rows) if rows[0]["order"] == row["order"] => rows.push(row),
            _ => orders.push(vec![row]),
        }
    }
    orders
}

#[async_trait]
impl Subject for BadgeSystem {
    fn application(&self) -> &str {
        "badges"
    }

    fn account_type(&self) -> &str {
        "badge"
    }

    fn attributes(&self, number: usize) -> Attributes {
        Attributes::from([
            ("login".to_owned(), format!("user{number}").into()),
            ("name".to_owned(), format!("=User {number}").into()),
            ("title".to_owned(), "-".into()),
        ])
    }

    fn natural_key(&self) -> &str {
        "login"
    }

    fn key(&self, attributes: &Attributes) -> Option<String> {
        attributes["login"].as_text().map(str::to_owned)
    }

    fn text_attribute(&self) -> &str {
        "title"
    }

    fn entitlements(&self) -> [&str; 2] {
        GROUPS
    }

    fn holds(&self, text: &str) -> bool {
        !text.contains('\0')
    }

    fn omits(&self) -> &[(Step, &'static str)] {
        // The suite wants it refused, and nobody here refuses what a person types.
        if self.by_hand { &[(Step::OddValues, "a person may write down anything")] } else { &[] }
    }

    async fn make_foreign(&mut self, number: usize) -> String {
        let login = format!("user{number}");
        let attributes = BTreeMap::from([("name".to_owned(), "Somebody else".to_owned())]);
        self.badges.insert(login.clone(), Badge { attributes, ..Badge::default() });
        self.write_extract();
        login
    }

    async fn fulfil(&mut self, handed: Vec<(Command, String)>) -> Vec<LateAnswer> {
        if !self.by_hand {
            let batches = handed.iter().map(|(_, reference)| reference.clone()).collect::<BTreeSet<_>>();
            batches.iter().for_each(|batch| self.work(batch));
            return Vec::new();
        }
        let answers = handed.into_iter().map(|(command, reference)| {
            assert_eq!(reference, "work item");
            let result = match self.carry_out(&rows_of(&command)) {
                Ok((key, refused)) => Ok(model::command::Applied {
                    key: Some(key),
                    refused: refused.into_iter().map(|name| (name, "no such group".to_owned())).collect(),
                    ..Default::default()
                }),
                Err(("conflict", message)) => Err(model::command::CommandError::new(ErrorClass::Conflict, message)),
                Err((_, message)) => Err(model::command::CommandError::new(ErrorClass::NotFound, message)),
            };
            LateAnswer { order: command.order, fence: Some(command.fence), result }
        });
        let answers = answers.collect();
        self.write_extract();
        answers
    }
}

/// What a person reads on a work item.
fn rows_of(command: &Command) -> Vec<Row> {
    let row = |cells: [&str; 4]| {
        let head = [("operation", command.operation.name()), ("key", command.key.as_deref().unwrap_or_default())];
        let tail = ["item", "name", "change", "value"].into_iter().zip(cells);
        head.into_iter().chain(tail).map(|(name, cell)| (name.to_owned(), cell.to_owned())).collect::<Row>()
    };
    let mut rows = vec![row(["", "", "", ""])];
    for item in &command.items {
        let value = item.value.as_ref().map_or(String::new(), Value::to_string);
        rows.push(row([item.kind.name(), &item.name, item.operation.name(), &value]));
    }
    rows
}

#[tokio::test]
async fn exchange_with_a_badge_system() {
    let folder = tempfile::tempdir().unwrap();
    let connector = open(folder.path(), exchange());
    let mut system = BadgeSystem::new(folder.path(), false);
    assert_eq!(conformance::exercise(connector.as_ref(), &mut system).await, Step::ALL);
    let left = std::fs::read_dir(folder.path().join("in")).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(left.collect::<Vec<_>>(), ["done"], "every result was put away");
}

#[tokio::test]
async fn work_by_hand_with_an_extract() {
    let folder = tempfile::tempdir().unwrap();
    let connector = open(folder.path(), json!({ "kind": "manual", "extract": extract() }));
    let mut system = BadgeSystem::new(folder.path(), true);
    let run = conformance::exercise(connector.as_ref(), &mut system).await;
    assert_eq!(run.len(), Step::ALL.len() - 1);
}

#[tokio::test]
async fn without_an_extract_nothing_can_be_read() {
    let folder = tempfile::tempdir().unwrap();
    for connection in [json!({ "kind": "manual" }), json!({ "kind": "csv", "outbox": "out", "inbox": "in" })] {
        let connector = open(folder.path(), connection);
        assert!(connector.test().await.iter().all(|(succeeded, _)| *succeeded));
        assert!(!connector.capabilities().lists && !connector.capabilities().reads_one);
        let errors = [
            connector.accounts(&mut |_| ()).await.unwrap_err(),
            connector.account("ann").await.map(drop).unwrap_err(),
            connector.find("login", &"ann".into()).await.map(drop).unwrap_err(),
        ];
        assert!(errors.iter().all(|error| error.class == ErrorClass::Unsupported), "{errors:?}");
    }
}

fn command(order: i64, items: &[(&str, Value)]) -> Command {
    let item = |(name, value): &(&str, Value)| CommandItem {
        kind: ItemKind::Attribute,
        name: (*name).to_owned(),
        operation: ItemOperation::Set,
        value: Some(value.clone()),
        secret: false,
    };
    Command {
        order: OrderId(order),
        fence: 3,
        application: "badges".to_owned(),
        account_type: "badge".to_owned(),
        operation: Operation::Update,
        key: Some(format!("user{order}")),
        natural_key: None,
        items: items.iter().map(item).collect(),
        in_doubt: false,
    }
}

#[tokio::test]
async fn a_batch_sent_again_is_the_same_file() {
    let folder = tempfile::tempdir().unwrap();
    let connector = open(folder.path(), exchange());
    let grades = Value::List(vec!["A".to_owned(), "B|C".to_owned()]);
    let commands = || {
        vec![command(8, &[("title", "=1+1".into())]), command(7, &[("grades", grades.clone()), ("ok", true.into())])]
    };
    let first = connector.apply(commands()).await;
    let again = connector.apply(commands().into_iter().rev().collect()).await;
    let reference = |answers: &[connectors::Answered]| {
        let one = |(order, answer): &connectors::Answered| match answer {
            Ok(Outcome::Handed { reference }) => (*order, reference.clone()),
            other => panic!("{other:?}"),
        };
        answers.iter().map(one).collect::<BTreeMap<_, _>>()
    };
    assert_eq!(reference(&first), reference(&again));
    let names = || std::fs::read_dir(folder.path().join("out")).unwrap().map(|entry| entry.unwrap().file_name());
    let names = names().map(|name| name.into_string().unwrap()).collect::<Vec<_>>();
    assert_eq!(names.len(), 1, "{names:?}");
    assert!(names[0].starts_with("batch-7-3-") && names[0].ends_with(".csv"), "{names:?}");
    let text = std::fs::read_to_string(folder.path().join("out").join(&names[0])).unwrap();
    assert_eq!(
        text,
        "order,fence,operation,account_type,key,item,name,change,value\n\
         7,3,update,badge,user7,attribute,grades,set,A\n\
         7,3,update,badge,user7,attribute,grades,set,B|C\n\
         7,3,update,badge,user7,attribute,ok,set,true\n\
         8,3,update,badge,user8,attribute,title,set,'=1+1\n"
    );
    let other = connector.apply(vec![command(7, &[("title", "x".into())])]).await;
    assert_ne!(reference(&other)[&OrderId(7)], names[0], "another content never overwrites");
}

#[tokio::test]
async fn values_that_no_file_holds_are_refused_alone() {
    let folder = tempfile::tempdir().unwrap();
    let connector = open(folder.path(), exchange());
    let long = "x".repeat(64 * 1024 + 1);
    let commands = vec![
        command(1, &[("a", "nul\0".into())]),
        command(2, &[("b", long.into())]),
        command(3, &[("c", "good".into())]),
    ];
    let mut answers = connector.apply(commands).await;
    answers.sort_by_key(|(order, _)| *order);
    let told = answers.into_iter().map(|(_, answer)| answer.map(drop).map_err(|error| (error.class, error.message)));
    let invalid = |message: &str| Err((ErrorClass::Invalid, message.to_owned()));
    let expect = [
        invalid("The value for a holds a NUL character, which no CSV file can."),
        invalid("The value for b is longer than 64 KiB."),
        Ok(()),
    ];
    assert_eq!(told.collect::<Vec<_>>(), expect);
}

#[tokio::test]
async fn bad_result_files_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let connector = open(folder.path(), exchange());
    let inbox = folder.path().join("in");
    std::fs::create_dir_all(&inbox).unwrap();
    std::fs::write(
        inbox.join("a.result.csv"),
        "order,result,fence,key,class,message\n\
         1,ok,4,ann,,\n\
         two,ok,,,,\n\
         3,perhaps,,,,\n\
         4,error,,,conflict,\"'=taken\"\n\
         4,ok,,,,\n\
         5,error,,,unheard,\n\
         6,error,,,,\n",
    )
    .unwrap();
    std::fs::write(inbox.join("b.result.csv"), "order,outcome\n9,ok\n").unwrap();
    let answers = connector.poll(&[]).await.unwrap().answers;
    let told = answers.iter().map(|answer| {
        let result = answer.result.as_ref().map(|applied| applied.key.clone());
        (answer.order.0, answer.fence, result.map_err(|error| (error.class, error.message.as_str())))
    });
    let expect = [
        (1, Some(4), Ok(Some("ann".to_owned()))),
        (4, None, Err((ErrorClass::Conflict, "=taken"))),
        (6, None, Err((ErrorClass::Invalid, "the application gives no reason"))),
    ];
    assert_eq!(told.collect::<Vec<_>>(), expect);

    // A part is recorded: the rest is given again, and the file stays.
    connector.acknowledge(&answers[..1]).await.unwrap();
    assert_eq!(connector.poll(&[]).await.unwrap().answers, answers[1..]);
    // A restart forgets that, and loses nothing by it.
    assert_eq!(open(folder.path(), exchange()).poll(&[]).await.unwrap().answers, answers);
    connector.acknowledge(&answers[1..]).await.unwrap();
    assert!(inbox.join("done/a.result.csv").exists() && !inbox.join("a.result.csv").exists());
    assert_eq!(
        std::fs::read_to_string(inbox.join("a.rejected.txt")).unwrap(),
        "a.result.csv:3:1 (order): \"two\" is no whole number\n\
         a.result.csv:4:2 (result): \"perhaps\" is no result; write ok, already or error\n\
         a.result.csv:6:1 (order): order 4 was answered on line 5 already\n\
         a.result.csv:7:5 (class): \"unheard\" is no kind of error; see docs/FORMATS.md\n"
    );
    let error = connector.poll(&[]).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Protocol);
    assert_eq!(
        error.message,
        "a.rejected.txt: a.result.csv:3:1 (order): \"two\" is no whole number. Send a corrected result file, then delete this one."
    );
    std::fs::remove_file(inbox.join("a.rejected.txt")).unwrap();
    let error = connector.poll(&[]).await.unwrap_err();
    assert_eq!(
        error.message,
        "b.result.csv:1: there is no column \"result\"; the headers are order, outcome. Send a corrected result file, then delete this one."
    );
    // New answers still come through.
    std::fs::write(inbox.join("c.result.csv"), "order,result\n9,already\n").unwrap();
    assert_eq!(connector.poll(&[]).await.unwrap().answers.len(), 1);
}

#[tokio::test]
async fn bad_extracts() {
    let folder = tempfile::tempdir().unwrap();
    let connector = open(folder.path(), exchange());
    let mut expected = vec![(
        None,
        ErrorClass::Transient,
        format!("{}: No such file or directory (os error 2)", folder.path().join("extract.csv").display()),
    )];
    let protocol = |text: &str, message: &str| {
        (Some(text.to_owned()), ErrorClass::Protocol, format!("extract.csv{message}. Send a corrected extract."))
    };
    expected.push(protocol("", ": the file is empty; the first line has to hold the headers"));
    expected.push(protocol("login,status\n", ":1: there is no column \"groups\"; the headers are login, status"));
    expected.push(protocol(
        "login,groups,status\nann,,enabled\nann,,enabled\n",
        ":3:1 (login): \"ann\" stands on line 2 already",
    ));
    expected.push(protocol("login,groups,status\n,,enabled\n", ":2:1 (login): the key is missing"));
    expected.push(protocol(
        "login,groups,status\nann,,gone\n",
        ":2:3 (status): \"gone\" is no status; write enabled or disabled",
    ));
    for (text, class, message) in expected {
        if let Some(text) = text {
            std::fs::write(folder.path().join("extract.csv"), text).unwrap();
        }
        let mut given = 0;
        let error = connector.accounts(&mut |page| given += page.len()).await.unwrap_err();
        assert_eq!((error.class, error.message), (class, message));
        assert_eq!(given, 0, "a list that is half right would make people look gone");
        assert!(connector.test().await.iter().any(|(succeeded, _)| !succeeded));
    }
}

#[tokio::test]
async fn folders_elsewhere_are_never_made() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("not mounted").display().to_string();
    let connector = open(folder.path(), json!({ "kind": "csv", "outbox": missing, "inbox": missing }));
    let answers = connector.apply(vec![command(1, &[])]).await;
    let message = format!("There is no folder {missing}. Make it, or mount it, then retry.");
    let error = answers[0].1.clone().unwrap_err();
    assert_eq!((error.class, error.message), (ErrorClass::Transient, message.clone()));
    assert_eq!(connector.test().await, [(false, message)]);
}
