//! The command line. Each command is a use case of the engine, asked by whoever operates this machine; what it answers
//! goes to standard output as a table or JSON, what goes wrong to standard error with an exit code that says what kind.

pub mod accounts;
pub mod agents;
pub mod approvals;
pub mod backup;
pub mod bulk_changes;
pub mod certifications;
pub mod configuration;
pub mod doctor;
pub mod events;
pub mod found_entitlements;
pub mod generate;
pub mod identities;
pub mod input;
pub mod jobs;
pub mod mails;
pub mod mining;
pub mod native_changes;
pub mod orders;
pub mod output;
pub mod permissions;
pub mod reconciliation;
pub mod requests;
pub mod restored;
pub mod secret;
pub mod sign_ins;
pub mod users;
pub mod violations;
pub mod work_items;

use std::path::PathBuf;

use app::logic::flash::FlashKind;
use clap::{Args, Parser, Subcommand};
use engine::backup::BackupError;
use engine::configurations::ConfigurationError;
use engine::context::OpContext;
use engine::error::OpenError;
use engine::{Engine, Options};
use model::error::{ApiError, ErrorCode};

use crate::agent::{self, AgentError, AgentOptions};
use crate::serve::{self, ServeError, ServeOptions};
use crate::telemetry::LogFormat;
use output::{Format, Output};

/// Decides who should have which access, changes every connected system accordingly, and proves that it happened.
#[derive(Debug, Parser)]
#[command(
    name = "quartermaster",
    version,
    about = "Identity provisioning and governance: who has which access, why, and the orders that make it so",
    after_help = "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 `config plan` found \
    changes, 4 refused or blocked, 5 not found, 6 done in part. See docs/COMMAND_LINE.md."
)]
pub struct Arguments {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// What every command understands.
#[derive(Args, Clone, Debug)]
pub struct Global {
    /// sqlite:/path/file.db or postgres://…; a SQLite file in the data directory unless given
    #[arg(long, global = true, env = "QUARTERMASTER_DATABASE", hide_env_values = true)]
    pub database: Option<String>,
    /// Data directory: database, key file, lock
    #[arg(long, global = true, env = "QUARTERMASTER_DATA")]
    pub data: Option<PathBuf>,
    /// How answers are printed
    #[arg(short, long, global = true, value_enum, default_value_t)]
    pub output: Format,
    /// How log lines look
    #[arg(long, global = true, value_enum, default_value_t)]
    pub log: LogFormat,
}

impl Global {
    /// The data directory: named, or the user's own.
    pub fn data_directory(&self) -> PathBuf {
        let home = || {
            std::env::var_os("XDG_DATA_HOME")
                .map(PathBuf::from)
                .filter(|path| path.is_absolute())
                .or_else(|| std::env::home_dir().map(|home| home.join(".local/share")))
                .map(|share| share.join("quartermaster"))
        };
        self.data.clone().or_else(home).unwrap_or_else(|| PathBuf::from("data"))
    }

    /// The database's address.
    pub fn database(&self) -> String {
        self.database
            .clone()
            .unwrap_or_else(|| format!("sqlite:{}", self.data_directory().join("quartermaster.db").display()))
    }

