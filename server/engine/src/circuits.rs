//! Whether orders go out to an application or integration now: the maintenance windows and the circuit breaker of whom is
//! called, whatever application an order is for. What is decided about them is `broker`'s; here it is kept for all processes,
//! told to the orders that wait, and written to the audit trail, so that nothing stops, or begins again, unseen.

use broker::breaker::{self, Calls};
use broker::{fingerprint, maintenance, untrusted};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use model::account::Mechanism;
use model::circuit::{Circuit, CircuitState};
use model::order::{StateReason, Trouble};
use model::view::{AuditLine, PauseCause};
use store::{CircuitRecord, StoreError};

use crate::Engine;

/// What may be sent to a carrier now.
pub(crate) enum Gate {
    Go,
    /// One may try whether it answers again: see [`begin_probe`].
    Probe,
    Paused(Pause),
}

/// Why nothing is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Pause {
    Quarantine { since: Timestamp, probe_at: Timestamp, probes: u32, message: String },
    Maintenance { until: Timestamp },
}

impl Pause {
    pub(crate) fn cause(self) -> PauseCause {
        match self {
            Self::Quarantine { since, probe_at, probes, message } => {
                PauseCause::Quarantine { since, probe_at, probes, message }
            }
            Self::Maintenance { until } => PauseCause::Maintenance { until },
        }
    }

    pub(crate) fn trouble(&self) -> Trouble {
        match self {
            Self::Quarantine { .. } => Trouble::Quarantined,
            Self::Maintenance { .. } => Trouble::Maintenance,
        }
    }

    /// For logs: "does not answer".
    pub(crate) fn sentence(&self, carrier: &str) -> String {
        match self {
            Self::Quarantine { .. } => {
                format!("`{carrier}` does not answer. Its orders wait and are tried again by themselves.")
            }
            Self::Maintenance { until } => {
                format!("`{carrier}` is in a maintenance window until {until}. Its orders wait for its end.")
            }
        }
    }
}

/// What may be sent to the carrier now.
pub(crate) async fn gate(engine: &Engine, carrier: &str) -> Result<Gate, StoreError> {
    if !can_be_paused(engine, carrier) {
        return Ok(Gate::Go);
    }
    if let Some(until) = window(engine, carrier) {
        return Ok(Gate::Paused(Pause::Maintenance { until }));
    }
    let circuit = engine.store().circuit(carrier).await?.circuit;
    Ok(match breaker::gate(&circuit, engine.now()) {
        breaker::Gate::Go => Gate::Go,
        breaker::Gate::Probe => Gate::Probe,
        breaker::Gate::Wait { .. } => Gate::Paused(quarantine(&circuit, engine.now())),
    })
}

/// Why nothing is sent to each carrier, for pages: those that are due to be tried included.
pub(crate) async fn pauses(engine: &Engine) -> Result<Vec<(String, Pause)>, StoreError> {
    let circuits = engine.store().circuits().await?;
    let configuration = engine.world().configuration();
    let pause = |name: &String| {
        if let Some(until) = window(engine, name) {
            return Some((name.clone(), Pause::Maintenance { until }));
        }
        let record = circuits.iter().find(|record| record.carrier == *name)?;
        (record.circuit.state != CircuitState::Closed)
            .then(|| (name.clone(), quarantine(&record.circuit, engine.now())))
    };
    Ok(configuration
        .carriers()
        .map(|(name, _)| name)
        .filter(|name| can_be_paused(engine, name))
        .filter_map(pause)
        .collect())
}

/// Carriers whose time to be tried has come.
pub(crate) async fn to_probe(engine: &Engine) -> Result<Vec<String>, StoreError> {
    let (circuits, now) = (engine.store().circuits().await?, engine.now());
    let due = circuits.into_iter().filter(|record| breaker::gate(&record.circuit, now) == breaker::Gate::Probe);
    Ok(due.map(|record| record.carrier).filter(|name| can_be_paused(engine, name)).collect())
}

/// Lets the carrier's orders wait and say why.
pub(crate) async fn tell(engine: &Engine, carrier: &str, pause: &Pause) -> Result<(), StoreError> {
    let (carrier, pause, at) = (carrier.to_owned(), pause.clone(), engine.now());
    let work = engine.store().write(move |tx| Box::pin(async move { pause_orders(tx, &carrier, &pause, at).await }));
    work.await
}

