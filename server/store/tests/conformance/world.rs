//! Things for stories, made up with as few words as possible.

use std::collections::BTreeMap;

use model::access::{Fact, Reason};
use model::account::{Account, AccountStatus, Mechanism, Provenance};
use model::identity::{Context, Identity, Period};
use model::ids::*;
use model::job::{JobTask, Run, RunMode, RunState, TaskKind, TaskRun};
use model::order::{Lane, Order, OrderItem, ProvisioningState};
use model::plan::{ItemKind, ItemOperation, Operation, Partition, Plan};
use model::trigger::Trigger;
use model::user::User;
use model::value::{Attributes, Value};
use store::{Claim, PlanRecord, Store, StoreError};

/// Seconds after a fixed moment.
pub(crate) fn at(seconds: i64) -> jiff::Timestamp {
    jiff::Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

pub(crate) fn day(text: &str) -> jiff::civil::Date {
    text.parse().unwrap()
}

/// Writes with what is cloned into the closure; unwraps.
macro_rules! keep {
    ($store:expr, |$tx:ident| $body:expr) => {
        $store.write(move |$tx| Box::pin(async move { Ok::<_, store::StoreError>($body) })).await.unwrap()
    };
}
pub(crate) use keep;

/// As `keep!`, but gives the error.
macro_rules! refused {
    ($store:expr, |$tx:ident| $body:expr) => {
        $store
            .write(move |$tx| {
                Box::pin(async move {
                    $body;
                    Ok::<(), store::StoreError>(())
                })
            })
            .await
            .unwrap_err()
    };
}
pub(crate) use refused;

pub(crate) fn assert_conflict(error: &StoreError, constraint: &str) {
    assert_eq!(error.constraint(), Some(constraint), "{error:?}");
}

/// SQLite does not name foreign keys.
pub(crate) fn assert_foreign_key(error: &StoreError, constraint: &str) {
    assert!([Some(constraint), Some("foreign_key")].contains(&error.constraint()), "{error:?}");
}

pub(crate) fn attributes(pairs: &[(&str, &str)]) -> Attributes {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))).collect()
}

pub(crate) fn identity(id: i64, name: &str) -> Identity {
    Identity {
        id: IdentityId(id),
        source: "hr".into(),
        key: format!("E{id}"),
        display_name: name.into(),
        attributes: attributes(&[("mail", "a@example.org")]),
        contexts: Vec::new(),
        manager_key: None,
        present: true,
    }
}

pub(crate) fn period(starts: &str, ends: &str) -> Period {
    let date = |text: &str| (!text.is_empty()).then(|| day(text));
    Period { starts: date(starts), ends: date(ends) }
}

pub(crate) fn context(key: &str, priority: i32, starts: &str, ends: &str, pairs: &[(&str, &str)]) -> Context {
    Context {
        key: key.into(),
        priority,
        period: period(starts, ends),
        attributes: attributes(pairs),
        filled: Vec::new(),
    }
}

pub(crate) fn reason(rule: &str) -> Reason {
    Reason {
        rule: rule.into(),
        context: Some("main".into()),
        facts: vec![
            Fact { attribute: "department".into(), value: Some("Sales".into()) },
            Fact { attribute: "site".into(), value: None },
        ],
        path: vec![model::access::Grantable::Role("seller".into())],
        grant: None,
    }
}

pub(crate) fn account(id: i64, application: &str, key: &str, owner: Option<i64>, entitlements: &[&str]) -> Account {
    Account {
        id: AccountId(id),
        application: application.into(),
        account_type: format!("{application}-user"),
        key: key.into(),
        owner: owner.map(IdentityId),
        status: AccountStatus::Enabled,
        provenance: Provenance::Found,
        attributes: attributes(&[("login", key)]),
        entitlements: entitlements.iter().map(|name| (*name).to_owned()).collect(),
        observed_at: Some(at(0)),
    }
}

/// One attribute and one entitlement.
pub(crate) fn items(order: i64) -> Vec<OrderItem> {
    let item = |number: i64, kind, operation, name: &str, value: Option<Value>| OrderItem {
        id: OrderItemId(order * 10 + number),
        kind,
        name: name.into(),
        operation,
        value,
        current: Some(Value::Integer(7)),
        entitlement: None,
        state: ProvisioningState::Pending,
        explanation: String::new(),
        reasons: vec![reason("sellers")],
        secret: number == 1,
        message: None,
    };
    vec![
        item(1, ItemKind::Attribute, ItemOperation::Set, "department", Some(Value::from("Sales"))),
        item(2, ItemKind::Entitlement, ItemOperation::Add, "sellers", None),
    ]
}

