//! `GET /api/activity`: what a person got done, day by day; their streak; how much of it was in time.

use punctual_contract::api::{Activity, ActivityDay, ActivityStreak};
use punctual_domain::activity::{Day, every_day, on_time_rate, streak};
use punctual_domain::{Instant, Local, time};
use punctual_function::{Answer, Call, Caller, Problem, Reply, Scope, serve};
use punctual_store::activity;
use spin_sdk::http::Request;
use spin_sdk::http_service;

/// Days that are answered where none are named, today included.
const DAYS: i64 = 30;
/// Days that one answer may have.
const MOST: i64 = 366;

#[http_service]
async fn handle(request: Request) -> Reply {
    serve(request, async |call: &Call| {
        let (method, path) = call.route(2);
        match (method, path.as_slice()) {
            ("GET", []) => shown(call).await,
            (_, []) => Err(call.not_allowed("GET")),
            _ => Err(call.no_route()),
        }
    })
    .await
}

async fn shown(call: &Call) -> Result<Answer, Problem> {
    let caller = Caller::of(call, Scope::Read).await?;
    call.only_queries(&["from", "to"])?;
    let lived = activity::of(&caller.user)
        .await?
        .ok_or_else(|| Problem::new(401, "The account is gone."))?;
    let zone = time::zone(&lived.timezone).map_err(broken)?;
    let today = time::today(Instant::from_micros(call.now), zone);
    let to = date(call, "to")?.unwrap_or(today);
    let first = |days: i64| to.checked_sub_signed(chrono::TimeDelta::days(days - 1));
    let from = match date(call, "from")? {
        Some(from) => from,
        None => first(DAYS).unwrap_or(to),
    };
    if from > to {
        return Err(Problem::field("from", "lies after `to`"));
    }
    if first(MOST).is_some_and(|first| from < first) {
        return Err(Problem::field(
            "from",
            format!("lies more than {MOST} days before `to`"),
        ));
    }
    let days = lived
        .days
        .into_iter()
        .map(|(date, completed, with_due, on_time)| {
            Ok(Day {
                date: date.parse::<Local>().map_err(broken)?.date(),
                completed,
                with_due,
                on_time,
            })
        })
        .collect::<Result<Vec<_>, Problem>>()?;
    let streak = streak(&days, today);
    let days = every_day(&days, from, to);
    Answer::of(&Activity {
        on_time_rate: on_time_rate(&days),
        days: days
            .into_iter()
            .map(|day| ActivityDay {
                date: day.date.to_string(),
                completed: day.completed,
                with_due: day.with_due,
                on_time: day.on_time,
            })
            .collect(),
        streak: ActivityStreak {
            current: streak.current,
            longest: streak.longest,
        },
        timezone: lived.timezone,
    })
}

/// What the database holds is not what was written there.
fn broken(error: punctual_domain::Error) -> Problem {
    Problem::new(500, error.to_string())
}

fn date(call: &Call, name: &str) -> Result<Option<chrono::NaiveDate>, Problem> {
    let Some(text) = call.query(name) else {
        return Ok(None);
    };
    match text.parse() {
        Ok(Local::Date(date)) => Ok(Some(date)),
        _ => Err(Problem::field(name, "takes a date, YYYY-MM-DD")),
    }
}
