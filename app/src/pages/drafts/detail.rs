//! One draft: what it changes, what that would do to whom, what is wrong with it, and the way to make it live.

use std::collections::BTreeMap;

use engine::configuration::{Effect, FieldChange, ObjectChange, PersonEffect};
use engine::drafts::{DraftPreview, DraftTrial};
use leptos::prelude::*;
use model::access::Explanation;
use model::draft::{Draft, DraftState, ObjectKind, SettingKind};
use model::error::ApiError;
use model::ids::DraftId;

use super::{DraftPart, draft_address, draft_parts, sample};
use crate::components::chip::draft as draft_chip;
use crate::components::explain::explanation;
use crate::components::form::refused;
use crate::components::icon::icon;
use crate::components::list::ago;
use crate::components::quoted::quoted;
use crate::frame::{Rights, Section, Sheet};
use crate::logic::role_model;
use crate::logic::time::Clock;
use crate::logic::words;
use crate::pages::role_model::detail::list_of_things;
use crate::pages::{Asked, page, parameter};
use crate::ssr;

/// Things counted one by one; the rest only in sum.
const MOST_LINES: usize = 12;
/// People shown at once; the others on demand.
const FIRST_PEOPLE: usize = 8;
/// Things named for one of them.
const MOST_NAMED: usize = 4;
/// Changed objects shown one by one; of more there is a summary, and they are unfolded on demand.
const MOST_CHANGES: usize = 12;
/// Fields of settings whose parts go by names of their own, which are shown as they are.
const NAMED_PARTS: [&str; 5] = ["attributes.", "columns.", "custom_fields.", "statuses.", "values."];

/// A draft that was tried with one person: what was typed, and the answer.
pub struct Trial {
    pub typed: String,
    pub answer: Result<DraftTrial, ApiError>,
}

#[component]
pub fn DraftPage() -> impl IntoView {
    let id = parameter("id");
    page(move |Asked { op, visitor, query }| async move {
        let id = ssr::id(&id, "draft")?;
        let preview = engine::drafts::preview(&op, id).await?;
        let trial = match query.get("person") {
            Some(typed) if preview.draft.state == DraftState::Open => {
                let answer = engine::drafts::try_with(&op, id, &typed).await;
                Some(Trial { typed, answer })
            }
            _ => None,
        };
        Ok(draft_sheet(&preview, trial.as_ref(), &visitor.rights, &visitor.clock))
    })
}

pub fn draft_sheet(preview: &DraftPreview, trial: Option<&Trial>, rights: &Rights, clock: &Clock) -> Sheet {
    let draft = &preview.draft;
    let is_open = draft.state == DraftState::Open;
    let may_change = is_open && rights.may(engine::drafts::DRAFT);
    let ended = draft.ended.as_ref().map(|(by, at)| {
        let verb = draft.state.label().to_lowercase();
        let version = draft.version.map(|version| format!(" as version {version} of the configuration"));
        view! { <p>{verb}" by "{by.clone()}" "{ago(clock, *at)}{version}</p> }
    });
    let body = view! {
        <header class="page-head">
            <div class="with-actions">
                <div>
                    <p class="muted">"draft"</p>
                    <h1>{draft.title.clone()}</h1>
                    <p>{draft_chip(draft.state)}" begun by "{draft.created_by.clone()}" "{ago(clock, draft.created_at)}</p>
                    {ended}
                    {(draft.state == DraftState::Published && rights.may("/Jobs/View")).then(|| view! { <p><a href="/jobs">"Job execution"</a>" brings it about."</p> })}
                </div>
            </div>
        </header>
        {is_open.then(|| draft_parts(&draft.id.to_string(), DraftPart::People))}
        {moved(preview, may_change)}
        {findings(preview)}
        {unmarked(preview)}
        <div class="columns">
            <div>
                {trial.map(tried)}
                {changes(preview, may_change, rights)}
                {lint(preview)}
                {effect(preview)}
            </div>
            <aside>
                {is_open.then(|| publishing(preview, rights))}
                {(is_open && rights.may("/Identities/View")).then(|| try_form(&draft.id.to_string(), trial))}
                {matches(preview)}
                {may_change.then(|| rename(&draft.id.to_string(), &draft.title))}
            </aside>
        </div>
    };
    Sheet { section: Section::RoleModel, title: draft.title.clone(), body: body.into_any() }
}

