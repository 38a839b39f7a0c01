//! The form of one setting, made from the schema of configuration files. It saves into a draft, whatever is typed: what makes
//! no sense yet is said beside its field, and on the draft's page.

use std::collections::BTreeMap;

use engine::context::OpContext;
use leptos::prelude::*;
use model::draft::{Draft, ObjectKind, SettingKind};
use model::error::ApiError;
use serde_json::Value;

use crate::components::form::option;
use crate::components::icon::icon;
use crate::frame::{Section, Sheet};
use crate::logic::query::Query;
use crate::logic::schema_form::{
    self, CHECKED, Field, KEY, REMOVE, Shape, USE, VALUE, VARIANT, Variant, Word, is_long, shown, table_of, variant_of,
    within,
};
use crate::ssr;

/// Names offered for one field.
const MOST_NAMES: usize = 500;
/// Fields of one part that are all shown; of more, those that are seldom used and say nothing are folded.
const MOST_FIELDS: usize = 8;
/// Says that the form is shown again.
const AGAIN: &str = "again";
/// End of the name of the part in which another thing is typed.
const NEW: &str = "__new";
/// Empty lines for things by name.
const EMPTY_LINES: usize = 4;

/// What the form is made from.
pub struct SettingForm {
    pub kind: SettingKind,
    /// None for a new one.
    pub name: Option<String>,
    pub draft: Option<Draft>,
    pub fields: Vec<Field>,
    /// What such a setting is.
    pub about: Option<String>,
    pub value: Value,
    /// What can be named, by table.
    pub names: Vec<(&'static str, Vec<String>)>,
    /// What is wrong, by path; the path of the setting itself is empty.
    pub findings: Vec<(String, String)>,
}

/// What the form of a setting shows of a draft, or of what is live.
pub(crate) async fn load(op: &OpContext, kind: SettingKind, query: &Query) -> Result<Sheet, ApiError> {
    let draft = match query.get("draft") {
        Some(id) => Some(engine::drafts::draft(op, ssr::id(&id, "draft")?).await?),
        None => None,
    };
    let name = query.get("name");
    let value = match &name {
        Some(name) => engine::settings::value(op, draft.as_ref(), kind, name).await?,
        None => None,
    };
    let findings = match (&draft, &name) {
        (Some(draft), Some(name)) => engine::settings::findings(op, draft, kind, name).await?,
        _ => Vec::new(),
    };
    let (fields, about) = schema_form::of_table(&engine::configuration::schema(), kind.table());
    let form = SettingForm {
        kind,
        names: engine::settings::names(op, draft.as_ref()),
        name: name.filter(|_| value.is_some()),
        draft,
        fields,
        about,
        value: value.unwrap_or_default(),
        findings,
    };
    Ok(setting_sheet(&form))
}

pub fn setting_sheet(form: &SettingForm) -> Sheet {
    let SettingForm { kind, name, draft, fields, about, value, .. } = form;
    let is_one = *kind == SettingKind::Organisation;
    let title = match name {
        _ if is_one => "Change the organisation".to_owned(),
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
                <label for="object-name">"Short name"</label>
                <input id="object-name" name="name" required maxlength="100" pattern="[\\p{L}\\p{N}._\\-]+" autocomplete="off" aria-describedby="object-name-hint" />
                <span class="hint" id="object-name-hint">"Its name in files and addresses: letters, digits, hyphens, dots and underscores. It cannot be changed later."</span>
            </div>
        }
        .into_any(),
    };
    let controls = fields.iter().map(|field| form.field(field, value.get(&field.key), &field.key)).collect_view();
    let lists = form.names.iter().filter(|(_, names)| !names.is_empty()).map(|(table, names)| {
        let options = names.iter().take(MOST_NAMES).map(|name| view! { <option value=name.clone()></option> });
        view! { <datalist id=format!("names-{table}")>{options.collect_view()}</datalist> }
    });
    let cancel = draft.as_ref().map_or_else(|| "/configuration".to_owned(), |draft| format!("/drafts/{}", draft.id));
    let body = view! {
        <header class="page-head"><h1>{title.clone()}</h1>{about.as_ref().map(|about| view! { <p>{about.clone()}</p> })}{into}</header>
        {form.banner()}
        <form method="post" action="/api/pages/drafts/put-setting" class="panel ask-form setting-form" aria-label=title.clone()>
            <input type="hidden" name="kind" value=kind.name() />
            {draft.as_ref().map(|draft| view! { <input type="hidden" name="draft" value=draft.id.to_string() /> })}
            // The enter key takes the first button, and lines within the form have buttons of their own.
            <button class="sr" name="then" value="look" tabindex="-1" aria-hidden="true">"Save into the draft"</button>
            {name_field}
            {controls}
            {lists.collect_view()}
            <div class="actions">
                <button class="button primary" name="then" value="look">{icon("check")}"Save into the draft"</button>
                <button class="button" name="then" value="again">"Save and stay here"</button>
                <a class="button quiet" href=cancel>"Cancel"</a>
            </div>
        </form>
    };
    Sheet { section: Section::RoleModel, title, body: body.into_any() }
}

