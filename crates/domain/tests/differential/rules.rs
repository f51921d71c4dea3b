//! Generated rules: ours, RFC 5545 by its text, python-dateutil and the crate `rrule`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::{Months, NaiveTime};
use punctual_domain::series::next;
use punctual_domain::time::zone;
use punctual_domain::{Basis, Instant, Local, OccurrenceRef, Recurrence, Series};
use serde::Deserialize;

use crate::generator::{Case, Generator, start_of};
use crate::hostile::quickest;
use crate::oracle::Oracle;
use crate::{Progress, rrule_crate, settings};

const BATCH: usize = 100;
/// So many that differ are made smaller and printed before a run ends.
const MOST_SHOWN: usize = 5;

/// Number, local time, due.
type Occurrence = (u32, Local, i64);
/// The same, and how many were passed over.
type Following = (u32, Local, i64, u32);

/// What the other side says to a case; see `../oracle/protocol.py`.
#[derive(Deserialize)]
struct Theirs {
    occurrences: Vec<Occurrence>,
    asked: bool,
    dateutil: Option<Vec<Local>>,
    classes: Vec<String>,
    due: Vec<Option<Following>>,
    completion: Vec<Option<Following>>,
}

impl Theirs {
    /// What dateutil says, whether that is the same or not.
    fn dateutil(&self) -> Vec<Local> {
        let same = || self.occurrences.iter().map(|one| one.1).collect();
        self.dateutil.clone().unwrap_or_else(same)
    }
}

/// What we say.
struct Ours {
    occurrences: Vec<Occurrence>,
    due: Vec<Option<Following>>,
    completion: Vec<Option<Following>>,
    /// Where seeking an occurrence gives another one than walking to it.
    lost: Option<String>,
}

/// Whether an occurrence lies before the case's end: on the wall, and in hourly rules in UTC.
fn is_compared(case: &Case, recurrence: &Recurrence, at: Local, due: Instant) -> bool {
    let end = case.end.and_time(NaiveTime::MIN).and_utc().timestamp();
    if recurrence.rule.is_sub_daily() {
        due.secs() < end
    } else {
        start_of(at).and_utc().timestamp() < end
    }
}

fn walk(case: &Case, recurrence: &Recurrence) -> Vec<punctual_domain::Occurrence> {
    recurrence
        .occurrences()
        .take_while(|one| is_compared(case, recurrence, one.at, one.due_at))
        .take(case.most)
        .collect()
}

impl Ours {
    fn of(case: &Case) -> Ours {
        let recurrence = case.recurrence().unwrap();
        let hourly = recurrence.rule.is_sub_daily();
        let list = walk(case, &recurrence);
        let mut lost = None;
        let middle = list.len() / 2;
        if let Some(known) = list.get(middle) {
            let rest = &list[middle + 1..list.len().min(middle + 4)];
            let by_key = recurrence.occurrences_after_ref(&known.into());
            let mut ways = vec![by_key.take(rest.len()).collect::<Vec<_>>()];
            if !hourly {
                ways.push(
                    recurrence
                        .occurrences_after(known.at)
                        .take(rest.len())
                        .collect(),
                );
            }
            let wrong = ways.into_iter().find(|found| found != rest);
            lost = wrong
                .map(|found| format!("after {}: {found:?} sought, {rest:?} walked to", known.key));
        }
        let following = |basis| {
            let series = Series {
                recurrence: recurrence.clone(),
                basis,
            };
            let done = case.done.iter().filter(|(nth, _)| *nth < list.len());
            done.map(|(nth, at)| {
                let completed = OccurrenceRef::from(&list[*nth]);
                let found = next(&series, &completed, Instant::from_secs(*at))?;
                is_compared(case, &recurrence, found.at, found.due_at).then_some((
                    found.number,
                    found.at,
                    found.due_at.secs(),
                    found.passed_over,
                ))
            })
            .collect()
        };
        Ours {
            due: following(Basis::Due),
            completion: following(Basis::Completion),
            occurrences: list
                .iter()
                .map(|one| (one.number, one.at, one.due_at.secs()))
                .collect(),
            lost,
        }
    }

    /// The first thing in which we differ from the text of the RFCs, or dateutil does for no known reason, or the crate from
    /// dateutil.
    fn difference(&self, case: &Case, theirs: &Theirs) -> Option<String> {
        first_difference("occurrence", &self.occurrences, &theirs.occurrences)
            .or_else(|| first_difference("completion, basis due,", &self.due, &theirs.due))
            .or_else(|| {
                first_difference(
                    "completion, basis completion,",
                    &self.completion,
                    &theirs.completion,
                )
            })
            .or_else(|| self.lost.clone())
            .or_else(|| match &theirs.dateutil {
                Some(said) if theirs.classes.is_empty() => {
                    Some(format!("dateutil, in no class: {said:?}"))
                }
                _ => None,
            })
            .or_else(|| {
                let said = rrule_crate::says(case)
                    .ok()
                    .filter(|said| *said != theirs.dateutil())?;
                Some(format!(
                    "the crate rrule: {said:?}, dateutil {:?}",
                    theirs.dateutil()
                ))
            })
    }
}

