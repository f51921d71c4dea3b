//! What the pages say, in each language.

/// A language that there are pages in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    English,
    German,
}

pub struct Texts {
    pub code: &'static str,
    /// `{}`: the task's title, or the address.
    pub ask_done: &'static str,
    pub ask_snooze: &'static str,
    /// `{}`: how long.
    pub about_snooze: &'static str,
    pub ask_confirm: &'static str,
    pub about_confirm: &'static str,
    pub do_done: &'static str,
    pub do_snooze: &'static str,
    pub do_confirm: &'static str,
    pub is_done: &'static str,
    /// `{}`: how long.
    pub is_snoozed: &'static str,
    pub is_confirmed: &'static str,
    pub used: &'static str,
    pub used_confirm: &'static str,
    pub unknown: &'static str,
    pub expired: &'static str,
    pub gone: &'static str,
    pub impossible: &'static str,
    pub later: &'static str,
    pub open_app: &'static str,
    /// One and several.
    pub minutes: (&'static str, &'static str),
    pub hours: (&'static str, &'static str),
    pub days: (&'static str, &'static str),
}

const ENGLISH: Texts = Texts {
    code: "en",
    ask_done: "Mark “{}” done?",
    ask_snooze: "Put “{}” off?",
    about_snooze: "It will ring again in {}.",
    ask_confirm: "Send reminders to {}?",
    about_confirm: "If you did not ask for this, close this page: nothing will be sent to you.",
    do_done: "Mark done",
    do_snooze: "Put off",
    do_confirm: "Yes, send them",
    is_done: "“{}” is done.",
    is_snoozed: "It will ring again in {}.",
    is_confirmed: "Reminders will be sent to {}.",
    used: "This link was used already. Nothing was changed now.",
    used_confirm: "This address is confirmed already.",
    unknown: "This link is not valid. Perhaps your mail program has cut it off: try to copy all of it.",
    expired: "This link has expired.",
    gone: "This is not there any more.",
    impossible: "This can’t be done any more: it was done, skipped or deleted in the meantime.",
    later: "This did not work just now. Nothing was lost: try again in a moment.",
    open_app: "Open Punctual",
    minutes: ("1 minute", "{} minutes"),
    hours: ("1 hour", "{} hours"),
    days: ("1 day", "{} days"),
};

const GERMAN: Texts = Texts {
    code: "de",
    ask_done: "„{}“ als erledigt abhaken?",
    ask_snooze: "„{}“ verschieben?",
    about_snooze: "Die Erinnerung kommt in {} wieder.",
    ask_confirm: "Erinnerungen an {} senden?",
    about_confirm: "Wenn du das nicht angefordert hast, schließe diese Seite: Dann wird dir nichts geschickt.",
    do_done: "Abhaken",
    do_snooze: "Verschieben",
    do_confirm: "Ja, senden",
    is_done: "„{}“ ist erledigt.",
    is_snoozed: "Die Erinnerung kommt in {} wieder.",
    is_confirmed: "Erinnerungen werden an {} gesendet.",
    used: "Dieser Link wurde schon benutzt. Es wurde jetzt nichts geändert.",
    used_confirm: "Diese Adresse ist schon bestätigt.",
    unknown: "Dieser Link ist nicht gültig. Vielleicht hat dein Mailprogramm ihn abgeschnitten: Kopiere ihn ganz.",
    expired: "Dieser Link ist abgelaufen.",
    gone: "Das gibt es nicht mehr.",
    impossible: "Das geht nicht mehr: Es wurde inzwischen erledigt, übersprungen oder gelöscht.",
    later: "Das hat gerade nicht geklappt. Es ist nichts verloren: Versuche es gleich noch einmal.",
    open_app: "Punctual öffnen",
    minutes: ("1 Minute", "{} Minuten"),
    hours: ("1 Stunde", "{} Stunden"),
    days: ("1 Tag", "{} Tagen"),
};

impl Language {
    /// By its code; English where there is no such one.
    pub fn named(code: &str) -> Self {
        match code {
            "de" => Self::German,
            _ => Self::English,
        }
    }

    /// The first that the browser wants, as far as there are pages in it.
    pub fn of_browser(accept_language: Option<&str>) -> Self {
        let first = accept_language.unwrap_or_default().trim();
        Self::named(first.get(..2).unwrap_or_default())
    }

    pub fn texts(self) -> &'static Texts {
        match self {
            Self::English => &ENGLISH,
            Self::German => &GERMAN,
        }
    }
}

impl Texts {
    /// `90 minutes`, `2 hours`, `1 day`: the largest unit that it is a whole number of.
    pub fn duration(&self, minutes: u32) -> String {
        let (number, (one, several)) = match minutes {
            n if n >= 1440 && n % 1440 == 0 => (n / 1440, self.days),
            n if n >= 60 && n % 60 == 0 => (n / 60, self.hours),
            n => (n, self.minutes),
        };
        match number {
            1 => one.to_owned(),
            n => several.replace("{}", &n.to_string()),
        }
    }
}
