//! `numeric`: decimal text for the guest, digits to the base 10,000 on the wire.

use std::fmt::Write as _;

use bytes::{Buf as _, BufMut as _, BytesMut};
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

use super::Failure;

const NEGATIVE: u16 = 0x4000;
const POSITIVE: u16 = 0;

/// The value is the sum of `digits[i] * 10000^(weight - i)`; `scale` is the number of decimals that are shown.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Numeric {
    negative: bool,
    weight: i16,
    scale: u16,
    digits: Vec<i16>,
}

impl Numeric {
    /// `-12.50` and the like; no exponent.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let fault = || format!("{text:?} is not a decimal number");
        let (negative, plain) = match text.as_bytes().first() {
            Some(b'-') => (true, &text[1..]),
            Some(b'+') => (false, &text[1..]),
            _ => (false, text),
        };
        let (whole, fraction) = plain.split_once('.').unwrap_or((plain, ""));
        let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if !all_digits(whole) || !all_digits(fraction) || whole.len() + fraction.len() == 0 {
            return Err(fault());
        }
        let whole = whole.trim_start_matches('0');
        // Groups of four digits, counted from the point to both sides.
        let lead = (4 - whole.len() % 4) % 4;
        let groups = (whole.len() + lead) / 4;
        let tail = (4 - fraction.len() % 4) % 4;
        let figures: Vec<u8> = std::iter::repeat_n(b'0', lead)
            .chain(whole.bytes())
            .chain(fraction.bytes())
            .chain(std::iter::repeat_n(b'0', tail))
            .collect();
        let mut digits: Vec<i16> = figures
            .chunks(4)
            .map(|group| {
                group
                    .iter()
                    .fold(0, |sum, figure| sum * 10 + i16::from(figure - b'0'))
            })
            .collect();
        let leading = digits.iter().take_while(|digit| **digit == 0).count();
        digits.drain(..leading);
        while digits.last() == Some(&0) {
            digits.pop();
        }
        let weight = i64::try_from(groups).map_err(|_| fault())?
            - i64::try_from(leading).map_err(|_| fault())?
            - 1;
        Ok(Self {
            negative: negative && !digits.is_empty(),
            weight: if digits.is_empty() {
                0
            } else {
                weight.try_into().map_err(|_| fault())?
            },
            // More than this is refused by Postgres.
            scale: u16::try_from(fraction.len())
                .ok()
                .filter(|scale| *scale <= 0x3fff)
                .ok_or_else(fault)?,
            digits,
        })
    }

    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        if self.negative {
            text.push('-');
        }
        let digit = |position: i32| {
            usize::try_from(i32::from(self.weight) - position)
                .ok()
                .and_then(|index| self.digits.get(index))
                .copied()
                .unwrap_or_default()
        };
        // Writing to a string does not fail.
        let _ = write!(text, "{}", digit(self.weight.max(0).into()));
        for position in (0..i32::from(self.weight.max(0))).rev() {
            let _ = write!(text, "{:04}", digit(position));
        }
        if self.scale > 0 {
            text.push('.');
            let end = text.len() + usize::from(self.scale);
            let mut position = -1;
            while text.len() < end {
                let _ = write!(text, "{:04}", digit(position));
                position -= 1;
            }
            text.truncate(end);
        }
        text
    }
}

impl ToSql for Numeric {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Failure> {
        out.put_i16(self.digits.len().try_into()?);
        out.put_i16(self.weight);
        out.put_u16(if self.negative { NEGATIVE } else { POSITIVE });
        out.put_u16(self.scale);
        for digit in &self.digits {
            out.put_i16(*digit);
        }
        Ok(IsNull::No)
    }

    fn accepts(kind: &Type) -> bool {
        *kind == Type::NUMERIC
    }

    to_sql_checked!();
}

impl<'a> FromSql<'a> for Numeric {
    fn from_sql(_: &Type, mut raw: &'a [u8]) -> Result<Self, Failure> {
        let count = usize::try_from(raw.try_get_i16()?)?;
        let weight = raw.try_get_i16()?;
        let sign = raw.try_get_u16()?;
        if sign != POSITIVE && sign != NEGATIVE {
            return Err("NaN and infinity have no form in spin:postgres".into());
        }
        let scale = raw.try_get_u16()?;
        let digits = (0..count)
            .map(|_| raw.try_get_i16())
            .collect::<Result<_, _>>()?;
        Ok(Self {
            negative: sign == NEGATIVE,
            weight,
            scale,
            digits,
        })
    }

    fn accepts(kind: &Type) -> bool {
        *kind == Type::NUMERIC
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_come_back_as_they_went_in() {
        for text in [
            "0",
            "0.00",
            "1",
            "-1",
            "10000",
            "9999.9999",
            "12345678901234567890.0987654321",
            "0.0001",
            "0.00001",
            "-0.000000001",
            "100000000",
            "1.50",
        ] {
            let number = Numeric::parse(text).expect("a number");
            assert_eq!(number.text(), text);
            let mut wire = BytesMut::new();
            number.to_sql(&Type::NUMERIC, &mut wire).expect("written");
            assert_eq!(
                Numeric::from_sql(&Type::NUMERIC, &wire).expect("read"),
                number
            );
        }
        for (text, plain) in [("+007.10", "7.10"), ("-0", "0"), (".5", "0.5"), ("5.", "5")] {
            assert_eq!(Numeric::parse(text).expect("a number").text(), plain);
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "-", ".", "1e5", "NaN", "1,5", " 1", "1_000", "--1"] {
            assert!(Numeric::parse(text).is_err(), "{text:?}");
        }
        assert!(Numeric::parse(&format!("0.{}", "1".repeat(20_000))).is_err());
        assert!(Numeric::parse(&"9".repeat(200_000)).is_err());
    }
}
