//! Violations of risks: runs find them (`tasks::violations`); here people look at them, bear them until a day, give one
//! side up, or open them again. Whoever owns a risk in the configuration may do all of that for theirs.

mod remedy;

use std::collections::BTreeMap;

use broker::violation::{self, Decision};
use jiff::civil::Date;
use model::configuration::Risk;
use model::error::ApiError;
use model::ids::{IdentityId, ViolationDecisionId, ViolationId};
use model::mail::Notice;
use model::page::Page;
use model::risk::{
    Decided, RiskFacts, RiskScore, Violation, ViolationDetail, ViolationEvent, ViolationFilter, ViolationRow,
    ViolationState,
};
use model::view::AuditLine;
use store::{NewIdentityEvent, StoreError, ViolationVerdict};

pub use remedy::remediate;

use crate::Engine;
use crate::context::OpContext;
use crate::error::internal;
use crate::mails::notices::{self, ViolationNews};
use crate::tasks::violations::risk_label;
use crate::world::Live;

/// Sees all of them.
pub const VIEW: &str = "/Violations/View";
/// Excepts, remedies and reopens.
pub const DECIDE: &str = "/Violations/Decide";

/// Longest text that is kept.
const LONGEST_TEXT: usize = 1_000;

/// A piece of the list, newest first: of everybody's, or of the risks that the caller owns.
pub async fn page(op: &OpContext, filter: &ViolationFilter) -> Result<Page<ViolationRow>, ApiError> {
    let risks = wanted(op, filter)?;
    let page = op.engine.store().violation_page(filter, risks.as_deref()).await.map_err(internal)?;
    let live = op.engine.world().live();
    let rows = page.rows.into_iter().map(|(violation, name)| row(op, &live, violation, name)).collect();
    Ok(Page { rows, next: page.next, total: page.total, more: page.more })
}

/// How many there are in each state, of those that match otherwise.
pub async fn counts(op: &OpContext, filter: &ViolationFilter) -> Result<BTreeMap<ViolationState, u64>, ApiError> {
    let risks = wanted(op, filter)?;
    op.engine.store().violation_counts(filter, risks.as_deref()).await.map_err(internal)
}

/// How many wait for a decision that the caller may take.
pub async fn open(op: &OpContext) -> Result<u64, ApiError> {
    let risks = match op.may(DECIDE) {
        true => None,
        false => Some(owned(op)),
    };
    if risks.as_ref().is_some_and(Vec::is_empty) {
        return Ok(0);
    }
    op.engine.store().open_violations(risks.as_deref()).await.map_err(internal)
}

/// Risks by name and what people call them, for the filter: those of the configuration, and those gone from it that
/// somebody broke.
pub async fn risks(op: &OpContext) -> Result<Vec<(String, String)>, ApiError> {
    let seen = visible(op)?;
    let live = op.engine.world().live();
    let mut names: Vec<String> = live.configuration.risks.keys().cloned().collect();
    names.extend(op.engine.store().violated_risks().await.map_err(internal)?);
    names.sort();
    names.dedup();
    names.retain(|name| seen.as_ref().is_none_or(|seen| seen.contains(name)));
    Ok(names.into_iter().map(|name| (name.clone(), risk_label(&live, &name))).collect())
}

/// Applications by name and what people call them, for the filter.
pub fn applications(op: &OpContext) -> Result<Vec<(String, String)>, ApiError> {
    visible(op)?;
    let configuration = op.engine.world().configuration();
    let named = configuration.applications.iter();
    Ok(named.map(|(name, application)| (name.clone(), application.display_name.clone())).collect())
}

