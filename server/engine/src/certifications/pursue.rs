//! What was revoked and signed off, followed until it is gone: each step is decided by `broker::certification::next` from
//! what is known now, and done by the entry that is there for it. Nothing is done twice: a request has a key of the item as
//! it was, and reconciliation knows what it was told.

use std::collections::{BTreeMap, HashMap, HashSet};

use broker::certification::{self, Facts, ItemEvent, Next, item_after};
use broker::request::Reach;
use model::access::Grantable;
use model::account::{Account, AccountStatus};
use model::certification::{Campaign, CampaignState, CertificationItem, ItemState};
use model::error::{ApiError, ErrorCode};
use model::ids::{AccountId, CampaignId, CertificationItemId, IdentityId, RequestId};
use model::order::{Order, ProvisioningState};
use model::reconciliation::{MarkKind, ReconciliationFilter, StandingMark, Verdict, View, Word};
use model::request::{Change, NewRequest, RequestItem, RequestPreview, RequestSource, RequestState};
use model::trigger::Trigger;
use store::{ItemChoice, StoreError};

use super::record::Batch;
use super::{reviewers, words};
use crate::Engine;
use crate::context::OpContext;
use crate::{reconciliation, requests};

/// Items looked at together.
const AT_ONCE: u32 = 200;
/// Longest reason that requests and reconciliation keep.
const LONGEST_REASON: usize = 500;

/// What campaigns that are over have left unsigned becomes what they say.
pub(super) async fn finish_what_is_over(engine: &Engine) -> Result<(), StoreError> {
    let mut campaigns: BTreeMap<CampaignId, Campaign> = BTreeMap::new();
    loop {
        let items = engine.store().left_over_items(AT_ONCE).await?;
        if items.is_empty() || engine.stopping().is_cancelled() {
            return Ok(());
        }
        let now = engine.now();
        let mut batch = Batch::default();
        for item in items {
            if !campaigns.contains_key(&item.campaign)
                && let Some(campaign) = engine.store().campaign(item.campaign).await?
            {
                campaigns.insert(item.campaign, campaign);
            }
            let Some(campaign) = campaigns.get(&item.campaign) else { continue };
            let event = match campaign.state {
                CampaignState::Cancelled => ItemEvent::Cancel,
                _ => ItemEvent::End(campaign.what.at_end),
            };
            let Some(state) = item_after(item.state, event) else { continue };
            let is_revoked = state == ItemState::Requested;
            let message = match event {
                ItemEvent::Cancel => "The campaign was cancelled.",
                _ if is_revoked => "Nobody had signed it off when the campaign ended, which revokes it.",
                _ => "Nobody had signed it off when the campaign ended: it stays.",
            };
            batch.event(item.id, state, (engine.node(), now), message.to_owned());
            let what = engine.label(&item.grantable);
            batch.tell(&item, now, format!("Certification \u{201c}{}\u{201d}, {what}: {message}", campaign.what.name));
            batch.items.push(CertificationItem {
                state,
                signed_at: is_revoked.then_some(now),
                ended_at: (!is_revoked).then_some(now),
                message: Some(message.to_owned()),
                ..item
            });
        }
        match batch.record(engine).await {
            Ok(()) | Err(StoreError::Contended) => {}
            Err(error) => return Err(error),
        }
    }
}

/// Looks at everything that is still to go.
pub(super) async fn all(engine: &Engine) -> Result<(), StoreError> {
    let states = [ItemState::Requested, ItemState::WithOwner, ItemState::Failed];
    let mut choice =
        ItemChoice { campaign: None, states: &states, decided_by: None, after: CertificationItemId(0), limit: AT_ONCE };
    loop {
        let items = engine.store().certification_items_in(&choice).await?;
        let Some(last) = items.last().filter(|_| !engine.stopping().is_cancelled()) else { return Ok(()) };
        choice.after = last.id;
        those(engine, items).await?;
    }
}

