//! Role mining: what is looked at and within which limits, and what is proposed, to be taken over into a draft.

mod proposals;

use engine::drafts::DRAFT;
use engine::mining::{Choices, Given, Taken};
use leptos::prelude::*;
use model::draft::{DraftRow, DraftState};
use model::error::{ApiError, ErrorCode};
use model::ids::DraftId;
use model::mining::{Mining, MiningLimits};

use crate::components::form::{option, refused};
use crate::components::icon::icon;
use crate::components::list::{Empty, empty};
use crate::components::quoted::quoted;
use crate::frame::{Rights, Section, Sheet};
use crate::logic::flash::Flash;
use crate::logic::mining::{KINDS, Typed, kind};
use crate::logic::query::Query;
use crate::logic::words;
use crate::pages::role_model::{Counts, Part, parts};
use crate::pages::{Asked, page};
use crate::ssr;

/// Puts proposals into a draft. `asked` is what they came of; `keys` and `names` are those of all that were shown.
#[server(prefix = "/api/pages", endpoint = "mining/take")]
pub async fn take_mined(
    #[server(default)] asked: String,
    #[server(default)] ids: Vec<String>,
    #[server(default)] keys: Vec<String>,
    #[server(default)] names: Vec<String>,
    #[server(default)] kind: String,
    #[server(default)] priority: String,
    #[server(default)] draft: String,
) -> Result<(), ServerFnError> {
    let op = ssr::op().await?;
    let typed = Typed::read(&Query::parse(&asked)).unwrap_or_default();
    let outcome = async {
        let taken = taken(&ids, &keys, &names, &kind, &priority, &draft)?;
        engine::mining::take(&op, &typed.question()?, &taken).await
    };
    let outcome = outcome.await;
    let target = outcome.as_ref().map_or_else(|_| typed.address().to_string(), |id| format!("/drafts/{id}"));
    let done = "Drafted. Nothing is live before you publish; below is what it would do.";
    ssr::finish(outcome.map(|_| Flash::done(done)), &target)
}

fn taken(
    ids: &[String],
    keys: &[String],
    names: &[String],
    rule: &str,
    priority: &str,
    draft: &str,
) -> Result<Taken, ApiError> {
    let name = |key: &String| {
        let place = keys.iter().position(|other| other == key);
        place.and_then(|place| names.get(place)).cloned().unwrap_or_default()
    };
    let proposals = ids.iter().map(|key| Given { key: key.clone(), name: name(key) }).collect();
    let wrong = |_| ApiError::invalid("priority", format!("`{priority}` is no whole number. Correct the priority."));
    Ok(Taken {
        proposals,
        kind: kind(rule),
        priority: if priority.trim().is_empty() { 0 } else { priority.trim().parse().map_err(wrong)? },
        draft: if draft.is_empty() { None } else { Some(ssr::id::<DraftId>(draft, "draft")?) },
    })
}

#[component]
pub fn MiningPage() -> impl IntoView {
    page(|Asked { op, visitor, query }| async move {
        let typed = Typed::read(&query);
        let answer = match &typed {
            None => None,
            Some(typed) => Some(match typed.question() {
                Ok(question) => engine::mining::mine(&op, &question).await,
                Err(error) => Err(error),
            }),
        };
        // What is wrong with the form stands above it; everything else is no answer at all.
        let answer = match answer {
            Some(Err(error)) if error.code != ErrorCode::Invalid => return Err(error),
            answer => answer,
        };
        let drafts = engine::drafts::page(&op, Some(DraftState::Open), None).await?.rows;
        let offered = Offered { choices: engine::mining::choices(&op)?, drafts };
        let counts = Counts::read(&op).await?;
        Ok(mining_sheet(&typed.unwrap_or_default(), answer.as_ref(), &offered, &counts, &visitor.rights))
    })
}

/// What the forms choose from.
#[derive(Clone, Debug, Default)]
pub struct Offered {
    pub choices: Choices,
    /// Open drafts.
    pub drafts: Vec<DraftRow>,
}

pub fn mining_sheet(
    typed: &Typed,
    answer: Option<&Result<Mining, ApiError>>,
    offered: &Offered,
    counts: &Counts,
    rights: &Rights,
) -> Sheet {
    let wrong = answer.and_then(|answer| answer.as_ref().err()).map(|error| {
        view! { <div class="banner danger" role="alert">{icon("octagon")}<div><p>{quoted(&error.message)}</p></div></div> }
    });
    let found = answer.and_then(|answer| answer.as_ref().ok());
    let body = view! {
        <header class="page-head">
            <h1>"Role mining"</h1>
            <p class="muted">"Which rules and roles would explain what people hold by hand or by nothing. A proposal goes into a draft; nothing happens before that is published."</p>
        </header>
        {parts(counts, Part::Mining)}
        {wrong}
        {found.map(|mining| results(mining, typed, offered, rights))}
        {question(typed, &offered.choices, found.is_some())}
    };
    Sheet { section: Section::RoleModel, title: "Role mining".to_owned(), body: body.into_any() }
}

