//! What the next run would order were a draft published: orders, the limits that they exceed, and the risks that they bring about.

use engine::simulation::{Orders, RiskEffect, Simulation, Standing};
use leptos::prelude::*;
use model::draft::Draft;
use model::page::PAGE_SIZE;

use super::{DraftPart, draft_address, draft_parts};
use crate::components::blast_radius::blast_radius;
use crate::components::icon::icon;
use crate::components::list::{ago, pagination};
use crate::frame::{Rights, Section, Sheet};
use crate::logic::address::Address;
use crate::logic::time::Clock;
use crate::logic::words;
use crate::pages::jobs::plan::{exceeded, table};
use crate::pages::{Asked, page, parameter};
use crate::ssr;

#[component]
pub fn DraftOrdersPage() -> impl IntoView {
    let id = parameter("id");
    page(move |Asked { op, visitor, query }| async move {
        let id = ssr::id(&id, "draft")?;
        let draft = engine::drafts::draft(&op, id).await?;
        let standing = engine::simulation::of_draft(&op, id).await?;
        let after = query.get("after").and_then(|after| after.parse().ok()).unwrap_or(0);
        Ok(draft_orders_sheet(&draft, &standing, after, &visitor.rights, &visitor.clock))
    })
}

/// `after` are the orders that were shown before.
pub fn draft_orders_sheet(draft: &Draft, standing: &Standing, after: usize, rights: &Rights, clock: &Clock) -> Sheet {
    let content = match standing {
        Standing::Working { done, of } => working(draft, *done, *of).into_any(),
        Standing::Done(done) => simulation(draft, done, after, rights, clock).into_any(),
    };
    let body = view! {
        <header class="page-head">
            <p class="muted">"draft"</p>
            <h1>{draft.title.clone()}</h1>
        </header>
        {draft_parts(&draft.id.to_string(), DraftPart::Orders)}
        {content}
    };
    Sheet { section: Section::RoleModel, title: format!("Orders of {}", draft.title), body: body.into_any() }
}

fn working(draft: &Draft, done: u64, of: u64) -> impl IntoView + use<> {
    let far = match of {
        0 => "It has just begun, or waits for that of another draft.".to_owned(),
        _ => format!("{} of {} are planned for.", words::number(done), words::plural(of, "person", "people")),
    };
    let address = orders_address(&draft.id.to_string());
    view! {
        <section class="panel" role="status">
            <p class="answer">{icon("clock")}"What the next run would order is being worked out."</p>
            <p>{far}" It goes on without this page."</p>
            <div class="actions"><a class="button primary" href=address>"Look again"</a></div>
        </section>
    }
}

fn simulation(draft: &Draft, done: &Simulation, after: usize, rights: &Rights, clock: &Clock) -> impl IntoView + use<> {
    view! {
        <section class="panel" aria-labelledby="orders-heading">
            <div class="section-head"><h2 id="orders-heading">"What the next run would order"</h2><span class="spring"></span><span class="subtle">"as of "{ago(clock, done.at)}</span></div>
            {sentences(done).into_iter().map(|(shape, text)| view! { <p class="answer">{icon(shape)}{text}</p> }).collect_view()}
            <p class="muted">"Made by the planner that runs have, from the accounts, orders and decisions on record now, for a complete run. What sources and applications say at its beginning comes on top."</p>
        </section>
        {(!done.trips.is_empty()).then(|| stopped(done))}
        {(!done.risks.is_empty()).then(|| risks(&done.risks))}
        {(done.brought.count > 0).then(|| blast_radius(&done.brought.radius, true, None))}
        {brought(draft, &done.brought, after, rights)}
        {spared(&done.spared)}
    }
}

/// Each with the shape of its icon.
fn sentences(done: &Simulation) -> Vec<(&'static str, String)> {
    let orders = |count: u64| words::plural(count, "order", "orders");
    let of_people = |of: &Orders| {
        format!("for {} of {} people", words::number(of.radius.people), words::number(of.radius.population))
    };
    let mut all = Vec::new();
    match done.brought.count {
        0 => all.push(("check", "It brings about no order that would not be made without it.".to_owned())),
        count => all.push(("orders", format!("It brings about {}, {}.", orders(count), of_people(&done.brought)))),
    }
    if done.spared.count > 0 {
        let text = format!("{} that would be made now would not be made any more.", orders(done.spared.count));
        all.push(("dash", text));
    }
    if done.withdrawn > 0 {
        let text = format!("{} that wait would be called off: nothing needs them any more.", orders(done.withdrawn));
        all.push(("dash", text));
    }
    if done.either_way > 0 {
        let text =
            format!("{} for the people looked at would be made with it and without it.", orders(done.either_way));
        all.push(("clock", text));
    }
    if done.left_out > 0 {
        let things = words::plural(done.left_out, "thing is", "things are");
        let text = format!("{things} not ordered, because a risk that blocks would be completed.");
        all.push(("ban", text));
    }
    if done.held > 0 {
        let things = words::plural(done.held, "thing waits", "things wait");
        all.push(("hand", format!("{things} for a person, because a risk would be completed that takes an approval.")));
    }
    if done.refused > 0 {
        let plans = words::plural(done.refused, "plan is", "plans are");
        all.push((
            "octagon",
            format!("{plans} refused by the plan checker: a fault of the program. Please report it."),
        ));
    }
    all
}

