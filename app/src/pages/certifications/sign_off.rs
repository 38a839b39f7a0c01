//! What a reviewer has decided, with what follows from it, before it is signed off.

use leptos::prelude::*;
use model::certification::{CampaignRow, CampaignState, Consequence, SignOff};
use model::ids::CampaignId;

use crate::components::icon::icon;
use crate::components::list::{Empty, empty};
use crate::frame::{Section, Sheet};
use crate::logic::flash::Flash;
use crate::logic::words;
use crate::pages::{Asked, page, parameter};
use crate::ssr;

/// `seen` is a digest of the decisions as the page showed them.
#[server(prefix = "/api/pages", endpoint = "certifications/sign-off")]
pub async fn sign_off_certification(
    #[server(default)] id: String,
    #[server(default)] seen: String,
) -> Result<(), ServerFnError> {
    let op = ssr::op().await?;
    let outcome = async {
        let campaign: CampaignId = ssr::id(&id, "campaign")?;
        let done = engine::certifications::sign_off(&op, campaign, Some(&seen)).await?;
        Ok(Flash::done(format!(
            "Signed off: {} certified, {} revoked. What is revoked is followed until it is gone.",
            done.approved, done.revoked
        )))
    };
    let outcome = outcome.await;
    let back =
        id.parse::<CampaignId>().map_or("/certifications".to_owned(), |id| format!("/certifications/{id}?mine=yes"));
    ssr::finish(outcome, &back)
}

#[component]
pub fn SignOffPage() -> impl IntoView {
    let id = parameter("id");
    page(move |Asked { op, .. }| async move {
        let id: CampaignId = ssr::id(&id, "campaign")?;
        let row = engine::certifications::campaign(&op, id).await?;
        let sign_off = engine::certifications::preview_sign_off(&op, id).await?;
        Ok(sign_off_sheet(&row, &sign_off))
    })
}

pub fn sign_off_sheet(row: &CampaignRow, sign_off: &SignOff) -> Sheet {
    let campaign = &row.campaign;
    let id = campaign.id;
    let content = match (sign_off.approved + sign_off.revoked, campaign.state) {
        (0, _) => {
            empty("Nothing to sign off", Empty::AllDone { text: "You have decided nothing that is not signed off." })
        }
        (_, CampaignState::Active) => summary(id, sign_off).into_any(),
        _ => empty(
            "The campaign is over",
            Empty::AllDone { text: "What was not signed off became what the campaign says." },
        ),
    };
    let body = view! {
        <header class="page-head">
            <h1>{format!("Sign off: {}", campaign.what.name)}</h1>
            <p class="muted">"With your signature it takes effect, and cannot be changed any more."</p>
            <p><a href=format!("/certifications/{id}?mine=yes")>"Back to the items"</a></p>
        </header>
        {content}
    };
    Sheet { section: Section::Certifications, title: "Sign off".to_owned(), body: body.into_any() }
}

fn summary(id: CampaignId, sign_off: &SignOff) -> impl IntoView + use<> {
    let counts = [("Kept", sign_off.approved), ("Revoked", sign_off.revoked), ("Not decided yet", sign_off.open)];
    let counts = counts.map(|(name, count)| view! { <div><dt>{name}</dt><dd>{words::total(count)}</dd></div> });
    let open = (sign_off.open > 0).then(|| {
        let left = words::plural(sign_off.open, "item is", "items are");
        view! { <p class="hint">{format!("{left} not decided yet. You can sign off what you have, and go on later.")}</p> }
    });
    let left = (sign_off.revoked as usize).saturating_sub(sign_off.consequences.len());
    let more = (left > 0).then(|| view! { <p class="hint">{format!("and {} more", words::plural(left as u64, "revocation", "revocations"))}</p> });
    let lines = sign_off.consequences.iter().map(|one| consequence(one).into_any()).collect_view();
    let revoked = (sign_off.revoked > 0).then(|| {
        view! {
            <section aria-labelledby="revoked-heading">
                <div class="section-head"><h2 id="revoked-heading">"What goes"</h2></div>
                <ul class="plain approvals">{lines}</ul>
                {more}
            </section>
        }
    });
    view! {
        <dl class="counts">{counts}</dl>
        {open}
        {revoked}
        <form method="post" action="/api/pages/certifications/sign-off" class="actions">
            <input type="hidden" name="id" value=id.to_string() />
            <input type="hidden" name="seen" value=sign_off.digest.clone() />
            <button class="button primary">{icon("double-check")}"Sign off"</button>
        </form>
    }
}

/// One revocation: what it takes, and what else goes with it.
fn consequence(one: &Consequence) -> impl IntoView + use<> {
    let row = &one.item;
    let routes = row.routes.iter().map(|route| view! { <li>{route.clone()}</li> }).collect_view();
    let preview = one.preview.as_ref().map(|preview| {
        let losses: Vec<&str> = preview.losses.iter().map(|(_, label)| label.as_str()).collect();
        let losses = (!losses.is_empty()).then(|| view! { <li><strong>"Goes: "</strong>{losses.join(", ")}</li> });
        let remarks = preview.remarks.iter().map(|remark| view! { <li>{remark.clone()}</li> }).collect_view();
        view! { {losses}{remarks} }
    });
    let refused = one.refused.as_ref().map(|why| {
        view! { <li>{icon("octagon")}<span>"It cannot be taken away as it is: "{why.clone()}</span></li> }
    });
    view! {
        <li class="panel tight">
            <h3>{format!("{} of {}", row.label, row.identity_name)}</h3>
            <ul class="plain">{routes}{preview}{refused}</ul>
        </li>
    }
}
