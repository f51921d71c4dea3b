use std::path::Path;

use super::*;

const HEAD: &str = "spin_manifest_version = 2\n[application]\nname = \"x\"\n";

fn parse(rest: &str) -> Result<Manifest, String> {
    Manifest::parse(Path::new("app/spin.toml"), &format!("{HEAD}{rest}"))
        .map_err(|error| error.to_string())
}

fn fault(rest: &str) -> String {
    match parse(rest) {
        Ok(manifest) => panic!("accepted: {manifest:?}"),
        Err(error) => error,
    }
}

#[test]
fn everything_that_is_implemented_is_read() {
    let text = include_str!("every_key.toml");
    let manifest = Manifest::parse(Path::new("app/spin.toml"), text).expect("valid");
    assert_eq!(manifest.name, "x");
    assert_eq!(manifest.triggers.len(), 3);
    assert_eq!(manifest.triggers[0].id, "a-http-trigger");
    assert_eq!(manifest.triggers[2].route, Route::Private);
    assert!(manifest.components.contains_key("http-trigger3-component"));
    assert!(manifest.variables["token"].required);
}

#[test]
fn an_unknown_key_is_named_with_its_line() {
    for (text, line, word) in [
        ("titel = \"x\"\n[trigger]", 4, "titel"),
        ("[trigger]\n[compoment.x]", 5, "compoment"),
        ("[[trigger.redis]]\nchannel = \"x\"", 4, "redis"),
        (
            "[[trigger.http]]\nroute = \"/\"\nmethod = \"GET\"\ncomponent = \"a\"",
            6,
            "method",
        ),
        (
            "[trigger]\n[component.a]\nsource = \"a\"\nsqlite = []",
            7,
            "sqlite",
        ),
        (
            "[trigger]\n[component.a]\nsource = \"a\"\nbuild = { command = \"x\", wrong = 1 }",
            7,
            "wrong",
        ),
        (
            "[[trigger.http]]\nroute = \"/\"\ncomponent = { source = \"a\", wrong = 1 }",
            6,
            "wrong",
        ),
        (
            "[[trigger.http]]\nroute = { privat = true }\ncomponent = \"a\"",
            5,
            "privat",
        ),
        (
            "[[trigger.http]]\nroute = \"/\"\nstatic_response = { status = 1 }",
            6,
            "status",
        ),
        (
            "[variables]\na = { defualt = \"x\" }\n[trigger]",
            5,
            "defualt",
        ),
    ] {
        let fault = fault(text);
        assert!(fault.contains(&format!("spin.toml:{line}:")), "{fault}");
        assert!(fault.contains(word), "{fault}");
    }
}

#[test]
fn what_spin_knows_and_this_host_does_not_is_refused_by_name() {
    let fault = fault("[trigger]\n[component.a]\nsource = \"a\"\nfiles = [\"x\"]");
    assert_eq!(
        fault,
        "app/spin.toml:7: `files` is not implemented by this host"
    );
}

#[test]
fn contradictions_are_refused() {
    assert!(
        fault("[[trigger.http]]\nroute = \"/\"\ncomponent = \"a\"")
            .contains("spin.toml:6: there is no")
    );
    assert!(fault("[[trigger.http]]\nroute = \"/\"").contains("either"));
    assert!(fault("[variables]\na = { }\n[trigger]").contains("spin.toml:5: a variable needs"));
    assert!(fault("[variables]\nA = { default = \"\" }\n[trigger]").contains("spin.toml:5"));
    assert!(
        fault("[trigger]\n[component.a]\nsource = { url = \"x\" }").contains("doesn't download")
    );
    let version = Manifest::parse(
        Path::new("spin.toml"),
        "spin_manifest_version = 1\n[application]\nname = \"x\"\n[trigger]",
    );
    assert!(
        version
            .expect_err("refused")
            .to_string()
            .contains("spin.toml:1")
    );
}
