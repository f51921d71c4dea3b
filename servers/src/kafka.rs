//! Apache Kafka, from Maven Central, as one KRaft node: broker and controller in one process, no ZooKeeper.

mod jvm;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::OnceCell;

use crate::folder::Folder;
use crate::port;
use crate::server::Server;
use crate::tools;

use jvm::Jvm;

const READY_LIMIT: Duration = Duration::from_secs(90);
const READ_LIMIT: Duration = Duration::from_secs(30);

static SHARED: OnceCell<Kafka> = OnceCell::const_new();

/// A broker of its own on random ports of loopback, without topics; none is made by being used. Everything is gone when
/// this is dropped, or when this process ends in whatever way.
pub struct Kafka {
    // Dropped before its folder.
    server: Server,
    folder: Folder,
    jvm: Jvm,
    port: u16,
    secure: Option<u16>,
    /// The users of that port.
    scram: Vec<String>,
}

const PROPERTIES: &str = "server.properties";
/// Of every store that Java keeps keys in.
const STORE_PASSWORD: &str = "for-tests-alone";

impl Kafka {
    pub async fn start() -> Result<Self> {
        Self::start_on(Jvm::get().await?, &[]).await
    }

    /// As in production: beside the open port, whose clients may do everything, a second one with TLS and SCRAM-SHA-512
    /// for these users (name, password), who may do nothing before [`Kafka::allow`].
    pub async fn start_secure(users: &[(&str, &str)]) -> Result<Self> {
        Self::start_with(Jvm::get().await?, &[], Some(users)).await
    }

    async fn start_on(jvm: Jvm, arguments: &[&str]) -> Result<Self> {
        Self::start_with(jvm, arguments, None).await
    }

    async fn start_with(
        jvm: Jvm,
        arguments: &[&str],
        users: Option<&[(&str, &str)]>,
    ) -> Result<Self> {
        let folder = Folder::new("kafka")?;
        let port = port::free()?;
        let secure = users.map(|_| port::free()).transpose()?;
        if secure.is_some() {
            jvm.make_certificate(&folder, STORE_PASSWORD).await?;
        }
        let text = properties(&folder, port, port::free()?, secure);
        let properties = folder.write(PROPERTIES, &text)?;
        let scram = users.unwrap_or_default().iter();
        let scram = scram
            .map(|(name, password)| format!("SCRAM-SHA-512=[name={name},password={password}]"))
            .collect();
        let mut command = jvm.command("512m", folder.path());
        command
            // As Kafka's own start script has them.
            .args([
                "-XX:+UseG1GC",
                "-XX:MaxGCPauseMillis=20",
                "-Djava.awt.headless=true",
            ])
            .arg("-Dorg.slf4j.simpleLogger.showDateTime=true")
            .arg("-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS")
            .args(arguments)
            .arg("kafka.Kafka")
            .arg(&properties);
        let server = Server::new("Kafka", command, folder.join("log"), READY_LIMIT);
        let mut kafka = Self {
            server,
            folder,
            jvm,
            port,
            secure,
            scram,
        };
        kafka.format().await?;
        kafka.restart().await?;
        Ok(kafka)
    }

    /// Makes the data folder.
    async fn format(&self) -> Result<()> {
        let mut command = self.jvm.command("128m", self.folder.path());
        command
            .args(["kafka.tools.StorageTool", "format", "--standalone"])
            .args(["--cluster-id", "punctual-test-cluster0", "--config"])
            .arg(self.folder.join(PROPERTIES));
        for user in &self.scram {
            command.args(["--add-scram", user]);
        }
        tools::run(&mut command.into()).await.map(drop)
    }

