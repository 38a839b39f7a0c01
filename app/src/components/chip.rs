//! States as colour, shape and word together, never colour alone.

use jiff::Timestamp;
use leptos::prelude::*;
use model::account::AccountStatus;
use model::agent::ExportState;
use model::bulk_change::{BulkChangeState, BulkRowState};
use model::certification::{CampaignState, ItemState};
use model::configuration::RoleState;
use model::draft::DraftState;
use model::identity::LifecycleState;
use model::job::RunState;
use model::native_change::NativeChangeState;
use model::order::{ProvisioningState, StateReason, Trouble};
use model::request::RequestState;
use model::risk::ViolationState;
use model::view::PauseCause;
use model::work_item::{WorkItemEventKind, WorkItemState};

use super::icon::icon;
use super::list::ago_or_dash;
use crate::logic::time::{self, Clock};
use crate::logic::words;

/// What a colour is kept for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    Ok,
    Info,
    Warn,
    Danger,
    Manual,
    Idle,
}

impl Tone {
    fn class(self) -> &'static str {
        match self {
            Self::Ok => "chip ok",
            Self::Info => "chip info",
            Self::Warn => "chip warn",
            Self::Danger => "chip danger",
            Self::Manual => "chip manual",
            Self::Idle => "chip idle",
        }
    }

    /// Class of a banner that says more about what is in this state.
    pub fn banner(self) -> &'static str {
        match self {
            Self::Ok => "banner ok",
            Self::Warn => "banner warn",
            Self::Danger => "banner danger",
            Self::Info | Self::Manual | Self::Idle => "banner",
        }
    }
}

/// Colour, shape and word; the title says more to who asks.
pub fn chip(tone: Tone, shape: &'static str, word: impl Into<String>, title: String) -> impl IntoView {
    let title = Some(title).filter(|title| !title.is_empty());
    view! { <span class=tone.class() title=title>{icon(shape)}{word.into()}</span> }
}

/// Colour and shape of a provisioning state.
pub fn look(state: ProvisioningState) -> (Tone, &'static str) {
    match state {
        ProvisioningState::None => (Tone::Idle, "circle"),
        ProvisioningState::Pending => (Tone::Idle, "clock"),
        ProvisioningState::Transmitted => (Tone::Info, "plane"),
        ProvisioningState::Errored => (Tone::Danger, "octagon"),
        ProvisioningState::Verified => (Tone::Ok, "double-check"),
        ProvisioningState::AwaitingApproval => (Tone::Warn, "hand"),
        ProvisioningState::Inactive => (Tone::Idle, "dash"),
        ProvisioningState::Error => (Tone::Danger, "function"),
        ProvisioningState::Executed => (Tone::Info, "check"),
    }
}

/// Colour, shape and words of a provisioning state with what holds it there.
pub fn held_look(state: ProvisioningState, reason: Option<&StateReason>) -> (Tone, &'static str, &'static str) {
    let (tone, shape) = look(state);
    match reason {
        Some(StateReason::WorkItem) if state.is_open() => (Tone::Manual, "wrench", "Waiting for a person"),
        Some(StateReason::Unclear { .. }) if state.is_open() => (Tone::Warn, "octagon", "Sent, look at it there"),
        Some(StateReason::RetryWait { .. }) if state.is_open() => (Tone::Warn, "clock", "Failed, tried again"),
        Some(StateReason::Quarantined { .. }) if state.is_open() => (Tone::Warn, "plug", "Application is down"),
        Some(StateReason::Maintenance { .. }) if state.is_open() => (Tone::Idle, "clock", "In maintenance"),
        Some(StateReason::Held { .. }) if state.is_open() => (Tone::Warn, "hand", "Held"),
        Some(StateReason::SetAside { .. }) if state.is_open() => (Tone::Danger, "octagon", "Set aside"),
        Some(StateReason::MarkedDone { .. }) => (Tone::Info, "check", "Marked as done"),
        Some(StateReason::HeldBy { .. } | StateReason::AccountBusy { .. }) if state.is_open() => {
            (Tone::Idle, "clock", "Waits for another order")
        }
        Some(StateReason::AwaitingReference { .. }) if state.is_open() => {
            (Tone::Idle, "clock", "Waits for another account")
        }
        _ => (tone, shape, state.label()),
    }
}

/// A provisioning state in a person's words; number and name on demand.
pub fn provisioning(state: ProvisioningState, reason: Option<&StateReason>) -> impl IntoView + use<> {
    let (tone, shape, word) = held_look(state, reason);
    let detail = reason.map(|reason| format!(". {}", words::state_reason(reason).0)).unwrap_or_default();
    chip(tone, shape, word, format!("State {} {}{detail}", state.number(), state.name()))
}

