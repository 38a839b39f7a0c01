//! Provisioning review: what waits for a reviewer's word, property by property, and what failed and can be sent again.

use std::collections::{BTreeMap, HashMap};

use broker::correlate::{self, Correlation, CorrelationIndex};
use broker::review::{self, Refused, Reviewed};
use model::access::Grantable;
use model::account::{Account, Provenance};
use model::error::ApiError;
use model::identity::Period;
use model::ids::{AccountId, DeclinedChangeId, IdentityId, OrderId, OrderItemId};
use model::order::{Order, OrderItem, ProvisioningState, StateReason};
use model::page::Page;
use model::plan::{ItemKind, Operation};
use model::review::{
    DeclinedChange, DeclinedRow, Forecast, OrderVerdicts, ReviewFilter, ReviewGroup, ReviewKind, ReviewOrder,
    ReviewPage, Verdict, failure_cause,
};
use model::user::Duty;
use model::view::AuditLine;
use store::{RecordedTransition, StoreError, UnderReview};

use crate::context::OpContext;
use crate::error::internal;
use crate::exports::IN_A_PIECE;
use crate::orders::{self, Deed};
use crate::requests::follow::{self, Moment};

/// Sees what waits, and decides about it.
pub const REVIEW: &str = "/Orders/Review";
/// Sends several failed orders again at once.
pub const BULK: &str = "/Orders/BulkReview";

/// Orders on one page of a review.
const SHOWN: u32 = 20;
/// Orders decided at once.
const DECIDED_AT_ONCE: usize = 200;
/// Longest comment that is kept.
const LONGEST_COMMENT: usize = 1_000;

/// What became of each order.
pub type Outcomes = Vec<(OrderId, Result<String, ApiError>)>;

/// How many orders wait for a reviewer, for the menu.
pub async fn waiting(op: &OpContext) -> Result<u64, ApiError> {
    op.require_duty_somewhere(Duty::Review)?;
    op.engine.store().orders_awaiting_review().await.map_err(internal)
}

/// A piece of what waits for a reviewer or has failed, grouped by cause and account type.
pub async fn page(op: &OpContext, filter: ReviewFilter) -> Result<ReviewPage, ApiError> {
    op.require_duty_somewhere(Duty::Review)?;
    let store = op.engine.store();
    let mut rows = store.orders_under_review().await.map_err(internal)?;
    rows.retain(|row| op.require_duty(Duty::Review, &row.account_type).is_ok());
    let groups = groups(op, &rows);
    let chosen: Vec<OrderId> = rows
        .iter()
        .filter(|row| filter.cause.as_ref().is_none_or(|cause| *cause == self::cause(row).0))
        .filter(|row| filter.account_type.as_ref().is_none_or(|kind| *kind == row.account_type))
        .filter(|row| filter.order.is_none_or(|order| order == row.id))
        .map(|row| row.id)
        .collect();
    let size = filter.limit.unwrap_or(SHOWN).clamp(1, IN_A_PIECE) as usize;
    let rest: Vec<OrderId> =
        chosen.iter().copied().filter(|id| filter.after.is_none_or(|after| *id > after)).take(size + 1).collect();
    let shown = rest.get(..size.min(rest.len())).unwrap_or_default();
    let next = (rest.len() > size).then(|| shown.last().map(ToString::to_string)).flatten();
    let orders = described(op, store.orders_by_id(shown).await.map_err(internal)?).await?;
    let declined = store.declined_page(false, None, Some(1)).await.map_err(internal)?.total;
    Ok(ReviewPage { groups, orders, total: chosen.len() as u64, next, declined })
}

/// What would follow from what the reviewer says, order by order; nothing is changed.
pub async fn prepare(
    op: &OpContext,
    verdicts: &[OrderVerdicts],
) -> Result<Vec<(ReviewOrder, Result<Forecast, String>)>, ApiError> {
    op.require_duty_somewhere(Duty::Review)?;
    let ids = ids_of(verdicts)?;
    let orders = described(op, op.engine.store().orders_by_id(&ids).await.map_err(internal)?).await?;
    let said: HashMap<OrderId, &OrderVerdicts> = verdicts.iter().map(|verdicts| (verdicts.order, verdicts)).collect();
    let prepared = orders.into_iter().map(|described| {
        let verdicts = said.get(&described.order.id).map(|said| map(said)).unwrap_or_default();
        // The comment is asked for on the same page.
        let reviewed = review::review(&described.order, &verdicts, &described.needed, "-");
        let forecast = reviewed.map(|reviewed| forecast(&described.order, &reviewed, &verdicts));
        (described, forecast.map_err(|refused| sentence(&refused)))
    });
    Ok(prepared.collect())
}

