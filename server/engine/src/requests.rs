//! Requests: the one entry for every change that somebody or something asks for, and its way to the end.
//!
//! A request is checked, its plan is worked out by the very functions that will carry it out, and then it is written down
//! together with what it gives and takes away directly. From there it goes the way of every change: a run of requests, of
//! these people alone, computes, plans, sends and reads back. The same key, or the same wish while the first one is open,
//! is the same request; unique indexes see to that, also where two come at once.

pub(crate) mod batch;
mod check;
pub(crate) mod follow;
pub(crate) mod offer;
mod preview;
mod risks;
mod terms;
mod write;

use jiff::Timestamp;
use model::access::Grantable;
use model::error::{ApiError, ErrorCode};
use model::identity::Identity;
use model::ids::{IdentityId, OrderId, RequestId, RunId, UserId};
use model::job::{REQUEST, TaskKind};
use model::page::Page;
use model::request::{
    DirectGrant, NewRequest, Request, RequestDetail, RequestFilter, RequestLink, RequestPreview, RequestRow,
    RequestState, Standing, Submission,
};
use model::trigger::Trigger;
use model::view::AuditLine;
use policy::naming::{self, Named};
use store::{RequestProgress, StoreError};

use crate::Engine;
use crate::context::OpContext;
use crate::error::internal;

pub use self::risks::OVERRIDE;
pub(crate) use self::write::{CallOff, call_off};

/// Asking for something by hand, and calling off what was not sent.
pub const SUBMIT: &str = "/Requests/Submit";
/// Handing in what another source asks for.
pub const RELAY: &str = "/Requests/Relay";
/// Asking for something more urgently than what sets it off is.
pub const EXPEDITE: &str = "/Requests/Expedite";
pub const VIEW: &str = "/Requests/View";

/// How often it is looked again whether somebody else was quicker.
pub(crate) const TRIES: u32 = 5;

/// Takes a request, or says what it would do where it is only simulated.
pub async fn submit(op: &OpContext, new: NewRequest) -> Result<Submission, ApiError> {
    match new.trigger {
        Trigger::Administrator => op.require_about(SUBMIT, new.identity).await?,
        _ => op.require(RELAY)?,
    }
    hand_in(op, new).await
}

/// As [`submit`], for who may do it for another reason.
pub(crate) async fn hand_in(op: &OpContext, new: NewRequest) -> Result<Submission, ApiError> {
    op.engine.follow().await.map_err(|_| ApiError::internal())?;
    let new = check::tidy(op, new)?;
    // Of what was asked: the same asked for again tomorrow is the same, though its last day would be a later one.
    let digest = broker::request::digest(&new);
    let new = terms::limit(&op.engine.world().configuration(), new, op.engine.today())?;
    for _ in 0..TRIES {
        if let Some(answer) = known(op, &new, &digest).await? {
            return Ok(answer);
        }
        let ready = match check::check(op, &new).await {
            Ok(ready) => ready,
            // What is in the way may be the same request, which has come in between.
            Err(refused) => return known(op, &new, &digest).await?.ok_or(refused),
        };
        let preview = preview::preview(op, &new, &ready).await?;
        if new.simulate {
            return Ok(Submission { standing: Standing::Simulated, request: None, preview });
        }
        let accepted = risks::decide(&preview.risks, &new)?;
        match write::write(op, &new, &ready, &digest, accepted).await {
            Ok(request) => {
                if request.to_plan
                    && let Err(error) = start_run(&op.engine, Some(op.user.id)).await
                {
                    // It stands; the next sweep starts the run.
                    tracing::warn!(error = &error as &dyn std::error::Error, "A run of requests could not be queued");
                }
                return Ok(Submission { standing: Standing::New, request: Some(request.id), preview });
            }
            // Somebody asked for the same at the same time: theirs stands, and answers.
            Err(StoreError::Conflict { constraint })
                if ["request_open_once", "request_key_key"].contains(&constraint.as_str()) => {}
            Err(StoreError::Contended) => {}
            Err(error) => return Err(internal(error)),
        }
    }
    Err(ApiError::conflict("Others ask for the same at this moment. Look at the list of requests, then try again."))
}

