//! What people hold indirectly: it is told with the way to it, counts for risks before and after it is there, and ends with what
//! leads to it.

use std::time::Duration;

use engine::{identities, reconciliation, requests, violations};
use model::access::Why;
use model::certification::{NewCampaign, Scope};
use model::ids::IdentityId;
use model::job::{RunMode, RunState};
use model::reconciliation::{ReconciliationFilter, View};
use model::request::NewRequest;
use model::risk::{ViolationFilter, ViolationRow, ViolationState};
use model::view::{PreviewFilter, PreviewLine};
use testkit::world::World;

use crate::asking::{asks, entitlement, give, id, people, settle};
use crate::{approving, certifying};

/// Zones of the badge system are principals of a file server, and one of them is within another; who enters the vault writes the
/// ledger's files by that.
fn shares(on_conflict: &str) -> String {
    format!(
        r#"
[applications.shares]
display_name = "File server"
[applications.shares.connection]
kind = "manual"
[applications.shares.connection.extract]
file = "shares.csv"
key = "principal"
entitlements = "rights"
status = "status"

[account_types.principal]
display_name = "Principal"
application = "shares"
key = "principal"
[account_types.principal.attributes]
principal = {{ expression = "identity.key", create_only = true }}

[entitlements.ledger-files]
display_name = "Ledger files: write"
account_type = "principal"
key = "LEDGER-WRITE"

[indirect_rules.shares]
account_type = "badge"
through = "principal"
[indirect_rules.zones]
account_type = "badge"
through = "principal"
attribute = "zone"
counts_as = "badge"

[risks.files-and-ledger]
display_name = "Files and ledger"
kind = "separation_of_duties"
level = 60
on_conflict = "{on_conflict}"
rules = [{{ sides = [
    {{ label = "Writes the files", entitlements = ["ledger-files"] }},
    {{ label = "Keeps the ledger", entitlements = ["ledger"] }},
] }}]
"#
    )
}

const VAULT_WRITES: &str =
    "principal,zone,rights,status\nVAULT,,LEDGER-WRITE|READ,enabled\nguests,ENTRANCE,VAULT,enabled\n";
const VAULT_READS: &str = "principal,zone,rights,status\nVAULT,,READ,enabled\nguests,ENTRANCE,VAULT,enabled\n";

async fn world(on_conflict: &str) -> World {
    let mut world = World::with_more(&people(), &shares(on_conflict), |_| {}).await;
    export(&world, VAULT_WRITES);
    settle(&mut world).await;
    world
}

fn export(world: &World, rows: &str) {
    std::fs::write(world.configuration().join("shares.csv"), rows).unwrap();
}

async fn rows(world: &World) -> Vec<ViolationRow> {
    violations::page(&world.op(), &ViolationFilter::default()).await.unwrap().rows
}

async fn held(world: &World, id: IdentityId) -> Vec<String> {
    let detail = identities::detail(&world.op(), id).await.unwrap();
    detail.indirect.iter().map(|row| format!("{} in {} {}", row.label, row.application, row.said())).collect()
}

