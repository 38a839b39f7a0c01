//! What a SCIM server says its users have (RFC 7643 section 7).

use model::command::CommandError;
use model::view::{ApplicationSchema, SchemaAttribute};
use reqwest::Method;
use serde_json::Value as Json;

use super::USERS;
use super::client::{Client, Effect};
use super::listing::Listing;

const CORE_USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";

/// The attributes of users, by the paths under which an account type names them.
pub(super) async fn read(client: &Client) -> Result<ApplicationSchema, CommandError> {
    let mut urns = vec![CORE_USER.to_owned()];
    let types = Listing { endpoint: "ResourceTypes", filter: None, excluded: None, page_size: 100 };
    // Without resource types, the extensions stay unknown; the core schema is enough to work with.
    let page = client.call(Effect::Read, Method::GET, &[types.endpoint], &[], None, &[]).await.unwrap_or_default();
    for resource_type in page.get("Resources").and_then(Json::as_array).into_iter().flatten() {
        if resource_type.get("endpoint").and_then(Json::as_str).map(|endpoint| endpoint.trim_matches('/'))
            == Some(USERS)
        {
            let extensions = resource_type.get("schemaExtensions").and_then(Json::as_array);
            urns.extend(
                extensions.into_iter().flatten().filter_map(|one| one.get("schema")?.as_str().map(str::to_owned)),
            );
        }
    }
    let page = client.call(Effect::Read, Method::GET, &["Schemas"], &[], None, &[]).await?;
    let mut attributes = Vec::new();
    for schema in page.get("Resources").and_then(Json::as_array).into_iter().flatten() {
        let Some(urn) = schema.get("id").and_then(Json::as_str).filter(|urn| urns.iter().any(|one| one == urn)) else {
            continue;
        };
        let prefix = if urn == CORE_USER { String::new() } else { format!("{urn}:") };
        for attribute in schema.get("attributes").and_then(Json::as_array).into_iter().flatten() {
            add(&prefix, attribute, &mut attributes);
        }
    }
    Ok(ApplicationSchema { attributes })
}

fn add(prefix: &str, attribute: &Json, attributes: &mut Vec<SchemaAttribute>) {
    let Some(name) = text(attribute, "name") else { return };
    let name = format!("{prefix}{name}");
    let inner: Vec<&Json> = attribute.get("subAttributes").and_then(Json::as_array).into_iter().flatten().collect();
    let is_list = flag(attribute, "multiValued");
    if inner.is_empty() || is_list {
        attributes.push(described(name.clone(), attribute, is_list));
    } else {
        let inner =
            inner.iter().filter_map(|one| Some(described(format!("{name}.{}", text(one, "name")?), one, false)));
        attributes.extend(inner);
    }
    let kinds = inner.iter().find(|one| text(one, "name") == Some("type")).and_then(|one| one.get("canonicalValues"));
    if is_list && let Some(kinds) = kinds.and_then(Json::as_array) {
        for kind in kinds.iter().filter(|kind| kind.is_string()) {
            attributes.push(described(format!("{name}[type eq {kind}].value"), attribute, false));
        }
    }
}

fn described(name: String, attribute: &Json, is_list: bool) -> SchemaAttribute {
    let kind = match text(attribute, "type") {
        _ if is_list => "list",
        Some("string" | "reference" | "binary" | "complex") | None => "text",
        Some(kind) => kind,
    };
    SchemaAttribute {
        name,
        kind: kind.chars().take(40).collect(),
        required: flag(attribute, "required"),
        read_only: text(attribute, "mutability") == Some("readOnly"),
        unique: text(attribute, "uniqueness").is_some_and(|uniqueness| uniqueness != "none"),
    }
}

fn text<'a>(json: &'a Json, name: &str) -> Option<&'a str> {
    json.get(name).and_then(Json::as_str)
}

fn flag(json: &Json, name: &str) -> bool {
    json.get(name).and_then(Json::as_bool).unwrap_or_default()
}
