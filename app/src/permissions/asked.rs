//! What somebody may mean by a page, a form or a permission path, and what it takes: by the same lines that guard them.

use model::permission::{Question, catalogue};
use model::user::PermissionPath;

use super::PERMISSIONS;

/// Something that may be allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// After "may": "come to the page /jobs".
    pub words: String,
    pub takes: Takes,
    /// Nothing asks for this path, so that whoever holds it can do nothing by it.
    pub is_unknown: bool,
}

/// What it takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Takes {
    Nothing,
    /// To be signed in; the page shows only what is one's own.
    SignedIn,
    Permission(Question),
}

impl Takes {
    pub fn question(&self) -> Option<&Question> {
        match self {
            Self::Permission(question) => Some(question),
            Self::Nothing | Self::SignedIn => None,
        }
    }
}

/// Reads what was typed: an address of a page or form, whole or as a path, or a permission path. `account_type` narrows a
/// duty.
///
/// # Errors
/// Says what was expected.
pub fn read(text: &str, account_type: Option<&str>) -> Result<Asked, String> {
    let text = text.trim();
    let (mut asked, path) = match line(text) {
        Some((pattern, needs)) => {
            let kind = if pattern.starts_with("/api/") { "do" } else { "come to the page" };
            let path = PermissionPath::parse(needs);
            let takes = match &path {
                Some(path) => Takes::Permission(Question::of_line(path.clone())),
                None if needs == "public" => Takes::Nothing,
                None => Takes::SignedIn,
            };
            let shown = pattern.strip_prefix("/api/pages/").unwrap_or(pattern);
            (Asked { words: format!("{kind} {shown}"), takes, is_unknown: false }, path)
        }
        None => {
            let wrong = || {
                format!(
                    "There is no page and no permission `{text}`. A page is written like /jobs, a permission like /Jobs/Run."
                )
            };
            let path = PermissionPath::parse(text).filter(is_like_a_permission).ok_or_else(wrong)?;
            let is_unknown = catalogue::covered(&path).is_empty() && catalogue::narrowed(&path).is_none();
            let takes = Takes::Permission(Question::Path(path.clone()));
            (Asked { words: format!("do what takes {}", path.as_str()), takes, is_unknown }, Some(path))
        }
    };
    if let Some(account_type) = account_type.filter(|name| !name.is_empty()) {
        let narrowed = path.and_then(|path| Question::about(path, account_type)).ok_or_else(|| {
            format!("Only doing work and reviewing orders are held for one account type, and not to {}.", asked.words)
        })?;
        asked.takes = Takes::Permission(narrowed);
        asked.words = format!("{} for the account type {account_type}", asked.words);
    }
    Ok(asked)
}

/// Permissions are written with a capital, which no page is.
fn is_like_a_permission(path: &PermissionPath) -> bool {
    path.as_str().starts_with("/*") || path.as_str().chars().nth(1).is_some_and(char::is_uppercase)
}

/// The line that guards the address: the one with the fewest names in the place of something particular.
fn line(text: &str) -> Option<(&'static str, &'static str)> {
    let path = match text.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("/", |at| &rest[at..]),
        None => text,
    };
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let segments = |path: &'static str| path.split('/').filter(|segment| !segment.is_empty()).collect::<Vec<_>>();
    let wanted: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    let fits = |pattern: &'static str| {
        let pattern = segments(pattern);
        let same = |(one, other): (&&str, &&str)| one.starts_with('{') || one == other;
        path.starts_with('/') && pattern.len() == wanted.len() && pattern.iter().zip(&wanted).all(same)
    };
    let lines = PERMISSIONS.iter().copied().filter(|(pattern, _)| fits(pattern));
    lines.min_by_key(|(pattern, _)| pattern.matches('{').count())
}

#[cfg(test)]
mod tests {
    use model::user::Duty;

    use super::*;

    fn path(text: &str) -> Takes {
        Takes::Permission(Question::Path(PermissionPath::parse(text).unwrap()))
    }

    #[test]
    fn pages_forms_and_paths_are_told_apart() {
        let fulfil = |account_type: &str| {
            Takes::Permission(Question::Duty { duty: Duty::Fulfil, account_type: account_type.into() })
        };
        for (text, account_type, words, takes) in [
            ("/jobs", None, "come to the page /jobs", path("/Jobs/View")),
            ("/", None, "come to the page /", path("/Home/View")),
            ("https://q.example.org/jobs/runs/7?step=x", None, "come to the page /jobs/runs/{id}", path("/Jobs/View")),
            ("/requests/new", None, "come to the page /requests/new", path("/Requests/Submit")),
            ("/requests/77/", None, "come to the page /requests/{id}", path("/Requests/View")),
            ("/forms", None, "come to the page /forms", Takes::SignedIn),
            ("/login", None, "come to the page /login", Takes::Nothing),
            ("/api/pages/jobs/start", None, "do jobs/start", path("/Jobs/Run")),
            ("/review", None, "come to the page /review", Takes::Permission(Question::DutySomewhere(Duty::Review))),
            (" /Jobs/Run ", None, "do what takes /Jobs/Run", path("/Jobs/Run")),
            ("/Custom/Jobs", None, "do what takes /Jobs", path("/Jobs")),
            ("/*", None, "do what takes /*", path("/*")),
            (
                "/WorkItems/Fulfil",
                Some("terminal"),
                "do what takes /WorkItems/Fulfil for the account type terminal",
                fulfil("terminal"),
            ),
            (
                "/api/pages/work-items/claim",
                Some("badge"),
                "do work-items/claim for the account type badge",
                fulfil("badge"),
            ),
        ] {
            let asked = read(text, account_type).unwrap();
            assert_eq!((asked.words.as_str(), asked.takes, asked.is_unknown), (words, takes, false), "{text}");
        }
        assert!(read("/Jobz", None).unwrap().is_unknown);
        for (text, account_type, part) in [
            ("/jobz", None, "There is no page and no permission `/jobz`"),
            ("jobs", None, "There is no page and no permission `jobs`"),
            ("", None, "There is no page"),
            ("/jobs", Some("badge"), "Only doing work"),
            ("/forms", Some("badge"), "Only doing work"),
        ] {
            let refused = read(text, account_type).unwrap_err();
            assert!(refused.contains(part), "{text}: {refused}");
        }
    }
}
