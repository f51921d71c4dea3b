//! Quick-add: what a person typed as one line, read as a task.
//!
//! A phrase is taken where it stands as a whole phrase; the rest is the title. Of two phrases that say the same thing
//! the last one counts and the others stay in the title. What is quoted or behind a backslash is never read, and a
//! text without anything left for a title is the title itself.

use chrono::{Days, NaiveDate, NaiveDateTime, NaiveTime, Timelike};

use super::grammar::{Grammar, Here, Matcher, Value};
use super::lexicon::{About, Taken};
use super::meaning::{Length, anchored};
use super::token::{Sort, Token, mark_literals, tokens};
use super::{Language, describe, say};
use crate::recurrence::{End, Frequency, Rule, Until, first_match};
use crate::reminders::Definition;
use crate::series::Basis;
use crate::task::Priority;
use crate::time::{Duration8601, Instant, Local, Zone, resolve};

/// The longest text that is read, in characters; a longer one is a title.
pub const MAX_TEXT: usize = 2_000;

/// Who types, when and where.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// Now.
    pub now: Instant,
    /// Where "today" and "at nine" are meant.
    pub zone: Zone,
    /// The language of the words.
    pub language: Language,
    /// The hour reminders of days count from.
    pub morning: NaiveTime,
    /// The names a `#name` is looked up among; any other one stays in the title.
    pub projects: &'a [String],
}

/// How a task repeats.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repeat {
    /// The rule.
    pub rule: Rule,
    /// From what the next one is counted.
    pub from: Basis,
}

/// What part of a task some words say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// When it is due.
    Due,
    /// How it repeats.
    Repeat,
    /// When it reminds.
    Reminder,
    /// Its priority.
    Priority,
    /// Its project.
    Project,
    /// One of its tags.
    Tag,
}

impl Field {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Field::Due => "due",
            Field::Repeat => "repeat",
            Field::Reminder => "reminder",
            Field::Priority => "priority",
            Field::Project => "project",
            Field::Tag => "tag",
        }
    }
}

/// Words that were understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// Where they begin, in bytes.
    pub start: usize,
    /// Where they end, in bytes.
    pub end: usize,
    /// The same in UTF-16 code units.
    pub utf16: (usize, usize),
    /// What they are about.
    pub field: Field,
    /// What they were understood as, in words.
    pub words: String,
    /// Whether they stay in the title, because they say more than the task holds ("14:00-15:30").
    pub stays: bool,
}

/// A task as it was typed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct QuickAdd {
    /// What is left.
    pub title: String,
    /// When it is due.
    pub due: Option<Local>,
    /// How it repeats.
    pub repeat: Option<Repeat>,
    /// When it reminds.
    pub reminders: Vec<Definition>,
    /// How much it presses.
    pub priority: Priority,
    /// Its tags, each once.
    pub tags: Vec<String>,
    /// Which of the projects.
    pub project: Option<usize>,
    /// What was understood, in the order of the text; no two overlap.
    pub spans: Vec<Span>,
}

/// Reads a line.
pub fn read(text: &str, context: &Context<'_>) -> QuickAdd {
    counted(text, context).0
}

/// The same, and how many steps it took.
#[doc(hidden)]
pub fn counted(text: &str, context: &Context<'_>) -> (QuickAdd, usize) {
    if text.chars().nth(MAX_TEXT).is_some() {
        let title = text.trim().to_owned();
        return (
            QuickAdd {
                title,
                ..QuickAdd::default()
            },
            0,
        );
    }
    let mut reading = Reading::new(text, context);
    let phrases = reading.phrases();
    let mut read = reading.task(phrases);
    if read.title.is_empty() {
        read = reading.task(Vec::new());
    }
    (read, reading.steps)
}

/// A text that says when something is due, and nothing else: "tomorrow 9am", "in 3 days".
pub fn read_due(text: &str, context: &Context<'_>) -> Option<Local> {
    let read = whole(text, context)?;
    let alone = read.repeat.is_none() && read.spans.iter().all(|span| span.field == Field::Due);
    read.due.filter(|_| alone)
}

/// A text that says how something repeats, and nothing else: the rule for a series that begins on `due` (or on its first
/// match), and the due.
pub fn read_repeat(
    text: &str,
    due: Option<Local>,
    context: &Context<'_>,
) -> Option<(Repeat, Option<Local>)> {
    let mut read = whole(text, context)?;
    let mut repeat = read.repeat.take()?;
    if let Some(due) = due {
        repeat.rule = anchored(repeat.rule, due.date());
    }
    Some((repeat, read.due))
}

