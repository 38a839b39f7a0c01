//! Bulk changes: many additions and removals, out of a file or for chosen people, looked at together before any happens.
//!
//! | from | to | when |
//! |---|---|---|
//! | reading | checking | all of it was taken in |
//! | checking | previewed | every row was looked at |
//! | previewed | checking | it is to be looked at again |
//! | previewed | confirmed | a person confirms what was previewed, by its digest |
//! | confirmed | applying | every row was looked at once more, and nothing is otherwise |
//! | confirmed | previewed | something is otherwise: nothing was changed |
//! | applying | applied | every row that was ready is a request, or says why not |
//! | applied | undoing | a person takes it back |
//! | undoing | undone | every row that was applied is taken back, or is a conflict |
//! | reading, checking, previewed | discarded | a person gives it up |
//!
//! Each row becomes a request; from there it goes the way of every request.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::access::Grantable;
use crate::ids::{BulkChangeId, IdentityId, RequestId};
use crate::request::Change;

/// How far a bulk change is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BulkChangeState {
    Reading,
    Checking,
    /// It waits for a person who confirms it.
    Previewed,
    Confirmed,
    Applying,
    Applied,
    Undoing,
    Undone,
    Discarded,
}

impl BulkChangeState {
    pub const ALL: [Self; 9] = [
        Self::Reading,
        Self::Checking,
        Self::Previewed,
        Self::Confirmed,
        Self::Applying,
        Self::Applied,
        Self::Undoing,
        Self::Undone,
        Self::Discarded,
    ];

    /// As stored, and in addresses.
    pub fn name(self) -> &'static str {
        match self {
            Self::Reading => "reading",
            Self::Checking => "checking",
            Self::Previewed => "previewed",
            Self::Confirmed => "confirmed",
            Self::Applying => "applying",
            Self::Applied => "applied",
            Self::Undoing => "undoing",
            Self::Undone => "undone",
            Self::Discarded => "discarded",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// What a person reads.
    pub fn label(self) -> &'static str {
        match self {
            Self::Reading => "Reading the file",
            Self::Checking => "Checking",
            Self::Previewed => "Waiting for confirmation",
            Self::Confirmed => "Checking once more",
            Self::Applying => "Applying",
            Self::Applied => "Applied",
            Self::Undoing => "Undoing",
            Self::Undone => "Undone",
            Self::Discarded => "Discarded",
        }
    }

    /// The table above.
    pub fn may_become(self, next: Self) -> bool {
        matches!(
            (self, next),
            (Self::Reading | Self::Previewed, Self::Checking)
                | (Self::Checking | Self::Confirmed, Self::Previewed)
                | (Self::Previewed, Self::Confirmed)
                | (Self::Confirmed, Self::Applying)
                | (Self::Applying, Self::Applied)
                | (Self::Applied, Self::Undoing)
                | (Self::Undoing, Self::Undone)
                | (Self::Reading | Self::Checking | Self::Previewed, Self::Discarded)
        )
    }

    /// Whether it goes on by itself.
    pub fn is_at_work(self) -> bool {
        matches!(self, Self::Checking | Self::Confirmed | Self::Applying | Self::Undoing)
    }
}

/// What became of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BulkRowState {
    /// Not looked at yet.
    New,
    /// It would change something.
    Ready,
    /// It is so already.
    Already,
    /// It cannot be done, and says why.
    Refused,
    /// It is a request.
    Applied,
    /// Its request was taken back.
    Undone,
    /// It was not taken back, because others changed the same since.
    Conflict,
}

impl BulkRowState {
    pub const ALL: [Self; 7] =
        [Self::New, Self::Ready, Self::Already, Self::Refused, Self::Applied, Self::Undone, Self::Conflict];

    /// As stored, and in addresses.
    pub fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Ready => "ready",
            Self::Already => "already",
            Self::Refused => "refused",
            Self::Applied => "applied",
            Self::Undone => "undone",
            Self::Conflict => "conflict",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// What a person reads.
    pub fn label(self) -> &'static str {
        match self {
            Self::New => "Not checked yet",
            Self::Ready => "Ready",
            Self::Already => "Already so",
            Self::Refused => "Refused",
            Self::Applied => "Applied",
            Self::Undone => "Undone",
            Self::Conflict => "Conflict",
        }
    }
}

