//! Changes: load, decide, save while the version stands.

use punctual_contract::api::{NewTask, OccurrencePatch, TaskPatch, Undo};
use punctual_domain::Instant;
use punctual_domain::lifecycle::{self, Account, Edit, Refused, Status, TaskState};
use punctual_domain::reminders::{Ring, RingState};
use punctual_function::{Answer, Call, Caller, Problem, Scope, derived_id};
use punctual_store::db::Error;
use punctual_store::tasks::{self, Loaded};

use crate::input::{self, Ids};
use crate::read::shown;

fn refused(refused: Refused) -> Problem {
    match refused {
        Refused::Invalid(invalid) => input::invalid(invalid),
        Refused::Conflict(why) => Problem::new(409, why),
    }
}

fn no_project() -> Problem {
    Problem::field(
        "project_id",
        "There is no such project, it is not yours, or it is archived.",
    )
}

pub async fn create(call: &Call) -> Result<Answer, Problem> {
    let caller = Caller::of(call, Scope::Write).await?;
    let given: NewTask = call.json()?;
    let write = call.write(&caller)?;
    let id = call.new_id(&write);
    let mut edit = input::new_task(given, &Ids(&id))?;
    let row = tasks::account(&caller.user).await?;
    if edit.reminders.is_none() {
        let project = edit.project_id.as_deref().unwrap_or(&row.inbox_id);
        edit.reminders = tasks::project_reminders(&caller.user, project)
            .await?
            .map(|reminders| lifecycle::fitting(reminders, &edit));
    }
    let account = row.account()?;
    let mut task = TaskState::new(
        &id,
        &caller.user,
        &row.inbox_id,
        Instant::from_micros(call.now),
    );
    task.edit(edit, &account, Instant::from_micros(call.now))
        .map_err(refused)?;
    task.generation = 1;
    let mut replayed = call.repeated(&write, "tasks").await?.is_some();
    if !replayed && !tasks::create(&task, &write).await? {
        // Another request with this key may have come between; otherwise it is the project.
        if call.repeated(&write, "tasks").await?.is_none() {
            return Err(no_project());
        }
        replayed = true;
    }
    let answer = shown(&caller.user, &id).await?;
    let answer = with_skipped(answer, None, &task, &account, call.now)?;
    Ok(answer
        .status(201)
        .replayed(replayed)
        .header("location", format!("/api/tasks/{id}")))
}

/// Names the reminders that were already past when they were set. Those that `before` had at the same instant were not
/// set by this change: one of them may well have fired.
fn with_skipped(
    answer: Answer,
    before: Option<&TaskState>,
    task: &TaskState,
    account: &Account,
    now: i64,
) -> Result<Answer, Problem> {
    let rings = |task: &TaskState| {
        task.plan(account, Instant::from_micros(now))
            .map(|plan| plan.rings)
            .map_err(|error| Problem::new(500, error.to_string()))
    };
    let (had, rings) = (before.map_or(Ok(Vec::new()), rings)?, rings(task)?);
    let was_there = |ring: &&Ring| {
        had.iter()
            .any(|old| (&old.definition_id, old.fire_at) == (&ring.definition_id, ring.fire_at))
    };
    let skipped: Vec<&str> = rings
        .iter()
        .filter(|ring| ring.state == RingState::Skipped)
        .filter(|ring| !was_there(ring))
        .filter(|ring| ring.occurrence_key == task.occurrence.as_deref().unwrap_or_default())
        .map(|ring| ring.definition_id.as_str())
        .collect();
    if skipped.is_empty() {
        Ok(answer)
    } else {
        answer.with("skipped_reminders", skipped.into())
    }
}

/// What a change did with the state it was given.
enum Decided {
    Save,
    /// Nothing is to be written: it is so already.
    Unchanged,
}

/// What a change led to.
struct Changed {
    answer: Answer,
    /// `None` for a repeated request, which changed nothing this time.
    before: Option<TaskState>,
    after: Loaded,
}

impl Changed {
    fn with_skipped(self, call: &Call) -> Result<Answer, Problem> {
        let account = self.after.account.account()?;
        with_skipped(
            self.answer,
            self.before.as_ref(),
            &self.after.task,
            &account,
            call.now,
        )
    }
}

