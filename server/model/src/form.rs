//! Questions: values that no source gives and that an account cannot be without. What one owner is asked about one
//! identity is a form; what was answered stands until it is changed.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::configuration::ColumnType;
use crate::ids::{AnswerId, FormId, IdentityId, QuestionId};
use crate::value::Value;

/// Who answers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", content = "name", rename_all = "snake_case")]
pub enum FormOwner {
    /// Whoever signs in with this login.
    Login(String),
    /// Every holder of this permission profile.
    Profile(String),
    /// Whoever may answer every form: nobody else could be found.
    Operators,
}

impl FormOwner {
    /// As stored: kind and name.
    pub fn parts(&self) -> (&'static str, &str) {
        match self {
            Self::Login(login) => ("login", login),
            Self::Profile(profile) => ("profile", profile),
            Self::Operators => ("operators", ""),
        }
    }

    pub fn from_parts(kind: &str, name: &str) -> Option<Self> {
        Some(match kind {
            "login" => Self::Login(name.to_owned()),
            "profile" => Self::Profile(name.to_owned()),
            "operators" => Self::Operators,
            _ => return None,
        })
    }
}

impl std::fmt::Display for FormOwner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Login(login) => f.write_str(login),
            Self::Profile(profile) => write!(f, "the holders of \u{201c}{profile}\u{201d}"),
            Self::Operators => f.write_str("an operator"),
        }
    }
}

/// That a value is asked for: what, and of whom.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Asked {
    /// The same for all attributes that need the same.
    pub key: String,
    pub label: String,
    pub owner: FormOwner,
    /// The only answers there are, where they are this identity's own, such as its accounts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<String>,
}

/// An attribute that needs an answer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Question {
    pub asked: Asked,
    pub place: Place,
}

/// Where an answer is needed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    pub application: String,
    pub account_type: String,
    /// Empty where the question is which account is meant.
    pub attribute: String,
}

/// A question that waits for its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenQuestion {
    pub id: QuestionId,
    pub form: FormId,
    pub identity: IdentityId,
    pub asked: Asked,
    pub places: Vec<Place>,
    pub asked_at: Timestamp,
}

/// What became of a question.
///
/// | from | to | when |
/// |---|---|---|
/// | open | answered | its owner, or whoever may answer every form, gave a value |
/// | open | default | nobody did in time, and the attribute has a default |
/// | open | moved | somebody else is to be asked now |
/// | open | withdrawn | nothing needs it any more |
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuestionOutcome {
    Answered,
    Default,
    Moved,
    Withdrawn,
}

impl QuestionOutcome {
    pub const ALL: [Self; 4] = [Self::Answered, Self::Default, Self::Moved, Self::Withdrawn];

    pub fn name(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Default => "default",
            Self::Moved => "moved",
            Self::Withdrawn => "withdrawn",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.name() == name)
    }
}

/// A value that stands in for one that no source gives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    pub id: AnswerId,
    pub identity: IdentityId,
    pub key: String,
    pub value: Value,
    /// Login; none where the default was taken.
    pub by: Option<String>,
    pub at: Timestamp,
}

/// Whose forms are listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FormScope {
    /// What only the one who looks is asked.
    #[default]
    Me,
    /// What everybody with one of the same profiles is asked.
    Team,
    All,
}

impl FormScope {
    pub const ALL: [Self; 3] = [Self::Me, Self::Team, Self::All];

    pub fn name(self) -> &'static str {
        match self {
            Self::Me => "me",
            Self::Team => "team",
            Self::All => "all",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.name() == name)
    }
}

/// Which forms to list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FormFilter {
    pub scope: FormScope,
    /// Those that are over, instead of those that wait.
    pub closed: bool,
    pub after: Option<String>,
    pub limit: Option<u32>,
}

/// A line of the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormRow {
    pub id: FormId,
    pub identity: IdentityId,
    pub identity_name: String,
    pub owner: FormOwner,
    /// What a person calls the owner.
    pub owner_name: String,
    /// What is asked.
    pub labels: Vec<String>,
    pub opened_at: Timestamp,
    pub closed_at: Option<Timestamp>,
    /// When the first of its defaults is taken, or an answer is late.
    pub due_at: Option<Timestamp>,
}

/// How many forms wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormCounts {
    pub me: u64,
    pub team: u64,
    pub all: u64,
}

impl FormCounts {
    pub fn of(self, scope: FormScope) -> u64 {
        match scope {
            FormScope::Me => self.me,
            FormScope::Team => self.team,
            FormScope::All => self.all,
        }
    }
}

/// A form with all that its page shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormDetail {
    pub row: FormRow,
    /// Employment, contract or position, so that who answers knows whom it is about.
    pub about: Vec<(String, String)>,
    pub fields: Vec<FormField>,
    /// Whether the one who looks may answer.
    pub may_answer: bool,
    /// Why nobody can answer any more.
    pub over: Option<String>,
}

/// One question as a person sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormField {
    pub question: QuestionId,
    pub key: String,
    pub label: String,
    pub help: Option<String>,
    /// What an answer has to be like, in words.
    pub rules: Vec<String>,
    pub kind: ColumnType,
    pub maximum_length: Option<u32>,
    pub choices: Vec<String>,
    /// "Badge in Badges".
    pub needed_for: Vec<String>,
    pub due_at: Option<Timestamp>,
    /// Taken when the time is up.
    pub default: Option<Value>,
    pub outcome: Option<QuestionOutcome>,
    /// What stands now, given here or elsewhere.
    pub answer: Option<Answer>,
}

/// A value that a form posts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Typed {
    pub question: QuestionId,
    pub text: String,
}

/// A question or an answer as an identity's page shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentityQuestion {
    pub form: Option<FormId>,
    pub label: String,
    pub owner_name: String,
    pub due_at: Option<Timestamp>,
    pub answer: Option<Answer>,
}

#[cfg(test)]
mod tests {
    use super::{FormOwner, FormScope, QuestionOutcome};

    #[test]
    fn names_come_back() {
        for owner in [FormOwner::Login("ann".into()), FormOwner::Profile("desk".into()), FormOwner::Operators] {
            let (kind, name) = owner.parts();
            assert_eq!(FormOwner::from_parts(kind, name), Some(owner));
        }
        assert_eq!(FormOwner::from_parts("team", "x"), None);
        for outcome in QuestionOutcome::ALL {
            assert_eq!(QuestionOutcome::from_name(outcome.name()), Some(outcome));
        }
        for scope in FormScope::ALL {
            assert_eq!(FormScope::from_name(scope.name()), Some(scope));
        }
    }
}
