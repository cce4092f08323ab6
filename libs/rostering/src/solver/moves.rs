//! Small moves: a few cells change, the roster stays legal, the cost decides.
//!
//! A million of them take a second. What they can't do, because every way leads over a row that breaks a rule, is left to the
//! programme.

use rand::Rng;
use rand::rngs::SmallRng;

use super::board::Board;
use super::problem::{FORBIDDEN, Problem};
use super::tally::Tallies;
use crate::model::Wish;

/// Days that a swap of two people spans at most.
const SWAP_MAX: usize = 14;

/// Wishes looked at for one that isn't granted.
const GRANT_TRIES: usize = 8;

/// A cell to be changed, or one that was.
#[derive(Debug, Clone, Copy)]
struct Edit {
    person: usize,
    day: usize,
    cell: u16,
}

/// Proposes moves and makes those that stay.
#[derive(Debug)]
pub(crate) struct Moves<'a> {
    problem: &'a Problem<'a>,
    /// What each person may work on some day, as cells (shift + 1).
    work: Vec<Vec<u16>>,
    /// Wishes that cost something: person, day, wish.
    wishes: Vec<(usize, usize, Wish)>,
    /// Days and cells with heads missing.
    short_of: Vec<(usize, u16)>,
    /// A person's edits stand together, days ascending.
    edits: Vec<Edit>,
    /// Whether the move leaves all counts as they are.
    even: bool,
    /// Cells as they were before the move.
    old: Vec<Edit>,
}

impl<'a> Moves<'a> {
    pub fn new(problem: &'a Problem<'a>) -> Self {
        let choices = problem.shifts + 1;
        let may = |person: usize, cell: usize| {
            problem.own(person).iter().skip(cell).step_by(choices).any(|cost| *cost < FORBIDDEN)
        };
        let cells = |person: usize| -> Vec<u16> {
            (1..choices).filter(|cell| may(person, *cell)).map(|cell| cell as u16).collect()
        };
        let work = (0..problem.people).map(cells).collect();
        let people = problem.model.people.iter().enumerate();
        let wishes = people.flat_map(|(index, person)| {
            let of_person = person.requests.iter().filter(|request| request.weight > 0);
            of_person.map(move |request| (index, request.day, request.wish))
        });
        let wishes = wishes.collect();
        Self { problem, work, wishes, short_of: Vec::new(), edits: Vec::new(), even: false, old: Vec::new() }
    }

    /// Proposes a move; makes it if the rules allow it and it costs less, or with the chance that `temperature` gives.
    pub fn step(
        &mut self,
        board: &mut Board<'_>,
        tallies: &mut Tallies,
        temperature: f64,
        random: &mut SmallRng,
    ) {
        self.edits.clear();
        let kind = if self.problem.people > 1 { random.random_range(0..100) } else { 100 };
        self.even = false;
        let proposed = match kind {
            0..32 => self.swap(board, false, random),
            32..47 => self.swap(board, true, random),
            47..51 => self.turn(board, random),
            51..64 => self.paint_and_swap(board, random),
            64..71 => self.exchange(board, random),
            71..87 => self.grant(board, random),
            _ => self.paint(board, random),
        };
        if proposed && !self.edits.is_empty() {
            self.make(board, tallies, temperature, random);
        }
    }

    /// Some days of a person get a day off or one shift. Whether all cells are possible.
    fn paint(&mut self, board: &Board<'_>, random: &mut SmallRng) -> bool {
        let person = random.random_range(0..self.problem.people);
        let (day, cell) = self.target(person, random);
        let end = (day + short(random)).min(self.problem.days);
        (day..end).all(|day| self.edit(board, person, day, cell))
    }