/// A row as it was written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct WrittenRow {
    pub identity: String,
    pub action: String,
    pub kind: String,
    pub name: String,
    pub not_before: String,
    pub until: String,
    pub justification: String,
    /// Why it could not be read; none where it could.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// One line of a bulk change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BulkRow {
    /// As an editor counts; of chosen people, their number in the list.
    pub line: u64,
    pub written: WrittenRow,
    pub identity: Option<IdentityId>,
    /// None where nobody was found.
    pub identity_name: Option<String>,
    pub item: Option<(Change, Grantable)>,
    pub state: BulkRowState,
    /// Why it is where it is, and what to do: a sentence.
    pub message: Option<String>,
    /// The risk that it would newly bring about: a sentence.
    pub risk: Option<String>,
    pub request: Option<RequestId>,
}

impl BulkRow {
    /// A row that was not looked at yet.
    pub fn new(line: u64, written: WrittenRow) -> Self {
        Self {
            line,
            written,
            identity: None,
            identity_name: None,
            item: None,
            state: BulkRowState::New,
            message: None,
            risk: None,
            request: None,
        }
    }
}

/// How many rows are what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BulkCounts {
    /// People for whom something changes.
    pub people: u64,
    /// Of what changes, or did.
    pub additions: u64,
    pub removals: u64,
    /// Of what changes: rows that newly bring about a risk.
    pub risks: u64,
    pub ready: u64,
    pub already: u64,
    pub refused: u64,
    pub applied: u64,
    pub undone: u64,
    pub conflicts: u64,
}

/// A bulk change on record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BulkChange {
    pub id: BulkChangeId,
    pub title: String,
    /// Why; of rows that do not say why themselves.
    pub reason: String,
    pub state: BulkChangeState,
    /// Up to which line the pass of this state went.
    pub through: u64,
    pub rows: u64,
    /// Of what was previewed.
    pub digest: String,
    /// Of the rows as they are looked at once more.
    pub digest_again: String,
    pub message: Option<String>,
    pub risk_comment: Option<String>,
    pub counts: BulkCounts,
    pub created_by: String,
    pub created_at: Timestamp,
    pub confirmed: Option<(String, Timestamp)>,
    /// Who, when and why.
    pub undone: Option<(String, Timestamp, String)>,
    pub ended_at: Option<Timestamp>,
}

impl BulkChange {
    /// One that is being taken in.
    pub fn new(id: BulkChangeId, title: String, reason: String, by: String, at: Timestamp) -> Self {
        Self {
            id,
            title,
            reason,
            state: BulkChangeState::Reading,
            through: 0,
            rows: 0,
            digest: String::new(),
            digest_again: String::new(),
            message: None,
            risk_comment: None,
            counts: BulkCounts::default(),
            created_by: by,
            created_at: at,
            confirmed: None,
            undone: None,
            ended_at: None,
        }
    }

    /// Who lets it go on: whoever did the last thing with it.
    pub fn driver(&self) -> &str {
        match (&self.undone, &self.confirmed) {
            (Some((by, ..)), _) | (None, Some((by, _))) => by,
            (None, None) => &self.created_by,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for state in BulkChangeState::ALL {
            assert_eq!(BulkChangeState::from_name(state.name()), Some(state));
        }
        for state in BulkRowState::ALL {
            assert_eq!(BulkRowState::from_name(state.name()), Some(state));
        }
    }

    #[test]
    fn nothing_is_applied_that_was_not_confirmed_and_looked_at_again() {
        use BulkChangeState as State;
        let before =
            |state: State| State::ALL.into_iter().filter(move |from| from.may_become(state)).collect::<Vec<_>>();
        assert_eq!(before(State::Applying), [State::Confirmed]);
        assert_eq!(before(State::Confirmed), [State::Previewed]);
        assert_eq!(before(State::Undoing), [State::Applied]);
        for end in [State::Undone, State::Discarded] {
            assert!(State::ALL.into_iter().all(|next| !end.may_become(next)), "{end:?}");
        }
        // What goes on by itself comes to rest by itself.
        for state in State::ALL.into_iter().filter(|state| state.is_at_work()) {
            assert!(State::ALL.into_iter().any(|next| state.may_become(next)), "{state:?}");
        }
    }
}
