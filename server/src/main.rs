//! `punctual-server`: the embedded edition as a program.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{CommandFactory, Parser};
use punctual_server::config::{Program, Serve, Task};
use punctual_server::{Server, functions};
use punctual_telemetry::Service;
use punctual_worker::commands::operate;
use punctual_worker::{config, raise_open_files, until_stopped};

#[tokio::main]
async fn main() -> ExitCode {
    let program = Program::parse();
    let service = Service {
        name: match program.command {
            Some(Task::Functions) => "punctual-functions",
            _ => "punctual",
        },
        version: env!("CARGO_PKG_VERSION"),
    };
    let ended = match program.common.start_log(service) {
        Ok(telemetry) => {
            let ended = run(program).await;
            telemetry.finish().await;
            ended
        }
        Err(error) => Err(error.into()),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("punctual-server: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(program: Program) -> anyhow::Result<()> {
    match &program.command {
        None => serve(&program).await,
        Some(Task::Settings) => {
            print!("{}", config::table(&Program::command()));
            Ok(())
        }
        Some(Task::Health) => health(&program.serve),
        Some(Task::Functions) => serve_functions(&program).await,
        Some(Task::Operate(task)) => Ok(operate(task.clone(), &program.common).await?),
    }
}

async fn serve(program: &Program) -> anyhow::Result<()> {
    let stopped = until_stopped()?;
    raise_open_files();
    let server = Server::start(program.options()?).await?;
    let mut out = std::io::stdout();
    // Whoever reads it may be a program that waits for it.
    let _ = out
        .write_all(greeting(&server.url(), &place(program)?).as_bytes())
        .and_then(|()| out.flush());
    stopped.await;
    eprintln!("Stopping; Ctrl-C again cuts it short.");
    server.stop().await;
    Ok(())
}

async fn serve_functions(program: &Program) -> anyhow::Result<()> {
    let stopped = until_stopped()?;
    raise_open_files();
    let ready = |url: &str| println!("The functions are up at {url}");
    Ok(functions::serve(program.functions(), ready, stopped).await?)
}

fn health(serve: &Serve) -> anyhow::Result<()> {
    const PATIENCE: Duration = Duration::from_secs(2);
    let address = match serve.listen {
        listen if listen.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        listen => listen,
    };
    let mut stream = TcpStream::connect_timeout(&(address, serve.port).into(), PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(b"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n")?;
    let mut status = String::new();
    BufReader::new(stream).read_line(&mut status)?;
    if status.split(' ').nth(1) != Some("200") {
        anyhow::bail!("it answers: {}", status.trim());
    }
    Ok(())
}

/// What it keeps where.
fn place(program: &Program) -> anyhow::Result<String> {
    let data = program.common.data.display();
    Ok(match program.common.address()? {
        Some(address) => format!(
            "its data in Postgres at {} and its secrets in {data}",
            address.host()
        ),
        None => format!("everything in {data}"),
    })
}

fn greeting(url: &str, place: &str) -> String {
    let up = format!(
        "Punctual is up at {url}
It keeps {place}, and stops with Ctrl-C.
"
    );
    let cli = client();
    if !cli.exists() {
        return format!(
            "{up}\nOpen that address in a browser and make the first account: it is the admin's.\n"
        );
    }
    let cli = cli.display();
    format!(
        "{up}
Try this in another terminal:
  {cli} register
  {cli} add \"Stretch\" --due \"in 2 minutes\" --remind 1m
  {cli} watch
"
    )
}

/// The console client beside this program.
fn client() -> PathBuf {
    let program = std::env::current_exe()
        .unwrap_or_default()
        .with_file_name("punctual");
    match std::env::current_dir() {
        Ok(here) => program
            .strip_prefix(here)
            .map(Path::to_owned)
            .unwrap_or(program),
        Err(_) => program,
    }
}
