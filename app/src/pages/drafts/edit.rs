//! The form of one object of the role model. It saves into a draft, whatever is typed: what makes no sense yet is said
//! on the draft's page and cannot be published.

use engine::role_model::Vocabulary;
use leptos::prelude::*;
use model::access::Grantable;
use model::configuration::RoleState;
use model::draft::{Draft, Matching, ObjectKind};

use crate::components::explain::shape;
use crate::components::form::{option, suggestions};
use crate::components::icon::icon;
use crate::frame::{Section, Sheet};
use crate::islands::LiveMatching;
use crate::logic::role_model::{self, Fields, RULE_TYPES};
use crate::logic::words;
use crate::pages::{Asked, page, settings};
use crate::ssr;

/// Empty lines for things to be added.
const EMPTY_LINES: usize = 6;

/// What the form is made from.
pub struct Editing {
    pub kind: ObjectKind,
    /// None for a new object.
    pub name: Option<String>,
    /// What was typed as the name of a new one.
    pub typed_name: String,
    /// The draft it goes into; none begins a new one.
    pub draft: Option<Draft>,
    pub fields: Fields,
    pub vocabulary: Vocabulary,
    /// For whom the condition of a rule holds.
    pub matching: Matching,
}

#[component]
pub fn EditPage() -> impl IntoView {
    page(|Asked { op, query, .. }| async move {
        op.require(engine::drafts::DRAFT)?;
        let kind = query.get("kind").and_then(|kind| ObjectKind::from_name(&kind)).unwrap_or(ObjectKind::Role);
        if let ObjectKind::Setting(kind) = kind {
            return settings::edit::load(&op, kind, &query).await;
        }
        let draft = match query.get("draft") {
            Some(id) => Some(engine::drafts::draft(&op, ssr::id(&id, "draft")?).await?),
            None => None,
        };
        let named = query.get("name").unwrap_or_default();
        let drafted = draft.as_ref().and_then(|draft| draft.change(kind, &named)).map(|change| change.after.clone());
        let known = drafted.unwrap_or_else(|| kind.find(&op.engine.world().configuration(), &named));
        let is_known = known.is_some();
        let fields = Fields::read(&query).or_else(|| known.as_ref().map(Fields::of)).unwrap_or_default();
        let vocabulary = engine::role_model::vocabulary(&op, draft.as_ref())?;
        let name = Some(named.clone()).filter(|_| is_known);
        let days = role_model::days(&fields.days_before, &fields.days_after);
        let matching = match kind {
            ObjectKind::Rule => engine::drafts::matching(&op, &fields.when, days).await?,
            _ => Matching::Nothing,
        };
        Ok(edit_sheet(&Editing { kind, name, typed_name: named, draft, fields, vocabulary, matching }))
    })
}

pub fn edit_sheet(editing: &Editing) -> Sheet {
    let Editing { kind, name, typed_name, draft, fields, vocabulary, matching } = editing;
    let title = match name {
        Some(name) => format!("Change {} {name}", kind.noun()),
        None => format!("New {}", kind.noun()),
    };
    let into = match draft {
        Some(draft) => view! { <p>"in the draft "<a href=format!("/drafts/{}", draft.id)>{draft.title.clone()}</a></p> }.into_any(),
        None => view! { <p class="muted">"It goes into a draft, which shows what it would do to everybody before anything is live."</p> }.into_any(),
    };
    let name_field = match name {
        Some(name) => view! { <input type="hidden" name="name" value=name.clone() /> }.into_any(),
        None => view! {
            <div class="field wide">
                <label for="object-name">"Name"</label>
                <input id="object-name" name="name" required maxlength="100" pattern="[\\p{L}\\p{N}._\\-]+" value=typed_name.clone() autocomplete="off" placeholder="sales-staff" aria-describedby="object-name-hint" />
                <span class="hint" id="object-name-hint">"Its key in files and addresses: letters, digits, hyphens, dots and underscores. It cannot be changed later."</span>
            </div>
        }
        .into_any(),
    };
    let own = match kind {
        ObjectKind::Role => view! { {display_name(fields)}{terms(fields, vocabulary)} }.into_any(),
        ObjectKind::AccessProfile => {
            view! { {display_name(fields)}{application(fields, vocabulary)}{terms(fields, vocabulary)} }.into_any()
        }
        ObjectKind::Entitlement => view! { {display_name(fields)}{in_application(fields, vocabulary)} }.into_any(),
        ObjectKind::Rule => condition(fields, vocabulary, matching).into_any(),
        // Settings have a form of their own.
        ObjectKind::Setting(_) => ().into_any(),
    };
    let cancel = match (draft, name) {
        (Some(draft), _) => format!("/drafts/{}", draft.id),
        (None, Some(name)) => role_model::object(*kind, name),
        (None, None) => role_model::list(*kind).to_owned(),
    };
    let body = view! {
        <header class="page-head"><h1>{title.clone()}</h1>{into}</header>
        <form method="post" action="/api/pages/drafts/put" class="panel ask-form" aria-label=title.clone()>
            <input type="hidden" name="object" value=kind.name() />
            {draft.as_ref().map(|draft| view! { <input type="hidden" name="draft" value=draft.id.to_string() /> })}
            {name_field}
            {own}
            <label class="field wide">"What for"
                <textarea name="description" rows="2" maxlength="1000">{fields.description.clone()}</textarea>
            </label>
            {(*kind != ObjectKind::Entitlement).then(|| things(*kind, fields, vocabulary))}
            <div class="actions">
                <button class="button primary">{icon("check")}"Save into the draft"</button>
                // After the other one: the enter key takes the first.
                {(*kind == ObjectKind::Rule).then(|| view! {
                    <button class="button without-script" name="look" value="yes" formnovalidate>{icon("identities")}"Whom it holds for"</button>
                })}
                <a class="button quiet" href=cancel>"Cancel"</a>
            </div>
        </form>
    };
    Sheet { section: Section::RoleModel, title, body: body.into_any() }
}

