//! Who would be told of what now, and why others would not.

use engine::mails::Told;
use leptos::prelude::*;
use model::mail::{Hearing, NoticeKind};

use super::granted;
use crate::components::chip::{self, Tone};
use crate::components::icon::icon;
use crate::components::list::{Choice, filter_chips};
use crate::frame::{Section, Sheet};
use crate::logic::address::Address;
use crate::pages::users::{Part, parts};
use crate::pages::{Asked, page};

#[component]
pub fn NoticesPage() -> impl IntoView {
    page(|Asked { op, query, .. }| async move {
        let kind = query.get("kind").and_then(|name| NoticeKind::from_name(&name)).unwrap_or(NoticeKind::WorkItem);
        let told = engine::mails::foretell(&op, Some(kind), None).await?;
        Ok(notices_sheet(kind, &told, engine::mails::server(&op).is_some()))
    })
}

pub fn notices_sheet(kind: NoticeKind, told: &[Told], has_server: bool) -> Sheet {
    let choice = |one: NoticeKind| Choice {
        label: short(one).to_owned(),
        count: None,
        address: Address::new("/permissions/notices").with("kind", Some(one.name())).to_string(),
        chosen: one == kind,
        shape: None,
    };
    let server = (!has_server).then(|| {
        view! {
            <div class="banner warn">{icon("octagon")}<p>"No mail server is configured, so nobody is told by mail. This is who would be told if there were one."</p></div>
        }
    });
    let mut topics: Vec<&str> = told.iter().map(|told| told.about.as_str()).collect();
    topics.dedup();
    let sections = topics.iter().map(|about| topic(kind, about, told));
    let content = match (by_name(kind), topics.is_empty()) {
        (Some(text), _) => view! { <p class="muted">{text}</p> }.into_any(),
        (None, true) => {
            view! { <p class="muted">"Nobody is told, and nobody could act either: no profile of anybody who can sign in has an entry for it."</p> }.into_any()
        }
        (None, false) => sections.collect_view().into_any(),
    };
    let body = view! {
        <header class="page-head">
            <h1>"Who is notified"</h1>
            <p class="muted">"Mail goes to whoever holds exactly the path of the thing. A parent path allows the same, and brings no mail."</p>
        </header>
        {parts(Part::Notices)}
        {server}
        {filter_chips("Kinds of notices", NoticeKind::ALL.map(choice).into())}
        {content}
    };
    Sheet { section: Section::Users, title: "Who is notified".to_owned(), body: body.into_any() }
}

/// What a notice is about, for whoever gets none of them.
fn short(kind: NoticeKind) -> &'static str {
    match kind {
        NoticeKind::WorkItem => "Work items",
        NoticeKind::Review => "Reviews",
        NoticeKind::RunEnded => "Runs that ended",
        NoticeKind::ApplicationTrouble => "Applications in trouble",
        NoticeKind::Form => "Questions",
        NoticeKind::NativeChange => "Native changes",
        NoticeKind::Approval => "Approvals",
        NoticeKind::Certification => "Certifications",
        NoticeKind::Violation => "Violations",
    }
}

/// Of kinds that go to people by name.
fn by_name(kind: NoticeKind) -> Option<&'static str> {
    match kind {
        NoticeKind::Approval => Some(
            "Exactly those are told who may decide about a request, and they are named by the configuration for what is asked for: the request says who. No permission path tells of it.",
        ),
        NoticeKind::Certification => Some(
            "Exactly those are told whom a campaign asks, and owners who have to change something: the campaign says who. No permission path tells of it.",
        ),
        _ => None,
    }
}

fn topic(kind: NoticeKind, about: &str, told: &[Told]) -> impl IntoView + use<> {
    let paths = kind.paths(about);
    let paths = paths.iter().enumerate().map(|(position, path)| {
        let or = (position > 0).then_some(" or ");
        view! { {or}<code class="wrap">{path.as_str().to_owned()}</code> }
    });
    let paths = (!kind.paths(about).is_empty())
        .then(|| view! { <p class="hint">"Mail takes exactly "{paths.collect_view()}</p> });
    let rows = told.iter().filter(|told| told.about == about).map(|told| {
        let by = told.by.iter().map(|grant| view! { <li>{granted(grant)}</li> });
        let by = match told.by.is_empty() {
            true => view! { <span class="subtle">"As whoever is asked"</span> }.into_any(),
            false => view! { <ul class="plain">{by.collect_view()}</ul> }.into_any(),
        };
        view! {
            <tr data-row="">
                <td data-label="User" class="name"><a href=format!("/users/{}", told.id)>{told.display_name.clone()}</a>" "<span class="mono subtle">{told.login.clone()}</span></td>
                <td data-label="Mail">{hearing(told.hearing)}</td>
                <td data-label="Because of" class="wide">{by}</td>
            </tr>
        }
    });
    let nobody = !told.iter().any(|told| told.about == about && told.hearing == Hearing::Told);
    let nobody = nobody.then(|| chip::chip(Tone::Warn, "octagon", "Nobody is told", String::new()));
    view! {
        <section class="panel" aria-label=heading(kind, about)>
            <div class="section-head"><h2>{heading(kind, about)}</h2>{nobody}</div>
            {paths}
            <table class="ledger">
                <thead><tr><th scope="col">"User"</th><th scope="col">"Mail"</th><th scope="col">"Because of"</th></tr></thead>
                <tbody>{rows.collect_view()}</tbody>
            </table>
        </section>
    }
}

/// What a topic is called: questions are told by whom they are for.
fn heading(kind: NoticeKind, about: &str) -> String {
    match (kind, about.split_once(':')) {
        (NoticeKind::Form, Some(("profile", name))) => format!("Questions to the profile {name}"),
        (NoticeKind::Form, _) => "Questions that nobody else can answer".to_owned(),
        _ => about.to_owned(),
    }
}

fn hearing(hearing: Hearing) -> impl IntoView {
    let (tone, shape) = match hearing {
        Hearing::Told => (Tone::Ok, "check"),
        Hearing::NoAddress => (Tone::Warn, "octagon"),
        Hearing::Unwanted | Hearing::Silent => (Tone::Idle, "ban"),
        Hearing::MayAct => (Tone::Idle, "dash"),
    };
    chip::chip(tone, shape, hearing.label(), String::new())
}
