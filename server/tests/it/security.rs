//! What `docs/SECURITY.md` promises, tried on the real program.

use std::collections::BTreeSet;

use reqwest::Response;
use reqwest::header::{self, HeaderMap};

use super::http::{ADMINISTRATOR, EMPLOYEE, PASSWORD, Server, expect_success, session_cookie};

/// A server function that nobody gave a permission, as a forgetful developer would write it.
#[leptos::server(endpoint = "forgotten", prefix = "/api/pages")]
async fn forgotten() -> Result<(), leptos::prelude::ServerFnError> {
    Ok(())
}

#[test]
fn a_server_function_without_a_permission_keeps_the_program_from_starting() {
    let paths: Vec<&str> = leptos::server_fn::axum::server_fn_paths().map(|(path, _)| path).collect();
    assert!(paths.contains(&"/api/pages/forgotten"), "{paths:?}");
    let refused = server::http::permissions::check(paths).unwrap_err();
    assert_eq!(refused.missing, ["/api/pages/forgotten"]);
}

#[test]
fn whatever_changes_something_is_a_post() {
    for (path, method) in leptos::server_fn::axum::server_fn_paths() {
        assert_eq!(method.as_str(), "POST", "{path}");
    }
}

fn pages() -> Vec<String> {
    let pages = app::permissions::PERMISSIONS.iter().map(|(path, _)| *path).filter(|path| !path.starts_with("/api/"));
    pages.map(|path| path.replace("{id}", "1").replace("{name}", "x")).collect()
}

fn functions() -> Vec<&'static str> {
    app::permissions::PERMISSIONS.iter().map(|(path, _)| *path).filter(|path| path.starts_with("/api/")).collect()
}

#[tokio::test]
async fn every_answer_carries_the_security_headers() {
    let server = Server::start();
    let cookie = server.sign_in(ADMINISTRATOR).await;
    let mut answers: Vec<(String, Response)> = Vec::new();
    let others = [
        "/no-such-page",
        "/pkg/no-such.js",
        "/livez",
        "/readyz",
        "/metrics",
        "/events/runs/1",
        "/favicon.svg",
        "/events/runs/x",
    ];
    for path in pages().into_iter().chain(others.map(str::to_owned)) {
        answers.push((format!("{path} anonymous"), server.get(&path, &[]).await));
        answers.push((format!("{path} signed in"), server.get(&path, &[("cookie", &cookie)]).await));
    }
    for path in functions().into_iter().chain(["/login", "/logout", "/api/pages/none", "/"]) {
        answers.push((format!("POST {path}"), server.post(path, &[], &[]).await));
        answers.push((
            format!("POST {path} from elsewhere"),
            server.post(path, &[("sec-fetch-site", "cross-site")], &[]).await,
        ));
    }
    for (what, answer) in answers {
        let headers = answer.headers();
        let is = |name: &str, value: &str| {
            assert_eq!(headers.get(name).map(|v| v.to_str().unwrap()), Some(value), "{what}: {name}")
        };
        is("x-content-type-options", "nosniff");
        is("referrer-policy", "same-origin");
        is("cross-origin-opener-policy", "same-origin");
        is("cross-origin-resource-policy", "same-origin");
        assert!(headers.contains_key("permissions-policy"), "{what}");
        assert!(headers.contains_key("x-request-id"), "{what}");
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(
            policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
            "{what}: {policy}"
        );
        assert!(!policy.contains("unsafe-inline") && !policy.contains("'unsafe-eval'"), "{what}: {policy}");
        assert!(headers.contains_key(header::CACHE_CONTROL), "{what}");
        assert!(!headers.contains_key(header::STRICT_TRANSPORT_SECURITY), "{what}: this is plain HTTP");
        assert!(!headers.contains_key(header::SERVER), "{what}");
        assert!(answer.status().as_u16() < 500, "{what}: {}", answer.status());
    }
}

