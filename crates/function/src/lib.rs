//! What every function shares: a request is read within bounds, its caller is known, its answer is whole. A function's
//! own file stays a page: parse, authorise, one call, answer.

mod answer;
mod call;
mod caller;
mod definitions;
mod event;
pub mod state;
pub mod token;

pub use answer::Answer;
pub use call::{Call, IfMatch, derived_id, read_cursor};
pub use caller::{Caller, Scope};
pub use definitions::definitions;
pub use event::{Handled, events, events_also_from_dapr};
pub use punctual_contract::problem::Problem;
pub use token::webhook_secret;

use std::cell::RefCell;
use std::collections::HashMap;

use bytes::Bytes;
use spin_sdk::http::{BoxBody, FullBody, Request, Response, box_body};

/// What a function answers with.
pub type Reply = Response<FullBody<Bytes>>;

/// Reads the request, runs the handler, and makes an answer of whatever comes out: never an error, never a panic.
pub async fn serve<H>(request: Request, handler: H) -> Reply
where
    H: AsyncFnOnce(&Call) -> Result<Answer, Problem>,
{
    let call = match Call::read(request).await {
        Ok(call) => call,
        Err(problem) => return Answer::problem(problem).into_response(),
    };
    match handler(&call).await {
        Ok(answer) => answer.into_response(),
        Err(mut problem) => {
            problem.instance = Some(call.request_id.clone());
            if problem.status >= 500 {
                eprintln!(
                    "{} {} [{}]: {problem}",
                    call.method, call.path, call.request_id
                );
            }
            Answer::problem(problem).into_response()
        }
    }
}

/// The same for a handler whose answer is a stream.
pub async fn serve_stream<H>(request: Request, handler: H) -> Response<BoxBody>
where
    H: AsyncFnOnce(&Call) -> Result<Response<BoxBody>, Problem>,
{
    let answered = match Call::read(request).await {
        Err(problem) => Err(problem),
        Ok(call) => handler(&call).await.map_err(|mut problem| {
            problem.instance = Some(call.request_id.clone());
            problem
        }),
    };
    answered.unwrap_or_else(|problem| Answer::problem(problem).into_response().map(box_body))
}

thread_local! {
    static VARIABLES: RefCell<HashMap<&'static str, String>> = RefCell::default();
}

/// A variable of this component, asked for once in the life of an instance, which is some requests.
pub async fn variable(name: &'static str) -> Result<String, Problem> {
    if let Some(known) = VARIABLES.with_borrow(|known| known.get(name).cloned()) {
        return Ok(known);
    }
    let value = spin_sdk::variables::get(name).await.map_err(|error| {
        eprintln!("variable {name}: {error}");
        Problem::new(
            500,
            "The installation is not complete: a setting is missing. It is named in the log.",
        )
    })?;
    VARIABLES.with_borrow_mut(|known| known.insert(name, value.clone()));
    Ok(value)
}
