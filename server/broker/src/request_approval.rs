//! Who may decide about what somebody asked for, and what follows from what they decide.
//!
//! | state | what happens | state |
//! |---|---|---|
//! | waiting | one agrees, and the stage needs more | waiting, the same stage |
//! | waiting | one agrees, the stage needs no more, and another stage follows | waiting, the next stage |
//! | waiting | one agrees, and it was the last of the last stage | approved |
//! | waiting | one declines | declined |
//! | waiting | an automation rule agrees or declines | as if all that the stage needs had |
//! | waiting | the stage's time is over, or too few are left who may decide | waiting, escalated |
//! | waiting | the request is cancelled, or its last day is over | cancelled |
//! | anything else | anything | refused: nothing changes |
//!
//! Those who may decide are worked out each time anew. Whoever may not sign in, has left, is not there yet or is away is
//! passed over, and so are the requester and the person whom it is for: nobody approves what they ask for themselves. A
//! stage that is escalated keeps those it had and gets others: first whom it names, at last everybody who may decide about
//! every request. Where even these are fewer than have to agree, all of them have to.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use model::approval::{ApprovalDecision, ApprovalState, Decider, RequestApproval, Verdict};
use model::configuration::{ApprovalStage, Approver};
use model::ids::IdentityId;
use model::request::Change;
use model::trigger::Trigger;

mod automation;
#[cfg(test)]
mod tests;

pub use automation::{governing, is_due};

/// Escalated so often, everybody may decide.
pub const TOP: u32 = 2;

/// Somebody who signs in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    pub login: String,
    pub display_name: String,
    pub identity: Option<IdentityId>,
    /// Permission profiles.
    pub profiles: Vec<String>,
    /// May not sign in, has left, has not begun, or is away.
    pub is_away: bool,
    /// May decide about every request, once it comes to everybody.
    pub may_decide_all: bool,
}

/// What a thing is asked for by whom, as far as it says who may decide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matter {
    /// Whom it is for.
    pub identity: IdentityId,
    /// Login, or what another system says of who asked.
    pub requester: String,
    pub manager: Option<IdentityId>,
    pub managers_manager: Option<IdentityId>,
    /// Login of whoever answers for the thing.
    pub owner: Option<String>,
    /// And for its application.
    pub application_owner: Option<String>,
}

impl Matter {
    /// Whether it is this person's own: nobody decides about that.
    pub fn is_own(&self, person: &Person, people: &[Person]) -> bool {
        let asked = |other: &&Person| other.login.eq_ignore_ascii_case(&self.requester);
        let requester = people.iter().find(asked);
        person.identity == Some(self.identity)
            || asked(&person)
            || person.identity.is_some_and(|own| requester.is_some_and(|requester| requester.identity == Some(own)))
    }

    fn is_meant(&self, approver: &Approver, person: &Person) -> bool {
        let is_login = |login: &str| person.login.eq_ignore_ascii_case(login);
        let is_identity = |wanted: Option<IdentityId>| wanted.is_some() && person.identity == wanted;
        match approver {
            Approver::Manager => is_identity(self.manager),
            Approver::ManagersManager => is_identity(self.managers_manager),
            Approver::Owner => self.owner.as_deref().is_some_and(is_login),
            Approver::ApplicationOwner => self.application_owner.as_deref().is_some_and(is_login),
            Approver::User(login) => is_login(login),
            Approver::Profile(profile) => person.profiles.contains(profile),
        }
    }
}

/// Whether something that is asked for in this way needs approvals at all: what people ask for does, and what other
/// systems, reviews and administrators have decided does not. Taking away needs none.
pub fn is_asked_for(trigger: Trigger, change: Change) -> bool {
    trigger == Trigger::AccessRequest && change == Change::Give
}

