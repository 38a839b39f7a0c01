//! `quartermaster demo`: an organisation of people who do not exist, with its own systems, in a data directory of its
//! own. The systems stand for a company's: a SCIM directory, a payroll database, a badge system that speaks through
//! files, and a mainframe whose terminal is moved by confirmed work items. None of this runs in `serve`.

mod asked;
mod badges;
mod certified;
mod directory;
mod files;
mod holdings;
mod mainframe;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use engine::clock::Clock;
use engine::{ConfirmedHook, Engine};
use jiff::civil::Date;
use tokio::task::JoinHandle;

use crate::cli::output::Output;
use crate::cli::{CommandError, Exit, Global};
use crate::serve::{self, ServeOptions};

/// Port of the demo's directory unless told, and the one its configuration is written with.
pub const DIRECTORY_PORT: u16 = 3911;
/// The token everybody can read in the demo's configuration.
const DIRECTORY_TOKEN: &str = "demo-directory";
/// Password of everybody who signs in to the demo; it is printed, so the demo serves this machine alone.
pub const PASSWORD: &str = "harbour-and-vale";
/// Who signs in to the demo: login, name, permission profile.
pub const USERS: [(&str, &str, &str); 6] = [
    ("admin", "Demo administrator", "administrator"),
    ("operator", "Demo operator", "operator"),
    ("mainframe", "Demo mainframe operator", "mainframe-fulfiller"),
    ("auditor", "Demo auditor", "auditor"),
    ("employee", "Demo employee", "employee"),
    ("manager", "Demo manager", "employee"),
];
/// Who of the organisation they are, by the key in the feed: the manager is the employee's.
pub const PEOPLE: [(&str, &str); 2] = [("employee", "E10327"), ("manager", "E10310")];

/// How the demo is served.
#[derive(Args, Clone, Debug)]
pub struct DemoArguments {
    #[command(flatten)]
    pub serve: ServeOptions,
    /// Port of the demo's SCIM directory on this machine
    #[arg(long, default_value_t = DIRECTORY_PORT)]
    pub directory_port: u16,
    /// Seconds after which the badge system answers those orders that it answers late
    #[arg(long, default_value_t = 5)]
    pub badge_delay: u64,
}

/// The demo's systems, running until this is dropped.
pub struct Demo {
    /// The configuration directory, the user's own to change.
    pub configuration: PathBuf,
    /// Where the directory answers.
    pub directory: SocketAddr,
    terminal: Arc<mainframe::Terminal>,
    tasks: Vec<JoinHandle<()>>,
}

/// What [`prepare`] is told.
#[derive(Clone, Copy, Debug)]
pub struct DemoOptions {
    /// The day the demo begins, if it does now.
    pub today: Date,
    /// Port of the directory; 0 takes a free one.
    pub directory_port: u16,
    /// How much later the badge system answers one order in five.
    pub badge_delay: Duration,
}

/// Why the demo cannot be prepared.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    #[error("{path} cannot be written: {source}. Name another data directory with --data, or make room and try again")]
    Files { path: PathBuf, source: std::io::Error },
    #[error("the demo's payroll database cannot be made: {0} Delete the file to begin anew")]
    Payroll(String),
    #[error(
        "the demo's directory cannot listen on port {port}: {source}. Stop what uses it, or choose another with \
         --directory-port"
    )]
    Directory { port: u16, source: std::io::Error },
}

