//! The tester: may somebody do something, why, and who else may.

use engine::permissions::{Able, Subject, Tested};
use leptos::prelude::*;
use model::error::ApiError;
use model::permission::Grant;
use model::permission::catalogue::ACTIONS;

use super::granted;
use crate::components::form::option;
use crate::components::icon::icon;
use crate::components::quoted::quoted;
use crate::frame::{Section, Sheet};
use crate::logic::query::Query;
use crate::logic::words;
use crate::pages::users::{Part, parts, tester};
use crate::pages::{Asked as Request, page};
use crate::permissions::PERMISSIONS;
use crate::permissions::asked::{self, Asked, Takes};

/// The form as it was filled in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Question {
    /// A login; where it is empty, it is asked of the profiles.
    pub user: String,
    pub profiles: Vec<String>,
    /// A page, form or permission path.
    pub what: String,
    pub account_type: String,
    /// Key of the person about whom; about somebody at least where it is empty.
    pub about: String,
}

impl Question {
    fn read(query: &Query) -> Self {
        let text = |name: &str| query.get(name).unwrap_or_default();
        Self {
            user: text("user"),
            profiles: query.all("profiles"),
            what: text("what"),
            account_type: text("account_type"),
            about: text("about").trim().to_owned(),
        }
    }

    fn subject(&self) -> Option<Subject> {
        match (self.user.is_empty(), self.profiles.is_empty()) {
            (false, _) => Some(Subject::Login(self.user.clone())),
            (true, false) => Some(Subject::Profiles(self.profiles.clone())),
            (true, true) => None,
        }
    }
}

/// What there is to say to it.
#[derive(Clone, Debug)]
pub struct Answered {
    pub asked: Asked,
    /// None where nobody was named.
    pub tested: Option<Tested>,
    pub able: Vec<Able>,
}

/// What the form chooses from: by name or login, with what people call them.
#[derive(Clone, Debug, Default)]
pub struct Offered {
    pub users: Vec<(String, String)>,
    pub profiles: Vec<(String, String)>,
    pub account_types: Vec<(String, String)>,
}

#[component]
pub fn TestPermissionPage() -> impl IntoView {
    page(|Request { op, query, .. }| async move {
        op.require(engine::users::VIEW)?;
        let question = Question::read(&query);
        let users = engine::users::list(&op.engine).await?;
        let offered = Offered {
            users: users.into_iter().map(|user| (user.login, user.display_name)).collect(),
            profiles: engine::permissions::profile_names(&op).await?,
            account_types: engine::permissions::account_types(&op).await?,
        };
        // What cannot be answered is told beside the form, not instead of the page.
        let answered = match question.what.is_empty() {
            true => None,
            false => Some(answer(&op, &question).await),
        };
        Ok(test_sheet(&question, &offered, answered))
    })
}

async fn answer(op: &engine::context::OpContext, question: &Question) -> Result<Answered, ApiError> {
    let asked = asked::read(&question.what, Some(&question.account_type))
        .map_err(|problem| ApiError::invalid("what", problem))?;
    let takes = asked.takes.question();
    let about = match question.about.as_str() {
        "" => None,
        key => Some(engine::identities::find(op, key).await?),
    };
    let tested = match question.subject() {
        Some(subject) => Some(engine::permissions::test(op, &subject, takes, about).await?),
        None => None,
    };
    let able = engine::permissions::who(op, takes, about).await?;
    Ok(Answered { asked, tested, able })
}

pub fn test_sheet(question: &Question, offered: &Offered, answered: Option<Result<Answered, ApiError>>) -> Sheet {
    let answer = match answered {
        None => None,
        Some(Err(error)) => Some(
            view! { <div class="banner danger" role="status" id="answer">{icon("octagon")}<p>{quoted(&error.message)}</p></div> }
                .into_any(),
        ),
        Some(Ok(answered)) => Some(answer_view(&answered, &question.what)),
    };
    let body = view! {
        <header class="page-head">
            <h1>"Permission tester"</h1>
            <p class="muted">"Whether somebody may come to a page or do something, by which entry of which profile; and where not, what would be enough."</p>
        </header>
        {parts(Part::Tester)}
        {form(question, offered)}
        {answer}
    };
    Sheet { section: Section::Users, title: "Permission tester".to_owned(), body: body.into_any() }
}

fn form(question: &Question, offered: &Offered) -> impl IntoView + use<> {
    let users = offered.users.iter().map(|(login, name)| {
        option(login.clone(), format!("{name} ({login})"), question.user.eq_ignore_ascii_case(login))
    });
    let account_types = offered
        .account_types
        .iter()
        .map(|(name, label)| option(name.clone(), label.clone(), *name == question.account_type));
    let paths =
        ACTIONS.iter().map(|(path, words)| view! { <option value=*path label=words::sentence_case(words)></option> });
    let pages = PERMISSIONS.iter().map(|(path, _)| *path).filter(|path| !path.contains('{'));
    let pages = pages.map(|path| view! { <option value=path></option> });
    let boxes = offered.profiles.iter().map(|(name, label)| {
        let is_chosen = question.profiles.contains(name);
        view! { <li><label><input type="checkbox" name="profiles" value=name.clone() checked=is_chosen />{label.clone()}</label></li> }
    });
    view! {
        <section class="panel" aria-label="Question">
            <form action="/permissions/test#answer" class="narrow">
                <label class="field">"Who"
                    <select name="user"><option value="">"No user: whoever holds the profiles ticked below"</option>{users.collect_view()}</select>
                </label>
                <details class="disclose" open=!question.profiles.is_empty()>
                    <summary>"Profiles, in place of a user"</summary>
                    <fieldset><legend>"Permission profiles"</legend><ul class="plain chosen">{boxes.collect_view()}</ul></fieldset>
                </details>
                <label class="field">"Page, or what is done"
                    <input name="what" list="asked-for" required value=question.what.clone() placeholder="/jobs or /Jobs/Run" autocomplete="off" spellcheck="false" />
                    <span class="hint">"A page as in the address line, an action, or a permission path."</span>
                </label>
                <datalist id="asked-for">{paths.collect_view()}{pages.collect_view()}</datalist>
                <label class="field">"Account type"
                    <select name="account_type"><option value="">"Every account type"</option>{account_types.collect_view()}</select>
                    <span class="hint">"Doing work and reviewing orders can be allowed for one account type alone."</span>
                </label>
                <label class="field">"About the person with the key"
                    <input name="about" value=question.about.clone() autocomplete="off" spellcheck="false" />
                    <span class="hint">"A profile can be about some people only. Left empty, it is asked whether they may do it about somebody at least."</span>
                </label>
                <div class="actions"><button class="button primary">{icon("flask")}"Ask"</button></div>
            </form>
        </section>
    }
}

