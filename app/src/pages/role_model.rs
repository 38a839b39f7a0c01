//! Roles, access profiles, entitlements and rules as they are live. They are changed in drafts (`super::drafts`).

pub mod detail;
pub mod graph;

use engine::role_model::Choices;
use leptos::prelude::*;
use model::configuration::RoleState;
use model::draft::{ObjectFilter, ObjectKind, ObjectRow};
use model::page::{Counted, Page};

use crate::components::chip::role_state;
use crate::components::form::option;
use crate::components::icon::icon;
use crate::components::list::{Empty, empty, pagination, tabs};
use crate::frame::{Rights, Section, Sheet};
use crate::logic::{role_model, words};
use crate::pages::{Asked, page};

pub use detail::{AccessProfilePage, EntitlementPage, RolePage, RulePage, object_sheet};

/// Rows of one page.
const ROWS: usize = 100;

#[component]
pub fn RolesPage() -> impl IntoView {
    list_page(ObjectKind::Role)
}

#[component]
pub fn AccessProfilesPage() -> impl IntoView {
    list_page(ObjectKind::AccessProfile)
}

#[component]
pub fn EntitlementsPage() -> impl IntoView {
    list_page(ObjectKind::Entitlement)
}

#[component]
pub fn RulesPage() -> impl IntoView {
    list_page(ObjectKind::Rule)
}

fn list_page(kind: ObjectKind) -> AnyView {
    page(move |Asked { op, visitor, query }| async move {
        let filter = role_model::filter(&query);
        let after = query.get("after");
        let objects = engine::role_model::page(&op, kind, &filter, after.as_deref(), ROWS).await?;
        let choices = engine::role_model::choices(&op, kind)?;
        let counts = Counts::read(&op).await?;
        let listed = Listed { objects, is_first: after.is_none() };
        Ok(objects_sheet(kind, listed, (&filter, &choices), &counts, &visitor.rights))
    })
}

/// A piece of a list.
pub struct Listed {
    pub objects: Page<ObjectRow>,
    pub is_first: bool,
}

/// What the tabs count.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    pub objects: Vec<(ObjectKind, u64)>,
    pub open_drafts: u64,
}

impl Counts {
    pub(crate) async fn read(op: &engine::context::OpContext) -> Result<Self, model::error::ApiError> {
        let open = engine::drafts::page(op, Some(model::draft::DraftState::Open), None).await?;
        Ok(Self { objects: engine::role_model::counts(op)?.to_vec(), open_drafts: open.total })
    }
}

/// A part of the role model's administration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Objects(ObjectKind),
    /// Entitlements that applications have and the role model does not.
    Found,
    /// Rules and roles that are proposed from what people hold.
    Mining,
    /// Everything else of the configuration.
    Settings,
    Drafts,
    /// What makes no sense beside the rest.
    Check,
}

/// The parts of the role model's administration.
pub(crate) fn parts(counts: &Counts, chosen: Part) -> impl IntoView + use<> {
    let mut choices: Vec<_> = ObjectKind::ROLE_MODEL
        .into_iter()
        .map(|kind| {
            let count = counts.objects.iter().find(|(other, _)| *other == kind).map(|(_, count)| Counted::from(*count));
            (title(kind).to_owned(), role_model::list(kind).to_owned(), count, chosen == Part::Objects(kind))
        })
        .collect();
    choices.push(("Found".to_owned(), "/found-entitlements".to_owned(), None, chosen == Part::Found));
    choices.push(("Mining".to_owned(), "/mining".to_owned(), None, chosen == Part::Mining));
    choices.push(("Configuration".to_owned(), "/configuration".to_owned(), None, chosen == Part::Settings));
    choices.push(("Drafts".to_owned(), "/drafts".to_owned(), Some(counts.open_drafts.into()), chosen == Part::Drafts));
    choices.push(("Check".to_owned(), "/lint".to_owned(), None, chosen == Part::Check));
    tabs("Parts of the role model", choices)
}

/// What all objects of a kind are called.
pub(crate) fn title(kind: ObjectKind) -> &'static str {
    match kind {
        ObjectKind::Role => "Roles",
        ObjectKind::AccessProfile => "Access profiles",
        ObjectKind::Entitlement => "Entitlements",
        ObjectKind::Rule => "Rules",
        ObjectKind::Setting(kind) => kind.plural(),
    }
}

fn explained(kind: ObjectKind) -> &'static str {
    match kind {
        ObjectKind::Role => "What people hold because of what they do: access profiles, and other roles.",
        ObjectKind::AccessProfile => "Bundles of entitlements of one application, with the account that holds them.",
        ObjectKind::Entitlement => {
            "Single rights in applications, such as a group or a permission, held by an account."
        }
        ObjectKind::Rule => "Who gets what by what is known of them.",
        ObjectKind::Setting(_) => "Everything beside the role model.",
    }
}

