//! Reads what test harnesses print: Rust's, and those that speak TAP (<https://testanything.org>).

use std::process::ExitStatus;

/// The sum over all test binaries.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub passed: usize,
    pub failed: usize,
    pub skipped: usize,
    pub passed_names: Vec<String>,
    pub failed_names: Vec<String>,
    pub skipped_names: Vec<String>,
    /// Tests that ran, said that they can't, and that the harness will count as passed.
    pub not_passed: usize,
}

impl Tally {
    pub fn line(&mut self, line: &str) {
        if let Some(counts) = line.strip_prefix("test result: ") {
            self.passed += count(counts, "passed").saturating_sub(self.not_passed);
            self.not_passed = 0;
            self.failed += count(counts, "failed");
            self.skipped += count(counts, "ignored");
        } else if let Some(skipped) = line.strip_prefix("skipped: ") {
            // `skipped: NAME: REASON`, from a test that misses something that it only finds out when it runs.
            self.skipped += 1;
            self.not_passed += 1;
            self.skipped_names.push(skipped.to_owned());
        } else if let Some(test) = line.strip_prefix("test ") {
            // `test NAME ... ignored, REASON`; what a test prints may come before the verdict of a failed one.
            if let Some((name, verdict)) = test.split_once(" ... ") {
                if verdict.starts_with("ignored") {
                    let reason = verdict.strip_prefix("ignored, ");
                    self.skipped_names.push(
                        reason
                            .map_or_else(|| name.to_owned(), |reason| format!("{name}: {reason}")),
                    );
                } else if verdict.ends_with("FAILED") {
                    self.failed_names.push(name.to_owned());
                } else if verdict.ends_with("ok") && !self.says_skipped(name) {
                    self.passed_names.push(name.to_owned());
                }
            }
        }
    }

    /// Whether the test of this name has said that it misses something.
    fn says_skipped(&self, name: &str) -> bool {
        let said = |line: &String| {
            line.strip_prefix(name)
                .is_some_and(|rest| rest.starts_with(':'))
        };
        self.skipped_names.iter().any(said)
    }

    /// One line of TAP. Where tests nest (Node's do), the counts at the end are the ones that count each test once.
    pub fn tap(&mut self, line: &str) {
        let counted = |what| line.strip_prefix(what)?.trim().parse().ok();
        if let Some(passed) = counted("# pass ") {
            self.passed = passed;
        } else if let Some(failed) = counted("# fail ") {
            self.failed = failed;
        } else if let Some(skipped) = counted("# skipped ") {
            self.skipped = skipped;
        }
        let line = line.trim_start();
        let (verdict, test) = match (line.strip_prefix("ok "), line.strip_prefix("not ok ")) {
            (Some(test), _) => (true, test),
            (_, Some(test)) => (false, test),
            _ => return,
        };
        let name = test.split_once(" - ").map_or(test, |(_, name)| name);
        if let Some((name, reason)) = name.split_once("# SKIP") {
            self.skipped += 1;
            self.skipped_names
                .push(format!("{}: {}", name.trim(), reason.trim()));
        } else if verdict {
            self.passed += 1;
        } else {
            self.fail(name.to_owned());
        }
    }

    pub fn fail(&mut self, name: String) {
        self.failed += 1;
        self.failed_names.push(name);
    }

    /// A test binary that died printed no result: it must not look like success.
    pub fn end(&mut self, status: ExitStatus) {
        if !status.success() && self.failed == 0 {
            self.fail(format!("a test program ended without a result ({status})"));
        }
    }
}

/// `5` for `failed` in `ok. 12 passed; 5 failed; 0 ignored; …`.
fn count(counts: &str, what: &str) -> usize {
    counts
        .split([';', '.'])
        .find_map(|part| part.trim().strip_suffix(what)?.trim().parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tap_counts_each_test_once() {
        let mut flat = Tally::default();
        for line in "\
TAP version 13
ok 1 - a task is added
not ok 2 - a task is done
ok 3 - a push arrives # SKIP no browser
1..3"
            .lines()
        {
            flat.tap(line);
        }
        let expected = Tally {
            passed: 1,
            failed: 1,
            skipped: 1,
            failed_names: vec!["a task is done".into()],
            skipped_names: vec!["a push arrives: no browser".into()],
            ..Tally::default()
        };
        assert_eq!(flat, expected);

        let mut nested = Tally::default();
        for line in "\
# Subtest: phone
    # Subtest: a task is added
    ok 1 - a task is added
    ok 2 - a push arrives # SKIP no browser
    not ok 3 - a task is done
    1..3
not ok 1 - phone
1..1
# pass 1
# fail 1
# skipped 1"
            .lines()
        {
            nested.tap(line);
        }
        assert_eq!((nested.passed, nested.failed, nested.skipped), (1, 1, 1));
        assert_eq!(nested.failed_names, ["a task is done", "phone"]);
    }

    #[test]
    fn results_of_several_binaries_add_up() {
        let mut tally = Tally::default();
        for line in "\
running 3 tests
test a::one ... ok
test a::two ... FAILED
test a::three ... ignored, needs Postgres
skipped: a::four: needs Node
test a::four ... ok
test result: FAILED. 2 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s
test four ... ok
test src/lib.rs - five (line 3) ... ignored
test result: ok. 1 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 12.25s"
            .lines()
        {
            tally.line(line);
        }
        assert_eq!(
            tally,
            Tally {
                passed: 2,
                failed: 1,
                skipped: 3,
                passed_names: ["a::one", "four"].map(Into::into).to_vec(),
                failed_names: vec!["a::two".into()],
                skipped_names: vec![
                    "a::three: needs Postgres".into(),
                    "a::four: needs Node".into(),
                    "src/lib.rs - five (line 3)".into()
                ],
                not_passed: 0,
            }
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_test_binary_that_dies_counts_as_a_failure() {
        use std::os::unix::process::ExitStatusExt;
        let mut tally = Tally::default();
        tally.line("test result: ok. 4 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.1s");
        tally.end(ExitStatus::from_raw(101 << 8));
        assert_eq!((tally.passed, tally.failed), (4, 1));
    }
}