/// A due update of an account that need not be known.
pub(crate) fn order(id: i64, identity: i64) -> Order {
    Order {
        id: OrderId(id),
        plan: PlanId(PLAN),
        partition: PartitionId(PARTITION),
        run: None,
        identity: IdentityId(identity),
        trigger: Trigger::IdentityRefresh,
        application: "directory".into(),
        account_type: "directory-user".into(),
        account: None,
        key: None,
        operation: Operation::Create,
        mechanism: Mechanism::Direct,
        carrier: "directory".into(),
        given_to_people: false,
        lane: Lane::Normal,
        priority: Trigger::IdentityRefresh.usual_priority(),
        state: ProvisioningState::Pending,
        reason: None,
        explanation: "A rule asks for it.".into(),
        reasons: vec![reason("sellers")],
        after: Vec::new(),
        fence: 0,
        attempts: 0,
        fingerprint: None,
        repeats: 0,
        next_attempt_at: Some(at(0)),
        created_at: at(id),
        transmitted_at: None,
        executed_at: None,
        verified_at: None,
        items: items(id),
    }
}

const PLAN: i64 = 900_001;
const PARTITION: i64 = 900_002;

/// The plan that all orders of stories belong to, of identity 1.
pub(crate) fn plan(run: Option<RunId>) -> PlanRecord {
    let plan = Plan {
        identity: IdentityId(1),
        trigger: Trigger::IdentityRefresh,
        requests: Vec::new(),
        filtered: Vec::new(),
        retained: Vec::new(),
        withdrawn: Vec::new(),
        questions: Vec::new(),
    };
    let partition = Partition {
        sequence: 1,
        mechanism: Mechanism::Direct,
        carrier: "directory".into(),
        why: "It writes itself.".into(),
        application: "directory".into(),
        requests: vec![0],
        after: Vec::new(),
    };
    PlanRecord { id: PlanId(PLAN), run, plan, partitions: vec![(PartitionId(PARTITION), partition)], created_at: at(0) }
}

/// Identities 1 to 9 and the plan.
pub(crate) async fn people(store: &Store) {
    let rows: Vec<_> = (1..10).map(|id| identity(id, &format!("Person {id}"))).collect();
    keep!(store, |tx| {
        tx.insert_identities(&rows, None, at(0)).await?;
        tx.insert_plans(&[plan(None)]).await?;
    });
}

pub(crate) async fn insert_orders(store: &Store, orders: Vec<Order>) {
    keep!(store, |tx| tx.insert_orders(&orders).await?);
}

pub(crate) fn claim(node: &str, now: i64, limit: u32) -> Claim {
    Claim {
        carrier: "directory".into(),
        applications: vec!["directory".into()],
        limit,
        node: node.into(),
        now: at(now),
        lease_until: at(now + 30),
        run: None,
        mechanism: None,
        probe: false,
    }
}

pub(crate) fn run(id: i64, state: RunState) -> Run {
    Run {
        id: RunId(id),
        job: format!("job-{id}"),
        mode: RunMode { incremental: false, dry_run: true },
        state,
        message: None,
        configuration: None,
        started_by: None,
        queued_at: at(id),
        started_at: None,
        finished_at: None,
        cancel_requested: false,
        approved_by: None,
        rerun_of: None,
        scheduled_for: None,
        tasks: vec![task(0, TaskKind::Collect), task(1, TaskKind::Synchronize)],
    }
}

pub(crate) fn task(sequence: u32, kind: TaskKind) -> TaskRun {
    TaskRun { unit: "rows".into(), ..TaskRun::queued(sequence, JobTask::usual(kind)) }
}

pub(crate) fn user(id: i64, login: &str) -> User {
    User {
        id: UserId(id),
        login: login.into(),
        display_name: format!("User {login}"),
        identity: None,
        profiles: vec!["administrator".into()],
        disabled: false,
    }
}

pub(crate) fn by_name<T>(pairs: impl IntoIterator<Item = (&'static str, T)>) -> BTreeMap<String, T> {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
