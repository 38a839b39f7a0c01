use jiff::civil::Date;
use model::access::{GrantOrigin, Grantable, WorkflowState};
use model::account::{Account, AccountStatus};
use model::configuration::{Configuration, Entitlement};
use model::correlation::Decision;
use model::identity::Period;
use model::ids::*;
use model::reconciliation::{MarkKind, Origin, ReconciliationDecision, ReconciliationFilter, Subject, Verdict, View};
use model::request::{DirectGrant, Request, RequestSource, RequestState};
use model::trigger::Trigger;
use store::{AssignmentRecord, Store};

use crate::events::apply;
use crate::world::*;

const TODAY: Date = Date::constant(2027, 3, 1);

/// What the configuration knows; of two entitlements with one key, the first by name is it.
fn configuration() -> Configuration {
    let known = |key: &str| {
        serde_json::from_value::<Entitlement>(serde_json::json!({
            "display_name": key, "account_type": "directory-user", "key": key,
        }))
        .unwrap()
    };
    let entitlements = [("sellers", "SELL"), ("sellers-too", "SELL"), ("buyers", "BUY")];
    Configuration {
        entitlements: entitlements.map(|(name, key)| (name.to_owned(), known(key))).into(),
        ..Configuration::default()
    }
}

fn assignment(id: i64, identity: i64, grantable: Grantable, since: i64) -> AssignmentRecord {
    AssignmentRecord {
        id: AssignmentId(id),
        identity: IdentityId(identity),
        grantable,
        workflow_state: WorkflowState::Calculated,
        period: Period::default(),
        reasons: vec![reason("sellers")],
        since: at(since),
        until: None,
        state: None,
        state_reason: None,
        order: None,
    }
}

/// Person 1 has a directory account by rule, with an entitlement that a rule gives and one that nothing does; person 2 has
/// one that nothing gives; and one is nobody's.
async fn world(store: &Store) {
    people(store).await;
    apply(store, 901, configuration()).await;
    keep!(store, |tx| {
        let rows = [
            account(11, "directory", "ann", Some(1), &["SELL", "BUY", "UNKNOWN"]),
            account(12, "directory", "bob", Some(2), &["SELL"]),
            account(13, "payroll", "x", None, &[]),
            Account { status: AccountStatus::Disabled, ..account(14, "payroll", "y", Some(3), &[]) },
        ];
        tx.insert_accounts(&rows, at(0)).await?;
        let held = [
            assignment(31, 1, Grantable::AccountType("directory-user".into()), 1),
            assignment(32, 1, Grantable::Entitlement("sellers".into()), 1),
        ];
        tx.open_assignments(&held, None).await?;
    });
}

fn of(view: View) -> ReconciliationFilter {
    ReconciliationFilter { view, ..ReconciliationFilter::default() }
}

async fn found(store: &Store, filter: ReconciliationFilter) -> Vec<(i64, String, bool, bool)> {
    let page = store.reconciliation_page(&filter, None, TODAY).await.unwrap();
    assert_eq!(page.total, page.rows.len() as u64, "{filter:?}");
    // Whatever is compared changes nothing.
    compare(store, 1, TODAY).await;
    assert_eq!(store.reconciliation_page(&filter, None, TODAY).await.unwrap(), page, "{filter:?}");
    let row = |row: &model::reconciliation::Finding| {
        let name = row.grantable.as_ref().map_or("", Grantable::name).to_owned();
        (row.account.0, name, row.account_granted, row.pre_existing)
    };
    page.rows.iter().map(row).collect()
}

/// Compares all accounts with what is granted, so many at once; answers how many these were.
async fn compare(store: &Store, most: u32, today: Date) -> u64 {
    let mut compared = 0;
    loop {
        match store.reconcile(most, today).await.unwrap() {
            0 => return compared,
            some => compared += some,
        }
    }
}

fn access(id: i64, identity: i64, entitlement: &str) -> Subject {
    Subject::Access {
        account: AccountId(id),
        identity: IdentityId(identity),
        held_since: at(0),
        entitlement: entitlement.into(),
    }
}

