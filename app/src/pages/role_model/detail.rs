//! One role, access profile, entitlement or rule: what it consists of, who gets it and how, where it leads, and how to change it.

use engine::role_model::{Turn, Versions};
use leptos::prelude::*;
use model::access::Grantable;
use model::configuration::{AssignmentRule, Entitlement, RoleState, RuleType};
use model::draft::{Object, ObjectDetail, ObjectKind, Sample};

use crate::components::chip::role_state;
use crate::components::explain::shape;
use crate::components::form::refused;
use crate::components::icon::icon;
use crate::components::list::ago;
use crate::frame::{Rights, Section, Sheet};
use crate::logic::address::Address;
use crate::logic::time::Clock;
use crate::logic::{role_model, words};
use crate::pages::drafts::detail::{fields_table, is_default};
use crate::pages::drafts::{list_of_drafts, sample};
use crate::pages::{Asked, page, parameter};

#[component]
pub fn RolePage() -> impl IntoView {
    object_page(ObjectKind::Role)
}

#[component]
pub fn AccessProfilePage() -> impl IntoView {
    object_page(ObjectKind::AccessProfile)
}

#[component]
pub fn EntitlementPage() -> impl IntoView {
    object_page(ObjectKind::Entitlement)
}

#[component]
pub fn RulePage() -> impl IntoView {
    object_page(ObjectKind::Rule)
}

fn object_page(kind: ObjectKind) -> AnyView {
    let name = parameter("name");
    page(move |Asked { op, visitor, query }| async move {
        let before = query.get("before").and_then(|version| version.parse().ok());
        let versions = engine::role_model::versions(&op, kind, &name, before).await?;
        let detail = engine::role_model::detail(&op, kind, name).await?;
        let configuration = op.engine.world().configuration();
        let thing = kind.grantable(&detail.name);
        let application = thing.as_ref().and_then(|thing| configuration.application_of(thing));
        let application = application.map(|name| (name.to_owned(), op.engine.application_label(name)));
        Ok(object_sheet(&detail, application, (&versions, before.is_none()), &visitor.rights, &visitor.clock))
    })
}

/// `application` is name and label of the one that an access profile or an entitlement belongs to; with the versions comes
/// whether they are the latest.
pub fn object_sheet(
    detail: &ObjectDetail,
    application: Option<(String, String)>,
    (versions, are_latest): (&Versions, bool),
    rights: &Rights,
    clock: &Clock,
) -> Sheet {
    let kind = detail.object.kind();
    let (label, description) = match &detail.object {
        Object::Role(role) => (role.display_name.clone(), role.description.clone()),
        Object::AccessProfile(profile) => (profile.display_name.clone(), profile.description.clone()),
        Object::Entitlement(entitlement) => (entitlement.display_name.clone(), entitlement.description.clone()),
        Object::Rule(rule) => (detail.name.clone(), rule.description.clone()),
        Object::Setting(..) => (detail.name.clone(), None),
    };
    let of_application = application.map(|(name, label)| {
        view! { <p>"of "<a href=crate::logic::address::application(&name)>{label}</a></p> }
    });
    let graph = || view! { <a class="button" href=role_model::graph(kind, &detail.name)>{icon("graph")}"Graph"</a> };
    let actions = match rights.may(engine::drafts::DRAFT) {
        true => view! {
            <div class="actions">
                {graph()}
                <a class="button primary" href=role_model::edit(kind, Some(&detail.name), None)>{icon("pencil")}"Change"</a>
                <form method="post" action="/api/pages/drafts/remove">
                    <input type="hidden" name="object" value=kind.name() />
                    <input type="hidden" name="name" value=detail.name.clone() />
                    <button class="button">{icon("dash")}"Draft its removal"</button>
                </form>
            </div>
        }
        .into_any(),
        false => view! { <div class="actions">{graph()}</div>{refused("Changing it", engine::drafts::DRAFT)} }.into_any(),
    };
    let content = match &detail.object {
        Object::Rule(rule) => of_rule(rule, detail).into_any(),
        // Settings have pages of their own.
        Object::Setting(..) => ().into_any(),
        Object::Role(_) | Object::AccessProfile(_) | Object::Entitlement(_) => of_grantable(detail),
    };
    let drafts = (!detail.drafts.is_empty()).then(|| {
        view! {
            <section class="panel" aria-labelledby="drafts-heading">
                <h2 id="drafts-heading">"Open drafts that change it"</h2>
                {list_of_drafts(&detail.drafts, clock)}
            </section>
        }
    });
    let people = match kind {
        ObjectKind::Rule => "Holds for",
        _ => "Held by",
    };
    let state = detail.object.terms().map(|terms| view! { " "{role_state(terms.state)} });
    let dormant = detail.dormancy.map(|why| {
        let text = format!("This {} {}: nobody is given anything by it today.", kind.noun(), why.said());
        view! { <div class="banner warn">{icon("clock")}<p>{text}</p></div> }
    });
    let key = (label != detail.name).then(|| view! { <p class="mono subtle">{detail.name.clone()}</p> });
    let body = view! {
        <header class="page-head">
            <div class="with-actions">
                <div>
                    <p class="muted">{kind.noun()}</p>
                    <h1>{label.clone()}{state}</h1>
                    {key}
                    {of_application}
                    {description.map(|text| view! { <p>{text}</p> })}
                </div>
                {actions}
            </div>
        </header>
        {dormant}
        <div class="columns">
            <div>{content}{history(detail, versions, are_latest, clock)}</div>
            <aside>
                {terms(detail)}
                {held_by(people, &detail.people)}
                {drafts}
            </aside>
        </div>
    };
    Sheet { section: Section::RoleModel, title: label, body: body.into_any() }
}

