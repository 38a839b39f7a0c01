//! What must hold for every page, whatever it shows.

use leptos::prelude::*;
use leptos_meta::{ServerMetaContext, provide_meta_context};
use model::plan::ItemKind;

use crate::frame::{Sheet, bare, frame};
use crate::permissions::PERMISSIONS;
use crate::samples;

/// Forms that the rim answers.
const ELSEWHERE: [&str; 5] =
    ["/login", "/logout", "/preferences/theme", "/work-items/bulk/upload", "/bulk-changes/upload"];

fn html(name: &str, sheet: Sheet) -> String {
    let owner = Owner::new();
    owner.with(|| {
        let (meta, _output) = ServerMetaContext::new();
        provide_meta_context();
        provide_context(meta);
        if name == "login" { bare(sheet).to_html() } else { frame(&samples::visitor(), sheet).to_html() }
    })
}

fn pages() -> impl Iterator<Item = (&'static str, String)> {
    samples::sheets().into_iter().map(|(name, sheet)| (name, html(name, sheet)))
}

/// Values of an attribute over the whole page.
fn values<'a>(html: &'a str, attribute: &str) -> Vec<&'a str> {
    let start = format!(" {attribute}=\"");
    html.split(&start).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

#[test]
fn no_page_needs_inline_style_or_script() {
    for (name, html) in pages() {
        assert!(!html.contains(" style="), "{name}: the content security policy forbids inline style");
        assert!(!html.contains("<script"), "{name}");
        assert!(!html.contains(" onclick=") && !html.contains("javascript:"), "{name}");
    }
}

#[test]
fn every_form_is_posted_where_somebody_answers() {
    for (name, html) in pages() {
        for form in html.split("<form").skip(1) {
            let tag = form.split('>').next().unwrap();
            if !tag.contains("method=\"post\"") {
                continue;
            }
            let action = *values(tag, "action").first().expect(name);
            let answered = ELSEWHERE.contains(&action) || PERMISSIONS.iter().any(|(path, _)| *path == action);
            assert!(answered, "{name}: nobody answers {action}");
        }
    }
}

/// Enter in a field presses the first button of its form that is not disabled, or none where the first one is.
#[test]
fn enter_in_a_field_decides_about_no_line() {
    for (name, html) in pages() {
        for form in html.split("<form").skip(1).filter_map(|form| form.split("</form>").next()) {
            let is_typed =
                |tag: &str| !["hidden", "checkbox", "radio"].iter().any(|kind| values(tag, "type").contains(kind));
            let mut inputs = form.split("<input").skip(1).filter_map(|rest| rest.split('>').next());
            let is_sending = |at: &usize| !form[*at..].split('>').next().unwrap().contains("type=\"button\"");
            let first = form.match_indices("<button").map(|(at, _)| at).find(is_sending);
            let (Some(button), true) = (first, inputs.any(is_typed)) else { continue };
            let before = &form[..button];
            let is_in_a_line = before.rfind("<tr").is_some_and(|at| !before[at..].contains("</tr>"));
            assert!(!is_in_a_line, "{name}: Enter presses {}", &form[button..form.len().min(button + 200)]);
        }
    }
}

#[test]
fn every_page_has_one_heading_a_main_part_and_labels() {
    for (name, html) in pages() {
        assert_eq!(html.matches("<h1").count(), 1, "{name}");
        assert_eq!(html.matches("<main").count(), 1, "{name}");
        let wrapped = html.split("<input").skip(1).zip(html.split("<input"));
        for (rest, before) in wrapped {
            let tag = rest.split('>').next().unwrap();
            let in_label = before.rfind("<label").is_some_and(|at| !before[at..].contains("</label>"));
            let has_label = values(tag, "id").iter().any(|id| html.contains(&format!("<label for=\"{id}\"")));
            let is_named = tag.contains("aria-label=") || tag.contains("type=\"hidden\"") || in_label || has_label;
            assert!(is_named, "{name}: an input without a name: {tag}");
        }
        let mut ids = values(&html, "id");
        let count = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), count, "{name}: an id stands twice");
    }
}

#[test]
fn states_are_said_in_words() {
    let (_, orders) = pages().find(|(name, _)| *name == "orders").unwrap();
    for word in ["Confirmed", "Waiting to be sent", "Sent, no answer yet", "Failed", "Waiting for a person"] {
        assert!(orders.contains(word), "{word}");
    }
    assert!(orders.contains("State 4 Verified"), "number and name on demand");
}

#[test]
fn an_integration_that_does_not_answer_is_on_the_home_page() {
    let (_, home) = pages().find(|(name, _)| *name == "home").unwrap();
    let tile = home.split("class=\"tile\"").find(|tile| tile.contains("Nightly exchange")).unwrap();
    assert!(tile.contains("Does not answer"), "{tile}");
    assert!(!home.contains("Service desk"), "one that is well is not");
}

#[test]
fn a_why_is_a_sentence_with_values_and_a_way() {
    let (_, identity) = pages().find(|(name, _)| *name == "identity").unwrap();
    for piece in ["Rule sales-staff holds because", "department", "Sales", "access profile", "crm-access"] {
        assert!(identity.contains(piece), "{piece}");
    }
}

