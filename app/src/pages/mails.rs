//! Mails: what was told to whom, what failed, and how one wants to be told oneself.

use leptos::prelude::*;
use model::mail::{MailFilter, MailOverview, MailPreferences, MailRow, MailState, NoticeKind};
use model::page::Page;

use crate::components::chip::{self, Tone};
use crate::components::form;
use crate::components::icon::icon;
use crate::components::list::{Choice, Empty, ago, ago_or_dash, empty, filter_chips, pagination};
use crate::frame::{Rights, Section, Sheet};
use crate::logic::flash::Flash;
use crate::logic::query::{self, mails_address};
use crate::logic::time::Clock;
use crate::logic::words;
use crate::pages::{Asked, page};
use crate::ssr;

#[server(prefix = "/api/pages", endpoint = "mails/retry")]
pub async fn retry_mail(#[server(default)] id: String) -> Result<(), ServerFnError> {
    let op = ssr::op().await?;
    let outcome = async { engine::mails::retry(&op, ssr::id(&id, "mail")?).await }.await;
    ssr::finish(outcome.map(|()| Flash::done("The mail is sent again.")), "/mails")
}

#[server(prefix = "/api/pages", endpoint = "mails/retry-failed")]
pub async fn retry_failed_mails() -> Result<(), ServerFnError> {
    let op = ssr::op().await?;
    let outcome = engine::mails::retry_failed(&op).await;
    ssr::finish(outcome.map(|n| Flash::done(format!("Sent again: {}.", words::plural(n, "mail", "mails")))), "/mails")
}

#[server(prefix = "/api/pages", endpoint = "mails/give-up")]
pub async fn give_up_mail(#[server(default)] id: String) -> Result<(), ServerFnError> {
    let op = ssr::op().await?;
    let outcome = async { engine::mails::give_up(&op, ssr::id(&id, "mail")?).await }.await;
    ssr::finish(outcome.map(|()| Flash::done("The mail is given up; it is no longer sent.")), "/mails")
}

#[server(prefix = "/api/pages", endpoint = "mails/test")]
pub async fn send_test_mail() -> Result<(), ServerFnError> {
    let op = ssr::op().await?;
    let outcome = engine::mails::send_test(&op).await;
    ssr::finish(
        outcome.map(|to| Flash::done(format!("A test goes to {to}; its line below says whether it was taken."))),
        "/mails",
    )
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
        let overview = engine::mails::overview(&op).await?;
        Ok(mails_sheet(&filter, rows, &overview, &visitor.rights, &visitor.clock))
    })
}

#[component]
pub fn MyMailPage() -> impl IntoView {
    page(|Asked { op, .. }| async move {
        let preferences = engine::mails::my_preferences(&op).await?;
        let told = engine::mails::my_subjects(&op);
        let (address, server) = (engine::mails::my_address(&op).await?, engine::mails::server(&op));
        Ok(my_mail_sheet(&preferences, &told, address.as_deref(), server.is_some()))
    })
}

