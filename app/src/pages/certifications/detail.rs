//! One campaign: a reviewer's queue, and for administrators everything that it covers.

use leptos::prelude::*;
use model::certification::{CampaignRow, CampaignState, Decision, ItemFilter, ItemRow, ItemState, Origin};
use model::error::ApiError;
use model::ids::{CampaignId, CertificationItemId};
use model::page::Page;

use super::{items, progress, standing};
use crate::components::chip;
use crate::components::form::{no_default, option};
use crate::components::icon::icon;
use crate::components::list::{Choice, Empty, empty, filter_chips, pagination, tabs};
use crate::frame::{Rights, Section, Sheet};
use crate::islands::Selection;
use crate::logic::flash::Flash;
use crate::logic::query::{Query, certification_items, certification_items_address};
use crate::logic::time::Clock;
use crate::logic::words;
use crate::pages::{Asked, page, parameter};
use crate::ssr;

/// Decides about what is ticked (`ids`, each an item with its version: `12-1`), or about the one whose own button was
/// pressed (`one`: `approve:12-1`). `list` is the query of the list to go back to.
#[server(prefix = "/api/pages", endpoint = "certifications/decide")]
pub async fn decide_certification(
    #[server(default)] id: String,
    #[server(default)] ids: Vec<String>,
    #[server(default)] one: String,
    #[server(default)] act: String,
    #[server(default)] comment: String,
    #[server(default)] to: String,
    #[server(default)] list: String,
) -> Result<(), ServerFnError> {
    let op = ssr::op().await?;
    let filter = certification_items(&Query::parse(&list));
    let outcome = async {
        let campaign: CampaignId = ssr::id(&id, "campaign")?;
        let (act, chosen) = match one.split_once(':') {
            Some((act, one)) => (act, vec![one.to_owned()]),
            None => (act.as_str(), ids),
        };
        carry_out(&op, campaign, act, &chosen, (&comment, &to)).await
    };
    let outcome = outcome.await;
    let back = match id.parse::<CampaignId>() {
        Ok(campaign) => certification_items_address(campaign, &filter).to_string(),
        Err(_) => "/certifications".to_owned(),
    };
    ssr::finish(outcome, &back)
}

async fn carry_out(
    op: &engine::context::OpContext,
    campaign: CampaignId,
    act: &str,
    chosen: &[String],
    (comment, to): (&str, &str),
) -> Result<Flash, ApiError> {
    let chosen = chosen.iter().map(|one| read(one)).collect::<Result<Vec<_>, _>>()?;
    let nouns = ("item", "items");
    match (act, Decision::from_name(act)) {
        (_, Some(decision)) => {
            let outcomes = engine::certifications::decide(op, campaign, &chosen, decision, comment).await?;
            let done = match decision {
                Decision::Approve => "approved; nothing happens before you sign off",
                Decision::Revoke => "revoked; nothing happens before you sign off",
                Decision::Reopen => "open again",
            };
            Ok(Flash::of_each(&outcomes, nouns, done))
        }
        ("reassign", _) => {
            let outcomes = engine::certifications::reassign(op, campaign, &chosen, to).await?;
            Ok(Flash::of_each(&outcomes, nouns, "given to somebody else"))
        }
        ("keep" | "retry", _) => {
            let mut outcomes = Vec::new();
            for (id, _) in chosen {
                let outcome = match act {
                    "keep" => engine::certifications::keep(op, id, comment).await,
                    _ => engine::certifications::retry(op, id).await,
                };
                outcomes.push((id, outcome));
            }
            Ok(Flash::of_each(&outcomes, nouns, if act == "keep" { "kept" } else { "tried again" }))
        }
        _ => Err(ApiError::invalid("act", "Choose what to do with the items that are ticked.")),
    }
}

