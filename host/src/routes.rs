//! From a request's path to the trigger that answers it, by Spin's rules.

use routefinder::{RouteSpec, Segment};

use crate::manifest::{Route, Trigger};

/// The paths below which Spin itself answers.
pub(crate) const WELL_KNOWN: &str = "/.well-known/spin/";

/// A route of the application, for those who list them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteInfo {
    /// As in the manifest, or `None` for a private one.
    pub pattern: Option<String>,
    /// The component that answers, or `None` for a static response.
    pub component: Option<String>,
    /// The component's description.
    pub description: String,
}

/// Finds triggers by path. Of several that match, an exact segment beats a `:segment`, which beats `/...`,
/// compared from the left; so the longest exact prefix wins.
pub(crate) struct Router {
    router: routefinder::Router<Target>,
}

struct Target {
    trigger: usize,
    pattern: String,
    /// The pattern with a leading slash and without a trailing one, as Spin reports it.
    based: String,
}

/// A trigger that was found, with what its pattern captured.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Match {
    /// Its place in the manifest's list.
    pub trigger: usize,
    /// The pattern, as written.
    pub raw_route: String,
    pub based_route: String,
    /// What `/...` stood for, with its leading slash; empty where it stood for nothing.
    pub path_info: String,
    /// What each `:segment` stood for.
    pub segments: Vec<(String, String)>,
}

impl Router {
    pub(crate) fn build(triggers: &[Trigger]) -> Result<Self, (usize, String)> {
        let mut latest: Vec<(usize, &str)> = Vec::new();
        for (index, trigger) in triggers.iter().enumerate() {
            let Route::Pattern(pattern) = &trigger.route else {
                continue;
            };
            if let Some(earlier) = latest.iter_mut().find(|(_, known)| *known == pattern) {
                tracing::error!(
                    route = pattern,
                    unused = triggers.get(earlier.0).map(|trigger| trigger.id.as_str()),
                    used = trigger.id,
                    "a route is there twice; the later one counts"
                );
                earlier.0 = index;
            } else {
                latest.push((index, pattern));
            }
        }
        let mut router = routefinder::Router::new();
        for (trigger, pattern) in latest {
            let mut based = if pattern.starts_with('/') {
                pattern.to_owned()
            } else {
                format!("/{pattern}")
            };
            if based.ends_with('/') {
                based.pop();
            }
            if based.starts_with(WELL_KNOWN) {
                tracing::error!(
                    route = pattern,
                    "the host answers below {WELL_KNOWN} itself"
                );
            }
            let spec = match based.strip_suffix("/...") {
                Some(prefix) => format!("{prefix}/*"),
                None => based.clone(),
            };
            let fault = |error: &str| (trigger, format!("bad route {pattern:?}: {error}"));
            let spec: RouteSpec = spec.parse().map_err(|error: String| fault(&error))?;
            check(&spec).map_err(fault)?;
            let target = Target {
                trigger,
                pattern: pattern.to_owned(),
                based,
            };
            let Ok(()) = router.add(spec, target);
        }
        Ok(Self { router })
    }

    pub(crate) fn find(&self, path: &str) -> Option<Match> {
        let found = self.router.best_match(path)?;
        let captures = found.captures();
        let target = found.handler();
        // The router drops a trailing slash; Spin has always told components about it.
        let path_info = captures
            .wildcard()
            .map(|rest| match (rest.is_empty(), path.ends_with('/')) {
                (true, false) => String::new(),
                (true, true) => "/".to_owned(),
                (false, false) => format!("/{rest}"),
                (false, true) => format!("/{rest}/"),
            })
            .unwrap_or_default();
        Some(Match {
            trigger: target.trigger,
            raw_route: target.pattern.clone(),
            based_route: target.based.clone(),
            path_info,
            segments: captures
                .iter()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
        })
    }
}

