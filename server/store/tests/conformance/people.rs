use model::ids::*;
use model::user::User;
use model::view::AuditLine;
use store::{SessionRecord, Store, StoreError};

use crate::world::*;

pub(crate) async fn users_are_found_without_regard_to_case(store: Store) {
    assert!(!store.has_users().await.unwrap());
    keep!(store, |tx| {
        tx.insert_user(&user(1, "Anna"), "hash 1", at(0)).await?;
        tx.insert_user(&user(2, "bert"), "hash 2", at(0)).await?;
    });
    assert!(store.has_users().await.unwrap());
    let error = refused!(store, |tx| tx.insert_user(&user(3, "ANNA"), "x", at(0)).await?);
    assert_conflict(&error, "console_user_login");
    assert_eq!(store.user_by_login("aNNa").await.unwrap(), Some((user(1, "Anna"), "hash 1".into())));
    assert_eq!(store.user_by_login("nobody").await.unwrap(), None);
    let disabled = User { disabled: true, profiles: vec![], identity: Some(IdentityId(5)), ..user(2, "Bertha") };
    let expected = disabled.clone();
    keep!(store, |tx| {
        tx.set_password(UserId(1), "hash 3").await?;
        tx.update_user(&disabled).await?;
    });
    assert_eq!(store.user_by_login("anna").await.unwrap().unwrap().1, "hash 3");
    assert_eq!(store.user_by_login("bertha").await.unwrap(), Some((expected.clone(), "hash 2".into())));
    assert_eq!(store.user(UserId(2)).await.unwrap(), Some(expected.clone()));
    assert_eq!(store.users().await.unwrap(), [user(1, "Anna"), expected.clone()]);
    let locked = store.write(|tx| Box::pin(async move { tx.locked_users().await })).await.unwrap();
    assert_eq!(locked, [user(1, "Anna"), expected]);
    let error = refused!(store, |tx| tx.set_password(UserId(77), "x").await?);
    assert!(matches!(error, StoreError::NotFound { .. }));
}

pub(crate) async fn failed_logins_count_from_the_last_success(store: Store) {
    assert_eq!(store.failed_logins("anna", "::1", at(0)).await.unwrap(), (0, 0, None));
    keep!(store, |tx| {
        for (login, address, succeeded, seconds) in [
            ("anna", "::1", false, 1),
            ("anna", "::1", true, 2),
            ("Anna", "::2", false, 3),
            ("bert", "::1", false, 4),
            ("anna", "::1", false, 5),
        ] {
            tx.record_login_attempt(login, address, succeeded, at(seconds)).await?;
        }
    });
    assert_eq!(store.failed_logins("ANNA", "::1", at(0)).await.unwrap(), (2, 3, Some(at(5))));
    assert_eq!(store.failed_logins("anna", "::1", at(4)).await.unwrap(), (1, 2, Some(at(5))));
    assert_eq!(store.failed_logins("bert", "::9", at(0)).await.unwrap(), (1, 0, Some(at(4))));
    let last = store.last_sign_ins(&["Anna", "bert", "nobody"]).await.unwrap();
    assert_eq!(last, [("anna".to_owned(), at(2))], "the last success, whatever came after");
    assert_eq!(store.last_sign_ins(&[]).await.unwrap(), []);
}

pub(crate) async fn sessions_live_until_deleted(store: Store) {
    let session = |hash: &str, user: Option<i64>, expires: i64| SessionRecord {
        id_hash: hash.into(),
        user: user.map(UserId),
        data: r#"{"a": 1}"#.into(),
        expires_at: at(expires),
        created_at: at(0),
        address: "::1".into(),
        agent: "Browser".into(),
    };
    let rows =
        [session("aa", None, 10), session("bb", Some(1), 20), session("cc", Some(1), 30), session("dd", Some(1), 30)];
    let changed =
        SessionRecord { user: Some(UserId(1)), data: "{}".into(), created_at: at(99), ..session("aa", None, 15) };
    keep!(store, |tx| {
        tx.insert_user(&user(1, "anna"), "hash", at(0)).await?;
        for row in &rows {
            tx.put_session(row).await?;
        }
        tx.put_session(&changed).await?;
        tx.delete_session("bb").await?;
        tx.delete_session("zz").await?;
    });
    let expected = SessionRecord { user: Some(UserId(1)), data: "{}".into(), ..session("aa", None, 15) };
    assert_eq!(store.session("aa").await.unwrap(), Some(expected));
    assert_eq!(store.session("bb").await.unwrap(), None);
    assert_eq!(store.sessions_of(UserId(1)).await.unwrap().len(), 3);
    assert_eq!(keep!(store, |tx| tx.delete_expired_sessions(at(15)).await?), 1);
    assert_eq!(keep!(store, |tx| tx.delete_sessions_of(UserId(1), Some("cc")).await?), 1);
    assert_eq!(store.sessions_of(UserId(1)).await.unwrap(), [session("cc", Some(1), 30)]);
    assert_eq!(keep!(store, |tx| tx.delete_sessions_of(UserId(1), None).await?), 1);
}

pub(crate) async fn the_audit_trail_is_paged(store: Store) {
    let line = |n: i64| AuditLine {
        at: at(n),
        actor: "anna".into(),
        action: "/Jobs/Run".into(),
        subject: format!("run {n}"),
        detail: String::new(),
    };
    keep!(store, |tx| {
        for n in 1..=5 {
            tx.append_audit(&line(n)).await?;
        }
    });
    let first = store.audit_page(None, 3).await.unwrap();
    assert_eq!((first.rows, first.total), (vec![line(5), line(4), line(3)], 5));
    let second = store.audit_page(first.next.map(|next| next.parse().unwrap()), 3).await.unwrap();
    assert_eq!((second.rows, second.next), (vec![line(2), line(1)], None));
}
