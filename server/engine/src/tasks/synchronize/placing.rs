//! Where accounts that were found belong: of which type they are, and whose. Rules that are certain decide; the rest is
//! kept for a person, whose decisions stand. What has a type and an owner is never looked at again.

use std::collections::HashMap;

use broker::correlate::{Classification, Correlation, CorrelationIndex, classify, correlate};
use model::account::{Account, AccountStatus};
use model::correlation::{Decision, OwnerCandidate, Proposals, StandingDecision};
use model::ids::{AccountId, IdentityId};
use model::job::LogLevel;
use policy::classification::Seen;
use store::StoreError;

use super::Context;
use crate::progress::Progress;
use crate::tasks::counted;

/// What was found out about accounts.
pub(super) struct Placed {
    /// Those that have another type or owner now, or are new.
    pub(super) accounts: Vec<Account>,
    /// Of every account that was looked at, also where nothing is left to propose.
    pub(super) proposals: Vec<Proposals>,
    /// How many found an owner.
    pub(super) linked: usize,
}

/// Places new accounts, and those on record that still lack a type or an owner. All are of one application.
pub(super) async fn place(
    context: &mut Context,
    progress: &Progress,
    application: &str,
    new: Vec<Account>,
    on_record: Vec<Account>,
) -> Result<Placed, StoreError> {
    let decisions = Decisions::read(context, application).await?;
    let is_open = |account: &Account| {
        account.status != AccountStatus::Gone
            && (account.account_type.is_empty() || account.owner.is_none())
            && !decisions.is_orphan(account.id)
    };
    let on_record: Vec<Account> = on_record.into_iter().filter(is_open).collect();
    let mut placed = Placed { accounts: Vec::new(), proposals: Vec::new(), linked: 0 };
    if new.is_empty() && on_record.is_empty() {
        return Ok(placed);
    }
    let model = context.engine.world().deciding().model.clone();
    let mut indexes = Indexes::default();
    let (mut unclassified, mut proposed) = (0, 0);
    let known = on_record.iter().map(|account| account.id).collect::<std::collections::HashSet<_>>();
    for mut account in new.into_iter().chain(on_record) {
        let before = (account.account_type.clone(), account.owner);
        let mut proposals = Proposals { account: account.id, owners: Vec::new(), types: Vec::new() };
        if account.account_type.is_empty() {
            let seen = Seen {
                key: &account.key,
                enabled: account.status == AccountStatus::Enabled,
                attributes: &account.attributes,
                entitlements: &account.entitlements,
            };
            match classify(model.account_types_of(application, &seen)) {
                Classification::Type(account_type) => account.account_type = account_type,
                Classification::Review(types) => proposals.types = types,
                Classification::None => {}
            }
        }
        if account.account_type.is_empty() {
            unclassified += 1;
        } else if account.owner.is_none() {
            let index = indexes.of(context, &account.account_type).await?;
            match correlate(&account.key, &account.attributes, index, decisions.not_theirs(account.id)) {
                Correlation::Owner { identity, .. } => {
                    account.owner = Some(identity);
                    placed.linked += 1;
                }
                Correlation::Review(owners) => {
                    proposed += 1;
                    proposals.owners = worth_proposing(owners);
                }
                Correlation::None => {}
            }
        }
        placed.proposals.push(proposals);
        if !known.contains(&account.id) || before != (account.account_type.clone(), account.owner) {
            placed.accounts.push(account);
        }
    }
    for (count, what) in [
        (unclassified, "without a type, because no rule is sure; choose it on the application's page"),
        (proposed, "with a proposed owner and no certainty; decide on the application's page"),
    ] {
        if count > 0 {
            progress.say(LogLevel::Warning, format!("`{application}`: {} {what}.", counted(count, "account")));
        }
    }
    Ok(placed)
}

/// A confidence of 0 is a rule switched off.
fn worth_proposing(owners: Vec<OwnerCandidate>) -> Vec<OwnerCandidate> {
    owners.into_iter().filter(|owner| owner.confidence > 0).collect()
}

/// What people decided about the application's accounts.
struct Decisions {
    orphans: Vec<AccountId>,
    not_theirs: HashMap<AccountId, Vec<IdentityId>>,
}

impl Decisions {
    async fn read(context: &Context, application: &str) -> Result<Self, StoreError> {
        let mut decisions = Self { orphans: Vec::new(), not_theirs: HashMap::new() };
        for StandingDecision { account, decision, .. } in context.engine.store().account_decisions(application).await? {
            match decision {
                Decision::Orphan => decisions.orphans.push(account),
                Decision::NotTheirs { identity } => decisions.not_theirs.entry(account).or_default().push(identity),
                // The account itself says so.
                Decision::Linked { .. } | Decision::Classified { .. } => {}
            }
        }
        decisions.orphans.sort_unstable();
        Ok(decisions)
    }

    fn is_orphan(&self, account: AccountId) -> bool {
        self.orphans.binary_search(&account).is_ok()
    }

    fn not_theirs(&self, account: AccountId) -> &[IdentityId] {
        self.not_theirs.get(&account).map_or(&[], Vec::as_slice)
    }
}

/// Everybody by the values that an account type's rules compare, made when first asked for.
#[derive(Default)]
struct Indexes(HashMap<String, CorrelationIndex>);

impl Indexes {
    async fn of(&mut self, context: &mut Context, account_type: &str) -> Result<&CorrelationIndex, StoreError> {
        if !self.0.contains_key(account_type) {
            let index = index(context, account_type).await?;
            self.0.insert(account_type.to_owned(), index);
        }
        Ok(self.0.entry(account_type.to_owned()).or_default())
    }
}

async fn index(context: &mut Context, account_type: &str) -> Result<CorrelationIndex, StoreError> {
    let configuration = context.engine.world().deciding().configuration();
    let Some(kind) = configuration.account_types.get(account_type) else { return Ok(CorrelationIndex::default()) };
    if kind.correlation.is_empty() {
        return Ok(CorrelationIndex::default());
    }
    let identities = context.dry_identities().await?;
    let keys: Vec<(IdentityId, Vec<Option<String>>)> = if context.mode.dry_run {
        let engine = context.dry_engine().await?;
        let keys = identities
            .iter()
            .map(|identity| (identity.id, engine.correlation_keys(identity.id, account_type)))
            .collect();
        context.scenario.engine = Some(engine);
        keys
    } else {
        if let Err(error) = context.engine.follow().await {
            tracing::error!(error = &error as &dyn std::error::Error, "Memory cannot follow the database");
        }
        context.engine.world().with_population(|population| {
            identities
                .iter()
                .map(|identity| (identity.id, population.engine.correlation_keys(identity.id, account_type)))
                .collect()
        })
    };
    Ok(CorrelationIndex::new(&kind.correlation, keys))
}
