//! Batch files: what the other side is to do, one row for each item of each order.

use std::fs::File;
use std::io::Write;

use model::command::{Command, CommandError, CommandItem};
use model::order::ErrorClass;
use model::plan::ItemKind;
use model::value::Value;
use sha2::{Digest, Sha256};

use super::{Folder, guard};
use crate::Answered;

pub(super) const HEADER: [&str; 9] =
    ["order", "fence", "operation", "account_type", "key", "item", "name", "change", "value"];

/// Longest value that is written; what is longer could not be read back either.
const CELL_LIMIT: usize = 64 * 1024;

/// Sorts out commands that cannot be written, each with its answer.
pub(super) fn check(commands: Vec<Command>) -> (Vec<Command>, Vec<Answered>) {
    let mut answers = Vec::new();
    let good = commands.into_iter().filter(|command| match fault(command) {
        None => true,
        Some(message) => {
            answers.push((command.order, Err(CommandError::new(ErrorClass::Invalid, message))));
            false
        }
    });
    let good = good.collect();
    (good, answers)
}

fn fault(command: &Command) -> Option<String> {
    let item = |item: &CommandItem| {
        let mut texts = values(item.value.as_ref());
        texts.push(item.name.clone());
        let fault = texts.iter().find_map(|text| match text {
            text if text.contains('\0') => Some("holds a NUL character, which no CSV file can"),
            text if text.len() > CELL_LIMIT => Some("is longer than 64 KiB"),
            _ => None,
        })?;
        Some(format!("The value for {} {fault}.", item.name.replace('\0', "\u{fffd}")))
    };
    command.items.iter().find_map(item)
}

/// Writes one batch and answers its name. The name follows from the content: the same commands overwrite their file,
/// others never do.
pub(super) fn write(outbox: &Folder, commands: &[Command]) -> Result<String, CommandError> {
    outbox.ensure()?;
    let mut commands = commands.iter().collect::<Vec<_>>();
    commands.sort_by_key(|command| command.order);
    let bytes = rows(&commands).map_err(|error| {
        CommandError::new(ErrorClass::Invalid, format!("The batch cannot be written as CSV: {error}"))
    })?;
    let hash = Sha256::digest(&bytes).iter().take(4).map(|byte| format!("{byte:02x}")).collect::<String>();
    let (order, fence) = commands.first().map_or((0, 0), |command| (command.order.0, command.fence));
    let name = format!("batch-{order}-{fence}-{hash}.csv");
    replace(outbox, &name, &bytes)?;
    Ok(name)
}

/// Puts a file in place so that nobody ever sees half of it, and it is there after a power cut.
pub(super) fn replace(folder: &Folder, name: &str, bytes: &[u8]) -> Result<(), CommandError> {
    let temporary = folder.path.join(format!(".{name}.tmp"));
    let written = File::create(&temporary)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| std::fs::rename(&temporary, folder.path.join(name)))
        .and_then(|()| File::open(&folder.path)?.sync_all());
    written.map_err(|error| folder.failure(&error))
}

fn rows(commands: &[&Command]) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(HEADER)?;
    for command in commands {
        let order = command.order.0.to_string();
        let fence = command.fence.to_string();
        let key = command.key.as_deref().unwrap_or_default();
        let head = [&order, &fence, command.operation.name(), &command.account_type, key];
        let mut row = |tail: [&str; 4]| {
            writer.write_record(head.into_iter().chain(tail).map(|cell| guard::close(cell).into_owned()))
        };
        let items = command.items.iter().filter(|item| item.kind != ItemKind::Lifecycle).collect::<Vec<_>>();
        if items.is_empty() {
            row(["", "", "", ""])?;
        }
        for item in items {
            // Several values of one attribute are as many rows: no separator that a value could contain.
            for value in values(item.value.as_ref()) {
                row([item.kind.name(), &item.name, item.operation.name(), &value])?;
            }
        }
    }
    writer.into_inner().map_err(|error| error.into_error().into())
}

/// At least one text; an item without a value has an empty one.
fn values(value: Option<&Value>) -> Vec<String> {
    match value {
        None => vec![String::new()],
        Some(Value::List(members)) if members.is_empty() => vec![String::new()],
        Some(Value::List(members)) => members.clone(),
        Some(value) => vec![value.to_string()],
    }
}
