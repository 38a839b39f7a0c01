use model::access::Grantable;
use model::certification::*;
use model::configuration::Approver;
use model::ids::*;
use model::reconciliation::Subject;
use store::{CampaignStep, ItemChoice, Store, StoreError};

use crate::requests::request;
use crate::world::*;

fn campaign(id: i64) -> Campaign {
    Campaign {
        id: CampaignId(id),
        what: NewCampaign {
            name: format!("Campaign {id}"),
            description: "why".into(),
            scope: Scope {
                condition: Some("true".into()),
                things: vec![Grantable::Role("seller".into())],
                origins: vec![Origin::ByHand],
                risk_level: Some(40),
                ..Scope::default()
            },
            reviewers: vec![Approver::Manager, Approver::User("ann".into())],
            fallback: vec![Approver::Profile("security".into())],
            starts: day("2026-03-02"),
            ends: day("2026-03-09"),
            remind_days: Some(2),
            at_end: AtEnd::Mark,
        },
        state: CampaignState::Staged,
        through: IdentityId(0),
        created_by: "olga".into(),
        created_at: at(1),
        started_at: None,
        reminded_at: None,
        ended_at: None,
        ended_by: None,
    }
}

fn item(id: i64, identity: i64, name: &str, reviewers: &[&str]) -> CertificationItem {
    CertificationItem {
        id: CertificationItemId(id),
        campaign: CampaignId(70),
        identity: IdentityId(identity),
        grantable: Grantable::Entitlement(name.into()),
        application: "payroll".into(),
        origin: Origin::Rule,
        reasons: vec![reason("sellers")],
        since: at(0),
        subject: None,
        risk: Some(50),
        state: ItemState::Open,
        version: 1,
        reviewers: reviewers.iter().map(|login| (*login).to_owned()).collect(),
        decided_by: None,
        decided_at: None,
        comment: String::new(),
        signed_at: None,
        request: None,
        changes: None,
        message: None,
        ended_at: None,
    }
}

fn decided(item: &CertificationItem, state: ItemState, by: &str) -> CertificationItem {
    let (decided_by, decided_at) = (Some(by.to_owned()), Some(at(5)));
    CertificationItem { state, decided_by, decided_at, comment: "fine".into(), ..item.clone() }
}

async fn running(store: &Store, items: &[CertificationItem]) {
    people(store).await;
    let (new, items) = (campaign(70), items.to_vec());
    let step = CampaignStep {
        before: (CampaignState::Staged, IdentityId(0)),
        after: Campaign { state: CampaignState::Active, started_at: Some(at(2)), ..campaign(70) },
    };
    keep!(store, |tx| {
        tx.insert_campaign(&new).await?;
        tx.insert_certification_items(&items).await?;
        assert!(tx.step_campaign(&step).await?);
    });
}

async fn items(store: &Store, ids: &[i64]) -> Vec<CertificationItem> {
    let ids: Vec<_> = ids.iter().map(|id| CertificationItemId(*id)).collect();
    store.certification_items(&ids).await.unwrap()
}

pub(crate) async fn a_campaign_is_put_together_once_and_comes_back_whole(store: Store) {
    people(&store).await;
    let (first, second) = (campaign(70), campaign(71));
    keep!(store, |tx| {
        tx.insert_campaign(&first).await?;
        tx.insert_campaign(&second).await?;
    });
    assert_eq!(store.campaign(CampaignId(70)).await.unwrap(), Some(campaign(70)));
    assert_eq!(store.campaign(CampaignId(9)).await.unwrap(), None);
    let next = Campaign { through: IdentityId(4), started_at: Some(at(2)), ..campaign(70) };
    let step = CampaignStep { before: (CampaignState::Staged, IdentityId(0)), after: next.clone() };
    let found = CertificationItem {
        origin: Origin::NonConforming,
        reasons: Vec::new(),
        subject: Some(Subject::Account { account: AccountId(11), identity: IdentityId(1) }),
        risk: None,
        ..item(2, 1, "books", &[])
    };
    let rows = [item(1, 1, "books", &["ann", "bo"]), found];
    let (again, kept) = (step.clone(), rows.clone());
    keep!(store, |tx| {
        assert!(tx.step_campaign(&step).await?);
        tx.insert_certification_items(&kept).await?;
    });
    assert!(!keep!(store, |tx| tx.step_campaign(&again).await?), "it has moved on");
    assert_eq!(store.campaign(CampaignId(70)).await.unwrap(), Some(next));
    assert_eq!(items(&store, &[1, 2, 3]).await, rows);
    let twice = item(3, 1, "books", &[]);
    let error = refused!(store, |tx| tx.insert_certification_items(&[twice]).await?);
    assert_conflict(&error, "certification_item_once");
    let page = store.campaign_page(None, None, Some(1)).await.unwrap();
    assert_eq!((page.rows[0].id, page.total, page.next), (CampaignId(71), 2, Some("71".into())));
    let page = store.campaign_page(None, Some(CampaignId(71)), Some(1)).await.unwrap();
    assert_eq!((page.rows[0].id, page.next), (CampaignId(70), None));
    assert_eq!(store.running_campaigns().await.unwrap().len(), 2);
    let after = store.identities_after(IdentityId(7), 10).await.unwrap();
    assert_eq!(after.iter().map(|identity| identity.id.0).collect::<Vec<_>>(), [8, 9]);
}