impl SettingForm {
    /// What is wrong with the setting, said once above it.
    fn banner(&self) -> Option<AnyView> {
        if self.findings.is_empty() {
            return None;
        }
        let lines = self.findings.iter().map(|(path, message)| {
            let place = (!path.is_empty()).then(|| view! { <a href=format!("#{path}")>{path.clone()}</a>": " });
            view! { <li>{place}{message.clone()}</li> }
        });
        let view = view! {
            <div class="banner danger" role="alert">
                {icon("octagon")}
                <div><p>"Saved in the draft. This has to be put right before it can be published:"</p><ul>{lines.collect_view()}</ul></div>
            </div>
        };
        Some(view.into_any())
    }

    fn finding(&self, path: &str) -> Option<String> {
        self.findings.iter().find(|(other, _)| other == path).map(|(_, message)| message.clone())
    }

    fn field(&self, field: &Field, value: Option<&Value>, path: &str) -> AnyView {
        match &field.shape {
            Shape::Switch if !field.is_nullable => self.switch(field, value, path),
            Shape::Switch => {
                let chosen = value.and_then(Value::as_bool).map(|is_set| if is_set { "yes" } else { "no" });
                let words = [("", "As usual"), ("yes", "Yes"), ("no", "No")]
                    .map(|(word, label)| option(word.to_owned(), label.to_owned(), chosen.unwrap_or_default() == word));
                let input = view! { <select id=path.to_owned() name=input_name(path)>{words}</select> };
                self.labelled(field, path, input.into_any())
            }
            Shape::Group(_) | Shape::List(_) | Shape::Named(_) | Shape::Variants(_) | Shape::Choices(_) => {
                self.fieldset(field, value, path)
            }
            shape => {
                let input = self.input(shape, field, value, path);
                self.labelled(field, path, input)
            }
        }
    }

    fn labelled(&self, field: &Field, path: &str, input: AnyView) -> AnyView {
        let usual = field
            .default
            .as_ref()
            .filter(|value| !value.is_null() && !value.is_object())
            .map(|value| shown(Some(value)));
        let usual = usual.filter(|text| !text.is_empty()).map(|text| format!("Where nothing is said: {text}."));
        let hint: Vec<String> = field.hint.iter().cloned().chain(usual).collect();
        let hint = (!hint.is_empty()).then(|| view! { <span class="hint" id=hint_id(path)>{hint.join(" ")}</span> });
        let wrong =
            self.finding(path).map(|message| view! { <span class="field-error" id=error_id(path)>{message}</span> });
        let optional = (!field.is_required).then(|| view! { <span class="subtle">" (optional)"</span> });
        view! {
            <div class="field wide">
                <label for=path.to_owned()>{field.label.clone()}{optional}</label>
                {input}
                {hint}
                {wrong}
            </div>
        }
        .into_any()
    }

    fn switch(&self, field: &Field, value: Option<&Value>, path: &str) -> AnyView {
        let is_set = value.or(field.default.as_ref()).and_then(Value::as_bool).unwrap_or(false);
        let hint = field.hint.clone().map(|hint| view! { <span class="hint" id=hint_id(path)>{hint}</span> });
        let described = field.hint.is_some().then(|| hint_id(path));
        view! {
            <div class="field wide">
                <label class="check"><input type="checkbox" id=path.to_owned() name=input_name(path) value=CHECKED checked=is_set aria-describedby=described />{field.label.clone()}</label>
                {hint}
            </div>
        }
        .into_any()
    }

