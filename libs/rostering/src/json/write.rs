//! From the model to the file.

use super::days::{Day, Days, weekday_name};
use super::document::{self as file, Document, FORMAT};
use crate::model::{DayKind, Person, Rules, Wish};
use crate::problem::{Problem, clock};

/// Writes a problem as [`read_json`](crate::read_json) reads it: reading it back gives the same model, entry for entry.
#[must_use]
pub fn write_json(problem: &Problem) -> String {
    let mut text = serde_json::to_string_pretty(&document(problem))
        .expect("a document has string keys and whole numbers only");
    text.push('\n');
    text
}

/// Joins entries that follow each other and differ by their day alone. Days must ascend, or reading would put them in
/// another order.
fn join<M, F>(
    problem: &Problem,
    list: &[M],
    day: impl Fn(&M) -> usize,
    same: impl Fn(&M, &M) -> bool,
    entry: impl Fn(&M, Days) -> F,
) -> Vec<F> {
    list.chunk_by(|one, next| day(one) < day(next) && same(one, next))
        .map(|run| {
            let days: Vec<usize> = run.iter().map(&day).collect();
            entry(&run[0], Days::of(problem, &days))
        })
        .collect()
}

fn document(problem: &Problem) -> Document {
    let model = &problem.model;
    let names = |indexes: &[usize]| indexes.iter().map(|index| model.shifts[*index].id.clone()).collect();
    let skill = |index: &usize| model.skills[*index].clone();
    let cover = join(
        problem,
        &model.cover,
        |row| row.day,
        |one, next| {
            (one.shift, one.skill, one.required, one.under, one.over)
                == (next.shift, next.skill, next.required, next.under, next.over)
        },
        |row, days| file::Cover {
            days,
            shift: model.shifts[row.shift].id.clone(),
            skill: row.skill.as_ref().map(skill),
            required: row.required,
            under: row.under,
            over: row.over,
        },
    );
    let demand = join(
        problem,
        &model.demand,
        |row| row.day,
        |one, next| {
            (one.from, one.to, &one.shifts, one.skill, one.required, one.under, one.over)
                == (next.from, next.to, &next.shifts, next.skill, next.required, next.under, next.over)
        },
        |row, days| file::Demand {
            days,
            from: clock(row.from),
            to: clock(row.to),
            shifts: names(&row.shifts),
            skill: row.skill.as_ref().map(skill),
            required: row.required,
            under: row.under,
            over: row.over,
        },
    );
    let fairness = model.fairness.iter().map(|term| file::Fairness {
        name: term.name.clone(),
        shifts: names(&term.shifts),
        days: match term.days {
            DayKind::Every => file::Kind::Every,
            DayKind::Weekend => file::Kind::Weekend,
            DayKind::Weekday => file::Kind::Weekday,
        },
        shares: term
            .shares
            .iter()
            .map(|share| file::Share {
                person: model.people[share.person].id.clone(),
                low: share.low,
                high: share.high,
            })
            .collect(),
        weight: term.weight,
    });
    let pairings = model.pairings.iter().map(|pairing| file::Pairing {
        trainee: model.people[pairing.trainee].id.clone(),
        mentor: model.people[pairing.mentor].id.clone(),
        from: Some(Day::of(problem, pairing.from)),
        to: Some(Day::of(problem, pairing.to)),
        weight: pairing.weight,
    });
    Document {
        format: FORMAT.to_owned(),
        first_day: problem.first_day,
        first_weekday: problem.first_day.is_none().then(|| weekday_name(model.first_weekday).to_owned()),
        days: model.days,
        weekend: Some(model.weekend.iter().map(|day| weekday_name(*day).to_owned()).collect()),
        week_start: Some(weekday_name(model.week_start).to_owned()),
        skills: model.skills.clone(),
        shifts: model
            .shifts
            .iter()
            .map(|shift| file::Shift {
                id: shift.id.clone(),
                start: clock(shift.start),
                length: shift.length,
                counted: (shift.counted != shift.length).then_some(shift.counted),
                not_next_day: names(&shift.not_next_day),
                skills: shift.skills.iter().map(skill).collect(),
            })
            .collect(),
        people: model.people.iter().map(|one| person(problem, one)).collect(),
        cover,
        demand,
        fairness: fairness.collect(),
        pairings: pairings.collect(),
    }
}

fn person(problem: &Problem, person: &Person) -> file::Person {
    let model = &problem.model;
    let cell = |shift: Option<usize>| problem.cell_name(shift).to_owned();
    file::Person {
        id: person.id.clone(),
        skills: person.skills.iter().map(|skill| model.skills[*skill].clone()).collect(),
        rules: rules(problem, &person.rules),
        leave: join(
            problem,
            &person.leave,
            |leave| leave.day,
            |one, next| one.counted == next.counted,
            |leave, days| file::Leave { days, counted: leave.counted },
        ),
        fixed: join(
            problem,
            &person.fixed,
            |fixed| fixed.day,
            |one, next| one.shift == next.shift,
            |fixed, days| file::Cell { days, shift: cell(fixed.shift) },
        ),
        banned: join(
            problem,
            &person.banned,
            |banned| banned.day,
            |one, next| one.shift == next.shift,
            |banned, days| file::Cell { days, shift: cell(Some(banned.shift)) },
        ),
        requests: join(
            problem,
            &person.requests,
            |request| request.day,
            |one, next| (one.wish, one.weight) == (next.wish, next.weight),
            |request, days| {
                let (wish, shift) = match request.wish {
                    Wish::Shift(shift) => (file::Wish::Shift, Some(cell(Some(shift)))),
                    Wish::NotShift(shift) => (file::Wish::NotShift, Some(cell(Some(shift)))),
                    Wish::Work => (file::Wish::Work, None),
                    Wish::Off => (file::Wish::Off, None),
                    Wish::Keep(kept) => (file::Wish::Keep, Some(cell(kept))),
                };
                file::Request { days, wish, shift, weight: request.weight }
            },
        ),
        history: person.history.iter().map(|shift| cell(*shift)).collect(),
    }
}

fn rules(problem: &Problem, rules: &Rules) -> file::Rules {
    let shifts = problem.model.shifts.iter();
    let caps = rules.caps.iter().zip(shifts).filter_map(|(cap, shift)| Some((shift.id.clone(), (*cap)?)));
    file::Rules {
        caps: (!rules.caps.is_empty()).then(|| caps.collect()),
        minutes_min: rules.minutes_min,
        minutes_max: rules.minutes_max,
        week_minutes_min: rules.week_minutes_min,
        week_minutes_max: rules.week_minutes_max,
        week_days_max: rules.week_days_max,
        work_run_min: rules.work_run_min,
        work_run_max: rules.work_run_max,
        off_run_min: rules.off_run_min,
        weekends_max: rules.weekends_max,
        rest_min: rules.rest_min,
    }
}
