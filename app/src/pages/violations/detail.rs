//! One violation: which risk, what is held of each side and why, and what can be done about it.

use leptos::prelude::*;
use model::error::ApiError;
use model::ids::ViolationId;
use model::risk::{Decided, ViolationDetail, ViolationEvent, ViolationRow, ViolationState, WayOut};

use crate::components::chip;
use crate::components::explain;
use crate::components::form::refused;
use crate::components::icon::icon;
use crate::components::list::ago;
use crate::components::timeline::{Entry, timeline_section};
use crate::frame::{Rights, Section, Sheet};
use crate::logic::flash::Flash;
use crate::logic::time::Clock;
use crate::logic::words;
use crate::pages::{Asked, page, parameter};
use crate::ssr;

/// `seen` is the violation and its version as the page showed it: `17.3`.
#[server(prefix = "/api/pages", endpoint = "violations/except")]
pub async fn except_violation(
    #[server(default)] seen: String,
    #[server(default)] control: String,
    #[server(default)] last_day: String,
) -> Result<(), ServerFnError> {
    let op = ssr::op().await?;
    let outcome = async {
        let day = last_day.parse().map_err(|_| {
            ApiError::invalid("last_day", "The last day is missing. Write it as year-month-day: 2026-12-31.")
        })?;
        engine::violations::except(&op, read(&seen)?, &control, day).await?;
        Ok(Flash::done(format!("Excepted until {day}. It opens again by itself afterwards.")))
    };
    let outcome = outcome.await;
    ssr::finish(outcome, &address(&seen))
}

#[server(prefix = "/api/pages", endpoint = "violations/reopen")]
pub async fn reopen_violation(
    #[server(default)] seen: String,
    #[server(default)] why: String,
) -> Result<(), ServerFnError> {
    let op = ssr::op().await?;
    let outcome = async { engine::violations::reopen(&op, read(&seen)?, &why).await }.await;
    ssr::finish(outcome.map(|()| Flash::done("The violation is open again.")), &address(&seen))
}

#[server(prefix = "/api/pages", endpoint = "violations/remediate")]
pub async fn remediate_violation(
    #[server(default)] seen: String,
    #[server(default)] side: String,
    #[server(default)] why: String,
) -> Result<(), ServerFnError> {
    let op = ssr::op().await?;
    let outcome = async {
        let side = side.parse().map_err(|_| ApiError::invalid("side", "Choose the side that is given up."))?;
        let request = engine::violations::remediate(&op, read(&seen)?, side, &why).await?;
        Ok(Flash::done(match request {
            Some(request) => format!("Request {request} takes it away. The violation closes once it is gone."),
            None => "Orders that take it away are being made. The violation closes once it is gone.".to_owned(),
        }))
    };
    let outcome = outcome.await;
    ssr::finish(outcome, &address(&seen))
}

/// `17.3`: violation 17, as it was at its third change.
fn read(seen: &str) -> Result<(ViolationId, u32), ApiError> {
    let parts = seen.split_once('.').and_then(|(id, version)| Some((id.parse().ok()?, version.parse().ok()?)));
    parts.ok_or_else(|| ApiError::invalid("seen", "The page was not complete. Open the violation again."))
}

fn address(seen: &str) -> String {
    read(seen).map_or_else(|_| "/violations".to_owned(), |(id, _)| format!("/violations/{id}"))
}

#[component]
pub fn ViolationPage() -> impl IntoView {
    let id = parameter("id");
    page(move |Asked { op, visitor, .. }| async move {
        let id: ViolationId = ssr::id(&id, "violation")?;
        let detail = engine::violations::detail(&op, id).await?;
        Ok(violation_sheet(&detail, &visitor.rights, &visitor.clock))
    })
}

pub fn violation_sheet(detail: &ViolationDetail, rights: &Rights, clock: &Clock) -> Sheet {
    let ViolationRow { violation, risk, identity_name, .. } = &detail.row;
    let who = match rights.may("/Identities/View") {
        true => view! { <a href=format!("/identities/{}", violation.identity)>{identity_name.clone()}</a> }.into_any(),
        false => view! { {identity_name.clone()} }.into_any(),
    };
    let body = view! {
        <header class="page-head">
            <h1>{risk.display_name.clone()}</h1>
            <p>{who}</p>
            {risk.description.clone().map(|text| view! { <p class="muted">{text}</p> })}
            <div class="head-state">{chip::violation(violation.state)}{super::level(risk)}<span class="subtle">{format!("Violation {}", violation.id)}</span></div>
        </header>
        {standing(detail, clock)}
        <div class="columns">
            <div>
                {sides(detail, rights)}
                {actions(detail)}
            </div>
            <aside>
                {facts(detail, clock)}
                {happened(&detail.events, clock)}
            </aside>
        </div>
    };
    Sheet { section: Section::Violations, title: format!("Violation {}", violation.id), body: body.into_any() }
}

