//! A report as data: what was frozen, with each figure's value, unit and name beside its parts.

use anyhow::{Context, Result};
use serde_json::{Value as Json, json};

use crate::domain::any_measure::AnyMeasure;
use crate::domain::report::document::{Document, Figure};
use crate::forms::value::{Style, Value};
use crate::forms::words::Language;

/// The document as JSON, in UTF-8.
pub fn write(document: &Document, language: Language) -> Result<Vec<u8>> {
    let mut all = serde_json::to_value(document)?;
    all["title"] = super::title(document, language).into();
    all["language"] = language.tag().into();
    let mut lines: Vec<&mut Json> = Vec::new();
    for (name, value) in all.as_object_mut().context("a document is an object")? {
        match name.as_str() {
            "whole" | "previous" | "last_year" => lines.push(value),
            "course" => lines.extend(value.as_array_mut().into_iter().flatten()),
            "groups" => {
                for group in value.as_array_mut().into_iter().flatten() {
                    for (part, value) in group.as_object_mut().into_iter().flatten() {
                        match part.as_str() {
                            "now" | "previous" => lines.extend(value.as_array_mut().into_iter().flatten()),
                            "rest" => {
                                let rest = value.as_object_mut().into_iter().flatten();
                                lines.extend(rest.filter(|(name, _)| *name != "count").map(|(_, line)| line));
                            }
                            _ => {}
                        }
                    }
                }
            }
            _ => {}
        }
    }
    for line in lines {
        tell_figures(line, document, language)?;
    }
    Ok(serde_json::to_vec_pretty(&all)?)
}

fn tell_figures(line: &mut Json, document: &Document, language: Language) -> Result<()> {
    let states = ["state", "conversion_state", "refund_state"].map(|field| line[field].clone());
    let figures = line.get_mut("figures").and_then(Json::as_object_mut).context("a line has figures")?;
    for (name, told) in figures {
        let figure: Figure = serde_json::from_value(told.take())?;
        let measure = AnyMeasure::by_name(name).with_context(|| format!("there is no figure {name}"))?;
        let seconds = |bucket| Value::Bucket(bucket).number();
        let value = Value::of(measure, figure, &document.currency);
        *told = json!({
            "name": language.measure(name),
            "unit": Style::of(measure).name(),
            "numerator": figure.above,
            "denominator": figure.below,
            "value": number(value),
            "state": states[measure.window() as usize],
        });
        if let Some(median) = figure.median {
            told["median_seconds"] = seconds(median).into();
        }
        if let Some(p90) = figure.p90 {
            told["p90_seconds"] = seconds(p90).into();
        }
    }
    Ok(())
}

/// Counts stay whole numbers; amounts are text, so that no reader rounds them.
fn number(value: Value) -> Json {
    match value {
        Value::Count(count) => count.into(),
        Value::Amount(..) => value.exact().into(),
        value => value.number().into(),
    }
}
