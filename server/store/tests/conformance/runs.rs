use model::ids::*;
use model::job::{JobTask, LogLevel, Run, RunLogLine, RunState, TaskKind, TaskRun, TaskScope};
use model::view::{LogCounts, LogFilter, PreviewFilter, PreviewLine, RunFilter};
use store::{Cancelled, Dialect, JobScheduleRecord, Signal, Store, StoreError};

use crate::world::*;

pub(crate) async fn runs_wait_for_one_another(store: Store) {
    let of = |id: i64, job: &str| Run { job: job.into(), ..run(id, RunState::Queued) };
    keep!(store, |tx| tx.queue_run(&of(1, "complete")).await?);
    let error = refused!(store, |tx| tx.queue_run(&of(2, "complete")).await?);
    assert_conflict(&error, "run_one_of_job");
    keep!(store, |tx| {
        tx.queue_run(&of(3, "collect")).await?;
        tx.queue_run(&of(4, "fulfil")).await?;
    });
    let active = async || store.active_runs().await.unwrap().iter().map(|row| row.run.id.0).collect::<Vec<_>>();
    assert_eq!(active().await, [1, 3, 4]);
    assert_eq!(keep!(store, |tx| tx.claim_run("node", at(10), at(40)).await?).unwrap().id, RunId(1));
    assert_eq!(keep!(store, |tx| tx.claim_run("node", at(11), at(41)).await?), None, "the others wait");
    let error = refused!(store, |tx| tx.queue_run(&of(2, "complete")).await?);
    assert_conflict(&error, "run_one_of_job");
    let error = refused!(store, |tx| tx.update_run(&Run { state: RunState::Running, ..of(3, "collect") }).await?);
    assert_conflict(&error, "run_one_running");
    assert_eq!(keep!(store, |tx| tx.active_run_of("complete").await?), Some(RunId(1)));
    assert_eq!(keep!(store, |tx| tx.active_run_of("synchronize").await?), None);
    // What waits is over at once, what runs is asked.
    assert_eq!(keep!(store, |tx| tx.cancel_run(RunId(3), "Never mind.", at(12)).await?), Cancelled::AtOnce);
    let cancelled = store.run(RunId(3)).await.unwrap().unwrap();
    assert_eq!(
        (cancelled.state, cancelled.finished_at, cancelled.message.as_deref()),
        (RunState::Cancelled, Some(at(12)), Some("Never mind."))
    );
    assert_eq!(keep!(store, |tx| tx.cancel_run(RunId(1), "", at(13)).await?), Cancelled::Asked);
    assert_eq!(keep!(store, |tx| tx.cancel_run(RunId(3), "", at(13)).await?), Cancelled::Over);
    // A lease that was let pass goes before what waits.
    assert_eq!(keep!(store, |tx| tx.claim_run("other", at(41), at(71)).await?).unwrap().id, RunId(1));
    keep!(store, |tx| tx.update_run(&Run { state: RunState::Warning, ..of(1, "complete") }).await?);
    assert_eq!(active().await, [4]);
    assert_eq!(keep!(store, |tx| tx.claim_run("other", at(42), at(72)).await?).unwrap().id, RunId(4));
    let error = refused!(store, |tx| tx.update_run(&run(9, RunState::Queued)).await?);
    assert!(matches!(error, StoreError::NotFound { .. }));
}

pub(crate) async fn of_many_nodes_one_takes_the_next_run(store: Store) {
    keep!(store, |tx| {
        for id in 1..=3 {
            tx.queue_run(&run(id, RunState::Queued)).await?;
        }
    });
    let claims = (0..6).map(|node| {
        let store = store.clone();
        tokio::spawn(async move {
            let node = format!("node-{node}");
            let claim = store.write(move |tx| Box::pin(async move { tx.claim_run(&node, at(10), at(40)).await }));
            claim.await
        })
    });
    let mut won = Vec::new();
    for claim in claims.collect::<Vec<_>>() {
        match claim.await.unwrap() {
            Ok(claimed) => won.extend(claimed.map(|run| run.id)),
            Err(error) => assert_conflict(&error, "run_one_running"),
        }
    }
    assert_eq!(won, [RunId(1)]);
}

