use model::access::{GrantOrigin, Grantable, Reason};
use model::certification::{AtEnd, CampaignState, Decision, ItemState, Origin};
use model::ids::RequestId;
use model::request::RequestState;
use proptest::prelude::*;

use super::*;

fn entitlement() -> Grantable {
    Grantable::Entitlement("ledger".into())
}

fn role() -> Grantable {
    Grantable::Role("bookkeeper".into())
}

fn by_rule(path: &[Grantable]) -> Reason {
    Reason { rule: "finance".into(), context: None, facts: Vec::new(), path: path.to_vec(), grant: None }
}

fn by_request(path: &[Grantable]) -> Reason {
    let origin = GrantOrigin { request: RequestId(7), by: "ann".into(), why: "covers".into() };
    Reason { rule: String::new(), grant: Some(Box::new(origin)), ..by_rule(path) }
}

#[test]
fn every_step_is_in_the_table() {
    use ItemState::*;
    let decide = ItemEvent::Decide;
    let events = [
        decide(Decision::Approve),
        decide(Decision::Revoke),
        decide(Decision::Reopen),
        ItemEvent::SignOff,
        ItemEvent::End(AtEnd::Keep),
        ItemEvent::End(AtEnd::Revoke),
        ItemEvent::End(AtEnd::Mark),
        ItemEvent::Cancel,
        ItemEvent::PassToOwner,
        ItemEvent::Pursue,
        ItemEvent::Keep,
        ItemEvent::Gone,
        ItemEvent::Fail,
    ];
    let table: [(ItemState, [Option<ItemState>; 13]); 12] = [
        (
            Open,
            [
                Some(Approved),
                Some(Revoked),
                None,
                None,
                Some(Lapsed),
                Some(Requested),
                Some(Marked),
                Some(Cancelled),
                None,
                None,
                None,
                None,
                None,
            ],
        ),
        (
            Approved,
            [
                Some(Approved),
                Some(Revoked),
                Some(Open),
                Some(Certified),
                Some(Lapsed),
                Some(Marked),
                Some(Marked),
                Some(Cancelled),
                None,
                None,
                None,
                None,
                None,
            ],
        ),
        (
            Revoked,
            [
                Some(Approved),
                Some(Revoked),
                Some(Open),
                Some(Requested),
                Some(Lapsed),
                Some(Requested),
                Some(Marked),
                Some(Cancelled),
                None,
                None,
                None,
                None,
                None,
            ],
        ),
        (
            Requested,
            [None, None, None, None, None, None, None, None, Some(WithOwner), None, None, Some(Removed), Some(Failed)],
        ),
        (
            WithOwner,
            [None, None, None, None, None, None, None, None, None, Some(Requested), Some(Kept), Some(Removed), None],
        ),
        (
            Failed,
            [
                None,
                None,
                None,
                None,
                None,
                None,
                None,
                None,
                Some(WithOwner),
                Some(Requested),
                None,
                Some(Removed),
                None,
            ],
        ),
        (Certified, [None; 13]),
        (Removed, [None; 13]),
        (Kept, [None; 13]),
        (Lapsed, [None; 13]),
        (Marked, [None; 13]),
        (Cancelled, [None; 13]),
    ];
    assert_eq!(table.len(), ItemState::ALL.len());
    for (state, row) in table {
        for (event, expected) in events.into_iter().zip(row) {
            assert_eq!(item_after(state, event), expected, "{state:?} {event:?}");
        }
    }
}

#[test]
fn a_campaign_goes_one_way() {
    use CampaignState::*;
    for (state, row) in [
        (Staged, [Some(Active), None, Some(Cancelled)]),
        (Active, [None, Some(Ended), Some(Cancelled)]),
        (Ended, [None; 3]),
        (Cancelled, [None; 3]),
    ] {
        for (event, expected) in [CampaignEvent::Start, CampaignEvent::End, CampaignEvent::Cancel].into_iter().zip(row)
        {
            assert_eq!(campaign_after(state, event), expected, "{state:?} {event:?}");
        }
    }
}

