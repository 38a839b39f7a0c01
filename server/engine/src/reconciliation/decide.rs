//! What people decide about what nothing grants. Each thing is for itself: what one is refused, the others are not; and each
//! is decided about only while it is as it was seen.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use broker::reconciliation::{digest, refusal};
use jiff::civil::Date;
use model::access::Grantable;
use model::correlation::Decision;
use model::error::ApiError;
use model::ids::{AccountId, IdentityId, ReconciliationId, RequestId};
use model::job::RECONCILIATION;
use model::reconciliation::{
    Finding, ReconciliationDecision, ReconciliationFilter, Redundancy, RoleProposal, Subject, Verdict, View, Word,
};
use model::request::{Change, NewRequest, RequestItem, RequestSource};
use model::trigger::Trigger;
use model::view::AuditLine;
use store::{NewIdentityEvent, StoreError};

use super::{DECIDE, findings, name, proposals, redundant};
use crate::context::OpContext;
use crate::error::internal;
use crate::requests;

/// What became of each.
pub type Outcomes = Vec<(Subject, Result<(), ApiError>)>;

/// Things in one request.
const ITEMS_AT_ONCE: usize = 50;
/// Longest reason that is kept.
const LONGEST_REASON: usize = 500;

/// Most that are decided about at once, so that whoever asks is answered.
pub const MOST_AT_ONCE: u32 = 1_000;

/// What is decided about at once of what matches: all of it, or what stands first in the list.
#[derive(Clone, Debug)]
pub struct Matching {
    pub count: u64,
    /// Of which these are.
    pub digest: String,
    /// Where more match: after what in the list these begin.
    pub next: Option<String>,
}

/// What would be decided about, from where the filter says.
pub async fn matching(op: &OpContext, filter: &ReconciliationFilter) -> Result<Matching, ApiError> {
    op.require(super::VIEW)?;
    let (first, next) = subjects(op, filter).await?;
    Ok(Matching { count: first.len() as u64, digest: digest(first.iter()), next })
}

/// Decides the same about all that [`matching`] told of, where these are the very ones that were seen.
pub async fn decide_all(
    op: &OpContext,
    filter: &ReconciliationFilter,
    seen: &str,
    word: &Word,
) -> Result<Outcomes, ApiError> {
    op.require(DECIDE)?;
    let (first, _) = subjects(op, filter).await?;
    if digest(first.iter()) != seen {
        return Err(ApiError::conflict(
            "By now other things match than you saw. Nothing was decided. Look at the list again.",
        ));
    }
    decide(op, &first, word).await
}

/// As many as are decided about at once, and after what in the list there are more.
async fn subjects(op: &OpContext, filter: &ReconciliationFilter) -> Result<(Vec<Subject>, Option<String>), ApiError> {
    let of = ReconciliationFilter { limit: Some(MOST_AT_ONCE), ..filter.clone() };
    Ok(match filter.view {
        View::Access | View::Accounts | View::Orphans => {
            let piece = op.engine.store().reconciliation_piece(&of, op.engine.today(), MOST_AT_ONCE).await;
            let (rows, next) = piece.map_err(internal)?;
            (rows.into_iter().map(|finding| finding.subject).collect(), next)
        }
        View::Redundant => {
            let page = super::cut(redundant::all(op, &of).await?, &of);
            (page.rows.into_iter().map(|row| row.subject).collect(), page.next)
        }
        View::Roles => {
            let page = proposals::page(op, &of).await?;
            (page.rows.into_iter().map(|row| row.subject).collect(), page.next)
        }
        View::Decided => (Vec::new(), None),
    })
}

