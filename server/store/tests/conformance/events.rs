use std::collections::BTreeSet;

use model::access::{Grantable, WorkflowState};
use model::configuration::{Configuration, Delivery, EventFile, Subscription, SubscriptionStart};
use model::event::{Event, EventFilter, EventType, Position, SetAsideMessage, Stream, SubscriptionState};
use model::ids::*;
use model::value::Value;
use model::view::AuditLine;
use store::{AssignmentRecord, Delivered, Store, StoreError};

use crate::world::*;

fn line(seconds: i64, subject: &str) -> AuditLine {
    AuditLine {
        at: at(seconds),
        actor: "anna".into(),
        action: "run".into(),
        subject: subject.into(),
        detail: "started".into(),
    }
}

/// Events that are looked at for one piece of a list.
const AT_ONCE: u32 = 1_000;

/// A configuration with one receiver of each stream.
fn wanted(from: SubscriptionStart) -> Configuration {
    let to_file = |source| Subscription {
        source,
        from,
        deliver: Some(Delivery::File(EventFile { path: "x".into() })),
        ..Subscription::default()
    };
    let mut configuration = Configuration::default();
    configuration.subscriptions.insert("portal".into(), to_file(Stream::Events));
    configuration.subscriptions.insert("collector".into(), to_file(Stream::Audit));
    configuration
}

pub(crate) async fn apply(store: &Store, version: i64, configuration: Configuration) {
    keep!(store, |tx| {
        let version = ConfigurationVersionId(version);
        tx.apply_configuration(version, &configuration, &version.to_string(), "root", at(0)).await?;
    });
}

async fn published(store: &Store) -> Vec<Event> {
    for stream in store.unnumbered().await.unwrap() {
        keep!(store, |tx| while tx.publish(stream, "epoch", 7).await? > 0 {});
    }
    store.events_after(Stream::Events, 0, 10_000).await.unwrap().1
}

fn kinds(events: &[Event]) -> Vec<&'static str> {
    events.iter().map(|event| event.body.kind.name()).collect()
}

pub(crate) async fn nothing_is_written_while_nobody_wants_events(store: Store) {
    keep!(store, |tx| tx.insert_identities(&[identity(1, "Anna")], None, at(1)).await?);
    assert_eq!(store.unnumbered().await.unwrap(), []);
    apply(&store, 1, wanted(SubscriptionStart::Now)).await;
    keep!(store, |tx| tx.insert_identities(&[identity(2, "Bo")], None, at(2)).await?);
    let events = published(&store).await;
    assert_eq!(kinds(&events), ["stream.began", "identity.joined"]);
    assert_eq!(events[1].body.identity.as_ref().unwrap().key, "E2");
    apply(&store, 2, Configuration::default()).await;
    keep!(store, |tx| tx.insert_identities(&[identity(3, "Cy")], None, at(3)).await?);
    assert_eq!(store.unnumbered().await.unwrap(), []);
    assert_eq!(store.subscriptions().await.unwrap(), []);
}

pub(crate) async fn what_changes_is_told_without_values(store: Store) {
    apply(&store, 1, wanted(SubscriptionStart::Now)).await;
    let mut anna = identity(1, "Anna");
    let mut held = account(5, "badges", "anna", Some(1), &["DOOR"]);
    held.attributes = attributes(&[("password", "canary-1")]);
    keep!(store, |tx| {
        tx.insert_identities(&[identity(1, "Anna")], None, at(1)).await?;
        tx.insert_accounts(&[held], at(1)).await?;
    });
    anna.attributes = attributes(&[("mail", "canary-2@example.org")]);
    let mut held = account(5, "badges", "anna", Some(1), &["DOOR"]);
    held.attributes = attributes(&[("password", "canary-3")]);
    let (unchanged, same) = (anna.clone(), held.clone());
    keep!(store, |tx| {
        tx.update_identities(&[anna], None, at(2)).await?;
        tx.update_accounts(&[held], at(2)).await?;
    });
    keep!(store, |tx| {
        tx.update_identities(&[unchanged], None, at(3)).await?;
        tx.update_accounts(&[same], at(3)).await?;
    });
    let events = published(&store).await;
    let expected = ["stream.began", "identity.joined", "account.created", "identity.changed", "account.changed"];
    assert_eq!(kinds(&events), expected);
    assert_eq!(events[3].body.data["attributes"], Value::List(vec!["mail".into()]));
    assert_eq!(events[4].body.data["attributes"], Value::List(vec!["password".into()]));
    assert_eq!(events[4].body.identity.as_ref().unwrap().display_name, "Anna");
    let text = serde_json::to_string(&events).unwrap();
    assert!(!text.contains("canary"), "{text}");
}

