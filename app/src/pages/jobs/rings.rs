//! Rings of a run, on its page: how far its orders are, and letting the next ring go.

use leptos::prelude::*;
use model::rings::{RingView, RingsView};

use crate::components::form::refused;
use crate::components::icon::icon;
use crate::frame::Rights;
use crate::logic::flash::Flash;
use crate::logic::words;
use crate::ssr;

#[server(prefix = "/api/pages", endpoint = "jobs/release-ring")]
pub async fn release_ring(
    #[server(default)] id: String,
    #[server(default)] released: String,
) -> Result<(), ServerFnError> {
    let op = ssr::op().await?;
    let seen = released.parse().unwrap_or(0);
    let outcome = async { engine::rings::release(&op, ssr::id(&id, "run")?, seen).await }.await;
    ssr::finish(outcome.map(|()| Flash::done("The next ring goes, on your word.")), &format!("/jobs/runs/{id}"))
}

pub(super) fn panel(view: &RingsView, rights: &Rights) -> impl IntoView + use<> {
    let rings = &view.rings;
    let run = rings.run;
    let gone = format!("{} of {} have gone", rings.released, rings.rings);
    let halted = rings.halted.clone().map(|why| {
        view! { <p class="banner warn">{icon("hand")}<span>{why}" Nothing more is sent until somebody decides."</span></p> }
    });
    let by = rings.released_by.clone().map(|by| {
        view! { <p class="hint">{format!("Ring {} went on the word of {by}.", rings.released)}</p> }
    });
    let rows: Vec<_> = view.rows.iter().map(|row| line(row, rings.released)).collect();
    let decide = rings.is_open().then(|| decide(view, rights));
    view! {
        <section class="panel rings" aria-labelledby="rings-heading">
            <div class="section-head"><h2 id="rings-heading">"Rings"</h2><span class="muted">{gone}</span></div>
            {halted}
            <table class="ledger">
                <thead><tr><th scope="col">"Ring"</th><th scope="col">"State"</th><th scope="col">"People"</th><th scope="col">"Done"</th><th scope="col">"Failed"</th><th scope="col">"No answer yet"</th><th scope="col">"Not read back"</th><th scope="col">"With people"</th></tr></thead>
                <tbody>{rows}</tbody>
            </table>
            {by}
            {decide}
            <p class="hint">{format!(
                "The next ring goes when at most {} % of the orders before it failed, and at most {} % are not confirmed yet. ",
                rings.limits.failed_percent,
                rings.limits.unverified_percent,
            )}"What people do by hand is not waited for, and who leaves waits for no ring. "<a href=format!("/orders?run={run}")>"Orders of this run"</a></p>
        </section>
    }
}

fn line(row: &RingView, released: u32) -> AnyView {
    let health = &row.health;
    let has_gone = row.ring <= released;
    // Of a ring that waits there is nothing to say but how many it concerns.
    let cell = |label: &'static str, count: u64| {
        let text = if has_gone { words::number(count) } else { "—".to_owned() };
        view! { <td data-label=label class="figure">{text}</td> }
    };
    let (shape, state) = if has_gone { ("check", "Has gone") } else { ("clock", "Waits") };
    view! {
        <tr>
            <td data-label="Ring" class="name">{format!("Ring {}", row.ring)}</td>
            <td data-label="State" class="nowrap">{icon(shape)}" "{state}</td>
            <td data-label="People" class="figure">{words::number(row.people)}</td>
            {cell("Done", health.done)}
            {cell("Failed", health.failed)}
            {cell("No answer yet", health.unanswered)}
            {cell("Not read back", health.unverified)}
            {cell("With people", health.with_people)}
        </tr>
    }
    .into_any()
}

fn decide(view: &RingsView, rights: &Rights) -> AnyView {
    let rings = &view.rings;
    let (run, next) = (rings.run, rings.released + 1);
    if !rights.may("/Jobs/Resume") {
        return refused("Releasing a ring", "/Jobs/Resume").into_any();
    }
    let people = view.rows.iter().find(|row| row.ring == next).map_or(0, |row| row.people);
    let undo = (rings.halted.is_some() && rights.may("/Jobs/Undo")).then(|| {
        view! { <a class="button danger" href=format!("/jobs/runs/{run}/undo")>{icon("back")}"Leave it halted and undo …"</a> }
    });
    let label = format!("Release ring {next} anyway: {}", words::plural(people, "person", "people"));
    view! {
        <div class="actions below">
            <form method="post" action="/api/pages/jobs/release-ring">
                <input type="hidden" name="id" value=run.to_string() />
                <input type="hidden" name="released" value=rings.released.to_string() />
                <button class="button">{icon("play")}{label}</button>
            </form>
            {undo}
        </div>
    }
    .into_any()
}
