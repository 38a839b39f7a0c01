//! The engine over real files and servers: one binary, because linking is what takes the time.

mod crash;
mod pipeline;
mod real_input;
