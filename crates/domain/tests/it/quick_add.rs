//! The sentences of `tests/corpus`, and what must hold for any text.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use proptest::prelude::*;
use punctual_domain::reminders::{DEFAULT_MORNING, When};
use punctual_domain::time::{to_local, zone};
use punctual_domain::words::{
    Context, Language, MAX_TEXT, counted, read, read_due, read_reminder, read_repeat,
};
use punctual_domain::{Basis, Priority, Rule};

use crate::at;
use crate::whole::holds_together;

struct Corpus {
    now: String,
    zone: String,
    projects: Vec<String>,
    /// Section, sentence, expectation.
    lines: Vec<(String, String, String)>,
}

fn corpus(text: &str) -> Corpus {
    let mut corpus = Corpus {
        now: String::new(),
        zone: String::new(),
        projects: Vec::new(),
        lines: Vec::new(),
    };
    let mut section = String::new();
    for line in text.lines() {
        if line.is_empty() || line.starts_with("# ") || line == "#" {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            section = name.to_owned();
        } else if let Some((sentence, wanted)) = line.split_once(" => ") {
            corpus
                .lines
                .push((section.clone(), sentence.to_owned(), wanted.to_owned()));
        } else {
            let (key, value) = line.split_once(": ").expect(line);
            match key {
                "now" => corpus.now = value.to_owned(),
                "zone" => corpus.zone = value.to_owned(),
                "projects" => corpus.projects = value.split(", ").map(str::to_owned).collect(),
                _ => panic!("{line}"),
            }
        }
    }
    corpus
}

fn context<'a>(corpus: &'a Corpus, language: Language) -> Context<'a> {
    Context {
        now: at(&corpus.now, &corpus.zone),
        zone: zone(&corpus.zone).unwrap(),
        language,
        morning: DEFAULT_MORNING,
        projects: &corpus.projects,
    }
}

/// What was understood, as the corpus writes it.
fn found(sentence: &str, context: &Context<'_>) -> String {
    let read = read(sentence, context);
    let mut text = read.title.clone();
    if let Some(due) = read.due {
        write!(text, " | due {due}").unwrap();
    }
    if let Some(repeat) = &read.repeat {
        write!(text, " | every {}", repeat.rule).unwrap();
        if repeat.from == Basis::Completion {
            text += " | from completion";
        }
    }
    for reminder in &read.reminders {
        match reminder.when {
            When::BeforeDue(before) | When::BeforeStart(before) => {
                write!(text, " | remind {before}").unwrap()
            }
            When::At(at) => write!(
                text,
                " | remind at {}",
                to_local(at, context.zone).format("%Y-%m-%dT%H:%M")
            )
            .unwrap(),
        }
    }
    if let Some(project) = read.project {
        write!(text, " | project {}", context.projects[project]).unwrap();
    }
    if read.priority != Priority::None {
        write!(text, " | priority {}", read.priority.as_str()).unwrap();
    }
    for tag in &read.tags {
        write!(text, " | tag {tag}").unwrap();
    }
    text
}

/// The expectation with its rule in the canonical form.
fn wanted(sentence: &str, expectation: &str) -> String {
    if expectation == "=" {
        return sentence.to_owned();
    }
    let parts = expectation
        .split(" | ")
        .map(|part| match part.strip_prefix("every ") {
            Some(rule) => format!("every {}", rule.parse::<Rule>().expect(sentence)),
            None => part.to_owned(),
        });
    parts.collect::<Vec<_>>().join(" | ")
}

fn score(language: Language, text: &str) {
    let corpus = corpus(text);
    let context = context(&corpus, language);
    let mut sections: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let mut wrong = String::new();
    for (section, sentence, expectation) in &corpus.lines {
        let (found, wanted) = (found(sentence, &context), wanted(sentence, expectation));
        let known = section == "known misses";
        let (right, all) = sections.entry(section).or_default();
        *all += 1;
        if found == wanted {
            *right += 1;
            if known {
                writeln!(wrong, "no miss any more: {sentence}").unwrap();
            }
        } else if known {
            println!("known miss: {sentence}\n     wanted {wanted}\n      found {found}");
        } else {
            writeln!(wrong, "{sentence}\n  wanted {wanted}\n   found {found}").unwrap();
        }
    }
    let (right, all) = sections
        .values()
        .fold((0, 0), |(a, b), (right, all)| (a + right, b + all));
    println!("{language:?}: {right} of {all} {sections:?}");
    assert!(wrong.is_empty(), "{right} of {all}\n{wrong}");
}

