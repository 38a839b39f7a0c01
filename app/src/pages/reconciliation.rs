//! Reconciliation: what applications hold and nothing grants, and what people decide about it.

pub mod go_live;
mod lines;

use std::collections::BTreeMap;

use engine::reconciliation::{MOST_AT_ONCE, Matching};
use leptos::prelude::*;
use model::error::ApiError;
use model::ids::ReconciliationId;
use model::page::Counted;
use model::reconciliation::{Lines, Origin, ReconciliationFilter, Subject, Verdict, View, Word};

use crate::components::form::{no_default, option, refused};
use crate::components::icon::icon;
use crate::components::list::{Choice, Empty, active_filters, empty, filter_chips, pages, pagination, tabs};
use crate::frame::{Rights, Section, Sheet};
use crate::islands::Selection;
use crate::logic::address::Address;
use crate::logic::flash::{Flash, FlashKind};
use crate::logic::query::{Query, reconciliation, reconciliation_address};
use crate::logic::time::Clock;
use crate::logic::words;
use crate::pages::{Asked, page};
use crate::ssr;

pub use go_live::{GoLivePage, go_live_sheet};
pub(crate) use lines::{decided, outlook};

/// Decides about what is ticked, or about all that match the list's address (`list`) and are those that were seen (`seen`, a
/// digest of them). `act` is the button that was pressed.
#[server(prefix = "/api/pages", endpoint = "reconciliation/decide")]
pub async fn decide_reconciliation(
    #[server(default)] list: String,
    #[server(default)] seen: String,
    #[server(default)] ids: Vec<String>,
    #[server(default)] act: String,
    #[server(default)] reason: String,
    #[server(default)] until: String,
    #[server(default)] responsible: String,
) -> Result<(), ServerFnError> {
    let op = ssr::op().await?;
    let filter = reconciliation(&Query::parse(&list));
    let asked = Form { ids, act, reason, until, responsible };
    let outcome = async { carry_out(&op, (&filter, &seen), asked).await }.await;
    ssr::finish(outcome, &reconciliation_address(&filter).to_string())
}

/// Takes one decision back.
#[server(prefix = "/api/pages", endpoint = "reconciliation/undo")]
pub async fn undo_reconciliation(#[server(default)] id: String) -> Result<(), ServerFnError> {
    let op = ssr::op().await?;
    let outcome = async {
        let id: ReconciliationId = ssr::id(&id, "decision")?;
        let outcomes = engine::reconciliation::undo(&op, &[id]).await?;
        Ok(Flash::of_each(&outcomes, ("decision", "decisions"), "taken back. What it was about is open again"))
    };
    let outcome = outcome.await;
    ssr::finish(outcome, "/reconciliation?view=decided")
}

struct Form {
    ids: Vec<String>,
    act: String,
    reason: String,
    until: String,
    responsible: String,
}

async fn carry_out(
    op: &engine::context::OpContext,
    (filter, seen): (&ReconciliationFilter, &str),
    form: Form,
) -> Result<Flash, ApiError> {
    let (verdict, is_all) = read(&form.act)?;
    let until = match form.until.trim() {
        "" => None,
        day => Some(day.parse().map_err(|_| ApiError::invalid("until", "This is no day. Write it like 2027-01-31."))?),
    };
    let word = Word {
        verdict,
        reason: form.reason,
        until: until.filter(|_| verdict != Verdict::Remove),
        responsible: Some(form.responsible).filter(|login| !login.trim().is_empty()),
    };
    let outcomes = match is_all {
        true => engine::reconciliation::decide_all(op, filter, seen, &word).await?,
        false => {
            let subjects = form.ids.iter().map(|id| id.parse::<Subject>());
            let subjects =
                subjects.collect::<Result<Vec<_>, _>>().map_err(|error| ApiError::invalid("ids", error.to_string()))?;
            engine::reconciliation::decide(op, &subjects, &word).await?
        }
    };
    Ok(flash(verdict, filter.view, &outcomes))
}