/// What somebody else changed meanwhile.
fn moved(preview: &DraftPreview, may_change: bool) -> Option<AnyView> {
    if preview.moved.is_empty() {
        return None;
    }
    let names: Vec<String> = preview.moved.iter().map(|(kind, name)| format!("{} {name}", kind.noun())).collect();
    let text = format!(
        "Since this draft was begun, somebody else published another {}. Published now, the draft would undo that; look at \
         the changes below, which are against what is live now.",
        names.join(", ")
    );
    let go_on = may_change.then(|| {
        view! {
            <form method="post" action="/api/pages/drafts/rebase">
                <input type="hidden" name="id" value=preview.draft.id.to_string() />
                <button class="button">"Go on from what is live"</button>
            </form>
        }
    });
    Some(view! { <div class="banner warn" role="alert">{icon("hand")}<div><p>{text}</p>{go_on}</div></div> }.into_any())
}

fn findings(preview: &DraftPreview) -> Option<AnyView> {
    if preview.findings.is_empty() {
        return None;
    }
    let lines = preview.findings.iter().map(|finding| {
        let mend = finding.object.as_ref().map(|(kind, name)| {
            let address = role_model::edit(*kind, Some(name), Some(preview.draft.id));
            view! { " "<a href=address>"Put it right"</a> }
        });
        view! { <li><strong>{finding.place.clone()}</strong>": "{quoted(&finding.message)}{mend}</li> }
    });
    let view = view! {
        <div class="banner danger" role="alert">
            {icon("octagon")}
            <div><p>"This cannot be published as it is:"</p><ul>{lines.collect_view()}</ul></div>
        </div>
    };
    Some(view.into_any())
}

/// A button that tries something outside as the draft has it; `label` says of what among many.
fn try_drafted(
    what: &'static str,
    draft: DraftId,
    name: &str,
    label: String,
    shape: &'static str,
    words: &'static str,
) -> impl IntoView + use<> {
    view! {
        <form method="post" action=format!("/api/pages/drafts/{what}")>
            <input type="hidden" name="id" value=draft.to_string() />
            <input type="hidden" name="name" value=name.to_owned() />
            <button class="button quiet" aria-label=label>{icon(shape)}{words}</button>
        </form>
    }
}

/// What the first run would take away besides, which is no part of what the draft does.
fn unmarked(preview: &DraftPreview) -> Option<AnyView> {
    if preview.unmarked.is_empty() {
        return None;
    }
    let names: Vec<&str> = preview.unmarked.iter().map(|(_, label)| label.as_str()).collect();
    let text = format!(
        "Nothing was ordered in {} yet. Of accounts that this gives to people, the first run also takes away what they hold, \
         the role model knows and nothing grants. To keep it until somebody has decided, mark what is there first: ",
        names.join(", ")
    );
    let view = view! { <div class="banner warn" role="alert">{icon("hand")}<p>{text}<a href="/reconciliation/go-live">"Go-live"</a>"."</p></div> };
    Some(view.into_any())
}

/// What the policy check would newly find. It is told, and keeps nobody from publishing.
fn lint(preview: &DraftPreview) -> Option<AnyView> {
    if preview.lint.is_empty() {
        return None;
    }
    let view = view! {
        <section class="panel" aria-labelledby="lint-heading">
            <h2 id="lint-heading">"What the policy check would newly find"</h2>
            {crate::pages::lint::list(preview.lint.iter())}
        </section>
    };
    Some(view.into_any())
}

