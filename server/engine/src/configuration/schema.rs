//! The JSON Schema of configuration files, for editors: derived from the types that files are read into.

use model::configuration::Configuration;
use serde_json::Value;

use super::policy_tests::TestFile;

/// Of what stands in one configuration file; every file holds a part of the configuration.
pub fn schema() -> Value {
    titled(schemars::schema_for!(Configuration).to_value(), "Quartermaster configuration")
}

/// Of a file of policy tests.
pub fn test_schema() -> Value {
    titled(schemars::schema_for!(TestFile).to_value(), "Quartermaster policy tests")
}

fn titled(mut schema: Value, title: &str) -> Value {
    if let Some(schema) = schema.as_object_mut() {
        schema.insert("title".to_owned(), title.into());
    }
    schema
}

#[cfg(test)]
#[path = "tests/schema.rs"]
mod tests;
