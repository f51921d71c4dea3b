//! The interfaces of Spin that guests import. Each is one file; `add_to_linker` is where one is added.

mod key_value;
mod postgres;
mod sqlite;
mod variables;

use wasmtime::component::{HasData, Linker};

use crate::instance::State;

pub(crate) use key_value::{Stores, prepare as prepare_key_value};
pub(crate) use postgres::Pools;
pub(crate) use sqlite::Databases;

pub(crate) mod bindings {
    wasmtime::component::bindgen!({
        path: "wit",
        world: "platform",
        imports: { default: async | trappable },
        with: {
            "spin:sqlite/sqlite.connection": crate::guest::sqlite::Connection,
            "spin:key-value/key-value.store": crate::guest::key_value::Store,
            "spin:postgres/postgres.connection": crate::guest::postgres::Connection,
            "spin:postgres/postgres.connection-builder": crate::guest::postgres::Builder,
        },
        // These errors are values for the guest, never traps.
        trappable_error_type: {
            "spin:sqlite/sqlite.error" => spin::sqlite::sqlite::Error,
            "spin:key-value/key-value.error" => spin::key_value::key_value::Error,
            "spin:postgres/postgres.error" => spin::postgres::postgres::Error,
            "spin:variables/variables.error" => spin::variables::variables::Error,
        },
    });
}

/// Tells the bindings that the interfaces are implemented by the instance's state.
pub(crate) struct Guest;

impl HasData for Guest {
    type Data<'a> = &'a mut State;
}

pub(crate) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    bindings::Platform::add_to_linker::<_, Guest>(linker, |state| state)
}
