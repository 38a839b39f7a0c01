use std::collections::BTreeMap;

use model::account::ObservedAccount;
use model::agent::*;
use model::command::CommandError;
use model::configuration::{Connection, ManualConnection};
use model::ids::*;
use model::job::{Run, RunState};
use model::order::ErrorClass;
use store::{Attempt, ExportEnd, NewExport, NewPage, PageKept, Store};

use crate::world::*;

fn task(name: &str) -> ExportTask {
    let manual: ManualConnection = serde_json::from_str("{}").unwrap();
    ExportTask::Application {
        name: name.into(),
        connection: Connection::Manual(manual),
        account_types: BTreeMap::from([("user".into(), "uid".into())]),
        attributes: vec!["mail".into()],
        concurrency: 8,
    }
}

async fn begin(store: &Store, id: i64) {
    keep!(store, |tx| {
        tx.queue_run(&run(id, RunState::Queued)).await?;
        tx.claim_run("node", at(id), at(id + 1_000)).await?
    });
}

async fn end(store: &Store, id: i64, state: RunState) {
    keep!(store, |tx| tx.update_run(&Run { finished_at: Some(at(id)), ..run(id, state) }).await?);
}

/// What the agent says at that second, and its lease half a minute more.
fn said(export: i64, agent: &'static str, number: u32, second: i64) -> Attempt<'static> {
    Attempt { id: AgentExportId(export), agent, number, now: at(second), until: at(second + 30) }
}

async fn hand_over(store: &Store, attempt: Attempt<'static>, number: u32, body: &str) -> PageKept {
    let body = body.to_owned();
    keep!(store, |tx| tx.keep_page(&attempt, NewPage { number, rows: 1, body: &body }, 1_000).await?)
}

async fn pages(store: &Store, export: i64) -> Vec<String> {
    let mut all = Vec::new();
    for number in 1..=4 {
        all.extend(store.export_page(AgentExportId(export), number).await.unwrap());
    }
    all
}

async fn ask(store: &Store, id: i64, run: i64, step: &str, name: &str) {
    let (step, task) = (step.to_owned(), task(name));
    keep!(store, |tx| {
        let export = NewExport { id: AgentExportId(id), agent: "clinic", run: RunId(run), step: &step, task: &task };
        tx.request_export(&export, at(id)).await?
    });
}

fn page(key: &str) -> String {
    let account =
        ObservedAccount { key: key.into(), enabled: true, attributes: BTreeMap::new(), entitlements: [].into() };
    serde_json::to_string(&ExportPage { accounts: vec![account], ..ExportPage::default() }).unwrap()
}

fn complete(pages: u32) -> ExportOutcome {
    ExportOutcome::Complete { pages, lists: true, digest: String::new(), warnings: Vec::new() }
}

fn failed() -> ExportOutcome {
    let error = CommandError::new(ErrorClass::Transient, "nobody there");
    ExportOutcome::Failed { error, findings: Vec::new() }
}

pub(crate) async fn tokens_are_found_by_hash_until_they_are_revoked(store: Store) {
    keep!(store, |tx| tx.insert_agent_token(AgentTokenId(1), "clinic", "first", "aa", "ann", at(1)).await?);
    keep!(store, |tx| tx.insert_agent_token(AgentTokenId(2), "bank", "", "bb", "ann", at(2)).await?);
    let error = refused!(store, |tx| tx.insert_agent_token(AgentTokenId(3), "bank", "", "aa", "bo", at(3)).await?);
    assert_conflict(&error, "agent_token_hash");
    let found = store.agent_token_by_hash("aa").await.unwrap().unwrap();
    assert_eq!((found.id, found.agent.as_str(), found.last_used_at), (AgentTokenId(1), "clinic", None));
    assert_eq!(store.agent_token_by_hash("cc").await.unwrap(), None);
    let facts = AgentFacts { name: "clinic".into(), heard_at: at(5), version: "1".into(), address: "10.0.0.1".into() };
    let later = AgentFacts { heard_at: at(6), version: "2".into(), ..facts.clone() };
    let (first, second) = (facts, later.clone());
    keep!(store, |tx| tx.agent_heard(AgentTokenId(1), &first).await?);
    keep!(store, |tx| tx.agent_heard(AgentTokenId(1), &second).await?);
    assert_eq!(store.agent_facts().await.unwrap(), std::slice::from_ref(&later));
    assert_eq!(store.agent_heard_at("clinic").await.unwrap(), Some(at(6)));
    assert_eq!(store.agent_heard_at("bank").await.unwrap(), None);
    keep!(store, |tx| tx.agent_heard_again(AgentTokenId(1), "clinic", "10.0.0.2", at(9)).await?);
    let again = AgentFacts { heard_at: at(9), address: "10.0.0.2".into(), ..later };
    assert_eq!(store.agent_facts().await.unwrap(), [again]);
    assert!(keep!(store, |tx| tx.revoke_agent_token(AgentTokenId(1), "bo", at(7)).await?));
    assert!(!keep!(store, |tx| tx.revoke_agent_token(AgentTokenId(1), "cy", at(8)).await?));
    let found = store.agent_token_by_hash("aa").await.unwrap().unwrap();
    assert_eq!(
        (found.last_used_at, found.revoked_by.as_deref(), found.revoked_at),
        (Some(at(9)), Some("bo"), Some(at(7)))
    );
    let all: Vec<i64> = store.agent_tokens().await.unwrap().into_iter().map(|token| token.id.0).collect();
    assert_eq!(all, [2, 1]);
    assert_eq!(store.agent_token(AgentTokenId(2)).await.unwrap().unwrap().agent, "bank");
}

pub(crate) async fn an_export_is_read_once_page_by_page(store: Store) {
    begin(&store, 1).await;
    ask(&store, 10, 1, "collect", "directory").await;
    let again = task("directory");
    let error = refused!(store, |tx| {
        let export = NewExport { id: AgentExportId(11), agent: "clinic", run: RunId(1), step: "collect", task: &again };
        tx.request_export(&export, at(11)).await?
    });
    assert_conflict(&error, "agent_export_one_open");
    assert_eq!(keep!(store, |tx| tx.claim_export("bank", at(20), at(50)).await?), None);
    assert!(
        store.is_export_due("clinic", at(20)).await.unwrap() && !store.is_export_due("bank", at(20)).await.unwrap()
    );
    let (export, told) = keep!(store, |tx| tx.claim_export("clinic", at(20), at(50)).await?).unwrap();
    assert_eq!((export.id, export.attempt, export.state), (AgentExportId(10), 1, ExportState::Reading));
    assert_eq!((told, export.taken_at, export.lease_until), (task("directory"), Some(at(20)), Some(at(50))));
    assert_eq!(keep!(store, |tx| tx.claim_export("clinic", at(21), at(51)).await?), None, "somebody reads it");
    assert!(
        !store.is_export_due("clinic", at(50)).await.unwrap() && store.is_export_due("clinic", at(51)).await.unwrap()
    );
    let id = AgentExportId(10);
    let (first, second) = (page("ann"), page("bo"));
    assert_eq!(hand_over(&store, said(10, "clinic", 1, 22), 2, &second).await, PageKept::Now);
    let finish = async |attempt: Attempt<'static>, outcome: ExportOutcome| {
        keep!(store, |tx| tx.finish_export(&attempt, &outcome).await?)
    };
    // What is said too early takes nothing away: the agent still reads it, and nobody else.
    assert_eq!(finish(said(10, "clinic", 1, 23), complete(2)).await, ExportEnd::Incomplete { pages: 1 });
    let held = store.agent_export(id).await.unwrap().unwrap();
    assert_eq!((held.state, held.lease_until), (ExportState::Reading, Some(at(53))));
    assert_eq!(keep!(store, |tx| tx.claim_export("clinic", at(24), at(54)).await?), None);
    for expected in [PageKept::Now, PageKept::Before] {
        assert_eq!(hand_over(&store, said(10, "clinic", 1, 24), 1, &first).await, expected);
    }
    // All pages together are only so large; what is there already stays what it is.
    let large = "x".repeat(1_001 - first.len() - second.len());
    assert_eq!(hand_over(&store, said(10, "clinic", 1, 25), 3, &large).await, PageKept::TooLarge);
    assert_eq!(hand_over(&store, said(10, "clinic", 1, 25), 2, &large).await, PageKept::Before);
    for attempt in [said(10, "bank", 1, 25), said(10, "clinic", 2, 25)] {
        assert_eq!(hand_over(&store, attempt, 3, &first).await, PageKept::Refused, "{attempt:?}");
        assert!(!keep!(store, |tx| tx.export_goes_on(&attempt).await?));
    }
    assert!(!keep!(store, |tx| tx.take_export_over(id).await?), "it is not complete");
    for expected in [ExportEnd::Kept, ExportEnd::Before] {
        assert_eq!(finish(said(10, "clinic", 1, 26), complete(2)).await, expected);
    }
    assert_eq!(finish(said(10, "clinic", 1, 27), failed()).await, ExportEnd::Refused, "it has ended in another way");
    let read = store.agent_export(id).await.unwrap().unwrap();
    assert_eq!((read.state, read.rows, read.outcome.clone()), (ExportState::Complete, 2, Some(complete(2))));
    assert_eq!((read.lease_until, read.finished_at), (None, Some(at(26))));
    let subject = ExportSubject::Application("directory".into());
    assert_eq!(store.open_export(RunId(1), "collect", &subject).await.unwrap(), Some(read));
    let kept = store.last_export("clinic", &subject).await.unwrap().map(|export| export.id);
    assert_eq!(kept, Some(id));
    assert_eq!(store.last_export("bank", &subject).await.unwrap(), None);
    assert_eq!(pages(&store, 10).await, [first, second]);
    assert!(keep!(store, |tx| tx.take_export_over(id).await?));
    assert_eq!(store.open_export(RunId(1), "collect", &subject).await.unwrap(), None);
    assert!(pages(&store, 10).await.is_empty());
}