/// What was decided, as long as it is in force.
fn standing(detail: &ViolationDetail, clock: &Clock) -> impl IntoView + use<> {
    let violation = &detail.row.violation;
    let (tone, shape) = chip::violation_look(violation.state);
    let text = violation.decision.as_ref().map(|decision| {
        let by = view! { <p class="muted">"by "{decision.by.clone()}" "{ago(clock, decision.at)}</p> };
        match &decision.what {
            Decided::Exception { control, last_day } => view! {
                <p>{format!("Excepted until {last_day}; it opens again by itself afterwards.")}</p><p>{control.clone()}</p>{by}
            }
            .into_any(),
            Decided::Remediation { side, why, request } => {
                let link = request.map(|request| view! { " "<a href=format!("/requests/{request}")>{format!("Look at request {request}")}</a>"." });
                view! { <p>{format!("{} is given up: {why}", side_name(detail, *side))}{link}</p>{by} }.into_any()
            }
        }
    });
    text.map(|text| view! { <div class=tone.banner()>{icon(shape)}<div>{text}</div></div> })
}

/// What people call a side, or its number.
fn side_name(detail: &ViolationDetail, side: u32) -> String {
    let named = (side as usize).checked_sub(1).and_then(|position| detail.row.risk.sides.get(position));
    named.cloned().unwrap_or_else(|| format!("Side {side}"))
}

fn side_count(detail: &ViolationDetail) -> u32 {
    detail.row.violation.things.iter().map(|thing| thing.side).max().unwrap_or_default()
}

fn sides(detail: &ViolationDetail, rights: &Rights) -> impl IntoView + use<> {
    let row = &detail.row;
    let sides = (1..=side_count(detail)).map(|side| {
        let things = row.violation.things.iter().zip(row.labels.iter().zip(&row.applications));
        let things = things.filter(|(thing, _)| thing.side == side).map(|(thing, (label, application))| {
            let kind = words::kind(&thing.thing.grantable);
            let place = (!application.is_empty()).then(|| view! { <span class="muted">" in "{application.clone()}</span> });
            let led_to = detail.led_to.iter().find(|led_to| led_to.grantable == thing.thing.grantable);
            let ways = led_to.map(|led_to| match led_to.ways.as_slice() {
                [] => view! { <p>"Something else that they hold leads to it."</p> }.into_any(),
                ways => ways.iter().map(|way| view! { <p>{format!("Comes {}.", way.said())}</p> }).collect_view().into_any(),
            });
            let is_led_only = led_to.is_some_and(|led_to| led_to.is_only_so);
            let accounts = (!is_led_only && !thing.thing.accounts.is_empty() && rights.may("/Applications/View")).then(|| {
                view! { <p class="hint">{words::plural(thing.thing.accounts.len() as u64, "account holds it", "accounts hold it")}"; the person's page lists them."</p> }
            });
            view! {
                <details class="why-item">
                    <summary>{icon(explain::shape(&thing.thing.grantable))}<span class="kind">{kind}</span><strong>{label.clone()}</strong>{place}</summary>
                    {(!is_led_only).then(|| explain::reasons(&thing.thing.reasons, label))}
                    {ways}
                    {accounts}
                </details>
            }
        });
        view! {
            <section class="panel" aria-label=side_name(detail, side)>
                <h3>{side_name(detail, side)}</h3>
                {things.collect_view()}
            </section>
        }
    });
    let heading = match (row.violation.until.is_some(), side_count(detail)) {
        (true, _) => "What was held",
        (false, 1) => "What is held",
        (false, _) => "What is held together",
    };
    view! {
        <section aria-labelledby="held-heading">
            <div class="section-head"><h2 id="held-heading">{heading}</h2></div>
            {sides.collect_view()}
        </section>
    }
}

fn actions(detail: &ViolationDetail) -> Option<AnyView> {
    let violation = &detail.row.violation;
    if violation.state == ViolationState::Closed {
        return None;
    }
    if !detail.row.may_decide {
        return Some(
            view! { <section aria-label="Decide">{refused("Deciding on violations", engine::violations::DECIDE)}</section> }
                .into_any(),
        );
    }
    let seen = format!("{}.{}", violation.id, violation.version);
    let control = match violation.decision.as_ref().map(|decision| &decision.what) {
        Some(Decided::Exception { control, .. }) => Some(control.clone()),
        _ => detail.row.risk.mitigating_control.clone(),
    };
    let again = violation.state == ViolationState::Excepted;
    let reopen = (violation.state != ViolationState::Open).then(|| {
        let seen = seen.clone();
        view! {
            <details class="disclose">
                <summary class="button quiet">{icon("back")}"Open it again"</summary>
                <form method="post" action="/api/pages/violations/reopen" class="inline-form">
                    <input type="hidden" name="seen" value=seen />
                    <label class="field">"Why"<input name="why" required maxlength="500" placeholder="Kept with the violation" /></label>
                    <button class="button">"Open again: this violation"</button>
                </form>
            </details>
        }
    });
    let view = view! {
        <section aria-labelledby="decide-heading">
            <div class="section-head"><h2 id="decide-heading">"Decide"</h2></div>
            <form method="post" action="/api/pages/violations/except" class="panel ask-form" aria-label="Except">
                <input type="hidden" name="seen" value=seen.clone() />
                <h3>{if again { "Except it anew" } else { "Bear it until a day" }}</h3>
                <label class="field wide">"Mitigating control"<input name="control" required maxlength="1000" value=control placeholder="What makes it bearable" /></label>
                <label class="field">"Last day"<input type="date" name="last_day" required max=detail.longest.to_string() /><span class="hint">{format!("{} at the latest; it opens again by itself afterwards", detail.longest)}</span></label>
                <div class="actions"><button class="button">{icon("clock")}"Except"</button></div>
            </form>
            {give_up(detail, &seen)}
            {reopen}
        </section>
    };
    Some(view.into_any())
}

