//! Asking for access: a catalogue, what was chosen of it, for whom and why, and what would come of it. All of it is one form
//! whose answer is an address, so that it works without scripts, and nothing that was typed is lost by choosing more.

use engine::access::{Catalogue, Mine, Offer, PAGE, PEOPLE_LIMIT, Search, Standing, Wish};
use leptos::prelude::*;
use model::access::Grantable;
use model::error::ApiError;
use model::ids::IdentityId;
use model::request::{Change, RequestItem, RequestPreview, Standing as Taken, Submission};

use crate::components::chip::{Tone, chip};
use crate::components::explain;
use crate::components::form::option;
use crate::components::icon::icon;
use crate::components::list::{Empty, empty};
use crate::frame::{Section, Sheet};
use crate::logic::address::Address;
use crate::logic::flash::{Flash, FlashKind};
use crate::logic::query::Query;
use crate::logic::{request, words};
use crate::pages::requests::ask::{day, with_standing};
use crate::pages::requests::preview::{is_blocked, outcome, why_borne};
use crate::pages::{Asked, page};
use crate::ssr;

use super::unknown_sheet;

#[server(prefix = "/api/pages", endpoint = "access/submit")]
pub async fn submit_access(
    #[server(default)] asked: String,
    #[server(default)] risk_comment: String,
) -> Result<(), ServerFnError> {
    let op = ssr::op().await?;
    let form = Form::read(&Query::parse(&asked), op.user.identity);
    let mut outcomes = Vec::new();
    for person in &form.people {
        let outcome = match form.wish(*person, false) {
            Ok(wish) => engine::access::ask(&op, Wish { risk_comment: Some(risk_comment.clone()), ..wish }).await,
            Err(error) => Err(error),
        };
        outcomes.push(outcome);
    }
    let (flash, target) = told(&outcomes, &form);
    ssr::finish(flash, &target)
}

/// What came of it, and the page that shows that.
fn told(outcomes: &[Result<Submission, ApiError>], form: &Form) -> (Result<Flash, ApiError>, String) {
    let back = form.address(false).to_string();
    let taken: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.as_ref().ok()).collect();
    let refused: Vec<String> =
        outcomes.iter().filter_map(|outcome| outcome.as_ref().err().map(|error| error.message.clone())).collect();
    match (taken.as_slice(), refused.as_slice()) {
        ([], []) => (Err(ApiError::invalid("person", "Choose for whom access is asked for.")), back),
        ([], [only]) => (Ok(Flash::failed(only.clone())), back),
        ([], several) => (Ok(Flash::failed("Nothing was asked for.").with_lines(several.to_vec())), back),
        ([Submission { request: Some(id), standing, .. }], []) => {
            let title = match standing {
                Taken::New | Taken::Simulated => "The request is sent. This page follows it.".to_owned(),
                Taken::SameKey | Taken::Attached => {
                    format!("The same was asked for already: yours is part of request {id}.")
                }
            };
            (Ok(Flash::done(title)), format!("/access/requests/{id}"))
        }
        (taken, refused) => {
            let kind = FlashKind::of(taken.len() as u64, refused.len() as u64);
            let title = format!("{} sent.", words::plural(taken.len() as u64, "request", "requests"));
            (Ok(Flash { kind, title, lines: refused.to_vec() }), "/access?show=requests".to_owned())
        }
    }
}

/// "Remote access"; "give back Remote access".
pub(super) fn wished(item: &RequestItem, label: &str) -> String {
    match item.change {
        Change::Give => label.to_owned(),
        Change::Take => format!("give back {label}"),
    }
}

/// What was typed and chosen so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Form {
    people: Vec<IdentityId>,
    items: Vec<RequestItem>,
    justification: String,
    not_before: String,
    until: String,
    search: Search,
}

impl Form {
    /// For the visitor where nobody was chosen.
    fn read(query: &Query, own: Option<IdentityId>) -> Self {
        let without = query.all("without");
        let chosen = query.all("item").into_iter().filter(|text| !without.contains(text));
        let mut people = distinct(query.all("person").iter().filter_map(|text| text.parse().ok()));
        people.truncate(PEOPLE_LIMIT);
        if people.is_empty() {
            people.extend(own);
        }
        Self {
            people,
            items: distinct(chosen.filter_map(|text| request::read(&text))),
            justification: query.all("justification").pop().unwrap_or_default(),
            not_before: query.get("not_before").unwrap_or_default(),
            until: query.get("until").unwrap_or_default(),
            search: Search {
                text: query.get("text").unwrap_or_default(),
                kind: query.get("kind").unwrap_or_default(),
                category: query.get("category").unwrap_or_default(),
                application: query.get("application").unwrap_or_default(),
                page: query.get("page").and_then(|text| text.parse().ok()).unwrap_or_default(),
            },
        }
    }

