//! What a change of the configuration takes from people is kept for a while, where the role or the access profile has a
//! grace period: it becomes a direct grant with a last day, written with the configuration that takes it.
//!
//! Who loses it is told by the same comparison that shows what a draft would do: the same people on the same day, under both
//! configurations. So nothing is kept for somebody whose department changed, nor for whom it was taken by a denial. From
//! there on it is a grant like any other, with its reason, and the boundary at its end withdraws it.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use jiff::ToSpan as _;
use jiff::civil::Date;
use model::access::{GrantOrigin, Grantable, Reason};
use model::configuration::Configuration;
use model::error::ApiError;
use model::identity::Period;
use model::ids::{ConfigurationVersionId, DirectGrantId, IdentityId, RequestId};
use model::request::{
    Change, DirectGrant, NewRequest, Request, RequestEvent, RequestItem, RequestSource, RequestState,
};
use model::trigger::Trigger;
use policy::engine::{Engine as RoleEngine, Shifts};
use policy::model::RoleModel;
use store::{NewIdentityEvent, RequestProgress, StoreError, Tx};

use crate::configuration::Whom;
use crate::context::OpContext;
use crate::error::internal;
use crate::requests;
use crate::what_if::WhatIf;
use crate::world::by_identity;

/// As the requests are marked that keep something.
const SOURCE: (&str, &str) = ("configuration", "grace");

/// Something that is kept although the configuration no longer gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    identity: IdentityId,
    pub(crate) grantable: Grantable,
    pub(crate) days: u16,
    /// Rules that gave it until now.
    rules: Vec<String>,
}

/// Whether anything has a grace period at all.
fn has_grace(configuration: &Configuration) -> bool {
    configuration.roles.values().any(|role| role.grace_days > 0)
        || configuration.access_profiles.values().any(|profile| profile.grace_days > 0)
}

/// What people lose from one configuration to another and keep for a while. `after` gives it to them from here on.
pub(crate) fn keep(
    before: &RoleEngine,
    after: &mut RoleEngine,
    wanted: &Configuration,
    people: &[Whom],
    grants: &[DirectGrant],
    today: Date,
) -> Vec<Kept> {
    if !has_grace(wanted) {
        return Vec::new();
    }
    let mut reached = Reached { model: Arc::clone(after.model()), known: BTreeMap::new() };
    let mut kept: Vec<Kept> = Vec::new();
    let shifts = Shifts::new(before, after, today);
    let is_kept = |thing: &Grantable| wanted.terms(thing).is_some_and(|terms| terms.grace_days > 0);
    for whom in people.iter().filter(|whom| whom.is_active) {
        let loses = || shifts.of(whom.id).is_none_or(|shift| shift.losses.iter().any(|one| is_kept(shifts.lost(*one))));
        if before.digest(whom.id) != after.digest(whom.id) && loses() {
            kept.extend(lost(before, after, wanted, whom.id, today, &mut reached));
        }
    }
    let own = by_identity(grants.to_vec());
    let mut given: BTreeMap<IdentityId, Vec<DirectGrant>> = BTreeMap::new();
    for one in &kept {
        let grants = given.entry(one.identity).or_insert_with(|| own.get(&one.identity).cloned().unwrap_or_default());
        let origin = GrantOrigin { request: RequestId(0), by: String::new(), why: String::new() };
        grants.push(one.grant(DirectGrantId(0), origin, today));
    }
    let ids: Vec<IdentityId> = given.keys().copied().collect();
    for (id, grants) in given {
        after.set_grants(id, grants);
    }
    after.compute_only(&ids, today);
    // Of what a lifecycle state stops, for one, nothing is kept.
    let held: HashSet<(IdentityId, Grantable)> =
        ids.iter().flat_map(|id| held(after, *id, today).into_iter().map(|thing| (*id, thing))).collect();
    kept.retain(|one| held.contains(&(one.identity, one.grantable.clone())));
    kept
}

/// What holding something leads to, worked out once for each.
struct Reached {
    model: Arc<RoleModel>,
    known: BTreeMap<Grantable, BTreeSet<Grantable>>,
}

impl Reached {
    fn leads_to(&mut self, from: &Grantable, to: &Grantable) -> bool {
        let model = &self.model;
        let reached = self.known.entry(from.clone()).or_insert_with(|| model.reach(from).into_iter().collect());
        reached.contains(to)
    }
}

fn held(engine: &RoleEngine, id: IdentityId, today: Date) -> BTreeSet<Grantable> {
    let assignments = engine.desired(id, today).map(|desired| desired.assignments).unwrap_or_default();
    assignments.into_iter().filter(|one| one.workflow_state.grants()).map(|one| one.grantable).collect()
}

