//! The threads that own the reading connections and share one queue.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Thread};

use rusqlite::Connection;
use tokio::sync::Semaphore;

use crate::{Error, Options, connection};

pub(crate) type Job = Box<dyn FnOnce(&Connection) + Send>;

/// The queue. When this goes, the threads end what waits in it, and then themselves.
pub(crate) struct Readers {
    shared: Arc<Shared>,
}

struct Shared {
    queue: Mutex<Queue>,
    /// Places in the queue.
    places: Semaphore,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    /// Threads with nothing to do, the one that had something last at the end. It is woken first: a connection that did not
    /// read since the last commits lets go of all that it knew of the file. Where little is to do, one thread does it.
    idle: Vec<Thread>,
    closed: bool,
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next job, as soon as there is one.
    fn next(&self) -> Option<Job> {
        let own = thread::current();
        let mut queue = self.queue();
        loop {
            if let Some(job) = queue.jobs.pop_front() {
                self.places.add_permits(1);
                return Some(job);
            }
            if queue.closed {
                return None;
            }
            queue.idle.push(own.clone());
            drop(queue);
            thread::park();
            queue = self.queue();
            // Still in it where nobody woke this one.
            queue.idle.retain(|idle| idle.id() != own.id());
        }
    }
}

impl Readers {
    pub(crate) fn start(path: &Path, options: &Options) -> Result<Self, Error> {
        let shared = Arc::new(Shared {
            queue: Mutex::default(),
            places: Semaphore::new(options.queue.max(1)),
        });
        let readers = Self {
            shared: shared.clone(),
        };
        for number in 1..=options.readers.max(1) {
            let connection = connection::open_reader(path, options)?;
            let shared = shared.clone();
            thread::Builder::new()
                .name(format!("sqlite-reader-{number}"))
                .spawn(move || {
                    while let Some(job) = shared.next() {
                        job(&connection);
                        // A transaction left open would read an ever older snapshot and stop checkpoints.
                        connection::roll_back(&connection);
                    }
                })
                .map_err(Error::Thread)?;
        }
        Ok(readers)
    }

    /// Waits for a place in the queue.
    pub(crate) async fn send(&self, job: Job) -> Result<(), Error> {
        let place = self
            .shared
            .places
            .acquire()
            .await
            .map_err(|_| Error::Closed)?;
        place.forget();
        let idle = {
            let mut queue = self.shared.queue();
            queue.jobs.push_back(job);
            queue.idle.pop()
        };
        if let Some(idle) = idle {
            idle.unpark();
        }
        Ok(())
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        let idle = {
            let mut queue = self.shared.queue();
            queue.closed = true;
            std::mem::take(&mut queue.idle)
        };
        idle.iter().for_each(Thread::unpark);
    }
}
