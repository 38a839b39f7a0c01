//! Drafts of the configuration: prepared on pages, looked at beside what is live, then published or discarded.
//!
//! What a draft would do is computed for everybody with the functions that `config plan` uses, and publishing takes the
//! seal of exactly what was looked at: where the configuration or people changed meanwhile, it is refused and shown anew.
//! A draft may hold what makes no sense yet; then it says so and cannot be published, and nothing that was typed is lost.

use jiff::civil::Date;
use model::access::{Explanation, Grantable};
use model::configuration::Configuration;
use model::draft::{Draft, DraftChange, DraftRow, DraftState, Matching, Object, ObjectKind, Sample};
use model::error::{ApiError, ErrorCode};
use model::identity::Identity;
use model::ids::{ConfigurationVersionId, DraftId};
use model::lint::Finding;
use model::page::Page;
use model::view::AuditLine;
use policy::expression::{BUILT_IN, Expression};
use policy::model::ModelError;
use policy::naming_rules::FoundEntitlement;
use store::StoreError;

use crate::Engine;
use crate::configuration::{self, ConfigurationPlan, DraftedFinding, Effect, Whom, compare, computed, sentence};
use crate::configurations;
use crate::context::OpContext;
use crate::error::internal;
use crate::grace;
use crate::lint;
use crate::role_model::{self, VIEW};
use crate::what_if::{self, WhatIf};
use crate::world::Live;

/// Prepares changes of the configuration.
pub const DRAFT: &str = "/Configuration/Draft";
/// Makes them live.
pub const PUBLISH: &str = "/Configuration/Apply";

/// Characters of a title.
const LONGEST_TITLE: usize = 120;
/// Characters of an object's name: names are keys in files and addresses.
pub(crate) const LONGEST_NAME: usize = 100;

/// What a draft would do, as of now.
#[derive(Clone, Debug)]
pub struct DraftPreview {
    pub draft: Draft,
    /// Objects and their fields, and what people would gain and lose where that could be computed.
    pub plan: ConfigurationPlan,
    /// What has to be put right before it can be published.
    pub findings: Vec<DraftFinding>,
    /// Objects that somebody else changed since the draft first touched them.
    pub moved: Vec<(ObjectKind, String)>,
    /// What the policy check would newly find; none of it keeps the draft from being published.
    pub lint: Vec<Finding>,
    /// For whom each rule that the draft changes would hold.
    pub matches: Vec<(String, Sample)>,
    /// Applications, with what people call them, whose accounts would lose what nothing grants by the first run that orders there.
    pub unmarked: Vec<(String, String)>,
    /// Stands for all of this: what publishing has to be given. None where it cannot be published.
    pub seal: Option<String>,
}

/// Something wrong in a draft.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DraftFinding {
    /// The object at fault.
    pub object: Option<(ObjectKind, String)>,
    /// In words: rule `sales-staff`, when.
    pub place: String,
    /// What is wrong and what to do about it.
    pub message: String,
}

/// Drafts in one state or in any, newest first.
pub async fn page(
    op: &OpContext,
    state: Option<DraftState>,
    before: Option<DraftId>,
) -> Result<Page<DraftRow>, ApiError> {
    op.require(VIEW)?;
    op.engine.store().draft_page(state, before, None).await.map_err(internal)
}

/// A draft without what it would do.
pub async fn draft(op: &OpContext, id: DraftId) -> Result<Draft, ApiError> {
    op.require(VIEW)?;
    let found = op.engine.store().draft(id).await.map_err(internal)?;
    found.ok_or_else(|| ApiError::not_found(format!("draft {id}")))
}

