//! Putting a campaign together: what was held when it began, person by person. Each piece is written with how far it is, so
//! that nothing is in it twice, whatever dies and whoever works beside; the last piece lets it begin.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use broker::certification::{CampaignEvent, campaign_after, origin};
use jiff::{SignedDuration, Timestamp};
use model::access::Grantable;
use model::account::Account;
use model::certification::{Campaign, CertificationItem, ItemState, Origin, Scope};
use model::configuration::Configuration;
use model::error::ApiError;
use model::identity::{Identity, LifecycleState};
use model::ids::{AccountId, CampaignId, CertificationItemId, IdentityId};
use model::reconciliation::{ReconciliationFilter, View};
use policy::expression::Expression;
use store::{CampaignStep, StoreError};

use super::{reviewers, words};
use crate::Engine;
use crate::bulk_changes::people;
use crate::indirect::Follower;
use crate::reconciliation;

/// Pieces that whoever starts a campaign waits for.
pub(super) const PIECES_AT_ONCE: u32 = 20;
/// People of one piece.
const PEOPLE: u32 = 200;

/// Does the next piece; true where nothing is left to do.
pub(super) async fn go_on(engine: &Engine, id: CampaignId) -> Result<bool, StoreError> {
    engine.follow().await.map_err(|error| StoreError::Unavailable { reason: error.to_string() })?;
    let store = engine.store();
    let Some(campaign) = store.campaign(id).await? else { return Ok(true) };
    let Some(active) = campaign_after(campaign.state, CampaignEvent::Start) else { return Ok(true) };
    let started_at = campaign.started_at.unwrap_or_else(|| engine.now());
    let before = (campaign.state, campaign.through);
    let next = Campaign { started_at: Some(started_at), ..campaign };
    let found = store.identities_after(next.through, PEOPLE).await?;
    let Some(last) = found.last() else {
        let waiting = store.campaign_reviewers(id).await?;
        let notices = words::notices(engine, &next, &waiting, engine.now());
        let step = CampaignStep { before, after: Campaign { state: active, ..next } };
        let work = store.write(move |tx| {
            Box::pin(async move {
                if tx.step_campaign(&step).await? {
                    tx.insert_notices(&notices).await?;
                }
                Ok::<_, StoreError>(())
            })
        });
        work.await?;
        return Ok(true);
    };
    let through = last.id;
    let items = covered(engine, &next, started_at, &found).await?;
    let step = CampaignStep { before, after: Campaign { through, ..next } };
    let work = store.write(move |tx| {
        Box::pin(async move {
            // Where somebody else was quicker, the piece is theirs.
            if tx.step_campaign(&step).await? {
                tx.insert_certification_items(&items).await?;
            }
            Ok::<_, StoreError>(())
        })
    });
    work.await?;
    Ok(false)
}

/// Something that somebody holds, before it is known whether the campaign covers it.
struct Held {
    identity: IdentityId,
    item: CertificationItem,
}

/// What accounts hold of these people that leads to what counts for a risk, with its level: it can be taken away, and that cannot.
async fn led_to(
    engine: &Engine,
    risks: &BTreeMap<(IdentityId, Grantable), i32>,
) -> Result<Vec<((IdentityId, Grantable), i32)>, StoreError> {
    let live = engine.world().live();
    let mut leading = Vec::new();
    if live.indirect.is_empty() || risks.is_empty() {
        return Ok(leading);
    }
    let people: Vec<IdentityId> =
        risks.keys().map(|(identity, _)| *identity).collect::<BTreeSet<_>>().into_iter().collect();
    let mut accounts: BTreeMap<IdentityId, Vec<Account>> = BTreeMap::new();
    for account in engine.store().accounts_of(&people).await? {
        if let Some(owner) = account.owner {
            accounts.entry(owner).or_default().push(account);
        }
    }
    let mut follower = Follower::new(engine.store(), &live);
    for (identity, accounts) in accounts {
        for holding in follower.of_one((&[], &accounts)).await? {
            let named = |account_type: &str, key: &str| {
                let name = live.catalogue.entitlement_of(account_type, key)?;
                Some((identity, Grantable::Entitlement(name.to_owned())))
            };
            let level = named(&holding.account_type, &holding.key).and_then(|reached| risks.get(&reached).copied());
            let first = holding.path.first().and_then(|step| named(&step.account_type, &step.key));
            leading.extend(first.zip(level));
        }
    }
    Ok(leading)
}

async fn covered(
    engine: &Engine,
    campaign: &Campaign,
    started_at: Timestamp,
    found: &[Identity],
) -> Result<Vec<CertificationItem>, StoreError> {
    let (store, scope) = (engine.store(), &campaign.what.scope);
    let live = engine.world().live();
    let configuration = &live.configuration;
    let people = meant(engine, scope, found)?;
    let mut all = held(engine, campaign.id, &people).await?;
    all.retain(|held| held.item.since <= started_at && is_meant(configuration, scope, &held.item));

    let mut risks: BTreeMap<(IdentityId, Grantable), i32> = BTreeMap::new();
    for violation in store.current_violations(Some(&people)).await? {
        let Some(level) = configuration.risks.get(&violation.risk).map(|risk| risk.level) else { continue };
        for thing in &violation.things {
            // What leads to something is what can be taken away.
            for grantable in thing.thing.brought_by().into_iter().chain([thing.thing.grantable.clone()]) {
                let highest = risks.entry((violation.identity, grantable)).or_insert(level);
                *highest = level.max(*highest);
            }
        }
    }
    for ((identity, thing), level) in led_to(engine, &risks).await? {
        let highest = risks.entry((identity, thing)).or_insert(level);
        *highest = level.max(*highest);
    }
    let since = scope
        .not_certified_days
        .and_then(|days| started_at.checked_sub(SignedDuration::from_hours(24 * i64::from(days))).ok());
    let certified = match since {
        Some(_) => store.last_certified(&people).await?,
        None => BTreeMap::new(),
    };
    for held in &mut all {
        held.item.risk = risks.get(&(held.identity, held.item.grantable.clone())).copied();
    }
    all.retain(|held| {
        let key = (held.identity, held.item.grantable.clone());
        let is_fresh = since.is_some_and(|since| certified.get(&key).is_some_and(|(at, _)| *at >= since));
        let is_risky = scope.risk_level.is_none_or(|least| held.item.risk.is_some_and(|level| least <= level));
        is_risky && !is_fresh
    });

    let asks: Vec<_> = all.iter().map(|held| (held.identity, held.item.grantable.clone())).collect();
    let asked = reviewers::of(engine, &campaign.what, &asks).await?;
    let ids = store.reserve_ids(all.len()).await?;
    let item = |((held, reviewers), id): ((Held, Vec<String>), i64)| CertificationItem {
        id: CertificationItemId(id),
        reviewers,
        ..held.item
    };
    Ok(all.into_iter().zip(asked).zip(ids).map(item).collect())
}

