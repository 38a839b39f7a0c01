//! The plans as lines for people, before anything of them is done.

use std::collections::{BTreeSet, HashMap};

use model::ids::IdentityId;
use model::plan::{AccountRequest, AttributeRequest, ItemKind, ItemOperation, Operation, Referred};
use model::view::PreviewLine;

use super::Planned;
use crate::tasks::{compute, shown};

pub(super) fn preview(planned: &[Planned], names: &HashMap<IdentityId, String>) -> Vec<PreviewLine> {
    planned
        .iter()
        .flat_map(|planned| {
            let plan = planned.checked.plan();
            let name = names.get(&plan.identity).map_or("", String::as_str);
            lines(plan.requests.iter(), plan.identity, name)
        })
        .collect()
}

/// The same of some requests of one identity's plan.
pub(crate) fn lines<'a>(
    requests: impl Iterator<Item = &'a AccountRequest>,
    identity: IdentityId,
    name: &str,
) -> Vec<PreviewLine> {
    let line = |request: &AccountRequest| PreviewLine {
        identity: Some(identity),
        identity_name: name.to_owned(),
        application: request.application.clone(),
        account_type: request.account_type.clone(),
        operation: request.operation.name().into(),
        change: changes(request),
        why: if request.reasons.is_empty() { reasons(request) } else { compute::why(&request.reasons) },
        since_approval: None,
    };
    requests.map(line).collect()
}

/// "userName: nothing → ann.lee; + Sales".
fn changes(request: &AccountRequest) -> String {
    if matches!(request.operation, Operation::Delete) {
        return "the account".into();
    }
    let items: Vec<String> = request
        .items
        .iter()
        .map(|item| match (item.operation, coming(request, item)) {
            (_, Some(referred)) => format!("{}: taken from {} once it is known", item.name, referred.source()),
            (ItemOperation::Set, None) => format!(
                "{}: {} → {}",
                item.name,
                shown(item.current.as_ref(), item.secret),
                shown(item.value.as_ref(), item.secret)
            ),
            (ItemOperation::Add, None) => format!("+ {}", item.name),
            (ItemOperation::Remove, None) => format!("− {}", item.name),
        })
        .collect();
    items.join("; ")
}

/// Where the value of an item is still to come from.
fn coming<'a>(request: &'a AccountRequest, item: &AttributeRequest) -> Option<&'a Referred> {
    let is_open = item.kind == ItemKind::Attribute && item.value.is_none();
    request.refers.iter().find(|referred| is_open && referred.attribute == item.name)
}

fn reasons(request: &AccountRequest) -> String {
    let from_items: BTreeSet<String> = request
        .items
        .iter()
        .map(|item| if item.reasons.is_empty() { item.explanation.clone() } else { compute::why(&item.reasons) })
        .filter(|why| !why.is_empty())
        .collect();
    if from_items.is_empty() {
        request.explanation.clone()
    } else {
        from_items.into_iter().take(3).collect::<Vec<_>>().join("; ")
    }
}
