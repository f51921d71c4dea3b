//! Generated rules: ours, RFC 5545 by its text, python-dateutil and the `rrule` crate.

use std::collections::BTreeMap;
use std::time::{Duration, Instant as Clock};

use chrono::{NaiveDateTime, NaiveTime};
use punctual_domain::series::next;
use punctual_domain::time::resolve;
use punctual_domain::{Basis, Instant, Local, OccurrenceRef, Series, Zone};
use rrule::RRuleSet;
use serde::Deserialize;

use crate::generator::{Case, Generator, start_of};
use crate::oracle::Oracle;
use crate::settings;

const BATCH: usize = 100;
/// So many that differ are printed before the run ends.
const MOST_SHOWN: usize = 5;
/// What the other side says to a case; see `../oracle/protocol.py`.
#[derive(Deserialize)]
struct Answer {
    occurrences: Vec<(u32, Local, i64)>,
    dateutil: Option<Vec<Local>>,
    classes: Vec<String>,
    asked: bool,
    due: Vec<Option<Following>>,
    completion: Vec<Option<Following>>,
}

/// Number, local time, due, how many were passed over.
type Following = (u32, Local, i64, u32);

/// What we say.
struct Ours {
    occurrences: Vec<(u32, Local, i64)>,
    due: Vec<Option<Following>>,
    completion: Vec<Option<Following>>,
    took: Duration,
}

