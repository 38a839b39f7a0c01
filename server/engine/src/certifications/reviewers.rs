//! Whose word counts about an item: worked out as for approvals of requests, step by step until somebody is found who may
//! decide about it. Nobody decides about their own access.

use broker::request_approval::{self, Matter, Person, TOP};
use model::access::Grantable;
use model::certification::{Campaign, CertificationItem, NewCampaign};
use model::configuration::{ApprovalStage, Approver};
use model::ids::{CertificationItemId, IdentityId};
use store::StoreError;

use super::record::Batch;
use super::{MANAGE, logins, words};
use crate::Engine;
use crate::request_approvals::facts::{Facts, Question};

/// Items looked at together.
const AT_ONCE: u32 = 500;

/// Who reviews each of these: those whom the campaign names, else the manager's manager, else the fallback, else whoever
/// may manage campaigns.
pub(super) async fn of(
    engine: &Engine,
    what: &NewCampaign,
    asks: &[(IdentityId, Grantable)],
) -> Result<Vec<Vec<String>>, StoreError> {
    let steps = [what.reviewers.clone(), vec![Approver::ManagersManager], what.fallback.clone()];
    found(engine, &steps, asks).await
}

/// Who answers for what a rule gives: its owner, else its application's, else the campaign's fallback, else whoever may
/// manage campaigns.
pub(super) async fn owners(
    engine: &Engine,
    what: &NewCampaign,
    asks: &[(IdentityId, Grantable)],
) -> Result<Vec<Vec<String>>, StoreError> {
    let steps = [vec![Approver::Owner], vec![Approver::ApplicationOwner], what.fallback.clone()];
    found(engine, &steps, asks).await
}

async fn found(
    engine: &Engine,
    steps: &[Vec<Approver>],
    asks: &[(IdentityId, Grantable)],
) -> Result<Vec<Vec<String>>, StoreError> {
    let questions: Vec<Question> = asks.iter().map(|(id, thing)| Question::about(*id, thing.clone())).collect();
    let mut facts = Facts::read(engine, &questions, MANAGE).await?;
    let mut all: Vec<Vec<String>> = Vec::with_capacity(asks.len());
    let mut last: Option<(Matter, Vec<String>)> = None;
    for (matter, (_, thing)) in facts.matters.iter_mut().zip(asks) {
        // Entitlements and account types have no owner of their own: their application's answers for them.
        if matches!(thing, Grantable::Entitlement(_) | Grantable::AccountType(_)) {
            matter.owner = matter.owner.take().or_else(|| matter.application_owner.clone());
        }
        // Much of what one person holds is the same matter.
        let logins = match &last {
            Some((before, logins)) if before == matter => logins.clone(),
            _ => first(steps, matter, &facts.people),
        };
        last = Some((matter.clone(), logins.clone()));
        all.push(logins);
    }
    Ok(all)
}

/// Those of the first step that finds anybody.
fn first(steps: &[Vec<Approver>], matter: &Matter, people: &[Person]) -> Vec<String> {
    let everybody = ApprovalStage::of([]);
    let staged = steps.iter().map(|step| (ApprovalStage::of(step.iter().cloned()), 0));
    let mut found = staged.chain([(everybody, TOP)]).map(|(stage, level)| {
        let people = request_approval::approvers(&stage, level, matter, people);
        logins(people.into_iter().map(|person| person.login.as_str()))
    });
    found.find(|logins| !logins.is_empty()).unwrap_or_default()
}

/// Gives what waits only for people who are gone, or away, to others.
pub(super) async fn replace_who_is_gone(engine: &Engine, campaign: &Campaign) -> Result<(), StoreError> {
    let store = engine.store();
    let asked: Vec<String> = store.campaign_reviewers(campaign.id).await?.into_iter().map(|(login, _)| login).collect();
    if asked.is_empty() {
        return Ok(());
    }
    let people = Facts::read(engine, &[], MANAGE).await?.people;
    let is_here = |login: &String| people.iter().any(|one| !one.is_away && one.login.eq_ignore_ascii_case(login));
    let gone: Vec<String> = asked.into_iter().filter(|login| !is_here(login)).collect();
    if gone.is_empty() {
        return Ok(());
    }
    let mut after = CertificationItemId(0);
    loop {
        let found = store.open_items_of_reviewers(campaign.id, &gone, after, AT_ONCE).await?;
        let Some(last) = found.last() else { return Ok(()) };
        after = last.id;
        let lonely = |item: &CertificationItem| !item.reviewers.iter().any(is_here);
        let lonely: Vec<CertificationItem> = found.into_iter().filter(lonely).collect();
        let asks: Vec<_> = lonely.iter().map(|item| (item.identity, item.grantable.clone())).collect();
        let mut batch = Batch { running: Some(campaign.id), ..Batch::default() };
        for (mut item, reviewers) in lonely.into_iter().zip(of(engine, &campaign.what, &asks).await?) {
            if reviewers.is_empty() || reviewers == item.reviewers {
                continue;
            }
            item.reviewers = reviewers;
            let message = "Given to others: those who were asked are away.".to_owned();
            batch.event(item.id, item.state, (engine.node(), engine.now()), message);
            batch.reassigned.push(item.clone());
            batch.items.push(item);
        }
        if !batch.items.is_empty() {
            batch.notices = words::given(engine, campaign, &batch.items, engine.now());
            match batch.record(engine).await {
                // The next sweep looks again.
                Ok(()) | Err(StoreError::Contended) => {}
                Err(error) => return Err(error),
            }
        }
    }
}
