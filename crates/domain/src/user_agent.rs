//! What to call a client in a list of sessions.

/// The most characters of a client's own name.
const MOST: usize = 60;

/// Mark in the `User-Agent` and the browser that it gives away. Browsers name those that they are like as well, so the
/// first that is found counts.
const BROWSERS: [(&str, &str); 11] = [
    ("Edg/", "Edge"),
    ("EdgiOS/", "Edge"),
    ("EdgA/", "Edge"),
    ("OPR/", "Opera"),
    ("Vivaldi/", "Vivaldi"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Version/", "Safari"),
];

const SYSTEMS: [(&str, &str); 7] = [
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Macintosh", "macOS"),
    ("Linux", "Linux"),
];

/// `Chrome · Linux` for a browser on a system that are known; else the first 60 characters of what the client says of
/// itself, without control characters.
pub fn name(user_agent: &str) -> String {
    let known = |list: &[(&str, &'static str)]| {
        list.iter()
            .find(|(mark, _)| user_agent.contains(mark))
            .map(|(_, name)| *name)
    };
    let a_browser = user_agent.starts_with("Mozilla/");
    match (known(&BROWSERS), known(&SYSTEMS)) {
        (Some(browser), Some(system)) if a_browser => format!("{browser} · {system}"),
        _ => user_agent
            .trim()
            .chars()
            .filter(|c| !c.is_control())
            .take(MOST)
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::name;

    #[test]
    fn browsers_and_their_systems_are_known() {
        for (user_agent, expected) in [
            (
                "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
                "Chrome · Linux",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36 Edg/141.0.0.0",
                "Edge · Windows",
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:143.0) Gecko/20100101 Firefox/143.0",
                "Firefox · macOS",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1",
                "Safari · iPhone",
            ),
            (
                "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Mobile Safari/537.36",
                "Chrome · Android",
            ),
        ] {
            assert_eq!(name(user_agent), expected);
        }
    }

    #[test]
    fn others_are_called_what_they_say_cut_to_sixty_characters() {
        assert_eq!(name("punctual/0.1.0"), "punctual/0.1.0");
        assert_eq!(name("curl/8.14.1"), "curl/8.14.1");
        assert_eq!(name(""), "");
        assert_eq!(name(&"é".repeat(100)), "é".repeat(60));
        assert_eq!(name("a\u{7}b Chrome/1 Linux"), "ab Chrome/1 Linux");
    }
}
