use model::account::Mechanism;
use model::ids::*;
use model::job::RunState;
use model::order::{Order, ProvisioningState};
use model::plan::{ItemKind, ItemOperation, Operation};
use model::view::{BulkFilter, Home, OrderFilter, WorkItemFilter, WorkItemScope, WorkItemUpload, WorkItemViewer};
use model::work_item::{
    Chosen, Fulfiller, LineOutcome, WorkItem, WorkItemEvent, WorkItemEventKind, WorkItemLine, WorkItemQuestion,
    WorkItemState,
};
use store::Store;

use crate::world::*;

fn work_item(id: i64, order: i64) -> WorkItem {
    WorkItem {
        due_at: Some(at(id + 1_000)),
        lines: items(order).into_iter().map(|item| WorkItemLine { item: item.id, outcome: None }).collect(),
        ..WorkItem::open(WorkItemId(id), OrderId(order), "directory", at(id))
    }
}

/// Anna, who is in the team.
fn viewer() -> WorkItemViewer {
    WorkItemViewer { user: Some(UserId(1)), login: "Anna".into(), profiles: vec!["desk".into(), "other".into()] }
}

async fn prepared(store: &Store) {
    people(store).await;
    keep!(store, |tx| {
        tx.insert_user(&user(1, "anna"), "hash", at(0)).await?;
        tx.insert_user(&user(2, "bert"), "hash", at(0)).await?;
        let manual = |id: i64, identity| Order { mechanism: Mechanism::Manual, ..order(id, identity) };
        tx.insert_orders(&(30..40).map(|id| manual(id, 1 + id % 9)).collect::<Vec<_>>()).await?;
    });
}

pub(crate) async fn a_work_item_comes_back_as_it_was_written(store: Store) {
    prepared(&store).await;
    let opened = work_item(50, 30);
    let opening = opened.clone();
    keep!(store, |tx| tx.open_work_items(&[opening]).await?);
    let error = refused!(store, |tx| tx.open_work_items(&[work_item(51, 30)]).await?);
    assert_conflict(&error, "work_item_one_open");
    assert_eq!(store.work_item(WorkItemId(50)).await.unwrap(), Some(opened.clone()));

    let part = WorkItem { part: 1, lines: vec![opened.lines[1].clone()], ..work_item(52, 30) };
    let held = WorkItem {
        fulfiller: Fulfiller::User("Bert".into()),
        chosen: Chosen::Reassigned,
        claimed_by: Some(UserId(2)),
        due_at: Some(at(5_000)),
        paused_at: Some(at(60)),
        next_action_at: Some(at(4_000)),
        reminders: 3,
        escalations: 1,
        lines: vec![opened.lines[0].clone()],
        ..opened.clone()
    };
    let (changed, new) = (held.clone(), part.clone());
    keep!(store, |tx| {
        tx.update_work_items(&[changed]).await?;
        tx.open_work_items(&[new]).await?;
    });
    // Together and locked, by number.
    let (order, items) = keep!(store, |tx| tx.work_items_to_change(OrderId(30), 0).await?);
    assert_eq!((order.unwrap().id, items), (OrderId(30), vec![held.clone(), part.clone()]));
    assert_eq!(keep!(store, |tx| tx.work_items_to_change(OrderId(30), 7).await?).1, []);

    let outcome = |outcome| WorkItemLine { outcome: Some(outcome), ..held.lines[0].clone() };
    let closed = WorkItem {
        state: WorkItemState::PartlyDone,
        paused_at: None,
        next_action_at: None,
        closed_at: Some(at(70)),
        closed_by: Some(UserId(2)),
        note: Some("typed in".into()),
        reference: Some("https://t.example.org/1".into()),
        lines: vec![outcome(LineOutcome::CannotDo { why: "locked".into() })],
        ..held.clone()
    };
    let done = WorkItem { lines: vec![outcome(LineOutcome::Done { actual: Some("B2".into()) })], ..closed.clone() };
    for state in [closed, done] {
        let written = state.clone();
        keep!(store, |tx| tx.update_work_items(&[written]).await?);
        assert_eq!(store.work_item(WorkItemId(50)).await.unwrap(), Some(state));
    }
    // The order may get another one in its next attempt; the newest comes first.
    let next = WorkItem { fence: 1, ..work_item(55, 30) };
    let opening = next.clone();
    keep!(store, |tx| tx.open_work_items(&[opening]).await?);
    let of_order = store.work_items_of_order(OrderId(30)).await.unwrap();
    assert_eq!(of_order.iter().map(|item| item.id.0).collect::<Vec<_>>(), [55, 52, 50]);
    assert_eq!(store.order_detail(OrderId(30)).await.unwrap().unwrap().work_items, of_order);
    assert_eq!(store.work_items_of_order(OrderId(31)).await.unwrap(), []);
}