/// On which terms it is given.
fn terms(detail: &ObjectDetail) -> Option<AnyView> {
    let terms = detail.object.terms()?;
    let dash = || view! { <span class="subtle">"—"</span> }.into_any();
    let day = |day: jiff::civil::Date| day.to_string().into_any();
    let kind = detail.object.kind();
    let category = terms.category.clone().map_or_else(dash, |name| {
        let label = detail.category.clone().unwrap_or_else(|| name.clone());
        let address = Address::new(role_model::list(kind)).with("category", Some(&name)).to_string();
        view! { <a href=address>{label}</a> }.into_any()
    });
    let owner = terms.owner.clone().map_or_else(dash, |owner| {
        let address = Address::new(role_model::list(kind)).with("owner", Some(&owner)).to_string();
        view! { <a href=address>{owner}</a> }.into_any()
    });
    let requests = match (terms.requestable, terms.maximum_days) {
        _ if terms.state == RoleState::Draft => "Not while it is a draft".to_owned(),
        _ if terms.state == RoleState::Retired => "Not any more".to_owned(),
        (false, _) => "Only rules give it".to_owned(),
        (true, None) => "May be asked for".to_owned(),
        (true, Some(days)) => format!("May be asked for, for {} at most", words::plural(days.into(), "day", "days")),
    };
    let grace = match terms.grace_days {
        0 => dash(),
        days => {
            format!("Kept for {} when a change of rules takes it", words::plural(days.into(), "day", "days")).into_any()
        }
    };
    let view = view! {
        <section class="panel" aria-labelledby="terms-heading">
            <h2 id="terms-heading">"Terms"</h2>
            <dl class="pairs">
                <div><dt>"Category"</dt><dd>{category}</dd></div>
                <div><dt>"Owner"</dt><dd>{owner}</dd></div>
                <div><dt>"Requests"</dt><dd>{requests}</dd></div>
                <div><dt>"Grace period"</dt><dd>{grace}</dd></div>
                <div><dt>"Valid from"</dt><dd>{terms.valid_from.map_or_else(dash, day)}</dd></div>
                <div><dt>"Valid until"</dt><dd>{terms.valid_until.map_or_else(dash, day)}</dd></div>
            </dl>
        </section>
    };
    Some(view.into_any())
}

