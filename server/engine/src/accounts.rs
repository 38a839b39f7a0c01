//! Accounts that were found: whose they are, and of which type. Rules decide where they are certain; here is what people
//! decide, what stands in their name, and how it is taken back.

use std::collections::{BTreeMap, HashMap};

use model::account::{Account, AccountStatus};
use model::correlation::Decision;
use model::error::ApiError;
use model::ids::{AccountId, IdentityId};
use model::page::Page;
use model::view::{AccountDecision, AccountFilter, AccountRow, AuditLine, OwnerProposal};
use store::{NewIdentityEvent, StoreError};

use crate::context::OpContext;
use crate::error::internal;
use crate::tasks::synchronize::unique_values;

/// What takes it to decide.
const CORRELATE: &str = "/Accounts/Correlate";

/// What became of one account of several.
pub type AccountOutcome = (AccountId, Result<(), ApiError>);

/// A piece of an application's accounts, with what waits for a person and what people decided.
pub async fn page(op: &OpContext, filter: AccountFilter) -> Result<Page<AccountRow>, ApiError> {
    op.require("/Applications/View")?;
    if !op.engine.world().configuration().applications.contains_key(&filter.application) {
        return Err(ApiError::not_found(format!("application `{}`", filter.application)));
    }
    let store = op.engine.store();
    let mut page = store.account_page(&filter).await.map_err(internal)?;
    let ids: Vec<AccountId> = page.rows.iter().map(|row| row.id).collect();
    let owners = store.owner_proposals(&ids).await.map_err(internal)?;
    let types = store.type_proposals(&ids).await.map_err(internal)?;
    let decisions = store.account_decisions_of(&ids).await.map_err(internal)?;
    let mut named: Vec<IdentityId> = owners.iter().map(|(_, owner)| owner.identity).collect();
    named.extend(decisions.iter().filter_map(|standing| standing.decision.identity()));
    let names = names(op, named).await?;
    let mut called = called(op, &ids).await?;
    let mut rows: HashMap<AccountId, &mut AccountRow> = page.rows.iter_mut().map(|row| (row.id, row)).collect();
    let live = op.engine.world().live();
    let stand_ins = live.indirect.stand_ins();
    for (id, row) in &mut rows {
        row.called = called.remove(id);
        row.stands_for_entitlement = stand_ins.contains(row.account_type.as_str());
    }
    for (account, candidate) in owners {
        let (Some(row), Some((key, display_name))) = (rows.get_mut(&account), names.get(&candidate.identity)) else {
            continue;
        };
        if row.owner.is_none() && row.status != AccountStatus::Gone {
            row.proposals.push(OwnerProposal { display_name: display_name.clone(), key: key.clone(), candidate });
        }
    }
    for (account, candidate) in types {
        if let Some(row) = rows.get_mut(&account).filter(|row| row.account_type.is_empty()) {
            row.types.push(candidate);
        }
    }
    for standing in decisions {
        let name = standing.decision.identity().and_then(|id| names.get(&id)).map(|(_, name)| name.clone());
        if let Some(row) = rows.get_mut(&standing.account) {
            let (decision, by, at) = (standing.decision, standing.by, standing.at);
            row.decisions.push(AccountDecision { decision, name, by, at });
        }
    }
    for decided in crate::reconciliation::of_accounts(op, &ids).await? {
        if let Some(row) = decided.decision.subject.account().and_then(|id| rows.get_mut(&id)) {
            row.reconciled.push(decided);
        }
    }
    Ok(page)
}

/// What people know accounts by: the value of the attribute that is their type's key, or that of any type of the
/// application while they have none. Nothing where it is the key already.
pub(crate) async fn called(op: &OpContext, ids: &[AccountId]) -> Result<HashMap<AccountId, String>, ApiError> {
    let configuration = op.engine.world().configuration();
    let accounts = op.engine.store().accounts_by_id(ids).await.map_err(internal)?;
    let named = accounts.into_iter().filter_map(|account| {
        let mut types = configuration.account_types.iter().filter(|(name, kind)| {
            kind.application == account.application
                && (account.account_type.is_empty() || **name == account.account_type)
        });
        let value = types.find_map(|(_, kind)| account.attributes.get(&kind.key))?.to_string();
        (value != account.key).then_some((account.id, value))
    });
    Ok(named.collect())
}

/// Decides the same about each of the accounts. Each is for itself: what one is refused, the others are not.
pub async fn decide(
    op: &OpContext,
    accounts: Vec<AccountId>,
    decision: Decision,
) -> Result<Vec<AccountOutcome>, ApiError> {
    op.require(CORRELATE)?;
    let mut outcomes = Vec::with_capacity(accounts.len());
    for id in accounts {
        outcomes.push((id, decide_one(op, id, decision.clone()).await));
    }
    Ok(outcomes)
}

