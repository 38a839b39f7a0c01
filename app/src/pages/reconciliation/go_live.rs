//! Going live: what would be marked as there before, application by application, and the button that marks it.

use engine::reconciliation::{Inventory, Standing};
use leptos::prelude::*;
use model::error::ApiError;
use model::reconciliation::GoLive;

use crate::components::form::refused;
use crate::components::icon::icon;
use crate::components::list::ago;
use crate::frame::{Rights, Section, Sheet};
use crate::logic::flash::Flash;
use crate::logic::time::Clock;
use crate::logic::{address, words};
use crate::pages::{Asked, page};
use crate::ssr;

/// Marks what an application holds and nothing grants as there before. `again` where that was done once.
#[server(prefix = "/api/pages", endpoint = "reconciliation/go-live")]
pub async fn mark_go_live(
    #[server(default)] application: String,
    #[server(default)] again: String,
) -> Result<(), ServerFnError> {
    let op = ssr::op().await?;
    let application = Some(application.as_str()).filter(|name| !name.is_empty());
    let begun = engine::reconciliation::begin_go_live(&op, application, again == "yes").await;
    let outcome = begun.map(|standing| said(&standing));
    ssr::finish(outcome, "/reconciliation/go-live")
}

fn said(standing: &Standing<Vec<GoLive>>) -> Flash {
    match standing {
        Standing::Done(marked) => Flash::done(marked_text(marked)),
        Standing::Working { .. } => {
            Flash::done("There is much to mark. It goes on without this page, which says how far it is.")
        }
    }
}

fn counted(access: u64, accounts: u64) -> String {
    format!(
        "{} and {}",
        words::plural(access, "entitlement held", "entitlements held"),
        words::plural(accounts, "account", "accounts")
    )
}

#[component]
pub fn GoLivePage() -> impl IntoView {
    page(|Asked { op, visitor, .. }| async move {
        let inventory = engine::reconciliation::inventory(&op).await?;
        Ok(go_live_sheet(&inventory, &visitor.rights, &visitor.clock))
    })
}

pub fn go_live_sheet(inventory: &Inventory, rights: &Rights, clock: &Clock) -> Sheet {
    let may_mark = rights.may(engine::reconciliation::GO_LIVE);
    let may_begin = may_mark && inventory.marking.is_none();
    let is_counted = inventory.counting.is_none();
    let lines =
        inventory.applications.iter().map(|live| line(live, may_mark, may_begin, is_counted, clock)).collect_view();
    let hint = (!may_mark).then(|| refused("Marking what was there before", engine::reconciliation::GO_LIVE));
    let act = may_mark.then(|| view! { <th scope="col"><span class="sr">"Mark"</span></th> });
    let body = view! {
        <header class="page-head">
            <h1>"Go-live"</h1>
            <p class="muted">"Marks what an application holds now and nothing grants as there before. It is then never removed by itself: a person decides."</p>
        </header>
        {hint}
        {under_way(inventory)}
        {inventory.ended.as_ref().filter(|_| inventory.marking.is_none()).map(|(about, outcome)| ended(about, outcome))}
        <table class="ledger">
            <thead><tr><th scope="col">"Application"</th><th scope="col" class="number">"Entitlements held"</th><th scope="col" class="number">"Accounts"</th><th scope="col">"Went live"</th>{act}</tr></thead>
            <tbody>{lines}</tbody>
        </table>
        <div class="actions"><a class="button quiet" href="/reconciliation">{icon("back")}"Reconciliation"</a></div>
    };
    Sheet { section: Section::Reconciliation, title: "Go-live".to_owned(), body: body.into_any() }
}

/// What goes on without the page.
fn under_way(inventory: &Inventory) -> Option<AnyView> {
    let what = match (&inventory.marking, inventory.counting) {
        (Some((about, done)), _) => {
            format!(
                "What nothing grants is being marked as there before: {about}. {} Start no run that orders before it has \
                 ended.",
                looked_at(*done)
            )
        }
        (None, Some(done)) => format!("What applications hold is being counted. {}", looked_at(done)),
        (None, None) => return None,
    };
    let panel = view! {
        <section class="panel" role="status">
            <p class="answer">{icon("clock")}{what}</p>
            <p>"It goes on without this page."</p>
            <div class="actions"><a class="button primary" href="/reconciliation/go-live">"Look again"</a></div>
        </section>
    };
    Some(panel.into_any())
}

/// What whoever began the last marking was not told.
fn ended(about: &str, outcome: &Result<Vec<GoLive>, ApiError>) -> impl IntoView + use<> {
    let (shape, text) = match outcome {
        Ok(marked) => ("check", format!("{about}: {}", marked_text(marked))),
        Err(error) => (
            "octagon",
            format!(
                "Marking {about} broke off: {} What was marked stays marked; mark it again for the rest.",
                error.message
            ),
        ),
    };
    view! { <section class="panel" role="status"><p class="answer">{icon(shape)}{text}</p></section> }
}

fn marked_text(marked: &[GoLive]) -> String {
    let (access, accounts) =
        marked.iter().fold((0, 0), |(access, accounts), live| (access + live.access, accounts + live.accounts));
    format!("Marked as there before: {}.", counted(access, accounts))
}

fn looked_at(done: u64) -> String {
    match done {
        0 => "It has just begun.".to_owned(),
        1 => "One account was looked at so far.".to_owned(),
        _ => format!("{} accounts were looked at so far.", words::number(done)),
    }
}

fn line(live: &GoLive, may_mark: bool, may_begin: bool, is_counted: bool, clock: &Clock) -> impl IntoView + use<> {
    let before = match &live.before {
        Some((at, by)) => view! { {ago(clock, *at)}<span class="subtle">" by "{by.clone()}</span> }.into_any(),
        None => view! { <span class="muted">"not yet"</span> }.into_any(),
    };
    let is_again = live.before.is_some();
    let nothing = is_counted && live.access + live.accounts == 0;
    let number = move |count: u64| if is_counted { words::total(count) } else { "…".to_owned() };
    let button = may_mark.then(|| {
        let what = if is_again { "Mark what came since" } else { "Mark as there before" };
        let about = format!("{what}: {}", live.application_name);
        let form = (may_begin && !(is_again && nothing)).then(|| {
            view! {
                <form method="post" action="/api/pages/reconciliation/go-live">
                    <input type="hidden" name="application" value=live.application.clone() />
                    {is_again.then(|| view! { <input type="hidden" name="again" value="yes" /> })}
                    <button class=if is_again { "button small" } else { "button small primary" } aria-label=about>{what}</button>
                </form>
            }
        });
        view! { <td data-label="Mark">{form}</td> }
    });
    view! {
        <tr data-row="">
            <td data-label="Application" class="name"><a href=address::application(&live.application)>{live.application_name.clone()}</a></td>
            <td data-label="Entitlements held" class="number">{number(live.access)}</td>
            <td data-label="Accounts" class="number">{number(live.accounts)}</td>
            <td data-label="Went live" class="when">{before}</td>
            {button}
        </tr>
    }
}