pub(crate) async fn an_item_changes_only_as_it_was_seen(store: Store) {
    let rows = [item(1, 1, "books", &["ann", "bo"]), item(2, 2, "books", &["ann"])];
    running(&store, &rows).await;
    let whole = CertificationItem {
        signed_at: Some(at(6)),
        request: Some(RequestId(50)),
        changes: Some(Grantable::Role("seller".into())),
        message: Some("waits".into()),
        ended_at: Some(at(7)),
        reviewers: vec!["cy".into()],
        ..decided(&rows[0], ItemState::Requested, "ann")
    };
    let (row, asked) = (whole.clone(), request(50, 1));
    keep!(store, |tx| {
        tx.insert_request(&asked, "a").await?;
        assert!(tx.hold_campaign(CampaignId(70)).await?);
        tx.update_certification_items(std::slice::from_ref(&row)).await?;
        tx.replace_certification_reviewers(std::slice::from_ref(&row)).await?;
        tx.append_certification_events(&[CertificationEvent {
            item: row.id,
            at: at(6),
            state: row.state,
            actor: "ann".into(),
            message: "signed".into(),
        }])
        .await?;
    });
    assert_eq!(items(&store, &[1]).await, [CertificationItem { version: 2, ..whole.clone() }]);
    assert_eq!(store.certification_events(CertificationItemId(1)).await.unwrap()[0].message, "signed");
    // Of two, one was changed since: neither is.
    let both = [whole, decided(&rows[1], ItemState::Approved, "ann")];
    let error = refused!(store, |tx| tx.update_certification_items(&both).await?);
    assert!(matches!(error, StoreError::Contended), "{error:?}");
    assert_eq!(items(&store, &[2]).await, [rows[1].clone()]);
    // Nothing is certified that nobody signed off.
    let unsigned = decided(&rows[1], ItemState::Certified, "ann");
    let error = refused!(store, |tx| tx.update_certification_items(&[unsigned]).await?);
    assert!(!matches!(error, StoreError::Contended), "{error:?}");
    let over = CampaignStep {
        before: (CampaignState::Active, IdentityId(0)),
        after: Campaign {
            state: CampaignState::Ended,
            ended_at: Some(at(9)),
            ended_by: Some("node".into()),
            ..campaign(70)
        },
    };
    assert_eq!(store.left_over_items(10).await.unwrap(), []);
    keep!(store, |tx| {
        assert!(tx.step_campaign(&over).await?);
        assert!(!tx.hold_campaign(CampaignId(70)).await?);
    });
    assert_eq!(store.left_over_items(10).await.unwrap(), [rows[1].clone()]);
}

