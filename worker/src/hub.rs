//! The live hub: `GET /live?user=<id>&after=<position>` streams one owner's changes as server-sent events, first from
//! the database, then from the bus, without gap or repetition. Only the `live` function may call it: the path and query
//! are signed with the events secret.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures::{Stream, StreamExt};
use punctual_contract::events::{CloudEvent, TASK_UPDATES};
use punctual_contract::signature;
use serde::Deserialize;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, mpsc};
use tokio_util::sync::CancellationToken;

use crate::bus::{Message, Tail};
use crate::clock::Clock;
use crate::metrics::{Cause, metrics};
use crate::relay::event;
use crate::store::Store;
use crate::wake_ups::WakeUps;

/// Events that wait for one client. A client that is slower is cut, and comes back with its cursor.
const BUFFER: usize = 256;
/// Clients at once; one more gets 503.
const CLIENTS: usize = 10_000;
/// Of one account, so that nobody takes the places of all others.
const CLIENTS_OF_ONE: usize = 100;
/// Rows in one look at the past.
const ROWS: u32 = 200;
const HEARTBEAT: Duration = Duration::from_secs(20);

/// Clones are handles on the same hub.
#[derive(Clone)]
pub struct Hub {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    clock: Clock,
    secret: String,
    clients: Mutex<Clients>,
    stop: CancellationToken,
}

#[derive(Default)]
struct Clients {
    /// By owner, then by a number of its own.
    senders: HashMap<String, HashMap<u64, mpsc::Sender<Message>>>,
    count: usize,
    last: u64,
}

impl Hub {
    pub fn new(store: Store, clock: Clock, secret: String, stop: CancellationToken) -> Self {
        Self {
            inner: Arc::new(Inner {
                store,
                clock,
                secret,
                clients: Mutex::default(),
                stop,
            }),
        }
    }

    /// Serves until stopped; where there is a sidecar, its calls too.
    pub async fn serve(self, listener: TcpListener, wake_ups: Option<WakeUps>) {
        let stop = self.inner.stop.clone();
        let app = Router::new()
            .route("/live", get(live))
            .route("/healthz", get(healthz))
            .with_state(self);
        let app = match wake_ups {
            Some(wake_ups) => app.merge(wake_ups.routes()),
            None => app,
        };
        let served = axum::serve(listener, app)
            .with_graceful_shutdown(async move { stop.cancelled().await })
            .await;
        if let Err(error) = served {
            tracing::error!(%error, "the live hub has ended");
        }
    }

    /// Hands what the bus brings to the owner's clients, until stopped.
    pub async fn feed(self, mut updates: broadcast::Receiver<Tail>) {
        loop {
            let received = tokio::select! {
                () = self.inner.stop.cancelled() => return,
                received = updates.recv() => received,
            };
            match received {
                Ok(Tail::Message(message)) => self.clients().hand_out(message),
                Ok(Tail::Gap) => self.clients().cut_all(),
                Err(RecvError::Lagged(missed)) => {
                    tracing::warn!(
                        missed,
                        "the live hub lagged; its clients resume by their cursors"
                    );
                    self.clients().cut_all();
                }
                Err(RecvError::Closed) => return,
            }
        }
    }

    fn clients(&self) -> MutexGuard<'_, Clients> {
        self.inner
            .clients
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything of `user` after a position, in order, for as long as the client keeps up.
    fn stream(
        &self,
        user: String,
        after: Option<i64>,
    ) -> Option<impl Stream<Item = CloudEventAt> + use<>> {
        // Joined before the past is read: what is published meanwhile waits in the buffer.
        let (client, live) = self.clients().join(&user)?;
        metrics().live_connections.inc();
        let leaving = Leaving {
            hub: self.clone(),
            user: user.clone(),
            client,
        };
        let state = Stage {
            hub: self.clone(),
            user,
            through: after,
            past: true,
            ready: Vec::new(),
            live,
            _leaving: leaving,
        };
        Some(futures::stream::unfold(state, |mut stage| async move {
            let next = stage.next().await?;
            Some((next, stage))
        }))
    }
}

impl Clients {
    fn join(&mut self, user: &str) -> Option<(u64, mpsc::Receiver<Message>)> {
        let of_one = self.senders.get(user).map_or(0, |owned| owned.len());
        if self.count >= CLIENTS || of_one >= CLIENTS_OF_ONE {
            return None;
        }
        let (sender, receiver) = mpsc::channel(BUFFER);
        self.last += 1;
        self.count += 1;
        self.senders
            .entry(user.to_owned())
            .or_default()
            .insert(self.last, sender);
        Some((self.last, receiver))
    }

    fn cut_all(&mut self) {
        self.senders.clear();
        let cut = std::mem::take(&mut self.count);
        count_cut("gap", cut);
    }

    fn leave(&mut self, user: &str, client: u64) {
        if let Some(owned) = self.senders.get_mut(user)
            && owned.remove(&client).is_some()
        {
            self.count -= 1;
            if owned.is_empty() {
                self.senders.remove(user);
            }
        }
    }

