//! What tests need: a small organisation in a temporary folder, and the other sides of its applications. For tests only,
//! so a thing that cannot be done ends the test there and then.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot be set up has failed")]

pub mod configuration;
pub mod directory;
pub mod exchange;
pub mod payroll;
pub mod wait;
pub mod world;
