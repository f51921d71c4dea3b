//! The sentences of `tests/corpus`, and what must hold for any text.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use chrono::NaiveTime;
use proptest::prelude::*;
use punctual_domain::reminders::{DEFAULT_MORNING, Definition};
use punctual_domain::time::{to_local, zone};
use punctual_domain::words::{
    Context, Field, Language, MAX_TEXT, counted, read, read_due, read_reminder, read_repeat,
};
use punctual_domain::{Basis, Priority, Rule};

use crate::at;

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
        match reminder {
            Definition::Before { before, .. } => write!(text, " | remind {before}").unwrap(),
            Definition::At { at, .. } => write!(
                text,
                " | remind at {}",
                to_local(*at, context.zone).format("%Y-%m-%dT%H:%M")
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
