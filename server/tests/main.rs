//! Tests of the program as a whole, in one binary because linking is what they cost.

#[allow(dead_code, reason = "the connectors' own tests need more of it")]
#[expect(clippy::expect_used, clippy::panic, reason = "a test whose surroundings fail has failed")]
#[path = "../connectors/tests/support/child.rs"]
mod child;
#[expect(clippy::expect_used, reason = "a test whose surroundings fail has failed")]
#[path = "../connectors/tests/support/free_port.rs"]
mod free_port;
#[expect(
    clippy::unwrap_used,
    clippy::expect_used,
    unreachable_pub,
    reason = "a test whose surroundings fail has failed"
)]
#[path = "../connectors/tests/support/postgres.rs"]
mod postgres;
#[expect(clippy::expect_used, unreachable_pub, reason = "a test whose surroundings fail has failed")]
#[path = "../connectors/tests/support/ready.rs"]
mod ready;
#[expect(clippy::unwrap_used, clippy::expect_used, reason = "a test whose surroundings fail has failed")]
#[path = "../connectors/tests/support/slapd.rs"]
mod slapd;

#[expect(clippy::unwrap_used, clippy::expect_used, reason = "a test whose surroundings fail has failed")]
mod it {
    mod agents;
    mod architecture;
    mod backup;
    mod events;
    mod exports;
    mod faults;
    mod generated;
    mod http;
    mod mining;
    mod promises;
    mod security;
    mod sign_ins;
    mod upgrade;
    mod users;
}