fn changes(preview: &DraftPreview, may_change: bool, rights: &Rights) -> impl IntoView + use<> {
    let may_read = rights.may(engine::drafts::PUBLISH);
    let draft = &preview.draft;
    let lines = draft.changes.iter().map(|change| {
        let of = |changes: &[ObjectChange]| {
            changes.iter().find(|one| one.kind == change.kind.noun() && one.name == change.name).cloned()
        };
        let (sign, word, known) = match (&change.before, &change.after) {
            (_, None) => ("dash", "Removed", None),
            (None, Some(_)) => ("plus", "New", of(&preview.plan.added)),
            (Some(_), Some(_)) => ("pencil", "Changed", of(&preview.plan.changed)),
        };
        let fields = known.map(|known| {
            let is_new = change.before.is_none();
            let fields: Vec<FieldChange> =
                known.fields.iter().filter(|field| !(is_new && is_default(field))).cloned().collect();
            fields_table(&fields, ("Now", "Then"))
        });
        let actions = may_change.then(|| {
            let is_carrier =
                matches!(change.kind, ObjectKind::Setting(SettingKind::Application | SettingKind::Integration));
            let try_connection = (is_carrier && change.after.is_some()).then(|| {
                let label = format!("Try the connection of {}", change.name);
                try_drafted("try-connection", draft.id, &change.name, label, "plug", "Try the connection")
            });
            let is_source = change.kind == ObjectKind::Setting(SettingKind::Source);
            let try_source = (is_source && may_read && change.after.is_some()).then(|| {
                let label = format!("Try reading {}", change.name);
                try_drafted("try-source", draft.id, &change.name, label, "identities", "Try reading it")
            });
            let edit = change.after.is_some().then(|| {
                let address = role_model::edit(change.kind, Some(&change.name), Some(draft.id));
                let label = format!("Change {} {} further", change.kind.noun(), change.name);
                view! { <a class="button quiet" href=address aria-label=label>{icon("pencil")}"Change"</a> }
            });
            let label = format!("Take out {} {}: it stays as it is live", change.kind.noun(), change.name);
            view! {
                <div class="actions">
                    {try_connection}
                    {try_source}
                    {edit}
                    <form method="post" action="/api/pages/drafts/take-out">
                        <input type="hidden" name="id" value=draft.id.to_string() />
                        <input type="hidden" name="kind" value=change.kind.name() />
                        <input type="hidden" name="name" value=change.name.clone() />
                        <button class="button quiet" aria-label=label>"Take out"</button>
                    </form>
                </div>
            }
        });
        view! {
            <div class="draft-change">
                <div class="with-actions">
                    <h3>{icon(sign)}{word}" "{change.kind.noun()}" "<span class="mono">{change.name.clone()}</span></h3>
                    {actions}
                </div>
                {fields}
            </div>
        }
    });
    let content = match draft.changes.is_empty() {
        true => {
            view! { <p class="muted">"Nothing. Open a role, a rule or anything else of the configuration and change it."</p> }.into_any()
        }
        false if draft.changes.len() > MOST_CHANGES => {
            view! { <details><summary>{counted_changes(draft)}</summary>{lines.collect_view()}</details> }.into_any()
        }
        false => lines.collect_view().into_any(),
    };
    let add = may_change.then(|| {
        let link = |kind: ObjectKind| {
            view! { <a class="button quiet" href=role_model::edit(kind, None, Some(draft.id))>{icon("plus")}"New "{kind.noun()}</a> }
        };
        let settings = ObjectKind::all().filter(|kind| match kind {
            ObjectKind::Setting(kind) => *kind != SettingKind::Organisation,
            _ => false,
        });
        view! {
            <div class="actions">{ObjectKind::ROLE_MODEL.map(link).collect_view()}</div>
            <details class="disclose"><summary>"Something else"</summary><div class="actions">{settings.map(link).collect_view()}</div></details>
        }
    });
    view! {
        <section class="panel" aria-labelledby="changes-heading">
            <h2 id="changes-heading">"What it changes"</h2>
            {content}
            {add}
        </section>
    }
}

