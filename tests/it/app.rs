//! A running Punctual inside the test.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use punctual_contract::action::{Action, Deed, LINK_SECONDS, PATH, Refused};
use punctual_contract::batch::CONTENT_TYPE;
use punctual_contract::events::CloudEvent;
use punctual_contract::signature;
use punctual_domain::{Duration8601, Instant};
use punctual_server::{Registration, Server, ServerOptions};
use punctual_servers::{Cluster, ClusterOptions};
use punctual_sqlite::Value;
use punctual_worker::clock::Clock;
use punctual_worker::sender::Mail;
use punctual_worker::store::{Address, Db, Param, Postgres, Record};
use tokio::runtime::Handle;
use tokio::sync::OnceCell;

use crate::client::{Client, Reply, User};
use crate::clock::now;
use crate::edition::{self, Edition};
use crate::node::skipped;
use crate::process::{modules, program, root};

/// Real components and a real worker on ports of their own, as the edition has them.
pub struct App {
    client: Client,
    clock: Clock,
    database: Db,
    runtime: Handle,
    events_secret: String,
    users: AtomicU64,
    /// What runs, until this is dropped.
    _running: Box<dyn Send + Sync>,
}

/// What a server is started with.
pub struct Start {
    clock: Clock,
    system_clock: bool,
    registration: Registration,
    private_webhooks: bool,
    public_url: Option<String>,
    mail: Option<Mail>,
    variables: Vec<(&'static str, String)>,
}

impl Start {
    /// A clock that stands until the test moves it.
    pub fn clock(mut self, at: &str) -> Self {
        self.clock = Clock::manual(at.parse::<Instant>().expect("an instant").micros());
        self.system_clock = false;
        self
    }

    pub fn registration(mut self, registration: Registration) -> Self {
        self.registration = registration;
        self
    }

    pub fn private_webhooks(mut self, allowed: bool) -> Self {
        self.private_webhooks = allowed;
        self
    }

    pub fn public_url(mut self, url: &str) -> Self {
        self.public_url = Some(url.to_owned());
        self
    }

    pub fn mail(mut self, mail: Mail) -> Self {
        self.mail = Some(mail);
        self
    }

    /// A variable of the application as if `spin.toml` had this default.
    pub fn variable(mut self, name: &'static str, value: &str) -> Self {
        self.variables.push((name, value.to_owned()));
        self
    }

    /// `None`, and the test is counted as skipped, where the edition can't.
    pub async fn run(self) -> Option<App> {
        match Edition::of_this_run() {
            Edition::Embedded | Edition::Cluster => Some(self.in_process().await),
            Edition::Spin if self.system_clock => Some(self.under_spin().await),
            Edition::Spin => {
                skipped("it sets the clock, and under Spin the functions have the system's");
                None
            }
        }
    }

    async fn in_process(self) -> App {
        let data = tempfile::tempdir().expect("a folder");
        let mut options = ServerOptions {
            clock: Some(self.clock.clone()),
            registration: self.registration,
            webhook_allow_private: self.private_webhooks,
            public_url: self.public_url,
            mail: self.mail,
            cache: Some(modules()),
            ..ServerOptions::new(data.path(), application(data.path(), &self.variables))
        };
        let parts = edition::prepare(&mut options, self.system_clock).await;
        let server = Server::start(options).await.expect("the server starts");
        let secret = data.path().join("secrets/events_secret");
        let secret = std::fs::read_to_string(secret).expect("a secret");
        App {
            client: Client::new(server.url()),
            clock: self.clock,
            database: server.database().clone(),
            runtime: Handle::current(),
            events_secret: secret.trim().to_owned(),
            users: AtomicU64::new(0),
            // Dropped in this order: the server first, then its folder.
            _running: Box::new((server, parts, data)),
        }
    }

