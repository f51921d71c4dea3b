//! Which task, which project a word on the command line means.

use punctual_contract::api::{Page, Project, Task};

use crate::api::{Api, escape, with_query};
use crate::error::{Error, Result};
use crate::profile::Numbers;
use crate::screen::{SHORT, clean, short};

/// A word of the command line, before anything is looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Word {
    /// Of the last list.
    Number(usize),
    Id(String),
    /// The start or the end of an id.
    Part(String),
}

/// Fewer characters than this are never a part of an id: too many tasks would share them.
const PART: usize = 4;

fn word(text: &str) -> Result<Word> {
    let text = text.trim();
    let digits = text.strip_prefix('#').unwrap_or(text);
    if (1..=3).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(Word::Number(digits.parse().unwrap_or(0)));
    }
    let lower = text.to_ascii_lowercase();
    if uuid::Uuid::try_parse(&lower).is_ok() && lower.len() == 36 {
        return Ok(Word::Id(lower));
    }
    if lower.len() >= PART
        && lower
            .bytes()
            .all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
    {
        return Ok(Word::Part(lower));
    }
    Err(Error::usage(format!(
        "\"{}\" names no task. Say its number in the last `punctual list`, or the end of its id.",
        clean(text)
    )))
}

fn is_part(id: &str, part: &str) -> bool {
    id.starts_with(part) || id.ends_with(part)
}

/// The id of the task that this means.
pub async fn task(api: &Api, text: &str) -> Result<String> {
    let numbers = api.profile.numbers();
    match word(text)? {
        Word::Id(id) => Ok(id),
        Word::Number(number) => numbers
            .meant(number)
            .map(str::to_owned)
            .ok_or_else(|| no_number(number, &numbers)),
        Word::Part(part) => {
            // What was on the screen with these very characters is meant; else all tasks are looked through.
            let mut shown = numbers
                .ids
                .iter()
                .filter(|id| part.len() >= SHORT && id.ends_with(&part));
            if let (Some(id), None) = (shown.next(), shown.next()) {
                return Ok(id.clone());
            }
            by_part(api, &part, &numbers).await
        }
    }
}

fn no_number(number: usize, numbers: &Numbers) -> Error {
    Error::failed(match numbers.ids.len() {
        0 => "There is no last list. Run `punctual list` first; it numbers the tasks.".to_owned(),
        last => format!(
            "The last list has no number {number} (it ends at {last}). Run `punctual list` again."
        ),
    })
}

