//! Whether roles and access profiles may be asked for, and for how long. Everything else may always be.

use jiff::ToSpan;
use jiff::civil::Date;
use model::access::{Dormancy, Grantable};
use model::configuration::{Configuration, Terms};
use model::error::{ApiError, ErrorCode};
use model::request::{Change, NewRequest};

use super::check::told;

/// Whether people may ask for it on that day, for a time to come at least.
pub(super) fn is_offered(configuration: &Configuration, grantable: &Grantable, today: Date) -> bool {
    configuration.terms(grantable).is_none_or(|terms| {
        let dormancy = terms.dormancy(today);
        terms.requestable && dormancy.is_none_or(|dormancy| matches!(dormancy, Dormancy::NotBefore(_)))
    })
}

/// The request with the last day that its things have in common, where none was given; refused where one is not offered,
/// or the last day that was given is later than the thing allows.
pub(super) fn limit(configuration: &Configuration, new: NewRequest, today: Date) -> Result<NewRequest, ApiError> {
    let starts = new.not_before.unwrap_or(today);
    let mut until = new.until;
    for item in new.items.iter().filter(|item| item.change == Change::Give) {
        let Some(terms) = configuration.terms(&item.grantable) else { continue };
        check(&item.grantable, &terms, starts)?;
        let Some(last) = last_day(&terms, starts) else { continue };
        match new.until {
            Some(asked) if last < asked => {
                let message = format!(
                    "{} is given for at most {}: until {last}. Choose an earlier last day, or leave it empty.",
                    told(&item.grantable),
                    days(terms.maximum_days.unwrap_or_default())
                );
                return Err(ApiError::invalid("until", message));
            }
            Some(_) => {}
            None => until = Some(until.map_or(last, |known| known.min(last))),
        }
    }
    Ok(NewRequest { until, ..new })
}

/// What is good to know of one thing that is given.
pub(super) fn remarks(
    configuration: &Configuration,
    new: &NewRequest,
    grantable: &Grantable,
    today: Date,
) -> Vec<String> {
    let Some(terms) = configuration.terms(grantable) else { return Vec::new() };
    let starts = new.not_before.unwrap_or(today);
    let what = told(grantable);
    let mut remarks = Vec::new();
    if let Some(maximum) = terms.maximum_days
        && let (Some(last), true) = (new.until, new.until == last_day(&terms, starts))
    {
        remarks.push(format!("{what} is given for at most {}, so it ends after {last}.", days(maximum)));
    }
    if let Some(first) = terms.valid_from.filter(|first| starts < *first) {
        remarks.push(format!("{what} is not valid before {first}: nothing comes of it until then."));
    }
    if let Some(last) = terms.valid_until.filter(|last| new.until.is_none_or(|until| *last < until)) {
        remarks.push(format!("{what} is valid until {last}: whatever is given ends then."));
    }
    remarks
}

fn check(grantable: &Grantable, terms: &Terms, starts: Date) -> Result<(), ApiError> {
    let what = told(grantable);
    let ask = match &terms.owner {
        Some(owner) => format!("Ask {owner}, who answers for it."),
        None => "Ask whoever looks after the role model.".to_owned(),
    };
    let message = match terms.dormancy(starts) {
        Some(Dormancy::Draft) => format!("{what} is a draft, and is given to nobody yet. {ask}"),
        Some(Dormancy::Retired) => format!("{what} is retired, and is given to nobody any more. {ask}"),
        Some(Dormancy::NotAfter(last)) => {
            format!("{what} was valid until {last}, and is given to nobody after that. {ask}")
        }
        _ if !terms.requestable => format!("{what} cannot be asked for: only rules give it. {ask}"),
        Some(Dormancy::NotBefore(_)) | None => return Ok(()),
    };
    Err(ApiError { code: ErrorCode::Conflict, message, field: Some("items".to_owned()) })
}

/// The first day counts, and so does the last.
fn last_day(terms: &Terms, starts: Date) -> Option<Date> {
    let days = terms.maximum_days?.saturating_sub(1);
    starts.checked_add(i64::from(days).days()).ok()
}

