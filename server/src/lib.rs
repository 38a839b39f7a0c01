//! The rim: HTTP, sessions, command line, start and stop. Everything it does for people is a use case of `engine`;
//! everything it shows is in `app`. What is decided here is only how requests come in and how answers go out.

pub mod agent;
pub mod cli;
pub mod demo;
pub mod http;
mod private_file;
pub mod serve;
pub mod telemetry;