pub(crate) async fn a_work_item_that_makes_no_sense_is_refused(store: Store) {
    prepared(&store).await;
    let open = || work_item(50, 30);
    for (item, constraint) in [
        (WorkItem { state: WorkItemState::Done, ..open() }, "work_item_closed_when"),
        (WorkItem { reminders: 21, ..open() }, "work_item_reminders_limit"),
        (
            WorkItem { state: WorkItemState::Done, closed_at: Some(at(60)), paused_at: Some(at(50)), ..open() },
            "work_item_paused_when",
        ),
    ] {
        let error = refused!(store, |tx| tx.open_work_items(&[item]).await?);
        assert_conflict(&error, constraint);
    }
    let foreign = WorkItem { lines: vec![WorkItemLine { item: OrderItemId(1), outcome: None }], ..open() };
    let error = refused!(store, |tx| tx.open_work_items(&[foreign]).await?);
    assert_foreign_key(&error, "work_item_line_order_item");
}

pub(crate) async fn a_question_stands_until_it_is_closed(store: Store) {
    prepared(&store).await;
    let question = |id: i64, of: i64| WorkItemQuestion {
        id: WorkItemQuestionId(id),
        work_item: WorkItemId(50),
        asked_by: Some(UserId(1)),
        asked_of: UserId(of),
        question: "Which room?".into(),
        asked_at: at(id),
        answer: None,
        closed_at: None,
        closed_by: None,
    };
    keep!(store, |tx| {
        tx.open_work_items(&[work_item(50, 30)]).await?;
        tx.insert_question(&question(70, 2)).await?;
    });
    let error = refused!(store, |tx| tx.insert_question(&question(71, 2)).await?);
    assert_conflict(&error, "work_item_question_one_open");
    let waiting = store.questions_to(UserId(2), 10).await.unwrap();
    assert_eq!(
        (waiting.len(), waiting[0].question.as_str(), waiting[0].asked_by.as_str()),
        (1, "Which room?", "User anna")
    );
    assert_eq!((waiting[0].identity_name.as_str(), waiting[0].application_name.as_str()), ("Person 4", "directory"));
    assert_eq!(store.questions_to(UserId(1), 10).await.unwrap(), []);
    let asked = WorkItemViewer { user: Some(UserId(2)), ..WorkItemViewer::default() };
    assert_eq!(store.work_item_counts(&asked, at(80)).await.unwrap().questions, 1);
    assert_eq!(store.open_questions_to(UserId(2)).await.unwrap(), 1);
    assert_eq!(store.open_questions_to(UserId(1)).await.unwrap(), 0);

    let answered = WorkItemQuestion {
        answer: Some("B2.14".into()),
        closed_at: Some(at(90)),
        closed_by: Some(UserId(2)),
        ..question(70, 2)
    };
    let closing = answered.clone();
    let answers = keep!(store, |tx| {
        let first = tx.close_question(&closing).await?;
        (first, tx.close_question(&closing).await?)
    });
    assert_eq!(answers, (true, false));
    keep!(store, |tx| tx.insert_question(&question(72, 2)).await?);
    let all = store.questions_of_work_item(WorkItemId(50)).await.unwrap();
    assert_eq!(all.iter().map(|view| view.question.id.0).collect::<Vec<_>>(), [72, 70]);
    assert_eq!((&all[1].question, all[1].asked_of.as_str()), (&answered, "User bert"));
}

pub(crate) async fn what_happened_to_a_work_item_is_kept(store: Store) {
    prepared(&store).await;
    let event = |seconds: i64, kind, message: &str| {
        (WorkItemId(50), WorkItemEvent { at: at(seconds), actor: "anna".into(), kind, message: message.into() })
    };
    let events: Vec<_> = WorkItemEventKind::ALL.into_iter().map(|kind| event(60, kind, kind.name())).collect();
    let expected: Vec<WorkItemEvent> = events.iter().map(|(_, event)| event.clone()).collect();
    keep!(store, |tx| {
        tx.open_work_items(&[work_item(50, 30)]).await?;
        tx.append_work_item_events(&events).await?;
    });
    assert_eq!(store.work_item_events(WorkItemId(50)).await.unwrap(), expected);
    assert_eq!(store.work_item_events(WorkItemId(51)).await.unwrap(), []);
}

