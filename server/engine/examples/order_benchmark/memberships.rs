//! Members of groups of a durable slapd: put in one by one by a bare loop, and by our connector, which is told the same
//! by orders and makes few changes of many.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use connectors::{AccountTypeKey, Connector, Secrets, Settings};
use futures::StreamExt;
use ldap3::Mod;
use model::command::{Command, CommandItem};
use model::configuration::{Connection, LdapConnection};
use model::ids::OrderId;
use model::plan::{ItemKind, ItemOperation, Operation};

use crate::delivery::{add_people, compare, loops};
use crate::slapd;

const LEAST: f64 = 25.0;
/// As many as are claimed at once.
const BATCH: usize = 1_000;

/// Many groups that get some members each, and one that gets all.
pub async fn measure(members: usize) {
    for each in [50, 200, members] {
        let groups = Groups { members, each };
        let what = format!("{each} members for each of {} groups of a durable slapd", groups.count());
        compare(&what, members, LEAST, || bare(groups), || ours(groups)).await;
    }
}

/// So many members, so many in each group, one group after the other.
#[derive(Clone, Copy)]
struct Groups {
    members: usize,
    each: usize,
}

impl Groups {
    fn count(self) -> usize {
        self.members.div_ceil(self.each)
    }

    fn of(self, member: usize) -> String {
        format!("readers{}", member / self.each)
    }

    async fn server(self) -> slapd::Slapd {
        let names: Vec<String> = (0..self.count()).map(|group| self.of(group * self.each)).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let slapd = slapd::start_durable_slapd(&names);
        add_people(slapd.server.port, self.members).await;
        slapd
    }
}

fn name(number: usize) -> String {
    format!("uid=u{},ou=people,{}", 10_000 + number, slapd::SUFFIX)
}

async fn bare(groups: Groups) -> Duration {
    let slapd = groups.server().await;
    let port = slapd.server.port;
    let next = AtomicUsize::new(0);
    loops(|| async {
        let mut ldap = slapd::signed_in(port).await;
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= groups.members {
                break;
            }
            let change = Mod::Add("member".to_owned(), HashSet::from([name(number)]));
            let group = format!("cn={},ou=groups,{}", groups.of(number), slapd::SUFFIX);
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

async fn ours(groups: Groups) -> Duration {
    let slapd = groups.server().await;
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
    let commands: Vec<Command> = (0..groups.members).map(|number| command(number, groups.of(number))).collect();
    let begun = Instant::now();
    // As orders are delivered: two batches of an application at a time.
    let batches = commands.chunks(BATCH).map(|batch| connector.apply(batch.to_vec()));
    let mut answered = futures::stream::iter(batches).buffer_unordered(2);
    while let Some(answers) = answered.next().await {
        for (order, answer) in answers {
            answer.unwrap_or_else(|error| panic!("{order}: {error}"));
        }
    }
    begun.elapsed()
}

fn command(number: usize, group: String) -> Command {
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
            name: group,
            operation: ItemOperation::Add,
            value: None,
            secret: false,
        }],
        in_doubt: false,
    }
}