    /// The page with all of this; with what would happen where asked for.
    fn address(&self, preview: bool) -> Address {
        let mut address = Address::new("/access/request");
        for person in &self.people {
            address = address.with("person", Some(&person.to_string()));
        }
        for item in &self.items {
            address = address.with("item", Some(&request::written(item)));
        }
        let search = &self.search;
        address
            .with("justification", Some(&self.justification))
            .with("not_before", Some(&self.not_before))
            .with("until", Some(&self.until))
            .with("text", Some(&search.text))
            .with("kind", Some(&search.kind))
            .with("category", Some(&search.category))
            .with("application", Some(&search.application))
            .with("page", (search.page > 0).then(|| search.page.to_string()).as_deref())
            .with("preview", preview.then_some("yes"))
    }

    fn wish(&self, person: IdentityId, simulate: bool) -> Result<Wish, ApiError> {
        Ok(Wish {
            person,
            items: self.items.clone(),
            justification: self.justification.clone(),
            not_before: day(&self.not_before, "not_before")?,
            until: day(&self.until, "until")?,
            risk_comment: None,
            simulate,
        })
    }
}

fn distinct<T: PartialEq>(all: impl Iterator<Item = T>) -> Vec<T> {
    let mut seen = Vec::new();
    for one in all {
        if !seen.contains(&one) {
            seen.push(one);
        }
    }
    seen
}

/// What the page is made from.
pub struct Ask {
    form: Form,
    pub mine: Mine,
    pub catalogue: Catalogue,
    /// What people call what was chosen, in the same order.
    pub labels: Vec<String>,
    /// For each person, once it was asked for.
    pub previews: Vec<(String, Result<RequestPreview, ApiError>)>,
}

impl Ask {
    /// With what the address says.
    pub fn new(query: &Query, mine: Mine, catalogue: Catalogue) -> Self {
        let form = Form::read(query, Some(mine.identity.id));
        let labels = form.items.iter().map(|item| item.grantable.name().to_owned()).collect();
        Self { form, mine, catalogue, labels, previews: Vec::new() }
    }

    fn error_of(&self, field: &str) -> Option<AnyView> {
        let errors = self.previews.iter().filter_map(|(_, outcome)| outcome.as_ref().err());
        let mut own = errors.filter(|error| error.field.as_deref() == Some(field));
        own.next()
            .map(|error| view! { <span class="field-error" role="alert">{error.message.clone()}</span> }.into_any())
    }

    fn name_of(&self, id: IdentityId) -> String {
        let report = self.mine.reports.iter().find(|(known, _)| *known == id);
        report.map_or_else(|| self.mine.identity.display_name.clone(), |(_, name)| name.clone())
    }
}

#[component]
pub fn RequestAccessPage() -> impl IntoView {
    page(|Asked { op, query, .. }| async move {
        let Some(mine) = engine::access::mine(&op).await? else {
            return Ok(unknown_sheet(&engine::access::unknown(&op)));
        };
        let form = Form::read(&query, Some(mine.identity.id));
        let catalogue = engine::access::catalogue(&op, &form.people, &form.search).await?;
        let mut ask = Ask::new(&query, mine, catalogue);
        ask.labels = engine::access::labels(&op, form.items.iter().map(|item| &item.grantable));
        if query.get("preview").is_some() {
            for person in &form.people {
                let outcome = match form.wish(*person, true) {
                    Ok(wish) => engine::access::ask(&op, wish).await.map(with_standing),
                    Err(error) => Err(error),
                };
                ask.previews.push((ask.name_of(*person), outcome));
            }
        }
        Ok(ask_sheet(&ask))
    })
}

pub fn ask_sheet(ask: &Ask) -> Sheet {
    let title = "Request access";
    let chosen = ask.form.items.len() as u64;
    let jump = (chosen > 0).then(|| {
        view! { <p><a href="#request">{format!("{} chosen: say why and look at what would happen", words::plural(chosen, "thing", "things"))}</a></p> }
    });
    let body = view! {
        <header class="page-head">
            <h1>{title}</h1>
            <p class="muted">"Find what is needed, add it, say why, and look at what would happen before it is sent."</p>
            {jump}
        </header>
        <form action="/access/request" class="ask-form" aria-label="Request access">
            <div class="columns">
                <div>
                    {search(&ask.form.search, &ask.catalogue)}
                    {offers(ask)}
                </div>
                <aside>{chosen_of(ask)}</aside>
            </div>
        </form>
        {previews(ask)}
    };
    Sheet { section: Section::Access, title: title.to_owned(), body: body.into_any() }
}