/// Links each of the accounts to the one who is proposed with the highest confidence; where two are equally good, nobody.
pub async fn link_proposed(op: &OpContext, accounts: Vec<AccountId>) -> Result<Vec<AccountOutcome>, ApiError> {
    op.require(CORRELATE)?;
    let mut best: BTreeMap<AccountId, Vec<(u8, IdentityId)>> = BTreeMap::new();
    for (account, owner) in op.engine.store().owner_proposals(&accounts).await.map_err(internal)? {
        best.entry(account).or_default().push((owner.confidence, owner.identity));
    }
    let mut outcomes = Vec::with_capacity(accounts.len());
    for id in accounts {
        let outcome = match best.get(&id).map(Vec::as_slice) {
            None | Some([]) => Err(ApiError::conflict("Nobody is proposed for it. Link it to somebody by their key.")),
            Some([first, second, ..]) if first.0 == second.0 => {
                Err(ApiError::conflict("Several people fit it equally well. Choose one of them in its line."))
            }
            Some([(_, identity), ..]) => decide_one(op, id, Decision::Linked { identity: *identity }).await,
        };
        outcomes.push((id, outcome));
    }
    Ok(outcomes)
}

/// Takes back what was decided about each of the accounts, and what followed from it.
pub async fn reopen(op: &OpContext, accounts: Vec<AccountId>) -> Result<Vec<AccountOutcome>, ApiError> {
    op.require(CORRELATE)?;
    let mut outcomes = Vec::with_capacity(accounts.len());
    for id in accounts {
        outcomes.push((id, reopen_one(op, id).await));
    }
    Ok(outcomes)
}

/// An account by its number, or by its key where only one account of all applications has it.
pub async fn find(op: &OpContext, text: &str) -> Result<AccountId, ApiError> {
    op.require("/Applications/View")?;
    let (application, key) = text.split_once(':').map_or((None, text), |(name, key)| (Some(name), key));
    if let (None, Ok(id)) = (application, text.parse::<AccountId>())
        && !op.engine.store().accounts_by_id(&[id]).await.map_err(internal)?.is_empty()
    {
        return Ok(id);
    }
    let configuration = op.engine.world().configuration();
    let mut found = Vec::new();
    for name in configuration.applications.keys().filter(|name| application.is_none_or(|wanted| wanted == *name)) {
        found.extend(op.engine.store().accounts_by_key(name, &[key.to_owned()]).await.map_err(internal)?);
    }
    found.retain(|account| account.status != AccountStatus::Gone);
    match found.as_slice() {
        [one] => Ok(one.id),
        [] => Err(ApiError::not_found(format!("account with the number or key `{text}`"))),
        several => {
            let numbers: Vec<String> =
                several.iter().map(|account| format!("{} ({})", account.id, account.application)).collect();
            Err(ApiError::invalid(
                "account",
                format!("Several accounts have the key `{text}`: {}. Give the number.", numbers.join(", ")),
            ))
        }
    }
}

async fn decide_one(op: &OpContext, id: AccountId, decision: Decision) -> Result<(), ApiError> {
    let account = account(op, id).await?;
    let configuration = op.engine.world().configuration();
    let mut name = None;
    if let Some(identity) = decision.identity() {
        let found = names(op, vec![identity]).await?.remove(&identity);
        name = Some(found.ok_or_else(|| ApiError::not_found(format!("identity {identity}")))?.1);
    }
    if account.status == AccountStatus::Gone {
        return Err(ApiError::conflict("The application does not have it any more; there is nothing to decide."));
    }
    if account.owner.is_some() {
        return Err(ApiError::conflict(match &decision {
            Decision::Classified { .. } => "It has an owner and a type already.",
            _ => "It has an owner already. Where a person linked it, reopen that decision first.",
        }));
    }
    match &decision {
        Decision::Linked { .. } if account.account_type.is_empty() => {
            return Err(ApiError::conflict("Nobody knows of which type it is. Choose its type first, then link it."));
        }
        Decision::Classified { account_type } => {
            let of = configuration.account_types.get(account_type).map(|kind| kind.application.as_str());
            if of != Some(account.application.as_str()) {
                let of_application =
                    configuration.account_types.iter().filter(|(_, kind)| kind.application == account.application);
                let known: Vec<&str> = of_application.map(|(name, _)| name.as_str()).collect();
                return Err(ApiError::invalid(
                    "account_type",
                    format!("There is no account type `{account_type}` in it. There are: {}.", known.join(", ")),
                ));
            }
            if !account.account_type.is_empty() {
                return Err(ApiError::conflict("Its type is known already."));
            }
        }
        _ => {}
    }
    let after = match &decision {
        Decision::Linked { identity } => Some(Account { owner: Some(*identity), ..account.clone() }),
        _ => None,
    };
    let reservations = unique_values(&configuration, &after);
    let label = op.engine.application_label(&account.application);
    let said = said(op, &decision, name.as_deref());
    let events: Vec<NewIdentityEvent> = match &decision {
        Decision::Linked { identity } => vec![NewIdentityEvent {
            identity: *identity,
            at: op.now,
            message: format!("{label}: account `{}` linked by {}.", account.key, op.user.login),
            order: None,
            run: None,
        }],
        _ => Vec::new(),
    };
    let becomes = match &decision {
        Decision::Linked { identity } => (Some(*identity), None),
        Decision::Classified { account_type } => (None, Some(account_type.as_str())),
        Decision::NotTheirs { .. } | Decision::Orphan => (None, None),
    };
    let following = crate::references::decided(&account, becomes, &op.engine.world().live().catalogue);
    let audit = audit(op, "account decided", &account, &said);
    let (by, at) = (op.user.login.clone(), op.now);
    let work = op.engine.store().write(move |tx| {
        Box::pin(async move {
            // Who links it after all does not mean what was said before: that nobody owns it, or not this one.
            if let Decision::Linked { identity } = &decision {
                tx.reopen_account(id, &Decision::Orphan, &by, at).await?;
                tx.reopen_account(id, &Decision::NotTheirs { identity: *identity }, &by, at).await?;
            }
            if !tx.decide_account(id, &decision, &by, at).await? {
                return Err(Taken::Meanwhile);
            }
            tx.reserve_values(&reservations).await?;
            tx.note_reference_changes(&following, at).await?;
            tx.append_identity_events(&events).await?;
            tx.append_audit(&audit).await?;
            Ok(())
        })
    });
    taken(work.await)
}

