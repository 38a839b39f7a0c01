//! What the configuration says of native changes: what could never be seen, and reactions that contradict each other.

use model::configuration::{Application, Configuration};
use model::native_change::{NativeChangeKind, NativeChanges, NativeReaction};

use super::ConfigurationFinding;
use super::places::Index;
use super::wording;

/// More reverts on one account in a day than anybody means.
const MOST_REVERTS: u32 = 100;

pub(super) fn check(configuration: &Configuration, index: &Index, findings: &mut Vec<ConfigurationFinding>) {
    for (name, application) in &configuration.applications {
        let Some(settings) = &application.native_changes else { continue };
        let kinds: Vec<&str> = configuration
            .account_types
            .iter()
            .filter(|(_, kind)| kind.application == *name)
            .map(|(kind, _)| kind.as_str())
            .collect();
        one(configuration, ["applications", name], application, &kinds, settings, index, findings);
    }
    for (name, kind) in &configuration.account_types {
        let Some(settings) = &kind.native_changes else { continue };
        // That there is no such application is told where it is named.
        let Some(application) = configuration.applications.get(&kind.application) else { continue };
        one(configuration, ["account_types", name], application, &[name], settings, index, findings);
    }
}

fn one(
    configuration: &Configuration,
    place: [&str; 2],
    application: &Application,
    kinds: &[&str],
    settings: &NativeChanges,
    index: &Index,
    findings: &mut Vec<ConfigurationFinding>,
) {
    let mut tell = |field: &[&str], message: String| {
        let path: Vec<&str> = place.into_iter().chain(["native_changes"]).chain(field.iter().copied()).collect();
        findings.push(index.finding(&path, message));
    };
    if !application.connection.can_be_read() {
        tell(
            &[],
            format!(
                "Nothing is read from {}, so that no change made there could be seen. Give its connection an `extract`, or \
                 remove `native_changes`.",
                application.display_name
            ),
        );
    }
    let specified =
        || kinds.iter().filter_map(|kind| configuration.account_types.get(*kind)).flat_map(|kind| &kind.attributes);
    for (position, name) in settings.attributes.iter().flatten().enumerate() {
        let place = position.to_string();
        match specified().find(|(known, _)| *known == name) {
            Some((_, made)) if made.secret => tell(
                &["attributes", &place],
                format!("`{name}` is secret: it is never read back, so that nobody sees it change. Leave it out."),
            ),
            Some(_) => {}
            None => {
                let near = wording::nearest(name, specified().map(|(known, _)| known.as_str()))
                    .map(|near| format!(" Did you mean `{near}`?"))
                    .unwrap_or_default();
                tell(
                    &["attributes", &place],
                    format!("No account type here specifies `{name}`, and what none specifies is not read.{near}"),
                );
            }
        }
    }
    let says = |wanted| settings.reaction == wanted || settings.reactions.values().any(|reaction| *reaction == wanted);
    match settings.reverts_per_day {
        Some(0) => tell(
            &["reverts_per_day"],
            "No revert a day sets nothing back. Say `reaction = \"review\"` where a person is to decide.".to_owned(),
        ),
        Some(times) if times > MOST_REVERTS => tell(
            &["reverts_per_day"],
            format!("{times} reverts of one account a day end no quarrel. Give {MOST_REVERTS} at most."),
        ),
        Some(_) if !says(NativeReaction::Revert) => tell(
            &["reverts_per_day"],
            "Nothing is reverted here, so that there is nothing to limit. Remove it, or react with \"revert\"."
                .to_owned(),
        ),
        _ => {}
    }
    let is_silent = |kind: NativeChangeKind| settings.reaction_to(kind) == NativeReaction::Ignore;
    if settings.attributes.is_some() && is_silent(NativeChangeKind::Attribute) {
        tell(
            &["attributes"],
            "Changes of attributes are ignored here, whichever are named. Remove one of both.".to_owned(),
        );
    }
    let entitlements = [NativeChangeKind::EntitlementAdded, NativeChangeKind::EntitlementRemoved];
    if settings.entitlements.is_some() && entitlements.into_iter().all(is_silent) {
        tell(
            &["entitlements"],
            "Changes of entitlements are ignored here, whichever are named. Remove one of both.".to_owned(),
        );
    }
}