fn forecast(order: &Order, reviewed: &Reviewed, verdicts: &BTreeMap<OrderItemId, Verdict>) -> Forecast {
    let is_whole = reviewed.to == ProvisioningState::Inactive;
    let items = order.items.iter().filter(|item| review::waits(item)).map(|item| {
        let said = verdicts.get(&item.id).copied().unwrap_or(Verdict::Postpone);
        if reviewed.declined.contains(&item.id) {
            (item.id, Verdict::Decline, "Is not done, and not ordered again until somebody reopens it.")
        } else if is_whole {
            (item.id, Verdict::Decline, "Goes with the account, which is declined.")
        } else if reviewed.remainder.contains(&item.id) {
            (item.id, Verdict::Postpone, "Waits on for a review, in an order of its own.")
        } else if reviewed.later.contains(&item.id) {
            (item.id, Verdict::Postpone, "Is ordered once the account is there, and waits for a review then.")
        } else if said == Verdict::Approve {
            (item.id, Verdict::Approve, "Goes out.")
        } else {
            (item.id, Verdict::Postpone, "Stays as it is.")
        }
    });
    let summary = match (reviewed.to, reviewed.approved) {
        (ProvisioningState::Pending, approved) if approved == order.items.len() => {
            "The order goes out whole.".to_owned()
        }
        (ProvisioningState::Pending, approved) => format!("{approved} of {} properties go out.", order.items.len()),
        (ProvisioningState::Inactive, _) => "Nothing of the order goes out.".to_owned(),
        _ => "Nothing goes out now; the rest waits on.".to_owned(),
    };
    Forecast { summary, items: items.map(|(id, verdict, what)| (id, verdict, what.to_owned())).collect() }
}

/// Applies what the reviewer says, each order by itself: what is refused for one does not keep the others.
pub async fn decide(op: &OpContext, verdicts: Vec<OrderVerdicts>, comment: String) -> Result<Outcomes, ApiError> {
    op.require_duty_somewhere(Duty::Review)?;
    let comment = comment.trim().to_owned();
    if comment.chars().count() > LONGEST_COMMENT {
        return Err(ApiError::invalid("comment", format!("A comment has at most {LONGEST_COMMENT} characters.")));
    }
    let declines = |said: &OrderVerdicts| said.items.iter().any(|(_, verdict)| *verdict == Verdict::Decline);
    if comment.is_empty() && verdicts.iter().any(declines) {
        return Err(ApiError::invalid("comment", format!("{}.", capital(&Refused::CommentMissing.to_string()))));
    }
    let ids = ids_of(&verdicts)?;
    let orders = described(op, op.engine.store().orders_by_id(&ids).await.map_err(internal)?).await?;
    let mut known: HashMap<OrderId, ReviewOrder> =
        orders.into_iter().map(|described| (described.order.id, described)).collect();
    let mut outcomes = Outcomes::new();
    for said in &verdicts {
        let outcome = match known.remove(&said.order) {
            Some(described) => match op.require_duty(Duty::Review, &described.order.account_type) {
                Ok(()) => decide_one(op, described, said, &comment).await,
                Err(refused) => Err(refused),
            },
            None => Err(ApiError::not_found(format!("order {}", said.order))),
        };
        outcomes.push((said.order, outcome));
    }
    op.engine.wake().notify_waiters();
    Ok(outcomes)
}

