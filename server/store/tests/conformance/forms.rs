use model::form::*;
use model::ids::*;
use model::order::{Order, StateReason};
use model::value::Value;
use store::{FormChanges, FormReader, NewQuestion, Store};

use crate::world::*;

fn asked(key: &str, owner: FormOwner) -> Asked {
    Asked { key: key.into(), label: format!("The {key}"), owner, choices: vec!["a".into()] }
}

fn place(attribute: &str) -> Place {
    Place { application: "directory".into(), account_type: "directory-user".into(), attribute: attribute.into() }
}

/// Suggests a form of its own, which is not used where one is open.
fn question(id: i64, identity: i64, key: &str, owner: FormOwner) -> NewQuestion {
    NewQuestion {
        id: QuestionId(id),
        form: FormId(id + 1_000),
        identity: IdentityId(identity),
        asked: asked(key, owner),
        places: vec![place(key)],
        asked_at: at(id),
    }
}

fn answer(id: i64, identity: i64, key: &str, value: &str) -> Answer {
    Answer {
        id: AnswerId(id),
        identity: IdentityId(identity),
        key: key.into(),
        value: Value::from(value),
        by: Some("anna".into()),
        at: at(id),
    }
}

fn login(name: &str) -> FormOwner {
    FormOwner::Login(name.into())
}

async fn ask(store: &Store, asked: Vec<NewQuestion>) {
    let changes = FormChanges { asked, ..FormChanges::default() };
    keep!(store, |tx| tx.change_forms(&changes, at(50)).await?);
}

const ANNA: FormReader<'static> = FormReader { login: "Anna", profiles: &[], is_operator: false };

pub(crate) async fn questions_of_one_owner_stand_on_one_form(store: Store) {
    people(&store).await;
    let first = vec![
        question(1, 1, "phone", login("anna")),
        question(2, 1, "colour", login("anna")),
        question(3, 1, "limit", FormOwner::Profile("treasury".into())),
        question(4, 2, "phone", login("anna")),
        question(5, 2, "limit", FormOwner::Operators),
    ];
    ask(&store, first).await;
    // One more comes onto the form that is open.
    ask(&store, vec![question(6, 1, "shoe", login("anna"))]).await;
    let again = question(7, 1, "phone", FormOwner::Operators);
    let error = refused!(store, |tx| {
        let changes = FormChanges { asked: vec![again], ..FormChanges::default() };
        tx.change_forms(&changes, at(60)).await?
    });
    assert_conflict(&error, "question_one_open");

    let open = store.open_questions(Some(&[IdentityId(1)])).await.unwrap();
    let told: Vec<_> = open.iter().map(|open| (open.id.0, open.form.0, open.asked.key.as_str())).collect();
    assert_eq!(told, [(1, 1_001, "phone"), (2, 1_001, "colour"), (3, 1_003, "limit"), (6, 1_001, "shoe")]);
    assert_eq!(open[0].places, [place("phone")]);
    assert_eq!(store.open_questions(None).await.unwrap().len(), 6);

    let page = |scope, reader| {
        let filter = FormFilter { scope, ..FormFilter::default() };
        let store = &store;
        async move { store.form_page(&filter, reader).await.unwrap().rows.iter().map(|row| row.id.0).collect::<Vec<_>>() }
    };
    assert_eq!(page(FormScope::Me, ANNA).await, [1_001, 1_004]);
    assert_eq!(page(FormScope::Team, ANNA).await, [0_i64; 0]);
    let profiles = ["treasury".to_owned()];
    let team = FormReader { login: "bert", profiles: &profiles, is_operator: true };
    assert_eq!(page(FormScope::Me, team).await, [0_i64; 0]);
    assert_eq!(page(FormScope::Team, team).await, [1_003, 1_005]);
    assert_eq!(page(FormScope::All, team).await, [1_001, 1_003, 1_004, 1_005]);
    assert_eq!(store.form_counts(team).await.unwrap(), FormCounts { me: 0, team: 2, all: 4 });
    let cut = FormFilter { scope: FormScope::All, limit: Some(3), ..FormFilter::default() };
    let first = store.form_page(&cut, team).await.unwrap();
    assert_eq!((first.rows.len(), first.total), (3, 4));
    let rest = store.form_page(&FormFilter { after: first.next, ..cut }, team).await.unwrap();
    assert_eq!(rest.rows.iter().map(|row| row.id.0).collect::<Vec<_>>(), [1_005]);
    assert_eq!(rest.rows[0].identity_name, "Person 2");
}

