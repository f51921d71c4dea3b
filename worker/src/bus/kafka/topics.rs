//! The topics as `k8s/kafka/topics/` states them: on Kubernetes Strimzi makes them, elsewhere `punctual-worker topics
//! --apply` does.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::admin::{
    AdminClient, AdminOptions, AlterConfig, NewPartitions, NewTopic, ResourceSpecifier,
    TopicReplication,
};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::RDKafkaErrorCode;
use saphyr::{LoadableYamlNode, Scalar, Yaml};
use tokio::time::Instant;

use super::KafkaOptions;
use crate::error::Error;

const MANIFESTS: [&str; 3] = [
    include_str!("../../../../k8s/kafka/topics/task-events.yaml"),
    include_str!("../../../../k8s/kafka/topics/reminders.yaml"),
    include_str!("../../../../k8s/kafka/topics/task-updates.yaml"),
];
const TIMEOUT: Duration = Duration::from_secs(10);
const IN_SYNC: &str = "min.insync.replicas";

/// A topic as its manifest wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    pub name: String,
    pub partitions: i32,
    pub replicas: i32,
    pub config: BTreeMap<String, String>,
}

/// What has to be done about a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    Create(Topic),
    /// From so many partitions to as many as the manifest says.
    Grow(Topic, i32),
    /// The settings that differ.
    Set(Topic, Vec<String>),
    Fine(Topic),
}

impl std::fmt::Display for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Create(topic) => write!(
                f,
                "{}: to be made, {} partitions, {} replicas",
                topic.name, topic.partitions, topic.replicas
            ),
            Self::Grow(topic, from) => {
                write!(
                    f,
                    "{}: from {from} to {} partitions",
                    topic.name, topic.partitions
                )
            }
            Self::Set(topic, names) => write!(f, "{}: to be set: {}", topic.name, names.join(", ")),
            Self::Fine(topic) => write!(f, "{}: as it should be", topic.name),
        }
    }
}

/// All topics of all manifests.
pub fn wanted() -> Result<Vec<Topic>, Error> {
    let mut topics = Vec::new();
    for manifest in MANIFESTS {
        let documents = Yaml::load_from_str(manifest)
            .map_err(|error| Error::Corrupt(format!("a topic's manifest: {error}")))?;
        for document in &documents {
            topics
                .push(topic(document).ok_or_else(|| {
                    Error::Corrupt("a topic's manifest lacks a field".to_owned())
                })?);
        }
    }
    Ok(topics)
}

fn topic(document: &Yaml<'_>) -> Option<Topic> {
    let spec = document.as_mapping_get("spec")?;
    let number = |name| {
        spec.as_mapping_get(name)?
            .as_integer()
            .and_then(|number| i32::try_from(number).ok())
    };
    let config = spec.as_mapping_get("config")?.as_mapping()?;
    let config = config
        .iter()
        .map(|(name, value)| Some((name.as_str()?.to_owned(), text(value)?)))
        .collect::<Option<_>>()?;
    Some(Topic {
        name: document
            .as_mapping_get("metadata")?
            .as_mapping_get("name")?
            .as_str()?
            .to_owned(),
        partitions: number("partitions")?,
        replicas: number("replicas")?,
        config,
    })
}

fn text(value: &Yaml<'_>) -> Option<String> {
    match value {
        Yaml::Value(Scalar::String(text)) => Some(text.to_string()),
        Yaml::Value(Scalar::Integer(number)) => Some(number.to_string()),
        Yaml::Value(Scalar::Boolean(yes)) => Some(yes.to_string()),
        _ => None,
    }
}

/// What differs on the brokers, in the manifests' order. Where there are fewer brokers than replicas, every broker gets
/// one, and as many as there are must be in sync, less one.
pub async fn steps(options: &KafkaOptions) -> Result<Vec<Step>, Error> {
    let admin = admin(options)?;
    let (there, brokers) = partitions(options.clone()).await?;
    let mut steps = Vec::new();
    for mut topic in wanted()? {
        topic.name = options.topic(&topic.name);
        if brokers < topic.replicas {
            topic.replicas = brokers;
            if let Some(least) = topic.config.get_mut(IN_SYNC) {
                *least = (brokers - 1).max(1).to_string();
            }
        }
        let Some(&found) = there.get(&topic.name) else {
            steps.push(Step::Create(topic));
            continue;
        };
        let differing = differing(&admin, &topic).await?;
        if found < topic.partitions {
            steps.push(Step::Grow(topic.clone(), found));
        }
        if !differing.is_empty() {
            steps.push(Step::Set(topic, differing));
        } else if found >= topic.partitions {
            steps.push(Step::Fine(topic));
        }
    }
    Ok(steps)
}

