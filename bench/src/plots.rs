//! The figures of target/bench as pictures, and as the tables of the README: nothing there is typed by hand.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use clap::Parser;

use crate::figures::{Plot, Report, Shape};
use crate::server::folder;

#[derive(Parser)]
pub struct Plots {}

const WIDTH: f64 = 720.0;
/// Of the text, too: it has no other measure.
const LINE: f64 = 26.0;
const COLOURS: [&str; 8] = [
    "#2563eb", "#d97706", "#059669", "#dc2626", "#7c3aed", "#0891b2", "#be185d", "#4d7c0f",
];

pub fn run(_: &Plots) -> Result<()> {
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = home.join("README.md");
    let mut text = fs::read_to_string(&readme)?;
    let mut files: Vec<_> = fs::read_dir(folder())
        .context("nothing was measured yet")?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|end| end == "json"))
        .collect();
    files.sort();
    fs::create_dir_all(home.join("plots"))?;
    for file in files {
        let report: Report = serde_json::from_slice(&fs::read(&file)?)
            .with_context(|| format!("{}: measure it again", file.display()))?;
        for plot in &report.plots {
            let path = home.join("plots").join(format!("{}.svg", plot.name));
            fs::write(path, svg(plot))?;
        }
        text = between(&text, &report)?;
        println!("{}: a table, {} pictures", report.bench, report.plots.len());
    }
    Ok(fs::write(readme, text)?)
}

/// The text with the report's table between its marks.
fn between(text: &str, report: &Report) -> Result<String> {
    let (begin, end) = (
        format!("<!-- {} -->\n", report.bench),
        format!("<!-- /{} -->", report.bench),
    );
    let (head, rest) = text
        .split_once(&begin)
        .with_context(|| format!("README.md has no `{}`", begin.trim()))?;
    let (_, tail) = rest
        .split_once(&end)
        .with_context(|| format!("README.md has no `{end}`"))?;
    ensure!(!report.columns.is_empty(), "{} has no table", report.bench);
    let row = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let mut table = row(&report.columns);
    writeln!(
        table,
        "| --- |{}",
        " ---: |".repeat(report.columns.len() - 1)
    )?;
    for cells in &report.rows {
        table += &row(cells);
    }
    if !report.aim.is_empty() {
        write!(table, "\nAim: {}.\n", report.aim)?;
    }
    write!(
        table,
        "\n{}: {}; {}.\n",
        report.measured, report.machine, report.placement
    )?;
    for plot in &report.plots {
        write!(table, "\n![{}](plots/{}.svg)\n", plot.title, plot.name)?;
    }
    Ok(format!("{head}{begin}{table}{end}{tail}"))
}

fn svg(plot: &Plot) -> String {
    let (height, inside) = match &plot.shape {
        Shape::Bars(bars) => bars_of(bars),
        Shape::Lines { across, series } => lines_of(across, series),
    };
    format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="system-ui, sans-serif" font-size="13" fill="#111">
<rect width="{WIDTH}" height="{height}" fill="#fff"/>
<text x="16" y="26" font-size="15" font-weight="600">{}, {}</text>
{inside}</svg>
"##,
        escaped(&plot.title),
        escaped(&plot.unit)
    )
}

fn bars_of(bars: &[(String, f64)]) -> (f64, String) {
    let (left, right) = (190.0, WIDTH - 90.0);
    let most = bars.iter().map(|(_, value)| *value).fold(0.0, f64::max);
    let mut inside = String::new();
    for (place, (name, value)) in bars.iter().enumerate() {
        let (y, width) = (44.0 + place as f64 * LINE, (right - left) * value / most);
        inside += &format!(
            "<text x=\"{:.0}\" y=\"{:.0}\" text-anchor=\"end\">{}</text>\n\
             <rect x=\"{left:.0}\" y=\"{y:.0}\" width=\"{width:.1}\" height=\"{:.0}\" fill=\"{}\"/>\n\
             <text x=\"{:.0}\" y=\"{:.0}\">{}</text>\n",
            left - 8.0,
            y + 14.0,
            escaped(name),
            LINE - 6.0,
            COLOURS[place % COLOURS.len()],
            left + width + 6.0,
            y + 14.0,
            short(*value)
        );
    }
    (56.0 + bars.len() as f64 * LINE, inside)
}

