use super::Store;
use crate::error::Error;

impl Store {
    /// Sets an account's password and ends its sessions. False where there is no such account.
    pub async fn set_password(&self, email: &str, hash: String, now: i64) -> Result<bool, Error> {
        let email = email.to_owned();
        Ok(self
            .db
            .write(move |connection| {
                let transaction = connection.transaction()?;
                let found = transaction
                    .execute("UPDATE users SET password_hash = ?2 WHERE email = ?1", (&email, hash))?;
                transaction.execute(
                    "UPDATE sessions SET revoked_at = ?2
                     WHERE revoked_at IS NULL AND user_id = (SELECT id FROM users WHERE email = ?1)",
                    (&email, now),
                )?;
                transaction.commit()?;
                Ok(found == 1)
            })
            .await?)
    }
}
