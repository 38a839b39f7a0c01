//! Campaigns in sentences, and the notices about them: these name campaigns and numbers, not people.

use std::collections::BTreeMap;

use broker::certification::Route;
use jiff::Timestamp;
use model::access::{Grantable, Reason};
use model::certification::{Campaign, CertificationItem};
use model::mail::{Notice, NoticeKind};
use model::work_item::Fulfiller;

use crate::Engine;
use crate::mails::notices::are_wanted;

/// Ways in which something is granted that are told; the page of the person has all.
const MOST_REASONS: usize = 3;

/// "1 item", "3 items".
pub(super) fn count(items: u64) -> String {
    if items == 1 { "1 item".to_owned() } else { format!("{items} items") }
}

/// Tells each of these how much waits for them.
pub(super) fn notices(engine: &Engine, campaign: &Campaign, waiting: &[(String, u64)], at: Timestamp) -> Vec<Notice> {
    let sentence = |items: u64| {
        let wait = if items == 1 { "waits" } else { "wait" };
        format!("{}: {} {wait} for your decision until {}", campaign.what.name, count(items), campaign.what.ends)
    };
    let told = waiting.iter().map(|(login, items)| notice(campaign, login, sentence(*items), at));
    if are_wanted(engine) { told.collect() } else { Vec::new() }
}

/// Tells those to whom items were given.
pub(super) fn given(engine: &Engine, campaign: &Campaign, items: &[CertificationItem], at: Timestamp) -> Vec<Notice> {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for login in items.iter().flat_map(|item| &item.reviewers) {
        *counts.entry(login.clone()).or_default() += 1;
    }
    notices(engine, campaign, &counts.into_iter().collect::<Vec<_>>(), at)
}

/// Tells those who have to change what a rule gives.
pub(super) fn to_owners(engine: &Engine, campaign: &Campaign, item: &CertificationItem, at: Timestamp) -> Vec<Notice> {
    let Some(gives) = item.changes.as_ref().filter(|_| are_wanted(engine)) else { return Vec::new() };
    let sentence = format!(
        "{}: a reviewer revoked something that a rule gives by {}. Change that, or say that it stays",
        campaign.what.name,
        engine.label(gives)
    );
    item.reviewers.iter().map(|login| notice(campaign, login, sentence.clone(), at)).collect()
}

fn notice(campaign: &Campaign, login: &str, sentence: String, at: Timestamp) -> Notice {
    Notice {
        at,
        kind: NoticeKind::Certification,
        about: campaign.id.to_string(),
        sentence,
        link: format!("/certifications/{}?mine=yes", campaign.id),
        run: None,
        to: Some(Fulfiller::User(login.to_owned())),
    }
}

/// Why something is held, in short: "rule “finance” (department = Finance), by Bookkeeper › Ledger books".
pub(super) fn why(engine: &Engine, reasons: &[Reason]) -> Vec<String> {
    let said = |reason: &Reason| {
        let facts: Vec<String> = reason.facts.iter().map(model::access::Fact::said).collect();
        let facts = if facts.is_empty() { String::new() } else { format!(" ({})", facts.join(", ")) };
        let path: Vec<String> = reason.path.iter().map(|step| engine.label(step)).collect();
        let path = if path.is_empty() { String::new() } else { format!(", by {}", path.join(" \u{203a} ")) };
        format!("{}{facts}{path}", reason.cause())
    };
    let mut all: Vec<String> = reasons.iter().take(MOST_REASONS).map(said).collect();
    if reasons.len() > MOST_REASONS {
        all.push(format!("and {} more", reasons.len() - MOST_REASONS));
    }
    if all.is_empty() {
        all.push("no rule and no request grants it".to_owned());
    }
    all
}

/// What revoking takes, in sentences.
pub(super) fn routes(engine: &Engine, thing: &Grantable, reasons: &[Reason]) -> Vec<String> {
    let said = |route: Route| match route {
        Route::Take(given) if given == *thing => "It is taken away by a request.".to_owned(),
        Route::Take(given) => {
            format!("It comes with {}, which is taken away with all that it gives.", engine.label(&given))
        }
        Route::Owner { gives, rule } => format!(
            "Rule \u{201c}{rule}\u{201d} gives {}: whoever answers for that has to change it, or decides that it stays.",
            engine.label(&gives)
        ),
    };
    let mut all: Vec<String> = broker::certification::routes(thing, reasons).into_iter().map(said).collect();
    if all.is_empty() {
        all.push("Nothing grants it: it is removed from the account, as reconciliation does it.".to_owned());
    }
    all
}