#[test]
fn the_first_of_several_reviewers_decides_and_nobody_about_their_own() {
    let reviewers = ["max".to_owned(), "mia".to_owned()];
    let check = |campaign, state, by: Option<&str>, who: (&str, bool)| {
        decide(campaign, (state, by), &reviewers, who, Decision::Approve)
    };
    use CampaignState::{Active, Ended};
    assert_eq!(check(Active, ItemState::Open, None, ("Max", false)), Ok(ItemState::Approved));
    assert_eq!(check(Active, ItemState::Revoked, Some("max"), ("MAX", false)), Ok(ItemState::Approved));
    for (campaign, state, by, who, refused) in [
        (Active, ItemState::Approved, Some("max"), ("mia", false), Refused::Taken("max".into())),
        (Active, ItemState::Open, None, ("pat", false), Refused::NotYours),
        (Active, ItemState::Open, None, ("max", true), Refused::Own),
        (Active, ItemState::Certified, Some("max"), ("max", false), Refused::Over(ItemState::Certified)),
        (Ended, ItemState::Open, None, ("max", false), Refused::Campaign(Ended)),
    ] {
        assert_eq!(check(campaign, state, by, who), Err(refused), "{campaign:?} {state:?} {who:?}");
    }
    let back = decide(Active, (ItemState::Open, None), &reviewers, ("max", false), Decision::Reopen);
    assert_eq!(back, Ok(ItemState::Open), "nothing to take back");
}

#[test]
fn a_revocation_goes_to_what_gives_the_thing() {
    let thing = entitlement();
    let profile = Grantable::AccessProfile("books".into());
    let owner = |gives: &Grantable| Route::Owner { gives: gives.clone(), rule: "finance".into() };
    for (reasons, from, expected) in [
        (vec![], Origin::NonConforming, vec![]),
        (vec![by_request(&[])], Origin::ByHand, vec![Route::Take(thing.clone())]),
        (vec![by_request(&[role(), profile.clone()])], Origin::Inherited, vec![Route::Take(role())]),
        (vec![by_rule(&[])], Origin::Rule, vec![owner(&thing)]),
        (vec![by_rule(&[role(), profile.clone()])], Origin::Inherited, vec![owner(&role())]),
        (
            vec![by_rule(&[role()]), by_request(&[]), by_request(&[role()])],
            Origin::ByHand,
            vec![Route::Take(role()), Route::Take(thing.clone()), owner(&role())],
        ),
    ] {
        assert_eq!(origin(&reasons), from, "{reasons:?}");
        assert_eq!(routes(&thing, &reasons).into_iter().collect::<Vec<_>>(), expected, "{reasons:?}");
    }
}

#[test]
fn what_is_revoked_is_done_only_once_it_is_gone() {
    let id = RequestId(9);
    let check = |state, request: Option<RequestState>, facts: &Facts| {
        next((state, &entitlement()), request.map(|state| (id, state)), facts)
    };
    use ItemState::{Failed, Requested, WithOwner};
    let granted = |reasons| Facts { reasons, is_recorded: true, is_held: true, ..Facts::default() };
    let held = Facts { is_held: true, ..Facts::default() };
    let ordered = Facts { is_settling: true, ..held.clone() };
    let unread = Facts { is_settling: true, ..Facts::default() };
    let recorded = Facts { is_recorded: true, ..held.clone() };
    let gone = Facts::default();
    // By a request: asked once, then waited for.
    let by_hand = granted(vec![by_request(&[role()])]);
    assert_eq!(check(Requested, None, &by_hand), Next::Ask(vec![role()]));
    assert_eq!(check(Requested, Some(RequestState::Submitted), &by_hand), Next::Wait);
    for (request, facts) in [
        (RequestState::Submitted, &recorded),
        (RequestState::Provisioning, &ordered),
        (RequestState::Verifying, &unread),
        (RequestState::Verifying, &gone),
    ] {
        assert_eq!(check(Requested, Some(request), facts), Next::Wait, "{request:?} {facts:?}");
    }
    for state in [Requested, WithOwner, Failed] {
        assert_eq!(check(state, Some(RequestState::Completed), &gone), Next::Gone);
        assert_eq!(check(state, None, &gone), Next::Gone);
    }
    for state in [RequestState::Failed, RequestState::Cancelled, RequestState::PartlyCompleted] {
        assert!(matches!(check(Requested, Some(state), &by_hand), Next::Fail(_)), "{state:?}");
        assert!(matches!(check(Requested, Some(state), &held), Next::Fail(_)), "{state:?}");
        assert_eq!(check(Requested, Some(state), &gone), Next::Gone, "however it went: {state:?}");
    }
    let again = check(Requested, Some(RequestState::Completed), &by_hand);
    assert!(matches!(again, Next::Fail(why) if why.contains("given again")));
    // By a rule: its owner, until it is really gone.
    let by_rule_alone = granted(vec![by_rule(&[role()])]);
    assert_eq!(check(Requested, None, &by_rule_alone), Next::PassToOwner(vec![role()]));
    for facts in [&by_rule_alone, &recorded, &ordered, &unread] {
        assert_eq!(check(WithOwner, None, facts), Next::Wait, "{facts:?}");
    }
    // By both: each is ended.
    let both = granted(vec![by_rule(&[role()]), by_request(&[])]);
    assert_eq!(check(Requested, None, &both), Next::Ask(vec![entitlement()]));
    assert_eq!(check(Requested, Some(RequestState::Submitted), &both), Next::PassToOwner(vec![role()]));
    // By nothing: reconciliation, once, and its order is followed as well.
    assert_eq!(check(Requested, None, &held), Next::Remove);
    assert_eq!(check(Requested, None, &Facts { is_marked: true, ..held.clone() }), Next::Wait);
    let failed = Facts { is_marked: true, failed: Some(model::ids::OrderId(4)), ..held };
    assert!(matches!(check(Requested, None, &failed), Next::Fail(why) if why.contains("Order 4")));
}

