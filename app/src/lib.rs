//! What a person sees. Pages are drawn on the server from what `engine` answers, as plain links and forms; only
//! `islands` (and the `components` and `logic` they are made of) travel to the browser. No rules live here: `logic`
//! puts words and addresses to what others decided.
//!
//! The rim provides per request: [`engine::context::OpContext`] when somebody has signed in, and the nonce.

#![recursion_limit = "256"]

pub mod components;
pub mod islands;
pub mod logic;

#[cfg(feature = "ssr")]
pub mod exports;
#[cfg(feature = "ssr")]
pub mod frame;
#[cfg(feature = "ssr")]
pub mod pages;
#[cfg(feature = "ssr")]
pub mod permissions;
#[cfg(feature = "ssr")]
pub mod routes;
#[cfg(feature = "ssr")]
pub mod shell;
#[cfg(feature = "ssr")]
pub mod ssr;

#[cfg(feature = "ssr")]
pub use routes::App;
#[cfg(feature = "ssr")]
pub use shell::shell;

#[cfg(all(test, feature = "ssr"))]
extern crate self as app;
#[cfg(all(test, feature = "ssr"))]
#[path = "../examples/gallery/samples.rs"]
mod samples;
#[cfg(all(test, feature = "ssr"))]
mod tests;
