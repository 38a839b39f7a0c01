//! Native changes: what applications hold differently and nobody had ordered; and what people decide about it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use leptos::prelude::*;
use model::error::ApiError;
use model::ids::NativeChangeId;
use model::native_change::{
    NativeChange, NativeChangeFilter, NativeChangeKind, NativeChangeRow, NativeChangeState, NativeDecision,
    NativeReaction,
};
use model::page::Page;
use model::value::Value;

use crate::components::chip;
use crate::components::form::{no_default, option, refused};
use crate::components::icon::icon;
use crate::components::list::{Choice, Empty, active_filters, ago, empty, filter_chips, pagination};
use crate::frame::{Rights, Section, Sheet};
use crate::islands::Selection;
use crate::logic::flash::{Flash, FlashKind};
use crate::logic::query::{Query, native_changes, native_changes_address};
use crate::logic::time::Clock;
use crate::logic::{address, words};
use crate::pages::{Asked, page};
use crate::ssr;

/// Decides about one change, named in the button, about those that are ticked, or about all that match the list's
/// address (`list`) and were there when it was shown (`seen`, when the last of them was seen). `act` is the button that was pressed.
#[server(prefix = "/api/pages", endpoint = "native-changes/decide")]
pub async fn decide_native_changes(
    #[server(default)] list: String,
    #[server(default)] seen: String,
    #[server(default)] ids: Vec<String>,
    #[server(default)] act: String,
    #[server(default)] comment: String,
) -> Result<(), ServerFnError> {
    let op = ssr::op().await?;
    let filter = native_changes(&Query::parse(&list));
    let outcome = async { carry_out(&op, (&filter, &seen), &ids, &act, &comment).await }.await;
    ssr::finish(outcome, &native_changes_address(&filter).to_string())
}

async fn carry_out(
    op: &engine::context::OpContext,
    (filter, seen): (&NativeChangeFilter, &str),
    ids: &[String],
    act: &str,
    comment: &str,
) -> Result<Flash, ApiError> {
    let (decision, which) = read(act)?;
    let outcomes = match which {
        Which::One(id) => engine::native_changes::decide(op, &[id], decision, comment).await?,
        Which::Ticked => {
            let ids = ids.iter().map(|id| ssr::id(id, "native change")).collect::<Result<Vec<_>, _>>()?;
            engine::native_changes::decide(op, &ids, decision, comment).await?
        }
        Which::All => {
            let seen =
                seen.parse().map_err(|_| ApiError::invalid("seen", "The list was not complete. Open it again."))?;
            engine::native_changes::decide_all(op, filter, seen, decision, comment).await?
        }
    };
    Ok(flash(decision, &outcomes))
}

/// What a button is about.
#[derive(Debug, PartialEq, Eq)]
enum Which {
    One(NativeChangeId),
    Ticked,
    All,
}

/// `accept`, `accept:17`, `accept:all`.
fn read(act: &str) -> Result<(NativeDecision, Which), ApiError> {
    let (name, which) = act.split_once(':').map_or((act, None), |(name, which)| (name, Some(which)));
    let which = match which {
        None => Some(Which::Ticked),
        Some("all") => Some(Which::All),
        Some(id) => id.parse().ok().map(Which::One),
    };
    NativeDecision::from_name(name)
        .zip(which)
        .ok_or_else(|| ApiError::invalid("act", "Choose whether to accept the changes or to set them back."))
}

fn flash(decision: NativeDecision, outcomes: &engine::native_changes::NativeOutcomes) -> Flash {
    let (done, then) = match decision {
        NativeDecision::Accept => ("accepted", ""),
        NativeDecision::Revert => ("to be set back", " Orders are being made for that."),
    };
    let flash = Flash::of_each(outcomes, ("native change", "native changes"), done);
    match flash.kind {
        FlashKind::Failed => flash,
        FlashKind::Done | FlashKind::Partly => Flash { title: flash.title + then, ..flash },
    }
}

/// What the list shows beside its rows.
pub struct Around {
    pub counts: BTreeMap<NativeChangeState, u64>,
    /// Names of applications, with what people call them.
    pub applications: Vec<(String, String)>,
    /// When the last of those that match was seen, on whichever page it is: what comes later is not meant.
    pub seen_until: Option<Timestamp>,
}

#[component]
pub fn NativeChangesPage() -> impl IntoView {
    page(|Asked { op, visitor, query }| async move {
        let filter = native_changes(&query);
        let rows = engine::native_changes::page(&op, &filter).await?;
        let counts = engine::native_changes::counts(&op, &filter).await?;
        let applications = engine::native_changes::applications(&op)?;
        let seen_until = engine::native_changes::seen_until(&op, &filter).await?;
        let around = Around { counts, applications, seen_until };
        Ok(native_changes_sheet(&filter, rows, &around, &visitor.rights, &visitor.clock))
    })
}

