//! What guests print, line by line into the log.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};

/// Longer lines are cut into pieces.
const LINE: usize = 8 << 10;

/// One of a component's two output streams.
#[derive(Clone)]
pub(crate) struct Output {
    component: Arc<str>,
    error: bool,
}

impl Output {
    pub(crate) fn stdout(component: Arc<str>) -> Self {
        Self {
            component,
            error: false,
        }
    }

    pub(crate) fn stderr(component: Arc<str>) -> Self {
        Self {
            component,
            error: true,
        }
    }
}

impl IsTerminal for Output {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Output {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(Lines {
            output: self.clone(),
            line: Vec::new(),
        })
    }
}

struct Lines {
    output: Output,
    line: Vec<u8>,
}

impl Lines {
    fn end_line(&mut self) {
        let text = String::from_utf8_lossy(&self.line);
        let text = text.trim_end_matches('\r');
        let component = &*self.output.component;
        if !text.is_empty() {
            if self.output.error {
                tracing::warn!(target: "guest", component, "{text}");
            } else {
                tracing::info!(target: "guest", component, "{text}");
            }
        }
        self.line.clear();
    }
}

impl AsyncWrite for Lines {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        for byte in bytes {
            if *byte == b'\n' {
                self.end_line();
            } else {
                self.line.push(*byte);
                if self.line.len() >= LINE {
                    self.end_line();
                }
            }
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.end_line();
    }
}
