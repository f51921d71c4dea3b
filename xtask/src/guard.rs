//! Nothing that a command started outlives it, however the command ends.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};

use anyhow::{Context, Result};

/// A small shell process that waits for the end of its standard input. That comes when [`Guard::finish`] is called, and
/// also when this process dies, even by SIGKILL: the kernel then closes the pipe.
pub struct Guard {
    shell: Child,
    pipe: ChildStdin,
}

impl Guard {
    /// Kills every process whose environment holds `NAME=VALUE`, given as one string. What is about to end by itself
    /// gets so many seconds. Linux only: elsewhere it does nothing.
    pub fn over_environment(mark: &str, seconds: u32) -> Result<Guard> {
        // The guard's own environment doesn't hold the mark.
        Guard::start(
            r#"
            left() { grep -lzxF -e "$1" /proc/[0-9]*/environ 2>/dev/null; }
            [ -d /proc/self ] || exit 0
            tries=$(($2 * 5))
            while [ $tries -gt 0 ]; do
                [ -z "$(left "$1")" ] && exit 0
                tries=$((tries - 1)); sleep 0.2
            done
            for file in $(left "$1"); do
                pid=${file#/proc/}; pid=${pid%/environ}
                echo "$pid $(tr '\0' ' ' < /proc/$pid/cmdline)"
                kill -KILL "$pid"
            done"#,
            &[mark, &seconds.to_string()],
        )
    }

    /// Ends the processes named later by [`Guard::watch`]: first asks them to, and kills what is still there five
    /// seconds later.
    pub fn over_processes() -> Result<Guard> {
        Guard::start(
            r#"
            kill -TERM $lines 2>/dev/null
            for i in 1 2 3 4 5 6 7 8 9 10; do
                left=
                for pid in $lines; do kill -0 "$pid" 2>/dev/null && left="$left $pid"; done
                [ -z "$left" ] && exit 0
                sleep 0.5
            done
            kill -KILL $left"#,
            &[],
        )
    }

    pub fn watch(&mut self, process: &Child) -> Result<()> {
        Ok(writeln!(self.pipe, "{}", process.id())?)
    }

    fn start(script: &str, args: &[&str]) -> Result<Guard> {
        // Ctrl-C reaches the whole group; the guard has work to do after it.
        let script = format!(
            "trap '' INT TERM HUP\nlines=\nwhile read -r line; do lines=\"$lines $line\"; done\n{script}"
        );
        let mut shell = Command::new("sh")
            .args(["-c", &script, "guard"])
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("`sh` does not start")?;
        let pipe = shell.stdin.take().context("the guard has no pipe")?;
        Ok(Guard { shell, pipe })
    }

    /// Does its work now, and gives what had to be killed, one line each.
    pub fn finish(mut self) -> Result<Vec<String>> {
        drop(self.pipe);
        let out = self
            .shell
            .stdout
            .take()
            .context("the guard has no output")?;
        let lines = BufReader::new(out)
            .lines()
            .collect::<Result<Vec<String>, _>>()?;
        self.shell.wait()?;
        Ok(lines)
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_outlives_the_tests_is_named_and_killed() {
        let value = format!("leftover-{}", std::process::id());
        let guard = Guard::over_environment(&format!("XTASK_GUARD={value}"), 1).unwrap();
        let mut child = Command::new("sleep")
            .arg("60")
            .env("XTASK_GUARD", &value)
            .spawn()
            .unwrap();
        let killed = guard.finish().unwrap();
        assert_eq!(killed.len(), 1, "{killed:?}");
        assert!(killed[0].ends_with("sleep 60 "), "{killed:?}");
        assert!(!child.wait().unwrap().success());
    }

    #[test]
    fn a_guarded_process_ends_with_its_guard() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let mut guard = Guard::over_processes().unwrap();
        guard.watch(&child).unwrap();
        let waiter = std::thread::spawn(move || child.wait().unwrap());
        guard.finish().unwrap();
        assert!(!waiter.join().unwrap().success());
    }
}
