//! A database that was put back to an earlier state, as people see it, and what is still to be done about it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A database that was put back to an earlier state: nothing goes out until a person says so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestoredView {
    /// The moment to which it was put back, where that is known.
    pub taken_at: Option<Timestamp>,
    /// Applications and sources that were not read since, as people call them: they have to be, first.
    pub unread: Vec<String>,
    /// Whether a whole run has decided and planned for everybody since.
    pub is_planned: bool,
    /// Orders that wait to be sent.
    pub waiting: u64,
}

impl RestoredView {
    /// What is still to be done before anything goes out again, as a sentence; none where all is.
    pub fn missing(&self) -> Option<String> {
        match (self.unread.as_slice(), self.is_planned) {
            ([], true) => None,
            ([], false) => Some("Nobody was planned for since the database was put back.".to_owned()),
            (unread, _) => Some(format!("Not read since the database was put back: {}.", unread.join(", "))),
        }
    }
}
