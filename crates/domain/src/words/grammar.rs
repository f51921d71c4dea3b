//! Templates against tokens. Every slot is tried at most once per token, and a template is a handful of elements, so
//! the work grows with the length of the text and not faster.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use chrono::{NaiveDate, NaiveDateTime, NaiveTime, Weekday};

use super::lexicon::{About, Kind, Lexicon, Means, SHAPES, Shape, Taken, Unit};
use super::meaning::{self, Length};
use super::token::{Sort, Token, fold, tokens};
use super::{Language, english, german};
use crate::recurrence::Rule;
use crate::series::Basis;
use crate::time::{Zone, to_local};

/// What a slot was filled with.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Nothing,
    Number(i64),
    Weekday(Weekday),
    /// With the groups in it spelled out.
    Weekdays(Vec<Weekday>),
    Month(u32),
    Unit(Unit),
    /// Whether it is after noon.
    Half(bool),
    Part(u32),
    Shift(i64),
    Ahead(i64),
    Basis(Basis),
    /// 0 any day, 1 Monday to Friday, 2 the weekend.
    Group(i64),
    Priority(i64),
    /// Whether it is known which half of the day is meant.
    Time(NaiveTime, bool),
    Times(Vec<NaiveTime>),
    Length(Length),
    MonthDay(u32, u32),
    DaysOfMonth(Vec<i64>),
    Day(NaiveDate),
    DayPart(NaiveDate, u32),
    Moment(NaiveDateTime),
    /// A rule that says no days yet, or all of it.
    Rule(Rule, Basis),
    /// A rule and the part of the day it comes in.
    RuleAt(Rule, Basis, u32),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Join {
    Gap,
    Glued,
    Either,
}

#[derive(Debug)]
enum What {
    Literal(String),
    Slot(usize),
}

#[derive(Debug)]
struct Element {
    join: Join,
    what: What,
    optional: bool,
}

#[derive(Debug)]
enum Slot {
    /// By the first word, the longest first.
    Words(HashMap<String, Vec<(Vec<Element>, Value)>>),
    Shape(Shape),
    Templates(Vec<(Vec<Element>, Means)>),
}

#[derive(Debug)]
pub(super) struct Phrase {
    pub about: About,
    pub taken: Taken,
    elements: Vec<Element>,
}

/// A title that looks like a phrase, token by token; with its capitals where they count.
#[derive(Debug)]
struct Title {
    tokens: Vec<String>,
    exact: bool,
}

/// A language's vocabulary, ready to be matched.
pub(super) struct Grammar {
    pub lexicon: &'static Lexicon,
    slots: Vec<Slot>,
    pub phrases: Vec<Phrase>,
    titles: HashMap<String, Vec<Title>>,
    pub links: HashSet<String>,
    pub blockers: HashSet<String>,
    named: HashMap<&'static str, usize>,
    /// Names in templates that are no slots: none, as a test says.
    pub unknown: Vec<String>,
}

static ENGLISH: LazyLock<Grammar> = LazyLock::new(|| Grammar::new(&english::LEXICON));
static GERMAN: LazyLock<Grammar> = LazyLock::new(|| Grammar::new(&german::LEXICON));

