//! Ranges of integers and decimals.

use bytes::{Buf as _, BufMut as _, BytesMut};
use tokio_postgres::types::{FromSql, IsNull, Kind, ToSql, Type, to_sql_checked};

use super::{Failure, wit};

const EMPTY: u8 = 0x01;
const LOWER_INCLUSIVE: u8 = 0x02;
const UPPER_INCLUSIVE: u8 = 0x04;
const NO_LOWER: u8 = 0x08;
const NO_UPPER: u8 = 0x10;

pub(super) type Bound<T> = Option<(T, wit::RangeBoundKind)>;

/// `None` is a bound that isn't there.
#[derive(Clone, Debug)]
pub(super) struct Range<T>(pub Bound<T>, pub Bound<T>);

impl<T> Range<T> {
    pub(super) fn map<U>(
        self,
        change: impl Fn(T) -> Result<U, String>,
    ) -> Result<Range<U>, String> {
        let bound = |bound: Bound<T>| {
            bound
                .map(|(value, kind)| Ok::<_, String>((change(value)?, kind)))
                .transpose()
        };
        Ok(Range(bound(self.0)?, bound(self.1)?))
    }
}

fn member(kind: &Type) -> Option<&Type> {
    match kind.kind() {
        Kind::Range(member) => Some(member),
        _ => None,
    }
}

impl<T: ToSql> ToSql for Range<T> {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Failure> {
        let member = member(kind).ok_or("this is not a range")?;
        let flag = |bound: &Bound<T>, none: u8, inclusive: u8| match bound {
            None => none,
            Some((_, wit::RangeBoundKind::Inclusive)) => inclusive,
            Some((_, wit::RangeBoundKind::Exclusive)) => 0,
        };
        out.put_u8(
            flag(&self.0, NO_LOWER, LOWER_INCLUSIVE) | flag(&self.1, NO_UPPER, UPPER_INCLUSIVE),
        );
        for (value, _) in [&self.0, &self.1].into_iter().flatten() {
            let mut bytes = BytesMut::new();
            value.to_sql(member, &mut bytes)?;
            out.put_i32(bytes.len().try_into()?);
            out.put_slice(&bytes);
        }
        Ok(IsNull::No)
    }

    fn accepts(kind: &Type) -> bool {
        member(kind).is_some_and(T::accepts)
    }

    to_sql_checked!();
}

impl<'a, T: FromSql<'a>> FromSql<'a> for Range<T> {
    fn from_sql(kind: &Type, mut raw: &'a [u8]) -> Result<Self, Failure> {
        let member = member(kind).ok_or("this is not a range")?;
        let flags = raw.try_get_u8()?;
        if flags & EMPTY != 0 {
            return Err("an empty range has no form in spin:postgres".into());
        }
        let mut bound = |none: u8, inclusive: u8| -> Result<Bound<T>, Failure> {
            if flags & none != 0 {
                return Ok(None);
            }
            let length = usize::try_from(raw.try_get_i32()?)?;
            let (value, rest) = raw
                .split_at_checked(length)
                .ok_or("a range is shorter than it says")?;
            raw = rest;
            let kind = if flags & inclusive != 0 {
                wit::RangeBoundKind::Inclusive
            } else {
                wit::RangeBoundKind::Exclusive
            };
            Ok(Some((T::from_sql(member, value)?, kind)))
        };
        Ok(Self(
            bound(NO_LOWER, LOWER_INCLUSIVE)?,
            bound(NO_UPPER, UPPER_INCLUSIVE)?,
        ))
    }

    fn accepts(kind: &Type) -> bool {
        member(kind).is_some_and(T::accepts)
    }
}
