//! Members of one group of a durable slapd: put in one by one by a bare loop, and by our connector, which is told the same
//! by orders and makes few changes of many.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use connectors::{AccountTypeKey, Connector, Secrets, Settings};
use ldap3::Mod;
use model::command::{Command, CommandItem};
use model::configuration::{Connection, LdapConnection};
use model::ids::OrderId;
use model::plan::{ItemKind, ItemOperation, Operation};

use crate::delivery::{add_people, compare, loops};
use crate::slapd;

const GROUP: &str = "readers";
const LEAST: f64 = 25.0;
/// As many as are claimed at once.
const BATCH: usize = 1_000;

pub async fn measure(members: usize) {
    compare("members of a group of a durable slapd", members, LEAST, || bare(members), || ours(members)).await;
}

async fn server(members: usize) -> slapd::Slapd {
    let slapd = slapd::start_durable_slapd(&[GROUP]);
    add_people(slapd.server.port, members).await;
    slapd
}

fn name(number: usize) -> String {
    format!("uid=u{},ou=people,{}", 10_000 + number, slapd::SUFFIX)
}

async fn bare(members: usize) -> Duration {
    let slapd = server(members).await;
    let port = slapd.server.port;
    let next = AtomicUsize::new(0);
    loops(|| async {
        let mut ldap = slapd::signed_in(port).await;
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= members {
                break;
            }
            let change = Mod::Add("member".to_owned(), HashSet::from([name(number)]));
            let group = format!("cn={GROUP},ou=groups,{}", slapd::SUFFIX);
            ldap.modify(&group, vec![change]).await.unwrap().success().unwrap();
        }
    })
    .await
}

struct NoSecrets;

impl Secrets for NoSecrets {
    fn reveal(&self, _name: &str) -> Option<String> {
        None
    }
}

async fn ours(members: usize) -> Duration {
    let slapd = server(members).await;
    let connection: LdapConnection = toml::from_str(&format!(
        "url = 'ldap://127.0.0.1:{}'\nbind_dn = '{}'\npassword = '{}'\naccount_base = 'ou=people,{suffix}'\n\
         account_classes = ['inetOrgPerson']\naccount_rdn = 'uid'\ngroup_base = 'ou=groups,{suffix}'\n\
         group_class = 'groupOfNames'\n",
        slapd.server.port,
        slapd::ADMIN,
        slapd::PASSWORD,
        suffix = slapd::SUFFIX
    ))
    .unwrap();
    let types = [AccountTypeKey { name: "person".into(), key: "uid".into() }];
    let connector: std::sync::Arc<dyn Connector> =
        connectors::connect("directory", &Connection::Ldap(connection), &types, Settings::default(), &NoSecrets)
            .unwrap();
    let commands: Vec<Command> = (0..members).map(command).collect();
    let begun = Instant::now();
    for batch in commands.chunks(BATCH) {
        for (order, answer) in connector.apply(batch.to_vec()).await {
            answer.unwrap_or_else(|error| panic!("{order}: {error}"));
        }
    }
    begun.elapsed()
}

fn command(number: usize) -> Command {
    Command {
        order: OrderId(number as i64 + 1),
        fence: 1,
        application: "directory".into(),
        account_type: "person".into(),
        operation: Operation::Update,
        key: Some(name(number)),
        natural_key: None,
        items: vec![CommandItem {
            kind: ItemKind::Entitlement,
            name: GROUP.into(),
            operation: ItemOperation::Add,
            value: None,
            secret: false,
        }],
        in_doubt: false,
    }
}
