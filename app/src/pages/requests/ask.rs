//! Changing somebody's access by hand: choose, look at what would happen, submit. All of it is in the address, so that it
//! works without scripts, survives a reload and can be sent to somebody else.

use jiff::civil::Date;
use leptos::prelude::*;
use model::access::Grantable;
use model::error::ApiError;
use model::identity::Identity;
use model::ids::IdentityId;
use model::request::{
    Change, DirectGrant, NewRequest, RequestItem, RequestPreview, RequestSource, Standing, Submission,
};
use model::risk::RequestRisk;
use model::trigger::Trigger;
use model::view::{IdentityFilter, IdentityRow};

use crate::components::form::{option, refused, suggestions};
use crate::components::icon::icon;
use crate::components::list::{Empty, empty};
use crate::frame::{Rights, Section, Sheet};
use crate::logic::address::Address;
use crate::logic::flash::Flash;
use crate::logic::query::Query;
use crate::logic::{request, role_model, words};
use crate::pages::{Asked, page};
use crate::ssr;

use super::preview::{is_blocked, outcome, why_borne};

#[server(prefix = "/api/pages", endpoint = "requests/submit")]
pub async fn submit_request(
    #[server(default)] asked: String,
    #[server(default)] risk_comment: String,
) -> Result<(), ServerFnError> {
    let op = ssr::op().await?;
    let query = Query::parse(&asked);
    let outcome = match Form::read(&query).request() {
        Ok(new) => engine::requests::submit(&op, NewRequest { risk_comment: Some(risk_comment), ..new }).await,
        Err(error) => Err(error),
    };
    match outcome {
        Ok(Submission { request: Some(id), standing, .. }) => {
            let title = match standing {
                Standing::New | Standing::Simulated => "The request is submitted. This page follows it.".to_owned(),
                Standing::SameKey | Standing::Attached => {
                    format!("The same was asked for already: yours is part of request {id}.")
                }
            };
            ssr::finish(Ok(Flash::done(title)), &format!("/requests/{id}"))
        }
        Ok(_) => ssr::finish(Err(ApiError::internal()), "/requests"),
        Err(error) => ssr::finish(Err(error), &Form::read(&query).address(false).to_string()),
    }
}

/// What was typed so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Form {
    identity: Option<IdentityId>,
    items: Vec<RequestItem>,
    justification: String,
    not_before: String,
    until: String,
}

impl Form {
    fn read(query: &Query) -> Self {
        let without = query.all("without");
        let mut items: Vec<RequestItem> = query
            .all("item")
            .iter()
            .filter(|text| !without.contains(text))
            .filter_map(|text| request::read(text))
            .collect();
        let mut seen = Vec::new();
        items.retain(|item| {
            let is_new = !seen.contains(item);
            seen.push(item.clone());
            is_new
        });
        Self {
            identity: query.get("identity").and_then(|text| text.parse().ok()),
            items,
            justification: query.all("justification").pop().unwrap_or_default(),
            not_before: query.get("not_before").unwrap_or_default(),
            until: query.get("until").unwrap_or_default(),
        }
    }

    /// The page with all of this; with what would happen where asked for.
    fn address(&self, preview: bool) -> Address {
        let mut address =
            Address::new("/requests/new").with("identity", self.identity.map(|id| id.to_string()).as_deref());
        for item in &self.items {
            address = address.with("item", Some(&request::written(item)));
        }
        address
            .with("justification", Some(&self.justification))
            .with("not_before", Some(&self.not_before))
            .with("until", Some(&self.until))
            .with("preview", preview.then_some("yes"))
    }

    fn request(&self) -> Result<NewRequest, ApiError> {
        let identity = self.identity.ok_or_else(|| ApiError::invalid("identity", "Choose whose access changes."))?;
        let source = RequestSource::new("page", "Change access by hand");
        Ok(NewRequest {
            not_before: day(&self.not_before, "not_before")?,
            until: day(&self.until, "until")?,
            ..NewRequest::new(Trigger::Administrator, source, identity, self.items.clone(), self.justification.clone())
        })
    }
}

pub(crate) fn day(text: &str, field: &str) -> Result<Option<Date>, ApiError> {
    let wrong = |_| ApiError::invalid(field, format!("`{text}` is no day. Write it as year-month-day: 2026-12-31."));
    (!text.is_empty()).then(|| text.parse()).transpose().map_err(wrong)
}

