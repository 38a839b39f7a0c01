//! Looks at a finished plan with other eyes than those that made it. Planning is where a mistake costs most, so nothing
//! becomes an order that this has not seen: each rule below is stated on its own and knows nothing of how plans are made.

use hashbrown::{HashMap, HashSet};
use model::plan::{
    AccountRequest, AttributeRequest, FilterReason, ItemKind, ItemOperation, Operation, Partition, Plan, RequestPart,
};

/// A plan and its partitions that hold up. Only such a plan becomes orders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedPlan {
    plan: Plan,
    partitions: Vec<Partition>,
}

impl CheckedPlan {
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    pub fn partitions(&self) -> &[Partition] {
        &self.partitions
    }

    /// Gives both back, to be stored.
    pub fn into_parts(self) -> (Plan, Vec<Partition>) {
        (self.plan, self.partitions)
    }
}

/// A rule that a plan breaks: a fault of the program, never of a person.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("plan for identity {identity}{}: {message}", .request.map(|request| format!(", request {request}")).unwrap_or_default())]
pub struct Finding {
    pub identity: model::ids::IdentityId,
    /// Position in [`Plan::requests`].
    pub request: Option<usize>,
    pub message: String,
}

/// Passes a plan on, or says everything that is wrong with it.
pub fn check(plan: Plan, partitions: Vec<Partition>) -> Result<CheckedPlan, Vec<Finding>> {
    let mut checker = Checker { plan: &plan, findings: Vec::new() };
    for (position, request) in plan.requests.iter().enumerate() {
        checker.request(position, request);
        checker.items(position, request);
    }
    checker.parts();
    checker.accounts();
    checker.orders();
    checker.left_out();
    checker.questions();
    checker.partitions(&partitions);
    let findings = checker.findings;
    if findings.is_empty() { Ok(CheckedPlan { plan, partitions }) } else { Err(findings) }
}

struct Checker<'a> {
    plan: &'a Plan,
    findings: Vec<Finding>,
}