/// Those of these whom the campaign is about. Whoever has left loses everything by itself.
fn meant(engine: &Engine, scope: &Scope, found: &[Identity]) -> Result<Vec<IdentityId>, StoreError> {
    let today = engine.today();
    let conditions = conditions(&engine.world().configuration(), scope);
    let conditions = conditions.map_err(|error| StoreError::Invalid { what: error.message })?;
    let mut people = Vec::new();
    for identity in found.iter().filter(|identity| identity.lifecycle(today) != LifecycleState::Leaver) {
        let mut is_meant = true;
        for condition in &conditions {
            is_meant &= people::holds(condition, identity, today).map_err(|what| StoreError::Invalid { what })?;
        }
        if is_meant {
            people.push(identity.id);
        }
    }
    Ok(people)
}

/// What people have to fulfil.
pub(super) fn conditions(configuration: &Configuration, scope: &Scope) -> Result<Vec<Expression>, ApiError> {
    let department = scope.department.as_ref().map(|name| {
        let quoted = serde_json::to_string(name).unwrap_or_default();
        format!("identity.department == {quoted}")
    });
    let texts = scope.condition.iter().chain(&department);
    texts.map(|text| people::understood(configuration, text)).collect()
}

/// Everything that these hold, person by person: what is granted, and what applications hold all the same.
async fn held(engine: &Engine, campaign: CampaignId, people: &[IdentityId]) -> Result<Vec<Held>, StoreError> {
    let configuration = engine.world().configuration();
    let store = engine.store();
    let blank = |identity: IdentityId, grantable: Grantable, since: Timestamp| CertificationItem {
        id: CertificationItemId(0),
        campaign,
        identity,
        application: configuration.application_of(&grantable).unwrap_or_default().to_owned(),
        grantable,
        origin: Origin::NonConforming,
        reasons: Vec::new(),
        since,
        subject: None,
        risk: None,
        state: ItemState::Open,
        version: 1,
        reviewers: Vec::new(),
        decided_by: None,
        decided_at: None,
        comment: String::new(),
        signed_at: None,
        request: None,
        changes: None,
        message: None,
        ended_at: None,
    };
    let mut all = Vec::new();
    let mut granted = HashSet::new();
    for row in store.assignments_of(people).await?.into_iter().filter(|row| row.workflow_state.grants()) {
        granted.insert((row.identity, row.grantable.clone()));
        let origin = origin(&row.reasons);
        let item = CertificationItem { origin, reasons: row.reasons, ..blank(row.identity, row.grantable, row.since) };
        all.push(Held { identity: row.identity, item });
    }
    let accounts: Vec<AccountId> = store.accounts_of(people).await?.into_iter().map(|account| account.id).collect();
    let op = engine.operating_context("certification");
    for view in [View::Access, View::Accounts] {
        if accounts.is_empty() {
            break;
        }
        let filter = ReconciliationFilter { view, ..ReconciliationFilter::default() };
        let found = reconciliation::findings(&op, &filter, Some(&accounts)).await;
        for finding in found.map_err(|error| StoreError::Unavailable { reason: error.message })? {
            let (Some(identity), Some(grantable)) = (finding.subject.identity(), finding.grantable) else { continue };
            // The same thing on a second account is the same item: it is granted, or in it already.
            if granted.insert((identity, grantable.clone())) {
                let item =
                    CertificationItem { subject: Some(finding.subject), ..blank(identity, grantable, finding.since) };
                all.push(Held { identity, item });
            }
        }
    }
    all.sort_by(|a, b| (a.identity, &a.item.grantable).cmp(&(b.identity, &b.item.grantable)));
    Ok(all)
}

/// Whether the thing is of those that the campaign is about.
fn is_meant(configuration: &Configuration, scope: &Scope, item: &CertificationItem) -> bool {
    let thing = &item.grantable;
    let is_of_category = || {
        let category = configuration.terms(thing).and_then(|terms| terms.category);
        let path = category.as_ref().map(|name| configuration.category_path(name)).unwrap_or_default();
        path.iter().any(|name| scope.categories.iter().any(|wanted| wanted == name))
    };
    (scope.applications.is_empty() || scope.applications.contains(&item.application))
        && (scope.categories.is_empty() || is_of_category())
        && (scope.things.is_empty() || scope.things.contains(thing))
        && (scope.kinds.is_empty() || scope.kinds.iter().any(|kind| kind == thing.kind()))
        && (scope.origins.is_empty() || scope.origins.contains(&item.origin))
}
