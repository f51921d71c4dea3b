//! A network that can fail: between a client and its server, at a test's word.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio::sync::{oneshot, watch};
use tokio::time::sleep;

/// How the proxy treats connections.
#[derive(Clone, Copy, Default)]
struct Rules {
    refuse: bool,
    delay: Duration,
    /// How long each piece is held back.
    lag: Duration,
    /// Counts the cuts. Whoever sees it change closes.
    cuts: u64,
}

/// Passes the connections of a random port of loopback on to one address, until told otherwise. It runs on a thread of
/// its own, and is gone, with all of its connections, when this is dropped.
///
/// A suspended Neon database that wakes up looks so: `cut()`, then `delay(…)` for the first connections.
pub struct Proxy {
    port: u16,
    rules: watch::Sender<Rules>,
}

impl Proxy {
    /// To `127.0.0.1:5432`, for instance. It need not be up yet.
    pub async fn start(target: impl Into<String>) -> Result<Self> {
        let target: Arc<str> = target.into().into();
        let (rules, seen) = watch::channel(Rules::default());
        let (send, receive) = oneshot::channel();
        std::thread::Builder::new()
            .name("proxy".into())
            .spawn(move || {
                let Ok(runtime) = Builder::new_current_thread().enable_all().build() else {
                    return;
                };
                runtime.block_on(async {
                    let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await else {
                        return;
                    };
                    let _ = send.send(listener.local_addr().map(|address| address.port()));
                    serve(listener, target, seen).await;
                });
                // Dropping the runtime closes what is still open.
            })?;
        let port = receive.await.context("the proxy found no port")??;
        Ok(Self { port, rules })
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// The same URL through the proxy: host and port are replaced.
    pub fn url(&self, url: &str) -> String {
        let start = url.find("://").map_or(0, |at| at + 3);
        let end = url[start..]
            .find(['/', '?'])
            .map_or(url.len(), |at| start + at);
        let user = url[start..end]
            .rfind('@')
            .map_or(start, |at| start + at + 1);
        format!("{}127.0.0.1:{}{}", &url[..user], self.port, &url[end..])
    }

    /// Closes every connection at once, in both directions.
    pub fn cut(&self) {
        self.rules.send_modify(|rules| rules.cuts += 1);
    }

    /// New connections are accepted and closed at once, without a byte, as a dead server's load balancer does it. Open
    /// ones stay.
    pub fn refuse(&self, refuse: bool) {
        self.rules.send_modify(|rules| rules.refuse = refuse);
    }

    /// A new connection is open at once and gets through after so long. Zero lets through again, also those that wait.
    pub fn delay(&self, delay: Duration) {
        self.rules.send_modify(|rules| rules.delay = delay);
    }

    /// Whatever passes, in both directions, comes so much later.
    pub fn lag(&self, lag: Duration) {
        self.rules.send_modify(|rules| rules.lag = lag);
    }
}

async fn serve(listener: TcpListener, target: Arc<str>, mut rules: watch::Receiver<Rules>) {
    loop {
        tokio::select! {
            changed = rules.changed() => {
                // The proxy was dropped.
                if changed.is_err() {
                    return;
                }
            }
            accepted = listener.accept() => match accepted {
                Ok((client, _)) if !rules.borrow().refuse => {
                    tokio::spawn(pass(client, target.clone(), rules.clone()));
                }
                Ok(_) => {}
                // Out of file descriptors: no use in trying at full speed.
                Err(_) => sleep(Duration::from_millis(50)).await,
            },
        }
    }
}

async fn pass(client: TcpStream, target: Arc<str>, mut rules: watch::Receiver<Rules>) {
    let cuts = rules.borrow().cuts;
    let mut cut = rules.clone();
    tokio::select! {
        _ = cut.wait_for(|rules| rules.cuts != cuts) => {}
        _ = relay(client, &target, &mut rules) => {}
    }
}

async fn relay(
    mut client: TcpStream,
    target: &str,
    rules: &mut watch::Receiver<Rules>,
) -> Result<()> {
    let delay = rules.borrow().delay;
    tokio::select! {
        () = sleep(delay) => {}
        _ = rules.wait_for(|rules| rules.delay.is_zero()) => {}
    }
    let mut server = TcpStream::connect(target).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let ((from_client, to_client), (from_server, to_server)) = (client.split(), server.split());
    let there = copy(from_client, to_server, rules);
    tokio::try_join!(there, copy(from_server, to_client, rules))?;
    Ok(())
}

async fn copy(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    rules: &watch::Receiver<Rules>,
) -> std::io::Result<()> {
    let mut piece = vec![0; 16 * 1024];
    loop {
        let length = from.read(&mut piece).await?;
        if length == 0 {
            return to.shutdown().await;
        }
        let lag = rules.borrow().lag;
        sleep(lag).await;
        to.write_all(&piece[..length]).await?;
    }
}
