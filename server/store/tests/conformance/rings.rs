use model::configuration::Rings;
use model::ids::*;
use model::job::RunState;
use model::order::{Lane, Order, ProvisioningState};
use model::rings::{RingTally, RunRings};
use store::{Claim, Store};

use crate::world::*;

fn rings(run: i64, count: u32) -> RunRings {
    RunRings {
        run: RunId(run),
        rings: count,
        released: 1,
        limits: Rings { percent: vec![1, 10], ..Rings::default() },
        halted: None,
        released_by: None,
    }
}

fn ids(orders: &[Order]) -> Vec<i64> {
    orders.iter().map(|order| order.id.0).collect()
}

/// Order 30 + n is of person n, made by this run and not released yet.
fn of_run(run: i64, person: i64) -> Order {
    Order { run: Some(RunId(run)), next_attempt_at: None, ..order(30 + person, person) }
}

pub(crate) async fn a_ring_goes_after_the_other(store: Store) {
    people(&store).await;
    keep!(store, |tx| tx.queue_run(&run(7, RunState::Completed)).await?);
    let rows: Vec<_> = (1..=4).map(|person| of_run(7, person)).collect();
    insert_orders(&store, rows).await;
    let begun = rings(7, 3);
    let written = begun.clone();
    keep!(store, |tx| {
        tx.start_rings(&written, &[(OrderId(31), 1), (OrderId(32), 2), (OrderId(33), 3)], at(1)).await?;
    });
    assert_eq!(store.rings_of(RunId(7)).await.unwrap(), Some(begun.clone()));
    assert_eq!(store.rings_of(RunId(8)).await.unwrap(), None);
    // The fourth has no ring, as somebody who leaves has none: it waits for nothing.
    assert_eq!(keep!(store, |tx| tx.release_orders(None, None, at(2)).await?), 2);
    assert_eq!(store.due_applications(at(2)).await.unwrap(), [("directory".to_owned(), 2)]);
    assert_eq!(ids(&store.claim_orders(&claim("node", 100, 10)).await.unwrap()), [31, 34]);

    // One ring at a time, for whoever saw where they are.
    assert!(!keep!(store, |tx| tx.release_ring(RunId(7), 2, None, at(3)).await?));
    assert!(keep!(store, |tx| tx.release_ring(RunId(7), 1, None, at(3)).await?));
    assert!(!keep!(store, |tx| tx.release_ring(RunId(7), 1, None, at(3)).await?));
    assert_eq!(keep!(store, |tx| tx.release_orders(Some(RunId(7)), None, at(4)).await?), 1);
    assert_eq!(ids(&store.claim_orders(&claim("node", 100, 10)).await.unwrap()), [32]);

    // Halted, the rest waits for a person, and no run looks at it by itself.
    assert_eq!(store.open_rings().await.unwrap(), [RunRings { released: 2, ..begun.clone() }]);
    assert!(!keep!(store, |tx| tx.halt_rings(RunId(7), 1, "Too late.", at(5)).await?));
    assert!(keep!(store, |tx| tx.halt_rings(RunId(7), 2, "Two failed.", at(5)).await?));
    assert!(!keep!(store, |tx| tx.halt_rings(RunId(7), 2, "Again.", at(5)).await?));
    assert_eq!(store.open_rings().await.unwrap(), []);
    let halted = RunRings { released: 2, halted: Some("Two failed.".into()), ..begun.clone() };
    assert_eq!(store.rings_of(RunId(7)).await.unwrap(), Some(halted));
    assert_eq!(keep!(store, |tx| tx.release_orders(None, None, at(6)).await?), 0);
    assert!(keep!(store, |tx| tx.release_ring(RunId(7), 2, Some("anna"), at(7)).await?));
    let done = RunRings { released: 3, released_by: Some("anna".into()), ..begun };
    assert_eq!(store.rings_of(RunId(7)).await.unwrap(), Some(done));
    assert!(!keep!(store, |tx| tx.release_ring(RunId(7), 3, None, at(8)).await?), "there is no fourth");
    keep!(store, |tx| tx.release_orders(None, None, at(9)).await?);
    assert_eq!(ids(&store.claim_orders(&claim("node", 100, 10)).await.unwrap()), [33]);

    let tally = |ring| RingTally {
        ring,
        application: "directory".into(),
        mechanism: model::account::Mechanism::Direct,
        state: ProvisioningState::Transmitted,
        trouble: None,
        orders: 1,
    };
    assert_eq!(store.ring_tallies(RunId(7)).await.unwrap(), [tally(1), tally(2), tally(3)]);
    assert_eq!(store.ring_people(RunId(7)).await.unwrap(), [(1, 1), (2, 1), (3, 1)]);
}

