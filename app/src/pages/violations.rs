//! Violations: who holds what a risk says nobody should hold, or hold together.

pub mod detail;

use std::collections::BTreeMap;

use leptos::prelude::*;
use model::configuration::Risk;
use model::page::Page;
use model::risk::{Decided, RiskFacts, Violation, ViolationFilter, ViolationRow, ViolationState};

use crate::components::chip;
use crate::components::form::option;
use crate::components::list::{Choice, Empty, active_filters, ago, empty, filter_chips, pagination};
use crate::frame::{Rights, Section, Sheet};
use crate::logic::query::{violations, violations_address};
use crate::logic::time::Clock;
use crate::pages::{Asked, page};

pub use detail::{ViolationPage, violation_sheet};

/// Levels from which on the filter lists.
const LEVELS: [i32; 3] = [25, 50, 75];

/// What the list shows beside its rows.
pub struct Around {
    pub counts: BTreeMap<ViolationState, u64>,
    /// Names of risks, with what people call them.
    pub risks: Vec<(String, String)>,
    /// Names of applications, with what people call them.
    pub applications: Vec<(String, String)>,
}

#[component]
pub fn ViolationsPage() -> impl IntoView {
    page(|Asked { op, visitor, query }| async move {
        let filter = violations(&query);
        let rows = engine::violations::page(&op, &filter).await?;
        let counts = engine::violations::counts(&op, &filter).await?;
        let risks = engine::violations::risks(&op).await?;
        let applications = engine::violations::applications(&op)?;
        let around = Around { counts, risks, applications };
        Ok(violations_sheet(&filter, rows, &around, &visitor.rights, &visitor.clock))
    })
}

pub fn violations_sheet(
    filter: &ViolationFilter,
    page: Page<ViolationRow>,
    around: &Around,
    rights: &Rights,
    clock: &Clock,
) -> Sheet {
    let shown = page.rows.len();
    let clear = || Empty::Filtered { clear: "/violations".to_owned() };
    let is_filtered = ViolationFilter { before: None, state: None, ..filter.clone() } != ViolationFilter::default();
    let content = match (shown, filter.state, is_filtered, around.risks.is_empty()) {
        (0, _, true, _) => empty("No violations", clear()),
        (0, Some(ViolationState::Open), false, false) => empty(
            "Nothing to decide",
            Empty::AllDone { text: "Nobody holds what a risk speaks against, or it is decided already." },
        ),
        (0, Some(_), false, _) => empty("No violations", clear()),
        (0, None, false, false) => empty(
            "No violations",
            Empty::AllDone { text: "Nobody holds what a risk of the configuration speaks against." },
        ),
        (0, None, false, true) => empty(
            "No risks yet",
            Empty::NeverUsed {
                text: "The configuration says under `risks` what nobody should hold, or hold together. Who does all the \
                       same appears here with the next run.",
                action: None,
            },
        ),
        _ => table(&page.rows, rights, clock).into_any(),
    };
    let of_person = filter.identity.map(|id| {
        let without = violations_address(&ViolationFilter { identity: None, before: None, ..filter.clone() });
        let name = page.rows.first().map(|row| row.identity_name.clone());
        (format!("Only of {}", name.unwrap_or_else(|| format!("identity {id}"))), without.to_string())
    });
    let list = violations_address(filter);
    let body = view! {
        <header class="page-head">
            <h1>"Violations"</h1>
            <p class="muted">"Who holds what a risk speaks against: by rule, by request, or in an application alone."</p>
        </header>
        {states(filter, &around.counts)}
        {search(filter, around)}
        {active_filters(of_person.into_iter().collect())}
        {content}
        {(shown > 0).then(|| pagination(list, shown, page.total.into(), filter.before.is_none(), page.next, ("violation", "violations")))}
    };
    Sheet { section: Section::Violations, title: "Violations".to_owned(), body: body.into_any() }
}

fn states(filter: &ViolationFilter, counts: &BTreeMap<ViolationState, u64>) -> impl IntoView + use<> {
    let at = |state| violations_address(&ViolationFilter { state, before: None, ..filter.clone() }).to_string();
    let all = Choice {
        label: "All".to_owned(),
        count: Some(counts.values().sum()),
        address: at(None),
        chosen: filter.state.is_none(),
        shape: None,
    };
    let choices = ViolationState::ALL.into_iter().map(|state| Choice {
        label: state.label().to_owned(),
        count: Some(counts.get(&state).copied().unwrap_or(0)),
        address: at(Some(state)),
        chosen: filter.state == Some(state),
        shape: Some(chip::violation_look(state).1),
    });
    filter_chips("State", std::iter::once(all).chain(choices).collect())
}