#[test]
fn what_speaks_for_either_says_why() {
    for (reasons, risk, expected) in [
        (vec![], None, Some(Decision::Revoke)),
        (vec![], Some(50), Some(Decision::Revoke)),
        (vec![by_rule(&[role()])], None, Some(Decision::Approve)),
        (vec![by_rule(&[role()])], Some(50), None),
        (vec![by_request(&[])], None, None),
    ] {
        let said = recommend(origin(&reasons), &reasons, risk);
        assert_eq!(said.decision, expected, "{reasons:?}");
        assert!(!said.why.is_empty());
    }
}

/// What people, the clock and the applications may do, in any order.
#[derive(Clone, Copy, Debug)]
enum Deed {
    Decide(usize, Decision),
    Reassign(usize),
    SignOff(usize),
    End(AtEnd),
    Cancel,
    Effect(ItemEvent),
}

fn deed() -> impl Strategy<Value = Deed> {
    let who = 0..3_usize;
    let at_end = prop::sample::select(AtEnd::ALL.to_vec());
    let effects = vec![ItemEvent::PassToOwner, ItemEvent::Pursue, ItemEvent::Keep, ItemEvent::Gone, ItemEvent::Fail];
    prop_oneof![
        4 => (who.clone(), prop::sample::select(Decision::ALL.to_vec())).prop_map(|(who, what)| Deed::Decide(who, what)),
        2 => who.clone().prop_map(Deed::Reassign),
        2 => who.prop_map(Deed::SignOff),
        1 => at_end.prop_map(Deed::End),
        1 => Just(Deed::Cancel),
        3 => prop::sample::select(effects).prop_map(Deed::Effect),
    ]
}

proptest! {
    #[test]
    fn nothing_is_decided_twice_and_nothing_has_an_effect_without_a_signature(deeds in prop::collection::vec(deed(), 0..40)) {
        const LOGINS: [&str; 3] = ["ann", "bo", "cy"];
        let mut campaign = CampaignState::Active;
        let (mut state, mut by): (ItemState, Option<&str>) = (ItemState::Open, None);
        let mut reviewers = vec!["ann".to_owned(), "bo".to_owned()];
        let mut signatures = 0;
        for deed in deeds {
            let before = state;
            match deed {
                Deed::Decide(who, what) => {
                    if let Ok(after) = decide(campaign, (state, by), &reviewers, (LOGINS[who], false), what) {
                        prop_assert!(by.is_none_or(|by| by == LOGINS[who]), "decided by two");
                        state = after;
                        by = (after != ItemState::Open).then_some(LOGINS[who]);
                    }
                }
                Deed::Reassign(who) if campaign == CampaignState::Active && state == ItemState::Open => {
                    reviewers = vec![LOGINS[who].to_owned()];
                }
                Deed::Reassign(_) => {}
                Deed::SignOff(who) => {
                    if campaign == CampaignState::Active && by == Some(LOGINS[who])
                        && let Some(after) = item_after(state, ItemEvent::SignOff)
                    {
                        signatures += 1;
                        state = after;
                    }
                }
                Deed::End(at_end) => {
                    if let Some(after) = campaign_after(campaign, CampaignEvent::End) {
                        campaign = after;
                        if let Some(after) = item_after(state, ItemEvent::End(at_end)) {
                            signatures += u32::from(after == ItemState::Requested);
                            state = after;
                        }
                    }
                }
                Deed::Cancel => {
                    if let Some(after) = campaign_after(campaign, CampaignEvent::Cancel) {
                        campaign = after;
                        state = item_after(state, ItemEvent::Cancel).unwrap_or(state);
                    }
                }
                Deed::Effect(event) => state = item_after(state, event).unwrap_or(state),
            }
            prop_assert!(signatures <= 1, "signed off twice");
            let has_effect = state.is_followed() || matches!(state, ItemState::Certified | ItemState::Removed | ItemState::Kept);
            prop_assert_eq!(has_effect, signatures == 1, "{:?} after {:?}", state, deed);
            // What was signed off, or is over, is never open again.
            prop_assert!(before.is_unsigned() || !state.is_unsigned());
        }
    }
}
