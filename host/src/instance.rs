//! One instance of a component: its state, its limits, its lifetime.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Sleep, timeout};
use wasmtime::component::{GuestTaskId, ResourceTable};
use wasmtime::{Store, StoreContextMut, StoreLimits, StoreLimitsBuilder, UpdateDeadline};
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::handler::{
    HandlerState, Instance, Proxy, ShouldAccept, WorkerExpiration, WorkerState, WorkerStatus,
};
use wasmtime_wasi_http::p3::bindings::ServicePre;
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::allowed_hosts::AllowedHosts;
use crate::guest::{Databases, Pools, Stores};
use crate::outbound::{Network, Outbound};
use crate::output::Output;
use crate::{Limits, WallClock};

/// How long after a request's time is over its instance is stopped from outside. Until then the request
/// can be given up alone; a guest that computes all the time never gets to that.
const GRACE: Duration = Duration::from_secs(1);

/// What a component may use.
pub(crate) struct Grants {
    pub databases: Databases,
    pub postgres: Arc<Pools>,
    pub stores: Stores,
    pub variables: HashMap<String, String>,
    pub hosts: Arc<AllowedHosts>,
}

/// A component, ready to be instantiated.
pub(crate) struct Component {
    pub id: Arc<str>,
    pub pre: ServicePre<State>,
    pub grants: Grants,
    pub environment: Vec<(String, String)>,
    pub limits: Arc<Limits>,
    pub clock: WallClock,
    pub network: Arc<Network>,
    /// Room for instances of all components.
    pub room: Arc<Semaphore>,
}

/// There was no room for one more instance in time.
#[derive(Debug, thiserror::Error)]
#[error("no room for one more instance")]
pub(crate) struct NoRoom;

/// What a request carries to the instance that takes it.
pub(crate) struct Ticket {
    /// The request's place among those that are being worked on.
    pub place: OwnedSemaphorePermit,
    /// Where that instance puts its fate.
    pub fate: Arc<OnceLock<Fate>>,
}

/// Whether an instance has failed.
pub(crate) type Fate = Arc<AtomicBool>;

/// What belongs to one instance.
pub(crate) struct State {
    pub component: Arc<Component>,
    pub table: ResourceTable,
    /// Open database connections in `table`.
    pub connections: usize,
    /// Open Postgres connections, and builders of them, in `table`.
    pub postgres: usize,
    /// Open key-value stores in `table`.
    pub stores: usize,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    outbound: Outbound,
    memory: StoreLimits,
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            ctx: &mut self.http,
            table: &mut self.table,
            hooks: &mut self.outbound,
        }
    }
}

/// Makes instances of one component for wasmtime's handler.
pub(crate) struct Instances(pub Arc<Component>);

impl HandlerState for Instances {
    type StoreData = State;
    type WorkerExpiration = Expiration;
    type WorkerState = Worker;

    async fn instantiate(&self) -> wasmtime::Result<Instance<State, Expiration, Worker>> {
        let component = &self.0;
        let limits = component.limits.clone();
        let room = match timeout(limits.waiting_time, component.room.clone().acquire_owned()).await
        {
            Ok(Ok(room)) => room,
            _ => return Err(NoRoom.into()),
        };
        let mut wasi = WasiCtxBuilder::new();
        wasi.stdout(Output::stdout(component.id.clone()))
            .stderr(Output::stderr(component.id.clone()))
            .envs(&component.environment)
            .wall_clock(component.clock.clone());
        let state = State {
            component: component.clone(),
            table: ResourceTable::new(),
            connections: 0,
            postgres: 0,
            stores: 0,
            wasi: wasi.build(),
            http: WasiHttpCtx::new(),
            outbound: Outbound {
                component: component.id.clone(),
                allowed: component.grants.hosts.clone(),
                network: component.network.clone(),
            },
            memory: StoreLimitsBuilder::new().memory_size(limits.memory).build(),
        };
        let mut store = Store::new(component.pre.engine(), state);
        store.limiter(|state| &mut state.memory);
        let busy = Arc::new(Busy::default());
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback({
            let (busy, longest) = (busy.clone(), limits.cpu);
            move |_| busy.tick(longest)
        });
        let given_up = Arc::<AtomicBool>::default();
        let service = component.pre.instantiate_async(&mut store).await?;
        Ok(Instance {
            store,
            proxy: Proxy::P3(service),
            view: WasiHttpView::http,
            expiration: Expiration {
                limits: limits.clone(),
                busy,
                given_up: given_up.clone(),
                sleep: Box::pin(tokio::time::sleep(limits.instance_idle)),
            },
            state: Worker {
                component: component.clone(),
                limits,
                given_up,
                fate: Fate::default(),
                _room: room,
            },
        })
    }
}