pub fn mails_sheet(
    filter: &MailFilter,
    page: Page<MailRow>,
    overview: &MailOverview,
    rights: &Rights,
    clock: &Clock,
) -> Sheet {
    let choice = |label: &str, state: Option<MailState>, count: u64| Choice {
        label: label.to_owned(),
        count: Some(count),
        address: mails_address(&MailFilter { state, ..MailFilter::default() }).to_string(),
        chosen: filter.state == state,
        shape: None,
    };
    let choices = vec![
        choice("All", None, overview.waiting + overview.sent + overview.failed),
        choice("Failed", Some(MailState::Failed), overview.failed),
        choice("Waiting", Some(MailState::Waiting), overview.waiting),
        choice("Sent", Some(MailState::Sent), overview.sent),
    ];
    let shown = page.rows.len();
    let rows = match (shown, filter.state) {
        (0, None) => empty(
            "No mail yet",
            Empty::NeverUsed {
                text: "People are told by mail of work, reviews, runs that ended and applications in trouble.",
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
        {sending(overview, rights)}
        {filter_chips("State", choices)}
        {rows}
        {(shown > 0).then(|| pagination(mails_address(filter), shown, page.total.into(), filter.after.is_none(), page.next, ("mail", "mails")))}
    };
    Sheet { section: Section::Elsewhere, title: "Mail".to_owned(), body: body.into_any() }
}

/// Where mails go, and what can be done about all of them.
fn sending(overview: &MailOverview, rights: &Rights) -> impl IntoView + use<> {
    let Some(server) = overview.server.clone() else {
        return view! {
            <div class="banner warn">
                {icon("octagon")}
                <div>
                    <p>"No mail server is configured: nobody is told by mail."</p>
                    <p>"Name one in the table "<code>"[organisation.mail]"</code>" of the configuration, and apply it. What waits is sent then."</p>
                </div>
            </div>
        }
        .into_any();
    };
    let test = rights.may("/Mails/Test").then(|| {
        view! { <form method="post" action="/api/pages/mails/test"><button class="button">{icon("plane")}"Send me a test"</button></form> }
    });
    let again = (overview.failed > 0 && rights.may("/Mails/Retry")).then(|| {
        let label = format!("Send {} again", words::plural(overview.failed, "failed mail", "failed mails"));
        view! { <form method="post" action="/api/pages/mails/retry-failed"><button class="button">{icon("play")}{label}</button></form> }
    });
    view! {
        <p class="muted">"Mails go to the server "<code>{server}</code>"."</p>
        <div class="actions">{test}{again}</div>
    }
    .into_any()
}

fn table(rows: &[MailRow], rights: &Rights, clock: &Clock) -> impl IntoView + use<> {
    let (may_retry, may_give_up) = (rights.may("/Mails/Retry"), rights.may("/Mails/GiveUp"));
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
        let give_up = (may_give_up && row.state == MailState::Waiting)
            .then(|| form::action("/api/pages/mails/give-up", row.id, "Give up", "ban", "button quiet"));
        let actions = (again.is_some() || give_up.is_some())
            .then(|| view! { <div class="actions">{again}{give_up}</div> });
        view! {
            <tr data-row="">
                <td data-label="To" class="name">{row.user_name.clone()}<p class="hint">{row.address.clone()}</p></td>
                <td data-label="Subject">{row.subject.clone()}</td>
                <td data-label="State">{chip::chip(tone, shape, word, String::new())}{row.problem.clone().map(|problem| view! { <p class="hint">{problem}</p> })}</td>
                <td data-label="Tries" class="tries">{row.attempts.to_string()}" "{next}</td>
                <td data-label="Written" class="when">{ago(clock, row.created_at)}</td>
                <td data-label="Sent" class="when">{ago_or_dash(clock, row.sent_at)}</td>
                <td>{actions}</td>
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
pub fn my_mail_sheet(
    preferences: &MailPreferences,
    told: &[(NoticeKind, Vec<String>)],
    address: Option<&str>,
    has_server: bool,
) -> Sheet {
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
    let server = (!has_server).then(|| {
        view! { <p class="banner">"No mail server is configured: nobody is told by mail until an administrator names one. What you choose here is kept."</p> }
    });
    let goes_to = match (address, &preferences.address) {
        (Some(address), None) => format!("Empty: mail goes to {address}, the address of your identity."),
        (Some(_), Some(_)) => {
            "Leave it empty to be told at the address of your identity, where there is one.".to_owned()
        }
        (None, _) => "You have no address, so you are told nothing. Give one.".to_owned(),
    };
    let body = view! {
        <header class="page-head">
            <h1>"My mail"</h1>
            <p class="muted">"What you are told of by mail, and where. What there is to tell follows from your permission profiles."</p>
        </header>
        {server}
        <section class="panel" aria-label="My mail">
            <form method="post" action="/api/pages/my-mail">
                <label class="field">"Address"
                    <input type="email" name="address" value=preferences.address.clone() placeholder="ann@example.org" autocomplete="email" />
                    <span class="hint">{goes_to}</span>
                </label>
                {kinds.collect_view()}
                <div class="actions"><button class="button primary">{icon("check")}"Save"</button></div>
            </form>
        </section>
    };
    Sheet { section: Section::Elsewhere, title: "My mail".to_owned(), body: body.into_any() }
}