impl Grammar {
    pub fn of(language: Language) -> &'static Grammar {
        match language {
            Language::English => &ENGLISH,
            Language::German => &GERMAN,
        }
    }

    fn new(lexicon: &'static Lexicon) -> Grammar {
        let mut named = HashMap::new();
        let names = lexicon.words.iter().map(|(name, _, _)| *name);
        let names = names.chain(lexicon.slots.iter().map(|(name, _)| *name));
        for name in names.chain(SHAPES.iter().map(|(name, _)| *name)) {
            let next = named.len();
            named.entry(name).or_insert(next);
        }
        let mut compiler = Compiler {
            lexicon,
            named: &named,
            unknown: Vec::new(),
        };
        let mut slots = Vec::new();
        for (_, kind, entries) in lexicon.words {
            let mut words: HashMap<String, Vec<(Vec<Element>, Value)>> = HashMap::new();
            for (text, number) in *entries {
                let elements = compiler.template(text);
                if let (Some(first), Some(value)) = (first_word(&elements), value(*kind, *number)) {
                    words.entry(first).or_default().push((elements, value));
                }
            }
            for list in words.values_mut() {
                list.sort_by_key(|(elements, _)| std::cmp::Reverse(elements.len()));
            }
            slots.push(Slot::Words(words));
        }
        for (_, templates) in lexicon.slots {
            let templates = templates
                .iter()
                .map(|(text, means)| (compiler.template(text), *means));
            slots.push(Slot::Templates(templates.collect()));
        }
        slots.extend(SHAPES.iter().map(|(_, shape)| Slot::Shape(*shape)));
        let phrases = lexicon.phrases.iter().map(|(about, taken, text)| Phrase {
            about: *about,
            taken: *taken,
            elements: compiler.template(text),
        });
        let phrases = phrases.collect();
        let mut titles: HashMap<String, Vec<Title>> = HashMap::new();
        for text in lexicon.titles {
            let exact = text.chars().any(char::is_uppercase);
            let list = tokens(text, lexicon);
            if let Some(first) = list.first() {
                let spelled = |token: &Token| match exact {
                    true => text
                        .get(token.start..token.end)
                        .unwrap_or_default()
                        .to_owned(),
                    false => token.folded.clone(),
                };
                titles.entry(first.folded.clone()).or_default().push(Title {
                    tokens: list.iter().map(spelled).collect(),
                    exact,
                });
            }
        }
        let folded = |words: &[&str]| words.iter().map(|word| fold(word, lexicon)).collect();
        let unknown = std::mem::take(&mut compiler.unknown);
        Grammar {
            lexicon,
            slots,
            phrases,
            titles,
            links: folded(lexicon.links),
            blockers: folded(lexicon.blockers),
            named,
            unknown,
        }
    }

    fn slot(&self, name: &str) -> Option<usize> {
        self.named.get(name).copied()
    }

    /// How many tokens from `at` on are a title that is never read.
    pub fn title_at(&self, text: &str, list: &[Token], at: usize) -> Option<usize> {
        let first = list.get(at)?;
        let fits = |title: &&Title| {
            title.tokens.iter().enumerate().all(|(n, wanted)| {
                list.get(at + n).is_some_and(|token| match title.exact {
                    true => text.get(token.start..token.end) == Some(wanted),
                    false => token.folded == *wanted,
                })
            })
        };
        let titles = self.titles.get(&first.folded)?;
        titles.iter().find(fits).map(|title| title.tokens.len())
    }
}

fn first_word(elements: &[Element]) -> Option<String> {
    match elements.first()?.what {
        What::Literal(ref text) => Some(text.clone()),
        What::Slot(_) => None,
    }
}

fn value(kind: Kind, number: i64) -> Option<Value> {
    let small = || u32::try_from(number).ok();
    Some(match kind {
        Kind::Plain => Value::Nothing,
        Kind::Number | Kind::Nth => Value::Number(number),
        Kind::Weekday => Value::Weekday(
            small()
                .and_then(|n| n.checked_sub(1))
                .and_then(|n| u8::try_from(n).ok())
                .and_then(|n| Weekday::try_from(n).ok())?,
        ),
        Kind::Month => Value::Month(small()?),
        Kind::Unit => Value::Unit(Unit::from_code(number)?),
        Kind::Half => Value::Half(number == 1),
        Kind::Part => Value::Part(small()?),
        Kind::Shift => Value::Shift(number),
        Kind::Ahead => Value::Ahead(number),
        Kind::Seconds => Value::Length(Length::of_seconds(number)),
        Kind::Basis if number == 1 => Value::Basis(Basis::Completion),
        Kind::Basis => Value::Basis(Basis::Due),
        Kind::Group => Value::Group(number),
        Kind::Priority => Value::Priority(number),
    })
}

struct Compiler<'a> {
    lexicon: &'static Lexicon,
    named: &'a HashMap<&'static str, usize>,
    unknown: Vec<String>,
}

