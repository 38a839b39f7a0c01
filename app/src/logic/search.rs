//! Where what was found leads, and how the palette shows it.

use model::draft::ObjectKind;
use model::search::{Hit, HitKind, Target};
use serde::{Deserialize, Serialize};

use super::address::{Address, application, integration};
use super::role_model;

/// Where `g` and a letter go, and what that is called.
pub const KEYS: [(&str, &str, &str); 11] = [
    ("h", "/", "Home"),
    ("w", "/work-items", "Work items"),
    ("o", "/orders", "Orders"),
    ("i", "/identities", "Identities"),
    ("j", "/jobs", "Job execution"),
    ("a", "/applications", "Applications"),
    ("q", "/requests", "Requests"),
    ("p", "/approvals", "Approvals"),
    ("c", "/certifications", "Certifications"),
    ("r", "/roles", "Role model"),
    ("v", "/views", "Saved views"),
];

/// A line of the palette.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suggestion {
    /// What kind of thing it is, in words.
    pub kind: String,
    pub title: String,
    pub detail: String,
    pub address: String,
}

impl Suggestion {
    pub fn of(hit: &Hit) -> Self {
        let kind = noun(&hit.target);
        // What it is stands beside it.
        let detail = match hit.detail.strip_prefix(kind) {
            Some(rest) if rest.is_empty() || rest.starts_with(' ') => rest.trim_start(),
            _ => &hit.detail,
        };
        Self {
            kind: kind.to_owned(),
            title: hit.title.clone(),
            detail: detail.to_owned(),
            address: address(&hit.target),
        }
    }
}

/// The page that a hit leads to.
pub fn address(target: &Target) -> String {
    match target {
        Target::Page(address) => address.clone(),
        Target::View(_, page, query) if query.is_empty() => page.clone(),
        Target::View(_, page, query) => format!("{page}?{query}"),
        Target::Identity(id) => format!("/identities/{id}"),
        Target::Account(name, key) => {
            Address::new(application(name)).with("tab", Some("accounts")).with("text", Some(key)).to_string()
        }
        Target::Application(name) => application(name),
        Target::Integration(name) => integration(name),
        Target::Object(kind, name) => role_model::object(*kind, name),
        Target::Order(id) => format!("/orders/{id}"),
        Target::WorkItem(id) => format!("/work-items/{id}"),
        Target::Request(id) => format!("/requests/{id}"),
        Target::BulkChange(id) => format!("/bulk-changes/{id}"),
        Target::Run(id) => format!("/jobs/runs/{id}"),
        Target::Violation(id) => format!("/violations/{id}"),
        Target::Certification(id) => format!("/certifications/{id}"),
        Target::Draft(id) => format!("/drafts/{id}"),
    }
}

/// What one of that kind is called.
pub fn noun(target: &Target) -> &'static str {
    match target {
        Target::Page(_) => "Page",
        Target::View(..) => "Saved view",
        Target::Identity(_) => "Identity",
        Target::Account(..) => "Account",
        Target::Application(_) => "Application",
        Target::Integration(_) => "Integration",
        Target::Object(ObjectKind::Role, _) => "Role",
        Target::Object(ObjectKind::AccessProfile, _) => "Access profile",
        Target::Object(ObjectKind::Entitlement, _) => "Entitlement",
        Target::Object(ObjectKind::Rule, _) => "Rule",
        Target::Object(ObjectKind::Setting(_), _) => "Setting",
        Target::Order(_) => "Order",
        Target::WorkItem(_) => "Work item",
        Target::Request(_) => "Request",
        Target::BulkChange(_) => "Bulk change",
        Target::Run(_) => "Run",
        Target::Violation(_) => "Violation",
        Target::Certification(_) => "Certification",
        Target::Draft(_) => "Draft",
    }
}

/// Sign of a section.
pub fn shape(kind: HitKind) -> &'static str {
    match kind {
        HitKind::Page => "home",
        HitKind::View => "search",
        HitKind::Identity => "identities",
        HitKind::Account | HitKind::Certification => "key",
        HitKind::Application => "applications",
        HitKind::RoleModel => "role",
        HitKind::Setting | HitKind::Draft => "pencil",
        HitKind::Order => "orders",
        HitKind::WorkItem => "work",
        HitKind::Request => "plane",
        HitKind::Run => "jobs",
        HitKind::Violation => "octagon",
    }
}

/// The list that shows everything of a kind for these words, where the kind has one that is searched in.
pub fn list(kind: HitKind, text: &str) -> Option<String> {
    let (path, state) = match kind {
        HitKind::Identity => ("/identities", None),
        HitKind::Order => ("/orders", None),
        HitKind::WorkItem => ("/work-items", Some("all")),
        HitKind::Request => ("/requests", None),
        _ => return None,
    };
    Some(Address::new(path).with("state", state).with("text", Some(text)).to_string())
}

/// The best of several kinds as one list: nothing of a kind that fits badly stands before what fits well.
pub fn best(groups: Vec<Vec<Hit>>, most: usize) -> Vec<Suggestion> {
    let mut all: Vec<Hit> = groups.into_iter().flatten().collect();
    all.sort_by_key(|hit| std::cmp::Reverse(hit.score));
    all.iter().take(most).map(Suggestion::of).collect()
}

#[cfg(test)]
mod tests {
    use model::ids::{IdentityId, OrderId, SavedViewId};

    use super::*;

    #[test]
    fn each_hit_leads_to_its_page() {
        let object = |kind| Target::Object(kind, "a b".into());
        for (target, expected) in [
            (Target::Identity(IdentityId(7)), "/identities/7"),
            (
                Target::Account("badge & co".into(), "x=1".into()),
                "/applications/badge%20%26%20co?tab=accounts&text=x%3D1",
            ),
            (object(ObjectKind::Role), "/roles/a%20b"),
            (object(ObjectKind::Setting(model::draft::SettingKind::Risk)), "/drafts/edit?kind=risk&name=a%20b"),
            (Target::Order(OrderId(9)), "/orders/9"),
            (Target::View(SavedViewId(1), "/orders".into(), "state=errored".into()), "/orders?state=errored"),
            (Target::View(SavedViewId(1), "/orders".into(), String::new()), "/orders"),
        ] {
            assert_eq!(address(&target), expected);
        }
    }

    #[test]
    fn letters_lead_to_one_place_each() {
        let mut letters: Vec<&str> = KEYS.iter().map(|(letter, ..)| *letter).collect();
        letters.sort_unstable();
        letters.dedup();
        assert_eq!(letters.len(), KEYS.len());
    }

    #[test]
    fn the_palette_shows_the_best_of_all_kinds() {
        let hit =
            |id, score| Hit { target: Target::Order(OrderId(id)), title: String::new(), detail: String::new(), score };
        let shown = best(vec![vec![hit(1, 10), hit(2, 90)], vec![hit(3, 50)]], 2);
        assert_eq!(shown.iter().map(|one| one.address.as_str()).collect::<Vec<_>>(), ["/orders/2", "/orders/3"]);
    }
}
