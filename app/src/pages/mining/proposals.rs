//! Proposals, each with what it explains and who is concerned by it.

use leptos::prelude::*;
use model::access::Grantable;
use model::draft::{ObjectKind, Sample};
use model::mining::{BundleProposal, MinedCondition, MinedThing, Mining, RuleProposal};

use crate::islands::Selection;
use crate::logic::address::Address;
use crate::logic::{role_model, words};
use crate::pages::drafts::sample;

/// All proposals, with boxes and names where they can be taken.
pub(super) fn list(mining: &Mining, may_take: bool) -> impl IntoView + use<> {
    let bundles = mining.bundles.iter().map(|one| bundle(one, may_take)).collect_view();
    let rules = mining.rules.iter().map(|one| rule(one, may_take)).collect_view();
    view! {
        {may_take.then(|| view! { <div class="actions selection"><Selection /></div> })}
        {(!mining.rules.is_empty()).then(|| view! {
            <section class="panel" aria-labelledby="rules-heading"><h3 id="rules-heading">"Rules for what is there"</h3>{rules}</section>
        })}
        {(!mining.bundles.is_empty()).then(|| view! {
            <section class="panel" aria-labelledby="bundles-heading"><h3 id="bundles-heading">"New access profiles and roles"</h3>{bundles}</section>
        })}
    }
}

/// The box of a proposal and its name, or its name alone.
fn head(key: &str, name: &str, what: String, may_take: bool) -> AnyView {
    if !may_take {
        return view! { <h4 class="wrap">{what}</h4> }.into_any();
    }
    view! {
        <h4 class="wrap"><label class="check"><input type="checkbox" name="ids[]" value=key.to_owned() />{what.clone()}</label></h4>
        <input type="hidden" name="keys[]" value=key.to_owned() />
        <label class="field called">"Name"<input name="names[]" value=name.to_owned() maxlength="100" aria-label=format!("Name of {what}") autocomplete="off" /></label>
    }
    .into_any()
}

fn rule(proposal: &RuleProposal, may_take: bool) -> impl IntoView + use<> {
    let RuleProposal { key, name, label, condition, holders, not_covered, saving, bundles, .. } = proposal;
    let what = format!("{label}, where {}", condition.when);
    let rivals = (!bundles.is_empty()).then(|| {
        let text = format!("It is also part of {}, proposed below: take one or the other.", bundles.join(", "));
        view! { <p class="hint">{text}</p> }
    });
    view! {
        <div class="draft-change" data-proposal=key.clone()>
            {head(key, name, what, may_take)}
            <p>"Gives the "{thing(&proposal.thing, label)}" to everybody for whom "<code class="mono">{condition.when.clone()}</code></p>
            {same(&condition.same)}
            <p>{explained(condition, *holders)}</p>
            {saves(*saving)}
            {rivals}
            <div class="whom">
                {people("Covered", &condition.covered)}
                {people("Hold it and are not covered", not_covered)}
                {people("Would newly get it", &condition.gains)}
            </div>
        </div>
    }
}

fn bundle(proposal: &BundleProposal, may_take: bool) -> impl IntoView + use<> {
    let BundleProposal { key, name, display_name, things, members, gains, conditions, not_described, saving, .. } =
        proposal;
    let kind = if proposal.application.is_some() { "Access profile" } else { "Role" };
    let what = format!("{kind} {display_name}");
    let parts = things.iter().map(|(one, label)| view! { <li>{thing(one, label)}</li> }).collect_view();
    let conditions = match conditions.is_empty() {
        true => view! { <p class="hint">"No condition within the limits describes them: no rule would come with it, and people ask for it."</p> }.into_any(),
        false => conditions.iter().map(|condition| described(condition, members.total)).collect_view().into_any(),
    };
    let held = words::plural(members.total, "person holds", "people hold");
    let text = match gains.total {
        0 => format!("{held} all of it: nobody would get anything new by holding it."),
        few => format!("{held} nearly all of it: {} would get something new.", words::plural(few, "person", "people")),
    };
    view! {
        <div class="draft-change" data-proposal=key.clone()>
            {head(key, name, what, may_take)}
            <ul class="plain names">{parts}</ul>
            <p>{text}</p>
            {conditions}
            {saves(*saving)}
            <div class="whom">
                {people("Who hold it together", members)}
                {people("Who would get something new", gains)}
                {people("Whom no rule would describe", not_described)}
            </div>
        </div>
    }
}

fn described(condition: &MinedCondition, members: u64) -> impl IntoView + use<> {
    view! {
        <p>"With a rule for whom "<code class="mono">{condition.when.clone()}</code>": "{explained(condition, members)}</p>
        {same(&condition.same)}
        {people("Would newly get it by this rule", &condition.gains)}
    }
}

/// "It covers 40 of the 41 who hold it, and nobody else: precision 100 %."
fn explained(condition: &MinedCondition, holders: u64) -> String {
    let MinedCondition { covered, gains, precision, .. } = condition;
    let others = match gains.total {
        0 => "nobody else".to_owned(),
        few => format!("{} who would newly get it", words::number(few)),
    };
    format!(
        "It covers {} of the {} who hold it, and {others}: precision {precision} %.",
        words::number(covered.total),
        words::number(holders)
    )
}

fn same(others: &[String]) -> Option<impl IntoView + use<>> {
    let lines = others.iter().map(|when| view! { <li><code class="mono">{when.clone()}</code></li> }).collect_view();
    (!others.is_empty()).then(
        || view! { <div class="hint">"The same people are also those for whom"<ul class="plain">{lines}</ul></div> },
    )
}

fn saves(saving: i64) -> impl IntoView + use<> {
    view! { <p class="hint">{format!("Lowers the complexity by {}.", words::number(saving))}</p> }
}

fn people(heading: &'static str, of: &Sample) -> Option<impl IntoView + use<>> {
    let summary = format!("{heading}: {}", words::number(of.total));
    (of.total > 0).then(|| {
        view! { <details class="disclose"><summary class="hint">{summary}</summary>{sample(of)}</details> }
    })
}

/// What it is, with a link to its page.
fn thing(mined: &MinedThing, label: &str) -> AnyView {
    match mined {
        MinedThing::Known(grantable) => {
            let kind = words::kind(grantable);
            match page_of(grantable) {
                Some(address) => {
                    view! { <span class="kind">{kind}</span>" "<a href=address>{label.to_owned()}</a> }.into_any()
                }
                None => view! { <span class="kind">{kind}</span>" "{label.to_owned()} }.into_any(),
            }
        }
        MinedThing::Found { application, key, .. } => {
            let address =
                Address::new("/found-entitlements").with("application", Some(application)).with("text", Some(key));
            view! { <span class="kind">"found entitlement"</span>" "<a href=address.to_string()>{label.to_owned()}</a>" "<span class="subtle">{application.clone()}</span> }
                .into_any()
        }
    }
}

fn page_of(grantable: &Grantable) -> Option<String> {
    let kind = match grantable {
        Grantable::Role(_) => ObjectKind::Role,
        Grantable::AccessProfile(_) => ObjectKind::AccessProfile,
        Grantable::Entitlement(_) => ObjectKind::Entitlement,
        Grantable::AccountType(_) => return None,
    };
    Some(role_model::object(kind, grantable.name()))
}