pub fn native_changes_sheet(
    filter: &NativeChangeFilter,
    page: Page<NativeChangeRow>,
    around: &Around,
    rights: &Rights,
    clock: &Clock,
) -> Sheet {
    let shown = page.rows.len();
    let is_filtered =
        NativeChangeFilter { before: None, state: None, ..filter.clone() } != NativeChangeFilter::default();
    let content = match (shown, filter.state, is_filtered) {
        (0, _, true) => empty("No native changes", Empty::Filtered { clear: "/native-changes".to_owned() }),
        (0, Some(NativeChangeState::Open), false) => empty(
            "Nothing to decide",
            Empty::AllDone { text: "No change made in an application waits for a decision." },
        ),
        (0, Some(_), false) => empty("No native changes", Empty::Filtered { clear: "/native-changes".to_owned() }),
        (0, None, false) => empty(
            "No native changes yet",
            Empty::NeverUsed {
                text: "Where an application's configuration says `native_changes`, what is changed there without an \
                       order appears here, from its second reading on.",
                action: None,
            },
        ),
        _ => board(&page, filter, around, rights, clock),
    };
    let of_person = filter.identity.map(|id| {
        let without = native_changes_address(&NativeChangeFilter { identity: None, before: None, ..filter.clone() });
        let name = page.rows.iter().find_map(|row| row.identity_name.clone());
        (format!("Only of {}", name.unwrap_or_else(|| format!("identity {id}"))), without.to_string())
    });
    let list = native_changes_address(filter);
    let body = view! {
        <header class="page-head">
            <h1>"Native changes"</h1>
            <p class="muted">"What was changed in the applications themselves, and nobody had ordered."</p>
        </header>
        {states(filter, &around.counts)}
        {search(filter, around)}
        {active_filters(of_person.into_iter().collect())}
        {content}
        {(shown > 0).then(|| pagination(list, shown, page.total.into(), filter.before.is_none(), page.next, ("native change", "native changes")))}
    };
    Sheet { section: Section::NativeChanges, title: "Native changes".to_owned(), body: body.into_any() }
}

fn states(filter: &NativeChangeFilter, counts: &BTreeMap<NativeChangeState, u64>) -> impl IntoView + use<> {
    let at = |state| native_changes_address(&NativeChangeFilter { state, before: None, ..filter.clone() }).to_string();
    let all = Choice {
        label: "All".to_owned(),
        count: Some(counts.values().sum()),
        address: at(None),
        chosen: filter.state.is_none(),
        shape: None,
    };
    let is_wanted =
        |state: &NativeChangeState| filter.state == Some(*state) || counts.get(state).is_some_and(|count| *count > 0);
    let choices = NativeChangeState::ALL.into_iter().filter(is_wanted).map(|state| Choice {
        label: state.label().to_owned(),
        count: Some(counts.get(&state).copied().unwrap_or(0)),
        address: at(Some(state)),
        chosen: filter.state == Some(state),
        shape: Some(chip::native_change_look(state).1),
    });
    filter_chips("State", std::iter::once(all).chain(choices).collect())
}

fn search(filter: &NativeChangeFilter, around: &Around) -> impl IntoView + use<> {
    let applications = around
        .applications
        .iter()
        .map(|(name, label)| option(name.clone(), label.clone(), filter.application.as_ref() == Some(name)));
    let kinds = NativeChangeKind::ALL
        .map(|kind| option(kind.name().to_owned(), kind.label().to_owned(), filter.kind == Some(kind)));
    view! {
        <form class="filters" action="/native-changes" role="search" aria-label="Filter native changes">
            <select name="application" aria-label="Application"><option value="">"Every application"</option>{applications.collect_view()}</select>
            <select name="kind" aria-label="Kind of change"><option value="">"Every kind"</option>{kinds.collect_view()}</select>
            {filter.state.map(|state| view! { <input type="hidden" name="state" value=state.name() /> })}
            {filter.identity.map(|id| view! { <input type="hidden" name="identity" value=id.to_string() /> })}
            <button class="button">"Filter"</button>
        </form>
    }
}