pub(crate) async fn a_time_of_a_schedule_starts_one_run(store: Store) {
    assert_eq!(store.job_schedules().await.unwrap(), []);
    keep!(store, |tx| {
        tx.follow_job_schedule("nightly", "30 2 * * *", "Europe/Berlin", at(100)).await?;
        tx.follow_job_schedule("hourly", "0 * * * *", "UTC", at(100)).await?;
    });
    // The same schedule goes on, another one begins anew.
    assert!(keep!(store, |tx| tx.advance_job_schedule("nightly", at(100), at(200), None).await?));
    keep!(store, |tx| tx.follow_job_schedule("nightly", "30 2 * * *", "Europe/Berlin", at(300)).await?);
    let record = |job: &str, until, skipped| JobScheduleRecord {
        job: job.into(),
        cron: if job == "nightly" { "30 2 * * *".into() } else { "0 * * * *".into() },
        time_zone: if job == "nightly" { "Europe/Berlin".into() } else { "UTC".into() },
        decided_until: at(until),
        skipped,
    };
    let expected = [record("hourly", 100, None), record("nightly", 200, None)];
    assert_eq!(store.job_schedules().await.unwrap(), expected);
    let skipped = (at(150), "Run 7 was still under way.".to_owned());
    let told = skipped.clone();
    assert!(keep!(store, |tx| tx.advance_job_schedule("hourly", at(100), at(160), Some(&told)).await?));
    assert_eq!(store.job_schedules().await.unwrap()[0], record("hourly", 160, Some(skipped)));
    keep!(store, |tx| tx.follow_job_schedule("hourly", "0 * * * *", "Europe/Paris", at(400)).await?);
    let read = store.job_schedules().await.unwrap();
    assert_eq!((read[0].decided_until, read[0].skipped.clone()), (at(400), None));
    // Several nodes see the time pass; one decides.
    let deciding = (0..6).map(|node: i64| {
        let store = store.clone();
        tokio::spawn(async move {
            let decide = store.write(move |tx| {
                Box::pin(async move {
                    let is_ours = tx.advance_job_schedule("nightly", at(200), at(500), None).await?;
                    if is_ours {
                        let run = Run { scheduled_for: Some(at(450)), ..run(10 + node, RunState::Queued) };
                        tx.queue_run(&Run { job: "nightly".into(), ..run }).await?;
                    }
                    Ok::<_, StoreError>(is_ours)
                })
            });
            decide.await.unwrap()
        })
    });
    let mut decided = 0;
    for node in deciding.collect::<Vec<_>>() {
        decided += usize::from(node.await.unwrap());
    }
    let runs = store.runs(&all(10)).await.unwrap();
    assert_eq!((decided, runs.len(), runs[0].run.scheduled_for), (1, 1, Some(at(450))));
    let again = Run { job: "nightly".into(), scheduled_for: Some(at(450)), ..run(30, RunState::Completed) };
    let error = refused!(store, |tx| tx.queue_run(&again).await?);
    assert_conflict(&error, "run_once_scheduled");
    keep!(store, |tx| tx.forget_job_schedules_but(&["hourly"]).await?);
    assert_eq!(store.job_schedules().await.unwrap().len(), 1);
    keep!(store, |tx| tx.forget_job_schedules_but(&[]).await?);
    assert_eq!(store.job_schedules().await.unwrap(), []);
}

fn all(limit: u32) -> RunFilter {
    RunFilter { limit, ..RunFilter::default() }
}

fn from_line(after: i64, limit: u32) -> LogFilter {
    LogFilter { level: LogLevel::Information, task: None, after, limit }
}

