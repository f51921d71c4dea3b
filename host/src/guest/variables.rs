//! spin:variables.

use wasmtime::component::Accessor;

use super::Guest;
use super::bindings::spin::variables::variables as wit;
use crate::instance::State;

impl wit::Host for State {
    fn convert_error(&mut self, error: wit::Error) -> wasmtime::Result<wit::Error> {
        Ok(error)
    }
}

impl<T> wit::HostWithStore<T> for Guest {
    async fn get(accessor: &Accessor<T, Self>, name: String) -> Result<String, wit::Error> {
        crate::variables::check_name(&name).map_err(wit::Error::InvalidName)?;
        accessor.with(|mut access| {
            let component = &access.get().component;
            component
                .grants
                .variables
                .get(&name)
                .cloned()
                .ok_or_else(|| {
                    wit::Error::Undefined(format!("no variable for {:?}.{name:?}", component.id))
                })
        })
    }
}
