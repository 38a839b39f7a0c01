//! Bulk changes: what became of earlier ones, and how one begins: by a file, or for chosen people.

#![expect(clippy::too_many_arguments, reason = "a server function takes each field of its form")]

pub mod detail;

use std::sync::Arc;
use std::time::Duration;

use engine::bulk_changes::{self, BULK, Choice, Who};
use leptos::prelude::*;
use model::access::Grantable;
use model::bulk_change::BulkChange;
use model::error::ApiError;
use model::identity::LifecycleState;
use model::ids::BulkChangeId;
use model::page::Page;
use model::request::Change;
use model::view::IdentityFilter;

use crate::components::chip;
use crate::components::form::{option, refused, suggestions};
use crate::components::icon::icon;
use crate::components::list::{Empty, ago, empty, pagination};
use crate::frame::{Rights, Section, Sheet};
use crate::logic::address::Address;
use crate::logic::flash::Flash;
use crate::logic::query::{self, Query};
use crate::logic::time::Clock;
use crate::logic::{request, role_model, words};
use crate::pages::{Asked, page};
use crate::ssr;

pub use detail::{BulkChangePage, Rows, bulk_change_sheet};

/// How long an answer waits for what is soon done.
pub(crate) const PATIENCE: Duration = Duration::from_secs(3);

/// What was filled in for chosen people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chosen {
    pub text: String,
    pub department: String,
    pub lifecycle: String,
    pub condition: String,
    pub change: String,
    pub thing: String,
    pub not_before: String,
    pub until: String,
    pub reason: String,
}

impl Chosen {
    fn read(query: &Query) -> Self {
        let get = |name: &str| query.get(name).unwrap_or_default();
        Self {
            text: get("text"),
            department: get("department"),
            lifecycle: get("lifecycle"),
            condition: get("condition"),
            change: get("change"),
            thing: get("thing"),
            not_before: get("not_before"),
            until: get("until"),
            reason: get("reason"),
        }
    }

    /// The page with all of it filled in.
    fn address(&self) -> Address {
        let given = |text: &'_ String| Some(text.clone()).filter(|text| !text.is_empty());
        let fields = [
            ("text", &self.text),
            ("department", &self.department),
            ("lifecycle", &self.lifecycle),
            ("condition", &self.condition),
            ("change", &self.change),
            ("thing", &self.thing),
            ("not_before", &self.not_before),
            ("until", &self.until),
            ("reason", &self.reason),
        ];
        fields
            .into_iter()
            .fold(Address::new("/bulk-changes"), |address, (name, text)| address.with(name, given(text).as_deref()))
    }

    /// Who is meant: by the words of the list, or by a condition, never by both.
    fn choice(&self) -> Result<Choice, ApiError> {
        let filled = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let words = [&self.text, &self.department, &self.lifecycle];
        let is_filtered = words.iter().any(|text| filled(text).is_some());
        let who = match (filled(&self.condition), is_filtered) {
            (Some(_), true) => {
                let message = "Choose people by the list or by a condition, not by both. Empty one of the two.";
                return Err(ApiError::invalid("condition", message));
            }
            (Some(condition), false) => Who::Matching(condition),
            (None, true) => Who::Listed(IdentityFilter {
                text: filled(&self.text),
                department: filled(&self.department),
                lifecycle: query::lifecycle(&self.lifecycle),
                ..IdentityFilter::default()
            }),
            (None, false) => {
                let message = "Nobody is chosen. Give words of the list, or a condition; `true` is everybody.";
                return Err(ApiError::invalid("condition", message));
            }
        };
        Ok(Choice {
            who,
            change: Change::from_name(&self.change).unwrap_or(Change::Give),
            thing: self.thing.clone(),
            not_before: self.not_before.clone(),
            until: self.until.clone(),
            reason: self.reason.clone(),
        })
    }
}