/// A text that says when to remind, and nothing else: "1 day before", "30m", "at 18:00", "tomorrow 9am".
pub fn read_reminder(text: &str, context: &Context<'_>) -> Option<Definition> {
    let (remind, before) = Grammar::of(context.language).lexicon.remind;
    let texts = [
        format!("{remind} {text}"),
        format!("{remind} {text} {before}"),
    ];
    texts.iter().find_map(|text| {
        let mut reading = Reading::new(text, context);
        let phrases = reading.phrases();
        let [phrase] = &phrases[..] else {
            return None;
        };
        let all = phrase.from == 0 && phrase.to == reading.tokens.len();
        match &phrase.says {
            Says::Before(lengths) if all => match lengths[..] {
                [length] => before_due(length),
                _ => None,
            },
            Says::RemindAt(when) if all => reading.ring(when, None, false),
            _ => None,
        }
    })
}

fn whole(text: &str, context: &Context<'_>) -> Option<QuickAdd> {
    if text.chars().nth(MAX_TEXT).is_some() {
        return None;
    }
    let mut reading = Reading::new(text, context);
    let phrases = reading.phrases();
    let read = reading.task(phrases);
    let nothing_left = read.title.is_empty() && reading.escapes.is_empty();
    nothing_left.then_some(read)
}

impl Context<'_> {
    fn here(&self) -> Here {
        Here {
            now: self.now,
            zone: self.zone,
        }
    }
}

/// A day, a time, or some of both.
#[derive(Debug, Clone, Default)]
struct When {
    day: Option<NaiveDate>,
    /// Whether it is known which half of the day is meant.
    time: Option<(NaiveTime, bool)>,
    part: Option<u32>,
    moment: Option<NaiveDateTime>,
}

impl When {
    fn of(values: &[Value]) -> When {
        let mut when = When::default();
        for value in values {
            match value {
                Value::Day(day) => when.day = Some(*day),
                Value::DayPart(day, part) => {
                    when.day = Some(*day);
                    when.part = Some(*part);
                }
                Value::Time(time, sure) => when.time = Some((*time, *sure)),
                Value::Part(part) => when.part = Some(*part),
                Value::Moment(moment) => when.moment = Some(*moment),
                _ => {}
            }
        }
        when
    }

    /// "7 in the evening" is 19:00, and an evening without an hour is 18:00.
    fn clock(&self) -> Option<NaiveTime> {
        let part = self
            .part
            .and_then(|hour| NaiveTime::from_hms_opt(hour, 0, 0));
        match (self.time, self.part) {
            (Some((time, false)), Some(15..)) if time.hour() < 12 => {
                time.with_hour(time.hour() + 12)
            }
            (Some((time, _)), _) => Some(time),
            (None, _) => part,
        }
    }
}

#[derive(Debug, Clone)]
enum Says {
    Due(When),
    DueRange(When),
    Repeat(Rule, Basis, Option<u32>),
    Until(NaiveDate),
    Count(u32),
    For(Length),
    From(NaiveDate),
    Completion,
    Times(Vec<NaiveTime>),
    Before(Vec<Length>),
    RemindAt(When),
    RemindTo,
    Priority(Priority),
    Project(usize),
    Tag(String),
}

impl Says {
    fn of(about: About, values: Vec<Value>) -> Option<Says> {
        let day = |values: &[Value]| When::of(values).day;
        let number = |values: &[Value]| match values {
            [Value::Number(n)] => u32::try_from(*n).ok(),
            _ => None,
        };
        let lengths = |values: &[Value]| {
            let lengths = values.iter().map(|value| match value {
                Value::Length(length) => Some(*length),
                _ => None,
            });
            lengths.collect::<Option<Vec<_>>>()
        };
        Some(match about {
            About::Due => Says::Due(When::of(&values)),
            About::DueRange => Says::DueRange(When::of(&values)),
            About::Repeat => match values.into_iter().next()? {
                Value::Rule(rule, basis) => Says::Repeat(rule, basis, None),
                Value::RuleAt(rule, basis, part) => Says::Repeat(rule, basis, Some(part)),
                _ => return None,
            },
            About::Until => Says::Until(day(&values)?),
            About::Count => Says::Count(number(&values)?),
            About::For => Says::For(lengths(&values)?.into_iter().next()?),
            About::From => Says::From(day(&values)?),
            About::Completion => Says::Completion,
            About::Times => match values.into_iter().next()? {
                Value::Times(times) => Says::Times(times),
                _ => return None,
            },
            About::Before => Says::Before(lengths(&values)?),
            About::RemindAt => Says::RemindAt(When::of(&values)),
            About::RemindTo => Says::RemindTo,
        })
    }