fn search(filter: &ViolationFilter, around: &Around) -> impl IntoView + use<> {
    let chosen = |known: &[(String, String)], now: &Option<String>| {
        known.iter().map(|(name, label)| option(name.clone(), label.clone(), now.as_ref() == Some(name))).collect_view()
    };
    let levels =
        LEVELS.map(|level| option(level.to_string(), format!("Level {level} or more"), filter.level == Some(level)));
    view! {
        <form class="filters" action="/violations" role="search" aria-label="Filter violations">
            <select name="risk" aria-label="Risk"><option value="">"Every risk"</option>{chosen(&around.risks, &filter.risk)}</select>
            <select name="level" aria-label="Level"><option value="">"Every level"</option>{levels.collect_view()}</select>
            <select name="application" aria-label="Application"><option value="">"Every application"</option>{chosen(&around.applications, &filter.application)}</select>
            {filter.state.map(|state| view! { <input type="hidden" name="state" value=state.name() /> })}
            {filter.identity.map(|id| view! { <input type="hidden" name="identity" value=id.to_string() /> })}
            <button class="button">"Filter"</button>
        </form>
    }
}

fn table(rows: &[ViolationRow], rights: &Rights, clock: &Clock) -> impl IntoView + use<> {
    let lines = rows.iter().map(|row| line(row, rights, clock)).collect_view();
    view! {
        <table class="ledger">
            <thead><tr><th scope="col">"Person"</th><th scope="col">"Risk"</th><th scope="col">"Level"</th><th scope="col">"Held together"</th><th scope="col">"State"</th><th scope="col">"Since"</th></tr></thead>
            <tbody>{lines}</tbody>
        </table>
    }
}

fn line(row: &ViolationRow, _rights: &Rights, clock: &Clock) -> impl IntoView + use<> {
    let violation = &row.violation;
    let address = format!("/violations/{}", violation.id);
    let owner = row.risk.owner.clone().map(|owner| view! { <div class="subtle">"owned by "{owner}</div> });
    view! {
        <tr data-row="">
            <td data-label="Person" class="name nowrap"><a data-open="" href=address>{row.identity_name.clone()}</a></td>
            <td data-label="Risk" class="wrap">{row.risk.display_name.clone()}{owner}</td>
            <td data-label="Level">{level(&row.risk)}</td>
            <td data-label="Held together" class="wide wrap">{held(row)}</td>
            <td data-label="State" class="wrap">{chip::violation(violation.state)}<div class="subtle">{until(violation)}</div></td>
            <td data-label="Since" class="when">{ago(clock, violation.since)}</td>
        </tr>
    }
}

/// "Books invoices + Pays invoices".
pub(crate) fn held(row: &ViolationRow) -> String {
    let side = |number: u32| {
        let own = row.violation.things.iter().zip(&row.labels).filter(|(thing, _)| thing.side == number);
        own.map(|(_, label)| label.clone()).collect::<Vec<_>>().join(", ")
    };
    let sides = row.violation.things.iter().map(|thing| thing.side).max().unwrap_or_default();
    (1..=sides).map(side).collect::<Vec<_>>().join(" + ")
}

/// How bad it is, as a number and a word.
pub(super) fn level(risk: &RiskFacts) -> AnyView {
    let Some(_) = risk.kind else { return view! { <span class="subtle">"not configured"</span> }.into_any() };
    let (tone, word) = look(risk.level);
    chip::chip(tone, "octagon", format!("{} {word}", risk.level), format!("{} of {}", risk.level, Risk::HIGHEST))
        .into_any()
}

fn look(level: i32) -> (chip::Tone, &'static str) {
    match level {
        75.. => (chip::Tone::Danger, "high"),
        50.. => (chip::Tone::Warn, "medium"),
        _ => (chip::Tone::Idle, "low"),
    }
}

/// Until when it is excepted, or what is given up.
pub(crate) fn until(violation: &Violation) -> Option<String> {
    violation.decision.as_ref().map(|decision| match &decision.what {
        Decided::Exception { last_day, .. } => format!("until {last_day}, by {}", decision.by),
        Decided::Remediation { request: Some(request), .. } => format!("by {}, request {request}", decision.by),
        Decided::Remediation { request: None, .. } => format!("by {}", decision.by),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_has_a_word() {
        for (level, word) in [(0, "low"), (49, "low"), (50, "medium"), (74, "medium"), (75, "high"), (100, "high")] {
            assert_eq!(look(level).1, word, "{level}");
        }
    }
}
