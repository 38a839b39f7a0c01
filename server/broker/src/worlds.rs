//! A small company for tests: account types with dependencies, random people, and an obvious way to carry a plan out.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use model::access::{
    DesiredAccess, DesiredAccount, DesiredAssignment, DesiredAttribute, DesiredValue, Grantable, Reason, WorkflowState,
};
use model::account::{Account, AccountStatus, Provenance};
use model::configuration::{Configuration, Parts};
use model::identity::Period;
use model::ids::{AccountId, IdentityId, PartitionId, PlanId};
use model::order::Order;
use model::plan::{AccountRequest, ItemKind, ItemOperation, Operation, Plan, RequestPart};
use model::trigger::Trigger;
use model::value::Value;
use proptest::prelude::*;

use crate::catalogue::Catalogue;
use crate::plan::{PlanInput, Values};
use crate::{check, order, partition, plan};

/// A thousand cases of each property, or as many as `PROPTEST_CASES` asks for beyond that.
pub(crate) fn cases() -> ProptestConfig {
    let usual = ProptestConfig::default();
    ProptestConfig { cases: usual.cases.max(1_000), failure_persistence: None, ..usual }
}

pub(crate) const PERSON: IdentityId = IdentityId(42);

/// `person` in the directory, `mailbox` on top of it, `payroll` deletes, `badge` keeps and is worked by hand, `admin` in
/// the directory again, on top of `mailbox`.
pub(crate) fn configuration() -> Configuration {
    serde_json::from_value(serde_json::json!({
        "applications": {
            "directory": { "display_name": "Directory", "connection": { "kind": "scim", "url": "https://d.example" } },
            "mail": { "display_name": "Mail", "connection": { "kind": "csv", "outbox": "o", "inbox": "i", "extract": { "file": "e.csv", "key": "login" } } },
            "payroll": { "display_name": "Payroll", "connection": { "kind": "sql", "url": "sqlite:p.db", "accounts": { "table": "a", "key": "login" } } },
            "door": { "display_name": "Door", "connection": { "kind": "manual" } }
        },
        "account_types": {
            "person": { "display_name": "Person", "application": "directory", "attributes": {}, "key": "login" },
            "mailbox": { "display_name": "Mailbox", "application": "mail", "attributes": {}, "key": "login", "depends_on": ["person"] },
            "admin": { "display_name": "Administrator", "application": "directory", "attributes": {}, "key": "login", "depends_on": ["mailbox"], "review": true },
            "payroll": { "display_name": "Payroll", "application": "payroll", "attributes": {}, "key": "login", "on_removal": "delete" },
            "badge": { "display_name": "Badge", "application": "door", "attributes": {}, "key": "login", "on_removal": "keep" }
        },
        "entitlements": entitlements()
    }))
    .unwrap()
}

fn entitlements() -> serde_json::Value {
    let mut entitlements = serde_json::Map::new();
    for account_type in TYPES {
        for letter in ["a", "b", "c"] {
            let name = format!("{account_type}-{letter}");
            let body =
                serde_json::json!({ "display_name": name, "account_type": account_type, "key": letter.to_uppercase() });
            entitlements.insert(name, body);
        }
    }
    serde_json::Value::Object(entitlements)
}

pub(crate) const TYPES: [&str; 5] = ["person", "mailbox", "admin", "payroll", "badge"];

pub(crate) fn application_of(account_type: &str) -> &'static str {
    match account_type {
        "mailbox" => "mail",
        "payroll" => "payroll",
        "badge" => "door",
        _ => "directory",
    }
}

pub(crate) fn catalogue() -> Catalogue {
    Catalogue::new(&configuration())
}