fn search(search: &Search, catalogue: &Catalogue) -> impl IntoView + use<> {
    let choices = |all: &[(String, String)], chosen: &str| {
        all.iter().map(|(name, label)| option(name.clone(), label.clone(), name == chosen)).collect::<Vec<_>>()
    };
    let kinds = [("role", "Roles"), ("access_profile", "Access profiles"), ("entitlement", "Entitlements")]
        .map(|(name, label)| option(name.to_owned(), label.to_owned(), name == search.kind));
    view! {
        <div class="filters" role="search" aria-label="Search what can be asked for">
            <input type="search" name="text" value=search.text.clone() placeholder="Words, such as remote access" aria-label="Words" />
            <select name="kind" aria-label="Kind"><option value="">"Any kind"</option>{kinds}</select>
            <select name="category" aria-label="Category"><option value="">"Any category"</option>{choices(&catalogue.categories, &search.category)}</select>
            <select name="application" aria-label="Application"><option value="">"Any application"</option>{choices(&catalogue.applications, &search.application)}</select>
            <button class="button">{icon("search")}"Search"</button>
        </div>
    }
}

fn offers(ask: &Ask) -> impl IntoView + use<> {
    let Catalogue { offers, total, .. } = &ask.catalogue;
    if offers.is_empty() {
        let clear = Form { search: Search::default(), ..ask.form.clone() }.address(false).to_string();
        return empty("Nothing to ask for", Empty::Filtered { clear });
    }
    let lines = offers.iter().map(|found| offer(ask, found)).collect_view();
    let first = ask.form.search.page * PAGE;
    let count = format!("{} to {} of {}", first + 1, first + offers.len(), words::total(*total as u64));
    let turn = |page: usize, word: &'static str| {
        view! { <button class="button quiet" name="page" value=page.to_string()>{word}</button> }
    };
    let before = ask.form.search.page.checked_sub(1).map(|page| turn(page, "Previous page"));
    let next = (first + offers.len() < *total).then(|| turn(ask.form.search.page + 1, "Next page"));
    view! {
        <ul class="plain offers">{lines}</ul>
        <nav class="pages" aria-label="Pages"><span class="muted">{count}</span><span class="spring"></span>{before}{next}</nav>
    }
    .into_any()
}

fn offer(ask: &Ask, offer: &Offer) -> impl IntoView + use<> {
    let item = RequestItem { change: Change::Give, grantable: offer.grantable.clone() };
    let is_chosen = ask.form.items.contains(&item);
    let may_be_asked = offer.standing.iter().any(|(.., standing)| standing.may_be_asked());
    let label = format!("Add: {}", offer.label);
    let act = match (is_chosen, may_be_asked) {
        (true, _) => Some(chip(Tone::Ok, "check", "Chosen", String::new()).into_any()),
        (false, true) => Some(
            view! { <button class="button" name="item" value=request::written(&item) aria-label=label>{icon("plus")}"Add"</button> }
                .into_any(),
        ),
        (false, false) => None,
    };
    let place: Vec<String> =
        [Some(words::kind(&offer.grantable).to_owned()), offer.application.clone(), offer.category.clone()]
            .into_iter()
            .flatten()
            .collect();
    let privileged = offer.is_privileged.then(|| chip(Tone::Warn, "hand", "Privileged", String::new()));
    let risks = offer
        .risks
        .iter()
        .map(|(risk, level)| {
            chip(Tone::Warn, "octagon", format!("{risk}, level {level}"), "A risk by itself".to_owned())
        })
        .collect_view();
    let terms: Vec<String> = [
        Some(if offer.needs_approval { "has to be approved".to_owned() } else { "given at once".to_owned() }),
        offer.maximum_days.map(|days| format!("for at most {}", words::plural(u64::from(days), "day", "days"))),
        offer.valid_from.map(|day| format!("not before {day}")),
        offer.owner.as_ref().map(|owner| format!("{owner} answers for it")),
    ]
    .into_iter()
    .flatten()
    .collect();
    let standing = offer.standing.iter().filter_map(|(id, name, standing)| {
        let whose = if *id == ask.mine.identity.id { None } else { Some(name.as_str()) };
        said(whose, standing)
    });
    view! {
        <li class="panel tight">
            <div class="section-head"><h2>{icon(explain::shape(&offer.grantable))}{offer.label.clone()}</h2><span class="subtle">{place.join(" · ")}</span><span class="spring"></span>{act}</div>
            {offer.description.clone().map(|text| view! { <p>{text}</p> })}
            <p class="hint">{words::sentence_case(&terms.join(", "))}". "{privileged}{risks}</p>
            {standing.collect_view()}
            {contents(&offer.contains)}
        </li>
    }
}