/// Why a group of orders needs somebody's look.
pub fn trouble(trouble: Trouble) -> impl IntoView {
    let (tone, shape) = match trouble {
        Trouble::Failed | Trouble::SetAside | Trouble::TimedOut | Trouble::Drifted => (Tone::Danger, "octagon"),
        Trouble::RuleFailed => (Tone::Danger, "function"),
        Trouble::InDoubt => (Tone::Warn, "search"),
        Trouble::Quarantined => (Tone::Danger, "plug"),
        Trouble::RetryWait => (Tone::Warn, "clock"),
        Trouble::Held => (Tone::Warn, "hand"),
        Trouble::Maintenance => (Tone::Idle, "clock"),
    };
    chip(tone, shape, words::trouble(trouble), String::new())
}

/// Colour and shape of a run's state, and of a step's.
pub fn run_look(state: RunState) -> (Tone, &'static str) {
    match state {
        RunState::Queued => (Tone::Idle, "clock"),
        RunState::Running => (Tone::Info, "play"),
        RunState::Completed => (Tone::Ok, "check"),
        RunState::Warning => (Tone::Warn, "half"),
        RunState::Blocked => (Tone::Warn, "hand"),
        RunState::Errored => (Tone::Danger, "octagon"),
        RunState::Cancelled => (Tone::Idle, "ban"),
    }
}

pub fn run(state: RunState) -> impl IntoView {
    let (tone, shape) = run_look(state);
    chip(tone, shape, words::run_state(state), String::new())
}

/// Colour and shape of the state of what an agent is asked to read.
pub fn export_look(state: ExportState) -> (Tone, &'static str) {
    match state {
        ExportState::Waiting => (Tone::Idle, "clock"),
        ExportState::Reading => (Tone::Info, "play"),
        ExportState::Complete | ExportState::TakenOver => (Tone::Ok, "check"),
        ExportState::Failed => (Tone::Danger, "octagon"),
        ExportState::GivenUp => (Tone::Warn, "clock"),
    }
}

pub fn export(state: ExportState) -> impl IntoView {
    let (tone, shape) = export_look(state);
    chip(tone, shape, state.label(), String::new())
}

/// Colour and shape of a request's state.
pub fn request_look(state: RequestState) -> (Tone, &'static str) {
    match state {
        RequestState::Submitted => (Tone::Idle, "circle"),
        RequestState::Waiting => (Tone::Idle, "clock"),
        RequestState::Approval => (Tone::Warn, "hand"),
        RequestState::Provisioning => (Tone::Info, "plane"),
        RequestState::Verifying => (Tone::Info, "check"),
        RequestState::Completed => (Tone::Ok, "double-check"),
        RequestState::PartlyCompleted => (Tone::Warn, "half"),
        RequestState::Failed => (Tone::Danger, "octagon"),
        RequestState::Cancelled => (Tone::Idle, "ban"),
    }
}

/// The state of a request; why on demand.
pub fn request(state: RequestState, why: Option<&str>) -> impl IntoView + use<> {
    let (tone, shape) = request_look(state);
    chip(tone, shape, state.label(), why.unwrap_or_default().to_owned())
}

/// Colour and shape of a work item's state.
pub fn work_item_look(state: WorkItemState) -> (Tone, &'static str) {
    match state {
        WorkItemState::Open => (Tone::Manual, "wrench"),
        WorkItemState::Done => (Tone::Ok, "check"),
        WorkItemState::PartlyDone => (Tone::Warn, "half"),
        WorkItemState::CannotDo => (Tone::Danger, "octagon"),
        WorkItemState::Withdrawn => (Tone::Idle, "dash"),
    }
}

/// Colour and shape of a native change's state.
pub fn native_change_look(state: NativeChangeState) -> (Tone, &'static str) {
    match state {
        NativeChangeState::Open => (Tone::Warn, "hand"),
        NativeChangeState::Reverting => (Tone::Info, "plane"),
        NativeChangeState::Noted => (Tone::Idle, "circle"),
        NativeChangeState::Accepted => (Tone::Ok, "check"),
        NativeChangeState::Reverted => (Tone::Ok, "back"),
        NativeChangeState::Overtaken => (Tone::Idle, "dash"),
    }
}

pub fn native_change(state: NativeChangeState) -> impl IntoView {
    let (tone, shape) = native_change_look(state);
    chip(tone, shape, state.label(), String::new())
}

