//! The program `quartermaster`.

use std::process::ExitCode;

use clap::Parser;
use server::cli::{self, Arguments};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    server::telemetry::start_log(arguments.global.log);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(%error, "the system gives no threads; raise the limit on processes and start again");
            return ExitCode::FAILURE;
        }
    };
    runtime.block_on(cli::run(arguments)).into()
}
