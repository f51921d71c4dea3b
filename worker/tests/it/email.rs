use std::io::Write;
use std::sync::{Arc, Mutex};

use punctual_contract::action::{Action, Deed, LINK_SECONDS};
use punctual_worker::sender::Mail;
use serde_json::Value as Json;
use tracing_subscriber::fmt::MakeWriter;

use crate::harness::{NOW, SECOND, SECRET, eventually, listener};
use crate::node::{Script, Smtp, node_is_here};
use crate::sending::{Running, outcome};

const PASSWORD: &str = "correct horse: battery/staple";
/// As it stands in a URL.
const ENCODED: &str = "correct%20horse%3A%20battery%2Fstaple";

fn mail(smtp: &Smtp, secure: bool, password: &str) -> Mail {
    let url = match secure {
        true => format!("smtps://ann:{password}@{}", smtp.address),
        false => format!("smtp://ann:{password}@{}?tls=required", smtp.address),
    };
    let from = "Punctual <punctual@example.org>";
    Mail::new(&url, from, Some(smtp.certificate.as_bytes())).expect("settings")
}

/// A mail server that behaves so, and a sender that knows its password; Ann gets reminders by e-mail.
async fn post(script: Script<'_>) -> (Running, Smtp) {
    let secure = script.secure;
    let smtp = Smtp::start(Script {
        password: PASSWORD,
        ..script
    })
    .await;
    let running = Running::with(false, Some(mail(&smtp, secure, ENCODED))).await;
    running
        .channel("mail", "email", "ann@example.com", "")
        .await;
    (running, smtp)
}

fn text<'a>(mail: &'a Json, path: &str) -> &'a str {
    mail.pointer(path)
        .and_then(Json::as_str)
        .unwrap_or_default()
}

/// What the links in a mail's text do, in order.
fn deeds(text: &str) -> Vec<Action> {
    text.lines()
        .filter_map(|line| line.strip_prefix("https://todo.example.org/act/"))
        .map(|token| {
            let just_valid = NOW / SECOND + LINK_SECONDS - 1;
            Action::read(SECRET, token, just_valid).expect("ours")
        })
        .collect()
}

#[tokio::test]
async fn a_reminder_comes_as_text_and_html_with_links_that_act() {
    if !node_is_here() {
        return;
    }
    let (running, smtp) = post(Script::default()).await;
    running.change("title = 'Tea & <b>biscuits</b>'").await;
    running.set("timezone = 'America/New_York'").await;
    running
        .fixture
        .reminder("t", "r", running.fixture.clock.now())
        .await;
    let due = "UPDATE reminders SET due = '2026-11-02T09:30', version = version + 1, op = 'due' WHERE id = 'r'";
    running.fixture.run(due, Vec::new()).await;
    running.fixture.fire("r").await;
    let receipt = running.tried("r.mail", 1).await;
    assert_eq!((receipt.0.as_str(), outcome(&receipt)), ("sent", "sent"));

    let mail = smtp.wait("mail", 1).await.remove(0);
    assert_eq!(mail["secure"], true, "STARTTLS");
    assert_eq!(mail["user"], "ann");
    assert_eq!(mail["from"], "punctual@example.org");
    assert_eq!(mail["to"], serde_json::json!(["ann@example.com"]));
    for (name, value) in [
        ("message-id", "<r.mail@todo.example.org>"),
        ("auto-submitted", "auto-generated"),
        ("date", "Mon, 02 Nov 2026 06:00:00 +0000"),
        ("to", "ann@example.com"),
    ] {
        assert_eq!(text(&mail, &format!("/headers/{name}")), value);
    }
    assert!(text(&mail, "/headers/from").contains("Punctual"));
    assert_eq!(mail["subject"], "Reminder: Tea & <b>biscuits</b>");

    let plain = text(&mail, "/text");
    let due = "Due on Monday, 2 November 2026 at 09:30";
    assert!(
        plain.starts_with(&format!("Tea & <b>biscuits</b>\n{due}\n")),
        "{plain}"
    );
    assert!(plain.contains("America/New_York"), "{plain}");
    assert!(plain.contains("https://todo.example.org/task/t"), "{plain}");
    let done = Deed::Done {
        task: "t".to_owned(),
    };
    let snooze = |minutes| Deed::Snooze {
        reminder: "r".to_owned(),
        minutes,
    };
    let actions = deeds(plain);
    let found: Vec<Deed> = actions.iter().map(|action| action.deed.clone()).collect();
    assert_eq!(found, [done, snooze(10), snooze(60)]);
    for action in &actions {
        assert_eq!(
            (action.user.as_str(), action.language.as_str()),
            ("ann", "en")
        );
        assert_eq!(action.expires, NOW / SECOND + 14 * 24 * 3600);
    }

    let html = text(&mail, "/html");
    assert!(
        html.contains("Tea &amp; &lt;b&gt;biscuits&lt;/b&gt;"),
        "{html}"
    );
    assert!(!html.contains("<b>") && html.contains(due), "{html}");
    for line in plain.lines().filter(|line| line.starts_with("https://")) {
        assert!(html.contains(&format!("href=\"{line}\"")), "{line}");
    }
}