#[test]
fn a_plan_says_which_of_it_the_order_is() {
    let visitor = samples::visitor();
    for kinds in [&[ItemKind::Lifecycle, ItemKind::Attribute, ItemKind::Entitlement][..], &[ItemKind::Entitlement], &[]]
    {
        let mut detail = samples::orders::order_detail();
        detail.order.items.retain(|item| kinds.contains(&item.kind));
        let html = html("order", crate::pages::orders::order_sheet(&detail, &visitor.rights, &visitor.clock));
        assert_eq!(html.matches(">this order<").count(), 1, "{kinds:?}");
    }
}

#[test]
fn secrets_never_reach_a_page() {
    for (name, html) in pages() {
        assert!(!html.contains("hunter2"), "{name}");
    }
}

#[test]
fn what_people_are_called_is_escaped() {
    let mut visitor = samples::visitor();
    visitor.name = "<img src=x onerror=alert(1)>\"'".into();
    let error = model::error::ApiError::not_found("<script>alert(1)</script>");
    let owner = Owner::new();
    let html = owner.with(|| {
        let (meta, _output) = ServerMetaContext::new();
        provide_meta_context();
        provide_context(meta);
        let sheet = crate::pages::problem::sheet(&error, &visitor);
        frame(&visitor, sheet).to_html()
    });
    assert!(!html.contains("<img") && !html.contains("<script"), "{html}");
}

/// Each list's own reading and writing of an address, with every filter in force, against what views keep of it.
#[test]
fn views_know_the_filters_of_their_lists_and_no_others() {
    use crate::logic::query::{self, Query};
    type Again = fn(&Query) -> String;
    let cases: [(&str, &str, Again); 16] = [
        ("/identities", "text=a&department=b&lifecycle=active&state=c", |q| {
            query::identities_address(&query::identities(q)).to_string()
        }),
        (
            "/orders",
            "state=errored&text=a&application=b&mechanism=direct&carrier=c&identity=1&run=2&trouble=set_aside&fingerprint=d",
            |q| query::orders_address(&query::orders(q)).to_string(),
        ),
        ("/work-items", "scope=mine&state=done&overdue=yes&text=a&application=b", |q| {
            query::work_items_address(&query::work_items(q)).to_string()
        }),
        ("/forms", "scope=all&state=answered", |q| query::forms_address(&query::forms(q)).to_string()),
        ("/review", "cause=review&type=a&order=1", |q| {
            crate::logic::review::address(&crate::logic::review::filter(q)).to_string()
        }),
        (
            "/events",
            "stream=events&type=account.*&application=a&identity=1&text=b&since=2026-03-01&until=2026-03-02",
            |q| query::events_address(&query::events(q)).to_string(),
        ),
        ("/approvals", "whose=all&request=1", |q| query::approvals_address(&query::approvals(q)).to_string()),
        ("/requests", "state=failed&text=a&trigger=administrator&identity=1&requester=b", |q| {
            query::requests_address(&query::requests(q)).to_string()
        }),
        ("/native-changes", "application=a&kind=attribute&state=open&identity=1", |q| {
            query::native_changes_address(&query::native_changes(q)).to_string()
        }),
        ("/violations", "risk=a&level=50&state=open&application=b&identity=1", |q| {
            query::violations_address(&query::violations(q)).to_string()
        }),
        (
            "/reconciliation",
            "view=accounts&application=a&account_type=b&text=c&identity=1&since=2026-01-01&origin=pre_existing",
            |q| query::reconciliation_address(&query::reconciliation(q)).to_string(),
        ),
        ("/certifications/{}", "mine=yes&state=open&origin=rule&application=a&text=b", |q| {
            query::certification_items_address(model::ids::CampaignId(1), &query::certification_items(q)).to_string()
        }),
        ("/applications/{}", "tab=accounts&text=a&show=without_owner", |q| {
            query::accounts_address(&query::accounts("x", q)).to_string()
        }),
        ("/users", "text=a&profile=b&show=disabled", |q| query::users_address(&query::users(q)).to_string()),
        ("/mails", "state=failed", |q| query::mails_address(&query::mails(q)).to_string()),
        ("/lint", "kind=never_true&severity=warning", |q| {
            let filter = crate::pages::lint::filter(q);
            let kind = filter.kind.map(|kind| format!("kind={}&", kind.name())).unwrap_or_default();
            format!("/lint?{kind}severity={}", filter.severity.map(|one| one.name()).unwrap_or_default())
        }),
    ];
    let keys = |query: &str| {
        let mut keys: Vec<String> = Query::parse(query).pairs().map(|(key, _)| key.to_owned()).collect();
        keys.sort_unstable();
        keys
    };
    for (path, asked, again) in cases {
        let list = engine::saved_views::LISTS.iter().find(|list| list.path == path).expect(path);
        let mut known: Vec<String> = list.keys.iter().map(|key| (*key).to_owned()).collect();
        known.sort_unstable();
        assert_eq!(keys(asked), known, "{path}");
        let address = again(&Query::parse(asked));
        assert_eq!(keys(address.split_once('?').map_or("", |(_, query)| query)), known, "{path}: {address}");
    }
}

#[test]
fn a_view_takes_what_its_page_takes() {
    for list in engine::saved_views::LISTS {
        let route = list.path.replace("{}", "{name}");
        let other = list.path.replace("{}", "{id}");
        let line = PERMISSIONS.iter().find(|(path, _)| *path == route || *path == other);
        let (_, needs) = line.expect(list.path);
        assert_eq!(
            *needs,
            list.permission.or(list.duty.map(model::user::Duty::path)).unwrap_or("signed in"),
            "{}",
            list.path
        );
    }
}