/// How it stands to somebody, where there is something to say; `whose` is none for the visitor.
fn said(whose: Option<&str>, standing: &Standing) -> Option<AnyView> {
    let has = whose.map_or_else(|| "You have it already.".to_owned(), |name| format!("{name} has it already."));
    let by = whose.map(|name| format!(" for {name}")).unwrap_or_default();
    let line = |shape: &'static str, text: String| {
        view! { <p class="standing">{icon(shape)}<span>{text}</span></p> }.into_any()
    };
    match standing {
        Standing::Open => None,
        Standing::Held { why, can_be_extended } => {
            let later = if *can_be_extended { " A later last day can be asked for." } else { "" };
            Some(line("check", format!("{has} {why}{later}")))
        }
        Standing::Asked(id) => Some(
            view! { <p class="standing">{icon("clock")}<span>{format!("Asked for already{by}: ")}<a href=format!("/access/requests/{id}")>{format!("request {id}")}</a></span></p> }
                .into_any(),
        ),
        Standing::Refused(why) => Some(line("ban", why.clone())),
        Standing::Conflicts(risks) => Some(line("octagon", format!("Conflict{by}: {}", risks.join(" ")))),
    }
}

fn contents(contains: &[(Grantable, String)]) -> impl IntoView + use<> {
    let things = contains.iter().map(|(grantable, label)| {
        view! { <li>{icon(explain::shape(grantable))}{request::named(grantable, label)}</li> }
    });
    let things = things.collect_view();
    let count = contains.len() as u64;
    (count > 0).then(|| {
        view! { <details class="disclose"><summary>{words::plural(count, "thing", "things")}" in it"</summary><ul class="plain chosen">{things}</ul></details> }
    })
}

/// The request as it is being put together.
fn chosen_of(ask: &Ask) -> impl IntoView + use<> {
    let form = &ask.form;
    let lines = form.items.iter().zip(&ask.labels).map(|(item, label)| {
        let what = words::sentence_case(&wished(item, label));
        let remove = format!("Remove: {what}");
        let value = request::written(item);
        view! {
            <li>
                <input type="hidden" name="item" value=value.clone() />
                {icon(if item.change == Change::Give { "plus" } else { "dash" })}
                <span>{what}</span>
                <button class="button quiet small" name="without" value=value aria-label=remove>"Remove"</button>
            </li>
        }
    });
    let chosen = match form.items.is_empty() {
        true => view! { <p class="muted">"Nothing chosen yet."</p> }.into_any(),
        false => view! { <ul class="plain chosen">{lines.collect_view()}</ul> }.into_any(),
    };
    view! {
        <section class="panel" id="request" aria-labelledby="request-heading">
            <h2 id="request-heading">"Your request"</h2>
            {for_whom(ask)}
            {chosen}
            {ask.error_of("items")}
            <label class="field">"Why"<input name="justification" maxlength="500" value=form.justification.clone() placeholder="What it is needed for" />{ask.error_of("justification")}</label>
            <label class="field">"First day"<input type="date" name="not_before" value=form.not_before.clone() /><span class="hint">"Today unless told"</span>{ask.error_of("not_before")}</label>
            <label class="field">"Last day"<input type="date" name="until" value=form.until.clone() /><span class="hint">"Open unless told, or as late as the thing allows"</span>{ask.error_of("until")}</label>
            <div class="actions"><button class="button primary" name="preview" value="yes" formaction="/access/request#preview">{icon("search")}"Look at what would happen"</button></div>
        </section>
    }
}

