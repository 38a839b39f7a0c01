//! Who would be told of what now, and who would not although they might expect it: by the rule by which mails are made.

use std::collections::BTreeSet;

use model::configuration::{Ask, Configuration};
use model::error::ApiError;
use model::form::FormOwner;
use model::ids::UserId;
use model::mail::{Hearing, NoticeKind};
use model::permission::{self, Extent, Grant};
use model::work_item::Fulfiller;
use serde::Serialize;
use store::Recipient;

use super::{compose, notices, subjects};
use crate::context::OpContext;
use crate::error::internal;
use crate::users::VIEW;

/// Somebody, and what becomes of a notice to them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Told {
    pub kind: NoticeKind,
    /// Account type, job, application, or owner of questions.
    pub about: String,
    pub id: UserId,
    pub login: String,
    pub display_name: String,
    pub hearing: Hearing,
    /// Entries from which it follows; empty where it is by name.
    pub by: Vec<Grant>,
}

/// Everybody who can sign in and whom notices of these kinds concern, by kind, what they are about, and what becomes of
/// them. What goes to one person or team by name, such as an approval, is not foretold: who that is depends on what is
/// asked for.
pub async fn foretell(op: &OpContext, only: Option<NoticeKind>, about: Option<&str>) -> Result<Vec<Told>, ApiError> {
    op.require(VIEW)?;
    op.engine.follow_configuration().await.map_err(|_| ApiError::internal())?;
    let configuration = op.engine.world().configuration();
    let recipients = compose::recipients(&op.engine).await.map_err(internal)?;
    let kinds = NoticeKind::ALL.into_iter().filter(|kind| only.is_none_or(|only| only == *kind));
    let things = kinds.flat_map(|kind| topics(&configuration, kind).into_iter().map(move |about| (kind, about)));
    let things = things.filter(|(_, thing)| about.is_none_or(|about| about == thing));
    Ok(things.flat_map(|(kind, about)| of_one(&configuration, &recipients, kind, &about)).collect())
}

/// What notices of a kind are about; of questions, whom they are asked.
fn topics(configuration: &Configuration, kind: NoticeKind) -> Vec<String> {
    if kind != NoticeKind::Form {
        return subjects(configuration, kind);
    }
    let asked = configuration.account_types.values().flat_map(|account_type| {
        account_type.ask.iter().chain(account_type.attributes.values().filter_map(|attribute| attribute.ask.as_ref()))
    });
    let profiles: BTreeSet<&String> = asked
        .filter_map(|ask| match ask {
            Ask::Profile(profile) => Some(profile),
            _ => None,
        })
        .collect();
    let owners = profiles.into_iter().cloned().map(FormOwner::Profile).chain([FormOwner::Operators]);
    owners.map(|owner| notices::form_owner(&owner)).collect()
}

fn of_one(configuration: &Configuration, recipients: &[Recipient], kind: NoticeKind, about: &str) -> Vec<Told> {
    let wanted = kind.paths(about);
    let told = |recipient: &Recipient| {
        let user = &recipient.user;
        let held = compose::told_paths(configuration, &user.profiles);
        let by = permission::entries(configuration, &user.profiles, &wanted);
        let is_exact = by.iter().any(|grant| grant.extent == Extent::Exact);
        let heard = compose::hearing(configuration, recipient, &held, kind, about, None::<&Fulfiller>);
        // Whoever is not concerned may be expected to be: they could act.
        let hearing = match (heard, by.is_empty(), is_exact) {
            (Some(heard), _, _) => heard,
            (None, true, _) => return None,
            (None, false, true) => Hearing::Silent,
            (None, false, false) => Hearing::MayAct,
        };
        let by = by.into_iter().filter(|grant| !is_exact || grant.extent == Extent::Exact).collect();
        let (login, display_name) = (user.login.clone(), user.display_name.clone());
        Some(Told { kind, about: about.to_owned(), id: user.id, login, display_name, hearing, by })
    };
    let mut found: Vec<Told> =
        recipients.iter().filter(|recipient| !recipient.user.disabled).filter_map(told).collect();
    found.sort_by(|one, other| (one.hearing, &one.login).cmp(&(other.hearing, &other.login)));
    found
}
