//! Everything that crosses a wire: what clients send and get, problem details, CloudEvents, and the signature on the
//! calls between worker and functions. Rules live in `punctual-domain`; nothing here decides.

pub mod action;
pub mod api;
#[cfg(feature = "documents")]
pub mod asyncapi;
pub mod batch;
pub mod dapr;
pub mod events;
#[cfg(feature = "documents")]
pub mod openapi;
pub mod problem;
pub mod signature;

/// Makes the contracts in the repository anew.
#[cfg(feature = "documents")]
pub const REGENERATE: &str = "cargo run -p punctual-contract --features documents --bin punctual-contracts -- --write specs/005-cloud-deployment/contracts";

/// The generated contracts: file name and text.
#[cfg(feature = "documents")]
pub fn documents() -> [(&'static str, String); 2] {
    [
        ("openapi.json", openapi::openapi_json()),
        ("asyncapi.yaml", asyncapi::asyncapi()),
    ]
}

#[cfg(all(test, feature = "documents"))]
mod tests {
    #[test]
    fn the_contracts_in_the_repository_are_what_the_code_says() {
        let folder = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../specs/005-cloud-deployment/contracts"
        );
        for (name, text) in super::documents() {
            let found = std::fs::read_to_string(format!("{folder}/{name}")).unwrap_or_default();
            assert!(
                found == text,
                "{name} is out of date. Run: {}",
                super::REGENERATE
            );
        }
    }
}
