//! Receivers of events, over real HTTP in both directions.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::post;
use engine::events::{operate, tokens};
use model::event::{EventPage, EventType, Message, SubscriptionRow};
use reqwest::StatusCode;
use serde_json::Value as Body;
use server::http::{Site, SiteOptions};
use testkit::wait;
use testkit::world::{World, person};
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::http::client;

const SECRET: &str = "canary-secret-of-webhooks";

/// Who holds what: identity, kind and name.
type Held = BTreeSet<(String, String, String)>;

/// A program that keeps what everybody holds, by what it is told.
#[derive(Default)]
struct Portal {
    last: i64,
    held: Held,
    bodies: Vec<String>,
    /// Numbers after which something was missing.
    gaps: Vec<i64>,
    /// The number that it says to have taken, and has not.
    lost: Option<i64>,
    refuses: bool,
    refused: BTreeSet<i64>,
    /// Where it asks, and with what.
    server: String,
    token: String,
}

type Shared = Arc<Mutex<Portal>>;

fn text(message: &Message, name: &str) -> String {
    message.event.body.data[name].as_text().unwrap().to_owned()
}

impl Portal {
    fn apply(&mut self, message: &Message) {
        let body = &message.event.body;
        let held = || {
            let whose = body.identity.as_ref().unwrap().key.clone();
            (whose, text(message, "kind"), text(message, "name"))
        };
        match body.kind {
            EventType::AssignmentGranted => assert!(self.held.insert(held()), "granted twice: {message:?}"),
            EventType::AssignmentEnded => assert!(self.held.remove(&held()), "ended without being held: {message:?}"),
            _ => {}
        }
        self.last = message.event.sequence;
    }
}

async fn take(State(portal): State<Shared>, headers: HeaderMap, body: String) -> StatusCode {
    let message: Message = serde_json::from_str(&body).unwrap();
    assert_eq!(headers["webhook-id"], message.id.as_str());
    assert!(headers["webhook-signature"].to_str().unwrap().starts_with("v1,"));
    let (last, server, token) = {
        let mut portal = portal.lock().unwrap();
        portal.bodies.push(body);
        if portal.refuses && message.event.body.kind == EventType::RunEnded {
            portal.refused.insert(message.event.sequence);
            return StatusCode::UNPROCESSABLE_ENTITY;
        }
        if portal.lost.is_none() && message.event.body.kind == EventType::AssignmentGranted {
            portal.lost = Some(message.event.sequence);
            return StatusCode::NO_CONTENT;
        }
        (portal.last, portal.server.clone(), portal.token.clone())
    };
    if message.event.sequence <= last {
        return StatusCode::NO_CONTENT;
    }
    if message.previous == last {
        portal.lock().unwrap().apply(&message);
        return StatusCode::NO_CONTENT;
    }
    let address = format!("{server}/api/events?after={last}&limit=1000");
    let answer = client().get(address).bearer_auth(token).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let page: EventPage = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    let mut portal = portal.lock().unwrap();
    portal.gaps.push(last);
    page.messages.iter().for_each(|message| portal.apply(message));
    StatusCode::NO_CONTENT
}

struct House {
    world: World,
    portal: Shared,
    base: String,
    token: String,
    _stop: watch::Sender<bool>,
}

impl House {
    async fn new(portal: Portal, more: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let portal = Arc::new(Mutex::new(portal));
        let router = Router::new().route("/hook", post(take)).with_state(Arc::clone(&portal));
        let configuration = format!(
            "[subscriptions.portal]\nfrom = \"beginning\"\n{more}\n[subscriptions.portal.deliver.webhook]\n\
             url = \"http://{}/hook\"\nsecret = \"secret:portal-secret\"\n",
            listener.local_addr().unwrap()
        );
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let people = [person(1, "Ann", "Lee", "Finance"), person(2, "Bo", "Ek", "Sales")];
        let world = World::with_more(&people, &configuration, |_| {}).await;
        engine::secrets::put(&world.op(), "portal-secret".into(), SECRET.into()).await.unwrap();
        let token = tokens::create(&world.op(), "portal".into()).await.unwrap().token;
        let (stop, stopping) = watch::channel(false);
        let options = SiteOptions {
            https: false,
            behind_proxy: false,
            metrics: None,
            metrics_token: None,
            stopping,
            site_root: None,
            executable: env!("CARGO_BIN_EXE_quartermaster").into(),
        };
        let router = server::http::layered(Site::new(world.engine.clone(), options), server::http::receivers::router());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            axum::serve(listener, router.into_make_service_with_connect_info::<SocketAddr>()).await.unwrap();
        });
        {
            let mut portal = portal.lock().unwrap();
            (portal.server, portal.token) = (base.clone(), token.clone());
        }
        Self { world, portal, base, token, _stop: stop }
    }

    async fn row(&self) -> SubscriptionRow {
        operate::rows(&self.world.op()).await.unwrap().remove(0)
    }

    /// Until the portal was sent everything. The time goes on meanwhile, as the wait after a failure takes.
    async fn told(&self) {
        wait::until("everything is delivered", async || {
            let is_so = self.row().await.lag() == 0 && self.world.engine.store().unnumbered().await.unwrap().is_empty();
            if !is_so {
                self.world.clock.step(std::time::Duration::from_secs(1));
            }
            is_so
        })
        .await;
    }

    /// What everybody holds, as a receiver begins with it.
    async fn snapshot(&self) -> (Body, Held) {
        let answer = client().get(format!("{}/api/events/snapshot", self.base)).bearer_auth(&self.token).send();
        let text = answer.await.unwrap().text().await.unwrap();
        let mut lines = text.lines().map(|line| serde_json::from_str::<Body>(line).unwrap());
        let head = lines.next().unwrap();
        let field = |line: &Body, name: &str| line[name].as_str().unwrap().to_owned();
        let held =
            lines.map(|line| (field(&line, "identity_key"), field(&line, "kind"), field(&line, "name"))).collect();
        (head, held)
    }

    async fn moves_to(&mut self, department: &str) {
        self.world.feed(&[person(1, "Ann", "Lee", department), person(2, "Bo", "Ek", "Sales")]);
        self.world.settle().await;
    }
}