fn question(typed: &Typed, choices: &Choices, is_answered: bool) -> impl IntoView + use<> {
    let select = |known: &[(String, String)], chosen: &String| {
        let all = known.iter().map(|(name, label)| option(name.clone(), label.clone(), name == chosen));
        all.collect_view()
    };
    let access = [
        ("found", "Found in applications, and granted by nothing"),
        ("by_hand", "Given by hand: by requests, with no last day"),
    ];
    let wanted = [
        ("rules", "Rules for roles, access profiles and entitlements that are there"),
        ("bundles", "New access profiles and roles"),
    ];
    let attributes: Vec<(String, String)> =
        choices.attributes.iter().map(|name| (name.clone(), name.clone())).collect();
    let chosen = if typed.attributes.is_empty() { &choices.attributes } else { &typed.attributes };
    let category = (!choices.categories.is_empty()).then(|| {
        view! { <label class="field">"Only roles and access profiles of the category"<select name="category"><option value="">"Every category"</option>{select(&choices.categories, &typed.category)}</select></label> }
    });
    let usual = Typed::default();
    let again = if is_answered { "Look again" } else { "Look for proposals" };
    view! {
        <form action="/mining" class="columns even" aria-label="What to look for">
            <input type="hidden" name="look" value="yes" />
            <section class="panel" aria-labelledby="about-heading">
                <h2 id="about-heading">"What to look at"</h2>
                <label class="field">"People for whom a condition holds"<textarea name="condition" rows="2" class="mono" spellcheck="false" placeholder="identity.department == \"Sales\"">{typed.condition.clone()}</textarea><span class="hint">"Everybody who is here where it is left empty. Rules that are found keep the condition."</span></label>
                <fieldset><legend>"Access"</legend>{boxes("access", &owned(access), &typed.access)}</fieldset>
                <label class="field">"Application"<select name="application"><option value="">"Every application"</option>{select(&choices.applications, &typed.application)}</select></label>
                {category}
                <fieldset><legend>"What to look for"</legend>{boxes("wanted", &owned(wanted), &typed.wanted)}</fieldset>
                <fieldset><legend>"Attributes that conditions may use"</legend>{boxes("attributes", &attributes, chosen)}</fieldset>
            </section>
            <section class="panel" aria-labelledby="limits-heading">
                <h2 id="limits-heading">"Limits and costs"</h2>
                {numeric("People that a proposal is about, at least", "people", (&typed.people, &usual.people), "")}
                {numeric("Precision, at least, in percent", "precision", (&typed.precision, &usual.precision), "Of those for whom a rule would hold, how many hold the thing already.")}
                {numeric("False positives, at most, in percent", "false_positives", (&typed.false_positives, &usual.false_positives), "How many would newly get the thing by all rules for it together, measured by those who hold it. Both limits have to be kept.")}
                {numeric("Attributes that a condition may join, at most", "joined", (&typed.joined, &usual.joined), &format!("0 to {}. Shorter conditions are looked for first.", MiningLimits::MOST_ATTRIBUTES))}
                <fieldset>
                    <legend>"What each piece costs"</legend>
                    <p class="hint">"Proposals lower the weighted structural complexity: the sum of what is there, each by its cost. A dear role makes for few large ones, a cheap one for many small ones."</p>
                    {numeric("Something given to one person", "assignment", (&typed.assignment, &usual.assignment), "")}
                    {numeric("Something inside a role or access profile", "inclusion", (&typed.inclusion, &usual.inclusion), "")}
                    {numeric("A role or access profile", "role", (&typed.role, &usual.role), "")}
                    {numeric("A rule", "rule", (&typed.rule, &usual.rule), "")}
                </fieldset>
                <div class="actions"><button class="button primary">{icon("search")}{again}</button></div>
            </section>
        </form>
    }
}

fn owned(all: [(&str, &str); 2]) -> Vec<(String, String)> {
    all.map(|(name, label)| (name.to_owned(), label.to_owned())).into()
}

/// `usual` is what counts where the field is left empty.
fn numeric(label: &'static str, name: &'static str, (value, usual): (&str, &str), hint: &str) -> impl IntoView + use<> {
    let hint = (!hint.is_empty()).then(|| view! { <span class="hint">{hint.to_owned()}</span> });
    view! { <label class="field">{label}<input name=name inputmode="decimal" value=value.to_owned() placeholder=usual.to_owned() autocomplete="off" />{hint}</label> }
}

/// A box for each, those ticked that are chosen.
fn boxes(name: &'static str, known: &[(String, String)], chosen: &[String]) -> impl IntoView + use<> {
    let boxes = known.iter().map(|(value, label)| {
        let is_chosen = chosen.contains(value);
        view! { <li><label><input type="checkbox" name=name value=value.clone() checked=is_chosen />{label.clone()}</label></li> }
    });
    let class = if known.len() > 4 { "plain chosen in-columns" } else { "plain chosen" };
    view! { <ul class=class>{boxes.collect_view()}</ul> }
}

