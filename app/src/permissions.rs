//! What each page and each server function takes. The program refuses to start when one of them has no line here; the
//! use cases of `engine` ask for the same paths once more.

pub mod asked;
pub mod tree;

/// Path of a route or server function, and the permission path that it takes, `signed in`, or `public`.
pub const PERMISSIONS: &[(&str, &str)] = &[
    ("/login", "public"),
    ("/", "/Home/View"),
    // Each thing is found with the permission of its page.
    ("/search", "signed in"),
    ("/identities", "/Identities/View"),
    ("/identities/{id}", "/Identities/View"),
    ("/orders", "/Orders/View"),
    ("/orders/{id}", "/Orders/View"),
    ("/work-items", "/WorkItems/View"),
    ("/work-items/bulk", "/WorkItems/Bulk"),
    // Whoever is asked about a work item sees that one, whatever their profile says.
    ("/work-items/questions", "signed in"),
    ("/work-items/{id}", "signed in"),
    ("/forms", "signed in"),
    ("/forms/{id}", "signed in"),
    ("/review", "/Orders/Review"),
    ("/review/confirm", "/Orders/Review"),
    ("/review/declined", "/Orders/Review"),
    ("/native-changes", "/NativeChanges/View"),
    // Whoever owns a risk sees and decides on its violations, whatever their profile says.
    ("/violations", "signed in"),
    ("/violations/{id}", "signed in"),
    ("/reconciliation", "/Reconciliation/View"),
    ("/reconciliation/go-live", "/Reconciliation/View"),
    ("/requests", "/Requests/View"),
    ("/requests/new", "/Requests/Submit"),
    ("/requests/kept", "/Requests/View"),
    ("/requests/{id}", "/Requests/View"),
    // Whoever is somebody of the organisation sees and asks for their own access, and that of those who report to them,
    // whatever their profile says; the use cases look whose it is.
    ("/access", "signed in"),
    ("/access/request", "signed in"),
    ("/access/requests/{id}", "signed in"),
    // Whoever may decide about a request sees and decides that one, whatever their profile says.
    ("/approvals", "signed in"),
    // Whoever is asked to certify access sees that, and decides about it, whatever their profile says.
    ("/certifications", "signed in"),
    ("/certifications/new", "/Certifications/Manage"),
    ("/certifications/{id}", "signed in"),
    ("/certifications/{id}/sign-off", "signed in"),
    ("/bulk-changes", "/Requests/View"),
    ("/bulk-changes/{id}", "/Requests/View"),
    ("/jobs", "/Jobs/View"),
    ("/jobs/compare", "/Jobs/View"),
    ("/jobs/runs/{id}", "/Jobs/View"),
    ("/jobs/runs/{id}/undo", "/Jobs/View"),
    ("/applications", "/Applications/View"),
    ("/applications/{name}", "/Applications/View"),
    ("/integrations/{name}", "/Applications/View"),
    ("/agents", "/Agents/View"),
    ("/roles", "/Configuration/View"),
    ("/roles/{name}", "/Configuration/View"),
    ("/access-profiles", "/Configuration/View"),
    ("/access-profiles/{name}", "/Configuration/View"),
    ("/entitlements", "/Configuration/View"),
    ("/found-entitlements", "/Configuration/View"),
    ("/configuration", "/Configuration/View"),
    ("/identities/quality", "/Identities/View"),
    ("/lint", "/Configuration/View"),
    ("/graph", "/Configuration/View"),
    ("/mining", "/Configuration/View"),
    ("/entitlements/{name}", "/Configuration/View"),
    ("/rules", "/Configuration/View"),
    ("/rules/{name}", "/Configuration/View"),
    ("/drafts", "/Configuration/View"),
    ("/drafts/edit", "/Configuration/Draft"),
    ("/drafts/{id}", "/Configuration/View"),
    ("/drafts/{id}/orders", "/Configuration/View"),
    ("/users", "/Users/View"),
    ("/users/new", "/Users/Manage"),
    ("/users/{id}", "/Users/View"),
    ("/permissions", "/Users/View"),
    ("/permissions/test", "/Users/View"),
    ("/permissions/notices", "/Users/View"),
    ("/events", "/Events/View"),
    ("/mails", "/Mails/View"),
    ("/my-mail", "signed in"),
    // Views are one's own, and what others share of lists that one may see.
    ("/views", "signed in"),
    ("/api/pages/orders/retry", "/Orders/Retry"),
    ("/api/pages/orders/edit", "/Orders/Edit"),
    ("/api/pages/orders/send-to-manual", "/Orders/SendToManual"),
    ("/api/pages/orders/mark-done", "/Orders/MarkDone"),
    ("/api/pages/orders/cancel", "/Orders/Cancel"),
    ("/api/pages/orders/hold", "/Orders/Hold"),
    ("/api/pages/orders/resume", "/Orders/Hold"),
    ("/api/pages/orders/bulk", "/Orders/Bulk"),
    ("/api/pages/work-items/claim", "/WorkItems/Fulfil"),
    ("/api/pages/work-items/release", "/WorkItems/Fulfil"),
    ("/api/pages/work-items/close", "/WorkItems/Fulfil"),
    ("/api/pages/work-items/report", "/WorkItems/Fulfil"),
    ("/api/pages/work-items/reassign", "/WorkItems/Fulfil"),
    ("/api/pages/work-items/ask", "/WorkItems/Fulfil"),
    ("/api/pages/work-items/take-back", "/WorkItems/Fulfil"),
    ("/api/pages/work-items/answer", "signed in"),
    ("/api/pages/work-items/bulk", "/WorkItems/Bulk"),
    ("/api/pages/forms/answer", "signed in"),
    ("/api/pages/forms/change", "signed in"),
    ("/api/pages/review/decide", "/Orders/Review"),
    ("/api/pages/review/unblock", "/Orders/Review"),
    ("/api/pages/review/reopen", "/Orders/Review"),
    ("/api/pages/native-changes/decide", "/NativeChanges/Decide"),
    ("/api/pages/violations/except", "signed in"),
    ("/api/pages/violations/reopen", "signed in"),
    ("/api/pages/violations/remediate", "signed in"),
    ("/api/pages/reconciliation/decide", "/Reconciliation/Decide"),
    ("/api/pages/reconciliation/undo", "/Reconciliation/Decide"),
    ("/api/pages/reconciliation/go-live", "/Reconciliation/GoLive"),
    ("/api/pages/requests/submit", "/Requests/Submit"),
    ("/api/pages/requests/cancel", "/Requests/Submit"),
    ("/api/pages/requests/kept", "/Requests/Submit"),
    ("/api/pages/access/submit", "signed in"),
    ("/api/pages/access/withdraw", "signed in"),
    ("/api/pages/approvals/decide", "signed in"),
    ("/api/pages/certifications/decide", "signed in"),
    ("/api/pages/certifications/sign-off", "signed in"),
    ("/api/pages/certifications/start", "/Certifications/Manage"),
    ("/api/pages/certifications/finish", "/Certifications/Manage"),
    ("/api/pages/bulk-changes/choose", "/Requests/Bulk"),
    ("/api/pages/bulk-changes/confirm", "/Requests/Bulk"),
    ("/api/pages/bulk-changes/look-again", "/Requests/Bulk"),
    ("/api/pages/bulk-changes/discard", "/Requests/Bulk"),
    ("/api/pages/bulk-changes/undo", "/Requests/Bulk"),
    ("/api/pages/jobs/start", "/Jobs/Run"),
    ("/api/pages/jobs/cancel", "/Jobs/Run"),
    ("/api/pages/jobs/resume", "/Jobs/Resume"),
    ("/api/pages/jobs/rerun", "/Jobs/Run"),
    ("/api/pages/jobs/undo", "/Jobs/Undo"),
    ("/api/pages/jobs/release-ring", "/Jobs/Resume"),
    ("/api/pages/applications/test", "/Applications/Test"),
    ("/api/pages/applications/probe", "/Applications/Probe"),
    ("/api/pages/applications/release", "/Applications/Release"),
    ("/api/pages/orders/end-restoration", "/Applications/Release"),
    ("/api/pages/agents/token", "/Agents/Tokens"),
    ("/api/pages/agents/revoke", "/Agents/Tokens"),
    ("/api/pages/accounts/decide", "/Accounts/Correlate"),
    ("/api/pages/events/pause", "/Events/Manage"),
    ("/api/pages/events/resume", "/Events/Manage"),
    ("/api/pages/events/replay", "/Events/Manage"),
    ("/api/pages/events/re-drive", "/Events/Manage"),
    ("/api/pages/mails/retry", "/Mails/Retry"),
    ("/api/pages/mails/retry-failed", "/Mails/Retry"),
    ("/api/pages/mails/give-up", "/Mails/GiveUp"),
    ("/api/pages/mails/test", "/Mails/Test"),
    ("/api/pages/my-mail", "signed in"),
    ("/api/pages/views/save", "signed in"),
    ("/api/pages/views/change", "signed in"),
    ("/api/pages/users/create", "/Users/Manage"),
    ("/api/pages/users/change", "/Users/Manage"),
    ("/api/pages/users/link", "/Users/Manage"),
    ("/api/pages/users/disable", "/Users/Manage"),
    ("/api/pages/users/enable", "/Users/Manage"),
    ("/api/pages/users/password", "/Users/Manage"),
    ("/api/pages/drafts/put", "/Configuration/Draft"),
    ("/api/pages/drafts/put-setting", "/Configuration/Draft"),
    ("/api/pages/drafts/try-connection", "/Applications/Test"),
    ("/api/pages/drafts/try-source", "/Configuration/Apply"),
    ("/api/pages/found-entitlements/draft", "/Configuration/Draft"),
    ("/api/pages/mining/take", "/Configuration/Draft"),
    ("/api/pages/drafts/remove", "/Configuration/Draft"),
    ("/api/pages/drafts/take-out", "/Configuration/Draft"),
    ("/api/pages/drafts/rename", "/Configuration/Draft"),
    ("/api/pages/drafts/rebase", "/Configuration/Draft"),
    ("/api/pages/drafts/discard", "/Configuration/Draft"),
    ("/api/pages/drafts/publish", "/Configuration/Apply"),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use leptos::server_fn::axum::server_fn_paths;
    use model::user::PermissionPath;

    use super::PERMISSIONS;

    #[test]
    fn every_server_function_has_exactly_one_line() {
        let listed: BTreeSet<&str> =
            PERMISSIONS.iter().map(|(path, _)| *path).filter(|path| path.starts_with("/api/")).collect();
        let registered: BTreeSet<&str> = server_fn_paths().map(|(path, _)| path).collect();
        assert_eq!(listed, registered);
        let all: BTreeSet<&str> = PERMISSIONS.iter().map(|(path, _)| *path).collect();
        assert_eq!(all.len(), PERMISSIONS.len());
    }

    #[test]
    fn every_line_can_be_read() {
        for (path, needs) in PERMISSIONS {
            assert!(matches!(*needs, "public" | "signed in") || PermissionPath::parse(needs).is_some(), "{path}");
        }
    }
}
