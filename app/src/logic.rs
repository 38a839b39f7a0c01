//! What pages decide, as plain functions: reading a query, building an address, telling times and quantities in words.
//! No markup and no clock in here; the moment a page is made is an argument.

pub mod address;
pub mod approval;
pub mod event;
pub mod flash;
pub mod form;
pub mod graph;
pub mod held;
pub mod markdown;
pub mod mining;
pub mod progress;
pub mod query;
pub mod report;
pub mod request;
pub mod review;
pub mod role_model;
pub mod schema_form;
pub mod search;
pub mod time;
pub mod words;