/// What a list shows of a stream: piece by piece, the newest first, and only what fits.
pub(crate) async fn a_list_of_events_is_narrowed_and_cut(store: Store) {
    apply(&store, 1, wanted(SubscriptionStart::Now)).await;
    keep!(store, |tx| {
        tx.insert_identities(&[identity(1, "Ann\u{e4} Lee"), identity(2, "Bo Ek")], None, at(10)).await?;
        tx.insert_accounts(&[account(5, "badges", "anna", Some(1), &["DOOR"])], at(20)).await?;
        tx.append_audit(&line(30, "50% of run_7")).await?;
        tx.append_audit(&line(40, "other")).await?;
    });
    published(&store).await;
    let listed = async |filter: &EventFilter, since: Option<i64>, until: Option<i64>, belonging: &[String]| {
        let page = store.event_page(filter, since.map(at), until.map(at), belonging, AT_ONCE).await.unwrap().page;
        let kinds: Vec<&str> = page.rows.iter().map(|event| event.body.kind.name()).collect();
        assert_eq!(page.total, kinds.len() as u64, "{filter:?}");
        kinds.join(" ")
    };
    let all = EventFilter::default();
    let with = |change: &dyn Fn(&mut EventFilter)| {
        let mut filter = all.clone();
        change(&mut filter);
        filter
    };
    let everything = "account.created identity.joined identity.joined stream.began";
    assert_eq!(listed(&all, None, None, &[]).await, everything);
    for (filter, expected) in [
        (with(&|filter| filter.kind = Some("identity.joined".into())), "identity.joined identity.joined"),
        (with(&|filter| filter.kind = Some("account.*".into())), "account.created"),
        (with(&|filter| filter.kind = Some("account".into())), ""),
        (with(&|filter| filter.application = Some("badges".into())), "account.created"),
        (with(&|filter| filter.application = Some("other".into())), ""),
        (with(&|filter| filter.identity = Some(IdentityId(2))), "identity.joined"),
        (with(&|filter| filter.text = Some("lee anna".into())), "account.created identity.joined"),
        (with(&|filter| filter.text = Some("anna".into())), "account.created identity.joined"),
        (with(&|filter| filter.text = Some("E2".into())), "identity.joined"),
        (with(&|filter| filter.text = Some("nobody".into())), ""),
    ] {
        assert_eq!(listed(&filter, None, None, &[]).await, expected, "{filter:?}");
    }
    assert_eq!(listed(&all, Some(10), Some(20), &[]).await, "identity.joined identity.joined");

    // Piece by piece.
    let first =
        store.event_page(&EventFilter { limit: Some(3), ..all.clone() }, None, None, &[], AT_ONCE).await.unwrap().page;
    assert_eq!((first.rows.len(), first.total), (3, 4));
    let before = first.next.map(|next| next.parse().unwrap());
    let rest = store.event_page(&EventFilter { before, ..all.clone() }, None, None, &[], AT_ONCE).await.unwrap().page;
    assert_eq!((kinds(&rest.rows), rest.next), (vec!["stream.began"], None));

    // What says of no application belongs to that of the thing.
    let held = AssignmentRecord {
        id: AssignmentId(9),
        identity: IdentityId(1),
        grantable: Grantable::Entitlement("door".into()),
        workflow_state: WorkflowState::Calculated,
        period: period("2026-01-01", ""),
        reasons: vec![reason("sellers")],
        since: at(50),
        until: None,
        state: None,
        state_reason: None,
        order: None,
    };
    keep!(store, |tx| tx.open_assignments(&[held], None).await?);
    published(&store).await;
    let of_badges = EventFilter { application: Some("badges".into()), ..all.clone() };
    assert_eq!(listed(&of_badges, None, None, &[]).await, "account.created");
    let belonging = ["entitlement door".to_owned()];
    assert_eq!(listed(&of_badges, None, None, &belonging).await, "assignment.granted account.created");

    // By its name, however that is written.
    for (id, name) in (10..).zip([r#"a "50%" \door_"#, "été\t1", "plain"]) {
        let held = AssignmentRecord {
            id: AssignmentId(id),
            identity: IdentityId(2),
            grantable: Grantable::Entitlement(name.into()),
            workflow_state: WorkflowState::Calculated,
            period: period("2026-01-01", ""),
            reasons: vec![reason("sellers")],
            since: at(60),
            until: None,
            state: None,
            state_reason: None,
            order: None,
        };
        keep!(store, |tx| tx.open_assignments(&[held], None).await?);
        published(&store).await;
        let named = |text: &str| EventFilter { text: Some(text.into()), ..all.clone() };
        assert_eq!(listed(&named(name), None, None, &[]).await, "assignment.granted", "{name}");
        assert_eq!(listed(&named(&name[..name.len() - 1]), None, None, &[]).await, "", "{name}");
    }

    // Lines of the audit trail, by a part of them, letter by letter.
    let lines = async |text: &str| {
        let filter = EventFilter { stream: Stream::Audit, text: Some(text.into()), ..EventFilter::default() };
        let page = store.event_page(&filter, None, None, &[], AT_ONCE).await.unwrap().page;
        page.rows.iter().map(|event| event.body.data["subject"].to_string()).collect::<Vec<_>>()
    };
    assert_eq!(lines("ANNA run").await, ["other", "50% of run_7"]);
    assert_eq!(lines("50% of run_").await, ["50% of run_7"]);
    assert_eq!(lines("50_").await, [] as [String; 0]);
}

/// However much a filter leaves out, one piece looks at so much and says how far it came; together they leave nothing out.
pub(crate) async fn a_long_list_of_events_is_looked_through_piece_by_piece(store: Store) {
    apply(&store, 1, wanted(SubscriptionStart::Now)).await;
    keep!(store, |tx| {
        tx.insert_identities(&[identity(1, "Rare")], None, at(1)).await?;
        for first in (2..1_402).step_by(700) {
            let many: Vec<_> = (first..first + 700).map(|id| identity(id, "Someone")).collect();
            tx.insert_identities(&many, None, at(first)).await?;
        }
        tx.append_audit(&line(30, "first")).await?;
        tx.append_audit(&line(20, "was earlier")).await?;
    });
    while keep!(store, |tx| tx.publish(Stream::Events, "epoch", 1_000).await?) > 0 {}
    keep!(store, |tx| tx.publish(Stream::Audit, "epoch", 1_000).await?);
    let listed = async |filter: &EventFilter| store.event_page(filter, None, None, &[], AT_ONCE).await.unwrap();
    let rare = EventFilter { text: Some("rare".into()), ..EventFilter::default() };
    let first = listed(&rare).await;
    assert_eq!((first.page.rows.len(), first.is_counted), (0, false));
    let edge: i64 = first.page.next.unwrap().parse().unwrap();
    assert_eq!(first.looked_back_to, Some(at(2)), "a thousand of 1,402 were looked at");
    let second = listed(&EventFilter { before: Some(edge), ..rare.clone() }).await;
    assert_eq!((second.page.rows.len(), second.is_counted, second.page.next), (1, false, None));
    assert_eq!(second.looked_back_to, None);

    // A whole page is found long before that.
    let joined = EventFilter { kind: Some("identity.joined".into()), ..EventFilter::default() };
    let first = listed(&joined).await;
    assert_eq!((first.page.rows.len(), first.is_counted, first.looked_back_to), (50, false, None));
    let mut before = first.page.next.map(|next| next.parse().unwrap());
    let (mut seen, mut pieces) = (first.page.rows.len(), 1);
    while before.is_some() {
        let next = listed(&EventFilter { before, limit: Some(60), ..joined.clone() }).await;
        seen += next.page.rows.len();
        pieces += 1;
        before = next.page.next.map(|next| next.parse().unwrap());
    }
    assert_eq!((seen, pieces), (1_401, 24));

    // Without a filter nothing has to be looked for, and all is counted.
    let all = listed(&EventFilter::default()).await;
    assert_eq!((all.page.rows.len(), all.page.total, all.is_counted), (50, 1_402, true));
    // What happened earlier comes later in the list, also where it was written later.
    let lines = listed(&EventFilter { stream: Stream::Audit, ..EventFilter::default() }).await.page.rows;
    assert_eq!(lines.iter().map(|line| line.sequence).collect::<Vec<_>>(), [1, 2]);
    // After what is no longer there, nothing older is.
    let gone = listed(&EventFilter { before: Some(99_999), ..EventFilter::default() }).await;
    assert_eq!((gone.page.rows.len(), gone.page.next), (0, None));
}

/// Two writers, some of whose transactions are rolled back, and two publishers at once.
pub(crate) async fn numbers_have_no_gaps_and_nothing_is_lost_or_told_twice(store: Store) {
    apply(&store, 1, wanted(SubscriptionStart::Now)).await;
    let write = |store: Store, first: i64| async move {
        for id in first..first + 40 {
            let written = store.write(move |tx| {
                Box::pin(async move {
                    tx.insert_identities(&[identity(id, "Someone")], None, at(id)).await?;
                    tx.append_audit(&line(id, &id.to_string())).await?;
                    match id % 5 {
                        0 => Err(StoreError::Invalid { what: "rolled back".into() }),
                        _ => Ok(()),
                    }
                })
            });
            assert_eq!(written.await.is_err(), id % 5 == 0);
        }
    };
    let publish = |store: Store, stream: Stream| async move {
        for _ in 0..60 {
            keep!(store, |tx| tx.publish(stream, "epoch", 3).await?);
            tokio::task::yield_now().await;
        }
    };
    let tasks = [
        tokio::spawn(write(store.clone(), 100)),
        tokio::spawn(write(store.clone(), 200)),
        tokio::spawn(publish(store.clone(), Stream::Events)),
        tokio::spawn(publish(store.clone(), Stream::Events)),
        tokio::spawn(publish(store.clone(), Stream::Audit)),
        tokio::spawn(publish(store.clone(), Stream::Audit)),
    ];
    for task in tasks {
        task.await.unwrap();
    }
    let events = published(&store).await;
    let lines = store.events_after(Stream::Audit, 0, 10_000).await.unwrap().1;
    let expected: BTreeSet<String> =
        (100..140).chain(200..240).filter(|id| id % 5 != 0).map(|id| id.to_string()).collect();
    for stream in [&events, &lines] {
        let numbers: Vec<i64> = stream.iter().map(|event| event.sequence).collect();
        assert_eq!(numbers, (1..=i64::try_from(numbers.len()).unwrap()).collect::<Vec<_>>());
    }
    let joined = events.iter().filter(|event| event.body.kind == EventType::IdentityJoined);
    let told: Vec<String> = joined.map(|event| event.body.identity.as_ref().unwrap().id.to_string()).collect();
    assert_eq!(told.len(), expected.len(), "twice");
    assert_eq!(told.into_iter().collect::<BTreeSet<_>>(), expected);
    let subjects: Vec<&str> = lines.iter().filter_map(|line| line.body.data["subject"].as_text()).collect();
    assert_eq!(subjects.len(), expected.len());
    assert_eq!(subjects.into_iter().map(str::to_owned).collect::<BTreeSet<_>>(), expected);
    // What one writer wrote one after the other is told one after the other.
    for first in [100, 200] {
        let own: Vec<i64> = events
            .iter()
            .filter_map(|event| event.body.identity.as_ref())
            .map(|identity| identity.id.0)
            .filter(|id| (first..first + 40).contains(id))
            .collect();
        assert!(own.is_sorted(), "{own:?}");
    }
}

pub(crate) async fn a_subscription_is_served_by_one_and_moved_by_whoever_holds_it(store: Store) {
    apply(&store, 1, wanted(SubscriptionStart::Now)).await;
    let claim = async |node: &'static str, seconds: i64| {
        keep!(store, |tx| tx.claim_subscription("portal", node, at(seconds), at(seconds + 60)).await?)
    };
    let first = claim("a", 0).await.unwrap();
    assert_eq!(claim("b", 30).await, None);
    let second = claim("b", 60).await.unwrap();
    assert!(second.standing.fence > first.standing.fence);
    let delivered = |fence, cursor| Delivered {
        name: "portal".into(),
        fence,
        cursor,
        previous: cursor,
        messages: 2,
        at: at(61),
        lease_until: None,
    };
    let late = delivered(first.standing.fence, 9);
    assert!(!keep!(store, |tx| tx.note_delivered(&late).await?));
    let (fence, good) = (second.standing.fence, delivered(second.standing.fence, 2));
    assert!(keep!(store, |tx| tx.note_delivered(&good).await?));
    let third = claim("a", 62).await.unwrap().standing;
    assert_eq!((third.cursor, third.previous, third.delivered, third.delivered_at), (2, 2, 2, Some(at(61))));
    assert!(!keep!(store, |tx| tx.note_not_delivered("portal", fence, "old", None, at(63)).await?));
    assert!(keep!(store, |tx| tx.note_not_delivered("portal", third.fence, "away", Some(at(90)), at(63)).await?));
    assert_eq!(claim("a", 80).await, None, "not its time");
    let fourth = claim("a", 90).await.unwrap().standing;
    assert_eq!((fourth.attempts, fourth.problem.as_deref(), fourth.failing_since), (1, Some("away"), Some(at(63))));
    // Whoever delivers now is stopped by a person.
    assert!(keep!(store, |tx| tx.set_subscription_state("portal", SubscriptionState::Paused).await?));
    let too_late = delivered(fourth.fence, 5);
    assert!(!keep!(store, |tx| tx.note_delivered(&too_late).await?));
    assert_eq!(claim("a", 500).await, None);
    assert!(keep!(store, |tx| tx.set_subscription_state("portal", SubscriptionState::Active).await?));
    assert!(keep!(store, |tx| tx.move_subscription("portal", 0).await?));
    assert_eq!(store.subscription("portal").await.unwrap().unwrap().cursor, 0);
}

