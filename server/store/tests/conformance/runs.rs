use model::ids::*;
use model::job::{LogLevel, Run, RunLogLine, RunState, TaskKind, TaskRun};
use model::view::{PreviewFilter, PreviewLine};
use store::{Store, StoreError};

use crate::world::*;

pub(crate) async fn one_run_is_active(store: Store) {
    keep!(store, |tx| tx.queue_run(&run(1, RunState::Queued)).await?);
    let error = refused!(store, |tx| tx.queue_run(&run(2, RunState::Queued)).await?);
    assert_conflict(&error, "run_one_active");
    keep!(store, |tx| tx.claim_run("node", at(10), at(40)).await?);
    let error = refused!(store, |tx| tx.queue_run(&run(2, RunState::Queued)).await?);
    assert_conflict(&error, "run_one_active");
    keep!(store, |tx| tx.update_run(&run(1, RunState::Warning)).await?);
    keep!(store, |tx| tx.queue_run(&run(2, RunState::Queued)).await?);
    let error = refused!(store, |tx| tx.update_run(&run(9, RunState::Queued)).await?);
    assert!(matches!(error, StoreError::NotFound { .. }));
}

pub(crate) async fn a_run_is_claimed_and_taken_over(store: Store) {
    assert_eq!(keep!(store, |tx| tx.claim_run("one", at(10), at(40)).await?), None);
    keep!(store, |tx| {
        tx.insert_user(&user(1, "anna"), "hash", at(0)).await?;
        tx.queue_run(&Run { started_by: Some(UserId(1)), ..run(1, RunState::Queued) }).await?;
    });
    let claimed = keep!(store, |tx| tx.claim_run("one", at(10), at(40)).await?).unwrap();
    assert_eq!((claimed.state, claimed.started_at, claimed.tasks.len()), (RunState::Running, Some(at(10)), 2));
    assert_eq!(keep!(store, |tx| tx.claim_run("two", at(39), at(69)).await?), None);
    assert!(keep!(store, |tx| tx.renew_run_lease(RunId(1), "one", at(50)).await?));
    assert!(!keep!(store, |tx| tx.renew_run_lease(RunId(1), "two", at(50)).await?));
    let taken = keep!(store, |tx| tx.claim_run("two", at(50), at(80)).await?).unwrap();
    assert_eq!(taken.started_at, Some(at(10)), "it goes on, it does not start again");
    assert!(!keep!(store, |tx| tx.renew_run_lease(RunId(1), "one", at(90)).await?));
    assert!(keep!(store, |tx| tx.request_cancel(RunId(1)).await?));
    let over =
        Run { finished_at: Some(at(60)), message: Some("Stopped.".into()), approved_by: Some("anna".into()), ..taken };
    let over = Run { state: RunState::Cancelled, ..over };
    keep!(store, |tx| tx.update_run(&over).await?);
    let read = store.run_row(RunId(1)).await.unwrap().unwrap();
    assert!(read.run.cancel_requested, "an update does not take the wish back");
    assert_eq!(
        (read.run.finished_at, read.run.message.as_deref(), read.run.approved_by.as_deref()),
        (Some(at(60)), Some("Stopped."), Some("anna"))
    );
    assert_eq!(read.started_by.as_deref(), Some("User anna"));
    assert!(!keep!(store, |tx| tx.request_cancel(RunId(1)).await?));
    assert!(!keep!(store, |tx| tx.renew_run_lease(RunId(1), "two", at(90)).await?));
    assert_eq!(keep!(store, |tx| tx.claim_run("two", at(999), at(1_000)).await?), None);
}

pub(crate) async fn tasks_and_log_are_kept(store: Store) {
    keep!(store, |tx| tx.queue_run(&run(1, RunState::Queued)).await?);
    let changed = TaskRun {
        state: RunState::Running,
        done: 5,
        total: Some(8_615),
        failed: 1,
        counts: vec![("inserted".into(), 56), ("deleted".into(), -1)],
        started_at: Some(at(1)),
        message: Some("Reading.".into()),
        ..task(1, TaskKind::Synchronize)
    };
    let expected = changed.clone();
    keep!(store, |tx| tx.update_task(RunId(1), &changed).await?);
    let read = store.run(RunId(1)).await.unwrap().unwrap();
    assert_eq!(read.tasks, [task(0, TaskKind::Collect), expected]);
    let line = |sequence| RunLogLine {
        sequence,
        at: at(sequence),
        level: LogLevel::Warning,
        task: (sequence % 2 == 0).then_some(TaskKind::Fulfil),
        message: format!("Line {sequence}."),
    };
    let lines: Vec<_> = (1..=2_500).map(line).collect();
    keep!(store, |tx| tx.append_run_log(RunId(1), &lines).await?);
    assert_eq!(store.run_log_end(RunId(1)).await.unwrap(), 2_500);
    assert_eq!(store.run_log_end(RunId(2)).await.unwrap(), 0);
    assert_eq!(store.run_log(RunId(1), 0, 2).await.unwrap(), [line(1), line(2)]);
    assert_eq!(store.run_log(RunId(1), 2_499, 10).await.unwrap(), [line(2_500)]);
    let error = refused!(store, |tx| tx.append_run_log(RunId(1), &[line(7)]).await?);
    assert_conflict(&error, "run_log_key");
}