/// Puts an object, as it is to be, into an open draft, or into a new one; without an object, the draft removes it. Where
/// the draft changes it already, what it was before stays what it was.
pub async fn put(
    op: &OpContext,
    id: Option<DraftId>,
    kind: ObjectKind,
    name: &str,
    after: Option<Object>,
) -> Result<DraftId, ApiError> {
    op.require(DRAFT)?;
    op.engine.follow().await.map_err(|_| ApiError::internal())?;
    let live = op.engine.world().configuration();
    let known = match id {
        Some(id) => Some(open(op, id).await?),
        None => None,
    };
    let before = match known.as_ref().and_then(|draft| draft.change(kind, name)) {
        Some(change) => change.before.clone(),
        None => kind.find(&live, name),
    };
    if before.is_none() {
        check_name(name)?;
    }
    if before.is_none() && after.is_none() {
        return match id {
            Some(id) => take_out(op, id, kind, name).await.map(|()| id),
            None => Err(ApiError::not_found(format!("{} `{name}`", kind.noun()))),
        };
    }
    let after = after.map(|after| after.with_approvals_of(before.as_ref()));
    let title = match (&before, &after) {
        (_, None) => format!("Remove {} {name}", kind.noun()),
        (None, _) => format!("Add {} {name}", kind.noun()),
        (Some(_), Some(_)) => format!("Change {} {name}", kind.noun()),
    };
    let change = DraftChange {
        kind,
        name: name.to_owned(),
        before,
        after,
        changed_by: op.user.login.clone(),
        changed_at: op.now,
    };
    let number = match id {
        Some(id) => id,
        None => DraftId(op.engine.store().reserve_ids(1).await.map_err(internal)?.start),
    };
    let title = id.is_none().then_some(title);
    if store(op, number, title, vec![change]).await? { Ok(number) } else { Err(ended(number)) }
}

/// Puts several objects, as they are to be, into a new draft.
pub(crate) async fn begin(
    op: &OpContext,
    title: String,
    objects: Vec<(ObjectKind, String, Object)>,
) -> Result<DraftId, ApiError> {
    op.require(DRAFT)?;
    let live = op.engine.world().configuration();
    let change = |(kind, name, after): (ObjectKind, String, Object)| DraftChange {
        kind,
        before: kind.find(&live, &name),
        name,
        after: Some(after),
        changed_by: op.user.login.clone(),
        changed_at: op.now,
    };
    let changes = objects.into_iter().map(change).collect();
    let number = DraftId(op.engine.store().reserve_ids(1).await.map_err(internal)?.start);
    store(op, number, Some(title), changes).await?;
    Ok(number)
}

/// Puts several new objects into an open draft, or into a new one. What has one of the names already is left as it is.
///
/// # Errors
/// Where a name is none, or is taken, live or in the draft. Nothing is drafted then.
pub(crate) async fn add(
    op: &OpContext,
    id: Option<DraftId>,
    title: String,
    objects: Vec<(ObjectKind, String, Object)>,
) -> Result<DraftId, ApiError> {
    op.require(DRAFT)?;
    let live = op.engine.world().configuration();
    let known = match id {
        Some(id) => Some(open(op, id).await?),
        None => None,
    };
    let mut names = std::collections::BTreeSet::new();
    for (kind, name, _) in &objects {
        check_name(name)?;
        let is_drafted = known.as_ref().is_some_and(|draft| draft.change(*kind, name).is_some());
        if kind.find(&live, name).is_some() || is_drafted || !names.insert((*kind, name)) {
            let message =
                format!("There is {} `{name}` already. Choose another name. Nothing was drafted.", article(*kind));
            return Err(ApiError::invalid("name", message));
        }
    }
    let Some(id) = id else { return begin(op, title, objects).await };
    let change = |(kind, name, after): (ObjectKind, String, Object)| DraftChange {
        kind,
        name,
        before: None,
        after: Some(after),
        changed_by: op.user.login.clone(),
        changed_at: op.now,
    };
    let changes = objects.into_iter().map(change).collect();
    if store(op, id, None, changes).await? { Ok(id) } else { Err(ended(id)) }
}

/// "an access profile".
fn article(kind: ObjectKind) -> String {
    let noun = kind.noun();
    let article = if noun.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    format!("{article} {noun}")
}

/// Writes changes of a draft, which is begun where it gets a title. Answers whether it is open.
async fn store(
    op: &OpContext,
    id: DraftId,
    title: Option<String>,
    changes: Vec<DraftChange>,
) -> Result<bool, ApiError> {
    let (by, at) = (op.user.login.clone(), op.now);
    let work = op.engine.store().write(move |tx| {
        Box::pin(async move {
            if let Some(title) = title {
                tx.insert_draft(id, &title, &by, at).await?;
            }
            tx.put_draft_changes(id, &changes, at).await
        })
    });
    work.await.map_err(internal)
}

/// Gives the draft another title.
pub async fn rename(op: &OpContext, id: DraftId, title: &str) -> Result<(), ApiError> {
    op.require(DRAFT)?;
    let title: String = title.split_whitespace().collect::<Vec<_>>().join(" ");
    if title.is_empty() || title.chars().count() > LONGEST_TITLE {
        return Err(ApiError::invalid("title", format!("A title has 1 to {LONGEST_TITLE} characters.")));
    }
    open(op, id).await?;
    let at = op.now;
    let work = op.engine.store().write(move |tx| Box::pin(async move { tx.rename_draft(id, &title, at).await }));
    if work.await.map_err(internal)? { Ok(()) } else { Err(ended(id)) }
}