fn display_name(fields: &Fields) -> impl IntoView + use<> {
    view! {
        <label class="field wide">"What people call it"
            <input name="display_name" maxlength="200" value=fields.display_name.clone() autocomplete="off" />
        </label>
    }
}

fn application(fields: &Fields, vocabulary: &Vocabulary) -> impl IntoView + use<> {
    let options = vocabulary.applications.iter().map(|(name, label)| {
        let chosen = *name == fields.application;
        option(name.clone(), label.clone(), chosen)
    });
    view! {
        <label class="field">"Application"
            <select name="application" required><option value="">"Choose"</option>{options.collect_view()}</select>
        </label>
    }
}

/// On which terms it is given.
fn terms(fields: &Fields, vocabulary: &Vocabulary) -> impl IntoView + use<> {
    let terms = &fields.terms;
    // One that is not known any more stays as it is until another is chosen.
    let unknown = Some(terms.category.clone())
        .filter(|name| !name.is_empty() && !vocabulary.categories.iter().any(|(other, _)| other == name));
    let unknown = unknown.map(|name| (name.clone(), name));
    let categories = vocabulary.categories.iter().cloned().chain(unknown).map(|(name, label)| {
        let chosen = name == terms.category;
        option(name, label, chosen)
    });
    let states = RoleState::ALL.map(|state| {
        let chosen = terms.state == state.name() || (terms.state.is_empty() && state == RoleState::Active);
        option(state.name().to_owned(), state.label().to_owned(), chosen)
    });
    let requestable = [("yes", "May be asked for"), ("no", "Only rules give it")]
        .map(|(word, label)| option(word.to_owned(), label.to_owned(), (word == "no") == (terms.requestable == "no")));
    let day = |name: &'static str, label: &'static str, hint: &'static str, value: &str| {
        let described = format!("{name}-hint");
        view! {
            <div class="field">
                <label for=name>{label}</label>
                <input id=name type="date" name=name value=value.to_owned() aria-describedby=described.clone() />
                <span class="hint" id=described>{hint}</span>
            </div>
        }
    };
    view! {
        <div class="ask-row">
            <label class="field">"Category"<select name="category"><option value="">"None"</option>{categories.collect_view()}</select></label>
            <div class="field">
                <label for="owner">"Owner"</label>
                <input id="owner" name="owner" maxlength="200" value=terms.owner.clone() autocomplete="off" aria-describedby="owner-hint" />
                <span class="hint" id="owner-hint">"Login of the person who answers for it"</span>
            </div>
        </div>
        <div class="ask-row">
            <label class="field">"State"<select name="state">{states.collect_view()}</select><span class="hint">"Only what is active gives anything"</span></label>
            <label class="field">"Requests"<select name="requestable">{requestable.collect_view()}</select></label>
        </div>
        <div class="ask-row">
            {day("valid_from", "Valid from", "Gives nothing before this day", &terms.valid_from)}
            {day("valid_until", "Valid until", "Gives nothing after this day", &terms.valid_until)}
            <div class="field">
                <label for="maximum_days">"Most days"</label>
                <input id="maximum_days" name="maximum_days" inputmode="numeric" size="6" value=terms.maximum_days.clone() autocomplete="off" aria-describedby="maximum-hint" />
                <span class="hint" id="maximum-hint">"For how long it is given to somebody who asks; open where empty"</span>
            </div>
            <div class="field">
                <label for="grace_days">"Grace days"</label>
                <input id="grace_days" name="grace_days" inputmode="numeric" size="6" value=terms.grace_days.clone() autocomplete="off" aria-describedby="grace-hint" />
                <span class="hint" id="grace-hint">"For how long it is kept when a change of rules takes it; none where empty"</span>
            </div>
        </div>
    }
}

