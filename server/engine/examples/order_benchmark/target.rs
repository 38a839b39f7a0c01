//! An application that lives in this process and answers at once: what is left is our own work.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use connectors::{Answered, Capabilities, Connector};
use model::account::{Mechanism, ObservedAccount, ObservedEntitlement};
use model::command::{Applied, Command, CommandError, Outcome};
use model::plan::Operation;
use model::value::Value;
use model::view::ApplicationSchema;

#[derive(Default)]
pub struct Target {
    accounts: Mutex<HashMap<String, ObservedAccount>>,
    /// How long each batch takes.
    latency: Duration,
    /// Keeps nothing of what it is told: an application's memory is not the product's.
    forgets: bool,
    /// Keys of accounts in the order in which they were disabled, with the moment.
    pub disabled: Mutex<Vec<(String, std::time::Instant)>>,
}

impl Target {
    /// One that takes so long for each batch, and keeps nothing.
    pub fn slow(latency: Duration) -> Self {
        Self { latency, forgets: true, ..Self::default() }
    }

    pub fn count(&self) -> usize {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    fn carry_out(&self, command: &Command) -> Outcome {
        let natural = command.natural_key.as_ref().and_then(|(_, value)| value.as_text()).map(str::to_owned);
        let key = command.key.clone().or(natural).expect("every account is named");
        if !self.forgets {
            self.keep(command, &key);
        }
        Outcome::Applied(Applied { key: Some(key), detail: "done".into(), ..Applied::default() })
    }

    fn keep(&self, command: &Command, key: &str) {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        let account = accounts.entry(key.to_owned()).or_insert_with(|| ObservedAccount {
            key: key.to_owned(),
            enabled: true,
            attributes: Default::default(),
            entitlements: BTreeSet::new(),
        });
        account.attributes.extend(command.attributes());
        for gone in command.removed() {
            account.entitlements.remove(gone);
        }
        account.entitlements.extend(command.added().map(str::to_owned));
        match command.operation {
            Operation::Disable => {
                account.enabled = false;
                let mut disabled = self.disabled.lock().unwrap_or_else(PoisonError::into_inner);
                disabled.push((key.to_owned(), std::time::Instant::now()));
            }
            Operation::Enable => account.enabled = true,
            Operation::Delete => {
                accounts.remove(key);
            }
            Operation::Create | Operation::Update => {}
        }
    }
}

#[async_trait]
impl Connector for Target {
    fn mechanism(&self) -> Mechanism {
        Mechanism::Direct
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            lists: true,
            reads_one: true,
            deletes: true,
            disables: true,
            assigns_key: false,
            entitlements: true,
        }
    }

    async fn test(&self) -> Vec<(bool, String)> {
        vec![(true, "It is here.".into())]
    }

    async fn schema(&self) -> Result<ApplicationSchema, CommandError> {
        Ok(ApplicationSchema { attributes: Vec::new() })
    }

    async fn entitlements(&self) -> Result<Vec<ObservedEntitlement>, CommandError> {
        Ok(Vec::new())
    }

    async fn accounts(&self, sink: &mut (dyn FnMut(Vec<ObservedAccount>) + Send)) -> Result<(), CommandError> {
        sink(self.accounts.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect());
        Ok(())
    }

    async fn account(&self, key: &str) -> Result<Option<ObservedAccount>, CommandError> {
        Ok(self.accounts.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned())
    }

    async fn find(&self, _attribute: &str, value: &Value) -> Result<Vec<ObservedAccount>, CommandError> {
        let key = value.as_text().unwrap_or_default();
        Ok(self.account(key).await?.into_iter().collect())
    }

    async fn apply(&self, commands: Vec<Command>) -> Vec<Answered> {
        if !self.latency.is_zero() {
            tokio::time::sleep(self.latency).await;
        }
        commands.iter().map(|command| (command.order, Ok(self.carry_out(command)))).collect()
    }
}
