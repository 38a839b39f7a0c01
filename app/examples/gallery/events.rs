//! Receivers of events: one that has everything, one that is away, one that refused messages.

use app::frame::{Rights, Sheet};
use app::logic::time::Clock;
use app::pages::events::{event_list_sheet, events_sheet};
use jiff::SignedDuration;
use model::event::{
    Event, EventBody, EventFilter, EventIdentity, EventList, EventType, SetAsideMessage, Stream, SubscriptionRow,
    SubscriptionStanding, SubscriptionState,
};
use model::ids::{IdentityId, RunId};
use model::page::Page;

use super::{NAMES, before, now};

pub(crate) fn sheets(rights: &Rights, clock: &Clock) -> Vec<(&'static str, Sheet)> {
    let rows = rows();
    let reader = Rights::default();
    let applications = [("directory".to_owned(), "Directory".to_owned())];
    let filter = EventFilter::default();
    let narrowed = EventFilter {
        kind: Some("account.*".into()),
        identity: Some(IdentityId(1_001)),
        text: Some("nobody".into()),
        ..filter.clone()
    };
    let audit = EventFilter { stream: Stream::Audit, ..filter.clone() };
    vec![
        ("events", events_sheet(&rows, &set_aside(), rights, clock)),
        ("events-reader", events_sheet(&rows, &set_aside(), &reader, clock)),
        ("events-one", events_sheet(rows.get(..1).unwrap_or_default(), &[], rights, clock)),
        ("events-nobody", events_sheet(&[], &[], rights, clock)),
        ("events-list", event_list_sheet(&filter, listed(newest()), &applications, clock)),
        ("events-list-further-back", event_list_sheet(&narrowed, further(newest()), &applications, clock)),
        ("events-list-none", event_list_sheet(&narrowed, listed(Vec::new()), &applications, clock)),
        ("events-list-none-so-far", event_list_sheet(&narrowed, further(Vec::new()), &applications, clock)),
        ("events-list-nothing-yet", event_list_sheet(&filter, listed(Vec::new()), &applications, clock)),
        ("events-audit", event_list_sheet(&audit, listed(lines()), &applications, clock)),
        ("events-audit-nothing-yet", event_list_sheet(&audit, listed(Vec::new()), &applications, clock)),
    ]
}

fn rows() -> Vec<SubscriptionRow> {
    let row = |name: &str, stream, way: &str, cursor| SubscriptionRow {
        standing: SubscriptionStanding {
            name: name.to_owned(),
            stream,
            state: SubscriptionState::Active,
            cursor,
            previous: cursor,
            attempts: 0,
            next_attempt_at: None,
            problem: None,
            failing_since: None,
            delivered: u64::try_from(cursor).unwrap_or_default(),
            delivered_at: Some(before(2)),
            fence: 3,
        },
        description: None,
        way: way.to_owned(),
        last: 1_412,
        waiting_since: None,
        set_aside: 0,
    };
    let portal = row("portal", Stream::Events, "webhook https://portal.example.org/hooks/quartermaster", 1_412);
    let mut collector = row("security-collector", Stream::Audit, "syslog collector.example.org:6514", 1_020);
    collector.description = Some("The audit trail, for those who look for attacks.".into());
    collector.waiting_since = Some(before(190));
    collector.standing.attempts = 14;
    collector.standing.problem = Some(
        "The syslog server collector.example.org:6514 cannot be reached: Connection refused (os error 111).".into(),
    );
    collector.standing.failing_since = Some(before(190));
    collector.standing.next_attempt_at = Some(now() + SignedDuration::from_mins(3));
    let mut ledger = row("ledger", Stream::Events, "webhook https://ledger.example.org/in", 1_410);
    ledger.set_aside = 2;
    ledger.standing.state = SubscriptionState::Paused;
    vec![portal, collector, ledger, row("warehouse", Stream::Events, "asks by itself", 900)]
}

fn set_aside() -> Vec<SetAsideMessage> {
    let message = |sequence, again| SetAsideMessage {
        subscription: "ledger".into(),
        sequence,
        previous: sequence - 1,
        at: before(40),
        attempts: 3,
        problem: "The receiver answered 422 Unprocessable Entity.".into(),
        again,
    };
    vec![message(1_388, false), message(1_391, true)]
}

fn listed(rows: Vec<Event>) -> EventList {
    let next = rows.last().map(|event| event.sequence.to_string());
    EventList {
        page: Page { total: if rows.is_empty() { 0 } else { 1_412 }, next, rows, more: false },
        is_counted: true,
        looked_back_to: None,
    }
}

/// Much does not fit the filter, and older ones are left.
fn further(rows: Vec<Event>) -> EventList {
    let page = Page { total: rows.len() as u64, next: Some("812".into()), rows, more: false };
    EventList { page, is_counted: false, looked_back_to: Some(before(90)) }
}

fn lines() -> Vec<Event> {
    let line = |place: i64, [actor, action, subject, detail]: [&str; 4]| {
        let body = EventBody::new(EventType::Audited, before(place));
        let body = body.with("actor", actor).with("action", action).with("subject", subject).with("detail", detail);
        Event { stream: Stream::Audit, epoch: "5f1c".into(), sequence: 212 - place, body }
    };
    vec![
        line(0, ["ann.lee", "run", "run 77", "the complete job was started"]),
        line(1, ["ann.lee", "subscription", "ledger", "paused"]),
    ]
}

fn newest() -> Vec<Event> {
    let event = |place: i64, kind, data: &[(&str, &str)], person: Option<usize>| {
        let mut body = EventBody::new(kind, before(place));
        for (name, value) in data {
            body = body.with(name, *value);
        }
        body.run = Some(RunId(77));
        body.identity = person.and_then(|person| NAMES.get(person)).map(|name| EventIdentity {
            id: IdentityId(1_000 + place),
            source: "hr".into(),
            key: (4_700 + place).to_string(),
            display_name: (*name).to_owned(),
        });
        body.application = person.map(|_| "directory".to_owned());
        Event { stream: Stream::Events, epoch: "5f1c".into(), sequence: 1_412 - place, body }
    };
    vec![
        event(0, EventType::RunEnded, &[("job", "complete"), ("state", "completed")], None),
        event(1, EventType::OrderVerified, &[("operation", "create"), ("key", "alindqvist")], Some(0)),
        event(2, EventType::AccountCreated, &[("key", "alindqvist"), ("status", "enabled")], Some(0)),
        event(3, EventType::AssignmentGranted, &[("kind", "role"), ("name", "office")], Some(1)),
        event(4, EventType::IdentityLeft, &[], Some(2)),
    ]
}
