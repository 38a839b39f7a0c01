//! Compute role model: who should have what, and why. Only those whose answer changed since it was last written down
//! are written again; a rule change makes that everybody it concerns, a quiet day nobody.

use std::collections::HashMap;

use broker::assignments::{self, HeldAssignment};
use jiff::Timestamp;
use jiff::civil::Date;
use model::access::{DesiredAccess, DesiredAssignment, Reason};
use model::ids::{AssignmentId, IdentityId};
use model::job::LogLevel;
use model::lifecycle::Remembered;
use model::view::PreviewLine;
use store::{AssignmentRecord, NewIdentityEvent, StoreError};

use super::{About, Context, TaskEnd, counted, violations};
use crate::progress::Progress;

/// Identities whose assignments are written in one transaction.
const BATCH: usize = 2_000;

pub(super) async fn carry_out(context: &mut Context, progress: &Progress) -> TaskEnd {
    match compute(context, progress).await {
        Ok(end) => end,
        Err(error) => TaskEnd::errored("The role model could not be computed", &error),
    }
}

async fn compute(context: &mut Context, progress: &Progress) -> Result<TaskEnd, StoreError> {
    let today = context.engine.today();
    if context.mode.dry_run {
        return compute_dry(context, progress, today).await;
    }
    if context.about == About::Requests {
        // Before memory follows: whatever is among these is in memory then.
        context.requests = crate::requests::take_up(&context.engine, context.run).await?;
    }
    let followed = match context.engine.follow().await {
        Ok(followed) => followed,
        Err(error) => return Ok(TaskEnd::errored("The configuration could not be read", &error)),
    };
    let concerned: Vec<IdentityId> = match context.about {
        About::Boundaries => match crate::boundaries::concerned(&context.engine, today).await {
            Ok(concerned) => concerned,
            Err(error) => return Ok(TaskEnd::errored("The configuration could not be read", &error)),
        },
        _ => context.requests.iter().map(|request| request.identity).collect(),
    };
    let is_small = matches!(context.about, About::Requests | About::Boundaries);
    // A configuration that was applied since concerns everybody, however small the run.
    let is_known = context.engine.world().is_computed();
    let some: Option<Vec<IdentityId>> = (context.mode.incremental && !followed.configuration && is_known)
        .then(|| context.changed.iter().copied().chain(followed.identities).collect());
    let computed = context.engine.world().with_population(|population| match &some {
        _ if is_small => population.engine.compute_only(&concerned, today),
        Some(ids) => population.engine.compute_some(ids, today),
        None => population.engine.compute(today),
    });
    report(progress, computed.evaluated, computed.changed.len());
    let mut opened = 0;
    let mut closed = 0;
    let mut broken = (0, 0);
    let mut follower = violations::follower(context);
    for batch in computed.changed.chunks(BATCH) {
        let desired: Vec<(DesiredAccess, i64)> = context.engine.world().with_population(|population| {
            batch
                .iter()
                .filter_map(|id| Some((population.engine.desired(*id, today)?, population.engine.digest(*id)?)))
                .collect()
        });
        let change = difference(context, &desired, batch).await?;
        opened += change.open.len();
        closed += change.close.len();
        let states = states(context, &desired);
        let violations = violations::change(context, desired.iter().map(|(access, _)| access), &mut follower).await?;
        broken = (broken.0 + violations.opened(), broken.1 + violations.closed());
        write(context, change, violations, &desired, &states).await?;
        context.engine.world().with_population(|population| {
            for (id, state) in states {
                population.engine.remember(id, state, today);
            }
            for (access, digest) in &desired {
                population.engine.confirm(access.identity, *digest);
            }
        });
        progress.advance(batch.len() as u64, 0).await;
    }
    if matches!(context.about, About::Everybody | About::Boundaries) {
        context.computed_on = Some(today);
    }
    if some.is_none() && !is_small {
        let done = computed.changed.iter().copied().collect();
        let rest = violations::everybody_but(context, &done).await?;
        broken = (broken.0 + rest.opened(), broken.1 + rest.closed());
        context.engine.world().note_computed();
    }
    for (name, number) in [("violations opened", broken.0), ("violations closed", broken.1)] {
        if number > 0 {
            progress.count(name, i64::try_from(number).unwrap_or(i64::MAX));
        }
    }
    context.changed.extend(computed.changed);
    // Who asked is planned for, also where the role model's answer is the same.
    context.changed.extend(concerned);
    progress.count("assignments opened", i64::try_from(opened).unwrap_or(i64::MAX));
    progress.count("assignments closed", i64::try_from(closed).unwrap_or(i64::MAX));
    Ok(TaskEnd::Completed(None))
}