pub(crate) async fn an_export_whose_agent_is_gone_begins_anew(store: Store) {
    begin(&store, 1).await;
    ask(&store, 10, 1, "collect", "directory").await;
    let id = AgentExportId(10);
    keep!(store, |tx| tx.claim_export("clinic", at(20), at(50)).await?).unwrap();
    hand_over(&store, said(10, "clinic", 1, 30), 1, &page("ann")).await;
    assert_eq!(keep!(store, |tx| tx.claim_export("clinic", at(60), at(90)).await?), None, "its lease went on");
    let (export, _) = keep!(store, |tx| tx.claim_export("clinic", at(61), at(91)).await?).unwrap();
    assert_eq!((export.attempt, export.rows, export.taken_at), (2, 0, Some(at(61))));
    assert!(pages(&store, 10).await.is_empty());
    assert_eq!(hand_over(&store, said(10, "clinic", 1, 62), 2, &page("ann")).await, PageKept::Refused);
    let second = said(10, "clinic", 2, 63);
    assert_eq!(keep!(store, |tx| tx.finish_export(&second, &failed()).await?), ExportEnd::Kept);
    assert_eq!(store.agent_export(id).await.unwrap().unwrap().state, ExportState::Failed);
    // A failed one is over: the step may ask once more.
    ask(&store, 12, 1, "collect", "directory").await;
    assert!(keep!(store, |tx| tx.give_export_up(AgentExportId(12), "nobody came", at(64)).await?));
    assert!(!keep!(store, |tx| tx.give_export_up(AgentExportId(12), "again", at(65)).await?));
    let read = store.agent_export(AgentExportId(12)).await.unwrap().unwrap();
    assert_eq!((read.state, read.given_up_because.as_deref()), (ExportState::GivenUp, Some("nobody came")));
    assert_eq!(keep!(store, |tx| tx.claim_export("clinic", at(66), at(96)).await?), None);
}

