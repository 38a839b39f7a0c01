//! `permissions list`, `permissions test`, `permissions who`, `permissions notices`,
//! `permissions conflicts`.

use app::permissions::asked::{self, Asked, Takes};
use clap::Subcommand;
use engine::context::OpContext;
use engine::mails::Told;
use engine::permissions::{Able, ConflictView, ProfileView, Subject, Tested};
use model::ids::IdentityId;
use model::mail::NoticeKind;
use model::permission::Grant;

use super::output::Output;
use super::{CommandError, Exit};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Permission profiles: what they allow, and who holds them
    List,
    /// May somebody come to a page or do something, and why; a no ends with the exit code 4
    Test {
        /// What they sign in with
        login: String,
        /// A page such as /jobs, an action, or a permission path such as /Jobs/Run
        what: String,
        /// For accounts of this type
        #[arg(long, value_name = "TYPE")]
        account_type: Option<String>,
        /// About the person with this key; unless given, about somebody at least
        #[arg(long, value_name = "PERSON")]
        about: Option<String>,
    },
    /// The same for whoever would hold these permission profiles
    TestProfiles {
        /// A page, an action, or a permission path
        what: String,
        /// Permission profile; may be given several times
        #[arg(long = "profile", required = true)]
        profiles: Vec<String>,
        /// For accounts of this type
        #[arg(long, value_name = "TYPE")]
        account_type: Option<String>,
        /// About the person with this key; unless given, about somebody at least
        #[arg(long, value_name = "PERSON")]
        about: Option<String>,
    },
    /// Everybody who may come to a page or do something, and by what
    Who {
        /// A page, an action, or a permission path
        what: String,
        /// For accounts of this type
        #[arg(long, value_name = "TYPE")]
        account_type: Option<String>,
        /// About the person with this key; unless given, about somebody at least
        #[arg(long, value_name = "PERSON")]
        about: Option<String>,
    },
    /// What nobody should be allowed together, and who is
    Conflicts,
    /// Who would be told of what by mail now, and who would not although they could act
    Notices {
        /// work_item, review, form, native_change, run_ended or application_trouble; all unless given
        #[arg(long, value_parser = kind)]
        kind: Option<NoticeKind>,
        /// Account type, job or application
        #[arg(long)]
        about: Option<String>,
    },
}

pub async fn run(op: &OpContext, command: Command, output: &Output) -> Result<Exit, CommandError> {
    match command {
        Command::List => list(op, output).await,
        Command::Test { login, what, account_type, about } => {
            test(op, &Subject::Login(login), &what, account_type.as_deref(), about.as_deref(), output).await
        }
        Command::TestProfiles { what, profiles, account_type, about } => {
            test(op, &Subject::Profiles(profiles), &what, account_type.as_deref(), about.as_deref(), output).await
        }
        Command::Who { what, account_type, about } => {
            let asked = read(&what, account_type.as_deref())?;
            let about = person(op, about.as_deref()).await?;
            let able = engine::permissions::who(op, asked.takes.question(), about).await?;
            output.rows(&able, &["login", "name", "by"], |able: &Able| {
                let by = able.by.first().map_or_else(|| "it takes no permission".to_owned(), reason);
                vec![able.login.clone(), able.display_name.clone(), by]
            })?;
            Ok(Exit::Done)
        }
        Command::Conflicts => {
            let conflicts = engine::permissions::conflicts(op).await?;
            output.rows(
                &conflicts,
                &["conflict", "one side", "other side", "effect", "users", "profiles"],
                |view: &ConflictView| {
                    let users: Vec<&str> = view.users.iter().map(|(holder, _)| holder.login.as_str()).collect();
                    let profiles = view.profiles.iter().filter_map(|met| met.first.first());
                    vec![
                        view.name.clone(),
                        view.conflict.first.join(" "),
                        view.conflict.second.join(" "),
                        view.conflict.effect.name().to_owned(),
                        users.join(", "),
                        profiles.map(|grant| grant.profile.clone()).collect::<Vec<_>>().join(", "),
                    ]
                },
            )?;
            Ok(Exit::Done)
        }
        Command::Notices { kind, about } => {
            let told = engine::mails::foretell(op, kind, about.as_deref()).await?;
            output.rows(&told, &["kind", "about", "login", "mail", "by"], |told: &Told| {
                let by: Vec<String> =
                    told.by.iter().map(|grant| format!("{} in {}", grant.entry.as_str(), grant.profile)).collect();
                vec![
                    told.kind.name().to_owned(),
                    told.about.clone(),
                    told.login.clone(),
                    told.hearing.label().to_owned(),
                    by.join(", "),
                ]
            })?;
            Ok(Exit::Done)
        }
    }
}

