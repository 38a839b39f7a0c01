use std::sync::Arc;

use model::command::CommandError;
use model::configuration::CsvConnection;
use model::order::ErrorClass;

use crate::{Connector, Context};

pub(crate) fn connect(_connection: &CsvConnection, context: &Context<'_>) -> Result<Arc<dyn Connector>, CommandError> {
    Err(CommandError::new(ErrorClass::Unsupported, format!("{} cannot be connected yet.", context.application)))
}