#[tokio::test]
async fn scenario_24_a_receiver_that_loses_an_event_sees_the_gap_and_reads_it_again() {
    let mut house = House::new(Portal::default(), "types = [\"assignment.*\", \"account.*\", \"run.ended\"]").await;
    house.world.settle().await;
    house.moves_to("Sales").await;
    house.moves_to("Finance").await;
    house.told().await;
    let (head, wanted) = house.snapshot().await;
    assert_eq!(head["sequence"].as_i64(), Some(house.row().await.last));
    {
        let portal = house.portal.lock().unwrap();
        assert!(portal.lost.is_some());
        assert_eq!(portal.gaps.len(), 1, "one gap, seen once");
        assert!(portal.gaps[0] < portal.lost.unwrap());
        assert!(!wanted.is_empty());
        assert_eq!(portal.held, wanted);
        assert!(portal.bodies.iter().all(|body| !body.contains("canary")), "no secret");
    }
    // Everything again, from a time and from a number, is the same as before.
    let all = async |query: &str| {
        let answer = client().get(format!("{}/api/events?limit=1000{query}", house.base)).bearer_auth(&house.token);
        let answer = answer.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        serde_json::from_str::<EventPage>(&answer.text().await.unwrap()).unwrap()
    };
    let page = all("&after=0").await;
    let mut begun_anew = Portal::default();
    for message in &page.messages {
        assert_eq!(message.previous, begun_anew.last);
        begun_anew.apply(message);
    }
    assert_eq!(begun_anew.held, wanted);
    let since = all("&since=2000-01-01T00:00:00Z").await;
    assert_eq!(since.messages, page.messages);
    let nobody = client().get(format!("{}/api/events", house.base)).bearer_auth("qme_wrong").send().await.unwrap();
    assert_eq!(nobody.status(), StatusCode::UNAUTHORIZED);
    let unclear = client().get(format!("{}/api/events?afer=1", house.base)).bearer_auth(&house.token).send();
    assert!(unclear.await.unwrap().status().is_client_error());
    house.world.stop().await;
}

#[tokio::test]
async fn what_a_receiver_refuses_for_good_is_set_aside_and_sent_once_more() {
    let portal = Portal { lost: Some(0), refuses: true, ..Portal::default() };
    let mut house = House::new(portal, "on_refusal = \"set_aside\"\nrefusals = 2").await;
    house.world.settle().await;
    house.told().await;
    let op = house.world.op();
    let refused = house.portal.lock().unwrap().refused.clone();
    assert!(!refused.is_empty());
    let aside = operate::set_aside(&op).await.unwrap();
    assert_eq!(aside.iter().map(|message| message.sequence).collect::<BTreeSet<_>>(), refused);
    assert!(aside.iter().all(|message| message.attempts == 2 && message.problem.contains("422")), "{aside:?}");
    let (_, wanted) = house.snapshot().await;
    {
        let mut portal = house.portal.lock().unwrap();
        assert_eq!(portal.held, wanted, "those after it went on; what is missing was read again");
        portal.refuses = false;
        portal.bodies.clear();
    }
    assert_eq!(operate::send_set_aside(&op, "portal", None).await.unwrap(), refused.len() as u64);
    wait::until("nothing is set aside", async || operate::set_aside(&op).await.unwrap().is_empty()).await;
    let again: BTreeSet<i64> = {
        let portal = house.portal.lock().unwrap();
        let sequence = |body: &String| serde_json::from_str::<Message>(body).unwrap().event.sequence;
        portal.bodies.iter().map(sequence).collect()
    };
    assert!(again.is_superset(&refused));
    house.world.stop().await;
}

#[tokio::test]
async fn what_is_refused_for_good_stops_a_receiver_until_a_person_resumes_it() {
    let portal = Portal { lost: Some(0), refuses: true, ..Portal::default() };
    let mut house = House::new(portal, "refusals = 1").await;
    house.world.settle().await;
    wait::until("it has stopped", async || house.row().await.standing.state.name() == "stopped").await;
    let stopped = house.row().await;
    assert!(stopped.standing.problem.as_ref().is_some_and(|problem| problem.contains("422")), "{stopped:?}");
    house.portal.lock().unwrap().refuses = false;
    operate::resume(&house.world.op(), "portal").await.unwrap();
    house.told().await;
    let (_, wanted) = house.snapshot().await;
    assert_eq!(house.portal.lock().unwrap().held, wanted);
    assert!(house.portal.lock().unwrap().gaps.is_empty());
    house.world.stop().await;
}