/// How many objects of which kinds are added, changed and removed.
fn counted_changes(draft: &Draft) -> String {
    let mut counts: BTreeMap<(&str, ObjectKind), usize> = BTreeMap::new();
    for change in &draft.changes {
        let word = match (&change.before, &change.after) {
            (_, None) => "removed",
            (None, Some(_)) => "new",
            (Some(_), Some(_)) => "changed",
        };
        *counts.entry((word, change.kind)).or_default() += 1;
    }
    let parts = counts.into_iter().map(|((word, kind), count)| {
        let noun = match kind {
            _ if count == 1 => kind.noun().to_owned(),
            ObjectKind::Setting(kind) => kind.plural().to_lowercase(),
            _ => format!("{}s", kind.noun()),
        };
        format!("{count} {word} {noun}")
    });
    parts.collect::<Vec<_>>().join(", ")
}

/// The path of a field in words. Names within it, such as that of an attribute, stay as they are.
fn field_words(field: &str) -> String {
    let named = NAMED_PARTS.iter().find_map(|part| Some((part, field.strip_prefix(part)?)));
    match named {
        Some((part, name)) => format!("{}{name}", words::attribute(part)),
        None => words::attribute(field),
    }
}

/// Fields with what they were and what they became.
pub(crate) fn fields_table(
    fields: &[FieldChange],
    (before, after): (&'static str, &'static str),
) -> impl IntoView + use<> {
    let shown = |value: &Option<serde_json::Value>| match value.as_ref().map(words_of) {
        Some(text) => text.into_any(),
        None => view! { <span class="subtle">"—"</span> }.into_any(),
    };
    let lines = fields.iter().map(|field| {
        view! {
            <tr>
                <td data-label="Field">{field_words(&field.field)}</td>
                <td data-label=before class="wrap">{shown(&field.before)}</td>
                <td data-label=after class="wrap">{shown(&field.after)}</td>
            </tr>
        }
    });
    view! {
        <table class="ledger">
            <thead><tr><th scope="col">"Field"</th><th scope="col">{before}</th><th scope="col">{after}</th></tr></thead>
            <tbody>{lines.collect_view()}</tbody>
        </table>
    }
}

/// What a new object has where nothing is said.
pub(crate) fn is_default(field: &FieldChange) -> bool {
    let nothing = [serde_json::json!(0), serde_json::json!(false), serde_json::json!("automatic")];
    field.after.as_ref().is_some_and(|after| nothing.contains(after))
}

/// A value of a field as people read it.
fn words_of(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Array(members) => members.iter().map(words_of).collect::<Vec<_>>().join(", "),
        serde_json::Value::Bool(is_set) => if *is_set { "yes" } else { "no" }.to_owned(),
        other => other.to_string(),
    }
}

fn effect(preview: &DraftPreview) -> Option<AnyView> {
    let effect = preview.plan.effect.as_ref()?;
    let view = match effect.identities {
        0 if effect.kept.is_empty() => view! {
            <section class="panel" aria-labelledby="effect-heading">
                <h2 id="effect-heading">"What it would do"</h2>
                <p class="answer">{icon("check")}{format!("Nobody's access changes, of {} people.", words::number(effect.population))}</p>
            </section>
        }
        .into_any(),
        _ => effect_on_people(effect).into_any(),
    };
    Some(view)
}

