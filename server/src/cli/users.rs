//! `user add`, `user password`, `user list`.

use clap::Subcommand;
use engine::context::OpContext;
use model::user::User;

use super::output::Output;
use super::{CommandError, Exit, secret};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Add somebody who signs in; the password is asked for, or read from standard input
    Add {
        login: String,
        /// Name to show; the login unless given
        #[arg(long)]
        name: Option<String>,
        /// Permission profiles of the configuration; may be given several times
        #[arg(long = "profile", default_value = "administrator")]
        profiles: Vec<String>,
    },
    /// Set a password; it is asked for, or read from standard input
    Password { login: String },
    /// Everybody who signs in
    List,
}

pub async fn run(op: &OpContext, command: Command, output: &Output) -> Result<Exit, CommandError> {
    match command {
        Command::Add { login, name, profiles } => {
            let password = secret::read(&format!("Password for {login}"))?;
            let name = name.unwrap_or_else(|| login.clone());
            let id = engine::users::add(&op.engine, &login, &name, &password, profiles).await?;
            output.value(&serde_json::json!({ "user": id }), |_| format!("{login} can sign in."))?;
        }
        Command::Password { login } => {
            let password = secret::read(&format!("New password for {login}"))?;
            engine::users::set_password(&op.engine, &login, &password).await?;
            output.say(&format!("The password of {login} is set."))?;
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