    /// The one broker of this process, started by whoever asks first.
    pub async fn shared() -> Result<&'static Self> {
        SHARED.get_or_try_init(Self::start).await
    }

    /// `bootstrap.servers` of a client.
    pub fn bootstrap(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The port with TLS and SCRAM, where there is one.
    pub fn secure_bootstrap(&self) -> Option<String> {
        // The certificate is of this name.
        self.secure.map(|port| format!("localhost:{port}"))
    }

    /// The certificate (PEM) that the port with TLS is trusted by.
    pub fn certificate(&self) -> PathBuf {
        self.folder.join("certificate.pem")
    }

    /// Gives a user of the port with TLS these rights.
    pub async fn allow(&self, user: &str, rule: &AclRule) -> Result<()> {
        let mut command = self.jvm.command("128m", self.folder.path());
        command
            .args([
                "-Xlog:disable",
                "-Dorg.slf4j.simpleLogger.defaultLogLevel=error",
            ])
            .arg("org.apache.kafka.tools.AclCommand")
            .args(["--bootstrap-server", &self.bootstrap(), "--add"])
            .args(["--allow-principal", &format!("User:{user}")]);
        for operation in &rule.operations {
            command.args(["--operation", operation]);
        }
        for name in &rule.names {
            command.args([&format!("--{}", rule.resource), name]);
        }
        if rule.prefixed {
            command.args(["--resource-pattern-type", "prefixed"]);
        }
        tools::run(&mut command.into()).await.map(drop)
    }

    pub fn pid(&self) -> Option<u32> {
        self.server.pid()
    }

    pub fn log(&self) -> PathBuf {
        self.folder.join("log")
    }

    /// What Kafka's own console consumer prints of a topic from its beginning: `key<TAB>value` a message, as an outsider
    /// reads it. An error when fewer than `count` messages come in 30 s.
    pub async fn console_consumer(&self, topic: &str, count: usize) -> Result<Vec<String>> {
        let mut command = self.jvm.command("128m", self.folder.path());
        command
            .args([
                "-Xlog:disable",
                "-Dorg.slf4j.simpleLogger.defaultLogLevel=error",
            ])
            .arg("org.apache.kafka.tools.consumer.ConsoleConsumer")
            .args(["--bootstrap-server", &self.bootstrap()])
            .args(["--topic", topic, "--from-beginning"])
            .args(["--max-messages", &count.to_string()])
            .args(["--timeout-ms", &READ_LIMIT.as_millis().to_string()])
            .args(["--formatter-property", "print.key=true"]);
        let text = tokio::time::timeout(READ_LIMIT * 2, tools::run(&mut command.into()))
            .await
            .context("Kafka's console consumer does not end")??;
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        if lines.len() < count {
            bail!(
                "the topic {topic} gave {} messages, not {count}",
                lines.len()
            );
        }
        Ok(lines)
    }

    /// SIGKILL, as when the machine loses it.
    pub async fn kill(&mut self) -> Result<()> {
        self.server.kill().await
    }

    /// The controlled shutdown.
    pub async fn stop(&mut self) -> Result<()> {
        self.server.stop().await
    }

    /// On the same ports and data. Stops it first where it runs.
    pub async fn restart(&mut self) -> Result<()> {
        let address = self.bootstrap();
        self.server
            .start(|| async { knows_itself(&address).await.unwrap_or(false) })
            .await
    }

    /// SIGSTOP: connections stay open and nothing answers.
    pub fn pause(&mut self) -> Result<()> {
        self.server.pause()
    }

    pub fn resume(&mut self) -> Result<()> {
        self.server.resume()
    }

    /// Each write fails as on a full disk, until it is started anew. Linux alone.
    pub async fn fill_disk(&self) -> Result<()> {
        self.server.fill_disk().await
    }

    /// All topics, records and offsets are lost. It must be down.
    pub async fn wipe_data(&mut self) -> Result<()> {
        if self.server.running() {
            bail!("Kafka is running: stop or kill it before its data is deleted");
        }
        std::fs::remove_dir_all(self.folder.join("data"))
            .context("Kafka's data can't be deleted")?;
        self.format().await
    }
}

/// A rule as Strimzi's `KafkaUser` has it.
#[derive(Debug, Clone)]
pub struct AclRule {
    /// `topic` or `group`.
    pub resource: String,
    pub names: Vec<String>,
    /// The names are how names begin.
    pub prefixed: bool,
    pub operations: Vec<String>,
}

fn properties(folder: &Folder, broker: u16, controller: u16, secure: Option<u16>) -> String {
    let (advertised, bound) = match secure {
        None => (String::new(), String::new()),
        Some(port) => (
            format!(",SECURE://localhost:{port}"),
            format!(",SECURE://127.0.0.1:{port}"),
        ),
    };
    let mut text = format!(
        "\
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:{controller}
listeners=BROKER://127.0.0.1:{broker}{bound},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=BROKER://127.0.0.1:{broker}{advertised}
listener.security.protocol.map=BROKER:PLAINTEXT,SECURE:SASL_SSL,CONTROLLER:PLAINTEXT
inter.broker.listener.name=BROKER
controller.listener.names=CONTROLLER
log.dirs={data}
auto.create.topics.enable=false
# One node holds all copies.
default.replication.factor=1
min.insync.replicas=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
# A killed broker is taken back when its old session is over: 9 s by default, too long for a fault of seconds.
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=3000
# A first consumer group has its partitions at once.
group.initial.rebalance.delay.ms=0
",
        data = folder.join("data").display()
    );
    if secure.is_some() {
        let keys = folder.join("keys.p12");
        text += &format!(
            "\
sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.secure.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
ssl.keystore.location={}
ssl.keystore.password={STORE_PASSWORD}
ssl.keystore.type=PKCS12
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
# Who comes by the open port has no name.
super.users=User:ANONYMOUS
",
            keys.display()
        );
    }
    text
}

/// Asks for the cluster's metadata, and whether a broker is in it: one that merely listens isn't in it yet.
async fn knows_itself(address: &str) -> Result<bool> {
    let mut stream = TcpStream::connect(address).await?;
    // Length; Metadata (3), version 0, correlation 1, no client id (-1); the empty list asks for all topics.
    let request: [&[u8]; 5] = [
        &14i32.to_be_bytes(),
        &[0, 3, 0, 0],
        &[0, 0, 0, 1],
        &[0xff, 0xff],
        &[0; 4],
    ];
    stream.write_all(&request.concat()).await?;
    let _length = stream.read_i32().await?;
    let _correlation = stream.read_i32().await?;
    Ok(stream.read_i32().await? > 0)
}
