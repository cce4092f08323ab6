//! The solver.

mod automaton;
mod board;
mod counters;
mod dual;
mod oracle;
mod problem;
mod program;
mod worker;

use std::time::Instant;
use crate::model::Model;

#[doc(hidden)]
pub fn experiment(model: &Model, seconds: f64, mode: u32, t0: f64, dual_iterations: usize) {
    let begin = Instant::now();
    let problem = problem::Problem::new(model);
    let oracles: Vec<oracle::Oracle> = (0..problem.people).map(|p| oracle::Oracle::new(&problem, p).expect("fits")).collect();
    eprintln!("compiled {:.3}s, rows {}, size {} sum {}", begin.elapsed().as_secs_f64(), problem.rows.len(), oracles.iter().map(|o| o.size()).max().unwrap(), problem.price_sum());
    let mut w = worker::Worker::new(&problem, oracles, 1);
    let mut board = w.construct();
    eprintln!("constructed {:.3}s cost {}", begin.elapsed().as_secs_f64(), board.cost);
    w.descend(&mut board);
    eprintln!("descended {:.3}s cost {} steps {} ({:.1} us/step)", begin.elapsed().as_secs_f64(), board.cost, w.steps, begin.elapsed().as_secs_f64() * 1e6 / w.steps as f64);
    let scale = (problem::PRICE_SUM_MAX / problem.price_sum().max(1)).clamp(1, 1024) as i32;
    let mut m = dual::Multipliers::zero(&problem, scale);
    let s = w.steps; let t = Instant::now();
    let (bound, best) = w.dual(&mut m, board.cost, dual_iterations, true);
    eprintln!("dual {:.3}s bound {} ({:.1} us/step)", begin.elapsed().as_secs_f64(), dual::whole(bound, scale), t.elapsed().as_secs_f64() * 1e6 / (w.steps - s).max(1) as f64);
    let mut top = board.clone();
    let s = w.steps; let t = Instant::now();
    let until = || begin.elapsed().as_secs_f64() > seconds;
    let from = begin.elapsed().as_secs_f64();
    let temp = || t0 * (1.0 - (begin.elapsed().as_secs_f64() - from) / (seconds - from)).max(0.0).powi(2);
    w.search(&mut board, &mut top, &until, temp, (dual_iterations > 0).then_some(&best), mode);
    eprintln!("searched {:.3}s best {} now {} ({:.1} us/step)", begin.elapsed().as_secs_f64(), top.cost, board.cost, t.elapsed().as_secs_f64() * 1e6 / (w.steps - s).max(1) as f64);
    let report = crate::check::check(model, &top.roster());
    eprintln!("check {} {}", report.feasible, report.objective);
}
