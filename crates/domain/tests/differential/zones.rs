//! All zones, and when each of them changes its clocks.

use punctual_domain::time::{TZDATA_VERSION, resolve, to_local};
use punctual_domain::{Instant, Zone};
use serde_json::json;

use crate::oracle::Oracle;
use crate::settings;

const DAY: i64 = 86_400;

/// A change of offset, with the instants of the local times around it.
type Theirs = (i64, i64, i64, Vec<i64>);

/// Seconds east of UTC.
fn offset(at: i64, zone: Zone) -> i64 {
    let at = Instant::from_secs(at);
    to_local(at, zone).and_utc().timestamp() - at.secs()
}

/// The instants between two at which a zone's offset changes, with the offsets before and after: found by looking at
/// every `step` seconds.
pub fn changes(zone: Zone, begin: i64, end: i64, step: i64) -> Vec<(i64, i64, i64)> {
    let mut found = Vec::new();
    let mut before = offset(begin, zone);
    let mut at = begin;
    while at < end {
        let after = offset(at + step, zone);
        if after != before {
            let (mut low, mut high) = (at, at + step);
            while high - low > 1 {
                let middle = (low + high) / 2;
                if offset(middle, zone) == before {
                    low = middle;
                } else {
                    high = middle;
                }
            }
            found.push((high, before, after));
        }
        before = after;
        at += step;
    }
    found
}

/// Local times at which something could go wrong: on both edges of a gap or fold, and in its middle.
fn around((at, before, after): (i64, i64, i64)) -> Vec<i64> {
    [at + before, at + after, at + (before + after).div_euclid(2)]
        .into_iter()
        .flat_map(|edge| [-DAY, -60, -1, 0, 1, 60, DAY].map(|away| edge + away))
        .collect()
}

#[test]
fn every_change_of_every_zones_clocks_from_2020_to_2037_is_where_zoneinfo_has_it() {
    let (begin, end) = (1_577_836_800, 2_145_916_800);
    let step = if settings().whole { 3_600 } else { DAY };
    let mut oracle = Oracle::start();
    let all: Vec<Zone> = Zone::all().collect();
    let ours: Vec<&str> = all.iter().map(|zone| zone.name()).collect();
    let theirs_alone: Vec<&String> = oracle
        .zones
        .iter()
        .filter(|name| !ours.contains(&name.as_str()))
        .collect();
    // Not a place: what a machine has before somebody sets its zone.
    assert_eq!(theirs_alone, ["Factory"]);
    let (mut zones, mut compared, mut times) = (0, 0, 0);
    for batch in all.chunks(50) {
        let requests: Vec<_> = batch
            .iter()
            .map(|zone| json!({ "zone": zone.name(), "begin": begin, "end": end }))
            .collect();
        oracle.send(&requests);
        let ours: Vec<_> = batch
            .iter()
            .map(|zone| changes(*zone, begin, end, step))
            .collect();
        let theirs: Vec<Vec<Theirs>> = oracle.read();
        for ((zone, ours), theirs) in batch.iter().zip(ours).zip(theirs) {
            let plain: Vec<_> = theirs
                .iter()
                .map(|(at, before, after, _)| (*at, *before, *after))
                .collect();
            assert_eq!(ours, plain, "{zone}: ours, then zoneinfo's");
            for (change, (_, _, _, instants)) in ours.iter().zip(&theirs) {
                for (local, theirs) in around(*change).into_iter().zip(instants) {
                    let local = to_local(Instant::from_secs(local), Zone::UTC);
                    assert_eq!(resolve(local, *zone).secs(), *theirs, "{local} in {zone}");
                    times += 1;
                }
                compared += 1;
            }
            zones += 1;
        }
    }
    println!(
        "zones of {TZDATA_VERSION}: {zones}, changes of offset {compared}, local times around them {times}, zero differences"
    );
    assert!(compared > 5_000, "only {compared} changes were compared");
}
