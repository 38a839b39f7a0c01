//! Whether what is asked for makes sense, field by field: a request that does not changes nothing and says why.

use jiff::civil::Date;
use model::access::{Explanation, Grantable, Reason};
use model::configuration::Configuration;
use model::error::{ApiError, ErrorCode};
use model::identity::{Identity, LifecycleState, Period};
use model::ids::{DirectGrantId, RequestId};
use model::request::{Change, DirectGrant, NewRequest, RequestItem};
use model::trigger::{LAST, Trigger};
use policy::naming::{self, Named};

use crate::context::OpContext;
use crate::error::internal;

use super::{EXPEDITE, terms};

/// Longest justification that is kept.
const JUSTIFICATION_LIMIT: usize = 500;
/// Longest name of a source, key or number of another system.
const NAME_LIMIT: usize = 200;
/// Things in one request.
const ITEM_LIMIT: usize = 50;

/// What else is known once a request makes sense.
pub(crate) struct Ready {
    pub(super) identity: Identity,
    /// What is given directly now.
    pub(super) before: Vec<DirectGrant>,
    /// What the request takes of it.
    pub(super) taken: Vec<DirectGrant>,
    /// What is given directly once the request stands; what it gives itself has no numbers yet.
    pub(super) after: Vec<DirectGrant>,
    /// Said beside the plan.
    pub(super) remarks: Vec<String>,
}

/// The request with everything in its usual form, where each field makes sense by itself.
pub(super) fn tidy(op: &OpContext, mut new: NewRequest) -> Result<NewRequest, ApiError> {
    if new.trigger == Trigger::Undo {
        let message = "An undo is no request: open the run that is to be taken back, and undo it there.";
        return Err(ApiError::invalid("trigger", message));
    }
    let by_hand = matches!(new.trigger, Trigger::Administrator | Trigger::AccessRequest);
    new.source.kind = name(&new.source.kind, "source", "kind of source")?;
    new.source.name = name(&new.source.name, "source", "source")?;
    new.source.reference = optional(new.source.reference, "source", "reference of the source")?;
    new.requester = optional(new.requester, "requester", "requester")?;
    if new.requester.is_some() && new.trigger == Trigger::Administrator {
        let message = "What an administrator asks for by hand is asked for by whoever signed in. Leave it out.";
        return Err(ApiError::invalid("requester", message));
    }
    new.correlation = optional(new.correlation, "correlation", "number of other systems")?;
    new.key = optional(new.key, "key", "key")?;
    new.justification = match new.justification.trim().is_empty() && !by_hand {
        true => format!("Asked for by {} {}.", new.source.kind, new.source.name),
        false => justification(
            &new.justification,
            "justification",
            "Say why the access changes; it is kept with the request and shown as the reason.",
        )?,
    };
    items(&mut new.items)?;
    dates(&new, op.engine.today())?;
    priority(op, &new)?;
    Ok(new)
}

/// A text that a person wrote, on one line.
pub(super) fn justification(text: &str, field: &str, missing: &str) -> Result<String, ApiError> {
    let line = text.split(['\r', '\n']).map(str::trim).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
    if line.is_empty() {
        return Err(ApiError::invalid(field, missing));
    }
    if line.chars().any(char::is_control) {
        return Err(ApiError::invalid(field, "It has a character that cannot be shown. Type the text anew."));
    }
    if line.chars().count() > JUSTIFICATION_LIMIT {
        return Err(ApiError::invalid(
            field,
            format!("It has more than {JUSTIFICATION_LIMIT} characters. Shorten it."),
        ));
    }
    Ok(line)
}

fn name(text: &str, field: &str, what: &str) -> Result<String, ApiError> {
    let text = text.trim();
    let problem = if text.is_empty() {
        "is missing"
    } else if text.chars().any(char::is_control) {
        "has a character that cannot be shown"
    } else if text.chars().count() > NAME_LIMIT {
        "has more than 200 characters"
    } else {
        return Ok(text.to_owned());
    };
    Err(ApiError::invalid(field, format!("The {what} {problem}. Correct it.")))
}

fn optional(text: Option<String>, field: &str, what: &str) -> Result<Option<String>, ApiError> {
    text.filter(|text| !text.trim().is_empty()).map(|text| name(&text, field, what)).transpose()
}

