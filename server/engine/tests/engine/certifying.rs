//! What tests of certifications share, beside the company in which requests are approved: Max manages everybody but Mia.

use std::time::Duration;

use engine::certifications;
use jiff::civil::date;
use model::certification::{AtEnd, CertificationItem, Decision, ItemFilter, ItemRow, NewCampaign, Scope};
use model::configuration::Approver;
use model::error::ApiError;
use model::ids::{CampaignId, CertificationItemId, IdentityId};
use model::job::RunMode;
use testkit::world::World;

use crate::approving::keeper;
use crate::asking::{asks, give, settle};

/// A role that is given by hand.
pub const KEEPER: &str = r#"
[roles.keeper]
display_name = "Vault keeper"
access_profiles = ["money"]
owner = "olga"
"#;

/// Something else on the same account, so that it stays where the door goes.
pub const GYM: &str = r#"
[entitlements.gym]
display_name = "Gym"
account_type = "badge"
key = "GYM"
[rules.gym]
when = 'identity.lifecycle == "active"'
entitlements = ["gym"]
"#;

/// Everybody's entitlements, until the end of the week.
pub fn by_manager() -> NewCampaign {
    NewCampaign {
        name: "Spring".into(),
        description: String::new(),
        scope: Scope { kinds: vec!["entitlement".into()], ..Scope::default() },
        reviewers: vec![Approver::Manager],
        fallback: vec![Approver::User("olga".into())],
        starts: date(2026, 3, 2),
        ends: date(2026, 3, 8),
        remind_days: None,
        at_end: AtEnd::Keep,
    }
}

pub async fn campaign(world: &World, new: NewCampaign) -> CampaignId {
    certifications::start(&world.op(), new).await.unwrap()
}

/// Somebody is given the role by hand, and has what it gives.
pub async fn give_keeper(world: &mut World, identity: IdentityId) {
    engine::requests::submit(&world.op(), asks(identity, vec![give(keeper())])).await.unwrap();
    everything(world).await;
    everything(world).await;
}

/// In the badge system itself.
pub async fn hand_out_the_vault(world: &mut World, number: &str) {
    world.badges.accounts.get_mut(number).unwrap().entitlements.insert("VAULT".into());
    world.badges.write_extract();
    world.clock.step(Duration::from_secs(60));
    for job in ["collect", "synchronize"] {
        world.run(job, RunMode::default()).await;
    }
}

/// Everything is computed, ordered, done and read back.
pub async fn everything(world: &mut World) {
    world.clock.step(Duration::from_secs(60));
    settle(world).await;
}

pub async fn rule_leaves_out_bo(world: &World) {
    let file = world.configuration().join("all.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let changed = text.replace(
        "[rules.everybody]\nwhen = 'identity.lifecycle == \"active\"'",
        "[rules.everybody]\nwhen = 'identity.lifecycle == \"active\" && identity.given_name != \"Bo\"'",
    );
    assert_ne!(text, changed);
    std::fs::write(&file, changed).unwrap();
    engine::configurations::apply(&world.op(), &world.configuration()).await.unwrap();
}

/// What is somebody's to decide.
pub async fn rows(world: &World, campaign: CampaignId, login: &str) -> Vec<ItemRow> {
    let filter = ItemFilter { mine: true, limit: Some(500), ..ItemFilter::default() };
    certifications::items(&world.op_of(login).await, campaign, &filter).await.unwrap().rows
}

/// Everything that the campaign covers.
pub async fn all(world: &World, campaign: CampaignId) -> Vec<ItemRow> {
    let filter = ItemFilter { limit: Some(500), ..ItemFilter::default() };
    certifications::items(&world.op(), campaign, &filter).await.unwrap().rows
}

pub async fn item(world: &World, campaign: CampaignId, id: CertificationItemId) -> CertificationItem {
    all(world, campaign).await.into_iter().find(|row| row.item.id == id).unwrap().item
}

/// Somebody decides about what they saw.
pub async fn decides(world: &World, login: &str, row: &ItemRow, decision: Decision) -> Result<(), ApiError> {
    let chosen = [(row.item.id, Some(row.item.version))];
    let op = world.op_of(login).await;
    let mut done = certifications::decide(&op, row.item.campaign, &chosen, decision, "").await?;
    done.remove(0).1
}

/// Waits for what goes on by itself.
pub async fn until(
    world: &World,
    campaign: CampaignId,
    id: CertificationItemId,
    is_so: impl Fn(&CertificationItem) -> bool,
) -> CertificationItem {
    for _ in 0..500 {
        let item = item(world, campaign, id).await;
        if is_so(&item) {
            return item;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let events = certifications::events(&world.op(), id).await.unwrap();
    panic!("it does not come: {:#?} {events:#?}", item(world, campaign, id).await);
}
