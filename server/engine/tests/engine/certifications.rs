//! Certification campaigns, end to end: who is asked, who decides first, what an end makes of what is unsigned, what a
//! campaign covers, and who is told. Where revocations go is scenario 16.

use std::time::Duration;

use engine::{certifications, identities};
use jiff::civil::date;
use model::access::{Grantable, Why};
use model::certification::{AtEnd, CampaignState, Decision, ItemState, NewCampaign, Origin, Scope};
use model::configuration::Approver;
use model::error::ErrorCode;
use model::mail::MailFilter;
use testkit::world::World;

use crate::approving;
use crate::asking::id;
use crate::certifying::{
    KEEPER, all, by_manager, campaign, decides, everything, give_keeper, hand_out_the_vault, item, rows, until,
};
use crate::mails::name_mail_server;

const DAY: Duration = Duration::from_hours(24);

async fn world() -> World {
    approving::world(KEEPER).await
}

#[tokio::test]
async fn a_manager_decides_changes_their_mind_and_signs_off() {
    let world = world().await;
    let campaign = campaign(&world, by_manager()).await;
    let max = world.op_of("max").await;
    let mine = rows(&world, campaign, "max").await;
    assert_eq!(
        mine.iter().map(|row| row.identity_name.as_str()).collect::<Vec<_>>(),
        ["Pat Ode", "Bo Ek", "Cy Leeward", "Di Ash"]
    );
    assert!(mine.iter().all(|row| row.may_decide && row.item.state == ItemState::Open), "{mine:#?}");
    assert!(mine[0].why[0].contains("rule \u{201c}everybody\u{201d}"), "{mine:#?}");
    // Max's own access is Mia's to decide; nobody is above Mia, so that is the fallback's.
    for (login, person) in [("mia", "Max Oak"), ("olga", "Mia Elm")] {
        let names: Vec<String> = rows(&world, campaign, login).await.into_iter().map(|row| row.identity_name).collect();
        assert_eq!(names, [person], "{login}");
    }
    assert_eq!(certifications::waiting(&max).await.unwrap(), 4);
    let stranger = certifications::campaign(&world.op_of("pat").await, campaign).await.unwrap_err();
    assert_eq!(stranger.code, ErrorCode::NotFound);

    decides(&world, "max", &mine[0], Decision::Revoke).await.unwrap();
    let stale = decides(&world, "max", &mine[0], Decision::Approve).await.unwrap_err();
    assert_eq!(stale.code, ErrorCode::Conflict, "{stale:?}");
    let again = rows(&world, campaign, "max").await;
    decides(&world, "max", &again[0], Decision::Approve).await.unwrap();
    decides(&world, "max", &again[1], Decision::Revoke).await.unwrap();
    let taken_back = rows(&world, campaign, "max").await;
    decides(&world, "max", &taken_back[1], Decision::Reopen).await.unwrap();
    let seen = certifications::preview_sign_off(&max, campaign).await.unwrap();
    assert_eq!((seen.approved, seen.revoked, seen.open), (1, 0, 3));
    let other = certifications::sign_off(&max, campaign, Some("another")).await.unwrap_err();
    assert_eq!(other.code, ErrorCode::Conflict);
    certifications::sign_off(&max, campaign, Some(&seen.digest)).await.unwrap();
    let signed = item(&world, campaign, mine[0].item.id).await;
    assert_eq!(signed.state, ItemState::Certified);
    let late = rows(&world, campaign, "max").await;
    let late = decides(&world, "max", &late[0], Decision::Revoke).await.unwrap_err();
    assert!(late.message.contains("signed off"), "{late:?}");
    assert!(certifications::sign_off(&max, campaign, None).await.is_err(), "nothing is left to sign off");
    assert_eq!(certifications::waiting(&max).await.unwrap(), 3);

    let pat = id(&world, "1").await;
    let why = identities::why(&world.op(), pat, Some("entitlement"), "door").await.unwrap();
    let Why::Explained(why) = why else { panic!("{why:?}") };
    assert_eq!(why.certified.as_deref(), Some("2026-03-02 by Max"));
    let detail = identities::detail(&world.op(), pat).await.unwrap();
    assert!(detail.events.iter().any(|event| event.message.contains("is certified by Max")), "{:#?}", detail.events);
    // Another campaign leaves out what was certified a moment ago.
    let scope = Scope { not_certified_days: Some(30), ..by_manager().scope };
    let next = certifications::start(&world.op(), NewCampaign { scope, ..by_manager() }).await.unwrap();
    assert_eq!(rows(&world, next, "max").await.len(), 3);
    world.stop().await;
}