/// `keep`, `remove:all`.
fn read(act: &str) -> Result<(Verdict, bool), ApiError> {
    let (name, which) = act.split_once(':').map_or((act, None), |(name, which)| (name, Some(which)));
    let is_all = match which {
        None => Some(false),
        Some("all") => Some(true),
        Some(_) => None,
    };
    Verdict::from_name(name)
        .zip(is_all)
        .ok_or_else(|| ApiError::invalid("act", "Choose whether to keep, to remove or to postpone."))
}

fn flash(verdict: Verdict, view: View, outcomes: &engine::reconciliation::Outcomes) -> Flash {
    let (done, then) = match (verdict, view) {
        (Verdict::Keep, View::Roles) => ("accepted", " Requests were made for that."),
        (Verdict::Keep, View::Orphans | View::Redundant) => ("kept", ""),
        (Verdict::Keep, _) => ("kept", " Requests were made for that."),
        (Verdict::Remove, View::Redundant) => ("dropped", " What a rule gives stays."),
        (Verdict::Remove, View::Roles) => ("declined", ""),
        (Verdict::Remove, _) => ("to be removed", " Orders are being made for that."),
        (Verdict::Postpone, _) => ("postponed", ""),
    };
    let flash = Flash::of_each(outcomes, ("line", "lines"), done);
    match flash.kind {
        FlashKind::Failed => flash,
        FlashKind::Done | FlashKind::Partly => Flash { title: flash.title + then, ..flash },
    }
}

/// What the list shows beside its rows.
pub struct Around {
    /// Of proposed roles only where they are shown.
    pub counts: BTreeMap<View, Counted>,
    /// Names, with what people call them.
    pub applications: Vec<(String, String)>,
    pub account_types: Vec<(String, String)>,
    /// Where all that match are to be decided about, or the first of them.
    pub all: Option<Matching>,
    /// What the list leaves out, because it has to be compared with what is granted first.
    pub left_out: Option<String>,
}

#[component]
pub fn ReconciliationPage() -> impl IntoView {
    page(|Asked { op, visitor, query }| async move {
        let filter = reconciliation(&query);
        let lines = engine::reconciliation::page(&op, &filter).await?;
        let counts = engine::reconciliation::counts(&op, &filter, &lines).await?;
        let choices = engine::reconciliation::choices(&op)?;
        let all = match query.get("all") {
            Some(_) => Some(engine::reconciliation::matching(&op, &filter).await?),
            None => None,
        };
        let left_out = engine::reconciliation::left_out(&op, &filter).await?;
        let engine::reconciliation::Choices { applications, account_types } = choices;
        let around = Around { counts, applications, account_types, all, left_out };
        Ok(reconciliation_sheet(&filter, &lines, &around, &visitor.rights, &visitor.clock))
    })
}

pub fn reconciliation_sheet(
    filter: &ReconciliationFilter,
    lines: &Lines,
    around: &Around,
    rights: &Rights,
    clock: &Clock,
) -> Sheet {
    let plain =
        ReconciliationFilter { view: filter.view, after: filter.after.clone(), ..ReconciliationFilter::default() };
    let clear = reconciliation_address(&ReconciliationFilter { after: None, ..plain.clone() }).to_string();
    let content = match (lines.shown(), *filter == plain) {
        _ if around.all.as_ref().is_some_and(|all| all.count > 0) => board(filter, lines, around, rights, clock),
        (0, _) if lines.next().is_some() => {
            view! { <p class="muted">"Nothing among those who were looked at so far. Go on to look at others."</p> }
                .into_any()
        }
        (0, _) if filter.after.is_some() => {
            view! { <p class="muted">"Nothing more: the list ends here."</p> }.into_any()
        }
        (0, true) if around.left_out.is_some() => ().into_any(),
        (0, false) => empty("Nothing found", Empty::Filtered { clear }),
        (0, true) => empty("Nothing to decide", Empty::AllDone { text: nothing(filter.view) }),
        _ => board(filter, lines, around, rights, clock),
    };
    let of_person = filter.identity.map(|id| {
        let without = ReconciliationFilter { identity: None, after: None, ..filter.clone() };
        (format!("Only of identity {id}"), reconciliation_address(&without).to_string())
    });
    let views = View::ALL.map(|view| {
        let of = ReconciliationFilter { view, after: None, origin: None, ..filter.clone() };
        let address = reconciliation_address(&of).to_string();
        (short(view).to_owned(), address, around.counts.get(&view).copied(), view == filter.view)
    });
    let go_live = rights.may(engine::reconciliation::GO_LIVE).then(|| {
        view! { <a class="button" href="/reconciliation/go-live">{icon("flask")}"Go-live"</a> }
    });
    let body = view! {
        <header class="page-head">
            <h1>"Reconciliation"</h1>
            <p class="muted">{explained(filter.view)}</p>
        </header>
        <div class="actions">{go_live}</div>
        {tabs("Views of the reconciliation", views.into())}
        {origins(filter)}
        {search(filter, around)}
        {active_filters(of_person.into_iter().collect())}
        {around.left_out.clone().map(|sentence| compared(sentence, filter))}
        {content}
        {way_on(filter, lines)}
    };
    Sheet { section: Section::Reconciliation, title: "Reconciliation".to_owned(), body: body.into_any() }
}

