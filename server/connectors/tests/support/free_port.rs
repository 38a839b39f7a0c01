//! A port nobody listens on, for servers that cannot choose one themselves.

use std::net::TcpListener;

/// The port was free a moment ago; where somebody is quicker, the server says so and the test starts it again.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).expect("a socket").local_addr().expect("an address").port()
}
