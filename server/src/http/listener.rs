//! The socket that requests come in by, which is closed before anything else when the program is to stop.
//!
//! A connection that was just taken, and has said nothing yet, would be cut by the server's own gentle stop as one that is
//! idle. So nothing new is taken first, and the stop follows when whoever is connected has had the time to ask.

use std::io;
use std::net::SocketAddr;

use axum::extract::connect_info::Connected;
use axum::serve::IncomingStream;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Takes connections until it is closed.
pub struct Listener {
    /// None once it is closed.
    open: Option<TcpListener>,
    address: SocketAddr,
    closing: watch::Receiver<bool>,
}

impl Listener {
    /// Over a socket; closed once `closing` says so.
    ///
    /// # Errors
    /// Where the socket does not know its own address.
    pub fn new(socket: TcpListener, closing: watch::Receiver<bool>) -> io::Result<Self> {
        Ok(Self { address: socket.local_addr()?, open: Some(socket), closing })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl axum::serve::Listener for Listener {
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        if let Some(socket) = &mut self.open {
            tokio::select! {
                _ = self.closing.wait_for(|closing| *closing) => {}
                taken = axum::serve::Listener::accept(socket) => return taken,
            }
        }
        self.open = None;
        std::future::pending().await
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}

/// Who is at the other end of a connection: a proxy, where there is one.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

impl Connected<IncomingStream<'_, Listener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Listener>) -> Self {
        Self(*stream.remote_addr())
    }
}