/// Takes one object out of the draft: it stays as it is live.
pub async fn take_out(op: &OpContext, id: DraftId, kind: ObjectKind, name: &str) -> Result<(), ApiError> {
    op.require(DRAFT)?;
    open(op, id).await?;
    let (name, at) = (name.to_owned(), op.now);
    let work =
        op.engine.store().write(move |tx| Box::pin(async move { tx.take_out_of_draft(id, kind, &name, at).await }));
    if work.await.map_err(internal)? { Ok(()) } else { Err(ended(id)) }
}

/// Takes notice of what others made of the objects that the draft changes: it goes on from how they are live now.
pub async fn rebase(op: &OpContext, id: DraftId) -> Result<(), ApiError> {
    op.require(DRAFT)?;
    op.engine.follow().await.map_err(|_| ApiError::internal())?;
    let draft = open(op, id).await?;
    let live = op.engine.world().configuration();
    let at = op.now;
    let moved = draft.changes.into_iter().filter(|change| change.has_moved(&live));
    let changes: Vec<DraftChange> =
        moved.map(|change| DraftChange { before: change.kind.find(&live, &change.name), ..change }).collect();
    let work = op.engine.store().write(move |tx| Box::pin(async move { tx.put_draft_changes(id, &changes, at).await }));
    if work.await.map_err(internal)? { Ok(()) } else { Err(ended(id)) }
}

/// Ends the draft without making anything of it live.
pub async fn discard(op: &OpContext, id: DraftId) -> Result<(), ApiError> {
    op.require(DRAFT)?;
    let draft = open(op, id).await?;
    let (by, at) = (op.user.login.clone(), op.now);
    let audit = AuditLine {
        at,
        actor: by.clone(),
        action: "draft".into(),
        subject: id.to_string(),
        detail: format!("discarded: {}", draft.title),
    };
    let work = op.engine.store().write(move |tx| {
        Box::pin(async move {
            let ended = tx.end_draft(id, None, &by, at).await?;
            if ended {
                tx.append_audit(&audit).await?;
            }
            Ok::<_, StoreError>(ended)
        })
    });
    if work.await.map_err(internal)? { Ok(()) } else { Err(ended(id)) }
}

/// What the draft would do, were it published now. Of a draft that has ended, only what it changed.
pub async fn preview(op: &OpContext, id: DraftId) -> Result<DraftPreview, ApiError> {
    let draft = draft(op, id).await?;
    op.engine.follow().await.map_err(|_| ApiError::internal())?;
    let live = op.engine.world().live();
    if draft.state != DraftState::Open {
        return Ok(ended_preview(draft, &live.configuration));
    }
    let (wanted, broken) = match configuration::drafted(&live.configuration, &draft) {
        Ok(wanted) => (wanted, Vec::new()),
        Err(broken) => (draft.applied_to(&live.configuration), broken),
    };
    let mut plan = configuration::difference(&live.configuration, &wanted);
    let moved: Vec<(ObjectKind, String)> = draft
        .changes
        .iter()
        .filter(|change| change.has_moved(&live.configuration))
        .map(|change| (change.kind, change.name.clone()))
        .collect();
    let rules: Vec<String> = draft
        .changes
        .iter()
        .filter(|change| change.kind == ObjectKind::Rule && change.after.is_some())
        .map(|change| change.name.clone())
        .collect();
    let today = op.engine.today();
    let digest = configuration::digest(&wanted);
    let found = crate::found_entitlements::on_record(op, &wanted).await?;
    let mut findings: Vec<DraftFinding> = broken.into_iter().map(drafted_finding).collect();
    let (mut matches, mut lint) = (Vec::new(), Vec::new());
    // What of a setting cannot be read is missing in what would be computed, which would mislead.
    if findings.is_empty() {
        let (engine, wanted) = (op.engine.clone(), wanted.clone());
        let work = move || evaluate(&engine, &live, wanted, &rules, found, today);
        match tokio::task::spawn_blocking(work).await.map_err(|_| ApiError::internal())? {
            Ok((effect, matched, brought)) => {
                plan.effect = Some(effect);
                (matches, lint) = (matched, brought);
            }
            Err(errors) => findings = errors.iter().map(finding).collect(),
        }
    }
    lint::hide_people(op, &mut lint);
    let is_whole = findings.is_empty() && moved.is_empty() && !plan.is_empty();
    let seal = is_whole.then(|| configurations::seal(&digest, &plan));
    let does_something = plan.effect.as_ref().is_some_and(|effect| effect.identities > 0);
    let unmarked = if does_something { crate::reconciliation::unmarked_applications(op).await? } else { Vec::new() };
    let mut preview = DraftPreview { draft, plan, findings, moved, lint, matches, unmarked, seal };
    if !op.may("/Identities/View") {
        hide_people(&mut preview);
    }
    Ok(preview)
}

