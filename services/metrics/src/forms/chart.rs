//! Charts as SVG: drawn for the width of a phone, where two of them fill the width of a page of paper. Colours come
//! from the page, so that they follow its scheme.

use std::fmt::Write as _;

use crate::forms::value::{Style, grouped};
use crate::forms::words::Language;

/// Of the drawing, in its own units; about pixels on a phone.
const WIDTH: f64 = 360.0;
const HEIGHT: f64 = 190.0;
/// Room for the labels of the axes.
const LEFT: f64 = 52.0;
const RIGHT: f64 = 8.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 24.0;
/// Room for a name beside a bar, and for the value after it.
const NAMES: f64 = 96.0;
const VALUES: f64 = 78.0;
const BAR: f64 = 22.0;
/// Labels under the axis at most.
const LABELS: usize = 8;

/// A value of a chart.
#[derive(Debug, Clone)]
pub struct Point {
    /// What it is of.
    pub label: String,
    /// `None` leaves a gap.
    pub value: Option<f64>,
    /// The value as tables show it.
    pub shown: String,
}

/// Values to draw.
#[derive(Debug, Clone)]
pub struct Series {
    /// What they are.
    pub title: String,
    /// How values on the axis are written.
    pub style: Style,
    /// In their order.
    pub points: Vec<Point>,
}

/// The values of an axis: from, to, and the distance of two lines.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Axis {
    low: f64,
    high: f64,
    step: f64,
}

impl Axis {
    /// Round values that hold all of these; from nothing on unless they are far from it.
    fn of(values: impl Iterator<Item = f64> + Clone, from_zero: bool) -> Self {
        let high = values.clone().fold(f64::NEG_INFINITY, f64::max);
        let low = values.fold(f64::INFINITY, f64::min);
        if !high.is_finite() || !low.is_finite() {
            return Self { low: 0.0, high: 1.0, step: 0.5 };
        }
        let far = !from_zero && low > 0.0 && (high - low) < high / 3.0;
        let low = if far { low } else { low.min(0.0) };
        let high = if far { high } else { high.max(0.0) };
        let span = if high > low { high - low } else { high.abs().max(1.0) };
        let step = round_step(span / 4.0);
        let from = (low / step).floor() * step;
        let to = (high / step).ceil() * step;
        Self { low: from, high: if to > from { to } else { from + step }, step }
    }

    fn ticks(self) -> impl Iterator<Item = f64> {
        let count = ((self.high - self.low) / self.step).round() as i32;
        (0..=count).map(move |at| self.low + f64::from(at) * self.step)
    }

    /// Where a value stands between bottom (0) and top (1).
    fn place(self, value: f64) -> f64 {
        (value - self.low) / (self.high - self.low)
    }
}

/// The next of 1, 2, 5, 10, … that is not smaller.
fn round_step(at_least: f64) -> f64 {
    let power = 10_f64.powf(at_least.log10().floor());
    let round = [1.0, 2.0, 5.0, 10.0].into_iter().find(|round| round * power >= at_least * 0.999_999);
    round.unwrap_or(10.0) * power
}

/// A tick of an axis, short.
fn tick(value: f64, style: Style, step: f64, language: Language) -> String {
    let decimals = |step: f64| usize::from(step < 1.0) + usize::from(step < 0.1);
    match style {
        Style::Percent => format!("{:.*}%", decimals(step * 100.0), value * 100.0),
        _ if value.abs() >= 10_000.0 => {
            let (unit, name) = match language {
                Language::Chinese => (10_000.0, "万"),
                Language::English if value.abs() >= 1e6 => (1e6, "M"),
                Language::English => (1_000.0, "k"),
            };
            format!("{}{name}", grouped(&format!("{:.*}", decimals(step / unit), value / unit)))
        }
        _ => grouped(&format!("{value:.*}", decimals(step))),
    }
}

/// Text of a page.
pub fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c if c.is_control() && c != '\n' => safe.push(' '),
            c => safe.push(c),
        }
    }
    safe
}

fn put(svg: &mut String, text: std::fmt::Arguments<'_>) {
    // A string takes whatever is written to it.
    let _ = svg.write_fmt(text);
}

