//! A component's connections: a pool for each address.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use deadpool_postgres::{
    Hook, HookError, Manager, ManagerConfig, Pool, PoolError, QueueMode, RecyclingMethod, Runtime,
    TimeoutType,
};
use hyper_rustls::ConfigBuilderExt as _;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use tokio::time::timeout;
use tokio_postgres::Config;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::lease::Lease;
use super::{address, error, wit};
use crate::Limits;

/// Addresses whose pools are kept, as in Spin; the one that was used longest ago makes room.
const POOLS: usize = 16;
/// A connection that nobody has asked for so long is asked for a sign of life before a guest gets it: without that
/// the answer to the first statement would be that it is gone. One that was just used costs no round trip.
const VERIFY_AFTER: Duration = Duration::from_secs(30);
const VERIFY_TIME: Duration = Duration::from_secs(2);
/// A connection that nobody has asked for so long is closed: a database allows few.
const IDLE: Duration = Duration::from_secs(300);
const SWEEP: Duration = Duration::from_secs(30);

/// The pools of one component.
pub(crate) struct Pools {
    component: Arc<str>,
    limits: Limits,
    /// The last is the one that was used last.
    pools: Mutex<Vec<Entry>>,
}

struct Entry {
    address: String,
    authority: Option<String>,
    pool: AddressPool,
}

/// The connections to one address.
#[derive(Clone)]
pub(super) struct AddressPool {
    pool: Pool,
    tls: MakeRustlsConnect,
    swept: Arc<Mutex<Instant>>,
}

/// Who has to have signed the server's certificate, in place of the authorities that browsers trust.
#[derive(Clone)]
pub struct Authority {
    pem: String,
    roots: RootCertStore,
}

impl Authority {
    pub(super) fn parse(pem: String) -> Result<Self, String> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
            let certificate = certificate.map_err(|error| error.to_string())?;
            roots.add(certificate).map_err(|error| error.to_string())?;
        }
        if roots.is_empty() {
            return Err("there is no certificate in it".to_owned());
        }
        Ok(Self { pem, roots })
    }
}

impl Pools {
    pub(crate) fn new(component: &str, limits: &Limits) -> Self {
        Self {
            component: component.into(),
            limits: limits.clone(),
            pools: Mutex::default(),
        }
    }

    /// A connection for one guest's connection; waits for it where all are in use. `config` is what `address` says.
    pub(super) async fn lease(
        &self,
        address: &str,
        config: Config,
        authority: Option<Authority>,
    ) -> Result<Lease, wit::Error> {
        let pool = self.pool(address, config, authority)?;
        // All steps together: several connections may turn out to be dead, one after the other.
        let longest = self.limits.postgres_wait + self.limits.postgres_connect;
        let connection = timeout(longest, pool.pool.get())
            .await
            .unwrap_or(Err(PoolError::Timeout(TimeoutType::Create)))
            .map_err(|error| error::no_connection(error, &self.limits))?;
        Ok(Lease::new(connection, pool, self.limits.postgres_result))
    }

    fn pool(
        &self,
        address: &str,
        config: Config,
        authority: Option<Authority>,
    ) -> Result<AddressPool, wit::Error> {
        let pem = authority.as_ref().map(|authority| authority.pem.as_str());
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        let found = pools
            .iter()
            .position(|entry| entry.address == address && entry.authority.as_deref() == pem);
        let entry = match found {
            Some(index) => pools.remove(index),
            None => Entry {
                address: address.to_owned(),
                authority: pem.map(str::to_owned),
                pool: self.connect(config, authority).map_err(wit::Error::Other)?,
            },
        };
        let pool = entry.pool.clone();
        pools.push(entry);
        if pools.len() > POOLS {
            pools.remove(0);
        }
        Ok(pool)
    }

    fn connect(
        &self,
        mut config: Config,
        authority: Option<Authority>,
    ) -> Result<AddressPool, String> {
        address::complete(&mut config, &self.component, self.limits.outbound_connect);
        let tls = tls(authority)?;
        // What a lease leaves behind is cleared when it ends (`Lease`), not when the next one begins: locks are
        // not held in between. So here it is enough that the connection is open.
        let recycling = ManagerConfig {
            recycling_method: RecyclingMethod::Fast,
        };
        let manager = Manager::from_config(config, tls.clone(), recycling);
        let pool = Pool::builder(manager)
            .max_size(self.limits.postgres_connections)
            .wait_timeout(Some(self.limits.postgres_wait))
            .create_timeout(Some(self.limits.postgres_connect))
            // The most recently used first, so that those that aren't needed any more grow old and are closed.
            .queue_mode(QueueMode::Lifo)
            .pre_recycle(Hook::async_fn(|client, metrics| {
                Box::pin(async move {
                    if metrics.last_used() < VERIFY_AFTER {
                        return Ok(());
                    }
                    match timeout(VERIFY_TIME, client.check_connection()).await {
                        Ok(result) => result.map_err(HookError::Backend),
                        Err(_) => Err(HookError::message("no sign of life")),
                    }
                })
            }))
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|error| error.to_string())?;
        Ok(AddressPool {
            pool,
            tls,
            swept: Arc::new(Mutex::new(Instant::now())),
        })
    }
}

impl AddressPool {
    pub(super) fn tls(&self) -> MakeRustlsConnect {
        self.tls.clone()
    }

    /// Closes what nobody has asked for lately; called whenever a connection comes back.
    pub(super) fn sweep(&self) {
        let mut swept = self.swept.lock().unwrap_or_else(PoisonError::into_inner);
        if swept.elapsed() > SWEEP {
            *swept = Instant::now();
            drop(self.pool.retain(|_, metrics| metrics.last_used() < IDLE));
        }
    }
}

/// Certificates are always checked; `sslmode` says only whether there is TLS. (So `require` is stricter than in
/// libpq, as in Spin.)
fn tls(authority: Option<Authority>) -> Result<MakeRustlsConnect, String> {
    let builder = ClientConfig::builder_with_provider(Arc::new(
        rustls::crypto::aws_lc_rs::default_provider(),
    ))
    .with_safe_default_protocol_versions()
    .map_err(|error| format!("TLS: {error}"))?;
    let config = match authority {
        Some(authority) => builder.with_root_certificates(authority.roots),
        None => builder.with_webpki_roots(),
    };
    Ok(MakeRustlsConnect::new(config.with_no_client_auth()))
}
