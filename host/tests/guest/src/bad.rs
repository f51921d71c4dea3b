//! What a component must not do, and the host must survive.

use std::time::Duration;

use bytes::Bytes;
use spin_sdk::http::{BoxBody, Response, body, box_body};

pub fn trap() -> ! {
    std::process::abort()
}

/// Answers, and traps while the body is being sent.
pub fn trap_later(ms: u64) -> Response<BoxBody> {
    let (mut sender, body) = body::stream::<Bytes>();
    spin_sdk::wasip3::spawn(async move {
        let _ = futures::SinkExt::send(&mut sender, Bytes::from_static(b"so far so good\n")).await;
        spin_sdk::time::sleep(Duration::from_millis(ms)).await;
        trap();
    });
    Response::new(box_body(body))
}

pub fn spin() -> ! {
    let mut number = 0_u64;
    loop {
        number = std::hint::black_box(number.wrapping_add(1));
    }
}

/// Answers, and computes for ever while the body is being sent.
pub fn spin_later() -> Response<BoxBody> {
    let (mut sender, body) = body::stream::<Bytes>();
    spin_sdk::wasip3::spawn(async move {
        let _ = futures::SinkExt::send(&mut sender, Bytes::from_static(b"so far so good\n")).await;
        spin_sdk::time::sleep(Duration::from_millis(10)).await;
        spin();
    });
    Response::new(box_body(body))
}

/// Waits for what never comes.
pub async fn hang() -> ! {
    loop {
        spin_sdk::time::sleep(Duration::from_secs(3600)).await;
    }
}

/// Takes memory, and touches it.
pub fn memory(mib: u64) -> Response<BoxBody> {
    let mut blocks = Vec::new();
    for number in 0..mib {
        blocks.push(vec![u8::try_from(number % 251).unwrap_or(0) + 1; 1 << 20]);
    }
    let sum: u64 = blocks
        .iter()
        .filter_map(|block| block.last())
        .map(|byte| u64::from(*byte))
        .sum();
    crate::plain(format!("{mib} MiB, {sum}"))
}
