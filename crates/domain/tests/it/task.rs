use punctual_domain::Priority;
use punctual_domain::reminders::Definition;
use punctual_domain::task::{notes, rank, reminders, reminders_from_json, tags, title};
use serde_json::json;

#[test]
fn a_title_is_trimmed_and_has_1_to_500_characters_on_one_line() {
    assert_eq!(title("  Pay rent\u{a0} ").unwrap(), "Pay rent");
    assert_eq!(title(&"ü".repeat(500)).unwrap().chars().count(), 500);
    for (text, reason) in [
        ("", "empty"),
        (" \n ", "empty"),
        ("a\nb", "one line"),
        ("a\u{7f}", "control"),
    ] {
        let invalid = title(text).unwrap_err();
        assert_eq!(invalid.field, "title");
        assert!(invalid.reason.contains(reason), "{text:?}: {invalid}");
    }
    assert!(title(&"a".repeat(501)).unwrap_err().reason.contains("500"));
}

#[test]
fn notes_have_at_most_64_kib() {
    assert!(notes(&"a".repeat(65_536)).is_ok());
    assert!(notes("several\n\tlines").is_ok());
    assert_eq!(notes(&"a".repeat(65_537)).unwrap_err().field, "notes");
    assert!(notes("\0").is_err());
}

#[test]
fn tags_are_trimmed_deduplicated_and_named_by_their_index_when_wrong() {
    assert_eq!(tags(&[" home ", "work", "home"]).unwrap(), ["home", "work"]);
    assert_eq!(tags(&["home", " "]).unwrap_err().field, "tags[1]");
    assert_eq!(
        tags(&["home", &"a".repeat(65)]).unwrap_err().field,
        "tags[1]"
    );
    let many: Vec<String> = (0..33).map(|n| n.to_string()).collect();
    assert_eq!(tags(&many).unwrap_err().field, "tags");
    assert_eq!(tags(&many[..32]).unwrap().len(), 32);
    assert_eq!(tags(&vec!["same"; 1_000]).unwrap(), ["same"]);
}

#[test]
fn a_priority_is_none_low_medium_or_high() {
    for word in ["none", "low", "medium", "high"] {
        assert_eq!(Priority::parse(word).unwrap().as_str(), word);
        assert_eq!(
            serde_json::to_value(Priority::parse(word).unwrap()).unwrap(),
            word
        );
    }
    assert_eq!(Priority::parse("urgent").unwrap_err().field, "priority");
    assert!(Priority::High > Priority::Medium && Priority::default() == Priority::None);
}

#[test]
fn a_task_has_at_most_20_reminders_each_id_once() {
    let one = |id: &str| Definition::before(id, "PT5M".parse().unwrap());
    assert!(reminders(&vec![one(""); 20]).is_ok());
    assert_eq!(
        reminders(&vec![one(""); 21]).unwrap_err().field,
        "reminders"
    );
    assert_eq!(
        reminders(&[one("a"), one("b"), one("a")])
            .unwrap_err()
            .field,
        "reminders[2].id"
    );
    assert_eq!(
        reminders(&[one("a b")]).unwrap_err().field,
        "reminders[0].id"
    );
}

#[test]
fn reminders_in_json_are_refused_with_the_path_of_the_wrong_member() {
    let good = json!([{ "before": "PT30M" }, { "id": "r1", "at": "2026-11-30T18:00:00Z" }]);
    assert_eq!(reminders_from_json(&good).unwrap().len(), 2);
    for (value, field) in [
        (json!({}), "reminders"),
        (json!(["PT30M"]), "reminders[0]"),
        (
            json!([{ "before": "PT30M" }, { "before": "30 minutes" }]),
            "reminders[1].before",
        ),
        (json!([{ "before": "P1M" }]), "reminders[0].before"),
        (json!([{ "at": "2026-11-30" }]), "reminders[0].at"),
        (json!([{ "before": 30 }]), "reminders[0].before"),
        (json!([{ "id": 1, "before": "PT30M" }]), "reminders[0].id"),
        (json!([{}]), "reminders[0]"),
        (
            json!([{ "before": "PT30M", "at": "2026-11-30T18:00:00Z" }]),
            "reminders[0]",
        ),
    ] {
        let invalid = reminders_from_json(&value).unwrap_err();
        assert_eq!(invalid.field, field, "{value}: {invalid}");
    }
}

#[test]
fn a_rank_is_digits_and_small_letters_with_room_before_it() {
    for good in ["", "1", "i", "0i", "a05", &"z".repeat(64)] {
        assert_eq!(rank(good).as_deref(), Ok(good));
    }
    for wrong in ["0", "a0", "A", "a b", "a-", "ß", &"z".repeat(65)] {
        assert_eq!(rank(wrong).unwrap_err().field, "rank", "{wrong}");
    }
}
