//! argon2id with OWASP's parameters: 19 MiB, two passes, one lane.

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, Version};
use argon2::{PasswordHasher, PasswordVerifier};
use punctual_contract::problem::Problem;

/// Verified in place of an account's hash where there is no such account, so that both take the same time.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$cHVuY3R1YWwtbm9ib2R5$bm9ib2R5bm9ib2R5bm9ib2R5bm9ib2R5bm9ib2R5bm8";

fn argon2() -> Result<Argon2<'static>, Problem> {
    let params =
        Params::new(19_456, 2, 1, None).map_err(|error| Problem::new(500, error.to_string()))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// A PHC string with a fresh salt.
pub fn hash(password: &str) -> Result<String, Problem> {
    argon2()?
        .hash_password(password.as_bytes())
        .map(|hash| hash.to_string())
        .map_err(|error| Problem::new(500, error.to_string()))
}

pub fn matches(password: &str, hash: Option<&str>) -> Result<bool, Problem> {
    let Ok(parsed) = PasswordHash::new(hash.unwrap_or(NOBODY)) else {
        return Err(Problem::new(
            500,
            "The stored password can't be read. Ask the admin to reset it.",
        ));
    };
    Ok(argon2()?
        .verify_password(password.as_bytes(), &parsed)
        .is_ok()
        && hash.is_some())
}