impl Compiler<'_> {
    fn template(&mut self, text: &str) -> Vec<Element> {
        let mut elements = Vec::new();
        let mut rest = text;
        let mut join = Join::Glued;
        while let Some(first) = rest.chars().next() {
            match first {
                ' ' => {
                    join = Join::Gap;
                    rest = rest.get(1..).unwrap_or_default();
                }
                '~' => {
                    join = Join::Either;
                    rest = rest.get(1..).unwrap_or_default();
                }
                '{' => {
                    let (name, after) = rest
                        .get(1..)
                        .and_then(|rest| rest.split_once('}'))
                        .unwrap_or((rest, ""));
                    let optional = after.starts_with('?');
                    rest = after.strip_prefix('?').unwrap_or(after);
                    let slot = self.named.get(name).copied().unwrap_or_else(|| {
                        self.unknown.push(format!("{name} in {text}"));
                        usize::MAX
                    });
                    elements.push(Element {
                        join: std::mem::replace(&mut join, Join::Glued),
                        what: What::Slot(slot),
                        optional,
                    });
                }
                _ => {
                    let end = rest.find([' ', '~', '{']).unwrap_or(rest.len());
                    let (literal, after) = rest.split_at(end);
                    rest = after;
                    for token in tokens(literal, self.lexicon) {
                        elements.push(Element {
                            join: std::mem::replace(&mut join, Join::Glued),
                            what: What::Literal(token.folded),
                            optional: false,
                        });
                    }
                }
            }
        }
        elements
    }
}

/// Now, where a text is read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Here {
    pub now: crate::time::Instant,
    pub zone: Zone,
}

impl Here {
    pub fn local(&self) -> NaiveDateTime {
        to_local(self.now, self.zone)
    }

    pub fn today(&self) -> NaiveDate {
        self.local().date()
    }
}

/// One reading of a text.
pub(super) struct Matcher<'a> {
    grammar: &'static Grammar,
    text: &'a str,
    tokens: &'a [Token],
    here: Here,
    memo: Vec<Option<Option<(usize, Value)>>>,
    /// Elements tried: the measure of the work.
    pub steps: usize,
}

/// The most items of a list ("mon, wed and fri").
const MAX_ITEMS: usize = 8;

