//! The pages: plain HTML, no script, light and dark by the system.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use punctual_contract::action::{Action, Deed};
use punctual_function::Answer;
use sha2::{Digest, Sha256};

use crate::texts::Language;

const STYLE: &str = "\
:root{color-scheme:light dark;--page:#f7f6f3;--card:#fff;--line:#dedbd4;--text:#1d1c1a;--quiet:#5f5c56;--main:#1f6f54;--on:#fff}\
@media(prefers-color-scheme:dark){:root{--page:#15171a;--card:#1e2125;--line:#33373d;--text:#ecebe8;--quiet:#a5a29c;--main:#7fd1b0;--on:#10201a}}\
*{box-sizing:border-box}\
body{margin:0;min-height:100vh;display:grid;place-items:center;padding:1rem;background:var(--page);color:var(--text);font:1rem/1.5 system-ui,sans-serif}\
main{width:100%;max-width:28rem;padding:2rem 1.5rem;background:var(--card);border:1px solid var(--line);border-radius:.75rem}\
h1{margin:0 0 .5rem;font-size:1.25rem;line-height:1.35;overflow-wrap:anywhere}\
p{margin:0 0 1.25rem;color:var(--quiet);overflow-wrap:anywhere}\
button{font:inherit;font-weight:600;width:100%;min-height:2.75rem;padding:.5rem 1rem;border:0;border-radius:.5rem;background:var(--main);color:var(--on);cursor:pointer}\
button:focus-visible,a:focus-visible{outline:3px solid var(--main);outline-offset:3px}\
form+p,h1+form,h1+p:last-child{margin:1.25rem 0 0}\
a{color:var(--main)}";

/// Asks before anything happens.
pub fn question(language: Language, action: &Action) -> Answer {
    let texts = language.texts();
    let (ask, about, button) = match &action.deed {
        Deed::Done { .. } => (texts.ask_done, String::new(), texts.do_done),
        Deed::Snooze { minutes, .. } => (
            texts.ask_snooze,
            texts.about_snooze.replace("{}", &texts.duration(*minutes)),
            texts.do_snooze,
        ),
        Deed::Confirm { .. } => (
            texts.ask_confirm,
            texts.about_confirm.to_owned(),
            texts.do_confirm,
        ),
    };
    let heading = ask.replace("{}", &action.title);
    let mut body = format!("<h1>{}</h1>", escaped(&heading));
    if !about.is_empty() {
        body.push_str(&format!("<p>{}</p>", escaped(&about)));
    }
    // Without an action it goes to the address of this page.
    body.push_str(&format!(
        "<form method=\"post\"><button>{}</button></form>",
        escaped(button)
    ));
    written(language, 200, &heading, &body)
}

/// Says what was done.
pub fn done(language: Language, action: &Action) -> Answer {
    let texts = language.texts();
    let said = match &action.deed {
        Deed::Done { .. } => texts.is_done.replace("{}", &action.title),
        Deed::Snooze { minutes, .. } => texts.is_snoozed.replace("{}", &texts.duration(*minutes)),
        Deed::Confirm { .. } => texts.is_confirmed.replace("{}", &action.title),
    };
    message(language, 200, &said)
}

/// Says that there is nothing left for the link to do.
pub fn used(language: Language, action: &Action) -> Answer {
    let texts = language.texts();
    let said = match &action.deed {
        Deed::Confirm { .. } => texts.used_confirm,
        Deed::Done { .. } | Deed::Snooze { .. } => texts.used,
    };
    message(language, 200, said)
}

pub fn message(language: Language, status: u16, text: &str) -> Answer {
    let open = escaped(language.texts().open_app);
    let body = format!("<h1>{}</h1><p><a href=\"/\">{open}</a></p>", escaped(text));
    written(language, status, text, &body)
}

fn written(language: Language, status: u16, title: &str, body: &str) -> Answer {
    let html = format!(
        "<!doctype html><html lang=\"{}\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"robots\" content=\"noindex\"><title>{} · Punctual</title><style>{STYLE}</style></head>\
         <body><main>{body}</main></body></html>",
        language.texts().code,
        escaped(title),
    );
    // The one style there is, by its hash: no other can be smuggled in.
    let style = STANDARD.encode(Sha256::digest(STYLE));
    Answer::raw(status, "text/html; charset=utf-8", html)
        .header(
            "content-security-policy",
            format!(
                "default-src 'none'; style-src 'sha256-{style}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
            ),
        )
        // The address is a key: it goes nowhere.
        .header("referrer-policy", "no-referrer")
        .header("x-robots-tag", "noindex")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}
