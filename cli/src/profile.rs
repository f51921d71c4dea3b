//! What the CLI remembers of one server: the session's tokens, the numbers of the last list, the last change.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use punctual_contract::api::Session;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::files::{self, Lock};

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tokens {
    pub email: String,
    pub access_token: String,
    /// Unix seconds, by this computer's clock.
    pub access_until: i64,
    pub refresh_token: String,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens")
            .field("email", &self.email)
            .field("access_until", &self.access_until)
            .finish_non_exhaustive()
    }
}

impl Tokens {
    pub fn of(session: &Session, now: i64) -> Self {
        Self {
            email: session.user.email.clone(),
            access_token: session.access_token.clone(),
            access_until: now + session.expires_in,
            refresh_token: session.refresh_token.clone().unwrap_or_default(),
        }
    }
}

/// Which task each number on the screen means: the first is 1.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Numbers {
    pub ids: Vec<String>,
    /// What `punctual undo` means without a task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_changed: Option<String>,
}

impl Numbers {
    /// More than this are not kept: a number would no longer be short.
    const MOST: usize = 999;

    pub fn of(&self, id: &str) -> Option<usize> {
        self.ids
            .iter()
            .position(|known| known == id)
            .map(|index| index + 1)
    }

    /// The task's number, a new one where it had none.
    pub fn give(&mut self, id: &str) -> Option<usize> {
        self.of(id).or_else(|| {
            (self.ids.len() < Self::MOST).then(|| {
                self.ids.push(id.to_owned());
                self.ids.len()
            })
        })
    }

    pub fn meant(&self, number: usize) -> Option<&str> {
        self.ids.get(number.checked_sub(1)?).map(String::as_str)
    }
}

#[derive(Debug, Clone)]
pub struct Profile {
    /// None where there is no home: an API token does without.
    folder: Option<PathBuf>,
}

impl Profile {
    /// One folder per server, named after its address.
    pub fn of(config: Option<&Path>, server: &reqwest::Url) -> Self {
        Self {
            folder: config.map(|config| config.join("servers").join(folder_name(server))),
        }
    }

    pub fn tokens(&self) -> Result<Option<Tokens>> {
        let path = self.path("session.json")?;
        load(&path).map_err(|error| unusable(&path, &error))
    }

    pub fn keep_tokens(&self, tokens: &Tokens) -> Result<()> {
        let path = self.path("session.json")?;
        save(&path, tokens).map_err(|error| unusable(&path, &error))
    }

    pub fn forget_tokens(&self) -> Result<()> {
        let path = self.path("session.json")?;
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(unusable(&path, &error)),
            _ => Ok(()),
        }
    }

    /// While it is held, no other `punctual` refreshes this session.
    pub async fn lock(&self) -> Result<Lock> {
        let path = self.path("session.lock")?;
        Lock::take(&path, Duration::from_secs(20))
            .await
            .map_err(|error| unusable(&path, &error))
    }

    /// A convenience: without a file there are none.
    pub fn numbers(&self) -> Numbers {
        self.path("numbers.json")
            .ok()
            .and_then(|path| load(&path).ok()?)
            .unwrap_or_default()
    }

    /// What was asked for is done by now, so it does not fail for want of a file.
    pub fn keep_numbers(&self, numbers: &Numbers) {
        if let Ok(path) = self.path("numbers.json") {
            let _ = save(&path, numbers);
        }
    }

    fn path(&self, name: &str) -> Result<PathBuf> {
        self.folder.as_ref().map(|folder| folder.join(name)).ok_or_else(|| {
            Error::failed(
                "There is no home folder to keep a session in. Set HOME or XDG_CONFIG_HOME, or use an API token (PUNCTUAL_TOKEN).",
            )
        })
    }
}

/// None where there is no such file. One that can't be read as what it should be is as good as none: the next write
/// replaces it.
fn load<T: DeserializeOwned>(path: &Path) -> io::Result<Option<T>> {
    Ok(files::read(path)?.and_then(|content| serde_json::from_slice(&content).ok()))
}

fn save<T: Serialize>(path: &Path, value: &T) -> io::Result<()> {
    files::write_private(path, &serde_json::to_vec_pretty(value)?)
}

fn unusable(path: &Path, error: &std::io::Error) -> Error {
    Error::failed(format!(
        "Can't use {}: {error}. Check its rights, or set XDG_CONFIG_HOME to another folder.",
        path.display()
    ))
}