/// One form around all rows: a button in a line decides about that one, those below about what is ticked, or all.
fn board(
    page: &Page<NativeChangeRow>,
    filter: &NativeChangeFilter,
    around: &Around,
    rights: &Rights,
    clock: &Clock,
) -> AnyView {
    let may_decide = rights.may(engine::native_changes::DECIDE);
    let lines = page.rows.iter().map(|row| line(row, may_decide, rights, clock)).collect_view();
    let can_be_decided = page.rows.iter().any(|row| decisions(&row.change).next().is_some());
    let tick = may_decide.then(|| view! { <th scope="col" class="tick"><span class="sr">"Tick"</span></th> });
    let act = may_decide.then(|| view! { <th scope="col"><span class="sr">"Decide"</span></th> });
    let table = view! {
        <table class="ledger">
            <thead><tr>{tick}<th scope="col">"Account"</th><th scope="col">"Person"</th><th scope="col">"Application"</th><th scope="col">"Change"</th><th scope="col">"State"</th><th scope="col">"Seen"</th>{act}</tr></thead>
            <tbody>{lines}</tbody>
        </table>
    };
    if !may_decide {
        let hint = can_be_decided.then(|| refused("Accepting and setting back", engine::native_changes::DECIDE));
        return view! { {hint}{table} }.into_any();
    }
    if !can_be_decided {
        return table.into_any();
    }
    let list = native_changes_address(filter).query();
    let state = filter.state.unwrap_or(NativeChangeState::Open);
    let matching = around.counts.get(&state).copied().unwrap_or(0);
    let offered: Vec<NativeDecision> = engine::native_changes::decisions(state).collect();
    let all = (matching > 1 && !offered.is_empty()).then(|| {
        let buttons = offered.iter().map(|decision| {
            let label = match decision {
                NativeDecision::Accept => format!("Accept all {}", words::total(matching)),
                NativeDecision::Revert => format!("Set back all {}", words::total(matching)),
            };
            view! { <button class="button" name="act" value=format!("{}:all", decision.name())>{label}</button> }
        });
        let what = match filter.state {
            None => "of those that wait for a decision",
            Some(_) => "of those listed, on all pages",
        };
        view! { <span class="muted">{what}</span>{buttons.collect_view()} }
    });
    view! {
        <form method="post" action="/api/pages/native-changes/decide" class="bulk">
            {no_default()}
            <input type="hidden" name="list" value=list />
            <input type="hidden" name="seen" value=around.seen_until.map(|at| at.to_string()) />
            {table}
            <div class="bulk-bar">
                <Selection />
                <input name="comment" maxlength="1000" placeholder="Why, for whoever looks later" aria-label="Comment" />
                <button class="button" name="act" value="accept">{icon("check")}"Accept ticked"</button>
                <button class="button" name="act" value="revert">{icon("back")}"Set back ticked"</button>
                <span class="spring"></span>
                {all}
            </div>
        </form>
    }
    .into_any()
}

fn decisions(change: &NativeChange) -> impl Iterator<Item = NativeDecision> + use<> {
    engine::native_changes::decisions(change.state)
}

fn line(row: &NativeChangeRow, may_decide: bool, rights: &Rights, clock: &Clock) -> impl IntoView + use<> {
    let change = &row.change;
    let account = row.called.clone().unwrap_or_else(|| change.key.clone());
    let name = format!("Native change {}: {account}", change.id);
    let can_be_decided = decisions(change).next().is_some();
    let tick = may_decide.then(|| {
        let tick = can_be_decided.then(|| {
            view! { <input type="checkbox" name="ids[]" value=change.id.to_string() aria-label=name /> }
        });
        view! { <td class="tick">{tick}</td> }
    });
    let person = match (change.identity, row.identity_name.clone()) {
        (Some(id), Some(name)) if rights.may("/Identities/View") => {
            view! { <a data-open="" href=format!("/identities/{id}?tab=timeline")>{name}</a> }.into_any()
        }
        (Some(_), Some(name)) => view! { {name} }.into_any(),
        _ => view! { <span class="muted">"nobody"</span> }.into_any(),
    };
    let order = change.order.filter(|_| rights.may("/Orders/View")).map(|order| {
        view! { " "<a href=format!("/orders/{order}")>"order "{order.to_string()}</a> }
    });
    let act = may_decide.then(|| {
        let buttons = decisions(change)
            .map(|decision| {
                let (label, verb) = match decision {
                    NativeDecision::Accept => ("Accept", "Accept"),
                    NativeDecision::Revert => ("Set back", "Set back"),
                };
                let (value, about) = (
                    format!("{}:{}", decision.name(), change.id),
                    format!("{verb} native change {} of {account}", change.id),
                );
                view! { <button class="button small" name="act" value=value aria-label=about>{label}</button> }
            })
            .collect_view();
        view! { <td data-label="Decide"><span class="candidate-acts">{buttons}</span></td> }
    });
    view! {
        <tr data-row="">
            {tick}
            <td data-label="Account" class="mono name">{account.clone()}</td>
            <td data-label="Person" class="nowrap">{person}</td>
            <td data-label="Application" class="nowrap"><a href=address::application(&change.application)>{row.application_name.clone()}</a><div class="subtle">{kind_of_account(row)}</div></td>
            <td data-label="Change" class="wide wrap">{what(row)}</td>
            <td data-label="State" class="wide wrap">{chip::native_change(change.state)}{order}{remark(change, clock)}</td>
            <td data-label="Seen" class="when"><a href=format!("/jobs/runs/{}", change.run)>{ago(clock, change.seen_at)}</a></td>
            {act}
        </tr>
    }
}