pub(crate) async fn events_are_kept_for_the_slowest_and_for_those_set_aside(store: Store) {
    apply(&store, 1, wanted(SubscriptionStart::Beginning)).await;
    keep!(store, |tx| {
        for id in 1..=9 {
            tx.insert_identities(&[identity(id, "Someone")], None, at(id)).await?;
        }
    });
    assert_eq!(published(&store).await.len(), 10);
    let forget = async || keep!(store, |tx| tx.forget_events(at(100), 100).await?);
    assert_eq!(forget().await, 0, "nobody has got anything yet");
    let aside = SetAsideMessage {
        subscription: "portal".into(),
        sequence: 3,
        previous: 2,
        at: at(20),
        attempts: 3,
        problem: "400".into(),
        again: false,
    };
    let kept = aside.clone();
    keep!(store, |tx| {
        tx.move_subscription("portal", 6).await?;
        tx.set_message_aside(&kept).await?;
    });
    assert_eq!(forget().await, 5);
    let facts = store.stream(Stream::Events).await.unwrap();
    assert_eq!((facts.first, facts.last, facts.epoch.as_deref()), (3, 10, Some("epoch")));
    assert_eq!(store.events_at(Stream::Events, &[2, 3]).await.unwrap().len(), 1);
    assert_eq!(keep!(store, |tx| tx.send_set_aside("portal", None).await?), 1);
    let claimed = keep!(store, |tx| tx.claim_subscription("portal", "a", at(30), at(60)).await?).unwrap();
    assert_eq!(claimed.again, [SetAsideMessage { again: true, ..aside }]);
    keep!(store, |tx| tx.forget_set_aside("portal", 3).await?);
    assert_eq!(forget().await, 1);
    let before = async |position| store.number_before(Stream::Events, position).await.unwrap();
    assert_eq!(before(Position::End).await, 10);
    assert_eq!(before(Position::Since(at(8))).await, 8);
    assert_eq!(before(Position::After(99)).await, 10);
}

pub(crate) async fn a_database_that_was_put_back_numbers_in_another_epoch(store: Store) {
    apply(&store, 1, wanted(SubscriptionStart::Now)).await;
    assert_eq!(published(&store).await[0].epoch, "epoch");
    keep!(store, |tx| {
        tx.mark_restored(None).await?;
        tx.notice_restoration(at(5)).await?;
    });
    assert!(store.unnumbered().await.unwrap().contains(&Stream::Events));
    keep!(store, |tx| tx.publish(Stream::Events, "another", 10).await?);
    assert_eq!(store.stream(Stream::Events).await.unwrap().epoch.as_deref(), Some("another"));
}