/// Says the same to every property of an order: for the command line.
pub async fn decide_whole(op: &OpContext, id: OrderId, verdict: Verdict, comment: String) -> Result<String, ApiError> {
    op.require_duty_somewhere(Duty::Review)?;
    let order = op.engine.store().order(id).await.map_err(internal)?;
    let order = order.ok_or_else(|| ApiError::not_found(format!("order {id}")))?;
    if order.state != ProvisioningState::AwaitingApproval {
        return Err(refused(&Refused::NotWaiting { order: id, state: order.state }));
    }
    let items = order.items.iter().filter(|item| review::waits(item)).map(|item| (item.id, verdict)).collect();
    let mut outcomes = decide(op, vec![OrderVerdicts { order: id, items }], comment).await?;
    outcomes.pop().map_or_else(|| Err(ApiError::not_found(format!("order {id}"))), |(_, outcome)| outcome)
}

/// Sends failed orders again.
pub async fn unblock(op: &OpContext, ids: Vec<OrderId>) -> Result<Outcomes, ApiError> {
    op.require(if ids.len() > 1 { BULK } else { REVIEW })?;
    if ids.is_empty() {
        return Err(ApiError::invalid("orders", "No order is ticked. Tick at least one, then send again."));
    }
    let orders = op.engine.store().orders_by_id(&ids).await.map_err(internal)?;
    let mut known: HashMap<OrderId, Order> = orders.into_iter().map(|order| (order.id, order)).collect();
    let mut outcomes = Outcomes::new();
    for id in ids {
        let outcome = match known.remove(&id) {
            Some(order) if order.state == ProvisioningState::Errored => {
                orders::carry_out(op, &order, &Deed::Retry).await.map(|()| "Sent again.".to_owned())
            }
            Some(order) => Err(ApiError::conflict(format!(
                "Order {id} has not failed; it is \u{201c}{}\u{201d} by now.",
                order.state.label()
            ))),
            None => Err(ApiError::not_found(format!("order {id}"))),
        };
        outcomes.push((id, outcome));
    }
    op.engine.wake().notify_waiters();
    Ok(outcomes)
}

/// Every failed order of a group, for sending them again at once.
pub async fn failed(op: &OpContext, cause: &str, account_type: &str) -> Result<Vec<OrderId>, ApiError> {
    op.require(BULK)?;
    let rows = op.engine.store().orders_under_review().await.map_err(internal)?;
    let is_it = |row: &&UnderReview| {
        row.state == ProvisioningState::Errored && row.account_type == account_type && self::cause(row).0 == cause
    };
    Ok(rows.iter().filter(is_it).map(|row| row.id).collect())
}

/// What was declined, newest first.
pub async fn declined(
    op: &OpContext,
    with_reopened: bool,
    before: Option<DeclinedChangeId>,
) -> Result<Page<DeclinedRow>, ApiError> {
    op.require(REVIEW)?;
    let mut page = op.engine.store().declined_page(with_reopened, before, None).await.map_err(internal)?;
    for row in &mut page.rows {
        row.application = op.engine.application_label(&row.application);
    }
    Ok(page)
}

/// Takes a decision back: the next computation orders the change again where it is still wanted.
pub async fn reopen(op: &OpContext, id: DeclinedChangeId) -> Result<(), ApiError> {
    op.require(REVIEW)?;
    let found = op.engine.store().declined_change(id).await.map_err(internal)?;
    let found = found.ok_or_else(|| ApiError::not_found(format!("declined change {id}")))?;
    let audit = AuditLine {
        at: op.now,
        actor: op.user.login.clone(),
        action: "review".into(),
        subject: found.order.to_string(),
        detail: format!("reopened `{}`, which {} had declined", found.name, found.declined_by),
    };
    let (by, now) = (op.user.login.clone(), op.now);
    let work = op.engine.store().write(move |tx| {
        Box::pin(async move {
            let reopened = tx.reopen_declined_change(id, &by, now).await?;
            if reopened {
                tx.append_audit(&audit).await?;
            }
            Ok::<_, StoreError>(reopened)
        })
    });
    match work.await.map_err(internal)? {
        true => Ok(()),
        false => Err(ApiError::conflict("Somebody has reopened it before; nothing is left to do.")),
    }
}

// ----------------------------------------------------------------------------------------------------- deciding

