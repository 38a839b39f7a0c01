//! Reconciliation, end to end: what applications hold and nothing grants is found, kept, removed and postponed by people,
//! marked at go-live, and explained by roles; and nothing of it happens but by plans.

use std::time::Duration;

use engine::reconciliation::{self, Outcomes};
use engine::{accounts, approvals, identities, requests, users};
use jiff::civil::{Date, date};
use model::access::Why;
use model::job::{RECONCILIATION, RunMode, RunState};
use model::reconciliation::{Finding, Lines, ReconciliationFilter, Subject, Verdict, View, Word};
use model::view::{AccountFilter, AccountShow, RunFilter};
use testkit::exchange::Held;
use testkit::world::World;

use crate::asking::{asks, entitlement, give, id, people, settle};

async fn world() -> World {
    let mut world = World::new(&people()).await;
    settle(&mut world).await;
    world
}

/// What the applications hold is read, and nothing follows from it yet.
async fn read(world: &World) {
    world.clock.step(Duration::from_secs(60));
    for job in ["collect", "synchronize"] {
        let run = world.run(job, RunMode::default()).await;
        assert!(matches!(run.state, RunState::Completed | RunState::Warning), "{run:#?}");
    }
}

/// Everything is computed, ordered, done and read back.
async fn everything(world: &mut World) {
    world.clock.step(Duration::from_secs(60));
    settle(world).await;
}

/// Somebody gives these people the vault in the badge system itself.
async fn open_the_vault(world: &mut World, numbers: &[&str]) {
    for number in numbers {
        world.badges.accounts.get_mut(*number).unwrap().entitlements.insert("VAULT".into());
    }
    world.badges.write_extract();
    read(world).await;
}

fn holds(world: &World, number: &str) -> bool {
    world.badges.accounts[number].entitlements.contains("VAULT")
}

fn of(view: View) -> ReconciliationFilter {
    ReconciliationFilter { view, ..ReconciliationFilter::default() }
}

async fn findings(world: &World, view: View) -> Vec<Finding> {
    match reconciliation::page(&world.op(), &of(view)).await.unwrap() {
        Lines::Findings(page) => page.rows,
        other => panic!("{other:?}"),
    }
}

/// The people whose keys these are, sorted: whose access or accounts nothing grants.
async fn whose(world: &World, view: View) -> Vec<String> {
    let mut whose: Vec<String> =
        findings(world, view).await.into_iter().map(|finding| finding.identity_name.unwrap_or_default()).collect();
    whose.sort();
    whose
}

async fn subject(world: &World, view: View, name: &str) -> Subject {
    let found = findings(world, view).await;
    let one = found.iter().find(|finding| finding.identity_name.as_deref() == Some(name));
    one.unwrap_or_else(|| panic!("{name} {found:#?}")).subject.clone()
}

fn word(verdict: Verdict, until: Option<Date>) -> Word {
    Word { verdict, reason: "looked at it".into(), until, responsible: None }
}

async fn decide(world: &World, subject: &Subject, verdict: Verdict, until: Option<Date>) -> Outcomes {
    reconciliation::decide(&world.op(), std::slice::from_ref(subject), &word(verdict, until)).await.unwrap()
}

async fn decided(world: &World, subject: &Subject, verdict: Verdict, until: Option<Date>) {
    let outcomes = decide(world, subject, verdict, until).await;
    assert!(outcomes.iter().all(|(_, outcome)| outcome.is_ok()), "{outcomes:?}");
}

/// Waits until what was queued by a decision has ended.
async fn quiet(world: &World) {
    let mut updates = world.engine.updates().subscribe();
    loop {
        let active = world.engine.store().active_runs().await.unwrap();
        if active.is_empty() && world.engine.store().requests_to_plan().await.unwrap().is_empty() {
            return;
        }
        let _ = tokio::time::timeout(Duration::from_millis(50), updates.recv()).await;
    }
}