/// A person who makes an order due does not make its ring go.
pub(crate) async fn a_due_order_still_waits_for_its_ring(store: Store) {
    people(&store).await;
    keep!(store, |tx| tx.queue_run(&run(7, RunState::Completed)).await?);
    insert_orders(&store, vec![Order { next_attempt_at: Some(at(0)), ..of_run(7, 1) }]).await;
    keep!(store, |tx| tx.start_rings(&rings(7, 2), &[(OrderId(31), 2)], at(1)).await?);
    assert_eq!(store.due_applications(at(50)).await.unwrap(), []);
    assert_eq!(ids(&store.claim_orders(&claim("node", 100, 10)).await.unwrap()), Vec::<i64>::new());
    let error = refused!(store, |tx| tx.start_rings(&rings(7, 2), &[], at(1)).await?);
    assert_conflict(&error, "run_ring_key");
}

/// Whatever is released, halted and claimed in whatever order, by several at once: nothing above the released ring is
/// ever taken, and who leaves is taken at once.
pub(crate) async fn no_schedule_takes_a_later_ring(store: Store) {
    people(&store).await;
    // Several schedules, each as if thrown, and the same each time.
    let mut dice = 0x2545_f491_4f6c_dd1d_u64;
    let mut throw = move |sides: u64| {
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        dice % sides
    };
    let most = i64::try_from(PEOPLE_THERE_ARE).unwrap();
    for schedule in 0..12_i64 {
        let run_id = 100 + schedule;
        keep!(store, |tx| tx.queue_run(&run(run_id, RunState::Completed)).await?);
        let first = 1_000 + 100 * schedule;
        let mut rows = Vec::new();
        let mut members = Vec::new();
        for person in 1..=most {
            let is_leaver = person == most;
            let lane = if is_leaver { Lane::Leaver } else { Lane::Normal };
            let made = Order { lane, run: Some(RunId(run_id)), next_attempt_at: None, ..order(first + person, person) };
            if !is_leaver {
                members.push((made.id, u32::try_from(1 + throw(4)).unwrap()));
            }
            rows.push(made);
        }
        insert_orders(&store, rows).await;
        let begun = members.clone();
        keep!(store, |tx| tx.start_rings(&rings(run_id, 4), &begun, at(1)).await?);
        let mut taken: Vec<i64> = Vec::new();
        for step in 0..40 {
            let released = store.rings_of(RunId(run_id)).await.unwrap().unwrap().released;
            match throw(4) {
                0 => drop(keep!(store, |tx| tx.release_orders(Some(RunId(run_id)), None, at(10)).await?)),
                1 => {
                    let stale = released.saturating_sub(u32::try_from(throw(2)).unwrap()).max(1);
                    keep!(store, |tx| tx.release_ring(RunId(run_id), stale, None, at(10)).await?);
                }
                2 => drop(keep!(store, |tx| tx.halt_rings(RunId(run_id), released, "Halted.", at(10)).await?)),
                _ => {
                    let one = Claim { run: Some(RunId(run_id)), ..claim("one", 100, 2) };
                    let other = Claim { run: Some(RunId(run_id)), ..claim("other", 100, 2) };
                    let (one, other) = tokio::join!(store.claim_orders(&one), store.claim_orders(&other));
                    taken.extend(ids(&one.unwrap()).into_iter().chain(ids(&other.unwrap())));
                }
            }
            let released = store.rings_of(RunId(run_id)).await.unwrap().unwrap().released;
            for id in &taken {
                let ring = members.iter().find(|(order, _)| order.0 == *id).map(|(_, ring)| *ring);
                assert!(ring.is_none_or(|ring| ring <= released), "schedule {schedule}, step {step}, order {id}");
            }
        }
        keep!(store, |tx| tx.release_orders(Some(RunId(run_id)), None, at(10)).await?);
        let all = Claim { run: Some(RunId(run_id)), ..claim("one", 100, 100) };
        taken.extend(ids(&store.claim_orders(&all).await.unwrap()));
        assert!(taken.contains(&(first + most)), "schedule {schedule}: who leaves waits");
        // What the others hold is let go, so that the next schedule finds nothing in flight.
        let steps: Vec<_> = taken.iter().map(|id| crate::transitions::done(*id, 1, 201)).collect();
        keep!(store, |tx| tx.record_transitions(&steps).await?);
    }
}

/// How many people [`people`] makes.
const PEOPLE_THERE_ARE: usize = 9;