/// What one person loses and keeps; of what comes with something else that is kept as long, only that other thing.
fn lost(
    before: &RoleEngine,
    after: &RoleEngine,
    wanted: &Configuration,
    id: IdentityId,
    today: Date,
    reached: &mut Reached,
) -> Vec<Kept> {
    let (Some(had), Some(has)) = (before.desired(id, today), after.desired(id, today)) else { return Vec::new() };
    let denied: BTreeSet<&Grantable> = has.denied.iter().map(|denied| &denied.grantable).collect();
    let held = held(after, id, today);
    let gone = had.assignments.iter().filter(|one| {
        one.workflow_state.grants() && !held.contains(&one.grantable) && !denied.contains(&one.grantable)
    });
    let mut lost: Vec<Kept> = Vec::new();
    for one in gone {
        let Some(terms) = wanted.terms(&one.grantable).filter(|terms| terms.dormancy(today).is_none()) else {
            continue;
        };
        // What came with something that is denied now goes with it.
        let is_automatic =
            |reason: &&Reason| reason.grant.is_none() && !reason.path.iter().any(|step| denied.contains(step));
        let rules: BTreeSet<String> =
            one.reasons.iter().filter(is_automatic).map(|reason| reason.rule.clone()).collect();
        if terms.grace_days > 0 && !rules.is_empty() {
            let (grantable, rules) = (one.grantable.clone(), rules.into_iter().collect());
            lost.push(Kept { identity: id, grantable, days: terms.grace_days, rules });
        }
    }
    let mut comes_with = |one: &Kept| {
        let others = lost.iter().filter(|other| other.grantable != one.grantable && one.days <= other.days);
        others.into_iter().any(|other| reached.leads_to(&other.grantable, &one.grantable))
    };
    let alone: Vec<bool> = lost.iter().map(|one| !comes_with(one)).collect();
    lost.into_iter().zip(alone).filter(|(_, alone)| *alone).map(|(one, _)| one).collect()
}

impl Kept {
    /// The first day on which it is not kept any more.
    fn ends(&self, today: Date) -> Option<Date> {
        today.checked_add(i32::from(self.days).days()).ok()
    }

    fn grant(&self, id: DirectGrantId, origin: GrantOrigin, today: Date) -> DirectGrant {
        let period = Period { starts: Some(today), ends: self.ends(today) };
        DirectGrant { id, identity: self.identity, grantable: self.grantable.clone(), period, origin }
    }
}

/// What is written with a configuration: requests that are done already, for whom they are and what they give.
#[derive(Default)]
pub(crate) struct Written {
    rows: Vec<(Request, String, DirectGrant)>,
    events: Vec<RequestEvent>,
    told: Vec<NewIdentityEvent>,
}

impl Written {
    /// How much is kept.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }
}

/// Works out what is kept when `wanted` takes the place of what is live. Takes ids of its own; nothing is written.
pub(crate) async fn prepare(
    op: &OpContext,
    wanted: &Configuration,
    version: ConfigurationVersionId,
) -> Result<Written, ApiError> {
    if !has_grace(wanted) {
        return Ok(Written::default());
    }
    let store = op.engine.store();
    let (engine, today, new) = (op.engine.clone(), op.engine.today(), wanted.clone());
    let work = move || {
        let live = engine.world().live();
        WhatIf::new(engine.world(), &live, new, today).map(|mut what_if| what_if.keep())
    };
    let kept = tokio::task::spawn_blocking(work).await.map_err(|_| ApiError::internal())?;
    let Ok(kept) = kept else { return Err(ApiError::internal()) };
    let mut ids = store.reserve_ids(kept.len() * 2).await.map_err(internal)?;
    let mut next = || ids.next().unwrap_or_default();
    let mut written = Written::default();
    for one in kept {
        let last = one.ends(today).and_then(|ends| ends.yesterday().ok());
        let until = last.map_or_else(String::new, |last| format!(" until {last}"));
        let rules: Vec<String> = one.rules.iter().take(3).map(|rule| format!("\u{201c}{rule}\u{201d}")).collect();
        let justification = format!(
            "Kept{until} since version {version} of the configuration no longer gives it; before, it came from rule {}.",
            rules.join(", ")
        );
        let item = RequestItem { change: Change::Give, grantable: one.grantable.clone() };
        let source = RequestSource { reference: Some(version.to_string()), ..RequestSource::new(SOURCE.0, SOURCE.1) };
        let new = NewRequest {
            until: last,
            ..NewRequest::new(Trigger::Administrator, source, one.identity, vec![item], justification)
        };
        let request = done(op, RequestId(next()), &new);
        let grant = one.grant(DirectGrantId(next()), request.origin(), today);
        let (at, state) = (op.now, request.state);
        let told = format!("{}: {}", op.engine.label(&one.grantable), new.justification);
        written.events.push(RequestEvent {
            request: request.id,
            at,
            state,
            actor: op.user.login.clone(),
            message: new.justification.clone(),
        });
        written.told.push(NewIdentityEvent { identity: one.identity, at, message: told, order: None, run: None });
        written.rows.push((request, broker::request::open_key(&new), grant));
    }
    Ok(written)
}

