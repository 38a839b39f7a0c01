//! What the next run would order were another configuration live: the plans of everybody of whom something else would be wanted, made by
//! the planner that runs have, under both configurations and from the same accounts, orders and decisions on record. So the orders
//! of these people are those of that run, if nothing else happens before it; what is due for others is left out, also of what is
//! counted against limits.
//!
//! A draft of a large organisation is worked out beside the requests that ask for it; what it came to is kept for a while.
//! Nothing is written, and nothing is read from applications.

mod compared;
mod kept;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use model::access::{DesiredAccess, DesiredAssignment, Reason};
use model::blast_radius::BlastRadius;
use model::block::TripView;
use model::configuration::Configuration;
use model::draft::{DraftState, ObjectKind};
use model::error::ApiError;
use model::ids::{DraftId, IdentityId};
use model::view::PreviewLine;
use policy::engine::Concerned;
use policy::model::RoleModel;
use serde::Serialize;

use self::compared::Compared;
pub(crate) use self::kept::Simulations;
use crate::Engine;
use crate::configuration::{self, ConfigurationPlan};
use crate::configurations::ConfigurationError;
use crate::context::OpContext;
use crate::error::internal;
use crate::tasks::generate::Planner;
use crate::what_if::WhatIf;
use crate::world::Live;

/// Sees what a configuration would do.
pub const VIEW: &str = "/Configuration/View";

/// People planned for at once.
const PIECE: usize = 5_000;

/// What a run would order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Simulation {
    /// When accounts, orders and people were looked at.
    pub at: Timestamp,
    /// For whom plans were made: of whom something else would be wanted, or, where plans are made otherwise, all whom that may concern.
    pub people: u64,
    /// What would be ordered then, and is not now, or not as it is.
    pub brought: Orders,
    /// What would be ordered now, and nothing for the same account then.
    pub spared: Orders,
    /// Orders that wait, and would be called off because nothing needs them any more.
    pub withdrawn: u64,
    /// Orders of the same people that are due either way.
    pub either_way: u64,
    /// Limits that what is due then for these people would exceed: a run would be stopped, and all of it listed for approval.
    /// What is due for others counts as well, and is not looked at.
    pub trips: Vec<TripView>,
    /// Whether that takes somebody else than who started the run.
    pub second_person: bool,
    /// Risks that more or fewer people would break once all orders are carried out, by what they are called.
    pub risks: Vec<RiskEffect>,
    /// What would be given and is not ordered, because it would complete a risk that blocks.
    pub left_out: u64,
    /// Orders that would wait for a person, because they complete a risk that takes an approval.
    pub held: u64,
    /// Plans that their checker refuses, which is a fault of the program.
    pub refused: u64,
}

/// Orders that differ.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Orders {
    pub count: u64,
    /// How much they change where, and for whom most.
    pub radius: BlastRadius,
    /// By person, at most [`LINES`].
    pub lines: Vec<PreviewLine>,
}

/// Orders that are listed.
pub const LINES: usize = 1_000;

/// For how many a risk would be there, or no longer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RiskEffect {
    pub risk: String,
    pub label: String,
    pub created: u64,
    pub cured: u64,
    /// The first of them for whom it would be there.
    pub people: Vec<(IdentityId, String)>,
}

/// How far it is.
#[derive(Clone, Debug)]
pub enum Standing {
    /// So many people of so many; of none while it has just begun, or waits for another one.
    Working {
        done: u64,
        of: u64,
    },
    Done(Arc<Simulation>),
}

impl Simulation {
    /// As far as whoever asks may see people, and who breaks risks.
    fn seen_by(mut self, op: &OpContext) -> Self {
        let sees_people = op.may("/Identities/View");
        if !sees_people {
            for orders in [&mut self.brought, &mut self.spared] {
                orders.lines.clear();
                orders.radius.top_people.clear();
            }
        }
        if !(sees_people && op.may(crate::violations::VIEW)) {
            self.risks.iter_mut().for_each(|risk| risk.people.clear());
        }
        self
    }
}

