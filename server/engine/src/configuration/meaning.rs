//! What `policy` has to say about a configuration, with the place in the files at which it stands.

use model::configuration::Configuration;
use policy::model::{ModelError, RoleModel};

use super::ConfigurationFinding;
use super::parse::KINDS;
use super::places::Index;

/// Tells of expressions that mean nothing, of circles, and of whatever else makes no role model.
pub(super) fn check(configuration: &Configuration, index: &Index, findings: &mut Vec<ConfigurationFinding>) {
    let Err(errors) = RoleModel::compile(configuration) else { return };
    // References to nothing are told already, with the place in the list.
    let told = !findings.is_empty();
    let errors = errors.into_iter().filter(|error| !(told && error.message.starts_with("there is no ")));
    findings.extend(errors.map(|error| finding(&error, index)));
}

fn finding(error: &ModelError, index: &Index) -> ConfigurationFinding {
    let message = sentence(error);
    // Objects are named as "rule `sales-staff`".
    let (noun, name) = error.object.split_once(" `").unwrap_or((&error.object, ""));
    let name = name.strip_suffix('`').unwrap_or(name);
    let Some((kind, _)) = KINDS.iter().find(|(_, known)| *known == noun) else {
        return ConfigurationFinding::whole(".", format!("{}, {}: {message}", error.object, error.field));
    };
    let path = index.path_of(kind, name, &error.field);
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    match error.position {
        Some((line, column)) => {
            let narrow = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
            index.finding_within(&path, (narrow(line), narrow(column)), message)
        }
        None => index.finding(&path, message),
    }
}

/// A complaint as a sentence of its own.
pub(crate) fn sentence(error: &ModelError) -> String {
    let mut characters = error.message.trim_end_matches('.').chars();
    let first: String = characters.next().map(|first| first.to_uppercase().collect()).unwrap_or_default();
    format!("{first}{}.", characters.as_str())
}
