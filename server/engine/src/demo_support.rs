//! What the demo's own systems need from the rooms that `server` does not see. Nothing else of the product uses this.

pub use connectors::demo_database::create as create_database;