/// The older request that answers, where there is one.
async fn known(op: &OpContext, new: &NewRequest, digest: &str) -> Result<Option<Submission>, ApiError> {
    let store = op.engine.store();
    let answer =
        |standing, request| Some(Submission { standing, request: Some(request), preview: RequestPreview::default() });
    if let Some(key) = &new.key
        && let Some((id, before)) = store.request_of_key(&new.source, key).await.map_err(internal)?
    {
        if before != digest {
            return Err(ApiError {
                code: ErrorCode::Conflict,
                message: format!(
                    "The key `{key}` was used for something else, request {id}. Nothing was changed. Use another key, or \
                     ask for the same as before."
                ),
                field: Some("key".to_owned()),
            });
        }
        return Ok(answer(Standing::SameKey, id));
    }
    let Some(id) = store.open_request(&broker::request::open_key(new)).await.map_err(internal)? else {
        return Ok(None);
    };
    if new.simulate {
        return Ok(answer(Standing::Attached, id));
    }
    match write::attach(op, new, id, digest).await {
        Ok(true) => Ok(answer(Standing::Attached, id)),
        // It came to its end in between, or the key was used in between: looked at anew.
        Ok(false) => Ok(None),
        Err(StoreError::Conflict { .. }) => Ok(None),
        Err(error) => Err(internal(error)),
    }
}

/// Calls a request off, as long as nothing was sent because of it: what it gave is no longer given, and what it took away
/// is given again.
pub async fn cancel(op: &OpContext, id: RequestId, reason: String) -> Result<(), ApiError> {
    op.require_for_some(SUBMIT)?;
    let found = op.engine.store().request(id).await.map_err(internal)?;
    let request = found.ok_or_else(|| ApiError::not_found(format!("request {id}")))?;
    op.require_about(SUBMIT, request.identity).await?;
    withdraw(op, request, &reason).await
}

/// As [`cancel`], for who may do it for another reason.
pub(crate) async fn withdraw(op: &OpContext, request: Request, reason: &str) -> Result<(), ApiError> {
    let id = request.id;
    let reason = check::justification(reason, "reason", "Say why it is cancelled; it is kept with the request.")?;
    let message = format!("Cancelled by {}: {reason}", op.user.display_name);
    let audit = audit(op, id, format!("cancelled: {reason}"));
    if !called_off(op, request, &message, &audit).await.map_err(internal)? {
        return Err(ApiError::conflict(format!(
            "Request {id} cannot be cancelled any more: something was sent because of it, or it is over. Ask for the \
             opposite instead."
        )));
    }
    if let Err(error) = start_run(&op.engine, Some(op.user.id)).await {
        tracing::warn!(error = &error as &dyn std::error::Error, "A run of requests could not be queued");
    }
    Ok(())
}

/// False where it is too late.
async fn called_off(
    op: &OpContext,
    mut request: Request,
    message: &str,
    audit: &AuditLine,
) -> Result<bool, StoreError> {
    for _ in 0..TRIES {
        let off = CallOff::prepare(&op.engine, &request, message.to_owned(), &op.user.login, op.now).await?;
        let audit = audit.clone();
        let work = op.engine.store().write(move |tx| {
            Box::pin(async move {
                let taken = write::call_off(tx, &off).await?;
                if taken {
                    tx.append_audit(&audit).await?;
                }
                Ok(taken)
            })
        });
        match work.await {
            Err(StoreError::Contended) => {
                if let Some(now) = op.engine.store().request(request.id).await? {
                    request = now;
                }
            }
            done => return done,
        }
    }
    Err(StoreError::Contended)
}

/// What is to be called off with a run of requests that a person rejects.
pub(crate) async fn rejected(
    engine: &Engine,
    run: RunId,
    by: &str,
    reason: &str,
    now: Timestamp,
) -> Result<Vec<CallOff>, StoreError> {
    let mut all = Vec::new();
    for request in engine.store().requests_of_run(run).await? {
        let message = format!("A threshold stopped it, and {by} rejected it: {reason}");
        all.push(CallOff::prepare(engine, &request, message, by, now).await?);
    }
    Ok(all)
}

