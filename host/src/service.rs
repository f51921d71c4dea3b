//! A component as a service: requests wait for their turn, get an instance, and have a limited time.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use http::{Request, Response};
use http_body_util::BodyExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use wasmtime::PoolConcurrencyLimitError;
use wasmtime_wasi_http::WasiBody;
use wasmtime_wasi_http::handler::{
    ExpirationError, InstantiationError, ProxyHandler, TrapOrPanicError,
};

use crate::body::{Body, Watched};
use crate::instance::{Component, Fate, Instances, NoRoom, Ticket};
use crate::problem::Problem;

pub(crate) struct Service {
    component: Arc<Component>,
    handler: ProxyHandler<Instances>,
    /// Places to work. One is given back when the guest has answered, also where the client left before.
    places: Arc<Semaphore>,
    /// Places to wait for one of those.
    benches: Semaphore,
    /// Responses whose bodies are being sent.
    responses: Arc<Semaphore>,
    warned: Mutex<Option<Instant>>,
}

impl Service {
    pub(crate) fn new(component: Component) -> Self {
        let component = Arc::new(component);
        let limits = &component.limits;
        Self {
            places: Arc::new(Semaphore::new(limits.concurrent_requests)),
            benches: Semaphore::new(limits.waiting_requests),
            responses: Arc::new(Semaphore::new(limits.open_responses)),
            warned: Mutex::default(),
            handler: ProxyHandler::new(Instances(component.clone())),
            component,
        }
    }

    pub(crate) fn id(&self) -> &str {
        &self.component.id
    }

    pub(crate) async fn call(&self, request: Request<WasiBody>) -> Result<Response<Body>, Problem> {
        let response = self
            .responses
            .clone()
            .try_acquire_owned()
            .map_err(|_| self.overloaded("responses"))?;
        let place = self.place().await?;
        let fate = Arc::<OnceLock<Fate>>::default();
        let ticket = Ticket {
            place,
            fate: fate.clone(),
        };
        let answer = timeout(
            self.component.limits.response_head,
            self.handler.handle(ticket, request),
        )
        .await
        .map_err(|_| self.too_slow())?
        .map_err(|error| self.failed(&error))?;
        Ok(answer.map(|body| {
            Watched {
                body,
                fate,
                _permit: response,
            }
            .boxed_unsync()
        }))
    }

    async fn place(&self) -> Result<OwnedSemaphorePermit, Problem> {
        if let Ok(place) = self.places.clone().try_acquire_owned() {
            return Ok(place);
        }
        let _bench = self
            .benches
            .try_acquire()
            .map_err(|_| self.overloaded("waiting requests"))?;
        match timeout(
            self.component.limits.waiting_time,
            self.places.clone().acquire_owned(),
        )
        .await
        {
            Ok(Ok(place)) => Ok(place),
            _ => Err(self.overloaded("time to wait")),
        }
    }

    /// Once a second is enough to be told: there are many when it happens.
    fn overloaded(&self, what: &str) -> Problem {
        let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        if warned.is_none_or(|at| at.elapsed() > Duration::from_secs(1)) {
            *warned = Some(Instant::now());
            tracing::warn!(
                component = &*self.component.id,
                "overloaded: no more {what}"
            );
        }
        Problem::Overloaded
    }

    fn too_slow(&self) -> Problem {
        tracing::warn!(
            component = &*self.component.id,
            "no response head within {:?}",
            self.component.limits.response_head
        );
        Problem::TooSlow
    }

    fn failed(&self, error: &wasmtime::Error) -> Problem {
        if error.is::<ExpirationError>() {
            return self.too_slow();
        }
        if let Some(error) = error.downcast_ref::<InstantiationError<Ticket>>()
            && (error.error.is::<NoRoom>() || error.error.is::<PoolConcurrencyLimitError>())
        {
            return self.overloaded("instances");
        }
        // The instance says itself why it failed.
        if !error.is::<TrapOrPanicError>() {
            tracing::error!(
                component = &*self.component.id,
                "a request failed: {error:?}"
            );
        }
        Problem::Failed
    }
}