/// What the next run would order were this draft published. Waits for it a little; whoever is told that it is being worked out
/// asks again.
///
/// # Errors
/// Also where the draft has ended, or could not be published as it is.
pub async fn of_draft(op: &OpContext, id: DraftId) -> Result<Standing, ApiError> {
    op.require(VIEW)?;
    let draft = crate::drafts::draft(op, id).await?;
    let ended = match draft.state {
        DraftState::Open => None,
        DraftState::Published => Some("This draft is published: what runs ordered since stands under Job execution."),
        DraftState::Discarded => Some("This draft is discarded: no run orders anything because of it."),
    };
    if let Some(ended) = ended {
        return Err(ApiError::conflict(ended));
    }
    op.engine.follow().await.map_err(|_| ApiError::internal())?;
    let live = op.engine.world().live();
    if draft.changes.iter().any(|change| change.has_moved(&live.configuration)) {
        return Err(unfit());
    }
    let wanted = configuration::drafted(&live.configuration, &draft).map_err(|_| unfit())?;
    let standing = kept::standing(&op.engine, id, live, wanted).await?;
    Ok(match standing {
        Standing::Done(done) => Standing::Done(Arc::new(Simulation::clone(&done).seen_by(op))),
        working @ Standing::Working { .. } => working,
    })
}

/// What the next run would order were these files applied.
pub async fn of_files(op: &OpContext, directory: &Path) -> Result<Simulation, ConfigurationError> {
    op.require(VIEW)?;
    let files = configuration::read(directory).map_err(ConfigurationError::Findings)?;
    op.engine.follow().await.map_err(|_| ApiError::internal())?;
    let live = op.engine.world().live();
    let done = simulate(&op.engine, live, files.configuration, &|_, _| {}).await?;
    Ok(done.seen_by(op))
}

fn unfit() -> ApiError {
    ApiError::conflict(
        "This could not be made live as it is, so what a run would order cannot be told. Put right first what the draft's \
         page, or `config plan`, says.",
    )
}

/// `told` hears how many of how many people are planned for.
async fn simulate(
    engine: &Engine,
    live: Arc<Live>,
    wanted: Configuration,
    told: &(dyn Fn(u64, u64) + Send + Sync),
) -> Result<Simulation, ApiError> {
    let (at, today) = (engine.now(), engine.today());
    let (asked, now) = (engine.clone(), Arc::clone(&live));
    let prepare = move || {
        let model = RoleModel::compile_beside(&now.model, &wanted).map_err(|_| unfit())?;
        let then = Arc::new(Live::new(now.version, Arc::new(wanted), Arc::new(model)));
        let plans_otherwise = plans_otherwise(&configuration::difference(&now.configuration, &then.configuration));
        let concerned = asked.world().with_population(|population| {
            let concerned = match plans_otherwise {
                true => Concerned::Everybody,
                false => population.engine.concerned_by(&now.model, &then.model, today),
            };
            let people = match concerned {
                Concerned::These(people) => people,
                Concerned::Everybody => population.engine.everybody(),
            };
            population.engine.ids_of(&people)
        });
        Ok::<_, ApiError>((then, concerned, plans_otherwise))
    };
    let (supposed, ids, plans_otherwise) =
        tokio::task::spawn_blocking(prepare).await.map_err(|_| ApiError::internal())??;
    let mut planner = Planner::new(engine, &live, &supposed);
    let mut compared = Compared::default();
    let of = ids.len() as u64;
    let mut done = 0;
    told(done, of);
    for piece in ids.chunks(PIECE) {
        let (asked, now, then, ids) = (engine.clone(), Arc::clone(&live), Arc::clone(&supposed), piece.to_vec());
        let desired = move || WhatIf::of_these(asked.world(), &now, &then, &ids, today).desired();
        let desired = tokio::task::spawn_blocking(desired).await.map_err(|_| ApiError::internal())?;
        let desired = if plans_otherwise { desired } else { apart(desired) };
        let ids: Vec<IdentityId> = desired.1.iter().map(|access| access.identity).collect();
        let (now, then) = planner.plan(&ids, desired, today).await.map_err(internal)?;
        compared.note((&live.catalogue, now), (&supposed.catalogue, then));
        done += piece.len() as u64;
        told(done, of);
    }
    let (trips, second_person) = planner.trips().await.map_err(internal)?;
    let population = engine.world().with_population(|population| population.engine.len()) as u64;
    Ok(Simulation { at, trips, second_person, ..compared.simulation(population, (&live, &supposed)) })
}

