//! Beginning a campaign: what it covers, who reviews, until when.

#![expect(clippy::too_many_arguments, reason = "a server function takes each field of its form")]

use std::sync::Arc;

use jiff::civil::Date;
use leptos::prelude::*;
use model::access::Grantable;
use model::certification::{AtEnd, NewCampaign, Origin, Scope};
use model::configuration::Approver;
use model::error::ApiError;

use crate::components::form::{option, suggestions};
use crate::components::icon::icon;
use crate::frame::{Section, Sheet};
use crate::logic::address::Address;
use crate::logic::flash::Flash;
use crate::logic::query::Query;
use crate::logic::{request, role_model, words};
use crate::pages::{Asked, page};
use crate::ssr;

/// Kinds of things, and what people call them.
const KINDS: [(&str, &str); 4] = [
    ("role", "Roles"),
    ("access_profile", "Access profiles"),
    ("entitlement", "Entitlements"),
    ("account_type", "Accounts"),
];
/// Who is usually asked.
const USUAL: [(&str, &str); 3] = [
    ("manager", "The line manager"),
    ("owner", "The owner of the role, access profile or entitlement"),
    ("application_owner", "The application\u{2019}s owner"),
];

/// The form as it was filled in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Typed {
    pub name: String,
    pub description: String,
    pub starts: String,
    pub ends: String,
    pub remind: String,
    pub at_end: String,
    pub reviewers: Vec<String>,
    /// Logins as `user:ann` and permission profiles, separated by commas.
    pub others: String,
    pub fallback: String,
    pub condition: String,
    pub department: String,
    pub applications: Vec<String>,
    pub categories: Vec<String>,
    pub kinds: Vec<String>,
    pub origins: Vec<String>,
    pub thing: String,
    pub not_certified: String,
    pub risk_level: String,
}

impl Typed {
    fn read(query: &Query) -> Self {
        let text = |name: &str| query.get(name).unwrap_or_default();
        Self {
            name: text("name"),
            description: text("description"),
            starts: text("starts"),
            ends: text("ends"),
            remind: text("remind"),
            at_end: text("at_end"),
            reviewers: query.all("reviewers"),
            others: text("others"),
            fallback: text("fallback"),
            condition: text("condition"),
            department: text("department"),
            applications: query.all("applications"),
            categories: query.all("categories"),
            kinds: query.all("kinds"),
            origins: query.all("origins"),
            thing: text("thing"),
            not_certified: text("not_certified"),
            risk_level: text("risk_level"),
        }
    }

    /// The page with all of it filled in.
    fn address(&self) -> Address {
        let texts = [
            ("name", &self.name),
            ("description", &self.description),
            ("starts", &self.starts),
            ("ends", &self.ends),
            ("remind", &self.remind),
            ("at_end", &self.at_end),
            ("others", &self.others),
            ("fallback", &self.fallback),
            ("condition", &self.condition),
            ("department", &self.department),
            ("thing", &self.thing),
            ("not_certified", &self.not_certified),
            ("risk_level", &self.risk_level),
        ];
        let lists = [
            ("reviewers", &self.reviewers),
            ("applications", &self.applications),
            ("categories", &self.categories),
            ("kinds", &self.kinds),
            ("origins", &self.origins),
        ];
        let address = Address::new("/certifications/new");
        let address = texts.into_iter().fold(address, |address, (name, text)| address.with(name, Some(text)));
        let all = lists.into_iter().flat_map(|(name, list)| list.iter().map(move |text| (name, text)));
        all.fold(address, |address, (name, text)| address.with(name, Some(text)))
    }

