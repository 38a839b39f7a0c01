//! What tests need: a small organisation in a temporary folder, and the other side of a CSV exchange. For tests only,
//! so a thing that cannot be done ends the test there and then.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot be set up has failed")]

pub mod exchange;
pub mod world;