fn first_difference<T: PartialEq + std::fmt::Debug>(
    what: &str,
    ours: &[T],
    theirs: &[T],
) -> Option<String> {
    let n = (0..ours.len().max(theirs.len())).find(|n| ours.get(*n) != theirs.get(*n))?;
    Some(format!(
        "{what} {}: ours {:?}, theirs {:?}",
        n + 1,
        ours.get(n),
        theirs.get(n)
    ))
}

#[derive(Default)]
struct Figures {
    rules: usize,
    zones: BTreeSet<&'static str>,
    occurrences: usize,
    completions: usize,
    asked: usize,
    agreed: usize,
    /// Rules by what the crate has to them.
    crate_says: BTreeMap<&'static str, usize>,
    /// Rules by class, and the shortest of each.
    classes: BTreeMap<String, (usize, String)>,
    slowest: (Duration, String),
}

impl Figures {
    fn add(&mut self, case: &Case, ours: &Ours, theirs: &Theirs) {
        self.rules += 1;
        self.zones.insert(case.zone.name());
        self.occurrences += ours.occurrences.len();
        self.completions += ours.due.len() + ours.completion.len();
        self.asked += usize::from(theirs.asked);
        self.agreed += usize::from(theirs.asked && theirs.classes.is_empty());
        let example = case.to_string();
        for class in &theirs.classes {
            let (count, shortest) = self
                .classes
                .entry(class.clone())
                .or_insert((0, example.clone()));
            *count += 1;
            if example.len() < shortest.len() {
                shortest.clone_from(&example);
            }
        }
        let says = rrule_crate::says(case).map_or_else(|why| why, |_| "says what dateutil says");
        *self.crate_says.entry(says).or_default() += 1;
        let recurrence = case.recurrence().unwrap();
        let took = quickest(|| _ = walk(case, &recurrence));
        if took > self.slowest.0 {
            self.slowest = (took, example);
        }
    }

    fn print(&self, took: Duration) {
        let Figures {
            rules,
            occurrences,
            completions,
            asked,
            agreed,
            ..
        } = self;
        println!(
            "rules {rules}, zones {}, occurrences {occurrences}, completions {completions}, {:.0} s",
            self.zones.len(),
            took.as_secs_f64()
        );
        println!(
            "python-dateutil: asked {asked}, the same {agreed}, different {} by class, with the shortest rule:",
            asked - agreed
        );
        for (class, (count, example)) in &self.classes {
            println!("  {class}: {count}, {example}");
        }
        println!("the crate rrule:");
        for (says, count) in &self.crate_says {
            println!("  {says}: {count}");
        }
        let (slowest, example) = &self.slowest;
        println!(
            "slowest list: {:.1} ms, {example}",
            slowest.as_secs_f64() * 1_000.0
        );
    }
}

/// Made smaller as long as it still differs.
fn shrunk(mut case: Case, oracle: &mut Oracle) -> (Case, String) {
    let differs = |case: &Case, oracle: &mut Oracle| {
        let theirs: Vec<Theirs> = oracle.ask(&[case.question()]);
        Ours::of(case).difference(case, &theirs[0])
    };
    let mut difference = differs(&case, oracle).unwrap();
    'smaller: loop {
        for smaller in case.smaller() {
            if let Some(still) = differs(&smaller, oracle) {
                (case, difference) = (smaller, still);
                continue 'smaller;
            }
        }
        return (case, difference);
    }
}

#[test]
fn generated_rules_give_what_the_rfcs_say_and_what_dateutil_says_but_for_the_named_classes() {
    let settings = settings();
    let (mut oracle, mut generator) = (Oracle::start(), Generator::new(settings.seed));
    let mut figures = Figures::default();
    let (mut shown, mut progress) = (0, Progress::new());
    let mut made =
        |left: usize| -> Vec<Case> { (0..left.min(BATCH)).map(|_| generator.case()).collect() };
    let mut batch = made(settings.rules);
    while !batch.is_empty() && shown < MOST_SHOWN {
        let questions: Vec<_> = batch.iter().map(Case::question).collect();
        oracle.send(&questions);
        // While it works on them:
        let ours: Vec<Ours> = batch.iter().map(Ours::of).collect();
        let coming = made(settings.rules - figures.rules - batch.len());
        let theirs: Vec<Theirs> = oracle.read();
        let mut failed = Vec::new();
        for ((case, ours), theirs) in batch.iter().zip(&ours).zip(&theirs) {
            figures.add(case, ours, theirs);
            if ours.difference(case, theirs).is_some() {
                failed.push((figures.rules, case.clone()));
            }
        }
        for (number, case) in failed.into_iter().take(MOST_SHOWN) {
            let (small, difference) = shrunk(case.clone(), &mut oracle);
            println!("DIFFERS: rule {number} of seed {}: {case}", settings.seed);
            println!("  the smallest that does: {small:?}\n  {difference}");
            shown += 1;
        }
        progress.say(figures.rules, settings.rules, "rules");
        batch = coming;
    }
    figures.print(progress.begun.elapsed());
    assert_eq!(shown, 0, "these differ outside of the classes");
    println!("zero differences outside of the classes");
}