    async fn under_spin(self) -> App {
        assert!(self.mail.is_none(), "mail goes by a clock of the test's");
        let private = self.private_webhooks.to_string();
        let mut options = ClusterOptions::new(root());
        let worker = program("punctual-worker");
        options.programs = worker.parent().expect("a folder").to_owned();
        options.spin = true;
        options.variables = vec![
            ("registration".to_owned(), self.registration.to_string()),
            ("webhook_allow_private".to_owned(), private.clone()),
        ];
        options.environment = vec![("PUNCTUAL_WEBHOOK_ALLOW_PRIVATE".to_owned(), private)];
        if let Some(url) = self.public_url {
            options
                .variables
                .push(("public_url".to_owned(), url.clone()));
            options.environment.push(("PUBLIC_URL".to_owned(), url));
        }
        let variables = self.variables.into_iter();
        options
            .variables
            .extend(variables.map(|(name, value)| (name.to_owned(), value)));
        let cluster = Cluster::start(options, |line| println!("{line}"))
            .await
            .expect("the cluster starts");
        let address = Address::parse(&cluster.database_url()).expect("a URL");
        let secret = cluster.secret("events_secret").expect("a secret");
        App {
            client: Client::new(cluster.url()),
            clock: self.clock,
            database: Postgres::open(&address).expect("a pool").into(),
            runtime: Handle::current(),
            events_secret: secret.trim().to_owned(),
            users: AtomicU64::new(0),
            _running: Box::new(cluster),
        }
    }
}

/// The folder of the application; with other defaults, one of its own in `data` that leads to the same components.
fn application(data: &Path, variables: &[(&str, String)]) -> PathBuf {
    if variables.is_empty() {
        return root();
    }
    let folder = data.join("app");
    std::fs::create_dir(&folder).expect("a folder");
    std::os::unix::fs::symlink(root().join("target"), folder.join("target")).expect("a link");
    let mut manifest =
        std::fs::read_to_string(root().join("spin.toml")).expect("the application's manifest");
    for (name, value) in variables {
        let start = manifest
            .find(&format!("\n{name} = {{"))
            .expect("the variable is in the manifest");
        let line = start + 1;
        let end = line + manifest[line..].find('\n').expect("a line's end");
        manifest.replace_range(line..end, &format!("{name} = {{ default = {value:?} }}"));
    }
    std::fs::write(folder.join("spin.toml"), manifest).expect("written");
    folder
}

/// Compiled modules, shared by all servers of a test run.
static SHARED: OnceCell<App> = OnceCell::const_new();

impl App {
    /// By the system's clock, registration open, webhooks to this machine allowed.
    pub fn start() -> Start {
        Start {
            clock: Clock::system(),
            system_clock: true,
            registration: Registration::Open,
            private_webhooks: true,
            public_url: None,
            mail: None,
            variables: Vec::new(),
        }
    }

    /// One server for all tests that need no clock of their own: each takes people of its own.
    pub async fn shared() -> &'static Self {
        SHARED
            .get_or_init(|| async {
                // It outlives the test that started it, so it runs on a runtime of its own.
                let (send, receive) = tokio::sync::oneshot::channel();
                std::thread::spawn(move || {
                    let runtime = tokio::runtime::Builder::new_multi_thread()
                        .worker_threads(2)
                        .enable_all()
                        .build()
                        .expect("a runtime");
                    runtime.block_on(async move {
                        let app = Self::start().run().await.expect("every edition can");
                        let _ = send.send(app);
                        std::future::pending::<()>().await;
                    });
                });
                receive.await.expect("the shared server starts")
            })
            .await
    }

    /// Nobody yet.
    pub fn client(&self) -> &Client {
        &self.client
    }

    pub async fn register(&self, email: &str) -> User {
        User::register(&self.client, email, "Europe/Berlin").await
    }

    pub fn new_email(&self) -> String {
        format!(
            "user-{}@example.com",
            self.users.fetch_add(1, Ordering::Relaxed)
        )
    }

    /// A new person in Berlin.
    pub async fn user(&self) -> User {
        self.register(&self.new_email()).await
    }

    /// Moves the manual clock to an instant.
    pub async fn set(&self, at: &str) {
        self.clock
            .set(at.parse::<Instant>().expect("an instant").micros());
    }

    /// Moves the manual clock on.
    pub async fn advance(&self, by: &str) {
        let by: Duration8601 = by.parse().expect("a duration");
        self.clock.advance(Duration::from_secs(
            u64::from(by.days()) * 86_400 + u64::from(by.seconds()),
        ));
    }

    /// An instant so far from now, by the system's clock.
    pub fn in_seconds(&self, seconds: i64) -> String {
        Instant::from_micros(now()).plus_secs(seconds).to_string()
    }

    /// How long ago an instant was, by the system's clock, in microseconds.
    pub fn micros_since(&self, at: &str) -> i64 {
        now() - at.parse::<Instant>().expect("an instant").micros()
    }

    /// Waits until everything that follows from what was done so far has been done. (What Kafka's consumers have still to
    /// do shows in the plans.)
    pub async fn settled(&self) {
        const OPEN: &str = "SELECT (SELECT count(*) FROM changes WHERE position IS NULL)
            + (SELECT count(*) FROM plans WHERE planned < wanted)
            + (SELECT count(*) FROM watermarks WHERE (name LIKE 'group:%' OR name = 'published_through')
               AND position < (SELECT COALESCE(max(position), 0) FROM changes))";
        self.nothing_left(OPEN, Vec::new).await;
    }