#[tokio::test]
async fn of_a_group_the_first_decides_and_nobody_about_their_own() {
    let world = world().await;
    let reviewers = vec![Approver::Profile("security".into()), Approver::User("max".into())];
    let campaign = campaign(&world, NewCampaign { reviewers, ..by_manager() }).await;
    let everything = all(&world, campaign).await;
    let max_own = everything.iter().find(|row| row.identity_name == "Max Oak").unwrap();
    assert_eq!(max_own.item.reviewers, ["sia", "sol", "sue"]);
    let of_sue = rows(&world, campaign, "sue").await;
    let of_sia = rows(&world, campaign, "sia").await;
    decides(&world, "sue", &of_sue[0], Decision::Approve).await.unwrap();
    let second = decides(&world, "sia", &of_sia[0], Decision::Revoke).await.unwrap_err();
    assert_eq!(second.code, ErrorCode::Conflict);
    let now = rows(&world, campaign, "sia").await;
    let second = decides(&world, "sia", &now[0], Decision::Revoke).await.unwrap_err();
    assert!(second.message.contains("sue has decided about it already"), "{second:?}");
    let alien = decides(&world, "pat", &now[1], Decision::Revoke).await.unwrap_err();
    assert_eq!(alien.code, ErrorCode::NotFound);

    // Given to somebody else it is open again, and only theirs.
    let max = world.op_of("max").await;
    let own = certifications::reassign(&world.op(), campaign, &[(max_own.item.id, None)], "max").await.unwrap();
    assert!(own[0].1.as_ref().unwrap_err().message.contains("own access"), "{own:?}");
    let given = certifications::reassign(&max, campaign, &[(now[0].item.id, None)], "olga").await.unwrap();
    assert!(given[0].1.is_ok(), "{given:?}");
    let given = item(&world, campaign, now[0].item.id).await;
    assert_eq!((given.state, given.reviewers), (ItemState::Open, vec!["olga".to_owned()]));

    certifications::cancel(&world.op(), campaign).await.unwrap();
    let over = all(&world, campaign).await;
    assert!(over.iter().all(|row| row.item.state == ItemState::Cancelled), "{over:#?}");
    assert!(certifications::end(&world.op(), campaign).await.is_err());
    world.stop().await;
}

#[tokio::test]
async fn an_end_makes_of_what_is_unsigned_what_the_campaign_says() {
    for (at_end, open, approved) in [
        (AtEnd::Keep, ItemState::Lapsed, ItemState::Lapsed),
        (AtEnd::Mark, ItemState::Marked, ItemState::Marked),
        (AtEnd::Revoke, ItemState::Removed, ItemState::Marked),
    ] {
        let mut world = world().await;
        for number in ["2", "3"] {
            let identity = id(&world, number).await;
            give_keeper(&mut world, identity).await;
        }
        let scope = Scope { things: vec![approving::keeper()], ..Scope::default() };
        let campaign = campaign(&world, NewCampaign { scope, at_end, ..by_manager() }).await;
        let mine = rows(&world, campaign, "max").await;
        assert_eq!(mine.len(), 2, "{mine:#?}");
        assert_eq!(mine[0].item.origin, Origin::ByHand);
        decides(&world, "max", &mine[1], Decision::Approve).await.unwrap();
        world.clock.step(7 * DAY);
        until(&world, campaign, mine[1].item.id, |item| item.state == approved).await;
        assert_eq!(certifications::campaign(&world.op(), campaign).await.unwrap().campaign.state, CampaignState::Ended);
        if at_end == AtEnd::Revoke {
            until(&world, campaign, mine[0].item.id, |item| item.request.is_some()).await;
            everything(&mut world).await;
            everything(&mut world).await;
        }
        until(&world, campaign, mine[0].item.id, |item| item.state == open).await;
        let holds = |number: &str| world.badges.accounts[number].entitlements.contains("VAULT");
        assert_eq!((holds("2"), holds("3")), (at_end != AtEnd::Revoke, true), "{at_end:?}");
        world.stop().await;
    }
}

