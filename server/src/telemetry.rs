//! Log and numbers. The log is for people at a terminal and JSON lines otherwise; neither ever holds a secret, a query
//! string or a person's attribute values.

use std::io::IsTerminal;
use std::time::Duration;

use clap::ValueEnum;
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For reading at a terminal.
    #[default]
    Human,
    /// One JSON object a line, for a log collector.
    Json,
}

/// What is logged unless `QUARTERMASTER_LOG` says otherwise.
const FILTER: &str = "info,sqlx=warn,tower_sessions=warn,tower_sessions_core=off,hyper=warn,reqwest=warn";

/// Upper ends of the histogram's bars, in seconds.
const SECONDS: [f64; 11] = [0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0];

/// How often the numbers of histograms are drained.
pub const UPKEEP: Duration = Duration::from_secs(5);

/// Starts the log, on standard error: standard output belongs to answers.
pub fn start_log(format: LogFormat) {
    let filter = EnvFilter::try_from_env("QUARTERMASTER_LOG").unwrap_or_else(|_| EnvFilter::new(FILTER));
    let registry = tracing_subscriber::registry().with(filter);
    // A line that cannot be written, because a disk is full, is lost: complaining about it in the same place would end the
    // program.
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).log_internal_errors(false);
    match format {
        LogFormat::Human => {
            registry.with(lines.with_target(false).with_ansi(std::io::stderr().is_terminal()).compact()).init();
        }
        LogFormat::Json => registry.with(lines.json().flatten_event(true).with_current_span(true)).init(),
    }
}

/// Starts counting. Once per process.
///
/// # Errors
/// The recorder cannot be made, or there is one already.
pub fn start_metrics() -> Result<PrometheusHandle, String> {
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)
        .map_err(|error: BuildError| error.to_string())?
        .build_recorder();
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder).map_err(|error| error.to_string())?;
    metrics::describe_histogram!(
        "http_request_duration_seconds",
        metrics::Unit::Seconds,
        "From a request's arrival to the beginning of its answer."
    );
    metrics::describe_counter!("orders_total", "Steps of orders, by application and the state they led to.");
    Ok(handle)
}
