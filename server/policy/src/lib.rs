//! Who should have what, and why: pure, synchronous, without clock or randomness.
//!
//! [`expression`] reads CEL, [`model`](mod@model) compiles a configuration and finds what is wrong with it, [`engine`] answers desired
//! access for one identity or a whole population, and [`reference`] answers the same slowly and obviously: it is the oracle
//! that the engine is tested against. [`classification`] says which types an account may be of, [`selection`] which of several
//! accounts is meant, [`referral`] what an attribute takes from another account, [`naming`] what a typed name stands for, [`deduction`] which roles
//! would explain what somebody holds, [`mining`] which rules and bundles would explain what many do, [`lint`](mod@lint) what of a configuration
//! makes no sense, [`quality`](mod@quality) how good what is known of people is.

pub mod classification;
pub mod deduction;
pub mod engine;
pub mod expression;
pub mod indirect;
pub mod lint;
pub mod mining;
pub mod model;
pub mod naming;
pub mod naming_rules;
pub mod quality;
pub mod reference;
pub mod referral;
pub mod risk;
pub mod selection;
pub mod subscription;

mod day;
mod digest;
