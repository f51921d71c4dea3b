use super::Store;
use super::db::params;
use crate::error::Error;

impl Store {
    /// Sets an account's password and ends its sessions. False where there is no such account.
    pub async fn set_password(&self, email: &str, hash: String, now: i64) -> Result<bool, Error> {
        let set = "UPDATE users SET password_hash = ?2 WHERE email = ?1";
        let end = "UPDATE sessions SET revoked_at = ?2
            WHERE revoked_at IS NULL AND user_id = (SELECT id FROM users WHERE email = ?1)";
        let steps = vec![(set, params![email, hash]), (end, params![email, now])];
        Ok(self.db.together(steps).await? == 1)
    }
}