/// For whom a condition holds that somebody is writing; days before and after are those of the rule that it is for.
pub async fn matching(op: &OpContext, when: &str, days: (u16, u16)) -> Result<Matching, ApiError> {
    op.require(DRAFT)?;
    op.require(VIEW)?;
    if when.trim().is_empty() {
        return Ok(Matching::Nothing);
    }
    let configuration = op.engine.world().configuration();
    let delivered = role_model::delivered(&configuration);
    let expression = Expression::parse(when.trim()).and_then(|parsed| parsed.expanded(&configuration));
    let expression = match expression {
        Ok(expression) => expression,
        Err(error) => return Ok(Matching::Unclear(error.to_string())),
    };
    let is_known = |name: &&String| delivered.contains(name) || BUILT_IN.contains(&name.as_str());
    if let Some(name) = expression.attributes().iter().find(|name| !delivered.is_empty() && !is_known(name)) {
        return Ok(Matching::Unclear(format!("no identity source delivers `{name}`")));
    }
    op.engine.follow().await.map_err(|_| ApiError::internal())?;
    let (engine, today) = (op.engine.clone(), op.engine.today());
    let work = move || what_if::who_meets(engine.world(), &expression, days, today);
    let mut matching = tokio::task::spawn_blocking(work).await.map_err(|_| ApiError::internal())?;
    if let Matching::People { found, .. } = &mut matching
        && !op.may("/Identities/View")
    {
        found.people.clear();
    }
    Ok(matching)
}

/// What the draft would do to one person, with why.
#[derive(Clone, Debug)]
pub struct DraftTrial {
    pub person: Identity,
    /// What they would gain or lose, with the whole answer under the draft: gained, and lost.
    pub gains: Vec<Explanation>,
    pub losses: Vec<Explanation>,
    /// Account attributes that would get another value.
    pub attributes: Vec<String>,
}

/// Tries the draft with one person, found by their key or by `#` and their number.
pub async fn try_with(op: &OpContext, id: DraftId, key: &str) -> Result<DraftTrial, ApiError> {
    op.require("/Identities/View")?;
    let draft = draft(op, id).await?;
    op.engine.follow().await.map_err(|_| ApiError::internal())?;
    let person = crate::identities::find(op, key.trim()).await?;
    let store = op.engine.store();
    let population = store.identities_by_id(&[person]).await.map_err(internal)?;
    let grants = store.direct_grants(Some(&[person])).await.map_err(internal)?;
    let live = op.engine.world().configuration();
    let today = op.engine.today();
    let broken = || ApiError::conflict("The draft has to be put right first: what is wrong stands on its page.");
    let wanted = configuration::drafted(&live, &draft).map_err(|_| broken())?;
    let mut after = computed(&wanted, &population, &grants, today).map_err(|_| broken())?;
    let before = computed(&live, &population, &grants, today).map_err(|_| broken())?;
    let whom = Whom::all(&population, today);
    grace::keep(&before, &mut after, &wanted, &whom, &grants, today);
    let effect = compare(&before, &after, &whom, today).effect(1);
    let changed = effect.people.into_iter().next();
    let explain =
        |things: &[Grantable]| things.iter().filter_map(|thing| after.explain(person, thing, today)).collect();
    let missing = || ApiError::not_found(format!("identity `{key}`"));
    Ok(DraftTrial {
        person: population.into_iter().next().ok_or_else(missing)?,
        gains: changed.as_ref().map(|one| explain(&one.gains)).unwrap_or_default(),
        losses: changed.as_ref().map(|one| explain(&one.losses)).unwrap_or_default(),
        attributes: changed.map(|one| one.attributes).unwrap_or_default(),
    })
}

