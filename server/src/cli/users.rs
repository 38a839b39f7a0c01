//! `user add`, `user password`, `user email`, `user identity`, `user list`.

use clap::Subcommand;
use engine::context::OpContext;
use model::user::User;

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
    /// Everybody who signs in
    List,
}

pub async fn run(op: &OpContext, command: Command, output: &Output) -> Result<Exit, CommandError> {
    match command {
        Command::Add { login, name, profiles, email } => {
            engine::mails::check_address(email.as_deref())?;
            let password = secret::read(&format!("Password for {login}"))?;
            let name = name.unwrap_or_else(|| login.clone());
            let id = engine::users::add(&op.engine, &login, &name, &password, profiles).await?;
            if email.is_some() {
                engine::mails::set_address(op, &login, email).await?;
            }
            output.value(&serde_json::json!({ "user": id }), |_| format!("{login} can sign in."))?;
        }
        Command::Password { login } => {
            let password = secret::read(&format!("New password for {login}"))?;
            engine::users::set_password(&op.engine, &login, &password).await?;
            output.say(&format!("The password of {login} is set."))?;
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
        Command::List => {
            let users = engine::users::list(&op.engine).await?;
            output.rows(&users, &["id", "login", "name", "profiles", "disabled"], |user: &User| {
                vec![
                    user.id.to_string(),
                    user.login.clone(),
                    user.display_name.clone(),
                    user.profiles.join(", "),
                    if user.disabled { "yes".to_owned() } else { String::new() },
                ]
            })?;
        }
    }
    Ok(Exit::Done)
}
