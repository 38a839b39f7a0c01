//! A SCIM server that is as careless as servers are: it chooses ids, and makes the same user twice when asked twice.
//! Its list is the truth that tests compare with.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::oneshot;

/// A running server; it ends when this is dropped.
pub struct Directory {
    pub port: u16,
    state: Arc<Mutex<State>>,
    /// Tells it to come up, and hears that it has.
    up: Option<(oneshot::Sender<()>, std::sync::mpsc::Receiver<()>)>,
    _running: oneshot::Sender<()>,
}

/// What the server holds, and how it behaves.
#[derive(Default)]
pub struct State {
    /// By id.
    pub users: BTreeMap<String, Map<String, Value>>,
    /// Ids of the members, by name of the group.
    pub groups: BTreeMap<String, BTreeSet<String>>,
    /// How often a user of that name was made.
    pub creations: BTreeMap<String, u32>,
    /// How often the members of a group were changed.
    pub member_changes: u32,
    /// Waited before a request is carried out, and again before it is answered.
    pub latency: Duration,
    /// The next answers to requests that write, in place of carrying them out: status and detail. Kept until cleared.
    pub refusal: Option<Refusal>,
    /// Requests to make a user that are being carried out.
    pub under_way: u32,
    next_id: u64,
}

/// Requests to write that the server declines.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// Only those with this text in their body.
    pub with: String,
    pub status: u16,
    pub detail: String,
}

impl Directory {
    /// Starts it on a free port, with these groups and nobody in them.
    pub fn start(groups: &[&str]) -> Self {
        let mut directory = Self::start_down(groups);
        directory.come_up();
        directory
    }

    /// The same, but connections are refused until it comes up.
    pub fn start_down(groups: &[&str]) -> Self {
        let groups = groups.iter().map(|name| ((*name).to_owned(), BTreeSet::new())).collect();
        let state = Arc::new(Mutex::new(State { groups, ..State::default() }));
        let (up, is_up) = oneshot::channel();
        let (running, stopped) = oneshot::channel();
        let (bound, port) = std::sync::mpsc::channel();
        let (listening, listens) = std::sync::mpsc::channel();
        let served = Arc::clone(&state);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                // Bound, the port is ours; it takes connections only once it is listened on.
                let socket = TcpSocket::new_v4().unwrap();
                socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
                bound.send(socket.local_addr().unwrap().port()).unwrap();
                let serve = async {
                    if is_up.await.is_ok() {
                        let listener = socket.listen(64).unwrap();
                        listening.send(()).unwrap();
                        accept(listener, served).await;
                    }
                };
                tokio::select! {
                    () = serve => {}
                    _ = stopped => {}
                }
            });
        });
        Self { port: port.recv().unwrap(), state, up: Some((up, listens)), _running: running }
    }

    /// From now on it takes connections.
    pub fn come_up(&mut self) {
        if let Some((up, listens)) = self.up.take() {
            let _ = up.send(());
            let _ = listens.recv();
        }
    }

    /// Where it is reached.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/v2", self.port)
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Users by name, without their ids, with the groups they are in. A name that is there twice is there twice.
    pub fn people(&self) -> Vec<(Map<String, Value>, BTreeSet<String>)> {
        let state = self.state();
        let mut people: Vec<_> = state
            .users
            .iter()
            .map(|(id, user)| {
                let mut user = user.clone();
                user.remove("id");
                let groups = state.groups.iter().filter(|(_, members)| members.contains(id));
                (user, groups.map(|(name, _)| name.clone()).collect())
            })
            .collect();
        people.sort_by_key(|(user, _)| user.get("userName").map(Value::to_string));
        people
    }
}

async fn accept(listener: TcpListener, state: Arc<Mutex<State>>) {
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, Arc::clone(&state)));
        }
    }
}

/// One connection, request after request.
async fn serve(stream: TcpStream, state: Arc<Mutex<State>>) {
    let mut stream = BufReader::new(stream);
    while let Some((method, target, body)) = request(&mut stream).await {
        let locked = || state.lock().unwrap_or_else(PoisonError::into_inner);
        let latency = locked().latency;
        let makes = u32::from(method == "POST");
        locked().under_way += makes;
        tokio::time::sleep(latency).await;
        let (status, answer) = locked().answer(&method, &target, &body);
        tokio::time::sleep(latency).await;
        locked().under_way -= makes;
        let text = answer.map(|answer| answer.to_string()).unwrap_or_default();
        let head = format!(
            "HTTP/1.1 {status} Answer\r\nContent-Type: application/scim+json\r\nContent-Length: {}\r\n\r\n",
            text.len()
        );
        if stream.write_all((head + &text).as_bytes()).await.is_err() {
            return;
        }
    }
}

