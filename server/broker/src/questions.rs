//! Values that no source gives: who is asked for them, and when.
//!
//! A required attribute without a value is a question, not a failure. What was answered before stands in for it, in every
//! account that needs the same; what an account holds already and fits is an answer as well; a default is one once its
//! time has come. Only what is left is asked: once for each person and key, of whoever the configuration names.
//!
//! - A computed value that does not fit the attribute's rules fails its account (state 7): the source is to be
//!   corrected, not talked over. An answer that does not fit any more, because the rules changed, is asked again.
//! - Secrets are never asked for: they would be read by whoever looks at a form.
//! - Of an account of which it is not settled which of several it is ([`crate::choice`]) nothing is asked and nothing stands in.
//!
//! What this leaves out: what waits meanwhile ([`crate::plan`]), and who may answer (`engine::forms`).

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use model::access::{DesiredAccess, DesiredAttribute, DesiredValue};
use model::account::Account;
use model::configuration::Ask;
use model::form::{Answer, Asked, FormOwner, OpenQuestion, Place, Question, QuestionOutcome};
use model::ids::QuestionId;
use model::value::Value;

use crate::catalogue::{AttributeFacts, Catalogue};
use crate::choice::{self, AccountChoice};
use crate::compare::present;

/// What is known of an identity's questions.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    pub answers: &'a [Answer],
    pub open: &'a [OpenQuestion],
    pub now: Timestamp,
}

/// A default whose time has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DefaultTaken {
    pub key: String,
    pub value: Value,
}

/// Who could be asked about a person, as logins of those who can sign in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Candidates<'a> {
    pub person: Option<&'a str>,
    pub manager: Option<&'a str>,
    pub application_owner: Option<&'a str>,
}

/// Whom a question goes to. `can_sign_in` answers with the login as it is written, where somebody can sign in with it;
/// `has_holders` whether somebody holds a permission profile.
pub fn owner(
    ask: Option<&Ask>,
    candidates: &Candidates<'_>,
    can_sign_in: &dyn Fn(&str) -> Option<String>,
    has_holders: &dyn Fn(&str) -> bool,
) -> FormOwner {
    let asked = match ask {
        Some(Ask::Manager) => candidates.manager.map(|login| FormOwner::Login(login.to_owned())),
        Some(Ask::Person) => candidates.person.map(|login| FormOwner::Login(login.to_owned())),
        Some(Ask::Login(login)) => can_sign_in(login).map(FormOwner::Login),
        Some(Ask::Profile(profile)) => has_holders(profile).then(|| FormOwner::Profile(profile.clone())),
        Some(Ask::Owner) | None => None,
    };
    let owner = || candidates.application_owner.map(|login| FormOwner::Login(login.to_owned()));
    asked.or_else(owner).unwrap_or(FormOwner::Operators)
}

/// Puts answers in the place of values that are missing, and questions where there is no answer; answers with the
/// defaults that are taken now. `owner_of` says who is asked for an attribute of an application.
pub fn stand_in(
    desired: &mut DesiredAccess,
    accounts: &[Account],
    catalogue: &Catalogue,
    choices: &[AccountChoice],
    known: &Known<'_>,
    owner_of: &dyn Fn(Option<&Ask>, &str) -> FormOwner,
) -> Vec<DefaultTaken> {
    let mut taken: Vec<DefaultTaken> = Vec::new();
    // The first account that asks decides whom: one question has one owner.
    let mut asked: BTreeMap<&str, Asked> = BTreeMap::new();
    for account in &mut desired.accounts {
        // While it is not settled which account is meant, nothing is granted to any: nobody is asked for it, and no default
        // is taken for an account that may turn out to hold a value.
        if choice::of(choices, &account.account_type).is_some_and(|choice| !choice.is_settled()) {
            continue;
        }
        let application = account.application.as_str();
        let existing = crate::plan::chosen(accounts, &account.account_type, choices);
        for attribute in &mut account.attributes {
            let Some(facts) = catalogue.attribute(&account.account_type, &attribute.name) else { continue };
            check(attribute, facts);
            // What is written at creation only is not written any more.
            let is_over = attribute.create_only && existing.is_some();
            if !is_missing(attribute) || attribute.secret || !attribute.required || is_over {
                continue;
            }
            let current = existing.and_then(|account| account.attributes.get(&attribute.name));
            let default = || facts.default.as_ref().filter(|_| is_due(facts, known));
            attribute.value = if let Some(answer) = answer(known.answers, facts) {
                DesiredValue::Value(answer.value.clone())
            } else if let Some(current) = present(current).filter(|current| facts.constraint.misfit(current).is_none())
            {
                DesiredValue::Value(current.clone())
            } else if let Some(default) = default() {
                if !taken.iter().any(|taken| taken.key == facts.question) {
                    taken.push(DefaultTaken { key: facts.question.clone(), value: default.clone() });
                }
                DesiredValue::Value(default.clone())
            } else {
                let one = asked.entry(&facts.question).or_insert_with(|| Asked {
                    key: facts.question.clone(),
                    label: facts.label.clone(),
                    owner: owner_of(facts.ask.as_ref(), application),
                    choices: Vec::new(),
                });
                DesiredValue::Asked(one.clone())
            };
        }
    }
    taken
}

