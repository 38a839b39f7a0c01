//! The engine over real files and servers: one binary, because linking is what takes the time.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test that cannot go on ends there, and some tell what they found"
)]

mod crash;
mod faults;
mod pipeline;
mod real_input;