impl Checker<'_> {
    fn say(&mut self, request: Option<usize>, message: impl Into<String>) {
        self.findings.push(Finding { identity: self.plan.identity, request, message: message.into() });
    }

    /// Requests refer to what is there, wait for earlier ones only, and say why they exist.
    fn request(&mut self, position: usize, request: &AccountRequest) {
        if request.application.is_empty() || request.account_type.is_empty() {
            self.say(Some(position), "names no application or no account type");
        }
        match (request.operation, request.account) {
            (Operation::Create, Some(account)) => {
                self.say(Some(position), format!("creates account {account}, which exists"))
            }
            (Operation::Create, None) | (_, Some(_)) => {}
            (_, None) if self.comes_with_its_account(request) => {}
            (operation, None) => self.say(Some(position), format!("would {} no account", operation.name())),
        }
        if request.operation != Operation::Create && request.key.is_none() && !self.comes_with_its_account(request) {
            self.say(Some(position), "does not say the account's key");
        }
        if request.explanation.is_empty() && request.reasons.is_empty() {
            self.say(Some(position), "has neither reason nor explanation");
        }
        if !is_ascending(&request.after) {
            self.say(Some(position), "waits for requests that are not sorted or named twice");
        }
        for &earlier in request.after.iter().filter(|&&earlier| earlier >= position) {
            self.say(Some(position), format!("waits for request {earlier}, which does not come before it"));
        }
        if request.error.is_none() && request.items.is_empty() {
            self.say(Some(position), "changes nothing");
        }
    }

    /// Whether the request is the entitlements of an account that another one creates before it.
    fn comes_with_its_account(&self, request: &AccountRequest) -> bool {
        let creates = |earlier: &AccountRequest| {
            earlier.operation == Operation::Create && earlier.account_type == request.account_type
        };
        request.operation == Operation::Update
            && request.part == RequestPart::Entitlements
            && request.after.iter().filter_map(|&earlier| self.plan.requests.get(earlier)).any(creates)
    }

    /// Of an account whose change is divided there are two requests, and each holds its own.
    fn parts(&mut self) {
        let mut findings = Vec::new();
        for (position, request) in self.plan.requests.iter().enumerate() {
            let is_entitlement = |item: &AttributeRequest| item.kind == ItemKind::Entitlement;
            let (fits, other) = match request.part {
                RequestPart::Whole => continue,
                RequestPart::Account => (!request.items.iter().any(is_entitlement), RequestPart::Entitlements),
                RequestPart::Entitlements => (
                    request.items.iter().all(is_entitlement) && request.operation == Operation::Update,
                    RequestPart::Account,
                ),
            };
            if !fits {
                findings.push((position, "holds what belongs to the other part of its account".to_owned()));
            }
            let is_beside = |beside: &&AccountRequest| {
                beside.part == other && beside.account_type == request.account_type && beside.account == request.account
            };
            if self.plan.requests.iter().filter(is_beside).count() != 1 {
                findings.push((
                    position,
                    "is a part of what happens to its account, and has no other beside it".to_owned(),
                ));
            }
        }
        for (position, message) in findings {
            self.say(Some(position), message);
        }
    }

    /// Items say what, with what value and why; none twice, and none against another.
    fn items(&mut self, position: usize, request: &AccountRequest) {
        let mut seen = HashSet::new();
        let mut lifecycle = 0;
        for item in &request.items {
            let name = &item.name;
            if !seen.insert((item.kind, name.as_str())) {
                self.say(Some(position), format!("has `{name}` twice"));
            }
            if item.reasons.is_empty() && item.explanation.is_empty() {
                self.say(Some(position), format!("does not say why `{name}`"));
            }
            if item.secret && item.current.is_some() {
                self.say(Some(position), format!("shows the secret `{name}` that is there now"));
            }
            match (item.kind, item.operation) {
                (ItemKind::Lifecycle, _) => lifecycle += 1,
                (ItemKind::Attribute, ItemOperation::Set)
                    if item.value.is_none()
                        && request.error.is_none()
                        && request.awaits.is_empty()
                        && request.refers.iter().all(|referred| referred.attribute != *name) =>
                {
                    self.say(Some(position), format!("sets `{name}` to nothing"));
                }
                (ItemKind::Attribute, ItemOperation::Remove) if item.value.is_some() => {
                    self.say(Some(position), format!("removes `{name}` and gives it a value"));
                }
                (ItemKind::Attribute, ItemOperation::Add) => {
                    self.say(Some(position), format!("adds to attribute `{name}`, which can only be set"));
                }
                (ItemKind::Entitlement, ItemOperation::Set) => {
                    self.say(Some(position), format!("sets entitlement `{name}`, which can only be added or removed"));
                }
                (ItemKind::Entitlement, _) if item.entitlement.is_none() => {
                    self.say(Some(position), format!("touches `{name}`, which the configuration does not know"));
                }
                (ItemKind::Entitlement, ItemOperation::Add) if request.operation.removes() => {
                    self.say(Some(position), format!("grants `{name}` while the account goes"));
                }
                (ItemKind::Attribute | ItemKind::Entitlement, _) => {}
            }
        }
        let is_open = |item: &AttributeRequest| {
            item.kind == ItemKind::Attribute && item.operation == ItemOperation::Set && item.value.is_none()
        };
        if !request.awaits.is_empty() && !request.items.iter().any(is_open) {
            self.say(Some(position), "waits for an answer that none of its values needs");
        }
        let refers_to = |item: &AttributeRequest| request.refers.iter().any(|referred| referred.attribute == item.name);
        let open = request.items.iter().filter(|item| is_open(item) && refers_to(item)).count();
        if open != request.refers.len() {
            self.say(Some(position), "waits for another account's value that none of its own needs");
        }
        if !request.refers.is_empty() && (request.error.is_some() || request.operation == Operation::Update) {
            self.say(Some(position), "waits for another account's value, and is not sent or changes what is there");
        }
        if !request.awaits.is_empty() && request.error.is_some() {
            self.say(Some(position), "has failed and waits for an answer all the same");
        }
        let expected = usize::from(request.operation != Operation::Update);
        if lifecycle != expected {
            self.say(Some(position), format!("has {lifecycle} items for the account itself instead of {expected}"));
        }
    }

    /// An account is changed by one request, and one account of a type is created at most.
    fn accounts(&mut self) {
        let mut accounts = HashMap::new();
        let mut created = HashMap::new();
        for (position, request) in self.plan.requests.iter().enumerate() {
            let is_failure = request.error.is_some();
            if let Some(account) = request.account
                && let Some(other) =
                    accounts.insert((account, is_failure, request.part == RequestPart::Entitlements), position)
            {
                self.say(Some(position), format!("changes account {account}, as request {other} does"));
            }
            if request.operation == Operation::Create
                && let Some(other) = created.insert(request.account_type.as_str(), position)
            {
                self.say(Some(position), format!("creates a second account beside request {other}"));
            }
        }
        for (position, request) in self.plan.requests.iter().enumerate() {
            // What nothing grants is taken from whichever account holds it.
            let only_takes = !request.items.is_empty()
                && request
                    .items
                    .iter()
                    .all(|item| item.kind == ItemKind::Entitlement && item.operation == ItemOperation::Remove);
            let uses = match request.operation {
                Operation::Update => !only_takes,
                Operation::Enable => true,
                Operation::Create | Operation::Disable | Operation::Delete => false,
            };
            if uses
                && !self.comes_with_its_account(request)
                && let Some(other) = created.get(request.account_type.as_str())
            {
                self.say(Some(position), format!("uses an account, and request {other} creates one of the same type"));
            }
        }
    }

    /// An open order is replaced or withdrawn once, and nothing waits for one that is.
    fn orders(&mut self) {
        let mut inactive = HashSet::new();
        let replaced = self.plan.requests.iter().flat_map(|request| &request.supersedes);
        let mut twice = Vec::new();
        for order in replaced.chain(&self.plan.withdrawn) {
            if !inactive.insert(*order) {
                twice.push(*order);
            }
        }
        for order in twice {
            self.say(None, format!("replaces or withdraws order {order} twice"));
        }
        for (position, request) in self.plan.requests.iter().enumerate() {
            for order in request.waits_for.iter().filter(|order| inactive.contains(*order)) {
                self.say(Some(position), format!("waits for order {order}, which the plan makes inactive"));
            }
        }
    }

    /// What is left out is not done all the same.
    fn left_out(&mut self) {
        let mut done = HashMap::new();
        for (position, request) in self.plan.requests.iter().enumerate().filter(|(_, request)| request.error.is_none())
        {
            for item in request.items.iter().filter(|item| item.kind != ItemKind::Lifecycle) {
                done.insert((request.account_type.as_str(), item.kind, item.name.as_str()), (position, item.operation));
            }
        }
        let mut findings = Vec::new();
        for retained in &self.plan.retained {
            if retained.why.is_empty() {
                findings.push((None, format!("does not say why it keeps `{}`", retained.name)));
            }
            let key = (retained.account_type.as_str(), retained.kind, retained.name.as_str());
            if let Some((position, ItemOperation::Remove)) = done.get(&key) {
                findings.push((Some(*position), format!("removes `{}`, which is retained", retained.name)));
            }
        }
        for filtered in self.plan.filtered.iter().filter(|filtered| filtered.why == FilterReason::AlreadySo) {
            let key = (filtered.account_type.as_str(), filtered.kind, filtered.name.as_str());
            if let Some((position, ItemOperation::Set | ItemOperation::Add)) = done.get(&key) {
                findings.push((Some(*position), format!("orders `{}`, which is so already", filtered.name)));
            }
        }
        for (position, message) in findings {
            self.say(position, message);
        }
    }

    /// One question has one owner, and whatever waits for an answer is asked for.
    fn questions(&mut self) {
        let mut owners = HashMap::new();
        let mut findings = Vec::new();
        for question in &self.plan.questions {
            let asked = &question.asked;
            if *owners.entry(asked.key.as_str()).or_insert(&asked.owner) != &asked.owner {
                findings.push((None, format!("asks `{}` of two owners", asked.key)));
            }
        }
        for (position, request) in self.plan.requests.iter().enumerate() {
            for asked in request.awaits.iter().filter(|asked| !owners.contains_key(asked.key.as_str())) {
                findings.push((Some(position), format!("waits for `{}`, which nobody is asked", asked.key)));
            }
        }
        for (position, message) in findings {
            self.say(position, message);
        }
    }

    /// Partitions cover the plan exactly once, belong to one application, go one way, and run after what they wait for.
    fn partitions(&mut self, partitions: &[Partition]) {
        let mut place: Vec<Option<(u32, usize)>> = vec![None; self.plan.requests.len()];
        let mut ways = HashMap::new();
        for (expected, partition) in (1..).zip(partitions) {
            let sequence = partition.sequence;
            if sequence != expected {
                self.say(None, format!("partition {sequence} stands at place {expected}"));
            }
            if partition.requests.is_empty() {
                self.say(None, format!("partition {sequence} is empty"));
            }
            if partition.after.iter().any(|&earlier| earlier >= sequence || earlier == 0) {
                self.say(None, format!("partition {sequence} waits for one that does not come before it"));
            }
            if partition.carrier.is_empty() {
                self.say(None, format!("partition {sequence} does not say what it is sent to"));
            }
            for (index, &position) in partition.requests.iter().enumerate() {
                let Some(request) = self.plan.requests.get(position) else {
                    self.say(None, format!("partition {sequence} holds request {position}, which there is none of"));
                    continue;
                };
                if request.application != partition.application {
                    self.say(Some(position), format!("is in partition {sequence} of another application"));
                }
                let way = (partition.mechanism, partition.carrier.as_str());
                if *ways.entry((request.application.as_str(), request.goes_as())).or_insert(way) != way {
                    let message = format!("{} of `{}` go two ways", request.goes_as().label(), request.application);
                    self.say(Some(position), message);
                }
                if let Some(Some((other, _))) = place.get(position) {
                    self.say(Some(position), format!("is in partitions {other} and {sequence}"));
                }
                if let Some(slot) = place.get_mut(position) {
                    *slot = Some((sequence, index));
                }
            }
        }
        for (position, request) in self.plan.requests.iter().enumerate() {
            let Some(Some((own, index))) = place.get(position).copied() else {
                self.say(Some(position), "is in no partition");
                continue;
            };
            for &earlier in &request.after {
                let Some(Some((other, other_index))) = place.get(earlier).copied() else { continue };
                let waits = || {
                    let partition = partitions.iter().find(|partition| partition.sequence == own);
                    partition.is_some_and(|partition| partition.after.contains(&other))
                };
                if other == own && other_index >= index {
                    self.say(
                        Some(position),
                        format!("comes before request {earlier} in its partition, for which it waits"),
                    );
                } else if other != own && !waits() {
                    self.say(
                        Some(position),
                        format!("waits for request {earlier}, but its partition does not wait for partition {other}"),
                    );
                }
            }
        }
    }
}