pub(crate) async fn clocks_that_ask_for_something_are_found(store: Store) {
    prepared(&store).await;
    let ringing =
        |id: i64, order: i64, at_second: i64| WorkItem { next_action_at: Some(at(at_second)), ..work_item(id, order) };
    let paused = WorkItem { paused_at: Some(at(60)), ..ringing(53, 33, 80) };
    let closed = WorkItem { state: WorkItemState::Done, closed_at: Some(at(60)), ..ringing(54, 34, 80) };
    let rows = [ringing(50, 30, 100), ringing(51, 31, 90), ringing(52, 32, 101), paused, closed, work_item(55, 35)];
    keep!(store, |tx| tx.open_work_items(&rows).await?);
    assert_eq!(store.work_items_to_tell_of(at(100), 10).await.unwrap(), [WorkItemId(51), WorkItemId(50)]);
    assert_eq!(store.work_items_to_tell_of(at(100), 1).await.unwrap(), [WorkItemId(51)]);
    assert_eq!(store.work_items_to_tell_of(at(89), 10).await.unwrap(), []);
}

pub(crate) async fn work_items_are_listed(store: Store) {
    prepared(&store).await;
    let configuration = crate::configuration::sample();
    keep!(store, |tx| {
        tx.apply_configuration(ConfigurationVersionId(1), &configuration, "d", "root", at(0)).await?;
        let mut rows: Vec<WorkItem> = (0..10).map(|n| work_item(50 + n, 30 + n)).collect();
        rows[0].state = WorkItemState::Withdrawn;
        rows[0].closed_at = Some(at(90));
        rows[2].due_at = None;
        rows[3].claimed_by = Some(UserId(1));
        rows[4].fulfiller = Fulfiller::User("anna".into());
        rows[5].fulfiller = Fulfiller::User("anna".into());
        rows[5].claimed_by = Some(UserId(2));
        rows[6].fulfiller = Fulfiller::Profile("desk".into());
        rows[7].fulfiller = Fulfiller::Profile("nobody".into());
        rows[8].paused_at = Some(at(1_000));
        tx.open_work_items(&rows).await?;
    });
    let numbers =
        |page: &model::page::Page<model::view::WorkItemRow>| page.rows.iter().map(|row| row.id.0).collect::<Vec<_>>();
    let listed = async |filter: &WorkItemFilter| store.work_item_page(filter, &viewer(), at(1_100)).await.unwrap();
    // As they are due; what has no time comes last.
    let open = WorkItemFilter { state: Some(WorkItemState::Open), limit: Some(6), ..WorkItemFilter::default() };
    let first = listed(&open).await;
    assert_eq!((numbers(&first), first.total), (vec![51, 53, 54, 55, 56, 57], 9));
    let second = listed(&WorkItemFilter { after: first.next.clone(), ..open.clone() }).await;
    assert_eq!((numbers(&second), second.next), (vec![58, 59, 52], None));
    let row = &first.rows[1];
    assert_eq!((row.claimed_by.as_deref(), row.application_name.as_str()), (Some("User anna"), "Mainframe"));
    assert_eq!(row.summary, "department, 1 entitlement added");
    assert_eq!((first.rows[2].fulfiller_name.as_str(), first.rows[4].fulfiller_name.as_str()), ("User anna", "desk"));
    let all = listed(&WorkItemFilter { limit: Some(3), ..WorkItemFilter::default() }).await;
    assert_eq!(numbers(&all), [59, 58, 57]);
    let next = listed(&WorkItemFilter { after: all.next, limit: Some(3), ..WorkItemFilter::default() }).await;
    assert_eq!(next.rows[0].id.0, 56);
    let open = WorkItemFilter { limit: None, ..open };
    for (filter, expected) in [
        (WorkItemFilter { application: Some("payroll".into()), ..WorkItemFilter::default() }, vec![]),
        (WorkItemFilter { state: Some(WorkItemState::Withdrawn), ..WorkItemFilter::default() }, vec![50]),
        (WorkItemFilter { text: Some("person 4".into()), ..WorkItemFilter::default() }, vec![59, 50]),
        (WorkItemFilter { scope: WorkItemScope::Mine, ..open.clone() }, vec![53, 54]),
        (WorkItemFilter { scope: WorkItemScope::Team, ..open.clone() }, vec![56]),
        // The one whose clock stands was not overdue when it stopped.
        (WorkItemFilter { overdue: true, ..open.clone() }, vec![51, 53, 54, 55, 56, 57, 59]),
    ] {
        assert_eq!(numbers(&listed(&filter).await), expected, "{filter:?}");
    }
    let counts = store.work_item_counts(&viewer(), at(1_055)).await.unwrap();
    assert_eq!((counts.mine, counts.team, counts.everybody, counts.overdue, counts.questions), (2, 1, 9, 3, 0));
    let nobody = store.work_item_counts(&WorkItemViewer::default(), at(0)).await.unwrap();
    assert_eq!((nobody.mine, nobody.team, nobody.everybody, nobody.overdue), (0, 0, 9, 0));
}

