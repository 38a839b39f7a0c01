//! The suite that every connector has to pass, against the real application.
//!
//! A [`Subject`] tells the suite what accounts look like there and plays the part of everybody else: the stranger who
//! made an account before us, the other system or the person that carries out what was handed over. Failures panic,
//! as in any test. What an application cannot do decides, through [`Capabilities`], which steps apply; the subject
//! has to name each step that does not, with the reason, so that nothing is left out silently.

mod steps;
mod values;

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use model::command::{Applied, Command, CommandError, CommandItem, Handed, LateAnswer, Outcome};
use model::ids::OrderId;
use model::order::ErrorClass;
use model::plan::{ItemKind, ItemOperation, Operation};
use model::value::{Attributes, Value};

use crate::{Capabilities, Connector};

/// A part of the suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// The account that was created is read with its attributes.
    Read,
    /// Accounts are listed completely, each exactly once.
    List,
    /// An attribute is changed; changing it again changes nothing.
    Update,
    /// An attribute is taken away.
    Clear,
    /// Entitlements are given and taken, each twice.
    Entitlements,
    /// An entitlement that does not exist is refused, and the rest is done.
    UnknownEntitlement,
    /// The account is disabled and enabled.
    Disable,
    /// The account is deleted, twice.
    Delete,
    /// A creation in doubt gives one account.
    CreateTwice,
    /// An account of somebody else is neither duplicated nor overwritten.
    Foreign,
    /// A change of an account that is not there.
    Missing,
    /// Values that break careless programs.
    OddValues,
    /// Many accounts, in batches.
    Many,
}

impl Step {
    pub const ALL: [Self; 13] = [
        Self::Read,
        Self::List,
        Self::Update,
        Self::Clear,
        Self::Entitlements,
        Self::UnknownEntitlement,
        Self::Disable,
        Self::Delete,
        Self::CreateTwice,
        Self::Foreign,
        Self::Missing,
        Self::OddValues,
        Self::Many,
    ];

    fn applies(self, capabilities: Capabilities) -> bool {
        match self {
            Self::Read | Self::Update | Self::Clear | Self::OddValues | Self::CreateTwice | Self::Foreign => {
                capabilities.reads_one
            }
            Self::List | Self::Many => capabilities.lists,
            Self::Entitlements | Self::UnknownEntitlement => capabilities.entitlements && capabilities.reads_one,
            Self::Disable => capabilities.disables,
            Self::Delete => capabilities.deletes,
            Self::Missing => true,
        }
    }
}

/// An application under test.
#[async_trait]
pub trait Subject: Send {
    fn application(&self) -> &str;
    fn account_type(&self) -> &str;

    /// All attributes of a new account; another number gives another natural key.
    fn attributes(&self, number: usize) -> Attributes;

    /// Attribute, one of those above, that identifies an account.
    fn natural_key(&self) -> &str;

    /// Native key of a new account with these attributes, where the application does not choose it.
    fn key(&self, attributes: &Attributes) -> Option<String> {
        let _ = attributes;
        None
    }

    /// Native key, well formed, of an account that does not exist.
    fn missing_key(&self) -> String {
        "nobody".to_owned()
    }

    /// Attribute with free text that may be changed and taken away.
    fn text_attribute(&self) -> &str;

    /// Attributes that cannot be read back, such as a password.
    fn secret_attributes(&self) -> &[&str] {
        &[]
    }

    /// Keys of two entitlements that exist.
    fn entitlements(&self) -> [&str; 2];

    /// Whether the free text attribute can hold this text. Where not, the suite expects it to be refused.
    fn holds(&self, text: &str) -> bool {
        let _ = text;
        true
    }

    /// Whether the natural key can hold this text, for an account that is created and found by it.
    fn names(&self, text: &str) -> bool {
        self.holds(text)
    }

