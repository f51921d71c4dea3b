//! The threads that own the reading connections and share one queue.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use tokio::sync::mpsc;

use crate::{Error, Options, connection};

pub(crate) type Job = Box<dyn FnOnce(&Connection) + Send>;

pub(crate) fn start(path: &Path, options: &Options) -> Result<mpsc::Sender<Job>, Error> {
    let (sender, jobs) = mpsc::channel::<Job>(options.queue.max(1));
    // Whoever holds the lock waits for the next job, the others wait for the lock.
    let jobs = Arc::new(Mutex::new(jobs));
    for number in 1..=options.readers.max(1) {
        let connection = connection::open_reader(path, options)?;
        let jobs = jobs.clone();
        std::thread::Builder::new()
            .name(format!("sqlite-reader-{number}"))
            .spawn(move || {
                loop {
                    let job = jobs
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .blocking_recv();
                    let Some(job) = job else { return };
                    job(&connection);
                    // A transaction left open would read an ever older snapshot and stop checkpoints.
                    connection::roll_back(&connection);
                }
            })
            .map_err(Error::Thread)?;
    }
    Ok(sender)
}