/// One of them, with its history and the ways out.
pub async fn detail(op: &OpContext, id: ViolationId) -> Result<ViolationDetail, ApiError> {
    let violation = find(op, id).await?;
    let live = op.engine.world().live();
    let store = op.engine.store();
    let identity = store.identities_by_id(&[violation.identity]).await.map_err(internal)?.pop();
    let name = identity.map(|identity| identity.display_name).unwrap_or_default();
    let all = store.current_violations(Some(&[violation.identity])).await.map_err(internal)?;
    let ways_out = match violation.until {
        None => remedy::ways_out(op, &violation).await?,
        Some(_) => Vec::new(),
    };
    let events = store.violation_events(id).await.map_err(internal)?;
    let led_to = remedy::led_to(op, &live, &violation).await.map_err(internal)?;
    let row = row(op, &live, violation, name);
    let longest = violation::longest(op.engine.today(), row.risk.exception_days);
    Ok(ViolationDetail { score: score(&live, &all), events, ways_out, longest, led_to, row })
}

/// Bears it, because of a control, until a day.
pub async fn except(
    op: &OpContext,
    (id, version): (ViolationId, u32),
    control: &str,
    last_day: Date,
) -> Result<(), ApiError> {
    let (violation, live) = to_decide(op, (id, version), Decision::Except).await?;
    let control = text(control, "control", "Say what makes it bearable: the control that stands in for separation.")?;
    let most = live.configuration.risks.get(&violation.risk).map_or(Risk::EXCEPTION_DAYS, Risk::exception_days);
    violation::check_last_day(last_day, op.engine.today(), most)
        .map_err(|message| ApiError::invalid("last_day", message))?;
    let message = format!("Excepted until {last_day}: {control}");
    let decided = Decided::Exception { control, last_day };
    decide(op, &violation, ViolationState::Excepted, Some(decided), message).await
}

/// Opens it again, where it is excepted or being remedied.
pub async fn reopen(op: &OpContext, (id, version): (ViolationId, u32), why: &str) -> Result<(), ApiError> {
    let (violation, _) = to_decide(op, (id, version), Decision::Reopen).await?;
    let why = text(why, "why", "Say why it is opened again; it is kept with the violation.")?;
    decide(op, &violation, ViolationState::Open, None, format!("Opened again: {why}")).await
}

/// Exceptions end with their last day.
pub(crate) async fn sweep(engine: &Engine) -> Result<(), StoreError> {
    let (now, today, node) = (engine.now(), engine.today(), engine.node().to_owned());
    let over = engine.store().violations_over(today).await?;
    if over.is_empty() {
        return Ok(());
    }
    const WHY: &str = "The last day of its exception is over.";
    let live = engine.world().live();
    let ids: Vec<ViolationId> = over.iter().map(|violation| violation.id).collect();
    let people: Vec<IdentityId> = over.iter().map(|violation| violation.identity).collect();
    let event = |violation: &Violation| ViolationEvent {
        violation: violation.id,
        at: now,
        state: ViolationState::Open,
        actor: node.clone(),
        message: WHY.to_owned(),
    };
    let told = |violation: &Violation| NewIdentityEvent {
        identity: violation.identity,
        at: now,
        message: format!("The exception from risk \u{201c}{}\u{201d} is over.", risk_label(&live, &violation.risk)),
        order: None,
        run: None,
    };
    let events: Vec<ViolationEvent> = over.iter().map(event).collect();
    let told: Vec<NewIdentityEvent> = over.iter().map(told).collect();
    let mut risks: BTreeMap<&str, usize> = BTreeMap::new();
    over.iter().for_each(|violation| *risks.entry(&violation.risk).or_default() += 1);
    let notices = risks.into_iter().filter_map(|(risk, people)| {
        notices::violations(engine, risk, ViolationNews::ExceptionOver, people, None, now)
    });
    let notices: Vec<Notice> = notices.collect();
    let work = engine.store().write(move |tx| {
        Box::pin(async move {
            tx.reopen_violations(&ids, &node, WHY, now).await?;
            tx.append_violation_events(&events).await?;
            tx.insert_notices(&notices).await?;
            tx.append_identity_events(&told).await?;
            tx.note_changed_identities(&people, now).await
        })
    });
    work.await
}