    /// Steps that do not apply, and why.
    fn omits(&self) -> &[(Step, &'static str)] {
        &[]
    }

    /// Makes, by other means than the connector, an account with the natural key of this number and values of its own.
    /// Answers its native key.
    async fn make_foreign(&mut self, number: usize) -> String;

    /// Lets the other side carry out what was handed to it, and answers what [`Connector::poll`] does not give.
    async fn fulfil(&mut self, handed: Vec<(Command, String)>) -> Vec<LateAnswer> {
        let _ = handed;
        Vec::new()
    }
}

/// Runs every step that applies, and answers those that were run.
///
/// # Panics
/// Where the connector does not behave.
pub async fn exercise(connector: &dyn Connector, subject: &mut dyn Subject) -> Vec<Step> {
    let capabilities = connector.capabilities();
    let omitted: BTreeSet<Step> = subject.omits().iter().map(|(step, _)| *step).collect();
    for step in Step::ALL {
        assert!(
            step.applies(capabilities) || omitted.contains(&step),
            "{step:?} does not apply to an application with {capabilities:?}; the subject has to say so in omits()"
        );
    }
    for (succeeded, sentence) in connector.test().await {
        assert!(succeeded, "the connection's test failed: {sentence}");
    }
    let schema = connector.schema().await.unwrap_or_else(|error| panic!("the schema cannot be read: {error}"));
    assert!(!schema.attributes.is_empty(), "the schema has no attributes");

    let run: Vec<Step> = Step::ALL.into_iter().filter(|step| !omitted.contains(step)).collect();
    let mut bench = Bench { connector, subject, orders: 0, number: 0 };
    for step in &run {
        bench.run(*step).await;
    }
    run
}

/// Checks that every call of a connector whose application cannot be reached, or talks rubbish, fails with this class.
///
/// # Panics
/// Where one does not.
pub async fn fails_with(connector: &dyn Connector, subject: &mut dyn Subject, classes: &[ErrorClass]) {
    let steps = connector.test().await;
    assert!(steps.iter().any(|(succeeded, _)| !succeeded), "the connection's test succeeded: {steps:?}");
    let mut bench = Bench { connector, subject, orders: 0, number: 9_000 };
    let (create, _) = bench.create();
    let missing = bench.subject.missing_key();
    let mut update = bench.command(Operation::Update, &missing);
    update.items.push(set(bench.subject.text_attribute(), "text"));
    let commands = vec![create, update];
    let expected: BTreeSet<OrderId> = commands.iter().map(|command| command.order).collect();
    let answers = connector.apply(commands).await;
    assert_eq!(answers.len(), 2, "each command is answered once: {answers:?}");
    assert_eq!(answers.iter().map(|(order, _)| *order).collect::<BTreeSet<_>>(), expected);
    let mut errors: Vec<(&str, CommandError)> = Vec::new();
    for (_, answer) in answers {
        match answer {
            Err(error) => errors.push(("apply", error)),
            Ok(outcome) => panic!("a command succeeded: {outcome:?}"),
        }
    }
    match connector.accounts(&mut |_| ()).await {
        Err(error) => errors.push(("accounts", error)),
        Ok(()) => panic!("accounts were listed"),
    }
    match connector.account(&missing).await {
        Err(error) => errors.push(("account", error)),
        Ok(account) => panic!("an account was read: {account:?}"),
    }
    for (call, error) in errors {
        assert!(classes.contains(&error.class), "{call}: {:?} is none of {classes:?}: {error}", error.class);
        assert!(!error.message.is_empty());
    }
}

/// What one command came to, whoever carried it out.
#[derive(Debug)]
enum Answer {
    Applied(Applied),
    AlreadySo(Applied),
}

impl Answer {
    fn applied(&self) -> &Applied {
        match self {
            Self::Applied(applied) | Self::AlreadySo(applied) => applied,
        }
    }
}

struct Bench<'a> {
    connector: &'a dyn Connector,
    subject: &'a mut dyn Subject,
    orders: i64,
    number: usize,
}

