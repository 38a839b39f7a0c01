//! Approvals in sentences, and the notices about them.

use broker::request_approval::{self, Matter, TOP};
use jiff::Timestamp;
use model::approval::{ApprovalState, RequestApproval};
use model::configuration::{ApprovalStage, Approver, Configuration};
use model::mail::{Notice, NoticeKind};
use model::user::User;
use model::work_item::Fulfiller;

use super::facts::{self, Facts};
use crate::Engine;
use crate::mails::notices::are_wanted;

/// Whose word a stage takes: "the manager", "2 of the team Security".
pub(super) fn stage(configuration: &Configuration, users: &[User], stage: &ApprovalStage) -> String {
    let names: Vec<String> = stage.from.iter().map(|approver| approver_label(configuration, users, approver)).collect();
    match (stage.required, names.as_slice()) {
        (1, [only]) => only.clone(),
        (1, several) => format!("one of {}", joined(several)),
        (required, several) => format!("{required} of {}", joined(several)),
    }
}

fn approver_label(configuration: &Configuration, users: &[User], approver: &Approver) -> String {
    match approver {
        Approver::Manager => "the manager".to_owned(),
        Approver::ManagersManager => "the manager\u{2019}s manager".to_owned(),
        Approver::Owner => "the owner".to_owned(),
        Approver::ApplicationOwner => "the application\u{2019}s owner".to_owned(),
        Approver::User(login) => facts::name(users, login),
        Approver::Profile(name) => format!("the team {}", crate::work_items::profile_label(configuration, name)),
    }
}

/// "a, b and c".
pub(super) fn joined(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [only] => only.clone(),
        [before @ .., last] => format!("{} and {last}", before.join(", ")),
    }
}

/// "1 hour", "3 days".
pub(super) fn hours(hours: u32) -> String {
    let (count, unit) = if hours > 24 && hours.is_multiple_of(24) { (hours / 24, "day") } else { (hours, "hour") };
    if count == 1 { format!("1 {unit}") } else { format!("{count} {unit}s") }
}

/// Who comes in by an escalation.
pub(super) fn whom(after: &RequestApproval) -> &'static str {
    if after.level >= TOP {
        "Everybody who may approve requests decides now."
    } else {
        "Those whom the stage names for that decide now as well."
    }
}

/// Tells exactly those who may decide now that something waits for them.
pub(super) fn notices(
    engine: &Engine,
    approval: &RequestApproval,
    matter: &Matter,
    facts: &Facts,
    now: Timestamp,
) -> Vec<Notice> {
    if !are_wanted(engine) || approval.state != ApprovalState::Waiting {
        return Vec::new();
    }
    let sentence =
        format!("{} of request {} waits for your approval", engine.label(&approval.item.grantable), approval.request);
    let standing = request_approval::standing(approval, matter, &facts.people);
    let notice = |login: &String| Notice {
        at: now,
        kind: NoticeKind::Approval,
        about: approval.item.grantable.name().to_owned(),
        sentence: sentence.clone(),
        link: format!("/approvals?request={}", approval.request),
        run: None,
        to: Some(Fulfiller::User(login.clone())),
    };
    standing.approvers.iter().map(|person| notice(&person.login)).collect()
}

/// What is told once an approval has moved: nothing where the same stage goes on to wait for the same people.
pub(super) fn next<'f>(
    engine: &'f Engine,
    matter: &'f Matter,
    facts: &'f Facts,
    now: Timestamp,
) -> impl FnOnce(&RequestApproval, &RequestApproval) -> Vec<Notice> + 'f {
    move |before, after| match (before.stage, before.level) == (after.stage, after.level) {
        true => Vec::new(),
        false => notices(engine, after, matter, facts, now),
    }
}