#[test]
fn english_sentences_mean_what_their_writers_mean() {
    score(Language::English, include_str!("../corpus/english.txt"));
}

#[test]
fn german_sentences_mean_what_their_writers_mean() {
    score(Language::German, include_str!("../corpus/german.txt"));
}

const LANGUAGES: [Language; 2] = [Language::English, Language::German];

fn here(language: Language) -> Context<'static> {
    Context {
        now: at("2026-11-23T09:50", "Europe/Berlin"),
        zone: zone("Europe/Berlin").unwrap(),
        language,
        morning: DEFAULT_MORNING,
        projects: &[],
    }
}

/// The words of the corpus, with the signs that hang on them.
fn vocabulary() -> Vec<&'static str> {
    let texts = [
        include_str!("../corpus/english.txt"),
        include_str!("../corpus/german.txt"),
    ];
    let mut words: Vec<&str> = texts.into_iter().flat_map(str::split_whitespace).collect();
    words.sort_unstable();
    words.dedup();
    words
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_text_is_title_and_spans_and_nothing_is_lost(text in "(\\PC|[ \t\"\\\\#@!:.,/+0-9-]|morgen|fri|9am|every){0,60}") {
        for language in LANGUAGES {
            holds_together(&text, &here(language));
        }
    }

    #[test]
    fn any_words_in_any_order_are_title_and_spans(picks in proptest::collection::vec(any::<proptest::sample::Index>(), 1..25), glue in "[ ]|  |, ") {
        let words = vocabulary();
        let text = picks.iter().map(|pick| *pick.get(&words)).collect::<Vec<_>>().join(&glue);
        for language in LANGUAGES {
            holds_together(&text, &here(language));
        }
    }
}

#[test]
fn the_work_grows_with_the_text_and_not_faster() {
    let words = vocabulary();
    for seed in [
        "every mon, ",
        "9-",
        "tomorrow ",
        "remind me 1 day and ",
        "\"a",
        "@a #b !1 ",
        "3.12.",
        "\\",
        "(((",
        "1 ",
    ] {
        for language in LANGUAGES {
            let steps = |times: usize| counted(&seed.repeat(times), &here(language)).1;
            let (short, long) = (steps(20), steps(160));
            assert!(
                long <= 9 * short,
                "{seed:?}: {short} steps, 8 times as long {long}"
            );
        }
    }
    let all: String = words.join(" ").chars().take(MAX_TEXT).collect();
    for language in LANGUAGES {
        let (_, steps) = counted(&all, &here(language));
        println!("{language:?}: {} steps a character", steps / MAX_TEXT);
        assert!(steps < 400 * MAX_TEXT, "{steps}");
    }
}

#[test]
fn what_is_too_long_is_a_title() {
    let text = format!("tomorrow {}", "a".repeat(MAX_TEXT));
    let read = read(&text, &here(Language::English));
    assert_eq!((read.title, read.due), (text, None));
}

#[test]
fn both_languages_can_say_the_same() {
    let [english, german] = LANGUAGES.map(punctual_domain::words::meanings);
    assert_eq!(english, german);
    assert_eq!(english.1, [""; 0], "slots that are not there");
}