/// Who may decide about a stage that was escalated so often, in the order of `people`.
pub fn approvers<'p>(stage: &ApprovalStage, level: u32, matter: &Matter, people: &'p [Person]) -> Vec<&'p Person> {
    let is_meant = |person: &Person| {
        let among = |named: &[Approver]| named.iter().any(|approver| matter.is_meant(approver, person));
        among(&stage.from) || (level >= 1 && among(&stage.escalate_to)) || (level >= TOP && person.may_decide_all)
    };
    // Whether it is their own takes a look at everybody: only of those who are meant.
    people.iter().filter(|person| !person.is_away && is_meant(person) && !matter.is_own(person, people)).collect()
}

/// Where an approval stands: who may still decide, and how many of them have to agree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing<'p> {
    pub approvers: Vec<&'p Person>,
    pub missing: u32,
}

/// Where it stands; nobody and nothing once it is over.
pub fn standing<'p>(approval: &RequestApproval, matter: &Matter, people: &'p [Person]) -> Standing<'p> {
    let Some(stage) = approval.current().filter(|_| approval.state == ApprovalState::Waiting) else {
        return Standing { approvers: Vec::new(), missing: 0 };
    };
    let agreed = agreed(approval);
    let left: Vec<&Person> = approvers(stage, approval.level, matter, people)
        .into_iter()
        .filter(|person| !agreed.contains(&person.login.to_lowercase()))
        .collect();
    let missing = usize::from(stage.required).saturating_sub(agreed.len()).max(1);
    let missing = if approval.level >= TOP { missing.min(left.len().max(1)) } else { missing };
    Standing { approvers: left, missing: u32::try_from(missing).unwrap_or(u32::MAX) }
}

/// Logins of those who agreed in the stage that decides now.
fn agreed(approval: &RequestApproval) -> BTreeSet<String> {
    let of_stage = approval.decisions.iter().filter(|decision| decision.stage == approval.stage);
    let logins = of_stage.filter_map(|decision| match &decision.by {
        Decider::User(login) if decision.verdict == Verdict::Approve => Some(login.to_lowercase()),
        _ => None,
    });
    logins.collect()
}

/// Why somebody's decision is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("It is {} already. Nothing was changed.", .0.label().to_lowercase())]
    Over(ApprovalState),
    #[error("You have decided about this stage already. Nothing was changed: it waits for others.")]
    Twice,
    #[error("You asked for it, or it is for you: somebody else has to decide. Nothing was changed.")]
    Own,
    #[error("It does not wait for you: others decide about this stage. Nothing was changed.")]
    NotYours,
}

/// An approval for which a stage begins.
pub fn begin(approval: &mut RequestApproval, now: Timestamp) {
    approval.level = 0;
    approval.since = now;
    approval.escalates_at = due(approval, now);
}

fn due(approval: &RequestApproval, from: Timestamp) -> Option<Timestamp> {
    let days = approval.current()?.days?;
    if approval.level >= TOP {
        return None;
    }
    from.checked_add(SignedDuration::from_hours(24 * i64::from(days))).ok()
}

/// Whether somebody may decide now.
///
/// # Errors
/// Why not.
pub fn may_decide(approval: &RequestApproval, matter: &Matter, people: &[Person], login: &str) -> Result<(), Refused> {
    if approval.state != ApprovalState::Waiting {
        return Err(Refused::Over(approval.state));
    }
    if standing(approval, matter, people).approvers.iter().any(|person| person.login.eq_ignore_ascii_case(login)) {
        return Ok(());
    }
    if agreed(approval).contains(&login.to_lowercase()) {
        return Err(Refused::Twice);
    }
    let person = people.iter().find(|person| person.login.eq_ignore_ascii_case(login));
    match person {
        Some(person) if matter.is_own(person, people) => Err(Refused::Own),
        _ => Err(Refused::NotYours),
    }
}

