//! What entries of profiles open, area by area: actions in words, the pages behind them, and by which entry.

use model::permission::catalogue::{self, ACTIONS};
use model::user::PermissionPath;

use super::PERMISSIONS;

/// An entry, and the name of its profile.
pub type Held = (String, PermissionPath);

/// Actions whose paths begin alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Area {
    /// "Native changes".
    pub name: String,
    pub actions: Vec<Opened>,
}

/// An action that some entry allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    pub path: &'static str,
    /// "see jobs and their runs".
    pub words: &'static str,
    /// Names of the things for which alone it is allowed; empty where it is for all of them.
    pub only_for: Vec<String>,
    /// Entries that allow it.
    pub by: Vec<Held>,
    /// Pages that take it.
    pub pages: Vec<&'static str>,
    /// How many forms take it.
    pub forms: usize,
}

/// What these entries open.
pub fn areas(held: &[Held]) -> Vec<Area> {
    let mut areas: Vec<Area> = Vec::new();
    for (path, words) in ACTIONS {
        let whole: Vec<&Held> = held.iter().filter(|(_, entry)| catalogue::covered(entry).contains(path)).collect();
        let narrowed = |(_, entry): &&Held| catalogue::narrowed(entry).is_some_and(|(action, _)| action == *path);
        let part: Vec<&Held> = held.iter().filter(narrowed).collect();
        if whole.is_empty() && part.is_empty() {
            continue;
        }
        let mut only_for: Vec<String> = match whole.is_empty() {
            true => part.iter().filter_map(|(_, entry)| Some(catalogue::narrowed(entry)?.1)).collect(),
            false => Vec::new(),
        };
        only_for.sort();
        only_for.dedup();
        let by = if whole.is_empty() { part } else { whole };
        let taking = |line: &&(&'static str, &'static str)| line.1 == *path;
        let (forms, pages): (Vec<&str>, Vec<&str>) =
            PERMISSIONS.iter().filter(taking).map(|(address, _)| *address).partition(|it| it.starts_with("/api/"));
        let opened = Opened { path, words, only_for, by: by.into_iter().cloned().collect(), pages, forms: forms.len() };
        let name = area(path);
        match areas.iter_mut().find(|area| area.name == name) {
            Some(area) => area.actions.push(opened),
            None => areas.push(Area { name, actions: vec![opened] }),
        }
    }
    areas
}

/// The first part of a path, as words.
fn area(path: &str) -> String {
    let first = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    let mut name = String::new();
    for letter in first.chars() {
        if letter.is_uppercase() && !name.is_empty() {
            name.push(' ');
            name.extend(letter.to_lowercase());
        } else {
            name.push(letter);
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(entries: &[&str]) -> Vec<Held> {
        entries.iter().map(|text| ("p".to_owned(), PermissionPath::parse(text).unwrap())).collect()
    }

    #[test]
    fn entries_open_pages_and_actions_by_area() {
        let areas =
            areas(&held(&["/Jobs/View", "/NativeChanges", "/WorkItems/Fulfil/terminal", "/Jobs/View/complete"]));
        let said: Vec<String> = areas
            .iter()
            .flat_map(|area| {
                area.actions.iter().map(|action| {
                    format!("{}: {} {:?} {} {}", area.name, action.path, action.only_for, action.by.len(), action.forms)
                })
            })
            .collect();
        assert_eq!(
            said,
            [
                "Work items: /WorkItems/Fulfil [\"terminal\"] 1 7",
                "Jobs: /Jobs/View [] 1 0",
                "Native changes: /NativeChanges/View [] 1 0",
                "Native changes: /NativeChanges/Decide [] 1 1",
            ]
        );
        assert!(areas[1].actions[0].pages.contains(&"/jobs/runs/{id}"));
    }

    #[test]
    fn every_line_takes_an_action_that_has_words() {
        for (address, needs) in PERMISSIONS.iter().filter(|(_, needs)| needs.starts_with('/')) {
            assert!(
                catalogue::words(needs).is_some(),
                "{address} takes {needs}, which model::permission::catalogue lacks"
            );
        }
        let everything = areas(&held(&["/*"]));
        assert_eq!(everything.iter().map(|area| area.actions.len()).sum::<usize>(), ACTIONS.len());
    }
}
