//! Settings: what of the configuration is not the role model, by kind, and what the forms about it do.

pub mod edit;

use std::collections::HashMap;

use engine::configuration::ObjectChange;
use engine::configurations::Drift;
use engine::settings::SettingRow;
use leptos::prelude::*;
use model::draft::{ObjectKind, SettingKind};
use model::error::ApiError;
use model::ids::DraftId;

use crate::components::icon::icon;
use crate::components::list::ago;
use crate::frame::{Rights, Section, Sheet};
use crate::logic::flash::Flash;
use crate::logic::time::Clock;
use crate::logic::{role_model, schema_form};
use crate::pages::role_model::{Counts, Part, parts};
use crate::pages::{Asked, page};
use crate::ssr;

pub use edit::{SettingForm, setting_sheet};

#[server(prefix = "/api/pages", endpoint = "drafts/put-setting")]
pub async fn put_setting(
    #[server(default)] draft: String,
    #[server(default)] kind: String,
    #[server(default)] name: String,
    #[server(default)] then: String,
    #[server(default)] fields: HashMap<String, String>,
) -> Result<(), ServerFnError> {
    let op = ssr::op().await?;
    let Some(kind) = SettingKind::from_name(&kind) else {
        return ssr::finish(Err(ApiError::not_found(format!("kind of setting `{kind}`"))), "/configuration");
    };
    let (shape, _) = schema_form::of_table(&engine::configuration::schema(), kind.table());
    let value = schema_form::object(&shape, &edit::typed(fields));
    let id = if draft.is_empty() { Ok(None) } else { ssr::id::<DraftId>(&draft, "draft").map(Some) };
    let outcome = match id {
        Ok(id) => engine::settings::put(&op, id, kind, name.trim(), value).await,
        Err(error) => Err(error),
    };
    match outcome {
        Ok((id, name)) if let Some(part) = edit::part_asked_for(&then) => {
            let address = edit::address(kind, &name, id);
            let address = if part.is_empty() { address } else { format!("{address}#{part}") };
            ssr::finish(Ok(Flash::done("Saved in the draft. Go on here.")), &address)
        }
        Ok((id, _)) => {
            let done = "Drafted. Nothing is live before you publish; below is what it would do.";
            ssr::finish(Ok(Flash::done(done)), &format!("/drafts/{id}"))
        }
        Err(error) => ssr::finish(Err(error), "/configuration"),
    }
}

/// Tries the connection of an application or integration as a draft has it.
#[server(prefix = "/api/pages", endpoint = "drafts/try-connection")]
pub async fn try_drafted_connection(
    #[server(default)] id: String,
    #[server(default)] name: String,
) -> Result<(), ServerFnError> {
    let op = ssr::op().await?;
    let outcome = match ssr::id::<DraftId>(&id, "draft") {
        Ok(draft) => engine::settings::try_connection(&op, draft, &name).await,
        Err(error) => Err(error),
    };
    let target = format!("/drafts/{}", crate::logic::address::encode(&id));
    ssr::finish(outcome.map(|steps| tried(&name, steps)), &target)
}

/// Reads the file of an identity source as a draft has it.
#[server(prefix = "/api/pages", endpoint = "drafts/try-source")]
pub async fn try_drafted_source(
    #[server(default)] id: String,
    #[server(default)] name: String,
) -> Result<(), ServerFnError> {
    let op = ssr::op().await?;
    let outcome = match ssr::id::<DraftId>(&id, "draft") {
        Ok(draft) => engine::settings::try_source(&op, draft, &name).await,
        Err(error) => Err(error),
    };
    let target = format!("/drafts/{}", crate::logic::address::encode(&id));
    let read = |steps: Vec<(bool, String)>| {
        let lines = steps.iter().map(|(_, text)| text.clone()).collect();
        let flash = match steps.iter().all(|(succeeded, _)| *succeeded) {
            true => Flash::done(format!("The identity source {name} can be read.")),
            false => {
                Flash::failed(format!("The identity source {name} cannot be read. Nothing of it would be taken over."))
            }
        };
        flash.with_lines(lines)
    };
    ssr::finish(outcome.map(read), &target)
}

fn tried(name: &str, steps: Vec<(bool, String)>) -> Flash {
    let works = steps.iter().all(|(succeeded, _)| *succeeded);
    let title = format!("The connection of {name} {}.", if works { "works" } else { "does not work" });
    let flash = if works { Flash::done(title) } else { Flash::failed(title) };
    let lines =
        steps.into_iter().map(|(succeeded, text)| format!("{}: {text}", if succeeded { "Done" } else { "Failed" }));
    flash.with_lines(lines.collect())
}

#[component]
pub fn SettingsPage() -> impl IntoView {
    page(|Asked { op, visitor, .. }| async move {
        let rows = engine::settings::rows(&op).await?;
        let drift = engine::configurations::drift(&op).await?;
        let counts = Counts::read(&op).await?;
        Ok(settings_sheet(&rows, drift.as_deref(), &counts, &visitor.rights, &visitor.clock))
    })
}

