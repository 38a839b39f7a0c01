//! The system of record: one schema on SQLite and on PostgreSQL, and the only place with SQL.
//!
//! Every statement is a constant that runs unchanged on both; where locking differs two constants stand side by side.
//! Writes happen in [`Store::write`], several of them in one commit on SQLite; reads are methods of [`Store`].
//! Bulk writes hand whole slices over as one JSON array per statement. What a change means is decided elsewhere: the
//! store checks shapes (constraints), claims and fences, and keeps history; it knows no rule of provisioning.

mod among;
mod connection;
mod writer;

pub mod error;
pub mod ids;
pub mod migrations;
pub mod paging;
pub mod transaction;

pub mod configuration;
mod drafts;
pub mod identities;
pub mod lifecycle;

pub mod account_reviews;
pub mod accounts;
pub mod assignments;
mod held;
mod holders;

mod bulk_changes;
mod certifications;
pub mod declined;
pub mod forms;
pub mod native_changes;
pub mod orders;
pub mod reconciliation;
pub mod request_approvals;
pub mod requests;
pub mod violations;
pub mod work_items;

pub mod blocks;
mod rings;
pub mod runs;
pub mod signals;
pub mod undo;

pub mod agents;
pub mod applications;
pub mod circuits;

pub mod audit;
pub mod events;
pub mod home;
pub mod mails;
pub mod sessions;
pub mod users;

mod copy;
mod open;
mod restoration;
mod saved_views;
mod search;
pub mod words;

pub use accounts::Reservation;
pub use agents::{Attempt, ExportEnd, NewExport, NewPage, PageKept};
pub use applications::ApplicationFacts;
pub use assignments::{AssignmentRecord, AssignmentStateChange};
pub use blocks::ThresholdUse;
pub use certifications::{CampaignStep, ItemChoice};
pub use circuits::CircuitRecord;
pub use configuration::{FormEdge, ObjectForm};
pub use declined::UnderReview;
pub use error::StoreError;
pub use events::{Claimed, Delivered, NewFact, SnapshotLine};
pub use forms::{FormChanges, FormReader, FormRecord, NewQuestion, QuestionRecord};
pub use futures::future::BoxFuture;
pub use held::{HeldEntitlements, HeldKey};
pub use identities::NewIdentityEvent;
pub use mails::{Recipient, SentMail, WaitingNotice};
pub use migrations::MigrationReport;
pub use native_changes::{NativePlanned, NativeStep, NativeVerdict};
pub use open::{Dialect, Store};
pub use orders::{Claim, FilledOrder, OrdersUnderWay, PlanRecord, RecordedTransition, ReferenceChange};
pub use reconciliation::GrantBeside;
pub use requests::RequestProgress;
pub use restoration::Restoration;
pub use runs::{Cancelled, JobScheduleRecord, RUN_LOST};
pub use search::{FoundAccount, FoundPerson, Numbered};
pub use sessions::SessionRecord;
pub use signals::{Signal, Signals};
pub use transaction::Tx;
pub use violations::{NewViolation, NewViolationThing, RiskyHoldings, ViolationVerdict};

/// What the store answers.
pub type Result<T> = std::result::Result<T, StoreError>;