    /// What is asked for; `thing` is what was meant by the thing that was typed.
    fn campaign(&self, thing: Option<Grantable>, today: Date) -> Result<NewCampaign, ApiError> {
        let filled = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let day = |field: &str, text: &str| {
            let wrong = |_| ApiError::invalid(field, format!("`{text}` is no day. Write it like 2027-01-31."));
            filled(text).map(|text| text.parse::<Date>().map_err(wrong)).transpose()
        };
        let missing = || ApiError::invalid("ends", "Say which day is the last one.");
        let several = |text: &str| text.split(',').filter_map(filled).map(Approver::from).collect::<Vec<_>>();
        let mut reviewers: Vec<Approver> = self.reviewers.iter().cloned().map(Approver::from).collect();
        reviewers.extend(several(&self.others));
        Ok(NewCampaign {
            name: self.name.clone(),
            description: self.description.clone(),
            scope: Scope {
                condition: filled(&self.condition),
                department: filled(&self.department),
                applications: self.applications.clone(),
                categories: self.categories.clone(),
                things: thing.into_iter().collect(),
                kinds: self.kinds.clone(),
                origins: self.origins.iter().filter_map(|name| Origin::from_name(name)).collect(),
                not_certified_days: number("not_certified", &self.not_certified)?,
                risk_level: number("risk_level", &self.risk_level)?,
            },
            reviewers,
            fallback: several(&self.fallback),
            starts: day("starts", &self.starts)?.unwrap_or(today),
            ends: day("ends", &self.ends)?.ok_or_else(missing)?,
            remind_days: number("remind", &self.remind)?,
            at_end: AtEnd::from_name(&self.at_end).unwrap_or_default(),
        })
    }
}

/// A number that may be left out.
fn number<T: std::str::FromStr>(field: &str, text: &str) -> Result<Option<T>, ApiError> {
    let wrong = |_| ApiError::invalid(field, format!("`{text}` is no whole number. Correct it, or leave it empty."));
    match text.trim() {
        "" => Ok(None),
        text => text.parse().map(Some).map_err(wrong),
    }
}

#[server(prefix = "/api/pages", endpoint = "certifications/start")]
pub async fn start_campaign(
    #[server(default)] name: String,
    #[server(default)] description: String,
    #[server(default)] starts: String,
    #[server(default)] ends: String,
    #[server(default)] remind: String,
    #[server(default)] at_end: String,
    #[server(default)] reviewers: Vec<String>,
    #[server(default)] others: String,
    #[server(default)] fallback: String,
    #[server(default)] condition: String,
    #[server(default)] department: String,
    #[server(default)] applications: Vec<String>,
    #[server(default)] categories: Vec<String>,
    #[server(default)] kinds: Vec<String>,
    #[server(default)] origins: Vec<String>,
    #[server(default)] thing: String,
    #[server(default)] not_certified: String,
    #[server(default)] risk_level: String,
) -> Result<(), ServerFnError> {
    let op = ssr::op().await?;
    let typed = Typed {
        name,
        description,
        starts,
        ends,
        remind,
        at_end,
        reviewers,
        others,
        fallback,
        condition,
        department,
        applications,
        categories,
        kinds,
        origins,
        thing,
        not_certified,
        risk_level,
    };
    let begun = async {
        let thing = match typed.thing.trim() {
            "" => None,
            text => Some(engine::requests::name(&op, text)?),
        };
        engine::certifications::start(&op, typed.campaign(thing, op.engine.today())?).await
    };
    match begun.await {
        Ok(id) => ssr::finish(Ok(Flash::done("The campaign is on record.")), &format!("/certifications/{id}")),
        Err(error) => ssr::finish(Err(error), &typed.address().to_string()),
    }
}

/// What the form chooses from.
#[derive(Clone, Debug, Default)]
pub struct Offered {
    /// The first day that is meant unless one is said.
    pub today: String,
    pub departments: Vec<String>,
    /// Names, with what people call them.
    pub applications: Vec<(String, String)>,
    pub categories: Vec<(String, String)>,
    pub things: Arc<[(Grantable, String)]>,
}