#[tokio::test]
async fn a_german_account_gets_german_mail_over_tls_from_the_start() {
    if !node_is_here() {
        return;
    }
    let (running, smtp) = post(Script {
        secure: true,
        ..Script::default()
    })
    .await;
    running.change("title = 'Müll 🗑️ rausbringen'").await;
    running.set("language = 'de'").await;
    running.fired("r").await;
    assert_eq!(running.tried("r.mail", 1).await.0, "sent");
    let mail = smtp.wait("mail", 1).await.remove(0);
    assert_eq!(mail["secure"], true);
    assert_eq!(mail["subject"], "Erinnerung: Müll 🗑️ rausbringen");
    let plain = text(&mail, "/text");
    assert!(
        plain.contains("Erinnerung für 07:00 Uhr am Montag, 2. November 2026"),
        "{plain}"
    );
    for words in ["Erledigt", "In 10 Min. erinnern", "In 1 Stunde erinnern"] {
        assert!(plain.contains(words) && text(&mail, "/html").contains(words));
    }
    assert!(text(&mail, "/html").contains("<html lang=\"de\""));
    assert!(deeds(plain).iter().all(|action| action.language == "de"));
}

#[tokio::test]
async fn a_4xx_reply_is_tried_again_under_the_same_message_id_with_the_same_links() {
    if !node_is_here() {
        return;
    }
    let (running, smtp) = post(Script {
        replies: vec![
            Some(("RCPT", 450, "4.2.0 Greylisted, come back")),
            Some(("DATA", 451, "4.3.0 Try again later")),
        ],
        ..Script::default()
    })
    .await;
    running.fired("r").await;
    let receipt = running.tried("r.mail", 1).await;
    assert_eq!(
        (receipt.0.as_str(), receipt.1),
        ("pending", Some(NOW + 5 * SECOND))
    );
    assert_eq!(
        outcome(&receipt),
        "the mail server answered: 450 4.2.0 Greylisted, come back"
    );
    running.fixture.clock.set(NOW + 5 * SECOND);
    let receipt = running.tried("r.mail", 2).await;
    assert_eq!(
        outcome(&receipt),
        "the mail server answered: 451 4.3.0 Try again later"
    );
    running.fixture.clock.set(NOW + 306 * SECOND);
    assert_eq!(running.tried("r.mail", 3).await.0, "sent");
    let (first, last) = (
        smtp.wait("refused", 2).await.remove(1),
        smtp.wait("mail", 1).await.remove(0),
    );
    assert_eq!(
        text(&last, "/headers/message-id"),
        "<r.mail@todo.example.org>"
    );
    assert_eq!(
        text(&first, "/headers/message-id"),
        text(&last, "/headers/message-id")
    );
    assert_eq!(deeds(text(&first, "/text")), deeds(text(&last, "/text")));
}