async fn compute_dry(context: &mut Context, progress: &Progress, today: Date) -> Result<TaskEnd, StoreError> {
    let mut engine = context.dry_engine().await?;
    let computed = engine.compute(today);
    report(progress, computed.evaluated, computed.changed.len());
    let names: HashMap<IdentityId, String> =
        context.dry_identities().await?.into_iter().map(|identity| (identity.id, identity.display_name)).collect();
    let mut lines = Vec::new();
    for batch in computed.changed.chunks(BATCH) {
        let desired: Vec<(DesiredAccess, i64)> =
            batch.iter().filter_map(|id| Some((engine.desired(*id, today)?, engine.digest(*id)?))).collect();
        let change = difference(context, &desired, batch).await?;
        progress.count("assignments opened", i64::try_from(change.open.len()).unwrap_or(i64::MAX));
        progress.count("assignments closed", i64::try_from(change.close.len()).unwrap_or(i64::MAX));
        lines.extend(
            change
                .open
                .iter()
                .map(|(identity, opened)| preview(&names, *identity, "gain", &opened.grantable, why(&opened.reasons))),
        );
        lines.extend(change.close.iter().map(|closed| {
            preview(&names, closed.identity, "lose", &closed.grantable, "Nothing grants it any more.".into())
        }));
        progress.advance(batch.len() as u64, 0).await;
    }
    context.preview(lines).await?;
    context.changed.extend(computed.changed);
    context.scenario.engine = Some(engine);
    Ok(TaskEnd::Completed(None))
}

fn report(progress: &Progress, evaluated: usize, changed: usize) {
    progress.expect(changed as u64, "identities");
    progress.count("evaluated", i64::try_from(evaluated).unwrap_or(i64::MAX));
    progress.count("changed", i64::try_from(changed).unwrap_or(i64::MAX));
    progress.say(
        LogLevel::Information,
        format!(
            "Evaluated {}; for {} the answer changed.",
            counted(evaluated as u64, "identity").replace("identitys", "identities"),
            changed
        ),
    );
}

struct Change {
    open: Vec<(IdentityId, DesiredAssignment)>,
    close: Vec<AssignmentRecord>,
}

async fn difference(
    context: &Context,
    desired: &[(DesiredAccess, i64)],
    ids: &[IdentityId],
) -> Result<Change, StoreError> {
    let mut current: HashMap<IdentityId, Vec<AssignmentRecord>> = HashMap::new();
    for record in context.engine.store().assignments_of(ids).await? {
        current.entry(record.identity).or_default().push(record);
    }
    let mut change = Change { open: Vec::new(), close: Vec::new() };
    for (access, _) in desired {
        let records = current.remove(&access.identity).unwrap_or_default();
        let held: Vec<HeldAssignment<'_>> = records.iter().map(held).collect();
        let changes = assignments::difference(&held, &access.assignments);
        change.open.extend(changes.open.into_iter().map(|opened| (access.identity, opened)));
        change.close.extend(records.into_iter().filter(|record| changes.close.contains(&record.id)));
    }
    Ok(change)
}

fn held(record: &AssignmentRecord) -> HeldAssignment<'_> {
    HeldAssignment {
        id: record.id,
        grantable: &record.grantable,
        workflow_state: record.workflow_state,
        period: record.period,
        reasons: &record.reasons,
    }
}

/// Whose lifecycle state is another than the one on record.
fn states(context: &Context, desired: &[(DesiredAccess, i64)]) -> Vec<(IdentityId, Option<Remembered>)> {
    context.engine.world().with_population(|population| {
        let changed = desired.iter().filter_map(|(access, _)| {
            let now = access.lifecycle.as_deref().and_then(|lifecycle| {
                Some(Remembered { state: lifecycle.standing.state.clone(), since: lifecycle.standing.since? })
            });
            (population.engine.remembered(access.identity) != now.as_ref()).then_some((access.identity, now))
        });
        changed.collect()
    })
}

