//! Applications that a person works by hand: each command becomes a work item, and an extract, where the application
//! can give one, tells later what was really done.

use std::sync::Arc;

use async_trait::async_trait;
use model::account::{Mechanism, ObservedAccount, ObservedEntitlement};
use model::command::{Command, CommandError, Outcome};
use model::configuration::ManualConnection;
use model::value::Value;
use model::view::ApplicationSchema;

use crate::csv_extract::extract::{self, Extract};
use crate::{Answered, Capabilities, Connector, Context};

pub(crate) fn connect(
    connection: &ManualConnection,
    context: &Context<'_>,
) -> Result<Arc<dyn Connector>, CommandError> {
    let extract = connection.extract.as_ref().map(|extract| Extract::new(extract, &context.settings.base));
    Ok(Arc::new(Manual { extract }))
}

struct Manual {
    extract: Option<Extract>,
}

#[async_trait]
impl Connector for Manual {
    fn mechanism(&self) -> Mechanism {
        Mechanism::Manual
    }

    fn capabilities(&self) -> Capabilities {
        extract::capabilities(self.extract.as_ref())
    }

    async fn test(&self) -> Vec<(bool, String)> {
        match &self.extract {
            Some(extract) => vec![extract.test().await],
            None => vec![(true, "People do the work; nothing is read back, because there is no extract.".to_owned())],
        }
    }

    async fn schema(&self) -> Result<ApplicationSchema, CommandError> {
        extract::schema(self.extract.as_ref()).await
    }

    async fn entitlements(&self) -> Result<Vec<ObservedEntitlement>, CommandError> {
        extract::entitlements(self.extract.as_ref()).await
    }

    async fn accounts(&self, sink: &mut (dyn FnMut(Vec<ObservedAccount>) + Send)) -> Result<(), CommandError> {
        extract::accounts(self.extract.as_ref(), sink).await
    }

    async fn account(&self, key: &str) -> Result<Option<ObservedAccount>, CommandError> {
        extract::account(self.extract.as_ref(), key).await
    }

    async fn find(&self, attribute: &str, value: &Value) -> Result<Vec<ObservedAccount>, CommandError> {
        extract::find(self.extract.as_ref(), attribute, value).await
    }

    async fn apply(&self, commands: Vec<Command>) -> Vec<Answered> {
        let handed = |command: Command| (command.order, Ok(Outcome::Handed { reference: "work item".to_owned() }));
        commands.into_iter().map(handed).collect()
    }
}
