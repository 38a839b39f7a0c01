//! Lists of who should have what: the role model, what is asked of people about access, and what speaks against it.

use engine::context::OpContext;
use model::certification::{Decision, ItemFilter};
use model::draft::{DraftState, ObjectKind};
use model::error::ApiError;
use model::ids::CampaignId;
use model::reconciliation::{Finding, Lines, Origin, ReconciliationFilter};
use model::risk::ViolationFilter;

use super::{LIMIT, Rows, place, time};
use crate::logic::query::{self, Query};
use crate::logic::{request, role_model, words};
use crate::pages::{found_entitlements as found, lint, violations as violated};

pub(super) async fn approvals(op: &OpContext, query: &Query, after: Option<String>) -> Result<Rows, ApiError> {
    let filter = model::approval::ApprovalFilter { after, limit: LIMIT, ..query::approvals(query) };
    let page = engine::request_approvals::page(op, &filter).await?;
    const COLUMNS: &[&str] = &["Request", "Access", "Person", "Asked by", "Why", "Asked", "Who may decide"];
    Ok(Rows::of(COLUMNS, page, |row| {
        vec![
            row.approval.request.to_string(),
            request::named(&row.approval.item.grantable, &row.label),
            row.identity_name.clone(),
            row.requester.clone(),
            row.justification.clone(),
            time(Some(row.submitted_at)),
            row.approvers.join(", "),
        ]
    }))
}

pub(super) async fn violations(op: &OpContext, query: &Query, after: Option<String>) -> Result<Rows, ApiError> {
    let filter = ViolationFilter { before: place(after.as_ref())?, limit: LIMIT, ..query::violations(query) };
    let page = engine::violations::page(op, &filter).await?;
    const COLUMNS: &[&str] =
        &["Violation", "Person", "Risk", "Owner", "Level", "Held together", "State", "Decision", "Since"];
    Ok(Rows::of(COLUMNS, page, |row| {
        vec![
            row.violation.id.to_string(),
            row.identity_name.clone(),
            row.risk.display_name.clone(),
            row.risk.owner.clone().unwrap_or_default(),
            row.risk.level.to_string(),
            violated::held(row),
            row.violation.state.label().to_owned(),
            violated::until(&row.violation).unwrap_or_default(),
            time(Some(row.violation.since)),
        ]
    }))
}

pub(super) async fn reconciliation(op: &OpContext, query: &Query, after: Option<String>) -> Result<Rows, ApiError> {
    let filter = ReconciliationFilter { after, limit: LIMIT, ..query::reconciliation(query) };
    Ok(match engine::reconciliation::page(op, &filter).await? {
        Lines::Findings(page) => {
            const COLUMNS: &[&str] =
                &["What", "Account", "Whose", "Application", "Account type", "Known", "Since", "Order", "By itself"];
            Rows::of(COLUMNS, page, finding)
        }
        Lines::Redundant(page) => {
            const COLUMNS: &[&str] =
                &["What", "Kind", "Whose", "Request", "Requester", "Why", "Holds", "Since", "Given as well by"];
            Rows::of(COLUMNS, page, |row| {
                vec![
                    row.label.clone(),
                    words::kind(&row.grantable).to_owned(),
                    row.identity_name.clone(),
                    row.request.to_string(),
                    row.requester.clone(),
                    row.justification.clone(),
                    words::period(&row.period),
                    time(Some(row.since)),
                    row.causes.join(", "),
                ]
            })
        }
        Lines::Roles(page) => {
            const COLUMNS: &[&str] =
                &["Role", "Kind", "For", "Would explain", "Would give as well", "Others that would explain it"];
            Rows::of(COLUMNS, page, |row| {
                vec![
                    row.label.clone(),
                    words::kind(&row.grantable).to_owned(),
                    row.identity_name.clone(),
                    row.explains.join(", "),
                    row.missing.join(", "),
                    row.rivals.join(", "),
                ]
            })
        }
        Lines::Decided(page) => {
            const COLUMNS: &[&str] =
                &["What", "Application", "Whose", "Decision", "Until", "Stands", "Why", "Decided by", "Decided"];
            Rows::of(COLUMNS, page, |row| {
                let decision = &row.decision;
                vec![
                    words::sentence_case(&decision.title),
                    row.application_name.clone(),
                    row.identity_name.clone().unwrap_or_default(),
                    decision.verdict.name().to_owned(),
                    decision.until.map(|day| day.to_string()).unwrap_or_default(),
                    if row.stands { "yes" } else { "no" }.to_owned(),
                    decision.comment.clone(),
                    decision.decided_by.clone(),
                    time(Some(decision.decided_at)),
                ]
            })
        }
    })
}

fn finding(row: &Finding) -> Vec<String> {
    let origin = if row.pre_existing { Origin::PreExisting } else { Origin::NonConforming };
    vec![
        row.label.clone(),
        row.called.clone().unwrap_or_else(|| row.account_key.clone()),
        row.identity_name.clone().unwrap_or_default(),
        row.application_name.clone(),
        row.account_type_label.clone(),
        origin.label().to_owned(),
        time(Some(row.since)),
        row.order.map(|order| order.to_string()).unwrap_or_default(),
        row.outlook.as_ref().map(|outlook| outlook.why.clone()).unwrap_or_default(),
    ]
}

