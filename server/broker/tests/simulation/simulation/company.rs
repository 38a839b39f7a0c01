//! The simulated company: its configuration, its people as the source lists them, and what they should have. The role
//! model is the simplest there can be (a department gives account types and entitlements); `policy` has proofs of its own.

use std::collections::{BTreeMap, BTreeSet};

use model::access::{
    DesiredAccess, DesiredAccount, DesiredAssignment, DesiredAttribute, DesiredValue, Grantable, Reason, WorkflowState,
};
use model::configuration::{Configuration, Rings};
use model::feed::FeedIdentity;
use model::identity::{Identity, Period};
use model::value::Value;

use super::scheduler::Chance;

pub(crate) const SOURCE: &str = "personnel";
pub(crate) const APPLICATIONS: [&str; 5] = ["badge", "directory", "mail", "mainframe", "payroll"];
pub(crate) const DEPARTMENTS: [&str; 3] = ["Sales", "Research", "Works"];
/// Keys of entitlements that the configuration knows.
pub(crate) const MANAGED: [&str; 3] = ["A", "B", "C"];
/// One that it does not know: Quartermaster never touches it.
pub(crate) const FOREIGN: &str = "FOREIGN";

/// How many deletions one run may order of an account type, and forget of the source, without a person's word.
pub(crate) const DELETIONS: u64 = 2;

/// In every fourth company a third of the people go first.
pub(crate) fn rings() -> Rings {
    Rings { percent: vec![34], at_least: 2, failed_percent: 20, unverified_percent: 50 }
}

/// `directory` chooses its keys and answers at once, `payroll` too but is keyed by login and deletes; `mail` is another
/// system that answers later and gives an extract, `badge` one that can never be read; `mainframe` is worked by hand, after
/// a review. `mail` and `mainframe` need an account in the directory. Where the company is `divided`, the directory's connection
/// writes accounts with their attributes, and people see to its entitlements.
pub(crate) fn configuration(divided: bool) -> Configuration {
    let limits = serde_json::json!({ "deleted": { "count": DELETIONS, "percent": 0 } });
    let off = serde_json::json!("off");
    let reading = serde_json::json!({
        "deleted": { "count": DELETIONS, "percent": 0 }, "updated": off, "links_added": off, "links_removed": off
    });
    let extract = serde_json::json!({ "file": "extract.csv", "key": "login" });
    let correlation = serde_json::json!([
        { "identity": "identity.employee", "account": "employee", "confidence": 100 },
        { "identity": "identity.name", "account": "name", "confidence": 100 }
    ]);
    let account_type = |application: &str, more: serde_json::Value| {
        let mut body = serde_json::json!({
            "display_name": application, "application": application, "attributes": {}, "key": "login",
            "thresholds": limits, "correlation": correlation,
        });
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        body
    };
    let mut entitlements = serde_json::Map::new();
    for application in APPLICATIONS {
        for key in MANAGED {
            let body = serde_json::json!({ "display_name": key, "account_type": application, "key": key });
            entitlements.insert(entitlement(application, key), body);
        }
    }
    serde_json::from_value(serde_json::json!({
        "applications": {
            "directory": { "display_name": "Directory", "thresholds": reading, "writes": if divided { "accounts" } else { "everything" }, "connection": { "kind": "scim", "url": "https://directory.example" } },
            "payroll": { "display_name": "Payroll", "thresholds": reading, "connection": { "kind": "sql", "url": "sqlite:payroll.db", "accounts": { "table": "account", "key": "login" } } },
            "mail": { "display_name": "Mail", "thresholds": reading, "connection": { "kind": "csv", "outbox": "o", "inbox": "i", "extract": extract } },
            "badge": { "display_name": "Badge", "connection": { "kind": "csv", "outbox": "o", "inbox": "i" } },
            "mainframe": { "display_name": "Mainframe", "thresholds": reading, "connection": { "kind": "manual", "extract": extract } }
        },
        "account_types": {
            "directory": account_type("directory", serde_json::json!({})),
            "payroll": account_type("payroll", serde_json::json!({ "on_removal": "delete" })),
            "mail": account_type("mail", serde_json::json!({ "depends_on": ["directory"] })),
            "badge": account_type("badge", serde_json::json!({})),
            "mainframe": account_type("mainframe", serde_json::json!({ "depends_on": ["directory"], "review": true }))
        },
        "entitlements": entitlements
    }))
    .unwrap()
}

/// Name of an entitlement in the configuration.
pub(crate) fn entitlement(application: &str, key: &str) -> String {
    format!("{application}-{}", key.to_lowercase())
}

/// A person, as the source knows them today.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Person {
    pub(crate) key: String,
    pub(crate) name: String,
    pub(crate) department: String,
    pub(crate) is_listed: bool,
}

impl Person {
    pub(crate) fn row(&self) -> FeedIdentity {
        let attributes = [("department", &self.department), ("employee", &self.key), ("name", &self.name)]
            .map(|(name, value)| (name.to_owned(), Value::from(value.as_str())));
        FeedIdentity {
            key: self.key.clone(),
            display_name: self.name.clone(),
            attributes: attributes.into(),
            contexts: Vec::new(),
            manager_key: None,
        }
    }
}