    /// What the engine is opened with.
    pub fn engine_options(&self) -> Options {
        Options::new(self.database(), self.data_directory())
    }
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve pages and run jobs
    Serve {
        #[command(flatten)]
        serve: ServeOptions,
    },
    /// Serve a demo organisation with its own systems, in a data directory of its own
    Demo(crate::demo::DemoArguments),
    /// Show, apply and export the configuration; keep secrets
    #[command(subcommand)]
    Config(configuration::Command),
    /// Run jobs and look at runs
    #[command(subcommand)]
    Jobs(jobs::Command),
    /// People and what they hold
    #[command(subcommand)]
    Identities(identities::Command),
    /// Read in this network for a server in another one
    Agent(AgentOptions),
    /// Agents of this server, and the tokens they sign in with
    #[command(subcommand)]
    Agents(agents::Command),
    /// Accounts that applications hold, and whose they are
    #[command(subcommand)]
    Accounts(accounts::Command),
    /// What was changed in applications themselves, without an order
    #[command(subcommand)]
    NativeChanges(native_changes::Command),
    /// What people asked for and somebody has to agree to
    #[command(subcommand)]
    Approvals(approvals::Command),
    /// Campaigns in which people look at access that others hold
    #[command(subcommand)]
    Certifications(certifications::Command),
    /// Who holds what a risk speaks against
    #[command(subcommand)]
    Violations(violations::Command),
    /// What applications hold and nothing grants: keep, remove or postpone it; mark what was there at go-live
    #[command(subcommand)]
    Reconciliation(reconciliation::Command),
    /// Entitlements that applications have and the role model does not, and what naming rules make of them
    #[command(subcommand)]
    FoundEntitlements(found_entitlements::Command),
    /// Rules and roles that would explain what people hold by hand or by nothing
    #[command(subcommand)]
    Mining(mining::Command),
    /// Provisioning orders
    #[command(subcommand)]
    Orders(orders::Command),
    /// Ask for access to be given or taken away, and follow what was asked for
    #[command(subcommand)]
    Requests(requests::Command),
    /// Give or take away many things at once: previewed, then applied, and taken back as a whole
    #[command(subcommand)]
    BulkChanges(bulk_changes::Command),
    /// Work that waits for people
    #[command(subcommand)]
    WorkItems(work_items::Command),
    /// Events and the audit trail for other systems: who is told, how far each is, and sending again
    #[command(subcommand)]
    Events(events::Command),
    /// Mails that tell people what waits for them
    #[command(subcommand)]
    Mails(mails::Command),
    /// Why an identity holds something, or why not
    Why(identities::Why),
    /// Sign-ins that identity providers tell of
    #[command(subcommand)]
    SignIns(sign_ins::Command),
    /// People who sign in
    #[command(subcommand)]
    User(users::Command),
    /// What people who sign in may do, and why
    #[command(subcommand)]
    Permissions(permissions::Command),
    /// Copy the embedded database into a file while it is in use
    Backup(backup::Backup),
    /// A database that was put back to an earlier state, out of which nothing goes until a person says so
    #[command(subcommand)]
    Restored(restored::Command),
    /// Write an organisation out of a seed: configuration, feeds and what its applications hold
    Generate(generate::Generate),
    /// Bring the database's schema up to date
    Migrate,
    /// Check that everything is in place, and say what to do where it is not
    Doctor,
}

/// How a command ended; the number is the process's exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    Done = 0,
    Failed = 1,
    /// Given by the parser of arguments; also for values that only the use case can judge.
    Usage = 2,
    Changes = 3,
    Refused = 4,
    NotFound = 5,
    /// Some of what was asked for is done, and some is not.
    Partly = 6,
}