fn decision(id: i64, subject: Subject, verdict: Verdict, until: Option<&str>) -> ReconciliationDecision {
    ReconciliationDecision {
        id: ReconciliationId(id),
        identity: subject.identity(),
        subject,
        verdict,
        application: "directory".into(),
        title: "buyers on account ann".into(),
        grantable: Some(Grantable::Entitlement("buyers".into())),
        request: None,
        responsible: None,
        until: until.map(day),
        comment: "because".into(),
        decided_by: "olga".into(),
        decided_at: at(50),
        ended_by: None,
        ended_at: None,
    }
}

pub(crate) async fn what_nothing_grants_is_listed_and_filtered(store: Store) {
    world(&store).await;
    let text = |text: &str| ReconciliationFilter { text: Some(text.into()), ..of(View::Access) };
    let both = [(12, "sellers".to_owned(), false, false), (11, "buyers".to_owned(), true, false)];
    assert_eq!(found(&store, of(View::Access)).await, both);
    assert_eq!(found(&store, text("person 2")).await, both[..1]);
    assert_eq!(found(&store, text("nobody")).await, []);
    let identity = ReconciliationFilter { identity: Some(IdentityId(1)), ..of(View::Access) };
    assert_eq!(found(&store, identity).await, both[1..]);
    let elsewhere = ReconciliationFilter { application: Some("payroll".into()), ..of(View::Access) };
    assert_eq!(found(&store, elsewhere).await, []);
    let of_type = ReconciliationFilter { account_type: Some("directory-user".into()), ..of(View::Access) };
    assert_eq!(found(&store, of_type).await.len(), 2);
    let later = ReconciliationFilter { since: Some(day("2027-02-01")), ..of(View::Access) };
    assert_eq!(found(&store, later).await, []);
    let before = ReconciliationFilter { origin: Some(Origin::PreExisting), ..of(View::Access) };
    assert_eq!(found(&store, before).await, []);

    assert_eq!(found(&store, of(View::Accounts)).await, [(12, "directory-user".to_owned(), false, false)]);
    assert_eq!(found(&store, of(View::Orphans)).await, [(13, String::new(), false, false)]);
    let only = store.reconciliation_page(&of(View::Access), Some(&[AccountId(11)]), TODAY).await.unwrap();
    assert_eq!(only.rows.iter().map(|row| &row.subject).collect::<Vec<_>>(), [&access(11, 1, "BUY")]);

    // Piece by piece it is the same.
    let first = store
        .reconciliation_page(&ReconciliationFilter { limit: Some(1), ..of(View::Access) }, None, TODAY)
        .await
        .unwrap();
    assert_eq!((first.rows[0].account, first.total), (AccountId(12), 2));
    let rest = ReconciliationFilter { after: first.next, limit: Some(1), ..of(View::Access) };
    let rest = store.reconciliation_page(&rest, None, TODAY).await.unwrap();
    assert_eq!((rest.rows[0].account, rest.next), (AccountId(11), None));
    let (rows, next) = store.reconciliation_piece(&of(View::Access), TODAY, 1).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.account.0).collect::<Vec<_>>(), [12]);
    let (rows, next) =
        store.reconciliation_piece(&ReconciliationFilter { after: next, ..of(View::Access) }, TODAY, 1).await.unwrap();
    assert_eq!((rows.iter().map(|row| row.account.0).collect::<Vec<_>>(), next), (vec![11], None));
    assert!(
        store
            .reconciliation_page(&ReconciliationFilter { after: Some("5.x".into()), ..of(View::Access) }, None, TODAY)
            .await
            .is_err()
    );

    let unexplained = store.unexplained_entitlements(&of(View::Access), IdentityId(0), 100, TODAY).await.unwrap();
    assert_eq!(unexplained, [(IdentityId(1), "buyers".to_owned()), (IdentityId(2), "sellers".to_owned())]);
    for (from, most, text, expected) in
        [(2, 100, None, &[2][..]), (3, 100, None, &[]), (0, 1, None, &[1]), (0, 100, Some("ann"), &[1])]
    {
        let filter = ReconciliationFilter { text: text.map(str::to_owned), ..of(View::Access) };
        let pairs = store.unexplained_entitlements(&filter, IdentityId(from), most, TODAY).await.unwrap();
        assert_eq!(pairs.iter().map(|(id, _)| id.0).collect::<Vec<_>>(), expected, "{from} {most} {text:?}");
    }

    // What comes to be granted is no finding any more; nor is what a request gives.
    keep!(store, |tx| {
        tx.open_assignments(&[assignment(33, 1, Grantable::Entitlement("buyers".into()), 2)], None).await?;
    });
    assert_eq!(found(&store, of(View::Access)).await, both[..1]);
    give(&store, 70, 2, Grantable::AccountType("directory-user".into())).await;
    assert_eq!(found(&store, of(View::Accounts)).await, []);
}

