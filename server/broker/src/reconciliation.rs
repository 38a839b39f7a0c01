//! What is held and nothing grants, looked at one by one: what would happen by itself, what a person may decide, and which
//! direct grants give only what something else gives as well.

use model::access::Reason;
use model::configuration::OnRemoval;
use model::plan::{FilterReason, ItemKind, ItemOperation, Operation, Plan};
use model::reconciliation::{Finding, Outlook, Subject, Verdict};
use sha2::{Digest, Sha256};

use crate::catalogue::Catalogue;

/// What the plan makes of it; `plan` is the owner's, as a run would make it now.
pub fn outlook(finding: &Finding, plan: Option<&Plan>) -> Outlook {
    let Some(plan) = plan else {
        return stays("Nothing: no plan is made for an account without an owner.");
    };
    let key = match &finding.subject {
        Subject::Access { entitlement, .. } => Some(entitlement.as_str()),
        _ => None,
    };
    for request in plan.requests.iter().filter(|request| request.account == Some(finding.account)) {
        let item = request.items.iter().find(|item| {
            item.kind == ItemKind::Entitlement
                && item.operation == ItemOperation::Remove
                && Some(item.name.as_str()) == key
        });
        match (key, item) {
            (Some(_), Some(item)) => return goes(&item.explanation),
            (Some(_), None) if request.operation == Operation::Delete => {
                return goes(&format!("The account is deleted. {}", request.explanation));
            }
            (None, _) if request.operation.removes() => return goes(&request.explanation),
            _ => {}
        }
    }
    let of_type = |account_type: &str| account_type == finding.account_type;
    let kept = |kind: ItemKind, name: &str| {
        let is_it =
            |kept: &&model::plan::Retained| of_type(&kept.account_type) && kept.kind == kind && kept.name == name;
        plan.retained.iter().find(is_it).map(|kept| kept.why.clone())
    };
    let is_on_its_way = |kind: ItemKind, name: &str| {
        plan.filtered.iter().any(|left_out| {
            of_type(&left_out.account_type)
                && left_out.kind == kind
                && left_out.name == name
                && left_out.why == FilterReason::OnItsWay
        })
    };
    if let Some(key) = key {
        if is_on_its_way(ItemKind::Entitlement, key) {
            return goes("An order that takes it away is on its way.");
        }
        if let Some(why) = kept(ItemKind::Entitlement, key) {
            return stays(&why);
        }
    }
    if let Some(why) = kept(ItemKind::Lifecycle, &finding.account_key) {
        return match key {
            Some(_) => stays(&format!("It stays with its account. {why}")),
            None => stays(&why),
        };
    }
    if !finding.account_granted && is_on_its_way(ItemKind::Lifecycle, &finding.account_key) {
        return goes("An order about the account is on its way.");
    }
    stays("Nothing is planned.")
}

fn goes(why: &str) -> Outlook {
    Outlook { goes: true, why: why.to_owned() }
}

fn stays(why: &str) -> Outlook {
    Outlook { goes: false, why: why.to_owned() }
}

/// Why this cannot be decided about it; none where it can.
pub fn refusal(finding: &Finding, verdict: Verdict, catalogue: &Catalogue) -> Option<String> {
    match (&finding.subject, verdict) {
        (Subject::Access { .. }, Verdict::Remove) if !finding.account_granted => Some(format!(
            "Nothing grants the account {} that holds it either. Decide about the account: what it holds goes with it.",
            finding.account_key
        )),
        (Subject::Account { .. }, Verdict::Remove) => match catalogue.account_type(&finding.account_type) {
            None => Some(
                "The configuration does not know its account type any more, so no order can be made for it. Remove it in \
                 the application itself."
                    .to_owned(),
            ),
            Some(facts) if facts.on_removal == OnRemoval::Keep => Some(format!(
                "Account type \u{201c}{}\u{201d} says that accounts are kept (on_removal). Change that first, or remove it \
                 in the application itself.",
                facts.display_name
            )),
            Some(_) => None,
        },
        (Subject::Orphan { .. }, Verdict::Remove) => Some(
            "An order is always about a person, and this account has no owner. Link it to whoever answers for it, then \
             remove it among the accounts that nothing grants."
                .to_owned(),
        ),
        _ => None,
    }
}

/// What gives the same beside requests: each rule once, as in a sentence. Empty where only requests give it.
pub fn causes(reasons: &[Reason]) -> Vec<String> {
    let mut causes: Vec<String> = reasons.iter().filter(|reason| reason.grant.is_none()).map(Reason::cause).collect();
    causes.sort_unstable();
    causes.dedup();
    causes
}

