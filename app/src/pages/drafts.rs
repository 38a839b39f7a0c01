//! Drafts of the role model: the list of them, and what the forms on their pages do.

#![expect(clippy::too_many_arguments, reason = "a server function takes each field of its form")]

pub mod detail;
pub mod edit;
pub mod orders;

use engine::context::OpContext;
use leptos::prelude::*;
use model::draft::{DraftRow, DraftState, Object, ObjectKind, Sample};
use model::error::ApiError;
use model::ids::DraftId;
use model::page::Page;

use crate::components::chip::draft as draft_chip;
use crate::components::list::{Choice, Empty, ago, empty, filter_chips, pagination, tabs};
use crate::frame::{Section, Sheet};
use crate::logic::address::Address;
use crate::logic::flash::Flash;
use crate::logic::role_model::{self, Fields, TermFields};
use crate::logic::time::Clock;
use crate::logic::words;
use crate::pages::role_model::{Counts, Part, parts};
use crate::pages::{Asked, page};
use crate::ssr;

pub use detail::{DraftPage, Trial, draft_sheet};
pub use edit::{EditPage, Editing, edit_sheet};
pub use orders::{DraftOrdersPage, draft_orders_sheet};

#[server(prefix = "/api/pages", endpoint = "drafts/put")]
pub async fn put_into_draft(
    #[server(default)] draft: String,
    #[server(default)] object: String,
    #[server(default)] name: String,
    #[server(default)] display_name: String,
    #[server(default)] description: String,
    #[server(default)] application: String,
    #[server(default)] account_type: String,
    #[server(default)] key: String,
    #[server(default)] privileged: String,
    #[server(default)] when: String,
    #[server(default)] kind: String,
    #[server(default)] effect: String,
    #[server(default)] priority: String,
    #[server(default)] days_before: String,
    #[server(default)] days_after: String,
    #[server(default)] things: Vec<String>,
    #[server(default)] category: String,
    #[server(default)] owner: String,
    #[server(default)] requestable: String,
    #[server(default)] state: String,
    #[server(default)] valid_from: String,
    #[server(default)] valid_until: String,
    #[server(default)] maximum_days: String,
    #[server(default)] grace_days: String,
    #[server(default)] look: String,
) -> Result<(), ServerFnError> {
    let terms = TermFields { category, owner, requestable, state, valid_from, valid_until, maximum_days, grace_days };
    let fields = Fields {
        display_name,
        description,
        application,
        account_type,
        key,
        privileged,
        when,
        kind,
        effect,
        priority,
        days_before,
        days_after,
        things,
        terms,
    };
    if look.is_empty() {
        return put(&draft, &object, &name, Some(&fields)).await;
    }
    // Nothing is kept: the form again, with what it would be for.
    let kind = ObjectKind::from_name(&object).unwrap_or(ObjectKind::Role);
    ssr::go(&fields.address(kind, name.trim(), draft.parse().ok()))
}

/// Drafts the removal of an object.
#[server(prefix = "/api/pages", endpoint = "drafts/remove")]
pub async fn draft_removal(
    #[server(default)] draft: String,
    #[server(default)] object: String,
    #[server(default)] name: String,
) -> Result<(), ServerFnError> {
    put(&draft, &object, &name, None).await
}

#[server(prefix = "/api/pages", endpoint = "drafts/take-out")]
pub async fn take_out_of_draft(
    #[server(default)] id: String,
    #[server(default)] kind: String,
    #[server(default)] name: String,
) -> Result<(), ServerFnError> {
    let op = ssr::op().await?;
    let outcome = match (ssr::id::<DraftId>(&id, "draft"), ObjectKind::from_name(&kind)) {
        (Ok(draft), Some(kind)) => engine::drafts::take_out(&op, draft, kind, &name).await,
        (Err(error), _) => Err(error),
        (_, None) => Err(ApiError::not_found(format!("kind of object `{kind}`"))),
    };
    ssr::finish(outcome.map(|()| Flash::done("It stays as it is live.")), &draft_address(&id))
}

#[server(prefix = "/api/pages", endpoint = "drafts/rename")]
pub async fn rename_draft(
    #[server(default)] id: String,
    #[server(default)] title: String,
) -> Result<(), ServerFnError> {
    let op = ssr::op().await?;
    let outcome = match ssr::id::<DraftId>(&id, "draft") {
        Ok(draft) => engine::drafts::rename(&op, draft, &title).await,
        Err(error) => Err(error),
    };
    ssr::finish(outcome.map(|()| Flash::done("The draft has its new title.")), &draft_address(&id))
}

