//! Entitlements that applications have and the role model does not know, what naming rules make of them, and taking that
//! over into a draft.

use std::collections::BTreeSet;

use engine::found_entitlements::{FoundRow, Show, Standing};
use leptos::prelude::*;
use model::draft::ObjectKind;
use model::error::ApiError;

use crate::components::chip;
use crate::components::form::{no_default, option, refused};
use crate::components::icon::icon;
use crate::components::list::{Choice, Empty, empty, filter_chips};
use crate::frame::{Rights, Section, Sheet};
use crate::islands::Selection;
use crate::logic::address::{self, Address};
use crate::logic::flash::Flash;
use crate::logic::query::Query;
use crate::logic::role_model::Fields;
use crate::logic::words;
use crate::pages::role_model::{Counts, Part, parts};
use crate::pages::{Asked, page};
use crate::ssr;

const PATH: &str = "/found-entitlements";

/// Rows shown at once; more are found by their key.
const MOST_ROWS: usize = 500;

/// Puts what naming rules make of what is ticked, or of all that have a name, into a new draft.
#[server(prefix = "/api/pages", endpoint = "found-entitlements/draft")]
pub async fn draft_found_entitlements(
    #[server(default)] ids: Vec<String>,
    #[server(default)] act: String,
) -> Result<(), ServerFnError> {
    let op = ssr::op().await?;
    let outcome = match chosen(&ids, &act) {
        Ok(chosen) => engine::found_entitlements::draft(&op, chosen.as_ref()).await,
        Err(error) => Err(error),
    };
    let target = outcome.as_ref().map_or_else(|_| PATH.to_owned(), |id| format!("/drafts/{id}"));
    let done = "Drafted. Nothing is live before you publish; below is what it would do.";
    ssr::finish(outcome.map(|_| Flash::done(done)), &target)
}

/// Application and key of what is ticked; none for all.
fn chosen(ids: &[String], act: &str) -> Result<Option<BTreeSet<(String, String)>>, ApiError> {
    if act == "all" {
        return Ok(None);
    }
    let chosen: BTreeSet<(String, String)> =
        ids.iter().filter_map(|id| id.split_once(':')).map(|(one, key)| (one.to_owned(), key.to_owned())).collect();
    match chosen.is_empty() {
        true => Err(ApiError::invalid("ids", "Nothing is chosen. Tick what the draft is to add.")),
        false => Ok(Some(chosen)),
    }
}

#[component]
pub fn FoundEntitlementsPage() -> impl IntoView {
    page(|Asked { op, visitor, query }| async move {
        let rows = engine::found_entitlements::known_rows(&op).await?;
        let counts = Counts::read(&op).await?;
        Ok(found_sheet(&rows, &Filter::read(&query), &counts, &visitor.rights))
    })
}

/// What of the list is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    pub show: Show,
    pub application: String,
    pub text: String,
}

impl Filter {
    pub(crate) fn read(query: &Query) -> Self {
        Self {
            show: query.get("show").and_then(|name| Show::from_name(&name)).unwrap_or_default(),
            application: query.get("application").unwrap_or_default(),
            text: query.get("text").unwrap_or_default(),
        }
    }

    fn address(&self) -> Address {
        let show = (self.show != Show::All).then(|| self.show.name());
        Address::new(PATH)
            .with("show", show)
            .with("application", Some(&self.application))
            .with("text", Some(&self.text))
    }

    /// Whether the application and the words are those of the row.
    pub(crate) fn fits(&self, row: &FoundRow) -> bool {
        let text = format!("{} {}", row.found.key, row.found.display_name).to_lowercase();
        (self.application.is_empty() || self.application == row.found.application)
            && self.text.to_lowercase().split_whitespace().all(|word| text.contains(word))
    }
}