async fn pause_orders(tx: &mut store::Tx, carrier: &str, pause: &Pause, at: Timestamp) -> Result<(), StoreError> {
    let (reason, message) = match pause {
        Pause::Quarantine { since, message, .. } => (
            StateReason::Quarantined { since: *since, message: message.clone() },
            "What it is sent to does not answer; it waits until it does.".to_owned(),
        ),
        Pause::Maintenance { until } => (
            StateReason::Maintenance { until: *until },
            format!("What it is sent to is in a maintenance window; it waits until {until}."),
        ),
    };
    let trouble = pause.trouble();
    let fingerprint = fingerprint::of_pause(carrier, trouble);
    tx.pause_orders(carrier, &reason, trouble, &fingerprint, &message, at).await?;
    Ok(())
}

/// Takes the turn to try whether the carrier answers; false where somebody else has it, or it is not its time.
/// `asked`: a person does not want to wait for its time.
pub(crate) async fn begin_probe(engine: &Engine, carrier: &str, asked: bool) -> Result<bool, StoreError> {
    if !can_be_paused(engine, carrier) {
        return Ok(false);
    }
    let record = engine.store().circuit(carrier).await?;
    let Some(circuit) = breaker::probe(&record.circuit, &engine.tuning().breaker, asked, engine.now()) else {
        return Ok(false);
    };
    set(engine, CircuitRecord { circuit, ..record }, None).await
}

/// Counts what came of calls. Where that opens or closes the circuit, the carrier's orders wait or go in the same
/// transaction.
pub(crate) async fn note(engine: &Engine, carrier: &str, calls: &Calls) -> Result<(), StoreError> {
    if calls.answered + calls.silent == 0 || !can_be_paused(engine, carrier) {
        return Ok(());
    }
    loop {
        let record = engine.store().circuit(carrier).await?;
        let circuit = breaker::after(&record.circuit, calls, &engine.tuning().breaker, engine.now());
        // Nothing to remember of a carrier that answers.
        if circuit == record.circuit || (is_well(&circuit) && is_well(&record.circuit)) {
            return Ok(());
        }
        let before = record.circuit.clone();
        if set(engine, CircuitRecord { circuit, ..record }, Some((&before, engine.node()))).await? {
            return Ok(());
        }
    }
}

fn is_well(circuit: &Circuit) -> bool {
    circuit.state == CircuitState::Closed && circuit.failures == 0 && circuit.window_failures == 0
}

/// A person lets the carrier go without waiting for an answer; false where it was not held back.
pub(crate) async fn release(engine: &Engine, carrier: &str, by: &str) -> Result<bool, StoreError> {
    loop {
        let record = engine.store().circuit(carrier).await?;
        if record.circuit.state == CircuitState::Closed {
            return Ok(false);
        }
        let before = record.circuit.clone();
        if set(engine, CircuitRecord { circuit: breaker::released(), ..record }, Some((&before, by))).await? {
            return Ok(true);
        }
    }
}

/// Writes a circuit with what follows from it. False where somebody else was quicker; nothing is changed then.
async fn set(engine: &Engine, record: CircuitRecord, change: Option<(&Circuit, &str)>) -> Result<bool, StoreError> {
    let at = engine.now();
    let turn = change.and_then(|(before, by)| {
        let is_open = |circuit: &Circuit| circuit.state != CircuitState::Closed;
        match (is_open(before), is_open(&record.circuit)) {
            (false, true) => Some((true, by.to_owned())),
            (true, false) => Some((false, by.to_owned())),
            _ => None,
        }
    });
    let work = engine.store().write(move |tx| {
        Box::pin(async move {
            if !tx.set_circuit(&record).await? {
                return Ok::<_, StoreError>(false);
            }
            let CircuitRecord { carrier, circuit, .. } = &record;
            let audit = |actor: &str, detail: String| AuditLine {
                at,
                actor: actor.to_owned(),
                action: "application".into(),
                subject: carrier.clone(),
                detail,
            };
            match turn {
                Some((true, by)) => {
                    pause_orders(tx, carrier, &quarantine(circuit, at), at).await?;
                    let why = format!("Nothing is sent until it answers again: {}", circuit.message);
                    tx.append_audit(&audit(&by, why)).await?;
                }
                Some((false, by)) => {
                    let message = "What it is sent to is tried again; what waited for it goes out.";
                    let resumed = tx.resume_orders(carrier, Trouble::Quarantined, &by, message, at).await?;
                    tx.set_trouble(carrier, None, at).await?;
                    let detail = format!("Orders go out again; {resumed} waited.");
                    tx.append_audit(&audit(&by, detail)).await?;
                }
                None => {}
            }
            Ok(true)
        })
    });
    work.await
}

