//! What is written down to be told. A notice names things, not people and not values: mail is read in many places.

use std::collections::BTreeMap;

use jiff::Timestamp;
use model::form::FormOwner;
use model::ids::{RunId, WorkItemId};
use model::job::{Run, RunState};
use model::mail::{Notice, NoticeKind};
use model::native_change::NativeChangeState;
use model::order::{Order, ProvisioningState};
use model::plan::Operation;
use model::work_item::{Fulfiller, WorkItem};
use store::NewQuestion;

use crate::Engine;

/// Whether anybody can be told at all.
pub(crate) fn are_wanted(engine: &Engine) -> bool {
    engine.world().configuration().organisation.mail.is_some()
}

/// Somebody has work to do: those whose paths say so, and whoever it is meant for by name.
pub(crate) fn work_item(engine: &Engine, order: &Order, item: &WorkItem) -> Vec<Notice> {
    if !are_wanted(engine) {
        return Vec::new();
    }
    let by_path = Notice {
        at: item.created_at,
        kind: NoticeKind::WorkItem,
        about: order.account_type.clone(),
        sentence: what(engine, order),
        link: format!("/work-items/{}", item.id),
        run: order.run,
        to: None,
    };
    let by_name = match &item.fulfiller {
        Fulfiller::User(_) => Some(Notice { to: Some(item.fulfiller.clone()), ..by_path.clone() }),
        Fulfiller::Profile(_) | Fulfiller::Everybody => None,
    };
    std::iter::once(by_path).chain(by_name).collect()
}

/// Something about a work item that somebody is told by name; those whose paths say so where it is everybody's.
pub(crate) fn about_work(
    engine: &Engine,
    order: &Order,
    item: WorkItemId,
    to: &Fulfiller,
    what_about: &str,
    at: Timestamp,
) -> Option<Notice> {
    are_wanted(engine).then(|| Notice {
        at,
        kind: NoticeKind::WorkItem,
        about: order.account_type.clone(),
        sentence: format!("{}: {what_about}", what(engine, order)),
        link: format!("/work-items/{item}"),
        run: None,
        to: Some(to.clone()).filter(|to| *to != Fulfiller::Everybody),
    })
}

/// Orders that wait for a review, of those just made.
pub(crate) fn reviews(engine: &Engine, orders: &[Order]) -> Vec<Notice> {
    if !are_wanted(engine) {
        return Vec::new();
    }
    let waits = |order: &&Order| order.state == ProvisioningState::AwaitingApproval;
    let notice = |order: &Order| Notice {
        at: order.created_at,
        kind: NoticeKind::Review,
        about: order.account_type.clone(),
        sentence: what(engine, order),
        link: format!("/orders/{}", order.id),
        run: order.run,
        to: None,
    };
    orders.iter().filter(waits).map(notice).collect()
}

/// Questions that were asked just now, told to those who are asked.
pub(crate) fn questions(engine: &Engine, run: RunId, asked: &[NewQuestion], at: Timestamp) -> Vec<Notice> {
    if !are_wanted(engine) {
        return Vec::new();
    }
    let mut counts: BTreeMap<&FormOwner, u64> = BTreeMap::new();
    for question in asked {
        *counts.entry(&question.asked.owner).or_default() += 1;
    }
    let notice = |(owner, count): (&FormOwner, u64)| Notice {
        at,
        kind: NoticeKind::Form,
        about: form_owner(owner),
        to: None,
        sentence: format!(
            "{} for your answer",
            if count == 1 { "1 question waits".into() } else { format!("{count} questions wait") }
        ),
        link: match owner {
            FormOwner::Login(_) => "/forms".to_owned(),
            FormOwner::Profile(_) | FormOwner::Operators => "/forms?scope=team".to_owned(),
        },
        run: Some(run),
    };
    counts.into_iter().map(notice).collect()
}

/// How a notice names whom it is for.
pub(crate) fn form_owner(owner: &FormOwner) -> String {
    let (kind, name) = owner.parts();
    format!("{kind}:{name}")
}