#[tokio::test]
async fn it_is_told_with_the_way_and_ends_with_what_leads_to_it() {
    let world = world("warn").await;
    let op = world.op();
    let (ann, bo) = (id(&world, "1").await, id(&world, "2").await);
    let way = "through Vault in Badges (indirect rule \u{201c}shares\u{201d})";
    assert_eq!(
        held(&world, ann).await,
        [format!("Ledger files: write in File server {way}"), format!("READ in File server {way}")]
    );
    assert_eq!(held(&world, bo).await, [] as [String; 0]);
    let Why::Explained(why) = identities::why(&op, ann, None, "ledger-files").await.unwrap() else { panic!("known") };
    assert!(!why.held, "nothing grants it");
    assert_eq!(why.indirect.iter().map(|row| row.said()).collect::<Vec<_>>(), [way]);
    // What stands for a zone is nobody's, as it should be.
    let orphans = ReconciliationFilter { view: View::Orphans, ..ReconciliationFilter::default() };
    assert_eq!(reconciliation::page(&op, &orphans).await.unwrap().shown(), 0);

    // Finance has the vault and the ledger, and so the files; both come from a rule, and whoever gives up either has to change it.
    let found = rows(&world).await;
    assert_eq!(found.iter().map(|row| row.violation.identity).collect::<Vec<_>>(), [ann]);
    let sides = found[0].violation.sides();
    assert!(sides[0][0].reasons.iter().all(|reason| reason.path.last() == Some(&entitlement("vault"))), "{sides:#?}");

    // The file server changes, and nobody's account does.
    export(&world, VAULT_READS);
    world.clock.step(Duration::from_secs(60));
    let run = world.run("complete", RunMode::default()).await;
    assert!(matches!(run.state, RunState::Completed | RunState::Warning), "{run:#?}");
    let states = async || rows(&world).await.iter().map(|row| row.violation.state).collect::<Vec<_>>();
    assert_eq!(states().await, [ViolationState::Closed]);
    assert_eq!(held(&world, ann).await, [format!("READ in File server {way}")]);
    export(&world, VAULT_WRITES);
    world.clock.step(Duration::from_secs(60));
    world.run("complete", RunMode::default()).await;
    assert!(states().await.contains(&ViolationState::Open));
    world.stop().await;
}

#[tokio::test]
async fn whoever_holds_it_by_what_nothing_grants_is_told_what_to_take_away() {
    let mut world = world("warn").await;
    let (ann, bo) = (id(&world, "1").await, id(&world, "2").await);
    // The badge system lets Bo into the entrance, which is within the vault; and Bo keeps the ledger on request.
    world.badges.accounts.get_mut("2").unwrap().entitlements.insert("ENTRANCE".into());
    world.badges.write_extract();
    let ledger = asks(bo, vec![give(entitlement("ledger"))]);
    requests::submit(&world.op(), ledger).await.unwrap();
    settle(&mut world).await;
    let two = "through ENTRANCE in Badges, then Vault in Badges \
               (indirect rules \u{201c}zones\u{201d}, \u{201c}shares\u{201d})";
    assert_eq!(
        held(&world, bo).await,
        [
            "Vault in Badges through ENTRANCE in Badges (indirect rule \u{201c}zones\u{201d})".to_owned(),
            format!("Ledger files: write in File server {two}"),
            format!("READ in File server {two}"),
        ]
    );
    let mut found = rows(&world).await;
    found.retain(|row| row.violation.identity != ann);
    assert_eq!(found.iter().map(|row| row.violation.identity).collect::<Vec<_>>(), [bo]);
    let detail = violations::detail(&world.op(), found[0].violation.id).await.unwrap();
    assert_eq!(detail.row.violation.sides()[0][0].accounts.len(), 1);
    assert!(
        detail.ways_out[0].obstacles[0].contains("leads to Ledger files: write, as told above"),
        "{:#?}",
        detail.ways_out
    );
    assert!(detail.ways_out[1].is_open(), "the ledger can be taken back");
    world.stop().await;
}

/// Nobody's own account changes, nothing is computed, and it is seen all the same.
#[tokio::test]
async fn whom_a_change_of_what_stands_between_concerns_is_looked_at() {
    let mut world = World::with_more(&people(), &shares("warn"), |_| {}).await;
    export(&world, VAULT_READS);
    settle(&mut world).await;
    let (ann, bo) = (id(&world, "1").await, id(&world, "2").await);
    world.badges.accounts.get_mut("2").unwrap().entitlements.insert("ENTRANCE".into());
    world.badges.write_extract();
    requests::submit(&world.op(), asks(bo, vec![give(entitlement("ledger"))])).await.unwrap();
    settle(&mut world).await;
    assert_eq!(rows(&world).await.len(), 0);
    for (rows_of_export, expected) in [(VAULT_WRITES, ViolationState::Open), (VAULT_READS, ViolationState::Closed)] {
        export(&world, rows_of_export);
        world.clock.step(Duration::from_secs(60));
        for job in ["collect", "synchronize"] {
            world.run(job, RunMode::default()).await;
        }
        // Bo holds the vault by a find, and Ann by a rule.
        for person in [ann, bo] {
            let found = rows(&world).await.into_iter().find(|row| row.violation.identity == person);
            assert_eq!(found.map(|row| row.violation.state), Some(expected));
        }
    }
    world.stop().await;
}

