//! The applications on the other side, with the habits that real ones were seen to have: they do what they are told and
//! say they did not, or say nothing; they refuse a name that is taken; they show yesterday's state; they write values in
//! their own way; they limit how often they are asked; they are dead, or slow, for a while.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use model::account::ObservedAccount;
use model::command::{Command, LateAnswer};
use model::ids::OrderId;
use model::plan::Operation;
use model::value::{Attributes, Value};

use super::company::{APPLICATIONS, FOREIGN, Person};
use super::scheduler::{Chance, MINUTE, Moment, SECOND};

/// Habits of an application, drawn once for a seed.
#[derive(Clone, Debug)]
pub(crate) struct Habits {
    /// Refuses a second account of the same login. One that does not gives it another key.
    pub(crate) refuses_doubles: bool,
    /// Logins that differ in case only are the same.
    pub(crate) folds_case: bool,
    /// Writes departments in lower case, whatever it is told.
    pub(crate) normalises: bool,
    /// How old what it shows may be.
    pub(crate) lag: Moment,
    /// Deleting what is not there is an error rather than nothing.
    pub(crate) misses_what_is_deleted: bool,
    /// How many changes a minute it takes, and whether it says how long to wait.
    pub(crate) limit: Option<(usize, Option<Moment>)>,
    /// Out of a thousand calls: done and answered with 503; done and not answered; lost on the way; on the way for long;
    /// one entitlement refused.
    pub(crate) denies: u32,
    pub(crate) silent: u32,
    pub(crate) loses: u32,
    pub(crate) dawdles: u32,
    pub(crate) refuses: u32,
    /// The longest that a call is on its way.
    pub(crate) longest: Moment,
    /// Of an executor: whether its answers name the attempt.
    pub(crate) repeats_fence: bool,
}

/// How it is at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weather {
    Fair,
    /// Refuses connections.
    Dead,
    /// Takes calls and never answers.
    Mute,
    /// Takes longer for a call than anybody waits.
    Slow,
}

pub(crate) struct Application {
    pub(crate) name: &'static str,
    pub(crate) habits: Habits,
    pub(crate) weather: Weather,
    accounts: Rc<BTreeMap<String, ObservedAccount>>,
    /// What was there from when on; as far back as it may show.
    history: Vec<(Moment, Rc<BTreeMap<String, ObservedAccount>>)>,
    next_key: u32,
    /// When it took changes, within the last minute.
    taken: Vec<Moment>,
    /// Of an executor: what was handed over and is not done.
    pub(crate) handed: Vec<Command>,
    /// Of an executor: answers that were not acknowledged, from when on they can be read.
    pub(crate) answers: Vec<(Moment, LateAnswer)>,
}

#[derive(Clone, Debug)]
pub(crate) enum Request {
    List,
    Get(String),
    Find(String, Value),
    Create(Attributes, Vec<String>),
    Change(String, Change),
    Delete(String),
}

impl Request {
    pub(crate) fn writes(&self) -> bool {
        !matches!(self, Self::List | Self::Get(_) | Self::Find(..))
    }
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Change {
    pub(crate) set: Attributes,
    pub(crate) cleared: Vec<String>,
    pub(crate) added: Vec<String>,
    pub(crate) removed: Vec<String>,
    pub(crate) enabled: Option<bool>,
}

#[derive(Clone, Debug)]
pub(crate) enum Reply {
    Accounts(Vec<ObservedAccount>),
    Done { key: String, refused: Vec<String> },
    Unavailable,
    TooMany(Option<Moment>),
    Taken,
    NotFound,
}

/// What truly happened to an account.
#[derive(Clone, Debug)]
pub(crate) struct Effect {
    pub(crate) application: &'static str,
    pub(crate) key: String,
    /// The order and the fence under which it was told.
    pub(crate) order: OrderId,
    pub(crate) fence: i64,
    pub(crate) kind: EffectKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EffectKind {
    Created,
    Changed,
    Enabled,
    Disabled,
    Deleted,
}

impl Application {
    pub(crate) fn new(name: &'static str, habits: Habits) -> Self {
        Self {
            name,
            habits,
            weather: Weather::Fair,
            accounts: Rc::default(),
            history: Vec::new(),
            next_key: 1,
            taken: Vec::new(),
            handed: Vec::new(),
            answers: Vec::new(),
        }
    }

