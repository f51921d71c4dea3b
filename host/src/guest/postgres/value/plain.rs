//! Values whose bytes go over nearly as they are: uuid, json, interval, and what isn't known.

use bytes::{Buf as _, BufMut as _, BytesMut};
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

use super::{Failure, wit};

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Uuid([u8; 16]);

impl Uuid {
    /// 32 hexadecimal digits; hyphens and braces are left out.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let fault = || format!("{text:?} is not a UUID");
        let inner = text
            .strip_prefix('{')
            .and_then(|text| text.strip_suffix('}'))
            .unwrap_or(text);
        let mut bytes = [0; 16];
        let mut count = 0;
        for figure in inner.bytes().filter(|byte| *byte != b'-') {
            let value = char::from(figure).to_digit(16).ok_or_else(fault)?;
            let byte = bytes.get_mut(count / 2).ok_or_else(fault)?;
            *byte = *byte << 4 | u8::try_from(value).unwrap_or_default();
            count += 1;
        }
        (count == 32).then_some(Self(bytes)).ok_or_else(fault)
    }

    pub(super) fn text(self) -> String {
        let value = u128::from_be_bytes(self.0);
        let plain = format!("{value:032x}");
        let parts = [0..8, 8..12, 12..16, 16..20, 20..32];
        parts
            .map(|part| plain.get(part).unwrap_or_default())
            .join("-")
    }
}

impl ToSql for Uuid {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Failure> {
        out.put_slice(&self.0);
        Ok(IsNull::No)
    }

    fn accepts(kind: &Type) -> bool {
        *kind == Type::UUID
    }

    to_sql_checked!();
}

impl<'a> FromSql<'a> for Uuid {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Failure> {
        Ok(Self(raw.try_into()?))
    }

    fn accepts(kind: &Type) -> bool {
        *kind == Type::UUID
    }
}

/// The text of a JSON value. Postgres checks it; `jsonb` has a version in front of it.
#[derive(Clone, Debug)]
pub(super) struct Json(pub Vec<u8>);

impl ToSql for Json {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Failure> {
        if *kind == Type::JSONB {
            out.put_u8(1);
        }
        out.put_slice(&self.0);
        Ok(IsNull::No)
    }

    fn accepts(kind: &Type) -> bool {
        matches!(*kind, Type::JSON | Type::JSONB)
    }

    to_sql_checked!();
}

impl<'a> FromSql<'a> for Json {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Failure> {
        match raw.split_first() {
            Some((1, text)) => Ok(Self(text.to_vec())),
            _ => Err("jsonb of a version other than 1".into()),
        }
    }

    fn accepts(kind: &Type) -> bool {
        *kind == Type::JSONB
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Interval(pub wit::Interval);

impl ToSql for Interval {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Failure> {
        out.put_i64(self.0.micros);
        out.put_i32(self.0.days);
        out.put_i32(self.0.months);
        Ok(IsNull::No)
    }

    fn accepts(kind: &Type) -> bool {
        *kind == Type::INTERVAL
    }

    to_sql_checked!();
}

impl<'a> FromSql<'a> for Interval {
    fn from_sql(_: &Type, mut raw: &'a [u8]) -> Result<Self, Failure> {
        Ok(Self(wit::Interval {
            micros: raw.try_get_i64()?,
            days: raw.try_get_i32()?,
            months: raw.try_get_i32()?,
        }))
    }

    fn accepts(kind: &Type) -> bool {
        *kind == Type::INTERVAL
    }
}

/// A value of any other type, as the bytes that Postgres sends.
#[derive(Clone, Debug)]
pub(super) struct Unknown(pub Vec<u8>);

impl<'a> FromSql<'a> for Unknown {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Failure> {
        Ok(Self(raw.to_vec()))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids_come_back_as_they_went_in() {
        let text = "01234567-89ab-cdef-0123-456789abcdef";
        for written in [
            text.to_owned(),
            text.to_uppercase(),
            text.replace('-', ""),
            format!("{{{text}}}"),
        ] {
            assert_eq!(Uuid::parse(&written).expect("a UUID").text(), text);
        }
        for wrong in [
            "",
            "0123",
            &text[1..],
            &format!("{text}0"),
            "g".repeat(32).as_str(),
        ] {
            assert!(Uuid::parse(wrong).is_err(), "{wrong}");
        }
    }
}
