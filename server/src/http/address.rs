//! From where a request comes. What a proxy says about it is believed only when the operator said that there is one.

use std::net::{IpAddr, Ipv4Addr};

use axum::extract::{ConnectInfo, Request, State};
use axum::http::HeaderMap;
use axum::middleware::Next;
use axum::response::Response;

use super::Site;
use super::listener::Peer;

/// The address of who asks.
#[derive(Clone, Copy, Debug)]
pub struct ClientAddress(pub IpAddr);

/// Layer: puts a [`ClientAddress`] on the request.
pub async fn find(State(site): State<Site>, mut request: Request, next: Next) -> Response {
    let peer = request
        .extensions()
        .get::<ConnectInfo<Peer>>()
        .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |ConnectInfo(Peer(peer))| peer.ip());
    let address = if site.behind_proxy { forwarded(request.headers()).unwrap_or(peer) } else { peer };
    request.extensions_mut().insert(ClientAddress(address.to_canonical()));
    next.run(request).await
}

/// Whether the request was made on this machine and passed no proxy.
pub fn is_local(peer: IpAddr, headers: &HeaderMap) -> bool {
    peer.is_loopback() && !headers.contains_key("x-forwarded-for") && !headers.contains_key("forwarded")
}

/// What the nearest proxy added: the last entry. Earlier ones are whatever the client claimed.
fn forwarded(headers: &HeaderMap) -> Option<IpAddr> {
    headers.get_all("x-forwarded-for").iter().next_back()?.to_str().ok()?.rsplit(',').next()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_nearest_proxys_word_counts() {
        let cases = [("10.0.0.7", Some("10.0.0.7")), ("1.2.3.4, 10.0.0.7", Some("10.0.0.7")), ("x", None), ("", None)];
        for (value, expected) in cases {
            let mut headers = HeaderMap::new();
            headers.insert("x-forwarded-for", value.parse().unwrap());
            assert_eq!(forwarded(&headers), expected.map(|text| text.parse().unwrap()), "{value}");
        }
    }

    #[test]
    fn a_proxied_request_is_not_local() {
        let mut headers = HeaderMap::new();
        assert!(is_local("127.0.0.1".parse().unwrap(), &headers));
        assert!(!is_local("10.0.0.1".parse().unwrap(), &headers));
        headers.insert("x-forwarded-for", "127.0.0.1".parse().unwrap());
        assert!(!is_local("127.0.0.1".parse().unwrap(), &headers));
    }
}