// ------------------------------------------------------------------------------------------------------- rights

/// Names of the risks that the caller owns.
fn owned(op: &OpContext) -> Vec<String> {
    let configuration = op.engine.world().configuration();
    let is_theirs = |risk: &Risk| risk.owner.as_deref().is_some_and(|owner| owner.eq_ignore_ascii_case(&op.user.login));
    configuration.risks.iter().filter(|(_, risk)| is_theirs(risk)).map(|(name, _)| name.clone()).collect()
}

/// Risks that the caller may see; none: all of them.
fn visible(op: &OpContext) -> Result<Option<Vec<String>>, ApiError> {
    if op.may(VIEW) || op.may(DECIDE) {
        return Ok(None);
    }
    let owned = owned(op);
    if owned.is_empty() {
        op.require(VIEW)?;
    }
    Ok(Some(owned))
}

fn may_decide(op: &OpContext, risk: &str) -> bool {
    op.may(DECIDE) || owned(op).iter().any(|name| name == risk)
}

/// Risks that the caller may see and the filter leaves; none: all of them.
fn wanted(op: &OpContext, filter: &ViolationFilter) -> Result<Option<Vec<String>>, ApiError> {
    let seen = visible(op)?;
    if seen.is_none() && filter.risk.is_none() && filter.level.is_none() {
        return Ok(None);
    }
    let configuration = op.engine.world().configuration();
    let mut names: Vec<String> = match (&filter.risk, seen) {
        (Some(name), None) => vec![name.clone()],
        (Some(name), Some(seen)) => seen.into_iter().filter(|seen| seen == name).collect(),
        (None, Some(seen)) => seen,
        (None, None) => configuration.risks.keys().cloned().collect(),
    };
    if let Some(level) = filter.level {
        names.retain(|name| configuration.risks.get(name).is_some_and(|risk| level <= risk.level));
    }
    Ok(Some(names))
}

// ---------------------------------------------------------------------------------------------------- deciding

async fn find(op: &OpContext, id: ViolationId) -> Result<Violation, ApiError> {
    let seen = visible(op)?;
    let found = op.engine.store().violations_by_id(&[id]).await.map_err(internal)?.pop();
    let found = found.filter(|found| seen.is_none_or(|seen| seen.contains(&found.risk)));
    found.ok_or_else(|| ApiError::not_found(format!("violation {id}")))
}

/// The violation as it was seen, where the decision makes sense and the caller may take it.
async fn to_decide(
    op: &OpContext,
    (id, version): (ViolationId, u32),
    decision: Decision,
) -> Result<(Violation, std::sync::Arc<Live>), ApiError> {
    let violation = find(op, id).await?;
    if !may_decide(op, &violation.risk) {
        op.require(DECIDE)?;
    }
    if decision.from(violation.state).is_none() {
        return Err(ApiError::conflict(match violation.state {
            ViolationState::Closed => format!("Violation {id} is over. There is nothing to decide."),
            state => format!("Violation {id} is {} already. Nothing was changed.", state.label().to_lowercase()),
        }));
    }
    if violation.version != version {
        return Err(changed(id));
    }
    Ok((violation, op.engine.world().live()))
}

fn changed(id: ViolationId) -> ApiError {
    ApiError::conflict(format!(
        "Violation {id} has changed since you looked at it: somebody decided on it, or other things are held. Look at it \
         again. Nothing was changed."
    ))
}

