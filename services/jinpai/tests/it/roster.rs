//! `jinpai roster`: problems and rosters in files.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use testkit::Scratch;

const DECEMBER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../libs/rostering/testdata/december.json");
const SHORT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../libs/rostering/testdata/short.json");

/// Two weeks of three people in the public text format.
const TEXT: &str = "\
SECTION_HORIZON
14
SECTION_SHIFTS
E,480,
L,600,E
SECTION_STAFF
ann,E=14|L=3,4320,3360,5,2,2,1
bo,E=14|L=14,4320,3360,5,2,2,1
cy,E=14|L=0,4320,3360,5,2,2,1
SECTION_DAYS_OFF
ann,0
SECTION_SHIFT_ON_REQUESTS
ann,2,E,2
SECTION_COVER
2,E,1,100,1
3,E,2,100,1
";

struct Files {
    scratch: Scratch,
}

impl Files {
    fn new() -> Self {
        Self { scratch: Scratch::new() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        std::fs::write(self.path(name), text).expect("a scratch file");
        self.path(name)
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).expect(name)
    }
}

fn roster(args: &[&dyn AsRef<Path>]) -> Output {
    let args = args.iter().map(AsRef::as_ref);
    Command::new(env!("CARGO_BIN_EXE_jinpai")).arg("roster").args(args).output().expect("it runs")
}

fn json(output: &Output) -> Value {
    let told = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {told}"))
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}

#[test]
fn the_rotation_covers_every_day_and_goes_on_where_it_stopped() {
    let files = Files::new();
    let (one, one_roster) = (files.path("one.json"), files.path("one-roster.json"));
    let made = roster(&[&"template", &"rotation", &"--first-day", &"2026-12-07", &"--out", &one]);
    assert_eq!(made.status.code(), Some(0), "{made:?}");
    let solved = roster(&[&"solve", &one, &"--seconds", &"3", &"--out", &one_roster, &"--json"]);
    assert_eq!(solved.status.code(), Some(0), "{solved:?}");
    let told = json(&solved);
    assert_eq!((&told["solved"], &told["heads_missing"]), (&true.into(), &0.into()));
    assert_eq!(
        (&told["verdict"]["feasible"], &told["verdict"]["objective"]),
        (&true.into(), &told["objective"])
    );

    let checked = roster(&[&"check", &one, &one_roster]);
    assert_eq!(checked.status.code(), Some(0), "{checked:?}");
    let seen = text(&checked);
    assert!(seen.contains("客服一") && seen.contains("every hard rule is kept"), "{seen}");
    assert!(seen.contains("the certificate agrees"), "{seen}");

    let next = roster(&[&"template", &"rotation", &"--after", &one, &one_roster]);
    let next: Value = serde_json::from_slice(&next.stdout).expect("a problem");
    assert_eq!(next["first_day"], "2026-12-28");
    assert_eq!(next["people"][0]["history"].as_array().map(Vec::len), Some(21));
}

#[test]
fn a_roster_that_was_altered_is_found_out() {
    let files = Files::new();
    let (problem, solution) = (files.path("problem.json"), files.path("solution.json"));
    roster(&[&"template", &"rotation", &"--first-day", &"2026-12-07", &"--out", &problem]);
    let solved = roster(&[&"solve", &problem, &"--seconds", &"3", &"--out", &solution, &"--no-picture"]);
    assert_eq!(solved.status.code(), Some(0), "{solved:?}");
    // Whoever rests on the first day works it after all.
    let altered = files.read("solution.json").replacen("\"-\"", "\"A\"", 1);
    let altered = files.write("altered.json", &altered);
    let checked = roster(&[&"check", &problem, &altered, &"--json"]);
    assert_eq!(checked.status.code(), Some(3), "{checked:?}");
    let told = json(&checked);
    let differences = told["differences"].to_string();
    assert!(differences.contains("claims a cost of "), "{differences}");
    assert_ne!(told["penalties"][0]["cost"], 0);
    let untrue = files.read("solution.json").replacen("\"stopped\": \"", "\"stopped\": \"not ", 1);
    let told = json(&roster(&[&"check", &problem, &files.write("untrue.json", &untrue), &"--json"]));
    assert!(told["differences"].to_string().contains("claims a reason to stop"), "{told}");
    let other = files
        .write("other.json", &files.read("problem.json").replacen("\"required\": 1", "\"required\": 2", 1));
    let told = json(&roster(&[&"check", &other, &solution, &"--json"]));
    assert!(
        told["differences"][0].as_str().is_some_and(|text| text.starts_with("solved for input")),
        "{told}"
    );
}

