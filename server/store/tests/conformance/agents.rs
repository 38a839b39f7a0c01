use std::collections::BTreeMap;

use model::account::ObservedAccount;
use model::agent::*;
use model::command::CommandError;
use model::configuration::{Connection, ManualConnection};
use model::ids::*;
use model::job::RunState;
use model::order::ErrorClass;
use store::{ExportEnd, NewExport, PageKept, Store};

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
        tx.cancel_run(RunId(id), "It is over.", at(id)).await?
    });
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
    assert_eq!(store.agent_facts().await.unwrap(), [later]);
    assert_eq!(store.agent_heard_at("clinic").await.unwrap(), Some(at(6)));
    assert!(keep!(store, |tx| tx.revoke_agent_token(AgentTokenId(1), "bo", at(7)).await?));
    assert!(!keep!(store, |tx| tx.revoke_agent_token(AgentTokenId(1), "cy", at(8)).await?));
    let found = store.agent_token_by_hash("aa").await.unwrap().unwrap();
    assert_eq!(
        (found.last_used_at, found.revoked_by.as_deref(), found.revoked_at),
        (Some(at(6)), Some("bo"), Some(at(7)))
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
    assert_eq!(keep!(store, |tx| tx.claim_export("bank", "x", at(20), at(50)).await?), None);
    assert!(
        store.is_export_due("clinic", at(20)).await.unwrap() && !store.is_export_due("bank", at(20)).await.unwrap()
    );
    let (export, told) = keep!(store, |tx| tx.claim_export("clinic", "x", at(20), at(50)).await?).unwrap();
    assert_eq!((export.id, export.attempt, export.state), (AgentExportId(10), 1, ExportState::Reading));
    assert_eq!((told, export.taken_at, export.lease_until), (task("directory"), Some(at(20)), Some(at(50))));
    assert_eq!(keep!(store, |tx| tx.claim_export("clinic", "y", at(21), at(51)).await?), None, "somebody reads it");
    assert!(
        !store.is_export_due("clinic", at(50)).await.unwrap() && store.is_export_due("clinic", at(51)).await.unwrap()
    );
    let id = AgentExportId(10);
    let (first, second) = (page("ann"), page("bo"));
    let (one, two) = (first.clone(), second.clone());
    let kept = keep!(store, |tx| tx.keep_page(id, "clinic", 1, (2, 1, &two), at(22), at(52)).await?);
    assert_eq!(kept, PageKept::Now);
    let end = keep!(store, |tx| tx.finish_export(id, "clinic", 1, &complete(2), at(23)).await?);
    assert_eq!(end, ExportEnd::Incomplete { pages: 1 });
    for expected in [PageKept::Now, PageKept::Before] {
        let one = one.clone();
        let kept = keep!(store, |tx| tx.keep_page(id, "clinic", 1, (1, 1, &one), at(24), at(54)).await?);
        assert_eq!(kept, expected);
    }
    for (agent, attempt) in [("bank", 1), ("clinic", 2)] {
        let one = one.clone();
        let kept = keep!(store, |tx| tx.keep_page(id, agent, attempt, (3, 1, &one), at(25), at(55)).await?);
        assert_eq!(kept, PageKept::Refused, "{agent} {attempt}");
        assert!(!keep!(store, |tx| tx.export_goes_on(id, agent, attempt, at(25), at(55)).await?));
    }
    assert!(!keep!(store, |tx| tx.take_export_over(id).await?), "it is not complete");
    for expected in [ExportEnd::Kept, ExportEnd::Before] {
        assert_eq!(keep!(store, |tx| tx.finish_export(id, "clinic", 1, &complete(2), at(26)).await?), expected);
    }
    assert_eq!(
        keep!(store, |tx| tx.finish_export(id, "clinic", 1, &failed(), at(27)).await?),
        ExportEnd::Refused,
        "it has ended in another way"
    );
    let read = store.agent_export(id).await.unwrap().unwrap();
    assert_eq!((read.state, read.rows, read.outcome.clone()), (ExportState::Complete, 2, Some(complete(2))));
    assert_eq!((read.lease_until, read.finished_at), (None, Some(at(26))));
    let subject = ExportSubject::Application("directory".into());
    assert_eq!(store.open_export(RunId(1), "collect", &subject).await.unwrap(), Some(read));
    assert_eq!(store.export_pages(id).await.unwrap(), [first, second]);
    assert!(keep!(store, |tx| tx.take_export_over(id).await?));
    assert_eq!(store.open_export(RunId(1), "collect", &subject).await.unwrap(), None);
    assert!(store.export_pages(id).await.unwrap().is_empty());
}