pub(crate) fn kind_of_account(row: &NativeChangeRow) -> String {
    if row.change.account_type.is_empty() { "type not known".to_owned() } else { row.account_type_label.clone() }
}

/// The kind, and for an attribute what was there and what is.
fn what(row: &NativeChangeRow) -> impl IntoView + use<> {
    let change = &row.change;
    let shown = |value: &Option<Value>| match value {
        Some(value) => view! { <span class="mono">{value.to_string()}</span> }.into_any(),
        None => view! { <span class="subtle">"nothing"</span> }.into_any(),
    };
    match change.kind {
        NativeChangeKind::Attribute => {
            let (before, after) = (shown(&change.before), shown(&change.after));
            view! { <strong>{words::attribute(&change.name)}</strong>": "{before}" → "{after} }.into_any()
        }
        NativeChangeKind::EntitlementAdded | NativeChangeKind::EntitlementRemoved => {
            let label = row.entitlement_label.clone().unwrap_or_else(|| change.name.clone());
            view! { {change.kind.label()}": "<strong>{label}</strong> }.into_any()
        }
        kind => view! { {kind.label()} }.into_any(),
    }
}

/// Why it is where it is, and who decided.
fn remark(change: &NativeChange, clock: &Clock) -> impl IntoView + use<> {
    let why = change.why.clone().map(|why| view! { <div class="muted wrap">{why}</div> });
    let by = match (&change.decided_by, change.decided_at) {
        (Some(by), Some(at)) => {
            let comment = change.comment.clone().map(|comment| format!(": {comment}")).unwrap_or_default();
            Some(view! { <div class="subtle wrap">"by "{by.clone()}" "{ago(clock, at)}{comment}</div> }.into_any())
        }
        _ => by_itself(change).map(|text| view! { <div class="subtle">{text}</div> }.into_any()),
    };
    let over = (change.state == NativeChangeState::Accepted && !change.holds)
        .then(|| view! { <div class="subtle">"The role model asks for something else by now."</div> });
    view! { {why}{by}{over} }
}

fn by_itself(change: &NativeChange) -> Option<&'static str> {
    match (change.state, change.reaction) {
        (NativeChangeState::Accepted, NativeReaction::Accept) => Some("as the settings say"),
        (NativeChangeState::Reverting | NativeChangeState::Reverted, NativeReaction::Revert) => {
            Some("as the settings say")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_button_says_what_to_decide_about_which() {
        use NativeDecision::{Accept, Revert};
        for (text, expected) in [
            ("accept", Some((Accept, Which::Ticked))),
            ("revert", Some((Revert, Which::Ticked))),
            ("accept:17", Some((Accept, Which::One(NativeChangeId(17))))),
            ("revert:all", Some((Revert, Which::All))),
            ("revert:x", None),
            ("keep:17", None),
            ("", None),
        ] {
            assert_eq!(read(text).ok(), expected, "{text}");
        }
    }

    #[test]
    fn each_refusal_is_named() {
        let refused = || Err(ApiError::conflict("Somebody has decided on it meanwhile."));
        let outcomes = vec![(NativeChangeId(1), Ok(NativeChangeState::Reverting)), (NativeChangeId(2), refused())];
        let said = flash(NativeDecision::Revert, &outcomes);
        assert_eq!(said.title, "1 of 2 native changes to be set back; 1 refused. Orders are being made for that.");
        let lines = vec!["Native change 2: Somebody has decided on it meanwhile.".to_owned()];
        assert_eq!((said.kind, said.lines), (FlashKind::Partly, lines));
        let said = flash(NativeDecision::Revert, &vec![(NativeChangeId(2), refused())]);
        assert_eq!((said.kind, said.title.as_str()), (FlashKind::Failed, "No native changes to be set back."));
        let said = flash(NativeDecision::Accept, &vec![(NativeChangeId(1), Ok(NativeChangeState::Accepted))]);
        assert_eq!((said.kind, said.title.as_str()), (FlashKind::Done, "1 native change accepted."));
    }
}