#[test]
fn heads_that_cannot_be_had_end_with_status_3_and_a_reason() {
    let solved = roster(&[&"solve", &SHORT, &"--seconds", &"2", &"--json"]);
    assert_eq!(solved.status.code(), Some(3), "{solved:?}");
    let told = json(&solved);
    assert_eq!((&told["solved"], &told["heads_missing"]), (&true.into(), &1.into()));
    let reason = told["conflicts"][0]["text"].as_str().expect("a reason");
    assert!(
        reason.starts_with("Sun 8 Nov 19:00–24:00 needs 6 agents, at most 5 of 8 can work: two on leave"),
        "{reason}"
    );
    assert_eq!(told["conflicts"][0]["minimal"], true);
    let told = text(&roster(&[&"solve", &SHORT, &"--seconds", &"2"]));
    assert!(told.contains("\n1 head is missing:\n"), "{told}");
}

#[test]
fn rules_that_contradict_each_other_end_with_status_3_and_their_names() {
    let files = Files::new();
    let problem =
        files.write("problem.txt", &TEXT.replacen("bo,E=14|L=14,4320,3360", "bo,E=0|L=2,4320,3360", 1));
    let solved = roster(&[&"solve", &problem, &"--seconds", &"2"]);
    assert_eq!(solved.status.code(), Some(3), "{solved:?}");
    let told = text(&solved);
    let head = "there is no roster, whoever else works what: hard rules contradict each other for bo\n  bo: ";
    assert!(told.starts_with(head), "{told}");
    assert!(told.contains("at most 0 of E") && told.contains("at least 3360 minutes"), "{told}");
    let unexplained =
        roster(&[&"solve", &problem, &"--seconds", &"2", &"--explain-seconds", &"0", &"--json"]);
    assert_eq!(unexplained.status.code(), Some(3), "{unexplained:?}");
    let told = json(&unexplained);
    assert_eq!(told["stuck"].to_string(), "[\"bo\"]");
    assert_eq!(told["conflicts"].to_string(), "[]", "no time was given to look for a reason");
}