fn open(series: &Series, height: f64) -> String {
    let title = escape(&series.title);
    format!("<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{title}\">")
}

/// Grid, ticks and labels below.
fn frame(svg: &mut String, series: &Series, axis: Axis, language: Language) {
    let depth = HEIGHT - TOP - BOTTOM;
    for value in axis.ticks() {
        let y = TOP + depth * (1.0 - axis.place(value));
        put(
            svg,
            format_args!(
                "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>",
                WIDTH - RIGHT
            ),
        );
        let label = tick(value, series.style, axis.step, language);
        put(
            svg,
            format_args!(
                "<text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>",
                LEFT - 6.0,
                y + 4.0
            ),
        );
    }
    let every = series.points.len().div_ceil(LABELS).max(1);
    for (at, point) in series.points.iter().enumerate().step_by(every) {
        let x = center(at, series.points.len());
        let label = escape(&point.label);
        put(
            svg,
            format_args!(
                "<text class=\"tick\" x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{label}</text>",
                HEIGHT - 7.0
            ),
        );
    }
}

fn slot(count: usize) -> f64 {
    (WIDTH - LEFT - RIGHT) / count.max(1) as f64
}

fn center(at: usize, count: usize) -> f64 {
    LEFT + slot(count) * (at as f64 + 0.5)
}

fn values(series: &Series) -> impl Iterator<Item = f64> + Clone + '_ {
    series.points.iter().filter_map(|point| point.value)
}

/// A column for each value.
pub fn columns(series: &Series, language: Language) -> String {
    let axis = Axis::of(values(series), true);
    let mut svg = open(series, HEIGHT);
    frame(&mut svg, series, axis, language);
    let depth = HEIGHT - TOP - BOTTOM;
    let width = (slot(series.points.len()) * 0.7).min(36.0);
    let zero = axis.place(0.0);
    for (at, point) in series.points.iter().enumerate() {
        let Some(value) = point.value else { continue };
        let place = axis.place(value);
        let (x, y) = (center(at, series.points.len()) - width / 2.0, TOP + depth * (1.0 - place.max(zero)));
        let tall = depth * (place - zero).abs();
        let (label, shown) = (escape(&point.label), escape(&point.shown));
        put(
            &mut svg,
            format_args!(
                "<rect class=\"mark\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{tall:.1}\"><title>{label}: {shown}</title></rect>"
            ),
        );
    }
    svg + "</svg>"
}

/// A line through the values; what is missing leaves a gap.
pub fn line(series: &Series, language: Language) -> String {
    let axis = Axis::of(values(series), series.style == Style::Seconds);
    let mut svg = open(series, HEIGHT);
    frame(&mut svg, series, axis, language);
    let depth = HEIGHT - TOP - BOTTOM;
    let mut path = String::new();
    let mut dots = String::new();
    let mut pen_is_down = false;
    for (at, point) in series.points.iter().enumerate() {
        let Some(value) = point.value else {
            pen_is_down = false;
            continue;
        };
        let (x, y) = (center(at, series.points.len()), TOP + depth * (1.0 - axis.place(value)));
        put(&mut path, format_args!("{}{x:.1} {y:.1}", if pen_is_down { "L" } else { "M" }));
        pen_is_down = true;
        let (label, shown) = (escape(&point.label), escape(&point.shown));
        put(
            &mut dots,
            format_args!(
                "<circle class=\"dot\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\"><title>{label}: {shown}</title></circle>"
            ),
        );
    }
    put(&mut svg, format_args!("<path class=\"line\" d=\"{path}\"/>{dots}</svg>"));
    svg
}