/// Whoever manages nobody asks for themselves.
fn for_whom(ask: &Ask) -> impl IntoView + use<> {
    let own = (ask.mine.identity.id, format!("{} (you)", ask.mine.identity.display_name));
    let people = std::iter::once(&own).chain(&ask.mine.reports).map(|(id, name)| {
        let is_chosen = ask.form.people.contains(id);
        view! { <label class="check"><input type="checkbox" name="person" value=id.to_string() checked=is_chosen />{name.clone()}</label> }
    });
    let people = people.collect_view();
    let is_open = ask.form.people != [ask.mine.identity.id];
    (!ask.mine.reports.is_empty()).then(|| {
        let names: Vec<String> = ask.form.people.iter().map(|id| ask.name_of(*id)).collect();
        view! {
            <details class="disclose" open=is_open>
                <summary>"For "{names.join(", ")}</summary>
                <fieldset class="people"><legend class="sr">"For whom"</legend>{people}</fieldset>
            </details>
        }
    })
}

/// What would happen, person by person, and the button that makes it so.
fn previews(ask: &Ask) -> Option<AnyView> {
    if ask.previews.is_empty() {
        return None;
    }
    let parts = ask.previews.iter().map(|(name, outcome_of)| {
        let content = match outcome_of {
            Ok(preview) => outcome(preview).into_any(),
            Err(error) => {
                view! { <div class="banner danger" role="alert">{icon("octagon")}<p>{error.message.clone()}</p></div> }
                    .into_any()
            }
        };
        view! { <section class="panel" aria-label=format!("What would happen for {name}")><h3>{format!("For {name}")}</h3>{content}</section> }
    });
    let parts = parts.collect_view();
    let found: Option<Vec<&RequestPreview>> = ask.previews.iter().map(|(_, outcome)| outcome.as_ref().ok()).collect();
    let send = found.filter(|found| !found.iter().any(|preview| is_blocked(&preview.risks))).map(|found| {
        let risks: Vec<_> = found.iter().flat_map(|preview| preview.risks.clone()).collect();
        view! {
            <form method="post" action="/api/pages/access/submit" class="ask-form">
                <input type="hidden" name="asked" value=ask.form.address(false).query() />
                {why_borne(&risks)}
                <div class="actions"><button class="button primary">{icon("check")}"Send the request"</button></div>
            </form>
        }
    });
    let view = view! {
        <section id="preview" aria-labelledby="preview-heading" class="previews">
            <h2 id="preview-heading">"What would happen"</h2>
            {parts}
            {send}
        </section>
    };
    Some(view.into_any())
}

#[cfg(test)]
mod tests {
    use model::ids::RequestId;

    use super::*;

    const OWN: Option<IdentityId> = Some(IdentityId(7));

    #[test]
    fn the_form_survives_its_own_address() {
        let text = "person=8&person=9&person=8&item=give:role:sales&item=take:entitlement:vault&without=give:role:x\
                    &item=give:role:x&justification=covers+%26+more&until=2026-12-31&text=remote&kind=role&page=2";
        let form = Form::read(&Query::parse(text), OWN);
        assert_eq!((form.people.len(), form.items.len(), form.search.page), (2, 2, 2));
        assert_eq!(form.justification, "covers & more");
        assert_eq!(Form::read(&Query::parse(&form.address(true).query()), OWN), form);
    }

    #[test]
    fn whoever_chooses_nobody_asks_for_themselves() {
        assert_eq!(Form::read(&Query::parse("item=give:role:x"), OWN).people, [IdentityId(7)]);
        assert_eq!(Form::read(&Query::parse("person=nobody"), None).people, []);
        let many: Vec<String> = (1..30).map(|id| format!("person={id}")).collect();
        assert_eq!(Form::read(&Query::parse(&many.join("&")), OWN).people.len(), PEOPLE_LIMIT);
    }

    #[test]
    fn a_day_that_is_none_is_named() {
        let form = Form::read(&Query::parse("until=tomorrow"), OWN);
        assert_eq!(form.wish(IdentityId(7), true).unwrap_err().field.as_deref(), Some("until"));
    }

    #[test]
    fn what_came_of_it_is_told_where_it_is_followed() {
        let taken =
            |standing| Ok(Submission { standing, request: Some(RequestId(4)), preview: RequestPreview::default() });
        let refused = || Err(ApiError::conflict("No."));
        let form = Form::default();
        let of = |outcomes: &[_]| {
            let (flash, target) = told(outcomes, &form);
            (flash.map(|flash| flash.kind).ok(), target)
        };
        assert_eq!(of(&[taken(Taken::New)]), (Some(FlashKind::Done), "/access/requests/4".to_owned()));
        assert_eq!(of(&[taken(Taken::New), refused()]), (Some(FlashKind::Partly), "/access?show=requests".to_owned()));
        assert_eq!(of(&[refused()]), (Some(FlashKind::Failed), "/access/request".to_owned()));
        assert_eq!(of(&[]), (None, "/access/request".to_owned()));
    }
}
