use model::approval::*;
use model::configuration::{ApprovalStage, Approver};
use model::ids::*;
use model::request::{Change, Request, RequestState};
use store::{RequestProgress, Store};

use crate::requests::request;
use crate::world::*;

fn approval(id: i64, line: u32) -> RequestApproval {
    let own = request(id, 1);
    RequestApproval {
        request: own.id,
        line,
        item: own.items[usize::try_from(line).unwrap() - 1].clone(),
        stages: vec![
            ApprovalStage {
                required: 2,
                days: Some(3),
                escalate_to: vec![Approver::Owner],
                ..ApprovalStage::of([Approver::Profile("security".into()), Approver::User("ann".into())])
            },
            ApprovalStage::of([Approver::Manager]),
        ],
        state: ApprovalState::Waiting,
        stage: 0,
        level: 0,
        since: at(10),
        escalates_at: Some(at(99)),
        ended_at: None,
        decisions: Vec::new(),
    }
}

fn decision(stage: u32, by: Decider, seconds: i64) -> ApprovalDecision {
    ApprovalDecision { stage, by, verdict: Verdict::Approve, comment: "fine".into(), at: at(seconds) }
}

fn user(login: &str) -> Decider {
    Decider::User(login.into())
}

pub(crate) async fn an_approval_comes_back_whole_and_moves_on(store: Store) {
    people(&store).await;
    let (first, second) = (request(50, 1), request(51, 1));
    let rows = [approval(50, 1), approval(51, 1)];
    let kept = rows.clone();
    keep!(store, |tx| {
        tx.insert_request(&first, "a").await?;
        tx.insert_request(&second, "b").await?;
        tx.insert_request_approvals(&kept).await?;
    });
    assert_eq!(store.waiting_request_approvals().await.unwrap(), rows);
    let waiting = store.request(RequestId(50)).await.unwrap().unwrap();
    assert_eq!(waiting.awaiting, [approval(50, 1).item]);
    assert_eq!(waiting.in_force().iter().map(|item| item.change).collect::<Vec<_>>(), [Change::Take]);

    let decisions =
        vec![decision(0, user("sue"), 20), decision(0, Decider::Rule("late".into()), 21), decision(1, user("sue"), 22)];
    let moved = RequestApproval {
        state: ApprovalState::Declined,
        stage: 1,
        level: 2,
        since: at(21),
        escalates_at: None,
        ended_at: Some(at(22)),
        decisions: decisions.clone(),
        ..approval(50, 1)
    };
    let row = moved.clone();
    keep!(store, |tx| {
        for decision in &decisions {
            tx.insert_request_decision(RequestId(50), 1, decision).await?;
        }
        tx.update_request_approvals(&[row]).await?;
    });
    assert_eq!(store.waiting_request_approvals().await.unwrap(), [approval(51, 1)]);
    let found = store.request_approvals(&[RequestId(50)]).await.unwrap();
    assert_eq!(found, keep!(store, |tx| tx.request_approvals(&[RequestId(50)]).await?));
    assert_eq!(found, [moved]);
    assert_eq!(store.request_approvals(&[RequestId(7)]).await.unwrap(), []);
    let over = store.request(RequestId(50)).await.unwrap().unwrap();
    assert_eq!((over.awaiting, over.refused), (vec![], vec![approval(50, 1).item]));
}

pub(crate) async fn nobody_decides_twice_about_a_stage(store: Store) {
    people(&store).await;
    let first = request(50, 1);
    keep!(store, |tx| {
        tx.insert_request(&first, "a").await?;
        tx.insert_request_approvals(&[approval(50, 1)]).await?;
        tx.insert_request_decision(RequestId(50), 1, &decision(0, user("sue"), 20)).await?;
        tx.insert_request_decision(RequestId(50), 1, &decision(1, user("sue"), 21)).await?;
        tx.insert_request_decision(RequestId(50), 1, &decision(0, Decider::Rule("sue".into()), 22)).await?;
    });
    let again = decision(0, user("sue"), 30);
    let error = refused!(store, |tx| tx.insert_request_decision(RequestId(50), 1, &again).await?);
    assert_conflict(&error, "request_decision_once");
}

/// The first day has come for what is approved; what still waits has nothing to begin.
pub(crate) async fn a_day_begins_for_what_is_approved_alone(store: Store) {
    people(&store).await;
    let open = |id| Request { state: RequestState::Approval, ..request(id, 1) };
    let (none, some) = (open(50), open(51));
    keep!(store, |tx| {
        tx.insert_request(&none, "a").await?;
        tx.insert_request(&some, "b").await?;
        tx.insert_request_approvals(&[approval(50, 1), approval(50, 2), approval(51, 1)]).await?;
    });
    assert_eq!(store.requests_come(day("2026-03-03")).await.unwrap(), []);
    assert_eq!(store.requests_come(day("2026-03-04")).await.unwrap(), [RequestId(51)]);
    // Once it is planned, or to be planned, its day has come.
    let planned = RequestProgress { planned_at: Some(at(30)), ..RequestProgress::of(&open(51)) };
    keep!(store, |tx| tx.update_requests(&[planned]).await?);
    assert_eq!(store.requests_come(day("2026-03-04")).await.unwrap(), []);
}