async fn request(stream: &mut BufReader<TcpStream>) -> Option<(String, String, Value)> {
    let mut line = String::new();
    stream.read_line(&mut line).await.ok().filter(|count| *count > 0)?;
    let mut parts = line.split_whitespace().map(str::to_owned);
    let (method, target) = (parts.next()?, parts.next()?);
    let mut length = 0;
    loop {
        let mut header = String::new();
        stream.read_line(&mut header).await.ok().filter(|count| *count > 0)?;
        let Some((name, value)) = header.split_once(':') else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some((method, target, serde_json::from_slice(&body).unwrap_or_default()))
}

type Answer = (u16, Option<Value>);

impl State {
    fn answer(&mut self, method: &str, target: &str, body: &Value) -> Answer {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let segments: Vec<String> = path.split('/').filter(|part| !part.is_empty()).skip(1).map(decoded).collect();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        if let Some(refusal) = self.refusal.as_ref().filter(|_| method != "GET")
            && body.to_string().contains(&refusal.with)
        {
            return (refusal.status, Some(json!({ "detail": refusal.detail })));
        }
        match (method, segments.as_slice()) {
            ("GET", ["ServiceProviderConfig"]) => (200, Some(json!({}))),
            ("GET", ["Users"]) => self.list_users(query),
            ("GET", ["Groups"]) => self.list_groups(query),
            ("POST", ["Users"]) => self.create(body),
            ("GET", ["Users", id]) => self.users.get(*id).map_or(missing(), |user| (200, Some(json!(user)))),
            ("PATCH", ["Users", id]) => self.change(id, body),
            ("DELETE", ["Users", id]) => self.users.remove(*id).map_or(missing(), |_| (204, None)),
            ("PATCH", ["Groups", name]) => self.change_members(name, body),
            _ => missing(),
        }
    }

    fn list_users(&self, query: &str) -> Answer {
        let rows: Vec<Value> = match parameter(query, "filter") {
            None => self.users.values().map(|user| json!(user)).collect(),
            Some(filter) => {
                let Some((name, wanted)) = filter.split_once(" eq ") else { return unfit() };
                let Ok(wanted) = serde_json::from_str::<Value>(wanted) else { return unfit() };
                self.users.values().filter(|user| user.get(name) == Some(&wanted)).map(|user| json!(user)).collect()
            }
        };
        page(query, &rows)
    }

    fn list_groups(&self, query: &str) -> Answer {
        if parameter(query, "filter").is_some() {
            return unfit();
        }
        let rows: Vec<Value> = self.groups.iter().map(|(name, members)| group(name, members)).collect();
        page(query, &rows)
    }

    fn create(&mut self, body: &Value) -> Answer {
        let Some(mut user) = body.as_object().cloned() else { return unfit() };
        let name = user.get("userName").and_then(Value::as_str).unwrap_or_default().to_owned();
        *self.creations.entry(name).or_insert(0) += 1;
        self.next_id += 1;
        let id = format!("u{}", self.next_id);
        user.remove("schemas");
        user.insert("id".into(), json!(id));
        self.users.insert(id, user.clone());
        (201, Some(json!(user)))
    }

    fn change(&mut self, id: &str, body: &Value) -> Answer {
        let Some(user) = self.users.get_mut(id) else { return missing() };
        for operation in body["Operations"].as_array().into_iter().flatten() {
            let Some(path) = operation["path"].as_str() else { return unfit() };
            if operation["op"] == "remove" {
                user.remove(path);
            } else {
                user.insert(path.to_owned(), operation["value"].clone());
            }
        }
        (200, Some(json!(user)))
    }

    fn change_members(&mut self, name: &str, body: &Value) -> Answer {
        self.member_changes += 1;
        let Some(members) = self.groups.get_mut(name) else { return missing() };
        for operation in body["Operations"].as_array().into_iter().flatten() {
            let added = operation["value"].as_array().into_iter().flatten().filter_map(|entry| entry["value"].as_str());
            members.extend(added.map(str::to_owned));
            if operation["op"] == "remove" {
                let path = operation["path"].as_str().unwrap_or_default();
                let id = path.split('"').nth(1).unwrap_or_default();
                members.remove(id);
            }
        }
        (200, Some(group(name, members)))
    }
}

fn group(name: &str, members: &BTreeSet<String>) -> Value {
    let members: Vec<Value> = members.iter().map(|id| json!({ "value": id })).collect();
    json!({ "id": name, "displayName": name, "members": members })
}

fn page(query: &str, rows: &[Value]) -> Answer {
    let number = |name| parameter(query, name).and_then(|text| text.parse::<usize>().ok());
    let start = number("startIndex").unwrap_or(1).max(1);
    let given: Vec<&Value> = rows.iter().skip(start - 1).take(number("count").unwrap_or(100)).collect();
    (200, Some(json!({ "totalResults": rows.len(), "startIndex": start, "Resources": given })))
}

fn parameter(query: &str, name: &str) -> Option<String> {
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, text)| decoded(text))
}

fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut position = 0;
    while position < bytes.len() {
        let code = (bytes[position] == b'%').then(|| text.get(position + 1..position + 3)).flatten();
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) => {
                plain.push(byte);
                position += 3;
            }
            None => {
                plain.push(bytes[position]);
                position += 1;
            }
        }
    }
    String::from_utf8_lossy(&plain).into_owned()
}

fn missing() -> Answer {
    (404, Some(json!({ "detail": "there is no such resource" })))
}

fn unfit() -> Answer {
    (400, Some(json!({ "detail": "this is not understood" })))
}