/// Does what [`steps`] found.
pub async fn apply(options: &KafkaOptions, steps: &[Step]) -> Result<(), Error> {
    let admin = admin(options)?;
    let patience = AdminOptions::new()
        .request_timeout(Some(TIMEOUT))
        .operation_timeout(Some(TIMEOUT));
    for step in steps {
        let refused = match step {
            Step::Create(topic) => {
                let new = topic.config.iter().fold(
                    NewTopic::new(
                        &topic.name,
                        topic.partitions,
                        TopicReplication::Fixed(topic.replicas),
                    ),
                    |new, (name, value)| new.set(name, value),
                );
                let made = admin.create_topics([&new], &patience).await?;
                made.into_iter()
                    .filter_map(Result::err)
                    // Another one was faster.
                    .find(|(_, code)| *code != RDKafkaErrorCode::TopicAlreadyExists)
            }
            Step::Grow(topic, _) => {
                let count = usize::try_from(topic.partitions).unwrap_or(1);
                let grown = admin
                    .create_partitions([&NewPartitions::new(&topic.name, count)], &patience)
                    .await?;
                grown.into_iter().find_map(Result::err)
            }
            Step::Set(topic, _) => {
                let change = topic.config.iter().fold(
                    AlterConfig::new(ResourceSpecifier::Topic(&topic.name)),
                    |change, (name, value)| change.set(name, value),
                );
                let set = admin.alter_configs([&change], &patience).await?;
                set.into_iter()
                    .find_map(Result::err)
                    .map(|(_, code)| (topic.name.clone(), code))
            }
            Step::Fine(_) => None,
        };
        if let Some((name, code)) = refused {
            return Err(Error::Usage(format!("the broker refuses {name}: {code}")));
        }
    }
    until_seen(options, steps).await
}

/// A broker acknowledges a topic a moment before it tells others of it.
async fn until_seen(options: &KafkaOptions, steps: &[Step]) -> Result<(), Error> {
    let deadline = Instant::now() + TIMEOUT;
    loop {
        let (there, _) = partitions(options.clone()).await?;
        let missing = steps.iter().find_map(|step| match step {
            Step::Create(topic) | Step::Grow(topic, _) => (there
                .get(&topic.name)
                .is_none_or(|found| *found < topic.partitions))
            .then_some(&topic.name),
            Step::Set(..) | Step::Fine(_) => None,
        });
        match missing {
            None => return Ok(()),
            Some(name) if Instant::now() >= deadline => {
                return Err(Error::Usage(format!("the broker does not show {name}")));
            }
            Some(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

fn admin(options: &KafkaOptions) -> Result<AdminClient<DefaultClientContext>, Error> {
    Ok(options.client().create()?)
}

/// The partitions of every topic, and how many brokers there are.
async fn partitions(options: KafkaOptions) -> Result<(BTreeMap<String, i32>, i32), Error> {
    let asked = tokio::task::spawn_blocking(move || {
        let admin = admin(&options)?;
        let metadata = admin.inner().fetch_metadata(None, TIMEOUT)?;
        let count = |length: usize| i32::try_from(length).unwrap_or(i32::MAX);
        let topics = metadata
            .topics()
            .iter()
            .map(|topic| (topic.name().to_owned(), count(topic.partitions().len())))
            .collect();
        Ok((topics, count(metadata.brokers().len())))
    });
    match asked.await {
        Ok(answer) => answer,
        Err(panic) => Err(Error::Corrupt(panic.to_string())),
    }
}

/// The settings of a topic that are not what its manifest says.
async fn differing(
    admin: &AdminClient<DefaultClientContext>,
    topic: &Topic,
) -> Result<Vec<String>, Error> {
    let patience = AdminOptions::new().request_timeout(Some(TIMEOUT));
    let described = admin
        .describe_configs([&ResourceSpecifier::Topic(&topic.name)], &patience)
        .await?;
    let mut differing = Vec::new();
    for resource in described {
        let resource = resource.map_err(|code| {
            Error::Usage(format!(
                "the broker does not describe {}: {code}",
                topic.name
            ))
        })?;
        for (name, value) in &topic.config {
            let found = resource.get(name).and_then(|entry| entry.value.as_ref());
            if found != Some(value) {
                differing.push(name.clone());
            }
        }
    }
    Ok(differing)
}

#[cfg(test)]
mod tests {
    use punctual_contract::events::{REMINDERS, TASK_EVENTS, TASK_UPDATES};

    use super::*;

    #[test]
    fn the_manifests_name_every_topic_and_its_dead_letters() {
        let wanted = wanted().expect("the manifests");
        let names: Vec<&str> = wanted.iter().map(|topic| topic.name.as_str()).collect();
        let expected: Vec<String> = [TASK_EVENTS, REMINDERS, TASK_UPDATES]
            .iter()
            .flat_map(|topic| [(*topic).to_owned(), format!("{topic}.dlq")])
            .collect();
        assert_eq!(names, expected);
        assert!(wanted.iter().all(|topic| topic.replicas == 3));
        assert_eq!(wanted[0].config["retention.ms"], "604800000");
    }
}
