use model::account::Mechanism;
use model::configuration::*;
use model::ids::ConfigurationVersionId;
use store::Store;

use crate::world::*;

pub(crate) fn sample() -> Configuration {
    let manual =
        ManualConnection { instructions: Some("Type it in.".into()), due_days: Some(3), ..ManualConnection::default() };
    let application = Application {
        display_name: "Mainframe".into(),
        description: None,
        demo: true,
        owner: None,
        connection: Connection::Manual(manual),
        read_by: None,
        writes: Default::default(),
        proxy: None,
        concurrency: None,
        thresholds: Thresholds { deleted: Some(Limit { count: 50, percent: 5 }), ..Thresholds::default() },
        retry: Default::default(),
        maintenance: Vec::new(),
        native_changes: None,
    };
    let account_type = AccountType {
        display_name: "Directory user".into(),
        application: "directory".into(),
        attributes: by_name([(
            "login",
            AttributeSpecification {
                value: None,
                expression: Some("identity.key".into()),
                unique: None,
                required: true,
                create_only: false,
                secret: false,
                ..AttributeSpecification::default()
            },
        )]),
        key: "login".into(),
        classification: Vec::new(),
        correlation: Vec::new(),
        on_removal: OnRemoval::Disable,
        depends_on: Vec::new(),
        review: false,
        fulfiller: None,
        select: None,
        several: Default::default(),
        ask: None,
        thresholds: Thresholds::default(),
        native_changes: None,
    };
    let role = Role::new("Seller");
    let entitlement = Entitlement {
        display_name: "Sellers' folder".into(),
        description: None,
        account_type: "directory-user".into(),
        key: "sellers".into(),
        privileged: true,
        approvals: None,
    };
    Configuration {
        organisation: Organisation { name: "Acme".into(), ..Organisation::default() },
        applications: by_name([("directory", application)]),
        account_types: by_name([("directory-user", account_type)]),
        entitlements: by_name([("sellers-folder", entitlement)]),
        roles: by_name([("seller", role)]),
        ..Configuration::default()
    }
}

pub(crate) async fn a_configuration_comes_back_and_keeps_its_history(store: Store) {
    assert_eq!(store.current_configuration().await.unwrap(), None);
    let first = sample();
    assert_eq!(first.applications["directory"].connection.mechanism(), Mechanism::Manual);
    let applied = first.clone();
    keep!(store, |tx| tx.apply_configuration(ConfigurationVersionId(1), &applied, "one", "root", at(0)).await?);
    assert_eq!(
        store.current_configuration().await.unwrap(),
        Some((ConfigurationVersionId(1), "one".into(), first.clone()))
    );

    let mut second = first.clone();
    second.roles.clear();
    second.organisation.environment = "Demo".into();
    let applied = second.clone();
    keep!(store, |tx| tx.apply_configuration(ConfigurationVersionId(2), &applied, "two", "root", at(1)).await?);
    assert_eq!(store.current_configuration().await.unwrap(), Some((ConfigurationVersionId(2), "two".into(), second)));

    // Back to what was before, and the same again.
    for version in [3, 4] {
        let applied = first.clone();
        let id = ConfigurationVersionId(version);
        keep!(store, |tx| tx.apply_configuration(id, &applied, "one", "root", at(version)).await?);
        assert_eq!(store.current_configuration().await.unwrap(), Some((id, "one".into(), first.clone())));
    }
    assert_eq!(store.current_configuration_version().await.unwrap(), Some(ConfigurationVersionId(4)));
    keep!(store, |tx| {
        assert!(tx.is_current_configuration(Some(ConfigurationVersionId(4))).await?);
        assert!(!tx.is_current_configuration(Some(ConfigurationVersionId(3))).await?);
        assert!(!tx.is_current_configuration(None).await?);
    });
    // What the role was from which version up to which other, newest first.
    let forms = async |before: Option<i64>, limit| {
        let found =
            store.object_forms("roles", "seller", before.map(ConfigurationVersionId), limit).await.unwrap().into_iter();
        found
            .map(|form| {
                assert_eq!(form.body["display_name"], "Seller");
                assert_eq!((form.began.by.as_str(), form.began.draft.as_ref()), ("root", None));
                (form.began.version.0, form.ended.map(|end| (end.version.0, end.at)))
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(forms(None, 9).await, [(3, None), (1, Some((2, at(1))))]);
    assert_eq!(forms(None, 1).await, [(3, None)]);
    assert_eq!(forms(Some(3), 9).await, [(1, Some((2, at(1))))]);
    assert_eq!(store.object_forms("rules", "seller", None, 9).await.unwrap(), []);
    let again = first.clone();
    let error =
        refused!(store, |tx| tx.apply_configuration(ConfigurationVersionId(4), &again, "x", "root", at(9)).await?);
    assert_conflict(&error, "configuration_version_pkey");
}

pub(crate) async fn secrets_are_kept_sealed(store: Store) {
    assert_eq!(store.secret("token").await.unwrap(), None);
    keep!(store, |tx| {
        tx.put_secret("token", &[0, 1, 255, 39], "key-1", "root", at(0)).await?;
        tx.put_secret("another", b"", "key-1", "root", at(1)).await?;
        tx.put_secret("token", &[9, 0], "key-2", "anna", at(2)).await?;
    });
    assert_eq!(store.secret("token").await.unwrap(), Some((vec![9, 0], "key-2".into())));
    assert_eq!(store.secret("another").await.unwrap(), Some((vec![], "key-1".into())));
    let names = store.secret_names().await.unwrap();
    assert_eq!(names, [("another".into(), at(1), "root".into()), ("token".into(), at(2), "anna".into())]);
}