/// Makes the draft live, where what it does is still what was looked at.
pub async fn publish(op: &OpContext, id: DraftId, seen: &str) -> Result<ConfigurationVersionId, ApiError> {
    op.require(PUBLISH)?;
    let preview = preview(op, id).await?;
    if preview.draft.state != DraftState::Open {
        return Err(ended(id));
    }
    match &preview.seal {
        None => Err(ApiError::conflict(
            "This draft cannot be published as it is: what has to be put right stands on its page. Nothing was changed.",
        )),
        Some(seal) if seal != seen => Err(moved_on()),
        Some(_) => {
            let live = op.engine.world().configuration();
            let wanted = configuration::drafted(&live, &preview.draft).map_err(|_| moved_on())?;
            let note = format!(" from draft {id}: {}", preview.draft.title);
            configurations::make_live(op, wanted, Some(id), &note).await
        }
    }
}

type Evaluated = (Effect, Vec<(String, Sample)>, Vec<Finding>);

fn evaluate(
    engine: &Engine,
    live: &Live,
    wanted: Configuration,
    rules: &[String],
    found: Vec<FoundEntitlement>,
    today: Date,
) -> Result<Evaluated, Vec<ModelError>> {
    let world = engine.world();
    let mut what_if = WhatIf::new(world, live, wanted.clone(), today)?;
    let effect = what_if.effect();
    let matched = what_if::matches(world, what_if.wanted(), rules, today);
    let known = what_if::known_findings(world, live, found.clone(), today);
    let brought = what_if::findings(world, &wanted, what_if.wanted(), found, today);
    Ok((effect, matched, lint::new_ones(&known, brought)))
}

fn moved_on() -> ApiError {
    ApiError::conflict(
        "The configuration, or people, changed since you looked: what the draft would do now stands on its page. Look \
         again, then publish. Nothing was changed.",
    )
}

fn drafted_finding(finding: DraftedFinding) -> DraftFinding {
    let place = match &finding.object {
        Some((kind, name)) if finding.field.is_empty() => format!("{} `{name}`", kind.noun()),
        Some((kind, name)) => format!("{} `{name}`, {}", kind.noun(), finding.field),
        None => "the configuration".to_owned(),
    };
    DraftFinding { object: finding.object, place, message: finding.message }
}

fn finding(error: &ModelError) -> DraftFinding {
    let (noun, name) = error.object.split_once(" `").unwrap_or((&error.object, ""));
    let name = name.trim_end_matches('`');
    let kind = ObjectKind::all().find(|kind| kind.noun() == noun);
    let position = error.position.map_or_else(String::new, |(line, column)| format!(", line {line}, column {column}"));
    DraftFinding {
        object: kind.map(|kind| (kind, name.to_owned())),
        place: format!("{}, {}{position}", error.object, error.field),
        message: sentence(error),
    }
}

/// What a draft changed that has ended: from what it began from to what it made of it.
fn ended_preview(draft: Draft, live: &Configuration) -> DraftPreview {
    let mut before = live.clone();
    for change in &draft.changes {
        DraftChange { after: change.before.clone(), ..change.clone() }.put_into(&mut before);
    }
    let plan = configuration::difference(&before, &draft.applied_to(&before));
    DraftPreview {
        draft,
        plan,
        findings: Vec::new(),
        moved: Vec::new(),
        lint: Vec::new(),
        matches: Vec::new(),
        unmarked: Vec::new(),
        seal: None,
    }
}

fn hide_people(preview: &mut DraftPreview) {
    if let Some(effect) = &mut preview.plan.effect {
        effect.people.clear();
        effect.examples.clear();
    }
    preview.matches.iter_mut().for_each(|(_, sample)| sample.people.clear());
}

async fn open(op: &OpContext, id: DraftId) -> Result<Draft, ApiError> {
    let draft = draft(op, id).await?;
    if draft.state == DraftState::Open { Ok(draft) } else { Err(ended(id)) }
}

fn ended(id: DraftId) -> ApiError {
    ApiError::conflict(format!("Draft {id} was published or discarded meanwhile. Begin a new one."))
}

fn check_name(name: &str) -> Result<(), ApiError> {
    let is_good = |character: char| character.is_alphanumeric() || "-_.".contains(character);
    if !name.is_empty() && name.chars().count() <= LONGEST_NAME && name.chars().all(is_good) {
        return Ok(());
    }
    Err(ApiError {
        code: ErrorCode::Invalid,
        message: format!(
            "`{}` is no name. A name has 1 to {LONGEST_NAME} letters, digits, hyphens, dots and underscores.",
            name.chars().take(40).collect::<String>()
        ),
        field: Some("name".into()),
    })
}
