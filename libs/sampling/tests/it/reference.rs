//! The independent verifier in Python, which shares no line with this crate, comes to the same verdicts.

use std::{
    io::Write,
    process::{Command, Output, Stdio},
};

use sampling::{Bundle, Counts, Plan, verify};

use crate::support::{bundle, chats, seed, with_excluded, with_own_plan};

type Change = fn(&mut Bundle);

fn python(bundle: &Bundle) -> Output {
    let mut child = Command::new("python3")
        .args([concat!(env!("CARGO_MANIFEST_DIR"), "/verify.py"), "-"])
        .env("PYTHONIOENCODING", "utf-8")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("python3 starts");
    // Dropping the pipe ends the script's input.
    child.stdin.take().unwrap().write_all(&serde_json::to_vec(bundle).unwrap()).unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn python_accepts_what_we_accept() {
    for (number, sizes) in [(1, &[12, 5, 2, 0][..]), (2, &[40, 1][..]), (3, &[][..])] {
        let honest = bundle(&seed(number), 5, sizes);
        verify(&honest).unwrap();
        let output = python(&honest);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let mut open = honest.clone();
        open.late_seeds[0].seed = None;
        assert!(verify(&open.clone().sealed()).is_ok() && python(&open.sealed()).status.success());
        let agents = format!("ok: {} agents", sizes.len());
        assert!(String::from_utf8_lossy(&output.stdout).starts_with(&agents));
    }
}

#[test]
fn python_knows_plans_of_teams() {
    let plan = Plan { size: 3, threshold: 20, counts: Counts::AllMessages };
    let honest = with_own_plan(bundle(&seed(1), 5, &[12, 5, 2]), 0, plan);
    verify(&honest).unwrap();
    let output = python(&honest);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut changed = honest;
    changed.agents[0].plan = None;
    assert!(!python(&changed).status.success());
}

#[test]
fn python_knows_exclusions() {
    let plan = Plan { size: 3, threshold: 20, counts: Counts::AllMessages };
    let plain = bundle(&seed(1), 5, &[12, 5, 0]);
    for honest in [
        with_excluded(plain.clone(), 0, chats(500, 3)),
        with_excluded(plain.clone(), 2, chats(2500, 1)),
        with_excluded(with_own_plan(plain, 0, plan), 0, chats(500, 2)),
    ] {
        verify(&honest).unwrap();
        let output = python(&honest);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let mut changed = honest;
        let place = changed.agents.iter().position(|agent| !agent.excluded.is_empty()).unwrap();
        changed.agents[place].excluded.pop();
        assert!(!python(&changed.sealed()).status.success());
    }
}

#[test]
fn python_refuses_what_we_refuse() {
    let honest = bundle(&seed(1), 5, &[12, 5, 2]);
    let changes: [(&str, Change); 6] = [
        ("commitment", |bundle| bundle.seed = seed(2)),
        ("hash of", |bundle| drop(bundle.agents[0].eligible.pop())),
        ("sample of", |bundle| drop(bundle.agents[0].drawn.pop())),
        ("list hash", |bundle| bundle.plan.threshold = 9),
        ("the rule gives", |bundle| bundle.late[0].accepted = !bundle.late[0].accepted),
        ("seal", |bundle| bundle.before_day = false),
    ];
    for (said, change) in changes {
        let mut changed = honest.clone();
        change(&mut changed);
        verify(&changed).unwrap_err();
        let output = python(&changed);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && error.contains(said), "{said}: {error}");
    }
}
