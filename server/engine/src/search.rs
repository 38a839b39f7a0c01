//! Searching over everything that somebody may see: what the configuration describes is kept in memory and may be typed with
//! gaps, people and accounts are found by an index of the store, and whatever has a number by that.
//!
//! INVARIANT: nothing is found whose page would refuse whoever asks; each kind asks for the permission of its page.

mod live;
mod matching;

use std::collections::HashMap;

use model::draft::ObjectKind;
use model::error::ApiError;
use model::search::{Hit, HitKind, Target};

use crate::context::OpContext;
use crate::error::internal;
use crate::{certifications, identities, orders, requests, saved_views};

pub(crate) use self::live::Described;
pub use self::matching::Question;

/// A text as questions are compared with it.
pub fn fold(text: &str) -> String {
    store::words::fold([text])
}

/// Longest question that is read.
const LONGEST: usize = 200;
/// Drafts and campaigns that are looked through, the newest first.
const NEWEST: u32 = 200;

/// What was found of one kind, the best first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    pub kind: HitKind,
    pub hits: Vec<Hit>,
    /// There are more than these.
    pub more: bool,
}

/// The most of one kind that are found, for `each` of them shown.
fn wanted(each: usize) -> u32 {
    u32::try_from(each).unwrap_or(u32::MAX).saturating_add(1)
}

/// What somebody may see of what fits the question, at most `each` of every kind. `pages` are pages and actions that the
/// caller offers to whoever asks.
pub async fn find(op: &OpContext, text: &str, each: usize, pages: Vec<Hit>) -> Result<Vec<Group>, ApiError> {
    let text: String = text.chars().take(LONGEST).collect();
    let question = Question::new(&text);
    if question.is_empty() {
        return Ok(Vec::new());
    }
    let mut hits = pages;
    hits.extend(described(op, &question, each));
    hits.extend(numbered(op, &question).await?);
    hits.extend(people(op, &text, &question, each).await?);
    hits.extend(accounts(op, &text, each).await?);
    hits.extend(drafts(op, &question).await?);
    hits.extend(campaigns(op, &question).await?);
    for row in saved_views::visible(op).await? {
        let score = question.score(&store::words::fold([row.view.name.as_str()]), "");
        let target = Target::View(row.view.id, row.view.page.clone(), row.view.query.clone());
        hits.extend(score.map(|score| Hit { target, title: row.view.name, detail: row.view.page, score }));
    }
    Ok(grouped(hits, each))
}

/// In sections, the best of each first.
fn grouped(hits: Vec<Hit>, each: usize) -> Vec<Group> {
    let group = |kind: HitKind| {
        let mut own: Vec<Hit> = hits.iter().filter(|hit| hit.target.kind() == kind).cloned().collect();
        own.sort_by(|a, b| b.score.cmp(&a.score).then_with(|| a.title.cmp(&b.title)));
        let mut seen: Vec<Target> = Vec::new();
        own.retain(|hit| {
            let is_new = !seen.contains(&hit.target);
            if is_new {
                seen.push(hit.target.clone());
            }
            is_new
        });
        let more = own.len() > each;
        own.truncate(each);
        Group { kind, hits: own, more }
    };
    HitKind::ALL.map(group).into_iter().filter(|group| !group.hits.is_empty()).collect()
}

/// The permission of the page that a target leads to; none where the page asks for none of its own.
pub fn permission(target: &Target) -> Option<&'static str> {
    match target {
        Target::Page(_) | Target::View(..) | Target::Certification(_) => None,
        Target::Identity(_) => Some("/Identities/View"),
        Target::Account(..) | Target::Application(_) | Target::Integration(_) => Some("/Applications/View"),
        // Settings have no page but the form that changes them.
        Target::Object(ObjectKind::Setting(_), _) => Some("/Configuration/Draft"),
        Target::Object(..) | Target::Draft(_) => Some("/Configuration/View"),
        Target::Order(_) => Some("/Orders/View"),
        Target::WorkItem(_) => Some("/WorkItems/View"),
        Target::Request(_) | Target::BulkChange(_) => Some("/Requests/View"),
        Target::Run(_) => Some("/Jobs/View"),
        Target::Violation(_) => Some("/Violations/View"),
    }
}

