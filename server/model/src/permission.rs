//! What the product's own users may do, asked and answered: by which entry of which profile, and what would be enough
//! where there is none. `catalogue` knows what there is to allow, `conflict` what nobody should hold together.

pub mod catalogue;
pub mod conflict;

use serde::{Deserialize, Serialize};

use crate::configuration::Configuration;
use crate::ids::IdentityId;
use crate::user::{Duty, PermissionPath};

/// About whom somebody may do something.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    #[default]
    Everybody,
    /// In the order of their ids.
    People(Vec<IdentityId>),
}

impl Reach {
    pub fn contains(&self, id: IdentityId) -> bool {
        match self {
            Self::Everybody => true,
            Self::People(people) => people.binary_search(&id).is_ok(),
        }
    }

    /// Ids of those, unless it is everybody.
    pub fn people(&self) -> Option<&[IdentityId]> {
        match self {
            Self::Everybody => None,
            Self::People(people) => Some(people),
        }
    }
}

/// What somebody wants to do, as a matter of paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// What takes this path, or a parent of it.
    Path(PermissionPath),
    /// A duty, for one account type.
    Duty { duty: Duty, account_type: String },
    /// A duty, for some account type at least: what opens the page or form. The use case asks for the account type.
    DutySomewhere(Duty),
}

impl Question {
    /// Coming to a page, form or route whose line names this path.
    pub fn of_line(path: PermissionPath) -> Self {
        Duty::of(path.as_str()).map_or(Self::Path(path), Self::DutySomewhere)
    }

    /// The same for one account type, where the path is a duty, in either spelling.
    pub fn about(path: PermissionPath, account_type: &str) -> Option<Self> {
        let duty = Duty::ALL.into_iter().find(|duty| duty.everywhere().contains(&path))?;
        Some(Self::Duty { duty, account_type: account_type.to_owned() })
    }

    pub fn is_allowed(&self, held: &[PermissionPath]) -> bool {
        held.iter().any(|entry| self.extent(entry).is_some())
    }

    /// How far the entry answers it; none where it does not.
    fn extent(&self, entry: &PermissionPath) -> Option<Extent> {
        let wanted = self.smallest();
        if wanted.contains(entry) {
            return Some(Extent::Exact);
        }
        if wanted.iter().any(|wanted| entry.grants(wanted)) {
            return Some(Extent::Parent);
        }
        let is_part = matches!(self, Self::DutySomewhere(_)) && wanted.iter().any(|wanted| wanted.grants(entry));
        is_part.then_some(Extent::Part)
    }

    /// Each of these alone would be enough, and allows no more than that.
    pub fn smallest(&self) -> Vec<PermissionPath> {
        match self {
            Self::Path(path) => vec![path.clone()],
            Self::Duty { duty, account_type } => duty.paths(account_type),
            Self::DutySomewhere(duty) => duty.everywhere(),
        }
    }

    /// What these profiles say to it, and what the others would.
    pub fn answer(&self, configuration: &Configuration, profiles: &[String]) -> Answer {
        let by = self.entries(configuration, |name| profiles.iter().any(|held| held == name));
        let others = if by.is_empty() { self.entries(configuration, |_| true) } else { Vec::new() };
        let smallest = if by.is_empty() { self.smallest() } else { Vec::new() };
        Answer { allowed: !by.is_empty(), by, smallest, others }
    }

    /// Entries of the profiles that allow it, the narrowest first.
    fn entries(&self, configuration: &Configuration, is_meant: impl Fn(&str) -> bool) -> Vec<Grant> {
        let mut found: Vec<Grant> = profile_entries(configuration, is_meant)
            .filter_map(|(profile, entry)| {
                Some(Grant { extent: self.extent(&entry)?, ..grant(configuration, profile, entry) })
            })
            .collect();
        found.sort_by(|one, other| {
            let narrowness =
                |grant: &Grant| (grant.people.is_none(), grant.extent, usize::MAX - grant.entry.as_str().len());
            narrowness(one).cmp(&narrowness(other)).then_with(|| one.cmp(other))
        });
        found.dedup();
        found
    }
}

/// Entries of these profiles that are one of the paths, or a parent of one.
pub fn entries(configuration: &Configuration, profiles: &[String], wanted: &[PermissionPath]) -> Vec<Grant> {
    let is_meant = |name: &str| profiles.iter().any(|held| held == name);
    let granted = |(profile, entry): (&str, PermissionPath)| {
        let extent = match wanted.contains(&entry) {
            true => Extent::Exact,
            false => wanted.iter().any(|wanted| entry.grants(wanted)).then_some(Extent::Parent)?,
        };
        Some(Grant { extent, ..grant(configuration, profile, entry) })
    };
    profile_entries(configuration, is_meant).filter_map(granted).collect()
}

/// An entry as an exact one, with about whom its profile is.
fn grant(configuration: &Configuration, profile: &str, entry: PermissionPath) -> Grant {
    let people = configuration.permission_profiles.get(profile).and_then(|profile| profile.people.clone());
    Grant { profile: profile.to_owned(), entry, extent: Extent::Exact, people }
}

/// Entries of profiles that can be read, with the profile's name.
fn profile_entries(
    configuration: &Configuration,
    is_meant: impl Fn(&str) -> bool,
) -> impl Iterator<Item = (&str, PermissionPath)> {
    let profiles = configuration.permission_profiles.iter().filter(move |(name, _)| is_meant(name));
    profiles.flat_map(|(name, profile)| {
        let paths = profile.permissions.iter().filter_map(|entry| PermissionPath::parse(entry.path()));
        paths.map(move |path| (name.as_str(), path))
    })
}

