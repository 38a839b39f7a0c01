//! Settings for native changes that cannot be meant.

use model::native_change::{NativeChangeKind, NativeReaction};

use super::{GOOD, complaints, write};
use crate::configuration::read;

/// The small configuration with a directory that is read, whose account type has a secret.
fn directory(native: &str) -> String {
    let scim = GOOD.replace("kind = \"manual\"", "kind = \"scim\", url = \"https://directory.example\"");
    let attributes =
        "attributes.title.expression = \"identity.given_name\"\nattributes.pin = { value = \"1\", secret = true }\n";
    let kind = "attributes.name.expression = \"identity.given_name\"\n";
    scim.replace(kind, &format!("{kind}{attributes}")) + native
}

#[test]
fn settings_that_cannot_be_meant_are_refused() {
    let cases: &[(&str, &str)] = &[
        (
            "[applications.host.native_changes]\nreaction = \"undo\"\n",
            "`undo` is not accepted here. Expected one of: ignore, accept, notify, review, revert.",
        ),
        ("[applications.host.native_changes]\nreactions = { renamed = \"review\" }\n", "renamed"),
        (
            "[applications.host.native_changes]\nattribute = [\"title\"]\n",
            "`attribute` is not a key that is known here. Did you mean `attributes`?",
        ),
        (
            "[applications.host.native_changes]\nattributes = [\"titel\"]\n",
            "No account type here specifies `titel`, and what none specifies is not read. Did you mean `title`?",
        ),
        (
            "[account_types.host-user.native_changes]\nattributes = [\"pin\"]\n",
            "`pin` is secret: it is never read back",
        ),
        ("[applications.host.native_changes]\nreverts_per_day = 2\n", "Nothing is reverted here"),
        (
            "[applications.host.native_changes]\nreaction = \"revert\"\nreverts_per_day = 0\n",
            "No revert a day sets nothing back.",
        ),
        ("[applications.host.native_changes]\nreaction = \"revert\"\nreverts_per_day = 1000\n", "Give 100 at most."),
        (
            "[applications.host.native_changes]\nreaction = \"ignore\"\nattributes = [\"title\"]\n",
            "Changes of attributes are ignored here",
        ),
        (
            "[applications.host.native_changes]\nreaction = \"ignore\"\nentitlements = [\"READ\"]\n",
            "Changes of entitlements are ignored here",
        ),
    ];
    for (native, expected) in cases {
        let found = complaints(&[("all.toml", directory(native).as_bytes())]);
        let [only] = found.as_slice() else { panic!("{native}: {found:#?}") };
        assert!(only.contains(expected), "{native}: {only}");
    }
    let by_hand = GOOD.to_owned() + "[applications.host.native_changes]\n";
    let found = complaints(&[("all.toml", by_hand.as_bytes())]);
    assert!(found[0].contains("Nothing is read from Host"), "{found:?}");
}

#[test]
fn an_account_type_speaks_for_itself() {
    let native = "[applications.host.native_changes]\nreactions = { created = \"notify\" }\n\
                  [account_types.host-user.native_changes]\nreaction = \"revert\"\nattributes = [\"title\"]\n";
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &[("all.toml", directory(native).as_bytes())]);
    let configuration = read(folder.path()).unwrap().configuration;
    let own = configuration.native_changes("host", "host-user").unwrap();
    assert_eq!(own.reaction_to(NativeChangeKind::Created), NativeReaction::Revert);
    let other = configuration.native_changes("host", "").unwrap();
    assert_eq!(other.reaction_to(NativeChangeKind::Created), NativeReaction::Notify);
    assert_eq!(other.reaction_to(NativeChangeKind::Deleted), NativeReaction::Review);
    assert!(configuration.native_changes("elsewhere", "").is_none());
}