/// `12-1`: an item with its version.
fn read(text: &str) -> Result<(CertificationItemId, Option<u32>), ApiError> {
    let parts = text.split_once('-').and_then(|(id, version)| Some((id.parse().ok()?, Some(version.parse().ok()?))));
    parts.ok_or_else(|| ApiError::invalid("ids", "The page was not complete. Open it again, then decide."))
}

/// Ends a campaign before its last day, or calls it off.
#[server(prefix = "/api/pages", endpoint = "certifications/finish")]
pub async fn finish_campaign(
    #[server(default)] id: String,
    #[server(default)] act: String,
) -> Result<(), ServerFnError> {
    let op = ssr::op().await?;
    let outcome = async {
        let campaign: CampaignId = ssr::id(&id, "campaign")?;
        match act.as_str() {
            "end" => engine::certifications::end(&op, campaign).await?,
            _ => engine::certifications::cancel(&op, campaign).await?,
        }
        Ok(Flash::done(if act == "end" { "The campaign is ended." } else { "The campaign is cancelled." }))
    };
    let outcome = outcome.await;
    let back = id.parse::<CampaignId>().map_or("/certifications".to_owned(), |id| format!("/certifications/{id}"));
    ssr::finish(outcome, &back)
}

/// What the page shows beside the items.
pub struct Around {
    pub row: CampaignRow,
    /// Names of applications, with what people call them.
    pub applications: Vec<(String, String)>,
    /// Who is asked, by login and name, and how much each has not signed off; none for whoever sees only their own.
    pub asked: Option<Vec<(String, String, u64)>>,
}

#[component]
pub fn CampaignPage() -> impl IntoView {
    let id = parameter("id");
    page(move |Asked { op, visitor, query }| async move {
        let id: CampaignId = ssr::id(&id, "campaign")?;
        let filter = certification_items(&query);
        let row = engine::certifications::campaign(&op, id).await?;
        let sees_all = engine::certifications::sees_all(&op);
        let filter = ItemFilter { mine: filter.mine || !sees_all, ..filter };
        let found = engine::certifications::items(&op, id, &filter).await?;
        let asked = match sees_all {
            true => Some(engine::certifications::asked(&op, id).await?),
            false => None,
        };
        let around = Around { row, applications: engine::certifications::applications(&op), asked };
        Ok(campaign_sheet(&filter, found, &around, &visitor.rights, &visitor.clock))
    })
}

pub fn campaign_sheet(
    filter: &ItemFilter,
    found: Page<ItemRow>,
    around: &Around,
    rights: &Rights,
    clock: &Clock,
) -> Sheet {
    let campaign = &around.row.campaign;
    let what = &campaign.what;
    let shown = found.rows.len();
    let plain = ItemFilter { mine: filter.mine, ..ItemFilter::default() };
    let is_filtered = ItemFilter { after: None, limit: None, ..filter.clone() } != plain;
    let content = match (shown, is_filtered, campaign.state) {
        (0, true, _) => {
            empty("No items", Empty::Filtered { clear: certification_items_address(campaign.id, &plain).to_string() })
        }
        (0, false, CampaignState::Staged) => {
            empty("Nothing to decide yet", Empty::AllDone { text: "What it covers is put together on its first day." })
        }
        (0, false, _) if filter.mine => empty(
            "Nothing waits for you",
            Empty::AllDone { text: "You have nothing to decide in this campaign, or it was given to others." },
        ),
        (0, false, _) => {
            empty("The campaign covers nothing", Empty::AllDone { text: "Nobody held what it is about when it began." })
        }
        _ => board(filter, &found.rows, around, rights, clock),
    };
    let scopes = around.asked.is_some().then(|| {
        let at =
            |mine| certification_items_address(campaign.id, &ItemFilter { mine, ..ItemFilter::default() }).to_string();
        tabs(
            "Whose",
            vec![
                ("For me".to_owned(), at(true), Some(around.row.mine.into()), filter.mine),
                ("Everything".to_owned(), at(false), Some(around.row.total().into()), !filter.mine),
            ],
        )
    });
    let list = certification_items_address(campaign.id, filter);
    let body = view! {
        <header class="page-head">
            <h1>{what.name.clone()}" "{chip::campaign(campaign.state)}</h1>
            <p class="muted">{standing(campaign)}" "{what.description.clone()}</p>
        </header>
        {sign_off_link(around)}
        {around.asked.as_ref().map(|asked| for_administrators(around, asked, rights))}
        {scopes}
        {states(filter, around)}
        {search(filter, around)}
        {content}
        {(shown > 0).then(|| pagination(list, shown, found.total.into(), filter.after.is_none(), found.next, ("item", "items")))}
    };
    Sheet { section: Section::Certifications, title: what.name.clone(), body: body.into_any() }
}

