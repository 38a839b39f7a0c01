//! About whom a caller may do something: everybody, or those for whom the conditions of permission profiles hold (`people`).
//!
//! INVARIANT: a use case that asks for no reach is refused to whoever holds its path about some people only, so that one which
//! was forgotten shows nothing. Paths that can be held so are those of [`model::permission::catalogue::ABOUT_PEOPLE`].

use jiff::civil::Date;
use model::error::{ApiError, ErrorCode};
use model::identity::{Context, Identity};
use model::ids::IdentityId;
use model::permission::Reach;
use model::user::PermissionPath;
use policy::expression::{Expression, Subject};
use policy::model::Condition;

use crate::context::OpContext;
use crate::error::internal;
use crate::world::Population;

impl OpContext {
    /// About whom the caller holds the path or a parent of it. Who has left, and so is in no context of today, is among nobody
    /// whom a condition over contexts describes.
    ///
    /// # Errors
    /// Refused where it is about nobody.
    pub async fn reach(&self, path: &str) -> Result<Reach, ApiError> {
        if self.may(path) {
            return Ok(Reach::Everybody);
        }
        self.require_for_some(path)?;
        self.engine.follow().await.map_err(|_| ApiError::internal())?;
        let live = self.engine.world().live();
        let conditions = self.profiles_about_some(path).filter_map(|profile| live.model.people_of(profile));
        let conditions: Vec<Expression> = conditions.cloned().collect();
        let user = match self.user.identity {
            Some(id) => self.engine.store().identities_by_id(&[id]).await.map_err(internal)?.pop(),
            None => None,
        };
        let today = self.engine.today();
        let bound: Vec<Expression> =
            conditions.iter().flat_map(|condition| bound(condition, user.as_ref(), today)).collect();
        let found = self.engine.world().with_population(|population| met(population, &bound, today));
        Ok(Reach::People(found.unwrap_or_else(|| self.one_by_one(&bound, today))))
    }

    /// Refuses unless the caller holds the path or a parent of it about this person.
    pub async fn require_about(&self, path: &str, id: IdentityId) -> Result<(), ApiError> {
        if self.reach(path).await?.contains(id) {
            return Ok(());
        }
        let profiles: Vec<&str> = self.profiles_about_some(path).collect();
        Err(ApiError::new(
            ErrorCode::Forbidden,
            format!(
                "Your profile {} includes `{path}` for some people only, and identity {id} is not among them. Ask an administrator \
                 of Quartermaster for more.",
                profiles.join(" or ")
            ),
        ))
    }

    /// Whether the caller holds the path or a parent of it about this person.
    pub async fn may_about(&self, path: &str, id: IdentityId) -> Result<bool, ApiError> {
        Ok(self.may(path) || (self.may_about_some(path) && self.reach(path).await?.contains(id)))
    }

    fn profiles_about_some<'a>(&'a self, path: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        let needed = PermissionPath::parse(path);
        let grants = move |held: &PermissionPath| needed.as_ref().is_some_and(|needed| held.grants(needed));
        self.limited.iter().filter(move |(_, held)| grants(held)).map(|(profile, _)| profile.as_str())
    }

    /// The slow way, where memory is computed with another configuration and keeps nothing of what is read.
    fn one_by_one(&self, conditions: &[Expression], today: Date) -> Vec<IdentityId> {
        let is_met = |person: &Identity| conditions.iter().any(|condition| holds(condition, person, today));
        let everybody = self.engine.world().everybody();
        let mut found: Vec<IdentityId> = everybody.filter(is_met).map(|person| person.id).collect();
        found.sort_unstable();
        found
    }
}

/// Whether a profile with this condition is about the person, for a user who is that other one.
pub(crate) fn is_about(condition: &Expression, user: Option<&Identity>, person: &Identity, today: Date) -> bool {
    bound(condition, user, today).iter().any(|condition| holds(condition, person, today))
}

fn holds(condition: &Expression, person: &Identity, today: Date) -> bool {
    let mut subjects = places(person, today).into_iter().map(|context| Subject::new(person, context, today));
    subjects.any(|subject| condition.holds(&subject) == Ok(true))
}

/// The condition with what the user has: once for each context that counts today, since a user may be in several places.
fn bound(condition: &Expression, user: Option<&Identity>, today: Date) -> Vec<Expression> {
    let Some(user) = user else { return vec![condition.of_user(None)] };
    let subjects = places(user, today).into_iter().map(|context| Subject::new(user, context, today));
    subjects.map(|subject| condition.of_user(Some(&subject))).collect()
}

/// Contexts that count today; the person by themselves where they have none at all.
fn places(person: &Identity, today: Date) -> Vec<Option<&Context>> {
    match person.contexts.is_empty() {
        true => vec![None],
        false => person.contexts.iter().filter(|context| context.period.holds(today)).map(Some).collect(),
    }
}

/// In the order of their ids. None where memory keeps nothing of what a condition reads.
fn met(population: &mut Population, conditions: &[Expression], today: Date) -> Option<Vec<IdentityId>> {
    let mut found: Vec<IdentityId> = Vec::new();
    for condition in conditions {
        let people = population.engine.who_meets(&Condition::new(condition), (0, 0), today)?;
        found.extend(population.engine.ids_of(&people));
    }
    found.sort_unstable();
    found.dedup();
    Some(found)
}
