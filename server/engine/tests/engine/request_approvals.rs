//! Approvals of requests, end to end: line by line, by several at once, by rules and by the clock; cancelled, refused, and
//! told to exactly those who may decide.

use std::time::Duration;

use engine::{identities, request_approvals, requests};
use model::access::Grantable;
use model::approval::{ApprovalFilter, ApprovalState, Decider, Verdict};
use model::error::ErrorCode;
use model::mail::MailFilter;
use model::request::{NewRequest, RequestState};
use model::trigger::Trigger;
use testkit::world::World;

use crate::approving::{self, STAGES, asked, asks_for_keeper, decide, keeper, planned, row, state, submit, until};
use crate::asking::{id, settle};
use crate::mails::name_mail_server;

const HOUR: Duration = Duration::from_secs(3600);

/// What the owner alone has to agree to.
const OWNER: &str = r#"
[roles.keeper]
display_name = "Vault keeper"
access_profiles = ["money"]
owner = "olga"
approvals = [{ from = ["owner"] }]
"#;

fn holds(world: &World, number: &str, key: &str) -> bool {
    world.badges.accounts[number].entitlements.contains(key)
}

async fn waits_for(world: &World, login: &str) -> u64 {
    request_approvals::waiting(&world.op_of(login).await).await.unwrap()
}

#[tokio::test]
async fn each_thing_is_decided_by_its_own_stages() {
    let more = r#"
[access_profiles.files]
display_name = "Files"
application = "mainframe"
entitlements = ["ledger"]
approvals = [{ from = ["user:sia"] }]
"#;
    let mut world = approving::world(&[OWNER, more].concat()).await;
    let bo = id(&world, "2").await;
    let files = Grantable::AccessProfile("files".into());
    let request = submit(&world, asked(bo, &[keeper(), files.clone(), Grantable::Entitlement("door".into())])).await;
    let detail = requests::detail(&world.op(), request).await.unwrap();
    assert_eq!((detail.request.state, detail.approvals.len()), (RequestState::Approval, 2), "the door needs none");
    let line = |wanted: &Grantable| {
        detail.approvals.iter().find(|row| row.approval.item.grantable == *wanted).unwrap().approval.line
    };
    let (keeper_line, files_line) = (line(&keeper()), line(&files));

    let olga = world.op_of("olga").await;
    let sia = world.op_of("sia").await;
    let wrong = request_approvals::decide(&olga, (request, files_line), Verdict::Approve, "").await.unwrap_err();
    assert_eq!(wrong.code, ErrorCode::Forbidden);
    request_approvals::decide(&olga, (request, keeper_line), Verdict::Approve, "").await.unwrap();
    planned(&world, request).await;
    settle(&mut world).await;
    assert!(holds(&world, "2", "VAULT"), "what is approved does not wait for the rest");
    assert_eq!(state(&world, request).await, RequestState::Approval);
    request_approvals::decide(&sia, (request, files_line), Verdict::Decline, "not needed").await.unwrap();
    let found = requests::detail(&world.op(), request).await.unwrap().request;
    assert_eq!(found.state, RequestState::PartlyCompleted, "{found:#?}");
    assert_eq!(found.message.as_deref(), Some("1 of 3 things declined or cancelled."));
    assert_eq!(found.refused.len(), 1);
    let given = world.engine.store().direct_grants(Some(&[bo])).await.unwrap();
    assert_eq!(given.len(), 2, "{given:#?}");
}

#[tokio::test]
async fn only_what_people_ask_for_waits() {
    let world = approving::world(STAGES).await;
    let bo = id(&world, "2").await;
    for trigger in [Trigger::Administrator, Trigger::Certification, Trigger::InboundProvisioning] {
        let requester = (trigger != Trigger::Administrator).then(|| "pat".to_owned());
        let new = NewRequest { trigger, requester, simulate: true, ..asked(bo, &[keeper()]) };
        let preview = requests::submit(&world.op(), new).await.unwrap().preview;
        assert_eq!(preview.approvals, [], "{trigger:?}");
    }
    let new = NewRequest { simulate: true, ..asked(bo, &[keeper()]) };
    let preview = requests::submit(&world.op(), new).await.unwrap().preview;
    let stages = &preview.approvals[0].stages;
    let said: Vec<_> =
        stages.iter().map(|stage| (stage.who.as_str(), stage.approvers.join(", "), stage.missing)).collect();
    assert_eq!(
        said,
        [("2 of the team Security", "Sia, Sol, Sue".to_owned(), 2), ("the manager", "Max".to_owned(), 1)],
        "{preview:#?}"
    );
    assert!(stages.iter().all(|stage| !stage.escalated));
    let new = NewRequest { trigger: Trigger::Administrator, requester: None, ..asked(bo, &[keeper()]) };
    let request = submit(&world, new).await;
    planned(&world, request).await;
    assert!(requests::detail(&world.op(), request).await.unwrap().approvals.is_empty());
}