/// Who changed it when, and what.
fn history(detail: &ObjectDetail, versions: &Versions, are_latest: bool, clock: &Clock) -> impl IntoView + use<> {
    let clock = clock.clone();
    let lines = versions.all.iter().map(|version| {
        let (sign, word, fields) = match &version.what {
            Turn::Added(fields) => {
                ("plus", "Added", fields.iter().filter(|field| !is_default(field)).cloned().collect())
            }
            Turn::Changed(fields) => ("pencil", "Changed", fields.clone()),
            Turn::Removed => ("dash", "Removed", Vec::new()),
        };
        let fields = (!fields.is_empty()).then(|| fields_table(&fields, ("Before", "After")));
        // What it was from the beginning is long, and seldom asked about.
        let fields = match &version.what {
            Turn::Added(_) => fields
                .map(|fields| view! { <details><summary>"What it was then"</summary>{fields}</details> }.into_any()),
            _ => fields.map(IntoAny::into_any),
        };
        let source = match &version.draft {
            Some((id, title)) => {
                view! { " with the draft "<a href=format!("/drafts/{id}")>{title.clone()}</a> }.into_any()
            }
            None => " from files".into_any(),
        };
        view! {
            <li class="draft-change">
                <h3>{icon(sign)}{word}" in version "{version.version.to_string()}</h3>
                <p class="muted">{ago(&clock, version.at)}" by "{version.by.clone()}{source}</p>
                {fields}
            </li>
        }
    });
    let object = role_model::object(detail.object.kind(), &detail.name);
    let older = versions.before.map(|before| {
        view! { <a class="button quiet" href=format!("{object}?before={before}#versions-heading")>"Older versions"</a> }
    });
    let latest = (!are_latest)
        .then(|| view! { <a class="button quiet" href=format!("{object}#versions-heading")>"Latest versions"</a> });
    let content = match versions.all.is_empty() {
        true => view! { <p class="muted">"None from before that."</p> }.into_any(),
        false => view! { <ol class="plain">{lines.collect_view()}</ol> }.into_any(),
    };
    view! {
        <section class="panel" aria-labelledby="versions-heading">
            <h2 id="versions-heading">"Versions"</h2>
            {content}
            <div class="actions">{latest}{older}</div>
        </section>
    }
}

fn held_by(heading: &'static str, people: &Sample) -> impl IntoView + use<> {
    let count = words::plural(people.total, "person", "people");
    view! {
        <section class="panel" aria-labelledby="people-heading">
            <h2 id="people-heading">{heading}" "{count}</h2>
            {sample(people)}
        </section>
    }
}

fn of_grantable(detail: &ObjectDetail) -> AnyView {
    let rules = detail.rules.iter().map(|(name, when, deny)| {
        let sign = if *deny { "ban" } else { "function" };
        let verb = if *deny { "taken away by " } else { "given by " };
        view! { <li>{icon(sign)}<span>{verb}<a href=role_model::object(ObjectKind::Rule, name)>{name.clone()}</a>" where "<code>{when.clone()}</code></span></li> }
    });
    let containing = detail.contained_in.iter().map(|(thing, label)| {
        let what = format!("part of the {} ", words::kind(thing));
        view! { <li>{icon(shape(thing))}<span>{what}<a href=role_model::thing(thing)>{label.clone()}</a></span></li> }
    });
    let ways = match detail.rules.is_empty() && detail.contained_in.is_empty() {
        true => view! { <p class="muted">"No rule gives it and nothing contains it: people hold it only where somebody asked for it."</p> }.into_any(),
        false => view! { <ul class="plain chosen">{rules.collect_view()}{containing.collect_view()}</ul> }.into_any(),
    };
    let ways = view! {
        <section class="panel" aria-labelledby="ways-heading"><h2 id="ways-heading">"How people come to hold it"</h2>{ways}</section>
    };
    let parts = match &detail.object {
        Object::Role(role) => {
            let profiles = role.access_profiles.iter().cloned().map(Grantable::AccessProfile);
            profiles.chain(role.roles.iter().cloned().map(Grantable::Role)).collect()
        }
        Object::AccessProfile(profile) => {
            let entitlements = profile.entitlements.iter().cloned().map(Grantable::Entitlement);
            entitlements.chain(profile.account_types.iter().cloned().map(Grantable::AccountType)).collect()
        }
        Object::Entitlement(entitlement) => {
            let account_type = Grantable::AccountType(entitlement.account_type.clone());
            let label = detail.leads_to.iter().find(|(thing, _)| *thing == account_type);
            let label = label.map_or(entitlement.account_type.as_str(), |(_, label)| label);
            return view! { {ways}{of_entitlement(entitlement, label)} }.into_any();
        }
        Object::Rule(_) | Object::Setting(..) => Vec::new(),
    };
    view! { {ways}{outline(detail, parts)} }.into_any()
}

