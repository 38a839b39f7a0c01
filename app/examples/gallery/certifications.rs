//! What people hold, looked at by those who know.

use app::frame::{Rights, Sheet};
use app::logic::time::Clock;
use app::pages::certifications::{
    Around, Offered, Typed, campaign_sheet, certifications_sheet, new_campaign_sheet, sign_off_sheet,
};
use jiff::civil::date;
use model::access::{Grantable, Reason};
use model::certification::{
    AtEnd, Campaign, CampaignRow, CampaignState, CertificationItem, Consequence, Decision, ItemFilter, ItemRow,
    ItemState, NewCampaign, Origin, Recommendation, Scope, SignOff,
};
use model::configuration::Approver;
use model::ids::{CampaignId, CertificationItemId, IdentityId, RequestId};
use model::page::Page;
use model::request::{RequestPreview, RequestState};

use super::{NAMES, before};

pub(crate) fn sheets(rights: &Rights, clock: &Clock) -> Vec<(&'static str, Sheet)> {
    let employee = Rights::of(&[]);
    let mine = ItemFilter { mine: true, ..ItemFilter::default() };
    let all = ItemFilter::default();
    let filtered = ItemFilter { state: Some(ItemState::Failed), ..ItemFilter::default() };
    let around = |state, sees_all: bool| Around {
        row: campaign(7_001, state),
        applications: vec![("ledger".into(), "Ledger".into())],
        asked: sees_all.then(|| vec![("max".into(), "Max Oak".into(), 12), ("olga".into(), "Olga Holm".into(), 3)]),
    };
    let active = CampaignState::Active;
    let open = rows().into_iter().take(4).collect();
    let campaigns = vec![
        campaign(7_003, CampaignState::Staged),
        campaign(7_001, active),
        campaign(6_500, CampaignState::Ended),
        campaign(6_400, CampaignState::Cancelled),
    ];
    let offered = Offered {
        today: "2026-11-18".into(),
        departments: vec!["Finance".into(), "Sales".into()],
        applications: vec![("ledger".into(), "Ledger".into()), ("badges".into(), "Badges".into())],
        categories: vec![("sales".into(), "Sales".into())],
        things: std::sync::Arc::default(),
    };
    vec![
        ("certifications", certifications_sheet(page(campaigns), true, true, rights)),
        ("certifications-reviewer", certifications_sheet(page(vec![campaign(7_001, active)]), true, false, &employee)),
        ("certifications-none", certifications_sheet(page(Vec::new()), true, true, rights)),
        ("certifications-none-waits", certifications_sheet(page(Vec::new()), true, false, &employee)),
        ("certification", campaign_sheet(&all, page(rows()), &around(active, true), rights, clock)),
        ("certification-reviewer", campaign_sheet(&mine, page(open), &around(active, false), &employee, clock)),
        ("certification-empty", campaign_sheet(&filtered, page(Vec::new()), &around(active, true), rights, clock)),
        (
            "certification-staged",
            campaign_sheet(&all, page(Vec::new()), &around(CampaignState::Staged, true), rights, clock),
        ),
        ("certification-sign-off", sign_off_sheet(&campaign(7_001, active), &sign_off())),
        ("certification-sign-off-none", sign_off_sheet(&campaign(7_001, active), &SignOff::default())),
        ("certification-new", new_campaign_sheet(&Typed::default(), &offered)),
    ]
}

fn page<T>(rows: Vec<T>) -> Page<T> {
    Page { total: rows.len() as u64, next: None, rows, more: false }
}

fn campaign(id: i64, state: CampaignState) -> CampaignRow {
    let counts = match state {
        CampaignState::Staged => Default::default(),
        _ => [
            (ItemState::Open, 15),
            (ItemState::Approved, 4),
            (ItemState::Certified, 120),
            (ItemState::Requested, 3),
            (ItemState::WithOwner, 1),
            (ItemState::Removed, 9),
        ]
        .into_iter()
        .collect(),
    };
    CampaignRow {
        campaign: Campaign {
            id: CampaignId(id),
            what: NewCampaign {
                name: format!("Finance, campaign {id}"),
                description: "What Finance holds in the ledger".into(),
                scope: Scope::default(),
                reviewers: vec![Approver::Manager],
                fallback: Vec::new(),
                starts: date(2026, 11, 16),
                ends: date(2026, 12, 4),
                remind_days: Some(3),
                at_end: AtEnd::Mark,
            },
            state,
            through: IdentityId(0),
            created_by: "olga".into(),
            created_at: before(3_000),
            started_at: (state != CampaignState::Staged).then(|| before(2_900)),
            reminded_at: None,
            ended_at: None,
            ended_by: None,
        },
        counts,
        mine: if state == CampaignState::Active { 5 } else { 0 },
    }
}

