//! Register, log in, log out.

use std::io::{BufRead, IsTerminal, Write};

use punctual_contract::api;

use crate::api::Api;
use crate::args::{Login, Register};
use crate::clock::system_zone;
use crate::error::{Error, Result};
use crate::screen::{Screen, clean};

pub async fn register(api: &Api, screen: &Screen, args: Register) -> Result<()> {
    warn_of_plain_http(api, screen);
    let email = email(args.email)?;
    let password = password(args.password_stdin, true)?;
    let timezone = args.zone.unwrap_or_else(system_zone).to_string();
    let request = api::Register {
        email,
        password,
        timezone,
        invite: args.invite,
        cookie: false,
    };
    let session = api.open_session("/api/auth/register", &request).await?;
    greet(api, screen, &session)?;
    if !screen.json {
        let zone = &request.timezone;
        screen.line(format!("Your time zone is {zone}. Next: punctual add 'Call Bob' --due +90s --remind 60s, then punctual watch"));
    }
    Ok(())
}

pub async fn login(api: &Api, screen: &Screen, args: Login) -> Result<()> {
    warn_of_plain_http(api, screen);
    let request = api::Login {
        email: email(args.email)?,
        password: password(args.password_stdin, false)?,
        cookie: false,
    };
    let session = api.open_session("/api/auth/login", &request).await?;
    greet(api, screen, &session)
}

pub async fn logout(api: &Api, screen: &Screen) -> Result<()> {
    if api.uses_api_token() {
        return Err(Error::failed(
            "PUNCTUAL_TOKEN is set: an API token has no session. Unset it to log out of the session.",
        ));
    }
    let there = api.close_session().await?;
    if !screen.json {
        screen.line(if there {
            format!("Logged out of {}", api.server())
        } else {
            "You were not logged in.".to_owned()
        });
    }
    Ok(())
}

/// Who was logged in. Not the tokens: they would end up in a terminal's or a script's log.
fn greet(api: &Api, screen: &Screen, session: &api::Session) -> Result<()> {
    if screen.json {
        screen.line(
            serde_json::to_string(&session.user)
                .map_err(|error| Error::failed(error.to_string()))?,
        );
    } else {
        screen.line(format!(
            "Logged in at {} as {} ({})",
            api.server(),
            clean(&session.user.email),
            clean(&session.user.role)
        ));
    }
    if api.uses_api_token() {
        screen.note(
            "PUNCTUAL_TOKEN is set and goes before this session. Unset it to use the session.",
        );
    }
    Ok(())
}

fn warn_of_plain_http(api: &Api, screen: &Screen) {
    if !api.is_loopback() && api.server().starts_with("http:") {
        screen.note(&format!(
            "Take care: {} is not encrypted, others on the way can read your password.",
            api.server()
        ));
    }
}

fn email(given: Option<String>) -> Result<String> {
    if let Some(email) = given {
        return Ok(email);
    }
    if !std::io::stdin().is_terminal() {
        return Err(Error::usage(
            "Say the e-mail address: punctual login ada@example.org",
        ));
    }
    eprint!("E-mail: ");
    let _ = std::io::stderr().flush();
    match line_of_stdin()?.trim() {
        "" => Err(Error::usage(
            "Say the e-mail address: punctual login ada@example.org",
        )),
        email => Ok(email.to_owned()),
    }
}

/// Asked for without echo, twice where it is a new one; or one line of standard input.
fn password(from_stdin: bool, new: bool) -> Result<String> {
    if from_stdin {
        let line = line_of_stdin()?;
        let password = line.strip_suffix('\n').map_or(line.as_str(), |line| {
            line.strip_suffix('\r').unwrap_or(line)
        });
        return if password.is_empty() {
            Err(Error::usage("There is no password on standard input."))
        } else {
            Ok(password.to_owned())
        };
    }
    let ask = |prompt: &str| {
        rpassword::prompt_password(prompt)
            .map_err(|_| Error::usage("There is no terminal to ask for the password. Use --password-stdin: punctual login EMAIL --password-stdin < FILE"))
    };
    let password = ask(if new {
        "New password (10 characters or more): "
    } else {
        "Password: "
    })?;
    if new && ask("Once more: ")? != password {
        return Err(Error::usage("The two passwords differ. Try again."));
    }
    Ok(password)
}

fn line_of_stdin() -> Result<String> {
    let mut line = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut line)
        .map_err(|error| Error::failed(format!("Can't read standard input: {error}")))?;
    Ok(line)
}
