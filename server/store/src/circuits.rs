//! Circuit breakers of applications. The rules are those of `broker`; here is where all processes find the same ones.

use model::circuit::{Circuit, CircuitState};

use crate::connection::{Row, arguments};
use crate::{Result, Store, Tx};

macro_rules! circuit_columns {
    () => {
        "application, version, state, failures, window_since, window_calls, window_failures, opened_at, probe_at, probes,
         message, told_at"
    };
}

const ALL: &str = concat!("select ", circuit_columns!(), " from application_circuit order by application");

const OF: &str = concat!("select ", circuit_columns!(), " from application_circuit where application = $1");

const INSERT: &str = concat!(
    "insert into application_circuit (",
    circuit_columns!(),
    ")
    values ($1, 1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
    on conflict (application) do nothing"
);

const UPDATE: &str = "
    update application_circuit
    set version = version + 1,
        state = $3,
        failures = $4,
        window_since = $5,
        window_calls = $6,
        window_failures = $7,
        opened_at = $8,
        probe_at = $9,
        probes = $10,
        message = $11,
        told_at = $12
    where application = $1
      and version = $2";

/// A circuit as it was read; 0 is the version of one that was never written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CircuitRecord {
    /// Application or integration.
    pub carrier: String,
    pub version: i64,
    pub circuit: Circuit,
}

impl Tx {
    /// Writes the circuit unless somebody else has, since it was read; then nothing is changed and the answer is false.
    pub async fn set_circuit(&mut self, record: &CircuitRecord) -> Result<bool> {
        let Circuit {
            state,
            failures,
            window_since,
            window_calls,
            window_failures,
            opened_at,
            probe_at,
            probes,
            message,
            told_at,
        } = &record.circuit;
        let at = |time: &Option<jiff::Timestamp>| time.map(jiff::Timestamp::as_microsecond);
        let (carrier, state) = (record.carrier.as_str(), state.name());
        let changed = if record.version == 0 {
            let arguments = arguments![
                carrier,
                state,
                *failures,
                at(window_since),
                *window_calls,
                *window_failures,
                at(opened_at),
                at(probe_at),
                *probes,
                message.as_str(),
                at(told_at)
            ];
            self.execute(INSERT, arguments).await?
        } else {
            let arguments = arguments![
                carrier,
                record.version,
                state,
                *failures,
                at(window_since),
                *window_calls,
                *window_failures,
                at(opened_at),
                at(probe_at),
                *probes,
                message.as_str(),
                at(told_at)
            ];
            self.execute(UPDATE, arguments).await?
        };
        Ok(changed == 1)
    }
}

impl Store {
    /// All that were ever written, by carrier.
    pub async fn circuits(&self) -> Result<Vec<CircuitRecord>> {
        self.reader().await?.read(ALL, arguments![], |row| record(&row)).await
    }

    /// A closed one where none was ever written.
    pub async fn circuit(&self, carrier: &str) -> Result<CircuitRecord> {
        let row = self.reader().await?.row(OF, arguments![carrier]).await?;
        match row {
            Some(row) => record(&row),
            None => Ok(CircuitRecord { carrier: carrier.to_owned(), ..CircuitRecord::default() }),
        }
    }
}

fn record(row: &Row) -> Result<CircuitRecord> {
    Ok(CircuitRecord {
        carrier: row.text("application")?,
        version: row.integer("version")?,
        circuit: Circuit {
            state: row.named("state", CircuitState::from_name)?,
            failures: row.small_count("failures")?,
            window_since: row.optional_time("window_since")?,
            window_calls: row.small_count("window_calls")?,
            window_failures: row.small_count("window_failures")?,
            opened_at: row.optional_time("opened_at")?,
            probe_at: row.optional_time("probe_at")?,
            probes: row.small_count("probes")?,
            message: row.text("message")?,
            told_at: row.optional_time("told_at")?,
        },
    })
}