/// A request that gives somebody something directly.
async fn give(store: &Store, id: i64, identity: i64, grantable: Grantable) {
    give_for(store, id, identity, grantable, Period::default()).await;
}

async fn give_for(store: &Store, id: i64, identity: i64, grantable: Grantable, period: Period) {
    keep!(store, |tx| {
        let request = Request {
            id: RequestId(id),
            trigger: Trigger::Administrator,
            priority: Trigger::Administrator.usual_priority(),
            source: RequestSource::new("page", "olga"),
            requester: "olga".into(),
            identity: IdentityId(identity),
            items: Vec::new(),
            awaiting: Vec::new(),
            refused: Vec::new(),
            justification: "needed".into(),
            correlation: None,
            not_before: None,
            until: None,
            state: RequestState::Submitted,
            message: None,
            to_plan: false,
            run: None,
            submitted_at: at(3),
            planned_at: None,
            sent_at: None,
            done_at: None,
            ended_at: None,
        };
        tx.insert_request(&request, &format!("key {id}")).await?;
        let grant = DirectGrant {
            id: DirectGrantId(id + 1),
            identity: IdentityId(identity),
            grantable: grantable.clone(),
            period,
            origin: GrantOrigin { request: RequestId(id), by: "olga".into(), why: "needed".into() },
        };
        tx.open_direct_grants(&[grant], None, at(3)).await?;
    });
}

