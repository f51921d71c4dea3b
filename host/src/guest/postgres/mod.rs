//! spin:postgres. A guest's connection is one of its component's pool, for as long as the guest keeps it.

// The size of an error is WIT's.
#![allow(clippy::result_large_err)]

mod address;
mod error;
mod lease;
mod pools;
mod rows;
mod statement;
mod value;

use std::sync::Arc;

use tokio_postgres::Config;
use wasmtime::component::{Accessor, FutureReader, Resource, StreamReader};

use super::Guest;
use super::bindings::spin::postgres::postgres as wit;
use crate::instance::State;

use self::lease::Lease;
pub(crate) use self::pools::Pools;
use self::pools::{AddressPool, Authority};
use self::rows::Running;

/// Connections and builders one instance may have open, as for SQLite.
const CONNECTIONS: usize = 256;

/// A guest's connection.
pub struct Connection(Arc<Lease>);

/// A connection that is to be opened, with a certificate authority of its own.
pub struct Builder {
    address: String,
    authority: Option<Authority>,
}

/// What is needed to open a connection without holding on to the instance.
struct Opening {
    pools: Arc<Pools>,
    address: String,
    config: Config,
    authority: Option<Authority>,
}

impl Opening {
    async fn lease(self) -> Result<Lease, wit::Error> {
        self.pools
            .lease(&self.address, self.config, self.authority)
            .await
    }
}

impl State {
    fn opening(
        &self,
        address: String,
        authority: Option<Authority>,
    ) -> Result<Opening, wit::Error> {
        let grants = &self.component.grants;
        let config = address::parse(&address, &grants.hosts, &self.component.id)?;
        self.check_room()?;
        Ok(Opening {
            pools: grants.postgres.clone(),
            address,
            config,
            authority,
        })
    }

    fn check_room(&self) -> Result<(), wit::Error> {
        if self.postgres >= CONNECTIONS {
            return Err(wit::Error::ConnectionFailed("too many connections".into()));
        }
        Ok(())
    }

    fn keep(&mut self, lease: Lease) -> Result<Resource<Connection>, wit::Error> {
        self.check_room()?;
        let resource = self
            .table
            .push(Connection(Arc::new(lease)))
            .map_err(|error| wit::Error::Other(error.to_string()))?;
        self.postgres += 1;
        Ok(resource)
    }

    fn lease(&self, connection: &Resource<Connection>) -> Result<Arc<Lease>, wit::Error> {
        self.table
            .get(connection)
            .map(|connection| connection.0.clone())
            .map_err(|_| wit::Error::ConnectionFailed("no connection found".into()))
    }

    fn building(&self, builder: &Resource<Builder>) -> Result<Opening, wit::Error> {
        let builder = self
            .table
            .get(builder)
            .map_err(|_| wit::Error::ConnectionFailed("no builder found".into()))?;
        self.opening(builder.address.clone(), builder.authority.clone())
    }
}

async fn start(
    lease: Arc<Lease>,
    statement: String,
    parameters: Vec<wit::ParameterValue>,
) -> Result<Running, wit::Error> {
    let parameters = value::parameters(parameters)?;
    lease.start(&statement, &parameters).await
}

impl wit::Host for State {
    fn convert_error(&mut self, error: wit::Error) -> wasmtime::Result<wit::Error> {
        Ok(error)
    }
}

impl wit::HostConnection for State {
    async fn open(&mut self, address: String) -> Result<Resource<Connection>, wit::Error> {
        let lease = self.opening(address, None)?.lease().await?;
        self.keep(lease)
    }

    async fn query(
        &mut self,
        connection: Resource<Connection>,
        statement: String,
        parameters: Vec<wit::ParameterValue>,
    ) -> Result<wit::RowSet, wit::Error> {
        let lease = self.lease(&connection)?;
        start(lease, statement, parameters).await?.collect().await
    }