/// A run is over. Dry runs and runs that a person cancelled are nobody's news.
pub(crate) fn run_ended(engine: &Engine, run: &Run, at: Timestamp) -> Option<Notice> {
    let how = match run.state {
        RunState::Completed => "completed",
        RunState::Warning => "completed with warnings",
        RunState::Errored => "failed",
        RunState::Blocked => "was blocked by a threshold",
        _ => return None,
    };
    if run.mode.dry_run || !are_wanted(engine) {
        return None;
    }
    let why = run.message.as_deref().map(|message| format!(": {message}")).unwrap_or_default();
    Some(Notice {
        at,
        kind: NoticeKind::RunEnded,
        about: run.job.clone(),
        sentence: format!("The run {} of the job {} {how}{why}", run.id, run.job),
        link: format!("/jobs/runs/{}", run.id),
        run: Some(run.id),
        to: None,
    })
}

/// An application has just begun to be in trouble.
pub(crate) fn trouble(engine: &Engine, application: &str, problem: &str, at: Timestamp) -> Option<Notice> {
    are_wanted(engine).then(|| Notice {
        at,
        kind: NoticeKind::ApplicationTrouble,
        about: application.to_owned(),
        sentence: format!("{}: {problem}", engine.application_label(application)),
        link: match engine.world().configuration().integrations.contains_key(application) {
            true => format!("/integrations/{application}"),
            false => format!("/applications/{application}"),
        },
        run: None::<RunId>,
        to: None,
    })
}

/// An application holds what nobody had ordered, on accounts of one type.
pub(crate) fn native_changes(
    engine: &Engine,
    application: &str,
    account_type: &str,
    state: NativeChangeState,
    count: u64,
    run: RunId,
    at: Timestamp,
) -> Option<Notice> {
    if !are_wanted(engine) {
        return None;
    }
    let label = engine.application_label(application);
    let kind = match account_type {
        "" => "of no known type".to_owned(),
        name => format!("of the type {}", engine.world().live().catalogue.account_type_label(name)),
    };
    let changes = if count == 1 { "1 change".to_owned() } else { format!("{count} changes") };
    let waits = match (state, count) {
        (NativeChangeState::Open, 1) => ", and it waits for a decision",
        (NativeChangeState::Open, _) => ", and they wait for a decision",
        _ => "",
    };
    Some(Notice {
        at,
        kind: NoticeKind::NativeChange,
        about: if account_type.is_empty() { application.to_owned() } else { account_type.to_owned() },
        sentence: format!("{label}: {changes} that nobody had ordered, on accounts {kind}{waits}"),
        link: format!("/native-changes?application={application}&state={}", state.name()),
        run: Some(run),
        to: None,
    })
}

/// What became of violations of one risk, which many people may break: its owner is told, or, where it has none, whoever holds
/// the path of the risk.
pub(crate) fn violations(
    engine: &Engine,
    risk: &str,
    news: ViolationNews,
    people: usize,
    run: Option<RunId>,
    at: Timestamp,
) -> Option<Notice> {
    if !are_wanted(engine) {
        return None;
    }
    let configuration = engine.world().configuration();
    let known = configuration.risks.get(risk);
    let label = known.map_or(risk, |risk| risk.display_name.as_str());
    let count = if people == 1 { "1 person".to_owned() } else { format!("{people} people") };
    let sentence = match news {
        ViolationNews::Found => format!("Risk \u{201c}{label}\u{201d}: newly broken by {count}"),
        ViolationNews::ExceptionOver => format!("Risk \u{201c}{label}\u{201d}: the exception of {count} is over"),
    };
    Some(Notice {
        at,
        kind: NoticeKind::Violation,
        about: risk.to_owned(),
        sentence,
        link: format!("/violations?risk={risk}"),
        run,
        to: known.and_then(|risk| risk.owner.clone()).map(Fulfiller::User),
    })
}

/// What there is to tell of violations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ViolationNews {
    Found,
    ExceptionOver,
}

fn what(engine: &Engine, order: &Order) -> String {
    let verb = match order.operation {
        Operation::Create => "create",
        Operation::Update => "change",
        Operation::Enable => "enable",
        Operation::Disable => "disable",
        Operation::Delete => "delete",
    };
    let live = engine.world().live();
    let kind = live.catalogue.account_type_label(&order.account_type).to_owned();
    let application = engine.application_label(&order.application);
    format!("{application}: {verb} an account of the type {kind} (order {})", order.id)
}