fn items(items: &mut [RequestItem]) -> Result<(), ApiError> {
    let wrong = |message: String| Err(ApiError::invalid("items", message));
    if items.is_empty() {
        return wrong("Nothing is asked for. Choose something to give or to take away.".to_owned());
    }
    if items.len() > ITEM_LIMIT {
        return wrong(format!("More than {ITEM_LIMIT} things are asked for at once. Ask for some of them first."));
    }
    items.sort();
    for pair in items.windows(2) {
        if let [one, other] = pair
            && one == other
        {
            return wrong(format!("{} is asked for twice. Remove one of them.", told(&one.grantable)));
        }
    }
    let is_given = |item: &&RequestItem| {
        item.change == Change::Take
            && items.iter().any(|other| other.change == Change::Give && other.grantable == item.grantable)
    };
    match items.iter().find(is_given) {
        Some(item) => {
            wrong(format!("{} is to be given and taken away at once. Remove one of the two.", told(&item.grantable)))
        }
        None => Ok(()),
    }
}

fn dates(new: &NewRequest, today: Date) -> Result<(), ApiError> {
    if let Some(first) = new.not_before.filter(|first| *first < today) {
        let message = format!("The first day, {first}, is over. Leave it empty to begin today.");
        return Err(ApiError::invalid("not_before", message));
    }
    let Some(last) = new.until else { return Ok(()) };
    if new.items.iter().all(|item| item.change == Change::Take) {
        let message = "What is taken away has no last day. Leave it empty; to take it away later, give a first day.";
        return Err(ApiError::invalid("until", message));
    }
    if last < today {
        return Err(ApiError::invalid("until", format!("The last day, {last}, is over. Choose a later one.")));
    }
    if let Some(first) = new.not_before.filter(|first| last < *first) {
        let message = format!("The last day, {last}, comes before the first one, {first}. Correct one of them.");
        return Err(ApiError::invalid("until", message));
    }
    Ok(())
}

fn priority(op: &OpContext, new: &NewRequest) -> Result<(), ApiError> {
    let Some(wanted) = new.priority else { return Ok(()) };
    let usual = new.trigger.priority(&op.engine.world().configuration().organisation.priorities);
    if wanted > LAST {
        return Err(ApiError::invalid("priority", format!("A priority is a number from 0 to {LAST}.")));
    }
    if wanted < usual && !op.may(EXPEDITE) {
        let message = format!(
            "{wanted} is more urgent than {usual}, which is the priority of {}. That takes `{EXPEDITE}`; leave it out, or \
             choose {usual} to {LAST}.",
            new.trigger.label().to_lowercase()
        );
        return Err(ApiError { code: ErrorCode::Forbidden, message, field: Some("priority".to_owned()) });
    }
    Ok(())
}

/// Why a request is not taken.
#[derive(Debug)]
pub(crate) enum Refused {
    /// It is so already: nothing would change.
    Already(ApiError),
    Wrong(ApiError),
}

impl From<ApiError> for Refused {
    fn from(error: ApiError) -> Self {
        Self::Wrong(error)
    }
}

impl From<Refused> for ApiError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Already(error) | Refused::Wrong(error) => error,
        }
    }
}

/// Whether it makes sense for this identity, as things are.
pub(super) async fn check(op: &OpContext, new: &NewRequest) -> Result<Ready, ApiError> {
    let store = op.engine.store();
    let found = store.identities_by_id(&[new.identity]).await.map_err(internal)?.pop();
    let identity = found.ok_or_else(|| {
        ApiError::invalid("identity", format!("There is no identity {}. Choose somebody of the list.", new.identity))
    })?;
    let before = store.direct_grants(Some(&[new.identity])).await.map_err(internal)?;
    Ok(decide(op, new, identity, before)?)
}

/// As [`check`], where the identity and what it is given directly are at hand.
pub(super) fn decide(
    op: &OpContext,
    new: &NewRequest,
    identity: Identity,
    before: Vec<DirectGrant>,
) -> Result<Ready, Refused> {
    let today = op.engine.today();
    let lifecycle = identity.lifecycle(today);
    if lifecycle == LifecycleState::Leaver {
        let message = format!(
            "{} has left: their access ends by itself, and nothing can be given to them or taken away by hand.",
            identity.display_name
        );
        return Err(ApiError::invalid("identity", message).into());
    }
    let configuration = op.engine.world().configuration();
    for item in &new.items {
        exists(&configuration, &item.grantable)?;
    }
    let mut ready = Ready { after: before.clone(), before, taken: Vec::new(), remarks: Vec::new(), identity };
    for item in &new.items {
        match item.change {
            Change::Take => take(op, new, &item.grantable, &mut ready, today)?,
            Change::Give => give(new, &item.grantable, &mut ready, today)?,
        }
    }
    let day = new.not_before.unwrap_or(today);
    for item in new.items.iter().filter(|item| item.change == Change::Give) {
        ready.remarks.extend(terms::remarks(&configuration, new, &item.grantable, today));
        denied(op, &item.grantable, &ready, day)?;
    }
    if lifecycle == LifecycleState::Joiner {
        ready.remarks.push(format!(
            "{} has not begun yet. What is given directly counts from their first day.",
            ready.identity.display_name
        ));
    }
    Ok(ready)
}