    /// The input of something that is one text, number or word, or some lines.
    fn input(&self, shape: &Shape, field: &Field, value: Option<&Value>, path: &str) -> AnyView {
        let (id, name, text) = (path.to_owned(), input_name(path), shown(value));
        let is_invalid = self.finding(path).is_some().then_some("true");
        let described: Vec<String> =
            field.hint.iter().map(|_| hint_id(path)).chain(is_invalid.map(|_| error_id(path))).collect();
        let described = (!described.is_empty()).then(|| described.join(" "));
        let list = table_of(&field.key)
            .filter(|table| self.names.iter().any(|(other, names)| other == table && !names.is_empty()));
        let list = list.map(|table| format!("names-{table}"));
        match shape {
            Shape::Choice(words) => {
                let nothing = option(String::new(), if field.is_required { "Choose" } else { "As usual" }.to_owned(), text.is_empty());
                let words = words.iter().map(|word| {
                    let label = match &word.hint {
                        Some(hint) => format!("{}: {}", word.label, first_sentence(hint)),
                        None => word.label.clone(),
                    };
                    option(word.value.clone(), label, word.value == text)
                });
                view! { <select id=id name=name aria-describedby=described aria-invalid=is_invalid>{nothing}{words.collect_view()}</select> }.into_any()
            }
            Shape::Number { .. } => {
                view! { <input id=id name=name value=text inputmode="numeric" size="8" autocomplete="off" aria-describedby=described aria-invalid=is_invalid /> }.into_any()
            }
            Shape::Date => {
                view! { <input id=id name=name value=text type="date" aria-describedby=described aria-invalid=is_invalid /> }.into_any()
            }
            Shape::Lines(_) => {
                let rows = text.lines().count().clamp(2, 12).to_string();
                view! { <textarea id=id name=name rows=rows class="mono" spellcheck="false" placeholder="One a line" aria-describedby=described aria-invalid=is_invalid>{text}</textarea> }.into_any()
            }
            Shape::Any => {
                let text = value.filter(|value| !value.is_null()).map(ToString::to_string).unwrap_or_default();
                view! { <textarea id=id name=name rows="3" class="mono" spellcheck="false" placeholder="JSON" aria-describedby=described>{text}</textarea> }.into_any()
            }
            _ if is_credential(path) => {
                let kept = (!text.is_empty()).then(|| format!("Kept as {text}; leave it empty to keep it"));
                view! { <input id=id name=name type="password" autocomplete="new-password" placeholder=kept.unwrap_or_else(|| "Kept encrypted, never shown again".to_owned()) aria-describedby=described aria-invalid=is_invalid /> }.into_any()
            }
            _ if is_long(&field.key) => {
                let class = (field.key != "description").then_some("mono");
                view! { <textarea id=id name=name rows="2" class=class aria-describedby=described aria-invalid=is_invalid>{text}</textarea> }.into_any()
            }
            _ => view! { <input id=id name=name value=text list=list autocomplete="off" aria-describedby=described aria-invalid=is_invalid /> }.into_any(),
        }
    }

    /// What consists of several parts. What is not used is folded.
    fn fieldset(&self, field: &Field, value: Option<&Value>, path: &str) -> AnyView {
        let is_used = value.is_some_and(|value| !value.is_null());
        let hint = field.hint.clone().map(|hint| view! { <p class="hint">{hint}</p> });
        let wrong = self.finding(path).map(|message| view! { <p class="field-error" id=path.to_owned()>{message}</p> });
        // Where something in it has to be said, saying that is mark enough.
        let needs_mark = field.is_nullable
            && matches!(&field.shape, Shape::Group(fields) if !fields.iter().any(|field| field.is_required));
        let mark = needs_mark.then(|| {
            view! { <label class="check"><input type="checkbox" name=input_name(&within(path, USE)) value=CHECKED checked=is_used />"Use this, also where nothing below is said"</label> }
        });
        let content = self.shape(&field.shape, value, path, &field.label);
        let inner = view! { {hint}{wrong}{mark}{content} };
        if field.is_required || is_used {
            return view! { <fieldset><legend>{field.label.clone()}</legend>{inner}</fieldset> }.into_any();
        }
        view! { <details class="unused"><summary>{field.label.clone()}<span class="subtle">" (optional)"</span></summary><fieldset><legend class="sr">{field.label.clone()}</legend>{inner}</fieldset></details> }
            .into_any()
    }