/// The minimal examples of `specs/005-cloud-deployment/recurrence.md`: class, rule, start, `RDATE`; ours; dateutil's.
const EXAMPLES: [(&str, &str, &str, &str, &str, &str); 9] = [
    (
        "start",
        "FREQ=WEEKLY;COUNT=2;BYDAY=MO",
        "2026-11-25",
        "",
        "2026-11-25 2026-11-30",
        "2026-11-30 2026-12-07",
    ),
    (
        "times of dates",
        "FREQ=DAILY;COUNT=2;BYHOUR=9,21",
        "2026-11-23",
        "",
        "2026-11-23 2026-11-24",
        "2026-11-23 2026-11-23",
    ),
    (
        "types",
        "FREQ=DAILY;UNTIL=20261124",
        "2026-11-23T09:00",
        "",
        "2026-11-23T09:00 2026-11-24T09:00",
        "2026-11-23T09:00",
    ),
    (
        "early rdates",
        "FREQ=DAILY;COUNT=2",
        "2026-11-23",
        "2026-11-20",
        "2026-11-23 2026-11-24",
        "2026-11-20 2026-11-23 2026-11-24",
    ),
    (
        "mixed days",
        "FREQ=MONTHLY;COUNT=3;BYDAY=1TU,WE",
        "2026-12-01",
        "",
        "2026-12-01 2026-12-02 2026-12-09",
        "",
    ),
    (
        "week alone",
        "FREQ=YEARLY;COUNT=3;BYWEEKNO=20",
        "1997-05-14",
        "",
        "1997-05-14 1998-05-13 1999-05-19",
        "1997-05-14 1997-05-15 1997-05-16",
    ),
    (
        "first week",
        "FREQ=WEEKLY;COUNT=2;BYDAY=MO,WE,FR;BYSETPOS=2",
        "2026-11-25",
        "",
        "2026-11-25 2026-12-02",
        "2026-11-27 2026-12-02",
    ),
    (
        "weeks",
        "FREQ=YEARLY;COUNT=2;BYWEEKNO=-52;BYDAY=MO",
        "2024-01-01",
        "",
        "2024-01-01 2024-12-30",
        "2024-01-01 2026-01-05",
    ),
    (
        "hours",
        "FREQ=HOURLY;INTERVAL=5;COUNT=3",
        "2026-03-28T20:30",
        "",
        "2026-03-28T20:30 2026-03-29T01:30 2026-03-29T07:30",
        "2026-03-28T20:30 2026-03-29T01:30 2026-03-29T06:30",
    ),
];

#[test]
fn each_class_of_difference_has_its_minimal_example() {
    let mut oracle = Oracle::start();
    for (class, rule, start, rdate, ours, dateutil) in EXAMPLES {
        let start: Local = start.parse().unwrap();
        let parts = rule.split(';').map(|part| part.split_once('=').unwrap());
        let case = Case {
            parts: parts
                .map(|(name, values)| (name, values.split(',').map(str::to_owned).collect()))
                .collect(),
            start,
            zone: zone("Europe/Berlin").unwrap(),
            rdates: rdate.split(' ').filter_map(|at| at.parse().ok()).collect(),
            exdates: Vec::new(),
            end: start.date() + Months::new(36),
            most: 3,
            done: Vec::new(),
        };
        let theirs: Vec<Theirs> = oracle.ask(&[case.question()]);
        assert_eq!(
            Ours::of(&case).difference(&case, &theirs[0]),
            None,
            "{case}"
        );
        let text = |list: &[Local]| {
            list.iter()
                .map(Local::to_string)
                .collect::<Vec<_>>()
                .join(" ")
        };
        let said: Vec<Local> = Ours::of(&case)
            .occurrences
            .iter()
            .map(|one| one.1)
            .collect();
        assert_eq!(
            (text(&said), text(&theirs[0].dateutil())),
            (ours.to_owned(), dateutil.to_owned()),
            "{case}"
        );
        assert_eq!(theirs[0].classes, [class], "{case}");
    }
}