/// What the reviewer has decided waits for the signature.
fn sign_off_link(around: &Around) -> impl IntoView + use<> {
    let campaign = &around.row.campaign;
    let is_mine = campaign.state == CampaignState::Active && around.row.mine > 0;
    let address = format!("/certifications/{}/sign-off", campaign.id);
    is_mine.then(|| {
        view! { <div class="actions"><a class="button primary" href=address>{icon("double-check")}"See what you have decided, and sign off"</a></div> }
    })
}

fn for_administrators(around: &Around, asked: &[(String, String, u64)], rights: &Rights) -> impl IntoView + use<> {
    let campaign = &around.row.campaign;
    let id = campaign.id;
    let is_open = matches!(campaign.state, CampaignState::Staged | CampaignState::Active);
    let finish = (is_open && rights.may(engine::certifications::MANAGE)).then(|| {
        let end = (campaign.state == CampaignState::Active).then(|| {
            view! { <button class="button" name="act" value="end">{icon("exit")}"End it now"</button> }
        });
        view! {
            <form method="post" action="/api/pages/certifications/finish" class="actions">
                <input type="hidden" name="id" value=id.to_string() />
                {end}
                <button class="button danger" name="act" value="cancel">{icon("ban")}"Cancel the campaign"</button>
            </form>
        }
    });
    let reviewers: Vec<String> = campaign.what.reviewers.iter().map(ToString::to_string).collect();
    let facts = [
        ("Asked", reviewers.join(", ")),
        ("Left unsigned at the end", campaign.what.at_end.label().to_owned()),
        ("Begun by", campaign.created_by.clone()),
    ];
    let facts = facts.map(|(name, value)| view! { <div><dt>{name}</dt><dd>{value}</dd></div> });
    let people = asked.iter().map(|(login, name, count)| {
        view! { <li>{name.clone()}<span class="subtle">" ("{login.clone()}") · "</span>{words::plural(*count, "item", "items")}</li> }
    });
    let people = (!asked.is_empty()).then(|| {
        let said = format!("Not signed off yet: {}", words::plural(asked.len() as u64, "person", "people"));
        view! { <details><summary>{said}</summary><ul class="plain">{people.collect_view()}</ul></details> }
    });
    view! {
        <section class="panel tight" aria-label="How far it is">
            <div>{progress(&around.row)}</div>
            <dl class="facts">{facts}</dl>
            {people}
            <div class="actions"><a class="button quiet" href=format!("/certifications/{id}/items.csv") rel="external">{icon("plane")}"Everything as CSV"</a>{finish}</div>
        </section>
    }
}

fn states(filter: &ItemFilter, around: &Around) -> impl IntoView + use<> {
    let id = around.row.campaign.id;
    let at = |state| certification_items_address(id, &ItemFilter { state, after: None, ..filter.clone() }).to_string();
    let all = Choice {
        label: "All".to_owned(),
        count: (!filter.mine).then(|| around.row.total()),
        address: at(None),
        chosen: filter.state.is_none(),
        shape: None,
    };
    let is_shown = |state: &ItemState| {
        around.row.of(*state) > 0
            || filter.state == Some(*state)
            || matches!(state, ItemState::Open | ItemState::Certified)
    };
    let choices = ItemState::ALL.into_iter().filter(is_shown).map(|state| Choice {
        label: state.label().to_owned(),
        count: (!filter.mine).then(|| around.row.of(state)),
        address: at(Some(state)),
        chosen: filter.state == Some(state),
        shape: Some(chip::certification_look(state).1),
    });
    filter_chips("State", std::iter::once(all).chain(choices).collect())
}

