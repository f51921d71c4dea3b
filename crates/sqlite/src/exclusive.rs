//! The writer, lent to one caller for several calls.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc as std_mpsc};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use crate::{Error, Rows, Value, connection, statement, writer};

type Step = Box<dyn FnOnce(&Connection) + Send>;

/// The writing connection, held until this is dropped or its time is over; what was not committed by then
/// is rolled back.
pub struct Exclusive {
    steps: std_mpsc::SyncSender<Step>,
    open: Arc<AtomicBool>,
    limit: usize,
}

/// The writer's side of an [`Exclusive`].
pub(crate) struct Loan {
    steps: std_mpsc::Receiver<Step>,
    /// Told when the writer is there.
    ready: oneshot::Sender<()>,
}

pub(crate) async fn take(
    writer: &mpsc::Sender<writer::Job>,
    limit: usize,
) -> Result<Exclusive, Error> {
    // One step at a time is under way, so the channel never fills.
    let (steps, receiver) = std_mpsc::sync_channel(4);
    let (ready, begun) = oneshot::channel();
    let loan = Loan {
        steps: receiver,
        ready,
    };
    writer
        .send(writer::Job::Lend(loan))
        .await
        .map_err(|_| Error::Closed)?;
    begun.await.map_err(|_| Error::Closed)?;
    Ok(Exclusive {
        steps,
        open: Arc::default(),
        limit,
    })
}

pub(crate) fn serve(connection: &Connection, loan: Loan, longest: Duration) {
    if loan.ready.send(()).is_err() {
        return;
    }
    let end = Instant::now() + longest;
    // Ends when the `Exclusive` is dropped or its time is over. Dropping the receiver fails later steps.
    while let Ok(step) = loan
        .steps
        .recv_timeout(end.saturating_duration_since(Instant::now()))
    {
        step(connection);
    }
}

impl Exclusive {
    /// Runs one statement on the writer; `BEGIN`, `COMMIT` and `SAVEPOINT` too.
    pub async fn query(&self, sql: &str, params: Vec<Value>) -> Result<Rows, Error> {
        // The writer is ours already, so nothing is lost by saying that we will write; see `open_writer`.
        let sql = match statement::kind(sql) {
            statement::Kind::Attach => return Err(Error::Refused("not authorized")),
            statement::Kind::SettingPragma { reading } => reading,
            _ if statement::is_deferred_begin(sql) => "BEGIN IMMEDIATE".to_owned(),
            _ => sql.to_owned(),
        };
        let limit = self.limit;
        let open = self.open.clone();
        let (reply, answer) = oneshot::channel();
        let step: Step = Box::new(move |connection| {
            let result =
                connection::guarded(|| connection::query(connection, &sql, &params, limit));
            open.store(!connection.is_autocommit(), Ordering::Release);
            let _ = reply.send(result);
        });
        self.steps.try_send(step).map_err(|_| Error::Expired)?;
        answer.await.map_err(|_| Error::Expired)?
    }

    /// Whether a transaction is open after the latest statement. Once it is not, give the writer back.
    pub fn in_transaction(&self) -> bool {
        self.open.load(Ordering::Acquire)
    }
}
