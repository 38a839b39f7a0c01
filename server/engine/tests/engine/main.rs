//! The engine over real files and servers: one binary, because linking is what takes the time.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    unreachable_pub,
    reason = "a test that cannot go on ends there, and some tell what they found"
)]

#[path = "../../../connectors/tests/support/child.rs"]
mod child;
#[allow(dead_code, reason = "each test needs other faults")]
#[path = "../../../connectors/tests/support/fault_proxy.rs"]
mod fault_proxy;
#[path = "../../../connectors/tests/support/free_port.rs"]
mod free_port;
#[path = "../../../connectors/tests/support/postgres.rs"]
mod postgres;
#[path = "../../../connectors/tests/support/ready.rs"]
mod ready;
#[allow(dead_code, reason = "the connector's own tests need more of it")]
#[path = "../../../connectors/tests/support/request_tracker.rs"]
mod request_tracker;
#[path = "../../../connectors/tests/support/scim2_server.rs"]
mod scim2_server;
#[path = "../../../connectors/tests/support/slapd.rs"]
mod slapd;

mod access;
mod approval;
mod approving;
mod asking;
mod bulk_changes;
mod certifications;
mod certifying;
mod crash;
mod drafts;
mod events;
mod faults;
mod forms;
mod found_entitlements;
mod grace;
mod indirect;
mod jobs;
mod leavers;
mod lifecycle;
mod lost_database;
mod mail_server;
mod mails;
mod mining;
mod native_changes;
mod pipeline;
mod reach;
mod real_input;
mod reconciliation;
mod references;
mod request_approvals;
mod requests;
mod restoration;
mod review;
mod rings;
mod routes;
mod scenarios;
mod search;
mod sign_ins;
mod simulation;
mod terms;
mod tickets;
mod triage;
mod undo;
mod users;
mod violations;
mod work_items;