    fn field(&self) -> Field {
        match self {
            Says::Due(_) | Says::DueRange(_) => Field::Due,
            Says::Repeat(..)
            | Says::Until(_)
            | Says::Count(_)
            | Says::For(_)
            | Says::From(_)
            | Says::Completion
            | Says::Times(_) => Field::Repeat,
            Says::Before(_) | Says::RemindAt(_) | Says::RemindTo => Field::Reminder,
            Says::Priority(_) => Field::Priority,
            Says::Project(_) => Field::Project,
            Says::Tag(_) => Field::Tag,
        }
    }

    /// Whether two phrases say the same thing, so that only one of them can count.
    fn excludes(&self, other: &Says) -> bool {
        match (self, other) {
            (Says::Due(one) | Says::DueRange(one), Says::Due(two) | Says::DueRange(two)) => {
                let day = |when: &When| when.day.is_some() || when.moment.is_some();
                let time = |when: &When| when.time.is_some() || when.moment.is_some();
                (day(one) && day(two))
                    || (time(one) && time(two))
                    || (one.part.is_some() && two.part.is_some())
            }
            (Says::Due(when) | Says::DueRange(when), Says::From(_))
            | (Says::From(_), Says::Due(when) | Says::DueRange(when)) => {
                when.day.is_some() || when.moment.is_some()
            }
            (Says::Due(when) | Says::DueRange(when), Says::Times(_))
            | (Says::Times(_), Says::Due(when) | Says::DueRange(when)) => {
                when.time.is_some() || when.moment.is_some()
            }
            (
                Says::Until(_) | Says::Count(_) | Says::For(_),
                Says::Until(_) | Says::Count(_) | Says::For(_),
            ) => true,
            (Says::Tag(_), Says::Tag(_))
            | (Says::Before(_) | Says::RemindAt(_), Says::Before(_) | Says::RemindAt(_)) => false,
            (one, two) => std::mem::discriminant(one) == std::mem::discriminant(two),
        }
    }
}

#[derive(Debug, Clone)]
struct Phrase {
    /// Tokens.
    from: usize,
    to: usize,
    taken: Taken,
    says: Says,
    /// What the same words say beside a rule: "bis Freitag".
    of_rule: Option<Says>,
}

struct Reading<'a> {
    text: &'a str,
    context: &'a Context<'a>,
    grammar: &'static Grammar,
    tokens: Vec<Token>,
    /// Backslashes that are not part of the title.
    escapes: Vec<usize>,
    steps: usize,
}

