use argon2::{Argon2, PasswordVerifier};
use punctual_worker::Error;
use punctual_worker::admin::{random_password, reset_password};

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
