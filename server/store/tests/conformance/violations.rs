use std::collections::BTreeMap;

use model::access::Grantable;
use model::account::{Account, AccountStatus};
use model::configuration::OnConflict;
use model::ids::*;
use model::job::RunState;
use model::risk::*;
use store::{NewViolation, NewViolationThing, RiskyHoldings, Store, ViolationVerdict};

use crate::world::*;

const NOBODYS_RISKS: Option<&[String]> = None;

async fn world(store: &Store) {
    people(store).await;
    keep!(store, |tx| tx.queue_run(&run(5, RunState::Queued)).await?);
}

fn new(id: i64, identity: i64, risk: &str) -> NewViolation {
    NewViolation { id: ViolationId(id), identity: IdentityId(identity), risk: risk.into(), rule: 2 }
}

fn granted(id: i64, violation: i64, side: u32, name: &str, application: &str) -> NewViolationThing {
    NewViolationThing {
        id: ViolationThingId(id),
        violation: ViolationId(violation),
        side,
        thing: HeldThing {
            grantable: Grantable::Entitlement(name.into()),
            reasons: vec![reason("sellers"), reason("staff")],
            accounts: Vec::new(),
        },
        application: application.into(),
    }
}

fn found(id: i64, violation: i64, side: u32, name: &str) -> NewViolationThing {
    let thing = HeldThing {
        grantable: Grantable::Entitlement(name.into()),
        reasons: Vec::new(),
        accounts: vec![AccountId(11), AccountId(12)],
    };
    NewViolationThing { thing, ..granted(id, violation, side, name, "payroll") }
}

fn things(rows: &[NewViolationThing], since: i64) -> Vec<ViolationThing> {
    let thing = |row: &NewViolationThing| ViolationThing {
        id: row.id,
        side: row.side,
        thing: row.thing.clone(),
        application: row.application.clone(),
        since: at(since),
    };
    rows.iter().map(thing).collect()
}

async fn one(store: &Store, id: i64) -> Violation {
    store.violations_by_id(&[ViolationId(id)]).await.unwrap().pop().unwrap()
}

/// Somebody breaks one rule: two things of the first side, one of the second.
async fn broken(store: &Store) -> Vec<NewViolationThing> {
    let rows = vec![
        granted(31, 21, 1, "book", "directory"),
        granted(32, 21, 1, "invoice", "directory"),
        found(33, 21, 2, "pay"),
    ];
    let begin = rows.clone();
    keep!(store, |tx| {
        tx.open_violations(&[new(21, 1, "pay-and-book")], Some(RunId(5)), at(10)).await?;
        tx.change_violation_things(&[], &begin, at(10)).await?;
    });
    rows
}