/// Roles are sought while somebody looks, page by page: how many there are nobody knows before the end.
fn way_on(filter: &ReconciliationFilter, lines: &Lines) -> Option<AnyView> {
    let (list, shown, counted) = (reconciliation_address(filter), lines.shown(), lines.counted());
    let (is_first, next) = (filter.after.is_none(), lines.next().cloned());
    if filter.view == View::Roles && counted.more {
        let said = words::plural(shown as u64, "line on this page", "lines on this page");
        return Some(pages(list, said, is_first, next.map(|after| ("Go on", after))).into_any());
    }
    (shown > 0).then(|| pagination(list, shown, counted, is_first, next, ("line", "lines")).into_any())
}

/// What the list does not have yet.
fn compared(sentence: String, filter: &ReconciliationFilter) -> impl IntoView + use<> {
    let again = reconciliation_address(filter).to_string();
    view! {
        <section class="panel" role="status">
            <p class="answer">{icon("clock")}{sentence}</p>
            <div class="actions"><a class="button" href=again>"Look again"</a></div>
        </section>
    }
}

/// On its tab; the sentence above the tabs says the rest.
fn short(view: View) -> &'static str {
    match view {
        View::Access => "Access",
        View::Accounts => "Accounts",
        View::Orphans => "Without owner",
        View::Redundant => "Redundant",
        View::Roles => "Roles",
        View::Decided => "Decided",
    }
}

fn explained(view: View) -> &'static str {
    match view {
        View::Access => "What people hold in applications, with no rule, request or role behind it.",
        View::Accounts => "Accounts in use of known people, with no rule, request or role behind them.",
        View::Orphans => "Accounts in use that belong to nobody.",
        View::Redundant => "What was given directly, and a rule gives as well.",
        View::Roles => "Roles and access profiles that would explain what people hold.",
        View::Decided => "What people decided, and can take back.",
    }
}

fn nothing(view: View) -> &'static str {
    match view {
        View::Access => "Everything that people hold is granted, or somebody has decided about it.",
        View::Accounts => "Every account in use is granted, or somebody has decided about it.",
        View::Orphans => "Every account in use belongs to somebody, or somebody has decided about it.",
        View::Redundant => "Nothing is given directly that a rule gives as well.",
        View::Roles => "No role would explain what nothing grants.",
        View::Decided => "Nobody has decided anything yet.",
    }
}

fn origins(filter: &ReconciliationFilter) -> impl IntoView + use<> {
    matches!(filter.view, View::Access | View::Accounts).then(|| {
        let at = |origin| {
            reconciliation_address(&ReconciliationFilter { origin, after: None, ..filter.clone() }).to_string()
        };
        let choice = |label: &str, origin: Option<Origin>, shape| Choice {
            label: label.to_owned(),
            count: None,
            address: at(origin),
            chosen: filter.origin == origin,
            shape,
        };
        let all = choice("All", None, None);
        let some = Origin::ALL.map(|origin| choice(origin.label(), Some(origin), Some(lines::origin_look(origin).1)));
        filter_chips("Since when", std::iter::once(all).chain(some).collect())
    })
}