pub(crate) async fn decisions_stand_until_their_day_or_until_taken_back(store: Store) {
    world(&store).await;
    let postponed = decision(101, access(11, 1, "BUY"), Verdict::Postpone, Some("2027-04-01"));
    let again = ReconciliationDecision { id: ReconciliationId(102), verdict: Verdict::Remove, ..postponed.clone() };
    let row = postponed.clone();
    keep!(store, |tx| tx.keep_reconciliation(&row, TODAY).await?);
    let row = again.clone();
    let error = refused!(store, |tx| tx.keep_reconciliation(&row, TODAY).await?);
    assert_conflict(&error, "reconciliation_decision_standing");
    assert_eq!(found(&store, of(View::Access)).await.len(), 1);
    let marks = store.reconciliation_marks(None, TODAY).await.unwrap();
    let [mark] = marks.as_slice() else { panic!("{marks:?}") };
    assert_eq!((mark.account, mark.entitlement.as_deref()), (AccountId(11), Some("BUY")));
    assert_eq!(mark.kind, MarkKind::Postponed { until: day("2027-04-01") });
    assert_eq!(store.reconciliation_marks(Some(&[IdentityId(2)]), TODAY).await.unwrap(), []);

    // Its day comes: it is open again, and something else can be decided.
    let later = day("2027-04-01");
    assert_eq!(store.reconciliation_marks(None, later).await.unwrap(), []);
    let open = store.reconciliation_count(&of(View::Access), None, later).await.unwrap();
    assert_eq!(open, 2.into());
    let row = ReconciliationDecision { until: None, ..again };
    keep!(store, |tx| tx.keep_reconciliation(&row, day("2027-04-01")).await?);
    let marks = store.reconciliation_marks(None, later).await.unwrap();
    assert_eq!(marks.iter().map(|mark| mark.kind).collect::<Vec<_>>(), [MarkKind::Remove]);
    assert_eq!(store.identities_to_take_from().await.unwrap(), [IdentityId(1)]);

    let decided = store.reconciliation_decisions(&of(View::Decided), later).await.unwrap();
    let stands: Vec<(i64, bool)> = decided.rows.iter().map(|row| (row.decision.id.0, row.stands)).collect();
    assert_eq!(stands, [(102, true), (101, false)]);
    assert_eq!(decided.rows[0].identity_name.as_deref(), Some("Person 1"));
    assert_eq!(store.reconciliation_decisions_of(&[AccountId(11)], later).await.unwrap().len(), 1);
    let of_two = ReconciliationFilter { identity: Some(IdentityId(2)), ..of(View::Decided) };
    assert_eq!(store.reconciliation_decisions(&of_two, later).await.unwrap().total, 0);

    // What is held no more, or given anew, is not what was decided about.
    keep!(store, |tx| {
        let without = account(11, "directory", "ann", Some(1), &["SELL"]);
        tx.update_accounts(&[without], at(60)).await?;
    });
    assert_eq!(store.reconciliation_marks(None, later).await.unwrap(), []);
    assert_eq!(store.identities_to_take_from().await.unwrap(), []);
    assert!(keep!(store, |tx| tx.end_reconciliation(ReconciliationId(102), "olga", at(70)).await?));
    assert!(!keep!(store, |tx| tx.end_reconciliation(ReconciliationId(102), "olga", at(70)).await?), "once");

    // Accounts of nobody: postponed here, or left as they are in the correlation review.
    let orphan = Subject::Orphan { account: AccountId(13) };
    let row = decision(103, orphan, Verdict::Postpone, Some("2027-04-01"));
    keep!(store, |tx| tx.keep_reconciliation(&row, TODAY).await?);
    assert_eq!(found(&store, of(View::Orphans)).await, []);
    keep!(store, |tx| tx.end_reconciliation(ReconciliationId(103), "olga", at(70)).await?);
    assert_eq!(found(&store, of(View::Orphans)).await.len(), 1);
    keep!(store, |tx| tx.decide_account(AccountId(13), &Decision::Orphan, "olga", at(71)).await?);
    assert_eq!(found(&store, of(View::Orphans)).await, []);

    let proposal = Subject::Proposal { identity: IdentityId(1), grantable: Grantable::Role("clerk".into()) };
    let row = decision(104, proposal.clone(), Verdict::Remove, None);
    keep!(store, |tx| tx.keep_reconciliation(&row, TODAY).await?);
    assert_eq!(store.decided_proposals().await.unwrap(), [proposal.to_string()].into());
}

pub(crate) async fn what_was_there_at_go_live_is_marked_until_something_grants_it(store: Store) {
    world(&store).await;
    let rows = store.reconciliation_page(&of(View::Access), None, TODAY).await.unwrap().rows;
    let accounts = store.reconciliation_page(&of(View::Accounts), None, TODAY).await.unwrap().rows;
    keep!(store, |tx| {
        tx.mark_pre_existing(&rows, "olga", at(10)).await?;
        tx.mark_pre_existing(&accounts, "olga", at(10)).await?;
        tx.keep_go_live("directory", (2, 1), "olga", at(10)).await?;
    });
    let again = refused!(store, |tx| tx.keep_go_live("directory", (2, 1), "olga", at(10)).await?);
    assert_conflict(&again, "go_live_key");
    keep!(store, |tx| tx.keep_go_live("directory", (0, 0), "ann", at(20)).await?);
    let live = store.applications_live().await.unwrap();
    assert_eq!(live, [("directory".to_owned(), at(20), "ann".to_owned())]);
    assert!(found(&store, of(View::Access)).await.iter().all(|(.., pre_existing)| *pre_existing));
    let before = ReconciliationFilter { origin: Some(Origin::PreExisting), ..of(View::Accounts) };
    assert_eq!(found(&store, before).await, [(12, "directory-user".to_owned(), false, true)]);
    let marks = store.reconciliation_marks(None, TODAY).await.unwrap();
    let mut marked: Vec<(i64, Option<&str>)> =
        marks.iter().map(|mark| (mark.account.0, mark.entitlement.as_deref())).collect();
    marked.sort_unstable();
    assert_eq!(marked, [(11, Some("BUY")), (12, None), (12, Some("SELL"))]);

    // Something grants it, and does not any more: it is not as it was at go-live, unless a person says so.
    keep!(store, |tx| {
        tx.open_assignments(&[assignment(33, 1, Grantable::Entitlement("buyers".into()), 30)], None).await?;
        tx.close_assignments(&[AssignmentId(33)], None, at(40)).await?;
    });
    assert_eq!(store.reconciliation_marks(Some(&[IdentityId(1)]), TODAY).await.unwrap(), []);
    keep!(store, |tx| tx.renew_pre_existing(AccountId(11), "BUY", at(50)).await?);
    assert_eq!(store.reconciliation_marks(Some(&[IdentityId(1)]), TODAY).await.unwrap().len(), 1);
}

