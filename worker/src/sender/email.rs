//! E-mail over SMTP with TLS: reminders, and the mails that ask whether an address may get them.

use std::net::IpAddr;
use std::time::Duration;

use lettre::message::header::{Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use reqwest::Url;

use super::links::Links;
use super::messages::{Messages, fill, line};
use super::outside::{Outcome, Outside};
use crate::error::Error;
use crate::store::{About, Confirmation, Day, Pending, Task};
use punctual_contract::action::LINK_SECONDS;

/// One command of SMTP.
const COMMAND: Duration = Duration::from_secs(10);
/// One try, from connecting to the server's last word.
const TIMEOUT: Duration = Duration::from_secs(30);
/// How much of a server's reply the receipt keeps, in characters.
const REPLY: usize = 300;
const SUBJECT: usize = 200;

/// The mail server that takes what is sent, and from whom it comes.
#[derive(Clone)]
pub struct Mail {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl std::fmt::Debug for Mail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mail")
            .field("from", &self.from)
            .finish_non_exhaustive()
    }
}

impl Mail {
    /// `url` is `smtps://user:password@host:465` or `smtp://user:password@host:587?tls=required`, and without TLS only to
    /// this machine. `authority` is a certificate in PEM that is trusted beside the system's.
    pub fn new(url: &str, from: &str, authority: Option<&[u8]>) -> Result<Self, Error> {
        let wrong = |why: String| Error::Usage(format!("SMTP_URL: {why}"));
        let from: Mailbox = from
            .parse()
            .map_err(|error| Error::Usage(format!("SMTP_FROM {from:?}: {error}")))?;
        // No error here may repeat the URL: a password is in it.
        let (host, implicit) = checked(url).map_err(|why| wrong(why.to_owned()))?;
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(url)
            .map_err(|_| wrong("it is not understood".to_owned()))?
            .timeout(Some(COMMAND))
            .hello_name(ClientId::Domain(from.email.domain().to_owned()));
        if let Some(authority) = authority {
            let parameters = Certificate::from_pem(authority)
                .and_then(|authority| {
                    TlsParameters::builder(host)
                        .add_root_certificate(authority)
                        .build()
                })
                .map_err(|error| Error::Usage(format!("SMTP_CA: {error}")))?;
            builder = match implicit {
                true => builder.tls(Tls::Wrapper(parameters)),
                false => builder.tls(Tls::Required(parameters)),
            };
        }
        Ok(Self {
            transport: builder.build(),
            from,
        })
    }

    /// The address that mails come from.
    pub fn sender(&self) -> &str {
        self.from.email.as_ref()
    }

    async fn send(&self, message: Message) -> Outcome {
        match tokio::time::timeout(TIMEOUT, self.transport.send(message)).await {
            Ok(Ok(_)) => Outcome::Sent,
            Ok(Err(error)) => outcome(&error),
            Err(_) => Outcome::down("the mail server did not answer within 30 s"),
        }
    }
}

/// The host, and whether TLS comes first (`smtps`). Refuses what would send in the clear over a network.
fn checked(url: &str) -> Result<(String, bool), &'static str> {
    let url = Url::parse(url).map_err(|_| "it is not a URL")?;
    let host = url.host_str().ok_or("it names no host")?.to_owned();
    // Of a scheme that the URL standard does not know, a host is any text: 127.0.0.1 too.
    let here = host == "localhost" || host.parse().is_ok_and(|host: IpAddr| host.is_loopback());
    let required = url
        .query_pairs()
        .any(|(name, value)| name == "tls" && value == "required");
    match url.scheme() {
        "smtps" => Ok((host, true)),
        "smtp" if required || here => Ok((host, false)),
        "smtp" => Err("without TLS only this machine may be spoken to; add ?tls=required"),
        _ => Err("it begins with smtps:// or smtp://"),
    }
}

