//! A component as a service: requests wait for their turn, get an instance, and have a limited time.

use std::sync::Arc;

use http::{Request, Response};
use http_body_util::BodyExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};
use tokio::time::timeout;
use wasmtime::PoolConcurrencyLimitError;
use wasmtime_wasi_http::WasiBody;
use wasmtime_wasi_http::handler::{ExpirationError, InstantiationError, ProxyHandler};

use crate::body::{Body, Counted};
use crate::instance::{Component, Instances};
use crate::problem::Problem;

pub(crate) struct Service {
    component: Arc<Component>,
    handler: ProxyHandler<Instances>,
    /// Places to work.
    places: Semaphore,
    /// Places to wait for one of those.
    benches: Semaphore,
    /// Responses whose bodies are being sent.
    responses: Arc<Semaphore>,
}

impl Service {
    pub(crate) fn new(component: Component) -> Self {
        let component = Arc::new(component);
        let limits = &component.limits;
        Self {
            places: Semaphore::new(limits.concurrent_requests),
            benches: Semaphore::new(limits.waiting_requests),
            responses: Arc::new(Semaphore::new(limits.open_responses)),
            handler: ProxyHandler::new(Instances(component.clone())),
            component,
        }
    }

    pub(crate) async fn call(&self, request: Request<WasiBody>) -> Result<Response<Body>, Problem> {
        let response = self.responses.clone().try_acquire_owned().map_err(|_| self.overloaded("responses"))?;
        let _place = self.place().await?;
        let answer = timeout(self.component.limits.response_head, self.handler.handle((), request))
            .await
            .map_err(|_| self.too_slow())?
            .map_err(|error| self.failed(&error))?;
        Ok(answer.map(|body| counted(body, response)))
    }

    async fn place(&self) -> Result<SemaphorePermit<'_>, Problem> {
        if let Ok(place) = self.places.try_acquire() {
            return Ok(place);
        }
        let _bench = self.benches.try_acquire().map_err(|_| self.overloaded("waiting requests"))?;
        match timeout(self.component.limits.waiting_time, self.places.acquire()).await {
            Ok(Ok(place)) => Ok(place),
            _ => Err(self.overloaded("time to wait")),
        }
    }

    fn overloaded(&self, what: &str) -> Problem {
        tracing::warn!(component = &*self.component.id, "overloaded: no more {what}");
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
        if let Some(error) = error.downcast_ref::<InstantiationError<()>>()
            && error.error.is::<PoolConcurrencyLimitError>()
        {
            return self.overloaded("instances");
        }
        tracing::error!(component = &*self.component.id, "a request failed: {error:?}");
        Problem::Failed
    }
}

fn counted(body: WasiBody, permit: OwnedSemaphorePermit) -> Body {
    Counted { body, _permit: permit }.boxed_unsync()
}