/// Decides the same about each.
pub async fn decide(op: &OpContext, subjects: &[Subject], word: &Word) -> Result<Outcomes, ApiError> {
    op.require(DECIDE)?;
    if subjects.is_empty() {
        return Err(ApiError::invalid("ids", "Nothing is chosen. Tick at least one line, then choose what to do."));
    }
    let word = checked(op, subjects, word).await?;
    op.engine.follow().await.map_err(|_| ApiError::internal())?;
    let seen = Seen::read(op, subjects).await?;
    let mut outcomes: HashMap<Subject, Result<(), ApiError>> = HashMap::new();
    let mut to_keep: BTreeMap<IdentityId, Vec<&Finding>> = BTreeMap::new();
    for subject in subjects.iter().collect::<BTreeSet<_>>() {
        let outcome = match (subject, word.verdict) {
            (Subject::Access { .. } | Subject::Account { .. } | Subject::Orphan { .. }, verdict) => {
                match seen.finding(op, subject, verdict) {
                    Err(error) => Err(error),
                    Ok(finding) => match finding.subject.identity().filter(|_| verdict == Verdict::Keep) {
                        Some(identity) => {
                            to_keep.entry(identity).or_default().push(finding);
                            continue;
                        }
                        None => record(op, of_finding(finding, None), &word).await,
                    },
                }
            }
            (Subject::Grant { .. }, _) => match seen.grants.get(subject) {
                None => Err(gone()),
                Some(grant) => of_grant(op, grant, &word).await,
            },
            (Subject::Proposal { .. }, _) => match seen.proposals.get(subject) {
                None => Err(gone()),
                Some(proposal) => of_proposal(op, proposal, &word).await,
            },
        };
        outcomes.insert(subject.clone(), outcome);
    }
    for (identity, found) in to_keep {
        for some in found.chunks(ITEMS_AT_ONCE) {
            keep(op, identity, some, &word, &mut outcomes).await?;
        }
    }
    let has_removed = word.verdict == Verdict::Remove && outcomes.values().any(Result::is_ok);
    if has_removed {
        let by = Some(op.user.id);
        let queued = crate::jobs::queue_own(&op.engine, RECONCILIATION, &crate::jobs::FROM_PLANNING, by).await;
        queued.map_err(internal)?;
    }
    let answer = |subject: &Subject| {
        let outcome = outcomes.get(subject).cloned().unwrap_or_else(|| Err(gone()));
        (subject.clone(), outcome)
    };
    Ok(subjects.iter().map(answer).collect())
}

/// What is decided about, as it is now.
struct Seen {
    findings: HashMap<Subject, Finding>,
    grants: HashMap<Subject, Redundancy>,
    proposals: HashMap<Subject, RoleProposal>,
}

impl Seen {
    async fn read(op: &OpContext, subjects: &[Subject]) -> Result<Self, ApiError> {
        let mut seen = Self { findings: HashMap::new(), grants: HashMap::new(), proposals: HashMap::new() };
        for view in [View::Access, View::Accounts, View::Orphans] {
            let of_view = subjects.iter().filter(|subject| subject.view() == view);
            let accounts: BTreeSet<AccountId> = of_view.filter_map(Subject::account).collect();
            if accounts.is_empty() {
                continue;
            }
            let accounts: Vec<AccountId> = accounts.into_iter().collect();
            let filter = ReconciliationFilter { view, ..ReconciliationFilter::default() };
            let mut found = findings(op, &filter, Some(&accounts)).await?;
            name(op, &mut found).await?;
            seen.findings.extend(found.into_iter().map(|finding| (finding.subject.clone(), finding)));
        }
        let everything = ReconciliationFilter::default();
        if subjects.iter().any(|subject| subject.view() == View::Redundant) {
            let grants = redundant::all(op, &everything).await?;
            seen.grants = grants.into_iter().map(|grant| (grant.subject.clone(), grant)).collect();
        }
        if subjects.iter().any(|subject| subject.view() == View::Roles) {
            let people: BTreeSet<IdentityId> = subjects.iter().filter_map(proposed_to).collect();
            let proposals = proposals::of_people(op, people).await?;
            seen.proposals.extend(proposals.into_iter().map(|proposal| (proposal.subject.clone(), proposal)));
        }
        Ok(seen)
    }

    fn finding(&self, op: &OpContext, subject: &Subject, verdict: Verdict) -> Result<&Finding, ApiError> {
        let finding = self.findings.get(subject).ok_or_else(gone)?;
        match refusal(finding, verdict, &op.engine.world().live().catalogue) {
            Some(why) => Err(ApiError::conflict(why)),
            None => Ok(finding),
        }
    }
}

fn proposed_to(subject: &Subject) -> Option<IdentityId> {
    match subject {
        Subject::Proposal { identity, .. } => Some(*identity),
        _ => None,
    }
}

fn gone() -> ApiError {
    ApiError::conflict("It is not as you saw it any more, or somebody has decided about it. Look at the list again.")
}