pub fn found_sheet(rows: &Standing<Vec<FoundRow>>, filter: &Filter, counts: &Counts, rights: &Rights) -> Sheet {
    let content = match rows {
        Standing::Working { done } => counting(*done, filter),
        Standing::Done(rows) => list(rows, filter, rights),
    };
    let body = view! {
        <header class="page-head">
            <div class="with-actions">
                <div>
                    <h1>"Found entitlements"</h1>
                    <p class="muted">"What applications have and the role model does not know yet. Naming rules of the configuration say what to make of it."</p>
                </div>
                {rights.may(engine::drafts::DRAFT).then(|| view! {
                    <div class="actions"><a class="button" href="/drafts/edit?kind=naming_rule">{icon("plus")}"New naming rule"</a></div>
                })}
            </div>
        </header>
        {parts(counts, Part::Found)}
        {content}
    };
    Sheet { section: Section::RoleModel, title: "Found entitlements".to_owned(), body: body.into_any() }
}

/// While it is counted who holds what.
fn counting(done: u64, filter: &Filter) -> AnyView {
    let far = match done {
        0 => "It has just begun.".to_owned(),
        _ => format!("{} counted so far.", words::plural(done, "application was", "applications were")),
    };
    let again = filter.address().to_string();
    view! {
        <section class="panel" role="status">
            <p class="answer">{icon("clock")}{format!("How many hold what applications have is being counted. {far}")}</p>
            <p>"It goes on without this page."</p>
            <div class="actions"><a class="button primary" href=again>"Look again"</a></div>
        </section>
    }
    .into_any()
}

fn list(rows: &[FoundRow], filter: &Filter, rights: &Rights) -> AnyView {
    let fitting: Vec<&FoundRow> = rows.iter().filter(|row| filter.fits(row)).collect();
    let shown: Vec<&FoundRow> = fitting.iter().copied().filter(|row| filter.show.includes(row)).collect();
    let choices = Show::ALL.map(|show| Choice {
        label: label(show).to_owned(),
        count: Some(fitting.iter().filter(|row| show.includes(row)).count() as u64),
        address: Filter { show, ..filter.clone() }.address().to_string(),
        chosen: filter.show == show,
        shape: None,
    });
    let content = match (shown.is_empty(), rows.is_empty()) {
        (true, true) => empty(
            "Nothing found",
            Empty::AllDone { text: "The role model has every entitlement that applications say they have." },
        ),
        (true, false) => empty("Nothing found", Empty::Filtered { clear: PATH.to_owned() }),
        _ => board(&shown, rights),
    };
    view! {
        {filter_chips("Which", choices.into())}
        {search(rows, filter)}
        {content}
    }
    .into_any()
}

fn label(show: Show) -> &'static str {
    match show {
        Show::All => "All",
        Show::Named => "Named by a rule",
        Show::Unnamed => "For a person to name",
    }
}

fn search(rows: &[FoundRow], filter: &Filter) -> impl IntoView + use<> {
    let applications: BTreeSet<(&String, &String)> =
        rows.iter().map(|row| (&row.application_label, &row.found.application)).collect();
    let options = applications
        .into_iter()
        .map(|(label, name)| option(name.clone(), label.clone(), *name == filter.application))
        .collect_view();
    let show =
        (filter.show != Show::All).then(|| view! { <input type="hidden" name="show" value=filter.show.name() /> });
    view! {
        <form class="filters" action=PATH role="search" aria-label="Filter what was found">
            {show}
            <input type="search" name="text" value=filter.text.clone() placeholder="Part of a key or name" aria-label="Part of a key or name" />
            <select name="application" aria-label="Application"><option value="">"Every application"</option>{options}</select>
            <button class="button">"Filter"</button>
        </form>
    }
}