/// The approval with what somebody decides.
///
/// # Errors
/// Why it is not taken.
pub fn decide(
    approval: &RequestApproval,
    matter: &Matter,
    people: &[Person],
    decision: (&str, Verdict, &str),
    now: Timestamp,
) -> Result<RequestApproval, Refused> {
    let (login, verdict, comment) = decision;
    may_decide(approval, matter, people, login)?;
    let missing = standing(approval, matter, people).missing;
    let is_enough = verdict == Verdict::Decline || missing <= 1;
    Ok(with(approval, Decider::User(login.to_owned()), verdict, comment, is_enough, now))
}

/// The approval with what an automation rule decides; nothing where it is over.
pub fn automate(
    approval: &RequestApproval,
    rule: &str,
    verdict: Verdict,
    why: &str,
    now: Timestamp,
) -> Option<RequestApproval> {
    let waits = approval.state == ApprovalState::Waiting;
    waits.then(|| with(approval, Decider::Rule(rule.to_owned()), verdict, why, true, now))
}

fn with(
    approval: &RequestApproval,
    by: Decider,
    verdict: Verdict,
    comment: &str,
    is_enough: bool,
    now: Timestamp,
) -> RequestApproval {
    let mut after = approval.clone();
    after.decisions.push(ApprovalDecision { stage: approval.stage, by, verdict, comment: comment.to_owned(), at: now });
    match verdict {
        Verdict::Decline => end(&mut after, ApprovalState::Declined, now),
        Verdict::Approve if !is_enough => {}
        Verdict::Approve if usize::try_from(after.stage + 1).is_ok_and(|next| next < after.stages.len()) => {
            after.stage += 1;
            begin(&mut after, now);
        }
        Verdict::Approve => end(&mut after, ApprovalState::Approved, now),
    }
    after
}

fn end(approval: &mut RequestApproval, state: ApprovalState, now: Timestamp) {
    approval.state = state;
    approval.escalates_at = None;
    approval.ended_at = Some(now);
}

/// The approval of a request that is cancelled; nothing where it is over.
pub fn cancel(approval: &RequestApproval, now: Timestamp) -> Option<RequestApproval> {
    (approval.state == ApprovalState::Waiting).then(|| {
        let mut after = approval.clone();
        end(&mut after, ApprovalState::Cancelled, now);
        after
    })
}

/// Why a stage was escalated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Escalated {
    /// It was not decided in time.
    Late,
    /// Fewer are left than have to agree.
    TooFew,
}

/// The approval escalated as far as it has to be; nothing where it need not be.
pub fn escalate(
    approval: &RequestApproval,
    matter: &Matter,
    people: &[Person],
    now: Timestamp,
) -> Option<(RequestApproval, Escalated)> {
    if approval.state != ApprovalState::Waiting {
        return None;
    }
    let mut after = approval.clone();
    let mut why = None;
    if approval.level < TOP && approval.escalates_at.is_some_and(|at| at <= now) {
        up(&mut after, now);
        why = Some(Escalated::Late);
    }
    let has_too_few = |approval: &RequestApproval| {
        let standing = standing(approval, matter, people);
        u32::try_from(standing.approvers.len()).is_ok_and(|left| left < standing.missing)
    };
    while after.level < TOP && has_too_few(&after) {
        up(&mut after, now);
        why.get_or_insert(Escalated::TooFew);
    }
    why.map(|why| (after, why))
}

/// The approval as it would be when a stage begins: escalated at once where too few are there who may decide.
pub fn at_stage(
    approval: &RequestApproval,
    stage: u32,
    matter: &Matter,
    people: &[Person],
    now: Timestamp,
) -> RequestApproval {
    let mut then = RequestApproval { stage, decisions: Vec::new(), ..approval.clone() };
    begin(&mut then, now);
    let escalated = escalate(&then, matter, people, now).map(|(after, _)| after);
    escalated.unwrap_or(then)
}

/// Nobody is named for the middle step: it is left out.
fn up(approval: &mut RequestApproval, now: Timestamp) {
    let names_others = approval.current().is_some_and(|stage| !stage.escalate_to.is_empty());
    approval.level = if approval.level == 0 && names_others { 1 } else { TOP };
    approval.escalates_at = due(approval, now);
}