/// The word with everything in its usual form, where it makes sense.
async fn checked(op: &OpContext, subjects: &[Subject], word: &Word) -> Result<Word, ApiError> {
    let reason = word.reason.split_whitespace().collect::<Vec<_>>().join(" ");
    if reason.is_empty() {
        return Err(ApiError::invalid(
            "reason",
            "Say why; it is kept with the decision and shown where the access is.",
        ));
    }
    if reason.chars().count() > LONGEST_REASON {
        return Err(ApiError::invalid(
            "reason",
            format!("The reason has more than {LONGEST_REASON} characters. Shorten it."),
        ));
    }
    if reason.chars().any(char::is_control) {
        return Err(ApiError::invalid("reason", "The reason has a character that cannot be shown. Type it anew."));
    }
    let today = op.engine.today();
    match (word.verdict, word.until) {
        (Verdict::Postpone, None) => {
            return Err(ApiError::invalid("until", "Say until which day the decision is postponed."));
        }
        (Verdict::Postpone, Some(day)) if day <= today => {
            return Err(ApiError::invalid("until", format!("{day} is not later than today. Choose a later day.")));
        }
        (Verdict::Keep, Some(day)) if day < today => {
            return Err(ApiError::invalid("until", format!("The last day, {day}, is over. Choose a later one.")));
        }
        (Verdict::Remove, Some(_)) => {
            return Err(ApiError::invalid(
                "until",
                "What is removed has no last day. Leave it empty, or keep it until then.",
            ));
        }
        _ => {}
    }
    let keeps_orphans = word.verdict == Verdict::Keep && subjects.iter().any(|subject| subject.view() == View::Orphans);
    let responsible = word.responsible.as_deref().map(str::trim).filter(|login| !login.is_empty());
    let responsible = match (keeps_orphans, responsible) {
        (false, _) => None,
        (true, None) => {
            return Err(ApiError::invalid(
                "responsible",
                "Say who answers for a service or technical account: the login of somebody who signs in here.",
            ));
        }
        (true, Some(login)) => {
            let known = op.engine.store().user_by_login(login).await.map_err(internal)?;
            let (user, _) = known.ok_or_else(|| {
                ApiError::invalid("responsible", format!("Nobody signs in as `{login}`. Give the login of a user."))
            })?;
            Some(user.login)
        }
    };
    Ok(Word { verdict: word.verdict, reason, until: word.until, responsible })
}

// ---------------------------------------------------------------------------------------------------- keeping

/// Makes somebody's access, or accounts, direct grants. Where one of several is refused, each is tried by itself.
async fn keep(
    op: &OpContext,
    identity: IdentityId,
    found: &[&Finding],
    word: &Word,
    outcomes: &mut HashMap<Subject, Result<(), ApiError>>,
) -> Result<(), ApiError> {
    let all = ask(op, identity, grantables(found), Change::Give, word).await;
    match all {
        Err(_) if found.len() > 1 => {
            for one in found {
                let outcome = match ask(op, identity, grantables(&[one]), Change::Give, word).await {
                    Ok(request) => record(op, of_finding(one, Some(request)), word).await,
                    Err(error) => Err(error),
                };
                outcomes.insert(one.subject.clone(), outcome);
            }
        }
        all => {
            for one in found {
                let outcome = match &all {
                    Ok(request) => record(op, of_finding(one, Some(*request)), word).await,
                    Err(error) => Err(error.clone()),
                };
                outcomes.insert(one.subject.clone(), outcome);
            }
        }
    }
    Ok(())
}

/// Each once: two accounts of somebody may hold the same.
fn grantables(found: &[&Finding]) -> Vec<Grantable> {
    let grantables: BTreeSet<Grantable> = found.iter().filter_map(|finding| finding.grantable.clone()).collect();
    grantables.into_iter().collect()
}

/// Asks for it: what is kept has an origin, is explained, and ends by itself, as everything that is asked for.
async fn ask(
    op: &OpContext,
    identity: IdentityId,
    grantables: Vec<Grantable>,
    change: Change,
    word: &Word,
) -> Result<RequestId, ApiError> {
    let items = grantables.into_iter().map(|grantable| RequestItem { change, grantable }).collect();
    let source = RequestSource::new("reconciliation", &op.user.login);
    let until = word.until.filter(|_| change == Change::Give);
    let new =
        NewRequest { until, ..NewRequest::new(Trigger::Administrator, source, identity, items, word.reason.clone()) };
    let submission = requests::hand_in(op, new).await?;
    submission.request.ok_or_else(ApiError::internal)
}