#[test]
fn text_stays_text_and_steps_make_runs_repeatable() {
    let files = Files::new();
    let problem = files.write("problem.txt", TEXT);
    let solve = |out: &str| {
        let output =
            roster(&[&"solve", &problem, &"--steps", &"200", &"--seed", &"5", &"--out", &files.path(out)]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        files.read(out)
    };
    let once = solve("once");
    assert_eq!(once.lines().count(), 3, "{once}");
    assert_eq!(solve("again"), once);
    let checked = roster(&[&"check", &problem, &files.path("once"), &"--json"]);
    assert_eq!(checked.status.code(), Some(0), "{checked:?}");
}

#[test]
fn a_warm_start_that_must_be_kept_changes_nothing_without_need() {
    let files = Files::new();
    let (solution, kept, page) = (files.path("one.json"), files.path("two.json"), files.path("page.html"));
    let solved = roster(&[&"solve", &DECEMBER, &"--steps", &"300", &"--out", &solution, &"--json"]);
    assert!(matches!(solved.status.code(), Some(0 | 3)), "{solved:?}");
    let args: [&dyn AsRef<Path>; 14] = [
        &"solve",
        &DECEMBER,
        &"--steps",
        &"300",
        &"--warm",
        &solution,
        &"--keep-weight",
        &"100000",
        &"--html",
        &page,
        &"--json",
        &"--no-picture",
        &"--out",
        &kept,
    ];
    let again = roster(&args);
    let told = json(&again);
    assert_eq!(told["changes"], 0, "{told}");
    let args: [&dyn AsRef<Path>; 8] =
        [&"check", &DECEMBER, &kept, &"--warm", &solution, &"--keep-weight", &"100000", &"--json"];
    let checked = roster(&args);
    assert_eq!(checked.status.code(), Some(0), "{checked:?}");
    let without = json(&roster(&[&"check", &DECEMBER, &kept, &"--json"]));
    assert!(without["differences"].to_string().contains("it was to stay close to a roster"), "{without}");
    let page = files.read("page.html");
    assert!(page.contains("<title>Roster December 2026</title>") && page.contains("韩梅梅"));
}

#[test]
fn new_leave_lets_go_of_the_frozen_cells_it_hits_and_says_so() {
    let files = Files::new();
    let (before, after) = (files.path("before.json"), files.path("after.json"));
    let first = files.write("first.json", &december_with_leave(None));
    roster(&[&"solve", &first, &"--steps", &"200", &"--out", &before, &"--json"]);
    let solution: Value = serde_json::from_str(&files.read("before.json")).expect("a solution");
    let row = solution["roster"][1]["cells"].as_array().expect("cells");
    let day = row.iter().take(6).position(|cell| cell != "-").expect("nobody is off for a week");
    let second = files.write("second.json", &december_with_leave(Some(day)));
    let kept: [&dyn AsRef<Path>; 6] = [&"--warm", &before, &"--keep-weight", &"5", &"--frozen-days", &"6"];
    let solve: [&dyn AsRef<Path>; 7] = [&"solve", &second, &"--steps", &"200", &"--out", &after, &"--json"];
    let told = json(&roster(&[&solve[..], &kept[..]].concat()));
    let released: Vec<&str> =
        told["released"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
    assert!(released.iter().all(|words| words.starts_with("韩梅梅: ")), "{released:?}");
    assert!(released.iter().any(|words| words.ends_with("is not kept: on leave now")), "{released:?}");
    let check: [&dyn AsRef<Path>; 4] = [&"check", &second, &after, &"--json"];
    let checked = roster(&[&check[..], &kept[..]].concat());
    assert_eq!(checked.status.code(), Some(0), "{}", text(&checked));
}

/// December, with a day more of leave for the second person.
fn december_with_leave(day: Option<usize>) -> String {
    let text = std::fs::read_to_string(DECEMBER).expect("the example");
    let mut problem: Value = serde_json::from_str(&text).expect("an object");
    if let Some(day) = day {
        problem["people"][1]["leave"] = serde_json::json!([{ "days": day, "counted": 480 }]);
    }
    problem.to_string()
}

#[test]
fn what_cannot_be_read_names_file_place_and_reason() {
    let files = Files::new();
    let refused = |name: &str, content: &str, message: &str| {
        let output = roster(&[&"solve", &files.write(name, content)]);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(told.contains(name) && told.contains(message), "{told}");
    };
    refused(
        "a.txt",
        &TEXT.replacen("L,600,E", "L,600,X", 1),
        "line 5, shifts that cannot follow: \"X\" is unknown",
    );
    refused("b.json", "{\"format\": \"jinpai.roster/1\", \"day\": 3}", "day: unknown field `day`");
    let missing = roster(&[&"check", &SHORT, &files.path("nowhere.json")]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&missing.stderr).contains("nowhere.json can't be read"));
    let usage = roster(&[&"solve", &SHORT, &"--keep-weight", &"3"]);
    assert_eq!(usage.status.code(), Some(2), "--keep-weight needs --warm");
}

#[cfg(target_os = "linux")]
#[test]
fn an_interrupt_ends_with_the_best_roster_so_far() {
    use std::process::Stdio;
    use std::time::{Duration, Instant};

    let files = Files::new();
    let mut running = Command::new(env!("CARGO_BIN_EXE_jinpai"))
        .args(["roster", "solve", DECEMBER, "--seconds", "600", "--explain-seconds", "0", "--json", "--out"])
        .arg(files.path("roster.json"))
        .stdout(Stdio::piped())
        .spawn()
        .expect("it runs");
    // Two seconds of work: by then it listens, and has a roster.
    let worked = || {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", running.id())).expect("it still runs");
        let after_name = stat.rsplit(')').next().expect("fields").split_whitespace().nth(11);
        after_name.and_then(|ticks| ticks.parse::<u64>().ok()).expect("ticks of a hundredth")
    };
    let deadline = Instant::now() + Duration::from_secs(60);
    while worked() < 200 {
        assert!(Instant::now() < deadline, "it does not work");
        std::thread::sleep(Duration::from_millis(20));
    }
    let id = rustix::process::Pid::from_child(&running);
    rustix::process::kill_process(id, rustix::process::Signal::INT).expect("it takes signals");
    let status = running.wait().expect("it ends");
    assert!(matches!(status.code(), Some(0 | 3)), "{status}");
    let told: Value = serde_json::from_reader(running.stdout.take().expect("its output")).expect("an object");
    assert_eq!(told["stopped"], "cancelled");
    let checked = roster(&[&"check", &DECEMBER, &files.path("roster.json"), &"--json"]);
    assert_eq!(checked.status.code(), Some(0), "{checked:?}");
}