#[tokio::test]
async fn access_is_kept_removed_and_postponed() {
    let mut world = world().await;
    assert!(findings(&world, View::Access).await.is_empty(), "all is as the rules say");
    open_the_vault(&mut world, &["2", "3", "4"]).await;
    let found = findings(&world, View::Access).await;
    assert_eq!(found.len(), 3);
    for finding in &found {
        let outlook = finding.outlook.as_ref().unwrap();
        assert!(outlook.goes && outlook.why.contains("Nothing grants it"), "{outlook:?}");
        assert_eq!((finding.pre_existing, finding.order), (false, None), "somebody else put it there");
    }
    let (bo, cy, di) = (
        subject(&world, View::Access, "Bo Ek2").await,
        subject(&world, View::Access, "Bo Ek3").await,
        subject(&world, View::Access, "Bo Ek4").await,
    );
    let silent = Word { reason: " \n".into(), ..word(Verdict::Keep, None) };
    let refused = reconciliation::decide(&world.op(), std::slice::from_ref(&bo), &silent).await.unwrap_err();
    assert_eq!(refused.field.as_deref(), Some("reason"));
    let without_day = word(Verdict::Postpone, None);
    assert!(reconciliation::decide(&world.op(), std::slice::from_ref(&cy), &without_day).await.is_err());

    decided(&world, &cy, Verdict::Postpone, Some(date(2026, 3, 9))).await;
    decided(&world, &bo, Verdict::Keep, Some(date(2026, 3, 5))).await;
    decided(&world, &di, Verdict::Remove, None).await;
    let again = decide(&world, &di, Verdict::Keep, None).await;
    assert!(again[0].1.as_ref().is_err_and(|error| error.message.contains("not as you saw it")), "{again:?}");
    assert_eq!(whose(&world, View::Access).await, [] as [&str; 0]);
    quiet(&world).await;
    everything(&mut world).await;
    assert!(holds(&world, "2"), "kept");
    assert!(holds(&world, "3"), "postponed");
    assert!(!holds(&world, "4"), "removed");
    let why = identities::why(&world.op(), id(&world, "2").await, Some("entitlement"), "vault").await.unwrap();
    let Why::Explained(explanation) = why else { panic!("{why:?}") };
    assert!(explanation.held);
    assert_eq!(explanation.reasons[0].grant.as_ref().unwrap().why, "looked at it");
    let detail = identities::detail(&world.op(), id(&world, "3").await).await.unwrap();
    assert_eq!(detail.reconciled.len(), 1, "shown where the access is");

    // The last day of one is over, and the day of the other has come.
    world.clock.step(Duration::from_secs(8 * 24 * 3_600));
    quiet(&world).await;
    assert_eq!(whose(&world, View::Access).await, ["Bo Ek2", "Bo Ek3"], "the kept one has ended by itself");
    everything(&mut world).await;
    assert!(!holds(&world, "2"));
    assert!(!holds(&world, "3"), "nobody decided, so the plan does");
    let Lines::Decided(page) = reconciliation::page(&world.op(), &of(View::Decided)).await.unwrap() else { panic!() };
    assert_eq!(page.rows.len(), 3);
}

#[tokio::test]
async fn a_decision_is_taken_back() {
    let mut world = world().await;
    open_the_vault(&mut world, &["2", "3"]).await;
    let (bo, cy) = (subject(&world, View::Access, "Bo Ek2").await, subject(&world, View::Access, "Bo Ek3").await);
    reconciliation::go_live(&world.op(), Some("badges"), false).await.unwrap();
    decided(&world, &bo, Verdict::Keep, None).await;
    decided(&world, &cy, Verdict::Postpone, Some(date(2026, 4, 1))).await;
    quiet(&world).await;
    everything(&mut world).await;
    let Lines::Decided(page) = reconciliation::page(&world.op(), &of(View::Decided)).await.unwrap() else { panic!() };
    let ids: Vec<_> = page.rows.iter().map(|row| row.decision.id).collect();
    for (_, outcome) in reconciliation::undo(&world.op(), &ids).await.unwrap() {
        outcome.unwrap();
    }
    quiet(&world).await;
    everything(&mut world).await;
    assert!(holds(&world, "2") && holds(&world, "3"), "both were there at go-live");
    assert_eq!(whose(&world, View::Access).await, ["Bo Ek2", "Bo Ek3"]);
    let again = reconciliation::undo(&world.op(), &ids).await.unwrap();
    assert!(again.iter().all(|(_, outcome)| outcome.is_err()));
}

#[tokio::test]
async fn all_that_match_are_decided_about_only_where_they_are_those_that_were_seen() {
    let mut world = world().await;
    open_the_vault(&mut world, &["2", "3"]).await;
    let seen = reconciliation::matching(&world.op(), &of(View::Access)).await.unwrap();
    assert_eq!((seen.count, seen.next.as_ref()), (2, None));
    open_the_vault(&mut world, &["4"]).await;
    let keep = word(Verdict::Keep, None);
    let refused = reconciliation::decide_all(&world.op(), &of(View::Access), &seen.digest, &keep).await.unwrap_err();
    assert!(refused.message.contains("other things match"), "{refused:?}");
    let seen = reconciliation::matching(&world.op(), &of(View::Access)).await.unwrap();
    let outcomes = reconciliation::decide_all(&world.op(), &of(View::Access), &seen.digest, &keep).await.unwrap();
    assert_eq!(outcomes.len(), 3);
    quiet(&world).await;
    everything(&mut world).await;
    assert!(["2", "3", "4"].iter().all(|number| holds(&world, number)));
    assert!(findings(&world, View::Access).await.is_empty());
}

