//! How long planning for a whole company takes: 8,615 people with four accounts each, all as it should be, and all new.
//! `cargo run --release -p broker --example plan_benchmark`

#![expect(clippy::print_stdout, reason = "printing is what a benchmark does")]

use std::collections::BTreeSet;
use std::time::Instant;

use broker::catalogue::Catalogue;
use broker::plan::{PlanInput, Values, compile};
use broker::{check, partition};
use model::access::{
    DesiredAccess, DesiredAccount, DesiredAssignment, DesiredAttribute, DesiredValue, Grantable, WorkflowState,
};
use model::account::{Account, AccountStatus, Provenance};
use model::configuration::Configuration;
use model::identity::Period;
use model::ids::{AccountId, IdentityId};
use model::trigger::Trigger;
use model::value::Value;

const PEOPLE: i64 = 8_615;
const TYPES: [&str; 4] = ["cloud", "payroll", "badge", "mainframe"];
const ATTRIBUTES: [&str; 8] = ["login", "mail", "name", "surname", "department", "title", "site", "manager"];

struct Free;

impl Values for Free {
    fn take(&mut self, _: &str, _: &str, _: &str, _: IdentityId) -> bool {
        true
    }
}

fn main() {
    let catalogue = Catalogue::new(&configuration());
    let people: Vec<(DesiredAccess, Vec<Account>)> = (1..=PEOPLE).map(person).collect();
    for (label, has_accounts) in [("as it should be", true), ("all new", false)] {
        let mut best = f64::INFINITY;
        let mut requests = 0;
        for _ in 0..10 {
            let started = Instant::now();
            requests = 0;
            for (desired, accounts) in &people {
                let accounts = if has_accounts { accounts.as_slice() } else { &[] };
                let trigger = Trigger::IdentityRefresh;
                let input = PlanInput {
                    trigger,
                    desired,
                    accounts,
                    open_orders: &[],
                    declined: &[],
                    native: &[],
                    marks: &[],
                    choices: &[],
                    leaver: false,
                };
                let plan = compile(&input, &catalogue, &mut Free);
                requests += plan.requests.len();
                let partitions = partition::split(&plan, &catalogue);
                assert!(check::check(plan, partitions).is_ok());
            }
            best = best.min(started.elapsed().as_secs_f64());
        }
        println!("{label}: {PEOPLE} people, {requests} requests, {:.1} ms", best * 1_000.0);
    }
}

fn configuration() -> Configuration {
    let mut configuration = serde_json::json!({ "applications": {}, "account_types": {}, "entitlements": {} });
    for name in TYPES {
        configuration["applications"][name] =
            serde_json::json!({ "display_name": name, "connection": { "kind": "scim", "url": "https://x.example" } });
        configuration["account_types"][name] =
            serde_json::json!({ "display_name": name, "application": name, "attributes": {}, "key": "login" });
        for number in 0..40 {
            configuration["entitlements"][format!("{name}-{number}")] =
                serde_json::json!({ "display_name": name, "account_type": name, "key": format!("group {number}") });
        }
    }
    serde_json::from_value(configuration).unwrap_or_default()
}

fn person(id: i64) -> (DesiredAccess, Vec<Account>) {
    let mut assignments = Vec::new();
    let (mut desired, mut accounts) = (Vec::new(), Vec::new());
    for (position, name) in (0..).zip(TYPES) {
        let held: Vec<i64> = (0..5).map(|number| (id + number * 7) % 40).collect();
        let value = |attribute: &str| Value::from(format!("{attribute} of {id}"));
        let attribute = |attribute: &&str| DesiredAttribute {
            name: (*attribute).to_owned(),
            value: DesiredValue::Value(value(attribute)),
            required: false,
            create_only: false,
            secret: false,
        };
        desired.push(DesiredAccount {
            account_type: name.to_owned(),
            application: name.to_owned(),
            attributes: ATTRIBUTES.iter().map(attribute).collect(),
            entitlements: held.iter().map(|number| format!("{name}-{number}")).collect(),
        });
        let grantables = held.iter().map(|number| Grantable::Entitlement(format!("{name}-{number}")));
        assignments.extend(grantables.chain([Grantable::AccountType(name.to_owned())]).map(|grantable| {
            let (period, workflow_state) = (Period::default(), WorkflowState::Calculated);
            DesiredAssignment { grantable, period, workflow_state, reasons: Vec::new() }
        }));
        accounts.push(Account {
            id: AccountId(id * 4 + position),
            application: name.to_owned(),
            account_type: name.to_owned(),
            key: format!("{name}-{id}"),
            owner: Some(IdentityId(id)),
            status: AccountStatus::Enabled,
            provenance: Provenance::Created,
            attributes: ATTRIBUTES.iter().map(|attribute| ((*attribute).to_owned(), value(attribute))).collect(),
            entitlements: held.iter().map(|number| format!("group {number}")).collect::<BTreeSet<_>>(),
            observed_at: None,
        });
    }
    (
        DesiredAccess { identity: IdentityId(id), assignments, accounts: desired, denied: Vec::new(), lifecycle: None },
        accounts,
    )
}