impl Bench<'_> {
    fn next_number(&mut self) -> usize {
        self.number += 1;
        self.number
    }

    /// A command without items.
    fn command(&mut self, operation: Operation, key: &str) -> Command {
        self.orders += 1;
        Command {
            order: OrderId(self.orders),
            fence: 1,
            application: self.subject.application().to_owned(),
            account_type: self.subject.account_type().to_owned(),
            operation,
            key: Some(key.to_owned()),
            natural_key: None,
            items: Vec::new(),
            in_doubt: false,
        }
    }

    /// The creation of the next account, and its attributes.
    fn create(&mut self) -> (Command, Attributes) {
        let number = self.next_number();
        let attributes = self.subject.attributes(number);
        (self.creation(&attributes), attributes)
    }

    fn creation(&mut self, attributes: &Attributes) -> Command {
        let natural_key = self.subject.natural_key().to_owned();
        let value = attributes.get(&natural_key).unwrap_or_else(|| panic!("attributes() has no {natural_key}"));
        let mut command = self.command(Operation::Create, "");
        command.key = self.subject.key(attributes);
        command.natural_key = Some((natural_key, value.clone()));
        command.items = attributes
            .iter()
            .map(|(name, value)| CommandItem {
                secret: self.subject.secret_attributes().contains(&name.as_str()),
                ..set(name, value.clone())
            })
            .collect();
        command
    }

    /// Carries out one command.
    async fn apply(&mut self, command: Command) -> Result<Answer, CommandError> {
        let order = command.order;
        self.apply_all(vec![command]).await.remove(&order).unwrap_or_else(|| panic!("order {order} was not answered"))
    }

    /// Carries out one command that has to succeed completely.
    async fn done(&mut self, command: Command) -> Applied {
        let told = format!("{command:?}");
        match self.apply(command).await {
            Ok(answer) => {
                assert!(answer.applied().refused.is_empty(), "{told}: refused {:?}", answer.applied().refused);
                answer.applied().clone()
            }
            Err(error) => panic!("{told}: {:?}: {error}", error.class),
        }
    }

    async fn apply_all(&mut self, commands: Vec<Command>) -> BTreeMap<OrderId, Result<Answer, CommandError>> {
        let told: BTreeMap<OrderId, Command> =
            commands.iter().map(|command| (command.order, command.clone())).collect();
        let mut answers = BTreeMap::new();
        let mut handed = Vec::new();
        for (order, result) in self.connector.apply(commands).await {
            let command = told.get(&order).unwrap_or_else(|| panic!("order {order} was never given"));
            let answer = match result {
                Ok(Outcome::Applied(applied)) => Ok(Answer::Applied(applied)),
                Ok(Outcome::AlreadySo(applied)) => Ok(Answer::AlreadySo(applied)),
                Ok(Outcome::Handed { reference }) => {
                    assert!(!reference.is_empty(), "order {order} was handed over without a reference");
                    handed.push((command.clone(), reference));
                    continue;
                }
                Err(error) => Err(error),
            };
            assert!(answers.insert(order, answer).is_none(), "order {order} was answered twice");
        }
        if !handed.is_empty() {
            let waiting = handed.iter().map(|(command, reference)| Handed {
                order: command.order,
                fence: command.fence,
                reference: reference.clone(),
                key: command.key.clone(),
            });
            let waiting = waiting.collect::<Vec<_>>();
            let mut late = self.subject.fulfil(handed).await;
            let polled = self.poll(&waiting).await;
            let again = self.poll(&waiting).await;
            assert_eq!(polled, again, "answers have to stay until they are acknowledged");
            self.connector.acknowledge(&polled).await.unwrap_or_else(|error| panic!("acknowledge: {error}"));
            let answered = |one: &Handed| polled.iter().any(|answer| answer.order == one.order);
            let waiting = waiting.into_iter().filter(|one| !answered(one)).collect::<Vec<_>>();
            let rest = self.poll(&waiting).await;
            assert!(rest.is_empty(), "acknowledged answers were given again: {rest:?}");
            late.extend(polled);
            for answer in late {
                let result = answer.result.map(Answer::Applied);
                assert!(answers.insert(answer.order, result).is_none(), "order {} was answered twice", answer.order);
            }
        }
        assert_eq!(
            answers.keys().collect::<Vec<_>>(),
            told.keys().collect::<Vec<_>>(),
            "every order has to be answered exactly once"
        );
        answers
    }

    async fn poll(&self, waiting: &[Handed]) -> Vec<LateAnswer> {
        let polled = self.connector.poll(waiting).await.unwrap_or_else(|error| panic!("poll: {error}"));
        assert!(polled.unclear.is_empty(), "every answer is clear: {:?}", polled.unclear);
        polled.answers
    }
}

fn set(name: &str, value: impl Into<Value>) -> CommandItem {
    CommandItem {
        kind: ItemKind::Attribute,
        name: name.to_owned(),
        operation: ItemOperation::Set,
        value: Some(value.into()),
        secret: false,
    }
}

fn clear(name: &str) -> CommandItem {
    CommandItem {
        kind: ItemKind::Attribute,
        name: name.to_owned(),
        operation: ItemOperation::Remove,
        value: None,
        secret: false,
    }
}

fn entitlement(key: &str, operation: ItemOperation) -> CommandItem {
    CommandItem { kind: ItemKind::Entitlement, name: key.to_owned(), operation, value: None, secret: false }
}
