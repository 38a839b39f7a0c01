//! What every answer carries and every changing request must prove, whatever handler is behind it. Server functions
//! check neither origin nor anything else by themselves, so this stands outside of them.

use axum::extract::{Request, State};
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;

use super::Site;
use super::observe::RequestId;
use super::problem;

/// The policy of pages: scripts only with the nonce of this answer, nothing from elsewhere, no frames.
pub fn page_policy(nonce: &str) -> String {
    format!(
        "default-src 'none'; script-src 'nonce-{nonce}' 'strict-dynamic' 'wasm-unsafe-eval'; style-src 'self'; \
         img-src 'self' data:; font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; \
         frame-ancestors 'none'; manifest-src 'self'"
    )
}

/// The policy of everything else: nothing may be loaded and nothing framed.
const PLAIN_POLICY: &str = "default-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// One year.
const STRICT_TRANSPORT: &str = "max-age=31536000; includeSubDomains";

const ALWAYS: [(HeaderName, &str); 5] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    // Not `no-referrer`: a form that was posted without scripts is answered with a redirection to its page.
    (header::REFERRER_POLICY, "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (
        HeaderName::from_static("permissions-policy"),
        "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), magnetometer=(), microphone=(), \
         payment=(), publickey-credentials-get=(), usb=()",
    ),
];

/// Adds the headers that every answer carries. A handler's own policy and caching stay.
pub async fn headers(State(site): State<Site>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let too_large = response.status() == StatusCode::PAYLOAD_TOO_LARGE;
    let headers = response.headers_mut();
    for (name, value) in ALWAYS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if !headers.contains_key(header::CONTENT_SECURITY_POLICY) {
        headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(PLAIN_POLICY));
    }
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if too_large {
        // The rest of what was sent is not read, so the connection cannot serve another request. Whoever is not told so
        // sends the next one into a connection that is about to go.
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    if site.https {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(STRICT_TRANSPORT));
        secure_cookies(headers);
    }
    response
}

/// Whoever sets a cookie need not know whether the site is reached by HTTPS.
fn secure_cookies(headers: &mut HeaderMap) {
    let is_secure = |cookie: &HeaderValue| cookie.to_str().is_ok_and(|cookie| cookie.contains("; Secure"));
    let cookies: Vec<HeaderValue> = headers.get_all(header::SET_COOKIE).iter().cloned().collect();
    headers.remove(header::SET_COOKIE);
    for cookie in cookies {
        let secure = HeaderValue::from_bytes(&[cookie.as_bytes(), b"; Secure"].concat());
        headers.append(header::SET_COOKIE, if is_secure(&cookie) { cookie } else { secure.unwrap_or(cookie) });
    }
}

/// Refuses changing requests that carry a cookie and say nothing about where they come from: a browser always says
/// it, and the check of origins lets silence pass for the sake of programs, which have no cookie.
pub async fn refuse_silent_cookies(request: Request, next: Next) -> Response {
    if is_silent_with_cookie(request.method(), request.headers()) {
        return cross_site(&request.extensions().get::<RequestId>().cloned().unwrap_or_default());
    }
    next.run(request).await
}

fn is_silent_with_cookie(method: &Method, headers: &HeaderMap) -> bool {
    let says = |name: HeaderName| headers.get(name).is_some_and(|value| !value.is_empty());
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
        && headers.contains_key(header::COOKIE)
        && !says(HeaderName::from_static("sec-fetch-site"))
        && !says(header::ORIGIN)
}

/// The answer to a request from another site.
pub fn cross_site(request: &RequestId) -> Response {
    problem::page(
        StatusCode::FORBIDDEN,
        "This request came from another site, so nothing was changed.",
        "Open Quartermaster in a tab of its own and do it there. Behind a proxy, let it pass Host and Origin unchanged.",
        request,
    )
}

/// Whether a GET that streams or downloads was made by a page of ours, or by a person typing its address.
pub fn is_own_page(headers: &HeaderMap) -> bool {
    headers.get("sec-fetch-site").is_none_or(|site| site == "same-origin" || site == "none")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_with_a_cookie_is_refused_and_nothing_else() {
        type Case = (Method, &'static [(&'static str, &'static str)], bool);
        let cases: [Case; 8] = [
            (Method::POST, &[("cookie", "sid=1")], true),
            (Method::DELETE, &[("cookie", "sid=1")], true),
            (Method::POST, &[("cookie", "sid=1"), ("origin", "")], true),
            (Method::POST, &[("cookie", "sid=1"), ("origin", "http://here")], false),
            (Method::POST, &[("cookie", "sid=1"), ("sec-fetch-site", "same-origin")], false),
            (Method::POST, &[], false),
            (Method::GET, &[("cookie", "sid=1")], false),
            (Method::HEAD, &[("cookie", "sid=1")], false),
        ];
        for (method, pairs, refused) in cases {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.insert(*name, HeaderValue::from_static(value));
            }
            assert_eq!(is_silent_with_cookie(&method, &headers), refused, "{method} {pairs:?}");
        }
    }

    #[test]
    fn every_cookie_is_secure_once() {
        let mut headers = HeaderMap::new();
        for cookie in ["flash=d; Path=/", "__Host-sid=1; Path=/; Secure; HttpOnly"] {
            headers.append(header::SET_COOKIE, HeaderValue::from_static(cookie));
        }
        secure_cookies(&mut headers);
        let cookies: Vec<&str> =
            headers.get_all(header::SET_COOKIE).iter().map(|cookie| cookie.to_str().unwrap()).collect();
        assert_eq!(cookies, ["flash=d; Path=/; Secure", "__Host-sid=1; Path=/; Secure; HttpOnly"]);
    }

    #[test]
    fn the_policy_of_pages_allows_no_inline_script_without_its_nonce() {
        let policy = page_policy("abc");
        assert!(policy.contains("script-src 'nonce-abc'"));
        assert!(!policy.contains("unsafe-inline") && !policy.contains("'unsafe-eval'"));
    }
}