/// An entry of a profile that allows something.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Grant {
    /// Name of the profile.
    pub profile: String,
    pub entry: PermissionPath,
    pub extent: Extent,
    /// The condition for those about whom it is; about everybody without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub people: Option<String>,
}

impl Grant {
    /// After the entry: "a parent path", and about whom where it is about some.
    pub fn words(&self) -> String {
        match &self.people {
            Some(people) => format!("{}, about people for whom `{people}` holds", self.extent.words()),
            None => self.extent.words().to_owned(),
        }
    }
}

/// How an entry comes to allow something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Extent {
    /// It is that path.
    Exact,
    /// It is only for some account types.
    Part,
    /// It is a parent of that path.
    Parent,
}

impl Extent {
    /// After the entry: "`/Jobs` in Operator, a parent path".
    pub fn words(self) -> &'static str {
        match self {
            Self::Exact => "exactly this path",
            Self::Part => "for some account types",
            Self::Parent => "a parent path",
        }
    }
}

/// Whether profiles allow something, and why or why not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    pub allowed: bool,
    /// Entries that allow it, the narrowest first.
    pub by: Vec<Grant>,
    /// Where none does: each of these alone would be enough.
    pub smallest: Vec<PermissionPath>,
    /// Where none does: entries of other profiles that allow it, the narrowest first.
    pub others: Vec<Grant>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::configuration::PermissionProfile;

    pub(super) fn configuration(profiles: &[(&str, &[&str])]) -> Configuration {
        let profile = |(name, paths): &(&str, &[&str])| {
            let permissions = paths.iter().map(|path| (*path).into()).collect();
            ((*name).to_owned(), PermissionProfile { display_name: (*name).to_owned(), permissions, people: None })
        };
        Configuration { permission_profiles: profiles.iter().map(profile).collect(), ..Configuration::default() }
    }

    fn path(text: &str) -> PermissionPath {
        PermissionPath::parse(text).unwrap()
    }

    #[test]
    fn an_answer_names_profile_and_entry_or_what_would_be_enough() {
        let configuration = configuration(&[
            ("admin", &["/*"]),
            ("jobs", &["/Jobs"]),
            ("runner", &["/Jobs/Run", "/Home"]),
            ("desk", &["/WorkItems/Fulfil/terminal"]),
            ("theirs", &["/Custom/ProvisioningPolicy"]),
        ]);
        let run = || Question::of_line(path("/Jobs/Run"));
        let somewhere = || Question::of_line(path("/WorkItems/Fulfil"));
        let terminal = || Question::about(path("/WorkItems/Fulfil"), "terminal").unwrap();
        let badge = || Question::about(path("/ProvisioningPolicy/PerformManualProvisioning"), "badge").unwrap();
        for (question, held, by, others) in [
            (run(), vec!["runner"], vec!["runner /Jobs/Run Exact"], vec![]),
            (run(), vec!["jobs", "runner"], vec!["runner /Jobs/Run Exact", "jobs /Jobs Parent"], vec![]),
            (run(), vec!["admin"], vec!["admin /* Parent"], vec![]),
            (run(), vec!["desk"], vec![], vec!["runner /Jobs/Run Exact", "jobs /Jobs Parent", "admin /* Parent"]),
            (run(), vec!["nobody"], vec![], vec!["runner /Jobs/Run Exact", "jobs /Jobs Parent", "admin /* Parent"]),
            (somewhere(), vec!["desk"], vec!["desk /WorkItems/Fulfil/terminal Part"], vec![]),
            (terminal(), vec!["desk"], vec!["desk /WorkItems/Fulfil/terminal Exact"], vec![]),
            (badge(), vec!["desk"], vec![], vec!["theirs /ProvisioningPolicy Parent", "admin /* Parent"]),
        ] {
            let profiles: Vec<String> = held.iter().map(|name| (*name).to_owned()).collect();
            let answer = question.answer(&configuration, &profiles);
            let words = |grants: &[Grant]| {
                let word = |grant: &Grant| format!("{} {} {:?}", grant.profile, grant.entry.as_str(), grant.extent);
                grants.iter().map(word).collect::<Vec<_>>()
            };
            assert_eq!(words(&answer.by), by, "{question:?} {held:?}");
            assert_eq!(words(&answer.others), others, "{question:?} {held:?}");
            assert_eq!(answer.smallest.is_empty(), answer.allowed);
            let paths = PermissionPath::held(&configuration, &profiles);
            assert_eq!(answer.allowed, question.is_allowed(&paths));
        }
    }

    #[test]
    fn duties_are_answered_as_use_cases_ask_for_them() {
        for held in
            ["/*", "/WorkItems", "/WorkItems/Fulfil", "/WorkItems/Fulfil/a", "/ProvisioningPolicy", "/Orders/Review"]
        {
            let held = [path(held)];
            for duty in Duty::ALL {
                assert_eq!(Question::DutySomewhere(duty).is_allowed(&held), duty.is_allowed_somewhere(&held));
                for account_type in ["a", "b"] {
                    let question = Question::Duty { duty, account_type: account_type.into() };
                    assert_eq!(question.is_allowed(&held), duty.is_allowed(&held, account_type), "{held:?}");
                }
            }
        }
        assert_eq!(Question::about(path("/Jobs/Run"), "a"), None);
    }
}
