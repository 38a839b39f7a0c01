use model::ids::*;
use model::job::RunState;
use model::mail::{Mail, MailFilter, MailPreferences, MailState, Notice, NoticeKind};
use model::order::{Answer, ProvisioningState, StateReason};
use model::work_item::Fulfiller;
use store::{OrdersUnderWay, RecordedTransition, SentMail, Store};

use crate::transitions::one_claimed;
use crate::world::*;

fn notice(seconds: i64, kind: NoticeKind, run: Option<RunId>) -> Notice {
    Notice {
        to: None,
        at: at(seconds),
        kind,
        about: "badge".into(),
        sentence: "Badges: create an account".into(),
        link: "/work-items/7".into(),
        run,
    }
}

/// For somebody by name.
fn to(seconds: i64, whom: Fulfiller) -> Notice {
    Notice { to: Some(whom), ..notice(seconds, NoticeKind::Review, None) }
}

fn mail(id: i64, user: i64, seconds: i64) -> Mail {
    Mail {
        id: MailId(id),
        user: UserId(user),
        address: format!("user{user}@example.org"),
        subject: "1 work item for you".into(),
        text: "Hello\n".into(),
        html: "<p>Hello</p>".into(),
        state: MailState::Waiting,
        attempts: 0,
        next_attempt_at: Some(at(seconds)),
        created_at: at(seconds),
        sent_at: None,
        problem: None,
    }
}

pub(crate) async fn notices_become_mails_together(store: Store) {
    keep!(store, |tx| {
        tx.insert_user(&user(1, "anna"), "hash", at(0)).await?;
        tx.insert_notices(&[notice(1, NoticeKind::WorkItem, None), to(2, Fulfiller::User("anna".into()))]).await?;
        tx.insert_notices(&[to(3, Fulfiller::Profile("desk".into()))]).await?;
        tx.insert_notices(&[]).await?;
    });
    let waiting = store.waiting_notices(10).await.unwrap();
    let found: Vec<_> = waiting.iter().map(|waiting| (waiting.notice.clone(), waiting.run_state)).collect();
    let expected = [
        (notice(1, NoticeKind::WorkItem, None), None::<RunState>),
        (to(2, Fulfiller::User("anna".into())), None),
        (to(3, Fulfiller::Profile("desk".into())), None),
    ];
    assert_eq!(found, expected);
    let first = waiting[0].sequence;
    // A mail to nobody keeps the notice.
    refused!(store, |tx| tx.make_mails(&[first], &[mail(9, 77, 3)]).await?);
    assert_eq!(store.waiting_notices(10).await.unwrap().len(), 3);
    keep!(store, |tx| tx.make_mails(&[first], &[mail(9, 1, 3)]).await?);
    assert_eq!(store.waiting_notices(10).await.unwrap(), waiting[1..]);
    let page = store.mail_page(&MailFilter::default()).await.unwrap();
    assert_eq!((page.total, page.rows[0].id, page.rows[0].state), (1, MailId(9), MailState::Waiting));
    assert_eq!(page.rows[0].user_name, user(1, "anna").display_name);
}

