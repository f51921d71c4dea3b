//! What every measurement ends with: quantiles, medians with their spread, one table, one file.

use std::fs;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use punctual_domain::Instant;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::placement::{self, Placement};

/// Values, ascending.
#[derive(Debug, Clone, Default)]
pub struct Sample(Vec<f64>);

impl FromIterator<f64> for Sample {
    fn from_iter<T: IntoIterator<Item = f64>>(values: T) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_unstable_by(f64::total_cmp);
        Self(values)
    }
}

impl Sample {
    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn quantile(&self, q: f64) -> f64 {
        let last = self.0.len().saturating_sub(1);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "an index"
        )]
        let index = (last as f64 * q).round() as usize;
        self.0.get(index).copied().unwrap_or(f64::INFINITY)
    }

    pub fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    /// `least … most`
    pub fn spread(&self, digits: usize) -> String {
        format!(
            "{:.digits$} … {:.digits$}",
            self.quantile(0.0),
            self.quantile(1.0)
        )
    }
}

/// What a plot shows; `cargo xtask bench plots` draws it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Plot {
    /// Of the file.
    pub name: String,
    pub title: String,
    /// Of the values.
    pub unit: String,
    pub shape: Shape,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Shape {
    Bars(Vec<(String, f64)>),
    /// Both axes are logarithmic.
    Lines {
        across: String,
        series: Vec<(String, Vec<(f64, f64)>)>,
    },
}

#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Report {
    pub bench: String,
    pub measured: String,
    pub machine: String,
    pub placement: String,
    pub aim: String,
    pub columns: Vec<String>,
    pub rows: Vec<Vec<String>>,
    #[serde(default)]
    pub plots: Vec<Plot>,
    /// Options and single runs.
    #[serde(flatten)]
    pub details: Map<String, Value>,
}

impl Report {
    /// Made when the measurement begins: what else the machine does is asked then.
    pub fn new(bench: &str, aim: &str, placement: Option<&Placement>, columns: &[&str]) -> Self {
        Self {
            bench: bench.to_owned(),
            measured: now().to_string(),
            machine: machine(),
            placement: placement::stated(placement),
            aim: aim.to_owned(),
            columns: columns.iter().map(|&column| column.to_owned()).collect(),
            ..Self::default()
        }
    }

    pub fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.into());
    }

    pub fn detail(&mut self, name: &str, value: impl Into<Value>) {
        self.details.insert(name.to_owned(), value.into());
    }

    /// Prints the table and writes the file.
    pub fn finish(mut self, file: &Path) -> Result<()> {
        // Where nothing was answered there is nothing to draw, and JSON has no word for it.
        for plot in &mut self.plots {
            match &mut plot.shape {
                Shape::Bars(bars) => bars.retain(|(_, value)| value.is_finite()),
                Shape::Lines { series, .. } => {
                    for (_, points) in series {
                        points.retain(|(_, value)| value.is_finite());
                    }
                }
            }
        }
        let width = |column: usize| {
            self.rows
                .iter()
                .filter_map(|row| row.get(column))
                .chain(self.columns.get(column))
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.columns.len()).map(width).collect();
        println!();
        for row in std::iter::once(&self.columns).chain(&self.rows) {
            let mut line = String::new();
            for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
                match column {
                    0 => line += &format!("{cell:<width$}"),
                    _ => line += &format!("  {cell:>width$}"),
                }
            }
            println!("{}", line.trim_end());
        }
        if !self.aim.is_empty() {
            println!("aim: {}", self.aim);
        }
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(file, format!("{}\n", serde_json::to_string_pretty(&self)?))
            .with_context(|| file.display().to_string())
    }
}

pub fn now() -> Instant {
    Instant::from_micros(micros())
}

/// Since 1970.
pub fn micros() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since
        .ok()
        .and_then(|since| i64::try_from(since.as_micros()).ok())
        .unwrap_or(0)
}

/// `2 cores of …, 23 GiB; load 0.10 before`: from /proc, elsewhere less.
fn machine() -> String {
    let read = |file: &str| fs::read_to_string(file).unwrap_or_default();
    let field = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name));
        line.and_then(|line| Some(line.split_once(':')?.1.trim().to_owned()))
    };
    let processors = read("/proc/cpuinfo");
    let cores = processors.matches("\nprocessor").count() + 1;
    let model = field(&processors, "model name").unwrap_or("unknown model".to_owned());
    let memory = field(&read("/proc/meminfo"), "MemTotal")
        .and_then(|text| text.split(' ').next()?.parse::<u64>().ok())
        .map_or(0, |kib| kib >> 20);
    let load = read("/proc/loadavg");
    let load = load.split(' ').next().unwrap_or_default();
    format!("{cores} cores of {model}, {memory} GiB; load {load} before")
}
