//! Processes that are replaced as Kubernetes replaces pods: an app and its sidecar together.

use std::time::Duration;

use punctual_servers::{Balancer, Cluster, Daprd, Program};
use rand::RngExt;
use rand::rngs::StdRng;

/// A gateway learns so much later that a process is to stop, at most.
const LAG_MS: std::ops::Range<u64> = 0..1500;
/// Between two processes that are replaced.
pub const PAUSE: Duration = Duration::from_secs(2);

/// Replaces every process, one after the other.
pub async fn roll(cluster: &mut Cluster, random: &mut StdRng) {
    let Cluster {
        functions,
        workers,
        balancers,
        ..
    } = cluster;
    let balancers = balancers.as_ref().expect("several processes");
    for one in functions {
        let pod = (&mut one.program, &mut one.daprd, &*one.url);
        replace(pod, &balancers.functions, random).await;
    }
    for one in workers {
        let pod = (&mut one.program, &mut one.daprd, &*one.url);
        replace(pod, &balancers.hubs, random).await;
    }
}

/// The process is told to stop and, a little later, nobody is sent to it any more. The new one gets requests once it is
/// healthy.
async fn replace(
    (program, daprd, url): (&mut Program, &mut Daprd, &str),
    balancer: &Balancer,
    random: &mut StdRng,
) {
    let lag = Duration::from_millis(random.random_range(LAG_MS));
    let leave = async {
        tokio::time::sleep(lag).await;
        balancer.remove(url);
    };
    let (stopped, ()) = tokio::join!(program.stop(), leave);
    stopped.expect("stopped");
    daprd.restart().await.expect("started");
    program.restart().await.expect("started");
    balancer.add(url).expect("added");
    tokio::time::sleep(PAUSE).await;
}