fn search(filter: &ReconciliationFilter, around: &Around) -> impl IntoView + use<> {
    let choices = |known: &[(String, String)], chosen: &Option<String>| {
        let options =
            known.iter().map(|(name, label)| option(name.clone(), label.clone(), chosen.as_ref() == Some(name)));
        options.collect_view()
    };
    let has_types = matches!(filter.view, View::Access | View::Accounts | View::Orphans | View::Roles);
    let types = has_types.then(|| {
        view! { <select name="account_type" aria-label="Account type"><option value="">"Every account type"</option>{choices(&around.account_types, &filter.account_type)}</select> }
    });
    view! {
        <form class="filters" action="/reconciliation" role="search" aria-label="Filter the reconciliation">
            <input type="hidden" name="view" value=filter.view.name() />
            <input type="search" name="text" value=filter.text.clone() placeholder="Person or account" aria-label="Person or account" />
            <select name="application" aria-label="Application"><option value="">"Every application"</option>{choices(&around.applications, &filter.application)}</select>
            {types}
            <label class="muted">"Known since "<input type="date" name="since" value=filter.since.map(|day| day.to_string()) /></label>
            {filter.origin.map(|origin| view! { <input type="hidden" name="origin" value=origin.name() /> })}
            {filter.identity.map(|id| view! { <input type="hidden" name="identity" value=id.to_string() /> })}
            <button class="button">"Filter"</button>
        </form>
    }
}

/// One form around all rows, with what can be said about those that are ticked below.
fn board(filter: &ReconciliationFilter, lines: &Lines, around: &Around, rights: &Rights, clock: &Clock) -> AnyView {
    let may_decide = rights.may(engine::reconciliation::DECIDE);
    if filter.view == View::Decided || !may_decide {
        let hint = (!may_decide).then(|| refused("Deciding about these", engine::reconciliation::DECIDE));
        return view! { {hint}{lines::table(lines, false, may_decide, rights, clock)} }.into_any();
    }
    let list = reconciliation_address(filter).query();
    if let Some(matching) = around.all.as_ref().filter(|matching| matching.count > 0) {
        return confirmation(filter, matching);
    }
    let counted = lines.counted();
    let all = (counted.count > 1).then(|| {
        let address = all_address(filter, filter.after.as_deref()).to_string();
        let most = u64::from(MOST_AT_ONCE);
        let label = match (counted.count > most || counted.more, &filter.after) {
            (_, Some(_)) => format!("Decide about all from here on, at most {} …", words::number(most)),
            (true, None) => format!("Decide about all, at most {} …", words::number(most)),
            (false, None) => format!("Decide about all {} …", words::number(counted.count)),
        };
        view! { <a class="button quiet" href=address>{label}</a> }
    });
    view! {
        <form method="post" action="/api/pages/reconciliation/decide" class="bulk">
            {no_default()}
            <input type="hidden" name="list" value=list />
            {lines::table(lines, true, may_decide, rights, clock)}
            <div class="bulk-bar">
                <Selection />
                {said(filter.view)}
                {verdicts(filter.view, false)}
                <span class="spring"></span>
                {all}
            </div>
        </form>
    }
    .into_any()
}

/// What has to be said with a decision.
fn said(view: View) -> impl IntoView + use<> {
    let responsible = (view == View::Orphans).then(|| {
        view! { <input name="responsible" maxlength="200" placeholder="Login of who answers for it, to keep" aria-label="Login of who answers for it" autocomplete="off" /> }
    });
    let until = (view != View::Roles).then(|| {
        view! { <label class="muted nowrap">{if view == View::Orphans || view == View::Redundant { "Postpone until " } else { "Keep or postpone until " }}<input type="date" name="until" /></label> }
    });
    view! {
        <input name="reason" required maxlength="500" placeholder="Why; it is kept with the decision" aria-label="Why" autocomplete="off" />
        {responsible}
        {until}
    }
}