/// Those of whom something else is wanted than before, or by another way, which counts where a risk keeps something from being ordered:
/// of the others the same plans would be made, whatever facts tell why they have what they have.
fn apart((before, after): (Vec<DesiredAccess>, Vec<DesiredAccess>)) -> (Vec<DesiredAccess>, Vec<DesiredAccess>) {
    let mut before: HashMap<IdentityId, DesiredAccess> =
        before.into_iter().map(|access| (access.identity, access)).collect();
    let pairs = after.into_iter().filter_map(|access| {
        let earlier = before.remove(&access.identity)?;
        (!is_planned_alike(&earlier, &access)).then_some((earlier, access))
    });
    pairs.unzip()
}

fn is_planned_alike(one: &DesiredAccess, other: &DesiredAccess) -> bool {
    let held = |access: &DesiredAccess| {
        let way = |reason: &Reason| (reason.rule.clone(), reason.path.clone(), reason.grant.clone());
        let of = |held: &DesiredAssignment| {
            let ways: Vec<_> = held.reasons.iter().map(way).collect();
            (held.grantable.clone(), held.period, held.workflow_state, ways)
        };
        access.assignments.iter().map(of).collect::<Vec<_>>()
    };
    one.lifecycle == other.lifecycle && one.accounts == other.accounts && held(one) == held(other)
}

/// Whether something else changes than who should have what: how accounts are planned, or which risks there are.
fn plans_otherwise(changes: &ConfigurationPlan) -> bool {
    let of_role_model = [ObjectKind::Role, ObjectKind::AccessProfile, ObjectKind::Rule].map(ObjectKind::noun);
    let mut all = changes.added.iter().chain(&changes.changed).chain(&changes.removed);
    all.any(|change| !of_role_model.contains(&change.kind.as_str()))
}

#[cfg(test)]
mod tests {
    use model::access::{Fact, Grantable, WorkflowState};
    use model::identity::Period;
    use model::value::Value;

    use super::*;

    fn access(id: i64, profile: &str, path: &[&str], department: &str) -> DesiredAccess {
        let reason = Reason {
            rule: "sales".into(),
            context: None,
            facts: vec![Fact { attribute: "department".into(), value: Some(Value::Text(department.into())) }],
            path: path.iter().map(|role| Grantable::Role((*role).into())).collect(),
            grant: None,
        };
        let held = DesiredAssignment {
            grantable: Grantable::AccessProfile(profile.into()),
            period: Period::default(),
            workflow_state: WorkflowState::Calculated,
            reasons: vec![reason],
        };
        DesiredAccess {
            identity: IdentityId(id),
            assignments: vec![held],
            accounts: Vec::new(),
            denied: Vec::new(),
            lifecycle: None,
        }
    }

    #[test]
    fn plans_are_made_of_whom_something_else_is_wanted_or_by_another_way() {
        let before = vec![
            access(1, "buyer", &[], "Sales"),
            access(2, "buyer", &[], "Sales"),
            access(3, "buyer", &["clerk"], "Sales"),
            access(4, "buyer", &[], "Sales"),
        ];
        let after = vec![
            access(1, "buyer", &[], "Marketing"),
            access(2, "seller", &[], "Sales"),
            access(3, "buyer", &[], "Sales"),
            access(4, "buyer", &[], "Sales"),
        ];
        let (before, after) = apart((before, after));
        for side in [before, after] {
            assert_eq!(side.iter().map(|access| access.identity.0).collect::<Vec<_>>(), [2, 3]);
        }
    }
}