    /// What it truly holds now.
    pub(crate) fn accounts(&self) -> &BTreeMap<String, ObservedAccount> {
        &self.accounts
    }

    /// An account that was there before anybody ordered one.
    pub(crate) fn put(&mut self, now: Moment, login: &str, attributes: Attributes, entitlements: BTreeSet<String>) {
        let key = self.new_key(login);
        self.change_accounts(now, |accounts| {
            accounts.insert(key.clone(), ObservedAccount { key, enabled: true, attributes, entitlements });
        });
    }

    /// A person mends what stands in the way: an account of that login that is not that person's is renamed.
    pub(crate) fn rename_stranger(&mut self, now: Moment, login: &str, employee: &str) {
        let is_it = |account: &&ObservedAccount| {
            text(account, "employee") != employee && text(account, "login").to_lowercase() == login.to_lowercase()
        };
        let Some(mut account) = self.accounts.values().find(is_it).cloned() else { return };
        let (old, new) = (account.key.clone(), format!("renamed-{login}"));
        account.attributes.insert("login".to_owned(), Value::from(new.as_str()));
        account.key = self.new_key(&new);
        self.change_accounts(now, |accounts| {
            accounts.remove(&old);
            accounts.insert(account.key.clone(), account);
        });
    }

    /// Somebody changes an account behind everybody's back.
    pub(crate) fn tamper(&mut self, now: Moment, chance: &mut Chance) {
        let keys: Vec<String> = self.accounts.keys().cloned().collect();
        let Some(key) = chance.pick(&keys) else { return };
        let what = chance.below(3);
        self.change_accounts(now, |accounts| {
            let Some(account) = accounts.get_mut(&key) else { return };
            match what {
                0 => {
                    account.entitlements.insert("A".to_owned());
                }
                1 => {
                    account.entitlements.remove("B");
                }
                _ => account.enabled = !account.enabled,
            }
        });
    }

    /// Answers a call, and says what happened. `under`: order and fence of a command.
    pub(crate) fn serve(
        &mut self,
        now: Moment,
        chance: &mut Chance,
        request: &Request,
        under: Option<(OrderId, i64)>,
    ) -> (Reply, Option<Effect>) {
        if !request.writes() {
            return (self.show(now, chance, request), None);
        }
        if let Some((most, wait)) = self.habits.limit {
            self.taken.retain(|taken| *taken > now - MINUTE);
            if self.taken.len() >= most {
                return (Reply::TooMany(wait), None);
            }
            self.taken.push(now);
        }
        let (reply, done) = self.write(now, chance, request);
        let effect = done.zip(under).map(|((kind, key), (order, fence))| Effect {
            application: self.name,
            key,
            order,
            fence,
            kind,
        });
        (reply, effect)
    }

    fn show(&self, now: Moment, chance: &mut Chance, request: &Request) -> Reply {
        let seen_at = now - if self.habits.lag > 0 { chance.between(0, self.habits.lag) } else { 0 };
        let accounts = self.history.iter().rev().find(|(from, _)| *from <= seen_at).map(|(_, accounts)| accounts);
        let shown = accounts.into_iter().flat_map(|accounts| accounts.values()).filter(|account| match request {
            Request::Get(key) => account.key == *key,
            Request::Find(name, value) => account
                .attributes
                .get(name)
                .is_some_and(|found| found.to_string().to_lowercase() == value.to_string().to_lowercase()),
            _ => true,
        });
        Reply::Accounts(shown.map(without_secrets).collect())
    }