/// 4xx is worth another try and 5xx is final, save for a refused login: that is the operator's to mend, and no mail is
/// lost meanwhile.
fn outcome(error: &lettre::transport::smtp::Error) -> Outcome {
    let Some(code) = error.status().map(u16::from) else {
        return Outcome::down(line(&format!("the mail server: {error}"), REPLY));
    };
    let said = std::error::Error::source(error).map(ToString::to_string);
    let reason = format!(
        "the mail server answered: {code} {}",
        said.unwrap_or_default()
    );
    let reason = line(&reason, REPLY);
    match code {
        // Closing, or not letting us in.
        421 | 454 | 530 | 534 | 535 | 538 => Outcome::down(reason),
        500.. => Outcome::Never(reason),
        _ => Outcome::NotNow {
            reason,
            not_before: None,
            down: false,
        },
    }
}

/// RFC 3834: nobody's holiday answer comes back.
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

pub(super) async fn send(outside: &Outside, delivery: &Pending, now: i64) -> Outcome {
    let messages = Messages::of(delivery.language.as_deref());
    let letter = match &delivery.about {
        About::Task(task) => reminder(task, delivery, &outside.links, messages),
        About::Day(day) => digest(day, delivery, &outside.links, messages),
    };
    letter
        .send(outside, &delivery.target, &delivery.id, now)
        .await
}

pub(super) async fn confirm(outside: &Outside, confirmation: &Confirmation, now: i64) -> Outcome {
    let messages = Messages::of(confirmation.language.as_deref());
    let letter = question(confirmation, &outside.links, messages);
    // Who is asked again gets another mail: under the same id it might be taken for a copy.
    let id = format!(
        "confirm.{}.{}",
        confirmation.channel_id, confirmation.created_at
    );
    letter.send(outside, &confirmation.target, &id, now).await
}

/// A mail before it has an address: what it says, once as text and once as HTML.
struct Letter {
    subject: String,
    text: String,
    html: String,
}

impl Letter {
    /// `id` is the same for every try: the left part of the `Message-ID`.
    async fn send(self, outside: &Outside, to: &str, id: &str, now: i64) -> Outcome {
        let Some(mail) = &outside.mail else {
            return Outcome::down("this server is not set up to send e-mail (SMTP_URL)");
        };
        let Ok(to) = to.parse() else {
            return Outcome::Never("the address is not an e-mail address".to_owned());
        };
        let date = Duration::from_micros(u64::try_from(now).unwrap_or(0));
        let message = Message::builder()
            .from(mail.from.clone())
            .to(Mailbox::new(None, to))
            .subject(self.subject)
            .date(std::time::UNIX_EPOCH + date)
            .message_id(Some(format!("<{id}@{}>", outside.links.host())))
            .header(AutoSubmitted)
            .multipart(MultiPart::alternative_plain_html(self.text, self.html));
        match message {
            Ok(message) => mail.send(message).await,
            Err(error) => Outcome::Never(format!("the mail could not be written: {error}")),
        }
    }
}

fn reminder(task: &Task, delivery: &Pending, links: &Links, messages: &Messages) -> Letter {
    let title = line(&task.title, usize::MAX);
    let due = messages.due_in_full(task, delivery);
    let subject = fill(messages.subject, &[("title", &line(&task.title, SUBJECT))]);
    let actions = [
        (messages.done, links.done(task, delivery, messages)),
        (
            messages.snooze_minutes,
            links.snooze(task, delivery, messages, 10),
        ),
        (
            messages.snooze_hour,
            links.snooze(task, delivery, messages, 60),
        ),
        (messages.open, links.task(&task.id)),
    ];

    let mut text = format!("{title}\n{due}\n\n");
    for (label, link) in &actions {
        text.push_str(&format!("{label}:\n{link}\n\n"));
    }
    text.push_str(&foot(delivery, links, messages));

    let buttons: String = actions
        .iter()
        .enumerate()
        .map(|(index, (label, link))| button(label, link, index == 0))
        .collect();
    let html = page(
        messages,
        &subject,
        &format!(
            "<h1 style=\"{H1}\">{}</h1><p style=\"{MUTED};margin:0 0 24px\">{}</p>{buttons}{}",
            escaped(&title),
            escaped(&due),
            html_foot(delivery, links, messages),
        ),
    );
    Letter {
        subject,
        text,
        html,
    }
}

