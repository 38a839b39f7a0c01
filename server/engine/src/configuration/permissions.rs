//! What the configuration says of the product's own users: paths that can be read, conflicts that mean something, and
//! profiles that do not meet one by themselves.

use model::configuration::{Configuration, ConflictEffect};
use model::permission::{catalogue, conflict};
use model::user::PermissionPath;

use super::ConfigurationFinding;
use super::places::Index;
use super::wording;

pub(super) fn check(configuration: &Configuration, index: &Index, findings: &mut Vec<ConfigurationFinding>) {
    for (name, profile) in &configuration.permission_profiles {
        for (position, entry) in profile.permissions.iter().enumerate() {
            if PermissionPath::parse(entry.path()).is_none() {
                let place = ["permission_profiles", name, "permissions", &position.to_string()];
                findings.push(index.finding(&place, no_path(entry.path())));
            }
            let path = PermissionPath::parse(entry.path()).filter(|_| profile.people.is_some());
            if let Some(path) = path.filter(|path| !catalogue::is_about_people(path)) {
                let place = ["permission_profiles", name, "permissions", &position.to_string()];
                findings.push(index.finding(&place, not_about_people(path.as_str())));
            }
        }
        let met = conflict::met(configuration, std::slice::from_ref(name));
        for met in met.into_iter().filter(|met| met.effect == ConflictEffect::Refuse) {
            let message = format!(
                "Whoever holds this profile meets both sides of the permission conflict `{}`: {} and {}. Split the profile, or say `effect = \"warn\"` there.",
                met.conflict,
                met.first.first().map_or("", |grant| grant.entry.as_str()),
                met.second.first().map_or("", |grant| grant.entry.as_str()),
            );
            findings.push(index.finding(&["permission_profiles", name, "permissions"], message));
        }
    }
    for (name, conflict) in &configuration.permission_conflicts {
        for (side, paths) in [("first", &conflict.first), ("second", &conflict.second)] {
            if paths.is_empty() {
                let message = "This side names no path, so nobody meets it. Name at least one.".to_owned();
                findings.push(index.finding(&["permission_conflicts", name, side], message));
            }
            for (position, text) in paths.iter().enumerate() {
                let place = ["permission_conflicts", name, side, &position.to_string()];
                if let Some(message) = side_path(configuration, text) {
                    findings.push(index.finding(&place, message));
                }
            }
        }
        if let Some(both) = conflict.first.iter().find(|path| conflict.second.contains(path)) {
            let message = format!("`{both}` is on both sides, so whoever holds it meets them at once. Keep it on one.");
            findings.push(index.finding(&["permission_conflicts", name, "second"], message));
        }
    }
}

/// What is wrong with a path of a side.
fn side_path(configuration: &Configuration, text: &str) -> Option<String> {
    let Some(path) = PermissionPath::parse(text) else { return Some(no_path(text)) };
    if path.as_str() == "/*" {
        return Some("`/*` is everything, of which nobody could hold one side alone. Name what is meant.".to_owned());
    }
    if catalogue::is_known(configuration, &path) {
        return None;
    }
    let near = wording::nearest(path.as_str(), catalogue::ACTIONS.iter().map(|(path, _)| *path));
    let near = near.map(|near| format!(" Did you mean `{near}`?")).unwrap_or_default();
    Some(format!("Nothing takes the permission `{text}`.{near}"))
}

fn not_about_people(path: &str) -> String {
    let known: Vec<String> = catalogue::ABOUT_PEOPLE.iter().map(|path| format!("`{path}`")).collect();
    format!(
        "`{path}` cannot be allowed about some people only, and this profile has `people`. Put it into a profile without; here can stand {}.",
        known.join(", ")
    )
}

fn no_path(text: &str) -> String {
    format!("`{text}` is no permission path. Expected one such as /Jobs/Run, or /* for all.")
}
