//! Deny by default, provably: each route and each server function has exactly one line that says what it takes to call
//! it, and the program refuses to start when one has none.

use std::collections::HashMap;
use std::sync::LazyLock;

use model::user::PermissionPath;

/// What it takes to call something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Nothing: signing in, or a machine that watches.
    Nothing,
    /// To be signed in.
    SignedIn,
    /// The token of an agent, which is asked for by the route itself.
    AgentToken,
    /// The token of an identity provider, which is asked for by the route itself.
    ProviderToken,
    /// The token of a receiver of events, which is asked for by the route itself.
    ReceiverToken,
    /// A permission path.
    Permission(PermissionPath),
}

/// Written in tables in place of a path.
const PUBLIC: &str = "public";
const SIGNED_IN: &str = "signed in";
const AGENT: &str = "an agent's token";
const PROVIDER: &str = "an identity provider's token";
const RECEIVER: &str = "a receiver's token";

/// The routes of this crate. Pages and their server functions are in `app`.
pub const ROUTES: &[(&str, &str)] = &[
    ("/login", PUBLIC),
    ("/logout", PUBLIC),
    ("/preferences/theme", PUBLIC),
    ("/events/runs/{id}", "/Jobs/View"),
    // Each thing is found with the permission of its page, and each list goes out with that of its page.
    ("/api/search", SIGNED_IN),
    ("/exports/{list}", SIGNED_IN),
    ("/work-items/bulk.csv", "/WorkItems/Bulk"),
    ("/work-items/bulk/upload", "/WorkItems/Bulk"),
    ("/bulk-changes/upload", "/Requests/Bulk"),
    ("/bulk-changes/{id}/rows.csv", "/Requests/View"),
    ("/api/agents/next", AGENT),
    ("/api/agents/exports/{id}/{attempt}/pages/{number}", AGENT),
    ("/api/agents/exports/{id}/{attempt}/lease", AGENT),
    ("/api/agents/exports/{id}/{attempt}/outcome", AGENT),
    ("/api/sign-ins", PROVIDER),
    ("/certifications/{id}/items.csv", SIGNED_IN),
    ("/api/conditions/matching", "/Configuration/Draft"),
    ("/api/events", RECEIVER),
    ("/api/events/snapshot", RECEIVER),
    ("/livez", PUBLIC),
    ("/healthz", PUBLIC),
    ("/readyz", PUBLIC),
    ("/metrics", PUBLIC),
    ("/pkg", PUBLIC),
    ("/fonts", PUBLIC),
    ("/favicon.ico", PUBLIC),
    ("/favicon.svg", PUBLIC),
    ("/api/pages/{*function}", SIGNED_IN),
];

static TABLE: LazyLock<HashMap<String, Needs>> = LazyLock::new(|| {
    ROUTES
        .iter()
        .chain(app::permissions::PERMISSIONS)
        .filter_map(|(path, needs)| Some((normalised(path), parse(needs)?)))
        .collect()
});

/// What the route or server function at the path needs; none where no line says it.
pub fn needs(path: &str) -> Option<&'static Needs> {
    TABLE.get(&normalised(path))
}

/// Why the program does not start.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.sentence())]
pub struct Unguarded {
    /// Routes and server functions without a line.
    pub missing: Vec<String>,
    /// Lines that name no permission path.
    pub wrong: Vec<String>,
}

impl Unguarded {
    fn sentence(&self) -> String {
        let mut sentence = "some addresses have no permission, so nothing is served.".to_owned();
        if !self.missing.is_empty() {
            sentence.push_str(&format!(" No line in app/src/permissions.rs for: {}.", self.missing.join(", ")));
        }
        if !self.wrong.is_empty() {
            sentence.push_str(&format!(" Not a permission path: {}.", self.wrong.join(", ")));
        }
        sentence
    }
}

/// Looks for what has no line, and for lines that cannot be read.
///
/// # Errors
/// Names every one of them.
pub fn check<'a>(paths: impl IntoIterator<Item = &'a str>) -> Result<(), Unguarded> {
    let wrong: Vec<String> = ROUTES
        .iter()
        .chain(app::permissions::PERMISSIONS)
        .filter(|(_, needs)| parse(needs).is_none())
        .map(|(path, needs)| format!("{path} → {needs}"))
        .collect();
    let mut missing: Vec<String> =
        paths.into_iter().filter(|path| needs(path).is_none() && wrong.is_empty()).map(str::to_owned).collect();
    missing.sort();
    missing.dedup();
    if missing.is_empty() && wrong.is_empty() { Ok(()) } else { Err(Unguarded { missing, wrong }) }
}

fn parse(needs: &str) -> Option<Needs> {
    match needs {
        PUBLIC => Some(Needs::Nothing),
        SIGNED_IN => Some(Needs::SignedIn),
        AGENT => Some(Needs::AgentToken),
        PROVIDER => Some(Needs::ProviderToken),
        RECEIVER => Some(Needs::ReceiverToken),
        path => PermissionPath::parse(path).map(Needs::Permission),
    }
}

/// Leptos writes `:id`, axum `{id}`; the last slash says nothing.
fn normalised(path: &str) -> String {
    let segment = |segment: &str| match segment.strip_prefix(':') {
        Some(name) => format!("{{{name}}}"),
        None => segment.to_owned(),
    };
    let path = path.trim_end_matches('/').split('/').map(segment).collect::<Vec<_>>().join("/");
    if path.is_empty() { "/".to_owned() } else { path }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_line_is_named() {
        let refused = check(["/login", "/api/pages/unlisted", "/nowhere"]).unwrap_err();
        assert_eq!(refused.missing, ["/api/pages/unlisted", "/nowhere"]);
        assert!(refused.to_string().contains("/api/pages/unlisted, /nowhere"));
        assert_eq!(check(["/login"]), Ok(()));
    }

    #[test]
    fn spellings_of_a_parameter_are_one_path() {
        assert_eq!(normalised("/runs/:id/"), "/runs/{id}");
        assert_eq!(normalised("/"), "/");
        assert_eq!(needs("/events/runs/:id"), needs("/events/runs/{id}"));
    }
}