#[tokio::test]
async fn a_5xx_reply_is_final_and_the_receipt_says_it() {
    if !node_is_here() {
        return;
    }
    let (running, _smtp) = post(Script {
        replies: vec![Some(("RCPT", 550, "5.1.1 No such user here"))],
        ..Script::default()
    })
    .await;
    running.fired("r").await;
    let receipt = running.tried("r.mail", 1).await;
    assert_eq!((receipt.0.as_str(), receipt.1), ("failed", None));
    assert_eq!(
        outcome(&receipt),
        "the mail server answered: 550 5.1.1 No such user here"
    );
    running.fired("next").await;
    assert_eq!(
        running.tried("next.mail", 1).await.0,
        "sent",
        "the server itself is fine"
    );
}

/// What was logged, by everything that runs on this test's thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("the log").extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn a_refused_login_is_tried_again_and_the_password_is_told_nowhere() {
    if !node_is_here() {
        return;
    }
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(log.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    tracing::info!("the log is read");
    let smtp = Smtp::start(Script {
        password: "another",
        ..Script::default()
    })
    .await;
    let running = Running::with(false, Some(mail(&smtp, false, ENCODED))).await;
    running
        .channel("mail", "email", "ann@example.com", "")
        .await;
    running.fired("r").await;
    let receipt = running.tried("r.mail", 1).await;
    assert_eq!(receipt.0, "pending");
    assert!(
        outcome(&receipt).starts_with("the mail server answered: 535"),
        "{receipt:?}"
    );
    let log = String::from_utf8_lossy(&log.0.lock().expect("the log")).into_owned();
    assert!(log.contains("the log is read"));
    for secret in [PASSWORD, ENCODED, SECRET, "battery"] {
        assert!(!log.contains(secret), "{log}");
        assert!(!format!("{receipt:?}").contains(secret), "{receipt:?}");
    }
}

#[tokio::test]
async fn a_mail_server_that_is_not_trusted_gets_nothing() {
    if !node_is_here() {
        return;
    }
    for secure in [true, false] {
        let smtp = Smtp::start(Script {
            secure,
            password: PASSWORD,
            ..Script::default()
        })
        .await;
        let url = match secure {
            true => format!("smtps://ann:{ENCODED}@{}", smtp.address),
            false => format!("smtp://ann:{ENCODED}@{}?tls=required", smtp.address),
        };
        let untrusting = Mail::new(&url, "punctual@example.org", None).expect("settings");
        let running = Running::with(false, Some(untrusting)).await;
        running
            .channel("mail", "email", "ann@example.com", "")
            .await;
        running.fired("r").await;
        let receipt = running.tried("r.mail", 1).await;
        assert_eq!(receipt.0, "pending");
        assert!(outcome(&receipt).contains("certificate"), "{receipt:?}");
        assert!(smtp.said("auth").is_empty() && smtp.said("mail").is_empty());
    }
}

#[tokio::test]
async fn an_address_is_asked_first_and_gets_reminders_once_it_said_yes() {
    if !node_is_here() {
        return;
    }
    let (running, smtp) = post(Script::default()).await;
    running.set("language = 'de'").await;
    let fixture = &running.fixture;
    fixture
        .channel("ann", "new", "email", "new@example.com", "")
        .await;
    let mail = smtp.wait("mail", 1).await.remove(0);
    assert_eq!(mail["to"], serde_json::json!(["new@example.com"]));
    assert_eq!(
        text(&mail, "/headers/message-id"),
        format!("<confirm.new.{NOW}@todo.example.org>")
    );
    assert_eq!(text(&mail, "/headers/auto-submitted"), "auto-generated");
    assert_eq!(
        mail["subject"],
        "Bitte diese Adresse für Erinnerungen bestätigen"
    );
    let actions = deeds(text(&mail, "/text"));
    assert_eq!(
        actions,
        [Action {
            deed: Deed::Confirm {
                channel: "new".to_owned()
            },
            user: "ann".to_owned(),
            language: "de".to_owned(),
            title: "new@example.com".to_owned(),
            expires: NOW / SECOND + LINK_SECONDS,
        }]
    );
    eventually("the confirmation to be sent", async || {
        (fixture.text("SELECT state FROM confirmations").await == "sent").then_some(())
    })
    .await;
    let again = "UPDATE confirmations SET state = 'pending', next_try = created_at + 1, created_at = created_at + 1";
    fixture.run(again, Vec::new()).await;
    fixture.clock.set(NOW + 1);
    let mail = smtp.wait("mail", 2).await.remove(1);
    assert_eq!(
        text(&mail, "/headers/message-id"),
        format!("<confirm.new.{}@todo.example.org>", NOW + 1),
        "who is asked again gets another mail"
    );
    running.fired("r").await;
    running.tried("r.mail", 1).await;
    let deliveries = "SELECT count(*) FROM deliveries WHERE channel_id = 'new'";
    assert_eq!(fixture.integer(deliveries).await, 0);
    let yes = "UPDATE channels SET confirmed_at = 1 WHERE id = 'new'";
    fixture.run(yes, Vec::new()).await;
    running.fired("later").await;
    assert_eq!(running.tried("later.new", 1).await.0, "sent");
}

