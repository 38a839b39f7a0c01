//! Mails: what was told to whom, what failed, and how one wants to be told oneself.

use leptos::prelude::*;
use model::mail::{MailFilter, MailPreferences, MailRow, MailState, NoticeKind};
use model::page::Page;

use crate::components::chip::{self, Tone};
use crate::components::form;
use crate::components::icon::icon;
use crate::components::list::{Choice, Empty, ago, ago_or_dash, empty, filter_chips, pagination};
use crate::frame::{Rights, Section, Sheet};
use crate::logic::flash::Flash;
use crate::logic::query::{self, mails_address};
use crate::logic::time::Clock;
use crate::pages::{Asked, page};
use crate::ssr;

#[server(prefix = "/api/pages", endpoint = "mails/retry")]
pub async fn retry_mail(#[server(default)] id: String) -> Result<(), ServerFnError> {
    let op = ssr::op().await?;
    let outcome = async { engine::mails::retry(&op, ssr::id(&id, "mail")?).await }.await;
    ssr::finish(outcome.map(|()| Flash::done("The mail is sent again.")), "/mails")
}

/// Kinds that are ticked are wanted; the others are silenced.
#[server(prefix = "/api/pages", endpoint = "my-mail")]
pub async fn save_my_mail(
    #[server(default)] address: String,
    #[server(default)] kinds: Vec<String>,
) -> Result<(), ServerFnError> {
    let op = ssr::op().await?;
    let silenced = NoticeKind::ALL.into_iter().filter(|kind| !kinds.iter().any(|name| name == kind.name())).collect();
    let preferences = MailPreferences { address: Some(address), silenced };
    let outcome = engine::mails::set_my_preferences(&op, preferences).await;
    ssr::finish(outcome.map(|()| Flash::done("Saved. It holds for the next mail.")), "/my-mail")
}

#[component]
pub fn MailsPage() -> impl IntoView {
    page(|Asked { op, visitor, query }| async move {
        let filter = query::mails(&query);
        let rows = engine::mails::page(&op, filter.clone()).await?;
        Ok(mails_sheet(&filter, rows, &visitor.rights, &visitor.clock))
    })
}

#[component]
pub fn MyMailPage() -> impl IntoView {
    page(|Asked { op, .. }| async move {
        let preferences = engine::mails::my_preferences(&op).await?;
        let told = engine::mails::my_subjects(&op);
        Ok(my_mail_sheet(&preferences, &told))
    })
}

pub fn mails_sheet(filter: &MailFilter, page: Page<MailRow>, rights: &Rights, clock: &Clock) -> Sheet {
    let choice = |label: &str, state: Option<MailState>| Choice {
        label: label.to_owned(),
        count: None,
        address: mails_address(&MailFilter { state, ..MailFilter::default() }).to_string(),
        chosen: filter.state == state,
        shape: None,
    };
    let choices = vec![
        choice("All", None),
        choice("Failed", Some(MailState::Failed)),
        choice("Waiting", Some(MailState::Waiting)),
        choice("Sent", Some(MailState::Sent)),
    ];
    let shown = page.rows.len();
    let rows = match (shown, filter.state) {
        (0, None) => empty(
            "No mail yet",
            Empty::NeverUsed {
                text: "People are told by mail of work, reviews, runs and applications in trouble, where the configuration names a mail server.",
                action: None,
            },
        ),
        (0, Some(MailState::Failed)) => {
            empty("Nothing failed", Empty::AllDone { text: "Every mail was taken, or is still tried." })
        }
        (0, Some(_)) => empty("No mails", Empty::Filtered { clear: "/mails".to_owned() }),
        _ => table(&page.rows, rights, clock).into_any(),
    };
    let body = view! {
        <header class="page-head">
            <h1>"Mail"</h1>
            <p class="muted">"What people were told by mail, and what could not be delivered."</p>
        </header>
        {filter_chips("State", choices)}
        {rows}
        {(shown > 0).then(|| pagination(mails_address(filter), shown, page.total, filter.after.is_none(), page.next, ("mail", "mails")))}
    };
    Sheet { section: Section::Elsewhere, title: "Mail".to_owned(), body: body.into_any() }
}

fn table(rows: &[MailRow], rights: &Rights, clock: &Clock) -> impl IntoView + use<> {
    let may_retry = rights.may("/Mails/Retry");
    let rows = rows.iter().map(|row| {
        let (tone, shape, word) = match row.state {
            MailState::Waiting if row.problem.is_some() => (Tone::Warn, "clock", "Failed, tried again"),
            MailState::Waiting => (Tone::Idle, "clock", "Waiting"),
            MailState::Sent => (Tone::Ok, "check", "Sent"),
            MailState::Failed => (Tone::Danger, "octagon", "Failed"),
        };
        let next = row.next_attempt_at.map(|at| view! { <span class="subtle">"next "{ago(clock, at)}</span> });
        let again = (may_retry && row.state != MailState::Sent)
            .then(|| form::action("/api/pages/mails/retry", row.id, "Send again", "play", "button quiet"));
        view! {
            <tr data-row="">
                <td data-label="To" class="name">{row.user_name.clone()}<p class="hint">{row.address.clone()}</p></td>
                <td data-label="Subject">{row.subject.clone()}</td>
                <td data-label="State">{chip::chip(tone, shape, word, String::new())}{row.problem.clone().map(|problem| view! { <p class="hint">{problem}</p> })}</td>
                <td data-label="Tries" class="tries">{row.attempts.to_string()}" "{next}</td>
                <td data-label="Written" class="when">{ago(clock, row.created_at)}</td>
                <td data-label="Sent" class="when">{ago_or_dash(clock, row.sent_at)}</td>
                <td>{again}</td>
            </tr>
        }
    });
    view! {
        <table class="ledger">
            <thead><tr>
                <th scope="col">"To"</th><th scope="col">"Subject"</th><th scope="col">"State"</th><th scope="col">"Tries"</th>
                <th scope="col">"Written"</th><th scope="col">"Sent"</th><th scope="col"><span class="sr">"Action"</span></th>
            </tr></thead>
            <tbody>{rows.collect_view()}</tbody>
        </table>
    }
}

/// `told` says of each kind about what the user's profiles tell.
pub fn my_mail_sheet(preferences: &MailPreferences, told: &[(NoticeKind, Vec<String>)]) -> Sheet {
    let kinds = told.iter().map(|(kind, about)| {
        let wanted = !preferences.silenced.contains(kind);
        let about = if about.is_empty() {
            "Your permission profiles tell you of none.".to_owned()
        } else {
            format!("About {}.", about.join(", "))
        };
        view! {
            <label class="field">
                <span><input type="checkbox" name="kinds[]" value=kind.name() checked=wanted />" "{kind.label()}</span>
                <span class="hint">{about}</span>
            </label>
        }
    });
    let body = view! {
        <header class="page-head">
            <h1>"My mail"</h1>
            <p class="muted">"What you are told of by mail, and where. What there is to tell follows from your permission profiles."</p>
        </header>
        <section class="panel" aria-label="My mail">
            <form method="post" action="/api/pages/my-mail">
                <label class="field">"Address"
                    <input type="email" name="address" value=preferences.address.clone() placeholder="ann@example.org" autocomplete="email" />
                    <span class="hint">"Without one, the address of your identity counts, where there is one."</span>
                </label>
                {kinds.collect_view()}
                <div class="actions"><button class="button primary">{icon("check")}"Save"</button></div>
            </form>
        </section>
    };
    Sheet { section: Section::Elsewhere, title: "My mail".to_owned(), body: body.into_any() }
}