pub(crate) async fn what_waits_for_whom_is_found_and_counted(store: Store) {
    let rows = [
        item(1, 1, "books", &["ann", "bo"]),
        item(2, 2, "books", &["ann"]),
        item(3, 3, "vault", &["bo"]),
        item(4, 3, "books", &["bo"]),
    ];
    running(&store, &rows).await;
    let changed = [
        decided(&rows[0], ItemState::Approved, "Bo"),
        CertificationItem { signed_at: Some(at(6)), ..decided(&rows[2], ItemState::WithOwner, "ann") },
    ];
    keep!(store, |tx| tx.update_certification_items(&changed).await?);
    for (login, count) in [("ANN", 1), ("bo", 3), ("cy", 0)] {
        assert_eq!(store.certifications_waiting(login).await.unwrap(), count, "{login}");
        let by_campaign = store.certifications_waiting_by_campaign(login).await.unwrap();
        assert_eq!(by_campaign.get(&CampaignId(70)).copied().unwrap_or_default(), count, "{login}");
    }
    let asked = store.campaign_reviewers(CampaignId(70)).await.unwrap();
    assert_eq!(asked, [("ann".into(), 2), ("bo".into(), 2)]);
    let counts = store.campaign_counts(&[CampaignId(70)]).await.unwrap();
    let expected = [(ItemState::Open, 2), (ItemState::Approved, 1), (ItemState::WithOwner, 1)];
    assert_eq!(counts[&CampaignId(70)], expected.into_iter().collect());
    assert_eq!(store.campaign_page(Some("Ann"), None, None).await.unwrap().rows.len(), 1);
    assert_eq!(store.campaign_page(Some("cy"), None, None).await.unwrap().rows.len(), 0);

    let check = async |filter: ItemFilter, expected: &[i64]| {
        let page = store.certification_page(CampaignId(70), &filter, "BO").await.unwrap();
        let found: Vec<i64> = page.rows.iter().map(|(item, _)| item.id.0).collect();
        assert_eq!(found, expected, "{filter:?}");
    };
    check(ItemFilter::default(), &[1, 2, 3, 4]).await;
    check(ItemFilter { mine: true, ..ItemFilter::default() }, &[1, 3, 4]).await;
    check(ItemFilter { state: Some(ItemState::Open), ..ItemFilter::default() }, &[2, 4]).await;
    check(ItemFilter { text: Some("person 3".into()), ..ItemFilter::default() }, &[3, 4]).await;
    check(ItemFilter { origin: Some(Origin::ByHand), ..ItemFilter::default() }, &[]).await;
    check(
        ItemFilter {
            application: Some("payroll".into()),
            after: Some(CertificationItemId(2)),
            ..ItemFilter::default()
        },
        &[3, 4],
    )
    .await;
    let page =
        store.certification_page(CampaignId(70), &ItemFilter { limit: Some(1), ..ItemFilter::default() }, "").await;
    let page = page.unwrap();
    assert_eq!((page.total, page.next.as_deref(), page.rows[0].1.as_str()), (4, Some("1"), "Person 1"));
    assert_eq!(page.rows[0].0.reviewers, ["ann", "bo"]);

    let choose = async |states: &[ItemState], decided_by: Option<&str>, after: i64| {
        let campaign = Some(CampaignId(70));
        let choice = ItemChoice { campaign, states, decided_by, after: CertificationItemId(after), limit: 10 };
        store.certification_items_in(&choice).await.unwrap().iter().map(|item| item.id.0).collect::<Vec<_>>()
    };
    assert_eq!(choose(&[ItemState::Approved, ItemState::WithOwner], None, 0).await, [1, 3]);
    assert_eq!(choose(&[ItemState::Approved], Some("BO"), 0).await, [1]);
    assert_eq!(choose(&[ItemState::Approved], Some("ann"), 0).await, [0; 0]);
    assert_eq!(choose(&[ItemState::Open], None, 2).await, [4]);
    let open = store.open_items_of_reviewers(CampaignId(70), &["bo".into()], CertificationItemId(0), 10).await.unwrap();
    assert_eq!(open.iter().map(|item| item.id.0).collect::<Vec<_>>(), [4]);
}

pub(crate) async fn what_was_certified_last_is_told(store: Store) {
    let rows = [item(1, 1, "books", &["ann"]), item(2, 2, "books", &["ann"])];
    running(&store, &rows).await;
    let mut second = item(3, 1, "books", &["bo"]);
    second.campaign = CampaignId(71);
    let (other, kept) = (campaign(71), second.clone());
    let signed = |item: &CertificationItem, by: &str, seconds| CertificationItem {
        signed_at: Some(at(seconds)),
        ..decided(item, ItemState::Certified, by)
    };
    let all = [signed(&rows[0], "ann", 30), signed(&second, "bo", 20), decided(&rows[1], ItemState::Approved, "ann")];
    keep!(store, |tx| {
        tx.insert_campaign(&other).await?;
        tx.insert_certification_items(&[kept]).await?;
        tx.update_certification_items(&all).await?;
    });
    let last = store.last_certified(&[IdentityId(1), IdentityId(2)]).await.unwrap();
    let expected = [((IdentityId(1), rows[0].grantable.clone()), (at(30), "ann".to_owned()))];
    assert_eq!(last, expected.into_iter().collect());
}
