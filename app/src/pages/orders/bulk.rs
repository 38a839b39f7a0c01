//! Doing one thing to many orders: ticked ones, or all that match the list's filter. A confirmation on the same page says
//! how many these are; what is done then is done to those, and to none that came or changed afterwards.

use engine::orders::{BulkOutcome, Deed};
use jiff::Timestamp;
use leptos::prelude::*;
use model::error::ApiError;
use model::ids::OrderId;
use model::order::Action;
use model::page::Page;
use model::view::{OrderFilter, OrderRow, OrderSelection, SelectionSummary};

use crate::components::form;
use crate::components::icon::icon;
use crate::frame::Rights;
use crate::islands::Selection;
use crate::logic::flash::{Flash, FlashKind};
use crate::logic::query::{Query, orders_address};
use crate::logic::time::Clock;
use crate::logic::words;
use crate::ssr;

/// What can be done to many; values are changed one order at a time.
const ACTIONS: [Action; 6] =
    [Action::Retry, Action::SendToManual, Action::MarkDone, Action::Hold, Action::Resume, Action::Cancel];

/// What a person is about to do to many.
pub struct Confirming {
    pub action: Action,
    pub selection: OrderSelection,
    pub summary: SelectionSummary,
}

/// What the address asks to confirm.
pub(super) fn confirming(query: &Query, filter: &OrderFilter, now: Timestamp) -> Option<(Action, OrderSelection)> {
    let action = Action::from_name(&query.get("act")?).filter(|action| ACTIONS.contains(action))?;
    let ids = query.all("ids[]").iter().filter_map(|id| id.parse().ok()).collect();
    let filter = OrderFilter { after: None, ..filter.clone() };
    Some((action, OrderSelection { filter, ids, seen_at: now }))
}

/// A confirmed form that makes sense.
#[derive(Debug)]
pub(super) struct AskedFor {
    pub(super) action: Action,
    pub(super) deed: Deed,
    pub(super) selection: OrderSelection,
    pub(super) expected: u64,
}

pub(super) fn asked(
    filter: &OrderFilter,
    action: &str,
    ids: &str,
    seen_at: &str,
    expected: &str,
    text: String,
) -> Result<AskedFor, ApiError> {
    let again = |field| ApiError::invalid(field, "This form is not complete. Go back to the list and choose again.");
    let action = Action::from_name(action).ok_or_else(|| again("action"))?;
    let deed = Deed::from_parts(action, text).ok_or_else(|| again("action"))?;
    let ids: Result<Vec<OrderId>, ApiError> =
        ids.split(',').filter(|id| !id.is_empty()).map(|id| ssr::id(id, "order")).collect();
    let selection = OrderSelection {
        filter: OrderFilter { after: None, ..filter.clone() },
        ids: ids?,
        seen_at: seen_at.parse().map_err(|_| again("seen_at"))?,
    };
    Ok(AskedFor { action, deed, selection, expected: expected.parse().map_err(|_| again("expected"))? })
}

pub(super) fn outcome_flash(action: Action, outcome: &BulkOutcome) -> Flash {
    let refused = outcome.refusals();
    let done = words::action_done(action);
    let title = match (outcome.done, refused) {
        (0, 0) => "There was nothing left to do: none of these orders is as you saw it any more.".to_owned(),
        (count, 0) => format!("{} {done}.", words::plural(count, "order", "orders")),
        (count, refused) => format!(
            "{} of {} {done}; {} not.",
            words::total(count),
            words::plural(count + refused, "order", "orders"),
            words::total(refused)
        ),
    };
    let kind = FlashKind::of(outcome.done, refused);
    let lines =
        outcome.refused.iter().map(|(why, count)| format!("{}: {why}", words::plural(*count, "order", "orders")));
    Flash { kind, title, lines: lines.collect() }
}

/// The list as a form that asks for a confirmation.
pub(super) fn form(filter: &OrderFilter, page: &Page<OrderRow>, rights: &Rights, clock: &Clock) -> AnyView {
    let offered: Vec<Action> =
        ACTIONS.into_iter().filter(|action| rights.may("/Orders/Bulk") && rights.may(action.permission())).collect();
    if offered.is_empty() {
        return super::table(&page.rows, false, clock).into_any();
    }
    let buttons = offered.into_iter().map(|action| {
        view! { <button class="button" name="act" value=action.name()>{icon(shape(action))}{words::action(action)}</button> }
    });
    let all = format!("Without a tick: all that match, {}.", words::counted(page.counted(), "order", "orders"));
    view! {
        <form method="get" action="/orders" class="bulk">
            {fields(filter)}
            {super::table(&page.rows, true, clock)}
            <div class="bulk-bar">
                <Selection />
                <span class="muted">{all}</span>
                <span class="spring"></span>
                {buttons.collect_view()}
            </div>
        </form>
    }
    .into_any()
}

/// The filter as hidden fields.
fn fields(filter: &OrderFilter) -> impl IntoView + use<> {
    let address = orders_address(filter).to_string();
    let query = address.split_once('?').map(|(_, query)| query.to_owned()).unwrap_or_default();
    let pairs: Vec<(String, String)> = query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (crate::logic::address::decode(name), crate::logic::address::decode(value)))
        .collect();
    pairs.into_iter().map(|(name, value)| view! { <input type="hidden" name=name value=value /> }).collect_view()
}