#[server(prefix = "/api/pages", endpoint = "drafts/rebase")]
pub async fn rebase_draft(#[server(default)] id: String) -> Result<(), ServerFnError> {
    let op = ssr::op().await?;
    let outcome = match ssr::id::<DraftId>(&id, "draft") {
        Ok(draft) => engine::drafts::rebase(&op, draft).await,
        Err(error) => Err(error),
    };
    let done = "The draft goes on from what is live now. Look at each object before you publish.";
    ssr::finish(outcome.map(|()| Flash::done(done)), &draft_address(&id))
}

#[server(prefix = "/api/pages", endpoint = "drafts/discard")]
pub async fn discard_draft(#[server(default)] id: String) -> Result<(), ServerFnError> {
    let op = ssr::op().await?;
    let outcome = match ssr::id::<DraftId>(&id, "draft") {
        Ok(draft) => engine::drafts::discard(&op, draft).await,
        Err(error) => Err(error),
    };
    ssr::finish(outcome.map(|()| Flash::done("The draft is discarded; nothing of it is live.")), &draft_address(&id))
}

#[server(prefix = "/api/pages", endpoint = "drafts/publish")]
pub async fn publish_draft(
    #[server(default)] id: String,
    #[server(default)] seal: String,
) -> Result<(), ServerFnError> {
    let op = ssr::op().await?;
    let outcome = match ssr::id::<DraftId>(&id, "draft") {
        Ok(draft) => engine::drafts::publish(&op, draft, &seal).await,
        Err(error) => Err(error),
    };
    let done =
        |_| Flash::done("Published. People's access follows with the next run of a job that computes the role model.");
    ssr::finish(outcome.map(done), &draft_address(&id))
}

/// Puts an object as a form describes it, or its removal, into a draft, and goes there. What is wrong with the form goes
/// back to it.
async fn put(draft: &str, object: &str, name: &str, fields: Option<&Fields>) -> Result<(), ServerFnError> {
    let op = ssr::op().await?;
    let (kind, name) = (ObjectKind::from_name(object).unwrap_or(ObjectKind::Role), name.trim());
    let id = match draft.is_empty() {
        true => Ok(None),
        false => ssr::id::<DraftId>(draft, "draft").map(Some),
    };
    let made = match fields {
        Some(fields) => made(&op, id.as_ref().ok().copied().flatten(), kind, name, fields.clone()).await.map(Some),
        None => Ok(None),
    };
    let outcome = match (id.clone(), made) {
        (Ok(id), Ok(after)) => engine::drafts::put(&op, id, kind, name, after).await,
        (Err(error), _) | (_, Err(error)) => Err(error),
    };
    match outcome {
        Ok(id) => {
            let done = "Drafted. Nothing is live before you publish; below is what it would do.";
            ssr::finish(Ok(Flash::done(done)), &draft_address(&id.to_string()))
        }
        Err(error) => {
            let back = match fields {
                Some(fields) => fields.address(kind, name, id.ok().flatten()),
                None => role_model::object(kind, name),
            };
            ssr::finish(Err(error), &back)
        }
    }
}

/// The object that a form describes. What is in the draft can be named as what is live.
async fn made(
    op: &OpContext,
    draft: Option<DraftId>,
    kind: ObjectKind,
    name: &str,
    fields: Fields,
) -> Result<Object, ApiError> {
    let draft = match draft {
        Some(id) => Some(engine::drafts::draft(op, id).await?),
        None => None,
    };
    let vocabulary = engine::role_model::vocabulary(op, draft.as_ref())?;
    fields.resolved(kind, &vocabulary.things).object(kind, name)
}

fn draft_address(id: &str) -> String {
    format!("/drafts/{}", crate::logic::address::encode(id))
}

/// What of an open draft is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DraftPart {
    People,
    Orders,
}

fn draft_parts(id: &str, part: DraftPart) -> impl IntoView + use<> {
    let address = draft_address(id);
    let orders = format!("{address}/orders");
    tabs(
        "Parts of the draft",
        vec![
            ("Changes and people".to_owned(), address, None, part == DraftPart::People),
            ("Orders and risks".to_owned(), orders, None, part == DraftPart::Orders),
        ],
    )
}