/// What the page is made from.
pub struct Ask {
    form: Form,
    /// Whose access changes; none before somebody is chosen.
    pub person: Option<Identity>,
    /// To choose from, and the words they were found by.
    pub people: Vec<IdentityRow>,
    pub text: Option<String>,
    /// Everything that may be asked for.
    pub known: Vec<(Grantable, String)>,
    /// What the person is given directly now.
    pub grants: Vec<(DirectGrant, String)>,
    /// The thing that was typed, where nothing or several things have the name.
    pub typed: Option<(String, String)>,
    pub preview: Option<Result<RequestPreview, ApiError>>,
}

impl Ask {
    /// With what the address says.
    pub fn new(query: &Query) -> Self {
        Self {
            form: Form::read(query),
            person: None,
            people: Vec::new(),
            text: query.get("find"),
            known: Vec::new(),
            grants: Vec::new(),
            typed: None,
            preview: None,
        }
    }

    fn error_of(&self, field: &str) -> Option<String> {
        match &self.preview {
            Some(Err(error)) if error.field.as_deref() == Some(field) => Some(error.message.clone()),
            _ => None,
        }
    }
}

#[component]
pub fn AskRequestPage() -> impl IntoView {
    page(|Asked { op, visitor, query }| async move {
        op.require_for_some(engine::requests::SUBMIT)?;
        let mut ask = Ask::new(&query);
        let Some(id) = ask.form.identity else {
            if let Some(text) = ask.text.clone() {
                let filter = IdentityFilter { text: Some(text), limit: Some(20), ..IdentityFilter::default() };
                ask.people = engine::identities::page(&op, filter).await?.rows;
            }
            return Ok(ask_sheet(&ask, &visitor.rights));
        };
        let (person, grants) = engine::requests::given(&op, id).await?;
        (ask.person, ask.grants) = (Some(person), grants);
        ask.known = engine::requests::offered(&op)?;
        if let Some(thing) = query.get("thing") {
            let change = query.get("change").and_then(|name| Change::from_name(&name)).unwrap_or(Change::Give);
            match engine::requests::name(&op, &thing) {
                Ok(grantable) => {
                    let item = RequestItem { change, grantable };
                    if !ask.form.items.contains(&item) {
                        ask.form.items.push(item);
                    }
                }
                Err(error) => ask.typed = Some((thing, error.message)),
            }
        }
        if query.get("preview").is_some() && ask.typed.is_none() {
            ask.preview = Some(match ask.form.request() {
                Ok(new) => engine::requests::submit(&op, NewRequest { simulate: true, ..new }).await.map(with_standing),
                Err(error) => Err(error),
            });
        }
        Ok(ask_sheet(&ask, &visitor.rights))
    })
}

/// A preview that says where the same is asked for already.
pub(crate) fn with_standing(submission: Submission) -> RequestPreview {
    let mut preview = submission.preview;
    if let Some(id) = submission.request {
        preview
            .remarks
            .push(format!("The same is asked for already, by request {id}. Submitted, this becomes part of it."));
    }
    preview
}

pub fn ask_sheet(ask: &Ask, rights: &Rights) -> Sheet {
    let title = "Change access by hand";
    let content = match &ask.person {
        _ if !rights.may(engine::requests::SUBMIT) => {
            refused("Changing access by hand", engine::requests::SUBMIT).into_any()
        }
        None => whose(ask).into_any(),
        Some(person) => form(ask, person).into_any(),
    };
    let whom = ask.person.as_ref().map(|person| {
        view! { <p>"of "<a href=format!("/identities/{}", person.id)>{person.display_name.clone()}</a>" "<span class="mono subtle">{person.key.clone()}</span></p> }
    });
    let body = view! {
        <header class="page-head">
            <h1>{title}</h1>
            {whom}
            <p class="muted">"What is given here stays beside what the rules give, until its last day or until somebody takes it away."</p>
        </header>
        {content}
    };
    Sheet { section: Section::Requests, title: title.to_owned(), body: body.into_any() }
}

