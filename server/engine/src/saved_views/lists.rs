//! The lists of which views are kept, with what each can be narrowed to.

use model::user::Duty;

/// A list with filters.
#[derive(Debug, PartialEq, Eq)]
pub struct List {
    /// Path of its page, `{}` for a part that varies.
    pub path: &'static str,
    /// What it takes to see it; none where the page asks for nothing and shows what concerns whoever looks.
    pub permission: Option<&'static str>,
    /// A duty that can be held for one account type alone; whoever has it for any sees the page.
    pub duty: Option<Duty>,
    /// Parameters of its filters.
    pub keys: &'static [&'static str],
}

const fn list(path: &'static str, permission: &'static str, keys: &'static [&'static str]) -> List {
    List { path, permission: Some(permission), duty: None, keys }
}

const fn of_duty(path: &'static str, duty: Duty, keys: &'static [&'static str]) -> List {
    List { path, permission: None, duty: Some(duty), keys }
}

const fn own(path: &'static str, keys: &'static [&'static str]) -> List {
    List { path, permission: None, duty: None, keys }
}

const OBJECTS: &[&str] = &["text", "category", "owner", "state"];

/// All of them.
pub const LISTS: &[List] = &[
    list("/identities", "/Identities/View", &["text", "department", "lifecycle", "state"]),
    list(
        "/orders",
        "/Orders/View",
        &["state", "text", "application", "mechanism", "carrier", "identity", "run", "trouble", "fingerprint"],
    ),
    list("/work-items", "/WorkItems/View", &["scope", "state", "overdue", "text", "application"]),
    own("/forms", &["scope", "state"]),
    of_duty("/review", Duty::Review, &["cause", "type", "order"]),
    own("/approvals", &["whose", "request"]),
    list("/requests", "/Requests/View", &["state", "text", "trigger", "identity", "requester"]),
    list("/native-changes", "/NativeChanges/View", &["application", "kind", "state", "identity"]),
    own("/violations", &["risk", "level", "state", "application", "identity"]),
    list(
        "/reconciliation",
        "/Reconciliation/View",
        &["view", "application", "account_type", "text", "identity", "since", "origin"],
    ),
    own("/certifications/{}", &["mine", "state", "origin", "application", "text"]),
    list("/jobs", "/Jobs/View", &["job"]),
    list("/applications/{}", "/Applications/View", &["tab", "text", "show"]),
    list("/roles", "/Configuration/View", OBJECTS),
    list("/access-profiles", "/Configuration/View", OBJECTS),
    list("/entitlements", "/Configuration/View", OBJECTS),
    list("/rules", "/Configuration/View", OBJECTS),
    list("/found-entitlements", "/Configuration/View", &["show", "application", "text"]),
    list("/lint", "/Configuration/View", &["kind", "severity"]),
    list("/drafts", "/Configuration/View", &["state"]),
    list("/users", "/Users/View", &["text", "profile", "show"]),
    list("/mails", "/Mails/View", &["state"]),
    list("/events", "/Events/View", &["stream", "type", "application", "identity", "text", "since", "until"]),
];

impl List {
    /// The list whose page has that path.
    pub fn at(path: &str) -> Option<&'static Self> {
        LISTS.iter().find(|list| list.is_at(path))
    }

    fn is_at(&self, path: &str) -> bool {
        let (mut own, mut asked) = (self.path.split('/'), path.split('/'));
        loop {
            match (own.next(), asked.next()) {
                (None, None) => return true,
                (Some("{}"), Some(part)) if is_part(part) => {}
                (Some(own), Some(asked)) if own == asked => {}
                _ => return false,
            }
        }
    }

    /// The parameters that it knows as a query, and the names of the others. Where it is in the list's pages is none of
    /// a view.
    pub fn known(&self, query: &[(String, String)]) -> (String, Vec<String>) {
        let mut kept = String::new();
        let mut unknown: Vec<String> = Vec::new();
        for (name, value) in query.iter().filter(|(_, value)| !value.is_empty()) {
            if self.keys.contains(&name.as_str()) {
                let before = if kept.is_empty() { "" } else { "&" };
                kept.push_str(&format!("{before}{name}={}", encode(value)));
            } else if !["after", "before"].contains(&name.as_str()) && !unknown.contains(name) {
                unknown.push(name.chars().take(40).collect());
            }
        }
        (kept, unknown)
    }
}

/// As one part of an address is written: no more than a name that was percent-encoded.
fn is_part(part: &str) -> bool {
    !part.is_empty()
        && part.len() <= 300
        && part != "new"
        && part.chars().all(|c| c.is_ascii_alphanumeric() || "-._~%".contains(c))
        && !part.chars().all(|c| c == '.')
}

/// Percent-encodes everything but letters, digits and `-._~`, as addresses of pages are written.
fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b if b.is_ascii_alphanumeric() || b"-._~".contains(&b) => encoded.push(char::from(b)),
            b => encoded.push_str(&format!("%{b:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(all: &[(&str, &str)]) -> Vec<(String, String)> {
        all.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_list_is_known_by_its_path() {
        let path = |path| List::at(path).map(|list| list.path);
        for (asked, expected) in [
            ("/orders", Some("/orders")),
            ("/orders/7", None),
            ("/orders/", None),
            ("/applications/badge%20system", Some("/applications/{}")),
            ("/applications/", None),
            ("/applications/..", None),
            ("/applications/a/b", None),
            ("/certifications/12", Some("/certifications/{}")),
            ("/certifications/new", None),
            ("//evil.example", None),
            ("/nowhere", None),
            ("", None),
        ] {
            assert_eq!(path(asked), expected, "{asked}");
        }
    }

    #[test]
    fn only_filters_of_the_list_are_kept() {
        let list = List::at("/identities").unwrap();
        let query = pairs(&[
            ("text", "Müller & Co"),
            ("after", "7.x"),
            ("purple", "1"),
            ("state", ""),
            ("purple", "2"),
            ("x", "1"),
        ]);
        let (kept, unknown) = list.known(&query);
        assert_eq!(kept, "text=M%C3%BCller%20%26%20Co");
        assert_eq!(unknown, ["purple", "x"]);
    }
}