fn of_entitlement(entitlement: &Entitlement, account_type: &str) -> impl IntoView + use<> {
    let power = match entitlement.privileged {
        true => "Gives power over others or over the application itself.",
        false => "Usual.",
    };
    view! {
        <section class="panel" aria-labelledby="entitlement-heading">
            <h2 id="entitlement-heading">"In the application"</h2>
            <dl class="pairs">
                <div><dt>"Key"</dt><dd class="mono">{entitlement.key.clone()}</dd></div>
                <div><dt>"Held by"</dt><dd>{account_type.to_owned()}</dd></div>
                <div><dt>"Power"</dt><dd>{power}</dd></div>
            </dl>
        </section>
    }
}

fn of_rule(rule: &AssignmentRule, detail: &ObjectDetail) -> impl IntoView + use<> {
    let kind = match rule.kind {
        RuleType::Automatic => "Automatic: whoever it holds for has it.",
        RuleType::AutomaticWithValidation => "Automatic with validation: given once somebody has approved.",
        RuleType::Suggested => "Suggested: offered, not given.",
    };
    let days =
        |count: u16, what: &str| (count > 0).then(|| format!("{} {what}", words::plural(count.into(), "day", "days")));
    let around: Vec<String> =
        [days(rule.days_before, "before a context starts"), days(rule.days_after, "after it ends")]
            .into_iter()
            .flatten()
            .collect();
    let around = (!around.is_empty())
        .then(|| view! { <div><dt>"Holds"</dt><dd>"already or still "{around.join(" and ")}</dd></div> });
    let does = if rule.deny { "Takes away" } else { "Gives" };
    view! {
        <section class="panel" aria-labelledby="condition-heading">
            <h2 id="condition-heading">"Condition"</h2>
            <pre class="code"><code>{rule.when.clone()}</code></pre>
            <dl class="pairs">
                <div><dt>"Type"</dt><dd>{kind}</dd></div>
                <div><dt>"Priority"</dt><dd>{rule.priority.to_string()}<span class="subtle">" · smaller wins where one rule gives and another takes away"</span></dd></div>
                {around}
            </dl>
        </section>
        <section class="panel" aria-labelledby="gives-heading">
            <h2 id="gives-heading">{does}</h2>
            {list_of_things(&detail.leads_to)}
        </section>
    }
}

/// What it consists of itself, and all that holding it leads to.
fn outline(detail: &ObjectDetail, parts: Vec<Grantable>) -> impl IntoView + use<> {
    let (own, further): (Vec<_>, Vec<_>) =
        detail.leads_to.iter().cloned().partition(|(thing, _)| parts.contains(thing));
    let further = (!further.is_empty()).then(|| {
        view! { <h3>"Which leads to"</h3>{list_of_things(&further)} }
    });
    view! {
        <section class="panel" aria-labelledby="parts-heading">
            <h2 id="parts-heading">"Consists of"</h2>
            {list_of_things(&own)}
            {further}
        </section>
    }
}

/// Things with their kind, those that have a page as links.
pub(crate) fn list_of_things(things: &[(Grantable, String)]) -> AnyView {
    if things.is_empty() {
        return view! { <p class="muted">"Nothing."</p> }.into_any();
    }
    let lines = things.iter().map(|(thing, label)| {
        let named = match role_model::thing(thing) {
            Some(address) => view! { <a href=address>{label.clone()}</a> }.into_any(),
            None => label.clone().into_any(),
        };
        view! { <li>{icon(shape(thing))}<span class="kind">{words::kind(thing)}</span><span>{named}</span></li> }
    });
    view! { <ul class="plain chosen">{lines.collect_view()}</ul> }.into_any()
}