#[tokio::test]
async fn pages_run_only_scripts_with_their_own_nonce() {
    let server = Server::start();
    let cookie = server.sign_in(ADMINISTRATOR).await;
    let mut nonces = BTreeSet::new();
    let pages: Vec<String> = pages().into_iter().chain(["/no-such-page".to_owned()]).collect();
    for path in &pages {
        let answer = server.get(path, &[("cookie", &cookie)]).await;
        assert_eq!(answer.headers()[header::CACHE_CONTROL], "no-store", "{path}");
        let policy = answer.headers()["content-security-policy"].to_str().unwrap().to_owned();
        let (_, after) = policy.split_once("'nonce-").expect("a nonce");
        let nonce = after.split('\'').next().unwrap().to_owned();
        let body = answer.text().await.unwrap();
        for tag in body.split("<script").skip(1).map(|after| after.split('>').next().unwrap()) {
            assert!(tag.contains(&format!("nonce=\"{nonce}\"")), "{path}: <script{tag}>");
        }
        let lower = body.to_lowercase();
        for inline in [" onclick=", " onload=", " onerror=", " style=\"", "<style", "javascript:"] {
            assert!(!lower.contains(inline), "{path} has {inline}");
        }
        assert!(nonces.insert(nonce), "a nonce was used twice");
    }
    assert_eq!(nonces.len(), pages.len());
}

#[tokio::test]
async fn changing_requests_from_elsewhere_are_refused() {
    let server = Server::start();
    let cookie = server.sign_in(ADMINISTRATOR).await;
    let own = server.base.clone();
    let paths: Vec<&str> = functions().into_iter().chain(["/login", "/logout", "/preferences/theme"]).collect();
    /// Headers, whether a cookie is sent, whether the request is refused.
    type Case<'a> = (&'a [(&'a str, &'a str)], bool, bool);
    let cases: &[Case<'_>] = &[
        (&[("sec-fetch-site", "cross-site")], true, true),
        (&[("sec-fetch-site", "same-site")], true, true),
        (&[("sec-fetch-site", "cross-site")], false, true),
        (&[("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")], true, true),
        (&[("sec-fetch-site", "cross-site"), ("origin", &own)], true, true),
        (&[("origin", "https://evil.example")], true, true),
        (&[("origin", "https://evil.example")], false, true),
        (&[("origin", "null")], true, true),
        (&[("origin", "http://127.0.0.1:1")], true, true),
        (&[("origin", "http://sub.127.0.0.1")], true, true),
        (&[], true, true),
        (&[("origin", "")], true, true),
        (&[], false, false),
        (&[("sec-fetch-site", "same-origin")], false, false),
        (&[("sec-fetch-site", "none")], false, false),
        (&[("origin", &own)], false, false),
    ];
    for path in &paths {
        for (headers, with_cookie, refused) in cases {
            let mut request = server.client.post(server.url(path)).form(&[("x", "1")]);
            for (name, value) in *headers {
                request = request.header(*name, *value);
            }
            if *with_cookie {
                request = request.header(header::COOKIE, &cookie);
            }
            let answer = request.send().await.unwrap();
            let (status, body) = (answer.status(), answer.text().await.unwrap());
            let was_refused = status == 403 && body.contains("came from another site");
            assert_eq!(was_refused, *refused, "{path} {headers:?} cookie {with_cookie}: {status} {body}");
        }
    }
    // After all that the session is as it was: nothing was signed out.
    assert_eq!(server.get("/", &[("cookie", &cookie)]).await.status(), 200);
    // A stream may only be read by a page of ours.
    let elsewhere = [("cookie", cookie.as_str()), ("sec-fetch-site", "cross-site")];
    assert_eq!(server.get("/events/runs/1", &elsewhere).await.status(), 403);
}