#[tokio::test]
async fn what_a_rule_gives_stays_where_its_owner_says_so() {
    let world = world().await;
    let campaign = campaign(&world, by_manager()).await;
    let mine = rows(&world, campaign, "max").await;
    decides(&world, "max", &mine[0], Decision::Revoke).await.unwrap();
    certifications::sign_off(&world.op_of("max").await, campaign, None).await.unwrap();
    let door = mine[0].item.id;
    until(&world, campaign, door, |item| item.state == ItemState::WithOwner).await;
    let olga = world.op_of("olga").await;
    assert_eq!(certifications::waiting(&olga).await.unwrap(), 2, "one to decide, one to change");
    let wrong = certifications::keep(&world.op_of("max").await, door, "no").await.unwrap_err();
    assert_eq!(wrong.code, ErrorCode::Forbidden, "it is not theirs any more: {wrong:?}");
    assert_eq!(certifications::keep(&olga, door, " ").await.unwrap_err().field.as_deref(), Some("why"));
    // It waits, whatever becomes of the campaign.
    certifications::end(&world.op(), campaign).await.unwrap();
    assert_eq!(item(&world, campaign, door).await.state, ItemState::WithOwner);
    certifications::keep(&olga, door, "everybody needs the door").await.unwrap();
    let kept = item(&world, campaign, door).await;
    assert_eq!(kept.state, ItemState::Kept);
    assert!(kept.message.unwrap().contains("everybody needs the door"));
    assert!(certifications::keep(&olga, door, "again").await.is_err());
    world.stop().await;
}