/// A text that a person wrote, on one line; `missing` says what to do where there is none.
pub(crate) fn said(text: &str, field: &str, missing: &str) -> Result<String, ApiError> {
    check::justification(text, field, missing)
}

/// A piece of the list: requests for those whom the caller may see here.
pub async fn page(op: &OpContext, filter: RequestFilter) -> Result<Page<RequestRow>, ApiError> {
    let reach = op.reach(VIEW).await?;
    list(op, &RequestFilter { reach, ..filter }).await
}

/// As [`page`], for who may see these for another reason.
pub(crate) async fn list(op: &OpContext, filter: &RequestFilter) -> Result<Page<RequestRow>, ApiError> {
    let mut page = op.engine.store().request_page(filter).await.map_err(internal)?;
    for (item, label) in page.rows.iter_mut().flat_map(|row| &mut row.items) {
        *label = op.engine.label(&item.grantable);
    }
    Ok(page)
}

/// How many requests there are in each state, by the same filter without its state.
pub async fn counts(op: &OpContext, filter: RequestFilter) -> Result<Vec<(RequestState, u64)>, ApiError> {
    let reach = op.reach(VIEW).await?;
    op.engine.store().request_counts(&RequestFilter { state: None, reach, ..filter }).await.map_err(internal)
}

/// One request with its orders and its history.
pub async fn detail(op: &OpContext, id: RequestId) -> Result<RequestDetail, ApiError> {
    op.require_for_some(VIEW)?;
    let mut detail = read(op, id).await?;
    op.require_about(VIEW, detail.request.identity).await?;
    detail.can_be_cancelled &= op.may_about(SUBMIT, detail.request.identity).await?;
    Ok(detail)
}

/// As [`detail`], for who may see it for another reason.
pub(crate) async fn read(op: &OpContext, id: RequestId) -> Result<RequestDetail, ApiError> {
    let store = op.engine.store();
    let found = store.request_detail(id).await.map_err(internal)?;
    let mut detail = found.ok_or_else(|| ApiError::not_found(format!("request {id}")))?;
    for row in &mut detail.orders {
        row.application = op.engine.application_label(&row.application);
    }
    let live = op.engine.world().live();
    for (risk, label) in &mut detail.risks {
        *label = crate::tasks::violations::risk_label(&live, &risk.risk);
    }
    detail.labels = detail.request.items.iter().map(|item| op.engine.label(&item.grantable)).collect();
    let standing = store.request_with_orders(id).await.map_err(internal)?;
    detail.approvals = crate::request_approvals::of_request(op, id).await?;
    detail.can_be_cancelled =
        standing.is_some_and(|found| broker::request::can_be_cancelled(&found.request, &found.orders));
    Ok(detail)
}

/// Somebody, with what they are given directly and what people call it.
pub async fn given(op: &OpContext, id: IdentityId) -> Result<(Identity, Vec<(DirectGrant, String)>), ApiError> {
    op.require_about(crate::identities::VIEW, id).await?;
    let store = op.engine.store();
    let identity = store.identities_by_id(&[id]).await.map_err(internal)?.pop();
    let identity = identity.ok_or_else(|| ApiError::not_found(format!("identity {id}")))?;
    let grants = store.direct_grants(Some(&[id])).await.map_err(internal)?;
    let labelled = |grant: DirectGrant| {
        let label = op.engine.label(&grant.grantable);
        (grant, label)
    };
    Ok((identity, grants.into_iter().map(labelled).collect()))
}

/// Everything that may be asked for now, with what people call it.
pub fn offered(op: &OpContext) -> Result<Vec<(Grantable, String)>, ApiError> {
    op.require_for_some(crate::identities::VIEW)?;
    let configuration = op.engine.world().configuration();
    let today = op.engine.today();
    let all = naming::everything(&configuration).into_iter();
    let is_offered = |grantable: &Grantable| terms::is_offered(&configuration, grantable, today);
    Ok(all
        .filter(|(grantable, _)| is_offered(grantable))
        .map(|(grantable, label)| (grantable, label.to_owned()))
        .collect())
}

