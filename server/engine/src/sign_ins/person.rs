//! Who signs in: recognised by the subject, or the first time by what the identity provider has confirmed; and written into the
//! source that sign-ins fill.

use broker::synchronize;
use jiff::civil::Date;
use model::error::ApiError;
use model::feed::FeedIdentity;
use model::identity::Identity;
use model::ids::IdentityId;
use store::{NewIdentityEvent, StoreError};

use crate::error::internal;
use crate::tasks;

use super::{Case, claims, valid_until};

/// How often it is looked again whether somebody else was quicker.
const TRIES: u32 = 5;

/// Who somebody is.
pub(super) enum Known {
    One(Identity),
    Nobody,
    /// It is not said who.
    Several,
}

/// Somebody as they are on record now.
pub(super) struct Written {
    pub(super) identity: Identity,
    /// Something of them is new.
    pub(super) is_changed: bool,
    /// Sign-ins tell of them, and nothing else.
    pub(super) is_filled: bool,
}

/// Finds whoever it is.
pub(super) async fn recognise(case: &Case<'_>) -> Result<Known, ApiError> {
    let store = case.op.engine.store();
    let configuration = case.op.engine.world().configuration();
    let is_filled = configuration.sources.get(&case.provider.source).is_some_and(|source| source.filled_by_sign_ins);
    if is_filled {
        return Ok(match by_key(case).await? {
            Some(identity) => Known::One(identity),
            None => Known::Nobody,
        });
    }
    if let Some(first) = case.first_request().await? {
        let request = store.request(first).await.map_err(internal)?.ok_or_else(ApiError::internal)?;
        let found = store.identities_by_id(&[request.identity]).await.map_err(internal)?.pop();
        return Ok(found.map_or(Known::Nobody, Known::One));
    }
    let values = claims::values(case.told);
    let fits = |identity: &Identity| {
        identity.source == case.provider.source
            && identity.present
            && case.provider.confirmed.iter().all(|(attribute, claim)| {
                let own = match attribute.as_str() {
                    "key" => Some(identity.key.clone()),
                    name => {
                        let of_contexts = identity.contexts.iter().find_map(|context| context.attributes.get(name));
                        identity.attributes.get(name).or(of_contexts).map(ToString::to_string)
                    }
                };
                own.is_some_and(|own| !own.is_empty() && values.get(claim) == Some(&own))
            })
    };
    let mut found = case.op.engine.world().with_population(|population| {
        population.identities().values().filter(|identity| fits(identity)).take(2).cloned().collect::<Vec<_>>()
    });
    Ok(match (found.pop(), found.is_empty()) {
        (Some(one), true) => Known::One(one),
        (Some(_), false) => Known::Several,
        (None, _) => Known::Nobody,
    })
}

async fn by_key(case: &Case<'_>) -> Result<Option<Identity>, ApiError> {
    let found = case.op.engine.store().identities_by_key(&[&case.told.subject]).await.map_err(internal)?;
    Ok(found.into_iter().find(|identity| identity.source == case.provider.source))
}

/// Takes over what is said of them where nothing else does, with the last day until which this sign-in counts; whoever has
/// left was here until yesterday.
pub(super) async fn write(case: &Case<'_>, known: Option<Identity>, has_left: bool) -> Result<Written, ApiError> {
    let configuration = case.op.engine.world().configuration();
    let source = configuration.sources.get(&case.provider.source).filter(|source| source.filled_by_sign_ins);
    let Some(source) = source else {
        let identity = known.ok_or_else(ApiError::internal)?;
        return Ok(Written { identity, is_changed: false, is_filled: false });
    };
    let ends = if has_left { case.op.engine.today() } else { valid_until(&case.op.engine, case.provider.valid_days)? };
    let mut known = known;
    for _ in 0..TRIES {
        let row = match (&known, has_left) {
            (Some(identity), true) => as_told(identity),
            _ => tasks::collect::read_row(source, &claims::values(case.told))
                .map_err(|why| ApiError::invalid("claims", why))?,
        };
        match take_over(case, known.as_ref(), until(row, ends)).await {
            // Somebody signs in twice at the same moment.
            Err(StoreError::Conflict { .. }) => known = by_key(case).await?,
            done => {
                let written = done.map_err(internal)?;
                case.op.engine.follow().await.map_err(|_| ApiError::internal())?;
                return Ok(written);
            }
        }
    }
    Err(ApiError::conflict("The same person signs in several times at this moment. Nothing was changed; try again."))
}

/// The row that said what is on record.
fn as_told(identity: &Identity) -> FeedIdentity {
    FeedIdentity {
        key: identity.key.clone(),
        display_name: identity.display_name.clone(),
        attributes: identity.attributes.clone(),
        contexts: identity.contexts.clone(),
        manager_key: identity.manager_key.clone(),
    }
}

/// Nothing of it holds from that day on.
fn until(mut row: FeedIdentity, ends: Date) -> FeedIdentity {
    for context in &mut row.contexts {
        context.period.ends = Some(context.period.ends.map_or(ends, |own| own.min(ends)));
    }
    row
}

async fn take_over(case: &Case<'_>, known: Option<&Identity>, row: FeedIdentity) -> Result<Written, StoreError> {
    let (engine, name) = (&case.op.engine, &case.provider.source);
    let changes = synchronize::identities(known, vec![row], name, false);
    let id = engine.store().reserve_ids(1).await?.start;
    let inserted: Vec<Identity> =
        changes.inserted.into_iter().map(|row| tasks::synchronize::identity(row, IdentityId(id), name)).collect();
    let updated = changes.updated;
    let Some(identity) = inserted.first().or(updated.first()).cloned() else {
        let identity = known.cloned().ok_or_else(|| StoreError::Corrupt { what: "a sign-in of nobody".to_owned() })?;
        return Ok(Written { identity, is_changed: false, is_filled: true });
    };
    let at = engine.now();
    let message = match known {
        None => format!("First seen in `{name}`."),
        Some(before) => tasks::synchronize::changed_attributes(before, &identity),
    };
    let event = NewIdentityEvent { identity: identity.id, at, message, order: None, run: None };
    let work = engine.store().write(move |tx| {
        Box::pin(async move {
            tx.insert_identities(&inserted, None, at).await?;
            tx.update_identities(&updated, None, at).await?;
            tx.append_identity_events(&[event]).await
        })
    });
    work.await?;
    Ok(Written { identity, is_changed: true, is_filled: true })
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use model::identity::{Context, Period};

    use super::*;

    #[test]
    fn a_sign_in_prolongs_and_never_beyond_what_is_said() {
        let row = |ends| FeedIdentity {
            key: "a".into(),
            display_name: "A".into(),
            attributes: Default::default(),
            contexts: vec![Context {
                key: "a".into(),
                priority: 0,
                period: Period { starts: None, ends },
                attributes: Default::default(),
                filled: Vec::new(),
            }],
            manager_key: None,
        };
        let (tenth, twentieth) = (date(2026, 3, 10), date(2026, 3, 20));
        for (said, ends, expected) in
            [(None, tenth, tenth), (Some(twentieth), tenth, tenth), (Some(tenth), twentieth, tenth)]
        {
            assert_eq!(until(row(said), ends).contexts[0].period.ends, Some(expected), "{said:?}");
        }
    }
}
