//! What is to happen at which instant, in memory: the heap that the firing takes from.

use std::cmp::Reverse;
use std::collections::binary_heap::PeekMut;
use std::collections::{BTreeSet, BinaryHeap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use uuid::Uuid;

use crate::clock::SECOND;
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

impl Task {
    fn id(&self) -> &str {
        match self {
            Self::Fire(id) | Self::Plan(id) | Self::Digest(id) => id,
        }
    }
}

/// Clones are handles on the same heap. A task is in it once, from [`Schedule::add`] until [`Schedule::done`].
#[derive(Clone, Debug, Default)]
pub struct Schedule {
    heap: Arc<Mutex<Heap>>,
    pub changed: Arc<Notify>,
}

#[derive(Debug)]
struct Heap {
    waiting: BinaryHeap<Reverse<(i64, Task)>>,
    due: BTreeSet<Due>,
    known: HashSet<(i64, Task)>,
    /// Where this worker begins among the ids of a second: two workers don't want the same ones at the same time.
    start: String,
}

/// What is due: by second, and within one by id. Where many are due at once, those of a batch are neighbours in every index
/// by id, and so a transaction writes a few pages of these, not one for each.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Due {
    second: i64,
    behind: bool,
    task: Task,
    at: i64,
}

impl Default for Heap {
    fn default() -> Self {
        Self {
            waiting: BinaryHeap::new(),
            due: BTreeSet::new(),
            known: HashSet::new(),
            start: Uuid::new_v4().to_string(),
        }
    }
}

impl Heap {
    fn count(&self) {
        let known = i64::try_from(self.known.len()).unwrap_or(i64::MAX);
        metrics().scheduled.set(known);
    }

    fn next(&self) -> Option<i64> {
        let due = self.due.first().map(|due| due.at);
        due.or_else(|| self.waiting.peek().map(|Reverse((at, _))| *at))
    }

    /// Takes one that is due. What was due before the clock was put back waits again.
    fn pop(&mut self, now: i64) -> Option<(i64, Task)> {
        loop {
            let Due { at, task, .. } = self.due.pop_first()?;
            if at <= now {
                return Some((at, task));
            }
            self.waiting.push(Reverse((at, task)));
        }
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
                heap.waiting.push(Reverse((at, task)));
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
        let heap = &mut *self.heap();
        while let Some(first) = heap.waiting.peek_mut()
            && first.0.0 <= now
        {
            let Reverse((at, task)) = PeekMut::pop(first);
            let due = Due {
                second: at.div_euclid(SECOND),
                behind: task.id() < heap.start.as_str(),
                task,
                at,
            };
            heap.due.insert(due);
        }
        std::iter::from_fn(|| heap.pop(now)).take(most).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(due: Vec<(i64, Task)>) -> Vec<String> {
        due.iter().map(|(_, task)| task.id().to_owned()).collect()
    }

    #[test]
    fn what_is_due_comes_by_second_and_within_one_by_id() {
        let schedule = Schedule::default();
        schedule.heap().start = "5".to_owned();
        let at = |at: i64, id: &str| (at, Task::Fire(id.to_owned()));
        schedule.add([
            at(9, "8"),
            at(7, "3"),
            at(8, "6"),
            at(SECOND, "7"),
            at(SECOND + 9, "5"),
        ]);
        assert_eq!(schedule.next(), Some(7));
        assert_eq!(ids(schedule.take(SECOND, 2)), ["6", "8"]);
        // Behind the others of its second, since this worker does not begin with it.
        assert_eq!(ids(schedule.take(SECOND, 9)), ["3", "7"]);
        assert_eq!(schedule.next(), Some(SECOND + 9));
    }

    #[test]
    fn what_is_due_no_more_since_the_clock_was_put_back_waits_again() {
        let schedule = Schedule::default();
        schedule.add([5, 6].map(|at| (at, Task::Fire(at.to_string()))));
        assert_eq!(schedule.take(9, 1).len(), 1);
        assert!(schedule.take(4, 9).is_empty());
        assert_eq!(schedule.take(6, 9).len(), 1);
        assert_eq!(schedule.next(), None);
    }
}
