//! The demo's mainframe: what a person would do at its terminal is done when the work item is confirmed, so that the
//! list of its users, which Quartermaster reads back, shows it.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use model::order::{Order, OrderItem};
use model::plan::{ItemKind, ItemOperation};

use super::holdings::{Answer, Change, Holdings, Layout};

/// As `applications/mainframe.toml` names them.
const LAYOUT: Layout =
    Layout { key: "userid", attributes: &["employee", "name", "default_group", "department"], entitlements: "groups" };

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