/// A bar beside each name, with its value.
pub fn bars(series: &Series) -> String {
    let axis = Axis::of(values(series), true);
    let height = TOP + BAR * series.points.len() as f64;
    let mut svg = open(series, height);
    let reach = WIDTH - NAMES - VALUES;
    let zero = axis.place(0.0);
    for (at, point) in series.points.iter().enumerate() {
        let y = TOP / 2.0 + BAR * at as f64;
        let middle = y + BAR / 2.0 + 4.0;
        let (name, label, shown) = (escape(&cut(&point.label)), escape(&point.label), escape(&point.shown));
        put(
            &mut svg,
            format_args!(
                "<text class=\"name\" x=\"{:.1}\" y=\"{middle:.1}\" text-anchor=\"end\">{name}<title>{label}</title></text>",
                NAMES - 6.0
            ),
        );
        let Some(value) = point.value else { continue };
        let place = axis.place(value);
        let (x, long) = (NAMES + reach * place.min(zero), reach * (place - zero).abs());
        put(
            &mut svg,
            format_args!(
                "<rect class=\"mark\" x=\"{x:.1}\" y=\"{:.1}\" width=\"{long:.1}\" height=\"{:.1}\"><title>{label}: {shown}</title></rect>",
                y + 3.0,
                BAR - 6.0
            ),
        );
        put(
            &mut svg,
            format_args!(
                "<text class=\"value\" x=\"{:.1}\" y=\"{middle:.1}\">{shown}</text>",
                NAMES + reach * place.max(zero) + 5.0
            ),
        );
    }
    svg + "</svg>"
}

/// A name as far as there is room: a wide letter takes twice the room of others.
fn cut(name: &str) -> String {
    let mut room = 14;
    let mut short = String::new();
    for c in name.chars() {
        let width = if c.is_ascii() { 1 } else { 2 };
        if width > room {
            return short + "…";
        }
        room -= width;
        short.push(c);
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(values: &[Option<f64>], style: Style) -> Series {
        let point = |(at, value): (usize, &Option<f64>)| Point {
            label: format!("<{at}>"),
            value: *value,
            shown: value.map_or_else(String::new, |value| value.to_string()),
        };
        Series {
            title: "a \"title\"".to_owned(),
            style,
            points: values.iter().enumerate().map(point).collect(),
        }
    }

    #[test]
    fn axes_are_round_and_hold_everything() {
        let check = |values: &[f64], from_zero, low: f64, high: f64, step: f64| {
            let axis = Axis::of(values.iter().copied(), from_zero);
            let close = |a: f64, b: f64| (a - b).abs() < 1e-9;
            assert!(close(axis.low, low) && close(axis.high, high) && close(axis.step, step), "{axis:?}");
        };
        check(&[3.0, 17.0], true, 0.0, 20.0, 5.0);
        check(&[0.91, 0.97], false, 0.9, 0.98, 0.02);
        check(&[0.2, 0.9], false, 0.0, 1.0, 0.5);
        check(&[-20.0, 50.0], true, -20.0, 60.0, 20.0);
        check(&[0.0], true, 0.0, 0.5, 0.5);
        check(&[], true, 0.0, 1.0, 0.5);
    }

    #[test]
    fn a_gap_lifts_the_pen() {
        let svg = line(&series(&[Some(1.0), Some(2.0), None, Some(3.0)], Style::Ratio), Language::English);
        let path = svg.split("d=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a path");
        assert_eq!((path.matches('M').count(), path.matches('L').count()), (2, 1));
    }

    #[test]
    fn nothing_of_a_name_is_markup() {
        let drawn = [
            columns(&series(&[Some(1.0)], Style::Count), Language::Chinese),
            line(&series(&[Some(1.0)], Style::Percent), Language::Chinese),
            bars(&series(&[Some(1.0), Some(-2.0), None], Style::Amount)),
        ];
        for svg in drawn {
            assert!(svg.contains("aria-label=\"a &quot;title&quot;\"") && !svg.contains("<0>"), "{svg}");
            assert!(!svg.contains("NaN") && !svg.contains("inf"));
        }
    }

    #[test]
    fn ticks_are_short() {
        let check = |value, style, step, zh: &str, en: &str| {
            assert_eq!(tick(value, style, step, Language::Chinese), zh);
            assert_eq!(tick(value, style, step, Language::English), en);
        };
        check(25_000.0, Style::Amount, 5_000.0, "2.5万", "25k");
        check(0.925, Style::Percent, 0.005, "92.5%", "92.5%");
        check(1_500.0, Style::Count, 500.0, "1,500", "1,500");
        check(0.0, Style::Count, 0.5, "0.0", "0.0");
    }
}