fn days(count: u16) -> String {
    if count == 1 { "1 day".to_owned() } else { format!("{count} days") }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use model::configuration::{Role, RoleState};
    use model::ids::IdentityId;
    use model::request::{RequestItem, RequestSource};
    use model::trigger::Trigger;

    use super::*;

    const TODAY: Date = date(2026, 3, 1);

    fn with(terms: Terms) -> Configuration {
        let mut configuration = Configuration::default();
        configuration.roles.insert("auditor".into(), Role::on(terms));
        configuration.roles.insert("other".into(), Role::new("Other"));
        configuration
    }

    fn ask(names: &[&str], not_before: Option<Date>, until: Option<Date>) -> NewRequest {
        let give = |name: &&str| RequestItem { change: Change::Give, grantable: Grantable::Role((*name).into()) };
        let items = names.iter().map(give).collect();
        let source = RequestSource::new("page", "by hand");
        let new = NewRequest::new(Trigger::Administrator, source, IdentityId(1), items, "because");
        NewRequest { not_before, until, ..new }
    }

    #[test]
    fn what_is_not_offered_is_refused_and_says_whom_to_ask() {
        let usual = Terms { owner: Some("olga".into()), ..Terms::default() };
        for (terms, says) in [
            (Terms { requestable: false, ..usual.clone() }, "only rules give it. Ask olga"),
            (Terms { state: RoleState::Draft, ..usual.clone() }, "is a draft"),
            (Terms { state: RoleState::Retired, ..usual.clone() }, "is retired"),
            (Terms { valid_until: Some(date(2026, 2, 28)), ..usual.clone() }, "valid until 2026-02-28"),
        ] {
            let configuration = with(terms);
            let refused = limit(&configuration, ask(&["auditor"], None, None), TODAY).unwrap_err();
            assert!(refused.message.contains(says), "{}", refused.message);
            assert_eq!(refused.field.as_deref(), Some("items"));
            assert!(!is_offered(&configuration, &Grantable::Role("auditor".into()), TODAY));
            let mut taken = ask(&["auditor"], None, None);
            taken.items[0].change = Change::Take;
            assert!(limit(&configuration, taken, TODAY).is_ok(), "what was given may be taken away");
        }
        let later = with(Terms { valid_from: Some(date(2026, 4, 1)), ..Terms::default() });
        assert!(is_offered(&later, &Grantable::Role("auditor".into()), TODAY));
        let remarks = remarks(&later, &ask(&["auditor"], None, None), &Grantable::Role("auditor".into()), TODAY);
        assert!(remarks[0].contains("not valid before 2026-04-01"), "{remarks:?}");
    }

    #[test]
    fn the_last_day_is_never_later_than_the_most_days_after_the_first() {
        let configuration = with(Terms { maximum_days: Some(10), ..Terms::default() });
        for (first, asked, expected) in [
            (None, None, Some(date(2026, 3, 10))),
            (Some(date(2026, 3, 5)), None, Some(date(2026, 3, 14))),
            (None, Some(date(2026, 3, 10)), Some(date(2026, 3, 10))),
            (None, Some(date(2026, 3, 2)), Some(date(2026, 3, 2))),
            (None, Some(date(2026, 3, 11)), None),
        ] {
            let found = limit(&configuration, ask(&["auditor", "other"], first, asked), TODAY);
            assert_eq!(found.as_ref().ok().and_then(|new| new.until), expected, "{first:?} {asked:?}");
            if let Err(refused) = found {
                assert_eq!(refused.field.as_deref(), Some("until"));
                assert!(refused.message.contains("at most 10 days: until 2026-03-10"), "{}", refused.message);
            }
        }
        let open = limit(&configuration, ask(&["other"], None, None), TODAY).unwrap();
        assert_eq!(open.until, None);
        let one = limit(&configuration, ask(&["auditor"], None, None), TODAY).unwrap();
        let remarks = remarks(&configuration, &one, &Grantable::Role("auditor".into()), TODAY);
        assert!(remarks[0].contains("ends after 2026-03-10"), "{remarks:?}");
    }
}