pub fn settings_sheet(
    rows: &[SettingRow],
    drift: Option<&Drift>,
    counts: &Counts,
    rights: &Rights,
    clock: &Clock,
) -> Sheet {
    let may_change = rights.may(engine::drafts::DRAFT);
    let schema = engine::configuration::schema();
    let kinds = SettingKind::ALL.iter().map(|kind| {
        let of_kind: Vec<&SettingRow> = rows.iter().filter(|row| row.kind == *kind).collect();
        let (_, about) = schema_form::of_table(&schema, kind.table());
        section(*kind, &of_kind, about, may_change)
    });
    let index = SettingKind::ALL.iter().map(|kind| {
        let count = rows.iter().filter(|row| row.kind == *kind).count();
        let count = (*kind != SettingKind::Organisation).then(|| view! { " "<span class="count">{count}</span> });
        view! { <li><a href=format!("#{}", kind.table())>{kind.plural()}{count}</a></li> }
    });
    let body = view! {
        <header class="page-head">
            <h1>"Configuration"</h1>
            <p class="muted">"Everything beside the role model: where people come from, what is connected, and how it is run. A change goes into a draft first."</p>
        </header>
        {parts(counts, Part::Settings)}
        {drift.map(|drift| drifted(drift, clock))}
        <nav aria-label="Kinds of settings"><ul class="index">{index.collect_view()}</ul></nav>
        {kinds.collect_view()}
    };
    Sheet { section: Section::RoleModel, title: "Configuration".to_owned(), body: body.into_any() }
}

/// How far what is live has gone from the files.
fn drifted(drift: &Drift, clock: &Clock) -> impl IntoView + use<> {
    let changes = &drift.changes;
    let since = view! { "since files were applied "{ago(clock, drift.at)}" by "{drift.by.clone()} };
    if changes.is_empty() {
        return view! { <p class="muted">"As the files say: nothing was changed on pages "{since}"."</p> }.into_any();
    }
    let of = |what: &'static str, changes: &[ObjectChange]| {
        let lines = changes.iter().map(|change| {
            let name =
                if change.name.is_empty() { change.kind.clone() } else { format!("{} {}", change.kind, change.name) };
            let fields = change.fields.iter().map(|field| field.field.as_str()).collect::<Vec<_>>().join(", ");
            let fields =
                (what == "Changed" && !fields.is_empty()).then(|| view! { <span class="muted">": "{fields}</span> });
            view! { <li>{name}{fields}</li> }
        });
        (!changes.is_empty()).then(|| view! { <h3>{what}</h3><ul class="plain">{lines.collect_view()}</ul> })
    };
    let count = changes.added.len() + changes.changed.len() + changes.removed.len();
    let objects = if count == 1 { "1 object was".to_owned() } else { format!("{count} objects were") };
    view! {
        <section class="panel" aria-labelledby="drift-heading">
            <h2 id="drift-heading">{objects}" changed on pages "{since}</h2>
            <p class="muted">"Applying those files again would undo this. "<code>"quartermaster config export"</code>" writes out what is live."</p>
            <details class="disclose">
                <summary>"What was changed"</summary>
                {of("Added", &changes.added)}
                {of("Changed", &changes.changed)}
                {of("Removed", &changes.removed)}
            </details>
        </section>
    }
    .into_any()
}

fn section(kind: SettingKind, rows: &[&SettingRow], about: Option<String>, may_change: bool) -> impl IntoView + use<> {
    let object = ObjectKind::Setting(kind);
    let heading = format!("{}-heading", kind.table());
    let labelled_by = heading.clone();
    let lines = rows.iter().map(|row| {
        let label = match may_change {
            true => view! { <a data-open="" href=role_model::edit(object, Some(&row.name), None)>{row.label.clone()}</a> }.into_any(),
            false => row.label.clone().into_any(),
        };
        let remove = (may_change && kind != SettingKind::Organisation).then(|| {
            let label = format!("Draft removal of {} {}", kind.noun(), row.name);
            view! {
                <form method="post" action="/api/pages/drafts/remove">
                    <input type="hidden" name="object" value=kind.name() />
                    <input type="hidden" name="name" value=row.name.clone() />
                    <button class="button quiet" aria-label=label>"Draft removal"</button>
                </form>
            }
        });
        view! {
            <tr data-row="">
                <td data-label="Name" class="name">{label}" "<span class="mono subtle">{(row.name != row.label).then(|| row.name.clone())}</span></td>
                <td data-label="What for" class="wide">{row.description.clone()}</td>
                <td class="nowrap">{remove}</td>
            </tr>
        }
    });
    let content = match rows.is_empty() {
        true => view! { <p class="muted">"None yet."</p> }.into_any(),
        false => view! {
            <table class="ledger settings">
                <thead><tr><th scope="col">"Name"</th><th scope="col">"What for"</th><th scope="col"><span class="sr">"Actions"</span></th></tr></thead>
                <tbody>{lines.collect_view()}</tbody>
            </table>
        }
        .into_any(),
    };
    let add = (may_change && kind != SettingKind::Organisation).then(|| {
        view! { <a class="button" href=role_model::edit(object, None, None)>{icon("plus")}"New "{kind.noun()}</a> }
    });
    view! {
        <section class="panel" id=kind.table() aria-labelledby=labelled_by>
            <div class="with-actions"><h2 id=heading>{kind.plural()}</h2>{add}</div>
            {about.map(|about| view! { <p class="hint">{about}</p> })}
            {content}
        </section>
    }
}
