//! What people keep for a while although the configuration no longer gives it to them: to be ended now, or approved.

use engine::grace::{KeptRow, Verdict};
use engine::requests::SUBMIT;
use leptos::prelude::*;
use model::error::ApiError;
use model::ids::DirectGrantId;

use crate::components::form::{no_default, refused};
use crate::components::icon::icon;
use crate::components::list::{Empty, empty};
use crate::frame::{Rights, Section, Sheet};
use crate::logic::flash::Flash;
use crate::logic::words;
use crate::pages::{Asked, page};
use crate::ssr;

const PATH: &str = "/requests/kept";

/// Ends something that is kept, or gives it without an end.
#[server(prefix = "/api/pages", endpoint = "requests/kept")]
pub async fn decide_kept(
    #[server(default)] id: String,
    #[server(default)] act: String,
    #[server(default)] why: String,
) -> Result<(), ServerFnError> {
    let op = ssr::op().await?;
    let outcome = async {
        let (id, verdict): (DirectGrantId, Verdict) = (ssr::id(&id, "grant")?, verdict(&act)?);
        engine::grace::decide(&op, id, verdict, &why).await
    };
    let done = |request| Flash::done(format!("Request {request} carries it out."));
    ssr::finish(outcome.await.map(done), PATH)
}

fn verdict(act: &str) -> Result<Verdict, ApiError> {
    let wrong = || ApiError::invalid("act", "Choose whether it ends now or is approved.");
    Verdict::from_name(act).ok_or_else(wrong)
}

#[component]
pub fn KeptAccessPage() -> impl IntoView {
    page(|Asked { op, visitor, .. }| async move {
        let rows = engine::grace::rows(&op).await?;
        Ok(kept_sheet(&rows, &visitor.rights))
    })
}

pub fn kept_sheet(rows: &[KeptRow], rights: &Rights) -> Sheet {
    let may_decide = rights.may(SUBMIT);
    let content = match rows.is_empty() {
        true => empty(
            "Nothing is kept",
            Empty::AllDone { text: "Nobody keeps anything that the configuration no longer gives them." },
        ),
        false => board(rows, may_decide).into_any(),
    };
    let hint = (!may_decide && !rows.is_empty()).then(|| refused("Deciding", SUBMIT));
    let body = view! {
        <header class="page-head">
            <h1>"Kept access"</h1>
            <p class="muted">"What people had by a rule until the configuration changed. Each ends by itself on its day, unless somebody decides before."</p>
        </header>
        {hint}
        {content}
    };
    Sheet { section: Section::Requests, title: "Kept access".to_owned(), body: body.into_any() }
}

fn board(rows: &[KeptRow], may_decide: bool) -> impl IntoView + use<> {
    let lines = rows.iter().map(|row| line(row, may_decide)).collect_view();
    let decide = may_decide.then(|| view! { <th scope="col">"Decide"</th> });
    view! {
        <table class="ledger">
            <thead><tr><th scope="col">"Person"</th><th scope="col">"Keeps"</th><th scope="col">"Until"</th><th scope="col">"Why"</th>{decide}</tr></thead>
            <tbody>{lines}</tbody>
        </table>
        <p class="muted">{words::plural(rows.len() as u64, "assignment", "assignments")}</p>
    }
}

fn line(row: &KeptRow, may_decide: bool) -> impl IntoView + use<> {
    let KeptRow { grant, identity_name, label } = row;
    let last = grant.period.ends.and_then(|ends| ends.yesterday().ok());
    let decide = may_decide.then(|| {
        let of = format!("{label} of {identity_name}");
        view! {
            <td data-label="Decide" class="wide">
                <form method="post" action="/api/pages/requests/kept" class="inline-form">
                    {no_default()}
                    <input type="hidden" name="id" value=grant.id.to_string() />
                    <label class="field">"Reason"<input name="why" required maxlength="500" placeholder="Kept with the request" /></label>
                    <button class="button danger" name="act" value="end" aria-label=format!("End now: {of}")>"End now"</button>
                    <button class="button" name="act" value="approve" aria-label=format!("Approve: {of}")>{icon("check")}"Approve"</button>
                </form>
            </td>
        }
    });
    view! {
        <tr data-row="">
            <td data-label="Person" class="name"><a data-open="" href=format!("/identities/{}", grant.identity)>{identity_name.clone()}</a></td>
            <td data-label="Keeps"><span class="kind">{words::kind(&grant.grantable)}</span>" "{label.clone()}</td>
            <td data-label="Until" class="nowrap">{last.map(|last| last.to_string())}</td>
            <td data-label="Why" class="wide wrap">{grant.origin.why.clone()}<span class="subtle">" · "{grant.origin.by.clone()}</span>" "<a href=format!("/requests/{}", grant.origin.request)>{format!("Request {}", grant.origin.request)}</a></td>
            {decide}
        </tr>
    }
}

#[cfg(test)]
mod tests {
    use super::{Verdict, verdict};

    #[test]
    fn only_what_can_be_decided_is_taken() {
        assert_eq!((verdict("end").unwrap(), verdict("approve").unwrap()), (Verdict::End, Verdict::Approve));
        assert_eq!(verdict("").unwrap_err().field.as_deref(), Some("act"));
    }
}