    async fn execute(
        &mut self,
        connection: Resource<Connection>,
        statement: String,
        parameters: Vec<wit::ParameterValue>,
    ) -> Result<u64, wit::Error> {
        let lease = self.lease(&connection)?;
        start(lease, statement, parameters).await?.count().await
    }

    async fn drop(&mut self, connection: Resource<Connection>) -> wasmtime::Result<()> {
        self.table.delete(connection)?;
        self.postgres = self.postgres.saturating_sub(1);
        Ok(())
    }
}

type Queried = (
    Vec<wit::Column>,
    StreamReader<wit::Row>,
    FutureReader<Result<(), wit::Error>>,
);

impl<T> wit::HostConnectionWithStore<T> for Guest {
    async fn open_async(
        accessor: &Accessor<T, Self>,
        address: String,
    ) -> Result<Resource<Connection>, wit::Error> {
        let opening = accessor.with(|mut access| access.get().opening(address, None))?;
        let lease = opening.lease().await?;
        accessor.with(|mut access| access.get().keep(lease))
    }

    /// A statement that can't begin is an error here; one that fails on its way says so through the future.
    async fn query_async(
        accessor: &Accessor<T, Self>,
        connection: Resource<Connection>,
        statement: String,
        parameters: Vec<wit::ParameterValue>,
    ) -> Result<Queried, wit::Error> {
        let lease = accessor.with(|mut access| access.get().lease(&connection))?;
        let running = start(lease, statement, parameters).await?;
        let columns = running.columns();
        let (rows, outcome) = running.stream().await;
        let outcome = async move { wasmtime::error::Ok(outcome.await.unwrap_or(Ok(()))) };
        accessor
            .with(|mut access| {
                let rows = StreamReader::new(&mut access, rows)?;
                let outcome = FutureReader::new(&mut access, outcome)?;
                wasmtime::error::Ok((columns, rows, outcome))
            })
            .map_err(|error| wit::Error::Other(error.to_string()))
    }

    async fn execute_async(
        accessor: &Accessor<T, Self>,
        connection: Resource<Connection>,
        statement: String,
        parameters: Vec<wit::ParameterValue>,
    ) -> Result<u64, wit::Error> {
        let lease = accessor.with(|mut access| access.get().lease(&connection))?;
        start(lease, statement, parameters).await?.count().await
    }
}

impl wit::HostConnectionBuilder for State {
    async fn new(&mut self, address: String) -> wasmtime::Result<Resource<Builder>> {
        if self.postgres >= CONNECTIONS {
            wasmtime::bail!("too many connection builders");
        }
        let builder = self.table.push(Builder {
            address,
            authority: None,
        })?;
        self.postgres += 1;
        Ok(builder)
    }

    async fn set_ca_root(
        &mut self,
        builder: Resource<Builder>,
        certificate: String,
    ) -> Result<(), wit::Error> {
        let authority = Authority::parse(certificate)
            .map_err(|reason| wit::Error::Other(format!("invalid root certificate: {reason}")))?;
        self.table
            .get_mut(&builder)
            .map_err(|_| wit::Error::ConnectionFailed("no builder found".into()))?
            .authority = Some(authority);
        Ok(())
    }

    async fn build(
        &mut self,
        builder: Resource<Builder>,
    ) -> Result<Resource<Connection>, wit::Error> {
        let lease = self.building(&builder)?.lease().await?;
        self.keep(lease)
    }

    async fn drop(&mut self, builder: Resource<Builder>) -> wasmtime::Result<()> {
        self.table.delete(builder)?;
        self.postgres = self.postgres.saturating_sub(1);
        Ok(())
    }
}

impl<T> wit::HostConnectionBuilderWithStore<T> for Guest {
    async fn build_async(
        accessor: &Accessor<T, Self>,
        builder: Resource<Builder>,
    ) -> Result<Resource<Connection>, wit::Error> {
        let opening = accessor.with(|mut access| access.get().building(&builder))?;
        let lease = opening.lease().await?;
        accessor.with(|mut access| access.get().keep(lease))
    }
}
