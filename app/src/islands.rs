//! The only code that travels to the browser. Each island makes something quicker that works without it.

pub mod copy;
mod fetch;
pub mod keys;
pub mod live_matching;
pub mod live_run;
pub mod palette;
pub mod selection;

pub use copy::Copy;
pub use keys::Keys;
pub use live_matching::LiveMatching;
pub use live_run::LiveRun;
pub use palette::Palette;
pub use selection::Selection;