pub(crate) async fn what_happens_to_runs_is_told(store: Store) {
    let signals = store.signals().await.unwrap();
    assert_eq!(signals.is_some(), store.dialect() == Dialect::Postgres, "an embedded database has nobody to tell");
    let Some(mut signals) = signals else { return };
    keep!(store, |tx| tx.queue_run(&run(1, RunState::Queued)).await?);
    assert_eq!(signals.next().await.unwrap(), Signal::Run(RunId(1)));
    // What is rolled back is told to nobody, and what is done at once is told once.
    let refused = store.write(|tx| {
        Box::pin(async move {
            tx.queue_run(&Run { job: "collect".into(), ..run(2, RunState::Queued) }).await?;
            Err::<(), _>(StoreError::Contended)
        })
    });
    refused.await.unwrap_err();
    keep!(store, |tx| {
        tx.update_run(&run(1, RunState::Queued)).await?;
        tx.cancel_run(RunId(1), "not now", at(9)).await?;
    });
    keep!(store, |tx| tx.queue_run(&run(3, RunState::Queued)).await?);
    assert_eq!(signals.next().await.unwrap(), Signal::Run(RunId(1)));
    assert_eq!(signals.next().await.unwrap(), Signal::Run(RunId(3)));
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
    assert_eq!(keep!(store, |tx| tx.give_up_runs("two").await?), 0, "it has none");
    assert!(keep!(store, |tx| tx.renew_run_lease(RunId(1), "one", at(50)).await?));
    assert!(!keep!(store, |tx| tx.renew_run_lease(RunId(1), "two", at(50)).await?));
    let taken = keep!(store, |tx| tx.claim_run("two", at(50), at(80)).await?).unwrap();
    assert_eq!(taken.started_at, Some(at(10)), "it goes on, it does not start again");
    assert!(!keep!(store, |tx| tx.renew_run_lease(RunId(1), "one", at(90)).await?));
    assert_eq!(keep!(store, |tx| tx.give_up_runs("two").await?), 1);
    assert!(keep!(store, |tx| tx.claim_run("two", at(51), at(81)).await?).is_some(), "at once, not after its lease");
    keep!(store, |tx| tx.hold_run(RunId(1), "two").await?);
    let lost = refused!(store, |tx| tx.hold_run(RunId(1), "one").await?);
    assert!(matches!(lost, StoreError::Conflict { constraint } if constraint == store::RUN_LOST));
    assert_eq!(keep!(store, |tx| tx.cancel_run(RunId(1), "", at(55)).await?), Cancelled::Asked);
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
    assert_eq!(keep!(store, |tx| tx.cancel_run(RunId(1), "", at(65)).await?), Cancelled::Over);
    assert!(!keep!(store, |tx| tx.renew_run_lease(RunId(1), "two", at(90)).await?));
    assert_eq!(keep!(store, |tx| tx.claim_run("two", at(999), at(1_000)).await?), None);
}

