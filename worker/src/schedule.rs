//! What is to happen at which instant, in memory: the heap that the firing takes from.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::metrics::metrics;

/// Entries that are not due yet are turned away beyond this; the sweep finds them when they are.
const MOST: usize = 200_000;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Task {
    /// Fire this reminder.
    Fire(String),
    /// Plan this task again.
    Plan(String),
    /// Tell this account's digest.
    Digest(String),
}

/// Clones are handles on the same heap. A task is in it once, from [`Schedule::add`] until [`Schedule::done`].
#[derive(Clone, Debug, Default)]
pub struct Schedule {
    heap: Arc<Mutex<Heap>>,
    pub changed: Arc<Notify>,
}

#[derive(Debug, Default)]
struct Heap {
    entries: BinaryHeap<Reverse<Entry>>,
    known: HashSet<(i64, Task)>,
    turns: RandomState,
}

/// What is due at the same instant comes in another order in each worker, so that they don't want the same ones at the
/// same time.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    at: i64,
    turn: u64,
    task: Task,
}

impl Heap {
    fn count(&self) {
        let known = i64::try_from(self.known.len()).unwrap_or(i64::MAX);
        metrics().scheduled.set(known);
    }

    fn next(&self) -> Option<i64> {
        self.entries.peek().map(|Reverse(entry)| entry.at)
    }
}

impl Schedule {
    fn heap(&self) -> MutexGuard<'_, Heap> {
        self.heap.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds what is not in it yet.
    pub fn add(&self, tasks: impl IntoIterator<Item = (i64, Task)>) {
        let mut heap = self.heap();
        let first = heap.next();
        for (at, task) in tasks {
            if heap.known.len() < MOST && heap.known.insert((at, task.clone())) {
                let turn = heap.turns.hash_one(&task);
                heap.entries.push(Reverse(Entry { at, turn, task }));
            }
        }
        heap.count();
        if heap.next() != first {
            self.changed.notify_one();
        }
    }

    /// The earliest instant in it.
    pub fn next(&self) -> Option<i64> {
        self.heap().next()
    }

    /// Takes what is due. It stays known until it is done.
    pub fn take(&self, now: i64, most: usize) -> Vec<(i64, Task)> {
        let mut heap = self.heap();
        let mut due = Vec::new();
        while due.len() < most && heap.next().is_some_and(|at| at <= now) {
            due.extend(
                heap.entries
                    .pop()
                    .map(|Reverse(entry)| (entry.at, entry.task)),
            );
        }
        due
    }

    /// Lets these be added again.
    pub fn done(&self, tasks: &[(i64, Task)]) {
        let mut heap = self.heap();
        for task in tasks {
            heap.known.remove(task);
        }
        heap.count();
    }

    pub fn clear(&self) {
        *self.heap() = Heap::default();
    }
}
