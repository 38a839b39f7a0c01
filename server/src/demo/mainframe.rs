//! The demo's mainframe: what a person would do at its terminal is done when the work item is confirmed, so that the
//! list of its users, which Quartermaster reads back, shows it.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use model::order::{Order, OrderItem};
use model::plan::{ItemKind, ItemOperation};

use super::holdings::{Answer, Change, Holdings, Layout};

/// As `applications/mainframe.toml` names them.
const LAYOUT: Layout = Layout {
    key: "userid",
    attributes: &["employee", "name", "default_group", "department", "phone"],
    entitlements: "groups",
};

pub(super) struct Terminal(Mutex<Holdings>);

impl Terminal {
    /// Opens the list of users in this folder.
    pub(super) fn open(folder: &Path) -> std::io::Result<Self> {
        Holdings::open(&folder.join("extract.csv"), LAYOUT).map(|holdings| Self(Mutex::new(holdings)))
    }

    /// Does what a confirmed order says, and writes the list. An order for somebody who is not there does nothing, as
    /// it would at a terminal.
    pub(super) fn carry_out(&self, order: &Order) -> std::io::Result<()> {
        let Some(change) = change(order) else { return Ok(()) };
        let mut holdings = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match holdings.apply(&change) {
            Answer::Done => holdings.save(),
            Answer::Already => Ok(()),
            Answer::Conflict | Answer::NotFound => {
                tracing::warn!(order = %order.id, key = %change.key, "the demo's mainframe has no such user, or another");
                Ok(())
            }
        }
    }
}

/// The order in the words of the list; none where no key can be told.
fn change(order: &Order) -> Option<Change> {
    let attributes: Vec<(String, Option<String>)> = order
        .items
        .iter()
        .filter(|item| item.kind == ItemKind::Attribute)
        .map(|item| (item.name.clone(), set(item)))
        .collect();
    let named = attributes.iter().find(|(name, _)| name == LAYOUT.key).and_then(|(_, value)| value.clone());
    let entitlements = order.items.iter().filter(|item| item.kind == ItemKind::Entitlement);
    Some(Change {
        operation: order.operation,
        key: order.key.clone().or(named)?,
        attributes,
        entitlements: entitlements.map(|item| (item.name.clone(), item.operation == ItemOperation::Add)).collect(),
    })
}

fn set(item: &OrderItem) -> Option<String> {
    item.value.as_ref().filter(|_| item.operation == ItemOperation::Set).map(ToString::to_string)
}

#[cfg(test)]
mod tests {
    use model::ids::{IdentityId, OrderId, OrderItemId, PartitionId, PlanId};
    use model::order::{Lane, ProvisioningState};
    use model::plan::Operation;
    use model::trigger::Trigger;

    use super::*;

    fn order(
        operation: Operation,
        key: Option<&str>,
        items: &[(ItemKind, &str, ItemOperation, Option<&str>)],
    ) -> Order {
        let item = |&(kind, name, operation, value): &(ItemKind, &str, ItemOperation, Option<&str>)| OrderItem {
            id: OrderItemId(1),
            kind,
            name: name.into(),
            operation,
            value: value.map(Into::into),
            current: None,
            entitlement: None,
            state: ProvisioningState::Transmitted,
            explanation: String::new(),
            reasons: Vec::new(),
            secret: false,
            message: None,
        };
        Order {
            id: OrderId(1),
            plan: PlanId(1),
            partition: PartitionId(1),
            run: None,
            identity: IdentityId(1),
            trigger: Trigger::IdentityRefresh,
            application: "mainframe".into(),
            account_type: "mainframe-user".into(),
            account: None,
            key: key.map(str::to_owned),
            operation,
            mechanism: model::account::Mechanism::Manual,
            carrier: "mainframe".into(),
            given_to_people: false,
            lane: Lane::Normal,
            priority: Trigger::IdentityRefresh.usual_priority(),
            state: ProvisioningState::Transmitted,
            reason: None,
            explanation: String::new(),
            reasons: Vec::new(),
            after: Vec::new(),
            fence: 1,
            attempts: 1,
            fingerprint: None,
            repeats: 0,
            next_attempt_at: None,
            created_at: jiff::Timestamp::UNIX_EPOCH,
            transmitted_at: None,
            executed_at: None,
            verified_at: None,
            items: items.iter().map(item).collect(),
        }
    }

    #[test]
    fn confirmed_orders_appear_in_the_list_of_users() {
        use ItemKind::{Attribute, Entitlement};
        use ItemOperation::{Add, Remove, Set};
        let folder = tempfile::tempdir().unwrap();
        let header = "userid,employee,name,default_group,department,phone,status,groups\n";
        let steps = [
            (
                order(
                    Operation::Create,
                    None,
                    &[
                        (Attribute, "userid", Set, Some("SMITZ")),
                        (Attribute, "name", Set, Some("ZOE SMIT")),
                        (Entitlement, "GLREAD", Add, None),
                        (Entitlement, "GLPOST", Add, None),
                    ],
                ),
                "SMITZ,,ZOE SMIT,,,,enabled,GLPOST|GLREAD\n",
            ),
            (
                order(Operation::Update, Some("SMITZ"), &[(Entitlement, "GLPOST", Remove, None)]),
                "SMITZ,,ZOE SMIT,,,,enabled,GLREAD\n",
            ),
            (order(Operation::Disable, Some("SMITZ"), &[]), "SMITZ,,ZOE SMIT,,,,disabled,GLREAD\n"),
            (order(Operation::Enable, Some("NOBODY"), &[]), "SMITZ,,ZOE SMIT,,,,disabled,GLREAD\n"),
            (order(Operation::Enable, Some("SMITZ"), &[]), "SMITZ,,ZOE SMIT,,,,enabled,GLREAD\n"),
            (order(Operation::Delete, Some("SMITZ"), &[]), ""),
        ];
        for (order, expected) in steps {
            // Opened anew each time: the list is all it remembers.
            Terminal::open(folder.path()).unwrap().carry_out(&order).unwrap();
            let list = std::fs::read_to_string(folder.path().join("extract.csv")).unwrap();
            assert_eq!(list, format!("{header}{expected}"), "{:?}", order.operation);
        }
    }
}
