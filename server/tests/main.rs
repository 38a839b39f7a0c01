//! Tests of the program as a whole, in one binary because linking is what they cost.

#[expect(clippy::unwrap_used, clippy::expect_used, reason = "a test whose surroundings fail has failed")]
mod it {
    mod architecture;
    mod faults;
    mod http;
    mod promises;
    mod security;
}