    fn write(&mut self, now: Moment, chance: &mut Chance, request: &Request) -> (Reply, Option<(EffectKind, String)>) {
        match request {
            Request::Create(attributes, entitlements) => {
                let login = attributes.get("login").map(ToString::to_string).unwrap_or_default();
                let folded = |text: &str| if self.habits.folds_case { text.to_lowercase() } else { text.to_owned() };
                let is_taken = self.accounts.values().any(|other| folded(&text(other, "login")) == folded(&login));
                if is_taken && self.habits.refuses_doubles {
                    return (Reply::Taken, None);
                }
                let key = self.new_key(&login);
                let (granted, refused) = self.granted(chance, entitlements, &BTreeSet::new());
                let account = ObservedAccount {
                    key: key.clone(),
                    enabled: true,
                    attributes: self.as_written(attributes),
                    entitlements: granted,
                };
                self.change_accounts(now, |accounts| {
                    accounts.insert(key.clone(), account);
                });
                (Reply::Done { key: key.clone(), refused }, Some((EffectKind::Created, key)))
            }
            Request::Change(key, change) => {
                let Some(mut account) = self.accounts.get(key).cloned() else { return (Reply::NotFound, None) };
                let before = account.clone();
                let (granted, refused) = self.granted(chance, &change.added, &before.entitlements);
                account.attributes.extend(self.as_written(&change.set));
                account.attributes.retain(|name, _| !change.cleared.contains(name));
                account.entitlements.extend(granted);
                account.entitlements.retain(|held| !change.removed.contains(held));
                account.enabled = change.enabled.unwrap_or(account.enabled);
                let kind = match (before.enabled, account.enabled) {
                    (false, true) => EffectKind::Enabled,
                    (true, false) => EffectKind::Disabled,
                    _ => EffectKind::Changed,
                };
                let happened = account != before;
                self.change_accounts(now, |accounts| {
                    accounts.insert(key.clone(), account);
                });
                (Reply::Done { key: key.clone(), refused }, happened.then(|| (kind, key.clone())))
            }
            Request::Delete(key) => {
                let was_there = self.accounts.contains_key(key);
                if !was_there && self.habits.misses_what_is_deleted {
                    return (Reply::NotFound, None);
                }
                self.change_accounts(now, |accounts| {
                    accounts.remove(key);
                });
                let done = Reply::Done { key: key.clone(), refused: Vec::new() };
                (done, was_there.then(|| (EffectKind::Deleted, key.clone())))
            }
            Request::List | Request::Get(_) | Request::Find(..) => (Reply::NotFound, None),
        }
    }

    fn granted(
        &self,
        chance: &mut Chance,
        wanted: &[String],
        held: &BTreeSet<String>,
    ) -> (BTreeSet<String>, Vec<String>) {
        let mut refused = Vec::new();
        let granted = wanted.iter().filter(|key| {
            let is_refused = *key == "C" && !held.contains(*key) && chance.permille(self.habits.refuses);
            if is_refused {
                refused.push((*key).clone());
            }
            !is_refused
        });
        (granted.cloned().collect(), refused)
    }

    fn as_written(&self, attributes: &Attributes) -> Attributes {
        let mut written = attributes.clone();
        if self.habits.normalises
            && let Some(Value::Text(department)) = written.get_mut("department")
        {
            *department = department.to_lowercase();
        }
        written
    }

    /// The directory and the mainframe choose keys; elsewhere the login is the key, or another one where that is taken.
    fn new_key(&mut self, login: &str) -> String {
        self.next_key += 1;
        match self.name {
            "directory" => format!("id-{}", self.next_key),
            _ if self.accounts.contains_key(login) => format!("{login}-{}", self.next_key),
            _ => login.to_owned(),
        }
    }

    fn change_accounts(&mut self, now: Moment, change: impl FnOnce(&mut BTreeMap<String, ObservedAccount>)) {
        change(Rc::make_mut(&mut self.accounts));
        self.history.push((now, self.accounts.clone()));
        let oldest = now - self.habits.lag;
        while self.history.get(1).is_some_and(|(from, _)| *from <= oldest) {
            self.history.remove(0);
        }
    }