async fn decide(
    op: &OpContext,
    violation: &Violation,
    to: ViolationState,
    decided: Option<Decided>,
    message: String,
) -> Result<(), ApiError> {
    let id = op.engine.store().reserve_ids(1).await.map_err(internal)?.start;
    let (now, login, identity) = (op.now, op.user.login.clone(), violation.identity);
    let verdict = ViolationVerdict {
        violation: violation.id,
        version: violation.version,
        to,
        by: login.clone(),
        at: now,
        why: message.clone(),
        decision: decided.map(|decided| (ViolationDecisionId(id), decided)),
    };
    let label = risk_label(&op.engine.world().live(), &violation.risk);
    let event =
        ViolationEvent { violation: violation.id, at: now, state: to, actor: login.clone(), message: message.clone() };
    let told = NewIdentityEvent {
        identity,
        at: now,
        message: format!("{login}, on risk \u{201c}{label}\u{201d}: {message}"),
        order: None,
        run: None,
    };
    let audit = AuditLine {
        at: now,
        actor: login,
        action: "violation".into(),
        subject: violation.id.to_string(),
        detail: format!("risk {}, identity {identity}: {message}", violation.risk),
    };
    let work = op.engine.store().write(move |tx| {
        Box::pin(async move {
            let taken = tx.decide_violation(&verdict).await?;
            if taken {
                tx.append_violation_events(&[event]).await?;
                tx.append_identity_events(&[told]).await?;
                tx.append_audit(&audit).await?;
                // What may be ordered follows from it.
                tx.note_changed_identities(&[identity], now).await?;
            }
            Ok::<_, StoreError>(taken)
        })
    });
    match work.await {
        Ok(true) => Ok(()),
        Ok(false) => Err(changed(violation.id)),
        Err(error) => Err(internal(error)),
    }
}

fn text(text: &str, field: &str, missing: &str) -> Result<String, ApiError> {
    let line = text.split(['\r', '\n']).map(str::trim).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
    if line.is_empty() {
        return Err(ApiError::invalid(field, missing));
    }
    if line.chars().any(char::is_control) {
        return Err(ApiError::invalid(field, "It has a character that cannot be shown. Type the text anew."));
    }
    if line.chars().count() > LONGEST_TEXT {
        return Err(ApiError::invalid(field, format!("It has more than {LONGEST_TEXT} characters. Shorten it.")));
    }
    Ok(line)
}

// ------------------------------------------------------------------------------------------------------ showing

fn row(op: &OpContext, live: &Live, violation: Violation, identity_name: String) -> ViolationRow {
    let label = |name: &str| match name {
        "" => String::new(),
        name => op.engine.application_label(name),
    };
    ViolationRow {
        identity_name,
        risk: facts(live, &violation.risk, violation.rule),
        labels: violation.things.iter().map(|thing| op.engine.label(&thing.thing.grantable)).collect(),
        applications: violation.things.iter().map(|thing| label(&thing.application)).collect(),
        may_decide: may_decide(op, &violation.risk),
        violation,
    }
}

/// What the configuration says of a risk; little where it does not know it any more.
pub(crate) fn facts(live: &Live, name: &str, rule: u32) -> RiskFacts {
    let Some(risk) = live.configuration.risks.get(name) else {
        return RiskFacts { name: name.to_owned(), display_name: name.to_owned(), ..RiskFacts::default() };
    };
    let rule = (rule as usize).checked_sub(1).and_then(|position| risk.rules.get(position));
    let sides: Vec<String> =
        rule.into_iter().flat_map(|rule| &rule.sides).filter_map(|side| side.label.clone()).collect();
    let all = rule.map_or(0, |rule| rule.sides.len());
    RiskFacts {
        name: name.to_owned(),
        display_name: risk.display_name.clone(),
        description: risk.description.clone(),
        kind: Some(risk.kind),
        level: risk.level,
        owner: risk.owner.clone(),
        on_conflict: risk.on_conflict,
        mitigating_control: risk.mitigating_control.clone(),
        exception_days: risk.exception_days(),
        sides: if sides.len() == all { sides } else { Vec::new() },
    }
}

/// Each risk once, however many of its rules are broken.
fn score(live: &Live, violations: &[Violation]) -> RiskScore {
    let names: std::collections::BTreeSet<&str> = violations.iter().map(|violation| violation.risk.as_str()).collect();
    RiskScore::of(names.into_iter().filter_map(|name| Some(live.configuration.risks.get(name)?.level)))
}
