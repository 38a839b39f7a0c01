//! `generate`: writes an organisation that nobody works for, as the files that the program reads. Row by row, so that it
//! takes no more memory for ten millions than for ten.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;
use engine::clock::Clock;
use generator::{ATTRIBUTES, EXTRACT_COLUMNS, NAMES, OWN, PEOPLE_COLUMNS, POSITION_COLUMNS, World};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::output::Output;
use super::{CommandError, Exit};

#[derive(Debug, Args)]
pub struct Generate {
    /// How many people work there
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=99_000_000))]
    people: u64,
    /// The same seed gives the same organisation
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Folder for configuration, feeds and extracts; new or empty
    #[arg(long)]
    out: PathBuf,
    /// Day on which the organisation begins; today unless given
    #[arg(long)]
    day: Option<Date>,
    /// Also write the feeds of so many days after the first, each in a folder of its own
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u16).range(0..=366))]
    days: u16,
}

/// What was written.
#[derive(Serialize)]
struct Written {
    folder: PathBuf,
    people: u64,
    positions: u64,
    accounts: u64,
    entitlements_held: u64,
    requests: u64,
    days: u16,
}

pub fn run(command: &Generate, output: &Output) -> Result<Exit, CommandError> {
    let folder = &command.out;
    if std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some()) {
        let message = format!("{} is not empty; name a folder that is new or empty", folder.display());
        return Err(CommandError::Refused(message));
    }
    let day = command.day.unwrap_or_else(|| Clock::System.now().to_zoned(TimeZone::UTC).date());
    let world = World::new(command.people, command.seed, day);
    let written = write(&world, folder, command.days)
        .map_err(|error| CommandError::Failed(format!("{} cannot be written: {error}", folder.display())))?;
    output.value(&written, |written| {
        format!(
            "{}: {} people with {} positions, {} accounts that hold {} entitlements, {} requests, feeds of {} further days. Next: \
             `quartermaster config apply {}`",
            written.folder.display(),
            written.people,
            written.positions,
            written.accounts,
            written.entitlements_held,
            written.requests,
            written.days,
            written.folder.display(),
        )
    })?;
    Ok(Exit::Done)
}

fn write(world: &World, folder: &Path, days: u16) -> std::io::Result<Written> {
    let configuration = world.configuration();
    for (name, text) in engine::configuration::export(&configuration) {
        let file = folder.join(name);
        if let Some(parent) = file.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(file, text)?;
    }
    let (people, positions) = feeds(world, &folder.join("feeds"), 0)?;
    for day in 1..=days {
        feeds(world, &folder.join(format!("day-{day}")), day)?;
    }
    let (accounts, entitlements_held) = extracts(world, folder)?;
    let requests = requests(world, &folder.join("requests.jsonl"))?;
    Ok(Written { folder: folder.to_owned(), people, positions, accounts, entitlements_held, requests, days })
}

/// The lists of people and positions, as they are so many days after the first.
fn feeds(world: &World, folder: &Path, days: u16) -> std::io::Result<(u64, u64)> {
    std::fs::create_dir_all(folder)?;
    let mut people = table(&folder.join("people.csv"), &PEOPLE_COLUMNS, 0..OWN)?;
    let mut positions = table(&folder.join("positions.csv"), &POSITION_COLUMNS, OWN..ATTRIBUTES)?;
    let mut count = 0;
    for number in 0..world.people_after(days) {
        let person = world.person(number, days);
        people.write_record(world.people_row(&person))?;
        for row in world.position_rows(&person) {
            positions.write_record(row)?;
            count += 1;
        }
    }
    people.flush()?;
    positions.flush()?;
    Ok((world.people_after(days), count))
}

/// What each application holds, and the folders through which it takes orders.
fn extracts(world: &World, folder: &Path) -> std::io::Result<(u64, u64)> {
    let applications = 0..world.access().applications;
    std::fs::create_dir_all(folder.join("extracts"))?;
    let mut files = Vec::new();
    for number in applications.clone() {
        let name = generator::application(number);
        for box_of in ["outbox", "inbox"] {
            std::fs::create_dir_all(folder.join("applications").join(&name).join(box_of))?;
        }
        files.push(table(&folder.join("extracts").join(format!("{name}.csv")), &EXTRACT_COLUMNS, 0..0)?);
    }
    let (mut accounts, mut held) = (0, 0);
    for number in 0..world.people_after(0) {
        for (application, row) in world.extract_rows(&world.person(number, 0), world.day()) {
            held += row.get(4).map_or(0, |cell| cell.split('|').count() as u64);
            accounts += 1;
            if let Some(file) = files.get_mut(usize::from(application)) {
                file.write_record(row)?;
            }
        }
    }
    for (application, file) in applications.zip(&mut files) {
        for number in 0..world.orphans(application) {
            file.write_record(world.orphan_row(application, number))?;
            accounts += 1;
        }
        file.flush()?;
    }
    Ok((accounts, held))
}

/// What people were given directly, as requests that can be submitted.
fn requests(world: &World, file: &Path) -> std::io::Result<u64> {
    let mut lines = BufWriter::new(File::create(file)?);
    let mut count = 0;
    for number in 0..world.people_after(0) {
        let grant = world.grant(number);
        let gone = world.person(number, 0).ends.is_some_and(|ends| ends < world.day());
        if gone || grant.until.is_some_and(|until| until < world.day()) {
            continue;
        }
        let key = generator::key(number);
        let line = serde_json::json!({
            "identity": key,
            "give": [format!("entitlement:{}", generator::entitlement(grant.entitlement))],
            "justification": "Generated: somebody's task of their own",
            "until": grant.until,
            "key": format!("generated-{key}"),
        });
        writeln!(lines, "{line}")?;
        count += 1;
    }
    lines.flush()?;
    Ok(count)
}

/// A CSV file with these columns, and those of a range of attributes.
fn table(
    file: &Path,
    columns: &[&str],
    attributes: std::ops::Range<usize>,
) -> std::io::Result<csv::Writer<BufWriter<File>>> {
    let mut table = csv::Writer::from_writer(BufWriter::new(File::create(file)?));
    table.write_record(columns.iter().chain(NAMES.get(attributes).unwrap_or_default()))?;
    Ok(table)
}
