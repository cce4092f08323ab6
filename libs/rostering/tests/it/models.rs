//! Random models that use everything the model can say, small enough for brute force.

use proptest::prelude::*;
use rostering::{
    Banned, Cover, DayKind, Demand, Fairness, Fixed, Leave, Model, Pairing, Person, Request, Rules, Share,
    Shift, Wish,
};

/// Up to how large a random model is.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    pub days: usize,
    pub people: usize,
    pub shifts: usize,
}

fn shift(index: usize, shifts: usize) -> impl Strategy<Value = Shift> {
    let begins = prop::sample::select(vec![0_u32, 360, 540, 720, 1320]);
    let lengths = prop::sample::select(vec![240_u32, 480, 600]);
    let after = prop::collection::vec(0..shifts, 0..2);
    (begins, lengths, after, 0..2_u32, prop::bool::weighted(0.2)).prop_map(
        move |(start, length, mut after, breaks, skilled)| {
            after.sort_unstable();
            after.dedup();
            let skills = if skilled && index > 0 { vec![0] } else { Vec::new() };
            let counted = length - breaks * 60;
            Shift { counted, not_next_day: after, skills, ..Shift::new(format!("s{index}"), start, length) }
        },
    )
}

fn rules(size: Size) -> impl Strategy<Value = Rules> {
    let days = size.days as u32;
    let maybe = |range: std::ops::Range<u32>| prop::option::weighted(0.4, range);
    let caps = prop::collection::vec(maybe(0..days), size.shifts);
    let horizon = (maybe(0..days * 200), maybe(days * 200..days * 400));
    let weekly = (maybe(0..600), maybe(900..2400), maybe(2..7));
    let runs =
        (0..3_u32, maybe(2..5), 0..3_u32, maybe(0..2), prop::sample::select(vec![0_u32, 480, 720, 1440]));
    (caps, horizon, weekly, runs).prop_map(|(caps, horizon, weekly, runs)| Rules {
        caps,
        minutes_min: horizon.0.unwrap_or(0),
        minutes_max: horizon.1,
        week_minutes_min: weekly.0.unwrap_or(0),
        week_minutes_max: weekly.1,
        week_days_max: weekly.2,
        work_run_min: runs.0,
        work_run_max: runs.1,
        off_run_min: runs.2,
        weekends_max: runs.3,
        rest_min: runs.4,
    })
}

fn wish(shifts: usize) -> impl Strategy<Value = Wish> {
    prop_oneof![
        (0..shifts).prop_map(Wish::Shift),
        (0..shifts).prop_map(Wish::NotShift),
        Just(Wish::Work),
        Just(Wish::Off)
    ]
}

fn person(index: usize, size: Size) -> impl Strategy<Value = Person> {
    let Size { days, shifts, .. } = size;
    let request =
        (0..days, wish(shifts), 0..6_i64).prop_map(|(day, wish, weight)| Request { day, wish, weight });
    let fixed = (0..days, prop::option::of(0..shifts)).prop_map(|(day, shift)| Fixed { day, shift });
    let leave =
        (0..days, prop::sample::select(vec![0_u32, 240])).prop_map(|(day, counted)| Leave { day, counted });
    let banned = (0..days, 0..shifts).prop_map(|(day, shift)| Banned { day, shift });
    let history = prop::collection::vec(prop::option::of(0..shifts), 0..9);
    (
        rules(size),
        prop::collection::vec(request, 0..5),
        prop::option::weighted(0.2, fixed),
        prop::option::weighted(0.3, leave),
        prop::option::weighted(0.3, banned),
        history,
        any::<bool>(),
    )
        .prop_map(move |(rules, requests, fixed, leave, banned, history, skilled)| Person {
            skills: if skilled { vec![0] } else { Vec::new() },
            rules,
            requests,
            fixed: fixed.into_iter().collect(),
            leave: leave.into_iter().collect(),
            banned: banned.into_iter().collect(),
            history,
            ..Person::new(format!("p{index}"))
        })
}

fn needs(size: Size) -> impl Strategy<Value = (Vec<Cover>, Vec<Demand>)> {
    let Size { days, people, shifts } = size;
    let heads = 0..=people as u32;
    let skill = prop::option::weighted(0.3, Just(0_usize));
    let cover = (0..days, 0..shifts, skill.clone(), heads.clone(), 0..20_i64, 0..4_i64).prop_map(
        |(day, shift, skill, required, under, over)| Cover { day, shift, skill, required, under, over },
    );
    let hours =
        (prop::sample::select(vec![0_u32, 480, 600, 1380]), prop::sample::select(vec![60_u32, 180, 300]));
    let demand = (0..days, hours, skill, heads, 0..20_i64, 0..4_i64).prop_map(
        |(day, (from, length), skill, required, under, over)| Demand {
            day,
            from,
            to: from + length,
            shifts: Vec::new(),
            skill,
            required,
            under,
            over,
        },
    );
    (prop::collection::vec(cover, 0..8), prop::collection::vec(demand, 0..4))
}

fn sharing(size: Size) -> impl Strategy<Value = (Vec<Fairness>, Vec<Pairing>)> {
    let Size { days, people, shifts } = size;
    let kind = prop::sample::select(vec![DayKind::Every, DayKind::Weekend, DayKind::Weekday]);
    let shares = prop::collection::vec((0..3_u32, 0..2_u32), people);
    let fairness = (prop::collection::vec(0..shifts, 0..2), kind, shares, 0..5_i64).prop_map(
        |(shifts, days, shares, weight)| Fairness {
            name: "load".into(),
            shifts,
            days,
            shares: shares
                .into_iter()
                .enumerate()
                .map(|(person, (low, more))| Share { person, low, high: low + more })
                .collect(),
            weight,
        },
    );
    let pairing = (0..people, 1..people.max(2), 0..9_i64).prop_map(move |(trainee, other, weight)| Pairing {
        trainee,
        mentor: (trainee + other) % people,
        from: 0,
        to: days - 1,
        weight,
    });
    let pairings = prop::collection::vec(pairing, 0..2);
    (prop::collection::vec(fairness, 0..2), pairings)
        .prop_map(move |(fairness, pairings)| (fairness, if people > 1 { pairings } else { Vec::new() }))
}

/// Random models of up to a size; rules may contradict each other.
pub fn any_model(size: Size) -> impl Strategy<Value = Model> {
    (1..=size.days, 1..=size.people, 1..=size.shifts).prop_flat_map(|(days, people, shifts)| {
        let size = Size { days, people, shifts };
        let shift_list: Vec<_> = (0..shifts).map(|index| shift(index, shifts)).collect();
        let person_list: Vec<_> = (0..people).map(|index| person(index, size)).collect();
        let calendar =
            (0..7_u8, prop::sample::select(vec![vec![5_u8, 6], vec![6, 0], vec![6], vec![]]), 0..7_u8);
        (calendar, shift_list, person_list, needs(size), sharing(size)).prop_map(
            move |(
                (first_weekday, weekend, week_start),
                shifts,
                people,
                (cover, demand),
                (fairness, pairings),
            )| Model {
                days,
                first_weekday,
                weekend,
                week_start,
                skills: vec!["night".into()],
                shifts,
                people,
                cover,
                demand,
                fairness,
                pairings,
            },
        )
    })
}