#[server(prefix = "/api/pages", endpoint = "bulk-changes/choose")]
pub async fn choose_people(
    #[server(default)] text: String,
    #[server(default)] department: String,
    #[server(default)] lifecycle: String,
    #[server(default)] condition: String,
    #[server(default)] change: String,
    #[server(default)] thing: String,
    #[server(default)] not_before: String,
    #[server(default)] until: String,
    #[server(default)] reason: String,
) -> Result<(), ServerFnError> {
    let op = ssr::op().await?;
    let chosen = Chosen { text, department, lifecycle, condition, change, thing, not_before, until, reason };
    let begun = async {
        let id = bulk_changes::choose(&op, chosen.choice()?).await?;
        bulk_changes::carry_on(&op, id, PATIENCE).await
    };
    match begun.await {
        Ok(change) => {
            let done = Flash::done("Nothing has happened yet: look at what would, then confirm it.");
            ssr::finish(Ok(done), &format!("/bulk-changes/{}", change.id))
        }
        Err(error) => ssr::finish(Err(error), &chosen.address().to_string()),
    }
}

/// What the forms are filled in with and choose from.
#[derive(Clone, Debug, Default)]
pub struct Begin {
    pub chosen: Chosen,
    pub departments: Vec<String>,
    pub things: Arc<[(Grantable, String)]>,
}

#[component]
pub fn BulkChangesPage() -> impl IntoView {
    page(|Asked { op, visitor, query }| async move {
        let before: Option<BulkChangeId> = query.get("after").and_then(|after| after.parse().ok());
        let rows = bulk_changes::page(&op, before).await?;
        let begin = match op.may(BULK) && op.may("/Identities/View") {
            true => Some(Begin {
                chosen: Chosen::read(&query),
                departments: engine::identities::departments(&op).await?,
                things: engine::identities::grantables(&op)?,
            }),
            false => None,
        };
        Ok(bulk_changes_sheet(rows, before.is_none(), begin.as_ref(), &visitor.rights, &visitor.clock))
    })
}

pub fn bulk_changes_sheet(
    page: Page<BulkChange>,
    is_first: bool,
    begin: Option<&Begin>,
    rights: &Rights,
    clock: &Clock,
) -> Sheet {
    let shown = page.rows.len();
    let rows = match shown {
        0 => empty(
            "No bulk changes yet",
            Empty::AllDone {
                text: "Those that are begun are listed here, with who, when, why and what became of them.",
            },
        ),
        _ => table(&page.rows, clock).into_any(),
    };
    let forms = match begin {
        Some(begin) => view! { <div class="columns even">{by_file()}{for_people(begin)}</div> }.into_any(),
        None if rights.may(BULK) => refused("Choosing people", "/Identities/View").into_any(),
        None => refused("A bulk change", BULK).into_any(),
    };
    let body = view! {
        <header class="page-head">
            <h1>"Bulk changes"</h1>
            <p class="muted">"Give or take away many things at once: by a file, or for chosen people. You see what it would do before anything happens, and can take it back as a whole."</p>
            <p><a href="/requests">"All requests"</a></p>
        </header>
        {forms}
        <section aria-labelledby="history-heading">
            <div class="section-head"><h2 id="history-heading">"History"</h2></div>
            {rows}
            {(shown > 0).then(|| pagination(Address::new("/bulk-changes"), shown, page.total.into(), is_first, page.next, ("bulk change", "bulk changes")))}
        </section>
    };
    Sheet { section: Section::Requests, title: "Bulk changes".to_owned(), body: body.into_any() }
}

fn by_file() -> impl IntoView {
    view! {
        <section class="panel" aria-labelledby="file-heading">
            <h2 id="file-heading">"By a file"</h2>
            <p class="hint">"CSV in UTF-8 with the headers "<code>"identity, action, kind, name"</code>", and where needed "<code>"not_before, until, justification"</code>". The action is give or take. At most a million rows."</p>
            <form method="post" action="/bulk-changes/upload" enctype="multipart/form-data">
                <label class="field">"Why"<input name="reason" required maxlength="500" placeholder="For rows that do not say why themselves" /></label>
                <label class="field">"File"<input type="file" name="file" accept=".csv,.tsv,.txt,text/csv" /></label>
                <label class="field">"Or rows, with the headers"<textarea name="text" rows="4" class="mono" spellcheck="false" placeholder="identity,action,kind,name"></textarea></label>
                <div class="actions"><button class="button primary">{icon("check")}"Preview the file"</button></div>
            </form>
        </section>
    }
}