pub(crate) async fn a_mail_is_taken_once_and_settled(store: Store) {
    keep!(store, |tx| {
        tx.insert_user(&user(1, "anna"), "hash", at(0)).await?;
        tx.make_mails(&[], &[mail(10, 1, 1), mail(11, 1, 2), mail(12, 1, 90)]).await?;
    });
    let taken = keep!(store, |tx| tx.claim_mails(at(5), at(60), 10).await?);
    let attempts: Vec<_> = taken.iter().map(|mail| (mail.id.0, mail.attempts)).collect();
    assert_eq!(attempts, [(10, 1), (11, 1)], "what is not due waits");
    assert_eq!(taken[0].text, "Hello\n");
    assert!(keep!(store, |tx| tx.claim_mails(at(6), at(61), 10).await?).is_empty(), "nobody takes it twice");
    let sent =
        SentMail { id: MailId(10), state: MailState::Sent, next_attempt_at: None, sent_at: Some(at(7)), problem: None };
    let failed = SentMail {
        id: MailId(11),
        state: MailState::Failed,
        sent_at: None,
        problem: Some("no such mailbox".into()),
        ..sent.clone()
    };
    let late = SentMail { id: MailId(10), ..failed.clone() };
    keep!(store, |tx| {
        tx.settle_mail(&sent).await?;
        tx.settle_mail(&failed).await?;
    });
    // Whoever comes too late changes nothing.
    keep!(store, |tx| tx.settle_mail(&late).await?);
    let of = |state| MailFilter { state: Some(state), ..MailFilter::default() };
    let found = store.mail_page(&of(MailState::Sent)).await.unwrap().rows;
    assert_eq!((found.len(), found[0].id, found[0].sent_at), (1, MailId(10), Some(at(7))));
    let found = store.mail_page(&of(MailState::Failed)).await.unwrap().rows;
    assert_eq!((found[0].id, found[0].problem.as_deref()), (MailId(11), Some("no such mailbox")));

    let counts = store.mail_counts().await.unwrap();
    assert_eq!(counts.into_iter().collect::<Vec<_>>(), MailState::ALL.map(|state| (state, 1)));
    let retry = async |id| keep!(store, |tx| tx.retry_mails(Some(MailId(id)), at(20), &[]).await?);
    assert_eq!(retry(10).await, 0, "what is sent is sent");
    assert_eq!(retry(77).await, 0);
    assert_eq!(retry(11).await, 1);
    let again = keep!(store, |tx| tx.claim_mails(at(20), at(80), 10).await?);
    assert_eq!((again.len(), again[0].id, again[0].attempts), (1, MailId(11), 2));
    assert_eq!(again[0].address, mail(11, 1, 2).address);
    // A process that died gives it back by its time.
    assert_eq!(keep!(store, |tx| tx.claim_mails(at(80), at(120), 1).await?)[0].id, MailId(11));

    let first = store.mail_page(&MailFilter { limit: Some(2), ..MailFilter::default() }).await.unwrap();
    let ids: Vec<i64> = first.rows.iter().map(|row| row.id.0).collect();
    assert_eq!((ids, first.total), (vec![12, 11], 3));
    let rest = MailFilter { after: first.next, ..MailFilter::default() };
    assert_eq!(store.mail_page(&rest).await.unwrap().rows[0].id, MailId(10));
}

pub(crate) async fn mails_are_given_up_and_sent_again_to_another_address(store: Store) {
    keep!(store, |tx| {
        tx.insert_user(&user(1, "anna"), "hash", at(0)).await?;
        tx.insert_user(&user(2, "bert"), "hash", at(0)).await?;
        tx.make_mails(&[], &[mail(10, 1, 1), mail(11, 2, 1), mail(12, 1, 1)]).await?;
    });
    let give_up = async |id| keep!(store, |tx| tx.give_up_mail(MailId(id), "nobody reads it").await?);
    assert!(give_up(10).await && give_up(11).await);
    assert!(!give_up(10).await && !give_up(77).await, "only what waits is given up");
    let of = |state| MailFilter { state: Some(state), ..MailFilter::default() };
    let failed = store.mail_page(&of(MailState::Failed)).await.unwrap().rows;
    assert_eq!(failed.len(), 2);
    assert!(
        failed.iter().all(|row| row.problem.as_deref() == Some("nobody reads it") && row.next_attempt_at.is_none())
    );
    // The server took it after all.
    let sent =
        SentMail { id: MailId(11), state: MailState::Sent, next_attempt_at: None, sent_at: Some(at(7)), problem: None };
    keep!(store, |tx| tx.settle_mail(&sent).await?);

    let addresses = [(UserId(1), "anna@example.net".to_owned())];
    assert_eq!(keep!(store, |tx| tx.retry_mails(None, at(20), &addresses).await?), 1, "one failed, one waits already");
    let taken = keep!(store, |tx| tx.claim_mails(at(20), at(80), 10).await?);
    let to: Vec<_> = taken.iter().map(|mail| (mail.id.0, mail.address.as_str())).collect();
    assert_eq!(to, [(10, "anna@example.net"), (12, mail(12, 1, 1).address.as_str())]);
    let counts: Vec<_> = store.mail_counts().await.unwrap().into_iter().collect();
    assert_eq!(counts, [(MailState::Waiting, 2), (MailState::Sent, 1)]);
}