/// Since when a guest computes without waiting for anything.
#[derive(Default)]
struct Busy {
    /// The guest was interrupted, so what looks like waiting is not.
    interrupted: AtomicBool,
    since: Mutex<Option<Instant>>,
}

impl Busy {
    /// An epoch went by while the guest was computing.
    fn tick(&self, longest: Duration) -> wasmtime::Result<UpdateDeadline> {
        self.interrupted.store(true, Ordering::Relaxed);
        let mut since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        if since.get_or_insert_with(Instant::now).elapsed() > longest {
            return Err(wasmtime::format_err!(
                "the guest computed for more than {longest:?}"
            ));
        }
        // Others on this thread get their turn.
        Ok(UpdateDeadline::Yield(1))
    }

    /// The instance gave its thread back.
    fn pause(&self) {
        if !self.interrupted.swap(false, Ordering::Relaxed) {
            *self.since.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
    }
}

/// When an instance has to end.
pub(crate) struct Expiration {
    limits: Arc<Limits>,
    busy: Arc<Busy>,
    given_up: Arc<AtomicBool>,
    sleep: Pin<Box<Sleep>>,
}

impl WorkerExpiration for Expiration {
    fn poll(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        status: WorkerStatus,
        start: Instant,
    ) -> Poll<()> {
        self.busy.pause();
        let longest = match status {
            WorkerStatus::Idle => self.limits.instance_idle,
            WorkerStatus::Requests => self.limits.response_head + GRACE,
            // A request that was given up still runs in there, with what it holds of others: a database's locks.
            WorkerStatus::PostReturn if self.given_up.load(Ordering::Acquire) => GRACE,
            // Streams live as long as their clients want.
            WorkerStatus::PostReturn => return Poll::Pending,
        };
        let Some(end) = start.checked_add(longest) else {
            return Poll::Pending;
        };
        if self.sleep.deadline() != end.into() {
            self.sleep.as_mut().reset(end.into());
        }
        self.sleep.as_mut().poll(cx)
    }
}

/// How much work an instance takes on.
pub(crate) struct Worker {
    component: Arc<Component>,
    limits: Arc<Limits>,
    /// The time of one of its requests is over.
    given_up: Arc<AtomicBool>,
    fate: Fate,
    /// Given back after the store is gone.
    _room: OwnedSemaphorePermit,
}

impl WorkerState for Worker {
    type StoreData = State;
    type RequestData = Ticket;

    fn should_accept_request(&self, at_once: usize, total: usize) -> ShouldAccept {
        if total >= self.limits.requests_per_instance {
            ShouldAccept::Never
        } else if at_once >= self.limits.requests_per_instance_at_once {
            ShouldAccept::No
        } else {
            ShouldAccept::Yes
        }
    }

    fn on_request_start(
        &self,
        _: StoreContextMut<'_, State>,
        ticket: Ticket,
        _: GuestTaskId,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + Sync>> {
        let _ = ticket.fate.set(self.fate.clone());
        let time = tokio::time::sleep(self.limits.response_head);
        let given_up = self.given_up.clone();
        // Dropped, and the place with it, when the guest has answered.
        Box::pin(async move {
            time.await;
            given_up.store(true, Ordering::Release);
            drop(ticket.place);
        })
    }

    fn drop(&self, store: Store<State>, result: Result<(), wasmtime::Error>) {
        // Once no more instances are to be made, those that are left are cut, which is not their failure.
        if let Err(error) = result
            && !self.component.room.is_closed()
        {
            // Before the store goes, because with it the bodies end that it still sends.
            self.fate.store(true, Ordering::Release);
            tracing::error!(
                component = &*self.component.id,
                "an instance failed: {error:?}"
            );
        }
        drop(store);
    }
}
