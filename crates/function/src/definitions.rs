//! Reminders as a client writes them.

use punctual_contract::api::Reminder;
use punctual_contract::problem::Problem;
use punctual_domain::reminders::{Again, Definition, When};
use punctual_domain::{Error, Invalid, task};

use crate::derived_id;

/// Definitions as a client writes them. One without an id gets it from `seed`, so that a repetition means the same.
pub fn definitions(given: Vec<Reminder>, seed: &str) -> Result<Vec<Definition>, Problem> {
    checked(given, seed).map_err(|invalid| Problem::field(invalid.field, invalid.reason))
}

fn checked(given: Vec<Reminder>, seed: &str) -> Result<Vec<Definition>, Invalid> {
    let id = |n: usize| -> String {
        let id = derived_id(&["definition", seed, &n.to_string()]);
        id.chars().take(8).collect()
    };
    let mut definitions = Vec::with_capacity(given.len());
    for (n, given) in given.into_iter().enumerate() {
        let field = |name: &str| format!("reminders[{n}].{name}");
        let wrong = |name: &str, why: &str| Err(Invalid::new(field(name), why));
        let duration = |name: &str, text: &str| {
            text.parse()
                .map_err(|error: Error| Invalid::new(field(name), error.to_string()))
        };
        let when = match (given.before, given.of.as_deref(), given.at) {
            (Some(before), None | Some("due"), None) => {
                When::BeforeDue(duration("before", &before)?)
            }
            (Some(before), Some("start"), None) => When::BeforeStart(duration("before", &before)?),
            (Some(_), Some(_), None) => return wrong("of", "takes due or start"),
            (None, None, Some(at)) => When::At(
                at.parse()
                    .map_err(|error: Error| Invalid::new(field("at"), error.to_string()))?,
            ),
            (None, Some(_), Some(_)) => return wrong("of", "goes with before"),
            _ => {
                return Err(Invalid::new(
                    format!("reminders[{n}]"),
                    "takes exactly one of `before` and `at`",
                ));
            }
        };
        let again = match (given.again, given.times) {
            (Some(every), times) => Some(
                Again::new(duration("again", &every)?, times)
                    .map_err(|why| Invalid::new(field("again"), why))?,
            ),
            (None, Some(_)) => return wrong("times", "goes with again"),
            (None, None) => None,
        };
        definitions.push(Definition {
            id: given
                .id
                .filter(|id| !id.is_empty())
                .unwrap_or_else(|| id(n)),
            when,
            again,
        });
    }
    task::reminders(&definitions)?;
    Ok(definitions)
}