fn may_open(op: &OpContext, target: &Target) -> bool {
    permission(target).is_none_or(|path| op.may_about_some(path))
}

/// Roles, rules, applications, settings …: the best of each kind. A letter or two fit nearly all of a great many.
fn described(op: &OpContext, question: &Question, each: usize) -> Vec<Hit> {
    let live = op.engine.world().live();
    let mut fitting: HashMap<HitKind, Vec<(u32, &Described)>> = HashMap::new();
    for one in live.described().iter().filter(|one| question.may_fit(one.letters)) {
        if let Some(score) = question.score(&one.title_words, &one.detail_words) {
            fitting.entry(one.target.kind()).or_default().push((score, one));
        }
    }
    // Things of one kind have pages of one permission.
    fitting.retain(|_, found| found.first().is_some_and(|(_, one)| may_open(op, &one.target)));
    let best = fitting.into_values().flat_map(|mut found| {
        if found.len() > each + 1 {
            found.select_nth_unstable_by(each, |(score, one), (other_score, other)| {
                other_score.cmp(score).then_with(|| one.title.cmp(&other.title))
            });
            found.truncate(each + 1);
        }
        found
    });
    let hit = |(score, one): (u32, &Described)| Hit {
        target: one.target.clone(),
        title: one.title.clone(),
        detail: one.detail.clone(),
        score,
    };
    best.map(hit).collect()
}

/// `1234`, `#1234` or `order 1234`.
async fn numbered(op: &OpContext, question: &Question) -> Result<Vec<Hit>, ApiError> {
    let Some(number) = question.number() else { return Ok(Vec::new()) };
    let store = op.engine.store();
    let mut found = store.by_number(number).await.map_err(internal)?;
    found.retain(|one| may_open(op, &one.target));
    let mut hits = Vec::new();
    for one in found {
        // Who is not asked in a campaign does not see it, nor whoever sees some people only what is about others.
        let is_refused = match one.target {
            Target::Certification(id) => certifications::campaign(op, id).await.is_err(),
            Target::Identity(id) => !op.may_about(identities::VIEW, id).await?,
            Target::Order(id) if !op.may(orders::VIEW) => orders::detail(op, id).await.is_err(),
            Target::Request(id) if !op.may(requests::VIEW) => requests::detail(op, id).await.is_err(),
            _ => false,
        };
        if is_refused {
            continue;
        }
        let (noun, detail) = match &one.target {
            Target::Identity(_) => {
                hits.push(Hit { target: one.target, title: one.whose, detail: one.about, score: NUMBER });
                continue;
            }
            Target::Order(_) => ("Order", op.engine.application_label(&one.about)),
            Target::WorkItem(_) => ("Work item", op.engine.application_label(&one.about)),
            Target::Request(_) => ("Request", format!("asked for by {}", one.about)),
            Target::BulkChange(_) => ("Bulk change", one.about),
            Target::Run(_) => ("Run", crate::jobs::label(&op.engine, &one.about)),
            Target::Violation(_) => ("Violation", one.about),
            Target::Draft(_) => ("Draft", one.about),
            _ => ("Certification", one.about),
        };
        let detail = if one.whose.is_empty() { detail } else { format!("{}, {detail}", one.whose) };
        hits.push(Hit { target: one.target, title: format!("{noun} {number}"), detail, score: NUMBER });
    }
    Ok(hits)
}

/// A number that was typed names one thing: nothing fits better.
const NUMBER: u32 = 1_000;