fn answer_view(answered: &Answered, what: &str) -> AnyView {
    let tested = answered.tested.as_ref().map(|tested| verdict(tested, &answered.asked));
    let unknown = answered.asked.is_unknown.then(|| {
        view! { <p class="hint">"Nothing asks for this path, so whoever holds it can do nothing by it. It may be misspelt."</p> }
    });
    view! {
        {tested}
        {unknown}
        {who(&answered.able, &answered.asked, what)}
    }
    .into_any()
}

/// Yes or no, and why.
fn verdict(tested: &Tested, asked: &Asked) -> impl IntoView + use<> {
    let name = match &tested.user {
        Some(user) => user.display_name.clone(),
        None => format!("Whoever holds {}", tested.profiles.join(" and ")),
    };
    let (class, shape) = match tested.allowed() {
        true => ("banner ok", "check"),
        false => ("banner danger", "ban"),
    };
    let sentence = tested.sentence(&name, &asked.words);
    let disabled =
        tested.disabled.then(|| view! { <p>"The user is disabled and cannot sign in, whatever the profiles say."</p> });
    let why = match (&tested.answer, &asked.takes) {
        (Some(answer), _) if answer.allowed => reasons(&answer.by).into_any(),
        (Some(answer), _) => {
            let smallest = answer.smallest.iter().enumerate().map(|(position, path)| {
                let or = (position > 0).then_some(" or ");
                view! { {or}<code>{path.as_str().to_owned()}</code> }
            });
            let others = match answer.others.is_empty() {
                true => view! { <p>"No profile has it yet."</p> }.into_any(),
                false => view! { <p>"Profiles that have it, the narrowest first:"</p>{reasons(&answer.others)} }.into_any(),
            };
            view! { <p>"The smallest entry that would be enough: "{smallest.collect_view()}"."</p>{others} }.into_any()
        }
        (None, Takes::Nothing) => view! { <p>"It takes nothing: everybody comes there, also without signing in."</p> }.into_any(),
        (None, _) => view! { <p>"It takes no permission: whoever has signed in comes there, and finds what is their own or what they are asked by name."</p> }.into_any(),
    };
    let apart = (!tested.apart.is_empty())
        .then(|| view! { <p>"Entries that are about others only:"</p>{reasons(&tested.apart)} });
    view! { <div class=class role="status" id="answer">{icon(shape)}<div><p><strong>{sentence}</strong></p>{disabled}{why}{apart}</div></div> }
}

fn reasons(grants: &[Grant]) -> impl IntoView + use<> {
    let lines = grants.iter().map(|grant| view! { <li>{reason(grant)}</li> });
    view! { <ul>{lines.collect_view()}</ul> }
}

/// "`/Jobs` in the profile operator, a parent path".
fn reason(grant: &Grant) -> impl IntoView + use<> {
    view! { {granted(grant)}", "{grant.extent.words()}{about_whom(grant.people.as_deref())} }
}

/// ", about people for whom `…` holds".
fn about_whom(people: Option<&str>) -> impl IntoView + use<> {
    people.map(|people| view! { ", about people for whom "<code class="wrap">{people.to_owned()}</code>" holds" })
}

fn who(able: &[Able], asked: &Asked, what: &str) -> AnyView {
    let heading = format!("Who may {}", asked.words);
    let rows = able.iter().map(|able| {
        let by = match able.by.first() {
            Some(grant) => view! { {reason(grant)}{(able.by.len() > 1).then(|| format!(", and {} more", able.by.len() - 1))} }.into_any(),
            None => view! { <span class="subtle">"It takes no permission"</span> }.into_any(),
        };
        let test = tester(&able.login, Some(what));
        view! {
            <tr data-row="">
                <td data-label="User" class="name"><a href=format!("/users/{}", able.id)>{able.display_name.clone()}</a>" "<span class="mono subtle">{able.login.clone()}</span></td>
                <td data-label="By" class="wide">{by}</td>
                <td><a class="button quiet" href=test aria-label=format!("Test {}", able.login)>"Test"</a></td>
            </tr>
        }
    });
    let content = match able.is_empty() {
        true => view! { <p class="muted">"Nobody who can sign in."</p> }.into_any(),
        false => view! {
            <table class="ledger">
                <thead><tr><th scope="col">"User"</th><th scope="col">"By"</th><th scope="col"><span class="sr">"Test"</span></th></tr></thead>
                <tbody>{rows.collect_view()}</tbody>
            </table>
        }
        .into_any(),
    };
    view! { <section class="panel" aria-labelledby="who-heading"><h2 id="who-heading">{heading}</h2>{content}</section> }.into_any()
}