/// A request of which nothing is left to do: what it gives is held already.
fn done(op: &OpContext, id: RequestId, new: &NewRequest) -> Request {
    Request {
        id,
        trigger: new.trigger,
        priority: new.trigger.priority(&op.engine.world().configuration().organisation.priorities),
        source: new.source.clone(),
        requester: op.user.login.clone(),
        identity: new.identity,
        items: new.items.clone(),
        awaiting: Vec::new(),
        refused: Vec::new(),
        justification: new.justification.clone(),
        correlation: None,
        not_before: None,
        until: new.until,
        state: RequestState::Completed,
        message: None,
        to_plan: false,
        run: None,
        submitted_at: op.now,
        planned_at: None,
        sent_at: None,
        done_at: Some(op.now),
        ended_at: Some(op.now),
    }
}

/// Writes it down, in the transaction of the configuration.
pub(crate) async fn write(tx: &mut Tx, written: &Written) -> Result<(), StoreError> {
    let Some((first, _, _)) = written.rows.first() else { return Ok(()) };
    let at = first.submitted_at;
    for (request, open_key, _) in &written.rows {
        // The same may be asked for meanwhile: that request goes its own way, and this one is over as soon as it is there.
        let open_key = format!("{open_key} {}", request.id);
        tx.insert_request(request, &open_key).await?;
    }
    let over: Vec<RequestProgress> = written.rows.iter().map(|(request, ..)| RequestProgress::of(request)).collect();
    tx.update_requests(&over).await?;
    tx.append_request_events(&written.events).await?;
    let grants: Vec<DirectGrant> = written.rows.iter().map(|(_, _, grant)| grant.clone()).collect();
    tx.open_direct_grants(&grants, None, at).await?;
    tx.append_identity_events(&written.told).await?;
    let ids: Vec<IdentityId> = grants.iter().map(|grant| grant.identity).collect();
    tx.note_changed_identities(&ids, at).await
}

/// Something that somebody keeps for a while, for a person to decide on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptRow {
    pub grant: DirectGrant,
    pub identity_name: String,
    /// What people call the thing.
    pub label: String,
}

/// What may be decided about something that is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It ends now.
    End,
    /// It stays, as something that was given directly and has no end.
    Approve,
}

impl Verdict {
    pub const ALL: [Self; 2] = [Self::End, Self::Approve];

    /// As it is written in forms and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::End => "end",
            Self::Approve => "approve",
        }
    }

    /// The reverse of [`Self::name`].
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verdict| verdict.name() == name)
    }
}

/// What is kept and not decided on, what ends first at the top.
pub async fn rows(op: &OpContext) -> Result<Vec<KeptRow>, ApiError> {
    op.require(requests::VIEW)?;
    let store = op.engine.store();
    let found = store.direct_grants_from(SOURCE.0, SOURCE.1).await.map_err(internal)?;
    let ids: Vec<IdentityId> = found.iter().map(|(grant, _)| grant.identity).collect();
    let all = by_identity(store.direct_grants(Some(&ids)).await.map_err(internal)?);
    let is_approved = |grant: &DirectGrant| {
        let others = all.get(&grant.identity).into_iter().flatten();
        others.into_iter().any(|other| {
            let is_longer = other.period.ends.is_none_or(|ends| grant.period.ends.is_some_and(|own| own < ends));
            other.id != grant.id && other.grantable == grant.grantable && is_longer
        })
    };
    let open = found.into_iter().filter(|(grant, _)| !is_approved(grant));
    let row = |(grant, identity_name): (DirectGrant, String)| {
        let label = op.engine.label(&grant.grantable);
        KeptRow { grant, identity_name, label }
    };
    Ok(open.map(row).collect())
}

/// Decides on something that is kept: a request ends it now, or gives it without an end.
pub async fn decide(op: &OpContext, id: DirectGrantId, verdict: Verdict, why: &str) -> Result<RequestId, ApiError> {
    op.require(requests::SUBMIT)?;
    let gone = || ApiError::conflict("It is not kept any more, or was decided on already. Look at the list again.");
    let row = rows(op).await?.into_iter().find(|row| row.grant.id == id).ok_or_else(gone)?;
    let change = match verdict {
        Verdict::End => Change::Take,
        Verdict::Approve => Change::Give,
    };
    let items = vec![RequestItem { change, grantable: row.grant.grantable }];
    let source = RequestSource { reference: Some(id.to_string()), ..RequestSource::new("page", "kept access") };
    let new = NewRequest::new(Trigger::Administrator, source, row.grant.identity, items, why);
    requests::submit(op, new).await?.request.ok_or_else(gone)
}
