//! The shape of a language's vocabulary: word lists, and templates of words and slots. What the templates mean is
//! [`Means`], the same for every language.
//!
//! A template is written as people write the phrase. `{name}` is a slot: a word list, another set of templates, or one
//! of the [`SHAPES`]; `{name}?` may be missing. A space wants space in the text, none wants none, `~` takes both.

/// A unit of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Year,
}

impl Unit {
    pub fn from_code(code: i64) -> Option<Unit> {
        Some(match code {
            0 => Unit::Second,
            1 => Unit::Minute,
            2 => Unit::Hour,
            3 => Unit::Day,
            4 => Unit::Week,
            5 => Unit::Month,
            6 => Unit::Year,
            _ => return None,
        })
    }
}

/// What the numbers in a word list stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nothing: the words only have to be there.
    Plain,
    /// Themselves.
    Number,
    /// 1 is Monday.
    Weekday,
    Month,
    /// 0 second, 1 minute, 2 hour, 3 day, 4 week, 5 month, 6 year.
    Unit,
    /// 0 before noon, 1 after.
    Half,
    /// An hour.
    Part,
    /// Minutes from the full hour.
    Shift,
    /// Days from today.
    Ahead,
    /// Seconds.
    Seconds,
    /// The how-manieth, from the end when negative.
    Nth,
    /// 0 counted from the due, 1 from the completion.
    Basis,
    /// 1 is Monday to Friday, 2 the weekend.
    Group,
    /// 3 high, 2 medium, 1 low.
    Priority,
}

/// What a template means, with its slots filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Means {
    /// What its one slot means.
    Same,
    // times
    /// An hour or time, and before or after noon.
    OfHalf,
    /// An hour as a time.
    Hour,
    /// An hour, and how many minutes from it.
    Shifted,
    /// This very time.
    Clock(u32),
    /// The first of two times; `9-11am`: both halves are the last one's.
    RangeOfTimes,
    /// All of them.
    Times,
    // lengths
    /// Numbers with units.
    Length,
    // days
    /// Days from today.
    Ahead,
    /// Today, at that hour where no other time is said.
    TodayAt(u32),
    /// The first such weekday after today.
    Coming,
    /// That weekday of the next week.
    OfNextWeek,
    /// The first day of the next week, month, year.
    Next,
    /// Saturday of this week, or of the one after so many.
    Weekend(u32),
    /// The last day of this day, month, year.
    EndOf,
    /// The last day of that month.
    EndOfMonth,
    /// The next day of that number.
    DayOfMonth,
    /// A month and a day of it.
    MonthDay,
    /// Its next one.
    NextDate,
    /// The one of that year, if it is not past.
    DateOfYear,
    /// So long from now.
    FromNow,
    /// The first of a range of days.
    RangeOfDays,
    /// A date and the weekday that it is.
    WeekdayAndDate,
    // rules
    /// Every so many of these.
    Every(Unit, u32),
    /// Every one of a unit.
    EveryUnit,
    /// Every second one of a unit.
    EveryOther,
    /// Every so many of a unit.
    EveryCount,
    /// A rule without days, and the weekdays, days of the month … it has.
    On,
    /// These weekdays of every week.
    EveryWeekdays,
    /// These weekdays of every second week.
    EveryOtherWeekdays,
    /// The how-manieth weekday, day or working day of every month.
    EveryNth,
    /// These days of every month.
    EveryDayOfMonth,
    /// This date of every year.
    EveryDate,
    /// At this time of every day, or of these weekdays.
    EveryPart,
}

/// What a phrase is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum About {
    /// The due.
    Due,
    /// The due, in words that say more than it holds and stay in the title.
    DueRange,
    /// The rule.
    Repeat,
    /// The last day of a rule.
    Until,
    /// How often a rule comes.
    Count,
    /// For how long a rule goes on.
    For,
    /// The first day of a rule; without one it is no phrase.
    From,
    /// A rule is counted from the completion.
    Completion,
    /// Times of the day of a rule.
    Times,
    /// Reminders before the due.
    Before,
    /// A reminder at a time.
    RemindAt,
    /// A reminder when it is due ("remind me to …").
    RemindTo,
}

/// Where a phrase is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    /// Anywhere.
    Always,
    /// Where it stands free: at the end, before a sign, a linking word or another phrase, after another phrase, or at
    /// the very beginning.
    Free,
    /// The same, but not at the very beginning.
    After,
    /// The same, and with a capital: the word is also another one.
    Capital,
    /// At the very beginning only.
    First,
}

pub(super) type Entries = &'static [(&'static str, i64)];

/// A language's vocabulary.
pub(super) struct Lexicon {
    /// Letters that have two spellings, and the one taken.
    pub spellings: &'static [(char, &'static str)],
    /// Words written as one that are read as two.
    pub compounds: (&'static [&'static str], &'static [&'static str]),
    /// Whether a word in small letters after a phrase can't be a noun that the phrase belongs to.
    pub nouns_are_capital: bool,
    pub words: &'static [(&'static str, Kind, Entries)],
    pub slots: &'static [(&'static str, &'static [(&'static str, Means)])],
    pub phrases: &'static [(About, Taken, &'static str)],
    /// After these words a phrase goes on with the title.
    pub links: &'static [&'static str],
    /// After these words a day is not a due.
    pub blockers: &'static [&'static str],
    /// Words that look like phrases and are none. Those with capitals only as they are written.
    pub titles: &'static [&'static str],
    /// How a reminder is asked for, before and after a length; for texts that are only a reminder.
    pub remind: (&'static str, &'static str),
}

/// Slots every language has: numbers and the forms that are the same everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// 1 to 4 digits.
    Count,
    /// 0 to 24.
    Hour,
    /// `9:30`, `09:30:15`
    Clock,
    /// `9.30`
    Dotted,
    /// 1 to 31.
    Day,
    /// 1 to 12.
    Month,
    /// Four digits from 2000 on.
    Year,
    /// Two digits.
    ShortYear,
    /// `2026-12-01`
    Iso,
    /// `2026-12-01T09:00`, with seconds and offset if it likes.
    IsoTime,
    /// `31.12.2026`, `25/12/2026`, `12/25/2026`, where only one reading gives a date.
    Numeric,
    /// `and`-lists of `day`, `plural`, `ordinal`, with ranges.
    Weekdays,
    Plurals,
    DaysOfMonth,
    /// `-` or `–`
    Dash,
}

pub(super) const SHAPES: &[(&str, Shape)] = &[
    ("n", Shape::Count),
    ("h", Shape::Hour),
    ("clock", Shape::Clock),
    ("dotted", Shape::Dotted),
    ("d", Shape::Day),
    ("m", Shape::Month),
    ("y", Shape::Year),
    ("yy", Shape::ShortYear),
    ("iso", Shape::Iso),
    ("isotime", Shape::IsoTime),
    ("numeric", Shape::Numeric),
    ("weekdays", Shape::Weekdays),
    ("plurals", Shape::Plurals),
    ("daysofmonth", Shape::DaysOfMonth),
    ("-", Shape::Dash),
];