fn is_ascending(positions: &[usize]) -> bool {
    positions.windows(2).all(|pair| pair.first() < pair.last())
}

#[cfg(test)]
mod tests {
    use model::account::{AccountStatus, Provenance};
    use model::ids::OrderId;
    use model::plan::{Filtered, Retained};

    use super::*;
    use crate::partition::split;
    use crate::worlds::{Taken, access, account, attribute, catalogue, compile, desired_account};

    /// Creates `person` and, after it, `mailbox`; disables `admin`; keeps, filters and replaces nothing.
    fn sound() -> (Plan, Vec<Partition>) {
        let login = || vec![attribute("login", model::access::DesiredValue::Value("ada".into()))];
        let desired =
            access(vec![desired_account("person", login(), &["person-a"]), desired_account("mailbox", login(), &[])]);
        let mut admin = account(1, "admin", AccountStatus::Enabled, Provenance::Created);
        admin.entitlements.insert("B".to_owned());
        let plan = compile(&desired, &[admin], &[], &mut Taken::default());
        let partitions = split(&plan, &catalogue());
        (plan, partitions)
    }

    /// Each fault is planted in a sound plan, and found.
    #[test]
    fn every_planted_fault_is_found() {
        type Fault = fn(&mut Plan, &mut Vec<Partition>);
        let faults: &[(&str, Fault)] = &[
            ("names no application", |plan, _| plan.requests[0].account_type.clear()),
            ("which exists", |plan, _| plan.requests[0].account = plan.requests[2].account),
            ("would disable no account", |plan, _| plan.requests[2].account = None),
            ("does not say the account's key", |plan, _| plan.requests[2].key = None),
            ("has neither reason nor explanation", |plan, _| {
                plan.requests[0].explanation.clear();
                plan.requests[0].reasons.clear();
            }),
            ("waits for request 1, which does not come before it", |plan, _| plan.requests[0].after = vec![1]),
            ("not sorted or named twice", |plan, _| plan.requests[1].after = vec![0, 0]),
            ("changes nothing", |plan, _| plan.requests[0].items.clear()),
            ("has `login` twice", |plan, _| {
                let item = plan.requests[0].items[1].clone();
                plan.requests[0].items.push(item);
            }),
            ("does not say why `login`", |plan, _| plan.requests[0].items[1].explanation.clear()),
            ("shows the secret `login`", |plan, _| {
                plan.requests[0].items[1].secret = true;
                plan.requests[0].items[1].current = Some("old".into());
            }),
            ("sets `login` to nothing", |plan, _| plan.requests[0].items[1].value = None),
            ("removes `login` and gives it a value", |plan, _| {
                plan.requests[0].items[1].operation = ItemOperation::Remove;
            }),
            ("adds to attribute `login`", |plan, _| plan.requests[0].items[1].operation = ItemOperation::Add),
            ("sets entitlement `A`", |plan, _| plan.requests[0].items[2].operation = ItemOperation::Set),
            ("touches `A`", |plan, _| plan.requests[0].items[2].entitlement = None),
            ("grants `B` while the account goes", |plan, _| plan.requests[2].items[1].operation = ItemOperation::Add),
            ("has 0 items for the account itself", |plan, _| {
                plan.requests[0].items.remove(0);
            }),
            ("has 1 items for the account itself", |plan, _| plan.requests[2].operation = Operation::Update),
            ("creates a second account", |plan, _| plan.requests[1].account_type = "person".to_owned()),
            ("changes account 1, as request", |plan, _| {
                let again = plan.requests[2].clone();
                plan.requests.push(again);
            }),
            ("uses an account, and request 0 creates one", |plan, _| {
                plan.requests[2].account_type = "person".to_owned();
                plan.requests[2].operation = Operation::Enable;
            }),
            ("replaces or withdraws order 5 twice", |plan, _| {
                plan.requests[0].supersedes = vec![OrderId(5)];
                plan.withdrawn = vec![OrderId(5)];
            }),
            ("waits for order 5, which the plan makes inactive", |plan, _| {
                plan.requests[0].waits_for = vec![OrderId(5)];
                plan.withdrawn = vec![OrderId(5)];
            }),
            ("removes `B`, which is retained", |plan, _| plan.retained.push(retained("admin", "B", "because"))),
            ("does not say why it keeps `X`", |plan, _| plan.retained.push(retained("admin", "X", ""))),
            ("orders `A`, which is so already", |plan, _| {
                plan.filtered.push(Filtered {
                    application: "directory".to_owned(),
                    account_type: "person".to_owned(),
                    kind: ItemKind::Entitlement,
                    name: "A".to_owned(),
                    why: FilterReason::AlreadySo,
                    because: None,
                });
            }),
            ("stands at place 1", |_, partitions| partitions[0].sequence = 7),
            ("is empty", |_, partitions| partitions[0].requests.clear()),
            ("does not say what it is sent to", |_, partitions| partitions[0].carrier.clear()),
            ("holds what belongs to the other part", |plan, _| plan.requests[0].part = RequestPart::Account),
            ("has no other beside it", |plan, _| plan.requests[2].part = RequestPart::Entitlements),
            ("would update no account", |plan, _| {
                plan.requests[1].operation = Operation::Update;
                plan.requests[1].part = RequestPart::Entitlements;
            }),
            ("is in no partition", |_, partitions| {
                partitions.pop();
            }),
            ("is in partitions 1 and 2", |_, partitions| {
                let request = partitions[0].requests[0];
                partitions[1].requests.push(request);
            }),
            ("which there is none of", |_, partitions| partitions[0].requests.push(99)),
            ("of another application", |_, partitions| partitions[0].application = "door".to_owned()),
            ("waits for one that does not come before it", |_, partitions| partitions[0].after = vec![2]),
            ("but its partition does not wait for partition 1", |_, partitions| partitions[1].after.clear()),
            ("go two ways", |_, partitions| {
                let request = partitions[0].requests.pop().unwrap();
                let mut other = partitions[0].clone();
                other.sequence = 3;
                other.mechanism = model::account::Mechanism::Manual;
                other.requests = vec![request];
                partitions.push(other);
            }),
            ("comes before request 0 in its partition", |plan, partitions| {
                plan.requests[2].after = vec![0];
                partitions[0].requests.reverse();
            }),
        ];
        let (plan, partitions) = sound();
        assert_eq!(check(plan, partitions).map(|_| ()), Ok(()));
        for (expect, fault) in faults {
            let (mut plan, mut partitions) = sound();
            fault(&mut plan, &mut partitions);
            let findings = check(plan, partitions).err().unwrap_or_default();
            let said: Vec<String> = findings.iter().map(ToString::to_string).collect();
            assert!(said.iter().any(|said| said.contains(expect)), "`{expect}` not in {said:#?}");
        }
    }

    fn retained(account_type: &str, name: &str, why: &str) -> Retained {
        Retained {
            application: "directory".to_owned(),
            account_type: account_type.to_owned(),
            kind: ItemKind::Entitlement,
            name: name.to_owned(),
            why: why.to_owned(),
        }
    }
}