pub(crate) async fn a_violation_is_there_from_its_first_to_its_last_day(store: Store) {
    world(&store).await;
    let rows = broken(&store).await;
    let expected = Violation {
        id: ViolationId(21),
        identity: IdentityId(1),
        risk: "pay-and-book".into(),
        rule: 2,
        state: ViolationState::Open,
        since: at(10),
        until: None,
        version: 2,
        things: things(&rows, 10),
        decision: None,
    };
    assert_eq!(store.current_violations(None).await.unwrap(), std::slice::from_ref(&expected));
    assert_eq!(store.current_violations(Some(&[IdentityId(1)])).await.unwrap(), std::slice::from_ref(&expected));
    assert_eq!(store.current_violations(Some(&[IdentityId(2)])).await.unwrap(), []);
    assert_eq!(one(&store, 21).await.sides().iter().map(Vec::len).collect::<Vec<_>>(), [2, 1]);

    let twice = refused!(store, |tx| tx.open_violations(&[new(22, 1, "pay-and-book")], None, at(11)).await?);
    assert_conflict(&twice, "violation_current");
    let nobody = refused!(store, |tx| tx.open_violations(&[new(22, 77, "pay-and-book")], None, at(11)).await?);
    assert_foreign_key(&nobody, "violation_identity");

    // One thing is held for another reason, another no longer.
    let otherwise = granted(34, 21, 2, "pay", "payroll");
    let begin = [otherwise.clone()];
    let end = [(ViolationId(21), ViolationThingId(33)), (ViolationId(21), ViolationThingId(32))];
    keep!(store, |tx| tx.change_violation_things(&end, &begin, at(20)).await?);
    let now = one(&store, 21).await;
    let mut left = things(&rows[..1], 10);
    left.extend(things(&[otherwise], 20));
    assert_eq!((now.version, now.things), (3, left.clone()));

    keep!(store, |tx| tx.close_violations(&[ViolationId(21)], Some(RunId(5)), at(30)).await?);
    let over = one(&store, 21).await;
    assert_eq!((over.state, over.until, over.things), (ViolationState::Closed, Some(at(30)), left));
    assert_eq!(store.current_violations(None).await.unwrap(), []);
    // Once more is once: what is over stays as it is.
    keep!(store, |tx| tx.close_violations(&[ViolationId(21)], None, at(40)).await?);
    assert_eq!(one(&store, 21).await.until, Some(at(30)));
    keep!(store, |tx| tx.open_violations(&[new(22, 1, "pay-and-book")], None, at(50)).await?);
    assert_eq!(store.current_violations(None).await.unwrap().len(), 1);
}

fn verdict(version: u32, to: ViolationState, at_second: i64, decision: Option<(i64, Decided)>) -> ViolationVerdict {
    ViolationVerdict {
        violation: ViolationId(21),
        version,
        to,
        by: "ann".into(),
        at: at(at_second),
        why: "Decided anew.".into(),
        decision: decision.map(|(id, decided)| (ViolationDecisionId(id), decided)),
    }
}

fn exception(last_day: &str) -> Decided {
    Decided::Exception { control: "The controller looks at it each month.".into(), last_day: day(last_day) }
}

pub(crate) async fn what_is_decided_is_what_was_seen(store: Store) {
    world(&store).await;
    broken(&store).await;
    let except = verdict(2, ViolationState::Excepted, 20, Some((41, exception("2026-05-01"))));
    let stale = verdict(1, ViolationState::Excepted, 20, Some((40, exception("2026-05-01"))));
    assert!(!keep!(store, |tx| tx.decide_violation(&stale).await?));
    assert_eq!(one(&store, 21).await.decision, None);
    assert!(keep!(store, |tx| tx.decide_violation(&except).await?));
    let now = one(&store, 21).await;
    let expected =
        ViolationDecision { id: ViolationDecisionId(41), by: "ann".into(), at: at(20), what: exception("2026-05-01") };
    assert_eq!((now.state, now.version, now.decision), (ViolationState::Excepted, 3, Some(expected)));

    let gives_up = Decided::Remediation { side: 2, why: "Not theirs.".into(), request: None };
    let remediate = verdict(3, ViolationState::Remediation, 30, Some((42, gives_up.clone())));
    assert!(keep!(store, |tx| tx.decide_violation(&remediate).await?));
    let now = one(&store, 21).await;
    assert_eq!((now.state, now.decision.map(|decision| decision.what)), (ViolationState::Remediation, Some(gives_up)));
    assert_eq!(store.identities_in_remediation().await.unwrap(), [IdentityId(1)]);

    let reopen = verdict(4, ViolationState::Open, 40, None);
    assert!(keep!(store, |tx| tx.decide_violation(&reopen).await?));
    let now = one(&store, 21).await;
    assert_eq!((now.state, now.version, now.decision), (ViolationState::Open, 5, None));
    assert_eq!(store.identities_in_remediation().await.unwrap(), []);

    keep!(store, |tx| tx.close_violations(&[ViolationId(21)], None, at(50)).await?);
    let late = verdict(6, ViolationState::Excepted, 60, Some((43, exception("2026-05-01"))));
    assert!(!keep!(store, |tx| tx.decide_violation(&late).await?));
}

