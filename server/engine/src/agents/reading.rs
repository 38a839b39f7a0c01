//! The reading itself, where the agent is: through the same connectors and in the same way as the server would, in pages
//! that are small enough to be sent.

use connectors::{AccountTypeKey, Secrets, Settings};
use model::agent::{ExportOutcome, ExportPage, ExportTask, PAGE_BYTES, PAGE_ROWS};
use model::command::CommandError;
use model::order::ErrorClass;
use serde::Serialize;
use tokio::sync::mpsc::Sender;

use crate::tasks::collect;

/// Pages with their numbers, from 1 on. Where nobody takes them, no more is read: what a channel holds, and one page, is all
/// that is kept.
pub type Pages = Sender<(u32, ExportPage)>;

/// Reads what a task says, once [`super::site::Site::place`] has said where it lies, and hands it over page by page. What
/// was handed over before a failure is worth nothing. It has a thread of its own, which stands still while a page is not
/// taken, and ends when nobody takes pages any more.
pub async fn read(task: ExportTask, pages: Pages) -> ExportOutcome {
    let (runtime, nobody) = (tokio::runtime::Handle::current(), pages.clone());
    let reading = tokio::task::spawn_blocking(move || {
        runtime.block_on(async {
            tokio::select! {
                outcome = read_here(task, pages) => outcome,
                () = nobody.closed() => broken_off(),
            }
        })
    });
    reading.await.unwrap_or_else(|_| broken_off())
}

fn broken_off() -> ExportOutcome {
    let error = CommandError::new(ErrorClass::Protocol, "the reading broke off where the agent runs; see its log");
    ExportOutcome::Failed { error, findings: Vec::new() }
}

async fn read_here(task: ExportTask, pages: Pages) -> ExportOutcome {
    let mut pager = Pager { pages, number: 0, page: ExportPage::default(), bytes: 0, too_large: None };
    let read = match task {
        ExportTask::Application { name, connection, account_types, attributes, concurrency } => {
            let keys: Vec<AccountTypeKey> =
                account_types.into_iter().map(|(name, key)| AccountTypeKey { name, key }).collect();
            let settings = Settings { concurrency: usize::from(concurrency), attributes, ..Settings::default() };
            match connectors::connect(&name, &connection, &keys, settings, &NoSecrets) {
                Ok(connector) => application(connector.as_ref(), &mut pager).await,
                Err(error) => Err((error, Vec::new())),
            }
        }
        ExportTask::Source { source, .. } => source_of(&source, &mut pager).await,
    };
    let read = read.and_then(|(lists, digest, warnings)| match pager.finish() {
        Ok(pages) => Ok(ExportOutcome::Complete { pages, lists, digest, warnings }),
        Err(error) => Err((error, Vec::new())),
    });
    read.unwrap_or_else(|(error, findings)| ExportOutcome::Failed { error, findings })
}

type Read = Result<(bool, String, Vec<String>), (CommandError, Vec<String>)>;

async fn application(connector: &dyn connectors::Connector, pager: &mut Pager) -> Read {
    let capabilities = connector.capabilities();
    if !capabilities.lists {
        return Ok((false, String::new(), Vec::new()));
    }
    let failed = |error: CommandError| (error, Vec::new());
    if capabilities.entitlements {
        for row in connector.entitlements().await.map_err(failed)? {
            pager.add(row.key.clone(), row, |page| &mut page.entitlements);
        }
    }
    let mut sink = |rows: Vec<model::account::ObservedAccount>| {
        for row in rows {
            pager.add(row.key.clone(), row, |page| &mut page.accounts);
        }
    };
    connector.accounts(&mut sink).await.map_err(failed)?;
    Ok((true, String::new(), Vec::new()))
}

async fn source_of(source: &model::configuration::IdentitySource, pager: &mut Pager) -> Read {
    let feed = collect::read_feed(source).await.map_err(|problem| {
        let findings: Vec<String> = problem.lines().map(str::to_owned).collect();
        let first = findings.first().cloned().unwrap_or_default();
        (CommandError::new(ErrorClass::Invalid, first), findings)
    })?;
    for row in feed.identities {
        pager.add(row.key.clone(), row, |page| &mut page.people);
    }
    Ok((true, feed.digest, feed.warnings.iter().map(ToString::to_string).collect()))
}

/// The server keeps none for an agent.
struct NoSecrets;

impl Secrets for NoSecrets {
    fn reveal(&self, _: &str) -> Option<String> {
        None
    }
}

