//! Risks that a request would newly bring about: shown before it is handed in, and then refused, or borne with a word why.

use std::sync::Arc;

use model::access::{DesiredAccess, Grantable};
use model::account::Account;
use model::configuration::OnConflict;
use model::error::{ApiError, ErrorCode};
use model::ids::RequestId;
use model::request::NewRequest;
use model::risk::{AcceptedRisk, BrokenRule, RequestRisk};

use crate::context::OpContext;
use crate::error::internal;
use crate::indirect::Follower;
use crate::violations::facts;

use super::check::justification;

/// Asking for what a risk blocks: it waits for a review then.
pub const OVERRIDE: &str = "/Risks/Override";

/// Rules that are broken afterwards and were not before.
pub(super) async fn find(
    op: &OpContext,
    before: &DesiredAccess,
    after: &DesiredAccess,
    accounts: &[Account],
    follower: &mut Follower,
) -> Result<Vec<RequestRisk>, ApiError> {
    let live = Arc::clone(follower.live());
    if !live.risks.is_empty() {
        let sides = [before, after].map(|access| (access.assignments.as_slice(), accounts));
        follower.read(&sides).await.map_err(internal)?;
    }
    let broken = |access: &DesiredAccess| {
        let indirect = follower.follow((&access.assignments, accounts));
        live.risks.broken_rules(&access.assignments, accounts, &indirect)
    };
    let (had, has) = (broken(before), broken(after));
    let is_new = |rule: &&BrokenRule| !had.iter().any(|known| (&known.risk, known.rule) == (&rule.risk, rule.rule));
    let label = |thing: &Grantable| op.engine.label(thing);
    let risk = |rule: &BrokenRule| {
        let risk = facts(&live, &rule.risk, rule.rule);
        let follows = match risk.on_conflict {
            OnConflict::Block if op.may(OVERRIDE) => OnConflict::Approve,
            other => other,
        };
        let sides = rule.sides.iter().map(|side| side.iter().map(|thing| label(&thing.grantable)).collect());
        RequestRisk { follows, rule: rule.rule, sides: sides.collect(), risk }
    };
    let mut found: Vec<RequestRisk> = has.iter().filter(is_new).map(risk).collect();
    // The worst first.
    found.sort_by_key(|found| (std::cmp::Reverse(found.follows), std::cmp::Reverse(found.risk.level)));
    Ok(found)
}

/// What would be kept with the request, whatever is said about it: what its plan is made with.
pub(super) fn overridden(risks: &[RequestRisk], request: RequestId) -> Vec<AcceptedRisk> {
    accepted(risks, request, "")
}

/// Refuses what is blocked, and what is said nothing about.
pub(super) fn decide(risks: &[RequestRisk], new: &NewRequest) -> Result<Vec<AcceptedRisk>, ApiError> {
    let refuse = |field: &str, message: String| {
        Err(ApiError { code: ErrorCode::Conflict, message, field: Some(field.to_owned()) })
    };
    if let Some(blocked) = risks.iter().find(|found| found.follows == OnConflict::Block) {
        return refuse(
            "items",
            format!(
                "{} This risk blocks it, and nothing was changed. Ask for less; or have it asked for by somebody who may \
                 override risks (`{OVERRIDE}`).",
                sentence(blocked)
            ),
        );
    }
    let Some(first) = risks.first() else { return Ok(Vec::new()) };
    let Some(comment) = new.risk_comment.as_deref().filter(|comment| !comment.trim().is_empty()) else {
        return refuse("risk_comment", format!("{} Say why this risk is borne, or ask for less.", sentence(first)));
    };
    let comment = justification(comment, "risk_comment", "Say why this risk is borne.")?;
    Ok(accepted(risks, RequestId(0), &comment))
}

fn accepted(risks: &[RequestRisk], request: RequestId, comment: &str) -> Vec<AcceptedRisk> {
    let row = |found: &RequestRisk| AcceptedRisk {
        request,
        risk: found.risk.name.clone(),
        rule: found.rule,
        on_conflict: found.risk.on_conflict,
        comment: comment.to_owned(),
    };
    risks.iter().filter(|found| found.follows != OnConflict::Block).map(row).collect()
}

/// "It would bring about the risk “Pays what they book” (level 80): Books together with Pays."
pub(crate) fn sentence(found: &RequestRisk) -> String {
    let sides: Vec<String> = found.sides.iter().map(|side| side.join(", ")).collect();
    format!(
        "It would bring about the risk \u{201c}{}\u{201d} (level {}): {}.",
        found.risk.display_name,
        found.risk.level,
        sides.join(" together with ")
    )
}
