//! The functions alone, as `spin up` runs them: their variables come from the environment (`SPIN_VARIABLE_…`).

use std::net::SocketAddr;
use std::path::PathBuf;

use punctual_host::{Host, HostOptions, Limits, Variables};
use punctual_sqlite::{Database, Options};
use punctual_worker::data::Folder;

use crate::{DATABASE, Error, MANIFEST, listen, reachable};

/// What a host of functions is started with.
#[derive(Clone, Debug)]
pub struct FunctionsOptions {
    /// The functions' own stores, and their compiled code where `cache` is not given.
    pub data: PathBuf,
    /// The folder that `spin.toml` is in.
    pub app: PathBuf,
    pub cache: Option<PathBuf>,
    pub listen: SocketAddr,
}

/// Serves until `stopped`; `ready` is told the address.
pub async fn serve(
    options: FunctionsOptions,
    ready: impl FnOnce(&str),
    stopped: impl Future<Output = ()> + Send + 'static,
) -> Result<(), Error> {
    let manifest = options.app.join(MANIFEST);
    if !manifest.is_file() {
        return Err(Error::NoApp(manifest));
    }
    let folder = Folder::create(&options.data)?;
    let listener = listen(options.listen)?;
    let address = listener.local_addr().map_err(|source| Error::Listen {
        address: options.listen,
        source,
    })?;
    let key_value = Database::open(&folder.path().join("key-value.db"), Options::default())?;
    let cache = options.cache.unwrap_or_else(|| folder.path().join("cache"));
    let host = Host::load(HostOptions {
        absent_databases: vec![DATABASE.to_owned()],
        key_value: Some(key_value),
        variables: Variables::new().environment(),
        limits: Limits::default(),
        ..HostOptions::new(manifest, cache)
    })
    .await?;
    ready(&format!("http://{}", reachable(address)));
    host.serve(listener, stopped).await?;
    Ok(())
}