pub(crate) async fn an_export_whose_agent_is_gone_begins_anew(store: Store) {
    begin(&store, 1).await;
    ask(&store, 10, 1, "collect", "directory").await;
    let id = AgentExportId(10);
    keep!(store, |tx| tx.claim_export("clinic", "x", at(20), at(50)).await?).unwrap();
    let body = page("ann");
    keep!(store, |tx| tx.keep_page(id, "clinic", 1, (1, 1, &body), at(30), at(60)).await?);
    assert_eq!(keep!(store, |tx| tx.claim_export("clinic", "y", at(60), at(90)).await?), None, "its lease went on");
    let (export, _) = keep!(store, |tx| tx.claim_export("clinic", "y", at(61), at(91)).await?).unwrap();
    assert_eq!((export.attempt, export.rows, export.taken_at), (2, 0, Some(at(61))));
    assert!(store.export_pages(id).await.unwrap().is_empty());
    let body = page("ann");
    let late = keep!(store, |tx| tx.keep_page(id, "clinic", 1, (2, 1, &body), at(62), at(92)).await?);
    assert_eq!(late, PageKept::Refused);
    assert_eq!(keep!(store, |tx| tx.finish_export(id, "clinic", 2, &failed(), at(63)).await?), ExportEnd::Kept);
    assert_eq!(store.agent_export(id).await.unwrap().unwrap().state, ExportState::Failed);
    // A failed one is over: the step may ask once more.
    ask(&store, 12, 1, "collect", "directory").await;
    assert!(keep!(store, |tx| tx.give_export_up(AgentExportId(12), "nobody came", at(64)).await?));
    assert!(!keep!(store, |tx| tx.give_export_up(AgentExportId(12), "again", at(65)).await?));
    let read = store.agent_export(AgentExportId(12)).await.unwrap().unwrap();
    assert_eq!((read.state, read.given_up_because.as_deref()), (ExportState::GivenUp, Some("nobody came")));
    assert_eq!(keep!(store, |tx| tx.claim_export("clinic", "y", at(66), at(96)).await?), None);
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
    let claim = async || keep!(store, |tx| tx.claim_export("clinic", "x", at(30), at(60)).await?);
    let taken: Vec<i64> = [claim().await, claim().await].into_iter().flatten().map(|(one, _)| one.id.0).collect();
    assert_eq!((taken, claim().await), (vec![20, 21], None));
    // What a run has left that is over is given up when another asks.
    begin(&store, 2).await;
    ask(&store, 30, 2, "collect", "payroll").await;
    let states: Vec<(i64, ExportState)> =
        store.agent_exports().await.unwrap().into_iter().map(|export| (export.id.0, export.state)).collect();
    assert!(states.contains(&(21, ExportState::GivenUp)) && states.contains(&(30, ExportState::Waiting)), "{states:?}");
}

pub(crate) async fn many_agents_never_get_the_same_export(store: Store) {
    begin(&store, 1).await;
    for id in 0..20 {
        ask(&store, 100 + id, 1, "collect", &format!("application-{id}")).await;
    }
    let claims = (0..8).map(|agent| {
        let store = store.clone();
        tokio::spawn(async move {
            let mut taken = Vec::new();
            // Two that ask at the same moment may both see the same one first: one of them asks again.
            for _ in 0..40 {
                let instance = format!("instance-{agent}");
                let claimed = keep!(store, |tx| tx.claim_export("clinic", &instance, at(200), at(500)).await?);
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
