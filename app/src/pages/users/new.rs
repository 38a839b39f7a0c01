//! Adding a user.

use leptos::prelude::*;

use super::profile_boxes;
use crate::components::icon::icon;
use crate::frame::{Section, Sheet};
use crate::logic::address::Address;
use crate::logic::query::Query;
use crate::pages::{Asked, page};

/// The form as it was filled in; a password is never kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TypedUser {
    pub login: String,
    pub display_name: String,
    pub profiles: Vec<String>,
}

impl TypedUser {
    fn read(query: &Query) -> Self {
        let text = |name: &str| query.get(name).unwrap_or_default();
        Self { login: text("login"), display_name: text("display_name"), profiles: query.all("profiles") }
    }

    /// The page with all of it filled in.
    pub(super) fn address(&self) -> Address {
        let address =
            Address::new("/users/new").with("login", Some(&self.login)).with("display_name", Some(&self.display_name));
        self.profiles.iter().fold(address, |address, profile| address.with("profiles", Some(profile)))
    }
}

#[component]
pub fn NewUserPage() -> impl IntoView {
    page(|Asked { op, query, .. }| async move {
        op.require(engine::users::MANAGE)?;
        let profiles = engine::permissions::profile_names(&op).await?;
        Ok(new_user_sheet(&TypedUser::read(&query), &profiles))
    })
}

pub fn new_user_sheet(typed: &TypedUser, profiles: &[(String, String)]) -> Sheet {
    let shortest = engine::users::SHORTEST_PASSWORD;
    let body = view! {
        <header class="page-head">
            <h1>"Add a user"</h1>
            <p class="muted">"Somebody who signs in to Quartermaster. Which person of the organisation it is, is said on the page that follows."</p>
        </header>
        <section class="panel" aria-label="New user">
            <form method="post" action="/api/pages/users/create" class="narrow">
                <label class="field">"Login"
                    <input name="login" required maxlength="64" value=typed.login.clone() autocomplete="off" spellcheck="false" />
                    <span class="hint">"What they sign in with: letters, digits, dot, hyphen, underscore or @. It stays as it is."</span>
                </label>
                <label class="field">"Name to show"
                    <input name="display_name" maxlength="100" value=typed.display_name.clone() autocomplete="off" />
                    <span class="hint">"Left empty, the login."</span>
                </label>
                {profile_boxes(profiles, &typed.profiles)}
                <label class="field">"Password"
                    <input type="password" name="password" autocomplete="new-password" maxlength="1024" />
                    <span class="hint">{format!("At least {shortest} characters. Left empty, one is drawn by lot and shown once.")}</span>
                </label>
                <div class="actions"><button class="button primary">{icon("check")}"Add the user"</button><a class="button quiet" href="/users">"Cancel"</a></div>
            </form>
        </section>
    };
    Sheet { section: Section::Users, title: "Add a user".to_owned(), body: body.into_any() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_typed_comes_back_but_for_the_password() {
        let typed = TypedUser {
            login: "ann".into(),
            display_name: "Ann & Lee".into(),
            profiles: vec!["a".into(), "b c".into()],
        };
        assert_eq!(TypedUser::read(&Query::parse(&typed.address().query())), typed);
        assert_eq!(TypedUser::read(&Query::parse("")), TypedUser::default());
    }
}