/// Choosing a person.
fn whose(ask: &Ask) -> impl IntoView + use<> {
    let people = ask.people.iter().map(|row| {
        let address = Form { identity: Some(row.id), ..ask.form.clone() }.address(false).to_string();
        view! {
            <tr data-row="">
                <td data-label="Name" class="name"><a data-open="" href=address>{row.display_name.clone()}</a></td>
                <td data-label="Key" class="mono">{row.key.clone()}</td>
                <td data-label="Title">{row.title.clone()}</td>
                <td data-label="Department">{row.department.clone()}</td>
            </tr>
        }
    });
    let found = match (&ask.text, ask.people.is_empty()) {
        (None, _) => None,
        (Some(_), true) => Some(empty("Nobody", Empty::Filtered { clear: "/requests/new".to_owned() })),
        (Some(_), false) => Some(
            view! {
                <table class="ledger">
                    <thead><tr><th scope="col">"Name"</th><th scope="col">"Key"</th><th scope="col">"Title"</th><th scope="col">"Department"</th></tr></thead>
                    <tbody>{people.collect_view()}</tbody>
                </table>
            }
            .into_any(),
        ),
    };
    view! {
        <form class="filters" action="/requests/new" role="search" aria-label="Whose access changes">
            <input type="search" name="find" required value=ask.text.clone() placeholder="Name or key" aria-label="Whose access changes: name or key" />
            <button class="button primary">"Find"</button>
        </form>
        {found}
    }
}

fn form(ask: &Ask, person: &Identity) -> impl IntoView + use<> {
    view! {
        <div class="columns">
            <div>
                {fields(ask, person)}
                {preview(ask)}
            </div>
            <aside>{held(ask)}</aside>
        </div>
    }
}

fn fields(ask: &Ask, person: &Identity) -> impl IntoView + use<> {
    let form = &ask.form;
    let label_of = |grantable: &Grantable| {
        let known = ask.known.iter().find(|(known, _)| known == grantable);
        known.map_or_else(|| grantable.name().to_owned(), |(_, label)| label.clone())
    };
    let chosen = form.items.iter().map(|item| {
        let without =
            Form { items: form.items.iter().filter(|other| *other != item).cloned().collect(), ..form.clone() };
        let what = request::asked(item, &request::named(&item.grantable, &label_of(&item.grantable)));
        let remove = format!("Remove: {what}");
        view! {
            <li>
                <input type="hidden" name="item" value=request::written(item) />
                {icon(if item.change == Change::Give { "plus" } else { "dash" })}
                <span>{what}</span>
                <a class="button quiet" href=without.address(false).to_string() aria-label=remove>"Remove"</a>
            </li>
        }
    });
    let chosen = match form.items.is_empty() {
        true => view! { <p class="muted">"Nothing chosen yet."</p> }.into_any(),
        false => view! { <ul class="plain chosen">{chosen.collect_view()}</ul> }.into_any(),
    };
    let known =
        ask.known.iter().map(|(grantable, label)| (role_model::written(grantable), request::named(grantable, label)));
    let typed = ask.typed.as_ref().map(|(_, message)| message.clone()).or_else(|| ask.error_of("items"));
    let text = ask.typed.as_ref().map(|(text, _)| text.clone());
    let error = |field: &str| {
        ask.error_of(field).map(|message| view! { <span class="field-error" role="alert">{message}</span> })
    };
    let elsewhere = ["identity", "priority", "key", "source"].iter().find_map(|field| ask.error_of(field));
    let unfielded = match &ask.preview {
        Some(Err(error)) if error.field.is_none() => Some(error.message.clone()),
        _ => elsewhere,
    };
    view! {
        {unfielded.map(|message| view! { <div class="banner danger" role="alert">{icon("octagon")}<p>{message}</p></div> })}
        <form action="/requests/new" class="panel ask-form" aria-label="What changes">
            <input type="hidden" name="identity" value=person.id.to_string() />
            <fieldset>
                <legend>"What changes"</legend>
                {chosen}
                <div class="ask-row">
                    <label class="field">"Change"
                        <select name="change">{option("give".to_owned(), "Give".to_owned(), true)}{option("take".to_owned(), "Take away".to_owned(), false)}</select>
                    </label>
                    <label class="field wide">"Role, access profile, entitlement or account type"
                        <input name="thing" list="things" value=text autocomplete="off" placeholder="Type a part of its name" />
                    </label>
                    {suggestions("things", known)}
                    <button class="button">{icon("plus")}"Add"</button>
                </div>
                {typed.map(|message| view! { <span class="field-error" role="alert">{message}</span> })}
            </fieldset>
            <div class="ask-row">
                <label class="field">"First day"<input type="date" name="not_before" value=form.not_before.clone() /><span class="hint">"Today unless told"</span>{error("not_before")}</label>
                <label class="field">"Last day"<input type="date" name="until" value=form.until.clone() /><span class="hint">"Open unless told, or as late as the thing allows; only for what is given"</span>{error("until")}</label>
            </div>
            <label class="field wide">"Why"<input name="justification" maxlength="500" value=form.justification.clone() placeholder="Kept with the request, and shown as the reason" />{error("justification")}</label>
            <div class="actions"><button class="button primary" name="preview" value="yes">{icon("search")}"Preview"</button></div>
        </form>
    }
}

