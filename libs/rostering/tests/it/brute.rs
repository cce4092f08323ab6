//! Brute force: every roster of a small model. It asks the checker alone.

use rostering::{Model, Roster, check};

type Row = Vec<Option<usize>>;

/// All rows of one person that the checker lets pass.
pub fn legal_rows(model: &Model, person: usize) -> Vec<Row> {
    let alone = Model {
        people: vec![model.people[person].clone()],
        cover: Vec::new(),
        demand: Vec::new(),
        fairness: Vec::new(),
        pairings: Vec::new(),
        ..model.clone()
    };
    let choices = model.shifts.len() + 1;
    let mut legal = Vec::new();
    for code in 0..choices.pow(model.days as u32) {
        let mut roster = Roster::of(&alone);
        for day in 0..model.days {
            roster.set(0, day, (code / choices.pow(day as u32) % choices).checked_sub(1));
        }
        if check(&alone, &roster).feasible {
            legal.push(roster.row(0).collect());
        }
    }
    legal
}

/// Shows every roster of legal rows and its cost.
pub fn every_roster(model: &Model, mut show: impl FnMut(&Roster, i64)) {
    let rows: Vec<_> = (0..model.people.len()).map(|person| legal_rows(model, person)).collect();
    if rows.iter().any(Vec::is_empty) {
        return;
    }
    let mut pick = vec![0; rows.len()];
    loop {
        let mut roster = Roster::of(model);
        for (person, index) in pick.iter().enumerate() {
            for (day, cell) in rows[person][*index].iter().enumerate() {
                roster.set(person, day, *cell);
            }
        }
        show(&roster, check(model, &roster).objective);
        let Some(next) = (0..pick.len()).find(|person| pick[*person] + 1 < rows[*person].len()) else {
            return;
        };
        pick[next] += 1;
        pick[..next].fill(0);
    }
}
