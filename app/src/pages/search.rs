//! Searching over everything one may see: a page of sections, and what the palette is told while somebody types.

mod places;

use engine::context::OpContext;
use engine::search::Group;
use leptos::prelude::*;
use model::error::ApiError;
use model::search::{Hit, HitKind};

use crate::components::icon::icon;
use crate::frame::{Rights, Section, Sheet};
use crate::logic::search::{self, Suggestion};
use crate::logic::words;
use crate::pages::{Asked, page};

/// Hits of each kind on the page.
const EACH: usize = 10;
/// Hits of each kind that the palette chooses from, and lines that it shows.
const EACH_OF_PALETTE: usize = 6;
const LINES_OF_PALETTE: usize = 12;

#[component]
pub fn SearchPage() -> impl IntoView {
    page(|Asked { op, visitor, query }| async move {
        let text = query.get("q").unwrap_or_default();
        let groups = engine::search::find(&op, &text, EACH, places::found(&text, &visitor.rights)).await?;
        Ok(search_sheet(&text, &groups, &visitor.rights))
    })
}

/// What the palette shows for what was typed so far.
///
/// # Errors
/// Where the database cannot be read.
pub async fn suggestions(op: &OpContext, text: &str) -> Result<Vec<Suggestion>, ApiError> {
    let pages = places::found(text, &Rights::of(&op.opened()));
    let groups = engine::search::find(op, text, EACH_OF_PALETTE, pages).await?;
    Ok(search::best(groups.into_iter().map(|group| group.hits).collect(), LINES_OF_PALETTE))
}

pub fn search_sheet(text: &str, groups: &[Group], rights: &Rights) -> Sheet {
    let content = match (text.trim().is_empty(), groups.is_empty()) {
        (true, _) => view! {
            <div class="empty">
                <span class="empty-art">{icon("search")}</span>
                <h2>"What are you looking for?"</h2>
                <p>"Write a part of a name, a key, a mail, or the number of an order, a request or a run."</p>
            </div>
        }
        .into_any(),
        (false, true) => view! {
            <div class="empty filtered">
                <span class="empty-art">{icon("search")}</span>
                <h2>"Nothing found"</h2>
                <p>{format!("Nothing that you may see fits \u{201c}{text}\u{201d}. Write fewer words, or only the beginning of one.")}</p>
            </div>
        }
        .into_any(),
        (false, false) => groups.iter().map(|group| section(group, text)).collect_view().into_any(),
    };
    let elsewhere = (!text.trim().is_empty()).then(|| lists(text, groups, rights));
    let body = view! {
        <header class="page-head">
            <h1>"Search"</h1>
            <p class="muted">"Everything that you may see: people, accounts, applications, the role model, settings, pages, and what has a number."</p>
        </header>
        <form class="filters" action="/search" role="search" aria-label="Search everything">
            <input type="search" name="q" value=text.to_owned() placeholder="Name, key, mail or number" aria-label="Name, key, mail or number" />
            <button class="button primary">"Search"</button>
        </form>
        {content}
        {elsewhere}
    };
    Sheet { section: Section::Elsewhere, title: "Search".to_owned(), body: body.into_any() }
}

fn section(group: &Group, text: &str) -> impl IntoView + use<> {
    let id = format!("found-{}", search::shape(group.kind));
    let id = format!("{id}-{}", group.kind as u8);
    let hits = group.hits.iter().map(hit).collect_view();
    let all = search::list(group.kind, text).filter(|_| group.more).map(|address| {
        view! { <p><a href=address>{format!("All {} that fit", group.kind.label().to_lowercase())}</a></p> }
    });
    let more = (group.more && all.is_none())
        .then(|| view! { <p class="muted">{format!("These are the first {}; write more to find others.", words::number(group.hits.len() as u64))}</p> });
    let named_by = id.clone();
    view! {
        <section class="found" aria-labelledby=named_by>
            <h2 id=id>{icon(search::shape(group.kind))}{group.kind.label()}</h2>
            <ul class="hits">{hits}</ul>
            {all}{more}
        </section>
    }
}

fn hit(hit: &Hit) -> impl IntoView + use<> {
    let noun = search::noun(&hit.target);
    let kind = match hit.target.kind() {
        HitKind::Request | HitKind::Application if !hit.detail.starts_with(noun) => {
            Some(view! { <span class="subtle">{noun}</span> })
        }
        _ => None,
    };
    view! {
        <li data-row=""><a data-open="" href=search::address(&hit.target)>{hit.title.clone()}</a><span class="muted">{kind}" "{hit.detail.clone()}</span></li>
    }
}

/// Lists search in more than names, such as what an order changes.
fn lists(text: &str, groups: &[Group], rights: &Rights) -> impl IntoView + use<> {
    let lists = [
        (HitKind::Identity, "/Identities/View"),
        (HitKind::Order, "/Orders/View"),
        (HitKind::WorkItem, "/WorkItems/View"),
        (HitKind::Request, "/Requests/View"),
    ];
    let linked = |kind: HitKind| groups.iter().any(|group| group.kind == kind && group.more);
    let links: Vec<_> = lists
        .into_iter()
        .filter(|(kind, permission)| rights.may(permission) && !linked(*kind))
        .filter_map(|(kind, _)| {
            let address = search::list(kind, text)?;
            Some(view! { <li><a href=address>{format!("{} with \u{201c}{text}\u{201d}", kind.label())}</a></li> })
        })
        .collect();
    (!links.is_empty()).then(|| {
        view! {
            <section class="found" aria-labelledby="found-elsewhere">
                <h2 id="found-elsewhere">"Look through whole lists"</h2>
                <ul class="hits">{links}</ul>
            </section>
        }
    })
}
