//! The policy check: rules and roles that make no sense beside the others, each with what proves it.

use std::collections::BTreeMap;

use engine::lint::FindingFilter;
use leptos::prelude::*;
use model::lint::{Finding, FindingKind, Severity, Spot, Witness, Witnessed};

use crate::components::chip;
use crate::components::list::{Choice, Empty, empty, filter_chips};
use crate::components::quoted::quoted;
use crate::frame::{Section, Sheet};
use crate::logic::address::{Address, encode};
use crate::logic::query::Query;
use crate::logic::words;
use crate::pages::role_model::{Counts, Part, parts};
use crate::pages::{Asked, page};

const PATH: &str = "/lint";
/// Findings shown at once; more are found by their kind.
const MOST_FINDINGS: usize = 200;
/// Values shown of somebody made up or on record.
const MOST_VALUES: usize = 6;

#[component]
pub fn LintPage() -> impl IntoView {
    page(|Asked { op, query, .. }| async move {
        let findings = engine::lint::findings(&op).await?;
        let counts = Counts::read(&op).await?;
        Ok(lint_sheet(&findings, filter(&query), &counts))
    })
}

pub(crate) fn filter(query: &Query) -> FindingFilter {
    let severity = |name: String| Severity::ALL.into_iter().find(|severity| severity.name() == name);
    FindingFilter {
        kind: query.get("kind").and_then(|name| FindingKind::from_name(&name)),
        severity: query.get("severity").and_then(severity),
    }
}

fn address(filter: FindingFilter) -> String {
    let address = Address::new(PATH).with("kind", filter.kind.map(FindingKind::name));
    address.with("severity", filter.severity.map(Severity::name)).to_string()
}

pub fn lint_sheet(findings: &[Finding], filter: FindingFilter, counts: &Counts) -> Sheet {
    let shown: Vec<&Finding> = findings.iter().filter(|finding| filter.includes(finding)).collect();
    let content = match (shown.is_empty(), findings.is_empty()) {
        (true, true) => empty(
            "Nothing found",
            Empty::AllDone {
                text: "Every rule, role and risk makes sense beside the others, and over the people on record.",
            },
        ),
        (true, false) => empty("Nothing found", Empty::Filtered { clear: PATH.to_owned() }),
        _ => board(&shown).into_any(),
    };
    let body = view! {
        <header class="page-head">
            <h1>"Policy check"</h1>
            <p class="muted">"Rules, roles and risks that make no sense beside the others: never true, shadowed, given and taken at once, out of everybody's reach. Each comes with what proves it."</p>
        </header>
        {parts(counts, Part::Check)}
        {severities(findings, filter)}
        {(!findings.is_empty()).then(|| kinds(&filter.counts(findings), filter))}
        {content}
    };
    Sheet { section: Section::RoleModel, title: "Policy check".to_owned(), body: body.into_any() }
}

fn severities(findings: &[Finding], filter: FindingFilter) -> impl IntoView + use<> {
    let choice = |label: &str, severity: Option<Severity>| {
        let own = FindingFilter { severity, ..filter };
        Choice {
            label: label.to_owned(),
            count: Some(findings.iter().filter(|finding| own.includes(finding)).count() as u64),
            address: address(own),
            chosen: filter.severity == severity,
            shape: severity.map(|severity| look(severity).1),
        }
    };
    let each = Severity::ALL.map(|severity| choice(severity.label(), Some(severity)));
    filter_chips("Severity", std::iter::once(choice("All", None)).chain(each).collect())
}

fn kinds(counts: &BTreeMap<FindingKind, u64>, filter: FindingFilter) -> impl IntoView + use<> {
    let chosen = filter.kind.filter(|kind| !counts.contains_key(kind)).map(|kind| (kind, 0));
    let every = Choice {
        label: "Every kind".to_owned(),
        count: None,
        address: address(FindingFilter { kind: None, ..filter }),
        chosen: filter.kind.is_none(),
        shape: None,
    };
    let each = counts.iter().map(|(kind, count)| (*kind, *count)).chain(chosen).map(|(kind, count)| Choice {
        label: kind.label().to_owned(),
        count: Some(count),
        address: address(FindingFilter { kind: Some(kind), ..filter }),
        chosen: filter.kind == Some(kind),
        shape: None,
    });
    filter_chips("Kind", std::iter::once(every).chain(each).collect())
}