#[component]
pub fn DraftsPage() -> impl IntoView {
    page(|Asked { op, visitor, query }| async move {
        let state = shown(&query);
        let before = query.get("after").and_then(|after| after.parse().ok());
        let rows = engine::drafts::page(&op, state, before).await?;
        let counts = Counts::read(&op).await?;
        Ok(drafts_sheet(state, before.is_none(), rows, &counts, &visitor.clock))
    })
}

/// Drafts of which state are listed: the open ones unless told, none for all.
pub(crate) fn shown(query: &crate::logic::query::Query) -> Option<DraftState> {
    match query.get("state") {
        Some(name) => DraftState::from_name(&name),
        None => Some(DraftState::Open),
    }
}

/// `state` is that of the drafts shown; none shows all.
pub fn drafts_sheet(
    state: Option<DraftState>,
    is_first: bool,
    page: Page<DraftRow>,
    counts: &Counts,
    clock: &Clock,
) -> Sheet {
    let address =
        |state: Option<DraftState>| Address::new("/drafts").with("state", Some(state.map_or("all", DraftState::name)));
    let choices = DraftState::ALL.into_iter().map(Some).chain([None]).map(|choice| Choice {
        label: choice.map_or("All", DraftState::label).to_owned(),
        count: (choice == Some(DraftState::Open)).then_some(counts.open_drafts),
        address: address(choice).to_string(),
        chosen: choice == state,
        shape: None,
    });
    let shown = page.rows.len();
    let content = match (shown, state) {
        (0, Some(DraftState::Open)) => empty(
            "No open drafts",
            Empty::AllDone {
                text: "A draft begins with a change of a role, an access profile or a rule, and shows what it would do to everybody before it is published.",
            },
        ),
        (0, _) => empty("No drafts", Empty::Filtered { clear: "/drafts".to_owned() }),
        _ => list_of_drafts(&page.rows, clock).into_any(),
    };
    let body = view! {
        <header class="page-head">
            <h1>"Drafts"</h1>
            <p class="muted">"Changes of the role model that are prepared, and what became of them."</p>
        </header>
        {parts(counts, Part::Drafts)}
        {filter_chips("State", choices.collect())}
        {content}
        {(shown > 0).then(|| pagination(address(state), shown, page.total.into(), is_first, page.next, ("draft", "drafts")))}
    };
    Sheet { section: Section::RoleModel, title: "Drafts".to_owned(), body: body.into_any() }
}

/// Drafts as a table.
pub(crate) fn list_of_drafts(rows: &[DraftRow], clock: &Clock) -> impl IntoView + use<> {
    let lines = rows.iter().map(|row| {
        view! {
            <tr data-row="">
                <td data-label="Draft" class="name"><a data-open="" href=format!("/drafts/{}", row.id)>{row.title.clone()}</a></td>
                <td data-label="State">{draft_chip(row.state)}</td>
                <td data-label="Objects" class="number">{words::total(row.changes)}</td>
                <td data-label="Begun by">{row.created_by.clone()}</td>
                <td data-label="Last change" class="when">{ago(clock, row.changed_at)}</td>
            </tr>
        }
    });
    view! {
        <table class="ledger">
            <thead><tr><th scope="col">"Draft"</th><th scope="col">"State"</th><th scope="col" class="number">"Objects"</th><th scope="col">"Begun by"</th><th scope="col">"Last change"</th></tr></thead>
            <tbody>{lines.collect_view()}</tbody>
        </table>
    }
}

/// Some people by name, and how many more there are.
pub(crate) fn sample(people: &Sample) -> AnyView {
    if people.people.is_empty() {
        return match people.total {
            0 => view! { <p class="muted">"Nobody."</p> }.into_any(),
            _ => view! { <p class="hint">"Who they are takes the permission "<code>"/Identities/View"</code>"."</p> }
                .into_any(),
        };
    }
    let lines = people.people.iter().map(|(id, name)| {
        view! { <li><a href=format!("/identities/{id}")>{name.clone()}</a></li> }
    });
    let rest = people.total.saturating_sub(people.people.len() as u64);
    let rest = (rest > 0).then(|| view! { <p class="muted">{format!("and {} more", words::number(rest))}</p> });
    view! { <ul class="plain">{lines.collect_view()}</ul>{rest} }.into_any()
}
