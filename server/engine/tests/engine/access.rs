//! What people see of their own access and ask for themselves, end to end: themselves, their reports, and nobody else.

use engine::access::{self, Offer, Search, Standing, Wish};
use engine::context::OpContext;
use engine::{request_approvals, users};
use jiff::ToSpan;
use jiff::civil::Date;
use model::access::Grantable;
use model::approval::Verdict;
use model::error::ErrorCode;
use model::ids::IdentityId;
use model::request::{Change, RequestItem, RequestState};
use testkit::world::World;

use crate::approving::{self, keeper, planned, state};
use crate::asking::{entitlement, give, id, settle, take};

/// The manager agrees to the keeper, for a month at most; nobody has to agree to the ledger; the hidden role is given by rules
/// alone; and who reads the ledger must not open the vault.
const MORE: &str = r#"
[categories.safe]
display_name = "Safe things"
[roles.keeper]
display_name = "Vault keeper"
description = "Opens the strong room"
access_profiles = ["money"]
category = "safe"
maximum_days = 30
approvals = [{ from = ["manager"] }]
[roles.hidden]
display_name = "Hidden"
access_profiles = ["money"]
requestable = false
[risks.reads-and-opens]
display_name = "Reads and opens"
kind = "separation_of_duties"
level = 60
on_conflict = "warn"
rules = [{ sides = [{ entitlements = ["ledger"] }, { entitlements = ["vault"] }] }]
"#;

fn wish(person: IdentityId, items: Vec<RequestItem>) -> Wish {
    Wish {
        person,
        items,
        justification: "stands in for Ann".into(),
        not_before: None,
        until: None,
        risk_comment: None,
        simulate: false,
    }
}

async fn found(op: &OpContext, person: IdentityId, text: &str) -> Vec<Offer> {
    let search = Search { text: text.into(), ..Search::default() };
    access::catalogue(op, &[person], &search).await.unwrap().offers
}

async fn standing(op: &OpContext, person: IdentityId, thing: &Grantable) -> Standing {
    let all = access::catalogue(op, &[person], &Search::default()).await.unwrap().offers;
    all.into_iter().find(|offer| offer.grantable == *thing).unwrap().standing.remove(0).2
}

fn today(world: &World) -> Date {
    world.engine.today()
}

#[tokio::test]
async fn somebody_asks_follows_it_extends_it_and_gives_it_back() {
    let mut world = approving::world(MORE).await;
    let (bo, last) = (id(&world, "2").await, today(&world).checked_add(5.days()).unwrap());
    let op = world.op_of("bo").await;

    // The catalogue: by words, and without what only rules give.
    let offers = found(&op, bo, "STRONG room").await;
    assert_eq!(offers.len(), 1, "{offers:#?}");
    assert!(offers[0].needs_approval && offers[0].maximum_days == Some(30));
    assert_eq!(offers[0].category.as_deref(), Some("Safe things"));
    assert_eq!(offers[0].standing[0].2, Standing::Open);
    assert!(found(&op, bo, "hidden").await.is_empty());
    let safe = Search { category: "safe".into(), ..Search::default() };
    assert_eq!(access::catalogue(&op, &[bo], &safe).await.unwrap().total, 1);
    let accounts = access::catalogue(&op, &[bo], &Search { kind: "account_type".into(), ..Search::default() }).await;
    assert_eq!(accounts.unwrap().total, 0);

    // Before it is sent: who would have to agree, and which orders there would be.
    let until = Some(last);
    let simulated = Wish { until, simulate: true, ..wish(bo, vec![give(keeper())]) };
    let preview = access::ask(&op, simulated).await.unwrap().preview;
    assert_eq!(preview.approvals[0].stages[0].approvers, ["Max"]);
    assert!(!preview.lines.is_empty() && !preview.gains.is_empty());
    let late = Wish { until: Some(last.checked_add(60.days()).unwrap()), ..wish(bo, vec![give(keeper())]) };
    assert_eq!(access::ask(&op, late).await.unwrap_err().field.as_deref(), Some("until"));

    let sent = access::ask(&op, Wish { until, ..wish(bo, vec![give(keeper())]) }).await.unwrap();
    let request = sent.request.unwrap();
    assert_eq!(standing(&op, bo, &keeper()).await, Standing::Asked(request));
    let followed = access::request(&op, request).await.unwrap();
    assert_eq!(followed.approvals[0].approvers, ["Max"]);
    assert!(followed.can_be_cancelled);
    let max = world.op_of("max").await;
    request_approvals::decide(&max, (request, 1), Verdict::Approve, "of course").await.unwrap();
    planned(&world, request).await;
    settle(&mut world).await;
    let followed = access::request(&op, request).await.unwrap();
    assert_eq!(followed.approvals[0].approval.decisions[0].comment, "of course");
    assert_eq!(followed.request.state, RequestState::Completed, "{followed:#?}");
    assert!(!followed.can_be_cancelled);
    assert!(access::withdraw(&op, request, "no longer").await.is_err());

    // What they have, and why.
    let held = access::held(&op, bo).await.unwrap().rows;
    let row = held.iter().find(|held| held.row.grantable == keeper()).unwrap();
    assert_eq!(row.why, format!("It was asked for by you in request {request}: \u{201c}stands in for Ann\u{201d}."));
    assert!(row.can_be_given_back && row.can_be_extended);
    let vault = held.iter().find(|held| held.row.grantable == entitlement("vault")).unwrap();
    assert!(vault.why.starts_with("It comes with Vault keeper"), "{}", vault.why);
    assert!(!vault.can_be_given_back);

    // A later last day is asked for like anything else; the ledger would be a conflict now.
    let Standing::Held { can_be_extended, .. } = standing(&op, bo, &keeper()).await else { panic!() };
    assert!(can_be_extended);
    let later = Wish { until: Some(last.checked_add(9.days()).unwrap()), ..wish(bo, vec![give(keeper())]) };
    let extended = access::ask(&op, later).await.unwrap().request.unwrap();
    assert_eq!(state(&world, extended).await, RequestState::Approval);
    access::withdraw(&op, extended, "not needed after all").await.unwrap();
    assert_eq!(state(&world, extended).await, RequestState::Cancelled);
    let conflict = standing(&op, bo, &entitlement("ledger")).await;
    assert!(matches!(&conflict, Standing::Conflicts(risks) if risks[0].contains("Reads and opens")), "{conflict:?}");

    // What was given back is gone, without anybody's word.
    let back = access::ask(&op, wish(bo, vec![take(keeper())])).await.unwrap().request.unwrap();
    planned(&world, back).await;
    settle(&mut world).await;
    assert_eq!(state(&world, back).await, RequestState::Completed);
    assert_eq!(standing(&op, bo, &keeper()).await, Standing::Open);
    let all = access::requests_for(&op, bo, None).await.unwrap().rows;
    assert_eq!(all.iter().map(|row| row.id).collect::<Vec<_>>(), [back, extended, request]);
}