async fn decide_one(
    op: &OpContext,
    described: ReviewOrder,
    said: &OrderVerdicts,
    comment: &str,
) -> Result<String, ApiError> {
    let ReviewOrder { order, kind, needed, .. } = described;
    let reviewed = review::review(&order, &map(said), &needed, comment).map_err(|error| refused(&error))?;
    if reviewed.items.is_empty() && reviewed.to == order.state {
        return Ok("Postponed; it stays as it is.".to_owned());
    }
    let fresh = reviewed.declined.len() + reviewed.remainder.len() + usize::from(!reviewed.remainder.is_empty());
    let mut ids = op.engine.store().reserve_ids(fresh).await.map_err(internal)?;
    let mut next = || ids.next().unwrap_or_default();
    let declined: Vec<DeclinedChange> = order
        .items
        .iter()
        .filter(|item| reviewed.declined.contains(&item.id))
        .map(|item| declined_change(op, &order, item, DeclinedChangeId(next()), comment))
        .collect();
    let remainder = remainder(&order, &reviewed, &mut next, op.now);
    let adopted = match (kind, order.account) {
        (ReviewKind::Association, Some(account)) if reviewed.approved > 0 => {
            adopted(op, order.identity, account).await?
        }
        _ => None,
    };
    let message = if comment.is_empty() { reviewed.message.clone() } else { format!("{} {comment}", reviewed.message) };
    // What waits on waits for the same reason, an undo for one.
    let why_it_waits = order.reason.clone().filter(|_| reviewed.to == ProvisioningState::AwaitingApproval);
    let transition = RecordedTransition {
        order: order.id,
        fence: None,
        from: vec![order.state],
        to: reviewed.to,
        reason: why_it_waits.clone(),
        fingerprint: None,
        repeats: 0,
        next_attempt_at: (reviewed.to == ProvisioningState::Pending).then_some(op.now),
        account: None,
        key: None,
        items: reviewed.items.clone(),
        answer: None,
        actor: op.user.login.clone(),
        message: message.clone(),
        at: op.now,
    };
    let mut after = order.clone();
    (after.state, after.reason) = (reviewed.to, why_it_waits);
    for (id, state, _) in &reviewed.items {
        if let Some(item) = after.items.iter_mut().find(|item| item.id == *id) {
            item.state = *state;
        }
    }
    let mut states = crate::record::assignment_states(&after);
    states.extend(remainder.iter().flat_map(crate::record::assignment_states));
    let audit = AuditLine {
        at: op.now,
        actor: op.user.login.clone(),
        action: "review".into(),
        subject: order.id.to_string(),
        detail: message,
    };
    let (id, now, today) = (order.id, op.now, op.engine.day(op.now));
    let work = op.engine.store().write(move |tx| {
        Box::pin(async move {
            let stands = tx.accepts_transitions(std::slice::from_ref(&transition)).await? == [true]
                && tx.orders_to_change(&[id]).await? == [order];
            if !stands {
                return Ok::<_, StoreError>(false);
            }
            tx.record_transitions(&[transition]).await?;
            tx.insert_orders(remainder.as_slice()).await?;
            tx.insert_declined_changes(&declined).await?;
            tx.update_accounts(adopted.as_slice(), now).await?;
            tx.set_assignment_states(&states).await?;
            let requests = tx.requests_of_orders(&[id]).await?;
            let links: Vec<_> =
                requests.iter().flat_map(|found| remainder.iter().map(|order| (found.request.id, order.id))).collect();
            tx.link_request_orders(&links).await?;
            follow::orders(tx, &[id], Moment { today, now, actor: &audit.actor }).await?;
            tx.append_audit(&audit).await?;
            Ok(true)
        })
    });
    match work.await.map_err(internal)? {
        true => Ok(reviewed.message),
        false => Err(ApiError::conflict(format!(
            "Somebody else has decided about order {id} in the meantime, and their word counts. Look at it again."
        ))),
    }
}

fn declined_change(
    op: &OpContext,
    order: &Order,
    item: &OrderItem,
    id: DeclinedChangeId,
    comment: &str,
) -> DeclinedChange {
    DeclinedChange {
        id,
        identity: order.identity,
        account_type: order.account_type.clone(),
        account: order.account,
        kind: item.kind,
        name: item.name.clone(),
        account_operation: order.operation,
        operation: item.operation,
        value: item.value.clone().filter(|_| !item.secret),
        order: order.id,
        declined_by: op.user.login.clone(),
        declined_at: op.now,
        comment: comment.to_owned(),
        reopened_by: None,
        reopened_at: None,
    }
}

