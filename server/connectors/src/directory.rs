//! What SCIM and LDAP have in common: accounts in one place, groups that list them in another.
//!
//! A command changes its account first and its memberships after; the memberships of a whole batch are gathered by
//! group, so that a hundred joiners of one group are one change of it. Where the application declines such a change,
//! it is halved until the member at fault is alone.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use async_trait::async_trait;
use model::command::{Applied, Command, CommandError, Outcome};
use model::order::ErrorClass;
use model::plan::{ItemKind, Operation};
use model::value::Value;
use tokio::sync::Mutex;

use crate::patience::Patience;
use crate::turns::Turns;
use crate::{AccountTypeKey, Answered};

/// Members in one change of a group, where the protocol says nothing else.
const MEMBERS_AT_ONCE: usize = 200;

/// Ids of the groups of each name. More than one id: the name does not say which is meant.
pub(crate) type Groups = HashMap<String, Vec<String>>;

/// What became of the account itself.
#[derive(Debug)]
pub(crate) struct Done {
    /// What groups list: the account's key, with which memberships are changed.
    pub(crate) key: String,
    /// Whether anything had to be changed.
    pub(crate) changed: bool,
    pub(crate) adopted: bool,
    /// The account is gone, and memberships with it.
    pub(crate) gone: bool,
    pub(crate) detail: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Change {
    Remove,
    Add,
}

/// Why a change of a group's members failed.
#[derive(Debug)]
pub(crate) enum MemberError {
    /// The group itself is not there any more.
    GroupGone(CommandError),
    Failed(CommandError),
}

#[async_trait]
pub(crate) trait Directory: Send + Sync {
    /// Looks up the accounts of commands that change nothing but memberships, many at a time, and answers those that are
    /// there, by their position. The others go the usual way, one by one. Where that is no quicker, none.
    async fn look_up(&self, commands: &[(usize, &Command)]) -> Result<Vec<(usize, Done)>, CommandError> {
        let _ = commands;
        Ok(Vec::new())
    }

    /// Carries out the command as far as the account itself goes.
    async fn change_account(&self, command: &Command) -> Result<Done, CommandError>;

    /// The groups there are, from memory where `fresh` does not ask for more.
    async fn groups(&self, fresh: bool) -> Result<Arc<Groups>, CommandError>;

    /// As many members as one change may have.
    fn members_at_once(&self) -> usize {
        MEMBERS_AT_ONCE
    }

    /// Adds or removes members, at most as many as one change can take. Answers whether anything changed, as far as
    /// the application tells; one member that is so already is no failure.
    async fn change_members(&self, group: &str, change: Change, members: &[String]) -> Result<bool, MemberError>;
}

/// Two changes of one group at a time are a lost update on servers that read, change and write.
#[derive(Default)]
pub(crate) struct GroupLocks(std::sync::Mutex<HashMap<String, Arc<Mutex<()>>>>);

impl GroupLocks {
    pub(crate) fn of(&self, group: &str) -> Arc<Mutex<()>> {
        let mut locks = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        Arc::clone(locks.entry(group.to_owned()).or_default())
    }
}

/// Attribute by which an account is found whose key is not known, by account type.
pub(crate) struct NaturalKeys(HashMap<String, String>);

impl NaturalKeys {
    pub(crate) fn new(account_types: &[AccountTypeKey]) -> Self {
        Self(account_types.iter().map(|one| (one.name.clone(), one.key.clone())).collect())
    }

