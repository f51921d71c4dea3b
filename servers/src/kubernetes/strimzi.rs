use std::fs;
use std::path::PathBuf;

use anyhow::Result;
use tokio::process::Command;

use crate::{cache, tools};

pub const VERSION: &str = "1.2.0";
/// `sha256  path` a line, as `sha256sum` prints it. `strimzi/pom.xml` says how the list is made.
const JARS: &str = include_str!("../../strimzi/jars.sha256");
const GENERATOR: &str = "io.strimzi.crdgenerator.CrdGenerator";
/// What the generator is written for.
const JAVA: u32 = 21;
const KINDS: [(&str, &str); 4] = [
    ("io.strimzi.api.kafka.model.kafka.Kafka", "kafka.yaml"),
    (
        "io.strimzi.api.kafka.model.nodepool.KafkaNodePool",
        "nodepool.yaml",
    ),
    ("io.strimzi.api.kafka.model.topic.KafkaTopic", "topic.yaml"),
    ("io.strimzi.api.kafka.model.user.KafkaUser", "user.yaml"),
];

/// The definitions' files (YAML) as Strimzi's own generator, from Maven Central, makes them. `None` where they have not been
/// made before and the machine has no Java from version 21 on.
pub async fn strimzi_definitions() -> Result<Option<Vec<PathBuf>>> {
    let cache = cache::folder()?;
    let name = cache::name("strimzi", VERSION, &[JARS.as_bytes()]);
    let java = tools::java_from(JAVA).await;
    if java.is_none() && !cache.join(&name).is_dir() {
        return Ok(None);
    }
    let folder = cache::entry(&cache, &name, |folder| async move {
        cache::say(&format!("fetching Strimzi's generator {VERSION} (39 MB)"));
        let maven = cache::Maven::new()?;
        let jars = folder.join("jars");
        fs::create_dir(&jars)?;
        for (sha256, path) in JARS.lines().filter_map(|line| line.split_once("  ")) {
            let file = path.rsplit('/').next().unwrap_or(path);
            maven.fetch(path, sha256, &jars.join(file)).await?;
        }
        for (class, file) in KINDS {
            let mut generate = Command::new(java.as_deref().unwrap_or("java".as_ref()));
            generate
                .args(["-cp", &format!("{}/*", jars.display()), GENERATOR, "--yaml"])
                .arg(format!("{class}={}", folder.join(file).display()));
            tools::run(&mut generate).await?;
        }
        Ok(fs::remove_dir_all(&jars)?)
    })
    .await?;
    Ok(Some(KINDS.map(|(_, file)| folder.join(file)).to_vec()))
}