/// The buttons: label, sign and class of each.
fn verdicts(view: View, is_all: bool) -> impl IntoView + use<> {
    let buttons = offered(view).into_iter().map(|(verdict, label)| {
        let value = if is_all { format!("{}:all", verdict.name()) } else { verdict.name().to_owned() };
        let (shape, class) = match verdict {
            Verdict::Keep => ("check", "button"),
            Verdict::Remove => ("ban", "button danger"),
            Verdict::Postpone => ("clock", "button"),
        };
        view! { <button class=class name="act" value=value>{icon(shape)}{label}</button> }
    });
    buttons.collect_view()
}

/// What can be said in a view, in words. Of accounts of nobody none is removed: an order is about a person.
fn offered(view: View) -> Vec<(Verdict, &'static str)> {
    match view {
        View::Access | View::Accounts => {
            vec![(Verdict::Keep, "Keep"), (Verdict::Remove, "Remove"), (Verdict::Postpone, "Postpone")]
        }
        View::Orphans => vec![(Verdict::Keep, "Keep as service account"), (Verdict::Postpone, "Postpone")],
        View::Redundant => vec![
            (Verdict::Remove, "Drop the grant"),
            (Verdict::Keep, "Keep until its end"),
            (Verdict::Postpone, "Postpone"),
        ],
        View::Roles => vec![(Verdict::Keep, "Accept"), (Verdict::Remove, "Decline")],
        View::Decided => Vec::new(),
    }
}

/// Where it is asked what is to become of all that match, from there on in the list.
fn all_address(filter: &ReconciliationFilter, after: Option<&str>) -> Address {
    reconciliation_address(filter).with("after", after).with("all", Some("1"))
}

/// What is about to be said about all that match, or the first of these, and how many these are.
fn confirmation(filter: &ReconciliationFilter, matching: &Matching) -> AnyView {
    let list = reconciliation_address(filter);
    // What is decided about begins where the list does.
    let from = list.clone().with("after", filter.after.as_deref()).query();
    let lines = words::plural(matching.count, "line", "lines");
    let (which, these) = match (&matching.next, &filter.after) {
        (Some(_), None) => (
            format!("the first {lines}"),
            format!("More match the filter. These stand first in the list, as they are now: {lines}."),
        ),
        (Some(_), Some(_)) => (
            format!("the next {lines}"),
            format!("More match the filter. These stand next in the list, as they are now: {lines}."),
        ),
        (None, Some(_)) => {
            (format!("the last {lines}"), format!("These are all that follow in the list, as they are now: {lines}."))
        }
        (None, None) => {
            (format!("all {lines}"), format!("These are all that match the filter, as they are now: {lines}."))
        }
    };
    let skip = matching.next.as_ref().map(|next| {
        let address = all_address(filter, Some(next)).to_string();
        view! { <a class="button quiet" href=address>"Leave these, and look at the next"</a> }
    });
    view! {
        <section class="panel confirm" aria-labelledby="confirm-heading">
            <h2 id="confirm-heading">{format!("{}: {which}", filter.view.label())}</h2>
            <p>{these}</p>
            <p class="muted">"What comes or changes from now on is left alone: where it is not these any more, nothing happens."</p>
            <form method="post" action="/api/pages/reconciliation/decide" class="stack">
                {no_default()}
                <input type="hidden" name="list" value=from />
                <input type="hidden" name="seen" value=matching.digest.clone() />
                <div class="filters">{said(filter.view)}</div>
                <div class="actions">
                    {verdicts(filter.view, true)}
                    <a class="button quiet" href=list.to_string()>"Do nothing"</a>
                    {skip}
                </div>
            </form>
        </section>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_button_says_what_to_decide() {
        for (act, expected) in [
            ("keep", Some((Verdict::Keep, false))),
            ("remove", Some((Verdict::Remove, false))),
            ("postpone:all", Some((Verdict::Postpone, true))),
            ("keep:some", None),
            ("explode", None),
            ("", None),
        ] {
            assert_eq!(read(act).ok(), expected, "{act}");
        }
    }

    #[test]
    fn each_view_offers_what_can_be_done() {
        for view in View::ALL {
            let has_remove = offered(view).iter().any(|(verdict, _)| *verdict == Verdict::Remove);
            assert_eq!(has_remove, !matches!(view, View::Orphans | View::Decided), "{view:?}");
        }
    }
}