/// What a department gives: account type → keys of entitlements, and whether each is given or only offered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RoleModel {
    pub(crate) grants: BTreeMap<String, BTreeMap<String, BTreeMap<String, bool>>>,
}

impl RoleModel {
    pub(crate) fn random(chance: &mut Chance) -> Self {
        let grants = DEPARTMENTS.map(|department| (department.to_owned(), any_grants(chance)));
        Self { grants: grants.into() }
    }

    /// Gives one department something else.
    pub(crate) fn change(&mut self, chance: &mut Chance) {
        let department = DEPARTMENTS[chance.below(DEPARTMENTS.len())];
        let Some(grants) = self.grants.get_mut(department) else { return };
        if chance.permille(250) {
            *grants = any_grants(chance);
            return;
        }
        let types: Vec<String> = grants.keys().cloned().collect();
        if let Some(keys) = chance.pick(&types).and_then(|account_type| grants.get_mut(&account_type)) {
            let key = MANAGED[chance.below(MANAGED.len())];
            if keys.remove(key).is_none() {
                keys.insert(key.to_owned(), chance.permille(850));
            }
        }
    }
}

/// The directory, and some of the others.
fn any_grants(chance: &mut Chance) -> BTreeMap<String, BTreeMap<String, bool>> {
    let mut grants = BTreeMap::new();
    for application in APPLICATIONS {
        if application == "directory" || chance.permille(600) {
            let keys = MANAGED.iter().filter(|_| chance.permille(450)).map(|key| (*key).to_owned()).collect::<Vec<_>>();
            let keys = keys.into_iter().map(|key| (key, chance.permille(850))).collect();
            grants.insert(application.to_owned(), keys);
        }
    }
    grants
}

/// What the identity should have, with reasons.
pub(crate) fn desired(identity: &Identity, roles: &RoleModel) -> DesiredAccess {
    let mut access = DesiredAccess {
        identity: identity.id,
        assignments: Vec::new(),
        accounts: Vec::new(),
        denied: Vec::new(),
        lifecycle: None,
    };
    let department = text(identity, "department");
    let Some(grants) = roles.grants.get(&department).filter(|_| identity.present) else { return access };
    for (account_type, keys) in grants {
        let mut held = Vec::new();
        for (key, is_given) in keys {
            let name = entitlement(account_type, key);
            access.assignments.push(assignment(Grantable::Entitlement(name.clone()), &department, *is_given));
            if *is_given {
                held.push(name);
            }
        }
        access.assignments.push(assignment(Grantable::AccountType(account_type.clone()), &department, true));
        access.accounts.push(DesiredAccount {
            account_type: account_type.clone(),
            application: account_type.clone(),
            attributes: attributes(identity, &department),
            entitlements: held,
        });
    }
    access.assignments.sort_by(|left, right| left.grantable.cmp(&right.grantable));
    access
}

/// Keys of the managed entitlements that an account of this type should hold now.
pub(crate) fn wanted_keys(access: &DesiredAccess, account_type: &str) -> BTreeSet<String> {
    let accounts = access.accounts.iter().filter(|account| account.account_type == account_type);
    accounts
        .flat_map(|account| &account.entitlements)
        .filter_map(|name| name.rsplit('-').next())
        .map(str::to_uppercase)
        .collect()
}

/// Keys that a rule offers, and that stay where they are held until a person decides.
pub(crate) fn offered_keys(access: &DesiredAccess, account_type: &str) -> BTreeSet<String> {
    let offered = access.assignments.iter().filter(|assignment| assignment.workflow_state == WorkflowState::Suggested);
    offered
        .filter_map(|assignment| assignment.grantable.name().strip_prefix(account_type)?.strip_prefix('-'))
        .map(str::to_uppercase)
        .collect()
}

/// What the rules of correlation compare.
pub(crate) fn correlation_keys(identity: &Identity) -> Vec<Option<String>> {
    vec![Some(text(identity, "employee")), Some(text(identity, "name"))]
}

fn text(identity: &Identity, name: &str) -> String {
    identity.attributes.get(name).map(ToString::to_string).unwrap_or_default()
}

fn attributes(identity: &Identity, department: &str) -> Vec<DesiredAttribute> {
    let name = text(identity, "name");
    let base = name.to_lowercase();
    let logins = std::iter::once(base.clone()).chain((1..9).map(|number| format!("{base}{number}"))).collect();
    let attribute = |name: &str, value: DesiredValue, create_only: bool, secret: bool| DesiredAttribute {
        name: name.to_owned(),
        value,
        required: name == "login",
        create_only,
        secret,
    };
    let value = |text: &str| DesiredValue::Value(Value::from(text));
    vec![
        attribute("department", value(department), false, false),
        attribute("employee", value(&text(identity, "employee")), false, false),
        attribute("login", DesiredValue::Unique(logins), false, false),
        attribute("name", value(&name), false, false),
        attribute("password", value("changed at first sign-in"), true, true),
    ]
}

fn assignment(grantable: Grantable, department: &str, is_given: bool) -> DesiredAssignment {
    DesiredAssignment {
        grantable,
        period: Period::default(),
        workflow_state: if is_given { WorkflowState::Calculated } else { WorkflowState::Suggested },
        reasons: vec![Reason {
            rule: format!("everybody in {department}"),
            context: None,
            facts: Vec::new(),
            path: Vec::new(),
            grant: None,
        }],
    }
}