fn for_people(begin: &Begin) -> impl IntoView + use<> {
    let chosen = begin.chosen.clone();
    let departments =
        begin.departments.iter().map(|name| option(name.clone(), name.clone(), *name == chosen.department));
    let states = [LifecycleState::Joiner, LifecycleState::Active, LifecycleState::Leaver]
        .into_iter()
        .map(|state| option(state.name().to_owned(), state.label().to_owned(), state.name() == chosen.lifecycle));
    let things = begin.things.iter().map(|(thing, label)| (role_model::written(thing), request::named(thing, label)));
    let takes = chosen.change == Change::Take.name();
    view! {
        <section class="panel" aria-labelledby="people-heading">
            <h2 id="people-heading">"For chosen people"</h2>
            <form method="post" action="/api/pages/bulk-changes/choose">
                <fieldset>
                    <legend>"Everybody whom the list of people shows by"</legend>
                    <label class="field">"Name or key"<input name="text" value=chosen.text /></label>
                    <label class="field">"Department"<select name="department"><option value="">"Every department"</option>{departments.collect_view()}</select></label>
                    <label class="field">"Lifecycle state"<select name="lifecycle"><option value="">"Every state"</option>{states.collect_view()}</select></label>
                </fieldset>
                <label class="field">"Or for whom a condition holds"<textarea name="condition" rows="2" class="mono" spellcheck="false" placeholder="identity.department == \"Sales\"">{chosen.condition}</textarea></label>
                <label class="field">"Change"
                    <select name="change">{option("give".to_owned(), "Give".to_owned(), !takes)}{option("take".to_owned(), "Take away".to_owned(), takes)}</select>
                </label>
                <label class="field">"Role, access profile, entitlement or account type"
                    <input name="thing" list="things" required value=chosen.thing autocomplete="off" placeholder="Type a part of its name" />
                </label>
                {suggestions("things", things)}
                <label class="field">"First day"<input type="date" name="not_before" value=chosen.not_before /></label>
                <label class="field">"Last day"<input type="date" name="until" value=chosen.until /></label>
                <label class="field">"Why"<input name="reason" required maxlength="500" value=chosen.reason placeholder="Kept with every request" /></label>
                <div class="actions"><button class="button primary">{icon("check")}"Preview for these people"</button></div>
            </form>
        </section>
    }
}

fn table(rows: &[BulkChange], clock: &Clock) -> impl IntoView + use<> {
    let rows = rows.iter().map(|row| {
        view! {
            <tr data-row="">
                <td data-label="Bulk change" class="name wrap"><a data-open="" href=format!("/bulk-changes/{}", row.id)>{row.title.clone()}</a></td>
                <td data-label="Why" class="wide wrap">{row.reason.clone()}</td>
                <td data-label="Rows">{words::number(row.rows)}</td>
                <td data-label="Changes" class="wrap">{detail::counted(row)}</td>
                <td data-label="State">{chip::bulk_change(row.state)}</td>
                <td data-label="Begun" class="when">{row.created_by.clone()}" · "{ago(clock, row.created_at)}</td>
            </tr>
        }
    });
    view! {
        <table class="ledger">
            <thead><tr><th scope="col">"Bulk change"</th><th scope="col">"Why"</th><th scope="col">"Rows"</th><th scope="col">"Changes"</th><th scope="col">"State"</th><th scope="col">"Begun"</th></tr></thead>
            <tbody>{rows.collect_view()}</tbody>
        </table>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_chosen_in_one_way() {
        let none = Chosen { change: "take".into(), ..Chosen::default() };
        assert!(none.choice().unwrap_err().message.contains("Nobody"));
        let listed = Chosen { department: "Sales".into(), ..none.clone() };
        assert!(matches!(listed.choice().unwrap(), Choice { who: Who::Listed(_), change: Change::Take, .. }));
        let matching = Chosen { condition: "true".into(), ..none };
        assert!(matches!(matching.choice().unwrap().who, Who::Matching(_)));
        let both = Chosen { condition: "true".into(), ..listed };
        assert!(both.choice().unwrap_err().message.contains("not by both"));
    }

    #[test]
    fn what_was_filled_in_comes_back() {
        let chosen = Chosen { condition: "a == \"b&c\"".into(), reason: "why".into(), ..Chosen::default() };
        let address = chosen.address().to_string();
        let query = address.split_once('?').map_or("", |(_, query)| query);
        assert_eq!(Chosen::read(&query::Query::parse(query)), chosen);
    }
}