impl Exit {
    /// Of so many things that each answered for itself, as pages say it.
    fn of(done: u64, refused: u64) -> Self {
        match FlashKind::of(done, refused) {
            FlashKind::Done => Self::Done,
            FlashKind::Failed => Self::Refused,
            FlashKind::Partly => Self::Partly,
        }
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Serve(#[from] ServeError),
    #[error(transparent)]
    Agent(#[from] AgentError),
    #[error(transparent)]
    Api(#[from] ApiError),
    #[error(transparent)]
    Configuration(#[from] ConfigurationError),
    #[error(transparent)]
    Backup(#[from] BackupError),
    #[error("{0}")]
    Usage(String),
    #[error("{0}")]
    Refused(String),
    #[error("{0}")]
    Failed(String),
    #[error("nothing can be written to standard output: {0}")]
    Output(#[from] std::io::Error),
}

impl CommandError {
    fn exit(&self) -> Exit {
        match self {
            Self::Usage(_) => Exit::Usage,
            Self::Refused(_)
            | Self::Agent(AgentError::Refused(_))
            | Self::Backup(BackupError::Exists(_) | BackupError::Postgres) => Exit::Refused,
            Self::Agent(AgentError::Address { .. } | AgentError::Plain { .. }) => Exit::Usage,
            Self::Api(error) | Self::Configuration(ConfigurationError::Refused(error)) => match error.code {
                ErrorCode::Invalid => Exit::Usage,
                ErrorCode::NotFound => Exit::NotFound,
                ErrorCode::Forbidden
                | ErrorCode::Conflict
                | ErrorCode::TooManyRequests
                | ErrorCode::Unauthenticated => Exit::Refused,
                ErrorCode::Internal => Exit::Failed,
            },
            Self::Open(_)
            | Self::Serve(_)
            | Self::Agent(_)
            | Self::Configuration(_)
            | Self::Backup(_)
            | Self::Failed(_)
            | Self::Output(_) => Exit::Failed,
        }
    }
}

/// Carries out a command.
pub async fn run(arguments: Arguments) -> Exit {
    serve::survive_limits_of_files();
    let output = Output::new(arguments.global.output);
    match dispatch(arguments, &output).await {
        Ok(exit) => exit,
        Err(error) => {
            let exit = error.exit();
            output.error(&error);
            exit
        }
    }
}

async fn dispatch(arguments: Arguments, output: &Output) -> Result<Exit, CommandError> {
    let global = &arguments.global;
    match arguments.command {
        Command::Doctor => return doctor::run(global, output).await,
        Command::Demo(demo) => return crate::demo::run(global, demo).await,
        Command::Agent(options) => return run_agent(&options, output).await,
        Command::Generate(command) => return generate::run(&command, output),
        _ => {}
    }
    let engine = Engine::open(global.engine_options()).await?;
    let op = engine.operating_context("command-line");
    let outcome = match arguments.command {
        Command::Serve { serve } => return run_server(engine, serve, output).await,
        Command::Config(command) => configuration::run(&op, command, output).await,
        Command::Jobs(command) => jobs::run(&op, command, output).await,
        Command::Identities(command) => identities::run(&op, command, output).await,
        Command::Agents(command) => agents::run(&op, command, output).await,
        Command::Accounts(command) => accounts::run(&op, command, output).await,
        Command::NativeChanges(command) => native_changes::run(&op, command, output).await,
        Command::Approvals(command) => approvals::run(&op, command, output).await,
        Command::Certifications(command) => certifications::run(&op, command, output).await,
        Command::Violations(command) => violations::run(&op, command, output).await,
        Command::FoundEntitlements(command) => found_entitlements::run(&op, command, output).await,
        Command::Mining(command) => mining::run(&op, command, output).await,
        Command::Reconciliation(command) => reconciliation::run(&op, command, output).await,
        Command::Orders(command) => orders::run(&op, command, output).await,
        Command::Requests(command) => requests::run(&op, command, output).await,
        Command::BulkChanges(command) => bulk_changes::run(&op, command, output).await,
        Command::WorkItems(command) => work_items::run(&op, command, output).await,
        Command::Events(command) => events::run(&op, command, output).await,
        Command::Mails(command) => mails::run(&op, command, output).await,
        Command::Why(why) => identities::why(&op, why, output).await,
        Command::SignIns(command) => sign_ins::run(&op, command, output).await,
        Command::User(command) => users::run(&op, command, output).await,
        Command::Permissions(command) => permissions::run(&op, command, output).await,
        Command::Backup(command) => backup::run(&op, &command, output).await,
        Command::Restored(command) => restored::run(&op, command, output).await,
        // Opening has done it.
        Command::Migrate => {
            output.say("The database's schema is up to date.")?;
            Ok(Exit::Done)
        }
        Command::Demo(_) | Command::Doctor | Command::Agent(_) | Command::Generate(_) => Ok(Exit::Done),
    };
    engine.stop().await;
    outcome
}

async fn run_server(engine: Engine, options: ServeOptions, output: &Output) -> Result<Exit, CommandError> {
    let first_step = engine::users::first_step(&engine).await?;
    let announce = |address: &str| {
        // A closed standard output is no reason not to serve.
        let _ = output.say(&format!("Quartermaster is ready at {address}"));
        if let Some(sentence) = &first_step {
            let _ = output.say(sentence);
        }
    };
    serve::run(engine, options, announce).await?;
    Ok(Exit::Done)
}

async fn run_agent(options: &AgentOptions, output: &Output) -> Result<Exit, CommandError> {
    let (stop, stopping) = tokio::sync::watch::channel(false);
    let asked = serve::asked_to_stop();
    tokio::spawn(async move {
        asked.await;
        // Nobody listens any more only when the agent has ended already.
        let _ = stop.send(true);
    });
    let announce = || {
        // A closed standard output is no reason not to read.
        let _ = output.say(&format!("The agent reads for {}", options.server));
    };
    agent::run(options, stopping, announce).await?;
    Ok(Exit::Done)
}

/// An identity by its key in the source, or by its number.
async fn find_identity(op: &OpContext, text: &str) -> Result<model::ids::IdentityId, CommandError> {
    let by_key =
        op.engine.store().identity_by_key(text).await.map_err(|error| CommandError::Failed(error.to_string()))?;
    if let Some(identity) = by_key {
        return Ok(identity.id);
    }
    text.parse().map_err(|_| ApiError::not_found(format!("identity with the key or number `{text}`")).into())
}

/// Reads a word of a closed set, or says which words there are.
fn one_of<T>(read: Option<T>, words: impl IntoIterator<Item = &'static str>) -> Result<T, String> {
    read.ok_or_else(|| format!("expected one of {}", words.into_iter().collect::<Vec<_>>().join(", ")))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::{Arguments, Exit};

    #[test]
    fn every_command_and_argument_says_what_it_is() {
        fn silent(command: &clap::Command, path: &str, found: &mut Vec<String>) {
            let arguments = command.get_arguments().filter(|argument| argument.get_help().is_none());
            found.extend(arguments.map(|argument| format!("{path} {}", argument.get_id())));
            for below in command.get_subcommands() {
                let path = format!("{path} {}", below.get_name());
                if below.get_about().is_none() {
                    found.push(path.clone());
                }
                silent(below, &path, found);
            }
        }
        let mut found = Vec::new();
        silent(&Arguments::command(), "quartermaster", &mut found);
        assert_eq!(found, Vec::<String>::new());
    }

    #[test]
    fn what_is_done_in_part_is_neither_done_nor_refused() {
        for (done, refused, expected) in
            [(3, 0, Exit::Done), (0, 0, Exit::Done), (0, 3, Exit::Refused), (2, 1, Exit::Partly)]
        {
            assert_eq!(Exit::of(done, refused), expected, "{done} {refused}");
        }
    }
}