#[tokio::test]
async fn what_is_cancelled_or_decided_is_decided_no_more() {
    let world = approving::world(OWNER).await;
    let bo = id(&world, "2").await;
    let request = asks_for_keeper(&world, bo).await;
    assert_eq!((waits_for(&world, "olga").await, waits_for(&world, "sue").await), (1, 0));
    for (login, code) in [("sue", ErrorCode::Forbidden), ("pat", ErrorCode::Forbidden), ("bo", ErrorCode::Forbidden)] {
        let refused = decide(&world, request, login, Verdict::Approve).await.unwrap_err();
        assert_eq!(refused.code, code, "{login} {refused:?}");
        assert!(refused.message.contains("Nothing was changed"), "{refused:?}");
    }
    let olga = world.op_of("olga").await;
    let silent = request_approvals::decide(&olga, (request, 1), Verdict::Decline, " ").await.unwrap_err();
    assert_eq!(silent.field.as_deref(), Some("comment"));
    let missing = request_approvals::decide(&olga, (request, 7), Verdict::Approve, "").await.unwrap_err();
    assert_eq!(missing.code, ErrorCode::NotFound);

    assert!(requests::detail(&world.op(), request).await.unwrap().can_be_cancelled);
    requests::cancel(&world.op(), request, "no longer".into()).await.unwrap();
    assert_eq!(state(&world, request).await, RequestState::Cancelled);
    let late = decide(&world, request, "olga", Verdict::Approve).await.unwrap_err();
    assert_eq!(late.code, ErrorCode::Conflict);
    assert!(late.message.contains("cancelled already"), "{late:?}");
    assert_eq!(waits_for(&world, "olga").await, 0);
    assert_eq!(world.engine.store().direct_grants(Some(&[bo])).await.unwrap(), []);
    // It may be asked for again.
    let again = asks_for_keeper(&world, bo).await;
    assert_ne!(again, request);
}

#[tokio::test]
async fn two_who_decide_at_once_are_counted_once_each() {
    let more = r#"
[roles.keeper]
display_name = "Vault keeper"
access_profiles = ["money"]
approvals = [{ from = ["security"], required = 3 }]
"#;
    let world = approving::world(more).await;
    let request = asks_for_keeper(&world, id(&world, "2").await).await;
    let approve = |login: &'static str| decide(&world, request, login, Verdict::Approve);
    let (sue, sia, sol, twice) = tokio::join!(approve("sue"), approve("sia"), approve("sol"), approve("sol"));
    assert!(sue.is_ok() && sia.is_ok(), "{sue:?} {sia:?}");
    assert_eq!(usize::from(sol.is_ok()) + usize::from(twice.is_ok()), 1, "{sol:?} {twice:?}");
    let row = row(&world, request).await;
    assert_eq!((row.approval.state, row.approval.decisions.len()), (ApprovalState::Approved, 3));
    let given = world.engine.store().direct_grants(Some(&[row.identity])).await.unwrap();
    assert_eq!(given.len(), 1, "{given:#?}");
}

#[tokio::test]
async fn one_approves_and_another_declines_at_once() {
    let more = r#"
[roles.keeper]
display_name = "Vault keeper"
access_profiles = ["money"]
approvals = [{ from = ["security"] }]
"#;
    let world = approving::world(more).await;
    let request = asks_for_keeper(&world, id(&world, "2").await).await;
    let (yes, no) = tokio::join!(
        decide(&world, request, "sue", Verdict::Approve),
        decide(&world, request, "sia", Verdict::Decline)
    );
    assert_eq!(usize::from(yes.is_ok()) + usize::from(no.is_ok()), 1, "{yes:?} {no:?}");
    let row = row(&world, request).await;
    let expected = if yes.is_ok() { ApprovalState::Approved } else { ApprovalState::Declined };
    assert_eq!((row.approval.state, row.approval.decisions.len()), (expected, 1));
    let given = world.engine.store().direct_grants(Some(&[row.identity])).await.unwrap();
    assert_eq!(given.len(), usize::from(yes.is_ok()));
}