impl Ours {
    fn of(case: &Case) -> Ours {
        let begun = Clock::now();
        let recurrence = case.recurrence().unwrap();
        let end = case.end.and_time(NaiveTime::MIN).and_utc().timestamp();
        let hourly = recurrence.rule.is_sub_daily();
        let within = |at: Local, due: Instant| {
            let place = if hourly {
                due.secs()
            } else {
                start_of(at).and_utc().timestamp()
            };
            place < end
        };
        let list: Vec<_> = recurrence
            .occurrences()
            .take_while(|one| within(one.at, one.due_at))
            .take(case.most)
            .collect();
        let took = begun.elapsed();
        // Sought is what was walked to.
        if let Some(middle) = list.get(list.len() / 2) {
            let rest = &list[list.len() / 2 + 1..];
            let rest = &rest[..rest.len().min(3)];
            let onward: Vec<_> = recurrence
                .occurrences_after_ref(&middle.into())
                .take(rest.len())
                .collect();
            assert_eq!(onward, rest, "{case:?}, after {}", middle.key);
            if !hourly {
                let onward: Vec<_> = recurrence
                    .occurrences_after(middle.at)
                    .take(rest.len())
                    .collect();
                assert_eq!(onward, rest, "{case:?}, after the time of {}", middle.key);
            }
        }
        let following = |basis| {
            let series = Series {
                recurrence: recurrence.clone(),
                basis,
            };
            let done = case.done.iter().filter(|(nth, _)| *nth < list.len());
            done.map(|(nth, at)| {
                let found = next(
                    &series,
                    &OccurrenceRef::from(&list[*nth]),
                    Instant::from_secs(*at),
                )?;
                within(found.at, found.due_at).then_some((
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
            took,
        }
    }

    /// The first thing in which we differ from the text of the RFCs, or from dateutil for no known reason.
    fn difference(&self, theirs: &Answer) -> Option<String> {
        let pairs = |ours: &[_], theirs: &[_], what: &str| {
            let n = (0..ours.len().max(theirs.len())).find(|n| ours.get(*n) != theirs.get(*n))?;
            Some(format!(
                "{what} {}: ours {:?}, theirs {:?}",
                n + 1,
                ours.get(n),
                theirs.get(n)
            ))
        };
        let follow = |ours: &[Option<Following>], theirs: &[Option<Following>], what: &str| {
            let n = (0..ours.len()).find(|n| ours[*n] != theirs[*n])?;
            Some(format!(
                "{what} {}: ours {:?}, theirs {:?}",
                n + 1,
                ours[n],
                theirs[n]
            ))
        };
        pairs(&self.occurrences, &theirs.occurrences, "occurrence")
            .or_else(|| follow(&self.due, &theirs.due, "after completion, basis due,"))
            .or_else(|| {
                follow(
                    &self.completion,
                    &theirs.completion,
                    "after completion, basis completion,",
                )
            })
            .or_else(|| {
                let (said, true) = (theirs.dateutil.as_ref()?, theirs.classes.is_empty()) else {
                    return None;
                };
                Some(format!("dateutil gives {said:?} and no class explains it"))
            })
    }
}

/// What the crate says to the rule on the wall, as if that were UTC; whether it gave up early. `Err` where it isn't asked or
/// refuses.
fn crate_says(case: &Case) -> Result<(Vec<Local>, bool), &'static str> {
    if case.part("SKIP").is_some_and(|skip| skip != "OMIT") {
        return Err("is not asked (SKIP)");
    }
    let mut plain = case.clone();
    plain
        .parts
        .retain(|(name, _)| !matches!(*name, "RSCALE" | "SKIP"));
    if let Some((_, until)) = plain.parts.iter_mut().find(|(name, _)| *name == "UNTIL") {
        until[0] = match until[0].len() {
            8 => format!("{}T000000Z", until[0]),
            15 => format!("{}Z", until[0]),
            _ => return Err("is not asked (UNTIL in UTC)"),
        };
    }
    if !case.rdates.is_empty() || !case.exdates.is_empty() {
        return Err("is not asked (RDATE, EXDATE)");
    }
    let start = start_of(case.start).format("%Y%m%dT%H%M%SZ");
    let set: RRuleSet = format!("DTSTART:{start}\nRRULE:{}", plain.rule_text())
        .parse()
        .map_err(|_| "refuses")?;
    let found = set.all(case.most as u16);
    let hourly = case.part("FREQ") == Some("HOURLY");
    let end = case.end.and_time(NaiveTime::MIN);
    let within = |at: &NaiveDateTime| match hourly {
        true => resolve(*at, case.zone) < resolve(end, Zone::UTC),
        false => *at < end,
    };
    let dates: Vec<Local> = found
        .dates
        .iter()
        .map(|at| at.naive_local())
        .filter(within)
        .map(|at| match case.start.is_date() {
            true => Local::Date(at.date()),
            false => Local::DateTime(at),
        })
        .collect();
    Ok((dates, found.limited && found.dates.len() < case.most))
}

#[derive(Default)]
struct Figures {
    rules: usize,
    zones: std::collections::BTreeSet<&'static str>,
    occurrences: usize,
    completions: usize,
    asked: usize,
    agreed: usize,
    crate_agreed: usize,
    crate_not: BTreeMap<String, usize>,
    /// Rules by class, and the shortest example of each.
    classes: BTreeMap<String, (usize, String)>,
    slowest: (Duration, String),
}

impl Figures {
    fn class(&mut self, name: &str, case: &Case) {
        let example = format!("{} from {} in {}", case.rule_text(), case.start, case.zone);
        let (count, shortest) = self
            .classes
            .entry(name.to_owned())
            .or_insert((0, example.clone()));
        *count += 1;
        if example.len() < shortest.len() {
            *shortest = example;
        }
    }

    fn add(&mut self, case: &Case, ours: &Ours, theirs: &Answer) {
        self.rules += 1;
        self.zones.insert(case.zone.name());
        self.occurrences += ours.occurrences.len();
        self.completions += ours.due.len() + ours.completion.len();
        for name in &theirs.classes {
            self.class(name, case);
        }
        self.asked += usize::from(theirs.asked);
        self.agreed += usize::from(theirs.asked && theirs.classes.is_empty());
        if ours.took > self.slowest.0 {
            self.slowest = (
                ours.took,
                format!("{} from {} in {}", case.rule_text(), case.start, case.zone),
            );
        }
    }

    fn print(&self, seconds: f64) {
        println!(
            "rules {}, zones {}, occurrences compared {}, completions {}, {seconds:.0} s",
            self.rules,
            self.zones.len(),
            self.occurrences,
            self.completions,
        );
        println!(
            "python-dateutil was asked {} of them and says the same to {}",
            self.asked, self.agreed
        );
        println!(
            "the rrule crate says what dateutil says: {}",
            self.crate_agreed
        );
        for (why, count) in &self.crate_not {
            println!("  it {why}: {count}");
        }
        println!("differences by class, and the shortest rule of each:");
        for (name, (count, example)) in &self.classes {
            println!("  {name}: {count}, {example}");
        }
        println!(
            "slowest list: {:.1} ms, {}",
            self.slowest.0.as_secs_f64() * 1_000.0,
            self.slowest.1
        );
    }
}

/// Made smaller as long as it still differs.
fn shrunk(mut case: Case, oracle: &mut Oracle) -> (Case, String) {
    let differs = |case: &Case, oracle: &mut Oracle| {
        let [theirs] = &oracle.ask::<_, Answer>(&[case.question()])[..] else {
            panic!("one answer to one question")
        };
        Ours::of(case).difference(theirs)
    };
    let mut difference = differs(&case, oracle).unwrap_or_else(|| "only at times".to_owned());
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
    let begun = Clock::now();
    let (mut oracle, mut generator) = (Oracle::start(), Generator::new(settings.seed));
    let mut figures = Figures::default();
    let (mut shown, mut said) = (Vec::new(), Clock::now());
    let mut made =
        |left: usize| -> Vec<Case> { (0..left.min(BATCH)).map(|_| generator.case()).collect() };
    let mut batch = made(settings.rules);
    while !batch.is_empty() && shown.len() < MOST_SHOWN {
        let questions: Vec<_> = batch.iter().map(Case::question).collect();
        oracle.send(&questions);
        // While it works on them:
        let ours: Vec<Ours> = batch.iter().map(Ours::of).collect();
        let crates: Vec<_> = batch.iter().map(crate_says).collect();
        let coming = made(settings.rules - figures.rules - batch.len());
        let theirs: Vec<Answer> = oracle.read();
        let mut failed = Vec::new();
        for (((case, ours), theirs), crates) in batch.iter().zip(&ours).zip(&theirs).zip(crates) {
            figures.add(case, ours, theirs);
            if ours.difference(theirs).is_some() {
                failed.push(case.clone());
                continue;
            }
            let plain = ours.occurrences.iter().map(|one| one.1).collect();
            let dateutil: &Vec<Local> = theirs.dateutil.as_ref().unwrap_or(&plain);
            match crates {
                Ok((list, _)) if list == *dateutil => figures.crate_agreed += 1,
                Ok((list, true)) if dateutil.starts_with(&list) => {
                    figures.class("crate gives up", case)
                }
                Ok((list, _)) => {
                    figures.class("crate differs", case);
                    if shown.len() < MOST_SHOWN {
                        println!(
                            "CRATE {} from {} in {}: {list:?}\n dateutil {dateutil:?}",
                            case.rule_text(),
                            case.start,
                            case.zone
                        );
                        shown.push(0);
                    }
                }
                Err(why) => *figures.crate_not.entry(why.to_owned()).or_default() += 1,
            }
        }
        for case in failed.into_iter().take(MOST_SHOWN) {
            let whole = format!("{case:?}");
            let (small, difference) = shrunk(case, &mut oracle);
            println!(
                "DIFFERS (seed {}): {whole}\n  smallest: {small:?}\n  {difference}",
                settings.seed
            );
            shown.push(0);
        }
        if said.elapsed() > Duration::from_secs(5) {
            said = Clock::now();
            println!(
                "  {} of {} rules, {:.0} s",
                figures.rules,
                settings.rules,
                begun.elapsed().as_secs_f64()
            );
        }
        batch = coming;
    }
    figures.print(begun.elapsed().as_secs_f64());
    assert!(
        shown.is_empty(),
        "differences outside of the classes are above"
    );
    println!("zero differences outside of the classes");
}