/// Colour and shape of a violation's state.
pub fn violation_look(state: ViolationState) -> (Tone, &'static str) {
    match state {
        ViolationState::Open => (Tone::Warn, "hand"),
        ViolationState::Excepted => (Tone::Idle, "clock"),
        ViolationState::Remediation => (Tone::Info, "plane"),
        ViolationState::Closed => (Tone::Ok, "check"),
    }
}

pub fn campaign(state: CampaignState) -> impl IntoView {
    let (tone, shape) = match state {
        CampaignState::Staged => (Tone::Idle, "clock"),
        CampaignState::Active => (Tone::Info, "hand"),
        CampaignState::Ended => (Tone::Ok, "check"),
        CampaignState::Cancelled => (Tone::Idle, "ban"),
    };
    chip(tone, shape, state.label(), String::new())
}

pub fn certification_look(state: ItemState) -> (Tone, &'static str) {
    match state {
        ItemState::Open => (Tone::Warn, "hand"),
        ItemState::Approved => (Tone::Info, "check"),
        ItemState::Revoked => (Tone::Info, "ban"),
        ItemState::Certified => (Tone::Ok, "double-check"),
        ItemState::Requested => (Tone::Info, "plane"),
        ItemState::WithOwner => (Tone::Manual, "pencil"),
        ItemState::Removed => (Tone::Ok, "trash"),
        ItemState::Failed => (Tone::Danger, "octagon"),
        ItemState::Kept => (Tone::Idle, "user"),
        ItemState::Lapsed => (Tone::Idle, "half"),
        ItemState::Marked => (Tone::Warn, "half"),
        ItemState::Cancelled => (Tone::Idle, "dash"),
    }
}

pub fn certification(state: ItemState) -> impl IntoView {
    let (tone, shape) = certification_look(state);
    chip(tone, shape, state.label(), String::new())
}

pub fn violation(state: ViolationState) -> impl IntoView {
    let (tone, shape) = violation_look(state);
    chip(tone, shape, state.label(), String::new())
}

/// How an application or integration is: whether anything is sent to it, and what became of what was.
pub fn health(pause: Option<&PauseCause>, trouble: Option<&str>, failed_orders: u64) -> impl IntoView + use<> {
    match (pause, trouble, failed_orders) {
        (Some(PauseCause::Quarantine { message, .. }), _, _) => {
            chip(Tone::Danger, "plug", "Does not answer".to_owned(), message.clone())
        }
        (Some(PauseCause::Maintenance { .. }), _, _) => {
            chip(Tone::Idle, "clock", "In maintenance".to_owned(), String::new())
        }
        (None, Some(trouble), _) => chip(Tone::Danger, "octagon", "Trouble".to_owned(), trouble.to_owned()),
        (None, None, 0) => chip(Tone::Ok, "check", "Well".to_owned(), String::new()),
        (None, None, failed) => chip(Tone::Warn, "octagon", format!("{} failed", words::total(failed)), String::new()),
    }
}

pub fn work_item(state: WorkItemState) -> impl IntoView {
    let (tone, shape) = work_item_look(state);
    chip(tone, shape, words::work_item_state(state), String::new())
}

/// The sign of what happened to a work item.
pub fn work_item_event_sign(kind: WorkItemEventKind) -> &'static str {
    match kind {
        WorkItemEventKind::Opened => "plus",
        WorkItemEventKind::Claimed => "hand",
        WorkItemEventKind::Released => "back",
        WorkItemEventKind::Reassigned | WorkItemEventKind::Split => "right",
        WorkItemEventKind::Asked | WorkItemEventKind::Answered => "pencil",
        WorkItemEventKind::Reported => "half",
        WorkItemEventKind::Reminded => "clock",
        WorkItemEventKind::Escalated => "octagon",
        WorkItemEventKind::Closed => "check",
    }
}

/// The column *due* of a work item: what is left of its time while it is open, and when it was due afterwards.
pub fn due(clock: &Clock, state: WorkItemState, due_at: Option<Timestamp>, paused_at: Option<Timestamp>) -> AnyView {
    match deadline(clock, state, due_at, paused_at) {
        Some(left) => left.into_any(),
        None => ago_or_dash(clock, due_at),
    }
}

/// By how much something is over its time.
pub fn overdue(clock: &Clock, due: Timestamp) -> impl IntoView + use<> {
    let seconds = clock.now.as_second() - due.as_second();
    let word = format!("Overdue by {}", time::duration(seconds.unsigned_abs()));
    chip(Tone::Danger, "octagon", word, format!("Due {}", clock.absolute(due)))
}

