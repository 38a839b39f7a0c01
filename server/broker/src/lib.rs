//! From the difference to a plan, its partitions, and the states of an order. Everything here is a decision: pure,
//! synchronous, without clock, randomness or IO. `policy` says what should be; the caller says what is and what is
//! under way; this crate says what follows, and why. `connectors` do it, `store` records it, `engine` walks between.
//!
//! In reading order: what is read comes in ([`synchronize`], [`correlate`]), what of it nobody ordered is told apart
//! ([`native_change`]), and what of it nothing grants ([`reconciliation`]); what should be held is compared with what is
//! ([`assignments`]), a difference becomes a plan ([`plan`]), of which each part goes its way ([`route`], [`divide`],
//! [`partition`]) and waits only for what has to be done before ([`beside`]), a checked plan ([`check`]) and orders
//! ([`order`]); an order moves through its states ([`lifecycle`]) as answers come back ([`untrusted`],
//! [`settle`], [`retry`], [`poison`]); [`breaker`] and [`maintenance`] say when nothing is sent; what failed is grouped
//! ([`fingerprint`]) and mended by people ([`operator`], [`edit`]); [`threshold`] stops what would change too much,
//! [`approval`] says what a person lets through, and [`review`] what follows from a reviewer's word;
//! whose work it is where people carry it out ([`fulfiller`]), what they report ([`work_item`]), when they are reminded
//! ([`deadline`]), and what becomes of it when it is not done in time ([`escalation`]); [`blast_radius`] says how much it
//! is, [`rings`] lets it go to a few people first, and [`undo`] takes back what was done.
//! [`agent`] says how long a run waits for what is read elsewhere.
//! [`request`] follows what was asked for through the orders that carry it out; [`certification`] says what becomes of
//! access that people look at, and where a revocation goes; [`trigger`] says what set the others off;
//! [`user_change`] says what may become of those who sign in, and at whose hand.

pub mod catalogue;
pub mod compare;
pub mod constraint;

pub mod agent;
pub mod correlate;
pub mod native_change;
pub mod reconciliation;
pub mod synchronize;

pub mod assignments;

pub mod beside;
pub mod check;
pub mod choice;
pub mod conflict;
pub mod divide;
pub mod order;
pub mod partition;
pub mod plan;
pub mod questions;
pub mod reference;
pub mod route;

pub mod breaker;
pub mod lifecycle;
pub mod maintenance;
pub mod poison;
pub mod retry;
pub mod review;
pub mod settle;

pub mod approval;
pub mod edit;
pub mod fingerprint;
pub mod operator;
pub mod untrusted;

pub mod deadline;
pub mod escalation;
pub mod fulfiller;
pub mod work_item;

pub mod blast_radius;
pub mod rings;
pub mod threshold;
pub mod undo;

pub mod certification;
pub mod request;
pub mod request_approval;
pub mod subscription;
pub mod trigger;
pub mod user_change;
pub mod violation;

#[cfg(test)]
mod worlds;
