//! Values between the guest and Postgres: which type of one is which of the other, as in Spin.

mod calendar;
mod numeric;
mod plain;
mod range;

use std::fmt;

use bytes::BytesMut;
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type};

use self::calendar::{Date, DateTime, Instant, Time};
use self::numeric::Numeric;
use self::plain::{Interval, Json, Unknown, Uuid};
use self::range::Range;
use super::wit;

/// What the driver wants an error to be.
type Failure = Box<dyn std::error::Error + Sync + Send>;

/// A parameter of a statement.
pub(super) struct Parameter(Inner);

enum Inner {
    Boolean(bool),
    Int8(i8),
    Int16(i16),
    Int32(i32),
    Int64(i64),
    Floating32(f32),
    Floating64(f64),
    Str(String),
    Binary(Vec<u8>),
    Date(Date),
    Time(Time),
    DateTime(DateTime),
    Instant(Instant),
    Uuid(Uuid),
    Json(Json),
    Decimal(Numeric),
    RangeInt32(Range<i32>),
    RangeInt64(Range<i64>),
    RangeDecimal(Range<Numeric>),
    ArrayInt32(Vec<Option<i32>>),
    ArrayInt64(Vec<Option<i64>>),
    ArrayDecimal(Vec<Option<Numeric>>),
    ArrayStr(Vec<Option<String>>),
    Interval(Interval),
    Null,
}

/// The driver logs parameters at its debug level; what is in them is nobody's business.
impl fmt::Debug for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// The parameters of a statement, or what is wrong with one of them.
pub(super) fn parameters(values: Vec<wit::ParameterValue>) -> Result<Vec<Parameter>, wit::Error> {
    values
        .into_iter()
        .enumerate()
        .map(|(index, value)| {
            Inner::new(value).map(Parameter).map_err(|reason| {
                wit::Error::BadParameter(format!("parameter ${}: {reason}", index + 1))
            })
        })
        .collect()
}

impl Inner {
    fn new(value: wit::ParameterValue) -> Result<Self, String> {
        use wit::ParameterValue as Value;
        Ok(match value {
            Value::Boolean(value) => Self::Boolean(value),
            Value::Int8(value) => Self::Int8(value),
            Value::Int16(value) => Self::Int16(value),
            Value::Int32(value) => Self::Int32(value),
            Value::Int64(value) => Self::Int64(value),
            Value::Floating32(value) => Self::Floating32(value),
            Value::Floating64(value) => Self::Floating64(value),
            Value::Str(value) => Self::Str(value),
            Value::Binary(value) => Self::Binary(value),
            Value::Date(fields) => Self::Date(Date::new(fields)?),
            Value::Time(fields) => Self::Time(Time::new(fields)?),
            Value::Datetime(fields) => Self::DateTime(DateTime::new(fields)?),
            Value::Timestamp(seconds) => Self::Instant(Instant::new(seconds)?),
            Value::Uuid(text) => Self::Uuid(Uuid::parse(&text)?),
            Value::Jsonb(text) => Self::Json(Json(text)),
            Value::Decimal(text) => Self::Decimal(Numeric::parse(&text)?),
            Value::RangeInt32((lower, upper)) => Self::RangeInt32(Range(lower, upper)),
            Value::RangeInt64((lower, upper)) => Self::RangeInt64(Range(lower, upper)),
            Value::RangeDecimal((lower, upper)) => {
                Self::RangeDecimal(Range(lower, upper).map(|text: String| Numeric::parse(&text))?)
            }
            Value::ArrayInt32(values) => Self::ArrayInt32(values),
            Value::ArrayInt64(values) => Self::ArrayInt64(values),
            Value::ArrayDecimal(values) => Self::ArrayDecimal(
                values
                    .into_iter()
                    .map(|value| value.as_deref().map(Numeric::parse).transpose())
                    .collect::<Result<_, _>>()?,
            ),
            Value::ArrayStr(values) => Self::ArrayStr(values),
            Value::Interval(value) => Self::Interval(Interval(value)),
            Value::DbNull => Self::Null,
        })
    }
}

