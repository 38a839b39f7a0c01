//! Kept access of the gallery: some to decide on, to look at only, and none.

use app::frame::{Rights, Sheet};
use app::pages::kept_access::kept_sheet;
use engine::grace::KeptRow;
use model::access::{GrantOrigin, Grantable};
use model::identity::Period;
use model::ids::{DirectGrantId, IdentityId, RequestId};
use model::request::DirectGrant;

pub(crate) fn sheets(rights: &Rights) -> Vec<(&'static str, Sheet)> {
    vec![
        ("kept-access", kept_sheet(&rows(), rights)),
        ("kept-access-refused", kept_sheet(&rows(), &Rights::default())),
        ("kept-access-none", kept_sheet(&[], rights)),
    ]
}

fn rows() -> Vec<KeptRow> {
    let row = |number: i64, identity_name: &str, grantable: Grantable, label: &str| KeptRow {
        grant: DirectGrant {
            id: DirectGrantId(number),
            identity: IdentityId(100 + number),
            grantable,
            period: Period {
                starts: Some(jiff::civil::date(2026, 11, 22)),
                ends: Some(jiff::civil::date(2026, 12, 6)),
            },
            origin: GrantOrigin {
                request: RequestId(1040 + number),
                by: "olga".into(),
                why:
                    "Kept until 2026-12-05 since version 4711 of the configuration no longer gives it; before, it came \
                      from rule \u{201c}claims-handlers\u{201d}."
                        .into(),
            },
        },
        identity_name: identity_name.into(),
        label: label.into(),
    };
    vec![
        row(1, "Małgorzata Wiśniewska", Grantable::Role("claims-handler".into()), "Claims handler"),
        row(2, "Tuấn van der Linden", Grantable::AccessProfile("directory-sales".into()), "Sales shares"),
    ]
}
