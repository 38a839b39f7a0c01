//! What is wrong with sign-ins, and with the sources that they fill.

use ::model::configuration::{IdentitySource, SignInProvider, UnknownPerson};

use super::Check;

/// The attribute that stands for the key of an identity.
const KEY: &str = "key";

impl Check<'_> {
    /// A source is read from a file, or filled by exactly one provider, whose subjects are its keys.
    pub(super) fn origin(&mut self, name: &str, source: &IdentitySource) {
        let object = format!("identity source `{name}`");
        if !source.filled_by_sign_ins {
            if source.file.is_empty() {
                let message = "is missing; name the file that is read, or say `filled_by_sign_ins = true`";
                self.error(&object, "file", message.to_owned());
            }
            return;
        }
        let read = [
            ("file", !source.file.is_empty()),
            ("read_by", source.read_by.is_some()),
            ("positions", source.positions.is_some()),
            ("sections", !source.sections.is_empty()),
        ];
        for (field, _) in read.into_iter().filter(|(_, is_given)| *is_given) {
            self.error(&object, field, "is for a source that is read; sign-ins fill this one, so remove it".to_owned());
        }
        if source.key != SignInProvider::SUBJECT {
            let message = format!(
                "is `{}`; the key of a source that sign-ins fill is the claim `{}`, which is never given to anybody else",
                source.key,
                SignInProvider::SUBJECT
            );
            self.error(&object, "key", message);
        }
        let fills = self.configuration.sign_ins.values().filter(|provider| provider.source == name).count();
        if fills != 1 {
            let message = match fills {
                0 => "has nobody who fills it; name this source in one of `sign_ins`".to_owned(),
                _ => format!(
                    "is filled by {fills} of `sign_ins`, whose subjects could be equal; give each its own source"
                ),
            };
            self.error(&object, "filled_by_sign_ins", message);
        }
    }

    pub(super) fn sign_ins(&mut self) {
        let configuration = self.configuration;
        for (name, provider) in &configuration.sign_ins {
            let object = format!("sign-in `{name}`");
            let mut wrong = |field: &str, message: String| self.error(&object, field, message);
            if provider.issuer.trim().is_empty() {
                wrong("issuer", "is empty; write what the identity provider calls itself".to_owned());
            }
            let same = |(other, found): (&String, &SignInProvider)| other < name && found.issuer == provider.issuer;
            if configuration.sign_ins.iter().any(same) {
                wrong("issuer", "is that of another sign-in as well; keep one of them".to_owned());
            }
            if provider.requires.is_empty() {
                let message = "names nothing; give at least one account type that signing in needs";
                wrong("requires", message.to_owned());
            }
            if provider.wait_seconds > SignInProvider::LONGEST_WAIT {
                let message = format!("is more than {}; nobody waits longer for a page", SignInProvider::LONGEST_WAIT);
                wrong("wait_seconds", message);
            }
            if !(1..=SignInProvider::LONGEST_VALID).contains(&provider.valid_days) {
                wrong("valid_days", format!("is not from 1 to {}", SignInProvider::LONGEST_VALID));
            }
            for (claim, _) in provider.ended.iter().filter(|(_, values)| values.is_empty()) {
                wrong(&format!("ended.{claim}"), "has no value; write those with which somebody has left".to_owned());
            }
            if let Some(source) = configuration.sources.get(&provider.source) {
                self.recognised(&object, provider, source);
            }
        }
    }

    /// By the subject where sign-ins fill the source, and otherwise by more than a name.
    fn recognised(&mut self, object: &str, provider: &SignInProvider, source: &IdentitySource) {
        if source.filled_by_sign_ins {
            if !provider.confirmed.is_empty() {
                let message =
                    "is for a source that is read; people of this one are known by their subject, so remove it";
                self.error(object, "confirmed", message.to_owned());
            }
            return;
        }
        if provider.unknown == UnknownPerson::Create {
            let message = format!(
                "is `create`, and `{}` is read from elsewhere, which would take away again whom it does not list; write \
                 `refuse`, or name a source with `filled_by_sign_ins = true`",
                provider.source
            );
            self.error(object, "unknown", message);
        }
        let delivered: Vec<&String> = source.delivers().collect();
        let unknown = provider.confirmed.keys().filter(|name| *name != KEY && !delivered.contains(name));
        for attribute in unknown {
            let message = format!("is no attribute of the source `{}`, nor `{KEY}`", provider.source);
            self.error(object, &format!("confirmed.{attribute}"), message);
        }
        if provider.confirmed.keys().all(|attribute| attribute.contains("name")) {
            let message = "recognises people by nothing but names, which two may share; add an attribute that the identity \
                           provider has confirmed, such as `mail`, or `key`";
            self.error(object, "confirmed", message.to_owned());
        }
    }
}