#[tokio::test]
async fn what_waits_too_long_is_escalated_and_at_last_decided_by_a_rule() {
    let more = r#"
[roles.keeper]
display_name = "Vault keeper"
access_profiles = ["money"]
approvals = [{ from = ["manager"], days = 1, escalate_to = ["managers_manager"] }]
[automation_rules.late]
role = "keeper"
hours = 100
decision = "decline"
[automation_rules.all]
hours = 1
decision = "approve"
"#;
    let world = approving::world(more).await;
    let request = asks_for_keeper(&world, id(&world, "2").await).await;
    assert_eq!(row(&world, request).await.approvers, ["Max"]);
    world.clock.step(25 * HOUR);
    until(&world, request, |row| row.approval.level == 1).await;
    assert_eq!(
        (waits_for(&world, "max").await, waits_for(&world, "mia").await, waits_for(&world, "bea").await),
        (1, 1, 0)
    );
    world.clock.step(25 * HOUR);
    until(&world, request, |row| row.approval.level == 2).await;
    assert_eq!(waits_for(&world, "bea").await, 1);
    // The rule for everything is due long since, and does not decide about what a more specific one is for.
    assert_eq!(row(&world, request).await.approval.decisions, []);
    world.clock.step(51 * HOUR);
    let over = until(&world, request, |row| row.approval.state != ApprovalState::Waiting).await;
    assert_eq!(over.approval.state, ApprovalState::Declined);
    assert_eq!(over.approval.decisions[0].by, Decider::Rule("late".into()));
    assert_eq!(over.approval.decisions[0].comment, "Nobody had decided after 100 hours.");
    let detail = requests::detail(&world.op(), request).await.unwrap();
    let said: Vec<&str> = detail.events.iter().map(|event| event.message.as_str()).collect();
    assert!(said.iter().any(|message| message.contains("The automation rule late declined Vault keeper")), "{said:?}");
    assert!(said.iter().filter(|message| message.contains("is escalated")).count() == 2, "{said:?}");
    let told = identities::detail(&world.op(), over.identity).await.unwrap();
    assert!(
        told.events.iter().any(|event| event.message.contains("The automation rule late declined")),
        "{:#?}",
        told.events
    );
}

#[tokio::test]
async fn nobody_approves_for_themselves() {
    let more = r#"
[roles.keeper]
display_name = "Vault keeper"
access_profiles = ["money"]
approvals = [{ from = ["manager"], escalate_to = ["user:olga"] }]
"#;
    let world = approving::world(more).await;
    // Max manages Bo and asks for Bo; and Mia, whom nobody manages, asks for herself.
    let bo = id(&world, "2").await;
    let request = submit(&world, NewRequest { requester: Some("max".into()), ..asked(bo, &[keeper()]) }).await;
    assert_eq!(row(&world, request).await.approvers, ["Olga"]);
    let own = decide(&world, request, "max", Verdict::Approve).await.unwrap_err();
    assert!(own.message.contains("You asked for it"), "{own:?}");
    decide(&world, request, "olga", Verdict::Approve).await.unwrap();
}

#[tokio::test]
async fn a_last_day_that_comes_first_ends_it() {
    let world = approving::world(OWNER).await;
    let bo = id(&world, "2").await;
    let until_day = Some(world.engine.today().tomorrow().unwrap());
    let request = submit(&world, NewRequest { until: until_day, ..asked(bo, &[keeper()]) }).await;
    world.clock.step(24 * HOUR);
    assert_eq!(row(&world, request).await.approval.state, ApprovalState::Waiting, "the last day still counts");
    world.clock.step(24 * HOUR);
    until(&world, request, |row| row.approval.state == ApprovalState::Cancelled).await;
    assert_eq!(state(&world, request).await, RequestState::Cancelled);
}

#[tokio::test]
async fn the_list_has_what_waits_for_whoever_looks_and_with_permission_everything() {
    let world = approving::world(STAGES).await;
    for key in ["2", "3", "4"] {
        asks_for_keeper(&world, id(&world, key).await).await;
    }
    let list = async |login: &str, all: bool, after: Option<String>| {
        let filter = ApprovalFilter { all, after, limit: Some(2), ..ApprovalFilter::default() };
        request_approvals::page(&world.op_of(login).await, &filter).await
    };
    let mine = list("sue", false, None).await.unwrap();
    assert_eq!((mine.rows.len(), mine.total), (2, 3));
    assert!(mine.rows.iter().all(|row| row.mine && row.requester == "Pat" && row.stages.len() == 2), "{mine:#?}");
    let rest = list("sue", false, mine.next).await.unwrap();
    assert_eq!((rest.rows.len(), rest.next), (1, None));
    assert_eq!(list("max", false, None).await.unwrap().total, 0);
    assert_eq!(list("max", true, None).await.unwrap_err().code, ErrorCode::Forbidden);
    let everything = list("bea", true, None).await.unwrap();
    assert_eq!((everything.total, everything.rows[0].mine), (3, false));
}