fn effect_on_people(effect: &Effect) -> impl IntoView + use<> {
    let summary = format!(
        "Access changes for {} of {} people.",
        words::number(effect.identities),
        words::number(effect.population)
    );
    let (first, others) = effect.people.split_at(effect.people.len().min(FIRST_PEOPLE));
    let people = (!first.is_empty()).then(|| {
        let rest = effect.identities.saturating_sub(effect.people.len() as u64);
        let rest = (rest > 0).then(|| view! { <p class="muted">{format!("and {} more people, for whom less changes", words::number(rest))}</p> });
        let others = (!others.is_empty()).then(|| {
            view! { <details class="disclose"><summary>{format!("{} more people", words::number(others.len() as u64))}</summary>{table_of_people(others)}</details> }
        });
        view! { <h3>"For whom most changes"</h3>{table_of_people(first)}{others}{rest} }
    });
    view! {
        <section class="panel" aria-labelledby="effect-heading">
            <h2 id="effect-heading">"What it would do"</h2>
            <p class="answer">{icon("identities")}{summary}</p>
            <div class="columns even">
                {counted("Gained", &effect.gains)}
                {counted("Lost", &effect.losses)}
            </div>
            {(!effect.kept.is_empty()).then(|| counted("Kept for a while", &effect.kept))}
            {(!effect.attributes.is_empty()).then(|| counted("Account attributes with other values", &effect.attributes))}
            {people}
        </section>
    }
}

fn table_of_people(people: &[PersonEffect]) -> impl IntoView + use<> {
    let named = |things: &[model::access::Grantable]| {
        let mut names: Vec<String> =
            things.iter().take(MOST_NAMED).map(|thing| format!("{} {}", words::kind(thing), thing.name())).collect();
        names.extend(
            things.len().checked_sub(MOST_NAMED).filter(|more| *more > 0).map(|more| format!("and {more} more")),
        );
        names.join(", ")
    };
    let or_dash = |text: String| if text.is_empty() { "—".to_owned() } else { text };
    let lines = people.iter().map(|person| {
        let attributes = (!person.attributes.is_empty()).then(|| format!("new values: {}", person.attributes.join(", ")));
        let mut gains: Vec<String> = Some(named(&person.gains)).into_iter().filter(|text| !text.is_empty()).collect();
        gains.extend(attributes);
        view! {
            <tr data-row="">
                <td data-label="Person" class="name"><a data-open="" href=format!("/identities/{}", person.id)>{person.name.clone()}</a>" "<span class="mono subtle">{person.key.clone()}</span></td>
                <td data-label="Gains" class="wrap">{or_dash(gains.join("; "))}</td>
                <td data-label="Loses" class="wrap">{or_dash(named(&person.losses))}</td>
            </tr>
        }
    });
    view! {
        <table class="ledger">
            <thead><tr><th scope="col">"Person"</th><th scope="col">"Gains"</th><th scope="col">"Loses"</th></tr></thead>
            <tbody>{lines.collect_view()}</tbody>
        </table>
    }
}

/// Things and for how many people, most first.
fn counted(heading: &'static str, things: &[(String, u64)]) -> impl IntoView + use<> {
    let lines = things.iter().take(MOST_LINES).map(|(thing, people)| {
        view! { <div><dt>{thing.clone()}</dt><dd>{words::number(*people)}</dd></div> }
    });
    let rest = things.len().checked_sub(MOST_LINES).filter(|rest| *rest > 0);
    let rest = rest.map(|rest| view! { <p class="muted">{format!("and {rest} other things")}</p> });
    let content = match things.is_empty() {
        true => view! { <p class="muted">"Nothing."</p> }.into_any(),
        false => view! { <dl class="counted">{lines.collect_view()}</dl>{rest} }.into_any(),
    };
    view! { <div><h3>{heading}</h3>{content}</div> }
}

fn matches(preview: &DraftPreview) -> impl IntoView + use<> {
    let panels = preview.matches.iter().enumerate().map(|(number, (rule, people))| {
        let count = words::plural(people.total, "person", "people");
        let (id, heading) = (format!("matches-{number}"), format!("matches-{number}"));
        view! {
            <section class="panel" aria-labelledby=heading>
                <h2 id=id>"Rule "{rule.clone()}" would hold for "{count}</h2>
                {sample(people)}
            </section>
        }
    });
    panels.collect_view()
}