#[tokio::test]
async fn a_dry_run_follows_what_it_has_read_itself() {
    let mut world = World::with_more(&people(), &shares("block"), |_| {}).await;
    export(&world, VAULT_READS);
    settle(&mut world).await;
    let op = world.op();
    let bo = id(&world, "2").await;
    requests::submit(&op, asks(bo, vec![give(entitlement("ledger"))])).await.unwrap();
    settle(&mut world).await;
    let mut moved = people();
    moved[1].department = "Finance".into();
    world.feed(&moved);
    for (rows_of_export, is_ordered) in [(VAULT_READS, true), (VAULT_WRITES, false)] {
        export(&world, rows_of_export);
        world.clock.step(Duration::from_secs(60));
        let dry = world.run("complete", RunMode { dry_run: true, ..RunMode::default() }).await;
        let lines = engine::approvals::preview(&op, dry.id, PreviewFilter { limit: 100, ..PreviewFilter::default() })
            .await
            .unwrap()
            .rows;
        let is_vault = |line: &PreviewLine| line.identity == Some(bo) && line.change.contains("VAULT");
        assert_eq!(lines.iter().any(is_vault), is_ordered, "{lines:#?}");
    }
    world.stop().await;
}

#[tokio::test]
async fn what_would_lead_to_a_conflict_is_said_before_and_not_ordered() {
    let mut world = world("block").await;
    let op = world.op();
    let bo = id(&world, "2").await;
    requests::submit(&op, asks(bo, vec![give(entitlement("ledger"))])).await.unwrap();
    settle(&mut world).await;
    // The vault is no part of the risk, but leads to one.
    let vault = asks(bo, vec![give(entitlement("vault"))]);
    let shown = requests::submit(&op, NewRequest { simulate: true, ..vault.clone() }).await.unwrap();
    assert_eq!(shown.preview.risks.len(), 1, "{:#?}", shown.preview);
    let refused = requests::submit(&op, vault).await.unwrap_err();
    assert!(refused.message.contains("Files and ledger"), "{refused}");
    // By rule it is given all the same, and not ordered.
    let mut moved = people();
    moved[1].department = "Finance".into();
    world.feed(&moved);
    world.clock.step(Duration::from_secs(60));
    settle(&mut world).await;
    let holds = |key: &str| world.badges.accounts["2"].entitlements.contains(key);
    assert!(holds("DOOR") && !holds("VAULT"), "{:#?}", world.badges.accounts["2"]);
    world.stop().await;
}

#[tokio::test]
async fn a_campaign_of_what_is_risky_covers_what_leads_to_it() {
    let files = r#"
[risks.files]
display_name = "Files"
kind = "high_privilege"
level = 80
on_conflict = "warn"
rules = [{ sides = [{ label = "Writes the files", entitlements = ["ledger-files"] }] }]
"#;
    let mut world = approving::world(&format!("{}{}{files}", certifying::KEEPER, shares("warn"))).await;
    export(&world, VAULT_WRITES);
    let bo = id(&world, "2").await;
    // Bo is granted what leads there, and Cy's account has it though nothing grants it.
    certifying::give_keeper(&mut world, bo).await;
    certifying::hand_out_the_vault(&mut world, "3").await;
    let scope = Scope { kinds: vec!["entitlement".into()], risk_level: Some(80), ..Scope::default() };
    let campaign = certifying::campaign(&world, NewCampaign { scope, ..certifying::by_manager() }).await;
    let found = certifying::all(&world, campaign).await;
    let found: Vec<(&str, &str)> =
        found.iter().map(|row| (row.identity_name.as_str(), row.item.grantable.name())).collect();
    assert_eq!(found, [("Bo Ek", "vault"), ("Cy Leeward", "vault")]);
    world.stop().await;
}