#[component]
pub fn NewCampaignPage() -> impl IntoView {
    page(|Asked { op, query, .. }| async move {
        op.require(engine::certifications::MANAGE)?;
        let sees_people = op.may("/Identities/View");
        let offered = Offered {
            today: op.engine.today().to_string(),
            departments: if sees_people { engine::identities::departments(&op).await? } else { Vec::new() },
            applications: engine::certifications::applications(&op),
            categories: engine::certifications::categories(&op),
            things: if sees_people { engine::identities::grantables(&op)? } else { Arc::default() },
        };
        Ok(new_campaign_sheet(&Typed::read(&query), &offered))
    })
}

pub fn new_campaign_sheet(typed: &Typed, offered: &Offered) -> Sheet {
    let starts = if typed.starts.is_empty() { offered.today.clone() } else { typed.starts.clone() };
    let at_end = AtEnd::ALL
        .map(|at_end| option(at_end.name().to_owned(), at_end.label().to_owned(), typed.at_end == at_end.name()));
    let nothing_said = typed.reviewers.is_empty() && typed.others.is_empty();
    let asked: Vec<String> = if nothing_said { vec!["manager".to_owned()] } else { typed.reviewers.clone() };
    let body = view! {
        <header class="page-head">
            <h1>"New campaign"</h1>
            <p class="muted">"What people hold when it begins is put before those who know. Nothing happens before they sign off."</p>
        </header>
        <form method="post" action="/api/pages/certifications/start" class="columns even">
            <section class="panel" aria-labelledby="campaign-heading">
                <h2 id="campaign-heading">"Campaign"</h2>
                <label class="field">"Name"<input name="name" required maxlength="100" value=typed.name.clone() placeholder="Finance, autumn" /></label>
                <label class="field">"What it is for"<input name="description" maxlength="500" value=typed.description.clone() /></label>
                <label class="field">"First day"<input type="date" name="starts" required value=starts /></label>
                <label class="field">"Last day"<input type="date" name="ends" required value=typed.ends.clone() /></label>
                <label class="field">"Remind so many days before the last one"<input name="remind" inputmode="numeric" value=typed.remind.clone() placeholder="Not at all" /></label>
                <label class="field">"What nobody signs off by then"<select name="at_end">{at_end}</select></label>
                <fieldset>
                    <legend>"Who reviews"</legend>
                    {boxes("reviewers[]", &USUAL.map(|(name, label)| (name.to_owned(), label.to_owned())), &asked)}
                    <label class="field">"Others, separated by commas"<input name="others" value=typed.others.clone() placeholder="user:ann.lee, security" autocomplete="off" /><span class="hint">"A login as user:LOGIN, a team by its permission profile. Several are asked as a group: the first decision counts."</span></label>
                    <label class="field">"Who reviews what would be nobody\u{2019}s, or their own"<input name="fallback" value=typed.fallback.clone() placeholder="user:ann.lee" autocomplete="off" /><span class="hint">"The manager\u{2019}s manager comes before them."</span></label>
                </fieldset>
            </section>
            <section class="panel" aria-labelledby="scope-heading">
                <h2 id="scope-heading">"What it covers"</h2>
                <p class="hint">"What is left empty leaves everything in."</p>
                {scope(typed, offered)}
                <div class="actions"><button class="button primary">{icon("check")}"Begin the campaign"</button></div>
            </section>
        </form>
    };
    Sheet { section: Section::Certifications, title: "New campaign".to_owned(), body: body.into_any() }
}