/// The same company, but accounts and entitlements go different ways: those of the directory by hand, those of payroll in
/// tickets, those of mail through the directory, accounts of the door in the universal batch exchange.
pub(crate) fn divided() -> Catalogue {
    let mut configuration = configuration();
    let integration = |kind: &str, takes: &str, applications: &[&str], universal: bool| {
        let connection = match kind {
            "csv" => serde_json::json!({ "kind": "csv", "outbox": "o", "inbox": "i" }),
            _ => serde_json::json!({ "kind": "request_tracker", "url": "https://rt.example", "queue": "q" }),
        };
        serde_json::from_value(serde_json::json!({
            "display_name": kind, "connection": connection, "takes": takes, "applications": applications,
            "universal": universal,
        }))
        .unwrap()
    };
    configuration.applications.get_mut("directory").unwrap().writes = Parts::Accounts;
    let mail = configuration.applications.get_mut("mail").unwrap();
    (mail.writes, mail.proxy) = (Parts::Entitlements, Some("directory".to_owned()));
    configuration.integrations.insert("desk".to_owned(), integration("tickets", "entitlements", &["payroll"], false));
    configuration.integrations.insert("exchange".to_owned(), integration("csv", "accounts", &[], true));
    Catalogue::new(&configuration)
}

/// The same company, where one part of each application is worked by hand: accounts of the directory, entitlements of mail
/// and payroll, and everything of the door. Each carrier has two ways, its connection and its people.
pub(crate) fn half_by_hand() -> Catalogue {
    let mut configuration = configuration();
    for (name, writes) in [("directory", Parts::Entitlements), ("mail", Parts::Accounts), ("payroll", Parts::Accounts)]
    {
        configuration.applications.get_mut(name).unwrap().writes = writes;
    }
    Catalogue::new(&configuration)
}

/// Values that some others hold already.
#[derive(Clone, Debug, Default)]
pub(crate) struct Taken(pub(crate) BTreeMap<(String, String), IdentityId>);

impl Values for Taken {
    fn take(&mut self, application: &str, _attribute: &str, value: &str, identity: IdentityId) -> bool {
        *self.0.entry((application.to_owned(), value.to_owned())).or_insert(identity) == identity
    }
}

pub(crate) fn reason(rule: &str) -> Reason {
    Reason { rule: rule.to_owned(), context: None, facts: Vec::new(), path: Vec::new(), grant: None }
}

pub(crate) fn attribute(name: &str, value: DesiredValue) -> DesiredAttribute {
    DesiredAttribute { name: name.to_owned(), value, required: false, create_only: false, secret: false }
}

pub(crate) fn desired_account(
    account_type: &str,
    attributes: Vec<DesiredAttribute>,
    entitlements: &[&str],
) -> DesiredAccount {
    DesiredAccount {
        account_type: account_type.to_owned(),
        application: application_of(account_type).to_owned(),
        attributes,
        entitlements: entitlements.iter().map(|name| (*name).to_owned()).collect(),
    }
}

/// Desired access with an assignment for each account and entitlement.
pub(crate) fn access(accounts: Vec<DesiredAccount>) -> DesiredAccess {
    let assignment = |grantable| DesiredAssignment {
        grantable,
        period: Period::default(),
        workflow_state: WorkflowState::Calculated,
        reasons: vec![reason("everyone")],
    };
    let mut assignments: Vec<DesiredAssignment> = accounts
        .iter()
        .flat_map(|account| {
            let entitlements = account.entitlements.iter().map(|name| Grantable::Entitlement(name.clone()));
            std::iter::once(Grantable::AccountType(account.account_type.clone())).chain(entitlements)
        })
        .map(assignment)
        .collect();
    assignments.sort_by(|left, right| left.grantable.cmp(&right.grantable));
    DesiredAccess { identity: PERSON, assignments, accounts, denied: Vec::new(), lifecycle: None }
}

pub(crate) fn account(id: i64, account_type: &str, status: AccountStatus, provenance: Provenance) -> Account {
    Account {
        id: AccountId(id),
        application: application_of(account_type).to_owned(),
        account_type: account_type.to_owned(),
        key: format!("{account_type}-{id}"),
        owner: Some(PERSON),
        status,
        provenance,
        attributes: BTreeMap::new(),
        entitlements: BTreeSet::new(),
        observed_at: None,
    }
}

