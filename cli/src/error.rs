//! What goes wrong, told in one line that says what to do next.

use punctual_contract::problem::Problem;

pub type Result<T> = std::result::Result<T, Error>;

#[derive(Debug)]
pub enum Error {
    /// The words on the command line can't be meant. Exit code 2.
    Usage(String),
    /// It could not be done. Exit code 1.
    Failed(String),
    /// The service said no. Exit code 1.
    Refused {
        problem: Box<Problem>,
        advice: String,
    },
}

impl Error {
    pub fn failed(message: impl Into<String>) -> Self {
        Self::Failed(message.into())
    }

    pub fn usage(message: impl Into<String>) -> Self {
        Self::Usage(message.into())
    }

    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Failed(_) | Self::Refused { .. } => 1,
        }
    }

    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Refused { problem, .. } => Some(problem.status),
            _ => None,
        }
    }

    /// With `--json`: the service's problem document, or one of the same shape (status 0: it never answered).
    pub fn json(&self) -> String {
        let problem = match self {
            Self::Refused { problem, .. } => (**problem).clone(),
            Self::Usage(message) | Self::Failed(message) => Problem {
                title: "Not sent".to_owned(),
                ..Problem::new(0, message.clone())
            },
        };
        serde_json::to_string(&problem).unwrap_or_default()
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Usage(message) | Self::Failed(message) => f.write_str(message),
            Self::Refused { problem, advice } => {
                if problem.errors.is_empty() {
                    f.write_str(problem.detail.trim_end())?;
                } else {
                    let errors: Vec<String> = problem
                        .errors
                        .iter()
                        .map(|error| format!("{}: {}", error.field, error.reason))
                        .collect();
                    f.write_str(&errors.join("; "))?;
                }
                if !advice.is_empty() {
                    write!(f, " {advice}")?;
                }
                match &problem.instance {
                    Some(instance) if problem.status >= 500 => write!(f, " (request {instance})"),
                    _ => Ok(()),
                }
            }
        }
    }
}

impl std::error::Error for Error {}