#[tokio::test]
async fn nobody_sees_or_asks_for_anybody_else() {
    let world = approving::world(MORE).await;
    let (bo, cy, max) = (id(&world, "2").await, id(&world, "3").await, id(&world, "5").await);
    let op = world.op_of("bo").await;
    let own = access::ask(&op, wish(bo, vec![give(keeper())])).await.unwrap().request.unwrap();

    // Pat manages nobody; Sue is nobody of the organisation; Bo does not manage Max.
    for (login, wanted) in [("pat", bo), ("sue", bo), ("bo", max), ("bo", cy), ("bo", IdentityId(987_654))] {
        let other = world.op_of(login).await;
        let refused = [
            access::held(&other, wanted).await.err(),
            access::ask(&other, wish(wanted, vec![give(keeper())])).await.err(),
            access::requests_for(&other, wanted, None).await.err(),
            access::catalogue(&other, &[wanted], &Search::default()).await.err(),
        ];
        for error in refused {
            assert_eq!(error.map(|error| error.code), Some(ErrorCode::Forbidden), "{login}");
        }
    }
    for login in ["pat", "sue", "mia"] {
        let other = world.op_of(login).await;
        assert_eq!(access::request(&other, own).await.unwrap_err().code, ErrorCode::NotFound, "{login}");
        assert_eq!(access::withdraw(&other, own, "mine").await.unwrap_err().code, ErrorCode::NotFound, "{login}");
    }
    assert!(access::mine(&world.op_of("sue").await).await.unwrap().is_none());
    let said = access::held(&world.op_of("sue").await, bo).await.err().unwrap().message;
    assert!(said.contains("user identity sue"), "{said}");
    assert_eq!(state(&world, own).await, RequestState::Approval, "nothing of that changed it");

    // An account is not asked for by itself.
    let account = Grantable::AccountType("badge".into());
    let refused = access::ask(&op, wish(bo, vec![give(account)])).await.unwrap_err();
    assert_eq!(refused.field.as_deref(), Some("items"));
    // And what only rules give is refused, whatever the form says.
    let hidden = access::ask(&op, wish(bo, vec![give(Grantable::Role("hidden".into()))])).await.unwrap_err();
    assert!(hidden.message.contains("cannot be asked for"), "{}", hidden.message);
}

#[tokio::test]
async fn a_manager_asks_for_reports_and_does_not_agree_to_it_themselves() {
    let world = approving::world(MORE).await;
    let (bo, cy) = (id(&world, "2").await, id(&world, "3").await);
    let max = world.op_of("max").await;
    let mine = access::mine(&max).await.unwrap().unwrap();
    assert!(mine.reports.iter().any(|(id, _)| *id == bo), "{:?}", mine.reports);
    let mut requests = Vec::new();
    for person in [bo, cy] {
        let preview = Wish { simulate: true, ..wish(person, vec![give(keeper())]) };
        let stage = access::ask(&max, preview).await.unwrap().preview.approvals.remove(0).stages.remove(0);
        assert!(stage.escalated && stage.approvers == ["Bea"], "{stage:?}");
        requests.push(access::ask(&max, wish(person, vec![give(keeper())])).await.unwrap().request.unwrap());
    }
    let refused = request_approvals::decide(&max, (requests[0], 1), Verdict::Approve, "").await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::Forbidden);
    let asked: Vec<_> = access::asked_for_others(&max).await.unwrap().into_iter().map(|row| row.id).collect();
    assert_eq!(asked, [requests[1], requests[0]]);
    // Whom it is for sees it, and cannot withdraw what somebody else asked.
    let op = world.op_of("bo").await;
    assert!(!access::request(&op, requests[0]).await.unwrap().can_be_cancelled);
    assert!(access::withdraw(&op, requests[0], "no").await.is_err());
    access::withdraw(&max, requests[0], "Bo is away").await.unwrap();
    assert_eq!(state(&world, requests[0]).await, RequestState::Cancelled);
    // Once nobody says who Max is, there is nobody who reports to him.
    users::set_identity(&world.op(), "max", None).await.unwrap();
    let nobody = world.op_of("max").await;
    assert!(access::held(&nobody, cy).await.is_err());
    let wrong = Wish { items: vec![RequestItem { change: Change::Take, grantable: keeper() }], ..wish(cy, Vec::new()) };
    assert!(access::ask(&nobody, wrong).await.is_err());
}
