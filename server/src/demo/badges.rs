//! The demo's badge system: takes batch files from the outbox, answers with result files in the inbox, and keeps a list
//! of its badges (`docs/FORMATS.md`). One order in five is answered late, as such systems do.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::time::Duration;

use model::plan::Operation;
use tokio::time::Instant;

use super::holdings::{Answer, Change, Holdings, Layout, replace, unguarded};

/// As `applications/badges.toml` names them.
const LAYOUT: Layout = Layout { key: "holder", attributes: &["name", "company", "home_site"], entitlements: "doors" };
/// How often the outbox is looked at.
const LOOK: Duration = Duration::from_millis(500);
/// Of so many orders, one is answered late.
const LATE: i64 = 5;

pub(super) struct BadgeSystem {
    outbox: PathBuf,
    inbox: PathBuf,
    delay: Duration,
    badges: Holdings,
    /// Batches of which the late orders are still open, and when they are due.
    waiting: HashMap<PathBuf, Instant>,
}

impl BadgeSystem {
    /// Opens the folders and the list in this folder.
    pub(super) fn open(folder: &Path, delay: Duration) -> std::io::Result<Self> {
        let (outbox, inbox) = (folder.join("outbox"), folder.join("inbox"));
        std::fs::create_dir_all(outbox.join("done"))?;
        std::fs::create_dir_all(&inbox)?;
        let badges = Holdings::open(&folder.join("extract.csv"), LAYOUT)?;
        Ok(Self { outbox, inbox, delay, badges, waiting: HashMap::new() })
    }

    /// Works until it is dropped.
    pub(super) async fn run(mut self) {
        let mut look = tokio::time::interval(LOOK);
        loop {
            look.tick().await;
            if let Err(error) = self.work(Instant::now()) {
                tracing::error!(%error, "the demo's badge system cannot work on its files; it tries again");
            }
        }
    }

    /// Looks at each batch once.
    fn work(&mut self, now: Instant) -> std::io::Result<()> {
        let mut batches: Vec<PathBuf> =
            std::fs::read_dir(&self.outbox)?.filter_map(Result::ok).map(|entry| entry.path()).collect();
        batches.retain(|path| path.is_file() && path.extension().is_some_and(|extension| extension == "csv"));
        batches.sort();
        self.waiting.retain(|batch, _| batches.contains(batch));
        for batch in batches {
            match self.waiting.get(&batch) {
                None => {
                    let orders = read(&batch)?;
                    let (late, quick): (Vec<_>, Vec<_>) = orders.iter().partition(|order| order.number % LATE == 0);
                    self.answer(&batch, "result.csv", &quick)?;
                    if late.is_empty() {
                        self.finish(&batch)?;
                    } else {
                        self.waiting.insert(batch, now + self.delay);
                    }
                }
                Some(due) if *due <= now => {
                    let orders = read(&batch)?;
                    let late: Vec<_> = orders.iter().filter(|order| order.number % LATE == 0).collect();
                    self.answer(&batch, "late.result.csv", &late)?;
                    self.finish(&batch)?;
                    self.waiting.remove(&batch);
                }
                Some(_) => {}
            }
        }
        Ok(())
    }

    /// Does the orders, then writes the list, then the answers: what is answered can be read back.
    fn answer(&mut self, batch: &Path, ending: &str, orders: &[&BatchOrder]) -> std::io::Result<()> {
        if orders.is_empty() {
            return Ok(());
        }
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(["order", "fence", "result", "key", "class", "message"])?;
        for order in orders {
            let (result, class, message) = match order.change.as_ref().map(|change| self.badges.apply(change)) {
                Some(Answer::Done) => ("ok", "", ""),
                Some(Answer::Already) => ("already", "", ""),
                Some(Answer::Conflict) => ("error", "conflict", "Somebody else has a badge of this holder number"),
                Some(Answer::NotFound) => ("error", "not_found", "No badge of this holder number"),
                None => ("error", "invalid", "The order names no holder"),
            };
            let key = order.change.as_ref().map_or("", |change| change.key.as_str());
            let (number, fence) = (order.number.to_string(), order.fence.to_string());
            writer.write_record([number.as_str(), &fence, result, key, class, message])?;
        }
        self.badges.save()?;
        let bytes = writer.into_inner().map_err(|error| error.into_error())?;
        replace(&self.inbox.join(format!("{}.{ending}", stem(batch))), &bytes)
    }

