//! What risks make of the plan of one identity: what is borne already, and what is in the way.

use std::collections::HashSet;
use std::sync::Arc;

use broker::conflict::{self, Conflict, Guard, Situation};
use model::access::{DesiredAccess, DesiredAssignment};
use model::account::Account;
use model::configuration::OnConflict;
use model::ids::IdentityId;
use model::indirect::IndirectHolding;
use model::order::Order;
use model::risk::{AcceptedRisk, BrokenRule, ViolationState};
use store::StoreError;

use crate::Engine;
use crate::indirect::{Follower, Holder};
use crate::tasks::Context;
use crate::tasks::violations::risk_label;
use crate::world::Live;

/// What is decided about risks, read once.
pub(super) struct Risks {
    engine: Engine,
    live: Arc<Live>,
    /// Rules whose violation is excepted: their orders go on.
    excepted: HashSet<(IdentityId, String, u32)>,
    /// Risks that block, and that requests may bring about all the same.
    overridden: Vec<AcceptedRisk>,
    follower: Follower,
}

impl Risks {
    pub(super) async fn read(context: &Context, only: Option<&[IdentityId]>) -> Result<Self, StoreError> {
        let (engine, live) = (&context.engine, context.live());
        let follower = Follower::new(engine.store(), &live);
        let (mut excepted, mut overridden) = (HashSet::new(), Vec::new());
        if !live.risks.is_empty() {
            let known = engine.store().current_violations(only).await?.into_iter();
            let known = known.filter(|violation| violation.state == ViolationState::Excepted);
            excepted.extend(known.map(|violation| (violation.identity, violation.risk, violation.rule)));
            overridden = engine.store().overridden_risks().await?;
        }
        Ok(Self { engine: engine.clone(), live, excepted, overridden, follower })
    }

    /// With these as well, of a request that is only thought of.
    pub(super) fn with(mut self, overridden: &[AcceptedRisk]) -> Self {
        self.overridden.extend_from_slice(overridden);
        self
    }

    /// Over accounts as a dry run would leave them.
    pub(super) fn over(mut self, accounts: &[Account]) -> Self {
        self.follower = Follower::over(accounts, &self.live);
        self
    }

    /// Reads what these lead to, before conflicts are asked for.
    pub(super) async fn follow(&mut self, people: &[Holder<'_>]) -> Result<(), StoreError> {
        if self.live.risks.is_empty() { Ok(()) } else { self.follower.read(people).await }
    }

    /// What somebody with this access and these accounts holds indirectly, once it was [followed](Self::follow).
    pub(super) fn indirect(&self, assignments: &[DesiredAssignment], accounts: &[Account]) -> Vec<IndirectHolding> {
        self.follower.follow((assignments, accounts))
    }

    /// What of the desired access would newly complete a risk.
    pub(super) fn conflicts(&self, desired: &DesiredAccess, accounts: &[Account], orders: &[Order]) -> Vec<Conflict> {
        if self.live.risks.is_empty() {
            return Vec::new();
        }
        let indirect = self.indirect(&desired.assignments, accounts);
        let broken = self.live.risks.broken_rules(&desired.assignments, accounts, &indirect);
        if broken.is_empty() {
            return Vec::new();
        }
        let situation = Situation {
            desired,
            accounts,
            open_orders: orders,
            indirect: &indirect,
            catalogue: &self.live.catalogue,
            guard: &|rule| self.guard(desired.identity, rule),
            risk_label: &|name| risk_label(&self.live, name),
            label: &|thing| self.engine.label(thing),
        };
        conflict::conflicts(&situation, &broken)
    }

    fn guard(&self, identity: IdentityId, rule: &BrokenRule) -> Option<Guard> {
        if self.excepted.contains(&(identity, rule.risk.clone(), rule.rule)) {
            return None;
        }
        match self.live.configuration.risks.get(&rule.risk)?.on_conflict {
            OnConflict::Warn => None,
            OnConflict::Approve => Some(Guard::Hold),
            OnConflict::Block if self.is_overridden(rule) => Some(Guard::Hold),
            OnConflict::Block => Some(Guard::LeaveOut),
        }
    }

    /// Whether something of the rule was given by a request whose asker may override the risk.
    fn is_overridden(&self, rule: &BrokenRule) -> bool {
        let grants = || {
            let reasons = rule.sides.iter().flatten().flat_map(|thing| &thing.reasons);
            reasons.filter_map(|reason| reason.grant.as_ref())
        };
        let is_it = |row: &&AcceptedRisk| row.risk == rule.risk && row.rule == rule.rule;
        self.overridden.iter().filter(is_it).any(|row| grants().any(|origin| origin.request == row.request))
    }
}