pub fn objects_sheet(
    kind: ObjectKind,
    listed: Listed,
    (filter, choices): (&ObjectFilter, &Choices),
    counts: &Counts,
    rights: &Rights,
) -> Sheet {
    let new = rights.may(engine::drafts::DRAFT).then(|| {
        let label = format!("New {}", kind.noun());
        view! { <a class="button primary" href=role_model::edit(kind, None, None)>{icon("plus")}{label}</a> }
    });
    let content = match (listed.objects.rows.is_empty(), filter.is_empty()) {
        (true, true) => empty(
            "Nothing here yet",
            Empty::NeverUsed {
                text: "The role model is built here, or in configuration files that `quartermaster config apply` takes over.",
                action: None,
            },
        ),
        (true, false) => empty("Nothing found", Empty::Filtered { clear: role_model::list(kind).to_owned() }),
        _ => table(kind, filter, listed).into_any(),
    };
    let body = view! {
        <header class="page-head">
            <div class="with-actions">
                <div><h1>{title(kind)}</h1><p class="muted">{explained(kind)}</p></div>
                {new}
            </div>
        </header>
        {parts(counts, Part::Objects(kind))}
        {search(kind, filter, choices)}
        {content}
    };
    Sheet { section: Section::RoleModel, title: title(kind).to_owned(), body: body.into_any() }
}

fn search(kind: ObjectKind, filter: &ObjectFilter, choices: &Choices) -> impl IntoView + use<> {
    let select = |name: &'static str, label: &'static str, all: &'static str, options: Vec<AnyView>| {
        (!options.is_empty()).then(|| {
            view! { <select name=name aria-label=label><option value="">{all}</option>{options.collect_view()}</select> }
        })
    };
    let is = |chosen: &Option<String>, value: &String| chosen.as_ref() == Some(value);
    let categories = choices
        .categories
        .iter()
        .map(|(name, label)| option(name.clone(), label.clone(), is(&filter.category, name)).into_any());
    let owners =
        choices.owners.iter().map(|owner| option(owner.clone(), owner.clone(), is(&filter.owner, owner)).into_any());
    let states = RoleState::ALL
        .into_iter()
        .filter(|_| kind.has_terms())
        .map(|state| option(state.name().to_owned(), state.label().to_owned(), filter.state == Some(state)).into_any());
    view! {
        <form class="filters" action=role_model::list(kind) role="search" aria-label="Find">
            <input type="search" name="text" value=filter.text.clone() placeholder="Part of a name" aria-label="Part of a name" />
            {select("category", "Category", "Every category", categories.collect())}
            {select("owner", "Owner", "Every owner", owners.collect())}
            {select("state", "State", "Every state", states.collect())}
            <button class="button">"Find"</button>
        </form>
    }
}

fn table(kind: ObjectKind, filter: &ObjectFilter, listed: Listed) -> impl IntoView + use<> {
    let (note, people) = match kind {
        ObjectKind::Role => ("Consists of", "Held by"),
        ObjectKind::AccessProfile | ObjectKind::Entitlement => ("Application", "Held by"),
        ObjectKind::Rule => ("Condition", "Holds for"),
        ObjectKind::Setting(_) => ("What for", "Concerns"),
    };
    let Listed { objects: Page { rows, next, total, .. }, is_first } = listed;
    let nouns = format!("{}s", kind.noun());
    let pages =
        pagination(role_model::narrowed(kind, filter), rows.len(), total.into(), is_first, next, (kind.noun(), &nouns));
    let lines = rows.into_iter().map(|row| {
        let key = (row.name != row.display_name).then(|| view! { " "<span class="mono subtle">{row.name.clone()}</span> });
        let terms = row.terms.clone().unwrap_or_default();
        let state = (terms.state != RoleState::Active).then(|| view! { " "{role_state(terms.state)} });
        let dash = || view! { <span class="subtle">"—"</span> }.into_any();
        let or_dash = |text: Option<String>| text.map_or_else(dash, IntoAny::into_any);
        let sorted = kind.has_terms().then(|| view! {
            <td data-label="Category" class="nowrap">{or_dash(row.category.clone())}</td>
            <td data-label="Owner">{or_dash(terms.owner)}</td>
        });
        let note_class = if kind == ObjectKind::Rule { "wide mono" } else { "nowrap" };
        view! {
            <tr data-row="">
                <td data-label="Name" class="name"><a data-open="" href=role_model::object(kind, &row.name)>{row.display_name.clone()}</a>{key}{state}</td>
                <td data-label=note class=note_class title=row.note.clone()>{row.note.clone()}</td>
                {sorted}
                <td data-label="What for" class="wide">{row.description.clone()}</td>
                <td data-label=people class="number">{words::number(row.people)}</td>
            </tr>
        }
    });
    let sorted = kind.has_terms().then(|| view! { <th scope="col">"Category"</th><th scope="col">"Owner"</th> });
    view! {
        <table class="ledger">
            <thead><tr><th scope="col">"Name"</th><th scope="col">{note}</th>{sorted}<th scope="col">"What for"</th><th scope="col" class="number">{people}</th></tr></thead>
            <tbody>{lines.collect_view()}</tbody>
        </table>
        {pages}
    }
}