async fn write(
    context: &Context,
    change: Change,
    violations: violations::Change,
    desired: &[(DesiredAccess, i64)],
    states: &[(IdentityId, Option<Remembered>)],
) -> Result<(), StoreError> {
    let (run, at) = (context.run, context.engine.now());
    let ids = context.engine.store().reserve_ids(change.open.len()).await?;
    // What stays held keeps its provisioning state though its reasons changed.
    let kept: HashMap<_, _> =
        change.close.iter().map(|record| ((record.identity, record.grantable.clone()), record)).collect();
    let open: Vec<AssignmentRecord> = change
        .open
        .iter()
        .zip(ids)
        .map(|((identity, opened), id)| {
            let before = kept.get(&(*identity, opened.grantable.clone()));
            record(*identity, opened, AssignmentId(id), before.copied(), at)
        })
        .collect();
    let close: Vec<AssignmentId> = change.close.iter().map(|record| record.id).collect();
    let digests: Vec<(IdentityId, i64)> = desired.iter().map(|(access, digest)| (access.identity, *digest)).collect();
    let events = events(context, &change, at);
    let states = states.to_vec();
    let node = context.engine.node().to_owned();
    context
        .engine
        .store()
        .write(move |tx| {
            Box::pin(async move {
                tx.hold_run(run, &node).await?;
                tx.close_assignments(&close, Some(run), at).await?;
                tx.open_assignments(&open, Some(run)).await?;
                violations::write(tx, &violations, run, &node, at).await?;
                tx.set_role_model_digests(&digests).await?;
                tx.set_lifecycle_periods(&states, at).await?;
                tx.append_identity_events(&events).await
            })
        })
        .await
}

fn record(
    identity: IdentityId,
    opened: &DesiredAssignment,
    id: AssignmentId,
    before: Option<&AssignmentRecord>,
    at: Timestamp,
) -> AssignmentRecord {
    AssignmentRecord {
        id,
        identity,
        grantable: opened.grantable.clone(),
        workflow_state: opened.workflow_state,
        period: opened.period,
        reasons: opened.reasons.clone(),
        since: at,
        until: None,
        state: before.and_then(|before| before.state),
        state_reason: before.and_then(|before| before.state_reason.clone()),
        order: before.and_then(|before| before.order),
    }
}

/// One event an identity: what it gained and lost.
fn events(context: &Context, change: &Change, at: Timestamp) -> Vec<NewIdentityEvent> {
    let mut by_identity: HashMap<IdentityId, (Vec<String>, Vec<String>)> = HashMap::new();
    for (identity, opened) in &change.open {
        by_identity.entry(*identity).or_default().0.push(context.engine.label(&opened.grantable));
    }
    for closed in &change.close {
        by_identity.entry(closed.identity).or_default().1.push(context.engine.label(&closed.grantable));
    }
    by_identity
        .into_iter()
        .filter_map(|(identity, (gained, lost))| {
            let only = |these: &[String], those: &[String]| -> Vec<String> {
                these.iter().filter(|this| !those.contains(this)).cloned().collect()
            };
            let parts: Vec<String> =
                [("should now have", only(&gained, &lost)), ("should no longer have", only(&lost, &gained))]
                    .into_iter()
                    .filter(|(_, things)| !things.is_empty())
                    .map(|(verb, things)| format!("{verb} {}", things.join(", ")))
                    .collect();
            let message = match parts.is_empty() {
                true => return None,
                false => format!("By the role model, {}.", parts.join("; ")),
            };
            Some(NewIdentityEvent { identity, at, message, order: None, run: Some(context.run) })
        })
        .collect()
}

fn preview(
    names: &HashMap<IdentityId, String>,
    identity: IdentityId,
    operation: &str,
    grantable: &model::access::Grantable,
    why: String,
) -> PreviewLine {
    PreviewLine {
        identity: Some(identity),
        identity_name: names.get(&identity).cloned().unwrap_or_default(),
        application: String::new(),
        account_type: String::new(),
        operation: operation.into(),
        change: format!("{} `{}`", grantable.kind().replace('_', " "), grantable.name()),
        why,
        since_approval: None,
    }
}

/// "Rule `sales-staff`: department = Sales".
pub(super) fn why(reasons: &[Reason]) -> String {
    let one = |reason: &Reason| {
        let facts: Vec<String> = reason
            .facts
            .iter()
            .map(|fact| {
                format!("{} = {}", fact.attribute, fact.value.as_ref().map_or("nothing".into(), ToString::to_string))
            })
            .collect();
        if let Some(origin) = &reason.grant {
            format!("Request {} of {}: {}", origin.request, origin.by, origin.why)
        } else if facts.is_empty() {
            format!("Rule `{}`", reason.rule)
        } else {
            format!("Rule `{}`: {}", reason.rule, facts.join(", "))
        }
    };
    reasons.iter().map(one).collect::<Vec<_>>().join("; ")
}
