//! The work item of an order that is handed to people.

use broker::deadline;
use broker::fulfiller::{self, Work};
use jiff::Timestamp;
use model::ids::WorkItemId;
use model::order::{Order, ProvisioningState};
use model::work_item::{Chosen, Fulfiller, WorkItem, WorkItemEvent, WorkItemEventKind, WorkItemLine};

use super::staff::{self, Staff};
use crate::Engine;

/// What is left to do of the order, for whoever it is to be.
pub(crate) fn work_item(engine: &Engine, staff: &Staff, order: &Order, id: WorkItemId, now: Timestamp) -> WorkItem {
    let configuration = engine.world().configuration();
    let named = staff::named(&configuration, order);
    let workers = staff.workers(&order.account_type);
    let (fulfiller, chosen) = fulfiller::choose(&named, Work::of(order), &workers);
    let is_over = |state| {
        matches!(state, ProvisioningState::Executed | ProvisioningState::Verified | ProvisioningState::Inactive)
    };
    let lines = order.items.iter().filter(|item| !is_over(item.state));
    let mut item = WorkItem {
        fence: order.fence,
        fulfiller,
        chosen,
        lines: lines.map(|item| WorkItemLine { item: item.id, outcome: None }).collect(),
        ..WorkItem::open(id, order.id, &order.application, now)
    };
    deadline::start(&mut item, &staff::terms(&configuration, order), now);
    item
}

/// That it was opened, and for whom.
pub(crate) fn event(engine: &Engine, item: &WorkItem) -> WorkItemEvent {
    let configuration = engine.world().configuration();
    let whom = match &item.fulfiller {
        Fulfiller::User(login) => format!("For {login}"),
        Fulfiller::Profile(name) => format!("For the team {}", staff::profile_label(&configuration, name)),
        Fulfiller::Everybody => "For everybody who may do it".to_owned(),
    };
    let message = format!("{whom}: {}.", why(item.chosen));
    WorkItemEvent { at: item.created_at, actor: engine.node().to_owned(), kind: WorkItemEventKind::Opened, message }
}

/// Why it is theirs.
pub(crate) fn why(chosen: Chosen) -> &'static str {
    match chosen {
        Chosen::AccountType => "the account type names them",
        Chosen::Revoker => "the application names them for what takes access away",
        Chosen::Connection => "the application names them",
        Chosen::Owner => "the application is theirs, and nobody else who is named can do it",
        Chosen::Everybody => "nobody is named who can do it",
        Chosen::Reassigned => "somebody gave it to them",
        Chosen::Split => "somebody gave them a part of it",
        Chosen::Escalated => "it was not done in time",
    }
}
