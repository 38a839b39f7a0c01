//! The nouns everybody shares, in reading order. Plain data: no rules, no IO, no clock. Every value on the way of a
//! change (`docs/ARCHITECTURE.md`) is one of these, can be stored as it is, and can be shown to a person.
//!
//! The crate compiles to wasm as well; whatever is not needed on both sides of the wire still lives here when more
//! than one room speaks of it, because a second copy of a noun is how rooms drift apart.

pub mod ids;
pub mod value;

pub mod access;
pub mod account;
pub mod configuration;
pub mod correlation;
pub mod draft;
pub mod event;
pub mod identity;
pub mod indirect;
pub mod lifecycle;
pub mod lint;

pub mod blast_radius;
pub mod circuit;
pub mod command;
pub mod order;
pub mod plan;
pub mod quality;
pub mod rings;
pub mod trigger;
pub mod undo;
pub mod work_item;

pub mod agent;
pub mod approval;
pub mod block;
pub mod bulk_change;
pub mod certification;
pub mod feed;
pub mod form;
pub mod job;
pub mod native_change;
pub mod reconciliation;
pub mod request;
pub mod restoration;
pub mod review;
pub mod risk;
pub mod sign_in;

pub mod error;
pub mod mail;
pub mod mining;
pub mod page;
pub mod permission;
pub mod search;
pub mod user;
pub mod view;
