//! How the directory describes itself (RFC 7643 sections 5 to 7).

use serde_json::{Map, Value as Json, json};

use super::resources::Kind;

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// The schemas a resource uses.
pub(super) fn used(kind: Kind, resource: &Map<String, Json>) -> Json {
    match kind {
        Kind::Group => json!([GROUP]),
        Kind::User => {
            let extensions = resource.keys().filter(|key| key.to_ascii_lowercase().starts_with("urn:"));
            let schemas: Vec<Json> =
                std::iter::once(USER.into()).chain(extensions.map(|urn| urn.as_str().into())).collect();
            schemas.into()
        }
    }
}

pub(super) fn provider() -> Json {
    let no = json!({ "supported": false });
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
        "patch": { "supported": true },
        "bulk": { "supported": false, "maxOperations": 0, "maxPayloadSize": 0 },
        "filter": { "supported": true, "maxResults": super::PAGE_SIZE },
        "changePassword": no, "sort": no, "etag": no,
        "authenticationSchemes": [{
            "type": "oauthbearertoken", "name": "Bearer token", "description": "A token in the Authorization header",
        }],
    })
}

pub(super) fn resource_types() -> Vec<Json> {
    let schema = "urn:ietf:params:scim:schemas:core:2.0:ResourceType";
    vec![
        json!({
            "schemas": [schema], "id": "User", "name": "User", "endpoint": "/Users", "schema": USER,
            "schemaExtensions": [{ "schema": ENTERPRISE, "required": false }],
        }),
        json!({ "schemas": [schema], "id": "Group", "name": "Group", "endpoint": "/Groups", "schema": GROUP }),
    ]
}

pub(super) fn schemas() -> Vec<Json> {
    let mut user_name = text("userName");
    user_name["required"] = true.into();
    user_name["uniqueness"] = "server".into();
    let mut display_name = text("displayName");
    display_name["required"] = true.into();
    let mut attributes = vec![user_name];
    attributes.push(complex("name", false, vec![text("givenName"), text("familyName"), text("formatted")]));
    attributes
        .extend(["displayName", "nickName", "title", "userType", "preferredLanguage", "locale", "timezone"].map(text));
    attributes.push(attribute("active", "boolean"));
    attributes.push(text("externalId"));
    attributes.push(typed_list("emails", &["work", "home", "other"]));
    attributes.push(typed_list("phoneNumbers", &["work", "home", "mobile"]));
    let members = complex("members", true, vec![text("value"), text("display")]);
    let enterprise = ["employeeNumber", "costCenter", "organization", "division", "department"].map(text).to_vec();
    vec![
        schema(USER, "User", attributes),
        schema(GROUP, "Group", vec![display_name, text("externalId"), members]),
        schema(ENTERPRISE, "EnterpriseUser", enterprise),
    ]
}

fn schema(id: &str, name: &str, attributes: Vec<Json>) -> Json {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"], "id": id, "name": name, "attributes": attributes,
    })
}

fn text(name: &str) -> Json {
    attribute(name, "string")
}

fn attribute(name: &str, kind: &str) -> Json {
    json!({
        "name": name, "type": kind, "multiValued": false, "required": false, "caseExact": false,
        "mutability": "readWrite", "returned": "default", "uniqueness": "none",
    })
}

fn complex(name: &str, multi_valued: bool, sub_attributes: Vec<Json>) -> Json {
    let mut complex = attribute(name, "complex");
    complex["multiValued"] = multi_valued.into();
    complex["subAttributes"] = sub_attributes.into();
    complex
}

fn typed_list(name: &str, kinds: &[&str]) -> Json {
    let mut kind = text("type");
    kind["canonicalValues"] = kinds.into();
    complex(name, true, vec![text("value"), kind, attribute("primary", "boolean")])
}