fn exists(configuration: &Configuration, grantable: &Grantable) -> Result<(), ApiError> {
    let near = match naming::find(configuration, Some(grantable.kind()), grantable.name()) {
        Named::One(found) if found == *grantable => return Ok(()),
        Named::One(found) => vec![found],
        Named::Several(several) if several.contains(grantable) => return Ok(()),
        Named::Several(near) | Named::Unknown(near) => near,
    };
    let near: Vec<String> = near.iter().take(3).map(|near| format!("`{}`", near.name())).collect();
    let hint = if near.is_empty() { String::new() } else { format!(" Perhaps {} is meant.", near.join(" or ")) };
    Err(ApiError::invalid("items", format!("There is no {}.{hint}", told(grantable))))
}

fn give(new: &NewRequest, grantable: &Grantable, ready: &mut Ready, today: Date) -> Result<(), Refused> {
    let period = Period { starts: new.not_before, ends: new.until.and_then(|last| last.tomorrow().ok()) };
    let starts = new.not_before.unwrap_or(today);
    let covers = |grant: &&DirectGrant| {
        grant.grantable == *grantable
            && grant.period.starts.is_none_or(|first| first <= starts)
            && grant.period.ends.is_none_or(|ends| period.ends.is_some_and(|own| own <= ends) && starts < ends)
    };
    if let Some(grant) = ready.before.iter().find(covers) {
        let until = grant.period.ends.and_then(|ends| ends.yesterday().ok());
        let until = until.map_or_else(|| "without an end".to_owned(), |last| format!("until {last}"));
        let message = format!(
            "{} was given to {} directly already, {until}, by request {}. Nothing would change.",
            told(grantable),
            ready.identity.display_name,
            grant.origin.request
        );
        let error = ApiError { code: ErrorCode::Conflict, message, field: Some("items".to_owned()) };
        return Err(Refused::Already(error));
    }
    let origin = model::access::GrantOrigin {
        request: RequestId(0),
        by: new.requester.clone().unwrap_or_default(),
        why: new.justification.clone(),
    };
    // It has no number while it is only thought of.
    let id = DirectGrantId(0);
    ready.after.push(DirectGrant { id, identity: new.identity, grantable: grantable.clone(), period, origin });
    Ok(())
}

/// What was given directly ends; what comes from elsewhere is refused, with where it comes from.
fn take(
    op: &OpContext,
    new: &NewRequest,
    grantable: &Grantable,
    ready: &mut Ready,
    today: Date,
) -> Result<(), Refused> {
    let is_own = |grant: &DirectGrant| grant.grantable == *grantable && !grant.period.is_past(today);
    let taken: Vec<DirectGrant> = ready.before.iter().filter(|grant| is_own(grant)).cloned().collect();
    if taken.is_empty() {
        return Err(not_direct(op, grantable, ready, today));
    }
    ready.after.retain(|grant| !is_own(grant));
    if let Some(first) = new.not_before.filter(|first| *first > today) {
        ready.after.extend(taken.iter().filter_map(|grant| shortened(grant, first)));
    }
    ready.taken.extend(taken);
    Ok(())
}

/// The grant as it is where it no longer holds from that day; none where nothing is left of it.
pub(super) fn shortened(grant: &DirectGrant, from: Date) -> Option<DirectGrant> {
    if grant.period.starts.is_some_and(|starts| from <= starts) {
        return None;
    }
    let ends = grant.period.ends.map_or(from, |ends| ends.min(from));
    Some(DirectGrant { period: Period { ends: Some(ends), ..grant.period }, ..grant.clone() })
}