/// No two servers share one: `_` is in no scheme, host or port, and is escaped in a path.
fn folder_name(server: &reqwest::Url) -> String {
    let mut name = format!(
        "{}_{}",
        server.scheme(),
        server
            .host_str()
            .unwrap_or_default()
            .replace([':', '[', ']'], "-")
    );
    if let Some(port) = server.port_or_known_default() {
        name += &format!("_{port}");
    }
    for byte in server.path().trim_end_matches('/').bytes() {
        if byte.is_ascii_alphanumeric() || byte == b'-' {
            name.push(char::from(byte));
        } else {
            name += &format!("_{byte:02x}");
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens() -> Tokens {
        Tokens {
            email: "ada@example.org".to_owned(),
            access_token: "secret".to_owned(),
            access_until: 1_000,
            refresh_token: "secret".to_owned(),
        }
    }

    #[test]
    fn without_a_home_there_are_no_numbers_and_no_session_but_nothing_breaks() {
        let profile = Profile::of(None, &"http://127.0.0.1:3000".parse().unwrap());
        profile.keep_numbers(&Numbers {
            ids: vec!["a".to_owned()],
            last_changed: None,
        });
        assert_eq!(profile.numbers(), Numbers::default());
        assert!(
            profile
                .keep_tokens(&tokens())
                .unwrap_err()
                .to_string()
                .contains("PUNCTUAL_TOKEN")
        );
    }

    fn name(url: &str) -> String {
        folder_name(&url.parse().unwrap())
    }

    #[test]
    fn each_server_has_a_folder_of_its_own() {
        assert_eq!(name("http://127.0.0.1:3000"), "http_127.0.0.1_3000");
        assert_eq!(
            name("https://todo.example.org/"),
            "https_todo.example.org_443"
        );
        assert_eq!(
            name("https://example.org/a/b"),
            "https_example.org_443_2fa_2fb"
        );
        assert_eq!(name("http://[::1]:3000"), "http_---1-_3000");
        assert_ne!(
            name("https://example.org/a_b"),
            name("https://example.org/a/b")
        );
    }

    #[test]
    fn tokens_are_kept_and_forgotten_per_server() {
        let config = tempfile::tempdir().unwrap();
        let here = Profile::of(
            Some(config.path()),
            &"http://127.0.0.1:3000".parse().unwrap(),
        );
        let there = Profile::of(Some(config.path()), &"https://example.org".parse().unwrap());
        let tokens = tokens();
        here.keep_tokens(&tokens).unwrap();
        assert_eq!(here.tokens().unwrap().as_ref(), Some(&tokens));
        assert_eq!(there.tokens().unwrap(), None);
        here.forget_tokens().unwrap();
        here.forget_tokens().unwrap();
        assert_eq!(here.tokens().unwrap(), None);
    }

    #[cfg(unix)]
    #[test]
    fn tokens_lie_in_a_file_that_only_their_owner_may_read() {
        use std::os::unix::fs::PermissionsExt;
        let config = tempfile::tempdir().unwrap();
        let profile = Profile::of(
            Some(config.path()),
            &"http://127.0.0.1:3000".parse().unwrap(),
        );
        profile.keep_tokens(&tokens()).unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&profile.path("session.json").unwrap()), 0o600);
        assert_eq!(mode(profile.folder.as_deref().unwrap()), 0o700);
    }

    #[test]
    fn secrets_are_not_in_debug_output() {
        let tokens = tokens();
        assert!(!format!("{tokens:?}").contains("secret"));
    }

    #[test]
    fn a_broken_file_counts_as_none() {
        let config = tempfile::tempdir().unwrap();
        let profile = Profile::of(
            Some(config.path()),
            &"http://127.0.0.1:3000".parse().unwrap(),
        );
        files::write_private(&profile.path("session.json").unwrap(), b"{\"email\":").unwrap();
        assert_eq!(profile.tokens().unwrap(), None);
    }

    #[test]
    fn a_task_keeps_its_number_and_a_new_one_gets_the_next() {
        let mut numbers = Numbers {
            ids: vec!["a".to_owned(), "b".to_owned()],
            last_changed: None,
        };
        assert_eq!(
            (numbers.give("b"), numbers.give("c"), numbers.give("c")),
            (Some(2), Some(3), Some(3))
        );
        assert_eq!(
            (numbers.meant(3), numbers.meant(0), numbers.meant(4)),
            (Some("c"), None, None)
        );
    }
}
