//! A proxy between a connector and a real server that misbehaves when told to.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// What happens to a connection's answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing.
    None,
    /// The connection is closed as soon as it is there.
    Refuse,
    /// The request arrives and is carried out; after so many bytes of the answer the connection is closed.
    CloseAfter(usize),
    /// The same, for requests that have this text in them; others pass.
    CloseAfterRequest { with: &'static str },
    /// The request arrives; the answer does not.
    Silence,
    /// These bytes come instead of the answer.
    Rubbish(Vec<u8>),
    /// These bytes come first, and then zeros without end.
    Endless(Vec<u8>),
}

/// A running proxy; dropping it closes everything.
pub(crate) struct FaultProxy {
    pub(crate) port: u16,
    fault: Arc<Mutex<Fault>>,
    _tasks: JoinSet<()>,
}

impl FaultProxy {
    pub(crate) async fn start(target: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a socket");
        let port = listener.local_addr().expect("an address").port();
        let fault = Arc::new(Mutex::new(Fault::None));
        let mut tasks = JoinSet::new();
        let told = Arc::clone(&fault);
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                connections.spawn(serve(client, target, Arc::clone(&told)));
            }
        });
        Self { port, fault, _tasks: tasks }
    }

    /// Holds from the next bytes on.
    pub(crate) fn set(&self, fault: Fault) {
        *self.fault.lock().expect("the fault") = fault;
    }
}

async fn serve(mut client: TcpStream, target: u16, fault: Arc<Mutex<Fault>>) {
    let now = || fault.lock().expect("the fault").clone();
    if now() == Fault::Refuse {
        return;
    }
    let Ok(mut server) = TcpStream::connect(("127.0.0.1", target)).await else { return };
    let mut asked = vec![0; 64 * 1024];
    let mut answered = vec![0; 64 * 1024];
    let mut passed = 0;
    let mut hit = false;
    loop {
        tokio::select! {
            read = client.read(&mut asked) => {
                let Ok(count @ 1..) = read else { return };
                match now() {
                    Fault::Refuse => return,
                    Fault::Rubbish(bytes) => {
                        let _ = client.write_all(&bytes).await;
                        let _ = client.shutdown().await;
                        return;
                    }
                    Fault::Endless(bytes) => {
                        let _ = client.write_all(&bytes).await;
                        let zeros = vec![b'0'; 64 * 1024];
                        while client.write_all(&zeros).await.is_ok() {}
                        return;
                    }
                    Fault::CloseAfterRequest { with } => {
                        hit |= asked[..count].windows(with.len()).any(|window| window == with.as_bytes());
                    }
                    _ => (),
                }
                passed = 0;
                if server.write_all(&asked[..count]).await.is_err() {
                    return;
                }
            }
            read = server.read(&mut answered) => {
                let Ok(count @ 1..) = read else { return };
                match now() {
                    Fault::CloseAfter(limit) => {
                        let rest = limit.saturating_sub(passed).min(count);
                        passed += count;
                        let _ = client.write_all(&answered[..rest]).await;
                        if passed >= limit {
                            let _ = client.shutdown().await;
                            return;
                        }
                    }
                    Fault::CloseAfterRequest { .. } if hit => return,
                    Fault::Silence => {
                        // Longer than any timeout of a test.
                        tokio::time::sleep(Duration::from_secs(600)).await;
                    }
                    _ => if client.write_all(&answered[..count]).await.is_err() {
                        return;
                    },
                }
            }
        }
    }
}