pub(super) async fn certifications(op: &OpContext, after: Option<String>) -> Result<Rows, ApiError> {
    let page = engine::certifications::page(op, place(after.as_ref())?).await?;
    const COLUMNS: &[&str] =
        &["Id", "Campaign", "State", "First day", "Last day", "Waits for you", "Items", "Not signed off"];
    // In a campaign in which one is only asked, one's own part is all that one sees.
    let sees_all = engine::certifications::sees_all(op);
    let all = |count: u64| if sees_all { count.to_string() } else { String::new() };
    Ok(Rows::of(COLUMNS, page, |row| {
        let campaign = &row.campaign;
        vec![
            campaign.id.to_string(),
            campaign.what.name.clone(),
            campaign.state.label().to_owned(),
            campaign.what.starts.to_string(),
            campaign.what.ends.to_string(),
            row.mine.to_string(),
            all(row.total()),
            all(row.unsigned()),
        ]
    }))
}

pub(super) async fn certification_items(
    op: &OpContext,
    query: &Query,
    after: Option<String>,
) -> Result<Rows, ApiError> {
    let of = query.get("of").unwrap_or_default();
    let id: CampaignId = crate::ssr::id(&of, "certification campaign")?;
    let filter = ItemFilter { after: place(after.as_ref())?, limit: LIMIT, ..query::certification_items(query) };
    let page = engine::certifications::items(op, id, &filter).await?;
    const COLUMNS: &[&str] = &[
        "Item",
        "Person",
        "Access",
        "Kind",
        "Application",
        "Since",
        "Why it is held",
        "Certified last",
        "Recommended",
        "State",
        "Decided by",
        "Comment",
    ];
    Ok(Rows::of(COLUMNS, page, |row| {
        let item = &row.item;
        let recommended = match row.recommendation.decision {
            Some(Decision::Approve) => "Keep",
            Some(_) => "Revoke",
            None => "Your word",
        };
        vec![
            item.id.to_string(),
            row.identity_name.clone(),
            row.label.clone(),
            words::kind(&item.grantable).to_owned(),
            row.application_name.clone(),
            time(Some(item.since)),
            row.why.join("; "),
            time(row.certified.as_ref().map(|(at, _)| *at)),
            recommended.to_owned(),
            item.state.label().to_owned(),
            item.decided_by.clone().unwrap_or_default(),
            item.comment.clone(),
        ]
    }))
}

pub(super) async fn objects(op: &OpContext, kind: ObjectKind, query: &Query) -> Result<Rows, ApiError> {
    let rows = engine::role_model::rows(op, kind, &role_model::filter(query)).await?;
    const COLUMNS: &[&str] = &["Key", "Name", "About", "Category", "Owner", "State", "What for", "People"];
    Ok(Rows::all(COLUMNS, &rows, |row| {
        vec![
            row.name.clone(),
            row.display_name.clone(),
            row.note.clone(),
            row.category.clone().unwrap_or_default(),
            row.terms.as_ref().and_then(|terms| terms.owner.clone()).unwrap_or_default(),
            row.terms.as_ref().map(|terms| terms.state.name().to_owned()).unwrap_or_default(),
            row.description.clone().unwrap_or_default(),
            row.people.to_string(),
        ]
    }))
}

pub(super) async fn found_entitlements(op: &OpContext, query: &Query) -> Result<Rows, ApiError> {
    let filter = found::Filter::read(query);
    let mut rows = engine::found_entitlements::rows(op).await?;
    rows.retain(|row| filter.fits(row) && filter.show.includes(row));
    const COLUMNS: &[&str] = &[
        "Key",
        "Name",
        "Application",
        "Held by accounts",
        "Naming rule",
        "Entitlement",
        "Access profile",
        "Role",
        "Clash",
    ];
    Ok(Rows::all(COLUMNS, &rows, |row| {
        let named = row.named.as_ref();
        let of = |part: Option<&String>| part.cloned().unwrap_or_default();
        vec![
            row.found.key.clone(),
            row.found.display_name.clone(),
            row.application_label.clone(),
            row.holders.to_string(),
            of(named.map(|named| &named.rule)),
            of(named.map(|named| &named.entitlement)),
            of(named.and_then(|named| named.access_profile.as_ref())),
            of(named.and_then(|named| named.role.as_ref())),
            of(named.and_then(|named| named.clash.as_ref())),
        ]
    }))
}

pub(super) async fn findings(op: &OpContext, query: &Query) -> Result<Rows, ApiError> {
    let filter = lint::filter(query);
    let mut findings = engine::lint::findings(op).await?;
    findings.retain(|finding| filter.includes(finding));
    const COLUMNS: &[&str] = &["Severity", "Kind", "Finding", "Objects"];
    Ok(Rows::all(COLUMNS, &findings, |finding| {
        let spots = finding.spots.iter().map(|spot| format!("{} {}", spot.noun(), spot.name));
        vec![
            finding.severity.label().to_owned(),
            finding.kind.label().to_owned(),
            finding.message.clone(),
            spots.collect::<Vec<_>>().join(", "),
        ]
    }))
}

pub(super) async fn drafts(op: &OpContext, query: &Query, after: Option<String>) -> Result<Rows, ApiError> {
    let state = crate::pages::drafts::shown(query);
    let page = engine::drafts::page(op, state, place(after.as_ref())?).await?;
    const COLUMNS: &[&str] = &["Id", "Draft", "State", "Objects", "Begun by", "Last change"];
    let label: fn(DraftState) -> &'static str = DraftState::label;
    Ok(Rows::of(COLUMNS, page, |row| {
        vec![
            row.id.to_string(),
            row.title.clone(),
            label(row.state).to_owned(),
            row.changes.to_string(),
            row.created_by.clone(),
            time(Some(row.changed_at)),
        ]
    }))
}
