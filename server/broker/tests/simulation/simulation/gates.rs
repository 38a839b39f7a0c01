//! What a run asks before it goes on, as `engine::tasks::guard` and `engine::tasks::rings` walk it: whether a person let through
//! exactly what exceeds a limit, and whether the ring that went is healthy enough for the next one.

use broker::approval::{self, Standing};
use broker::rings::{self, Verdict};
use model::block::{BlockState, RunBlock};
use model::ids::{RunBlockId, RunId};
use model::order::Trouble;
use model::rings::{RingTally, RunRings};

use super::Refused;
use super::bugs::PlantedBug;
use super::node::Node;
use super::store::{RunState, State, Tx};

/// Whether what exceeds a limit may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// On the strength of this approval.
    Approved(RunBlockId),
    Blocked,
    /// The run is another node's by now.
    Lost,
}

/// Constraint that is named where an approval holds no longer when what it was for is written.
pub(super) const APPROVAL_VOID: &str = "run_block_approval";

impl Node {
    /// Judges what is about to happen, and keeps what is stopped.
    pub(super) async fn judge(&self, run: RunId, subject: &str, digest: &str) -> Way {
        let blocks: Vec<RunBlock> = self.read(|state| state.runs[&run].blocks.iter().rev().cloned().collect()).await;
        match approval::standing(&blocks, subject, digest, self.now()) {
            Standing::Holds(block) => return Way::Approved(block.id),
            Standing::Void(block) if self.sim.is_planted(PlantedBug::ApprovalForAnything) => {
                return Way::Approved(block.id);
            }
            Standing::Waiting(_) => return Way::Blocked,
            Standing::Unheard | Standing::Expired(_) | Standing::Void(_) => {}
        }
        let block = RunBlock {
            id: RunBlockId(self.reserve_ids(1).await.start),
            run,
            subject: subject.to_owned(),
            digest: digest.to_owned(),
            trips: Vec::new(),
            changes: 1,
            second_person: false,
            blocked_at: self.now(),
            state: BlockState::Waiting,
            decided_by: None,
            decided_at: None,
            reason: None,
        };
        match self.write_of_run(run, |tx| tx.insert_block(block)).await {
            Ok(()) => Way::Blocked,
            Err(_) => Way::Lost,
        }
    }

    /// Lets the next ring of every run go whose newest ring is healthy. Answers whether one went, and whether this run's own
    /// is halted.
    pub(super) async fn advance_rings(&self, run: RunId) -> (bool, bool) {
        let open: Vec<(RunId, RunRings)> = self
            .read(|state| {
                let all = state.runs.iter().filter_map(|(id, run)| Some((*id, run.rings.clone()?)));
                all.filter(|(_, rings)| rings.is_open() && rings.halted.is_none()).collect()
            })
            .await;
        let mut released = false;
        for (id, rings) in open {
            let ring = rings.released;
            let tallies = self.read(|state| tallies(state, id)).await;
            let is_over = rings::is_last(&tallies, ring);
            let own: Vec<RingTally> = tallies.into_iter().filter(|tally| tally.ring == ring).collect();
            let health = rings::health(&own, &|application| self.catalogue.can_be_read_back(application));
            let verdict = match rings::judge(&health, &rings.limits) {
                _ if is_over => Verdict::Release,
                Verdict::Halt { .. } if self.sim.is_planted(PlantedBug::SickRingIsFollowed) => Verdict::Release,
                verdict => verdict,
            };
            let now = self.now();
            match verdict {
                Verdict::Wait { .. } => {}
                Verdict::Release => {
                    let release = |tx: &mut Tx<'_>| {
                        let is_released = tx.release_ring(id, ring, None)?;
                        tx.release_orders(now)?;
                        Ok(is_released)
                    };
                    released |= self.write(release).await == Ok(true);
                }
                Verdict::Halt { why } => {
                    let halted = self.write(|tx| tx.halt_rings(id, ring, &why)).await;
                    if id == run && halted.is_ok() {
                        return (released, true);
                    }
                }
            }
        }
        (released, false)
    }
}

fn tallies(state: &State, run: RunId) -> Vec<RingTally> {
    let of_run = state.orders.values().filter(|stored| stored.order.run == Some(run));
    of_run
        .filter_map(|stored| {
            let order = &stored.order;
            Some(RingTally {
                ring: stored.ring?,
                application: order.application.clone(),
                mechanism: order.mechanism,
                state: order.state,
                trouble: Trouble::of(order.state, order.reason.as_ref()),
                orders: 1,
            })
        })
        .collect()
}

/// What a person says of a run that was stopped: it goes on, or ends. What a threshold stopped is approved as it was shown,
/// and of rings the next one goes.
pub(super) fn decide(tx: &mut Tx<'_>, id: RunId, lets_through: bool, now: jiff::Timestamp) -> Result<(), Refused> {
    let rings = tx.run(id).rings.clone();
    if let Some(rings) = rings.filter(|rings| lets_through && rings.halted.is_some()) {
        tx.release_ring(id, rings.released, Some("operator"))?;
        tx.release_orders(now)?;
    }
    tx.change_run(id, |run| {
        for block in run.blocks.iter_mut().filter(|block| block.state == BlockState::Waiting) {
            block.state = if lets_through { BlockState::Approved } else { BlockState::Rejected };
            block.decided_by = Some("operator".to_owned());
            block.decided_at = Some(now);
        }
        run.state = if lets_through { RunState::Queued } else { RunState::Cancelled };
    });
    Ok(())
}