/// Loads, decides, saves; decides anew on a fresh state when another change came between. `If-Match` must name the
/// version that was loaded; without it the newest counts.
async fn change<D>(call: &Call, id: &str, decide: D) -> Result<Changed, Problem>
where
    D: AsyncFn(&mut Loaded) -> Result<Decided, Problem>,
{
    let caller = Caller::of(call, Scope::Write).await?;
    let write = call.write(&caller)?;
    let expected = call.if_match();
    let repeated = call.repeated(&write, "tasks").await?;
    for _ in 0..8 {
        let mut loaded = tasks::load(Some(&caller.user), id)
            .await?
            .ok_or_else(|| Problem::not_found("task"))?;
        if repeated.is_some() {
            return Ok(Changed {
                answer: shown(&caller.user, id).await?.replayed(true),
                before: None,
                after: loaded,
            });
        }
        if !expected.holds(loaded.task.version) {
            return Err(Problem::stale());
        }
        let before = loaded.task.clone();
        if let Decided::Unchanged = decide(&mut loaded).await? {
            // A repetition must change nothing either, whatever has happened by then.
            let replayed = call.remember(&write, "tasks", id).await?;
            return Ok(Changed {
                answer: shown(&caller.user, id).await?.replayed(replayed),
                before: Some(before),
                after: loaded,
            });
        }
        if loaded.task.project_id != before.project_id
            && !tasks::has_project(&caller.user, &loaded.task.project_id).await?
        {
            return Err(no_project());
        }
        let mut saved = tasks::save(&loaded.task, &write).await;
        if let (Err(Error::Taken(_)), true) =
            (&saved, loaded.task.series_start != before.series_start)
        {
            // The new rule begins on a day that this series already had: from here on it is another series.
            loaded.task.series_id = Some(derived_id(&["series", &write.op]));
            saved = tasks::save(&loaded.task, &write).await;
        }
        match saved {
            Ok(true) | Err(Error::Repeated) => {
                let replayed = saved.is_err();
                return Ok(Changed {
                    answer: shown(&caller.user, id).await?.replayed(replayed),
                    before: Some(before),
                    after: loaded,
                });
            }
            Ok(false) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Problem::new(
        409,
        "It is being changed by others at the same time. Try again.",
    ))
}

pub async fn patch(call: &Call, id: &str) -> Result<Answer, Problem> {
    // Authorised before the body is judged, so that nobody learns from a 422.
    Caller::of(call, Scope::Write).await?;
    let given: TaskPatch = call.json()?;
    let now = Instant::from_micros(call.now);
    change(call, id, async |loaded| {
        let edit = input::patch(
            given.clone(),
            &loaded.task,
            &loaded.account.inbox_id,
            &Ids(&call.request_id),
        )?;
        loaded
            .task
            .edit(edit, &loaded.account.account()?, now)
            .map_err(refused)?;
        Ok(Decided::Save)
    })
    .await?
    .with_skipped(call)
}

fn decided(changed: bool) -> Result<Decided, Problem> {
    Ok(if changed {
        Decided::Save
    } else {
        Decided::Unchanged
    })
}

pub async fn finish(call: &Call, id: &str, status: Status) -> Result<Answer, Problem> {
    let changed = change(call, id, async |loaded| {
        let account = loaded.account.account()?;
        decided(
            loaded
                .task
                .finish(status, &account, Instant::from_micros(call.now))
                .map_err(refused)?,
        )
    })
    .await?;
    Ok(changed.answer)
}

pub async fn reopen(call: &Call, id: &str) -> Result<Answer, Problem> {
    let changed = change(call, id, async |loaded| {
        decided(
            loaded
                .task
                .reopen(Instant::from_micros(call.now))
                .map_err(refused)?,
        )
    })
    .await?;
    Ok(changed.answer)
}

pub async fn delete(call: &Call, id: &str) -> Result<Answer, Problem> {
    change(call, id, async |loaded| {
        decided(loaded.task.delete(Instant::from_micros(call.now)))
    })
    .await?;
    Ok(Answer::nothing())
}

pub async fn restore(call: &Call, id: &str) -> Result<Answer, Problem> {
    let changed = change(call, id, async |loaded| {
        decided(loaded.task.restore(Instant::from_micros(call.now)))
    })
    .await?;
    Ok(changed.answer)
}

/// A new change of only the fields that the old one touched, where each still has the value that it gave.
pub async fn undo(call: &Call, id: &str) -> Result<Answer, Problem> {
    let caller = Caller::of(call, Scope::Write).await?;
    let given: Undo = call.json()?;
    let wanted = match given.change.as_deref().map(str::parse::<i64>) {
        None => None,
        Some(Ok(number)) => Some(number),
        Some(Err(_)) => {
            return Err(Problem::field(
                "change",
                "takes the id of a change from the history",
            ));
        }
    };
    let now = Instant::from_micros(call.now);
    change(call, id, async |loaded| {
        let past = tasks::change(&caller.user, id, wanted)
            .await?
            .ok_or_else(|| Problem::not_found("change"))?;
        let account = loaded.account.account()?;
        let moved_on = || Problem::new(409, "It has changed again since, so this can't be undone.");
        let task = &mut loaded.task;
        match past.kind.as_str() {
            "created" => decided(task.delete(now)),
            "deleted" => {
                if task.restore(now) {
                    Ok(Decided::Save)
                } else {
                    Err(moved_on())
                }
            }
            "restored" => {
                if task.delete(now) {
                    Ok(Decided::Save)
                } else {
                    Err(moved_on())
                }
            }
            "completed" | "skipped" => {
                if task.reopen(now).map_err(refused)? {
                    Ok(Decided::Save)
                } else {
                    Err(moved_on())
                }
            }
            "reopened" => {
                let status = match past
                    .fields
                    .pointer("/status/before")
                    .and_then(|status| status.as_str())
                {
                    Some("skipped") => Status::Skipped,
                    _ => Status::Completed,
                };
                if task.finish(status, &account, now).map_err(refused)? {
                    Ok(Decided::Save)
                } else {
                    Err(moved_on())
                }
            }
            _ => {
                let shown = tasks::get(&caller.user, id)
                    .await?
                    .ok_or_else(|| Problem::not_found("task"))?;
                let present: serde_json::Value = serde_json::from_str(&shown)
                    .map_err(|error| Problem::new(500, error.to_string()))?;
                let mut back = serde_json::Map::new();
                for (field, values) in past.fields.as_object().into_iter().flatten() {
                    // The others follow from these.
                    if !TaskState::PUT_BACK.contains(&field.as_str()) {
                        continue;
                    }
                    if present.get(field) != values.get("after") {
                        return Err(moved_on());
                    }
                    back.insert(
                        field.clone(),
                        values.get("before").cloned().unwrap_or_default(),
                    );
                }
                task.put_back(back, &account, now).map_err(refused)?;
                Ok(Decided::Save)
            }
        }
    })
    .await?
    .with_skipped(call)
}

/// Moves one occurrence, or leaves it out: the open one, or one that is still to come.
pub async fn occurrence(call: &Call, id: &str, key: &str) -> Result<Answer, Problem> {
    Caller::of(call, Scope::Write).await?;
    let given: OccurrencePatch = call.json()?;
    let due = match (&given.due, given.skipped) {
        (Some(due), None) => Some(
            due.as_deref()
                .map(|text| input::local("due", text))
                .transpose()?,
        ),
        (None, Some(_)) => None,
        _ => return Err(Problem::field("body", "takes one of `due` and `skipped`")),
    };
    let now = Instant::from_micros(call.now);
    change(call, id, async |loaded| {
        let account = loaded.account.account()?;
        let task = &mut loaded.task;
        let before = task.generation;
        let is_open = task.occurrence.as_deref() == Some(key);
        let done = match (is_open, due, given.skipped) {
            (false, Some(due), _) => task.move_occurrence(key, due, &account, now),
            (false, None, skipped) => task.leave_out(key, skipped == Some(true), &account, now),
            (true, Some(due), _) => {
                let nominal = task.nominal_due(&account);
                let nominal = nominal.map_err(|error| refused(error.at("due").into()))?;
                let edit = Edit {
                    due: Some(due.or(nominal)),
                    ..Edit::default()
                };
                task.edit(edit, &account, now)
            }
            (true, None, Some(true)) => task.finish(Status::Skipped, &account, now).map(drop),
            (true, None, _) if task.status == Status::Skipped => task.reopen(now).map(drop),
            (true, None, _) => Ok(()),
        };
        done.map_err(refused)?;
        decided(task.generation != before)
    })
    .await?
    .with_skipped(call)
}