async fn of_grant(op: &OpContext, grant: &Redundancy, word: &Word) -> Result<(), ApiError> {
    let request = match word.verdict {
        Verdict::Remove => Some(ask(op, grant.identity, vec![grant.grantable.clone()], Change::Take, word).await?),
        Verdict::Keep | Verdict::Postpone => None,
    };
    let row = Row {
        subject: grant.subject.clone(),
        identity: Some(grant.identity),
        application: grant.application.clone().unwrap_or_default(),
        title: format!("direct grant of {}", grant.label),
        grantable: Some(grant.grantable.clone()),
        request,
    };
    record(op, row, word).await
}

async fn of_proposal(op: &OpContext, proposal: &RoleProposal, word: &Word) -> Result<(), ApiError> {
    let request = match word.verdict {
        Verdict::Postpone => {
            return Err(ApiError::conflict("A proposal is accepted or declined; there is nothing to postpone."));
        }
        Verdict::Remove => None,
        Verdict::Keep if !proposal.rivals.is_empty() => {
            return Err(ApiError::conflict(format!(
                "{} would explain the same, so none is deduced. Decline the others first, or give one by a request.",
                proposal.rivals.join(", ")
            )));
        }
        Verdict::Keep => Some(ask(op, proposal.identity, vec![proposal.grantable.clone()], Change::Give, word).await?),
    };
    let row = Row {
        subject: proposal.subject.clone(),
        identity: Some(proposal.identity),
        application: op.engine.application_of(&proposal.grantable).unwrap_or_default(),
        title: format!("{} as an explanation", proposal.label),
        grantable: Some(proposal.grantable.clone()),
        request,
    };
    record(op, row, word).await
}

// -------------------------------------------------------------------------------------------------- recording

/// What is written down, beside the word itself.
struct Row {
    subject: Subject,
    identity: Option<IdentityId>,
    application: String,
    title: String,
    grantable: Option<Grantable>,
    request: Option<RequestId>,
}

fn of_finding(finding: &Finding, request: Option<RequestId>) -> Row {
    let account = finding.called.as_ref().unwrap_or(&finding.account_key);
    let title = match &finding.subject {
        Subject::Access { .. } => format!("{} on account {account}", finding.label),
        _ => format!("account {account}"),
    };
    Row {
        subject: finding.subject.clone(),
        identity: finding.subject.identity(),
        application: finding.application.clone(),
        title,
        grantable: finding.grantable.clone(),
        request,
    }
}

/// "kept until 2026-12-31".
fn done(word: &Word) -> String {
    match (word.verdict, word.until) {
        (Verdict::Keep, Some(day)) => format!("kept until {day}"),
        (Verdict::Keep, None) => "kept".to_owned(),
        (Verdict::Remove, _) => "to be removed".to_owned(),
        (Verdict::Postpone, day) => {
            format!("postponed until {}", day.map(|day: Date| day.to_string()).unwrap_or_default())
        }
    }
}

async fn record(op: &OpContext, row: Row, word: &Word) -> Result<(), ApiError> {
    let id = op.engine.store().reserve_ids(1).await.map_err(internal)?.start;
    let label = if row.application.is_empty() { String::new() } else { op.engine.application_label(&row.application) };
    let sentence = format!("{} {}", row.title, done(word));
    let place = if label.is_empty() { String::new() } else { format!(" in {label}") };
    let event = row.identity.map(|identity| NewIdentityEvent {
        identity,
        at: op.now,
        message: format!("Reconciliation{place}: {sentence}, by {}: {}", op.user.login, word.reason),
        order: None,
        run: None,
    });
    let responsible = word.responsible.as_ref().map(|login| format!(", {login} answers for it")).unwrap_or_default();
    let audit = AuditLine {
        at: op.now,
        actor: op.user.login.clone(),
        action: "reconciliation".into(),
        subject: row.subject.to_string(),
        detail: format!("{sentence}{place}{responsible}: {}", word.reason),
    };
    let orphan = match (&row.subject, word.verdict) {
        (Subject::Orphan { account }, Verdict::Keep) => Some(*account),
        _ => None,
    };
    let decision = ReconciliationDecision {
        id: ReconciliationId(id),
        subject: row.subject,
        verdict: word.verdict,
        identity: row.identity,
        application: row.application,
        title: row.title,
        grantable: row.grantable,
        request: row.request,
        responsible: word.responsible.clone(),
        until: word.until,
        comment: word.reason.clone(),
        decided_by: op.user.login.clone(),
        decided_at: op.now,
        ended_by: None,
        ended_at: None,
    };
    let today = op.engine.today();
    let work = op.engine.store().write(move |tx| {
        Box::pin(async move {
            tx.keep_reconciliation(&decision, today).await?;
            if let Some(account) = orphan {
                // The correlation review says the same of it from now on.
                tx.decide_account(account, &Decision::Orphan, &decision.decided_by, decision.decided_at).await?;
            }
            tx.append_identity_events(event.as_slice()).await?;
            tx.append_audit(&audit).await
        })
    });
    written(work.await)
}