pub(crate) async fn people_say_how_they_want_mail(store: Store) {
    keep!(store, |tx| {
        tx.insert_user(&user(1, "bert"), "hash", at(0)).await?;
        tx.insert_user(&user(2, "anna"), "hash", at(0)).await?;
    });
    assert_eq!(store.mail_preferences(UserId(1)).await.unwrap(), MailPreferences::default());
    let wanted = MailPreferences {
        address: Some("bert@example.org".into()),
        silenced: vec![NoticeKind::Review, NoticeKind::RunEnded],
    };
    let changed = MailPreferences { address: None, ..wanted.clone() };
    for preferences in [wanted, changed] {
        let stored = preferences.clone();
        keep!(store, |tx| tx.set_mail_preferences(UserId(1), &stored).await?);
        assert_eq!(store.mail_preferences(UserId(1)).await.unwrap(), preferences);
        let recipients = store.recipients().await.unwrap();
        let found: Vec<_> = recipients.iter().map(|one| (one.user.id.0, one.preferences.clone())).collect();
        assert_eq!(found, [(2, MailPreferences::default()), (1, preferences)]);
    }
}

pub(crate) async fn what_others_were_handed_is_found_until_it_is_settled(store: Store) {
    one_claimed(&store).await;
    assert_eq!(store.handed_orders("directory").await.unwrap(), []);
    let reference = "ticket 17".to_owned();
    let step = RecordedTransition {
        order: OrderId(30),
        fence: Some(1),
        from: vec![ProvisioningState::Transmitted],
        to: ProvisioningState::Transmitted,
        reason: Some(StateReason::Handed { reference: reference.clone(), can_be_called_off: true }),
        fingerprint: None,
        repeats: 0,
        next_attempt_at: None,
        account: None,
        key: None,
        items: Vec::new(),
        answer: Some(Answer::Handed { reference: reference.clone() }),
        actor: "node".into(),
        message: "handed".into(),
        at: at(105),
    };
    let found = |store: &Store, given_up: bool| {
        let store = store.clone();
        async move {
            let all = if given_up {
                store.given_up_orders("directory").await
            } else {
                store.handed_orders("directory").await
            };
            all.unwrap().into_iter().map(|one| (one.order.0, one.fence, one.reference)).collect::<Vec<_>>()
        }
    };
    let handed = [(30, 1, reference.clone())];
    let record = |step: RecordedTransition| {
        let store = store.clone();
        async move { keep!(store, |tx| assert_eq!(tx.record_transitions(&[step]).await?, [true])) }
    };
    let under_way = async || {
        let OrdersUnderWay { transmitted, claimed, handed } = store.orders_under_way("directory").await.unwrap();
        (transmitted, claimed, handed, store.owes_answers("directory").await.unwrap())
    };
    assert_eq!(under_way().await, (1, 1, 0, true));
    assert_eq!(store.overdue_orders("directory", at(100)).await.unwrap(), [], "sent at that moment, not before");
    assert_eq!(store.overdue_orders("directory", at(101)).await.unwrap().len(), 1);
    record(step.clone()).await;
    assert_eq!(found(&store, false).await, handed);
    assert_eq!(found(&store, true).await, []);
    assert_eq!(under_way().await, (1, 0, 1, true));
    // Timed out, it is still asked for; failed in another way, it is not.
    let errored =
        RecordedTransition { to: ProvisioningState::Errored, reason: Some(StateReason::Timeout), ..step.clone() };
    record(errored).await;
    assert_eq!(found(&store, false).await, handed);
    assert_eq!(under_way().await, (0, 0, 0, true));
    assert_eq!(store.overdue_orders("directory", at(999)).await.unwrap(), []);
    let given_up = RecordedTransition {
        fence: None,
        from: vec![ProvisioningState::Errored],
        to: ProvisioningState::Inactive,
        reason: None,
        answer: None,
        ..step.clone()
    };
    record(given_up.clone()).await;
    assert_eq!(found(&store, false).await, []);
    assert_eq!(under_way().await, (0, 0, 0, false));
    assert_eq!(found(&store, true).await, handed);
    let told = RecordedTransition {
        from: vec![ProvisioningState::Inactive],
        answer: Some(Answer::CalledOff { detail: "closed".into() }),
        ..given_up
    };
    record(told).await;
    assert_eq!(found(&store, true).await, []);
}
