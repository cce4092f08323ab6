//! `jinpai demo` as people type it: the first journey by itself, told in one line.

use std::process::Command;

use serde_json::{Value, json};

#[test]
fn the_demo_ends_with_the_eight_figures_of_its_journey() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_jinpai"));
    let output = command.arg("demo").output().expect("runs");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{told}");
    let out = String::from_utf8(output.stdout).expect("is text");
    let mut last: Value = serde_json::from_str(out.lines().last().expect("a line")).expect("one object");
    let seconds = last.as_object_mut().expect("an object").remove("seconds");
    assert!(seconds.and_then(|seconds| seconds.as_f64()).is_some_and(|seconds| seconds > 0.0), "{out}");
    let figures = json!({
        "conversations": 6205,
        "messages": 108_137,
        "long": 1507,
        "agent_days": 353,
        "drawn": 1432,
        "shortfall_agent_days": 338,
        "verified_days": 17,
    });
    assert_eq!(last, figures);
}
