//! Compared with the `rrule` crate, where that is right: rules without times of the day, in UTC (its DST handling has
//! open bugs), the start fitting the rule (it does not count one that doesn't).

use chrono::{Datelike, NaiveDate, TimeDelta};
use punctual_domain::{Local, Recurrence, Rule, Zone};
use rrule::RRuleSet;

/// A small seeded generator, so that every run compares the same rules.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % sides
    }

    fn some<T: Copy + ToString>(&mut self, name: &str, pool: &[T], chance: usize) -> String {
        if self.roll(chance) != 0 {
            return String::new();
        }
        let mut picked: Vec<String> = Vec::new();
        for _ in 0..=self.roll(3) {
            let one = pool[self.roll(pool.len())].to_string();
            if !picked.contains(&one) {
                picked.push(one);
            }
        }
        format!(";{name}={}", picked.join(","))
    }

    fn rule(&mut self) -> String {
        let freq = ["DAILY", "WEEKLY", "MONTHLY", "YEARLY"][self.roll(4)];
        let mut rule = format!("FREQ={freq};INTERVAL={}", 1 + self.roll(6));
        rule += &self.some("BYMONTH", &[1, 2, 3, 6, 10, 12], 4);
        if freq != "WEEKLY" {
            rule += &self.some("BYMONTHDAY", &[1, 13, 28, 30, 31, -1, -2], 3);
        }
        rule += &match freq {
            "MONTHLY" => self.some("BYDAY", &["1MO", "2TU", "-1FR", "-2SU", "3WE"], 3),
            _ => self.some("BYDAY", &["MO", "TU", "WE", "FR", "SU"], 3),
        };
        if freq != "WEEKLY" && rule.contains(";BY") && self.roll(5) == 0 {
            rule += ";BYSETPOS=-1";
        }
        if self.roll(3) == 0 {
            rule += ";WKST=SU";
        }
        rule
    }
}

#[test]
fn two_thousand_rules_agree_with_the_rrule_crate() {
    let mut dice = Dice(20_261_123);
    let mut compared = 0;
    for _ in 0..2_000 {
        let text = dice.rule();
        let day =
            NaiveDate::from_ymd_opt(2024, 1, 1).unwrap() + TimeDelta::days(dice.roll(1_500) as i64);
        let rule: Rule = text.parse().unwrap_or_else(|e| panic!("{text}: {e}"));
        let start = Local::DateTime(day.and_hms_opt(9, 0, 0).unwrap());
        // Its first match is the start that fits.
        let ours = Recurrence::new(rule.clone(), start, Zone::UTC).unwrap();
        let Some(fitting) = ours.occurrences().nth(1).map(|o| o.at) else {
            continue;
        };
        let ours = Recurrence::new(rule, fitting, Zone::UTC).unwrap();
        let horizon = fitting.date().year() + 30;
        let ours: Vec<String> = ours
            .occurrences()
            .take(12)
            .take_while(|o| o.at.date().year() < horizon)
            .map(|o| o.at.to_string())
            .collect();
        let Local::DateTime(at) = fitting else {
            unreachable!()
        };
        let theirs = format!("DTSTART:{}Z\nRRULE:{text}", at.format("%Y%m%dT%H%M%S"));
        let Ok(theirs) = theirs.parse::<RRuleSet>() else {
            continue;
        };
        let theirs: Vec<String> = theirs
            .all(12)
            .dates
            .iter()
            .filter(|at| at.year() < horizon)
            .map(|at| Local::DateTime(at.naive_local()).to_string())
            .collect();
        // It gives up early where matches are rare; what it gave must agree.
        assert_eq!(
            ours[..theirs.len().min(ours.len())],
            theirs[..theirs.len().min(ours.len())],
            "{text} from {fitting}"
        );
        compared += usize::from(theirs.len() == ours.len());
    }
    assert!(compared > 1_800, "only {compared} were compared in full");
}
