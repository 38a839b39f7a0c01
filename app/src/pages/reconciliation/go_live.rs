//! Going live: what would be marked as there before, application by application, and the button that marks it.

use leptos::prelude::*;
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
    let outcome = async {
        let application = Some(application.as_str()).filter(|name| !name.is_empty());
        let marked = engine::reconciliation::go_live(&op, application, again == "yes").await?;
        let (access, accounts) =
            marked.iter().fold((0, 0), |(access, accounts), live| (access + live.access, accounts + live.accounts));
        Ok(Flash::done(format!("Marked as there before: {}.", counted(access, accounts))))
    };
    let outcome = outcome.await;
    ssr::finish(outcome, "/reconciliation/go-live")
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
        let applications = engine::reconciliation::preview_go_live(&op, None).await?;
        Ok(go_live_sheet(&applications, &visitor.rights, &visitor.clock))
    })
}

pub fn go_live_sheet(applications: &[GoLive], rights: &Rights, clock: &Clock) -> Sheet {
    let may_mark = rights.may(engine::reconciliation::GO_LIVE);
    let lines = applications.iter().map(|live| line(live, may_mark, clock)).collect_view();
    let hint = (!may_mark).then(|| refused("Marking what was there before", engine::reconciliation::GO_LIVE));
    let act = may_mark.then(|| view! { <th scope="col"><span class="sr">"Mark"</span></th> });
    let body = view! {
        <header class="page-head">
            <h1>"Go-live"</h1>
            <p class="muted">"Marks what an application holds now and nothing grants as there before. It is then never removed by itself: a person decides."</p>
        </header>
        {hint}
        <table class="ledger">
            <thead><tr><th scope="col">"Application"</th><th scope="col" class="number">"Entitlements held"</th><th scope="col" class="number">"Accounts"</th><th scope="col">"Went live"</th>{act}</tr></thead>
            <tbody>{lines}</tbody>
        </table>
        <div class="actions"><a class="button quiet" href="/reconciliation">{icon("back")}"Reconciliation"</a></div>
    };
    Sheet { section: Section::Reconciliation, title: "Go-live".to_owned(), body: body.into_any() }
}

fn line(live: &GoLive, may_mark: bool, clock: &Clock) -> impl IntoView + use<> {
    let before = match &live.before {
        Some((at, by)) => view! { {ago(clock, *at)}<span class="subtle">" by "{by.clone()}</span> }.into_any(),
        None => view! { <span class="muted">"not yet"</span> }.into_any(),
    };
    let is_again = live.before.is_some();
    let nothing = live.access + live.accounts == 0;
    let button = may_mark.then(|| {
        let what = if is_again { "Mark what came since" } else { "Mark as there before" };
        let about = format!("{what}: {}", live.application_name);
        let form = (!(is_again && nothing)).then(|| {
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
            <td data-label="Entitlements held" class="number">{words::total(live.access)}</td>
            <td data-label="Accounts" class="number">{words::total(live.accounts)}</td>
            <td data-label="Went live" class="when">{before}</td>
            {button}
        </tr>
    }
}
