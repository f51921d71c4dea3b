//! A text as tokens: words, numbers, and every other sign by itself.

use super::lexicon::Lexicon;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    /// Letters, with apostrophes between them: `Monday's` is one word, and not `Monday`.
    Word,
    /// ASCII digits.
    Digits,
    Sign,
}

#[derive(Debug, Clone)]
pub(super) struct Token {
    pub sort: Sort,
    /// Bytes of the text.
    pub start: usize,
    pub end: usize,
    /// In small letters, spelled the language's one way.
    pub folded: String,
    /// Space before it, or the beginning of the text.
    pub gap: bool,
    pub capital: bool,
    /// Quoted, or behind a backslash: never read.
    pub literal: bool,
}

impl Token {
    pub fn is_sign(&self, signs: &str) -> bool {
        self.sort == Sort::Sign && signs.contains(&self.folded)
    }
}

/// The tokens of a text.
pub(super) fn tokens(text: &str, lexicon: &Lexicon) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::new();
    let mut gap = true;
    let mut chars = text.char_indices().peekable();
    while let Some((start, first)) = chars.next() {
        if first.is_whitespace() {
            gap = true;
            continue;
        }
        let mut end = start + first.len_utf8();
        let sort = if first.is_alphabetic() {
            while let Some((at, c)) = chars.peek().copied() {
                let after = at + c.len_utf8();
                let inside = c.is_alphabetic()
                    || (matches!(c, '\'' | '’')
                        && text
                            .get(after..)
                            .and_then(|rest| rest.chars().next())
                            .is_some_and(char::is_alphabetic));
                if !inside {
                    break;
                }
                chars.next();
                end = after;
            }
            Sort::Word
        } else if first.is_ascii_digit() {
            while let Some((at, _)) = chars.next_if(|(_, c)| c.is_ascii_digit()) {
                end = at + 1;
            }
            Sort::Digits
        } else {
            Sort::Sign
        };
        let token = Token {
            sort,
            start,
            end,
            folded: fold(text.get(start..end).unwrap_or_default(), lexicon),
            gap: std::mem::take(&mut gap),
            capital: first.is_uppercase(),
            literal: false,
        };
        match split(&token, text, lexicon) {
            Some(two) => tokens.extend(two),
            None => tokens.push(token),
        }
    }
    tokens
}

/// `Freitagabend` as `Freitag` and `abend`.
fn split(token: &Token, text: &str, lexicon: &Lexicon) -> Option<[Token; 2]> {
    let (firsts, seconds) = lexicon.compounds;
    if token.sort != Sort::Word || firsts.is_empty() {
        return None;
    }
    let second = seconds
        .iter()
        .find(|second| token.folded.ends_with(*second))?;
    let first = token.folded.strip_suffix(second)?;
    if !firsts.contains(&first) {
        return None;
    }
    // Both parts are spelled with ASCII letters, so that folding has changed no length.
    let middle = token.end.checked_sub(second.len())?;
    text.get(token.start..middle)?;
    let mut two = [token.clone(), token.clone()];
    let [head, tail] = &mut two;
    head.end = middle;
    head.folded = first.to_owned();
    tail.start = middle;
    tail.folded = (*second).to_owned();
    tail.gap = true;
    tail.capital = false;
    Some(two)
}

/// In small letters, spelled the language's one way.
pub(super) fn fold(text: &str, lexicon: &Lexicon) -> String {
    let mut folded = String::with_capacity(text.len());
    for c in text.chars() {
        if c == '’' {
            folded.push('\'');
            continue;
        }
        for lower in c.to_lowercase() {
            match lexicon.spellings.iter().find(|(from, _)| *from == lower) {
                Some((_, to)) => folded.push_str(to),
                None => folded.push(lower),
            }
        }
    }
    folded
}

const QUOTES: &[(&str, &str)] = &[
    ("\"", "\""),
    ("“", "”"),
    ("„", "“"),
    ("„", "”"),
    ("«", "»"),
    ("»", "«"),
    ("‚", "‘"),
];

/// Marks what is quoted and what is behind a backslash; gives the places of those backslashes, in bytes.
pub(super) fn mark_literals(tokens: &mut [Token]) -> Vec<usize> {
    let mut escapes = Vec::new();
    // From the end, so that whether a closing sign follows is known without looking for it again and again.
    let mut closing: Vec<(&str, usize)> = Vec::new();
    let mut pairs = vec![None; tokens.len()];
    for (at, token) in tokens.iter().enumerate().rev() {
        if token.sort != Sort::Sign {
            continue;
        }
        let opens = QUOTES
            .iter()
            .filter(|(open, _)| *open == token.folded && token.gap)
            .filter_map(|(_, close)| closing.iter().find(|(sign, _)| sign == close))
            .map(|(_, end)| *end)
            .min();
        if let (Some(place), Some(end)) = (pairs.get_mut(at), opens) {
            *place = Some(end);
        }
        for (_, close) in QUOTES.iter().filter(|(_, close)| *close == token.folded) {
            match closing.iter_mut().find(|(sign, _)| sign == close) {
                Some((_, end)) => *end = at,
                None => closing.push((close, at)),
            }
        }
    }
    let mut at = 0;
    while at < tokens.len() {
        if let Some(end) = pairs.get(at).copied().flatten() {
            for token in tokens.iter_mut().take(end + 1).skip(at) {
                token.literal = true;
            }
            at = end + 1;
            continue;
        }
        let next = tokens.get(at + 1).is_some_and(|next| {
            !next.gap && (next.sort != Sort::Sign || next.is_sign("#@!\"„“«+"))
        });
        if let Some(token) = tokens.get_mut(at)
            && token.gap
            && token.is_sign("\\")
            && next
        {
            token.literal = true;
            escapes.push(token.start);
            // The whole run of signs and letters up to the next space.
            for (n, token) in tokens.iter_mut().skip(at + 1).enumerate() {
                if token.gap && n > 0 {
                    break;
                }
                token.literal = true;
                at += 1;
            }
        }
        at += 1;
    }
    escapes
}