impl<'a> Matcher<'a> {
    pub fn new(
        grammar: &'static Grammar,
        text: &'a str,
        tokens: &'a [Token],
        here: Here,
    ) -> Matcher<'a> {
        Matcher {
            grammar,
            text,
            tokens,
            here,
            memo: vec![None; grammar.slots.len() * (tokens.len() + 1)],
            steps: 0,
        }
    }

    /// Where a phrase that begins at this token ends, and what its slots hold.
    pub fn phrase(&mut self, phrase: &'static Phrase, at: usize) -> Option<(usize, Vec<Value>)> {
        let mut values = Vec::new();
        let end = self.sequence(&phrase.elements, true, at, &mut values)?;
        Some((end, values))
    }

    /// What the words of that list are worth at this token.
    pub fn word(&mut self, name: &str, at: usize) -> Option<(usize, Value)> {
        self.slot(self.grammar.slot(name)?, at)
    }

    fn sequence(
        &mut self,
        elements: &'static [Element],
        first: bool,
        at: usize,
        values: &mut Vec<Value>,
    ) -> Option<usize> {
        let Some((element, rest)) = elements.split_first() else {
            return Some(at);
        };
        if let Some((end, value)) = self.element(element, first, at) {
            let before = values.len();
            if value != Value::Nothing {
                values.push(value);
            }
            if let Some(end) = self.sequence(rest, false, end, values) {
                return Some(end);
            }
            values.truncate(before);
        }
        if element.optional {
            return self.sequence(rest, first, at, values);
        }
        None
    }

    fn element(
        &mut self,
        element: &'static Element,
        first: bool,
        at: usize,
    ) -> Option<(usize, Value)> {
        self.steps += 1;
        let token = self.tokens.get(at)?;
        let joined = first
            || match element.join {
                Join::Gap => token.gap,
                Join::Glued => !token.gap,
                Join::Either => true,
            };
        if token.literal || !joined {
            return None;
        }
        match &element.what {
            What::Literal(text) => (token.folded == *text).then_some((at + 1, Value::Nothing)),
            What::Slot(slot) => self.slot(*slot, at),
        }
    }

    fn slot(&mut self, slot: usize, at: usize) -> Option<(usize, Value)> {
        let width = self.grammar.slots.len();
        let place = at * width + slot;
        match self.memo.get_mut(place)? {
            Some(known) => return known.clone(),
            // A slot that begins with itself fills nothing.
            unknown => *unknown = Some(None),
        }
        let found = self.fill(slot, at);
        if let Some(known) = self.memo.get_mut(place) {
            *known = Some(found.clone());
        }
        found
    }

    fn fill(&mut self, slot: usize, at: usize) -> Option<(usize, Value)> {
        match self.grammar.slots.get(slot)? {
            Slot::Words(words) => {
                let list = words.get(&self.tokens.get(at)?.folded)?;
                list.iter().find_map(|(elements, value)| {
                    let end = self.sequence(elements, true, at, &mut Vec::new())?;
                    Some((end, value.clone()))
                })
            }
            Slot::Templates(templates) => {
                let mut best: Option<(usize, Value)> = None;
                for (elements, means) in templates {
                    let mut values = Vec::new();
                    let Some(end) = self.sequence(elements, true, at, &mut values) else {
                        continue;
                    };
                    if best.as_ref().is_none_or(|(longest, _)| end > *longest)
                        && let Some(value) = meaning::of(*means, &values, &self.here)
                    {
                        best = Some((end, value));
                    }
                }
                best
            }
            Slot::Shape(shape) => self.shape(*shape, at),
        }
    }

    fn digits(&self, at: usize) -> Option<&'a str> {
        let token = self.tokens.get(at).filter(|t| t.sort == Sort::Digits)?;
        self.text.get(token.start..token.end)
    }

    fn number(&self, at: usize, longest: usize, from: i64, to: i64) -> Option<i64> {
        let digits = self.digits(at).filter(|digits| digits.len() <= longest)?;
        let number = digits.parse().ok()?;
        (from..=to).contains(&number).then_some(number)
    }

    /// The sign, glued to what is before it.
    fn sign(&self, at: usize, signs: &str) -> bool {
        self.tokens
            .get(at)
            .is_some_and(|token| !token.gap && token.is_sign(signs))
    }

    fn glued(&self, at: usize) -> bool {
        self.tokens.get(at).is_some_and(|token| !token.gap)
    }

    fn shape(&mut self, shape: Shape, at: usize) -> Option<(usize, Value)> {
        let one = |number: Option<i64>| Some((at + 1, Value::Number(number?)));
        match shape {
            Shape::Count => one(self.number(at, 4, 1, 9_999)),
            Shape::Hour => one(self.number(at, 2, 0, 24)),
            Shape::Day => one(self.number(at, 2, 1, 31)),
            Shape::Month => one(self.number(at, 2, 1, 12)),
            Shape::Year => one(self.number(at, 4, 2_000, 2_999)),
            Shape::ShortYear => match self.digits(at)?.len() {
                2 => one(self.number(at, 2, 0, 99).map(|year| 2_000 + year)),
                _ => None,
            },
            Shape::Clock => self.clock(at, ":"),
            Shape::Dotted => self.clock(at, "."),
            Shape::Dash => {
                let token = self.tokens.get(at)?;
                token.is_sign("-–—").then_some((at + 1, Value::Nothing))
            }
            Shape::Iso => self.iso(at).map(|(end, day)| (end, Value::Day(day))),
            Shape::IsoTime => self.iso_time(at),
            Shape::Numeric => self.numeric(at),
            Shape::Weekdays => self.list(at, &["anyday", "group"], true),
            Shape::Plurals => self.list(at, &["plural", "groups"], false),
            Shape::DaysOfMonth => self.list(at, &["ordinal"], false),
        }
    }

    fn clock(&self, at: usize, sign: &str) -> Option<(usize, Value)> {
        let hour = u32::try_from(self.number(at, 2, 0, 24)?).ok()?;
        let two = |at: usize| match self.digits(at)?.len() {
            2 if self.glued(at) => u32::try_from(self.number(at, 2, 0, 59)?).ok(),
            _ => None,
        };
        let minute = self.sign(at + 1, sign).then(|| two(at + 2))??;
        let second = match self.sign(at + 3, ":") && sign == ":" {
            true => two(at + 4),
            false => None,
        };
        let end = if second.is_some() { at + 5 } else { at + 3 };
        let time = NaiveTime::from_hms_opt(hour, minute, second.unwrap_or_default())?;
        Some((end, Value::Time(time, hour == 0 || hour > 12)))
    }

    fn iso(&self, at: usize) -> Option<(usize, NaiveDate)> {
        let whole = self.sign(at + 1, "-")
            && self.glued(at + 2)
            && self.sign(at + 3, "-")
            && self.glued(at + 4);
        let lengths = [(at, 4), (at + 2, 2), (at + 4, 2)];
        let right = lengths
            .into_iter()
            .all(|(at, length)| self.digits(at).is_some_and(|digits| digits.len() == length));
        if !whole || !right {
            return None;
        }
        let start = self.tokens.get(at)?.start;
        let end = self.tokens.get(at + 4)?.end;
        let day: NaiveDate = self.text.get(start..end)?.parse().ok()?;
        (day >= self.here.today()).then_some((at + 5, day))
    }

    fn iso_time(&self, at: usize) -> Option<(usize, Value)> {
        // Whatever hangs together, of which RFC 3339 has at most 21 tokens.
        let (_, _) = self.iso(at)?;
        let mut end = at + 5;
        while end < at + 24 && self.glued(end) {
            end += 1;
        }
        let text = |end: usize| {
            let start = self.tokens.get(at)?.start;
            self.text
                .get(start..self.tokens.get(end.checked_sub(1)?)?.end)
        };
        while end > at + 5 {
            let text = text(end)?;
            let upper = text.to_ascii_uppercase();
            if let Ok(crate::Local::DateTime(local)) = upper.parse() {
                return Some((end, Value::Moment(local)));
            }
            if let Ok(instant) = upper.parse::<crate::Instant>() {
                let local = to_local(instant, self.here.zone);
                let same = crate::time::resolve(local, self.here.zone) == instant;
                return same.then_some((end, Value::Moment(local)));
            }
            end -= 1;
        }
        None
    }

    fn numeric(&self, at: usize) -> Option<(usize, Value)> {
        let sign = ["/", "."]
            .into_iter()
            .find(|sign| self.sign(at + 1, sign))?;
        let glued = self.glued(at + 2) && self.sign(at + 3, sign) && self.glued(at + 4);
        if !glued {
            return None;
        }
        let first = u32::try_from(self.number(at, 2, 1, 31)?).ok()?;
        let second = u32::try_from(self.number(at + 2, 2, 1, 31)?).ok()?;
        let year = i32::try_from(self.number(at + 4, 4, 2_000, 2_999)?).ok()?;
        let (day, month) = match sign {
            "." => (first, second),
            _ if first > 12 || first == second => (first, second),
            _ if second > 12 => (second, first),
            _ => return None,
        };
        let date = NaiveDate::from_ymd_opt(year, month, day)?;
        (date >= self.here.today()).then_some((at + 5, Value::Day(date)))
    }

    fn list(&mut self, at: usize, slots: &[&str], ranges: bool) -> Option<(usize, Value)> {
        let (mut end, first) = self.item(at, slots)?;
        let mut items = vec![(first, false)];
        while items.len() < MAX_ITEMS {
            let Some((next, range)) = self.separator(end, ranges) else {
                break;
            };
            let Some((after, item)) = self.item(next, slots) else {
                break;
            };
            items.push((item, range));
            end = after;
        }
        meaning::list(&items).map(|value| (end, value))
    }

    fn item(&mut self, at: usize, slots: &[&str]) -> Option<(usize, Value)> {
        if self.tokens.get(at)?.literal {
            return None;
        }
        slots.iter().find_map(|name| self.word(name, at))
    }

    /// Where the next item begins, and whether all between it and the last are meant.
    fn separator(&mut self, at: usize, ranges: bool) -> Option<(usize, bool)> {
        let token = self.tokens.get(at)?;
        if token.is_sign("-–—") && ranges {
            return Some((at + 1, true));
        }
        if token.is_sign("/") {
            return Some((at + 1, false));
        }
        if token.is_sign(",") && !token.gap {
            let after = self.word("and", at + 1).map_or(at + 1, |(end, _)| end);
            return Some((after, false));
        }
        if let Some((end, _)) = self.word("through", at).filter(|_| ranges) {
            return Some((end, true));
        }
        self.word("and", at).map(|(end, _)| (end, false))
    }
}
