//! A batch of events that is read is written so that it is read again as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use punctual_contract::batch::{Outcome, Outcomes, Status};
use punctual_contract::events::CloudEvent;

fuzz_target!(|body: &[u8]| {
    let Ok(batch) = serde_json::from_slice::<Vec<CloudEvent>>(body) else {
        return;
    };
    let written = serde_json::to_vec(&batch).unwrap();
    let again: Vec<CloudEvent> = serde_json::from_slice(&written).unwrap();
    assert_eq!(batch, again);
    let outcomes = batch.iter().map(|event| Outcome {
        id: event.id.clone(),
        status: Status::Ok,
        reason: None,
    });
    let outcomes = Outcomes {
        outcomes: outcomes.collect(),
    };
    let written = serde_json::to_vec(&outcomes).unwrap();
    assert_eq!(
        serde_json::from_slice::<Outcomes>(&written).unwrap(),
        outcomes
    );
});