pub(crate) async fn grants_are_told_beside_all_reasons(store: Store) {
    world(&store).await;
    give(&store, 70, 1, Grantable::Entitlement("sellers".into())).await;
    give(&store, 80, 1, Grantable::Role("unheld".into())).await;
    let beside = store.grants_beside(&of(View::Redundant), TODAY).await.unwrap();
    let [grant] = beside.as_slice() else { panic!("{beside:?}") };
    assert_eq!((grant.grant.id, grant.grant.origin.why.as_str()), (DirectGrantId(71), "needed"));
    assert_eq!(grant.reasons, [reason("sellers")]);
    let elsewhere = ReconciliationFilter { identity: Some(IdentityId(2)), ..of(View::Redundant) };
    assert!(store.grants_beside(&elsewhere, TODAY).await.unwrap().is_empty());
    let row = decision(101, Subject::Grant { grant: DirectGrantId(71) }, Verdict::Keep, None);
    keep!(store, |tx| tx.keep_reconciliation(&row, TODAY).await?);
    assert!(store.grants_beside(&of(View::Redundant), TODAY).await.unwrap().is_empty());
}

/// Where many have to be compared, lists say that they leave them out; afterwards they have all of it, piece by piece.
pub(crate) async fn many_accounts_are_compared_before_they_are_listed(store: Store) {
    world(&store).await;
    compare(&store, 10, TODAY).await;
    keep!(store, |tx| {
        let granted =
            (0..1_500).map(|number| account(100 + number, "directory", &format!("many{number}"), Some(1), &["SELL"]));
        tx.insert_accounts(&granted.collect::<Vec<_>>(), at(0)).await?;
        let latest = account(10_000, "directory", "latest", Some(2), &["BUY", "SELL"]);
        tx.insert_accounts(&[latest], at(5)).await?;
    });
    let count = async |view| store.reconciliation_count(&of(view), None, TODAY).await.unwrap();
    assert!(store.leaves_accounts_out(TODAY).await.unwrap());
    assert_eq!(store.accounts_to_reconcile(5_000, TODAY).await.unwrap(), 1_501);
    assert_eq!((count(View::Access).await, count(View::Accounts).await), (2.into(), 1.into()), "what is known");
    let suspected = store.suspected_accounts(Some("directory"), AccountId(10), 5_000, TODAY).await.unwrap();
    assert_eq!((suspected.len(), suspected.last()), (1_503, Some(&AccountId(10_000))));
    let unmarked = store.count_unmarked(&suspected, TODAY).await.unwrap();
    assert_eq!(unmarked, [("directory".to_owned(), 4, 2)], "whatever was compared");

    assert_eq!(store.reconcile(1_000, TODAY).await.unwrap(), 1_000);
    assert!(!store.leaves_accounts_out(TODAY).await.unwrap());
    for is_compared in [false, true] {
        for (view, expected) in [(View::Access, vec![10_000, 10_000, 12, 11]), (View::Accounts, vec![10_000, 12])] {
            assert_eq!(count(view).await, (expected.len() as u64).into(), "{view:?}");
            let mut shown = Vec::new();
            let mut filter = ReconciliationFilter { limit: Some(1), ..of(view) };
            loop {
                let page = store.reconciliation_page(&filter, None, TODAY).await.unwrap();
                shown.extend(page.rows.iter().map(|row| row.account.0));
                match page.next {
                    Some(next) => filter.after = Some(next),
                    None => break,
                }
            }
            assert_eq!(shown, expected, "{view:?} {is_compared}");
        }
        assert_eq!(
            store.unexplained_entitlements(&of(View::Access), IdentityId(0), 100, TODAY).await.unwrap().len(),
            3
        );
        compare(&store, 100, TODAY).await;
    }
    assert_eq!(compare(&store, 500, TODAY).await, 0);
    let suspected = store.suspected_accounts(None, AccountId(0), 5_000, TODAY).await.unwrap();
    assert_eq!(suspected, [11, 12, 10_000].map(AccountId));
}

