//! Projects.

use punctual_contract::api::{NewProject, Project, ProjectPatch};

use crate::api::{Api, escape};
use crate::args::{ProjectCommand, Projects};
use crate::error::Result;
use crate::naming::{self, Among};
use crate::screen::{Cell, Screen, Style, clean, short};

pub async fn projects(api: &Api, screen: &Screen, args: Projects) -> Result<()> {
    let path =
        |project: &Project, action: &str| format!("/api/projects/{}{action}", escape(&project.id));
    let answer = match args.command {
        None => return list(api, screen, args.archived).await,
        Some(ProjectCommand::Add { name }) => (
            api.post(
                "/api/projects",
                &NewProject {
                    name,
                    reminders: Vec::new(),
                },
            )
            .await?,
            "Added",
        ),
        Some(ProjectCommand::Rename { project, name }) => {
            let project = naming::project(api, &project, Among::InUse).await?;
            (
                api.patch(
                    path(&project, ""),
                    &ProjectPatch {
                        name: Some(name),
                        ..ProjectPatch::default()
                    },
                    Some(format!("\"{}\"", project.version)),
                )
                .await?,
                "Renamed to",
            )
        }
        Some(ProjectCommand::Archive { project }) => {
            let project = naming::project(api, &project, Among::InUse).await?;
            (api.act(path(&project, "/archive")).await?, "Archived")
        }
        Some(ProjectCommand::Restore { project }) => {
            let project = naming::project(api, &project, Among::Archived).await?;
            (api.act(path(&project, "/restore")).await?, "Restored")
        }
    };
    let (answer, did) = answer;
    if screen.json {
        screen.document(&answer.text);
    } else {
        screen.line(format!("{did} {}", clean(&answer.json::<Project>()?.name)));
    }
    Ok(())
}

async fn list(api: &Api, screen: &Screen, archived: bool) -> Result<()> {
    if screen.json {
        screen.document(
            &api.get(format!("/api/projects?archived={archived}&limit=200"))
                .await?
                .text,
        );
        return Ok(());
    }
    let mut all = naming::projects(api, archived).await?;
    all.sort_by_key(|project| (project.kind != "inbox", project.name.to_lowercase()));
    if all.is_empty() {
        screen.line("No project is archived.");
        return Ok(());
    }
    let row = |project: &Project| {
        vec![
            Cell::styled(Style::Dim, short(&project.id)),
            Cell::plain(clean(&project.name)),
        ]
    };
    screen.table(&["ID", "PROJECT"], &all.iter().map(row).collect::<Vec<_>>());
    Ok(())
}
