//! What a request would do, before anything does: the plan that a run would make for this person, were the request there.

use std::collections::BTreeSet;

use broker::request::Reach;
use broker::{check, partition};
use model::access::{DesiredAccess, Grantable};
use model::error::ApiError;
use model::ids::RequestId;
use model::request::{NewRequest, RequestPreview};

use crate::Engine;
use crate::context::OpContext;
use crate::error::internal;
use crate::indirect::Follower;
use crate::tasks::generate;

use super::check::Ready;
use super::risks;

pub(super) async fn preview(op: &OpContext, new: &NewRequest, ready: &Ready) -> Result<RequestPreview, ApiError> {
    let engine = &op.engine;
    let today = engine.today();
    let day = new.not_before.unwrap_or(today);
    let (id, name) = (new.identity, ready.identity.display_name.clone());
    let (before, after) = engine.world().with_population(|population| {
        (population.engine.desired_with(id, &ready.before, day), population.engine.desired_with(id, &ready.after, day))
    });
    let (Some(before), Some(after)) = (before, after) else { return Err(ApiError::internal()) };
    let live = engine.world().live();
    let (had, has) = (held(&before), held(&after));
    let labelled = |things: BTreeSet<&Grantable>| -> Vec<(Grantable, String)> {
        things.into_iter().map(|thing| (thing.clone(), engine.label(thing))).collect()
    };
    let gains = labelled(has.difference(&had).copied().collect());
    let losses = labelled(had.difference(&has).copied().collect());
    let reach = Reach::of(&new.items, |grantable| live.model.reach(grantable));
    let mut remarks = ready.remarks.clone();
    let requester = super::write::requester(op, new);
    let approvals = crate::request_approvals::foresee(engine, new, &requester, op.now).await.map_err(internal)?;
    for item in &new.items {
        remarks.extend(stays(engine, &item.grantable, &reach, &before, &after, &name));
    }
    let accounts = engine.store().accounts_of(&[id]).await.map_err(internal)?;
    let risks = risks::find(op, &before, &after, &accounts, &mut Follower::new(engine.store(), &live)).await?;
    let overridden = risks::overridden(&risks, RequestId(0));
    let plan = generate::plan_of_one(engine, after, day, &overridden).await.map_err(internal)?;
    for filtered in &plan.filtered {
        remarks.extend(filtered.because.clone());
    }
    for retained in plan.retained.iter().filter(|retained| {
        let entitlement = live.catalogue.entitlement_of(&retained.account_type, &retained.name);
        entitlement.is_some_and(|entitlement| reach.takes(&Grantable::Entitlement(entitlement.to_owned())))
    }) {
        remarks.push(format!("`{}` stays: {}", retained.name, retained.why));
    }
    let is_asked = |request: &&model::plan::AccountRequest| reach.is_served_by_request(request);
    let served: Vec<_> = plan.requests.iter().filter(is_asked).collect();
    let others = plan.requests.len() - served.len();
    let mut reviewed: Vec<String> = served
        .iter()
        .filter_map(|request| live.catalogue.account_type(&request.account_type))
        .filter(|facts| facts.review)
        .map(|facts| facts.display_name.clone())
        .collect();
    reviewed.sort();
    reviewed.dedup();
    let mut lines = generate::lines(served.into_iter(), id, &name);
    for line in &mut lines {
        line.account_type = live.catalogue.account_type_label(&line.account_type).to_owned();
        line.application = engine.application_label(&line.application);
    }
    if others > 0 {
        let (orders, are) =
            if others == 1 { ("1 other order", "is") } else { (&*format!("{others} other orders"), "are") };
        remarks.push(format!("{orders} for {name} {are} due as well, whatever comes of this request."));
    }
    let partitions = partition::split(&plan, &live.catalogue);
    if let Err(findings) = check::check(plan, partitions) {
        tracing::error!(?findings, "The plan of a request is refused by its checker");
        return Err(ApiError::internal());
    }
    let first_day = (day > today).then_some(day);
    Ok(RequestPreview { lines, gains, losses, remarks, first_day, reviewed, risks, approvals })
}

fn held(access: &DesiredAccess) -> BTreeSet<&Grantable> {
    let granted = access.assignments.iter().filter(|assignment| assignment.workflow_state.grants());
    granted.map(|assignment| &assignment.grantable).collect()
}

/// What is held all the same: before it is given, or after it is taken away.
fn stays(
    engine: &Engine,
    grantable: &Grantable,
    reach: &Reach,
    before: &DesiredAccess,
    after: &DesiredAccess,
    name: &str,
) -> Option<String> {
    let of = |access: &DesiredAccess| {
        let found = access.assignments.iter().find(|assignment| assignment.grantable == *grantable);
        found.filter(|assignment| assignment.workflow_state.grants()).map(|assignment| assignment.reasons.clone())
    };
    let label = engine.label(grantable);
    if reach.takes(grantable) {
        let cause = of(after)?.first().map(model::access::Reason::cause)?;
        return Some(format!("{name} keeps {label}: {cause} gives it as well."));
    }
    let cause = of(before)?.first().map(model::access::Reason::cause)?;
    Some(format!(
        "{name} holds {label} already, by {cause}. The request is one more reason: it stays if the other one goes."
    ))
}