fn digest(day: &Day, delivery: &Pending, links: &Links, messages: &Messages) -> Letter {
    let subject = messages.holds(&day.holds);
    let today = links.today();
    let lines = messages.lines(&day.holds, delivery, usize::MAX);
    let text = format!(
        "{subject}\n\n{lines}\n\n{}:\n{today}\n\n{}",
        messages.open_today,
        foot(delivery, links, messages)
    );
    let (named, more) = messages.named(&day.holds, delivery, usize::MAX);
    let mut list: String = named
        .iter()
        .map(|task| {
            format!(
                "<p style=\"margin:0 0 12px;overflow-wrap:anywhere\"><a href=\"{}\" style=\"color:inherit;font-weight:600\">{}</a>\
                 <br><span style=\"{MUTED}\">{}</span></p>",
                escaped(&links.task(&task.id)),
                escaped(&task.title),
                escaped(&task.due),
            )
        })
        .collect();
    if let Some(more) = more {
        list.push_str(&format!(
            "<p style=\"{MUTED};margin:0 0 12px\">{}</p>",
            escaped(&more)
        ));
    }
    let html = page(
        messages,
        &subject,
        &format!(
            "<h1 style=\"{H1};margin:0 0 16px\">{}</h1>{list}<p style=\"margin:20px 0 0\">{}</p>{}",
            escaped(&subject),
            button(messages.open_today, &today, true),
            html_foot(delivery, links, messages),
        ),
    );
    Letter {
        subject,
        text,
        html,
    }
}

/// Which zone the times are those of, and why this came.
fn foot(delivery: &Pending, links: &Links, messages: &Messages) -> String {
    let zone = fill(messages.in_zone, &[("zone", &delivery.zone)]);
    let (why, settings) = (messages.why, links.settings());
    format!("-- \n{zone}\n{why}\n{}: {settings}\n", messages.settings)
}

fn html_foot(delivery: &Pending, links: &Links, messages: &Messages) -> String {
    format!(
        "<p style=\"{MUTED};margin:24px 0 0;font-size:13px\">{} {} <a href=\"{}\" style=\"color:inherit\">{}</a>.</p>",
        escaped(&fill(messages.in_zone, &[("zone", &delivery.zone)])),
        escaped(messages.why),
        escaped(&links.settings()),
        escaped(messages.settings),
    )
}

fn question(confirmation: &Confirmation, links: &Links, messages: &Messages) -> Letter {
    let subject = messages.confirm_subject.to_owned();
    let asked = fill(
        messages.confirm_text,
        &[("address", &confirmation.target), ("server", &links.host())],
    );
    let link = links.confirm(confirmation, messages);
    let days = (LINK_SECONDS / 86_400).to_string();
    let otherwise = fill(messages.confirm_else, &[("days", &days)]);
    let text = format!("{asked}\n\n{}:\n{link}\n\n{otherwise}\n", messages.confirm);
    let html = page(
        messages,
        &subject,
        &format!(
            "<h1 style=\"{H1}\">{}</h1><p style=\"margin:12px 0 24px;overflow-wrap:anywhere\">{}</p>{}\
             <p style=\"{MUTED};margin:24px 0 0;font-size:13px\">{}</p>",
            escaped(&subject),
            escaped(&asked),
            button(messages.confirm, &link, true),
            escaped(&otherwise),
        ),
    );
    Letter {
        subject,
        text,
        html,
    }
}

const H1: &str =
    "margin:0 0 4px;font-size:21px;line-height:1.3;font-weight:600;overflow-wrap:anywhere";
/// Opacity, not a grey: it suits a light and a dark background.
const MUTED: &str = "opacity:.75";

