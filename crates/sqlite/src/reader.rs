//! Who reads: the caller itself what takes no longer than it may keep its thread, and for all else the threads that own the
//! reading connections and share one queue.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::Semaphore;

use crate::{Error, Options, connection};

pub(crate) type Job = Box<dyn FnOnce(&Connection) + Send>;

/// So long a caller reads by itself: most reads take less than the two switches of threads that another one would cost.
const AT_ONCE: Duration = Duration::from_millis(1);
/// Steps of SQLite's between two looks at the clock.
const STEPS: i32 = 1000;

/// The queue. When this goes, the threads end what waits in it, and then themselves.
pub(crate) struct Readers {
    shared: Arc<Shared>,
    /// Connections for callers that read by themselves, the one that read last at the end.
    callers: Mutex<Vec<Connection>>,
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
        let count = options.readers.max(1);
        let callers: Result<Vec<_>, Error> = (0..count)
            .map(|_| {
                let connection = connection::open_reader(path, options)?;
                // Whoever waits, waits on a thread of ours.
                connection.busy_timeout(Duration::ZERO)?;
                Ok(connection)
            })
            .collect();
        let readers = Self {
            shared: shared.clone(),
            callers: Mutex::new(callers?),
        };
        for number in 1..=count {
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

    /// Reads on the caller's thread; `None`: it takes too long for that, or others are at it.
    pub(crate) fn at_once<T>(
        &self,
        job: impl FnOnce(&Connection) -> Result<T, Error>,
    ) -> Option<Result<T, Error>> {
        let callers = || self.callers.lock().unwrap_or_else(PoisonError::into_inner);
        let mut connection = callers().pop()?;
        let begun = Instant::now();
        let outcome = connection
            .progress_handler(STEPS, Some(move || begun.elapsed() > AT_ONCE))
            .map_err(Error::from)
            .and_then(|()| connection::guarded(|| job(&connection)));
        connection::roll_back(&connection);
        callers().push(connection);
        match outcome {
            Err(error) if error.is_interrupted() || error.is_busy() => None,
            outcome => Some(outcome),
        }
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