    fn shape(&self, shape: &Shape, value: Option<&Value>, path: &str, label: &str) -> AnyView {
        match shape {
            Shape::Group(fields) => {
                let value_of =
                    |field: &Field| value.and_then(|value| value.get(&field.key)).filter(|one| !one.is_null());
                let is_seldom = |field: &&Field| {
                    let path = within(path, &field.key);
                    let is_wrong = self.findings.iter().any(|(wrong, _)| wrong.starts_with(&path));
                    !field.is_required && !schema_form::is_first(&field.key) && value_of(field).is_none() && !is_wrong
                };
                let (seldom, usual): (Vec<&Field>, Vec<&Field>) = match fields.len() > MOST_FIELDS {
                    true => fields.iter().partition(is_seldom),
                    false => (Vec::new(), fields.iter().collect()),
                };
                let shown = |field: &Field| self.field(field, value_of(field), &within(path, &field.key));
                let usual = usual.into_iter().map(shown).collect_view();
                let seldom = (!seldom.is_empty()).then(|| {
                    let fields = seldom.into_iter().map(shown).collect_view();
                    view! { <details class="unused"><summary>"More settings"</summary><fieldset><legend class="sr">{format!("{label}, more settings")}</legend>{fields}</fieldset></details> }
                });
                view! { {usual}{seldom} }.into_any()
            }
            Shape::Choices(words) => choices(words, value, path),
            Shape::Variants(variants) => self.variants(variants, value, path, label),
            Shape::List(item) => self.list(item, value, path, label),
            Shape::Named(item) => self.named(item, value, path, label),
            Shape::Fixed(_) => ().into_any(),
            other => {
                let bare = Field {
                    key: path.rsplit('.').next().unwrap_or_default().to_owned(),
                    label: label.to_owned(),
                    hint: None,
                    is_required: true,
                    is_nullable: false,
                    default: None,
                    shape: other.clone(),
                };
                match other {
                    Shape::Switch => self.switch(&bare, value, path),
                    _ => self.labelled(&bare, path, self.input(other, &bare, value, path)),
                }
            }
        }
    }

    fn variants(&self, variants: &[Variant], value: Option<&Value>, path: &str, label: &str) -> AnyView {
        let chosen = value.filter(|value| !value.is_null()).and_then(|value| variant_of(variants, value));
        let (id, name) = (within(path, VARIANT), input_name(&within(path, VARIANT)));
        let words = variants.iter().map(|variant| {
            let is_chosen = chosen.is_some_and(|chosen| chosen.word.value == variant.word.value);
            let text = match &variant.word.hint {
                Some(hint) => format!("{}: {}", variant.word.label, first_sentence(hint)),
                None => variant.word.label.clone(),
            };
            option(variant.word.value.clone(), text, is_chosen)
        });
        let content = chosen.map(|variant| self.shape(&variant.shape, value, path, label));
        view! {
            <div class="field wide">
                <label for=id.clone()>{format!("Kind of {}", label.to_lowercase())}</label>
                <div class="with-button">
                    <select id=id name=name><option value="">"None"</option>{words.collect_view()}</select>
                    <button class="button" name="then" value=again(&within(path, VARIANT))>"Use this kind"</button>
                </div>
            </div>
            {content}
        }
        .into_any()
    }

    fn list(&self, item: &Shape, value: Option<&Value>, path: &str, label: &str) -> AnyView {
        let known = value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let lines = known.iter().enumerate().map(|(position, value)| {
            let path = within(path, &position.to_string());
            let title = format!("{label} {}", position + 1);
            view! {
                <fieldset class="entry">
                    <legend>{title.clone()}</legend>
                    {self.shape(item, Some(value), &path, label)}
                    {take_out(&path, &title)}
                </fieldset>
            }
        });
        let next = within(path, &known.len().to_string());
        view! {
            {lines.collect_view()}
            <details class="entry">
                <summary>{icon("plus")}"Add one"</summary>
                <fieldset id=new_id(path)><legend class="sr">{format!("{label}, another")}</legend>{self.shape(item, None, &next, label)}</fieldset>
                {more(path, label)}
            </details>
        }
        .into_any()
    }

