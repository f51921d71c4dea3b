//! A cursor that is read means the same when it is written anew, and nothing but hexadecimal JSON of its own form is one.
#![no_main]

use libfuzzer_sys::fuzz_target;
use punctual_function::read_cursor;
use punctual_store::tasks::Cursor;

fn hex(json: &[u8]) -> String {
    json.iter().map(|byte| format!("{byte:02x}")).collect()
}

fuzz_target!(|data: (&str, Cursor)| {
    let (text, made) = data;
    let written = hex(&serde_json::to_vec(&made).unwrap());
    assert_eq!(read_cursor::<Cursor>(&written), Some(made));
    for text in [text.to_owned(), hex(text.as_bytes())] {
        if let Some(read) = read_cursor::<Cursor>(&text) {
            assert!(text.len() % 2 == 0 && text.bytes().all(|byte| byte.is_ascii_hexdigit()));
            let again = hex(&serde_json::to_vec(&read).unwrap());
            assert_eq!(read_cursor::<Cursor>(&again), Some(read));
        }
        let _ = read_cursor::<(i64, String)>(&text);
    }
});