/// Whatever happens, in whatever order: what is listed is what a look at every account finds.
pub(crate) async fn what_is_listed_is_what_is_there(store: Store) {
    people(&store).await;
    for seed in 0..3 {
        let mut story = Story::new(seed);
        for step in 0..150 {
            story.goes_on(&store).await;
            if story.one_of(2) == 0 {
                compare(&store, 50, story.today).await;
            }
            story.look(&store, step).await;
        }
        compare(&store, 100, story.today).await;
        story.look(&store, 150).await;
    }
}

/// Accounts, what they hold and what is granted to whom, as they change by chance.
struct Story {
    /// Of the three people whom it is about.
    first: i64,
    chance: u64,
    today: Date,
    number: i64,
    accounts: Vec<Account>,
    held: Vec<(AssignmentId, i64, Grantable)>,
    given: Vec<DirectGrantId>,
}

impl Story {
    fn new(seed: i64) -> Self {
        Self {
            first: 1 + seed * 3,
            chance: seed.unsigned_abs() + 7_919,
            today: TODAY,
            number: (1 + seed) * 100_000,
            accounts: Vec::new(),
            held: Vec::new(),
            given: Vec::new(),
        }
    }

    fn one_of(&mut self, number: usize) -> usize {
        self.chance = self.chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.chance >> 33).unwrap() % number
    }

    fn next(&mut self) -> i64 {
        self.number += 10;
        self.number
    }

    fn somebody(&mut self) -> i64 {
        self.first + i64::try_from(self.one_of(3)).unwrap()
    }

    fn some_period(&mut self) -> Period {
        let days = |days: usize| Some(TODAY.saturating_add(jiff::Span::new().days(i64::try_from(days).unwrap())));
        let starts = if self.one_of(4) == 0 { days(self.one_of(6)) } else { None };
        let ends = if self.one_of(3) == 0 { days(6 + self.one_of(6)) } else { None };
        Period { starts, ends }
    }

    fn something(&mut self) -> Grantable {
        match self.one_of(4) {
            0 => Grantable::AccountType("directory-user".into()),
            1 => Grantable::Entitlement("sellers".into()),
            2 => Grantable::Entitlement("sellers-too".into()),
            _ => Grantable::Entitlement("buyers".into()),
        }
    }

    /// An account as an application may hold it.
    fn some_account(&mut self, id: i64) -> Account {
        let owner = if self.one_of(5) == 0 { None } else { Some(self.somebody()) };
        let held: &[&str] = [&[][..], &["SELL"], &["BUY", "SELL"], &["UNKNOWN", "BUY"]][self.one_of(4)];
        let status = [AccountStatus::Enabled, AccountStatus::Enabled, AccountStatus::Disabled, AccountStatus::Gone]
            [self.one_of(4)];
        let account = account(id, "directory", &format!("account {id}"), owner, held);
        let account_type = if self.one_of(5) == 0 { String::new() } else { account.account_type.clone() };
        Account { status, account_type, ..account }
    }

    async fn goes_on(&mut self, store: &Store) {
        let id = self.next();
        let when = at(id);
        match self.one_of(14) {
            0 | 1 => {
                let account = self.some_account(id);
                self.accounts.push(account.clone());
                keep!(store, |tx| tx.insert_accounts(&[account], when).await?);
            }
            2 | 3 if !self.accounts.is_empty() => {
                let place = self.one_of(self.accounts.len());
                let account = self.some_account(self.accounts[place].id.0);
                self.accounts[place] = account.clone();
                keep!(store, |tx| tx.update_accounts(&[account], when).await?);
            }
            4 if !self.accounts.is_empty() => {
                let place = self.one_of(self.accounts.len());
                let account = self.accounts[place].id;
                let standing = store.account_decisions_of(&[account]).await.unwrap();
                let decision = match self.one_of(2) {
                    0 => Decision::Linked { identity: IdentityId(self.somebody()) },
                    _ => Decision::Classified { account_type: "directory-user".into() },
                };
                keep!(store, |tx| {
                    for old in standing.iter().filter(|old| old.decision.kind() == decision.kind()) {
                        tx.reopen_account(account, &old.decision, "olga", when).await?;
                    }
                    if standing.is_empty() {
                        tx.decide_account(account, &decision, "olga", when).await?;
                    }
                });
            }
            5 if !self.accounts.is_empty() => {
                // A reading that knows nothing of what a person decides meanwhile.
                let place = self.one_of(self.accounts.len());
                let account = Account { owner: None, ..self.some_account(self.accounts[place].id.0) };
                let decision = Decision::Linked { identity: IdentityId(self.somebody()) };
                let standing = store.account_decisions_of(&[account.id]).await.unwrap();
                let is_free = standing.iter().all(|old| old.decision.kind() != decision.kind());
                keep!(store, |tx| {
                    tx.update_accounts(std::slice::from_ref(&account), when).await?;
                    if is_free {
                        tx.decide_account(account.id, &decision, "olga", when).await?;
                    }
                    tx.update_accounts(&[account], when).await?;
                });
                compare(store, 100, self.today).await;
                keep!(store, |tx| tx.keep_account_decisions("directory").await?);
            }
            6 | 7 => {
                let (identity, grantable) = (self.somebody(), self.something());
                let period = self.some_period();
                if self.held.iter().all(|(_, whose, held)| (*whose, held) != (identity, &grantable)) {
                    self.held.push((AssignmentId(id), identity, grantable.clone()));
                    let mut assignment = AssignmentRecord { period, ..assignment(id, identity, grantable, 0) };
                    assignment.since = when;
                    keep!(store, |tx| tx.open_assignments(&[assignment], None).await?);
                }
            }
            8 if !self.held.is_empty() => {
                let place = self.one_of(self.held.len());
                let (id, ..) = self.held.swap_remove(place);
                keep!(store, |tx| tx.close_assignments(&[id], None, when).await?);
            }
            9 | 10 if self.one_of(3) == 0 && !self.given.is_empty() => {
                let place = self.one_of(self.given.len());
                let id = self.given.swap_remove(place);
                keep!(store, |tx| tx.close_direct_grants(&[id], None, when).await?);
            }
            9 | 10 => {
                let (identity, grantable) = (self.somebody(), self.something());
                let period = self.some_period();
                self.given.push(DirectGrantId(id + 1));
                give_for(store, id, identity, grantable, period).await;
            }
            11 | 12 => self.today = self.today.tomorrow().unwrap(),
            _ => {
                let mut known = configuration();
                match self.one_of(4) {
                    0 => drop(known.entitlements.remove("sellers")),
                    1 => known.entitlements.get_mut("buyers").unwrap().key = "UNKNOWN".into(),
                    2 => known.entitlements.clear(),
                    _ => {}
                }
                apply(store, id, known).await;
            }
        }
    }

    async fn look(&self, store: &Store, step: usize) {
        let all: Vec<AccountId> = self.accounts.iter().map(|account| account.id).collect();
        for view in [View::Access, View::Accounts] {
            let mut found = store.reconciliation_findings(&of(view), None, self.today).await.unwrap();
            found.retain(|finding| all.contains(&finding.account));
            let looked_at = store.reconciliation_findings(&of(view), Some(&all), self.today).await.unwrap();
            assert_eq!(found, looked_at, "people from {}, step {step}, {view:?}", self.first);
        }
    }
}