    /// Some days of a person get a day off or one shift, and on other days they exchange what they do with somebody.
    fn paint_and_swap(&mut self, board: &Board<'_>, random: &mut SmallRng) -> bool {
        let [one, other] = two(self.problem.people, random);
        let (day, cell) = self.target(one, random);
        let painted = (day, (day + short(random)).min(self.problem.days));
        let swapped = self.stretch(random);
        if painted.0 < swapped.1 && swapped.0 < painted.1 {
            return false;
        }
        let (mine, yours) = (board.row(one), board.row(other));
        let paint = |this: &mut Self| (painted.0..painted.1).all(|day| this.edit(board, one, day, cell));
        (painted > swapped || paint(self))
            && (swapped.0..swapped.1).all(|day| self.edit(board, one, day, yours[day]))
            && (painted < swapped || paint(self))
            && (swapped.0..swapped.1).all(|day| self.edit(board, other, day, mine[day]))
    }

    /// A day, and a day off or a shift for a person: often one where heads are missing.
    fn target(&self, person: usize, random: &mut SmallRng) -> (usize, u16) {
        if !self.short_of.is_empty() && random.random_range(0..3) == 0 {
            return self.short_of[random.random_range(0..self.short_of.len())];
        }
        let work = &self.work[person];
        let off = work.is_empty() || random.random_range(0..100) < 35;
        let cell = if off { 0 } else { work[random.random_range(0..work.len())] };
        (random.random_range(0..self.problem.days), cell)
    }

    /// Looks up where heads are missing.
    pub fn look(&mut self, board: &Board<'_>) {
        self.short_of.clear();
        for (row, cover) in self.problem.model.cover.iter().enumerate() {
            if self.problem.rows[row].missing(board.count(row)) > 0 {
                self.short_of.push((cover.day, cover.shift as u16 + 1));
            }
        }
    }

    /// Two people exchange what they do on one or two stretches of days.
    fn swap(&mut self, board: &Board<'_>, twice: bool, random: &mut SmallRng) -> bool {
        let [one, other] = two(self.problem.people, random);
        let first = self.stretch(random);
        self.swap_on(board, [one, other], first, twice, random)
    }

    /// Somebody whose wish isn't granted exchanges what they do with somebody whose cell of that day grants it, on some days around it
    /// and perhaps on others.
    fn grant(&mut self, board: &Board<'_>, random: &mut SmallRng) -> bool {
        let cell = |person: usize, day: usize| usize::from(board.row(person)[day]).checked_sub(1);
        let people = self.problem.people;
        let mut tries = (0..GRANT_TRIES.min(self.wishes.len())).map(|_| {
            let (person, day, wish) = self.wishes[random.random_range(0..self.wishes.len())];
            (!wish.granted(cell(person, day))).then_some((person, day, wish))
        });
        let Some((one, day, wish)) = tries.find_map(|wish| wish) else { return false };
        let start = random.random_range(0..people);
        let grants = |other: &usize| *other != one && wish.granted(cell(*other, day));
        let Some(other) = (start..people).chain(0..start).find(grants) else { return false };
        let (from, to) = self.stretch(random);
        let length = to - from;
        let earliest = (day + 1).saturating_sub(length);
        let from = random.random_range(earliest..=day.min(self.problem.days - length));
        let twice = random.random();
        self.swap_on(board, [one, other], (from, from + length), twice, random)
    }

    /// Two people exchange what they do on a stretch of days, and perhaps on another one.
    fn swap_on(
        &mut self,
        board: &Board<'_>,
        [one, other]: [usize; 2],
        first: (usize, usize),
        twice: bool,
        random: &mut SmallRng,
    ) -> bool {
        self.even = self.problem.are_alike(one, other);
        let mut second = (0, 0);
        if twice {
            second = self.stretch(random);
            if second.0 < first.1 && first.0 < second.1 {
                return false;
            }
        }
        let (first, second) = (first.min(second), first.max(second));
        [(one, other), (other, one)].into_iter().all(|(to_whom, whose)| {
            let row = board.row(whose);
            (first.0..first.1).chain(second.0..second.1).all(|day| self.edit(board, to_whom, day, row[day]))
        })
    }