async fn by_part(api: &Api, part: &str, numbers: &Numbers) -> Result<String> {
    let mut found: Vec<(String, String)> = Vec::new();
    let mut cursor = None;
    loop {
        let query = [
            ("status", Some("all".to_owned())),
            ("limit", Some("200".to_owned())),
            ("cursor", cursor),
        ];
        let page: Page<Task> = api.get(with_query("/api/tasks", &query)).await?.json()?;
        found.extend(
            page.items
                .into_iter()
                .filter(|task| is_part(&task.id, part))
                .map(|task| (task.id, task.title)),
        );
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    // Deleted tasks are in no list; those that were on the screen can still be named.
    for id in numbers.ids.iter().filter(|id| is_part(id, part)) {
        if !found.iter().any(|(known, _)| known == id) {
            found.push((id.clone(), String::new()));
        }
    }
    match found.as_slice() {
        [] => Err(Error::failed(format!(
            "No task's id starts or ends with {part}. `punctual list --all` shows them."
        ))),
        [(id, _)] => Ok(id.clone()),
        many => {
            let some: Vec<String> = many
                .iter()
                .take(5)
                .map(|(id, title)| format!("{} {}", short(id), clean(title)).trim().to_owned())
                .collect();
            Err(Error::failed(format!(
                "{} tasks have {part} in their id: {}. Say more of it.",
                many.len(),
                some.join(", ")
            )))
        }
    }
}

/// Those in use, or those put away.
pub async fn projects(api: &Api, archived: bool) -> Result<Vec<Project>> {
    let mut all = Vec::new();
    let mut cursor = None;
    loop {
        let archived = archived.then(|| "true".to_owned());
        let query = [
            ("archived", archived),
            ("limit", Some("200".to_owned())),
            ("cursor", cursor),
        ];
        let page: Page<Project> = api.get(with_query("/api/projects", &query)).await?.json()?;
        all.extend(page.items);
        cursor = page.next;
        if cursor.is_none() {
            return Ok(all);
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Among {
    InUse,
    Archived,
    All,
}

/// The project of this name, in any case, or of this id.
pub async fn project(api: &Api, text: &str, among: Among) -> Result<Project> {
    if uuid::Uuid::try_parse(text).is_ok() {
        return api
            .get(format!("/api/projects/{}", escape(text)))
            .await?
            .json();
    }
    let mut all = Vec::new();
    if among != Among::Archived {
        all.extend(projects(api, false).await?);
    }
    if among != Among::InUse {
        all.extend(projects(api, true).await?);
    }
    choose(all, text)
}

fn choose(projects: Vec<Project>, text: &str) -> Result<Project> {
    let exact = projects
        .iter()
        .filter(|project| project.name == text)
        .count()
        == 1;
    let lower = text.to_lowercase();
    let fits = |project: &Project| {
        if exact {
            project.name == text
        } else {
            project.name.to_lowercase() == lower
        }
    };
    let (mut fitting, others): (Vec<Project>, Vec<Project>) = projects.into_iter().partition(fits);
    match (fitting.pop(), fitting.is_empty()) {
        (Some(project), true) => Ok(project),
        (Some(_), false) => Err(Error::failed(format!(
            "Several projects are called \"{}\". Say the id, from `punctual projects --json`.",
            clean(text)
        ))),
        (None, _) if others.is_empty() => Err(Error::failed(
            "There is no such project: nothing is archived.",
        )),
        (None, _) => {
            let names: Vec<String> = others.iter().map(|project| clean(&project.name)).collect();
            Err(Error::failed(format!(
                "There is no project \"{}\"; these there are: {}. A new one: punctual projects add NAME",
                clean(text),
                names.join(", ")
            )))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_number_is_one_of_the_last_list() {
        assert_eq!(word("2").unwrap(), Word::Number(2));
        assert_eq!(word("#12").unwrap(), Word::Number(12));
    }

    #[test]
    fn four_characters_and_more_are_a_part_of_an_id_even_if_they_are_digits() {
        assert_eq!(word("4821").unwrap(), Word::Part("4821".to_owned()));
        assert_eq!(word("DEADBEEF").unwrap(), Word::Part("deadbeef".to_owned()));
        let id = "0198c0de-0000-7000-8000-0000deadbeef";
        assert_eq!(word(id).unwrap(), Word::Id(id.to_owned()));
        assert!(is_part(id, "0198c0de-0") && is_part(id, "adbeef") && !is_part(id, "7000"));
    }

    #[test]
    fn other_words_name_no_task() {
        for text in ["", "rent", "12x", "abc", "1d"] {
            assert_eq!(word(text).unwrap_err().exit_code(), 2, "{text}");
        }
    }

    fn named(names: &[&str]) -> Vec<Project> {
        let project = |name: &&str| Project {
            id: format!("id of {name}"),
            name: (*name).to_owned(),
            reminders: Vec::new(),
            kind: "project".to_owned(),
            archived_at: None,
            created_at: String::new(),
            updated_at: String::new(),
            version: 1,
        };
        names.iter().map(project).collect()
    }

    #[test]
    fn a_project_is_found_by_its_name_in_any_case() {
        assert_eq!(
            choose(named(&["Inbox", "Home"]), "home").unwrap().name,
            "Home"
        );
        assert_eq!(
            choose(named(&["home", "Home"]), "Home").unwrap().name,
            "Home"
        );
    }

    #[test]
    fn a_name_that_is_missing_or_not_clear_is_refused() {
        assert!(
            choose(named(&["Inbox"]), "Hom")
                .unwrap_err()
                .to_string()
                .contains("there are: Inbox.")
        );
        assert!(
            choose(named(&["home", "Home"]), "HOME")
                .unwrap_err()
                .to_string()
                .contains("Several")
        );
    }
}