    /// What the command says, or else what its account type says about the attributes it sets.
    pub(crate) fn of(&self, command: &Command) -> Option<(String, Value)> {
        command.natural_key.clone().or_else(|| {
            let name = self.0.get(&command.account_type)?;
            Some((name.clone(), command.attributes().remove(name)?))
        })
    }
}

/// What became of one membership.
type MemberAnswer = Result<bool, CommandError>;

/// Position of a command in the batch, with the entitlement's key.
type Place = (usize, String);

/// Carries out a batch; every command is answered once.
pub(crate) async fn apply<D: Directory + ?Sized>(
    directory: &D,
    turns: &Turns,
    locks: &GroupLocks,
    commands: Vec<Command>,
) -> Vec<Answered> {
    let patience = &Patience::default();
    let mut done: BTreeMap<usize, Result<Done, CommandError>> = BTreeMap::new();
    let memberships: Vec<_> =
        commands.iter().enumerate().filter(|(_, command)| is_about_memberships(command)).collect();
    if memberships.len() > 1 {
        // A failure is met again, and told, where they are looked up one by one.
        let found = patience.call(directory.look_up(&memberships)).await.unwrap_or_default();
        done.extend(found.into_iter().map(|(position, found)| (position, Ok(found))));
    }
    let mut calls: Vec<futures::future::BoxFuture<'_, (usize, Result<Done, CommandError>)>> = Vec::new();
    for (position, command) in commands.iter().enumerate().filter(|(position, _)| !done.contains_key(position)) {
        calls.push(Box::pin(async move { (position, patience.call(directory.change_account(command)).await) }));
    }
    done.extend(turns.in_turn(calls).await);
    let memberships = change_memberships(directory, turns, locks, patience, &commands, &done).await;

    let mut members: BTreeMap<usize, Vec<(String, MemberAnswer)>> = BTreeMap::new();
    for ((position, entitlement), answer) in memberships {
        members.entry(position).or_default().push((entitlement, answer));
    }
    commands
        .iter()
        .enumerate()
        .filter_map(|(position, command)| {
            let answer = compose(command, done.remove(&position)?, members.remove(&position).unwrap_or_default());
            Some((command.order, answer))
        })
        .collect()
}

/// Whether the account itself is left as it is.
fn is_about_memberships(command: &Command) -> bool {
    command.operation == Operation::Update
        && command.key.is_some()
        && !command.in_doubt
        && command.items.iter().all(|item| item.kind == ItemKind::Entitlement)
}

fn compose(
    command: &Command,
    done: Result<Done, CommandError>,
    members: Vec<(String, MemberAnswer)>,
) -> Result<Outcome, CommandError> {
    let done = done?;
    let mut changed = done.changed;
    let mut refused = Vec::new();
    for (entitlement, answer) in members {
        match answer {
            Ok(member_changed) => changed |= member_changed,
            Err(mut error) if error.class.is_retryable() || error.class == ErrorClass::Authentication => {
                // The account is there by now: the next try has to look before it creates.
                if command.operation == Operation::Create {
                    error.class = ErrorClass::Unknown;
                }
                return Err(error);
            }
            Err(error) => refused.push((entitlement, error.message)),
        }
    }
    let applied =
        Applied { key: Some(done.key), adopted: done.adopted, refused, detail: done.detail, ..Applied::default() };
    Ok(if changed { Outcome::Applied(applied) } else { Outcome::AlreadySo(applied) })
}

async fn change_memberships<D: Directory + ?Sized>(
    directory: &D,
    turns: &Turns,
    locks: &GroupLocks,
    patience: &Patience,
    commands: &[Command],
    done: &BTreeMap<usize, Result<Done, CommandError>>,
) -> BTreeMap<Place, MemberAnswer> {
    let mut wanted: BTreeMap<String, Vec<(Change, usize, String)>> = BTreeMap::new();
    for (position, command) in commands.iter().enumerate() {
        let Some(Ok(account)) = done.get(&position) else { continue };
        if account.gone {
            continue;
        }
        let changes =
            command.removed().map(|key| (Change::Remove, key)).chain(command.added().map(|key| (Change::Add, key)));
        for (change, key) in changes {
            wanted.entry(key.to_owned()).or_default().push((change, position, account.key.clone()));
        }
    }
    if wanted.is_empty() {
        return BTreeMap::new();
    }
    let groups = match known_groups(directory, &wanted).await {
        Ok(groups) => groups,
        Err(error) => return all(wanted.iter(), &error),
    };
    let mut calls: Vec<futures::future::BoxFuture<'_, BTreeMap<Place, MemberAnswer>>> = Vec::new();
    for (entitlement, changes) in &wanted {
        let groups = Arc::clone(&groups);
        calls.push(Box::pin(
            async move { change_group(directory, locks, patience, &groups, entitlement, changes).await },
        ));
    }
    turns.at_once(calls).await.into_iter().flatten().collect()
}

/// The groups as remembered, or as they are now where one is not remembered.
async fn known_groups<D: Directory + ?Sized>(
    directory: &D,
    wanted: &BTreeMap<String, Vec<(Change, usize, String)>>,
) -> Result<Arc<Groups>, CommandError> {
    let groups = directory.groups(false).await?;
    if wanted.keys().all(|key| groups.contains_key(key)) {
        return Ok(groups);
    }
    directory.groups(true).await
}

async fn change_group<D: Directory + ?Sized>(
    directory: &D,
    locks: &GroupLocks,
    patience: &Patience,
    groups: &Groups,
    entitlement: &str,
    changes: &[(Change, usize, String)],
) -> BTreeMap<Place, MemberAnswer> {
    let mut answers = BTreeMap::new();
    let mut group = match one_group(groups, entitlement) {
        Ok(group) => group,
        Err(error) => return all([(&entitlement.to_owned(), changes)].into_iter(), &error),
    };
    let lock = locks.of(entitlement);
    let _guard = lock.lock().await;
    for change in [Change::Remove, Change::Add] {
        let members: Vec<_> = changes.iter().filter(|(wanted, _, _)| *wanted == change).collect();
        // The last chunk is on top; halves go back on it.
        let mut chunks: Vec<&[&(Change, usize, String)]> = members.chunks(directory.members_at_once()).rev().collect();
        let mut looked_again = false;
        while let Some(chunk) = chunks.pop() {
            let keys: BTreeSet<String> = chunk.iter().map(|(_, _, key)| key.clone()).collect();
            let keys: Vec<String> = keys.into_iter().collect();
            if let Some(error) = patience.lost() {
                fail(&mut answers, chunk, entitlement, &error);
                continue;
            }
            let answer = directory.change_members(&group, change, &keys).await;
            patience.note(match &answer {
                Err(MemberError::Failed(error)) => Some(error),
                _ => None,
            });
            let error = match answer {
                Ok(changed) => {
                    answers.extend(chunk.iter().map(|(_, position, _)| (place(*position, entitlement), Ok(changed))));
                    continue;
                }
                Err(MemberError::GroupGone(error)) if !looked_again => {
                    looked_again = true;
                    match directory.groups(true).await.and_then(|groups| one_group(&groups, entitlement)) {
                        Ok(now) if now != group => {
                            group = now;
                            chunks.push(chunk);
                            continue;
                        }
                        Ok(_) => error,
                        Err(error) => {
                            for chunk in std::iter::once(chunk).chain(chunks.drain(..)) {
                                fail(&mut answers, chunk, entitlement, &error);
                            }
                            break;
                        }
                    }
                }
                Err(MemberError::GroupGone(error) | MemberError::Failed(error)) => error,
            };
            let may_be_one_member = !error.class.is_retryable() && error.class != ErrorClass::Authentication;
            if chunk.len() > 1 && may_be_one_member {
                let (first, second) = chunk.split_at(chunk.len() / 2);
                chunks.push(second);
                chunks.push(first);
            } else {
                fail(&mut answers, chunk, entitlement, &error);
            }
        }
    }
    answers
}

fn one_group(groups: &Groups, entitlement: &str) -> Result<String, CommandError> {
    match groups.get(entitlement).map(Vec::as_slice) {
        Some([group]) => Ok(group.clone()),
        Some([_, _, ..]) => Err(CommandError::new(
            ErrorClass::Conflict,
            format!("The application has several groups called {entitlement}. Rename all but one, then retry."),
        )),
        _ => Err(CommandError::new(
            ErrorClass::NotFound,
            format!("The application has no group {entitlement}. Create it there or correct the entitlement's key."),
        )),
    }
}

fn place(position: usize, entitlement: &str) -> Place {
    (position, entitlement.to_owned())
}

fn fail(
    answers: &mut BTreeMap<Place, MemberAnswer>,
    chunk: &[&(Change, usize, String)],
    entitlement: &str,
    error: &CommandError,
) {
    answers.extend(chunk.iter().map(|(_, position, _)| (place(*position, entitlement), Err(error.clone()))));
}

fn all<'a, C: AsRef<[(Change, usize, String)]>>(
    wanted: impl Iterator<Item = (&'a String, C)>,
    error: &CommandError,
) -> BTreeMap<Place, MemberAnswer> {
    wanted
        .flat_map(|(entitlement, changes)| {
            changes
                .as_ref()
                .iter()
                .map(|(_, position, _)| (place(*position, entitlement), Err(error.clone())))
                .collect::<Vec<_>>()
        })
        .collect()
}

/// A copy of an application's text that can be shown: without control characters, without secrets, and short.
pub(crate) fn told(text: &str, secrets: &[&str]) -> String {
    const LONGEST: usize = 300;
    let mut text = text.to_owned();
    for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
        text = text.replace(secret, "•••");
    }
    let mut clean: String = text.chars().map(|one| if one.is_control() { ' ' } else { one }).take(LONGEST).collect();
    if text.chars().nth(LONGEST).is_some() {
        clean.push('…');
    }
    clean.trim().to_owned()
}

/// Texts that must not be shown.
pub(crate) fn secrets(command: &Command) -> Vec<&str> {
    command
        .items
        .iter()
        .filter(|item| item.secret)
        .filter_map(|item| item.value.as_ref().and_then(Value::as_text))
        .collect()
}
