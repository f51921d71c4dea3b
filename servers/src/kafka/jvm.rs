use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use super::Kafka;
use crate::folder::Folder;
use crate::{cache, tools};

const VERSION: &str = "4.3.1";
/// `sha256  path` a line, as `sha256sum` prints it. `kafka/pom.xml` says how the list is made.
const JARS: &str = include_str!("../../kafka/jars.sha256");
/// Java writes the archive while it ends.
const ARCHIVE_LIMIT: Duration = Duration::from_secs(120);

/// Java with Kafka's jars.
#[derive(Clone)]
pub struct Jvm {
    java: PathBuf,
    class_path: String,
    /// Kafka's classes as Java keeps them once loaded (class data sharing): half of what a start costs is loading them.
    archive: Option<PathBuf>,
}

impl Jvm {
    pub async fn get() -> Result<Self> {
        let (java, version) = tools::java().await?;
        let mut jvm = Self {
            java,
            class_path: class_path().await?,
            archive: None,
        };
        // Java reads an archive that this very Java wrote, of jars under these very paths.
        let made_from = [version.as_bytes(), jvm.class_path.as_bytes()];
        let name = cache::name("kafka-classes", VERSION, &made_from);
        let without = jvm.clone();
        let folder = cache::entry(&cache::folder()?, &name, |folder| {
            without.write_archive(folder)
        })
        .await?;
        jvm.archive = Some(folder.join("classes.jsa")).filter(|file| file.exists());
        Ok(jvm)
    }

    /// `java` with what every program of Kafka's needs, in `folder`.
    pub fn command(&self, heap: &str, folder: &Path) -> Command {
        let mut command = Command::new(&self.java);
        command
            .arg(format!("-Xmx{heap}"))
            .args(["-cp", &self.class_path])
            // Native libraries are unpacked there.
            .arg(format!("-Djava.io.tmpdir={}", folder.display()))
            .arg("-XX:-UsePerfData")
            .current_dir(folder);
        if let Some(file) = &self.archive {
            command.arg(format!("-XX:SharedArchiveFile={}", file.display()));
        }
        command
    }

    /// A key with a certificate for `localhost` in `keys.p12`, and the certificate in `certificate.pem`.
    pub async fn make_certificate(&self, folder: &Folder, password: &str) -> Result<()> {
        let keytool = self.java.with_file_name("keytool");
        let store = folder.join("keys.p12");
        let common = |command: &mut Command| {
            command
                .args(["-alias", "broker", "-storetype", "PKCS12"])
                .args(["-storepass", password, "-keystore"])
                .arg(&store);
        };
        let mut make = Command::new(&keytool);
        make.args(["-genkeypair", "-keyalg", "EC", "-groupname", "secp256r1"])
            .args(["-dname", "CN=localhost", "-ext", "san=dns:localhost"])
            .args(["-validity", "30"]);
        common(&mut make);
        tools::run(&mut make.into()).await?;
        let mut export = Command::new(&keytool);
        export.args(["-exportcert", "-rfc", "-file"]);
        export.arg(folder.join("certificate.pem"));
        common(&mut export);
        tools::run(&mut export.into()).await.map(drop)
    }

    /// Starts and stops a broker. Where this Java can't write an archive, there is none, and starts are slower.
    async fn write_archive(self, folder: PathBuf) -> Result<()> {
        cache::say("Kafka's classes are prepared once, so that it starts in half the time");
        let argument = format!(
            "-XX:ArchiveClassesAtExit={}",
            folder.join("classes.jsa").display()
        );
        let mut kafka = Kafka::start_on(self, &[&argument]).await?;
        kafka.server.stop_limit = ARCHIVE_LIMIT;
        kafka.stop().await
    }
}

async fn class_path() -> Result<String> {
    let jars = || JARS.lines().filter_map(|line| line.split_once("  "));
    let name = cache::name("kafka", VERSION, &[JARS.as_bytes()]);
    let folder = cache::entry(&cache::folder()?, &name, |folder| async move {
        cache::say(&format!(
            "fetching Apache Kafka {VERSION} ({} jars, 44 MB)",
            jars().count()
        ));
        let maven = cache::Maven::new()?;
        for (sha256, path) in jars() {
            maven
                .fetch(path, sha256, &folder.join(file_name(path)))
                .await?;
        }
        Ok(())
    })
    .await?;
    let paths: Vec<String> = jars()
        .map(|(_, path)| folder.join(file_name(path)).display().to_string())
        .collect();
    Ok(paths.join(":"))
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