fn stopped(done: &Simulation) -> impl IntoView + use<> {
    let who = match done.second_person {
        true => " Only somebody else than who started the run may approve it.",
        false => "",
    };
    let of_whom = (done.people < done.brought.radius.population)
        .then(|| format!(" Counted are the orders of the {} of whom something else would be wanted; what is due for others counts in the run as well.", words::plural(done.people, "person", "people")));
    view! {
        <section class="panel" aria-labelledby="limits-heading">
            <h2 id="limits-heading">"A threshold would stop the run"</h2>
            <p>"Before its first order it would list all of them, and go on when a person approves."{who}{of_whom}</p>
            {exceeded(&done.trips)}
        </section>
    }
}

fn risks(risks: &[RiskEffect]) -> impl IntoView + use<> {
    let lines = risks.iter().map(|risk| {
        let people = risk.people.iter().map(|(id, name)| {
            view! { <li><a href=format!("/identities/{id}")>{name.clone()}</a></li> }
        });
        let people = (!risk.people.is_empty()).then(|| {
            let more = risk.created.saturating_sub(risk.people.len() as u64);
            let more =
                (more > 0).then(|| view! { <li class="muted">{format!("and {} more", words::number(more))}</li> });
            view! { <details class="disclose"><summary>"Who"</summary><ul>{people.collect_view()}{more}</ul></details> }
        });
        let count = |count: u64| if count > 0 { words::number(count) } else { "—".to_owned() };
        view! {
            <tr>
                <td data-label="Risk" class="name">{risk.label.clone()}{people}</td>
                <td data-label="Brought about for" class="number">{count(risk.created)}</td>
                <td data-label="Ended for" class="number">{count(risk.cured)}</td>
            </tr>
        }
    });
    view! {
        <section class="panel" aria-labelledby="risks-heading">
            <h2 id="risks-heading">"Risks"</h2>
            <table class="ledger">
                <thead><tr><th scope="col">"Risk"</th><th scope="col" class="number">"Brought about for"</th><th scope="col" class="number">"Ended for"</th></tr></thead>
                <tbody>{lines.collect_view()}</tbody>
            </table>
        </section>
    }
}

fn brought(draft: &Draft, orders: &Orders, after: usize, rights: &Rights) -> Option<AnyView> {
    if orders.count == 0 {
        return None;
    }
    if !rights.may("/Identities/View") {
        return Some(
            view! { <p class="hint">"Whom each order is for is shown to whoever may see identities."</p> }.into_any(),
        );
    }
    let size = PAGE_SIZE as usize;
    let lines: Vec<_> = orders.lines.iter().skip(after).take(size).cloned().collect();
    let next = (after + size < orders.lines.len()).then(|| (after + size).to_string());
    let unlisted = orders.count.saturating_sub(orders.lines.len() as u64);
    let unlisted = (unlisted > 0 && next.is_none())
        .then(|| view! { <p class="muted">{format!("and {} more, which are counted and not listed", words::plural(unlisted, "order", "orders"))}</p> });
    let address = Address::new(orders_address(&draft.id.to_string()));
    let view = view! {
        <section class="panel" aria-labelledby="lines-heading">
            <h2 id="lines-heading">"Orders that it brings about"</h2>
            {table(&lines)}
            {pagination(address, lines.len(), orders.count.into(), after == 0, next, ("order", "orders"))}
            {unlisted}
        </section>
    };
    Some(view.into_any())
}

fn spared(orders: &Orders) -> Option<AnyView> {
    if orders.lines.is_empty() {
        return None;
    }
    let shown = &orders.lines[..orders.lines.len().min(PAGE_SIZE as usize)];
    let more = orders.count.saturating_sub(shown.len() as u64);
    let more = (more > 0).then(|| view! { <p class="muted">{format!("and {} more", words::number(more))}</p> });
    let view = view! {
        <section class="panel" aria-labelledby="spared-heading">
            <h2 id="spared-heading">"Orders that would not be made any more"</h2>
            {table(shown)}
            {more}
        </section>
    };
    Some(view.into_any())
}

fn orders_address(id: &str) -> String {
    format!("{}/orders", draft_address(id))
}