/// When an answer to a question asked at this moment is late.
pub fn due_at(facts: &AttributeFacts, asked_at: Timestamp) -> Timestamp {
    let days = SignedDuration::from_hours(24 * i64::from(facts.answer_within_days));
    asked_at.checked_add(days).unwrap_or(asked_at)
}

/// What changes in the questions of an identity.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QuestionChanges {
    /// To be asked, with every place that needs it, and since when it has been asked already of somebody else.
    pub ask: Vec<(Asked, Vec<Place>, Option<Timestamp>)>,
    /// Open ones that are needed in other places by now.
    pub moved_places: Vec<(QuestionId, Vec<Place>)>,
    pub end: Vec<(QuestionId, QuestionOutcome)>,
}

impl QuestionChanges {
    pub fn is_empty(&self) -> bool {
        self.ask.is_empty() && self.moved_places.is_empty() && self.end.is_empty()
    }
}

/// From the questions that are open and those that a plan has: what is asked, what is not any more.
pub fn reconcile(wanted: &[Question], open: &[OpenQuestion], taken: &[DefaultTaken]) -> QuestionChanges {
    let mut by_key: BTreeMap<&str, (&Asked, Vec<Place>)> = BTreeMap::new();
    for question in wanted {
        let (_, places) = by_key.entry(&question.asked.key).or_insert_with(|| (&question.asked, Vec::new()));
        places.push(question.place.clone());
    }
    let mut changes = QuestionChanges::default();
    let mut since: BTreeMap<&str, Timestamp> = BTreeMap::new();
    let mut kept: Vec<&str> = Vec::new();
    for question in open {
        let key = question.asked.key.as_str();
        match by_key.get_mut(key) {
            Some((asked, places)) if asked.owner == question.asked.owner && asked.choices == question.asked.choices => {
                places.sort();
                places.dedup();
                kept.push(key);
                if *places != question.places {
                    changes.moved_places.push((question.id, places.clone()));
                }
            }
            Some(_) => {
                since.insert(key, question.asked_at);
                changes.end.push((question.id, QuestionOutcome::Moved));
            }
            None if taken.iter().any(|taken| taken.key == key) => {
                changes.end.push((question.id, QuestionOutcome::Default));
            }
            None => changes.end.push((question.id, QuestionOutcome::Withdrawn)),
        }
    }
    for (key, (asked, mut places)) in by_key {
        if !kept.contains(&key) {
            places.sort();
            places.dedup();
            changes.ask.push((asked.clone(), places, since.get(key).copied()));
        }
    }
    changes.end.sort_unstable_by_key(|(id, _)| *id);
    changes
}

/// A value that does not fit fails; candidates that do not fit are none.
fn check(attribute: &mut DesiredAttribute, facts: &AttributeFacts) {
    match &mut attribute.value {
        DesiredValue::Value(value) => {
            if let Some(why) = present(Some(value)).and_then(|value| facts.constraint.misfit(value)) {
                // A secret is not repeated in a message.
                let said = if attribute.secret { String::new() } else { format!(" \u{201c}{value}\u{201d}") };
                attribute.value = DesiredValue::Failed(format!("the value{said} {why}"));
            }
        }
        DesiredValue::Unique(candidates) => {
            let why = candidates.iter().find_map(|candidate| facts.constraint.misfit(&Value::from(candidate.as_str())));
            candidates.retain(|candidate| facts.constraint.misfit(&Value::from(candidate.as_str())).is_none());
            if let Some(why) = why.filter(|_| candidates.is_empty()) {
                attribute.value = DesiredValue::Failed(format!("none of the values it may have fits: the first {why}"));
            }
        }
        DesiredValue::Absent | DesiredValue::Failed(_) | DesiredValue::Asked(_) | DesiredValue::Referred(_) => {}
    }
}

fn is_missing(attribute: &DesiredAttribute) -> bool {
    match &attribute.value {
        DesiredValue::Absent => true,
        DesiredValue::Value(value) => present(Some(value)).is_none(),
        DesiredValue::Unique(_) | DesiredValue::Failed(_) | DesiredValue::Asked(_) | DesiredValue::Referred(_) => false,
    }
}

fn answer<'a>(answers: &'a [Answer], facts: &AttributeFacts) -> Option<&'a Answer> {
    answers.iter().find(|answer| answer.key == facts.question && facts.constraint.misfit(&answer.value).is_none())
}

fn is_due(facts: &AttributeFacts, known: &Known<'_>) -> bool {
    let open = known.open.iter().find(|open| open.asked.key == facts.question);
    facts.answer_within_days == 0 || open.is_some_and(|open| due_at(facts, open.asked_at) <= known.now)
}

#[cfg(test)]
mod tests;