fn written(outcome: Result<(), StoreError>) -> Result<(), ApiError> {
    match outcome {
        Ok(()) => Ok(()),
        Err(StoreError::Conflict { .. }) => Err(gone()),
        Err(error) => Err(internal(error)),
    }
}

// ----------------------------------------------------------------------------------------------------- undoing

/// Takes decisions back: what was kept is open again, and what was postponed or removed as well, as far as nothing was
/// done. What was there at go-live counts as such once more.
pub async fn undo(
    op: &OpContext,
    ids: &[ReconciliationId],
) -> Result<Vec<(ReconciliationId, Result<(), ApiError>)>, ApiError> {
    op.require(DECIDE)?;
    let mut outcomes = Vec::with_capacity(ids.len());
    for id in ids {
        outcomes.push((*id, undo_one(op, *id).await));
    }
    Ok(outcomes)
}

async fn undo_one(op: &OpContext, id: ReconciliationId) -> Result<(), ApiError> {
    let found = op.engine.store().reconciliation_decision(id, op.engine.today()).await.map_err(internal)?;
    let row = found.ok_or_else(|| ApiError::not_found(format!("decision {id} of the reconciliation")))?;
    let decision = row.decision;
    if decision.ended_at.is_some() {
        return Err(ApiError::conflict(format!("Decision {id} was taken back already.")));
    }
    let is_dropped = matches!((&decision.subject, decision.verdict), (Subject::Grant { .. }, Verdict::Remove));
    if is_dropped {
        return Err(ApiError::conflict("The grant is closed. To give it directly once more, ask for it by a request."));
    }
    let entitlement = match &decision.subject {
        Subject::Access { entitlement, .. } => entitlement.clone(),
        _ => String::new(),
    };
    let account = decision.subject.account();
    let orphan = match (&decision.subject, decision.verdict) {
        (Subject::Orphan { account }, Verdict::Keep) => Some(*account),
        _ => None,
    };
    let (by, at) = (op.user.login.clone(), op.now);
    let audit = AuditLine {
        at,
        actor: by.clone(),
        action: "reconciliation".into(),
        subject: decision.subject.to_string(),
        detail: format!("decision {id} taken back: {} {}", decision.title, decision.verdict.name()),
    };
    let event = decision.identity.map(|identity| NewIdentityEvent {
        identity,
        at,
        message: format!("Reconciliation: the decision about {} was taken back by {by}.", decision.title),
        order: None,
        run: None,
    });
    let work = op.engine.store().write(move |tx| {
        Box::pin(async move {
            if !tx.end_reconciliation(id, &by, at).await? {
                return Err(StoreError::Conflict { constraint: "reconciliation_decision_standing".into() });
            }
            if let Some(account) = account {
                tx.renew_pre_existing(account, &entitlement, at).await?;
            }
            if let Some(account) = orphan {
                tx.reopen_account(account, &Decision::Orphan, &by, at).await?;
            }
            tx.append_identity_events(event.as_slice()).await?;
            tx.append_audit(&audit).await
        })
    });
    written(work.await)?;
    // Last: where this is refused nothing is given any more, or not by us alone.
    if let (Some(identity), Some(grantable), Some(_), Verdict::Keep) =
        (decision.identity, decision.grantable, decision.request, decision.verdict)
    {
        let word = Word {
            verdict: Verdict::Remove,
            reason: format!("Decision {id} of the reconciliation was taken back."),
            until: None,
            responsible: None,
        };
        if let Err(error) = ask(op, identity, vec![grantable], Change::Take, &word).await {
            tracing::info!(%error, decision = %id, "a decision was taken back, and what it gave was not given any more");
        }
    }
    Ok(())
}
