//! Reminders that are edited while they fire, and seconds that are called for again and again.

use futures::StreamExt;
use futures::future::join_all;
use it::client::text;
use it::{Reply, User};
use punctual_contract::dapr::TOKEN;
use punctual_servers::Cluster;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

use crate::shared::{
    SECOND, assert_each_once, fired, instant, now, person, remind, settled, sleep_until, to_use,
    told,
};

const SEED: u64 = 1;
const INSTANTS: i64 = 5;
/// Tasks that are due, and edited, at one instant.
const TOGETHER: usize = 24;
/// Half of what an edit may be away from the instant, in microseconds.
const AROUND: i64 = 50_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Edit {
    Move,
    Complete,
    Delete,
    Rename,
}

/// A task, and what is done to it around the instant at which it rings.
#[derive(Debug)]
struct Subject {
    id: String,
    /// By an instant of its own, or by an interval before its due.
    absolute: bool,
    rings: i64,
    edit: Edit,
    sent: i64,
    moved_to: i64,
}

/// A reminder at an instant. The other kind hangs at a due in a later minute.
fn reminder(absolute: bool, at: i64) -> Value {
    if absolute {
        return json!({ "reminders": [{ "id": "r", "at": instant(at) }] });
    }
    let due = (at / SECOND / 60 + 2) * 60;
    let before = format!("PT{}S", due - at / SECOND);
    let due = &instant(due * SECOND)[..16];
    json!({ "due": due, "reminders": [{ "id": "r", "before": before }] })
}

impl Subject {
    /// `usual`: how long an edit takes. Some are sent so much earlier that they are acknowledged around the instant.
    async fn make(user: &User, number: usize, random: u64, begin: i64, usual: i64) -> Self {
        let mut random = StdRng::seed_from_u64(random);
        let edits = [Edit::Move, Edit::Complete, Edit::Delete, Edit::Rename];
        let rings = begin + i64::try_from(number / TOGETHER).expect("small") * SECOND;
        let absolute = number.is_multiple_of(2);
        let mut body = reminder(absolute, rings);
        body["title"] = json!(format!("task {number}"));
        Self {
            id: text(&user.add(body).await, "/id"),
            absolute,
            rings,
            edit: edits[number / 2 % edits.len()],
            sent: rings + random.random_range(-AROUND..=AROUND)
                - usual * i64::try_from(number % 3).expect("small"),
            // Near enough for the heap alone, or not.
            moved_to: rings + random.random_range(4..8) * SECOND,
        }
    }

    async fn edit(&self, user: &User) -> Reply {
        let path = format!("/api/tasks/{}", self.id);
        match self.edit {
            Edit::Move => {
                user.patch(&path, reminder(self.absolute, self.moved_to))
                    .await
            }
            Edit::Complete => user.post(&format!("{path}/complete"), json!({})).await,
            Edit::Delete => user.delete(&path).await,
            Edit::Rename => user.patch(&path, json!({ "title": "renamed" })).await,
        }
    }
}

/// How long an edit takes here while others are under way, in microseconds.
async fn usual(user: &User) -> i64 {
    let mut took: Vec<i64> = futures::stream::iter(0..24)
        .map(|number| async move {
            let id = text(&user.add(json!({ "title": "a" })).await, "/id");
            let begun = now();
            let path = format!("/api/tasks/{id}");
            let edit = json!({ "title": format!("b {number}") });
            user.patch(&path, edit).await.expect(200);
            now() - begun
        })
        .buffer_unordered(8)
        .collect()
        .await;
    took.sort_unstable();
    took[took.len() / 2]
}