/// Orders that wait for a pause which is over go on; what lasts for long is told in the audit trail and the log.
pub(crate) async fn mend(engine: &Engine) -> Result<(), StoreError> {
    let (store, now) = (engine.store(), engine.now());
    for (carrier, trouble, _) in store.paused_orders().await? {
        let is_over = match gate(engine, &carrier).await? {
            Gate::Go => true,
            Gate::Probe => trouble == Trouble::Maintenance,
            // One kind of pause may follow on the other.
            Gate::Paused(pause) => {
                if pause.trouble() != trouble {
                    tell(engine, &carrier, &pause).await?;
                }
                false
            }
        };
        if is_over {
            let node = engine.node().to_owned();
            let message = match trouble {
                Trouble::Maintenance => "The maintenance window is over.",
                _ => "What it is sent to answers again.",
            };
            let work = store.write(move |tx| {
                Box::pin(async move { tx.resume_orders(&carrier, trouble, &node, message, now).await })
            });
            work.await?;
        }
    }
    for record in store.circuits().await? {
        if breaker::is_to_be_told(&record.circuit, &engine.tuning().breaker, now) {
            tell_that_it_lasts(engine, record).await?;
        }
    }
    Ok(())
}

async fn tell_that_it_lasts(engine: &Engine, mut record: CircuitRecord) -> Result<(), StoreError> {
    let at = engine.now();
    record.circuit.told_at = Some(at);
    let since = record.circuit.opened_at.unwrap_or(at);
    let audit = AuditLine {
        at,
        actor: engine.node().to_owned(),
        action: "application".into(),
        subject: record.carrier.clone(),
        detail: format!(
            "In quarantine since {since}, tried {} times: {} Its orders still wait.",
            record.circuit.probes, record.circuit.message
        ),
    };
    tracing::warn!(carrier = record.carrier, since = %since, "An application or integration is in quarantine");
    let work = engine.store().write(move |tx| {
        Box::pin(async move {
            if tx.set_circuit(&record).await? {
                tx.append_audit(&audit).await?;
            }
            Ok::<_, StoreError>(())
        })
    });
    work.await
}

/// What calls a carrier's answers were.
pub(crate) fn calls<'a>(answers: impl Iterator<Item = Option<&'a model::command::CommandError>>) -> Calls {
    let mut calls = Calls::default();
    for failure in answers {
        match failure.filter(|error| breaker::is_silence(error.class)) {
            Some(error) => {
                calls.silent += 1;
                calls.message.get_or_insert_with(|| untrusted::message(&error.message));
            }
            None => calls.answered += 1,
        }
    }
    calls
}

fn quarantine(circuit: &Circuit, now: Timestamp) -> Pause {
    Pause::Quarantine {
        since: circuit.opened_at.unwrap_or(now),
        probe_at: circuit.probe_at.unwrap_or(now),
        probes: circuit.probes,
        message: circuit.message.clone(),
    }
}

/// Work for people is never held up.
fn can_be_paused(engine: &Engine, carrier: &str) -> bool {
    let configuration = engine.world().configuration();
    let known = configuration.carrier(carrier);
    known.is_some_and(|known| known.mechanism() != Mechanism::Manual)
}

/// When the carrier's maintenance window ends, while one lasts.
fn window(engine: &Engine, carrier: &str) -> Option<Timestamp> {
    let configuration = engine.world().configuration();
    let windows = configuration.carrier(carrier)?.maintenance;
    if windows.is_empty() {
        return None;
    }
    let own = engine.world().time_zone();
    let zones = |name: Option<&str>| match name {
        Some(name) => TimeZone::get(name).ok(),
        None => Some(own.clone()),
    };
    maintenance::current(windows, &zones, engine.now())
}