/// Of all that a person saw when deciding about all of it: the same digest is the same things.
pub fn digest<'a>(subjects: impl Iterator<Item = &'a Subject>) -> String {
    let mut names: Vec<String> = subjects.map(ToString::to_string).collect();
    names.sort_unstable();
    let mut hash = Sha256::new();
    for name in names {
        hash.update((name.len() as u64).to_be_bytes());
        hash.update(name);
    }
    hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use model::access::Grantable;
    use model::account::{AccountStatus, Provenance};
    use model::ids::{AccountId, IdentityId};

    use super::*;
    use crate::worlds::{Taken, access, account, catalogue, compile, desired_account, reason};

    fn finding(account_type: &str, entitlement: Option<&str>, account_granted: bool) -> Finding {
        let (account, identity) = (AccountId(1), IdentityId(42));
        Finding {
            subject: match entitlement {
                Some(key) => {
                    let (held_since, entitlement) = (Timestamp::UNIX_EPOCH, key.to_owned());
                    Subject::Access { account, identity, held_since, entitlement }
                }
                None => Subject::Account { account, identity },
            },
            application: "directory".into(),
            application_name: String::new(),
            account_type: account_type.into(),
            account_type_label: String::new(),
            account,
            account_key: format!("{account_type}-1"),
            called: None,
            account_status: AccountStatus::Enabled,
            provenance: Provenance::Found,
            account_granted,
            identity_name: None,
            grantable: Some(Grantable::AccountType(account_type.into())),
            label: String::new(),
            since: Timestamp::UNIX_EPOCH,
            pre_existing: false,
            order: None,
            outlook: None,
        }
    }

    #[test]
    fn what_would_happen_is_what_the_plan_says() {
        let holding = |provenance| {
            let mut held = account(1, "person", AccountStatus::Enabled, provenance);
            held.entitlements = ["A".to_owned(), "UNKNOWN".to_owned()].into();
            [held]
        };
        let wanted = || vec![desired_account("person", vec![], &[])];
        // What is desired, the account, what is looked at, whether it goes, and a part of why.
        let cases = [
            (wanted(), Provenance::Found, Some("A"), true, "Nothing grants it any more"),
            (wanted(), Provenance::Found, Some("UNKNOWN"), false, "does not manage"),
            (vec![], Provenance::Found, Some("A"), false, "with its account. Quartermaster did not create it"),
            (vec![], Provenance::Found, None, false, "did not create it"),
            (vec![], Provenance::Created, None, true, "Nothing grants this account"),
            (vec![], Provenance::Created, Some("A"), true, "Nothing grants the account"),
        ];
        for (desired, provenance, key, goes, why) in cases {
            let is_granted = !desired.is_empty();
            let plan = compile(&access(desired), &holding(provenance), &[], &mut Taken::default());
            let found = outlook(&finding("person", key, is_granted), Some(&plan));
            assert_eq!(found.goes, goes, "{key:?} {provenance:?} {found:?} {plan:#?}");
            assert!(found.why.contains(why), "{key:?} {provenance:?} {found:?}");
        }
        assert!(!outlook(&finding("person", None, false), None).goes);
    }

    #[test]
    fn what_cannot_be_removed_says_why() {
        let orphan = Finding { subject: Subject::Orphan { account: AccountId(1) }, ..finding("person", None, false) };
        // What it is, and a part of why it cannot be removed.
        let cases = [
            (finding("person", Some("A"), true), None),
            (finding("person", Some("A"), false), Some("Decide about the account")),
            (finding("person", None, false), None),
            (finding("badge", None, false), Some("accounts are kept")),
            (finding("gone-type", None, false), Some("does not know")),
            (orphan, Some("has no owner")),
        ];
        for (finding, expected) in cases {
            let found = refusal(&finding, Verdict::Remove, &catalogue());
            assert_eq!(found.is_some(), expected.is_some(), "{:?}", finding.subject);
            assert!(found.is_none_or(|why| why.contains(expected.unwrap_or_default())));
            for verdict in [Verdict::Keep, Verdict::Postpone] {
                assert_eq!(refusal(&finding, verdict, &catalogue()), None);
            }
        }
    }

    #[test]
    fn only_rules_make_a_grant_redundant() {
        let of_request = Reason {
            grant: Some(Box::new(model::access::GrantOrigin {
                request: model::ids::RequestId(7),
                by: "ann".into(),
                why: "why".into(),
            })),
            ..reason("")
        };
        assert!(causes(std::slice::from_ref(&of_request)).is_empty());
        let twice = [of_request, reason("clerks"), reason("clerks")];
        assert_eq!(causes(&twice), ["rule \u{201c}clerks\u{201d}"]);
    }

    #[test]
    fn the_same_things_have_the_same_digest() {
        let one = Subject::Orphan { account: AccountId(1) };
        let other = Subject::Orphan { account: AccountId(2) };
        assert_eq!(digest([&one, &other].into_iter()), digest([&other, &one].into_iter()));
        assert_ne!(digest([&one].into_iter()), digest([&one, &other].into_iter()));
    }
}