#[tokio::test]
async fn a_question_that_was_refused_is_asked_again_at_4xx_and_not_at_5xx() {
    if !node_is_here() {
        return;
    }
    let (running, smtp) = post(Script {
        replies: vec![
            Some(("RCPT", 450, "4.2.0 Busy")),
            None,
            Some(("RCPT", 550, "5.1.1 Unknown")),
        ],
        ..Script::default()
    })
    .await;
    let fixture = &running.fixture;
    let row = async |channel: &str| {
        let sql =
            "SELECT state, tries, last_error, next_try FROM confirmations WHERE channel_id = ?1";
        let row = fixture.run(sql, vec![channel.into()]).await.remove(0);
        (
            row[0].as_text().unwrap_or_default().to_owned(),
            row[1].as_integer().unwrap_or(0),
            row[2].as_text().unwrap_or_default().to_owned(),
            row[3].as_integer(),
        )
    };
    let tried = async |channel: &str, times: i64| {
        eventually("the question to be asked", async || {
            let row = row(channel).await;
            (row.1 >= times).then_some(row)
        })
        .await
    };
    fixture
        .channel("ann", "busy", "email", "busy@example.com", "")
        .await;
    let (state, _, error, next_try) = tried("busy", 1).await;
    assert_eq!(
        (state.as_str(), next_try),
        ("pending", Some(NOW + 5 * SECOND))
    );
    assert_eq!(error, "the mail server answered: 450 4.2.0 Busy");
    fixture.clock.set(NOW + 5 * SECOND);
    let (state, _, error, next_try) = tried("busy", 2).await;
    assert_eq!(
        (state.as_str(), error.as_str(), next_try),
        ("sent", "", None)
    );
    assert_eq!(smtp.wait("mail", 1).await.len(), 1);
    fixture
        .channel("ann", "nobody", "email", "nobody@example.com", "")
        .await;
    let (state, _, error, next_try) = tried("nobody", 1).await;
    assert_eq!((state.as_str(), next_try), ("failed", None));
    assert_eq!(error, "the mail server answered: 550 5.1.1 Unknown");
}

#[tokio::test]
async fn without_a_mail_server_the_receipt_says_so() {
    let running = Running::new(false).await;
    running
        .channel("mail", "email", "ann@example.com", "")
        .await;
    running.fired("r").await;
    let receipt = running.tried("r.mail", 1).await;
    assert_eq!(receipt.0, "pending");
    assert_eq!(
        outcome(&receipt),
        "this server is not set up to send e-mail (SMTP_URL)"
    );
}

#[tokio::test]
async fn a_mail_server_that_is_down_rests_and_is_not_asked_for_every_mail() {
    let closed = listener().await.local_addr().expect("an address");
    let url = format!("smtp://{closed}");
    let mail = Mail::new(&url, "punctual@example.org", None).expect("settings");
    let running = Running::with(false, Some(mail)).await;
    running
        .channel("mail", "email", "ann@example.com", "")
        .await;
    for n in 0..100 {
        running.fired(&format!("r{n}")).await;
    }
    eventually("all to be put off", async || {
        let sql = "SELECT count(*) FROM deliveries WHERE state = 'pending' AND next_try > 1793599200000000";
        (running.fixture.integer(sql).await == 100).then_some(())
    })
    .await;
    let tried = "SELECT count(*) FROM deliveries WHERE tries > 0";
    assert!(running.fixture.integer(tried).await < 30, "the rest rests");
}