/// The thing that somebody typed: `role:sales-staff`, its name, or what people call it.
pub fn name(op: &OpContext, typed: &str) -> Result<Grantable, ApiError> {
    op.require_for_some(crate::identities::VIEW)?;
    let configuration = op.engine.world().configuration();
    let (kind, name) = match typed.split_once(':') {
        Some((kind, name)) if Grantable::from_parts(kind, name).is_some() => (Some(kind), name),
        _ => (None, typed),
    };
    let all = |things: &[Grantable]| {
        let things: Vec<String> = things.iter().map(|one| format!("`{}:{}`", one.kind(), one.name())).collect();
        things.join(", ")
    };
    match naming::find(&configuration, kind, name) {
        Named::One(grantable) => Ok(grantable),
        Named::Several(several) => {
            let message = format!("Several things are called `{typed}`: {}. Write which one is meant.", all(&several));
            Err(ApiError::invalid("items", message))
        }
        Named::Unknown(near) if near.is_empty() => {
            Err(ApiError::invalid("items", format!("Nothing is called `{typed}`, and no other name is like it.")))
        }
        Named::Unknown(near) => Err(ApiError::invalid(
            "items",
            format!("Nothing is called `{typed}`. Perhaps one of these is meant: {}.", all(&near)),
        )),
    }
}

/// Requests that an order carries out.
pub async fn of_order(op: &OpContext, order: OrderId) -> Result<Vec<RequestLink>, ApiError> {
    if !op.may_about_some(VIEW) {
        return Ok(Vec::new());
    }
    op.engine.store().requests_of_order(order).await.map_err(internal)
}

// ------------------------------------------------------------------------------------------------------ runs

/// Queues a run that plans for whatever was asked for; nothing to do where one waits or is under way, which the sweep
/// looks after.
pub(crate) async fn start_run(engine: &Engine, by: Option<UserId>) -> Result<(), StoreError> {
    let tasks = [TaskKind::ComputeRoleModel, TaskKind::GenerateOrders, TaskKind::Fulfil, TaskKind::SynchronizeBack];
    crate::jobs::queue_own(engine, REQUEST, &tasks, by).await
}

/// What a run of requests is to plan for: all that was asked for and not planned yet, and what the run was at when its
/// process died or a threshold stopped it.
pub(crate) async fn take_up(engine: &Engine, run: RunId) -> Result<Vec<Request>, StoreError> {
    let store = engine.store();
    let mut found = store.requests_to_plan().await?;
    let own = store.requests_of_run(run).await?;
    let is_new = |request: &Request| request.state.is_open() && found.iter().all(|other| other.id != request.id);
    let own: Vec<Request> = own.into_iter().filter(is_new).collect();
    found.extend(own);
    let ids: Vec<RequestId> = found.iter().map(|request| request.id).collect();
    store
        .write(move |tx| {
            Box::pin(async move {
                let now = tx.requests_to_change(&ids).await?;
                let rows = now.iter().map(|found| RequestProgress {
                    run: Some(run),
                    to_plan: true,
                    ..RequestProgress::of(&found.request)
                });
                tx.update_requests(&rows.collect::<Vec<_>>()).await
            })
        })
        .await?;
    Ok(found)
}

/// What goes on without anybody: days come on which something begins or ends, and what is asked for is planned.
pub(crate) async fn sweep(engine: &Engine) -> Result<(), StoreError> {
    let (store, today) = (engine.store(), engine.today());
    let come = store.requests_come(today).await?;
    let over = store.direct_grants_over(today).await?;
    if !come.is_empty() || !over.is_empty() {
        write::day_came(engine, come, over).await?;
    }
    if !store.requests_to_plan().await?.is_empty() && crate::jobs::may_queue_own(engine, REQUEST, true).await? {
        start_run(engine, None).await?;
    }
    Ok(())
}

fn audit(op: &OpContext, id: RequestId, detail: String) -> AuditLine {
    AuditLine { at: op.now, actor: op.user.login.clone(), action: "request".into(), subject: id.to_string(), detail }
}
