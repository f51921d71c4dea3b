use punctual_contract::action::{Action, Deed, LINK_SECONDS};
use serde_json::{Value as Json, json};

use crate::harness::{Endpoint, NOW, SECOND, SECRET};
use crate::sending::{Running, outcome};

/// A topic of Ann's on a server of its own.
async fn topic(token: &str) -> (Running, Endpoint) {
    let running = Running::new(true).await;
    let receiver = Endpoint::start(running.fixture.clock.clone()).await;
    let target = format!("{}/anns-topic", receiver.url);
    running.channel("phone", "ntfy", &target, token).await;
    (running, receiver)
}

/// What a signed link does.
fn deed(link: &Json) -> Deed {
    let link = link.as_str().expect("a link");
    let token = link
        .strip_prefix("https://todo.example.org/act/")
        .expect(link);
    let action = Action::read(SECRET, token, NOW / SECOND + LINK_SECONDS - 1).expect("ours");
    assert_eq!(
        (action.user.as_str(), action.title.as_str()),
        ("ann", "Müll & Ö")
    );
    assert_eq!(action.expires, NOW / SECOND + LINK_SECONDS);
    action.deed
}

#[tokio::test]
async fn a_reminder_is_published_to_its_topic_with_buttons_that_act() {
    let (running, receiver) = topic("tk_secret").await;
    running
        .change("title = 'Müll & Ö', priority = 'high'")
        .await;
    running.set("language = 'de'").await;
    running.fired("r").await;
    assert_eq!(running.tried("r.phone", 1).await.0, "sent");
    let calls = receiver.calls();
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0].path, "/");
    assert_eq!(calls[0].header("authorization"), "Bearer tk_secret");
    let mut message: Json = serde_json::from_str(&calls[0].body).expect("JSON");
    let actions = message["actions"].take();
    assert_eq!(
        message,
        json!({
            "topic": "anns-topic", "title": "Müll & Ö", "message": "Erinnerung für 07:00 Uhr heute",
            "click": "https://todo.example.org/task/t", "tags": ["alarm_clock"], "priority": 5, "actions": null
        })
    );
    let task = "t".to_owned();
    let snooze = |minutes| Deed::Snooze {
        reminder: "r".to_owned(),
        minutes,
    };
    let expected = [
        ("Erledigt", Deed::Done { task }),
        ("In 10 Min. erinnern", snooze(10)),
        ("In 1 Stunde erinnern", snooze(60)),
    ];
    for (index, (label, what)) in expected.into_iter().enumerate() {
        let action = &actions[index];
        assert_eq!(
            (
                &action["action"],
                &action["label"],
                &action["method"],
                &action["clear"]
            ),
            (&json!("http"), &json!(label), &json!("POST"), &json!(true))
        );
        assert_eq!(deed(&action["url"]), what);
    }
    assert_eq!(actions.as_array().map(Vec::len), Some(3));
}

#[tokio::test]
async fn a_topic_without_token_is_published_to_without_one() {
    let (running, receiver) = topic("").await;
    running.fired("r").await;
    running.tried("r.phone", 1).await;
    assert_eq!(receiver.calls()[0].header("authorization"), "");
}

#[tokio::test]
async fn a_refused_token_is_final_and_a_full_server_is_not() {
    let (running, receiver) = topic("tk_secret").await;
    for (status, state) in [
        (401, "failed"),
        (403, "failed"),
        (400, "failed"),
        (429, "pending"),
        (507, "pending"),
        (404, "pending"),
    ] {
        receiver.state().status = Some(status);
        running.fired(&format!("r{status}")).await;
        let receipt = running.tried(&format!("r{status}.phone"), 1).await;
        assert_eq!(receipt.0, state, "{status}");
        assert!(
            outcome(&receipt).starts_with(&format!("the receiver answered {status}")),
            "{receipt:?}"
        );
    }
}