/// The subjects, made well before the first instant.
async fn subjects(user: &User) -> Vec<Subject> {
    let usual = usual(user).await;
    let count = usize::try_from(INSTANTS).expect("small") * TOGETHER;
    for lead in [4, 8, 16] {
        let begin = (now() / SECOND + lead) * SECOND;
        let mut random = StdRng::seed_from_u64(SEED);
        let seeds: Vec<(usize, u64)> = (0..count).map(|number| (number, random.random())).collect();
        let made: Vec<Subject> = futures::stream::iter(seeds)
            .map(|(number, seed)| Subject::make(user, number, seed, begin, usual))
            .buffered(8)
            .collect()
            .await;
        if now() < begin - SECOND {
            return made;
        }
        // Those ring as they were made, and are nobody's concern.
        eprintln!("{count} tasks took more than {lead} s");
    }
    panic!("the tasks can't be made in time");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edit_that_races_its_own_firing_leaves_one_effect_or_none_and_never_an_outdated_one() {
    let cluster = to_use().await;
    let (ann, receiver) = person(&cluster, "racing").await;
    let subjects = subjects(&ann).await;
    let answers = join_all(subjects.iter().map(|subject| async {
        sleep_until(subject.sent).await;
        let answer = subject.edit(&ann).await;
        (answer, now())
    }));
    let answers = answers.await;
    sleep_until(
        subjects
            .iter()
            .map(|subject| subject.moved_to)
            .max()
            .expect("some"),
    )
    .await;
    settled(&cluster, &ann).await;

    let (fired, told) = (fired(&cluster, &ann).await, told(&receiver));
    let (mut before, mut rang_before_it) = (0, 0);
    for (subject, (answer, acknowledged)) in subjects.iter().zip(answers) {
        assert!(
            matches!(answer.status, 200 | 204),
            "{subject:?}: {answer:?}"
        );
        let times = |at: i64| {
            let of = (subject.id.clone(), at);
            let count = |effects: &crate::shared::Effects| effects.get(&of).copied().unwrap_or(0);
            (count(&fired), count(&told))
        };
        let (records, webhooks) = times(subject.rings);
        assert!(webhooks <= records && records <= 1, "{subject:?}");
        if subject.edit == Edit::Rename {
            assert_eq!((records, webhooks), (1, 1), "{subject:?}");
            continue;
        }
        if acknowledged < subject.rings {
            before += 1;
            assert_eq!(records, 0, "{subject:?} was acknowledged at {acknowledged}");
        }
        rang_before_it += records;
        if subject.edit == Edit::Move {
            assert_eq!(times(subject.moved_to), (1, 1), "{subject:?}");
        }
    }
    eprintln!(
        "{} edits: {before} of {} acknowledged before the instant, {rang_before_it} rang before the edit",
        subjects.len(),
        subjects
            .iter()
            .filter(|subject| subject.edit != Edit::Rename)
            .count(),
    );
}

/// Calls a worker as its sidecar does; the status.
async fn job(cluster: &Cluster, worker: usize, name: &str, token: Option<&str>) -> u16 {
    let url = format!("{}/job/{name}", cluster.workers[worker].url);
    let request = reqwest::Client::new().post(url);
    let request = match token {
        Some(token) => request.header(TOKEN, token),
        None => request,
    };
    let answer = request.send().await.expect("an answer");
    answer.status().as_u16()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_that_is_called_for_a_hundred_times_by_several_sidecars_fires_its_reminders_once()
{
    let cluster = to_use().await;
    let (ann, receiver) = person(&cluster, "called").await;
    let second = now() / SECOND + 5;
    let mut meant = Vec::new();
    for number in 0..8 {
        let at = second * SECOND + number * 100_000;
        meant.push((remind(&ann, "stays", at).await, at));
    }
    let moved = remind(&ann, "moves", second * SECOND).await;
    let at = (second + 2) * SECOND;
    let reminders = json!({ "reminders": [{ "at": instant(at) }] });
    let path = format!("/api/tasks/{moved}");
    ann.patch(&path, reminders).await.expect(200);
    meant.push((moved, at));

    let token = Some(cluster.app_token());
    let name = format!("wake-{second}");
    for shown in [None, Some(""), Some("another")] {
        assert_eq!(job(&cluster, 0, &name, shown).await, 401);
    }
    for stranger in ["wake-", "wake-up", "sleep-1"] {
        assert_eq!(job(&cluster, 0, stranger, token).await, 503);
    }
    for empty in [0, second - 3600, second + 3600] {
        assert_eq!(job(&cluster, 1, &format!("wake-{empty}"), token).await, 200);
    }
    // Before the second, within it, and when all of it is over.
    for moment in [
        second * SECOND - 800_000,
        second * SECOND + 300_000,
        at + SECOND,
    ] {
        sleep_until(moment).await;
        let calls = (0..100).map(|number| job(&cluster, number % 2, &name, token));
        let statuses = join_all(calls).await;
        assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
    }
    assert_each_once(&cluster, &ann, &receiver, &meant).await;
}
