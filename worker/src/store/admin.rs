use super::Store;
use super::db::params;
use crate::error::Error;

/// How far positions leap after a restore: farther than all changes that it can have undone.
pub(crate) const LEAP: i64 = 1_000_000_000;

impl Store {
    /// After a restore: positions go on beyond all that were ever given, so that no event has the id of one that was undone,
    /// and no cursor of then is taken for one of now. Whoever leads, and knows the positions of then, leads no more. The
    /// last position.
    pub async fn leap(&self) -> Result<i64, Error> {
        // In this order: who gives positions holds the lease's row, too.
        let steps = vec![
            ("UPDATE leases SET fence = fence + 1, until = 0", params![]),
            (
                "UPDATE watermarks SET position = position + ?1 WHERE name = 'positions'",
                params![LEAP],
            ),
        ];
        self.db.together(steps).await?;
        self.last_position().await
    }

    /// Sets an account's password and ends its sessions. False where there is no such account.
    pub async fn set_password(&self, email: &str, hash: String, now: i64) -> Result<bool, Error> {
        let set = "UPDATE users SET password_hash = ?2 WHERE email = ?1";
        let end = "UPDATE sessions SET revoked_at = ?2
            WHERE revoked_at IS NULL AND user_id = (SELECT id FROM users WHERE email = ?1)";
        let steps = vec![(set, params![email, hash]), (end, params![email, now])];
        Ok(self.db.together(steps).await? == 1)
    }
}