pub(crate) async fn an_answer_counts_once_and_stands_until_it_is_changed(store: Store) {
    people(&store).await;
    ask(&store, vec![question(1, 1, "phone", login("anna")), question(2, 1, "colour", login("anna"))]).await;
    let first = (QuestionId(1), answer(11, 1, "phone", "+31"));
    let stale = vec![(QuestionId(1), answer(12, 1, "phone", "+32")), (QuestionId(2), answer(13, 1, "colour", "red"))];
    assert!(keep!(store, |tx| tx.answer_questions(&[first], at(70)).await?));
    // The other half of a form stays open, and who answers too late changes nothing.
    let error = refused!(store, |tx| {
        if !tx.answer_questions(&stale, at(71)).await? {
            return Err(store::StoreError::Conflict { constraint: "late".into() });
        }
    });
    assert_conflict(&error, "late");
    assert_eq!(store.answers(None).await.unwrap(), [answer(11, 1, "phone", "+31")]);
    assert_eq!(store.form(FormId(1_001)).await.unwrap().unwrap().closed_at, None);
    let second = (QuestionId(2), answer(14, 1, "colour", "blue"));
    assert!(keep!(store, |tx| tx.answer_questions(&[second], at(72)).await?));
    assert_eq!(store.form(FormId(1_001)).await.unwrap().unwrap().closed_at, Some(at(72)));
    let over = store.questions_of(&[FormId(1_001)]).await.unwrap();
    assert!(over.iter().all(|record| record.outcome == Some(QuestionOutcome::Answered)));
    let closed = FormFilter { scope: FormScope::Me, closed: true, ..FormFilter::default() };
    assert_eq!(store.form_page(&closed, ANNA).await.unwrap().total, 1);

    // Not in a plan yet; what comes while the plan is made is the next one's.
    assert_eq!(store.identities_with_new_answers().await.unwrap(), [IdentityId(1)]);
    let changed = answer(20, 1, "phone", "+33");
    assert!(keep!(store, |tx| tx.change_answer(AnswerId(11), &changed, at(80)).await?));
    let late = answer(21, 1, "phone", "+34");
    assert!(!keep!(store, |tx| tx.change_answer(AnswerId(11), &late, at(81)).await?));
    let standing = store.answers(Some(&[IdentityId(1)])).await.unwrap();
    assert!(standing.contains(&answer(20, 1, "phone", "+33")) && standing.iter().all(|found| found.id != AnswerId(11)));
    let planned = FormChanges { planned: vec![AnswerId(11), AnswerId(14)], ..FormChanges::default() };
    keep!(store, |tx| tx.change_forms(&planned, at(82)).await?);
    assert_eq!(store.identities_with_new_answers().await.unwrap(), [IdentityId(1)]);
    let planned = FormChanges { planned: vec![AnswerId(20)], ..FormChanges::default() };
    keep!(store, |tx| tx.change_forms(&planned, at(83)).await?);
    assert!(store.identities_with_new_answers().await.unwrap().is_empty());
}

pub(crate) async fn a_question_moves_and_a_default_is_an_answer(store: Store) {
    people(&store).await;
    ask(&store, vec![question(1, 1, "phone", login("anna")), question(2, 1, "limit", login("anna"))]).await;
    let default = Answer { by: None, ..answer(31, 1, "limit", "100") };
    let changes = FormChanges {
        ended: vec![(QuestionId(1), QuestionOutcome::Moved), (QuestionId(2), QuestionOutcome::Default)],
        asked: vec![question(3, 1, "phone", login("bert"))],
        moved_places: vec![(QuestionId(3), vec![place("phone"), place("mobile")])],
        answers: vec![default.clone()],
        ..FormChanges::default()
    };
    keep!(store, |tx| tx.change_forms(&changes, at(90)).await?);
    assert_eq!(store.form(FormId(1_001)).await.unwrap().unwrap().closed_at, Some(at(90)));
    let open = store.open_questions(None).await.unwrap();
    assert_eq!((open.len(), open[0].form, open[0].places.len()), (1, FormId(1_003), 2));
    assert_eq!(open[0].asked.owner, login("bert"));
    assert_eq!(store.answers(Some(&[IdentityId(1)])).await.unwrap(), [default]);
    assert!(store.identities_with_new_answers().await.unwrap().is_empty());
}

/// The deadline passes while somebody answers: what a person said stands, whichever of the two is written first.
pub(crate) async fn a_default_gives_way_to_an_answer_nobody_has_planned_with(store: Store) {
    people(&store).await;
    ask(&store, vec![question(1, 1, "limit", login("anna"))]).await;
    let said = [(QuestionId(1), answer(20, 1, "limit", "250"))];
    assert!(keep!(store, |tx| tx.answer_questions(&said, at(60)).await?));
    let late = |id| FormChanges {
        ended: vec![(QuestionId(1), QuestionOutcome::Default)],
        answers: vec![Answer { by: None, ..answer(id, 1, "limit", "100") }],
        ..FormChanges::default()
    };
    let beside = late(31);
    keep!(store, |tx| tx.change_forms(&beside, at(70)).await?);
    assert_eq!(store.answers(None).await.unwrap(), [answer(20, 1, "limit", "250")]);
    assert_eq!(store.identities_with_new_answers().await.unwrap(), [IdentityId(1)]);

    // Once a plan has been made with it, a later default takes its place.
    let planned = FormChanges { planned: vec![AnswerId(20)], ..FormChanges::default() };
    keep!(store, |tx| tx.change_forms(&planned, at(80)).await?);
    let afterwards = late(32);
    keep!(store, |tx| tx.change_forms(&afterwards, at(90)).await?);
    assert_eq!(store.answers(None).await.unwrap(), late(32).answers);
}

pub(crate) async fn what_waits_for_an_answer_is_never_sent(store: Store) {
    people(&store).await;
    let reason = Some(StateReason::AwaitingAnswer { answers: vec![asked("phone", FormOwner::Operators)] });
    let waiting = Order { next_attempt_at: None, reason, ..order(1, 1) };
    let orders = vec![waiting, Order { next_attempt_at: None, ..order(2, 2) }];
    insert_orders(&store, orders).await;
    assert_eq!(keep!(store, |tx| tx.release_orders(None, None, at(5)).await?), 1);
    let due = store.due_applications(at(6)).await.unwrap();
    assert_eq!(due, [("directory".to_owned(), 1)]);
    let claimed = store.claim_orders(&claim("n1", 6, 10)).await.unwrap();
    assert_eq!(claimed.iter().map(|order| order.id.0).collect::<Vec<_>>(), [2]);
}