/// Looks at these, and does what is to be done next about each.
pub(super) async fn those(engine: &Engine, items: Vec<CertificationItem>) -> Result<(), StoreError> {
    if items.is_empty() {
        return Ok(());
    }
    engine.follow().await.map_err(|error| StoreError::Unavailable { reason: error.to_string() })?;
    let known = Known::read(engine, &items).await?;
    let mut campaigns: BTreeMap<CampaignId, Campaign> = BTreeMap::new();
    for item in items.into_iter().filter(|item| item.state.is_followed()) {
        if !campaigns.contains_key(&item.campaign)
            && let Some(campaign) = engine.store().campaign(item.campaign).await?
        {
            campaigns.insert(item.campaign, campaign);
        }
        let Some(campaign) = campaigns.get(&item.campaign) else { continue };
        let request = item.request.and_then(|id| Some((id, *known.requests.get(&id)?)));
        let next = certification::next((item.state, &item.grantable), request, &known.facts(engine, &item));
        match step(engine, campaign, item, next).await {
            // Somebody else was quicker; the next sweep looks again.
            Ok(()) | Err(StoreError::Contended) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

async fn step(engine: &Engine, campaign: &Campaign, item: CertificationItem, next: Next) -> Result<(), StoreError> {
    let is_requested = item.state == ItemState::Requested;
    match next {
        Next::Wait => Ok(()),
        Next::Gone => {
            let after = CertificationItem { message: None, ..item };
            go(engine, campaign, after, ItemEvent::Gone, "Nobody holds it any more: it was read back.".to_owned()).await
        }
        // A person tries again what failed; until then only what happens by itself counts.
        Next::Fail(why) if is_requested => fail(engine, campaign, item, why).await,
        Next::Ask(taken) if is_requested => ask(engine, campaign, item, taken).await,
        Next::Remove if is_requested => remove(engine, campaign, item).await,
        Next::Remove if item.state == ItemState::WithOwner => {
            let message = "The rule does not give it any more.".to_owned();
            go(engine, campaign, item, ItemEvent::Pursue, message).await
        }
        Next::Fail(_) | Next::Ask(_) | Next::Remove => Ok(()),
        Next::PassToOwner(gives) => pass_to_owner(engine, campaign, item, gives).await,
    }
}

/// Moves an item on, and says so.
async fn go(
    engine: &Engine,
    campaign: &Campaign,
    item: CertificationItem,
    event: ItemEvent,
    message: String,
) -> Result<(), StoreError> {
    let now = engine.now();
    let Some(state) = item_after(item.state, event) else { return Ok(()) };
    let mut batch = Batch::default();
    batch.event(item.id, state, (engine.node(), now), message.clone());
    let what = engine.label(&item.grantable);
    batch.tell(&item, now, format!("Certification \u{201c}{}\u{201d}, {what}: {message}", campaign.what.name));
    if state == ItemState::WithOwner {
        batch.reassigned.push(item.clone());
        batch.notices = words::to_owners(engine, campaign, &item, now);
    }
    let ended_at = (state == ItemState::Removed).then_some(now);
    batch.items.push(CertificationItem { state, ended_at, ..item });
    batch.record(engine).await
}

async fn fail(engine: &Engine, campaign: &Campaign, item: CertificationItem, why: String) -> Result<(), StoreError> {
    let after = CertificationItem { message: Some(why.clone()), ..item };
    go(engine, campaign, after, ItemEvent::Fail, format!("It could not be taken away. {why}")).await
}

async fn pass_to_owner(
    engine: &Engine,
    campaign: &Campaign,
    item: CertificationItem,
    gives: Vec<Grantable>,
) -> Result<(), StoreError> {
    let Some(first) = gives.into_iter().next() else { return Ok(()) };
    let asks = [(item.identity, first.clone())];
    let owners = reviewers::owners(engine, &campaign.what, &asks).await?.pop().unwrap_or_default();
    let label = engine.label(&first);
    let message = format!("A rule gives it by {label}: to be changed by whoever answers for {label}.");
    let after = CertificationItem { reviewers: owners, changes: Some(first), message: Some(message.clone()), ..item };
    go(engine, campaign, after, ItemEvent::PassToOwner, message).await
}

// ------------------------------------------------------------------------------------------------ taking it away

async fn ask(
    engine: &Engine,
    campaign: &Campaign,
    item: CertificationItem,
    taken: Vec<Grantable>,
) -> Result<(), StoreError> {
    let op = on_the_word_of(engine, item.decided_by.as_deref()).await?;
    let new = request(campaign, &item, taken, &op);
    match requests::hand_in(&op, new).await {
        Ok(submission) => {
            let Some(id) = submission.request else { return Ok(()) };
            let mut batch = Batch::default();
            batch.event(item.id, item.state, (engine.node(), engine.now()), format!("Request {id} takes it away."));
            batch.items.push(CertificationItem { request: Some(id), message: None, ..item });
            batch.record(engine).await
        }
        // The next sweep tries it again.
        Err(error) if error.code == ErrorCode::Internal => Ok(()),
        Err(error) => fail(engine, campaign, item, error.message).await,
    }
}

/// What would happen, were it signed off: none where no request would be made.
pub(super) async fn foretell(
    engine: &Engine,
    campaign: &Campaign,
    item: &CertificationItem,
) -> Result<Option<RequestPreview>, ApiError> {
    let today = engine.today();
    let explained =
        engine.world().with_population(|population| population.engine.explain(item.identity, &item.grantable, today));
    let reasons = explained.filter(|explained| explained.held).map(|explained| explained.reasons).unwrap_or_default();
    let facts = Facts { reasons, is_recorded: true, is_held: true, ..Facts::default() };
    let Next::Ask(taken) = certification::next((ItemState::Requested, &item.grantable), None, &facts) else {
        return Ok(None);
    };
    let op = on_the_word_of(engine, item.decided_by.as_deref()).await.map_err(crate::error::internal)?;
    let new = NewRequest { simulate: true, key: None, ..request(campaign, item, taken, &op) };
    requests::hand_in(&op, new).await.map(|submission| Some(submission.preview))
}

fn request(campaign: &Campaign, item: &CertificationItem, taken: Vec<Grantable>, op: &OpContext) -> NewRequest {
    let things = taken.into_iter().map(|grantable| RequestItem { change: Change::Take, grantable });
    let source = RequestSource {
        kind: "certification".to_owned(),
        name: campaign.what.name.clone(),
        reference: Some(item.id.to_string()),
    };
    NewRequest {
        requester: Some(op.user.login.clone()),
        key: Some(format!("item {} as of {}", item.id, item.version)),
        ..NewRequest::new(Trigger::Certification, source, item.identity, things.collect(), reason(campaign, item))
    }
}

fn reason(campaign: &Campaign, item: &CertificationItem) -> String {
    let said = if item.comment.is_empty() { "revoked" } else { &item.comment };
    format!("Certification \u{201c}{}\u{201d}: {said}", campaign.what.name).chars().take(LONGEST_REASON).collect()
}

async fn remove(engine: &Engine, campaign: &Campaign, item: CertificationItem) -> Result<(), StoreError> {
    let op = on_the_word_of(engine, item.decided_by.as_deref()).await?;
    let unready = |error: ApiError| StoreError::Unavailable { reason: error.message };
    let accounts = engine.store().accounts_of(&[item.identity]).await?;
    let accounts: Vec<AccountId> = accounts.into_iter().map(|account| account.id).collect();
    let view = if matches!(item.grantable, Grantable::AccountType(_)) { View::Accounts } else { View::Access };
    let filter = ReconciliationFilter { view, ..ReconciliationFilter::default() };
    let found = reconciliation::findings(&op, &filter, Some(&accounts)).await.map_err(unready)?;
    let is_meant = |finding: &model::reconciliation::Finding| finding.grantable.as_ref() == Some(&item.grantable);
    let subjects: Vec<_> = found.into_iter().filter(is_meant).map(|finding| finding.subject).collect();
    if subjects.is_empty() {
        return Ok(());
    }
    let word = Word { verdict: Verdict::Remove, reason: reason(campaign, &item), until: None, responsible: None };
    let outcomes = reconciliation::decide(&op, &subjects, &word).await.map_err(unready)?;
    match outcomes.into_iter().find_map(|(_, outcome)| outcome.err()) {
        Some(error) => fail(engine, campaign, item, error.message).await,
        None => {
            let mut batch = Batch::default();
            let message = "Nothing grants it: it is removed, as reconciliation does it.".to_owned();
            batch.event(item.id, item.state, (engine.node(), engine.now()), message);
            batch.items.push(item);
            batch.record(engine).await
        }
    }
}

/// With all rights, because the sign-off was theirs to give, and in the name of whoever gave it.
async fn on_the_word_of(engine: &Engine, login: Option<&str>) -> Result<OpContext, StoreError> {
    let operating = engine.operating_context("certification");
    let Some(login) = login else { return Ok(operating) };
    let found = engine.store().user_by_login(login).await?;
    Ok(match found {
        Some((user, _)) => OpContext { user, ..operating },
        None => operating,
    })
}

// -------------------------------------------------------------------------------------------------------- facts

/// What is known of the people whose access is to go.
struct Known {
    recorded: HashSet<(IdentityId, Grantable)>,
    accounts: HashMap<IdentityId, Vec<Account>>,
    orders: HashMap<IdentityId, Vec<Order>>,
    marks: Vec<StandingMark>,
    requests: HashMap<RequestId, RequestState>,
}

impl Known {
    async fn read(engine: &Engine, items: &[CertificationItem]) -> Result<Self, StoreError> {
        let store = engine.store();
        let mut people: Vec<IdentityId> = items.iter().map(|item| item.identity).collect();
        people.sort_unstable();
        people.dedup();
        let requests: Vec<RequestId> = items.iter().filter_map(|item| item.request).collect();
        let requests = store.requests_by_id(&requests).await?;
        let recorded = store.assignments_of(&people).await?.into_iter().filter(|row| row.workflow_state.grants());
        let mut known = Self {
            recorded: recorded.map(|row| (row.identity, row.grantable)).collect(),
            accounts: HashMap::new(),
            orders: HashMap::new(),
            marks: store.reconciliation_marks(Some(&people), engine.today()).await?,
            requests: requests.into_iter().map(|request| (request.id, request.state)).collect(),
        };
        for account in store.accounts_of(&people).await? {
            if let Some(owner) = account.owner {
                known.accounts.entry(owner).or_default().push(account);
            }
        }
        for order in store.open_orders_of(&people).await? {
            known.orders.entry(order.identity).or_default().push(order);
        }
        Ok(known)
    }

    fn facts(&self, engine: &Engine, item: &CertificationItem) -> Facts {
        let (live, today) = (engine.world().live(), engine.today());
        let explained = engine
            .world()
            .with_population(|population| population.engine.explain(item.identity, &item.grantable, today));
        let reasons = explained.filter(|explained| explained.held).map(|explained| explained.reasons);
        // Accounts that are blocked give no access; what they hold goes with them.
        let holding: Vec<AccountId> = self
            .accounts
            .get(&item.identity)
            .into_iter()
            .flatten()
            .filter(|account| account.status == AccountStatus::Enabled)
            .filter(|account| match &item.grantable {
                Grantable::AccountType(name) => account.account_type == *name,
                Grantable::Entitlement(name) => live.catalogue.entitlement(name).is_some_and(|facts| {
                    account.account_type == facts.account_type && account.entitlements.contains(&facts.key)
                }),
                // Once they are off the record, what they gave is held for itself.
                Grantable::Role(_) | Grantable::AccessProfile(_) => false,
            })
            .map(|account| account.id)
            .collect();
        let key = match &item.grantable {
            Grantable::Entitlement(name) => live.catalogue.entitlement(name).map(|facts| facts.key.clone()),
            _ => None,
        };
        let takes = [RequestItem { change: Change::Take, grantable: item.grantable.clone() }];
        let reach = Reach::of(&takes, |thing| live.model.reach(thing));
        let orders = || {
            let orders = self.orders.get(&item.identity).into_iter().flatten();
            orders.filter(|order| reach.is_served_by(order))
        };
        let is_failed = |order: &&Order| matches!(order.state, ProvisioningState::Errored | ProvisioningState::Error);
        Facts {
            reasons: reasons.unwrap_or_default(),
            is_recorded: self.recorded.contains(&(item.identity, item.grantable.clone())),
            is_settling: orders().any(|order| !is_failed(&order)),
            failed: orders().find(is_failed).map(|order| order.id),
            is_marked: self.marks.iter().any(|mark| {
                mark.kind == MarkKind::Remove && holding.contains(&mark.account) && mark.entitlement == key
            }),
            is_held: !holding.is_empty(),
        }
    }
}