    fn finish(&self, batch: &Path) -> std::io::Result<()> {
        let name = batch.file_name().unwrap_or_default();
        std::fs::rename(batch, self.outbox.join("done").join(name))
    }
}

/// One order of a batch.
struct BatchOrder {
    number: i64,
    fence: i64,
    /// None where no badge is named.
    change: Option<Change>,
}

fn read(batch: &Path) -> std::io::Result<Vec<BatchOrder>> {
    let mut reader = csv::Reader::from_path(batch)?;
    let headers = reader.headers()?.clone();
    let mut orders: Vec<BatchOrder> = Vec::new();
    for record in reader.records() {
        let record = record?;
        let cells: BTreeMap<&str, String> = headers.iter().zip(record.iter().map(unguarded)).collect();
        let cell = |name: &str| cells.get(name).map_or("", String::as_str);
        let number: i64 = cell("order").parse().map_err(std::io::Error::other)?;
        let operation = Operation::from_name(cell("operation")).ok_or_else(|| {
            std::io::Error::other(format!("{}: no operation {:?}", batch.display(), cell("operation")))
        })?;
        if orders.last().is_none_or(|order| order.number != number) {
            let key = cell("key").to_owned();
            let change = Change { operation, key, attributes: Vec::new(), entitlements: Vec::new() };
            orders.push(BatchOrder { number, fence: cell("fence").parse().unwrap_or(0), change: Some(change) });
        }
        let Some(change) = orders.last_mut().and_then(|order| order.change.as_mut()) else { continue };
        let name = cell("name").to_owned();
        match (cell("item"), cell("change")) {
            ("attribute", "set") => {
                if name == LAYOUT.key && change.key.is_empty() {
                    change.key = cell("value").to_owned();
                }
                change.attributes.push((name, Some(cell("value").to_owned())));
            }
            ("attribute", _) => change.attributes.push((name, None)),
            ("entitlement", kind) => change.entitlements.push((name, kind == "add")),
            _ => {}
        }
    }
    for order in &mut orders {
        order.change.take_if(|change| change.key.is_empty());
    }
    Ok(orders)
}

fn stem(batch: &Path) -> String {
    batch.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_answered_done_and_kept_in_the_list() {
        let folder = tempfile::tempdir().unwrap();
        let mut system = BadgeSystem::open(folder.path(), Duration::from_secs(60)).unwrap();
        let batch = "order,fence,operation,account_type,key,item,name,change,value\n\
            4,1,create,badges-badge,,attribute,holder,set,E1\n\
            4,1,create,badges-badge,,attribute,name,set,Zoë Visser\n\
            4,1,create,badges-badge,,entitlement,PORTO-MAIN,add,\n\
            5,1,create,badges-badge,E2,attribute,name,set,'=Søren\n\
            6,2,disable,badges-badge,E9,,,,\n";
        let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
        std::fs::write(folder.path().join("outbox/batch-4-1-ab.csv"), batch).unwrap();
        let start = Instant::now();
        system.work(start).unwrap();
        let result = "order,fence,result,key,class,message\n4,1,ok,E1,,\n6,2,error,E9,not_found,No badge of this holder number\n";
        assert_eq!(read("inbox/batch-4-1-ab.result.csv"), result);
        assert_eq!(
            read("extract.csv"),
            "holder,name,company,home_site,status,doors\nE1,Zoë Visser,,,enabled,PORTO-MAIN\n"
        );
        assert!(!folder.path().join("inbox/batch-4-1-ab.late.result.csv").exists());

        // A restart in between repeats what was answered and forgets nothing.
        let mut system = BadgeSystem::open(folder.path(), Duration::from_secs(60)).unwrap();
        system.work(start).unwrap();
        assert!(read("inbox/batch-4-1-ab.result.csv").contains("4,1,already,E1"));
        system.work(start + Duration::from_secs(60)).unwrap();
        assert_eq!(read("inbox/batch-4-1-ab.late.result.csv"), "order,fence,result,key,class,message\n5,1,ok,E2,,\n");
        assert!(read("extract.csv").contains("E2,'=Søren,,,enabled,\n"));
        assert!(folder.path().join("outbox/done/batch-4-1-ab.csv").exists());
        assert!(!folder.path().join("outbox/batch-4-1-ab.csv").exists());
    }
}
