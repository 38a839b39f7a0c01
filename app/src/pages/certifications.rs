//! Certification campaigns: what is to be looked at, by whom, and how far that is.

pub mod detail;
mod items;
pub mod new;
pub mod sign_off;

use leptos::prelude::*;
use model::certification::{Campaign, CampaignRow, CampaignState, ItemState};
use model::ids::CampaignId;
use model::page::Page;

use crate::components::chip;
use crate::components::icon::icon;
use crate::components::list::{Empty, empty, pagination};
use crate::frame::{Rights, Section, Sheet};
use crate::logic::address::Address;
use crate::logic::words;
use crate::pages::{Asked, page};

pub use detail::{Around, CampaignPage, campaign_sheet};
pub use new::{NewCampaignPage, Offered, Typed, new_campaign_sheet};
pub use sign_off::{SignOffPage, sign_off_sheet};

#[component]
pub fn CertificationsPage() -> impl IntoView {
    page(|Asked { op, visitor, query }| async move {
        let before: Option<CampaignId> = query.get("after").and_then(|after| after.parse().ok());
        let rows = engine::certifications::page(&op, before).await?;
        let sees_all = engine::certifications::sees_all(&op);
        Ok(certifications_sheet(rows, before.is_none(), sees_all, &visitor.rights))
    })
}

pub fn certifications_sheet(page: Page<CampaignRow>, is_first: bool, sees_all: bool, rights: &Rights) -> Sheet {
    let shown = page.rows.len();
    let may_start = rights.may(engine::certifications::MANAGE);
    let content = match (shown, sees_all) {
        (0, true) => empty(
            "No campaigns yet",
            Empty::NeverUsed {
                text: "A campaign puts what people hold before those who know, and follows what they revoke until it is gone.",
                action: may_start.then_some(("New campaign", "/certifications/new")),
            },
        ),
        (0, false) => empty(
            "Nothing waits for you",
            Empty::AllDone { text: "Access that you are asked to certify appears here." },
        ),
        _ => table(&page.rows, sees_all).into_any(),
    };
    let new = may_start.then(|| {
        view! { <div class="actions"><a class="button primary" href="/certifications/new">{icon("plus")}"New campaign"</a></div> }
    });
    let body = view! {
        <header class="page-head">
            <div class="with-actions">
                <div>
                    <h1>"Certifications"</h1>
                    <p class="muted">"What people hold, looked at by those who know: nothing happens before a reviewer signs off."</p>
                </div>
                {new}
            </div>
        </header>
        {content}
        {(shown > 0).then(|| pagination(Address::new("/certifications"), shown, page.total.into(), is_first, page.next, ("campaign", "campaigns")))}
    };
    Sheet { section: Section::Certifications, title: "Certifications".to_owned(), body: body.into_any() }
}

fn table(rows: &[CampaignRow], sees_all: bool) -> impl IntoView + use<> {
    let lines = rows.iter().map(|row| line(row, sees_all)).collect_view();
    let all = sees_all
        .then(|| view! { <th scope="col">"Signed off"</th><th scope="col" class="number">"Being taken away"</th> });
    view! {
        <table class="ledger">
            <thead><tr><th scope="col">"Campaign"</th><th scope="col">"State"</th><th scope="col">"Last day"</th><th scope="col" class="number">"Waits for you"</th>{all}</tr></thead>
            <tbody>{lines}</tbody>
        </table>
    }
}

fn line(row: &CampaignRow, sees_all: bool) -> impl IntoView + use<> {
    let campaign = &row.campaign;
    let address = format!("/certifications/{}{}", campaign.id, if row.mine > 0 { "?mine=yes" } else { "" });
    let following = row.of(ItemState::Requested) + row.of(ItemState::WithOwner) + row.of(ItemState::Failed);
    let all = sees_all.then(|| {
        view! {
            <td data-label="Signed off" class="wrap">{progress(row)}</td>
            <td data-label="Being taken away" class="number">{words::total(following)}</td>
        }
    });
    view! {
        <tr data-row="">
            <td data-label="Campaign" class="name wrap"><a data-open="" href=address>{campaign.what.name.clone()}</a><div class="subtle">{campaign.what.description.clone()}</div></td>
            <td data-label="State">{chip::campaign(campaign.state)}</td>
            <td data-label="Last day" class="nowrap">{campaign.what.ends.to_string()}</td>
            <td data-label="Waits for you" class="number">{words::total(row.mine)}</td>
            {all}
        </tr>
    }
}

/// How much of it is signed off: "12 of 40", with a bar.
pub(super) fn progress(row: &CampaignRow) -> impl IntoView + use<> {
    let (total, done) = (row.total(), row.total() - row.unsigned());
    let said = format!("{} of {}", words::number(done), words::plural(total, "item", "items"));
    let label = format!("{said} signed off");
    view! { {said}{(total > 0).then(|| view! { <progress max=total.to_string() value=done.to_string() aria-label=label></progress> })} }
}

/// Where a campaign is, in a sentence.
pub(super) fn standing(campaign: &Campaign) -> String {
    let (starts, ends) = (campaign.what.starts, campaign.what.ends);
    match campaign.state {
        CampaignState::Staged if campaign.started_at.is_some() => "What it covers is being put together.".to_owned(),
        CampaignState::Staged => format!("It begins on {starts} and ends after {ends}."),
        CampaignState::Active => format!("It began on {starts}; its last day is {ends}."),
        CampaignState::Ended => "It is over. What was revoked is followed until it is gone.".to_owned(),
        CampaignState::Cancelled => "It was called off. What was signed off before stays.".to_owned(),
    }
}