/// Writes the demo's files where they are absent and starts its systems. What a user changed stays.
///
/// # Errors
/// See [`DemoError`].
pub async fn prepare(data_directory: &Path, options: DemoOptions) -> Result<Demo, DemoError> {
    let systems = data_directory.join("demo");
    let failed = |path: &Path| {
        let path = path.to_owned();
        |source| DemoError::Files { path, source }
    };
    std::fs::create_dir_all(&systems).map_err(failed(&systems))?;
    engine::demo_support::create_database(&systems.join("payroll.db"), files::PAYROLL)
        .await
        .map_err(DemoError::Payroll)?;

    let journal = systems.join("directory.jsonl");
    let found = serde_json::from_str(files::DIRECTORY).map_err(|error| failed(&journal)(error.into()))?;
    let directory = directory::Directory::open(&journal, DIRECTORY_TOKEN, &files::groups(), found);
    let directory = directory.map_err(failed(&journal))?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, options.directory_port));
    let unheard = |source| DemoError::Directory { port: options.directory_port, source };
    let (address, serving) = directory.serve(address).await.map_err(unheard)?;

    let configuration = data_directory.join("configuration");
    files::write(&configuration, options.today, address.port()).map_err(failed(&configuration))?;

    let folder = systems.join("badges");
    let badges = badges::BadgeSystem::open(&folder, options.badge_delay).map_err(failed(&folder))?;
    let folder = systems.join("mainframe");
    let terminal = Arc::new(mainframe::Terminal::open(&folder).map_err(failed(&folder))?);
    let tasks = vec![serving, tokio::spawn(badges.run())];
    Ok(Demo { configuration, directory: address, terminal, tasks })
}

impl Demo {
    /// Stands for what a person does at the mainframe's terminal before confirming the work item.
    pub fn on_confirmed(&self) -> ConfirmedHook {
        let terminal = Arc::clone(&self.terminal);
        Arc::new(move |order| {
            if order.application == "mainframe"
                && let Err(error) = terminal.carry_out(order)
            {
                tracing::error!(%error, order = %order.id, "the demo's mainframe cannot write its list");
            }
        })
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// The command: prepares the demo, applies its configuration the first time, and serves.
pub(crate) async fn run(global: &Global, arguments: DemoArguments) -> Result<Exit, CommandError> {
    let output = Output::new(global.output);
    if !arguments.serve.address.ip().is_loopback() {
        return Err(CommandError::Refused(format!(
            "The demo's passwords are known to everybody, so it does not listen on {}. Leave --address out, or use `serve`.",
            arguments.serve.address
        )));
    }
    let mut global = global.clone();
    global.data = Some(global.data.clone().unwrap_or_else(|| global.data_directory().join("demo-organisation")));
    let data = global.data_directory();
    let today = Clock::System.now().to_zoned(jiff::tz::TimeZone::UTC).date();
    let options = DemoOptions {
        today,
        directory_port: arguments.directory_port,
        badge_delay: Duration::from_secs(arguments.badge_delay),
    };
    let demo = prepare(&data, options).await.map_err(|error| CommandError::Failed(error.to_string()))?;
    let mut engine_options = global.engine_options();
    engine_options.on_confirmed = Some(demo.on_confirmed());
    let engine = Engine::open(engine_options).await?;
    begin(&engine, &demo).await?;
    let announce = |address: &str| {
        let logins = USERS.map(|(login, _, profile)| format!("  {login:<10} {profile}")).join("\n");
        // A closed standard output is no reason not to serve.
        let _ = output.say(&format!(
            "The demo of Quartermaster is ready at {address}\n\n\
             Sign in with one of these names and the password {PASSWORD}\n{logins}\n\n\
             Its configuration and feeds are in {}\nIts directory answers at http://{}/scim/v2\n",
            demo.configuration.display(),
            demo.directory,
        ));
    };
    let asking = tokio::spawn(asked::ask(engine.clone()));
    let certifying = tokio::spawn(certified::begin(engine.clone()));
    let served = serve::run(engine, arguments.serve, announce).await;
    asking.abort();
    certifying.abort();
    served?;
    Ok(Exit::Done)
}

/// Applies the configuration if none is in force, and adds who signs in.
async fn begin(engine: &Engine, demo: &Demo) -> Result<(), CommandError> {
    if engine.world().configuration_version().is_none() {
        let op = engine.operating_context("demo");
        engine::configurations::apply(&op, &demo.configuration).await?;
    }
    let known = engine::users::list(engine).await?;
    for (login, name, profile) in USERS {
        if !known.iter().any(|user| user.login == login) {
            engine::users::add(engine, login, name, PASSWORD, vec![profile.to_owned()]).await?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