/// Makes pages of rows.
struct Pager {
    pages: Pages,
    number: u32,
    page: ExportPage,
    bytes: usize,
    /// Key of a row that fits no page.
    too_large: Option<String>,
}

impl Pager {
    fn add<T: Serialize>(&mut self, key: String, row: T, rows: impl FnOnce(&mut ExportPage) -> &mut Vec<T>) {
        let bytes = serde_json::to_vec(&row).map_or(usize::MAX, |json| json.len());
        if bytes > PAGE_BYTES {
            self.too_large.get_or_insert(key);
            return;
        }
        if self.page.rows() >= PAGE_ROWS || self.bytes + bytes > PAGE_BYTES {
            self.hand_over();
        }
        self.bytes += bytes + 1;
        rows(&mut self.page).push(row);
    }

    fn hand_over(&mut self) {
        let page = std::mem::take(&mut self.page);
        self.bytes = 0;
        if page.rows() > 0 {
            self.number += 1;
            // Nobody takes them any more where the export was given up. The thread is this reading's own, so it may stand.
            let taken = tokio::task::coop::unconstrained(self.pages.send((self.number, page)));
            let _ = futures::executor::block_on(taken);
        }
    }

    /// How many pages there were.
    fn finish(mut self) -> Result<u32, CommandError> {
        self.hand_over();
        match self.too_large {
            None => Ok(self.number),
            Some(key) => Err(CommandError::new(
                ErrorClass::Invalid,
                format!(
                    "What is read of `{key}` is larger than the {} kB that can be handed over. Leave out an attribute that \
                     holds so much",
                    PAGE_BYTES / 1024
                ),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use model::account::ObservedAccount;
    use tokio::sync::mpsc;

    use super::*;

    fn account(key: &str, size: usize) -> ObservedAccount {
        let attributes = BTreeMap::from([("note".to_owned(), "x".repeat(size).as_str().into())]);
        ObservedAccount { key: key.into(), enabled: true, attributes, entitlements: [].into() }
    }

    fn paged(rows: Vec<ObservedAccount>) -> (Vec<(u32, usize)>, Result<u32, CommandError>) {
        let (pages, mut taken) = mpsc::channel(100);
        let mut pager = Pager { pages, number: 0, page: ExportPage::default(), bytes: 0, too_large: None };
        for row in rows {
            pager.add(row.key.clone(), row, |page| &mut page.accounts);
        }
        let end = pager.finish();
        let mut all = Vec::new();
        while let Ok((number, page)) = taken.try_recv() {
            assert!(serde_json::to_vec(&page).unwrap().len() < 1024 * 1024);
            all.push((number, page.rows()));
        }
        (all, end)
    }

    #[test]
    fn no_more_is_read_than_is_taken() {
        let (pages, mut taken) = mpsc::channel(1);
        let (tell, told) = std::sync::mpsc::channel();
        let reader = std::thread::spawn(move || {
            let mut pager = Pager { pages, number: 0, page: ExportPage::default(), bytes: 0, too_large: None };
            for number in 0..6 {
                pager.add(number.to_string(), account("x", PAGE_BYTES / 2), |page| &mut page.accounts);
                tell.send(number).unwrap();
            }
            pager.finish()
        });
        // One page waits in the channel; the row that would need a third page is not read before the first is taken.
        assert_eq!((0..2).map(|_| told.recv().unwrap()).collect::<Vec<_>>(), [0, 1]);
        assert!(told.recv_timeout(std::time::Duration::from_millis(200)).is_err());
        let mut numbers = Vec::new();
        while let Some((number, _)) = taken.blocking_recv() {
            numbers.push(number);
        }
        assert_eq!((numbers, reader.join().unwrap()), (vec![1, 2, 3, 4, 5, 6], Ok(6)));
    }

    #[test]
    fn pages_are_numbered_and_small_enough() {
        let many = |count: usize, size: usize| (0..count).map(|n| account(&n.to_string(), size)).collect::<Vec<_>>();
        assert_eq!(paged(Vec::new()), (vec![], Ok(0)));
        assert_eq!(paged(many(PAGE_ROWS + 1, 1)), (vec![(1, PAGE_ROWS), (2, 1)], Ok(2)));
        let (pages, end) = paged(many(10, 250 * 1024));
        assert_eq!((pages.iter().map(|(_, rows)| rows).sum::<usize>(), end), (10, Ok(5)));
        let (_, end) = paged(vec![account("small", 1), account("huge", PAGE_BYTES)]);
        assert!(end.unwrap_err().message.contains("`huge`"));
    }
}
