//! What reviewers declined: who, when and why; and taking a decision back.

use leptos::prelude::*;
use model::page::Page;
use model::plan::{ItemKind, ItemOperation};
use model::review::{DeclinedChange, DeclinedRow};

use crate::components::form;
use crate::components::list::{Choice, Empty, ago, empty, filter_chips, pagination};
use crate::frame::{Section, Sheet};
use crate::logic::address::Address;
use crate::logic::time::Clock;
use crate::logic::words;

pub fn declined_sheet(page: Page<DeclinedRow>, with_reopened: bool, is_first: bool, clock: &Clock) -> Sheet {
    let list = Address::new("/review/declined").with("all", with_reopened.then_some("yes"));
    let shown = page.rows.len();
    let choices = [("Not ordered again", false), ("All, with those reopened", true)].map(|(label, all)| Choice {
        label: label.to_owned(),
        count: None,
        address: Address::new("/review/declined").with("all", all.then_some("yes")).to_string(),
        chosen: all == with_reopened,
        shape: None,
    });
    let content = if shown == 0 {
        empty(
            "Nothing is declined",
            Empty::AllDone {
                text: "What a reviewer declines is kept here, and is not ordered again until it is reopened.",
            },
        )
    } else {
        table(&page.rows, clock).into_any()
    };
    let body = view! {
        <header class="page-head">
            <h1>"Declined changes"</h1>
            <p class="muted">"Not ordered again as long as the same is wanted. A reviewer can reopen each."</p>
        </header>
        {filter_chips("Which", choices.into())}
        {content}
        {(shown > 0).then(|| pagination(list, shown, page.total.into(), is_first, page.next.clone(), ("decision", "decisions")))}
    };
    Sheet { section: Section::Review, title: "Declined changes".to_owned(), body: body.into_any() }
}

fn table(rows: &[DeclinedRow], clock: &Clock) -> impl IntoView + use<> {
    let lines = rows
        .iter()
        .map(|row| {
            let declined = &row.declined;
            let end = match (&declined.reopened_by, declined.reopened_at) {
                (Some(by), Some(at)) => view! { <span class="muted">"reopened by "{by.clone()}" "{ago(clock, at)}</span> }.into_any(),
                _ => form::action("/api/pages/review/reopen", declined.id, "Reopen", "back", "button").into_any(),
            };
            view! {
                <tr data-row="">
                    <td data-label="Person" class="name"><a data-open="" href=format!("/identities/{}", declined.identity)>{row.identity_name.clone()}</a></td>
                    <td data-label="Application">{row.application.clone()}</td>
                    <td data-label="What">{what(declined)}</td>
                    <td data-label="Why" class="wide wrap">{declined.comment.clone()}</td>
                    <td data-label="By">{declined.declined_by.clone()}</td>
                    <td data-label="When" class="when">{ago(clock, declined.declined_at)}</td>
                    <td data-label="Order" class="id"><a href=format!("/orders/{}", declined.order)>{declined.order.to_string()}</a></td>
                    <td data-label="Reopen">{end}</td>
                </tr>
            }
        })
        .collect_view();
    view! {
        <table class="ledger">
            <thead><tr>
                <th scope="col">"Person"</th><th scope="col">"Application"</th><th scope="col">"What"</th><th scope="col">"Why"</th>
                <th scope="col">"By"</th><th scope="col">"When"</th><th scope="col">"Order"</th><th scope="col"><span class="sr">"Reopen"</span></th>
            </tr></thead>
            <tbody>{lines}</tbody>
        </table>
    }
}

/// "department → Sales", "+ sellers", "the account: create".
fn what(declined: &DeclinedChange) -> String {
    match (declined.kind, declined.operation, &declined.value) {
        (ItemKind::Lifecycle, _, _) => format!("the account: {}", words::operation(declined.account_operation)),
        (ItemKind::Entitlement, ItemOperation::Remove, _) => format!("− {}", declined.name),
        (ItemKind::Entitlement, _, _) => format!("+ {}", declined.name),
        (ItemKind::Attribute, ItemOperation::Remove, _) => format!("{} → nothing", words::attribute(&declined.name)),
        (ItemKind::Attribute, _, Some(value)) => format!("{} → {value}", words::attribute(&declined.name)),
        (ItemKind::Attribute, _, None) => format!("{} → ••••", words::attribute(&declined.name)),
    }
}
