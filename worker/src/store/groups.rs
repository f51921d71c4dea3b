use super::Store;
use super::db::params;
use crate::error::Error;

impl Store {
    /// Through which position a consumer group has finished everything. `None` for a group that never committed.
    pub async fn group_watermark(&self, group: &str) -> Result<Option<i64>, Error> {
        let sql = "SELECT position FROM watermarks WHERE name = ?1";
        self.db.value(sql, params![format!("group:{group}")]).await
    }

    /// Commits several groups' watermarks at once.
    pub async fn set_group_watermarks(&self, positions: Vec<(String, i64)>) -> Result<(), Error> {
        let set = "INSERT INTO watermarks (name, position) VALUES (?1, ?2)
            ON CONFLICT (name) DO UPDATE SET position = excluded.position";
        let steps = positions
            .into_iter()
            .map(|(group, position)| (set, params![format!("group:{group}"), position]))
            .collect();
        self.db.together(steps).await?;
        Ok(())
    }

    /// Sets an event apart that will not be tried again.
    pub async fn dead_letter(
        &self,
        topic: &str,
        position: i64,
        event: String,
        error: &str,
        now: i64,
    ) -> Result<(), Error> {
        let sql = "INSERT INTO dead_letters (topic, position, event, error, at) VALUES (?1, ?2, ?3, ?4, ?5)
            ON CONFLICT (topic, position) DO NOTHING";
        self.db
            .execute(sql, params![topic, position, event, error, now])
            .await?;
        Ok(())
    }
}