#[tokio::test]
async fn what_was_there_at_go_live_is_never_removed_by_itself() {
    let mut world = world().await;
    open_the_vault(&mut world, &["2"]).await;
    let before = reconciliation::preview_go_live(&world.op(), Some("badges")).await.unwrap();
    assert_eq!((before[0].access, before[0].accounts, before[0].before.is_none()), (1, 0, true));
    assert_eq!(whose(&world, View::Access).await.len(), 1, "looking changes nothing");
    reconciliation::go_live(&world.op(), Some("badges"), false).await.unwrap();
    let refused = reconciliation::go_live(&world.op(), Some("badges"), false).await.unwrap_err();
    assert!(refused.message.contains("went live on 2026-03-02"), "{refused:?}");
    // What came since goes, unless it is marked as well.
    open_the_vault(&mut world, &["3", "4"]).await;
    everything(&mut world).await;
    assert!(holds(&world, "2") && !holds(&world, "3"), "only what was there");
    let found = findings(&world, View::Access).await;
    assert!(found[0].pre_existing && found[0].outlook.as_ref().unwrap().why.contains("go-live"), "{found:#?}");
    open_the_vault(&mut world, &["4"]).await;
    let marked = reconciliation::go_live(&world.op(), Some("badges"), true).await.unwrap();
    assert_eq!(marked[0].access, 1);
    everything(&mut world).await;
    assert!(holds(&world, "4"));
    // A person's word counts.
    decided(&world, &subject(&world, View::Access, "Bo Ek2").await, Verdict::Remove, None).await;
    quiet(&world).await;
    everything(&mut world).await;
    assert!(!holds(&world, "2") && holds(&world, "4"));
}

/// A user of the mainframe, with the ledger.
fn terminal(employee: &str) -> Held {
    Held {
        enabled: true,
        attributes: [("employee".to_owned(), employee.to_owned())].into(),
        entitlements: ["LEDGER".to_owned()].into(),
    }
}

#[tokio::test]
async fn accounts_that_nothing_grants_and_accounts_of_nobody() {
    let mut world = world().await;
    for (userid, employee) in [("EKFIVE", "5"), ("EKSIX", "6"), ("BATCH", "none")] {
        world.mainframe.accounts.insert(userid.into(), terminal(employee));
    }
    world.mainframe.write_extract();
    everything(&mut world).await;
    assert!(world.mainframe.accounts["EKFIVE"].enabled, "what others made stays");
    assert_eq!(whose(&world, View::Accounts).await, ["Bo Ek5", "Bo Ek6"]);
    let held = subject(&world, View::Access, "Bo Ek5").await;
    let outcomes = decide(&world, &held, Verdict::Remove, None).await;
    assert!(outcomes[0].1.as_ref().is_err_and(|error| error.message.contains("Decide about the account")));

    decided(&world, &subject(&world, View::Accounts, "Bo Ek5").await, Verdict::Remove, None).await;
    quiet(&world).await;
    // One of so few is more than usual: thresholds apply, and somebody has to say that it is right.
    let filter = RunFilter { job: Some(RECONCILIATION.to_owned()), before: None, limit: 1 };
    let run = world.engine.store().runs(&filter).await.unwrap().pop().unwrap().run;
    assert_eq!(run.state, RunState::Blocked, "{run:#?}");
    approvals::approve(&world.op(), run.id, None, "It is right.".into()).await.unwrap();
    assert_ne!(world.ended(run.id).await.state, RunState::Blocked);
    world.do_work_items().await;
    decided(&world, &subject(&world, View::Accounts, "Bo Ek6").await, Verdict::Keep, None).await;
    quiet(&world).await;
    world.do_work_items().await;
    everything(&mut world).await;
    assert!(!world.mainframe.accounts["EKFIVE"].enabled, "disabled, as the account type says");
    assert!(world.mainframe.accounts["EKSIX"].enabled);
    assert_eq!(whose(&world, View::Accounts).await, [] as [&str; 0]);

    let orphans = findings(&world, View::Orphans).await;
    let [orphan] = orphans.as_slice() else { panic!("{orphans:#?}") };
    let subject = orphan.subject.clone();
    let outcomes = decide(&world, &subject, Verdict::Remove, None).await;
    assert!(outcomes[0].1.as_ref().is_err_and(|error| error.message.contains("no owner")), "{outcomes:?}");
    let keep = word(Verdict::Keep, None);
    for (responsible, field) in [(None, "responsible"), (Some("nobody".to_owned()), "responsible")] {
        let asked = Word { responsible, ..keep.clone() };
        let error = reconciliation::decide(&world.op(), std::slice::from_ref(&subject), &asked).await.unwrap_err();
        assert_eq!(error.field.as_deref(), Some(field));
    }
    let olga = users::add(&world.engine, "olga", "Olga", "a long pass phrase", vec!["administrator".into()]).await;
    olga.unwrap();
    let asked = Word { responsible: Some("olga".into()), ..keep };
    let outcomes = reconciliation::decide(&world.op(), std::slice::from_ref(&subject), &asked).await.unwrap();
    outcomes[0].1.as_ref().unwrap();
    assert!(findings(&world, View::Orphans).await.is_empty());
    let filter =
        AccountFilter { application: "mainframe".into(), show: AccountShow::WithoutOwner, ..AccountFilter::default() };
    let page = accounts::page(&world.op(), filter).await.unwrap();
    assert_eq!(page.rows[0].decisions.len(), 1, "the correlation review knows it");
    assert_eq!(page.rows[0].reconciled[0].decision.responsible.as_deref(), Some("olga"));
}

