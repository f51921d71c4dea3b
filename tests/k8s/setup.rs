//! scripts/setup-local.sh, as far as it goes without a cluster. That it makes one: kind.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output};

use k8s::repository;
use punctual_servers::kubernetes::{STRIMZI_VERSION, version_of};

fn setup() -> Command {
    let mut command = Command::new("bash");
    command.arg(repository("scripts/setup-local.sh"));
    command
}

fn output(command: &mut Command) -> (Output, String, String) {
    let output = command.output().unwrap();
    let [out, error] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    let (out, error) = (out.into_owned(), error.into_owned());
    (output, out, error)
}

/// What it would do on such a cluster, a command a line.
fn dry_run(context: &str) -> Vec<String> {
    let (output, out, error) = output(setup().args(["--dry-run", "--context", context]));
    assert!(output.status.success(), "{error}");
    let commands = out.lines().filter_map(|line| line.strip_prefix("+ "));
    commands.map(str::to_owned).collect()
}

#[test]
fn the_dry_run_says_the_same_commands_each_time_so_nothing_random_is_in_them() {
    let commands = dry_run("kind-here");
    assert_eq!(commands, dry_run("kind-here"));
    assert!(commands.len() > 30, "{commands:#?}");
    let secrets = commands.iter().filter(|one| one.contains("create secret"));
    assert_eq!(secrets.count(), 7);
}

#[test]
fn every_command_is_for_the_cluster_that_was_named() {
    for (context, load) in [
        ("kind-here", "kind load docker-image"),
        ("there", "minikube --profile there image load"),
    ] {
        let mut loaded = 0;
        for command in dry_run(context) {
            if command.starts_with("docker ") {
                continue;
            }
            if command.starts_with(load) {
                loaded += 1;
                continue;
            }
            let named = [
                format!("--context {context} "),
                format!("--kube-context {context} "),
            ];
            let command = format!("{command} ");
            assert!(
                named.iter().any(|option| command.contains(option)),
                "{command}"
            );
        }
        assert_eq!(loaded, 2, "{context}");
    }
}

#[test]
fn it_installs_the_versions_that_the_chart_is_checked_with_and_each_in_one() {
    let (_, versions, _) = output(Command::new("bash").args([
        "-c",
        "source \"$1\"; set | grep _VERSION=",
        "versions",
        &repository("scripts/versions.sh").display().to_string(),
    ]));
    for (name, module) in [
        ("CERT_MANAGER", "github.com/cert-manager/cert-manager"),
        ("DAPR", "github.com/dapr/dapr"),
        ("ENVOY_GATEWAY", "github.com/envoyproxy/gateway"),
        ("KEDA", "github.com/kedacore/keda/v2"),
    ] {
        let checked = version_of(module).unwrap().trim_start_matches('v');
        let line = versions
            .lines()
            .find_map(|line| line.strip_prefix(&format!("{name}_VERSION=")));
        assert_eq!(line.unwrap().trim_start_matches('v'), checked, "{name}");
    }
    assert!(
        versions.contains(&format!("STRIMZI_VERSION={STRIMZI_VERSION}\n")),
        "{versions}"
    );
    for command in dry_run("kind-here") {
        if command.starts_with("helm upgrade") && !command.contains(" k8s/chart ") {
            assert!(command.contains(" --version "), "{command}");
        }
    }
}

#[test]
fn each_program_that_is_missing_is_named_in_a_line_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let here = |program: &str| {
        let found = ["/usr/bin", "/bin"].map(|place| Path::new(place).join(program));
        let found = found.iter().find(|path| path.exists()).unwrap();
        symlink(found, folder.path().join(program)).unwrap();
    };
    here("bash");
    here("dirname");
    let (output, out, error) = output(setup().args(["--context", "x"]).env("PATH", folder.path()));
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(out, "");
    let missing: Vec<_> = error
        .lines()
        .filter_map(|line| line.split(' ').next())
        .collect();
    assert_eq!(
        missing,
        ["kubectl", "helm", "docker", "curl", "openssl", "minikube"],
        "{error}"
    );
}