pub(crate) fn compile(
    desired: &DesiredAccess,
    accounts: &[Account],
    open_orders: &[Order],
    values: &mut Taken,
) -> Plan {
    compile_in(&catalogue(), desired, accounts, open_orders, values)
}

pub(crate) fn compile_in(
    catalogue: &Catalogue,
    desired: &DesiredAccess,
    accounts: &[Account],
    open_orders: &[Order],
    values: &mut Taken,
) -> Plan {
    let input = PlanInput {
        trigger: Trigger::IdentityRefresh,
        desired,
        accounts,
        open_orders,
        declined: &[],
        native: &[],
        marks: &[],
        choices: &[],
        leaver: false,
    };
    plan::compile(&input, catalogue, values)
}

/// The orders of a plan, with ids from `first` on. The plan has to pass its check.
pub(crate) fn orders(plan: &Plan, first: i64) -> Vec<Order> {
    orders_in(&catalogue(), plan, first)
}

pub(crate) fn orders_in(catalogue: &Catalogue, plan: &Plan, first: i64) -> Vec<Order> {
    let partitions = partition::split(plan, catalogue);
    let partition_ids: Vec<PartitionId> = (500..).map(PartitionId).take(partitions.len()).collect();
    let checked = check::check(plan.clone(), partitions).unwrap_or_else(|findings| panic!("{findings:?}\n{plan:#?}"));
    let mut ids = first..;
    let trigger = plan.trigger;
    order::orders(
        &checked,
        catalogue,
        &mut ids,
        PlanId(first),
        None,
        &partition_ids,
        false,
        &|_| (trigger, trigger.usual_priority()),
        Timestamp::UNIX_EPOCH,
    )
}

/// A creation that waits to be sent.
pub(crate) fn any_order() -> Order {
    let login = attribute("login", DesiredValue::Value(model::value::Value::from("ada")));
    let city = attribute("city", DesiredValue::Value(model::value::Value::from("Bern")));
    let desired = access(vec![desired_account("person", vec![login, city], &["person-a"])]);
    orders(&compile(&desired, &[], &[], &mut Taken::default()), 100).remove(0)
}

/// Carries a plan out in the most obvious way.
pub(crate) fn apply(plan: &Plan, accounts: &mut Vec<Account>) {
    let mut next = accounts.iter().map(|account| account.id.0).max().unwrap_or(0) + 1;
    for request in plan.requests.iter().filter(|request| request.error.is_none()) {
        let position = match request.account {
            Some(id) => accounts.iter().position(|account| account.id == id).unwrap(),
            None if request.part == RequestPart::Entitlements => accounts.len() - 1,
            None => {
                accounts.push(account(next, &request.account_type, AccountStatus::Enabled, Provenance::Created));
                next += 1;
                accounts.len() - 1
            }
        };
        apply_one(request, &mut accounts[position]);
    }
}

fn apply_one(request: &AccountRequest, account: &mut Account) {
    account.status = match request.operation {
        Operation::Create | Operation::Enable => AccountStatus::Enabled,
        Operation::Update => account.status,
        Operation::Disable => AccountStatus::Disabled,
        Operation::Delete => AccountStatus::Gone,
    };
    for item in &request.items {
        match (item.kind, item.operation) {
            (ItemKind::Attribute, ItemOperation::Set) => {
                account.attributes.insert(item.name.clone(), item.value.clone().unwrap());
            }
            (ItemKind::Attribute, _) => {
                account.attributes.remove(&item.name);
            }
            (ItemKind::Entitlement, ItemOperation::Remove) => {
                account.entitlements.remove(&item.name);
            }
            (ItemKind::Entitlement, _) => {
                account.entitlements.insert(item.name.clone());
            }
            (ItemKind::Lifecycle, _) => {}
        }
    }
}