/// Addresses of all mails, once there are so many: they are made by themselves.
async fn told(world: &World, count: usize) -> Vec<String> {
    for _ in 0..500 {
        let rows = engine::mails::page(&world.op(), MailFilter::default()).await.unwrap().rows;
        if rows.len() >= count {
            assert!(rows.iter().all(|row| row.subject.contains("waits for your approval")), "{rows:#?}");
            let mut addresses: Vec<String> = rows.into_iter().map(|row| row.address).collect();
            addresses.sort();
            return addresses;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("fewer than {count} mails are made");
}

#[tokio::test]
async fn exactly_those_who_may_decide_are_told() {
    let world = approving::world(STAGES).await;
    // Nobody listens there: the mails wait, and can be looked at.
    name_mail_server(&world, 9).await;
    for login in ["pat", "max", "mia", "sue", "sia", "sol", "olga", "bea"] {
        let address = format!("{login}@example.org");
        engine::mails::set_address(&world.op(), login, Some(address)).await.unwrap();
    }
    let request = asks_for_keeper(&world, id(&world, "2").await).await;
    let team = ["sia@example.org", "sol@example.org", "sue@example.org"];
    assert_eq!(told(&world, 3).await, team);
    decide(&world, request, "sue", Verdict::Approve).await.unwrap();
    decide(&world, request, "sia", Verdict::Approve).await.unwrap();
    let with_manager = ["max@example.org", "sia@example.org", "sol@example.org", "sue@example.org"];
    assert_eq!(told(&world, 4).await, with_manager);
    world.clock.step(73 * HOUR);
    until(&world, request, |row| row.approval.level == 1).await;
    let escalated = told(&world, 6).await;
    assert!(escalated.contains(&"mia@example.org".to_owned()), "{escalated:?}");
    assert!(
        !escalated
            .iter()
            .any(|address| ["olga@example.org", "bea@example.org", "pat@example.org"].contains(&address.as_str()))
    );
}

/// Something was sent already: what waits is cancelled, and what was approved stays.
#[tokio::test]
async fn what_was_sent_stays_when_the_rest_is_cancelled() {
    let mut world = approving::world(OWNER).await;
    let bo = id(&world, "2").await;
    let request = submit(&world, asked(bo, &[keeper(), Grantable::Entitlement("ledger".into())])).await;
    planned(&world, request).await;
    settle(&mut world).await;
    assert_eq!(state(&world, request).await, RequestState::Approval, "the role still waits");
    requests::cancel(&world.op(), request, "changed our minds".into()).await.unwrap();
    let found = requests::detail(&world.op(), request).await.unwrap();
    assert_eq!(found.request.state, RequestState::PartlyCompleted, "{found:#?}");
    assert_eq!(found.approvals[0].approval.state, ApprovalState::Cancelled);
    assert!(!found.can_be_cancelled);
    let given = world.engine.store().direct_grants(Some(&[bo])).await.unwrap();
    assert_eq!(given.iter().map(|grant| grant.grantable.name()).collect::<Vec<_>>(), ["ledger"]);
}

/// Its first day comes while something else still waits: what needs no approval begins all the same.
#[tokio::test]
async fn a_first_day_comes_for_what_is_approved() {
    let world = approving::world(OWNER).await;
    let bo = id(&world, "2").await;
    let first = world.engine.today().tomorrow().unwrap();
    let things = [keeper(), Grantable::Entitlement("ledger".into())];
    let request = submit(&world, NewRequest { not_before: Some(first), ..asked(bo, &things) }).await;
    assert!(requests::detail(&world.op(), request).await.unwrap().request.run.is_none());
    world.clock.step(24 * HOUR);
    planned(&world, request).await;
    assert_eq!(state(&world, request).await, RequestState::Approval);
    decide(&world, request, "olga", Verdict::Approve).await.unwrap();
    planned(&world, request).await;
    let found = requests::detail(&world.op(), request).await.unwrap();
    assert_ne!(found.request.state, RequestState::Approval, "{found:#?}");
    assert_eq!(world.engine.store().direct_grants(Some(&[bo])).await.unwrap().len(), 2);
}