/// How much time is left of a work item, or by how much it is over. Nothing where it has no time, or is closed.
pub fn deadline(
    clock: &Clock,
    state: WorkItemState,
    due_at: Option<Timestamp>,
    paused_at: Option<Timestamp>,
) -> Option<impl IntoView + use<>> {
    let due = due_at.filter(|_| state == WorkItemState::Open)?;
    let seconds = due.as_second() - paused_at.unwrap_or(clock.now).as_second();
    let amount = time::duration(seconds.unsigned_abs());
    let (tone, shape, word) = match (paused_at.is_some(), seconds < 0) {
        (false, false) if seconds < 4 * 3_600 => (Tone::Warn, "clock", format!("{amount} left")),
        (false, false) => (Tone::Idle, "clock", format!("{amount} left")),
        (false, true) => (Tone::Danger, "octagon", format!("Overdue by {amount}")),
        (true, false) => (Tone::Idle, "hand", format!("Clock stands, {amount} left")),
        (true, true) => (Tone::Danger, "hand", format!("Clock stands, overdue by {amount}")),
    };
    Some(chip(tone, shape, word, format!("Due {}", clock.absolute(due))))
}

/// A draft of the role model.
pub fn draft(state: DraftState) -> impl IntoView {
    let (tone, shape) = match state {
        DraftState::Open => (Tone::Info, "pencil"),
        DraftState::Published => (Tone::Ok, "check"),
        DraftState::Discarded => (Tone::Idle, "dash"),
    };
    chip(tone, shape, state.label(), String::new())
}

/// The state of a role or an access profile.
pub fn role_state(state: RoleState) -> impl IntoView {
    let (tone, shape) = match state {
        RoleState::Draft => (Tone::Info, "pencil"),
        RoleState::Active => (Tone::Ok, "check"),
        RoleState::Retired => (Tone::Idle, "dash"),
    };
    chip(tone, shape, state.label(), String::new())
}

/// Colour and shape of a bulk change.
pub fn bulk_change_look(state: BulkChangeState) -> (Tone, &'static str) {
    match state {
        BulkChangeState::Previewed => (Tone::Warn, "hand"),
        BulkChangeState::Applied => (Tone::Ok, "check"),
        BulkChangeState::Undone => (Tone::Idle, "back"),
        BulkChangeState::Discarded => (Tone::Idle, "dash"),
        BulkChangeState::Reading
        | BulkChangeState::Checking
        | BulkChangeState::Confirmed
        | BulkChangeState::Applying
        | BulkChangeState::Undoing => (Tone::Info, "clock"),
    }
}

/// A bulk change.
pub fn bulk_change(state: BulkChangeState) -> impl IntoView {
    let (tone, shape) = bulk_change_look(state);
    chip(tone, shape, state.label(), String::new())
}

/// A row of a bulk change.
pub fn bulk_row(state: BulkRowState) -> impl IntoView {
    let (tone, shape) = match state {
        BulkRowState::New => (Tone::Idle, "clock"),
        BulkRowState::Ready => (Tone::Info, "plane"),
        BulkRowState::Already => (Tone::Idle, "dash"),
        BulkRowState::Refused | BulkRowState::Conflict => (Tone::Danger, "octagon"),
        BulkRowState::Applied => (Tone::Ok, "check"),
        BulkRowState::Undone => (Tone::Idle, "back"),
    };
    chip(tone, shape, state.label(), String::new())
}

/// Colour and shape of a lifecycle state.
pub fn lifecycle_look(state: LifecycleState) -> (Tone, &'static str) {
    match state {
        LifecycleState::Joiner => (Tone::Info, "clock"),
        LifecycleState::Active => (Tone::Ok, "check"),
        LifecycleState::Leaver => (Tone::Idle, "dash"),
    }
}

pub fn lifecycle(state: LifecycleState) -> impl IntoView {
    let (tone, shape) = lifecycle_look(state);
    chip(tone, shape, words::lifecycle(state), String::new())
}

/// A lifecycle state, one of the organisation's own included.
pub fn state(name: &str, label: &str) -> impl IntoView + use<> {
    let (tone, shape) = LifecycleState::of_name(name).map_or((Tone::Warn, "hand"), lifecycle_look);
    chip(tone, shape, label.to_owned(), String::new())
}

pub fn account(status: AccountStatus) -> impl IntoView {
    let (tone, shape) = match status {
        AccountStatus::Enabled => (Tone::Ok, "check"),
        AccountStatus::Disabled => (Tone::Idle, "ban"),
        AccountStatus::Gone => (Tone::Idle, "dash"),
    };
    chip(tone, shape, words::account_status(status), String::new())
}