async fn people(op: &OpContext, text: &str, question: &Question, each: usize) -> Result<Vec<Hit>, ApiError> {
    if !op.may_about_some(identities::VIEW) {
        return Ok(Vec::new());
    }
    let folded = store::words::of_person(text);
    let words: Vec<&str> = folded.split_whitespace().collect();
    let reach = op.reach(identities::VIEW).await?;
    let found = op.engine.store().people_by_words(&words, &reach, wanted(each)).await.map_err(internal)?;
    let asked = Question::new(&folded);
    let hit = |person: store::FoundPerson| {
        let name = store::words::fold([person.display_name.as_str()]);
        // The index found them; where the mail did it, the name says nothing.
        let score = asked.score(&name, &person.words).or_else(|| question.score(&name, &person.words)).unwrap_or(1);
        // A whole key names one person; accounts may be called the same.
        let score = if person.key.eq_ignore_ascii_case(text.trim()) { NUMBER } else { score };
        let detail = match person.department.as_str() {
            "" => person.key,
            department => format!("{}, {department}", person.key),
        };
        Hit { target: Target::Identity(person.id), title: person.display_name, detail, score }
    };
    Ok(found.into_iter().map(hit).collect())
}

async fn accounts(op: &OpContext, text: &str, each: usize) -> Result<Vec<Hit>, ApiError> {
    if !op.may("/Applications/View") {
        return Ok(Vec::new());
    }
    let found = op.engine.store().accounts_that_begin(text, wanted(each)).await.map_err(internal)?;
    let question = Question::new(text);
    // Whose account it is, is said to those who may see people.
    let sees_people = op.may("/Identities/View");
    let hit = |account: store::FoundAccount| {
        let score = question.score(&store::words::fold([account.key.as_str()]), "").unwrap_or(1);
        let application = op.engine.application_label(&account.application);
        let detail = match account.owner.filter(|_| sees_people) {
            Some(owner) => format!("{application}, of {owner}"),
            None => application,
        };
        Hit { target: Target::Account(account.application, account.key.clone()), title: account.key, detail, score }
    };
    Ok(found.into_iter().map(hit).collect())
}

async fn drafts(op: &OpContext, question: &Question) -> Result<Vec<Hit>, ApiError> {
    if !op.may("/Configuration/View") {
        return Ok(Vec::new());
    }
    let newest = op.engine.store().draft_page(None, None, Some(NEWEST)).await.map_err(internal)?;
    let hit = |row: model::draft::DraftRow| {
        let score = question.score(&store::words::fold([row.title.as_str()]), "draft")?;
        let detail = format!("Draft {}, {}", row.id, row.state.label().to_lowercase());
        Some(Hit { target: Target::Draft(row.id), title: row.title, detail, score })
    };
    Ok(newest.rows.into_iter().filter_map(hit).collect())
}

async fn campaigns(op: &OpContext, question: &Question) -> Result<Vec<Hit>, ApiError> {
    let of = (!certifications::sees_all(op)).then_some(op.user.login.as_str());
    let newest = op.engine.store().campaign_page(of, None, Some(NEWEST)).await.map_err(internal)?;
    let hit = |campaign: model::certification::Campaign| {
        let score = question.score(&store::words::fold([campaign.what.name.as_str()]), "certification campaign")?;
        let detail = format!("Certification {}, {}", campaign.id, campaign.state.label().to_lowercase());
        Some(Hit { target: Target::Certification(campaign.id), title: campaign.what.name, detail, score })
    };
    Ok(newest.rows.into_iter().filter_map(hit).collect())
}

#[cfg(test)]
mod tests {
    use model::ids::IdentityId;

    use super::*;

    #[test]
    fn the_best_of_each_kind_stand_first_and_nothing_twice() {
        let hit =
            |target: Target, title: &str, score| Hit { target, title: title.into(), detail: String::new(), score };
        let person = |id, title: &str, score| hit(Target::Identity(IdentityId(id)), title, score);
        let found = grouped(
            vec![
                person(1, "Annabel", 5),
                person(2, "Ann", 9),
                person(2, "Ann", 3),
                person(3, "Anna", 5),
                hit(Target::Page("/orders".into()), "Orders", 1),
            ],
            2,
        );
        let said: Vec<(HitKind, Vec<&str>, bool)> = found
            .iter()
            .map(|group| (group.kind, group.hits.iter().map(|hit| hit.title.as_str()).collect(), group.more))
            .collect();
        let expected = [(HitKind::Page, vec!["Orders"], false), (HitKind::Identity, vec!["Ann", "Anna"], true)];
        assert_eq!(said, expected);
    }
}