fn not_direct(op: &OpContext, grantable: &Grantable, ready: &Ready, today: Date) -> Refused {
    let (who, what) = (&ready.identity.display_name, told(grantable));
    let explained = explain(op, ready.identity.id, &ready.before, grantable, today);
    let refusal = |message| ApiError { code: ErrorCode::Conflict, message, field: Some("items".to_owned()) };
    match explained.filter(|explanation| explanation.held) {
        None => Refused::Already(refusal(format!("{who} does not hold {what}, so there is nothing to take away."))),
        Some(explanation) => {
            let cause = explanation.reasons.first();
            let advice = match cause {
                Some(Reason { grant: Some(origin), path, .. }) => {
                    let through = path.first().map(told).unwrap_or_default();
                    format!(
                        "It comes with {through}, which request {} gave directly: take that away instead.",
                        origin.request
                    )
                }
                Some(reason) => format!(
                    "It comes from {}{}. Change what the rule looks at in the source, or the rule itself; a rule that \
                     denies takes it away from exactly those it names.",
                    reason.cause(),
                    facts(reason)
                ),
                None => "The role model gives it.".to_owned(),
            };
            let message = format!("{what} was not given to {who} by hand, and is not taken away by hand. {advice}");
            Refused::Wrong(refusal(message))
        }
    }
}

/// A denial counts for what is given by hand as well.
fn denied(op: &OpContext, grantable: &Grantable, ready: &Ready, day: Date) -> Result<(), ApiError> {
    let explained = explain(op, ready.identity.id, &ready.after, grantable, day);
    let Some(denial) = explained.filter(|found| !found.held).and_then(|found| found.denied_by) else { return Ok(()) };
    let message = format!(
        "{} cannot be given to {}: {} takes it away{}. Change the rule, or what it looks at, first.",
        told(grantable),
        ready.identity.display_name,
        denial.cause(),
        facts(&denial)
    );
    Err(ApiError { code: ErrorCode::Conflict, message, field: Some("items".to_owned()) })
}

fn explain(
    op: &OpContext,
    id: model::ids::IdentityId,
    grants: &[DirectGrant],
    grantable: &Grantable,
    day: Date,
) -> Option<Explanation> {
    op.engine.world().with_population(|population| population.engine.explain_with(id, grants, grantable, day))
}

/// " (department = Sales)".
fn facts(reason: &Reason) -> String {
    let value = |fact: &model::access::Fact| fact.value.as_ref().map_or("nothing".to_owned(), ToString::to_string);
    let facts: Vec<String> = reason.facts.iter().map(|fact| format!("{} = {}", fact.attribute, value(fact))).collect();
    if facts.is_empty() { String::new() } else { format!(" ({})", facts.join(", ")) }
}

/// "role `sales`".
pub(super) fn told(grantable: &Grantable) -> String {
    format!("{} `{}`", grantable.kind().replace('_', " "), grantable.name())
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use model::access::GrantOrigin;
    use model::ids::IdentityId;

    use super::*;

    #[test]
    fn a_grant_is_shortened_and_never_prolonged() {
        let grant = |starts, ends| DirectGrant {
            id: DirectGrantId(1),
            identity: IdentityId(1),
            grantable: Grantable::Role("clerk".into()),
            period: Period { starts, ends },
            origin: GrantOrigin { request: RequestId(1), by: "ann".into(), why: "because".into() },
        };
        let (third, fifth, ninth) = (date(2026, 3, 3), date(2026, 3, 5), date(2026, 3, 9));
        for (starts, ends, expected) in [
            (None, None, Some(Some(fifth))),
            (Some(third), Some(ninth), Some(Some(fifth))),
            (None, Some(third), Some(Some(third))),
            (Some(fifth), None, None),
            (Some(ninth), None, None),
        ] {
            let found = shortened(&grant(starts, ends), fifth).map(|grant| grant.period.ends);
            assert_eq!(found, expected, "{starts:?} {ends:?}");
        }
    }

    #[test]
    fn what_a_person_wrote_becomes_one_line() {
        assert_eq!(justification(" covers\r\n for Bo \n", "reason", "Say why.").unwrap(), "covers for Bo");
        for (text, says) in [
            (" \n ".to_owned(), "Say why."),
            ("a\u{7}b".to_owned(), "cannot be shown"),
            ("x".repeat(501), "more than 500"),
        ] {
            assert!(justification(&text, "reason", "Say why.").unwrap_err().message.contains(says), "{text}");
        }
    }
}