/// One in each state that differs for whoever looks.
fn rows() -> Vec<ItemRow> {
    let given = row(1, "Ledger", Origin::Inherited, ItemState::Open);
    let found = row(2, "Vault", Origin::NonConforming, ItemState::Open);
    let decided = row(3, "Payments", Origin::ByHand, ItemState::Revoked);
    let failed = row(6, "Terminal", Origin::ByHand, ItemState::Failed);
    let owner = row(5, "Main door", Origin::Rule, ItemState::WithOwner);
    vec![
        ItemRow { certified: Some((before(200_000), "Max Oak".into())), ..given },
        ItemRow {
            why: vec!["no rule and no request grants it".into()],
            recommendation: Recommendation {
                decision: Some(Decision::Revoke),
                why: "nothing grants it: it was found in the application".into(),
            },
            routes: vec!["Nothing grants it: it is removed from the account, as reconciliation does it.".into()],
            item: CertificationItem { risk: Some(80), ..found.item.clone() },
            ..found
        },
        ItemRow {
            recommendation: Recommendation {
                decision: None,
                why: "somebody asked for it: only you know whether it is still needed".into(),
            },
            item: CertificationItem {
                decided_by: Some("max".into()),
                comment: "The project is over".into(),
                ..decided.item.clone()
            },
            ..decided
        },
        row(4, "Approved one", Origin::Rule, ItemState::Approved),
        ItemRow {
            may_decide: false,
            may_keep: true,
            item: CertificationItem {
                changes: Some(Grantable::Role("colleague".into())),
                message: Some("A rule gives it by Colleague: to be changed by whoever answers for Colleague.".into()),
                ..owner.item.clone()
            },
            ..owner
        },
        ItemRow {
            may_decide: false,
            request_state: Some(RequestState::Failed),
            item: CertificationItem {
                request: Some(RequestId(8_100)),
                message: Some("Request 8100 is failed. Look at it, mend what is in its way, then try again.".into()),
                ..failed.item.clone()
            },
            ..failed
        },
        ItemRow { may_decide: false, reviewers: Vec::new(), ..row(7, "Nobody's", Origin::Rule, ItemState::Open) },
        ItemRow { may_decide: false, ..row(8, "Certified one", Origin::Rule, ItemState::Certified) },
    ]
}

fn row(number: i64, label: &str, origin: Origin, state: ItemState) -> ItemRow {
    let reason = Reason {
        rule: "finance".into(),
        context: None,
        facts: Vec::new(),
        path: vec![Grantable::Role("bookkeeper".into())],
        grant: None,
    };
    let person = (number + 1) / 2;
    ItemRow {
        item: CertificationItem {
            id: CertificationItemId(number),
            campaign: CampaignId(7_001),
            identity: IdentityId(100 + person),
            grantable: Grantable::Entitlement(label.to_lowercase().replace(' ', "-")),
            application: "ledger".into(),
            origin,
            reasons: vec![reason],
            since: before(90_000),
            subject: None,
            risk: None,
            state,
            version: 1,
            reviewers: vec!["max".into()],
            decided_by: None,
            decided_at: None,
            comment: String::new(),
            signed_at: None,
            request: None,
            changes: None,
            message: None,
            ended_at: None,
        },
        identity_name: NAMES[usize::try_from(person).unwrap_or_default() % NAMES.len()].to_owned(),
        label: label.into(),
        application_name: "Ledger".into(),
        why: vec!["rule \u{201c}finance\u{201d} (department = Finance), by Bookkeeper \u{203a} Ledger books".into()],
        certified: None,
        recommendation: Recommendation {
            decision: Some(Decision::Approve),
            why: "rule \u{201c}finance\u{201d} gives it".into(),
        },
        routes: vec!["It comes with Bookkeeper, which is taken away with all that it gives.".into()],
        reviewers: vec!["Max Oak".into()],
        may_decide: true,
        may_keep: false,
        request_state: None,
    }
}

fn sign_off() -> SignOff {
    let preview = RequestPreview {
        losses: vec![
            (Grantable::Role("bookkeeper".into()), "Bookkeeper".into()),
            (Grantable::Entitlement("ledger".into()), "Ledger".into()),
        ],
        ..RequestPreview::default()
    };
    let mut rows = rows().into_iter();
    let of = |item: ItemRow| Consequence { item, preview: None, refused: None };
    let mut consequences: Vec<Consequence> = rows.by_ref().take(3).map(of).collect();
    if let Some(first) = consequences.first_mut() {
        first.preview = Some(preview);
    }
    if let Some(last) = consequences.last_mut() {
        last.refused = Some("Bo Ek has left: their access ends by itself.".into());
    }
    SignOff { approved: 12, revoked: 5, open: 2, consequences, digest: "d".into() }
}