fn board(shown: &[&Finding]) -> impl IntoView + use<> {
    let more = shown.len().saturating_sub(MOST_FINDINGS);
    let more = (more > 0).then(|| {
        let rest = words::plural(more as u64, "more finding", "more findings");
        view! { <p class="hint">"And "{rest}"; choose a kind to see them."</p> }
    });
    view! {
        <section class="panel" aria-label="Findings">{list(shown.iter().copied().take(MOST_FINDINGS))}{more}</section>
    }
}

/// Findings with what proves them.
pub(crate) fn list<'f>(findings: impl Iterator<Item = &'f Finding>) -> AnyView {
    findings.map(finding).collect_view().into_any()
}

fn finding(finding: &Finding) -> impl IntoView + use<> {
    let (tone, shape) = look(finding.severity);
    let links = finding.spots.iter().map(spot).collect_view();
    view! {
        <div class="draft-change" data-finding=finding.kind.name()>
            <h3>{chip::chip(tone, shape, finding.kind.label(), finding.severity.label().to_owned())}</h3>
            <p>{quoted(&finding.message)}</p>
            <ul class="plain names">{links}</ul>
            {proof(&finding.witness)}
        </div>
    }
}

/// Colour and shape of a severity.
fn look(severity: Severity) -> (chip::Tone, &'static str) {
    match severity {
        Severity::Error => (chip::Tone::Danger, "octagon"),
        Severity::Warning => (chip::Tone::Warn, "hand"),
        Severity::Note => (chip::Tone::Idle, "dash"),
    }
}

fn spot(spot: &Spot) -> impl IntoView + use<> {
    let name = view! { {spot.noun().to_owned()}" "<span class="mono">{spot.name.clone()}</span> };
    match page_of(spot) {
        Some(address) => view! { <li><a href=address>{name}</a></li> }.into_any(),
        None => view! { <li class="muted">{name}</li> }.into_any(),
    }
}

/// Where the object can be looked at.
fn page_of(spot: &Spot) -> Option<String> {
    let list = match spot.table.as_str() {
        "rules" => "/rules",
        "roles" => "/roles",
        "access_profiles" => "/access-profiles",
        "entitlements" => "/entitlements",
        "risks" => return Some(Address::new("/violations").with("risk", Some(&spot.name)).to_string()),
        _ => return None,
    };
    Some(format!("{list}/{}", encode(&spot.name)))
}

fn proof(witness: &Witness) -> impl IntoView + use<> {
    let people = witness.people.iter().map(person).collect_view();
    let claims = witness.claims.iter().map(|claim| view! { <li>{claim.to_string()}</li> }).collect_view();
    view! {
        <details class="disclose">
            <summary class="hint">"What proves it"</summary>
            <ul class="plain">{people}{claims}</ul>
        </details>
    }
}

fn person(witnessed: &Witnessed) -> impl IntoView + use<> {
    let identity = &witnessed.identity;
    let values = identity.attributes.iter().take(MOST_VALUES).map(|(name, value)| format!("{name} {value}"));
    let mut values: Vec<String> = values.collect();
    values.extend(identity.contexts.iter().filter(|_| witnessed.is_made_up).map(|context| match context.period {
        model::identity::Period { starts: Some(starts), ends: None } => format!("from {starts}"),
        model::identity::Period { ends: Some(ends), .. } => format!("over since {ends}"),
        _ => "here".to_owned(),
    }));
    let values = if values.is_empty() { "nothing known of them".to_owned() } else { values.join(", ") };
    match witnessed.is_made_up {
        true => view! { <li>"Somebody made up: "{values}</li> }.into_any(),
        false => {
            let address = format!("/identities/{}", identity.id);
            view! { <li><a href=address>{identity.display_name.clone()}</a>" ("{identity.key.clone()}"): "{values}</li> }.into_any()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_read_back_from_its_address() {
        for kind in FindingKind::ALL.map(Some).into_iter().chain([None]) {
            for severity in Severity::ALL.map(Some).into_iter().chain([None]) {
                let own = FindingFilter { kind, severity };
                let address = address(own);
                let query = address.split_once('?').map_or("", |(_, query)| query);
                assert_eq!(filter(&Query::parse(query)), own, "{address}");
            }
        }
        assert_eq!(filter(&Query::parse("kind=nonsense&severity=loud")), FindingFilter::default());
    }

    #[test]
    fn what_has_a_page_is_linked() {
        assert_eq!(page_of(&Spot::new("rules", "a b")), Some("/rules/a%20b".to_owned()));
        assert_eq!(page_of(&Spot::new("risks", "two")), Some("/violations?risk=two".to_owned()));
        assert_eq!(page_of(&Spot::new("account_types", "mail")), None);
    }
}
