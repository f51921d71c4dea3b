//! Which of a file's encodings a client gets (RFC 9110 §12.5.3).

use punctual_function::Call;

use crate::File;

/// The smallest that the client takes and that there is; `None`: as the file is.
pub fn choose(call: &Call, file: &File) -> (Option<&'static str>, &'static [u8]) {
    let accepted = call.header("accept-encoding").unwrap_or_default();
    let takes = |encoding: &str| weight(accepted, encoding).is_some_and(|weight| weight > 0.0);
    match (file.brotli, file.gzip) {
        (Some(bytes), _) if takes("br") => (Some("br"), bytes),
        (_, Some(bytes)) if takes("gzip") => (Some("gzip"), bytes),
        _ => (None, file.plain),
    }
}

/// How much a client wants an encoding; `None` where it names neither that nor `*`.
fn weight(accepted: &str, encoding: &str) -> Option<f32> {
    let named = |name: &str| {
        accepted.split(',').find_map(|one| {
            let mut parts = one.split(';').map(str::trim);
            if !parts.next()?.eq_ignore_ascii_case(name) {
                return None;
            }
            let weight = parts.find_map(|part| part.strip_prefix("q="));
            Some(weight.map_or(1.0, |weight| weight.parse().unwrap_or(0.0)))
        })
    };
    named(encoding).or_else(|| named("*"))
}
