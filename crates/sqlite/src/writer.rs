//! The thread that owns the one writing connection.

use rusqlite::Connection;
use tokio::sync::mpsc;

use crate::{Error, Options, connection, exclusive};

pub(crate) enum Job {
    /// A job, or several statements, that run in one go.
    Run(Box<dyn FnOnce(&mut Connection) + Send>),
    /// Somebody takes the writer for themselves for a while.
    Lend(exclusive::Loan),
}

pub(crate) fn start(connection: Connection, options: &Options) -> Result<mpsc::Sender<Job>, Error> {
    let (sender, jobs) = mpsc::channel(options.queue.max(1));
    let longest = options.exclusive_timeout;
    std::thread::Builder::new()
        .name("sqlite-writer".into())
        .spawn(move || work(connection, jobs, longest))
        .map_err(Error::Thread)?;
    Ok(sender)
}

fn work(mut connection: Connection, mut jobs: mpsc::Receiver<Job>, longest: std::time::Duration) {
    while let Some(job) = jobs.blocking_recv() {
        match job {
            Job::Run(run) => run(&mut connection),
            Job::Lend(loan) => {
                exclusive::serve(&connection, loan, longest);
                connection::roll_back(&connection);
            }
        }
    }
}
