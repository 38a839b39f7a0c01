//! The program `quartermaster`.

use std::process::ExitCode;

use clap::Parser;
use mimalloc::MiMalloc;
use server::cli::{self, Arguments};

/// Rows are made on the database's thread and dropped on another, which the system's allocator is slow at. It serves
/// SQLite as well.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

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