type Series = (String, Vec<(f64, f64)>);

fn lines_of(across: &str, series: &[Series]) -> (f64, String) {
    let (left, right, top, bottom) = (60.0, WIDTH - 24.0, 48.0, 320.0);
    let points = || series.iter().flat_map(|(_, points)| points);
    let x = Axis::over(points().map(|(x, _)| *x), left, right);
    let y = Axis::over(points().map(|(_, y)| *y), bottom, top);
    let mut inside = String::new();
    for (value, name) in y.marks() {
        let at = y.at(value);
        inside += &format!(
            "<path d=\"M{left:.0} {at:.1}H{right:.0}\" stroke=\"#ddd\"/>\n\
             <text x=\"{:.0}\" y=\"{:.1}\" text-anchor=\"end\">{name}</text>\n",
            left - 8.0,
            at + 4.0
        );
    }
    for (value, name) in x.marks() {
        let at = x.at(value);
        inside += &format!(
            "<path d=\"M{at:.1} {top:.0}V{bottom:.0}\" stroke=\"#ddd\"/>\n\
             <text x=\"{at:.1}\" y=\"{:.0}\" text-anchor=\"middle\">{name}</text>\n",
            bottom + 18.0
        );
    }
    inside += &format!(
        "<text x=\"{right:.0}\" y=\"{:.0}\" text-anchor=\"end\">{}</text>\n",
        bottom + 36.0,
        escaped(across)
    );
    for (place, (name, points)) in series.iter().enumerate() {
        let colour = COLOURS[place % COLOURS.len()];
        let line: Vec<String> = points
            .iter()
            .map(|(px, py)| format!("{:.1},{:.1}", x.at(*px), y.at(*py)))
            .collect();
        let key = bottom + 56.0 + (place / 2) as f64 * LINE;
        let beside = left + (place % 2) as f64 * (right - left) / 2.0;
        inside += &format!(
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>\n\
             <rect x=\"{beside:.0}\" y=\"{:.0}\" width=\"12\" height=\"12\" fill=\"{colour}\"/>\n\
             <text x=\"{:.0}\" y=\"{key:.0}\">{}</text>\n",
            line.join(" "),
            key - 11.0,
            beside + 18.0,
            escaped(name)
        );
        for (px, py) in points {
            inside += &format!(
                "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\" fill=\"{colour}\"/>\n",
                x.at(*px),
                y.at(*py)
            );
        }
    }
    let keys = series.len().div_ceil(2) as f64;
    (bottom + 50.0 + keys * LINE, inside)
}

/// A logarithmic one, between whole powers of ten or their thirds.
struct Axis {
    from: f64,
    until: f64,
    start: f64,
    end: f64,
}

impl Axis {
    fn over(values: impl Iterator<Item = f64>, start: f64, end: f64) -> Self {
        let (mut least, mut most) = (f64::INFINITY, 1e-3);
        for value in values.filter(|value| *value > 0.0) {
            (least, most) = (value.min(least), value.max(most));
        }
        let steps = steps();
        let from = steps.clone().rfind(|step| *step <= least).unwrap_or(1e-3);
        let until = steps.clone().find(|step| *step >= most && *step > from);
        Self {
            from,
            until: until.unwrap_or(1e9),
            start,
            end,
        }
    }

    fn at(&self, value: f64) -> f64 {
        let share = (value.max(self.from) / self.from).ln() / (self.until / self.from).ln();
        self.start + (self.end - self.start) * share
    }

    fn marks(&self) -> impl Iterator<Item = (f64, String)> {
        steps()
            .filter(|step| (self.from..=self.until).contains(step))
            .map(|step| (step, short(step)))
    }
}

/// … 1, 2, 5, 10 …
fn steps() -> impl DoubleEndedIterator<Item = f64> + Clone {
    (-3..9).flat_map(|power| [1.0, 2.0, 5.0].map(|digit| digit * 10_f64.powi(power)))
}

fn short(value: f64) -> String {
    match value {
        value if value >= 1e6 => format!("{:.1}M", value / 1e6).replace(".0M", "M"),
        value if value >= 1e4 => format!("{:.0}k", value / 1e3),
        value if value >= 100.0 => format!("{value:.0}"),
        value if value.fract() == 0.0 => format!("{value:.0}"),
        value if value >= 1.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