pub(crate) async fn exceptions_end_and_violations_open_again(store: Store) {
    world(&store).await;
    broken(&store).await;
    let except = verdict(2, ViolationState::Excepted, 20, Some((41, exception("2026-05-01"))));
    let event = ViolationEvent {
        violation: ViolationId(21),
        at: at(20),
        state: ViolationState::Excepted,
        actor: "ann".into(),
        message: "Excepted.".into(),
    };
    let told = event.clone();
    keep!(store, |tx| {
        tx.decide_violation(&except).await?;
        tx.append_violation_events(&[told]).await?;
    });
    assert_eq!(store.violation_events(ViolationId(21)).await.unwrap(), [event]);
    assert_eq!(store.violations_over(day("2026-05-01")).await.unwrap(), []);
    let over = store.violations_over(day("2026-05-02")).await.unwrap();
    assert_eq!(over.iter().map(|violation| violation.id.0).collect::<Vec<_>>(), [21]);
    keep!(store, |tx| tx.reopen_violations(&[ViolationId(21)], "node", "Its last day is over.", at(70)).await?);
    let now = one(&store, 21).await;
    assert_eq!((now.state, now.version, now.decision), (ViolationState::Open, 4, None));
    assert_eq!(store.violations_over(day("2026-05-02")).await.unwrap(), []);
}

pub(crate) async fn violations_are_listed_by_what_they_rest_on(store: Store) {
    world(&store).await;
    broken(&store).await;
    keep!(store, |tx| {
        tx.open_violations(&[new(22, 1, "vault"), new(23, 2, "vault")], None, at(11)).await?;
        tx.change_violation_things(&[], &[found(35, 22, 1, "vault"), found(36, 23, 1, "vault")], at(11)).await?;
        tx.close_violations(&[ViolationId(23)], None, at(12)).await?;
    });
    let of = |filter: ViolationFilter, risks: Option<&'static [&'static str]>| {
        let store = store.clone();
        async move {
            let risks: Option<Vec<String>> = risks.map(|risks| risks.iter().map(|risk| (*risk).to_owned()).collect());
            let page = store.violation_page(&filter, risks.as_deref()).await.unwrap();
            (page.rows.iter().map(|(row, _)| row.id.0).collect::<Vec<_>>(), page.total, page.next)
        }
    };
    let all = ViolationFilter::default();
    assert_eq!(of(all.clone(), None).await, (vec![23, 22, 21], 3, None));
    let first = ViolationFilter { limit: Some(2), ..all.clone() };
    assert_eq!(of(first, None).await, (vec![23, 22], 3, Some("22".into())));
    assert_eq!(of(ViolationFilter { before: Some(ViolationId(22)), ..all.clone() }, None).await.0, [21]);
    assert_eq!(of(ViolationFilter { state: Some(ViolationState::Open), ..all.clone() }, None).await.0, [22, 21]);
    assert_eq!(of(ViolationFilter { identity: Some(IdentityId(2)), ..all.clone() }, None).await.0, [23]);
    assert_eq!(of(ViolationFilter { application: Some("payroll".into()), ..all.clone() }, None).await.0, [23, 22, 21]);
    assert_eq!(of(ViolationFilter { application: Some("directory".into()), ..all.clone() }, None).await.0, [21]);
    assert_eq!(of(all.clone(), Some(&["vault"])).await, (vec![23, 22], 2, None));
    assert_eq!(of(all.clone(), Some(&[])).await, (vec![], 0, None));
    let page = store.violation_page(&all, None).await.unwrap();
    assert_eq!(page.rows[2].1, "Person 1");
    assert_eq!(page.rows.iter().map(|(row, _)| row.things.len()).collect::<Vec<_>>(), [1, 1, 3]);
    let counts = store.violation_counts(&all, None).await.unwrap();
    assert_eq!(counts, BTreeMap::from([(ViolationState::Open, 2), (ViolationState::Closed, 1)]));
    assert_eq!(store.open_violations(NOBODYS_RISKS).await.unwrap(), 2);
    assert_eq!(store.open_violations(Some(&["vault".to_owned()])).await.unwrap(), 1);
    assert_eq!(store.violated_risks().await.unwrap(), ["pay-and-book", "vault"]);
}

