//! What is to happen at which instant, in memory: the heap that the firing takes from.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// Entries that are not due yet are turned away beyond this; the sweep finds them when they are.
const MOST: usize = 200_000;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Task {
    /// Fire this reminder.
    Fire(String),
    /// Plan this task again.
    Plan(String),
}

/// Clones are handles on the same heap. A task is in it once, from [`Schedule::add`] until [`Schedule::done`].
#[derive(Clone, Debug, Default)]
pub struct Schedule {
    heap: Arc<Mutex<Heap>>,
    pub changed: Arc<Notify>,
}

#[derive(Debug, Default)]
struct Heap {
    entries: BinaryHeap<Reverse<(i64, Task)>>,
    known: HashSet<(i64, Task)>,
}

impl Schedule {
    fn heap(&self) -> MutexGuard<'_, Heap> {
        self.heap.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds what is not in it yet.
    pub fn add(&self, tasks: impl IntoIterator<Item = (i64, Task)>) {
        let mut heap = self.heap();
        let first = heap.entries.peek().map(|entry| entry.0.0);
        for entry in tasks {
            if heap.known.len() < MOST && heap.known.insert(entry.clone()) {
                heap.entries.push(Reverse(entry));
            }
        }
        if heap.entries.peek().map(|entry| entry.0.0) != first {
            self.changed.notify_one();
        }
    }

    /// The earliest instant in it.
    pub fn next(&self) -> Option<i64> {
        self.heap().entries.peek().map(|entry| entry.0.0)
    }

    /// Takes what is due. It stays known until it is done.
    pub fn take(&self, now: i64, most: usize) -> Vec<(i64, Task)> {
        let mut heap = self.heap();
        let mut due = Vec::new();
        while due.len() < most && heap.entries.peek().is_some_and(|entry| entry.0.0 <= now) {
            due.extend(heap.entries.pop().map(|entry| entry.0));
        }
        due
    }

    /// Lets these be added again.
    pub fn done(&self, tasks: &[(i64, Task)]) {
        let mut heap = self.heap();
        for task in tasks {
            heap.known.remove(task);
        }
    }

    pub fn clear(&self) {
        *self.heap() = Heap::default();
    }
}