    /// Of an executor, or a person: does what a command says, by looking first.
    pub(crate) fn carry_out(&mut self, now: Moment, chance: &mut Chance, command: &Command) -> (Reply, Option<Effect>) {
        let login = command.natural_key.as_ref().map(|(_, value)| value.to_string());
        let found = match &command.key {
            Some(key) if self.accounts.contains_key(key) => Some(key.clone()),
            _ => login.and_then(|login| {
                let is_it = |account: &&ObservedAccount| text(account, "login").to_lowercase() == login.to_lowercase();
                self.accounts.values().find(is_it).map(|account| account.key.clone())
            }),
        };
        let attributes = command.attributes();
        let request = match (command.operation, found) {
            (Operation::Create, Some(key)) => {
                let is_theirs = self.accounts[&key].attributes.get("employee") == attributes.get("employee");
                if !is_theirs {
                    return (Reply::Taken, None);
                }
                Request::Change(key, change(command))
            }
            (Operation::Create, None) => Request::Create(attributes, command.added().map(str::to_owned).collect()),
            (Operation::Delete, key) => Request::Delete(key.or_else(|| command.key.clone()).unwrap_or_default()),
            (_, Some(key)) => Request::Change(key, change(command)),
            (_, None) => return (Reply::NotFound, None),
        };
        self.serve(now, chance, &request, Some((command.order, command.fence)))
    }
}

/// What a command changes in an account that is there.
pub(crate) fn change(command: &Command) -> Change {
    Change {
        set: command.attributes(),
        cleared: command.cleared().map(str::to_owned).collect(),
        added: command.added().map(str::to_owned).collect(),
        removed: command.removed().map(str::to_owned).collect(),
        enabled: match command.operation {
            Operation::Create | Operation::Enable => Some(true),
            Operation::Disable => Some(false),
            Operation::Update | Operation::Delete => None,
        },
    }
}

pub(crate) fn text(account: &ObservedAccount, attribute: &str) -> String {
    account.attributes.get(attribute).map(ToString::to_string).unwrap_or_default()
}

fn without_secrets(account: &ObservedAccount) -> ObservedAccount {
    let mut shown = account.clone();
    shown.attributes.remove("password");
    shown
}

/// All applications of a seed. One in four directories takes doubles: then nothing else may go wrong that only an
/// application could make good, such as a call that arrives after its sender was given up (`gentle`).
pub(crate) fn applications(
    chance: &mut Chance,
    gentle: bool,
    people: &[Person],
) -> BTreeMap<&'static str, Application> {
    let mut applications = BTreeMap::new();
    for name in APPLICATIONS {
        let refuses_doubles = name != "directory" || !gentle;
        let permille = |chance: &mut Chance, most: i64| u32::try_from(chance.between(0, most)).unwrap();
        let habits = Habits {
            refuses_doubles,
            folds_case: chance.permille(500),
            normalises: chance.permille(150),
            lag: if refuses_doubles && name != "payroll" && chance.permille(300) {
                chance.between(0, 300 * SECOND)
            } else {
                0
            },
            misses_what_is_deleted: chance.permille(500),
            limit: chance.permille(200).then(|| (4, chance.permille(500).then_some(90 * SECOND))),
            denies: permille(chance, 60),
            silent: permille(chance, 60),
            loses: permille(chance, 40),
            dawdles: permille(chance, 40),
            refuses: if chance.permille(150) { 300 } else { 0 },
            longest: if refuses_doubles { 45 * SECOND } else { 8 * SECOND },
            repeats_fence: chance.permille(700),
        };
        let mut application = Application::new(name, habits);
        // What is there already in an application that nobody can read stays unknown for ever.
        if name != "badge" {
            inhabit(&mut application, chance, people);
        }
        applications.insert(name, application);
    }
    applications
}

/// Some accounts are there already: people's own, those of two people of one name, and strangers'.
fn inhabit(application: &mut Application, chance: &mut Chance, people: &[Person]) {
    for person in people {
        if !chance.permille(120) {
            continue;
        }
        // One that takes doubles has nobody's accounts under people's logins: which is whose, nobody could tell.
        let is_like_ours = chance.permille(500) && application.habits.refuses_doubles;
        let login = if is_like_ours { person.name.to_lowercase() } else { format!("old-{}", person.key) };
        let is_marked = chance.permille(500);
        let attributes: [Option<(&str, &str)>; 4] = [
            Some(("login", &login)),
            is_marked.then_some(("employee", &person.key)),
            chance.permille(700).then_some(("name", &person.name)),
            Some(("shoe", "42")),
        ];
        let attributes = attributes.into_iter().flatten().map(|(name, value)| (name.to_owned(), Value::from(value)));
        let held = ["A", "B", FOREIGN].iter().filter(|_| chance.permille(500)).map(|key| (*key).to_owned());
        let (attributes, held) = (attributes.collect(), held.collect());
        let is_taken = application.accounts().values().any(|other| text(other, "login") == login);
        if !is_taken {
            application.put(0, &login, attributes, held);
        }
    }
}