pub(crate) async fn open_lines_are_listed_for_many(store: Store) {
    prepared(&store).await;
    let line = |item: &mut WorkItem, position: usize, outcome| item.lines[position].outcome = Some(outcome);
    let mut reported = work_item(50, 30);
    line(&mut reported, 0, LineOutcome::Done { actual: None });
    let closed = WorkItem { state: WorkItemState::Done, closed_at: Some(at(60)), ..work_item(52, 32) };
    keep!(store, |tx| tx.open_work_items(&[reported, work_item(51, 31), closed]).await?);
    let lines = store.bulk_lines(&BulkFilter::default(), 10).await.unwrap();
    assert_eq!(
        lines.iter().map(|line| (line.work_item.0, line.line.0)).collect::<Vec<_>>(),
        [(50, 302), (51, 311), (51, 312)]
    );
    let first = &lines[0];
    assert_eq!(
        (first.kind, first.name.as_str(), first.item_operation),
        (ItemKind::Entitlement, "sellers", ItemOperation::Add)
    );
    assert_eq!((lines[1].secret, lines[1].identity_key.as_str()), (true, "E5"));
    let filter = |application: &str, operation| BulkFilter {
        application: Some(application.into()),
        account_type: Some("directory-user".into()),
        operation: Some(operation),
    };
    assert_eq!(store.bulk_lines(&filter("directory", Operation::Create), 2).await.unwrap().len(), 2);
    assert_eq!(store.bulk_lines(&filter("directory", Operation::Delete), 10).await.unwrap(), []);
    assert_eq!(store.bulk_lines(&filter("payroll", Operation::Create), 10).await.unwrap(), []);
    let kinds = store.kinds_of_open_work().await.unwrap();
    assert_eq!(kinds, [("directory".to_owned(), "directory-user".to_owned(), Operation::Create)]);

    let upload = WorkItemUpload {
        id: WorkItemUploadId(80),
        user: Some(UserId(1)),
        at: at(70),
        taken: 2,
        blank: 1,
        closed: 1,
        refused: vec![(4, "There is no such line.".into())],
        rest: "line,outcome\n9,done\n".into(),
    };
    let kept = upload.clone();
    keep!(store, |tx| tx.keep_upload(&kept).await?);
    assert_eq!(store.upload(WorkItemUploadId(80)).await.unwrap(), Some(upload));
    assert_eq!(keep!(store, |tx| (tx.forget_uploads(at(70)).await?, tx.forget_uploads(at(71)).await?)), (0, 1));
    assert_eq!(store.upload(WorkItemUploadId(80)).await.unwrap(), None);
}

async fn counted(store: &Store) -> Home {
    let totals = store.totals(day("2026-01-01")).await.unwrap();
    let orders = store.order_counts(&OrderFilter::default()).await.unwrap();
    store.home(&totals, &orders, at(0)).await.unwrap()
}

pub(crate) async fn home_counts(store: Store) {
    let empty = counted(&store).await;
    assert_eq!((empty.identities, empty.accounts, empty.open_work_items), (0, 0, 0));
    prepared(&store).await;
    keep!(store, |tx| {
        let mut left = identity(9, "Person 9");
        left.contexts = vec![context("a", 1, "2020-01-01", "2025-01-01", &[])];
        tx.update_identities(&[left], None, at(1)).await?;
        tx.insert_accounts(&[account(20, "directory", "x", Some(1), &[])], at(0)).await?;
        tx.open_work_items(&(0..10).map(|n| work_item(50 + n, 30 + n)).collect::<Vec<_>>()).await?;
        let failed = |id| Order { state: ProvisioningState::Errored, ..order(id, 2) };
        tx.insert_orders(&(100..110).map(failed).collect::<Vec<_>>()).await?;
        for id in 1..8 {
            tx.queue_run(&run(id, RunState::Completed)).await?;
        }
    });
    let home = counted(&store).await;
    assert_eq!((home.identities, home.accounts, home.open_work_items), (8, 1, 10));
    assert_eq!(home.orders.by_state, [(ProvisioningState::Pending, 10), (ProvisioningState::Errored, 10)]);
    assert_eq!(home.work_items.len(), 8);
    assert_eq!(home.failed.iter().map(|row| row.id.0).collect::<Vec<_>>(), (102..110).rev().collect::<Vec<_>>());
    assert_eq!(home.runs.iter().map(|row| row.run.id.0).collect::<Vec<_>>(), [7, 6, 5, 4, 3]);
}
