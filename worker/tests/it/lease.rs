use punctual_worker::lease::{LEADER, Lease};

use crate::harness::{Fixture, NOW, SECOND};

fn lease(fixture: &Fixture, holder: &str, alone: bool) -> Lease {
    Lease::new(
        fixture.store.clone(),
        fixture.clock.clone(),
        holder.to_owned(),
        alone,
    )
}

#[tokio::test]
async fn a_lease_is_taken_over_only_when_it_has_expired_and_the_fence_steps() {
    let fixture = Fixture::new().await;
    let (one, two) = (lease(&fixture, "one", false), lease(&fixture, "two", false));
    let first = one.acquire().await.expect("asked").expect("free");
    assert_eq!(two.acquire().await.expect("asked"), None);
    fixture.clock.set(NOW + 4 * SECOND);
    assert!(one.renew(first).await.expect("asked"));
    fixture.clock.set(NOW + 8 * SECOND);
    assert_eq!(
        two.acquire().await.expect("asked"),
        None,
        "renewed until second 9"
    );
    fixture.clock.set(NOW + 9 * SECOND);
    let second = two.acquire().await.expect("asked").expect("expired");
    assert!(second.fence > first.fence);
    assert!(
        !one.renew(first).await.expect("asked"),
        "the first holder is told"
    );
    one.release(first).await.expect("asked");
    assert!(
        two.renew(second).await.expect("asked"),
        "and can't give away what is no longer its own"
    );
}

#[tokio::test]
async fn a_released_lease_is_free_at_once() {
    let fixture = Fixture::new().await;
    let (one, two) = (lease(&fixture, "one", false), lease(&fixture, "two", false));
    let lead = one.acquire().await.expect("asked").expect("free");
    one.release(lead).await.expect("released");
    assert!(two.acquire().await.expect("asked").is_some());
}

#[tokio::test]
async fn a_worker_alone_in_its_folder_does_not_wait_for_a_dead_ones_lease() {
    let fixture = Fixture::new().await;
    let dead = lease(&fixture, "dead", true)
        .acquire()
        .await
        .expect("asked")
        .expect("free");
    let next = lease(&fixture, "next", true)
        .acquire()
        .await
        .expect("asked")
        .expect("taken");
    assert!(next.fence > dead.fence);
}

#[tokio::test]
async fn a_worker_that_stops_lets_the_lease_go() {
    let fixture = Fixture::new().await;
    let functions = fixture.functions().await;
    let worker = fixture.worker(&functions).await;
    crate::harness::eventually("a leader", async || {
        (fixture
            .integer("SELECT count(*) FROM leases WHERE until > 0")
            .await
            == 1)
            .then_some(())
    })
    .await;
    worker.stop().await;
    assert_eq!(fixture.integer("SELECT until FROM leases").await, 0);
    assert_eq!(fixture.text("SELECT name FROM leases").await, LEADER);
}
