//! `/act/<token>`: the signed links in e-mails.
//!
//! Opening one changes nothing, because mail scanners open them too: it shows a page that says what will happen, with a
//! button. Pressing it does the deed, once: through the same routes that everybody uses, under an `Idempotency-Key` that
//! derives from the token. Nobody has to be signed in: who has the mail may do what its links say.

mod deed;
mod page;
mod texts;

use punctual_contract::action::{Action, Refused};
use punctual_function::{Answer, Call, Problem, Reply, serve, variable};
use spin_sdk::http::Request;
use spin_sdk::http_service;

use crate::deed::Became;
use crate::texts::Language;

#[http_service]
async fn handle(request: Request) -> Reply {
    serve(request, route).await
}

async fn route(call: &Call) -> Result<Answer, Problem> {
    let (method, path) = call.route(1);
    let [token] = path.as_slice() else {
        return Err(call.no_route());
    };
    let act = match method {
        "GET" | "HEAD" => false,
        "POST" => true,
        _ => return Err(call.not_allowed("GET, HEAD, POST")),
    };
    let secret = variable("events_secret").await?;
    let action = match Action::read(&secret, token, call.now / 1_000_000) {
        Ok(action) => action,
        Err(Refused::Unknown) => {
            let language = Language::of_browser(call.header("accept-language"));
            return Ok(page::message(language, 404, language.texts().unknown));
        }
        Err(Refused::Expired { language }) => {
            let language = Language::named(&language);
            return Ok(page::message(language, 410, language.texts().expired));
        }
    };
    let language = Language::named(&action.language);
    let texts = language.texts();
    let later = |problem: Problem| {
        // Without the path: it is a key.
        eprintln!("a link [{}]: {problem}", call.request_id);
        page::message(language, 503, texts.later)
    };
    if !act {
        return Ok(match deed::was_done(&action, token).await {
            Ok(true) => page::used(language, &action),
            Ok(false) => page::question(language, &action),
            Err(problem) => later(problem),
        });
    }
    Ok(match deed::execute(call, &action, token).await {
        Ok(Became::Done) => page::done(language, &action),
        Ok(Became::Used) => page::used(language, &action),
        Ok(Became::Gone) => page::message(language, 404, texts.gone),
        Ok(Became::Impossible) => page::message(language, 409, texts.impossible),
        Err(problem) => later(problem),
    })
}
