//! A statement's rows: collected, or streamed as fast as the guest reads.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures::{Stream as _, StreamExt as _};
use tokio::sync::oneshot;
use tokio_postgres::{Row, RowStream, Statement};
use wasmtime::StoreContextMut;
use wasmtime::component::{Destination, StreamProducer, StreamResult, VecBuffer};

use super::lease::Run;
use super::{error, value, wit};

/// So much of a result is read ahead of the guest: a small one is complete before the guest sees its first row, and
/// its connection free for the next statement.
const AHEAD: usize = 64 << 10;

/// A statement that Postgres has begun.
pub(super) struct Running {
    statement: Statement,
    rows: Pin<Box<RowStream>>,
    /// Taken at the end.
    run: Option<Run>,
}

/// Rows, and how it goes on.
pub(super) struct Piece {
    pub rows: Vec<wit::Row>,
    pub bytes: usize,
    /// There are no more, for this reason. `None`: there may be.
    pub end: Option<Result<(), wit::Error>>,
}

impl Running {
    pub(super) fn new(statement: Statement, rows: RowStream, run: Run) -> Self {
        Self {
            statement,
            rows: Box::pin(rows),
            run: Some(run),
        }
    }

    pub(super) fn columns(&self) -> Vec<wit::Column> {
        self.statement
            .columns()
            .iter()
            .map(|column| wit::Column {
                name: column.name().to_owned(),
                data_type: value::data_type(column.type_()),
            })
            .collect()
    }

    /// The next row; `None` at the end, `Some(Err)` where it ends otherwise.
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<(wit::Row, usize), wit::Error>>> {
        let Some(run) = &self.run else {
            return Poll::Ready(None);
        };
        let limit = run.lease().largest_result();
        Poll::Ready(match std::task::ready!(self.rows.as_mut().poll_next(cx)) {
            Some(Ok(row)) => {
                let bytes = size(&row);
                if bytes > limit {
                    Some(Err(error::too_large(limit)))
                } else {
                    Some(value::row(&row).map(|row| (row, bytes)))
                }
            }
            Some(Err(failure)) => {
                let failure = run.lease().failure(&failure);
                self.finish(false);
                Some(Err(failure))
            }
            None => {
                self.finish(true);
                None
            }
        })
    }

    fn finish(&mut self, successful: bool) {
        if let Some(run) = self.run.take() {
            run.finish(successful);
        }
    }

    /// Waits until there is more than so much, or the end.
    pub(super) async fn read(&mut self, enough: usize) -> Piece {
        let mut piece = Piece {
            rows: Vec::new(),
            bytes: 0,
            end: None,
        };
        while piece.end.is_none() && piece.bytes < enough {
            let next = std::future::poll_fn(|cx| self.poll(cx)).await;
            piece.add(next);
        }
        piece
    }

    /// All rows at once, within the limit.
    pub(super) async fn collect(mut self) -> Result<wit::RowSet, wit::Error> {
        let limit = self
            .run
            .as_ref()
            .map_or(0, |run| run.lease().largest_result());
        let columns = self.columns();
        let piece = self.read(limit.saturating_add(1)).await;
        match piece.end {
            None => Err(error::too_large(limit)),
            Some(Err(failure)) => Err(failure),
            Some(Ok(())) => Ok(wit::RowSet {
                columns,
                rows: piece.rows,
            }),
        }
    }

    /// The number of rows that a statement has changed.
    pub(super) async fn count(mut self) -> Result<u64, wit::Error> {
        while let Some(row) = self.rows.next().await {
            if let (Err(failure), Some(run)) = (row, &self.run) {
                let failure = run.lease().failure(&failure);
                self.finish(false);
                return Err(failure);
            }
        }
        self.finish(true);
        Ok(self.rows.rows_affected().unwrap_or_default())
    }

    /// The first rows, the stream of all, and how it ends.
    pub(super) async fn stream(mut self) -> (Rows, Outcome) {
        let first = self.read(AHEAD).await;
        let (sender, receiver) = oneshot::channel();
        let mut rows = Rows {
            ready: first.rows,
            rest: Some((self, sender)),
        };
        if let Some(end) = first.end {
            rows.end(end);
        }
        (rows, receiver)
    }
}

impl Piece {
    fn add(&mut self, next: Option<Result<(wit::Row, usize), wit::Error>>) {
        match next {
            Some(Ok((row, bytes))) => {
                self.rows.push(row);
                self.bytes += bytes;
            }
            Some(Err(failure)) => self.end = Some(Err(failure)),
            None => self.end = Some(Ok(())),
        }
    }
}

/// What a row takes up here, roughly.
fn size(row: &Row) -> usize {
    row.raw_size_bytes() + row.len() * size_of::<wit::DbValue>()
}

/// How a stream has ended. As in Spin, a guest that stops reading has not failed.
pub(super) type Outcome = oneshot::Receiver<Result<(), wit::Error>>;

/// The rows for a guest's stream.
pub(super) struct Rows {
    ready: Vec<wit::Row>,
    /// Where more may come from.
    rest: Option<(Running, oneshot::Sender<Result<(), wit::Error>>)>,
}

impl Rows {
    fn end(&mut self, end: Result<(), wit::Error>) {
        if let Some((_, outcome)) = self.rest.take() {
            let _ = outcome.send(end);
        }
    }

    /// Reads what has arrived, up to a limit.
    fn fill(&mut self, cx: &mut Context<'_>) {
        let mut bytes = 0;
        while bytes < AHEAD
            && let Some((running, _)) = &mut self.rest
            && let Poll::Ready(next) = running.poll(cx)
        {
            match next {
                Some(Ok((row, size))) => {
                    self.ready.push(row);
                    bytes += size;
                }
                Some(Err(failure)) => self.end(Err(failure)),
                None => self.end(Ok(())),
            }
        }
    }
}

impl<D> StreamProducer<D> for Rows {
    type Item = wit::Row;
    type Buffer = VecBuffer<wit::Row>;

    fn poll_produce<'a>(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut store: StoreContextMut<'a, D>,
        mut destination: Destination<'a, Self::Item, Self::Buffer>,
        finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        if self.ready.is_empty() {
            self.fill(cx);
        }
        if self.ready.is_empty() && self.rest.is_some() {
            return match finish {
                true => Poll::Ready(Ok(StreamResult::Cancelled)),
                false => Poll::Pending,
            };
        }
        // A read of nothing asks whether there is something.
        if destination.remaining(&mut store) == Some(0) && !self.ready.is_empty() {
            return Poll::Ready(Ok(StreamResult::Completed));
        }
        destination.set_buffer(std::mem::take(&mut self.ready).into());
        Poll::Ready(Ok(match self.rest {
            Some(_) => StreamResult::Completed,
            None => StreamResult::Dropped,
        }))
    }
}
