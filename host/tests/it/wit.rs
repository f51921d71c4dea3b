//! The host's WIT says the same as the WIT that spin-sdk ships.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use wit_parser::{FunctionKind, Handle, Resolve, Type, TypeDefKind, TypeId};

#[test]
fn the_interfaces_are_those_of_the_sdk() {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("wit/deps");
    let sdk = sdk_folder().join("wit/deps");
    for (ours, theirs) in [
        ("spin-sqlite", "spin-sqlite@3.1.0"),
        ("spin-key-value", "spin-key-value@3.0.0"),
        ("spin-postgres", "spin-postgres@4.2.0"),
        ("spin-variables", "spin-variables@3.0.0"),
    ] {
        let ours = signatures(&own.join(ours));
        let theirs = signatures(&sdk.join(theirs));
        assert!(!ours.is_empty());
        assert_eq!(ours, theirs);
    }
}

/// Where cargo keeps the spin-sdk that this workspace is built with.
fn sdk_folder() -> PathBuf {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version",
            "1",
            "--offline",
            "--manifest-path",
        ])
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/guest/Cargo.toml"))
        .output()
        .expect("cargo runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let package = metadata["packages"]
        .as_array()
        .expect("packages")
        .iter()
        .find(|package| package["name"] == "spin-sdk")
        .expect("spin-sdk is a dependency");
    let manifest = Path::new(package["manifest_path"].as_str().expect("a path"));
    manifest.parent().expect("a folder").to_owned()
}

/// Everything a folder's interfaces define: name to shape.
fn signatures(folder: &Path) -> BTreeMap<String, String> {
    let mut resolve = Resolve::default();
    resolve
        .push_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error:#}", folder.display()));
    let mut found = BTreeMap::new();
    for (_, interface) in &resolve.interfaces {
        let package = interface.package.expect("a package");
        let interface_name = resolve.packages[package]
            .name
            .interface_id(interface.name.as_deref().expect("a name"));
        for (name, id) in &interface.types {
            found.insert(
                format!("{interface_name} type {name}"),
                define(&resolve, *id),
            );
        }
        for (name, function) in &interface.functions {
            let kind = match &function.kind {
                FunctionKind::AsyncFreestanding
                | FunctionKind::AsyncMethod(_)
                | FunctionKind::AsyncStatic(_) => "async func",
                _ => "func",
            };
            let parameters: Vec<_> = function
                .params
                .iter()
                .map(|parameter| {
                    format!("{}: {}", parameter.name, describe(&resolve, &parameter.ty))
                })
                .collect();
            let result = function
                .result
                .as_ref()
                .map_or_else(|| "nothing".to_owned(), |result| describe(&resolve, result));
            found.insert(
                format!("{interface_name} {name}"),
                format!("{kind}({}) -> {result}", parameters.join(", ")),
            );
        }
    }
    found
}

fn describe(resolve: &Resolve, ty: &Type) -> String {
    match ty {
        Type::Id(id) => match &resolve.types[*id].name {
            Some(name) => name.clone(),
            None => define(resolve, *id),
        },
        plain => format!("{plain:?}"),
    }
}

fn define(resolve: &Resolve, id: TypeId) -> String {
    let optional = |ty: &Option<Type>| {
        ty.as_ref()
            .map_or_else(|| "_".to_owned(), |ty| describe(resolve, ty))
    };
    match &resolve.types[id].kind {
        TypeDefKind::Record(record) => {
            let fields: Vec<_> = record
                .fields
                .iter()
                .map(|field| format!("{}: {}", field.name, describe(resolve, &field.ty)))
                .collect();
            format!("record {{ {} }}", fields.join(", "))
        }
        TypeDefKind::Variant(variant) => {
            let cases: Vec<_> = variant
                .cases
                .iter()
                .map(|case| format!("{}({})", case.name, optional(&case.ty)))
                .collect();
            format!("variant {{ {} }}", cases.join(", "))
        }
        TypeDefKind::Enum(choices) => {
            let cases: Vec<_> = choices.cases.iter().map(|case| case.name.clone()).collect();
            format!("enum {{ {} }}", cases.join(", "))
        }
        TypeDefKind::Resource => "resource".to_owned(),
        TypeDefKind::Handle(Handle::Own(id)) => format!("own<{}>", name(resolve, *id)),
        TypeDefKind::Handle(Handle::Borrow(id)) => format!("borrow<{}>", name(resolve, *id)),
        TypeDefKind::Tuple(tuple) => {
            let types: Vec<_> = tuple.types.iter().map(|ty| describe(resolve, ty)).collect();
            format!("tuple<{}>", types.join(", "))
        }
        TypeDefKind::Option(ty) => format!("option<{}>", describe(resolve, ty)),
        TypeDefKind::List(ty) => format!("list<{}>", describe(resolve, ty)),
        TypeDefKind::Result(result) => {
            format!(
                "result<{}, {}>",
                optional(&result.ok),
                optional(&result.err)
            )
        }
        TypeDefKind::Stream(ty) => format!("stream<{}>", optional(ty)),
        TypeDefKind::Future(ty) => format!("future<{}>", optional(ty)),
        TypeDefKind::Type(ty) => describe(resolve, ty),
        other => panic!("a kind of type this comparison doesn't know: {other:?}"),
    }
}

fn name(resolve: &Resolve, id: TypeId) -> String {
    resolve.types[id].name.clone().unwrap_or_default()
}