pub(crate) async fn old_exports_are_forgotten_but_the_newest_that_is_over(store: Store) {
    begin(&store, 1).await;
    for id in 10..14 {
        ask(&store, id, 1, "collect", "directory").await;
        keep!(store, |tx| tx.give_export_up(AgentExportId(id), "nobody came", at(id)).await?);
    }
    ask(&store, 20, 1, "collect", "payroll").await;
    ask(&store, 21, 1, "back", "payroll").await;
    let kept: Vec<i64> = store.agent_exports().await.unwrap().into_iter().map(|export| export.id.0).collect();
    assert_eq!(kept, [12, 13, 20, 21]);
    // The oldest is read first, and each once.
    let claim = async || keep!(store, |tx| tx.claim_export("clinic", at(30), at(60)).await?);
    let taken: Vec<i64> = [claim().await, claim().await].into_iter().flatten().map(|(one, _)| one.id.0).collect();
    assert_eq!((taken, claim().await), (vec![20, 21], None));
}

pub(crate) async fn exports_end_with_their_run_and_nothing_of_them_stays(store: Store) {
    for (id, state) in
        [(1, RunState::Completed), (2, RunState::Errored), (3, RunState::Blocked), (4, RunState::Cancelled)]
    {
        begin(&store, id).await;
        let [waiting, reading, read, over] = [10, 11, 12, 13].map(|number| 100 * id + number);
        for (export, name) in [(read, "read"), (over, "over"), (reading, "reading"), (waiting, "waiting")] {
            ask(&store, export, id, "collect", name).await;
            if name != "waiting" {
                keep!(store, |tx| tx.claim_export("clinic", at(20), at(50)).await?).unwrap();
                hand_over(&store, said(export, "clinic", 1, 21), 1, &page("ann")).await;
            }
            if name == "read" || name == "over" {
                let attempt = said(export, "clinic", 1, 22);
                keep!(store, |tx| tx.finish_export(&attempt, &complete(1)).await?);
            }
        }
        keep!(store, |tx| tx.take_export_over(AgentExportId(over)).await?);
        end(&store, id, state).await;
        for export in [waiting, reading, read] {
            let ended = store.agent_export(AgentExportId(export)).await.unwrap().unwrap();
            assert_eq!((ended.state, ended.lease_until, ended.finished_at), (ExportState::GivenUp, None, Some(at(id))));
            assert_eq!(ended.given_up_because.as_deref(), Some("The run that asked for it has ended."));
            assert!(pages(&store, export).await.is_empty(), "{state:?} {export}");
        }
        assert_eq!(store.agent_export(AgentExportId(over)).await.unwrap().unwrap().state, ExportState::TakenOver);
        assert_eq!(keep!(store, |tx| tx.claim_export("clinic", at(60), at(90)).await?), None);
    }
    // One that goes on later, and is cancelled while it waits for its turn.
    keep!(store, |tx| tx.requeue_run(RunId(3), None).await?);
    ask(&store, 500, 3, "collect", "waiting").await;
    keep!(store, |tx| tx.cancel_run(RunId(3), "Never mind.", at(70)).await?);
    assert_eq!(store.agent_export(AgentExportId(500)).await.unwrap().unwrap().state, ExportState::GivenUp);
}

pub(crate) async fn many_agents_never_get_the_same_export(store: Store) {
    begin(&store, 1).await;
    for id in 0..20 {
        ask(&store, 100 + id, 1, "collect", &format!("application-{id}")).await;
    }
    let claims = (0..8).map(|_| {
        let store = store.clone();
        tokio::spawn(async move {
            let mut taken = Vec::new();
            // Two that ask at the same moment may both see the same one first: one of them asks again.
            for _ in 0..40 {
                let claimed = keep!(store, |tx| tx.claim_export("clinic", at(200), at(500)).await?);
                taken.extend(claimed.map(|(export, _)| export.id.0));
            }
            taken
        })
    });
    let mut all = Vec::new();
    for claim in claims.collect::<Vec<_>>() {
        all.extend(claim.await.unwrap());
    }
    all.sort_unstable();
    assert_eq!(all, (100..120).collect::<Vec<_>>());
}
