use argon2::{Argon2, PasswordVerifier};
use punctual_sqlite::{Database, Options};
use punctual_worker::Error;
use punctual_worker::admin::{backup, random_password, reset_password, restore};
use punctual_worker::data::Folder;

use crate::harness::Fixture;

#[tokio::test]
async fn a_reset_sets_the_password_and_ends_the_accounts_sessions() {
    let fixture = Fixture::new().await;
    for user in ["ann", "bob"] {
        fixture.user(user).await;
        let sql = "INSERT INTO sessions (id, user_id, rotated_at, created_at, expires_at, client) VALUES (?1, ?1, 0, 0, 9, '')";
        fixture.run(sql, vec![user.into()]).await;
    }
    let password = random_password().expect("random");
    assert_eq!(password.len(), 20);
    let reset = reset_password(
        &fixture.store,
        &fixture.clock,
        " Ann@Example.com ",
        &password,
    )
    .await;
    reset.expect("reset");
    let hash = fixture
        .text("SELECT password_hash FROM users WHERE id = 'ann'")
        .await;
    assert!(
        hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
        "{hash}"
    );
    assert!(
        Argon2::default()
            .verify_password(password.as_bytes(), hash.as_str())
            .is_ok()
    );
    assert_eq!(
        fixture
            .text("SELECT id FROM sessions WHERE revoked_at IS NOT NULL")
            .await,
        "ann"
    );
    assert_eq!(
        fixture
            .integer("SELECT count(*) FROM sessions WHERE revoked_at IS NULL")
            .await,
        1
    );

    let nobody = reset_password(
        &fixture.store,
        &fixture.clock,
        "nobody@example.com",
        &password,
    )
    .await;
    assert!(matches!(nobody, Err(Error::Usage(_))));
    let short = reset_password(&fixture.store, &fixture.clock, "ann@example.com", "short").await;
    assert!(matches!(short, Err(Error::Usage(_))));
}

#[tokio::test]
async fn a_backup_taken_in_use_brings_everything_back_and_keeps_what_was_there() {
    let fixture = Fixture::new().await;
    fixture.user("ann").await;
    let folder = Folder::existing(fixture.folder.path()).expect("a folder");
    let copy = fixture.folder.path().join("copy.db");
    backup(&folder, &copy).await.expect("copied");
    assert!(
        matches!(backup(&folder, &copy).await, Err(Error::Usage(_))),
        "nothing is written over"
    );
    fixture.user("bob").await;

    let lock = folder.lock().expect("free");
    assert!(matches!(
        restore(&folder, &copy, &fixture.clock),
        Err(Error::InUse { .. })
    ));
    drop(lock);
    let kept = restore(&folder, &copy, &fixture.clock)
        .expect("restored")
        .expect("kept");
    let users = async |path: &std::path::Path| {
        let db = Database::open(path, Options::default()).expect("opened");
        let rows = db
            .query("SELECT id FROM users ORDER BY id", Vec::new())
            .await
            .expect("asked")
            .rows;
        rows.iter()
            .filter_map(|row| row[0].as_text().map(str::to_owned))
            .collect::<Vec<_>>()
    };
    assert_eq!(users(&folder.database()).await, ["ann"]);
    assert_eq!(users(&kept).await, ["ann", "bob"], "its log came along");
}

#[tokio::test]
async fn what_is_no_backup_is_refused_and_changes_nothing() {
    let fixture = Fixture::new().await;
    fixture.user("ann").await;
    let folder = Folder::existing(fixture.folder.path()).expect("a folder");
    let at = |name: &str| fixture.folder.path().join(name);
    std::fs::write(at("text"), "not a database").expect("written");
    Database::open(&at("foreign.db"), Options::default()).expect("made");
    let newer = at("newer.db");
    backup(&folder, &newer).await.expect("copied");
    let db = Database::open(&newer, Options::default()).expect("opened");
    let sql = "INSERT INTO migrations VALUES (999, 'later', '', 0)";
    db.query(sql, Vec::new()).await.expect("written");
    for name in ["missing", "text", "foreign.db", "newer.db"] {
        let refused = restore(&folder, &at(name), &fixture.clock);
        assert!(
            matches!(refused, Err(Error::Usage(_))),
            "{name}: {refused:?}"
        );
    }
    assert_eq!(fixture.integer("SELECT count(*) FROM users").await, 1);
}