fn kind(text: &str) -> Result<NoticeKind, String> {
    let known = NoticeKind::ALL.map(NoticeKind::name).join(", ");
    NoticeKind::from_name(text).ok_or_else(|| format!("expected one of {known}"))
}

async fn list(op: &OpContext, output: &Output) -> Result<Exit, CommandError> {
    let profiles = engine::permissions::profiles(op).await?;
    output.rows(&profiles, &["profile", "allows", "held by"], |profile: &ProfileView| {
        let entries = profile.entries.iter().map(|entry| match (entry.is_known, entry.notifies) {
            (false, _) => format!("{} (leads nowhere)", entry.text),
            (true, false) => format!("{} (silent)", entry.text),
            (true, true) => entry.text.clone(),
        });
        let people = profile.people.iter().map(|people| format!("(about people for whom {people} holds)"));
        let entries = entries.chain(people);
        let holders: Vec<&str> = profile.holders.iter().map(|holder| holder.login.as_str()).collect();
        vec![profile.name.clone(), entries.collect::<Vec<_>>().join(" "), holders.join(", ")]
    })?;
    Ok(Exit::Done)
}

async fn test(
    op: &OpContext,
    subject: &Subject,
    what: &str,
    account_type: Option<&str>,
    about: Option<&str>,
    output: &Output,
) -> Result<Exit, CommandError> {
    let asked = read(what, account_type)?;
    let about = person(op, about).await?;
    let tested = engine::permissions::test(op, subject, asked.takes.question(), about).await?;
    let said = serde_json::json!({ "allowed": tested.allowed(), "tested": tested });
    output.value(&said, |_| sentences(&tested, &asked))?;
    Ok(if tested.allowed() { Exit::Done } else { Exit::Refused })
}

async fn person(op: &OpContext, key: Option<&str>) -> Result<Option<IdentityId>, CommandError> {
    match key {
        Some(key) => Ok(Some(engine::identities::find(op, key).await?)),
        None => Ok(None),
    }
}

fn read(what: &str, account_type: Option<&str>) -> Result<Asked, CommandError> {
    asked::read(what, account_type).map_err(CommandError::Usage)
}

fn sentences(tested: &Tested, asked: &Asked) -> String {
    let name = match &tested.user {
        Some(user) => user.login.clone(),
        None => format!("whoever holds {}", tested.profiles.join(" and ")),
    };
    let mut lines = vec![tested.sentence(&name, &asked.words)];
    if tested.disabled {
        lines.push("The user is disabled and cannot sign in, whatever the profiles say.".to_owned());
    }
    match (&tested.answer, &asked.takes) {
        (Some(answer), _) if answer.allowed => {
            lines.extend(answer.by.iter().map(|grant| format!("  {}", reason(grant))))
        }
        (Some(answer), _) => {
            let smallest: Vec<&str> = answer.smallest.iter().map(|path| path.as_str()).collect();
            lines.push(format!("The smallest entry that would be enough: {}.", smallest.join(" or ")));
            if !answer.others.is_empty() {
                lines.push("Profiles that have it, the narrowest first:".to_owned());
            }
            lines.extend(answer.others.iter().map(|grant| format!("  {}", reason(grant))));
        }
        (None, Takes::Nothing) => lines.push("It takes nothing, not even signing in.".to_owned()),
        (None, _) => lines.push("It takes no permission: whoever has signed in finds what is their own.".to_owned()),
    }
    if !tested.apart.is_empty() {
        lines.push("About others only:".to_owned());
        lines.extend(tested.apart.iter().map(|grant| format!("  {}", reason(grant))));
    }
    if asked.is_unknown {
        lines.push("Nothing asks for this path, so whoever holds it can do nothing by it.".to_owned());
    }
    lines.join("\n")
}

fn reason(grant: &Grant) -> String {
    format!("{} in the profile {}, {}", grant.entry.as_str(), grant.profile, grant.words())
}
