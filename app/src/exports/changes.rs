//! Lists of what changes: what was asked for, what is ordered, what ran, and what others changed.

use engine::context::OpContext;
use model::error::ApiError;
use model::event::{Event, EventFilter, Stream};
use model::native_change::{NativeChangeFilter, NativeChangeKind, NativeChangeRow};
use model::page::Page;
use model::request::RequestFilter;
use model::review::{ReviewFilter, ReviewOrder};
use model::value::Value;
use model::view::{OrderFilter, RunFilter};

use super::{LIMIT, Rows, place, time};
use crate::components::chip;
use crate::logic::query::{self, Query};
use crate::logic::{event, request, review, words};
use crate::pages::native_changes::kind_of_account;

pub(super) async fn orders(op: &OpContext, query: &Query, after: Option<String>) -> Result<Rows, ApiError> {
    let filter = OrderFilter { after, limit: LIMIT, ..query::orders(query) };
    let page = engine::orders::page(op, filter).await?;
    const COLUMNS: &[&str] =
        &["Order", "Person", "Change", "Application", "Values", "State", "Why", "Tries", "Next try", "Changed"];
    Ok(Rows::of(COLUMNS, page, |row| {
        let (_, _, state) = chip::held_look(row.state, row.reason.as_ref());
        vec![
            row.id.to_string(),
            row.identity_name.clone(),
            words::operation(row.operation).to_owned(),
            row.application.clone(),
            row.summary.clone(),
            state.to_owned(),
            row.reason.as_ref().map(|reason| words::state_reason(reason).0).unwrap_or_default(),
            row.attempts.to_string(),
            time(row.next_attempt_at.filter(|_| row.state.is_open())),
            time(Some(row.changed_at)),
        ]
    }))
}

/// A line for each property that waits for a word, as the page shows them, and one for each order that failed.
pub(super) async fn review(op: &OpContext, query: &Query, after: Option<String>) -> Result<Rows, ApiError> {
    let filter = ReviewFilter { after: place(after.as_ref())?, limit: LIMIT, ..review::filter(query) };
    let page = engine::reviews::page(op, filter).await?;
    const COLUMNS: &[&str] = &[
        "Order",
        "State",
        "Kind",
        "Person",
        "Application",
        "Account type",
        "Account",
        "Why",
        "What",
        "Now",
        "Proposed",
        "Holds",
        "Needed",
        "Ordered",
    ];
    let rows = page.orders.iter().flat_map(review_lines).collect();
    Ok(Rows { columns: COLUMNS, rows, next: page.next })
}

fn review_lines(row: &ReviewOrder) -> Vec<Vec<String>> {
    let order = &row.order;
    let (_, _, state) = chip::held_look(order.state, order.reason.as_ref());
    let why = match &order.reason {
        Some(reason) => words::state_reason(reason).0,
        None => order.explanation.clone(),
    };
    let line = |[what, now, proposed, holds, needed]: [String; 5]| {
        vec![
            order.id.to_string(),
            state.to_owned(),
            words::review_kind(row.kind).to_owned(),
            row.identity_name.clone(),
            row.application_name.clone(),
            row.account_type_label.clone(),
            order.key.clone().unwrap_or_default(),
            why.clone(),
            what,
            now,
            proposed,
            holds,
            needed,
            time(Some(order.created_at)),
        ]
    };
    let lines = review::open_items(order).map(|item| {
        let change = words::change(item);
        let holds = row.periods.iter().find(|(id, _)| *id == item.id).map(|(_, period)| words::period(period));
        let needed = if row.needed.contains(&item.id) { "yes" } else { "" };
        line([change.what, change.before, change.after, holds.unwrap_or_default(), needed.to_owned()])
    });
    let mut lines: Vec<Vec<String>> = lines.collect();
    if lines.is_empty() {
        lines.push(line([const { String::new() }; 5]));
    }
    lines
}

pub(super) async fn events(op: &OpContext, query: &Query, after: Option<String>) -> Result<Rows, ApiError> {
    let filter = EventFilter { before: place(after.as_ref())?, limit: LIMIT, ..query::events(query) };
    let page = engine::events::operate::page(op, &filter).await?.page;
    let text =
        |event: &Event, name: &str| event.body.data.get(name).and_then(Value::as_text).unwrap_or_default().to_owned();
    Ok(match filter.stream {
        Stream::Events => {
            const COLUMNS: &[&str] =
                &["Number", "Type", "Person", "Key", "Application", "What", "Order", "Run", "When"];
            Rows::of(COLUMNS, page, |event| {
                let body = &event.body;
                let whom = body.identity.as_ref();
                vec![
                    event.sequence.to_string(),
                    body.kind.name().to_owned(),
                    whom.map(|identity| identity.display_name.clone()).unwrap_or_default(),
                    whom.map(|identity| identity.key.clone()).unwrap_or_default(),
                    body.application.clone().unwrap_or_default(),
                    event::said(body),
                    body.order.map(|order| order.to_string()).unwrap_or_default(),
                    body.run.map(|run| run.to_string()).unwrap_or_default(),
                    time(Some(body.at)),
                ]
            })
        }
        Stream::Audit => {
            const COLUMNS: &[&str] = &["Number", "Who", "What", "To what", "Detail", "When"];
            Rows::of(COLUMNS, page, |event| {
                let mut cells = vec![event.sequence.to_string()];
                cells.extend(["actor", "action", "subject", "detail"].map(|name| text(event, name)));
                cells.push(time(Some(event.body.at)));
                cells
            })
        }
    })
}

