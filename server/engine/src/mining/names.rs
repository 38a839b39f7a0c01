//! What proposals would be called, until a person calls them otherwise.

use std::collections::BTreeSet;

use crate::drafts::LONGEST_NAME;

/// Characters of a name that are left for a number behind it.
const ROOM: usize = 4;

/// A name as files and addresses have it: lower case, what is no letter or digit becomes a hyphen.
pub(super) fn plain(text: &str) -> String {
    let mut name = String::new();
    for character in text.chars().flat_map(char::to_lowercase) {
        if character.is_alphanumeric() {
            name.push(character);
        } else if !name.is_empty() && !name.ends_with('-') {
            name.push('-');
        }
    }
    let name: String = name.chars().take(LONGEST_NAME - ROOM).collect();
    let name = name.trim_end_matches('-');
    if name.is_empty() { "mined".to_owned() } else { name.to_owned() }
}

/// The name, or the first with a number behind it that is not taken; it is taken then.
pub(super) fn free(name: &str, taken: &mut BTreeSet<String>) -> String {
    let free = std::iter::once(name.to_owned()).chain((2..).map(|number| format!("{name}-{number}")));
    let name = free.into_iter().find(|name| !taken.contains(name)).unwrap_or_default();
    taken.insert(name.clone());
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain_and_free() {
        for (text, name) in [
            ("Sales, Oslo", "sales-oslo"),
            ("  VAULT/Key  ", "vault-key"),
            ("Größe & Co.", "größe-co"),
            ("!", "mined"),
            ("", "mined"),
        ] {
            assert_eq!(plain(text), name);
        }
        assert_eq!(plain(&"ab ".repeat(100)).chars().count(), LONGEST_NAME - ROOM - 1);
        let mut taken = BTreeSet::from(["sales".to_owned()]);
        assert_eq!(
            [free("sales", &mut taken), free("sales", &mut taken), free("audit", &mut taken)],
            ["sales-2", "sales-3", "audit"]
        );
    }
}