pub(crate) async fn staged_rows_are_replaced_and_cleared(store: Store) {
    keep!(store, |tx| tx.queue_run(&run(1, RunState::Queued)).await?);
    let row = |key: &str, body: &str| (key.to_owned(), body.to_owned());
    let body = r#"{"b": "1\u00e9\n\"", "a": [ ]}"#;
    let rows = vec![row("b", body), row("a", "{}")];
    let again = rows.clone();
    keep!(store, |tx| {
        tx.stage(RunId(1), "hr", &rows).await?;
        tx.stage(RunId(1), "hr", &[("a".into(), "[1]".into())]).await?;
        tx.stage(RunId(1), "directory", &rows).await?;
    });
    assert_eq!(store.staged(RunId(1), "hr").await.unwrap(), [row("a", "[1]"), row("b", body)]);
    assert_eq!(store.staged_run("hr").await.unwrap(), Some(RunId(1)));
    keep!(store, |tx| tx.clear_stage(RunId(1), Some("hr")).await?);
    assert_eq!(store.staged_run("hr").await.unwrap(), None);
    assert_eq!(store.staged(RunId(1), "hr").await.unwrap(), []);
    assert_eq!(store.staged(RunId(1), "directory").await.unwrap().len(), 2);
    // A later run takes over what an earlier one read: it is gone then, not taken over again.
    keep!(store, |tx| tx.queue_run(&run(2, RunState::Completed)).await?);
    keep!(store, |tx| tx.clear_stage(RunId(2), Some("directory")).await?);
    assert_eq!(store.staged_run("directory").await.unwrap(), None);
    keep!(store, |tx| tx.stage(RunId(1), "hr", &again).await?);
    keep!(store, |tx| tx.clear_stage(RunId(1), None).await?);
    assert_eq!(store.staged(RunId(1), "hr").await.unwrap(), []);
}

pub(crate) async fn a_preview_is_paged(store: Store) {
    keep!(store, |tx| tx.queue_run(&run(1, RunState::Queued)).await?);
    let line = |n: i64| PreviewLine {
        identity: (n % 2 == 0).then_some(IdentityId(n)),
        identity_name: format!("Person {n}"),
        application: "directory".into(),
        account_type: if n % 3 == 0 { "admin".into() } else { "person".into() },
        operation: if n % 2 == 0 { "create".into() } else { "update".into() },
        change: "department: Sales → Finance".into(),
        why: "Because.".into(),
        since_approval: None,
    };
    let lines: Vec<_> = (1..=1_203).map(line).collect();
    let expected = lines.clone();
    keep!(store, |tx| {
        tx.put_preview(RunId(1), &lines[..5]).await?;
        tx.put_preview(RunId(1), &lines).await?;
    });
    let mut after = 0;
    let mut read = Vec::new();
    loop {
        let filter = PreviewFilter { after, limit: 400, ..PreviewFilter::default() };
        let page = store.preview(RunId(1), &filter).await.unwrap();
        assert_eq!(page.total, 1_203);
        read.extend(page.rows);
        match page.next {
            Some(next) => after = next.parse().unwrap(),
            None => break,
        }
    }
    assert_eq!(read, expected);
    assert_eq!(store.whole_preview(RunId(1)).await.unwrap(), expected);
    let groups: Vec<_> = store.preview_groups(RunId(1)).await.unwrap();
    assert_eq!(groups.iter().map(|group| group.lines).sum::<u64>(), 1_203);
    assert_eq!((groups.len(), groups[0].account_type.as_str(), groups[0].lines), (4, "admin", 200));
    let filter =
        PreviewFilter { account_type: Some("admin".into()), operation: Some("create".into()), after: 0, limit: 10 };
    let page = store.preview(RunId(1), &filter).await.unwrap();
    assert_eq!((page.total, page.rows[0].identity), (200, Some(IdentityId(6))));
    keep!(store, |tx| tx.put_preview(RunId(1), &[]).await?);
    assert_eq!(store.preview(RunId(1), &PreviewFilter::default()).await.unwrap().total, 0);
}

pub(crate) async fn runs_are_listed_newest_first(store: Store) {
    keep!(store, |tx| {
        for id in 1..=6 {
            tx.queue_run(&run(id, RunState::Completed)).await?;
        }
    });
    let ids = |rows: Vec<model::view::RunRow>| rows.iter().map(|row| row.run.id.0).collect::<Vec<_>>();
    let rows = store.runs(4, None).await.unwrap();
    assert_eq!(rows[0].run, run(6, RunState::Completed));
    assert_eq!(ids(rows), [6, 5, 4, 3]);
    assert_eq!(ids(store.runs(4, Some(RunId(3))).await.unwrap()), [2, 1]);
    assert_eq!(store.run(RunId(9)).await.unwrap(), None);
}

pub(crate) async fn a_blocked_run_goes_on_at_somebodys_word(store: Store) {
    keep!(store, |tx| {
        let mut blocked = run(1, RunState::Blocked);
        blocked.finished_at = Some(at(5));
        blocked.tasks[1].state = RunState::Blocked;
        tx.queue_run(&blocked).await?;
    });
    assert!(keep!(store, |tx| tx.requeue_run(RunId(1), "anna").await?));
    assert!(!keep!(store, |tx| tx.requeue_run(RunId(1), "anna").await?));
    let read = store.run(RunId(1)).await.unwrap().unwrap();
    assert_eq!((read.state, read.approved_by.as_deref(), read.finished_at), (RunState::Queued, Some("anna"), None));
    assert_eq!(read.tasks[1].state, RunState::Queued);
    keep!(store, |tx| tx.update_run(&run(1, RunState::Blocked)).await?);
    keep!(store, |tx| tx.queue_run(&run(2, RunState::Queued)).await?);
    let error = refused!(store, |tx| tx.requeue_run(RunId(1), "anna").await?);
    assert_conflict(&error, "run_one_active");
}