/// What was postponed of an order that goes out: an order of its own, which waits on.
fn remainder(
    order: &Order,
    reviewed: &Reviewed,
    next: &mut impl FnMut() -> i64,
    now: jiff::Timestamp,
) -> Option<Order> {
    if reviewed.remainder.is_empty() {
        return None;
    }
    let id = OrderId(next());
    let postponed = order.items.iter().filter(|item| reviewed.remainder.contains(&item.id));
    let items = postponed.map(|item| OrderItem {
        id: OrderItemId(next()),
        state: ProvisioningState::AwaitingApproval,
        message: None,
        ..item.clone()
    });
    Some(Order {
        id,
        operation: Operation::Update,
        state: ProvisioningState::AwaitingApproval,
        explanation: format!("Postponed by a reviewer, out of order {}.", order.id),
        after: Vec::new(),
        created_at: now,
        items: items.collect(),
        ..order.clone()
    })
}

/// A found account as it is once it is taken over.
async fn adopted(op: &OpContext, owner: IdentityId, id: AccountId) -> Result<Option<Account>, ApiError> {
    let accounts = op.engine.store().accounts_of(&[owner]).await.map_err(internal)?;
    let found = accounts.into_iter().find(|account| account.id == id && account.provenance == Provenance::Found);
    Ok(found.map(|account| Account { provenance: Provenance::Adopted, ..account }))
}

fn ids_of(verdicts: &[OrderVerdicts]) -> Result<Vec<OrderId>, ApiError> {
    if verdicts.is_empty() {
        return Err(ApiError::invalid("orders", "Nothing is decided. Choose approve or decline for something first."));
    }
    if verdicts.len() > DECIDED_AT_ONCE {
        return Err(ApiError::invalid("orders", format!("At most {DECIDED_AT_ONCE} orders are decided at once.")));
    }
    let mut ids: Vec<OrderId> = verdicts.iter().map(|verdicts| verdicts.order).collect();
    ids.sort_unstable();
    ids.dedup();
    if ids.len() < verdicts.len() {
        return Err(ApiError::invalid("orders", "An order is named twice. Look at the page again before you decide."));
    }
    Ok(ids)
}

fn map(said: &OrderVerdicts) -> BTreeMap<OrderItemId, Verdict> {
    said.items.iter().copied().collect()
}

fn refused(error: &Refused) -> ApiError {
    match error {
        Refused::CommentMissing => ApiError::invalid("comment", sentence(error)),
        _ => ApiError::conflict(sentence(error)),
    }
}