/// One form around all rows, with what can be made of those that are ticked below.
fn board(rows: &[&FoundRow], rights: &Rights) -> AnyView {
    let may_draft = rights.may(engine::drafts::DRAFT);
    let lines = rows.iter().take(MOST_ROWS).map(|row| line(row, may_draft)).collect_view();
    let rest = rows.len().checked_sub(MOST_ROWS).filter(|rest| *rest > 0).map(|rest| {
        view! { <p class="hint">{format!("{} more are not shown. Type a part of a key to find them.", words::total(rest as u64))}</p> }
    });
    let tick = may_draft.then(|| view! { <th scope="col" class="tick"><span class="sr">"Tick"</span></th> });
    let table = view! {
        <table class="ledger">
            <thead><tr>{tick}<th scope="col">"Key"</th><th scope="col">"Application"</th><th scope="col" class="number">"Held by accounts"</th><th scope="col">"What comes of it"</th></tr></thead>
            <tbody>{lines}</tbody>
        </table>
        {rest}
        <p class="muted">{words::plural(rows.len() as u64, "entitlement", "entitlements")}</p>
    };
    if !may_draft {
        return view! { {refused("Taking these over", engine::drafts::DRAFT)}{table} }.into_any();
    }
    view! {
        <form method="post" action="/api/pages/found-entitlements/draft" class="bulk">
            {no_default()}
            {table}
            <div class="bulk-bar">
                <Selection />
                <button class="button primary" name="act" value="chosen">{icon("plus")}"Draft what is ticked"</button>
                <span class="spring"></span>
                <button class="button quiet" name="act" value="all">"Draft all that a rule names"</button>
            </div>
        </form>
    }
    .into_any()
}

fn line(row: &FoundRow, may_draft: bool) -> impl IntoView + use<> {
    let FoundRow { found, named, .. } = row;
    let makes = named.as_ref().filter(|named| named.clash.is_none());
    let tick = may_draft.then(|| {
        let label = format!("{} of {}", found.key, row.application_label);
        let value = format!("{}:{}", found.application, found.key);
        view! {
            <td class="tick">{makes.map(|_| view! { <input type="checkbox" name="ids[]" value=value aria-label=label /> })}</td>
        }
    });
    let by_hand = may_draft.then(|| {
        let fields = Fields { display_name: found.display_name.clone(), key: found.key.clone(), ..Fields::default() };
        let address = fields.address(ObjectKind::Entitlement, "", None);
        view! { <div><a href=address aria-label=format!("Add by hand: {}", found.key)>"Add by hand"</a></div> }
    });
    let comes = match named {
        Some(named) if named.clash.is_none() => {
            let parts = [Some(&named.entitlement), named.access_profile.as_ref(), named.role.as_ref()];
            let nouns = ["entitlement", "in access profile", "in role"];
            let lines = parts.into_iter().zip(nouns).filter_map(|(name, noun)| {
                name.map(|name| view! { <div><span class="kind">{noun}</span>" "<span class="mono">{name.clone()}</span></div> })
            });
            view! { {lines.collect_view()}<div class="subtle">"by the naming rule "<span class="mono">{named.rule.clone()}</span></div> }
                .into_any()
        }
        Some(named) => view! {
            {chip::chip(chip::Tone::Warn, "warning", "Name taken", "The rule's name cannot be used".to_owned())}
            <div class="subtle">{named.rule.clone()}": "{named.clash.clone()}</div>
            {by_hand}
        }
        .into_any(),
        None => view! { <div class="subtle">"No naming rule fits."</div>{by_hand} }.into_any(),
    };
    let name =
        (found.display_name != found.key).then(|| view! { <div class="subtle">{found.display_name.clone()}</div> });
    view! {
        <tr data-row="">
            {tick}
            <td data-label="Key" class="name wrap"><span class="mono">{found.key.clone()}</span>{name}</td>
            <td data-label="Application"><a href=address::application(&found.application)>{row.application_label.clone()}</a></td>
            <td data-label="Held by accounts" class="number">{words::number(row.holders)}</td>
            <td data-label="What comes of it" class="wide wrap">{comes}</td>
        </tr>
    }
}

#[cfg(test)]
mod tests {
    use super::chosen;

    #[test]
    fn a_key_may_hold_what_parts_it_from_its_application() {
        let one = chosen(&["directory:cn=a:b".to_owned(), "nothing".to_owned()], "chosen").unwrap().unwrap();
        assert_eq!(one.into_iter().collect::<Vec<_>>(), [("directory".to_owned(), "cn=a:b".to_owned())]);
        assert_eq!(chosen(&[], "all").unwrap(), None);
        assert!(chosen(&["nothing".to_owned()], "chosen").is_err());
    }
}