fn in_application(fields: &Fields, vocabulary: &Vocabulary) -> impl IntoView + use<> {
    let options = vocabulary.things.iter().filter_map(|(thing, label)| match thing {
        Grantable::AccountType(name) => Some(option(name.clone(), label.clone(), *name == fields.account_type)),
        _ => None,
    });
    let is_privileged = fields.privileged == "yes";
    view! {
        <div class="ask-row">
            <label class="field">"Account that holds it"
                <select name="account_type" required><option value="">"Choose"</option>{options.collect_view()}</select>
            </label>
            <div class="field">
                <label for="key">"Key in the application"</label>
                <input id="key" name="key" class="mono" required maxlength="1000" value=fields.key.clone() autocomplete="off" aria-describedby="key-hint" />
                <span class="hint" id="key-hint">"As the application says it, such as a group's name"</span>
            </div>
        </div>
        <label class="check">
            <input type="checkbox" name="privileged" value="yes" checked=is_privileged />
            "Gives power over others, or over the application itself"
        </label>
    }
}

fn condition(fields: &Fields, vocabulary: &Vocabulary, matching: &Matching) -> impl IntoView + use<> {
    let types = RULE_TYPES.map(|(_, word, label)| option(word.to_owned(), label.to_owned(), word == fields.kind));
    let effects = [("give", "Give it"), ("deny", "Take it away from whoever has it by another rule")]
        .map(|(word, label)| option(word.to_owned(), label.to_owned(), word == fields.effect));
    let attributes = vocabulary.attributes.iter().map(|name| view! { <code>{format!("identity.{name}")}</code>" " });
    let number = |name: &'static str, label: &'static str, hint: &'static str, value: &str| {
        let value = if value.is_empty() { "0".to_owned() } else { value.to_owned() };
        let described = format!("{name}-hint");
        view! {
            <div class="field">
                <label for=name>{label}</label>
                <input id=name name=name inputmode="numeric" size="6" value=value autocomplete="off" aria-describedby=described.clone() />
                <span class="hint" id=described>{hint}</span>
            </div>
        }
    };
    view! {
        <label class="field wide">"Condition"
            <textarea name="when" rows="4" class="mono" required spellcheck="false" aria-describedby="when-hint" placeholder="identity.department == 'Sales'">{fields.when.clone()}</textarea>
        </label>
        <details class="hint" id="when-hint"><summary>"Written in CEL over what is known of people"</summary><p>{attributes.collect_view()}</p></details>
        <LiveMatching known=matching.clone() />
        <div class="ask-row">
            <label class="field">"Type"<select name="kind">{types.collect_view()}</select></label>
            <label class="field">"What it does"<select name="effect">{effects.collect_view()}</select></label>
        </div>
        <div class="ask-row">
            {number("priority", "Priority", "Smaller wins where one rule gives and another takes away", &fields.priority)}
            {number("days_before", "Days before", "Already holds so many days before a context starts", &fields.days_before)}
            {number("days_after", "Days after", "Still holds so many days after it ends", &fields.days_after)}
        </div>
    }
}

fn things(kind: ObjectKind, fields: &Fields, vocabulary: &Vocabulary) -> impl IntoView + use<> {
    let legend = match kind {
        ObjectKind::Role => "Consists of access profiles and roles",
        ObjectKind::AccessProfile => "Consists of entitlements and account types",
        ObjectKind::Entitlement | ObjectKind::Setting(_) => "Consists of nothing else",
        ObjectKind::Rule => "Roles, access profiles, entitlements and account types",
    };
    let kinds = role_model::parts_of(kind);
    let label_of = |thing: &Grantable| {
        let known = vocabulary.things.iter().find(|(other, _)| other == thing);
        known.map_or_else(|| thing.name().to_owned(), |(_, label)| label.clone())
    };
    let (read, unread): (Vec<_>, Vec<_>) = fields
        .things
        .iter()
        .filter(|text| !text.trim().is_empty())
        .partition(|text| role_model::thing_of(text).is_some());
    let kept = read.into_iter().filter_map(|text| role_model::thing_of(text)).map(|thing| {
        view! {
            <li><label>
                <input type="checkbox" name="things[]" value=role_model::written(&thing) checked />
                {icon(shape(&thing))}<span class="kind">{words::kind(&thing)}</span>{label_of(&thing)}
            </label></li>
        }
    });
    let kept = kept.collect_view();
    let choices = vocabulary
        .things
        .iter()
        .filter(|(thing, _)| kinds.contains(&thing.kind()))
        .map(|(thing, label)| (role_model::written(thing), format!("{label} ({})", words::kind(thing))));
    let empty = (0..EMPTY_LINES).map(|_| String::new());
    let lines = unread.into_iter().cloned().chain(empty).enumerate().map(|(number, text)| {
        let label = format!("Add, line {}", number + 1);
        view! { <input name="things[]" list="things" value=text aria-label=label autocomplete="off" placeholder="Type a part of a name to add one" /> }
    });
    view! {
        <fieldset>
            <legend>{legend}</legend>
            <ul class="plain chosen">{kept}</ul>
            {lines.collect_view()}
            {suggestions("things", choices)}
            <span class="hint">"What is unticked is taken out. More lines come when the draft is saved and opened again."</span>
        </fieldset>
    }
}