    /// Three people pass on what they do on a stretch of days.
    fn turn(&mut self, board: &Board<'_>, random: &mut SmallRng) -> bool {
        if self.problem.people < 3 {
            return false;
        }
        let [one, other] = two(self.problem.people, random);
        let third = random.random_range(0..self.problem.people);
        let (from, to) = self.stretch(random);
        self.even = self.problem.are_alike(one, other) && self.problem.are_alike(one, third);
        third != one
            && third != other
            && [(one, other), (other, third), (third, one)].into_iter().all(|(to_whom, whose)| {
                (from..to).all(|day| self.edit(board, to_whom, day, board.row(whose)[day]))
            })
    }

    /// Two stretches of days of a person change places.
    fn exchange(&mut self, board: &Board<'_>, random: &mut SmallRng) -> bool {
        let days = self.problem.days;
        let person = random.random_range(0..self.problem.people);
        let length = short(random);
        if days < 2 * length {
            return false;
        }
        let first = random.random_range(0..=days - 2 * length);
        let second = random.random_range(first + length..=days - length);
        let row = board.row(person);
        (0..length).all(|at| self.edit(board, person, first + at, row[second + at]))
            && (0..length).all(|at| self.edit(board, person, second + at, row[first + at]))
    }

    /// Days of a swap, short ones more often: the logarithm of the length is even.
    fn stretch(&self, random: &mut SmallRng) -> (usize, usize) {
        let days = self.problem.days;
        let longest = days.min(SWAP_MAX) as f32 + 1.0;
        let length = longest.powf(random.random::<f32>()) as usize;
        let length = length.clamp(1, days);
        let from = random.random_range(0..=days - length);
        (from, from + length)
    }

    /// Adds an edit if it changes anything. Whether the cell is possible.
    fn edit(&mut self, board: &Board<'_>, person: usize, day: usize, cell: u16) -> bool {
        if board.row(person)[day] == cell {
            return true;
        }
        self.edits.push(Edit { person, day, cell });
        self.problem.own(person)[day * (self.problem.shifts + 1) + usize::from(cell)] < FORBIDDEN
    }

    fn make(
        &mut self,
        board: &mut Board<'_>,
        tallies: &mut Tallies,
        temperature: f64,
        random: &mut SmallRng,
    ) {
        let Self { edits, old, even, .. } = self;
        let change = |board: &mut Board<'_>, edit: &Edit| {
            if *even {
                board.pass_on(edit.person, edit.day, edit.cell);
            } else {
                board.change(edit.person, edit.day, edit.cell);
            }
        };
        let before = board.cost;
        old.clear();
        for edit in edits.iter() {
            old.push(Edit { cell: board.row(edit.person)[edit.day], ..*edit });
            change(board, edit);
        }
        let worse = (board.cost - before) as f64;
        let stays = worse <= 0.0
            || (worse < 20.0 * temperature && random.random::<f64>() < (-worse / temperature).exp());
        if stays && is_legal(edits, old, board, tallies) {
            return;
        }
        for edit in old.iter() {
            change(board, edit);
        }
    }
}

/// Whether edits that were made leave rows legal; if so the tallies have followed, else they are as before.
fn is_legal(edits: &[Edit], old: &[Edit], board: &Board<'_>, tallies: &mut Tallies) -> bool {
    for (edit, old) in edits.iter().zip(old) {
        tallies.change(edit.person, edit.day, old.cell, edit.cell);
    }
    let within = edits.iter().all(|edit| tallies.within(edit.person, edit.day, edit.cell));
    let legal = within
        && edits.chunk_by(|one, other| one.person == other.person).all(|edits| {
            let person = edits[0].person;
            tallies.walk(person, edits[0].day, edits[edits.len() - 1].day, board.row(person))
        });
    tallies.settle(legal);
    if !legal {
        for (edit, old) in edits.iter().zip(old) {
            tallies.change(edit.person, edit.day, edit.cell, old.cell);
        }
    }
    legal
}

/// Days of a change: one half of the time, two a quarter of it, and so on.
fn short(random: &mut SmallRng) -> usize {
    1 + (random.random::<u16>().trailing_zeros() as usize).min(4)
}

/// Two different people.
fn two(people: usize, random: &mut SmallRng) -> [usize; 2] {
    let one = random.random_range(0..people);
    [one, (one + random.random_range(1..people)) % people]
}