fn publishing(preview: &DraftPreview, rights: &Rights) -> impl IntoView + use<> {
    let id = preview.draft.id.to_string();
    let publish = match (&preview.seal, rights.may(engine::drafts::PUBLISH)) {
        (_, false) => refused("Publishing", engine::drafts::PUBLISH).into_any(),
        (None, true) => view! { <p class="hint">"It can be published once what stands above is put right, and something changes."</p> }.into_any(),
        (Some(seal), true) => view! {
            <p class="hint">"Makes exactly this live. Where the configuration or people change before you press it, it is refused and shown anew."</p>
            <form method="post" action="/api/pages/drafts/publish">
                <input type="hidden" name="id" value=id.clone() />
                <input type="hidden" name="seal" value=seal.clone() />
                <button class="button primary wide">{icon("check")}"Publish"</button>
            </form>
        }
        .into_any(),
    };
    let discard = rights.may(engine::drafts::DRAFT).then(|| {
        view! {
            <form method="post" action="/api/pages/drafts/discard">
                <input type="hidden" name="id" value=id.clone() />
                <button class="button quiet wide">"Discard the draft"</button>
            </form>
        }
    });
    view! {
        <section class="panel" aria-labelledby="publish-heading">
            <h2 id="publish-heading">"Publish"</h2>
            {publish}
            {discard}
        </section>
    }
}

fn try_form(id: &str, trial: Option<&Trial>) -> impl IntoView + use<> {
    let typed = trial.map(|trial| trial.typed.clone());
    view! {
        <section class="panel" aria-labelledby="try-heading">
            <h2 id="try-heading">"Try it with somebody"</h2>
            <form action=draft_address(id) class="ask-form" role="search">
                <label class="field wide">"Key in the identity source"<input name="person" required value=typed autocomplete="off" /></label>
                <button class="button">{icon("flask")}"Try"</button>
            </form>
        </section>
    }
}

fn tried(trial: &Trial) -> AnyView {
    let answer = match &trial.answer {
        Err(error) => view! { <p class="field-error" role="alert">{error.message.clone()}</p> }.into_any(),
        Ok(tried) => {
            let name = &tried.person.display_name;
            let list = |heading: &'static str, found: &[Explanation]| {
                (!found.is_empty()).then(|| {
                    let things: Vec<_> = found.iter().map(|one| (one.grantable.clone(), one.grantable.name().to_owned())).collect();
                    let why = found.iter().map(|one| view! { <li>{explanation_of(one, name)}</li> }).collect_view();
                    view! { <h3>{heading}</h3>{list_of_things(&things)}<details class="disclose"><summary>"Why"</summary><ol class="plain">{why}</ol></details> }
                })
            };
            let nothing = (tried.gains.is_empty() && tried.losses.is_empty() && tried.attributes.is_empty())
                .then(|| view! { <p class="muted">{format!("Nothing changes for {name}.")}</p> });
            let attributes = (!tried.attributes.is_empty())
                .then(|| view! { <p>"Account attributes with other values: "{tried.attributes.join(", ")}</p> });
            view! {
                <p><a href=format!("/identities/{}", tried.person.id)>{name.clone()}</a></p>
                {nothing}
                {list("Would gain", &tried.gains)}
                {list("Would lose", &tried.losses)}
                {attributes}
            }
            .into_any()
        }
    };
    view! {
        <section class="panel" aria-labelledby="tried-heading">
            <h2 id="tried-heading">"Tried with "{trial.typed.clone()}</h2>
            {answer}
        </section>
    }
    .into_any()
}

fn explanation_of(found: &Explanation, person: &str) -> AnyView {
    explanation(found, person).into_any()
}

fn rename(id: &str, title: &str) -> impl IntoView + use<> {
    view! {
        <section class="panel" aria-labelledby="title-heading">
            <h2 id="title-heading">"Title"</h2>
            <form method="post" action="/api/pages/drafts/rename" class="ask-form">
                <input type="hidden" name="id" value=id.to_owned() />
                <input name="title" required maxlength="120" value=title.to_owned() aria-label="Title of the draft" autocomplete="off" />
                <button class="button">"Rename"</button>
            </form>
        </section>
    }
}
