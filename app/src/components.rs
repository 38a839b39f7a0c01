//! Parts that more than one page, or an island, is made of. They show; what to show is decided in `logic`.

pub mod blast_radius;
pub mod chip;
pub mod explain;
pub mod form;
pub mod icon;
pub mod list;
pub mod list_tools;
pub mod markdown;
pub mod matching;
pub mod quoted;
pub mod run;
pub mod timeline;