#[tokio::test]
async fn a_grant_beside_a_rule_is_dropped_and_nothing_changes() {
    let mut world = world().await;
    let give = asks(id(&world, "1").await, vec![give(entitlement("vault"))]);
    requests::submit(&world.op(), give).await.unwrap();
    quiet(&world).await;
    let Lines::Redundant(page) = reconciliation::page(&world.op(), &of(View::Redundant)).await.unwrap() else {
        panic!()
    };
    let [row] = page.rows.as_slice() else { panic!("{page:#?}") };
    assert_eq!(
        (row.identity_name.as_str(), row.causes.as_slice()),
        ("Ann Lee", &["rule \u{201c}finance\u{201d}".to_owned()][..])
    );
    decided(&world, &row.subject.clone(), Verdict::Remove, None).await;
    quiet(&world).await;
    everything(&mut world).await;
    assert!(holds(&world, "1"), "the rule gives it");
    let Lines::Redundant(page) = reconciliation::page(&world.op(), &of(View::Redundant)).await.unwrap() else {
        panic!()
    };
    assert!(page.rows.is_empty());
}

#[tokio::test]
async fn a_role_that_explains_it_is_accepted() {
    let mut world = world().await;
    world.mainframe.accounts.insert("EKFIVE".into(), terminal("5"));
    world.mainframe.write_extract();
    open_the_vault(&mut world, &["5", "6"]).await;
    let proposals = |lines| {
        let Lines::Roles(page) = lines else { panic!("{lines:?}") };
        page.rows
    };
    let rows = proposals(reconciliation::page(&world.op(), &of(View::Roles)).await.unwrap());
    let told: Vec<(&str, &str, usize)> =
        rows.iter().map(|row| (row.identity_name.as_str(), row.grantable.name(), row.missing.len())).collect();
    assert_eq!(told, [("Bo Ek5", "bookkeeper", 0), ("Bo Ek6", "money", 0)]);
    // Person by person, from where the page before ended; how many there are is known where all are on one page.
    let one = ReconciliationFilter { limit: Some(1), ..of(View::Roles) };
    let first = reconciliation::page(&world.op(), &one).await.unwrap();
    assert!(first.counted().more);
    let next = first.next().cloned();
    assert_eq!(proposals(first)[..], rows[..1]);
    let last = reconciliation::page(&world.op(), &ReconciliationFilter { after: next.clone(), ..one }).await.unwrap();
    assert_eq!(last.next(), None);
    assert_eq!(proposals(last)[..], rows[1..]);
    for (after, count) in [(None, 2), (next, 1)] {
        let filter = ReconciliationFilter { after, ..of(View::Roles) };
        let matching = reconciliation::matching(&world.op(), &filter).await.unwrap();
        assert_eq!((matching.count, matching.next), (count, None));
    }
    decided(&world, &rows[0].subject.clone(), Verdict::Keep, None).await;
    decided(&world, &rows[1].subject.clone(), Verdict::Remove, None).await;
    quiet(&world).await;
    assert_eq!(whose(&world, View::Access).await, ["Bo Ek6"], "the role stands for the single entitlements");
    assert!(proposals(reconciliation::page(&world.op(), &of(View::Roles)).await.unwrap()).is_empty());
    everything(&mut world).await;
    assert!(holds(&world, "5") && !holds(&world, "6"), "a proposal that is declined keeps nothing");
}