#[tokio::test]
async fn a_campaign_covers_what_it_says_and_nothing_that_came_later() {
    let mut world = world().await;
    let bo = id(&world, "2").await;
    give_keeper(&mut world, bo).await;
    hand_out_the_vault(&mut world, "3").await;
    let scopes = [
        (Scope::default(), None),
        (Scope { origins: vec![Origin::ByHand], ..Scope::default() }, Some(vec!["Bo Ek: keeper"])),
        (Scope { origins: vec![Origin::NonConforming], ..Scope::default() }, Some(vec!["Cy Leeward: vault"])),
        (
            Scope {
                condition: Some("identity.given_name == \"Bo\"".into()),
                kinds: vec!["entitlement".into()],
                ..Scope::default()
            },
            Some(vec!["Bo Ek: door", "Bo Ek: vault"]),
        ),
        (
            Scope {
                department: Some("Sales".into()),
                things: vec![Grantable::Entitlement("vault".into())],
                ..Scope::default()
            },
            Some(vec!["Bo Ek: vault", "Cy Leeward: vault"]),
        ),
        (Scope { department: Some("Elsewhere".into()), ..Scope::default() }, Some(vec![])),
        (Scope { applications: vec!["mainframe".into()], ..Scope::default() }, Some(vec![])),
        (Scope { risk_level: Some(1), ..Scope::default() }, Some(vec![])),
    ];
    for (scope, expected) in scopes {
        let campaign = campaign(&world, NewCampaign { scope: scope.clone(), ..by_manager() }).await;
        let found: Vec<String> = all(&world, campaign)
            .await
            .iter()
            .map(|row| format!("{}: {}", row.identity_name, row.item.grantable.name()))
            .collect();
        match expected {
            Some(expected) => assert_eq!(found, expected, "{scope:?}"),
            None => assert!(found.len() > 20, "{found:?}"),
        }
    }
    for (new, field) in [
        (NewCampaign { name: " ".into(), ..by_manager() }, "name"),
        (NewCampaign { starts: date(2026, 3, 1), ..by_manager() }, "starts"),
        (NewCampaign { ends: date(2026, 3, 1), ..by_manager() }, "ends"),
        (NewCampaign { reviewers: vec![], ..by_manager() }, "reviewers"),
        (NewCampaign { reviewers: vec![Approver::User("nobody".into())], ..by_manager() }, "reviewers"),
        (NewCampaign { fallback: vec![Approver::Profile("nobody".into())], ..by_manager() }, "fallback"),
        (
            NewCampaign { scope: Scope { condition: Some("identity.".into()), ..Scope::default() }, ..by_manager() },
            "condition",
        ),
        (NewCampaign { scope: Scope { kinds: vec!["x".into()], ..Scope::default() }, ..by_manager() }, "kinds"),
    ] {
        let refused = certifications::start(&world.op(), new).await.unwrap_err();
        assert_eq!(refused.field.as_deref(), Some(field), "{refused:?}");
    }
    // One that begins later is put together then.
    let later = campaign(&world, NewCampaign { starts: date(2026, 3, 4), ..by_manager() }).await;
    assert_eq!(certifications::campaign(&world.op(), later).await.unwrap().campaign.state, CampaignState::Staged);
    world.clock.step(3 * DAY);
    for _ in 0..500 {
        if certifications::campaign(&world.op(), later).await.unwrap().campaign.state == CampaignState::Active {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(rows(&world, later, "max").await.len(), 6);
    let (text, next) = certifications::file(&world.op(), later, None).await.unwrap();
    assert!(text.starts_with("item,identity,kind,name,") && next.is_none());
    assert_eq!(text.lines().count(), 9);
    world.stop().await;
}

#[tokio::test]
async fn reviewers_are_told_at_the_start_and_reminded_and_those_away_are_replaced() {
    let world = world().await;
    name_mail_server(&world, 1).await;
    for login in ["max", "mia", "olga"] {
        engine::mails::set_address(&world.op(), login, Some(format!("{login}@example.org"))).await.unwrap();
    }
    let campaign = campaign(&world, NewCampaign { remind_days: Some(2), ..by_manager() }).await;
    let told = |count: usize| {
        let world = &world;
        async move {
            for _ in 0..500 {
                engine::mails::round(&world.engine).await.unwrap();
                let rows = engine::mails::page(&world.op(), MailFilter::default()).await.unwrap().rows;
                if rows.len() >= count {
                    return rows.into_iter().map(|row| format!("{}: {}", row.address, row.subject)).collect::<Vec<_>>();
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            panic!("nobody is told");
        }
    };
    let mut first = told(3).await;
    first.sort();
    assert!(first[0].starts_with("max@example.org: Spring: 4 items wait for your decision"), "{first:?}");
    // Max is away: what was his is Mia's.
    approving::feed(&world, "Leave");
    world.run("complete", model::job::RunMode::default()).await;
    for _ in 0..500 {
        if rows(&world, campaign, "mia").await.len() == 5 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(rows(&world, campaign, "mia").await.len(), 5);
    let before = told(4).await.len();
    world.clock.step(4 * DAY);
    let reminded = told(before + 2).await;
    assert!(reminded.iter().any(|line| line.contains("mia@example.org: Spring: 5 items wait")), "{reminded:?}");
    world.stop().await;
}