impl ToSql for Parameter {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Failure> {
        self.to_sql_checked(kind, out)
    }

    /// Each value checks for itself.
    fn accepts(_: &Type) -> bool {
        true
    }

    fn to_sql_checked(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Failure> {
        match &self.0 {
            Inner::Boolean(value) => value.to_sql_checked(kind, out),
            Inner::Int8(value) => value.to_sql_checked(kind, out),
            Inner::Int16(value) => value.to_sql_checked(kind, out),
            Inner::Int32(value) => value.to_sql_checked(kind, out),
            Inner::Int64(value) => value.to_sql_checked(kind, out),
            Inner::Floating32(value) => value.to_sql_checked(kind, out),
            Inner::Floating64(value) => value.to_sql_checked(kind, out),
            Inner::Str(value) => value.to_sql_checked(kind, out),
            Inner::Binary(value) => value.to_sql_checked(kind, out),
            Inner::Date(value) => value.to_sql_checked(kind, out),
            Inner::Time(value) => value.to_sql_checked(kind, out),
            Inner::DateTime(value) => value.to_sql_checked(kind, out),
            Inner::Instant(value) => value.to_sql_checked(kind, out),
            Inner::Uuid(value) => value.to_sql_checked(kind, out),
            Inner::Json(value) => value.to_sql_checked(kind, out),
            Inner::Decimal(value) => value.to_sql_checked(kind, out),
            Inner::RangeInt32(value) => value.to_sql_checked(kind, out),
            Inner::RangeInt64(value) => value.to_sql_checked(kind, out),
            Inner::RangeDecimal(value) => value.to_sql_checked(kind, out),
            Inner::ArrayInt32(value) => value.to_sql_checked(kind, out),
            Inner::ArrayInt64(value) => value.to_sql_checked(kind, out),
            Inner::ArrayDecimal(value) => value.to_sql_checked(kind, out),
            Inner::ArrayStr(value) => value.to_sql_checked(kind, out),
            Inner::Interval(value) => value.to_sql_checked(kind, out),
            Inner::Null => Ok(IsNull::Yes),
        }
    }
}

/// What a column's type is called in WIT.
pub(super) fn data_type(kind: &Type) -> wit::DbDataType {
    use wit::DbDataType as Name;
    match *kind {
        Type::BOOL => Name::Boolean,
        Type::BYTEA => Name::Binary,
        Type::FLOAT4 => Name::Floating32,
        Type::FLOAT8 => Name::Floating64,
        Type::INT2 => Name::Int16,
        Type::INT4 => Name::Int32,
        Type::INT8 => Name::Int64,
        Type::TEXT | Type::VARCHAR | Type::BPCHAR => Name::Str,
        Type::TIMESTAMP | Type::TIMESTAMPTZ => Name::Datetime,
        Type::DATE => Name::Date,
        Type::TIME => Name::Time,
        Type::UUID => Name::Uuid,
        Type::JSONB => Name::Jsonb,
        Type::NUMERIC => Name::Decimal,
        Type::INT4_RANGE => Name::RangeInt32,
        Type::INT8_RANGE => Name::RangeInt64,
        Type::NUM_RANGE => Name::RangeDecimal,
        Type::INT4_ARRAY => Name::ArrayInt32,
        Type::INT8_ARRAY => Name::ArrayInt64,
        Type::NUMERIC_ARRAY => Name::ArrayDecimal,
        Type::TEXT_ARRAY | Type::VARCHAR_ARRAY | Type::BPCHAR_ARRAY => Name::ArrayStr,
        Type::INTERVAL => Name::Interval,
        _ => Name::Other(kind.name().to_owned()),
    }
}

/// A row's values, or which column can't be given to a guest and why.
pub(super) fn row(row: &Row) -> Result<wit::Row, wit::Error> {
    (0..row.len())
        .map(|index| {
            value(row, index).map_err(|reason| {
                let name = row.columns().get(index).map_or("?", |column| column.name());
                wit::Error::ValueConversionFailed(format!("column `{name}`: {reason}"))
            })
        })
        .collect()
}

fn value(row: &Row, index: usize) -> Result<wit::DbValue, String> {
    use wit::DbValue as Value;
    let kind = row
        .columns()
        .get(index)
        .map_or(&Type::UNKNOWN, |column| column.type_());
    let cell = Cell { row, index };
    match *kind {
        Type::BOOL => cell.plain(Value::Boolean),
        Type::BYTEA => cell.plain(Value::Binary),
        Type::FLOAT4 => cell.plain(Value::Floating32),
        Type::FLOAT8 => cell.plain(Value::Floating64),
        Type::INT2 => cell.plain(Value::Int16),
        Type::INT4 => cell.plain(Value::Int32),
        Type::INT8 => cell.plain(Value::Int64),
        Type::TEXT | Type::VARCHAR | Type::BPCHAR => cell.plain(Value::Str),
        Type::TIMESTAMP => cell.read(|value: DateTime| value.fields().map(Value::Datetime)),
        Type::TIMESTAMPTZ => Err(
            "spin:postgres can't read timestamptz; select it `AT TIME ZONE 'UTC'` or as text"
                .to_owned(),
        ),
        Type::DATE => cell.read(|value: Date| value.fields().map(Value::Date)),
        Type::TIME => cell.read(|value: Time| value.fields().map(Value::Time)),
        Type::UUID => cell.plain(|value: Uuid| Value::Uuid(value.text())),
        Type::JSONB => cell.plain(|value: Json| Value::Jsonb(value.0)),
        Type::NUMERIC => cell.plain(|value: Numeric| Value::Decimal(value.text())),
        Type::INT4_RANGE => cell.plain(|value: Range<i32>| Value::RangeInt32((value.0, value.1))),
        Type::INT8_RANGE => cell.plain(|value: Range<i64>| Value::RangeInt64((value.0, value.1))),
        Type::NUM_RANGE => cell.read(|value: Range<Numeric>| {
            let Range(lower, upper) = value.map(|number| Ok(number.text()))?;
            Ok(Value::RangeDecimal((lower, upper)))
        }),
        Type::INT4_ARRAY => cell.plain(Value::ArrayInt32),
        Type::INT8_ARRAY => cell.plain(Value::ArrayInt64),
        Type::NUMERIC_ARRAY => cell.plain(|values: Vec<Option<Numeric>>| {
            let text = |value: Option<Numeric>| value.map(|value| value.text());
            Value::ArrayDecimal(values.into_iter().map(text).collect())
        }),
        Type::TEXT_ARRAY | Type::VARCHAR_ARRAY | Type::BPCHAR_ARRAY => cell.plain(Value::ArrayStr),
        Type::INTERVAL => cell.plain(|value: Interval| Value::Interval(value.0)),
        _ => cell.plain(|value: Unknown| Value::Unsupported(value.0)),
    }
}

struct Cell<'a> {
    row: &'a Row,
    index: usize,
}

impl<'a> Cell<'a> {
    fn plain<T: FromSql<'a>>(
        self,
        change: impl FnOnce(T) -> wit::DbValue,
    ) -> Result<wit::DbValue, String> {
        self.read(|value| Ok(change(value)))
    }

    fn read<T: FromSql<'a>>(
        self,
        change: impl FnOnce(T) -> Result<wit::DbValue, String>,
    ) -> Result<wit::DbValue, String> {
        match self.row.try_get::<_, Option<T>>(self.index) {
            Ok(Some(value)) => change(value),
            Ok(None) => Ok(wit::DbValue::DbNull),
            Err(error) => Err(super::error::chain(&error)),
        }
    }
}
