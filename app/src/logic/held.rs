//! A form that came in after the session had ended. What was filled in stays on the sign-in page, and goes out once whoever
//! filled it in has signed in and looked at it. The browser keeps it; the server keeps nothing for people it does not know.

use super::address::{decode, safe_return};
use super::words::sentence_case;

/// Where forms of pages are sent.
const FORMS: &str = "/api/pages/";
/// Bytes of what was filled in. Nobody types more.
pub const LONGEST: usize = 256 * 1024;
/// Characters of a value that are shown.
const SHOWN: usize = 300;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldForm {
    /// Path of ours.
    pub action: String,
    /// As the browser sent it.
    pub body: String,
    /// The page with the form, a path of ours.
    pub return_to: String,
}

impl HeldForm {
    /// None where it is no form of a page, or nothing was filled in.
    pub fn new(action: &str, body: &str, return_to: &str) -> Option<Self> {
        let is_form = action.starts_with(FORMS) && safe_return(action) == action && !action.contains('?');
        let held =
            Self { action: action.to_owned(), body: body.to_owned(), return_to: safe_return(return_to).to_owned() };
        let says_something = held.fields().iter().any(|(_, value)| !value.is_empty());
        (is_form && body.len() <= LONGEST && says_something).then_some(held)
    }

    /// Names and values in their order, as they were filled in.
    pub fn fields(&self) -> Vec<(String, String)> {
        let pairs = self.body.split('&').filter(|pair| !pair.is_empty());
        let field = |pair: &str| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        };
        pairs.map(field).collect()
    }

    /// The same for people: what says something, by its name in words, and of what is secret only that it is there.
    pub fn told(&self) -> Vec<(String, String)> {
        let line = |(name, value): (String, String)| {
            let is_secret = ["password", "secret", "token"].iter().any(|word| name.to_lowercase().contains(word));
            let value = match is_secret {
                true => "not shown".to_owned(),
                false => value.chars().take(SHOWN).collect(),
            };
            (words(&name), value)
        };
        self.fields().into_iter().filter(|(_, value)| !value.trim().is_empty()).map(line).collect()
    }
}

/// `items[0][display_name]` is "Items 0 display name".
fn words(name: &str) -> String {
    let text: String = name.chars().map(|c| if c.is_alphanumeric() { c } else { ' ' }).collect();
    sentence_case(&text.split_whitespace().collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_forms_of_pages_that_say_something_are_held() {
        for (action, body, is_held) in [
            ("/api/pages/drafts/put", "title=A", true),
            ("/api/pages/drafts/put", "title=&name=", false),
            ("/api/pages/drafts/put", "", false),
            ("/login", "login=a&password=b", false),
            ("//evil.example/api/pages/", "a=b", false),
            ("/api/pages/x?y=z", "a=b", false),
            ("https://evil.example/api/pages/", "a=b", false),
        ] {
            assert_eq!(HeldForm::new(action, body, "/drafts").is_some(), is_held, "{action} {body}");
        }
        let long = format!("text={}", "x".repeat(LONGEST));
        assert_eq!(HeldForm::new("/api/pages/drafts/put", &long, "/"), None);
        let held = HeldForm::new("/api/pages/drafts/put", "a=b", "https://evil.example").unwrap();
        assert_eq!(held.return_to, "/");
    }

    #[test]
    fn nothing_of_it_changes_and_secrets_are_not_told() {
        let body = "items%5B0%5D=Caf%C3%A9+%26+more&text=a%0D%0A+b+&empty=&new_password=hush";
        let held = HeldForm::new("/api/pages/x", body, "/x").unwrap();
        let fields: Vec<_> = held.fields();
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(
            fields,
            [("items[0]", "Café & more"), ("text", "a\r\n b "), ("empty", ""), ("new_password", "hush")]
        );
        let told = held.told();
        let told: Vec<(&str, &str)> = told.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(told, [("Items 0", "Café & more"), ("Text", "a\r\n b "), ("New password", "not shown")]);
    }
}