    /// Waits until all has rung, and is planned anew, whose instant has come by the manual clock.
    pub async fn rung(&self) {
        const DUE: &str =
            "SELECT (SELECT count(*) FROM reminders WHERE state = 'planned' AND fire_at <= ?1)
            + (SELECT count(*) FROM plans WHERE next_at <= ?1)";
        let now = || vec![self.clock.now().into()];
        self.nothing_left(DUE, now).await;
    }

    /// [`App::settled`], also by what the manual clock has made due.
    pub async fn caught_up(&self) {
        self.settled().await;
        self.rung().await;
        self.settled().await;
    }

    /// Waits until a statement counts nothing; says what is left where that never comes.
    async fn nothing_left(&self, sql: &str, params: impl Fn() -> Vec<Param>) {
        const LEFT: &str = "SELECT 'reminder ' || r.id || ' of ' || r.kind || ', generation ' || r.generation || ', task ' || t.id || ' '
                || t.status || ', generation ' || t.generation || ', deleted ' || COALESCE(t.deleted_at, 0) || ', at ' || r.fire_at
                || ', claimed until ' || COALESCE((SELECT until FROM claims WHERE reminder_id = r.id), 0)
            FROM reminders r JOIN tasks t ON t.id = r.task_id WHERE r.state = 'planned' AND r.fire_at <= ?1
            UNION ALL SELECT 'plan of ' || t.id || ' ' || t.status || ' at ' || COALESCE(p.next_at, 0) || ', planned ' || p.planned
                || ' of ' || p.wanted || ' since ' || p.since || ', deleted ' || COALESCE(t.deleted_at, 0)
            FROM plans p JOIN tasks t ON t.id = p.task_id WHERE p.next_at <= ?1 OR p.planned < p.wanted
            UNION ALL SELECT name || ' at ' || position FROM watermarks
            UNION ALL SELECT 'changes until ' || COALESCE(max(position), 0) || ', without a place ' || count(*) - count(position) FROM changes";
        let start = std::time::Instant::now();
        loop {
            let answer = self.query(sql, params()).await;
            let left = answer.first().and_then(|row| row.0.first());
            if matches!(left, Some(Value::Integer(0))) {
                return;
            }
            if start.elapsed() > crate::wait::DEADLINE {
                let now = self.clock.now();
                let left = self.query(LEFT, vec![now.into()]).await;
                panic!("by {now} not all has been done: {left:#?}");
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// On the runtime that the server was started on: a pool's connections end with the runtime that opened them, and
    /// each test has one of its own.
    async fn query(&self, sql: &str, params: Vec<Param>) -> Vec<Record> {
        let (database, sql) = (self.database.clone(), sql.to_owned());
        let answer = self
            .runtime
            .spawn(async move { database.query(&sql, params).await });
        answer
            .await
            .expect("the runtime lives")
            .expect("the database answers")
    }

    /// Runs a statement with one text parameter behind the server's back.
    pub async fn database_says(&self, sql: &str, parameter: &str) {
        self.query(sql, vec![parameter.into()]).await;
    }

    /// The text that a statement with one text parameter answers.
    pub async fn database_answers(&self, sql: &str, parameter: &str) -> Option<String> {
        let answer = self.query(sql, vec![parameter.into()]).await;
        match answer.first()?.0.first()? {
            Value::Text(text) => Some(text.clone()),
            other => panic!("not text: {other:?}"),
        }
    }

    /// The path of a link that the worker would put into an e-mail, for a person who reads English.
    pub fn link(&self, user: &User, deed: Deed, title: &str) -> String {
        self.link_of(&Action {
            deed,
            user: user.id.clone(),
            language: "en".to_owned(),
            title: title.to_owned(),
            expires: self.clock.now() / 1_000_000 + LINK_SECONDS,
        })
    }

    pub fn link_of(&self, action: &Action) -> String {
        format!("{PATH}{}", action.token(&self.events_secret))
    }

    /// What a signed link of this server does.
    pub fn reads_link(&self, token: &str) -> Result<Action, Refused> {
        Action::read(&self.events_secret, token, self.clock.now() / 1_000_000)
    }

    /// Calls an event function as the worker does.
    pub async fn call(&self, path: &str, events: &[CloudEvent]) -> Reply {
        self.call_signed_with(&self.events_secret, path, events)
            .await
    }

    pub async fn call_signed_with(&self, secret: &str, path: &str, events: &[CloudEvent]) -> Reply {
        let body = serde_json::to_string(events).expect("JSON");
        let seconds = self.clock.now() / 1_000_000;
        let signed = signature::sign(secret, "call", seconds, body.as_bytes());
        let headers = [
            (signature::ID, "call"),
            (signature::TIMESTAMP, &seconds.to_string()),
            (signature::SIGNATURE, &signed),
            ("content-type", CONTENT_TYPE),
        ];
        self.client.send("POST", path, &headers, Some(body)).await
    }
}
