//! The configuration as it would be with a draft published. Settings of a draft are written as files and read with
//! everything else, so that they are checked as files are, with the same words; what is wrong is told by object and field.

use std::path::PathBuf;

use model::configuration::Configuration;
use model::draft::settings::ORGANISATION;
use model::draft::{Draft, DraftChange, Object, ObjectKind};
use serde_json::Value;

use super::places::SourceFile;
use super::{ConfigurationFinding, check_files, export, paths};

/// Folder of the files that stand for what the draft makes of settings; no exported file is there.
const FOLDER: &str = "draft";

/// Something wrong with a drafted configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DraftedFinding {
    pub(crate) object: Option<(ObjectKind, String)>,
    /// Path of the field within its object, such as `connection.url`; empty for the object itself.
    pub(crate) field: String,
    pub(crate) message: String,
}

/// The live configuration with the draft. A draft of the role model alone is not checked here: computing it does.
///
/// # Errors
/// All that is wrong, by place.
pub(crate) fn drafted(live: &Configuration, draft: &Draft) -> Result<Configuration, Vec<DraftedFinding>> {
    let (settings, role_model): (Vec<&DraftChange>, Vec<&DraftChange>) =
        draft.changes.iter().partition(|change| matches!(change.kind, ObjectKind::Setting(_)));
    if settings.is_empty() {
        return Ok(draft.applied_to(live));
    }
    let mut rest = live.clone();
    role_model.iter().for_each(|change| change.put_into(&mut rest));
    for change in &settings {
        DraftChange { after: None, ..(*change).clone() }.put_into(&mut rest);
    }
    let is_organisation_drafted = settings.iter().any(|change| change.name == ORGANISATION);
    let exported = export(&rest)
        .into_iter()
        .filter(|(name, _)| !is_organisation_drafted || !name.starts_with("organisation.toml"));
    let mut files: Vec<SourceFile> = exported.map(|(name, text)| SourceFile { name, text }).collect();
    let mut findings = Vec::new();
    for change in settings {
        match text(change) {
            Some(Ok(text)) => files.push(SourceFile { name: file(change.kind, &change.name), text }),
            Some(Err(message)) => {
                let object = Some((change.kind, change.name.clone()));
                findings.push(DraftedFinding { object, field: String::new(), message });
            }
            None => {}
        }
    }
    let texts: Vec<(PathBuf, String)> = files.iter().map(|file| (file.name.clone(), file.text.clone())).collect();
    match check_files(files, Vec::new()) {
        Ok((configuration, _)) => {
            findings.extend(relative_paths(&configuration));
            if findings.is_empty() {
                return Ok(configuration);
            }
        }
        Err(wrong) => findings.extend(wrong.into_iter().map(|finding| told(finding, &texts))),
    }
    Err(findings)
}

fn file(kind: ObjectKind, name: &str) -> PathBuf {
    PathBuf::from(FOLDER).join(kind.name()).join(name)
}

/// The setting as a file; none where the draft removes it.
fn text(change: &DraftChange) -> Option<Result<String, String>> {
    let Some(Object::Setting(kind, value)) = &change.after else { return None };
    let object = match toml::Value::try_from(value) {
        Ok(object) => object,
        Err(error) => return Some(Err(format!("This cannot be written as a file: {error}."))),
    };
    let mut root = toml::Table::new();
    if change.name == ORGANISATION {
        root.insert(kind.table().to_owned(), object);
    } else {
        let named = toml::Table::from_iter([(change.name.clone(), object)]);
        root.insert(kind.table().to_owned(), toml::Value::Table(named));
    }
    Some(toml::to_string_pretty(&root).map_err(|error| format!("This cannot be written as a file: {error}.")))
}

/// What is said of a place in a file, said of an object and its field.
fn told(finding: ConfigurationFinding, files: &[(PathBuf, String)]) -> DraftedFinding {
    let text = files.iter().find(|(name, _)| *name == finding.file).map(|(_, text)| text.as_str()).unwrap_or_default();
    let mut path: Vec<String> = Vec::new();
    let mut key = None;
    for line in text.lines().take(finding.line as usize) {
        let line = line.trim();
        if let Some(header) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            path = keys(header.trim_matches(['[', ']']));
            key = None;
        } else if let Some((name, _)) = line.split_once('=') {
            key = Some(name.trim().trim_matches('"').to_owned());
        }
    }
    let mut path = path.into_iter();
    let kind = path.next().and_then(|table| ObjectKind::all().find(|kind| kind.table() == table));
    let name =
        if kind.is_some_and(|kind| kind.name() == ORGANISATION) { Some(ORGANISATION.to_owned()) } else { path.next() };
    let field: Vec<String> = path.chain(key).collect();
    DraftedFinding { object: kind.zip(name), field: field.join("."), message: finding.message }
}

/// The keys of a table's header: `a."b c".d`.
fn keys(header: &str) -> Vec<String> {
    let mut keys = vec![String::new()];
    let mut is_quoted = false;
    for character in header.chars() {
        match (character, keys.last_mut()) {
            ('"', _) => is_quoted = !is_quoted,
            ('.', _) if !is_quoted => keys.push(String::new()),
            (character, Some(key)) => key.push(character),
            (_, None) => {}
        }
    }
    keys
}