pub(crate) async fn tasks_and_log_are_kept(store: Store) {
    let scoped = JobTask {
        name: "read badges".into(),
        level: 7,
        after: Some(["read-hr".to_owned()].into()),
        scope: TaskScope::new(None, Some(&["badges".to_owned()])),
        continue_on_error: true,
        ..JobTask::usual(TaskKind::Collect)
    };
    let third = TaskRun { unit: "rows".into(), ..TaskRun::queued(2, scoped) };
    let mut queued = run(1, RunState::Queued);
    queued.tasks.push(third.clone());
    keep!(store, |tx| tx.queue_run(&queued).await?);
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
    assert_eq!(read.tasks, [task(0, TaskKind::Collect), expected, third]);
    let line = |sequence: i64| RunLogLine {
        sequence,
        at: at(sequence),
        level: [LogLevel::Information, LogLevel::Warning, LogLevel::Error][sequence as usize % 3],
        task: (sequence % 2 == 0).then(|| "send".to_owned()),
        message: format!("Line {sequence}."),
    };
    let lines: Vec<_> = (1..=2_500).map(line).collect();
    keep!(store, |tx| tx.append_run_log(RunId(1), &lines).await?);
    assert_eq!(store.run_log_end(RunId(1)).await.unwrap(), 2_500);
    assert_eq!(store.run_log_end(RunId(2)).await.unwrap(), 0);
    assert_eq!(store.run_log(RunId(1), &from_line(0, 2)).await.unwrap(), [line(1), line(2)]);
    assert_eq!(store.run_log(RunId(1), &from_line(2_499, 10)).await.unwrap(), [line(2_500)]);
    let of_step = |level| LogFilter { level, task: Some("send".into()), ..from_line(0, 2) };
    assert_eq!(store.run_log(RunId(1), &of_step(LogLevel::Information)).await.unwrap(), [line(2), line(4)]);
    assert_eq!(store.run_log(RunId(1), &of_step(LogLevel::Error)).await.unwrap(), [line(2), line(8)]);
    let warnings = LogFilter { level: LogLevel::Warning, ..from_line(0, 3) };
    assert_eq!(store.run_log(RunId(1), &warnings).await.unwrap(), [line(1), line(2), line(4)]);
    let counts = store.run_log_counts(RunId(1), None).await.unwrap();
    assert_eq!(counts, LogCounts { information: 833, warning: 834, error: 833 });
    assert_eq!(counts.at_least(LogLevel::Warning), 1_667);
    let counts = store.run_log_counts(RunId(1), Some("send")).await.unwrap();
    assert_eq!(counts.at_least(LogLevel::Information), 1_250);
    assert_eq!(store.run_log_counts(RunId(1), Some("nothing")).await.unwrap(), LogCounts::default());
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
    let rows = store.runs(&all(4)).await.unwrap();
    assert_eq!(rows[0].run, run(6, RunState::Completed));
    assert_eq!(ids(rows), [6, 5, 4, 3]);
    assert_eq!(ids(store.runs(&RunFilter { before: Some(RunId(3)), ..all(4) }).await.unwrap()), [2, 1]);
    // One of a job, with another that does its rest.
    let rest = Run { rerun_of: Some(RunId(2)), job: "job-2".into(), ..run(7, RunState::Completed) };
    keep!(store, |tx| tx.queue_run(&rest).await?);
    assert_eq!(ids(store.runs(&RunFilter { job: Some("job-2".into()), ..all(4) }).await.unwrap()), [7, 2]);
    let reruns = store.reruns(RunId(2)).await.unwrap();
    assert_eq!((reruns.len(), reruns[0].run.rerun_of), (1, Some(RunId(2))));
    assert_eq!(ids(store.newest_runs_of_jobs().await.unwrap()), [7, 6, 5, 4, 3, 1]);
    assert_eq!(ids(store.active_runs().await.unwrap()), [0_i64; 0]);
    assert_eq!(store.run_orders(RunId(2)).await.unwrap(), []);
    assert_eq!(store.run(RunId(9)).await.unwrap(), None);
}

pub(crate) async fn a_blocked_run_goes_on_at_somebodys_word(store: Store) {
    keep!(store, |tx| {
        let mut blocked = run(1, RunState::Blocked);
        blocked.finished_at = Some(at(5));
        blocked.tasks[1].state = RunState::Blocked;
        tx.queue_run(&blocked).await?;
    });
    assert!(keep!(store, |tx| tx.requeue_run(RunId(1), Some("anna")).await?));
    assert!(!keep!(store, |tx| tx.requeue_run(RunId(1), Some("anna")).await?));
    let read = store.run(RunId(1)).await.unwrap().unwrap();
    assert_eq!((read.state, read.approved_by.as_deref(), read.finished_at), (RunState::Queued, Some("anna"), None));
    assert_eq!(read.tasks[1].state, RunState::Queued);
    // Another decision leaves standing who let it go beyond its threshold.
    let stopped_again = Run { approved_by: Some("anna".into()), ..run(1, RunState::Blocked) };
    keep!(store, |tx| tx.update_run(&stopped_again).await?);
    assert!(keep!(store, |tx| tx.requeue_run(RunId(1), None).await?));
    assert_eq!(store.run(RunId(1)).await.unwrap().unwrap().approved_by.as_deref(), Some("anna"));
    keep!(store, |tx| tx.update_run(&run(1, RunState::Blocked)).await?);
    let other = Run { job: "job-1".into(), ..run(2, RunState::Queued) };
    keep!(store, |tx| tx.queue_run(&other).await?);
    let error = refused!(store, |tx| tx.requeue_run(RunId(1), Some("anna")).await?);
    assert_conflict(&error, "run_one_of_job");
}
