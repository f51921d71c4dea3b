//! Settings.

use punctual_contract::api::{Settings, SettingsPatch};

use crate::api::Api;
use crate::args;
use crate::error::{Error, Result};
use crate::screen::{Cell, Screen, Style, clean};

pub async fn settings(api: &Api, screen: &Screen, args: args::Settings) -> Result<()> {
    let patch = patch(args)?;
    let answer = if patch == SettingsPatch::default() {
        api.get("/api/settings").await?
    } else {
        api.patch("/api/settings", &patch, None).await?
    };
    if screen.json {
        screen.document(&answer.text);
        return Ok(());
    }
    show(screen, &answer.json()?);
    Ok(())
}

fn patch(args: args::Settings) -> Result<SettingsPatch> {
    let (quiet_from, quiet_until) = match args.quiet.map(unless_off) {
        None => (None, None),
        Some(None) => (Some(None), Some(None)),
        Some(Some(span)) => {
            let (from, until) = span.split_once('-').ok_or_else(|| {
                Error::usage("--quiet takes a span of the day, such as 22:00-07:00, or off")
            })?;
            (Some(Some(trimmed(from))), Some(Some(trimmed(until))))
        }
    };
    Ok(SettingsPatch {
        timezone: args.zone,
        morning: args.morning,
        quiet_from,
        quiet_until,
        language: args.language.map(unless_off),
        digest: args.digest.map(unless_off),
    })
}

fn trimmed(text: &str) -> String {
    text.trim().to_owned()
}

fn unless_off(value: String) -> Option<String> {
    (!value.eq_ignore_ascii_case("off")).then_some(value)
}

fn show(screen: &Screen, settings: &Settings) {
    let quiet = match (&settings.quiet_from, &settings.quiet_until) {
        (Some(from), Some(until)) => format!("{from}-{until}"),
        _ => "off".to_owned(),
    };
    let or_off = |value: &Option<String>| value.as_deref().map_or("off".to_owned(), clean);
    let row = |name: &str, value: String| vec![Cell::styled(Style::Dim, name), Cell::plain(value)];
    let mut rows = vec![
        row("zone", clean(&settings.timezone)),
        row("morning", clean(&settings.morning)),
        row("quiet", quiet),
        row("digest", or_off(&settings.digest)),
        row("language", or_off(&settings.language)),
    ];
    for channel in &settings.channels {
        let mut value = clean(&channel.target);
        if let Some(name) = &channel.name {
            value = format!("{} ({value})", clean(name));
        }
        if channel.state != "active" {
            value = format!("{value}: {}", clean(&channel.state));
        }
        rows.push(row(&clean(&channel.kind), value));
    }
    screen.table(&["SETTING", ""], &rows);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patched(args: args::Settings) -> Result<serde_json::Value> {
        Ok(serde_json::to_value(patch(args)?).unwrap())
    }

    #[test]
    fn what_is_left_out_stays_and_off_takes_it_away() {
        let args = args::Settings {
            zone: Some("Europe/Berlin".to_owned()),
            digest: Some("8:00".to_owned()),
            quiet: Some("22:00 - 07:00".to_owned()),
            ..args::Settings::default()
        };
        assert_eq!(
            patched(args).unwrap(),
            serde_json::json!({
                "timezone": "Europe/Berlin", "digest": "8:00", "quiet_from": "22:00", "quiet_until": "07:00"
            })
        );
        let off = || Some("off".to_owned());
        let args = args::Settings {
            digest: off(),
            quiet: off(),
            language: off(),
            ..args::Settings::default()
        };
        assert_eq!(
            patched(args).unwrap(),
            serde_json::json!({ "digest": null, "quiet_from": null, "quiet_until": null, "language": null })
        );
    }

    #[test]
    fn quiet_hours_with_one_end_are_refused() {
        let args = args::Settings {
            quiet: Some("22:00".to_owned()),
            ..args::Settings::default()
        };
        assert_eq!(patched(args).unwrap_err().exit_code(), 2);
    }
}