fn search(filter: &ItemFilter, around: &Around) -> impl IntoView + use<> {
    let applications = around
        .applications
        .iter()
        .map(|(name, label)| option(name.clone(), label.clone(), filter.application.as_ref() == Some(name)));
    let origins = Origin::ALL
        .map(|origin| option(origin.name().to_owned(), origin.label().to_owned(), filter.origin == Some(origin)));
    view! {
        <form class="filters" action=format!("/certifications/{}", around.row.campaign.id) role="search" aria-label="Filter the items">
            <input type="search" name="text" value=filter.text.clone() placeholder="Person" aria-label="Person" />
            <select name="application" aria-label="Application"><option value="">"Every application"</option>{applications.collect_view()}</select>
            <select name="origin" aria-label="How it is held"><option value="">"However it is held"</option>{origins.collect_view()}</select>
            {filter.state.map(|state| view! { <input type="hidden" name="state" value=state.name() /> })}
            {filter.mine.then(|| view! { <input type="hidden" name="mine" value="yes" /> })}
            <button class="button">"Filter"</button>
        </form>
    }
}

/// One form around all items, with what can be said about those that are ticked below.
fn board(filter: &ItemFilter, rows: &[ItemRow], around: &Around, rights: &Rights, clock: &Clock) -> AnyView {
    let id = around.row.campaign.id;
    let may_manage = rights.may(engine::certifications::MANAGE);
    let list = certification_items_address(id, filter).query();
    let decides = rows.iter().any(|row| row.may_decide);
    let says = decides || rows.iter().any(|row| row.may_keep || row.item.state == ItemState::Failed);
    let reassigns =
        may_manage && rows.iter().any(|row| row.item.state.is_unsigned() || row.item.state == ItemState::WithOwner);
    let has_ticks = decides || reassigns;
    let comment = says.then(|| {
        view! { <input name="comment" maxlength="500" placeholder="Comment; needed to say that something stays" aria-label="Comment" autocomplete="off" /> }
    });
    let buttons = decides.then(|| {
        view! {
            <button class="button" name="act" value="approve">{icon("check")}"Approve"</button>
            <button class="button danger" name="act" value="revoke">{icon("ban")}"Revoke"</button>
            <button class="button quiet" name="act" value="reopen">{icon("back")}"Take back"</button>
        }
    });
    let given = has_ticks.then(|| {
        view! {
            <input name="to" maxlength="200" placeholder="Login of somebody else" aria-label="Login of somebody else" autocomplete="off" />
            <button class="button quiet" name="act" value="reassign">{icon("arrow")}"Give to them"</button>
        }
    });
    view! {
        <form method="post" action="/api/pages/certifications/decide" class="bulk">
            {no_default()}
            <input type="hidden" name="id" value=id.to_string() />
            <input type="hidden" name="list" value=list />
            {items::groups(rows, has_ticks, may_manage, rights, clock)}
            {(has_ticks || says).then(|| view! { <div class="bulk-bar">{has_ticks.then(|| view! { <Selection /> })}{comment}{buttons}<span class="spring"></span>{given}</div> })}
        </form>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::read;
    use model::ids::CertificationItemId;

    #[test]
    fn an_item_is_named_with_its_version() {
        assert_eq!(read("12-3").unwrap(), (CertificationItemId(12), Some(3)));
        for text in ["", "12", "12-", "-1", "a-b", "12-3-4"] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