    fn hand_out(&mut self, message: Message) {
        let Some(owned) = self.senders.get_mut(&message.key) else {
            return;
        };
        let before = owned.len();
        owned.retain(|_, sender| sender.try_send(message.clone()).is_ok());
        let cut = before - owned.len();
        self.count -= cut;
        count_cut("slow", cut);
        if owned.is_empty() {
            self.senders.remove(&message.key);
        }
    }
}

fn count_cut(cause: &'static str, clients: usize) {
    let counter = &metrics().live_cut;
    counter
        .get_or_create(&Cause { cause })
        .inc_by(clients as u64);
}

/// One event of a stream, with the cursor behind it.
struct CloudEventAt {
    position: i64,
    event: Option<Arc<CloudEvent>>,
}

struct Stage {
    hub: Hub,
    user: String,
    /// Through which position everything was sent or is in `ready`. `None` until a client without a cursor has one.
    through: Option<i64>,
    /// The database may hold more.
    past: bool,
    /// Read and not sent yet, the last one first.
    ready: Vec<CloudEventAt>,
    live: mpsc::Receiver<Message>,
    _leaving: Leaving,
}

impl Stage {
    async fn next(&mut self) -> Option<CloudEventAt> {
        let Some(mut through) = self.through else {
            let position = self.hub.inner.store.last_position().await.ok()?;
            (self.through, self.past) = (Some(position), false);
            return Some(CloudEventAt {
                position,
                event: None,
            });
        };
        while self.ready.is_empty() && self.past {
            let rows = match self
                .hub
                .inner
                .store
                .owners_changes_after(&self.user, through, ROWS)
                .await
            {
                Ok(rows) => rows,
                Err(error) => {
                    tracing::error!(%error, "cannot read what a client missed");
                    return None;
                }
            };
            self.past = rows.len() == ROWS as usize;
            through = rows.last().map_or(through, |row| row.position);
            self.through = Some(through);
            self.ready = rows
                .iter()
                .rev()
                .map(|row| (row.position, event(row)))
                .filter(|(_, (_, topics))| topics.contains(&TASK_UPDATES))
                .map(|(position, (event, _))| CloudEventAt {
                    position,
                    event: Some(Arc::new(event)),
                })
                .collect();
        }
        if let Some(next) = self.ready.pop() {
            return Some(next);
        }
        loop {
            let message = tokio::select! {
                () = self.hub.inner.stop.cancelled() => return None,
                message = self.live.recv() => message?,
            };
            if message.position > through {
                self.through = Some(message.position);
                return Some(CloudEventAt {
                    position: message.position,
                    event: Some(message.event),
                });
            }
        }
    }
}

struct Leaving {
    hub: Hub,
    user: String,
    client: u64,
}

impl Drop for Leaving {
    fn drop(&mut self) {
        metrics().live_connections.dec();
        self.hub.clients().leave(&self.user, self.client);
    }
}

#[derive(Deserialize)]
struct Wanted {
    user: String,
    after: Option<i64>,
}

async fn live(
    State(hub): State<Hub>,
    uri: Uri,
    headers: HeaderMap,
    wanted: Query<Wanted>,
) -> Response {
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let signed = uri.path_and_query().map_or("", |path| path.as_str());
    let verified = signature::verify(
        &hub.inner.secret,
        header(signature::ID),
        header(signature::TIMESTAMP),
        header(signature::SIGNATURE),
        signed.as_bytes(),
        hub.inner.clock.now() / 1_000_000,
    );
    if let Err(refused) = verified {
        return (StatusCode::UNAUTHORIZED, refused.to_string()).into_response();
    }
    let Query(Wanted { user, mut after }) = wanted;
    if let Some(position) = after {
        match hub.inner.store.is_known(position).await {
            // A cursor from before a restore: what it stands for is gone, so the client begins anew.
            Ok(known) => after = after.filter(|_| known),
            Err(error) => {
                tracing::error!(%error, "cannot look up a cursor");
                return StatusCode::SERVICE_UNAVAILABLE.into_response();
            }
        }
    }
    let Some(stream) = hub.stream(user, after) else {
        return (
            StatusCode::SERVICE_UNAVAILABLE,
            "too many clients watch already",
        )
            .into_response();
    };
    let events = stream.map(|CloudEventAt { position, event }| {
        let (kind, data) = match &event {
            Some(event) => (
                event.kind.as_str(),
                serde_json::to_string(&**event).unwrap_or_default(),
            ),
            None => (
                "ready",
                json!({ "position": position.to_string() }).to_string(),
            ),
        };
        Ok::<_, Infallible>(
            Event::default()
                .id(position.to_string())
                .event(kind)
                .data(data),
        )
    });
    Sse::new(events)
        .keep_alive(KeepAlive::new().interval(HEARTBEAT).text(""))
        .into_response()
}

/// 200 while the database answers.
async fn healthz(State(hub): State<Hub>) -> Response {
    match hub.inner.store.last_position().await {
        Ok(_) => "ok\n".into_response(),
        Err(error) => {
            tracing::error!(%error, "the database does not answer");
            (
                StatusCode::SERVICE_UNAVAILABLE,
                "the database does not answer\n",
            )
                .into_response()
        }
    }
}