impl<'a> Reading<'a> {
    fn new(text: &'a str, context: &'a Context<'a>) -> Reading<'a> {
        let grammar = Grammar::of(context.language);
        let mut tokens = tokens(text, grammar.lexicon);
        let escapes = mark_literals(&mut tokens);
        let mut at = 0;
        while at < tokens.len() {
            match grammar.title_at(text, &tokens, at) {
                Some(length) => {
                    for token in tokens.iter_mut().skip(at).take(length) {
                        token.literal = true;
                    }
                    at += length;
                }
                None => at += 1,
            }
        }
        Reading {
            text,
            context,
            grammar,
            tokens,
            escapes,
            steps: 0,
        }
    }

    // ---------------------------------------------------------------------------------------------- which phrases

    /// The phrases that are taken, in order.
    fn phrases(&mut self) -> Vec<Phrase> {
        let mut matcher = Matcher::new(self.grammar, self.text, &self.tokens, self.context.here());
        let count = self.tokens.len();
        let mut candidates: Vec<Vec<Phrase>> = vec![Vec::new(); count];
        // Whether a phrase that ends before this token stands free of what follows.
        let mut free = vec![true; count + 1];
        for at in (0..count).rev() {
            let mut found = self.candidates(&mut matcher, at);
            found.sort_by_key(|phrase| std::cmp::Reverse(phrase.to));
            let read = found.iter().any(|phrase| match phrase.taken {
                Taken::Always => true,
                Taken::First => false,
                Taken::Free | Taken::After => self.is_free(&free, phrase.to),
                Taken::Capital => self.is_name(&free, at, phrase.to),
            });
            if let Some(place) = free.get_mut(at) {
                *place = read;
            }
            if let Some(place) = candidates.get_mut(at) {
                *place = found;
            }
        }
        self.steps = matcher.steps;
        let mut taken: Vec<Phrase> = Vec::new();
        let (mut at, mut leading) = (0, true);
        while at < count {
            let adjacent = taken.last().is_some_and(|last| last.to == at);
            let fits = |phrase: &&Phrase| match phrase.taken {
                Taken::Always => true,
                Taken::First => leading,
                Taken::Free => leading || adjacent || self.is_free(&free, phrase.to),
                Taken::After => adjacent || self.is_free(&free, phrase.to),
                Taken::Capital => self.is_name(&free, at, phrase.to),
            };
            match candidates.get(at).and_then(|list| list.iter().find(fits)) {
                Some(phrase) => {
                    let list = candidates.get(at).into_iter().flatten();
                    let mut same = list.filter(|other| other.to == phrase.to);
                    let until = same.find(|other| matches!(other.says, Says::Until(_)));
                    taken.push(Phrase {
                        of_rule: until.map(|until| until.says.clone()),
                        ..phrase.clone()
                    });
                    at = phrase.to;
                }
                None => {
                    let sign = self
                        .tokens
                        .get(at)
                        .is_some_and(|token| token.sort == Sort::Sign);
                    leading &= sign;
                    at += 1;
                }
            }
        }
        taken
    }

    /// Whether a word that is also another one is meant as the name it can be.
    fn is_name(&self, free: &[bool], at: usize, end: usize) -> bool {
        let capital = self.tokens.get(at).is_some_and(|token| token.capital);
        let after = |next: &Token| {
            free.get(end).copied().unwrap_or(true)
                || next.is_sign(",;:!?)]")
                || (at > 0 && self.grammar.links.contains(&next.folded))
        };
        capital && self.tokens.get(end).is_none_or(after)
    }

    /// Whether what follows does not belong to a phrase that ends here.
    fn is_free(&self, free: &[bool], end: usize) -> bool {
        let Some(next) = self.tokens.get(end) else {
            return true;
        };
        if free.get(end).copied().unwrap_or(true) {
            return true;
        }
        if next.sort == Sort::Sign {
            return next.is_sign(",.;:!?()[]-–—…&+") || next.literal;
        }
        let small = next.sort == Sort::Word && !next.capital;
        self.grammar.links.contains(&next.folded)
            || (self.grammar.lexicon.nouns_are_capital && small)
    }

    /// A whole phrase begins and ends with a word.
    fn begins(&self, at: usize) -> bool {
        let opened = |at: usize| {
            self.tokens
                .get(at)
                .is_some_and(|token| token.is_sign("([{"))
        };
        self.tokens.get(at).is_some_and(|token| token.gap)
            || at == 0
            || at.checked_sub(1).is_some_and(opened)
    }

    fn ends(&self, end: usize) -> bool {
        for at in end..end + 4 {
            match self.tokens.get(at) {
                None => return true,
                Some(token) if token.gap => return true,
                Some(token) if token.is_sign(",.;:!?)]}…\"”") => {}
                Some(_) => return false,
            }
        }
        false
    }

    fn candidates(&self, matcher: &mut Matcher<'_>, at: usize) -> Vec<Phrase> {
        let Some(token) = self.tokens.get(at).filter(|token| !token.literal) else {
            return Vec::new();
        };
        if !self.begins(at) {
            return Vec::new();
        }
        if token.sort == Sort::Sign && !token.is_sign("@+") {
            return self.mark(matcher, at).into_iter().collect();
        }
        let mut list: Vec<Phrase> = self.mark(matcher, at).into_iter().collect();
        let blocked = at.checked_sub(1).is_some_and(|before| {
            self.tokens
                .get(before)
                .is_some_and(|token| self.grammar.blockers.contains(&token.folded))
        });
        // "10 to 1" and "Friday to Monday" are ranges.
        let ranged = at.checked_sub(1).is_some_and(|before| {
            let number = self
                .tokens
                .get(before)
                .is_some_and(|token| token.sort == Sort::Digits);
            let bare = |at: usize| {
                let glued = self.tokens.get(at + 1).is_some_and(|token| !token.gap);
                number && !glued
            };
            matcher
                .word("through", at)
                .is_some_and(|(end, _)| bare(end) || matcher.word("anyday", before).is_some())
        });
        // What follows "12/15" is the time of a day that nobody can be sure of.
        let unsure = |end: usize| {
            let token = |back: usize| end.checked_sub(back).and_then(|at| self.tokens.get(at));
            let number = |back: usize| token(back).is_some_and(|token| token.sort == Sort::Digits);
            number(1) && number(3) && token(2).is_some_and(|token| token.is_sign("/"))
        };
        let blocked = blocked || ranged || unsure(at) || unsure(at.saturating_sub(1));
        for phrase in &self.grammar.phrases {
            if blocked
                && !matches!(
                    phrase.about,
                    About::Before | About::RemindAt | About::RemindTo
                )
            {
                continue;
            }
            let Some((end, values)) = matcher.phrase(phrase, at) else {
                continue;
            };
            if end <= at {
                continue;
            }
            let range = matches!(phrase.taken, Taken::Free | Taken::After)
                && matcher.word("anyday", end - 1).is_some()
                && matcher
                    .word("through", end)
                    .is_some_and(|(last, _)| matcher.word("anyday", last).is_some());
            if !self.ends(end) || range {
                continue;
            }
            if let Some(says) = Says::of(phrase.about, values) {
                list.push(Phrase {
                    from: at,
                    to: end,
                    taken: phrase.taken,
                    says,
                    of_rule: None,
                });
            }
        }
        list
    }

    /// `!1`, `#project`, `@tag`
    fn mark(&self, matcher: &mut Matcher<'_>, at: usize) -> Option<Phrase> {
        let token = self.tokens.get(at)?;
        let next = self
            .tokens
            .get(at + 1)
            .filter(|next| !next.gap && !next.literal)?;
        let phrase = |to: usize, says: Says| Phrase {
            from: at,
            to,
            taken: Taken::Always,
            says,
            of_rule: None,
        };
        if token.is_sign("!") {
            let level = match next.folded.as_str() {
                "1" => 3,
                "2" => 2,
                "3" => 1,
                _ => match matcher.word("priority", at + 1)? {
                    (_, Value::Priority(level)) => level,
                    _ => return None,
                },
            };
            let priority = match level {
                3 => Priority::High,
                2 => Priority::Medium,
                _ => Priority::Low,
            };
            return self
                .ends(at + 2)
                .then(|| phrase(at + 2, Says::Priority(priority)));
        }
        if token.is_sign("#") {
            let (project, end) = self.project(token.end)?;
            let to = (at + 1..self.tokens.len())
                .find(|at| self.tokens.get(*at).is_some_and(|token| token.start >= end))
                .unwrap_or(self.tokens.len());
            return self.ends(to).then(|| phrase(to, Says::Project(project)));
        }
        if token.is_sign("@") && next.sort == Sort::Word {
            let mut to = at + 1;
            while let Some(part) = self.tokens.get(to)
                && !part.gap
                && (part.sort != Sort::Sign || part.is_sign("-_"))
            {
                to += 1;
            }
            let tag = self
                .text
                .get(next.start..self.tokens.get(to.checked_sub(1)?)?.end)?;
            let fits = tag.chars().count() <= crate::task::MAX_TAG && self.ends(to);
            return fits.then(|| phrase(to, Says::Tag(tag.to_owned())));
        }
        None
    }

    /// The project whose name stands here, the longest one, and where the name ends.
    fn project(&self, start: usize) -> Option<(usize, usize)> {
        let rest = self.text.get(start..)?;
        let same = |a: char, b: char| a == b || a.to_lowercase().eq(b.to_lowercase());
        let named = |name: &str| {
            let mut end = 0;
            let mut chars = rest.char_indices();
            for wanted in name.chars() {
                let (at, found) = chars.next()?;
                if !same(wanted, found) {
                    return None;
                }
                end = at + found.len_utf8();
            }
            let after = rest.get(end..)?.chars().next();
            let whole = after.is_none_or(|c| !c.is_alphanumeric() && c != '_' && c != '-');
            (whole && end > 0).then_some(start + end)
        };
        let projects = self.context.projects.iter().enumerate();
        projects
            .filter_map(|(n, name)| Some((n, named(name)?)))
            .max_by_key(|(n, end)| (*end, std::cmp::Reverse(*n)))
    }

    // ------------------------------------------------------------------------------------------- what they make

    fn task(&self, mut phrases: Vec<Phrase>) -> QuickAdd {
        if phrases
            .iter()
            .any(|phrase| matches!(phrase.says, Says::Repeat(..)))
        {
            for phrase in &mut phrases {
                if let Some(says) = phrase.of_rule.take() {
                    phrase.says = says;
                }
            }
        }
        // The last one of those that exclude each other counts.
        let mut kept: Vec<Phrase> = Vec::new();
        while let Some(phrase) = phrases.pop() {
            if !kept.iter().any(|later| later.says.excludes(&phrase.says)) {
                kept.push(phrase);
            }
        }
        kept.reverse();
        let repeats = kept
            .iter()
            .any(|phrase| matches!(phrase.says, Says::Repeat(..)));
        if !repeats {
            kept.retain(|phrase| phrase.says.field() != Field::Repeat);
        }
        let mut read = QuickAdd::default();
        self.when(&mut read, &mut kept);
        let rings = self.remind(&mut read, &mut kept);
        for phrase in &kept {
            match &phrase.says {
                Says::Priority(priority) => read.priority = *priority,
                Says::Project(project) => read.project = Some(*project),
                Says::Tag(tag) if !read.tags.contains(tag) => read.tags.push(tag.clone()),
                _ => {}
            }
        }
        self.finish(&mut read, &kept, &rings);
        read
    }

    /// Due and rule. What can't be is taken out of the phrases.
    fn when(&self, read: &mut QuickAdd, kept: &mut Vec<Phrase>) {
        let mut when = When::default();
        let mut rule = None;
        let (mut times, mut completion) = (Vec::new(), false);
        for phrase in kept.iter() {
            match &phrase.says {
                Says::Due(said) | Says::DueRange(said) => {
                    when.day = said.day.or(when.day);
                    when.time = said.time.or(when.time);
                    when.part = said.part.or(when.part);
                    when.moment = said.moment.or(when.moment);
                }
                Says::From(day) => when.day = Some(*day),
                Says::Repeat(said, basis, part) => {
                    rule = Some((said.clone(), *basis));
                    when.part = when.part.or(*part);
                }
                Says::Times(said) => times = said.clone(),
                Says::Completion => completion = true,
                _ => {}
            }
        }
        let Some((rule, basis)) = rule else {
            read.due = self.once(&when);
            return;
        };
        let basis = if completion { Basis::Completion } else { basis };
        let same_minute = |times: &[NaiveTime]| {
            times.windows(2).all(|two| match two {
                [one, other] => one.minute() == other.minute(),
                _ => true,
            })
        };
        if !times.is_empty() && (!same_minute(&times) || rule.is_sub_daily()) {
            kept.retain(|phrase| !matches!(phrase.says, Says::Times(_)));
            times.clear();
        }
        times.sort_unstable();
        times.dedup();
        let Some((due, rule)) = self.again(&when, rule, &times) else {
            kept.retain(|phrase| phrase.says.field() != Field::Repeat);
            read.due = self.once(&when);
            return;
        };
        let end = kept.iter().find_map(|phrase| match phrase.says {
            Says::Until(day) => Some(End::Until(Until::Date(day))),
            Says::Count(count) => Some(End::Count(count)),
            Says::For(length) if length.seconds == 0 => length
                .after(due.date())
                .and_then(|day| day.pred_opt())
                .map(|day| End::Until(Until::Date(day))),
            _ => None,
        });
        let sound = match end {
            Some(End::Until(Until::Date(last))) => last >= due.date(),
            Some(_) => true,
            None => false,
        };
        if !sound {
            kept.retain(|phrase| {
                !matches!(phrase.says, Says::Until(_) | Says::Count(_) | Says::For(_))
            });
        }
        let rule = match end.filter(|_| sound) {
            Some(end) => rule.with_end(end),
            None => rule,
        };
        read.due = Some(due);
        read.repeat = Some(Repeat { rule, from: basis });
    }

    fn once(&self, when: &When) -> Option<Local> {
        if let Some(moment) = when.moment {
            return Some(Local::DateTime(moment));
        }
        let time = when.clock();
        match (when.day, time) {
            (Some(day), Some(time)) => Some(Local::DateTime(day.and_time(time))),
            (Some(day), None) => Some(Local::Date(day)),
            (None, Some(time)) => self.next(time).map(Local::DateTime),
            (None, None) => None,
        }
    }

    /// The next time the clock shows this.
    fn next(&self, time: NaiveTime) -> Option<NaiveDateTime> {
        let now = self.context.here().local();
        let today = now.date().and_time(time);
        if today > now {
            Some(today)
        } else {
            today.checked_add_days(Days::new(1))
        }
    }

    /// The first occurrence from the day that was said, or else from now on.
    fn again(&self, when: &When, rule: Rule, times: &[NaiveTime]) -> Option<(Local, Rule)> {
        let now = self.context.here().local();
        if let Some(moment) = when.moment {
            return Some((Local::DateTime(moment), anchored(rule, moment.date())));
        }
        let clock = when.clock();
        if rule.freq == Frequency::Hourly {
            let due = match (when.day, clock) {
                (Some(day), clock) => day.and_time(clock.unwrap_or(self.context.morning)),
                (None, Some(clock)) => self.next(clock)?,
                (None, None) => {
                    let hour = now.date().and_hms_opt(now.hour(), 0, 0)?;
                    hour.checked_add_signed(chrono::TimeDelta::hours(1))?
                }
            };
            return Some((Local::DateTime(due), rule));
        }
        let mut clocks: Vec<NaiveTime> = times.to_vec();
        clocks.extend(clock.filter(|_| times.is_empty()));
        let bare =
            rule.by_day.is_empty() && rule.by_month_day.is_empty() && rule.by_month.is_empty();
        let mut from = when.day.unwrap_or_else(|| now.date());
        for _ in 0..2 {
            let day = match bare {
                true => from,
                false => first_match(&rule, from)?.date(),
            };
            let at = |clock: &NaiveTime| {
                let at = day.and_time(*clock);
                (when.day.is_some() && times.is_empty() || at > now).then_some(at)
            };
            let due = match &clocks[..] {
                [] => Some(Local::Date(day)),
                clocks => clocks.iter().find_map(at).map(Local::DateTime),
            };
            if let Some(due) = due {
                let mut rule = anchored(rule, due.date());
                if times.len() > 1 {
                    let hours = times
                        .iter()
                        .filter_map(|time| u8::try_from(time.hour()).ok());
                    rule.by_hour = hours.collect();
                    let minute = times.first().map_or(0, Timelike::minute);
                    if minute > 0 {
                        rule.by_minute = vec![u8::try_from(minute).ok()?];
                    }
                }
                return Some((due, rule));
            }
            from = day.succ_opt()?;
        }
        None
    }

    /// What each phrase about reminders says, in their order; the task has each once.
    fn remind(&self, read: &mut QuickAdd, kept: &mut Vec<Phrase>) -> Vec<Definition> {
        let repeats = read.repeat.is_some();
        let mut reminders: Vec<Definition> = Vec::new();
        let mut said = Vec::new();
        kept.retain(|phrase| {
            let rings: Option<Vec<Definition>> = match &phrase.says {
                Says::Before(lengths) => {
                    let rings = lengths.iter().map(|length| before_due(*length)).collect();
                    read.due.and(rings)
                }
                Says::RemindAt(when) => self.ring(when, read.due, repeats).map(|ring| vec![ring]),
                Says::RemindTo => read
                    .due
                    .and_then(|_| before_due(Length::default()))
                    .map(|ring| vec![ring]),
                _ => return true,
            };
            let room = reminders.len() + rings.as_ref().map_or(0, Vec::len);
            match rings {
                Some(rings) if room <= crate::task::MAX_REMINDERS => {
                    said.extend(rings.iter().cloned());
                    for ring in rings {
                        if !reminders.contains(&ring) {
                            reminders.push(ring);
                        }
                    }
                    true
                }
                _ => false,
            }
        });
        read.reminders = reminders;
        said
    }

    /// A time alone is that of the due's day, or the last one before the due; without a due the next one. In a series it
    /// is that long before each due.
    fn ring(&self, when: &When, due: Option<Local>, repeats: bool) -> Option<Definition> {
        let clock = when.clock();
        let at = match (when.moment, when.day, clock, due) {
            (Some(moment), ..) => moment,
            (_, Some(day), clock, _) => day.and_time(clock.unwrap_or(self.context.morning)),
            (_, None, Some(clock), None) => self.next(clock)?,
            (_, None, Some(clock), Some(due)) => {
                let day = due.date().and_time(clock);
                let at = match due {
                    Local::DateTime(due) if day > due => day.checked_sub_days(Days::new(1))?,
                    _ => day,
                };
                if repeats {
                    let due = match due {
                        Local::DateTime(due) => due,
                        Local::Date(date) => date.and_time(self.context.morning),
                    };
                    let seconds = u32::try_from((due - at).num_seconds()).ok()?;
                    let before = Duration8601::new(0, seconds).ok()?;
                    return Some(Definition::before("", before));
                }
                at
            }
            (_, None, None, _) => return None,
        };
        Some(Definition::at("", resolve(at, self.context.zone)))
    }

    fn finish(&self, read: &mut QuickAdd, kept: &[Phrase], rings: &[Definition]) {
        let today = self.context.here().today();
        let language = self.context.language;
        let due = read.due.map(|due| say::due(due, today, language));
        let repeat = read
            .repeat
            .as_ref()
            .map(|repeat| describe(&repeat.rule, read.due, language));
        let mut rings = rings.iter();
        for phrase in kept {
            let (Some(first), Some(last)) = (
                self.tokens.get(phrase.from),
                phrase.to.checked_sub(1).and_then(|at| self.tokens.get(at)),
            ) else {
                continue;
            };
            let words = match &phrase.says {
                Says::Due(_) | Says::DueRange(_) => due.clone().unwrap_or_default(),
                Says::Before(lengths) => {
                    let list = rings.by_ref().take(lengths.len());
                    let list =
                        list.map(|ring| say::reminder(ring, today, self.context.zone, language));
                    list.collect::<Vec<_>>().join(", ")
                }
                Says::RemindAt(_) | Says::RemindTo => rings
                    .next()
                    .map(|ring| say::reminder(ring, today, self.context.zone, language))
                    .unwrap_or_default(),
                Says::Priority(priority) => say::priority(*priority, language).to_owned(),
                Says::Project(project) => self
                    .context
                    .projects
                    .get(*project)
                    .cloned()
                    .unwrap_or_default(),
                Says::Tag(tag) => tag.clone(),
                _ => repeat.clone().unwrap_or_default(),
            };
            read.spans.push(Span {
                start: first.start,
                end: last.end,
                utf16: (0, 0),
                field: phrase.says.field(),
                words,
                stays: matches!(phrase.says, Says::DueRange(_)),
            });
        }
        utf16(self.text, &mut read.spans);
        read.title = self.title(&read.spans);
    }

    /// What is left, without the space and the signs that only joined it to what was taken out.
    fn title(&self, spans: &[Span]) -> String {
        const JOINTS: [char; 8] = [',', ';', ':', '-', '–', '—', '.', '!'];
        const BEFORE: [char; 6] = [',', ';', ':', '-', '–', '—'];
        let mut cuts: Vec<(usize, usize, bool)> = spans
            .iter()
            .filter(|span| !span.stays)
            .map(|span| (span.start, span.end, true))
            .collect();
        cuts.extend(self.escapes.iter().map(|at| (*at, at + 1, false)));
        cuts.sort_unstable();
        let mut words: Vec<String> = Vec::new();
        let mut from = 0;
        let mut cut_before = false;
        let mut piece = String::new();
        let end = self.text.len();
        for (start, stop, is_span) in cuts.into_iter().chain([(end, end, false)]) {
            piece.push_str(self.text.get(from..start).unwrap_or_default());
            from = stop;
            if !is_span && start < end {
                continue;
            }
            let mut rest = piece.trim();
            if cut_before {
                // ". Then" as ", then": but not the "-" of a "-5", nor a "…".
                let bare = rest.trim_start_matches(JOINTS);
                if bare.is_empty() || bare.starts_with(char::is_whitespace) {
                    rest = bare;
                }
                if bare.starts_with(')') && words.last().is_some_and(|word| word.ends_with('(')) {
                    rest = bare.trim_start_matches(')');
                    if let Some(last) = words.last_mut() {
                        last.pop();
                    }
                }
            }
            if is_span {
                rest = rest.trim_end().trim_end_matches(BEFORE);
            }
            words.extend(rest.split_whitespace().map(str::to_owned));
            piece.clear();
            cut_before = is_span;
        }
        words.retain(|word| !word.is_empty());
        words.join(" ")
    }
}

fn before_due(length: Length) -> Option<Definition> {
    if length.months > 0 {
        return None;
    }
    let before = Duration8601::new(length.days, length.seconds).ok()?;
    Some(Definition::before("", before))
}

/// Where spans begin and end in UTF-16, in one walk over the text.
fn utf16(text: &str, spans: &mut [Span]) {
    let mut chars = text.char_indices().peekable();
    let mut units = 0;
    let mut units_at = |byte: usize| {
        while let Some((_, c)) = chars.next_if(|(at, _)| *at < byte) {
            units += c.len_utf16();
        }
        units
    };
    for span in spans {
        span.utf16 = (units_at(span.start), units_at(span.end));
    }
}

/// What a language's templates mean and are about, each once, and slots that are named and not there: for the test
/// that every language can say the same.
#[doc(hidden)]
pub fn meanings(language: Language) -> (Vec<String>, Vec<String>) {
    let grammar = Grammar::of(language);
    let lexicon = grammar.lexicon;
    let means = lexicon
        .slots
        .iter()
        .flat_map(|(_, templates)| templates.iter());
    let mut list: Vec<String> = means
        .map(|(_, means)| {
            let name = format!("{means:?}");
            name.split_once('(')
                .map_or(name.clone(), |(name, _)| name.to_owned())
        })
        .chain(
            lexicon
                .phrases
                .iter()
                .map(|(about, _, _)| format!("about {about:?}")),
        )
        .collect();
    list.sort_unstable();
    list.dedup();
    (list, grammar.unknown.clone())
}
