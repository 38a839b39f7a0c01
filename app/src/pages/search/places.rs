//! Pages, and what can be begun on them, as places that are found by their names.

use engine::search::Question;
use model::search::{Hit, Target};

use crate::frame::Rights;

/// Name, further words, where it is, and the permission that it takes; nothing where being signed in is enough.
type Place = (&'static str, &'static str, &'static str, &'static str);

/// Pages.
const PAGES: &[Place] = &[
    ("Home", "start overview dashboard", "/", "/Home/View"),
    ("Identities", "people persons everybody employees", "/identities", "/Identities/View"),
    ("Attribute quality", "identities sources missing values", "/identities/quality", "/Identities/View"),
    ("Orders", "provisioning changes", "/orders", "/Orders/View"),
    ("Failed orders", "errored state problems", "/orders?state=errored", "/Orders/View"),
    ("Work items", "manual provisioning tasks", "/work-items", "/WorkItems/View"),
    ("Bulk provision", "work items file", "/work-items/bulk", "/WorkItems/Bulk"),
    ("Questions to me", "work items asked", "/work-items/questions", ""),
    ("Forms", "questions answers", "/forms", ""),
    ("Review", "provisioning review orders approve", "/review", "/Orders/Review"),
    ("Declined changes", "review", "/review/declined", "/Orders/Review"),
    ("Approvals", "requests agree", "/approvals", ""),
    ("Certifications", "campaigns recertification attestation", "/certifications", ""),
    ("Requests", "asked for", "/requests", "/Requests/View"),
    ("Kept access", "grace requests", "/requests/kept", "/Requests/View"),
    ("Bulk changes", "many file", "/bulk-changes", "/Requests/View"),
    ("Job execution", "jobs runs", "/jobs", "/Jobs/View"),
    ("Compare two runs", "jobs difference", "/jobs/compare", "/Jobs/View"),
    ("Applications", "systems targets connected", "/applications", "/Applications/View"),
    ("Agents", "networks", "/agents", "/Agents/View"),
    ("Roles", "role model", "/roles", "/Configuration/View"),
    ("Access profiles", "role model", "/access-profiles", "/Configuration/View"),
    ("Entitlements", "role model groups", "/entitlements", "/Configuration/View"),
    ("Rules", "role model assignment", "/rules", "/Configuration/View"),
    ("Found entitlements", "role model naming", "/found-entitlements", "/Configuration/View"),
    ("Role mining", "role model proposals", "/mining", "/Configuration/View"),
    ("Policy check", "lint role model findings", "/lint", "/Configuration/View"),
    ("Configuration", "settings sources connections", "/configuration", "/Configuration/View"),
    ("Drafts", "changes prepared configuration", "/drafts", "/Configuration/View"),
    ("Native changes", "drift outside", "/native-changes", "/NativeChanges/View"),
    ("Violations", "risks segregation duties", "/violations", "/Violations/View"),
    ("Reconciliation", "non-conforming access", "/reconciliation", "/Reconciliation/View"),
    ("Go-live", "reconciliation", "/reconciliation/go-live", "/Reconciliation/View"),
    ("Events", "subscriptions receivers webhooks syslog", "/events", "/Events/View"),
    ("What happened", "events list", "/events?stream=events", "/Events/View"),
    ("Audit trail", "events who did what log", "/events?stream=audit", "/Events/View"),
    ("Users", "sign in logins accounts of the product", "/users", "/Users/View"),
    ("Permission profiles", "users rights", "/permissions", "/Users/View"),
    ("Permission tester", "users may rights", "/permissions/test", "/Users/View"),
    ("Who is notified", "users mail permissions", "/permissions/notices", "/Users/View"),
    ("Mail", "notifications delivered", "/mails", "/Mails/View"),
    ("My mail", "notifications preferences", "/my-mail", ""),
    ("Saved views", "lists filters", "/views", ""),
];

/// What can be begun.
const ACTIONS: &[Place] = &[
    ("Start the complete job", "run compute provision", "/jobs", "/Jobs/Run"),
    ("New request", "ask for access give take", "/requests/new", "/Requests/Submit"),
    ("New draft", "change configuration role", "/drafts/edit?kind=role", "/Configuration/Draft"),
    ("New role", "draft", "/drafts/edit?kind=role", "/Configuration/Draft"),
    ("New rule", "draft", "/drafts/edit?kind=rule", "/Configuration/Draft"),
    ("New application", "draft connect", "/drafts/edit?kind=application", "/Configuration/Draft"),
    ("New certification campaign", "recertification", "/certifications/new", "/Certifications/Manage"),
    ("Add a user", "sign in login", "/users/new", "/Users/Manage"),
    ("Give or take something for many", "bulk change file", "/bulk-changes", "/Requests/Bulk"),
];

/// Places that fit what was typed, and whose page opens for these rights.
pub(super) fn found(text: &str, rights: &Rights) -> Vec<Hit> {
    let question = Question::new(text);
    if question.is_empty() {
        return Vec::new();
    }
    let hit = |(name, more, address, permission): &Place, detail: &str| {
        let may = permission.is_empty() || rights.may(permission);
        let fold = engine::search::fold;
        let score = question.score(&fold(name), &fold(more)).filter(|_| may)?;
        Some(Hit {
            target: Target::Page((*address).to_owned()),
            title: (*name).to_owned(),
            detail: detail.to_owned(),
            score,
        })
    };
    let actions = ACTIONS.iter().filter_map(|place| hit(place, "Begin here"));
    let pages = PAGES.iter().filter_map(|place| hit(place, "Page"));
    actions.chain(pages).collect()
}

#[cfg(test)]
mod tests {
    use model::user::PermissionPath;

    use super::*;
    use crate::permissions::PERMISSIONS;

    fn rights(paths: &[&str]) -> Rights {
        Rights::of(&paths.iter().filter_map(|path| PermissionPath::parse(path)).collect::<Vec<_>>())
    }

    #[test]
    fn every_page_opens_for_whom_it_is_shown() {
        let page = |address: &str| address.split('?').next().unwrap_or_default().to_owned();
        for (name, _, address, permission) in PAGES {
            let (_, needs) = PERMISSIONS.iter().find(|(path, _)| *path == page(address)).expect(name);
            assert!(*needs == "signed in" || needs == permission, "{name} needs {needs}");
        }
        for (name, _, address, permission) in ACTIONS {
            let (_, needs) = PERMISSIONS.iter().find(|(path, _)| *path == page(address)).expect(name);
            let parent = |path: &str| path.rsplit_once('/').map(|(parent, _)| parent.to_owned());
            assert!(needs == permission || parent(needs) == parent(permission), "{name} needs {needs}");
            assert!(PERMISSIONS.iter().any(|(_, needs)| needs == permission), "{name}: nobody asks for {permission}");
        }
    }

    #[test]
    fn nobody_finds_what_they_may_not_open() {
        let titles =
            |text: &str, rights: &Rights| found(text, rights).into_iter().map(|hit| hit.title).collect::<Vec<_>>();
        assert!(titles("complete job", &rights(&["/*"])).contains(&"Start the complete job".to_owned()));
        assert!(titles("complete job", &rights(&["/Jobs/View"])).is_empty());
        assert_eq!(titles("forms", &rights(&["/Home/View"])), ["Forms"]);
        for (name, _, address, permission) in PAGES.iter().chain(ACTIONS) {
            let shown = found(name, &rights(&["/Home/View"]));
            let open = permission.is_empty() || *permission == "/Home/View";
            assert_eq!(shown.iter().any(|hit| hit.target == Target::Page((*address).to_owned())), open, "{name}");
        }
    }
}