/// Paths that are relative to nothing: what is typed on a page stands in no folder.
fn relative_paths(configuration: &Configuration) -> Vec<DraftedFinding> {
    let mut whole = configuration.clone();
    paths::resolve(&mut whole, std::path::Path::new("/"));
    ObjectKind::all()
        .filter_map(|kind| match kind {
            ObjectKind::Setting(setting) => Some((kind, setting)),
            _ => None,
        })
        .flat_map(|(kind, setting)| setting.names(configuration).into_iter().map(move |name| (kind, setting, name)))
        .filter(|(_, setting, name)| setting.find(configuration, name) != setting.find(&whole, name))
        .map(|(kind, setting, name)| {
            let field = setting
                .find(configuration, &name)
                .zip(setting.find(&whole, &name))
                .and_then(|(one, other)| differing(&one, &other));
            DraftedFinding {
                object: Some((kind, name)),
                field: field.unwrap_or_default(),
                message: "A path typed on a page stands in no folder: write all of it, beginning with a slash."
                    .to_owned(),
            }
        })
        .collect()
}

/// Path of the first text that is another.
fn differing(one: &Value, other: &Value) -> Option<String> {
    let (Value::Object(one), Value::Object(other)) = (one, other) else { return None };
    one.iter().find_map(|(name, value)| {
        let other = other.get(name)?;
        match differing(value, other) {
            Some(within) => Some(format!("{name}.{within}")),
            None => (value != other).then(|| name.clone()),
        }
    })
}

#[cfg(test)]
mod tests {
    use model::draft::{DraftState, SettingKind};
    use model::ids::DraftId;
    use serde_json::json;

    use super::*;

    fn draft(changes: Vec<(SettingKind, &str, Option<Value>)>) -> Draft {
        let at = jiff::Timestamp::UNIX_EPOCH;
        let change = |(kind, name, after): (SettingKind, &str, Option<Value>)| DraftChange {
            kind: ObjectKind::Setting(kind),
            name: name.into(),
            before: None,
            after: after.map(|value| Object::Setting(kind, value)),
            changed_by: "ann".into(),
            changed_at: at,
        };
        Draft {
            id: DraftId(1),
            title: "Draft".into(),
            state: DraftState::Open,
            created_by: "ann".into(),
            created_at: at,
            ended: None,
            version: None,
            changes: changes.into_iter().map(change).collect(),
        }
    }

    fn application() -> Value {
        json!({ "display_name": "Payroll", "connection": { "kind": "ldap", "url": "ldap://localhost", "bind_dn": "cn=admin",
            "password": "secret:payroll-password", "account_base": "ou=people", "account_classes": ["person"], "account_rdn": "uid" } })
    }

    #[test]
    fn a_drafted_setting_is_read_as_files_are() {
        let live = Configuration::default();
        let wanted = draft(vec![(SettingKind::Application, "payroll", Some(application()))]);
        let configuration = drafted(&live, &wanted).unwrap();
        assert_eq!(configuration.applications["payroll"].display_name, "Payroll");
        let named = draft(vec![(SettingKind::Organisation, ORGANISATION, Some(json!({ "name": "Harbour" })))]);
        assert_eq!(drafted(&live, &named).unwrap().organisation.name, "Harbour");
        let removed = draft(vec![(SettingKind::Application, "payroll", None)]);
        assert_eq!(drafted(&configuration, &removed).unwrap(), live);
    }

    #[test]
    fn what_is_wrong_is_told_by_object_and_field() {
        let live = Configuration::default();
        let mut wrong = application();
        wrong["connection"]["page_size"] = json!("many");
        let mut in_clear = application();
        in_clear["connection"]["password"] = json!("hunter2");
        let mut unknown = application();
        unknown["colour"] = json!("red");
        for (value, field) in [(wrong, "connection.page_size"), (in_clear, "connection.password"), (unknown, "colour")]
        {
            let findings =
                drafted(&live, &draft(vec![(SettingKind::Application, "pay roll", Some(value))])).unwrap_err();
            let object = Some((ObjectKind::Setting(SettingKind::Application), "pay roll".to_owned()));
            assert_eq!((&findings[0].object, findings[0].field.as_str()), (&object, field), "{findings:?}");
        }
        let relative =
            json!({ "display_name": "identity.key", "file": "people.csv", "key": "id", "attributes": { "id": "id" } });
        let findings = drafted(&live, &draft(vec![(SettingKind::Source, "staff", Some(relative))])).unwrap_err();
        assert!(findings.iter().any(|finding| finding.field == "file"), "{findings:?}");
    }

    /// What the draft takes away and others still name is told where it is named.
    #[test]
    fn what_is_named_elsewhere_cannot_go() {
        let mut live = drafted(
            &Configuration::default(),
            &draft(vec![(SettingKind::Application, "payroll", Some(application()))]),
        )
        .unwrap();
        let account_type = json!({ "application": "payroll", "display_name": "Payroll", "key": "uid",
            "attributes": { "uid": { "expression": "identity.key" } } });
        SettingKind::AccountType.put(&mut live, "payroll", &account_type).unwrap();
        let findings = drafted(&live, &draft(vec![(SettingKind::Application, "payroll", None)])).unwrap_err();
        let object = Some((ObjectKind::Setting(SettingKind::AccountType), "payroll".to_owned()));
        assert_eq!((&findings[0].object, findings[0].field.as_str()), (&object, "application"), "{findings:?}");
    }
}
