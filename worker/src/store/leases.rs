use super::Store;
use super::db::params;
use crate::error::Error;

impl Store {
    /// Takes the lease where it is free, expired or already this holder's; `at_once` takes it from whoever has it. The
    /// fence steps with every take-over, so that what an earlier holder still tries can be told from ours. Of two that
    /// try at once on Postgres the second waits for the first, and then meets a lease that has not expired.
    pub async fn take_lease(
        &self,
        name: &'static str,
        holder: &str,
        now: i64,
        until: i64,
        at_once: bool,
    ) -> Result<Option<i64>, Error> {
        let sql = "INSERT INTO leases (name, holder, fence, until) VALUES (?1, ?2, 1, ?3)
            ON CONFLICT (name) DO UPDATE SET
                holder = excluded.holder, fence = leases.fence + 1, until = excluded.until
            WHERE leases.until <= ?4 OR leases.holder = excluded.holder OR ?5
            RETURNING fence";
        let params = params![name, holder, until, now, at_once];
        self.db.value(sql, params).await
    }

    /// Whether the lease was still ours and now lasts until `until`.
    pub async fn renew_lease(
        &self,
        name: &'static str,
        fence: i64,
        until: i64,
    ) -> Result<bool, Error> {
        let sql = "UPDATE leases SET until = ?3 WHERE name = ?1 AND fence = ?2";
        Ok(self.db.execute(sql, params![name, fence, until]).await? == 1)
    }

    /// Lets the next holder in without waiting.
    pub async fn release_lease(&self, name: &'static str, fence: i64) -> Result<(), Error> {
        let sql = "UPDATE leases SET until = 0 WHERE name = ?1 AND fence = ?2";
        self.db.execute(sql, params![name, fence]).await?;
        Ok(())
    }
}