/// What would happen, and the button that makes it so.
fn preview(ask: &Ask) -> Option<AnyView> {
    let Some(Ok(preview)) = &ask.preview else { return None };
    let view = view! {
        <section class="panel" aria-labelledby="preview-heading" id="preview">
            <h2 id="preview-heading">"What would happen"</h2>
            {outcome(preview)}
            {submit(ask, &preview.risks)}
        </section>
    };
    Some(view.into_any())
}

/// The button that makes it so; none where a risk blocks it.
fn submit(ask: &Ask, risks: &[RequestRisk]) -> Option<AnyView> {
    if is_blocked(risks) {
        return None;
    }
    let view = view! {
        <form method="post" action="/api/pages/requests/submit" class="ask-form">
            <input type="hidden" name="asked" value=ask.form.address(false).query() />
            {why_borne(risks)}
            <div class="actions"><button class="button primary">{icon("check")}"Submit"</button></div>
        </form>
    };
    Some(view.into_any())
}

/// What was given by hand before, each with the way to take it away.
fn held(ask: &Ask) -> impl IntoView + use<> {
    let rows = ask.grants.iter().map(|(grant, label)| {
        let item = RequestItem { change: Change::Take, grantable: grant.grantable.clone() };
        let is_chosen = ask.form.items.contains(&item);
        let mut form = ask.form.clone();
        form.items.push(item);
        let take = (!is_chosen).then(|| {
            let name = format!("Take away {label}");
            view! { <a class="button quiet" href=form.address(false).to_string() aria-label=name>"Take away"</a> }
        });
        view! {
            <li>
                <strong>{request::named(&grant.grantable, label)}</strong>
                <p class="muted">{words::period(&grant.period)}" · "<a href=format!("/requests/{}", grant.origin.request)>{format!("request {}", grant.origin.request)}</a>": "{grant.origin.why.clone()}</p>
                {take}
            </li>
        }
    });
    let list = match ask.grants.is_empty() {
        true => view! { <p class="muted">"Nothing was given by hand so far."</p> }.into_any(),
        false => view! { <ul class="plain">{rows.collect_view()}</ul> }.into_any(),
    };
    view! { <section class="panel" aria-labelledby="held-heading"><h2 id="held-heading">"Given by hand"</h2>{list}</section> }
}

#[cfg(test)]
mod tests {
    use super::Form;
    use crate::logic::query::Query;

    #[test]
    fn the_form_survives_its_own_address() {
        let text = "identity=7&item=give:role:sales&item=take:entitlement:vault&item=give:role:sales&justification=covers+%26+more&until=2026-12-31";
        let form = Form::read(&Query::parse(text));
        assert_eq!(form.items.len(), 2, "the same twice is once");
        assert_eq!(form.justification, "covers & more");
        assert_eq!(Form::read(&Query::parse(&form.address(true).query())), form);
    }

    #[test]
    fn a_day_that_is_none_is_named() {
        let form = Form::read(&Query::parse("identity=7&until=tomorrow"));
        let error = form.request().unwrap_err();
        assert_eq!(error.field.as_deref(), Some("until"));
        assert_eq!(Form::default().request().unwrap_err().field.as_deref(), Some("identity"));
    }
}