pub(crate) async fn who_holds_what_risks_name_is_found(store: Store) {
    people(&store).await;
    let disabled = Account { status: AccountStatus::Disabled, ..account(12, "payroll", "bob", Some(2), &["pay"]) };
    let rows = [
        account(11, "payroll", "ann", Some(1), &["pay", "look"]),
        disabled,
        account(13, "payroll", "x", None, &["pay"]),
    ];
    keep!(store, |tx| tx.insert_accounts(&rows, at(0)).await?);
    let pay = Grantable::Entitlement("pay".into());
    let things = [pay.clone(), Grantable::AccountType("payroll-user".into())];
    let keys = [("payroll-user".to_owned(), "pay".to_owned()), ("directory-user".to_owned(), "look".to_owned())];
    let found = store.risky_holdings(&things, &keys).await.unwrap();
    let expected = RiskyHoldings {
        granted: Vec::new(),
        keys: vec![(IdentityId(1), "payroll-user".into(), "pay".into())],
        accounts: vec![(IdentityId(1), "payroll-user".into())],
    };
    assert_eq!(found, expected);

    let held = |id: i64, name: &str, workflow_state| store::AssignmentRecord {
        id: AssignmentId(id),
        identity: IdentityId(3),
        grantable: Grantable::Entitlement(name.into()),
        workflow_state,
        period: model::identity::Period::default(),
        reasons: vec![reason("staff")],
        since: at(1),
        until: None,
        state: None,
        state_reason: None,
        order: None,
    };
    use model::access::WorkflowState::{Calculated, Suggested};
    let rows = [held(51, "pay", Calculated), held(52, "look", Calculated), held(53, "book", Suggested)];
    keep!(store, |tx| tx.open_assignments(&rows, None).await?);
    let things = [pay.clone(), Grantable::Entitlement("book".into())];
    let found = store.risky_holdings(&things, &[]).await.unwrap();
    assert_eq!(found, RiskyHoldings { granted: vec![(IdentityId(3), pay)], ..RiskyHoldings::default() });
}

pub(crate) async fn known_risks_are_kept_with_a_request(store: Store) {
    people(&store).await;
    let request = crate::requests::request(50, 1);
    let row = |risk: &str| AcceptedRisk {
        request: RequestId(50),
        risk: risk.into(),
        rule: 1,
        on_conflict: OnConflict::Block,
        comment: "For the audit only.".into(),
    };
    let rows = [row("pay-and-book"), AcceptedRisk { on_conflict: OnConflict::Warn, ..row("vault") }];
    let known = rows.clone();
    keep!(store, |tx| {
        tx.insert_request(&request, "key").await?;
        tx.insert_accepted_risks(&known).await?;
    });
    assert_eq!(store.accepted_risks(&[RequestId(50), RequestId(51)]).await.unwrap(), rows);
    assert_eq!(store.accepted_risks(&[RequestId(51)]).await.unwrap(), []);
    assert_eq!(store.overridden_risks().await.unwrap(), rows[..1]);
    let detail = store.request_detail(RequestId(50)).await.unwrap().unwrap();
    assert_eq!(detail.risks.into_iter().map(|(risk, _)| risk).collect::<Vec<_>>(), rows);
    let twice = refused!(store, |tx| tx.insert_accepted_risks(&[row("vault")]).await?);
    assert_conflict(&twice, "request_risk_key");
}