    fn named(&self, item: &Shape, value: Option<&Value>, path: &str, label: &str) -> AnyView {
        let known: Vec<(&String, &Value)> = value.and_then(Value::as_object).into_iter().flatten().collect();
        let is_short = !matches!(item, Shape::Group(_) | Shape::Variants(_) | Shape::List(_) | Shape::Named(_));
        let is_text = matches!(item, Shape::Variants(variants) if schema_form::is_usually_text(variants));
        let field_path = path;
        let entry = |position: usize, entry: Option<(&String, &Value)>| {
            let path = within(path, &position.to_string());
            let (key, value) = (entry.map(|(key, _)| key.clone()), entry.map(|(_, value)| value));
            let (id, name) = (within(&path, KEY), input_name(&within(&path, KEY)));
            let title = key.clone().unwrap_or_else(|| format!("{label}, another"));
            let remove = entry.is_some().then(|| take_out(&path, &title));
            let key_field = view! { <div class="field"><label for=id.clone()>"Name"</label><input id=id name=name value=key autocomplete="off" /></div> };
            let value_path = within(&path, VALUE);
            let is_new_text = is_text && entry.is_none();
            let content = match item {
                // Another kind is chosen once it is there.
                Shape::Variants(variants) if let (true, Some(usual)) = (is_new_text, variants.first()) => {
                    let kind = view! { <input type="hidden" name=input_name(&within(&value_path, VARIANT)) value=usual.word.value.clone() /> };
                    view! { {kind}{self.shape(&usual.shape, None, &value_path, "Value")} }.into_any()
                }
                _ => self.shape(item, value, &value_path, "Value"),
            };
            if is_short || entry.is_none() {
                let class = if is_short || is_new_text { "entry row" } else { "entry" };
                return view! { <fieldset class=class><legend class="sr">{title.clone()}</legend>{key_field}{content}{remove}</fieldset> }
                    .into_any();
            }
            // Many of them, each with many fields: what is in one is seen when it is opened, or wrong.
            let in_short = entry.and_then(|(_, value)| value.as_str().map(str::to_owned));
            let in_short = in_short.map(|text| view! { <span class="subtle">" "{text}</span> });
            let is_wrong = self.findings.iter().any(|(wrong, _)| wrong.starts_with(&format!("{field_path}.{title}")));
            view! {
                <details class="entry" open=is_wrong>
                    <summary>{title.clone()}{in_short}</summary>
                    <fieldset><legend class="sr">{title.clone()}</legend>{key_field}{content}{remove}</fieldset>
                </details>
            }
            .into_any()
        };
        let lines =
            known.iter().enumerate().map(|(position, (key, value))| entry(position, Some((key, value)))).collect_view();
        let empty = if is_short || is_text { EMPTY_LINES } else { 1 };
        let empty = (known.len()..known.len() + empty).map(|position| entry(position, None)).collect_view();
        view! {
            {lines}
            <details class="entry">
                <summary>{icon("plus")}"Add"</summary>
                <div id=new_id(path)>{empty}</div>
                {more(path, label)}
            </details>
        }
        .into_any()
    }
}

fn choices(words: &[Word], value: Option<&Value>, path: &str) -> AnyView {
    let chosen: Vec<&str> = value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let boxes = words.iter().map(|word| {
        let is_set = chosen.contains(&word.value.as_str());
        view! { <label class="check"><input type="checkbox" name=input_name(&within(path, &word.value)) value=CHECKED checked=is_set />{word.label.clone()}</label> }
    });
    view! { <div class="checks" id=path.to_owned()>{boxes.collect_view()}</div> }.into_any()
}

/// Saves, and comes back to where the next one is typed.
fn more(path: &str, label: &str) -> impl IntoView + use<> {
    let about = format!("Save and add more: {label}");
    view! { <div class="actions"><button class="button small" name="then" value=again(&new_id(path)) aria-label=about>"Save and add more"</button></div> }
}

/// What a button says that saves and shows the form again, at this part of it.
fn again(part: &str) -> String {
    format!("{AGAIN}:{part}")
}

/// The part of the form to show again, where a button asks for that; empty for its beginning.
pub(crate) fn part_asked_for(then: &str) -> Option<&str> {
    let rest = then.strip_prefix(AGAIN)?;
    let part = rest.strip_prefix(':').unwrap_or_default();
    // A part is the path of a field: nothing else goes into the address.
    part.chars().all(|one| one.is_ascii_alphanumeric() || "._-".contains(one)).then_some(part)
}

/// Where the next one is typed.
fn new_id(path: &str) -> String {
    format!("{path}.{NEW}")
}

fn take_out(path: &str, title: &str) -> impl IntoView + use<> {
    let label = format!("Take out {title}");
    view! { <label class="check"><input type="checkbox" name=input_name(&within(path, REMOVE)) value=CHECKED aria-label=label />"Take out"</label> }
}

fn input_name(path: &str) -> String {
    format!("fields[{path}]")
}

fn hint_id(path: &str) -> String {
    format!("{path}-hint")
}

fn error_id(path: &str) -> String {
    format!("{path}-error")
}

fn is_credential(path: &str) -> bool {
    path.ends_with(".password") || path.ends_with(".token")
}

fn first_sentence(text: &str) -> String {
    text.split_once(". ").map_or(text, |(first, _)| first).trim_end_matches('.').to_owned()
}

/// What was typed, as a browser sends it, by the path of its input.
pub(crate) fn typed(fields: std::collections::HashMap<String, String>) -> BTreeMap<String, String> {
    fields.into_iter().map(|(path, text)| (path, text.replace("\r\n", "\n"))).collect()
}

/// The address of the form of a setting in a draft.
pub(crate) fn address(kind: SettingKind, name: &str, draft: model::ids::DraftId) -> String {
    crate::logic::role_model::edit(ObjectKind::Setting(kind), Some(name), Some(draft))
}