async fn reopen_one(op: &OpContext, id: AccountId) -> Result<(), ApiError> {
    let account = account(op, id).await?;
    let standing = op.engine.store().account_decisions_of(&[id]).await.map_err(internal)?;
    if standing.is_empty() {
        return Err(ApiError::conflict("Nobody decided anything about it, so there is nothing to reopen."));
    }
    let label = op.engine.application_label(&account.application);
    let events: Vec<NewIdentityEvent> = standing
        .iter()
        .filter_map(|standing| match &standing.decision {
            Decision::Linked { identity } => Some(NewIdentityEvent {
                identity: *identity,
                at: op.now,
                message: format!("{label}: account `{}` is no longer linked, by {}.", account.key, op.user.login),
                order: None,
                run: None,
            }),
            _ => None,
        })
        .collect();
    let kinds: Vec<&str> = standing.iter().map(|standing| standing.decision.kind()).collect();
    let following = crate::references::decided(&account, (None, None), &op.engine.world().live().catalogue);
    let audit = audit(op, "account reopened", &account, &kinds.join(", ").replace('_', " "));
    let (by, at) = (op.user.login.clone(), op.now);
    let work = op.engine.store().write(move |tx| {
        Box::pin(async move {
            for standing in &standing {
                if !tx.reopen_account(id, &standing.decision, &by, at).await? {
                    return Err(Taken::Meanwhile);
                }
            }
            tx.note_reference_changes(&following, at).await?;
            tx.append_identity_events(&events).await?;
            tx.append_audit(&audit).await?;
            Ok(())
        })
    });
    taken(work.await)
}

async fn account(op: &OpContext, id: AccountId) -> Result<Account, ApiError> {
    let found = op.engine.store().accounts_by_id(&[id]).await.map_err(internal)?;
    found.into_iter().next().ok_or_else(|| ApiError::not_found(format!("account {id}")))
}

/// Key and name of these people.
async fn names(op: &OpContext, mut ids: Vec<IdentityId>) -> Result<HashMap<IdentityId, (String, String)>, ApiError> {
    ids.sort_unstable();
    ids.dedup();
    let found = op.engine.store().identities_by_id(&ids).await.map_err(internal)?;
    Ok(found.into_iter().map(|identity| (identity.id, (identity.key, identity.display_name))).collect())
}

fn said(op: &OpContext, decision: &Decision, name: Option<&str>) -> String {
    let name = name.unwrap_or_default();
    match decision {
        Decision::Linked { .. } => format!("belongs to {name}"),
        Decision::NotTheirs { .. } => format!("does not belong to {name}"),
        Decision::Orphan => "belongs to nobody".to_owned(),
        Decision::Classified { account_type } => {
            format!("is of the type {}", op.engine.label(&model::access::Grantable::AccountType(account_type.clone())))
        }
    }
}

fn audit(op: &OpContext, action: &str, account: &Account, detail: &str) -> AuditLine {
    AuditLine {
        at: op.now,
        actor: op.user.login.clone(),
        action: action.to_owned(),
        subject: format!("account {} of {}", account.key, account.application),
        detail: detail.to_owned(),
    }
}

/// Why a decision was not taken; being an error, it rolls back what was written before it was found out.
enum Taken {
    Meanwhile,
    Store(StoreError),
}

impl From<StoreError> for Taken {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

fn taken(outcome: Result<(), Taken>) -> Result<(), ApiError> {
    match outcome {
        Ok(()) => Ok(()),
        Err(Taken::Meanwhile | Taken::Store(StoreError::Conflict { .. })) => {
            Err(ApiError::conflict("Somebody has decided about it meanwhile. Look at it again."))
        }
        Err(Taken::Store(error)) => Err(internal(error)),
    }
}
