//! What each step does and what has to come of it.

use std::collections::BTreeSet;

use model::account::ObservedAccount;
use model::command::CommandItem;
use model::order::ErrorClass;
use model::plan::{ItemOperation, Operation};
use model::value::{Attributes, Value};

use super::values::ODD;
use super::{Answer, Bench, Step, clear, entitlement, set};

/// Accounts in the step [`Step::Many`], and how many of them one batch creates.
const MANY: usize = 250;
const BATCH: usize = 100;

impl Bench<'_> {
    pub(super) async fn run(&mut self, step: Step) {
        match step {
            Step::Read => self.read().await,
            Step::List => self.list().await,
            Step::Update => self.update().await,
            Step::Clear => self.clear().await,
            Step::Entitlements => self.entitlements().await,
            Step::UnknownEntitlement => self.unknown_entitlement().await,
            Step::Disable => self.disable().await,
            Step::Delete => self.delete().await,
            Step::CreateTwice => self.create_twice().await,
            Step::Foreign => self.foreign().await,
            Step::Missing => self.missing().await,
            Step::OddValues => self.odd_values().await,
            Step::Many => self.many().await,
        }
    }

    async fn read(&mut self) {
        let (key, attributes) = self.created().await;
        let account = self.account(&key).await;
        assert_eq!(account.key, key);
        assert!(account.enabled, "a new account is enabled: {account:?}");
        self.assert_holds(&account, &attributes);
        let natural_key = self.subject.natural_key().to_owned();
        let found = self.found(&natural_key, &attributes[&natural_key]).await;
        assert_eq!(found, vec![account], "the account is found by its natural key, as it is read by its key");
        assert_eq!(self.found(&natural_key, &Value::from("nobody of that name")).await, vec![]);
    }

    async fn list(&mut self) {
        let (key, attributes) = self.created().await;
        let accounts = self.listed().await;
        let ours: Vec<_> = accounts.iter().filter(|account| account.key == key).collect();
        assert_eq!(ours.len(), 1, "{key} is listed once in {accounts:?}");
        self.assert_holds(ours[0], &attributes);
        if self.connector.capabilities().reads_one {
            assert_eq!(ours[0], &self.account(&key).await, "listed and read alone, an account is the same");
        }
    }

    async fn update(&mut self) {
        let (key, mut attributes) = self.created().await;
        let name = self.subject.text_attribute().to_owned();
        attributes.insert(name.clone(), Value::from("changed"));
        self.change(&key, vec![set(&name, "changed")]).await;
        let account = self.account(&key).await;
        self.assert_holds(&account, &attributes);
        self.change(&key, vec![set(&name, "changed")]).await;
        assert_eq!(self.account(&key).await, account, "the same change again changes nothing");
    }

    async fn clear(&mut self) {
        let (key, mut attributes) = self.created().await;
        let name = self.subject.text_attribute().to_owned();
        attributes.remove(&name);
        for _ in 0..2 {
            self.change(&key, vec![clear(&name)]).await;
            let account = self.account(&key).await;
            assert_eq!(account.attributes.get(&name), None, "{name} was taken away");
            self.assert_holds(&account, &attributes);
        }
        self.change(&key, vec![set(&name, "back")]).await;
        assert_eq!(self.account(&key).await.attributes.get(&name), Some(&Value::from("back")));
    }

    async fn entitlements(&mut self) {
        let [first, second] = self.subject.entitlements().map(str::to_owned);
        let offered = self.connector.entitlements().await.unwrap_or_else(|error| panic!("entitlements: {error}"));
        for key in [&first, &second] {
            assert_eq!(offered.iter().filter(|one| one.key == *key).count(), 1, "{key} is offered in {offered:?}");
        }
        let (mut create, _) = self.create();
        create.items.push(entitlement(&first, ItemOperation::Add));
        let key = self.done(create).await.key.unwrap_or_else(|| panic!("a creation tells the key"));
        assert_eq!(self.account(&key).await.entitlements, BTreeSet::from([first.clone()]));

        let both = BTreeSet::from([first.clone(), second.clone()]);
        for _ in 0..2 {
            self.change(&key, vec![entitlement(&second, ItemOperation::Add)]).await;
            assert_eq!(self.account(&key).await.entitlements, both);
        }
        if self.connector.capabilities().lists {
            let listed = self.listed().await.into_iter().find(|account| account.key == key);
            assert_eq!(listed.map(|account| account.entitlements), Some(both));
        }
        for _ in 0..2 {
            self.change(&key, vec![entitlement(&first, ItemOperation::Remove)]).await;
            assert_eq!(self.account(&key).await.entitlements, BTreeSet::from([second.clone()]));
        }
        let swap = vec![entitlement(&second, ItemOperation::Remove), entitlement(&first, ItemOperation::Add)];
        self.change(&key, swap).await;
        assert_eq!(self.account(&key).await.entitlements, BTreeSet::from([first]));
    }

    async fn unknown_entitlement(&mut self) {
        let [first, _] = self.subject.entitlements().map(str::to_owned);
        let (key, _) = self.created().await;
        let name = self.subject.text_attribute().to_owned();
        let mut command = self.command(Operation::Update, &key);
        command.items.push(set(&name, "beside"));
        command.items.push(entitlement("there is no such entitlement", ItemOperation::Add));
        command.items.push(entitlement(&first, ItemOperation::Add));
        match self.apply(command).await {
            Ok(answer) => {
                let refused = &answer.applied().refused;
                assert_eq!(refused.len(), 1, "one item is refused: {refused:?}");
                assert_eq!(refused[0].0, "there is no such entitlement");
                assert!(!refused[0].1.is_empty(), "a refusal says why");
            }
            Err(error) => panic!("the rest has to be done: {error}"),
        }
        let account = self.account(&key).await;
        assert_eq!(account.attributes.get(&name), Some(&Value::from("beside")));
        assert_eq!(account.entitlements, BTreeSet::from([first]));
    }

    async fn disable(&mut self) {
        let (key, _) = self.created().await;
        for (operation, enabled) in [(Operation::Disable, false), (Operation::Enable, true)] {
            for _ in 0..2 {
                let command = self.command(operation, &key);
                self.done(command).await;
                if self.connector.capabilities().reads_one {
                    assert_eq!(self.account(&key).await.enabled, enabled, "after {operation:?}");
                }
            }
        }
    }

    async fn delete(&mut self) {
        let (key, _) = self.created().await;
        let command = self.command(Operation::Delete, &key);
        self.done(command).await;
        if self.connector.capabilities().reads_one {
            let account = self.connector.account(&key).await;
            assert_eq!(account, Ok(None), "a deleted account is gone");
        }
        let command = self.command(Operation::Delete, &key);
        match self.apply(command).await {
            Ok(Answer::AlreadySo(_)) => (),
            Ok(Answer::Applied(_)) if self.connector.mechanism() != model::account::Mechanism::Direct => (),
            other => panic!("to delete what is gone is already so, not {other:?}"),
        }
    }

    async fn create_twice(&mut self) {
        let (first, attributes) = self.create();
        let mut second = self.creation(&attributes);
        second.in_doubt = true;
        let key = self.done(first).await.key.unwrap_or_else(|| panic!("a creation tells the key"));
        let again = self.done(second).await;
        assert_eq!(again.key.as_deref(), Some(key.as_str()), "the creation in doubt finds what the first one made");
        let natural_key = self.subject.natural_key().to_owned();
        assert_eq!(self.found(&natural_key, &attributes[&natural_key]).await.len(), 1, "there is one account");

        let (mut never_arrived, attributes) = self.create();
        never_arrived.in_doubt = true;
        let key = self.done(never_arrived).await.key.unwrap_or_else(|| panic!("a creation tells the key"));
        self.assert_holds(&self.account(&key).await, &attributes);
    }

    async fn foreign(&mut self) {
        for in_doubt in [false, true] {
            let number = self.next_number();
            let foreign_key = self.subject.make_foreign(number).await;
            let before = self.account(&foreign_key).await;
            let attributes = self.subject.attributes(number);
            let mut command = self.creation(&attributes);
            command.in_doubt = in_doubt;
            match self.apply(command).await {
                Err(error) => assert_eq!(error.class, ErrorClass::Conflict, "{error}"),
                Ok(answer) => panic!("an account with other values is somebody else's: {answer:?}"),
            }
            assert_eq!(self.account(&foreign_key).await, before, "somebody else's account is left alone");
            let natural_key = self.subject.natural_key().to_owned();
            assert_eq!(self.found(&natural_key, &attributes[&natural_key]).await.len(), 1, "there is one account");
        }
    }

    async fn missing(&mut self) {
        let (key, _) = self.created().await;
        if self.connector.capabilities().deletes {
            let command = self.command(Operation::Delete, &key);
            self.done(command).await;
        } else {
            return;
        }
        let name = self.subject.text_attribute().to_owned();
        let mut command = self.command(Operation::Update, &key);
        command.items.push(set(&name, "nobody"));
        match self.apply(command).await {
            Err(error) => assert_eq!(error.class, ErrorClass::NotFound, "{error}"),
            Ok(answer) => panic!("an account that is gone cannot be changed: {answer:?}"),
        }
    }

    async fn odd_values(&mut self) {
        let (key, attributes) = self.created().await;
        let name = self.subject.text_attribute().to_owned();
        let mut held = attributes.get(&name).cloned();
        for text in ODD {
            let mut command = self.command(Operation::Update, &key);
            command.items.push(set(&name, text));
            let answer = self.apply(command).await;
            if self.subject.holds(text) {
                let answer = answer.unwrap_or_else(|error| panic!("{text:?}: {error}"));
                assert!(answer.applied().refused.is_empty(), "{text:?}: {:?}", answer.applied().refused);
                held = Some(Value::from(text));
            } else {
                match answer {
                    Err(error) => assert_eq!(error.class, ErrorClass::Invalid, "{text:?}: {error}"),
                    Ok(answer) => assert!(!answer.applied().refused.is_empty(), "{text:?} cannot have been accepted"),
                }
            }
            assert_eq!(self.account(&key).await.attributes.get(&name), held.as_ref(), "after {text:?}");
        }
        let natural_key = self.subject.natural_key().to_owned();
        for text in ODD.into_iter().filter(|text| self.subject.names(text)).collect::<Vec<_>>() {
            assert_eq!(self.found(&natural_key, &Value::from(text)).await, vec![], "nobody is called {text:?} yet");
            let number = self.next_number();
            let mut attributes = self.subject.attributes(number);
            attributes.insert(natural_key.clone(), Value::from(text));
            let command = self.creation(&attributes);
            let key = self.done(command).await.key.unwrap_or_else(|| panic!("a creation tells the key"));
            let found = self.found(&natural_key, &Value::from(text)).await;
            assert_eq!(found.len(), 1, "{text:?} finds one account: {found:?}");
            assert_eq!(found[0].key, key, "{text:?}");
            assert_eq!(self.account(&key).await.attributes.get(&natural_key), Some(&Value::from(text)));
        }
    }

    async fn many(&mut self) {
        let given = self.connector.capabilities().entitlements;
        let [first, _] = self.subject.entitlements().map(str::to_owned);
        let mut commands = Vec::new();
        let mut expected = BTreeSet::new();
        let natural_key = self.subject.natural_key().to_owned();
        for number in 0..MANY {
            let (mut command, attributes) = self.create();
            let granted = given && number % 2 == 0;
            if granted {
                command.items.push(entitlement(&first, ItemOperation::Add));
            }
            expected.insert((attributes[&natural_key].clone(), granted));
            commands.push(command);
        }
        while !commands.is_empty() {
            let rest = commands.split_off(commands.len().min(BATCH));
            for (order, answer) in self.apply_all(std::mem::replace(&mut commands, rest)).await {
                let answer = answer.unwrap_or_else(|error| panic!("order {order}: {:?}: {error}", error.class));
                assert!(answer.applied().refused.is_empty(), "order {order}: {:?}", answer.applied().refused);
            }
        }
        let listed = self.listed().await;
        let found: Vec<_> = listed
            .iter()
            .filter_map(|account| Some((account.attributes.get(&natural_key)?.clone(), account)))
            .map(|(name, account)| (name, account.entitlements.contains(&first)))
            .filter(|one| expected.contains(one))
            .collect();
        assert_eq!(found.len(), MANY, "each of the accounts is listed exactly once with its entitlements");
        assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), expected);
    }

    async fn created(&mut self) -> (String, Attributes) {
        let (command, attributes) = self.create();
        let applied = self.done(command).await;
        (applied.key.unwrap_or_else(|| panic!("a creation tells the key")), attributes)
    }

    async fn change(&mut self, key: &str, items: Vec<CommandItem>) {
        let mut command = self.command(Operation::Update, key);
        command.items = items;
        self.done(command).await;
    }

    async fn account(&self, key: &str) -> ObservedAccount {
        match self.connector.account(key).await {
            Ok(Some(account)) => account,
            Ok(None) => panic!("there is no account {key:?}"),
            Err(error) => panic!("account {key:?}: {:?}: {error}", error.class),
        }
    }

    async fn found(&self, attribute: &str, value: &Value) -> Vec<ObservedAccount> {
        self.connector
            .find(attribute, value)
            .await
            .unwrap_or_else(|error| panic!("find {attribute} {value:?}: {:?}: {error}", error.class))
    }

    async fn listed(&self) -> Vec<ObservedAccount> {
        let mut accounts = Vec::new();
        if let Err(error) = self.connector.accounts(&mut |page| accounts.extend(page)).await {
            panic!("accounts: {:?}: {error}", error.class);
        }
        let keys: BTreeSet<_> = accounts.iter().map(|account| &account.key).collect();
        assert_eq!(keys.len(), accounts.len(), "an account was listed twice");
        accounts
    }

    fn assert_holds(&self, account: &ObservedAccount, attributes: &Attributes) {
        for (name, value) in attributes {
            if self.subject.secret_attributes().contains(&name.as_str()) {
                assert_eq!(account.attributes.get(name), None, "{name} is a secret and is not read back");
            } else {
                assert_eq!(account.attributes.get(name), Some(value), "{name} of {account:?}");
            }
        }
    }
}
