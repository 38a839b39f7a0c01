//! Release of a run's orders in rings: a few people first, and more only where it went well for them.

use serde::{Deserialize, Serialize};

use crate::account::Mechanism;
use crate::configuration::Rings;
use crate::ids::RunId;
use crate::order::{ProvisioningState, Trouble};

/// How far a run is whose orders go ring by ring.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunRings {
    pub run: RunId,
    /// How many there are.
    pub rings: u32,
    /// The last one that was released; the first goes at once.
    pub released: u32,
    /// As the configuration had them when the orders were made.
    pub limits: Rings,
    /// Why the next one does not go without a person.
    pub halted: Option<String>,
    /// Login of the person on whose word the newest one went; none where the one before had proved healthy.
    pub released_by: Option<String>,
}

impl RunRings {
    /// Whether rings are left that have not gone.
    pub fn is_open(&self) -> bool {
        self.released < self.rings
    }
}

/// Orders of one ring that are alike in all that its health depends on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RingTally {
    pub ring: u32,
    pub application: String,
    pub mechanism: Mechanism,
    pub state: ProvisioningState,
    pub trouble: Option<Trouble>,
    pub orders: u64,
}

/// What is known of the orders of a ring.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RingHealth {
    /// Done, and read back where that can be.
    pub done: u64,
    /// Failed, found to be otherwise, or waiting to be tried again.
    pub failed: u64,
    /// Not sent yet, or sent and not answered.
    pub unanswered: u64,
    /// Done, as the application says, and not read back yet.
    pub unverified: u64,
    /// A person does them, decides about them or keeps them back: no ring waits for that.
    pub with_people: u64,
    /// Replaced or called off before anything came of them.
    pub called_off: u64,
}

impl RingHealth {
    /// Orders that say something about the ring's health, or will.
    pub fn counted(&self) -> u64 {
        self.done + self.failed + self.unanswered + self.unverified
    }
}

/// A ring as people see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RingView {
    pub ring: u32,
    pub people: u64,
    pub health: RingHealth,
}

/// The rings of a run as people see them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RingsView {
    pub rings: RunRings,
    /// Every ring, in order.
    pub rows: Vec<RingView>,
}