/// The router panics at the first request that comes to a route which it can't follow.
fn check(spec: &RouteSpec) -> Result<(), &'static str> {
    for pair in spec.segments().windows(2) {
        match pair {
            [Segment::Wildcard, _] => return Err("what stands for the rest (`/...`) is its end"),
            [Segment::Param(_), Segment::Slash | Segment::Dot] => {}
            [Segment::Param(_), _] => return Err("a `:segment` ends at a slash or a dot"),
            _ => {}
        }
    }
    Ok(())
}

impl Match {
    /// What a component sees that another component called by name.
    pub(crate) fn chained(trigger: usize, path: &str) -> Self {
        Self {
            trigger,
            raw_route: "/...".to_owned(),
            based_route: "/...".to_owned(),
            path_info: path.to_owned(),
            segments: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::Destination;

    fn router(patterns: &[&str]) -> Router {
        match build(patterns) {
            Ok(router) => router,
            Err((_, error)) => panic!("{error}"),
        }
    }

    fn build(patterns: &[&str]) -> Result<Router, (usize, String)> {
        let triggers: Vec<_> = patterns
            .iter()
            .map(|pattern| Trigger {
                id: (*pattern).to_owned(),
                route: Route::Pattern((*pattern).to_owned()),
                destination: Destination::Component("x".to_owned()),
                line: 1,
            })
            .collect();
        Router::build(&triggers)
    }

    fn winner(router: &Router, path: &str) -> Option<String> {
        router.find(path).map(|found| found.raw_route)
    }

    #[test]
    fn exact_beats_segment_beats_rest_and_the_longest_prefix_wins() {
        let router = router(&[
            "/...",
            "/api/...",
            "/api/tasks",
            "/api/tasks/:id",
            "/api/tasks/:id/...",
            "/api/tasks/new",
        ]);
        for (path, route) in [
            ("/", "/..."),
            ("/x/y", "/..."),
            ("/api", "/api/..."),
            ("/api/x", "/api/..."),
            ("/api/tasks", "/api/tasks"),
            ("/api/tasks/", "/api/tasks"),
            ("/api/tasks/7", "/api/tasks/:id"),
            ("/api/tasks/new", "/api/tasks/new"),
            ("/api/tasks/7/complete", "/api/tasks/:id/..."),
        ] {
            assert_eq!(winner(&router, path).as_deref(), Some(route), "{path}");
        }
    }

    #[test]
    fn captures_are_reported_as_spin_reports_them() {
        let router = router(&["/foo/:user/...", "bar/"]);
        let found = router.find("/foo/42/a/b/").expect("found");
        assert_eq!(found.segments, [("user".to_owned(), "42".to_owned())]);
        assert_eq!(found.path_info, "/a/b/");
        assert_eq!(router.find("/foo/42").expect("found").path_info, "");
        assert_eq!(router.find("/foo/42/").expect("found").path_info, "/");
        assert_eq!(router.find("/bar").expect("found").based_route, "/bar");
        assert_eq!(router.find("/nothing"), None);
    }

    #[test]
    fn of_two_equal_routes_the_later_counts() {
        let router = router(&["/a", "/a"]);
        assert_eq!(router.find("/a").expect("found").trigger, 1);
    }

    #[test]
    fn a_route_that_no_request_could_follow_is_told_with_its_place() {
        for pattern in ["/a/*/b", "/*.json", "/.../b/...", "/ä:/:b:c", "/é/:x.y"] {
            match build(&["/", pattern]) {
                Ok(router) => {
                    router.find("/a/b/c.json");
                    router.find("/%C3%A9/b.y");
                }
                Err((place, error)) => {
                    assert_eq!(place, 1);
                    assert!(error.contains(pattern), "{error}");
                }
            }
        }
        assert!(build(&["/a/*/b"]).is_err() && build(&["/*.json"]).is_err());
        assert!(build(&["/:a.:b/..."]).is_ok());
    }
}
