//! How good what identity sources say is: attribute by attribute, what is missing and what looks wrong.

use leptos::prelude::*;
use model::draft::ObjectKind;
use model::ids::IdentityId;
use model::quality::AttributeQuality;

use crate::components::list::{Empty, empty};
use crate::frame::{Section, Sheet};
use crate::logic::{role_model, words};
use crate::pages::{Asked, page};

/// Rules named of an attribute.
const NAMED: usize = 3;

#[component]
pub fn QualityPage() -> impl IntoView {
    page(|Asked { op, .. }| async move {
        let all = engine::identities::quality(&op).await?;
        Ok(quality_sheet(&all))
    })
}

pub fn quality_sheet(all: &[AttributeQuality]) -> Sheet {
    let (doubtful, fine): (Vec<_>, Vec<_>) = all.iter().partition(|one| one.is_doubtful());
    let nothing = all.is_empty().then(|| {
        let text = "Attributes come from identity sources, such as the feed of human resources.";
        empty("No attributes yet", Empty::NeverUsed { text, action: Some(("Configuration", "/configuration")) })
    });
    let part = |heading: &'static str, id: &'static str, last: &'static str, attributes: &[&AttributeQuality]| {
        let lines = attributes.iter().map(|one| line(one)).collect_view();
        (!attributes.is_empty()).then(|| {
            view! {
                <section aria-labelledby=id>
                    <div class="section-head"><h2 id=id>{heading}</h2><span class="count">{attributes.len()}</span></div>
                    <table class="ledger">
                        <thead><tr><th scope="col">"Attribute"</th><th scope="col" class="number">"Filled"</th><th scope="col" class="number">"Values"</th><th scope="col">"Most often"</th><th scope="col">{last}</th></tr></thead>
                        <tbody>{lines}</tbody>
                    </table>
                </section>
            }
        })
    };
    let body = view! {
        <header class="page-head">
            <h1>"Attribute quality"</h1>
            <p class="muted">"What identity sources say of people, attribute by attribute. Rules are no better than what they read."</p>
        </header>
        {nothing}
        {part("To look at", "doubtful-heading", "What to look at, and what reads it", &doubtful)}
        {part("As it should be", "fine-heading", "What is missing, and what reads it", &fine)}
    };
    Sheet { section: Section::Identities, title: "Attribute quality".to_owned(), body: body.into_any() }
}

fn line(one: &AttributeQuality) -> impl IntoView + use<> {
    let thousandths = one.filled_of_thousand();
    let filled = format!("{}.{} %", thousandths / 10, thousandths % 10);
    let most = one.most.iter().map(|(value, people)| format!("{value} ({})", words::number(*people)));
    // Where everybody has a value of their own, none of them says anything.
    let is_own = one.most.iter().all(|(_, people)| *people <= 1);
    let most = if is_own { "each about once".to_owned() } else { most.collect::<Vec<_>>().join(", ") };
    let lacking = one.people - one.filled;
    let missing = (lacking > 0).then(|| {
        let verb = if lacking == 1 { "person has none" } else { "people have none" };
        view! { <p>{words::number(lacking)}" "{verb}": "{who(&one.missing, lacking)}</p> }
    });
    let odd = one.odd.iter().map(|odd| {
        view! {
            <p><code>{odd.value.clone()}</code>" is almost like "<code>{odd.like.clone()}</code>", which "{words::number(odd.like_people)}" have: "{who(&odd.who, odd.people)}</p>
        }
    });
    let odd = odd.collect_view();
    let kinds = (one.kinds.len() > 1).then(|| {
        let kinds = one.kinds.iter().map(|(kind, people)| format!("{} as {kind}", words::number(*people)));
        view! { <p>"Of several kinds: "{kinds.collect::<Vec<_>>().join(", ")}</p> }
    });
    let rules = (!one.rules.is_empty()).then(|| {
        let more = one.rules.len().saturating_sub(NAMED);
        let named = one.rules.iter().take(NAMED).enumerate().map(|(place, rule)| {
            let comma = if place == 0 { "" } else { ", " };
            view! { {comma}<a href=role_model::object(ObjectKind::Rule, rule)>{rule.clone()}</a> }
        });
        let named = named.collect_view();
        let more = (more > 0).then(|| format!(" and {more} more"));
        view! { <p class="muted">"Read by "{named}{more}</p> }
    });
    view! {
        <tr data-row="">
            <td data-label="Attribute" class="name"><strong>{one.name.clone()}</strong>" "<span class="subtle">{format!("from {}", one.sources.join(", "))}</span></td>
            <td data-label="Filled" class="number nowrap">{filled}</td>
            <td data-label="Values" class="number">{words::number(one.distinct)}</td>
            <td data-label="Most often" class="wrap" class:subtle=is_own>{most}</td>
            <td data-label="To look at" class="wide wrap">{missing}{odd}{kinds}{rules}</td>
        </tr>
    }
}

/// Some people, each with a page, and how many more there are.
fn who(people: &[(IdentityId, String)], all: u64) -> impl IntoView + use<> {
    let more = all.saturating_sub(people.len() as u64);
    let named = people.iter().enumerate().map(|(place, (id, name))| {
        let comma = if place == 0 { "" } else { ", " };
        view! { {comma}<a href=format!("/identities/{id}")>{name.clone()}</a> }
    });
    let named = named.collect_view();
    let more = (more > 0).then(|| format!(" and {} more", words::number(more)));
    view! { {named}{more} }
}
