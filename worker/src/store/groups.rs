use punctual_sqlite::Value;

use super::Store;
use super::changes::SET_WATERMARK;
use crate::error::Error;

impl Store {
    /// Through which position a consumer group has finished everything. `None` for a group that never committed.
    pub async fn group_watermark(&self, group: &str) -> Result<Option<i64>, Error> {
        let sql = "SELECT position FROM watermarks WHERE name = ?1";
        let rows = self
            .db
            .query(sql, vec![Value::from(format!("group:{group}"))])
            .await?;
        Ok(rows.rows.first().and_then(|row| row.first()?.as_integer()))
    }

    /// Commits several groups' watermarks at once.
    pub async fn set_group_watermarks(&self, positions: Vec<(String, i64)>) -> Result<(), Error> {
        Ok(self
            .db
            .write(move |connection| {
                let transaction = connection.transaction()?;
                for (group, position) in positions {
                    transaction
                        .prepare_cached(SET_WATERMARK)?
                        .execute((format!("group:{group}"), position))?;
                }
                Ok(transaction.commit()?)
            })
            .await?)
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
        let params = vec![
            topic.into(),
            position.into(),
            event.into(),
            error.into(),
            now.into(),
        ];
        self.db.query(sql, params).await?;
        Ok(())
    }
}