#[tokio::test]
async fn a_session_cannot_be_prepared_kept_or_stolen_from_the_database() {
    let server = Server::start();
    // Prepared: an id that somebody planted before is worth nothing after signing in.
    let planted = "sid=AAAAAAAAAAAAAAAAAAAAAA";
    let answer =
        server.post("/login", &[("cookie", planted)], &[("login", ADMINISTRATOR), ("password", PASSWORD)]).await;
    let first = session_cookie(answer.headers()).unwrap();
    assert_ne!(first, planted);
    assert_eq!(server.get("/", &[("cookie", planted)]).await.status(), 303);
    assert_eq!(server.get("/", &[("cookie", &first)]).await.status(), 200);
    // Signing in once more gives another id, and the first one ends.
    let again = server.post("/login", &[("cookie", &first)], &[("login", ADMINISTRATOR), ("password", PASSWORD)]).await;
    let second = session_cookie(again.headers()).unwrap();
    assert_ne!(first, second);
    assert_eq!(server.get("/", &[("cookie", &first)]).await.status(), 303);
    // Stolen: neither the id nor its cookie form is anywhere in what the server writes.
    let id = second.trim_start_matches("sid=").as_bytes();
    for (path, bytes) in server.written() {
        assert!(!bytes.windows(id.len()).any(|window| window == id), "{} holds the id of a session", path.display());
    }
    // Kept: after signing out the cookie is worth nothing, though the browser may still have it.
    let out = server.post("/logout", &[("cookie", &second)], &[]).await;
    assert_eq!(out.headers()[header::LOCATION], "/login");
    assert_eq!(server.get("/", &[("cookie", &second)]).await.status(), 303);
}

#[tokio::test]
async fn cookies_have_their_flags() {
    let flags = |headers: &HeaderMap, name: &str| {
        let mut cookies = headers.get_all(header::SET_COOKIE).iter().map(|cookie| cookie.to_str().unwrap().to_owned());
        let cookie = cookies.rfind(|cookie| cookie.starts_with(name)).unwrap_or_default();
        cookie.split(';').skip(1).map(|part| part.trim().to_owned()).collect::<BTreeSet<_>>()
    };
    let has = |flags: &BTreeSet<String>, wanted: &[&str]| wanted.iter().all(|flag| flags.contains(*flag));
    let form = [("login", ADMINISTRATOR), ("password", PASSWORD)];

    let plain = Server::start();
    let answer = plain.post("/login", &[], &form).await;
    let found = flags(answer.headers(), "sid=");
    assert!(has(&found, &["HttpOnly", "SameSite=Lax", "Path=/"]) && !found.contains("Secure"), "{found:?}");

    let secure = Server::start_with(&["--public-url", "https://quartermaster.example.org"]);
    let answer = secure.post("/login", &[], &form).await;
    let found = flags(answer.headers(), "__Host-sid=");
    assert!(has(&found, &["HttpOnly", "SameSite=Lax", "Path=/", "Secure"]), "{found:?}");
    assert!(answer.headers()[header::STRICT_TRANSPORT_SECURITY].to_str().unwrap().starts_with("max-age=31536000"));
    let cookie = session_cookie(answer.headers()).unwrap();
    let out = secure.post("/logout", &[("cookie", &cookie)], &[]).await;
    // A browser takes `__Host-` cookies, removals included, only with all of these.
    let refused = secure.post("/login", &[], &[("login", ADMINISTRATOR), ("password", "wrong")]).await;
    for (answer, name) in
        [(&refused, "flash="), (&secure.post("/preferences/theme", &[], &[("theme", "dark")]).await, "theme=")]
    {
        assert!(flags(answer.headers(), name).contains("Secure"), "{name} {:?}", answer.headers());
    }
    // A new token goes to the page of agents and to no other.
    let folder = tempfile::tempdir().unwrap();
    let small = include_str!("../data/small/organisation.toml");
    let text = format!("{small}\n[agents.clinic]\ndisplay_name = \"Clinic\"\n");
    std::fs::write(folder.path().join("all.toml"), text).unwrap();
    expect_success(&secure.command(&["config", "apply", folder.path().to_str().unwrap()], ""));
    let signed_in = secure.post("/login", &[], &form).await;
    let session = session_cookie(signed_in.headers()).unwrap();
    let made = secure.post("/api/pages/agents/token", &[("cookie", &session)], &[("agent", "clinic")]).await;
    let found = flags(made.headers(), "flash-of-page=");
    assert!(has(&found, &["HttpOnly", "SameSite=Strict", "Path=/agents", "Secure"]), "{:?}", made.headers());
    let mut kept = made.headers().get_all(header::SET_COOKIE).iter().map(|cookie| cookie.to_str().unwrap());
    let kept = kept.find(|cookie| cookie.starts_with("flash-of-page=")).and_then(|cookie| cookie.split(';').next());
    let shown = secure.get("/agents", &[("cookie", &format!("{session}; {}", kept.unwrap()))]).await;
    let removed = flags(shown.headers(), "flash-of-page=");
    assert!(has(&removed, &["Path=/agents", "Max-Age=0"]), "{:?}", shown.headers());
    assert!(shown.text().await.unwrap().contains("qma_"));
    let mut cookies = out.headers().get_all(header::SET_COOKIE).iter().map(|cookie| cookie.to_str().unwrap());
    assert!(cookies.any(|cookie| cookie.starts_with("__Host-sid=; Path=/;") && cookie.contains("Max-Age=0; Secure")));
}

