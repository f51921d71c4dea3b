//! spin:key-value, in one SQLite table. Durable, one writer, and the table Spin's own default store uses, so
//! that Spin can be pointed at the same file.

use std::collections::HashSet;

use punctual_sqlite::{Database, Rows, Value};
use wasmtime::component::{Accessor, FutureReader, Resource, StreamReader};

use super::Guest;
use super::bindings::spin::key_value::key_value as wit;
use crate::instance::State;

/// Stores one instance may have open, as in Spin.
const STORES: usize = 256;

/// The stores a component was granted.
#[derive(Clone, Default)]
pub(crate) struct Stores {
    pub labels: HashSet<String>,
    pub database: Option<Database>,
}

/// Makes the table, where it is missing.
pub(crate) async fn prepare(database: &Database) -> Result<(), punctual_sqlite::Error> {
    let table = "CREATE TABLE IF NOT EXISTS spin_key_value (
        store TEXT NOT NULL,
        key TEXT NOT NULL,
        value BLOB NOT NULL,
        PRIMARY KEY (store, key)
    )";
    database
        .write(move |connection| Ok(connection.execute_batch(table)?))
        .await
}

/// A guest's open store.
#[derive(Clone)]
pub struct Store {
    database: Database,
    label: String,
}

impl Store {
    async fn query(&self, sql: &str, more: Vec<Value>) -> Result<Rows, wit::Error> {
        let mut parameters = vec![Value::Text(self.label.clone())];
        parameters.extend(more);
        self.database.query(sql, parameters).await.map_err(|error| {
            tracing::warn!(%error, "a key-value store failed");
            wit::Error::Other(error.to_string())
        })
    }

    async fn get(&self, key: String) -> Result<Option<Vec<u8>>, wit::Error> {
        let sql = "SELECT value FROM spin_key_value WHERE store = ?1 AND key = ?2";
        let rows = self.query(sql, vec![Value::Text(key)]).await?;
        Ok(match rows.rows.into_iter().flatten().next() {
            Some(Value::Blob(value)) => Some(value),
            Some(Value::Text(value)) => Some(value.into_bytes()),
            _ => None,
        })
    }

    async fn keys(&self) -> Result<Vec<String>, wit::Error> {
        let sql = "SELECT key FROM spin_key_value WHERE store = ?1";
        let rows = self.query(sql, vec![]).await?;
        Ok(rows
            .rows
            .into_iter()
            .flatten()
            .filter_map(|value| match value {
                Value::Text(key) => Some(key),
                _ => None,
            })
            .collect())
    }
}

fn store<T>(accessor: &Accessor<T, Guest>, store: &Resource<Store>) -> Result<Store, wit::Error> {
    accessor
        .with(|mut access| access.get().table.get(store).cloned())
        .map_err(|_| wit::Error::NoSuchStore)
}

impl wit::Host for State {
    fn convert_error(&mut self, error: wit::Error) -> wasmtime::Result<wit::Error> {
        Ok(error)
    }
}

impl wit::HostStore for State {
    async fn drop(&mut self, store: Resource<Store>) -> wasmtime::Result<()> {
        self.table.delete(store)?;
        self.stores = self.stores.saturating_sub(1);
        Ok(())
    }
}

impl<T> wit::HostStoreWithStore<T> for Guest {
    async fn open(
        accessor: &Accessor<T, Self>,
        label: String,
    ) -> Result<Resource<Store>, wit::Error> {
        accessor.with(|mut access| {
            let state = access.get();
            let granted = &state.component.grants.stores;
            if !granted.labels.contains(&label) {
                return Err(wit::Error::AccessDenied);
            }
            let database = granted.database.clone().ok_or(wit::Error::NoSuchStore)?;
            if state.stores >= STORES {
                return Err(wit::Error::StoreTableFull);
            }
            let store = state
                .table
                .push(Store { database, label })
                .map_err(|_| wit::Error::StoreTableFull)?;
            state.stores += 1;
            Ok(store)
        })
    }

    async fn get(
        accessor: &Accessor<T, Self>,
        resource: Resource<Store>,
        key: String,
    ) -> Result<Option<Vec<u8>>, wit::Error> {
        store(accessor, &resource)?.get(key).await
    }

    async fn set(
        accessor: &Accessor<T, Self>,
        resource: Resource<Store>,
        key: String,
        value: Vec<u8>,
    ) -> Result<(), wit::Error> {
        let sql = "INSERT INTO spin_key_value (store, key, value) VALUES (?1, ?2, ?3)
                   ON CONFLICT (store, key) DO UPDATE SET value = ?3";
        store(accessor, &resource)?
            .query(sql, vec![Value::Text(key), Value::Blob(value)])
            .await?;
        Ok(())
    }

    async fn delete(
        accessor: &Accessor<T, Self>,
        resource: Resource<Store>,
        key: String,
    ) -> Result<(), wit::Error> {
        let sql = "DELETE FROM spin_key_value WHERE store = ?1 AND key = ?2";
        store(accessor, &resource)?
            .query(sql, vec![Value::Text(key)])
            .await?;
        Ok(())
    }

    async fn exists(
        accessor: &Accessor<T, Self>,
        resource: Resource<Store>,
        key: String,
    ) -> Result<bool, wit::Error> {
        Ok(store(accessor, &resource)?.get(key).await?.is_some())
    }

    async fn get_keys(
        accessor: &Accessor<T, Self>,
        resource: Resource<Store>,
    ) -> wasmtime::Result<(StreamReader<String>, FutureReader<Result<(), wit::Error>>)> {
        let found = match store(accessor, &resource) {
            Ok(store) => store.keys().await,
            Err(error) => Err(error),
        };
        let (keys, outcome) = match found {
            Ok(keys) => (keys, Ok(())),
            Err(error) => (Vec::new(), Err(error)),
        };
        accessor.with(|mut access| {
            Ok((
                StreamReader::new(&mut access, keys)?,
                FutureReader::new(&mut access, async move { wasmtime::error::Ok(outcome) })?,
            ))
        })
    }
}
