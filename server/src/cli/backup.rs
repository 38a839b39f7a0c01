//! `backup`.

use std::path::PathBuf;

use clap::Args;
use engine::context::OpContext;

use super::output::Output;
use super::{CommandError, Exit};

#[derive(Debug, Args)]
pub struct Backup {
    /// File that is to hold the copy; it must not be there yet
    file: PathBuf,
}

pub async fn run(op: &OpContext, command: &Backup, output: &Output) -> Result<Exit, CommandError> {
    let taken = engine::backup::take(op, &command.file).await?;
    output.value(&taken, |taken| {
        format!(
            "{} holds the database as it was at {}: {} bytes, read through and found whole. Not in it: `secret.key` of the data \
             directory, without which its secrets are worthless, and the configuration's files.",
            taken.file.display(),
            taken.taken_at.strftime("%F %T UTC"),
            taken.bytes
        )
    })?;
    Ok(Exit::Done)
}
