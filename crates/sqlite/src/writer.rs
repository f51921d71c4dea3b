//! The thread that owns the one writing connection.
//!
//! A commit is on the disk before it is answered, and that takes longer than most statements. So what waits in the queue
//! shares a transaction: one commit for all of them, and their answers after it.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use crate::{Error, Options, connection, exclusive};

/// So many share a commit at most.
const TOGETHER: usize = 64;

pub(crate) enum Job {
    /// May share its transaction with others.
    Share(Box<dyn Share>),
    /// Has the connection for itself while it runs.
    Run(Box<dyn FnOnce(&mut Connection) + Send>),
    /// Somebody takes the writer for themselves for a while.
    Lend(exclusive::Loan),
}

/// Work that holds whether others are in its transaction or not.
pub(crate) trait Share: Send {
    /// Whether somebody still waits for it.
    fn wanted(&self) -> bool;
    /// Whether it is one statement, which holds together by itself.
    fn is_single(&self) -> bool;
    /// Once more where what it did was rolled back.
    fn run(&mut self, connection: &Connection);
    /// It ran, but its transaction did not hold.
    fn fail(&mut self, error: &Error);
    /// After the commit.
    fn answer(self: Box<Self>);
}

pub(crate) struct Work<T, F> {
    pub(crate) job: F,
    pub(crate) single: bool,
    pub(crate) outcome: Option<Result<T, Error>>,
    pub(crate) reply: oneshot::Sender<Result<T, Error>>,
}

impl<T: Send, F: FnMut(&Connection) -> Result<T, Error> + Send> Share for Work<T, F> {
    fn wanted(&self) -> bool {
        !self.reply.is_closed()
    }

    fn is_single(&self) -> bool {
        self.single
    }

    fn run(&mut self, connection: &Connection) {
        let job = &mut self.job;
        self.outcome = Some(match self.single {
            true => connection::guarded(|| job(connection)),
            false => in_savepoint(connection, job),
        });
    }

    fn fail(&mut self, error: &Error) {
        if !matches!(self.outcome, Some(Err(_))) {
            self.outcome = Some(Err(error.again()));
        }
    }

    fn answer(self: Box<Self>) {
        if let Some(outcome) = self.outcome {
            let _ = self.reply.send(outcome);
        }
    }
}

/// What fails takes back its own statements, and nobody else's.
fn in_savepoint<T>(
    connection: &Connection,
    job: &mut impl FnMut(&Connection) -> Result<T, Error>,
) -> Result<T, Error> {
    execute(connection, "SAVEPOINT work")?;
    let outcome = connection::guarded(|| job(connection));
    if !connection.is_autocommit() {
        if outcome.is_err() {
            execute(connection, "ROLLBACK TO work")?;
        }
        execute(connection, "RELEASE work")?;
    }
    outcome
}

fn execute(connection: &Connection, sql: &str) -> Result<(), Error> {
    connection.prepare_cached(sql)?.execute([])?;
    Ok(())
}

pub(crate) fn start(connection: Connection, options: &Options) -> Result<mpsc::Sender<Job>, Error> {
    let (sender, jobs) = mpsc::channel(options.queue.max(1));
    let (longest, gathering) = (options.exclusive_timeout, options.gathering);
    std::thread::Builder::new()
        .name("sqlite-writer".into())
        .spawn(move || work(connection, jobs, longest, gathering))
        .map_err(Error::Thread)?;
    Ok(sender)
}

fn work(
    mut connection: Connection,
    mut jobs: mpsc::Receiver<Job>,
    longest: Duration,
    gathering: Duration,
) {
    let mut waiting = VecDeque::new();
    loop {
        while waiting.len() < TOGETHER {
            match jobs.try_recv() {
                Ok(job) => waiting.push_back(job),
                Err(_) => break,
            }
        }
        let Some(job) = waiting.pop_front().or_else(|| jobs.blocking_recv()) else {
            return;
        };
        match job {
            Job::Share(first) => share(&connection, first, &mut waiting, gathering),
            Job::Run(run) => run(&mut connection),
            Job::Lend(loan) => exclusive::serve(&connection, loan, longest),
        }
        connection::roll_back(&connection);
    }
}

/// Commits `first` together with those that wait right behind it.
fn share(
    connection: &Connection,
    mut first: Box<dyn Share>,
    waiting: &mut VecDeque<Job>,
    gathering: Duration,
) {
    if first.is_single() && !matches!(waiting.front(), Some(Job::Share(_))) {
        if first.wanted() {
            first.run(connection);
            first.answer();
        }
        return;
    }
    let mut group = Vec::new();
    let committed = together(connection, first, waiting, gathering, &mut group);
    connection::roll_back(connection);
    match committed {
        Ok(()) => group.into_iter().for_each(Share::answer),
        // One of them may have ended it, by a full disk or ON CONFLICT ROLLBACK. Nobody has an answer yet, so each has its
        // own try.
        Err(_) if group.len() > 1 => {
            for work in group {
                share(connection, work, &mut VecDeque::new(), gathering);
            }
        }
        Err(error) => {
            for mut work in group {
                work.fail(&error);
                work.answer();
            }
        }
    }
}

fn together(
    connection: &Connection,
    first: Box<dyn Share>,
    waiting: &mut VecDeque<Job>,
    gathering: Duration,
    group: &mut Vec<Box<dyn Share>>,
) -> Result<(), Error> {
    let begun = Instant::now();
    let mut next = Some(first);
    let began = execute(connection, "BEGIN IMMEDIATE");
    while let Some(mut work) = next.take() {
        if work.wanted() {
            if began.is_ok() {
                work.run(connection);
            }
            group.push(work);
        }
        if began.is_err() || connection.is_autocommit() || begun.elapsed() > gathering {
            break;
        }
        if let Some(Job::Share(_)) = waiting.front()
            && let Some(Job::Share(work)) = waiting.pop_front()
        {
            next = Some(work);
        }
    }
    began?;
    if connection.is_autocommit() {
        return Err(Error::Usage("the transaction was rolled back".to_owned()));
    }
    execute(connection, "COMMIT")
}