#[test]
fn spans_say_what_was_understood() {
    let said = |text: &str, language| {
        let read = read(text, &here(language));
        let spans = read
            .spans
            .iter()
            .map(|span| format!("{}: {}", span.field.as_str(), span.words));
        spans.collect::<Vec<_>>().join(" | ")
    };
    assert_eq!(
        said(
            "Pay rent every month on the last workday at 9am remind me 1 day before !1 @errands",
            Language::English
        ),
        "repeat: every month on the last workday, 09:00 | due: Monday, 30 November 09:00 | reminder: 1 day before | priority: high | tag: errands"
    );
    assert_eq!(
        said(
            "Zahnarzt morgen um 9 erinnere mich um 8:30 !hoch",
            Language::German
        ),
        "due: morgen 09:00 | due: morgen 09:00 | reminder: morgen 08:30 | priority: hoch"
    );
}

#[test]
fn a_reminder_that_is_said_twice_is_one_and_every_span_still_says_its_own() {
    let read = read(
        "Rent tomorrow remind me 1 day before remind me 1 day before remind me 2 hours before",
        &here(Language::English),
    );
    let said: Vec<_> = read.spans.iter().map(|span| &*span.words).collect();
    assert_eq!(
        said,
        ["tomorrow", "1 day before", "1 day before", "2 hours before"]
    );
    assert_eq!(read.reminders.len(), 2);
}

#[test]
fn a_text_can_be_a_due_a_rule_or_a_reminder_alone() {
    let here = here(Language::English);
    let due = |text: &str| read_due(text, &here).map(|due| due.to_string());
    for (text, wanted) in [
        ("today", "2026-11-23"),
        ("Tomorrow", "2026-11-24"),
        ("+3d", "2026-11-26"),
        ("+2w", "2026-12-07"),
        ("friday", "2026-11-27"),
        ("mon 09:00", "2026-11-30T09:00"),
        ("18:00", "2026-11-23T18:00"),
        ("tomorrow 09:00", "2026-11-24T09:00"),
        ("09:00 tomorrow", "2026-11-24T09:00"),
        ("+1d 9:00", "2026-11-24T09:00"),
        ("+90s", "2026-11-23T09:51:30"),
        ("in 2 minutes", "2026-11-23T09:52"),
        ("2026-12-01T09:00", "2026-12-01T09:00"),
        ("next friday", "2026-12-04"),
    ] {
        assert_eq!(due(text).as_deref(), Some(wanted), "{text}");
    }
    for text in [
        "",
        "soon",
        "25:00",
        "3d",
        "every day",
        "tomorrow !1",
        "call Bob tomorrow",
        "1/12",
    ] {
        assert_eq!(due(text), None, "{text}");
    }
    let rule = |text: &str| {
        let due = "2026-12-31".parse().ok();
        read_repeat(text, due, &here).map(|(repeat, _)| repeat.rule.to_string())
    };
    for (text, wanted) in [
        ("daily", "FREQ=DAILY"),
        ("weekdays", "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR"),
        ("every mon and thu", "FREQ=WEEKLY;BYDAY=MO,TH"),
        ("every 2 weeks on tue", "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU"),
        (
            "monthly",
            "RSCALE=GREGORIAN;FREQ=MONTHLY;BYMONTHDAY=31;SKIP=BACKWARD",
        ),
        ("yearly", "FREQ=YEARLY"),
    ] {
        assert_eq!(rule(text).as_deref(), Some(wanted), "{text}");
    }
    for text in [
        "",
        "often",
        "every",
        "every 0 days",
        "every 2 mondays",
        "tomorrow",
    ] {
        assert_eq!(rule(text), None, "{text}");
    }
    let ring = |text: &str| {
        read_reminder(text, &here).map(|ring| match ring.when {
            When::BeforeDue(before) | When::BeforeStart(before) => before.to_string(),
            When::At(at) => at.to_string(),
        })
    };
    for (text, wanted) in [
        ("30m", "PT30M"),
        ("1 day before", "P1D"),
        ("1h30m", "PT1H30M"),
        ("at 18:00", "2026-11-23T17:00:00.000Z"),
        ("tomorrow 09:00", "2026-11-24T08:00:00.000Z"),
    ] {
        assert_eq!(ring(text).as_deref(), Some(wanted), "{text}");
    }
    assert_eq!(ring("later"), None);
}