/// A person, what it should have, and what it has.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) desired: DesiredAccess,
    pub(crate) accounts: Vec<Account>,
    pub(crate) taken: Taken,
}

pub(crate) fn world() -> impl Strategy<Value = World> {
    let desired = prop::sample::subsequence(TYPES.to_vec(), 0..=TYPES.len())
        .prop_flat_map(|types| types.into_iter().map(any_desired).collect::<Vec<_>>())
        .prop_map(access);
    let accounts = prop::collection::vec(any_account(), 0..6).prop_map(|accounts| {
        let numbered = (1..).zip(accounts).map(|(id, account)| {
            let key = format!("{}-{id}", account.account_type);
            Account { id: AccountId(id), key, ..account }
        });
        numbered.collect()
    });
    let taken = prop::collection::vec((0..4_usize, 0..3_usize), 0..6).prop_map(|taken| {
        let applications = ["directory", "mail", "payroll", "door"];
        let others = taken.into_iter().map(|(application, value)| {
            ((applications[application].to_owned(), LOGINS[value].to_owned()), IdentityId(7))
        });
        Taken(others.collect())
    });
    (desired, accounts, taken).prop_map(|(desired, accounts, taken)| World { desired, accounts, taken })
}

const LOGINS: [&str; 3] = ["ada", "ada1", "ada2"];

fn any_desired(account_type: &'static str) -> impl Strategy<Value = DesiredAccount> {
    let value = prop_oneof![
        4 => (0..3_i64).prop_map(|number| DesiredValue::Value(Value::from(number))),
        2 => prop::sample::select(vec!["x", "y", ""]).prop_map(|text| DesiredValue::Value(Value::from(text))),
        1 => Just(DesiredValue::Absent),
        1 => Just(DesiredValue::Failed("no such attribute".to_owned())),
    ];
    let attributes = prop::collection::btree_map(
        prop::sample::select(vec!["department", "phone", "title"]),
        (value, prop::bool::weighted(0.3), prop::bool::weighted(0.2), prop::bool::weighted(0.1)),
        0..=3,
    );
    let logins = (0..3_usize, 1..=3_usize).prop_map(|(from, count)| {
        let logins = LOGINS.iter().cycle().skip(from).take(count);
        DesiredValue::Unique(logins.map(|login| (*login).to_owned()).collect())
    });
    let entitlements = prop::sample::subsequence(vec!["a", "b", "c"], 0..=3);
    (attributes, logins, entitlements).prop_map(move |(attributes, logins, entitlements)| {
        let made = attributes.into_iter().map(|(name, (value, required, create_only, secret))| DesiredAttribute {
            required,
            create_only,
            secret,
            ..attribute(name, value)
        });
        let attributes = std::iter::once(attribute("login", logins)).chain(made).collect();
        let names: Vec<String> = entitlements.iter().map(|letter| format!("{account_type}-{letter}")).collect();
        desired_account(account_type, attributes, &names.iter().map(String::as_str).collect::<Vec<_>>())
    })
}

fn any_account() -> impl Strategy<Value = Account> {
    let status = prop::sample::select(vec![AccountStatus::Enabled, AccountStatus::Disabled, AccountStatus::Gone]);
    let provenance = prop::sample::select(vec![Provenance::Created, Provenance::Adopted, Provenance::Found]);
    let attributes = prop::collection::btree_map(
        prop::sample::select(vec!["department", "phone", "title", "login", "shoe"]).prop_map(str::to_owned),
        prop::sample::select(vec!["0", "1", "x", "ada", "ada2"]).prop_map(Value::from),
        0..=4,
    );
    let held = prop::sample::subsequence(vec!["A", "B", "C", "FOREIGN"], 0..=4);
    (prop::sample::select(TYPES.to_vec()), status, provenance, attributes, held).prop_map(
        |(account_type, status, provenance, attributes, held)| Account {
            attributes,
            entitlements: held.into_iter().map(str::to_owned).collect(),
            ..account(0, account_type, status, provenance)
        },
    )
}
