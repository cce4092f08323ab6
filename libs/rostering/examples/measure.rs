//! Solves instances in the text format and prints a line for each: `measure SECONDS THREADS SEED FILE...`, or `measure NUMBERsteps ...` for a
//! number of steps that takes as long as it takes: on a busy machine that is what can be compared.

use std::ops::ControlFlow;
use std::time::Duration;

use rostering::{Options, read_model, solve};

#[expect(clippy::print_stdout, reason = "it is what the example is for")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [seconds, threads, seed, files @ ..] = &arguments[..] else {
        return Err("SECONDS|NUMBERsteps THREADS SEED FILE...".into());
    };
    for file in files {
        let model = read_model(&std::fs::read_to_string(file)?)?;
        let (time_limit, step_limit) = match seconds.strip_suffix("steps") {
            Some(steps) => (None, Some(steps.parse()?)),
            None => (Some(Duration::from_secs_f64(seconds.parse()?)), None),
        };
        let options = Options {
            time_limit,
            step_limit,
            threads: threads.parse()?,
            seed: seed.parse()?,
            ..Options::default()
        };
        let mut trace = Vec::new();
        let solution = solve(&model, &options, &mut |progress| {
            let next = 0.25 * 2_f64.powi(trace.len() as i32);
            if progress.seconds >= next {
                trace.push((progress.seconds.round(), progress.objective.unwrap_or(-1), progress.bound));
            }
            ControlFlow::Continue(())
        })?;
        println!(
            "{file} objective {} bound {} ({:?}) gap {:.2} % first {:.2} s in {:.1} s, {} steps, {:?} {trace:?}",
            solution.objective,
            solution.bound,
            solution.bound_proof,
            100.0 * solution.gap(),
            solution.first_feasible_seconds,
            solution.seconds,
            solution.steps,
            solution.stopped,
        );
    }
    Ok(())
}