pub(super) async fn requests(op: &OpContext, query: &Query, after: Option<String>) -> Result<Rows, ApiError> {
    let filter = RequestFilter { after, limit: LIMIT, ..query::requests(query) };
    let page = engine::requests::page(op, filter).await?;
    const COLUMNS: &[&str] =
        &["Request", "Asked for", "Person", "Set off by", "Requester", "Why", "State", "From", "Until", "Asked"];
    let day = |day: Option<jiff::civil::Date>| day.map(|day| day.to_string()).unwrap_or_default();
    Ok(Rows::of(COLUMNS, page, |row| {
        let items: Vec<String> = row.items.iter().map(|(item, label)| request::asked(item, label)).collect();
        vec![
            row.id.to_string(),
            items.join("; "),
            row.identity_name.clone(),
            row.trigger.label().to_owned(),
            row.requester.clone(),
            row.justification.clone(),
            row.state.label().to_owned(),
            day(row.not_before),
            day(row.until),
            time(Some(row.submitted_at)),
        ]
    }))
}

pub(super) async fn bulk_changes(op: &OpContext, after: Option<String>) -> Result<Rows, ApiError> {
    let page = engine::bulk_changes::page(op, place(after.as_ref())?).await?;
    const COLUMNS: &[&str] = &["Id", "Bulk change", "Why", "Rows", "State", "Begun by", "Begun"];
    Ok(Rows::of(COLUMNS, page, |row| {
        vec![
            row.id.to_string(),
            row.title.clone(),
            row.reason.clone(),
            row.rows.to_string(),
            row.state.label().to_owned(),
            row.created_by.clone(),
            time(Some(row.created_at)),
        ]
    }))
}

pub(super) async fn native_changes(op: &OpContext, query: &Query, after: Option<String>) -> Result<Rows, ApiError> {
    let filter = NativeChangeFilter { before: place(after.as_ref())?, limit: LIMIT, ..query::native_changes(query) };
    let page = engine::native_changes::page(op, &filter).await?;
    const COLUMNS: &[&str] =
        &["Id", "Account", "Person", "Application", "Account type", "Change", "State", "Why", "Seen"];
    Ok(Rows::of(COLUMNS, page, |row| {
        vec![
            row.change.id.to_string(),
            row.called.clone().unwrap_or_else(|| row.change.key.clone()),
            row.identity_name.clone().unwrap_or_default(),
            row.application_name.clone(),
            kind_of_account(row),
            changed(row),
            row.change.state.label().to_owned(),
            row.change.why.clone().unwrap_or_default(),
            time(Some(row.change.seen_at)),
        ]
    }))
}

/// "title: Clerk → Head".
fn changed(row: &NativeChangeRow) -> String {
    let change = &row.change;
    let shown = |value: &Option<Value>| value.as_ref().map_or_else(|| "nothing".to_owned(), ToString::to_string);
    match change.kind {
        NativeChangeKind::Attribute => {
            format!("{}: {} → {}", words::attribute(&change.name), shown(&change.before), shown(&change.after))
        }
        NativeChangeKind::EntitlementAdded | NativeChangeKind::EntitlementRemoved => {
            let label = row.entitlement_label.as_ref().unwrap_or(&change.name);
            format!("{}: {label}", change.kind.label())
        }
        kind => kind.label().to_owned(),
    }
}

pub(super) async fn runs(op: &OpContext, query: &Query, after: Option<String>) -> Result<Rows, ApiError> {
    let limit = engine::exports::IN_A_PIECE;
    let filter = RunFilter { job: query.get("job"), before: place(after.as_ref())?, limit };
    let rows = engine::jobs::runs(op, filter).await?;
    let is_full = u32::try_from(rows.len()).is_ok_and(|count| count >= limit);
    let next = rows.last().filter(|_| is_full).map(|row| row.run.id.to_string());
    const COLUMNS: &[&str] = &["Run", "Job", "Mode", "State", "By", "Queued", "Started", "Finished", "Message"];
    Ok(Rows::of(COLUMNS, Page { rows, next, total: 0, more: false }, |row| {
        vec![
            row.run.id.to_string(),
            row.job_label.clone(),
            words::run_mode(row.run.mode),
            words::run_state(row.run.state).to_owned(),
            words::started_by(row),
            time(Some(row.run.queued_at)),
            time(row.run.started_at),
            time(row.run.finished_at),
            row.run.message.clone().unwrap_or_default(),
        ]
    }))
}

pub(super) async fn applications(op: &OpContext) -> Result<Rows, ApiError> {
    let rows = engine::applications::rows(op).await?;
    const COLUMNS: &[&str] = &[
        "Key",
        "Application",
        "Trouble",
        "Mechanism",
        "Connection",
        "Accounts",
        "Without owner",
        "Open orders",
        "Failed",
        "Read",
    ];
    Ok(Rows::all(COLUMNS, &rows, |row| {
        vec![
            row.name.clone(),
            row.display_name.clone(),
            row.trouble.clone().unwrap_or_default(),
            words::mechanism(row.mechanism).to_owned(),
            row.connection.clone(),
            row.accounts.to_string(),
            row.without_owner.to_string(),
            row.open_orders.to_string(),
            row.failed_orders.to_string(),
            time(row.last_synchronized_at),
        ]
    }))
}