/// A choice of the sides that can be given up from here, and of the others what is in the way.
fn give_up(detail: &ViolationDetail, seen: &str) -> impl IntoView + use<> {
    let numbered = || (1_u32..).zip(&detail.ways_out);
    let any = detail.ways_out.iter().any(WayOut::is_open);
    let first = numbered().find(|(_, way)| way.is_open()).map(|(side, _)| side);
    let ways = numbered().map(|(side, way)| {
        let (name, is_first) = (side_name(detail, side), first == Some(side));
        let names = |things: &[(model::access::Grantable, String)]| {
            things.iter().map(|(_, label)| label.clone()).collect::<Vec<_>>().join(", ")
        };
        if way.is_open() {
            let mut what = Vec::new();
            if !way.taken.is_empty() {
                what.push(format!("A request takes away {}.", names(&way.taken)));
            }
            if !way.removed.is_empty() {
                what.push(format!("Orders take away {}, which nothing grants.", names(&way.removed)));
            }
            view! {
                <label class="choice"><input type="radio" name="side" value=side.to_string() required checked=is_first /><span><strong>{name}</strong><span class="hint">{what.join(" ")}</span></span></label>
            }
            .into_any()
        } else {
            let obstacles = way.obstacles.iter().map(|obstacle| view! { <li>{obstacle.clone()}</li> });
            view! { <div class="way"><strong>{name}</strong>" cannot be given up from here:"<ul>{obstacles.collect_view()}</ul></div> }
                .into_any()
        }
    });
    let button = any.then(|| {
        view! {
            <label class="field wide">"Why"<input name="why" required maxlength="400" placeholder="Kept with the violation and the request" /></label>
            <div class="actions"><button class="button danger">{icon("ban")}"Give up this side"</button></div>
        }
    });
    view! {
        <form method="post" action="/api/pages/violations/remediate" class="panel ask-form" aria-label="Give up a side">
            <input type="hidden" name="seen" value=seen.to_owned() />
            <h3>"Give up a side"</h3>
            {ways.collect_view()}
            {button}
        </form>
    }
}

fn facts(detail: &ViolationDetail, clock: &Clock) -> impl IntoView + use<> {
    let (violation, risk) = (&detail.row.violation, &detail.row.risk);
    let pair = |label: &'static str, value: Option<String>| {
        value.map(|value| view! { <div><dt>{label}</dt><dd>{value}</dd></div> })
    };
    let until = violation.until.map(|at| view! { <div><dt>"Until"</dt><dd>{ago(clock, at)}</dd></div> });
    let score = detail.score;
    view! {
        <section class="panel" aria-label="About this violation">
            <dl class="pairs">
                <div><dt>"Since"</dt><dd>{ago(clock, violation.since)}</dd></div>
                {until}
                {pair("Kind", risk.kind.map(|kind| kind.label().to_owned()))}
                {pair("Rule", Some(format!("{} of {}", violation.rule, risk.name)))}
                {pair("Owner", risk.owner.clone())}
                {pair("Newly asked for", risk.kind.map(|_| words::on_conflict(risk.on_conflict).to_owned()))}
                {pair("Score of the person", Some(format!("{}, {} in all", score.highest, score.total)))}
            </dl>
        </section>
    }
}

fn happened(events: &[ViolationEvent], clock: &Clock) -> impl IntoView + use<> {
    let entries = events.iter().map(|event| {
        let sign = chip::violation(event.state).into_any();
        Entry::of(clock, event.at, sign, &event.message, &event.actor)
    });
    timeline_section(entries.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_seen_is_read_back() {
        assert_eq!(read("17.3").ok(), Some((ViolationId(17), 3)));
        for text in ["17", "", "x.3", "17.x"] {
            assert_eq!(read(text).unwrap_err().field.as_deref(), Some("seen"), "{text}");
        }
        assert_eq!((address("17.3"), address("x")), ("/violations/17".to_owned(), "/violations".to_owned()));
    }
}
