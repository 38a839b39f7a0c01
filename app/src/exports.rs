//! Lists as files: all rows that a list shows for its filters, page after page, with the columns of the page. Numbers stand
//! bare and times in full, so that a spreadsheet can sort by them; what it could calculate is written as text.
//!
//! Each piece is read with the use case of the page, so that a file holds nothing that the page does not show.

mod access;
mod changes;
mod people;

use engine::context::OpContext;
use engine::exports::IN_A_PIECE;
use jiff::Timestamp;
use model::draft::ObjectKind;
use model::error::ApiError;
use model::page::Page;

use crate::logic::address::{Address, decode};
use crate::logic::query::Query;

/// A piece of a file, and where the next one begins.
pub type Piece = (String, Option<String>);

/// Rows of a list under their columns.
struct Rows {
    columns: &'static [&'static str],
    rows: Vec<Vec<String>>,
    next: Option<String>,
}

impl Rows {
    fn of<T>(columns: &'static [&'static str], page: Page<T>, cells: impl Fn(&T) -> Vec<String>) -> Self {
        Self { columns, rows: page.rows.iter().map(cells).collect(), next: page.next }
    }

    /// Of a list that is short enough to be read at once.
    fn all<T>(columns: &'static [&'static str], rows: &[T], cells: impl Fn(&T) -> Vec<String>) -> Self {
        Self { columns, rows: rows.iter().map(cells).collect(), next: None }
    }
}

/// Names of files, and the pages whose lists they hold; `{}` stands for the part that `of` names.
const FILES: [(&str, &str); 26] = [
    ("identities", "/identities"),
    ("orders", "/orders"),
    ("work-items", "/work-items"),
    ("forms", "/forms"),
    ("review", "/review"),
    ("approvals", "/approvals"),
    ("requests", "/requests"),
    ("bulk-changes", "/bulk-changes"),
    ("native-changes", "/native-changes"),
    ("violations", "/violations"),
    ("reconciliation", "/reconciliation"),
    ("certifications", "/certifications"),
    ("certification-items", "/certifications/{}"),
    ("runs", "/jobs"),
    ("applications", "/applications"),
    ("accounts", "/applications/{}"),
    ("roles", "/roles"),
    ("access-profiles", "/access-profiles"),
    ("entitlements", "/entitlements"),
    ("rules", "/rules"),
    ("found-entitlements", "/found-entitlements"),
    ("policy-check", "/lint"),
    ("drafts", "/drafts"),
    ("users", "/users"),
    ("mails", "/mails"),
    ("events", "/events"),
];

/// Where the list of a page is to be had as a file, narrowed as on the page; none where the page is no list.
pub fn address(path: &str, query: &Query) -> Option<String> {
    let (name, part) = FILES.iter().find_map(|(name, page)| match page.strip_suffix("{}") {
        None => (*page == path).then_some((*name, None)),
        Some(before) => {
            let part =
                path.strip_prefix(before).filter(|part| !part.is_empty() && !part.contains('/') && *part != "new");
            part.map(|part| (*name, Some(decode(part))))
        }
    })?;
    let mut address = Address::new(format!("/exports/{name}.csv")).with("of", part.as_deref());
    for (key, value) in query.pairs().filter(|(key, _)| !["after", "before", "of"].contains(key)) {
        address = address.with(key, Some(value));
    }
    Some(address.to_string())
}

/// Whether there is a file of that name.
pub fn is_known(name: &str) -> bool {
    FILES.iter().any(|(known, _)| *known == name)
}

/// A piece of the file: of the list that the query describes, after the place at which the last piece ended.
///
/// # Errors
/// Where there is no such file, and where the page would refuse.
pub async fn piece(op: &OpContext, name: &str, query: &Query, after: Option<String>) -> Result<Piece, ApiError> {
    let is_first = after.is_none();
    let rows = match name {
        "identities" => people::identities(op, query, after).await?,
        "accounts" => people::accounts(op, query, after).await?,
        "work-items" => people::work_items(op, query, after).await?,
        "users" => people::users(op, query, after).await?,
        "mails" => people::mails(op, query, after).await?,
        "forms" => people::forms(op, query, after).await?,
        "orders" => changes::orders(op, query, after).await?,
        "review" => changes::review(op, query, after).await?,
        "events" => changes::events(op, query, after).await?,
        "requests" => changes::requests(op, query, after).await?,
        "bulk-changes" => changes::bulk_changes(op, after).await?,
        "native-changes" => changes::native_changes(op, query, after).await?,
        "runs" => changes::runs(op, query, after).await?,
        "applications" => changes::applications(op).await?,
        "approvals" => access::approvals(op, query, after).await?,
        "violations" => access::violations(op, query, after).await?,
        "reconciliation" => access::reconciliation(op, query, after).await?,
        "certifications" => access::certifications(op, after).await?,
        "certification-items" => access::certification_items(op, query, after).await?,
        "roles" => access::objects(op, ObjectKind::Role, query).await?,
        "access-profiles" => access::objects(op, ObjectKind::AccessProfile, query).await?,
        "entitlements" => access::objects(op, ObjectKind::Entitlement, query).await?,
        "rules" => access::objects(op, ObjectKind::Rule, query).await?,
        "found-entitlements" => access::found_entitlements(op, query).await?,
        "policy-check" => access::findings(op, query).await?,
        "drafts" => access::drafts(op, query, after).await?,
        _ => return Err(ApiError::not_found(format!("file `{}`", name.chars().take(40).collect::<String>()))),
    };
    Ok((engine::exports::piece(rows.columns, rows.rows, is_first)?, rows.next))
}

/// Rows of a piece.
const LIMIT: Option<u32> = Some(IN_A_PIECE);

fn time(at: Option<Timestamp>) -> String {
    at.map(|at| at.to_string()).unwrap_or_default()
}

/// A place in a list as its page writes it into an address.
fn place<T: std::str::FromStr>(after: Option<&String>) -> Result<Option<T>, ApiError> {
    let wrong = |_| ApiError::invalid("after", "That does not continue this list; start again from its first page.");
    after.map(|after| after.parse().map_err(wrong)).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_narrowed_as_its_page_is() {
        let of = |path, query| address(path, &Query::parse(query));
        for (path, query, expected) in [
            ("/orders", "state=errored&after=7.x", Some("/exports/orders.csv?state=errored")),
            ("/orders", "", Some("/exports/orders.csv")),
            ("/orders/7", "", None),
            (
                "/applications/badge%20%26",
                "tab=accounts&of=x",
                Some("/exports/accounts.csv?of=badge%20%26&tab=accounts"),
            ),
            ("/certifications/7", "mine=yes", Some("/exports/certification-items.csv?of=7&mine=yes")),
            ("/certifications/new", "", None),
            ("/review", "cause=review&type=a%20b", Some("/exports/review.csv?cause=review&type=a%20b")),
            ("/review/declined", "", None),
            ("/events", "stream=audit&text=ann&after=7", Some("/exports/events.csv?stream=audit&text=ann")),
            ("/certifications/7/sign-off", "", None),
            ("/", "", None),
        ] {
            assert_eq!(of(path, query).as_deref(), expected, "{path}?{query}");
        }
    }

    #[test]
    fn every_list_that_is_narrowed_is_to_be_had_as_a_file() {
        for list in engine::saved_views::LISTS {
            assert!(address(&list.path.replace("{}", "x"), &Query::default()).is_some(), "{}", list.path);
        }
    }
}
