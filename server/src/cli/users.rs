//! `user add`, `user password`, `user email`, `user identity`, `user profiles`, `user disable`, `user enable`, `user list`.

use clap::Subcommand;
use engine::context::OpContext;
use model::user::{NewUser, UserFilter, UserRow, UserShow};

use super::output::Output;
use super::{CommandError, Exit, secret};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Add somebody who signs in; the password is asked for, or read from standard input
    Add {
        /// What they sign in with
        login: String,
        /// Name to show; the login unless given
        #[arg(long)]
        name: Option<String>,
        /// Permission profiles of the configuration; may be given several times
        #[arg(long = "profile", default_value = "administrator")]
        profiles: Vec<String>,
        /// Address to which mail is sent
        #[arg(long)]
        email: Option<String>,
    },
    /// Set a password; it is asked for, or read from standard input
    Password {
        /// What they sign in with
        login: String,
    },
    /// Set the address to which somebody's mail is sent; without one, take it away
    Email {
        /// What they sign in with
        login: String,
        /// Where mail goes
        address: Option<String>,
    },
    /// Say which identity somebody is, by its key in the source; without a key, that nobody knows
    Identity {
        /// What they sign in with
        login: String,
        /// The identity's key, such as its number in the feed
        key: Option<String>,
    },
    /// Give permission profiles to somebody, and take others away
    Profiles {
        /// What they sign in with
        login: String,
        /// Profile to give; may be given several times
        #[arg(long, value_name = "PROFILE")]
        give: Vec<String>,
        /// Profile to take away; may be given several times
        #[arg(long, value_name = "PROFILE")]
        take: Vec<String>,
    },
    /// Let somebody sign in no more; whoever is signed in is signed out
    Disable {
        /// What they sign in with
        login: String,
    },
    /// Let somebody sign in again
    Enable {
        /// What they sign in with
        login: String,
    },
    /// Everybody who signs in
    List {
        /// Only those with this in their login or name
        #[arg(long)]
        text: Option<String>,
        /// Only those who hold this permission profile
        #[arg(long)]
        profile: Option<String>,
        /// enabled, disabled, unlinked or conflicting; all unless given
        #[arg(long, value_parser = show)]
        show: Option<UserShow>,
        /// At most so many
        #[arg(long, default_value_t = 1000)]
        limit: u32,
    },
}

pub async fn run(op: &OpContext, command: Command, output: &Output) -> Result<Exit, CommandError> {
    match command {
        Command::Add { login, name, profiles, email } => {
            engine::mails::check_address(email.as_deref())?;
            let password = secret::read(&format!("Password for {login}"))?;
            let name = name.unwrap_or_else(|| login.clone());
            let is_first = engine::users::begin(op, &profiles).await?;
            let new = NewUser { login: login.clone(), display_name: name, profiles };
            let (id, _) = engine::users::create(op, new, Some(&password)).await?;
            if email.is_some() {
                engine::mails::set_address(op, &login, email).await?;
            }
            let profile = if is_first {
                " The configuration had no permission profile; it has `administrator` now, which allows everything."
            } else {
                ""
            };
            output.value(&serde_json::json!({ "user": id }), |_| format!("{login} can sign in.{profile}"))?;
        }
        Command::Password { login } => {
            let password = secret::read(&format!("New password for {login}"))?;
            let user = engine::users::by_login(op, &login).await?;
            engine::users::set_password(op, user.id, Some(&password)).await?;
            output.say(&format!("The password of {login} is set. Whoever was signed in has to sign in again."))?;
        }
        Command::Email { login, address } => {
            let said = match &address {
                Some(address) => format!("Mail for {login} goes to {address}."),
                None => format!("{login} has no address of their own any more."),
            };
            engine::mails::set_address(op, &login, address).await?;
            output.say(&said)?;
        }
        Command::Identity { login, key } => {
            engine::users::set_identity(op, &login, key.as_deref()).await?;
            let said = match &key {
                Some(key) => format!("{login} is the identity {key}."),
                None => format!("{login} is no identity any more."),
            };
            output.say(&said)?;
        }
        Command::Profiles { login, give, take } => {
            let known = engine::users::detail(op, engine::users::by_login(op, &login).await?.id).await?;
            let mut profiles = known.user.profiles;
            if let Some(missing) = take.iter().find(|name| !profiles.contains(name)) {
                return Err(CommandError::Usage(format!(
                    "{login} does not hold {missing}. They hold: {}.",
                    profiles.join(", ")
                )));
            }
            profiles.retain(|name| !take.contains(name));
            profiles.extend(give);
            engine::users::rename_and_grant(op, known.user.id, Some(&known.seen), None, Some(profiles)).await?;
            let now = engine::users::by_login(op, &login).await?.profiles;
            for met in engine::permissions::met(op, &now).await? {
                output.say(&format!("Not to be held together, and held: {}.", met.words()))?;
            }
            output.say(&format!(
                "{login} holds {}.",
                if now.is_empty() { "no profile".to_owned() } else { now.join(", ") }
            ))?;
        }
        Command::Disable { login } => {
            let user = engine::users::by_login(op, &login).await?;
            engine::users::set_disabled(op, user.id, None, true).await?;
            output
                .say(&format!("{login} cannot sign in any more. `quartermaster user enable {login}` changes that."))?;
        }
        Command::Enable { login } => {
            let user = engine::users::by_login(op, &login).await?;
            engine::users::set_disabled(op, user.id, None, false).await?;
            output.say(&format!("{login} can sign in."))?;
        }
        Command::List { text, profile, show, limit } => {
            let filter = UserFilter { text, profile, show, after: None, limit: Some(limit) };
            let page = engine::users::page(op, &filter).await?;
            let head = ["id", "login", "name", "person", "profiles", "disabled", "last sign-in", "conflicts"];
            output.rows(&page.rows, &head, |user: &UserRow| {
                vec![
                    user.id.to_string(),
                    user.login.clone(),
                    user.display_name.clone(),
                    user.identity.as_ref().map(|(_, name)| name.clone()).unwrap_or_default(),
                    user.profiles.join(", "),
                    if user.disabled { "yes".to_owned() } else { String::new() },
                    user.last_sign_in.map(|at| at.strftime("%F %T").to_string()).unwrap_or_default(),
                    user.conflicts.join(", "),
                ]
            })?;
        }
    }
    Ok(Exit::Done)
}

fn show(text: &str) -> Result<UserShow, String> {
    UserShow::from_name(text).ok_or_else(|| "expected enabled, disabled, unlinked or conflicting".to_owned())
}
