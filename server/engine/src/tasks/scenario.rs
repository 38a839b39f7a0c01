//! What a run holds in memory instead of the database: what an incremental run read, and the copies on which a dry
//! run goes the same way as a real one.

use std::collections::BTreeMap;

use model::account::Account;
use model::feed::FeedIdentity;
use model::identity::Identity;
use model::view::PreviewLine;
use policy::engine::Engine as RoleEngine;
use store::StoreError;

use super::collect::Collected;
use super::{Context, Reading};

/// See the module's head.
#[derive(Default)]
pub(crate) struct Scenario {
    pub(crate) feeds: BTreeMap<String, (Reading, Vec<FeedIdentity>)>,
    pub(crate) applications: BTreeMap<String, Collected>,
    /// Everybody after a dry synchronization; by then the database knows otherwise.
    pub(crate) identities: Option<Vec<Identity>>,
    pub(crate) accounts: Option<Vec<Account>>,
    /// The role model over those identities.
    pub(crate) engine: Option<RoleEngine>,
    /// What would happen, for the run's page.
    lines: Vec<PreviewLine>,
    /// Orders a dry run would make.
    pub(crate) orders: u64,
}

impl Scenario {
    /// Takes over what another has read.
    pub(crate) fn absorb(&mut self, other: Self) {
        self.feeds.extend(other.feeds);
        self.applications.extend(other.applications);
    }
}

/// Preview lines kept for a dry run; beyond them only the counts go on.
const PREVIEW_LIMIT: usize = 20_000;

impl Context {
    /// Everybody, as a dry run has it so far.
    pub(crate) async fn dry_identities(&mut self) -> Result<Vec<Identity>, StoreError> {
        match &self.scenario.identities {
            Some(identities) => Ok(identities.clone()),
            None => self.engine.store().load_identities().await,
        }
    }

    /// All accounts, as a dry run has them so far.
    pub(crate) async fn dry_accounts(&mut self) -> Result<Vec<Account>, StoreError> {
        match &self.scenario.accounts {
            Some(accounts) => Ok(accounts.clone()),
            None => self.engine.store().load_accounts().await,
        }
    }

    /// The role model over the population of a dry run.
    pub(crate) async fn dry_engine(&mut self) -> Result<RoleEngine, StoreError> {
        if let Some(engine) = self.scenario.engine.take() {
            return Ok(engine);
        }
        let mut engine = crate::world::role_engine(self.engine.world().deciding().model.clone());
        for identity in &self.dry_identities().await? {
            engine.upsert(identity);
        }
        for (id, grants) in crate::world::by_identity(self.engine.store().direct_grants(None).await?) {
            engine.set_grants(id, grants);
        }
        for (id, state) in self.engine.store().lifecycle_periods(None).await? {
            engine.set_remembered(id, Some(state));
        }
        for (id, digest) in self.engine.store().role_model_digests().await? {
            engine.confirm(id, digest);
        }
        Ok(engine)
    }

    /// Adds to what would happen.
    pub(crate) async fn preview(&mut self, lines: Vec<PreviewLine>) -> Result<(), StoreError> {
        self.scenario.lines.extend(lines);
        self.scenario.lines.truncate(PREVIEW_LIMIT);
        let (run, lines) = (self.run, self.scenario.lines.clone());
        self.engine.store().write(move |tx| Box::pin(async move { tx.put_preview(run, &lines).await })).await
    }
}