fn results(mining: &Mining, typed: &Typed, offered: &Offered, rights: &Rights) -> impl IntoView + use<> {
    let notes = mining.notes.iter().map(|note| view! { <li>{note.clone()}</li> }).collect_view();
    let notes = (!mining.notes.is_empty()).then(|| view! { <ul class="plain hint">{notes}</ul> });
    let may_take = rights.may(DRAFT);
    let is_empty = mining.rules.is_empty() && mining.bundles.is_empty();
    let content = match (is_empty, may_take) {
        (true, _) if mining.holdings == 0 => empty(
            "Nothing to explain",
            Empty::AllDone {
                text: "Everything that these people hold is given to them by rules, or until a last day. There is nothing that a rule or role would have to explain.",
            },
        ),
        (true, _) => empty(
            "No proposals",
            Empty::AllDone {
                text: "Nothing within these limits describes who holds what. Fewer people, a lower precision or more attributes may find more.",
            },
        ),
        (false, false) => view! {
            {refused("Taking proposals", DRAFT)}
            {proposals::list(mining, false)}
        }
        .into_any(),
        (false, true) => view! {
            <form method="post" action="/api/pages/mining/take" class="stack" aria-label="Take proposals">
                <input type="hidden" name="asked" value=typed.address().query() />
                {proposals::list(mining, true)}
                {taking(&offered.drafts)}
            </form>
        }
        .into_any(),
    };
    view! {
        <section class="stack" aria-labelledby="found-heading">
            <h2 id="found-heading">"Proposals"</h2>
            <p>{summary(mining)}</p>
            {(mining.holdings > 0).then(|| complexity(mining))}
            {notes}
            {content}
        </section>
    }
}

/// "Of 40 people, 3 things are held by hand or by nothing, 52 times in all. Looked at in 0.2 seconds."
fn summary(mining: &Mining) -> String {
    let people = words::plural(mining.people, "person", "people");
    let things = words::plural(mining.things, "thing is", "things are");
    let times = words::plural(mining.holdings, "time", "times");
    if mining.holdings == 0 {
        return format!("Looked at what {people} hold: nothing of it is held by hand or by nothing.");
    }
    let (seconds, tenths) = (mining.took_milliseconds / 1_000, mining.took_milliseconds % 1_000 / 100);
    format!(
        "Of {people}, {things} held by hand or by nothing, {times} in all. Looked at in {seconds}.{tenths} seconds."
    )
}

fn complexity(mining: &Mining) -> impl IntoView + use<> {
    let fact = |label: &'static str, value: i64| view! { <div><dt>{label}</dt><dd>{words::number(value)}</dd></div> };
    view! {
        <dl class="facts">
            {fact("Complexity now", mining.before)}
            {(mining.rules_total > 0).then(|| fact("with all proposed rules", mining.after_rules))}
            {(mining.bundles_total > 0).then(|| fact("with all new access profiles and roles", mining.after_bundles))}
        </dl>
    }
}

fn taking(drafts: &[DraftRow]) -> impl IntoView + use<> {
    let kinds = KINDS.map(|(kind, name, label)| {
        option(name.to_owned(), label.to_owned(), kind == model::configuration::RuleType::Automatic)
    });
    let drafts =
        drafts.iter().map(|draft| option(draft.id.to_string(), format!("{} ({})", draft.title, draft.id), false));
    view! {
        <section class="panel taking" aria-labelledby="take-heading">
            <h2 id="take-heading">"Take what is ticked"</h2>
            <label class="field">"Rules are"<select name="kind">{kinds}</select></label>
            <label class="field">"Priority of the rules"<input name="priority" inputmode="numeric" value="0" autocomplete="off" /><span class="hint">"Smaller wins where another rule denies."</span></label>
            <label class="field">"Into"<select name="draft"><option value="">"A new draft"</option>{drafts.collect_view()}</select></label>
            <div class="actions"><button class="button primary">{icon("check")}"Put into the draft"</button></div>
        </section>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_has_the_name_beside_it() {
        let texts = |all: &[&str]| -> Vec<String> { all.iter().map(|text| (*text).to_owned()).collect() };
        let taken =
            taken(&texts(&["b", "z"]), &texts(&["a", "b"]), &texts(&["one", "two"]), "suggested", " 3 ", "17").unwrap();
        let given: Vec<(&str, &str)> =
            taken.proposals.iter().map(|given| (given.key.as_str(), given.name.as_str())).collect();
        assert_eq!(given, [("b", "two"), ("z", "")]);
        assert_eq!((taken.priority, taken.draft), (3, Some(DraftId(17))));
        assert_eq!(taken.kind, model::configuration::RuleType::Suggested);
    }

    #[test]
    fn a_priority_is_a_number() {
        assert_eq!(taken(&[], &[], &[], "", "high", "").unwrap_err().field.as_deref(), Some("priority"));
        assert_eq!(taken(&[], &[], &[], "", "", "").unwrap().priority, 0);
    }
}