fn sentence(error: &Refused) -> String {
    format!("{}.", capital(&error.to_string()))
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

// -------------------------------------------------------------------------------------------------- describing

/// A word for the cause, and a sentence about it.
fn cause(row: &UnderReview) -> (String, &'static str) {
    if matches!(row.reason, Some(StateReason::Undone { .. })) {
        return ("undone".to_owned(), "A person took the same back before; see the reason of the undo, then decide.");
    }
    if matches!(row.reason, Some(StateReason::Risk { .. })) {
        return ("risk".to_owned(), "It would complete a risk; see the reason, then decide.");
    }
    if row.state == ProvisioningState::AwaitingApproval {
        return ("review".to_owned(), "The account type asks for a review before anything is changed.");
    }
    let remedy = match &row.reason {
        Some(
            StateReason::Failed { class, .. }
            | StateReason::RetryWait { class, .. }
            | StateReason::SetAside { class, .. },
        ) => class.remedy(),
        Some(StateReason::Timeout) => "No answer in time. See whether the application works, then send again.",
        Some(StateReason::Drifted { .. }) => {
            "The application holds something else than what was ordered. See who changes it, then send again."
        }
        _ => "Look at the order for what happened, mend it, then send again.",
    };
    (failure_cause(row.reason.as_ref()).to_owned(), remedy)
}

fn groups(op: &OpContext, rows: &[UnderReview]) -> Vec<ReviewGroup> {
    let live = op.engine.world().live();
    let mut groups: BTreeMap<(bool, String, String), ReviewGroup> = BTreeMap::new();
    for row in rows {
        let (cause, label) = cause(row);
        let is_failure = row.state == ProvisioningState::Errored;
        let group =
            groups.entry((is_failure, cause.clone(), row.account_type.clone())).or_insert_with(|| ReviewGroup {
                state: row.state,
                cause,
                label: label.to_owned(),
                account_type: row.account_type.clone(),
                account_type_label: live.catalogue.account_type_label(&row.account_type).to_owned(),
                orders: 0,
            });
        group.orders += 1;
    }
    groups.into_values().collect()
}

async fn described(op: &OpContext, orders: Vec<Order>) -> Result<Vec<ReviewOrder>, ApiError> {
    let store = op.engine.store();
    let mut people: Vec<IdentityId> = orders.iter().map(|order| order.identity).collect();
    people.sort_unstable();
    people.dedup();
    let names: HashMap<IdentityId, String> = store
        .identities_by_id(&people)
        .await
        .map_err(internal)?
        .into_iter()
        .map(|identity| (identity.id, identity.display_name))
        .collect();
    let accounts: HashMap<AccountId, Account> =
        store.accounts_of(&people).await.map_err(internal)?.into_iter().map(|account| (account.id, account)).collect();
    let periods: HashMap<(IdentityId, Grantable), Period> = store
        .assignments_of(&people)
        .await
        .map_err(internal)?
        .into_iter()
        .map(|record| ((record.identity, record.grantable), record.period))
        .collect();
    let described = orders.into_iter().map(|order| {
        let account = order.account.and_then(|id| accounts.get(&id));
        let found = account.filter(|account| account.provenance == Provenance::Found);
        ReviewOrder {
            kind: review::kind(&order, found.is_some()),
            identity_name: names.get(&order.identity).cloned().unwrap_or_default(),
            application_name: op.engine.application_label(&order.application),
            account_type_label: op.engine.world().live().catalogue.account_type_label(&order.account_type).to_owned(),
            periods: item_periods(&order, &periods),
            confidence: found.and_then(|account| confidence(op, order.identity, account)),
            needed: needed(op, &order),
            order,
        }
    });
    Ok(described.collect())
}

fn item_periods(order: &Order, periods: &HashMap<(IdentityId, Grantable), Period>) -> Vec<(OrderItemId, Period)> {
    let grantable = |item: &OrderItem| match item.kind {
        ItemKind::Entitlement => item.entitlement.clone().map(Grantable::Entitlement),
        ItemKind::Lifecycle => Some(Grantable::AccountType(order.account_type.clone())),
        ItemKind::Attribute => None,
    };
    let period = |item: &OrderItem| Some((item.id, *periods.get(&(order.identity, grantable(item)?))?));
    let is_limited = |(_, period): &(OrderItemId, Period)| *period != Period::default();
    order.items.iter().filter_map(period).filter(is_limited).collect()
}

/// How surely the account is this person's.
fn confidence(op: &OpContext, identity: IdentityId, account: &Account) -> Option<u8> {
    let configuration = op.engine.world().configuration();
    let rules = &configuration.account_types.get(&account.account_type)?.correlation;
    let keys = op
        .engine
        .world()
        .with_population(|population| population.engine.correlation_keys(identity, &account.account_type));
    let key = configuration.account_types.get(&account.account_type).map(|kind| kind.key.as_str()).unwrap_or_default();
    let index = CorrelationIndex::new(rules, [(identity, keys)]).keyed_by(key);
    match correlate::correlate(&account.key, &account.attributes, &index, &[]) {
        Correlation::Owner { confidence, .. } => Some(confidence),
        Correlation::Review(owners) => owners.first().map(|owner| owner.confidence),
        Correlation::None => None,
    }
}

/// Properties without which the account cannot be created.
fn needed(op: &OpContext, order: &Order) -> Vec<OrderItemId> {
    let configuration = op.engine.world().configuration();
    let Some(kind) =
        configuration.account_types.get(&order.account_type).filter(|_| order.operation == Operation::Create)
    else {
        return Vec::new();
    };
    let is_needed = |item: &&OrderItem| {
        item.kind == ItemKind::Attribute
            && (item.name == kind.key || kind.attributes.get(&item.name).is_some_and(|made| made.required))
    };
    order.items.iter().filter(is_needed).map(|item| item.id).collect()
}