/// What is about to happen to how many, and the button that does it.
pub(super) fn confirmation(confirming: Confirming, rights: &Rights) -> AnyView {
    let Confirming { action, selection, summary } = confirming;
    let list = orders_address(&selection.filter).to_string();
    if !rights.may("/Orders/Bulk") {
        return form::refused("Doing this to several orders", "/Orders/Bulk").into_any();
    }
    if !rights.may(action.permission()) {
        return form::refused(words::action(action), action.permission()).into_any();
    }
    if summary.orders == 0 {
        return view! {
            <div class="banner warn" role="status">{icon("octagon")}<div><p>"No order matches any more. Nothing was done."</p><p><a href=list>"Back to the list"</a></p></div></div>
        }
        .into_any();
    }
    let orders = words::plural(summary.orders, "order", "orders");
    let (which, ids) = match selection.ids.len() {
        0 => ("all that match the filter".to_owned(), String::new()),
        _ => {
            let ids: Vec<String> = selection.ids.iter().map(ToString::to_string).collect();
            ("those you ticked".to_owned(), ids.join(","))
        }
    };
    let places: Vec<String> =
        summary.by_application.iter().map(|(name, count)| format!("{name}: {}", words::total(*count))).collect();
    let query = list.split_once('?').map(|(_, query)| query.to_owned()).unwrap_or_default();
    let text = words::action_text(action).map(|(label, hint)| {
        view! { <label class="field">{label}<input name="text" required maxlength="1000" placeholder=hint /></label> }
    });
    let people = words::plural(summary.people, "person", "people");
    view! {
        <section class="panel confirm" aria-labelledby="confirm-heading">
            <h2 id="confirm-heading">{format!("{}: {orders}", words::action(action))}</h2>
            <p>{format!("These are {which}, as they are now: {orders} of {people}. {}.", places.join(", "))}</p>
            <p class="muted">{words::action_effect(action)}" Orders that come or change from now on are left alone."</p>
            <form method="post" action="/api/pages/orders/bulk">
                <input type="hidden" name="action" value=action.name() />
                <input type="hidden" name="filter" value=query />
                <input type="hidden" name="ids" value=ids />
                <input type="hidden" name="seen_at" value=selection.seen_at.to_string() />
                <input type="hidden" name="expected" value=summary.orders.to_string() />
                {text}
                <div class="actions">
                    <button class=if action == Action::Cancel { "button danger" } else { "button primary" }>{icon(shape(action))}{format!("{} {orders}", words::action(action))}</button>
                    <a class="button quiet" href=list>"Do nothing"</a>
                </div>
            </form>
        </section>
    }
    .into_any()
}

pub(super) fn shape(action: Action) -> &'static str {
    match action {
        Action::Retry => "play",
        Action::Edit => "pencil",
        Action::SendToManual => "wrench",
        Action::MarkDone => "check",
        Action::Cancel => "ban",
        Action::Hold => "hand",
        Action::Resume => "arrow",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_that_makes_no_sense_is_refused() {
        let filter = OrderFilter::default();
        let now = "2026-11-28T03:00:00Z";
        for (action, ids, seen_at, expected, field) in [
            ("explode", "", now, "1", Some("action")),
            ("edit", "", now, "1", Some("action")),
            ("retry", "", "yesterday", "1", Some("seen_at")),
            ("retry", "", now, "many", Some("expected")),
            ("retry", "1,x", now, "1", None),
        ] {
            let error = asked(&filter, action, ids, seen_at, expected, String::new()).unwrap_err();
            assert_eq!(error.field.as_deref(), field, "{action} {ids} {seen_at} {expected}");
        }
        let good = asked(&filter, "hold", "1,2", now, "2", "why".into()).unwrap();
        assert_eq!((good.selection.ids, good.expected), (vec![OrderId(1), OrderId(2)], 2));
        assert_eq!(good.deed, Deed::Hold { why: "why".into() });
    }

    #[test]
    fn what_came_of_it_is_told_with_the_reasons() {
        let mut outcome = BulkOutcome { done: 3, ..BulkOutcome::default() };
        assert_eq!(outcome_flash(Action::Hold, &outcome).title, "3 orders held.");
        outcome.refused.insert("It is held: let it go first.".into(), 2);
        let flash = outcome_flash(Action::Retry, &outcome);
        assert_eq!(flash.title, "3 of 5 orders sent again; 2 not.");
        assert_eq!(
            (flash.kind, flash.lines),
            (FlashKind::Partly, vec!["2 orders: It is held: let it go first.".to_owned()])
        );
        // Nothing to do is nothing gone wrong.
        assert_eq!(outcome_flash(Action::Retry, &BulkOutcome::default()).kind, FlashKind::Done);
    }

    #[test]
    fn an_address_asks_for_a_confirmation_of_what_can_be_done_to_many() {
        let filter = OrderFilter { after: Some("9.9".into()), ..OrderFilter::default() };
        let now = Timestamp::UNIX_EPOCH;
        let (action, selection) =
            confirming(&Query::parse("act=hold&ids%5B%5D=4&ids%5B%5D=5&ids%5B%5D=x"), &filter, now).unwrap();
        assert_eq!((action, selection.ids), (Action::Hold, vec![OrderId(4), OrderId(5)]));
        assert_eq!((selection.filter.after, selection.seen_at), (None, now));
        for query in ["", "act=edit", "act=explode"] {
            assert!(confirming(&Query::parse(query), &filter, now).is_none(), "{query}");
        }
    }
}