#[tokio::test]
async fn without_signing_in_there_is_nothing_to_see_or_do() {
    let server = Server::start();
    for path in
        pages().into_iter().filter(|path| path != "/login").chain(["/no-such-page".into(), "/events/runs/1".into()])
    {
        for cookie in ["", "sid=x", "sid=AAAAAAAAAAAAAAAAAAAAAA"] {
            let answer = server.get(&path, &[("cookie", cookie)]).await;
            assert_eq!(answer.status(), 303, "{path}");
            let location = answer.headers()[header::LOCATION].to_str().unwrap();
            assert!(location.starts_with("/login"), "{path} → {location}");
        }
    }
    for path in functions() {
        let script = server.post(path, &[("accept", "application/json")], &[]).await;
        assert_eq!(script.status(), 401, "{path}");
        let form = server.post(path, &[("accept", "text/html"), ("referer", &server.url("/orders/7"))], &[]).await;
        assert_eq!(form.status(), 303, "{path}");
        assert_eq!(form.headers()[header::LOCATION], "/login?return_to=%2Forders%2F7", "{path}");
    }
}

#[tokio::test]
async fn what_was_filled_in_outlives_the_session() {
    let server = Server::start();
    let headers = [("accept", "text/html"), ("referer", &*server.url("/views"))];
    let filled = [("page", "/orders"), ("name", "Née <b>\"1\"</b> & more"), ("query", "state=errored")];
    let answer = server.post("/api/pages/views/save", &headers, &filled).await;
    assert_eq!(answer.status(), 401);
    let page = answer.text().await.unwrap();
    assert!(page.contains("was not sent") && page.contains(r#"name="return_to" value="/views""#), "{page}");
    let hidden = |page: &str, name: &str| {
        let (_, rest) = page.split_once(&format!("name=\"{name}\" value=\"")).unwrap();
        let value = rest.split('"').next().unwrap();
        value.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    };
    let (action, body) = (hidden(&page, "held_action"), hidden(&page, "held_body"));
    let sign_in = |password: &'static str| {
        let form = [
            ("login", ADMINISTRATOR),
            ("password", password),
            ("return_to", "/views"),
            ("held_action", &*action),
            ("held_body", &*body),
        ];
        let form: Vec<(String, String)> = form.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let server = &server;
        async move {
            let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            server.post("/login", &[("accept", "text/html")], &form).await
        }
    };
    // A mistyped password loses nothing either.
    let wrong = sign_in("wrong").await;
    assert_eq!(wrong.status(), 401);
    let page = wrong.text().await.unwrap();
    assert!(page.contains("is not right"), "{page}");
    assert_eq!((hidden(&page, "held_action"), hidden(&page, "held_body")), (action.clone(), body.clone()));
    let right = sign_in(PASSWORD).await;
    assert_eq!(right.status(), 200);
    assert!(right.headers().contains_key(header::SET_COOKIE), "who has signed in has a session");
    let page = right.text().await.unwrap();
    assert!(page.contains("Send it now") && page.contains(&format!("action=\"{action}\"")), "{page}");
    for (name, value) in filled {
        assert_eq!(hidden(&page, name), value);
    }
    assert!(!page.contains("<b>"), "{page}");
    // What is no form of a page is not carried on.
    for action in ["https://evil.example/api/pages/", "/logout", "//evil.example"] {
        let form = [("login", ADMINISTRATOR), ("password", PASSWORD), ("held_action", action), ("held_body", "a=b")];
        let answer = server.post("/login", &[], &form).await;
        assert_eq!((answer.status().as_u16(), answer.headers()[header::LOCATION].to_str().unwrap()), (303, "/"));
    }
}

#[tokio::test]
async fn a_profile_opens_its_own_pages_and_functions_only() {
    let server = Server::start();
    let cookie = server.sign_in(EMPLOYEE).await;
    // Whoever is asked about a work item sees that one; this person is asked about none.
    // Whoever owns a risk sees its violations; this person owns none.
    const ONLY_WHO_IS_CONCERNED: [&str; 3] = ["/work-items/{id}", "/violations", "/violations/{id}"];
    for (path, needs) in app::permissions::PERMISSIONS {
        let is_open = matches!(*needs, "public" | "signed in") && !ONLY_WHO_IS_CONCERNED.contains(path);
        let open = is_open || needs.starts_with("/Home");
        let address = path.replace("{id}", "1").replace("{name}", "x");
        if path.starts_with("/api/") {
            let answer = server.post(&address, &[("cookie", &cookie), ("accept", "application/json")], &[]).await;
            assert_eq!(answer.status() == 403, !open, "{path}: {}", answer.status());
        } else {
            let answer = server.get(&address, &[("cookie", &cookie)]).await;
            assert_eq!(answer.status() == 403, !open, "{path}: {}", answer.status());
        }
    }
    assert_eq!(server.get("/events/runs/1", &[("cookie", &cookie)]).await.status(), 403);
}

#[tokio::test]
async fn signing_in_leads_to_own_pages_only() {
    let server = Server::start();
    let others = [
        "//evil.example",
        "/\\evil.example",
        "https://evil.example",
        "javascript:alert(1)",
        "/\t/evil.example",
        "\\\\evil",
        "http:evil.example",
        "///evil.example",
        "/login",
        "/logout",
        "",
    ];
    let own = ["/orders/7", "/identities?text=a%20b", "/"];
    for (target, expected) in others.map(|target| (target, "/")).into_iter().chain(own.map(|target| (target, target))) {
        let form = [("login", ADMINISTRATOR), ("password", PASSWORD), ("return_to", target)];
        let answer = server.post("/login", &[], &form).await;
        assert_eq!(answer.headers()[header::LOCATION], expected, "{target:?}");
        // The sign-in page itself must not carry it on either.
        let query = target.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
        let page = server.get(&format!("/login?return_to={query}"), &[]).await.text().await.unwrap();
        assert!(!page.contains("evil"), "{target:?}");
    }
}

#[tokio::test]
async fn wrong_logins_get_one_answer_and_then_have_to_wait() {
    let server = Server::start();
    let attempt = async |login: &str, password: &str| {
        let answer = server.post("/login", &[], &[("login", login), ("password", password)]).await;
        let cookies: Vec<String> = answer
            .headers()
            .get_all(header::SET_COOKIE)
            .iter()
            .map(|cookie| cookie.to_str().unwrap().to_owned())
            .collect();
        (answer.status(), answer.headers().get(header::LOCATION).cloned(), cookies, answer.text().await.unwrap())
    };
    let wrong = attempt(ADMINISTRATOR, "not the password at all").await;
    assert_eq!(wrong.0, 303);
    assert!(wrong.2.iter().all(|cookie| !cookie.starts_with("sid=")), "{wrong:?}");
    for login in ["nobody", "", "admin'--", "ADMIN", &"x".repeat(500)] {
        assert_eq!(attempt(login, "not the password at all").await, wrong, "{login:?}");
    }
    assert_eq!(attempt(ADMINISTRATOR, "").await, wrong);
    assert_eq!(attempt(ADMINISTRATOR, &"x".repeat(5000)).await, wrong);
    let mut last = wrong.clone();
    for _ in 0..10 {
        last = attempt(EMPLOYEE, "not the password at all").await;
    }
    assert_ne!(last, wrong, "after ten failures there is still no wait");
    // Even the right password waits then, or waiting would mean nothing.
    assert!(attempt(EMPLOYEE, PASSWORD).await.2.iter().all(|cookie| !cookie.starts_with("sid=")));
    // Others are not kept out.
    server.sign_in(ADMINISTRATOR).await;
}

#[tokio::test]
async fn odd_requests_get_plain_answers() {
    let server = Server::start();
    let cookie = server.sign_in(ADMINISTRATOR).await;
    let signed_in = ("cookie", cookie.as_str());
    let unknown = server.post("/api/pages/none", &[signed_in], &[]).await;
    assert_eq!(unknown.status(), 404);
    let text = unknown.text().await.unwrap();
    assert!(!text.contains("server function") && text.len() < 100, "{text}");
    let large = "x".repeat(2 * 1024 * 1024);
    let refused = server.post("/login", &[], &[("login", &large), ("password", "x")]).await;
    assert_eq!(refused.status(), 413);
    assert_eq!(refused.headers()[header::CONNECTION], "close", "nobody sends another request after what was not read");
    for path in functions() {
        let garbage = server
            .client
            .post(server.url(path))
            .header("sec-fetch-site", "same-origin")
            .header(header::COOKIE, &cookie)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body("%ff=%00&&&=")
            .send()
            .await
            .unwrap();
        let text = garbage.text().await.unwrap();
        assert!(!text.contains("panicked") && !text.contains(".rs:"), "{path}: {text}");
    }
    for path in
        ["/identities/%00", "/orders/-1", "/orders/99999999999999999999", "/applications/..%2f..", "/events/runs/x"]
    {
        let answer = server.get(path, &[signed_in]).await;
        assert!(answer.status().is_client_error(), "{path}: {}", answer.status());
    }
}

#[tokio::test]
async fn secrets_are_in_no_page_log_file_or_answer() {
    let server = Server::start();
    const SECRET: &str = "canary-secret-of-a-connection";
    expect_success(&server.command(&["config", "secret", "canary"], SECRET));
    let cookie = server.sign_in(ADMINISTRATOR).await;
    server.post("/login", &[], &[("login", "canary-login"), ("password", "canary-password-mistyped")]).await;
    server.get("/identities?text=canary-search", &[("cookie", &cookie)]).await;
    let mut seen: Vec<(String, Vec<u8>)> = Vec::new();
    for path in pages() {
        let body = server.get(&path, &[("cookie", &cookie)]).await.bytes().await.unwrap().to_vec();
        seen.push((path, body));
    }
    for arguments in [&["config", "secrets"][..], &["-o", "json", "config", "secrets"], &["doctor"], &["user", "list"]]
    {
        let output = server.command(arguments, "");
        seen.push((format!("{arguments:?}"), [output.stdout, output.stderr].concat()));
    }
    seen.extend(server.written().into_iter().map(|(path, bytes)| (path.display().to_string(), bytes)));
    let holds = |bytes: &[u8], text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    for (what, bytes) in &seen {
        for canary in [SECRET, PASSWORD, "canary-password-mistyped"] {
            assert!(!holds(bytes, canary), "{what} holds {canary}");
        }
    }
    let log = &seen.iter().find(|(what, _)| what.ends_with("/log")).unwrap().1;
    assert!(holds(log, "/identities"), "the log has the path");
    assert!(!holds(log, "canary-search"), "the log has the query");
}