fn scope(typed: &Typed, offered: &Offered) -> impl IntoView + use<> {
    let departments =
        offered.departments.iter().map(|name| option(name.clone(), name.clone(), *name == typed.department));
    let several = |known: &[(String, String)], chosen: &[String]| {
        known.iter().map(|(name, label)| option(name.clone(), label.clone(), chosen.contains(name))).collect_view()
    };
    let things = offered.things.iter().map(|(thing, label)| (role_model::written(thing), request::named(thing, label)));
    let categories = (!offered.categories.is_empty()).then(|| {
        view! { <label class="field">"Categories"<select name="categories[]" multiple size="4">{several(&offered.categories, &typed.categories)}</select></label> }
    });
    let origins = Origin::ALL.map(|origin| (origin.name().to_owned(), origin.label().to_owned()));
    let kinds = KINDS.map(|(name, label)| (name.to_owned(), label.to_owned()));
    view! {
        <label class="field">"Department"<select name="department"><option value="">"Every department"</option>{departments.collect_view()}</select></label>
        <label class="field">"People for whom a condition holds"<textarea name="condition" rows="2" class="mono" spellcheck="false" placeholder="identity.department == \"Sales\"">{typed.condition.clone()}</textarea></label>
        <fieldset><legend>"Kinds of access"</legend>{boxes("kinds[]", &kinds, &typed.kinds)}</fieldset>
        <fieldset><legend>"How it is held"</legend>{boxes("origins[]", &origins, &typed.origins)}</fieldset>
        <label class="field">"Applications"<select name="applications[]" multiple size="4">{several(&offered.applications, &typed.applications)}</select></label>
        {categories}
        <label class="field">"Only this role, access profile, entitlement or account type"<input name="thing" list="things" value=typed.thing.clone() autocomplete="off" placeholder="Type a part of its name" /></label>
        {suggestions("things", things)}
        <label class="field">"Only what was not certified within so many days"<input name="not_certified" inputmode="numeric" value=typed.not_certified.clone() /></label>
        <label class="field">"Only what a violation of a risk of this level or more rests on"<input name="risk_level" inputmode="numeric" value=typed.risk_level.clone() /></label>
    }
}

/// A box for each, those ticked that are chosen.
fn boxes(name: &'static str, known: &[(String, String)], chosen: &[String]) -> impl IntoView + use<> {
    let boxes = known.iter().map(|(value, label)| {
        let is_chosen = chosen.contains(value);
        view! { <li><label><input type="checkbox" name=name value=value.clone() checked=is_chosen />{words::sentence_case(label)}</label></li> }
    });
    view! { <ul class="plain chosen">{boxes.collect_view()}</ul> }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn what_was_typed_becomes_a_campaign_or_says_what_is_wrong() {
        let typed = Typed {
            name: "Autumn".into(),
            ends: "2026-12-31".into(),
            reviewers: vec!["manager".into()],
            others: "user:ann, security,".into(),
            origins: vec!["by_hand".into(), "nonsense".into()],
            risk_level: " 50 ".into(),
            ..Typed::default()
        };
        let today = date(2026, 11, 1);
        let new = typed.campaign(None, today).unwrap();
        let reviewers = [Approver::Manager, Approver::User("ann".into()), Approver::Profile("security".into())];
        assert_eq!((new.starts, new.reviewers.as_slice()), (today, reviewers.as_slice()));
        assert_eq!((new.scope.origins, new.scope.risk_level), (vec![Origin::ByHand], Some(50)));
        for (typed, field) in [
            (Typed { ends: String::new(), ..typed.clone() }, "ends"),
            (Typed { ends: "soon".into(), ..typed.clone() }, "ends"),
            (Typed { remind: "-1".into(), ..typed.clone() }, "remind"),
            (Typed { risk_level: "high".into(), ..typed.clone() }, "risk_level"),
        ] {
            assert_eq!(typed.campaign(None, today).unwrap_err().field.as_deref(), Some(field));
        }
    }

    #[test]
    fn what_was_filled_in_comes_back() {
        let typed = Typed {
            name: "A&B".into(),
            reviewers: vec!["manager".into(), "owner".into()],
            kinds: vec!["role".into()],
            ..Typed::default()
        };
        let address = typed.address().to_string();
        let query = address.split_once('?').map_or("", |(_, query)| query);
        assert_eq!(Typed::read(&Query::parse(query)), typed);
    }
}