/// The frame. It sets neither background nor text colour, so a mail program in the dark shows it dark.
fn page(messages: &Messages, subject: &str, content: &str) -> String {
    format!(
        "<!doctype html><html lang=\"{}\" style=\"color-scheme:light dark\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\"><meta name=\"supported-color-schemes\" content=\"light dark\">\
         <title>{}</title></head><body style=\"margin:0;padding:24px 16px\">\
         <div style=\"max-width:480px;margin:0 auto;font:16px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,sans-serif\">\
         {content}</div></body></html>",
        messages.code,
        escaped(subject),
    )
}

/// White on blue and blue's frame: enough contrast on a light and on a dark background.
fn button(label: &str, link: &str, first: bool) -> String {
    let style = if first {
        "background:#2563eb;color:#ffffff;border:1px solid #2563eb;font-weight:600"
    } else {
        "color:inherit;border:1px solid #7c8698"
    };
    format!(
        "<a href=\"{}\" style=\"display:inline-block;margin:0 8px 10px 0;padding:9px 16px;border-radius:8px;\
         text-decoration:none;{style}\">{}</a>",
        escaped(link),
        escaped(label),
    )
}

/// Safe inside HTML's text and its quoted attributes.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            _ => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links() -> Links {
        Links::new("https://todo.example.org".to_owned(), "secret".to_owned())
    }

    #[test]
    fn a_title_with_html_in_it_stays_text() {
        let task = Task {
            title: "<img src=x onerror=\"a()\"> & 'b'".to_owned(),
            ..Task::default()
        };
        let delivery = Pending {
            zone: "Europe/Berlin".to_owned(),
            ..Pending::default()
        };
        let letter = reminder(&task, &delivery, &links(), Messages::of(None));
        assert!(
            letter
                .html
                .contains("&lt;img src=x onerror=&quot;a()&quot;&gt; &amp; &#39;b&#39;"),
            "{}",
            letter.html
        );
        assert!(!letter.html.contains("<img"));
        assert!(letter.text.starts_with("<img src=x"), "{}", letter.text);
    }

    #[test]
    fn a_mail_loads_nothing_from_elsewhere() {
        let letter = reminder(
            &Task::default(),
            &Pending::default(),
            &links(),
            Messages::of(Some("de")),
        );
        for remote in ["src=", "url(", "<link", "@import", "<style", "<script"] {
            assert!(!letter.html.contains(remote), "{remote}");
        }
    }

    #[test]
    fn a_mail_server_is_spoken_to_in_the_clear_on_this_machine_only() {
        let mail = |url: &str| {
            Mail::new(url, "Punctual <punctual@example.org>", None)
                .map(|_| ())
                .map_err(|error| error.to_string())
        };
        for url in [
            "smtps://ann:secret@mail.example.org",
            "smtps://mail.example.org:4650",
            "smtp://ann:secret@mail.example.org:587?tls=required",
            "smtp://localhost:2525",
            "smtp://127.0.0.1:2525",
        ] {
            assert_eq!(mail(url), Ok(()), "{url}");
        }
        for url in [
            "smtp://ann:secret@mail.example.org:587",
            "smtp://ann:secret@mail.example.org:587?tls=opportunistic",
            "smtp://ann:secret@10.0.0.1?tls=none",
            "https://ann:secret@mail.example.org",
            "smtps://",
            "ann:secret@mail.example.org",
        ] {
            let error = mail(url).expect_err(url);
            assert!(
                error.starts_with("SMTP_URL: ") && !error.contains("secret"),
                "{error}"
            );
        }
    }

    #[test]
    fn who_prints_the_mail_settings_sees_no_password() {
        let mail = Mail::new(
            "smtps://ann:secret@mail.example.org",
            "punctual@example.org",
            None,
        );
        let printed = format!("{:?}", mail.expect("settings"));
        assert!(
            printed.contains("punctual@example.org") && !printed.contains("secret"),
            "{printed}"
        );
    }
}
