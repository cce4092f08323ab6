//! Numbers that show by themselves what they are: cards by their check digits, telephone numbers by how they begin.

use super::{
    Hit,
    groups::{Join, Run},
};
use crate::{Kind, checks, labels};

/// The first shape that fits at the start of a run.
pub(super) fn surest(run: &Run<'_>) -> Option<Hit> {
    abroad(run)
        .or_else(|| id_card(run))
        .or_else(|| mobile(run))
        .or_else(|| bank_card(run))
        .or_else(|| order(run))
        .or_else(|| landline(run))
        .or_else(|| american(run))
}

fn hit(run: &Run<'_>, kind: Kind, groups: usize) -> Hit {
    Hit { kind, start: run.start(), end: run.end(groups), groups }
}

/// `+` and a country's code.
fn abroad(run: &Run<'_>) -> Option<Hit> {
    let plus = run.text[..run.start()].chars().next_back().filter(|sign| ['+', '＋'].contains(sign))?;
    let fits = |count: usize| {
        let digits = run.digits(count);
        match digits {
            [8, 6, rest @ ..] => is_mobile(rest) || (9..=12).contains(&rest.len()),
            [1, rest @ ..] => rest.len() == 10,
            _ => (8..=15).contains(&digits.len()),
        }
    };
    let groups = (1..=run.len().min(6)).rev().find(|count| fits(*count))?;
    Some(Hit { start: run.start() - plus.len_utf8(), ..hit(run, Kind::Phone, groups) })
}

fn id_card(run: &Run<'_>) -> Option<Hit> {
    let groups = if run.is_like(&[6, 8]) { 3.min(run.len()) } else { 1 };
    let mut places: Vec<Option<u8>> = run.digits(groups).iter().copied().map(Some).collect();
    let mut end = run.end(groups);
    if places.len() == 17 && run.text[end..].starts_with(['X', 'x']) {
        places.push(None);
        end += 1;
    }
    let next = run.text[end..].bytes().next();
    let whole = !next.is_some_and(|byte| byte.is_ascii_alphanumeric());
    let sure = || checks::id_card(&places) || labels::before(run.text, run.start()) == Some(Kind::IdCard);
    (places.len() == 18 && whole && sure()).then(|| Hit { end, ..hit(run, Kind::IdCard, groups) })
}

fn is_mobile(digits: &[u8]) -> bool {
    digits.len() == 11 && digits[0] == 1 && digits[1] >= 3
}

fn mobile(run: &Run<'_>) -> Option<Hit> {
    const SHAPES: &[&[usize]] = &[
        &[11],
        &[13],
        &[15],
        &[2, 11],
        &[4, 11],
        &[3, 4, 4],
        &[2, 3, 4, 4],
        &[4, 3, 4, 4],
        &[3, 8],
        &[7, 4],
        &[5, 6],
    ];
    let groups = SHAPES.iter().filter(|shape| run.is_like(shape)).find_map(|shape| {
        let digits = run.digits(shape.len());
        let digits = digits.strip_prefix(&[0, 0]).unwrap_or(digits);
        let digits = if digits.len() == 13 { digits.strip_prefix(&[8, 6])? } else { digits };
        // "150 20201122" is a price and a day.
        let day = shape == &[3, 8] && checks::timestamp(&digits[3..]);
        let parts = (1..shape.len()).all(|index| matches!(run.join(index), Join::Blank | Join::Dash));
        (is_mobile(digits) && parts && !day).then_some(shape.len())
    })?;
    // Part of a hash if digits and hexadecimal letters go on; "13800138000wx" is not.
    let next = run.text[run.end(groups)..].bytes().next();
    let hash = next.is_some_and(|byte| byte.is_ascii_hexdigit());
    let before = run.text[..run.start() - run.letters_before()].bytes().next_back();
    let inside = run.letters_before() > 0 && before.is_some_and(|byte| byte.is_ascii_digit());
    (!hash && !inside).then(|| extended(run, hit(run, Kind::Phone, groups)))
}

/// Takes in an extension: a dash and up to six digits, or 转 and digits, as privacy numbers have.
fn extended(run: &Run<'_>, hit: Hit) -> Hit {
    if run.join(hit.groups) == Join::Dash && (1..=6).contains(&run.length(hit.groups)) {
        return Hit { end: run.end(hit.groups + 1), groups: hit.groups + 1, ..hit };
    }
    let rest = run.text[hit.end..].trim_start_matches([' ', ',', '，', '-']);
    let rest = ["转分机", "分机", "转", "ext.", "ext"].iter().find_map(|word| rest.strip_prefix(word));
    let Some(rest) = rest.map(|rest| rest.trim_start_matches([' ', ':', '：'])) else { return hit };
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    if (1..=6).contains(&digits) { Hit { end: run.text.len() - rest.len() + digits, ..hit } } else { hit }
}

fn bank_card(run: &Run<'_>) -> Option<Hit> {
    const SHAPES: &[&[usize]] = &[
        &[19],
        &[18],
        &[17],
        &[16],
        &[15],
        &[4, 4, 4, 4, 3],
        &[4, 4, 4, 4, 2],
        &[4, 4, 4, 4, 1],
        &[4, 4, 4, 4],
        &[4, 6, 5],
        &[6, 13],
        &[6, 10],
    ];
    let shape = SHAPES.iter().find(|shape| run.is_like(shape))?;
    let digits = run.digits(shape.len());
    let label = labels::before(run.text, run.start());
    let checked = checks::card_prefix(digits) && checks::luhn(digits) && label != Some(Kind::Order);
    let whole = run.is_whole(shape.len()) && (shape.len() > 1 || run.join(0) != Join::Dot);
    (whole && (checked || label == Some(Kind::BankCard))).then(|| hit(run, Kind::BankCard, shape.len()))
}

/// Orders of platforms that write them with dashes: `220101-123456789012345`, `113-1234567-1234567`.
fn order(run: &Run<'_>) -> Option<Hit> {
    let shape: &[usize] = [&[6, 15][..], &[3, 7, 7]].into_iter().find(|shape| run.is_like(shape))?;
    let dashed = (1..shape.len()).all(|index| run.join(index) == Join::Dash);
    (dashed && run.is_whole(shape.len())).then(|| hit(run, Kind::Order, shape.len()))
}

/// Chinese fixed lines with their area code, and the 400 and 800 numbers.
fn landline(run: &Run<'_>) -> Option<Hit> {
    const SHAPES: &[&[usize]] = &[
        &[3, 8],
        &[4, 8],
        &[4, 7],
        &[3, 4, 4],
        &[4, 4, 4],
        &[4, 3, 4],
        &[12],
        &[11],
        &[10],
        &[3, 3, 4],
        &[3, 4, 3],
        &[3, 7],
    ];
    let shape = SHAPES.iter().find(|shape| {
        let spread = (1..shape.len()).all(|index| run.join(index) != Join::Dot);
        run.is_like(shape)
            && spread
            && (is_landline(run.digits(shape.len())) || is_hotline(run.digits(shape.len())))
    })?;
    run.is_whole(shape.len()).then(|| extended(run, bracketed(run, hit(run, Kind::Phone, shape.len()))))
}

/// Area codes are 010, 02x and four digits from 03xx; local numbers begin with 2 to 8.
fn is_landline(digits: &[u8]) -> bool {
    let area = match digits {
        [0, 1, 0, ..] | [0, 2, ..] => 3,
        [0, 3..=9, ..] => 4,
        _ => return false,
    };
    let local = digits.get(area..).unwrap_or_default();
    let length = if area == 3 { local.len() == 8 } else { matches!(local.len(), 7 | 8) };
    length && (2..=8).contains(&local[0])
}

fn is_hotline(digits: &[u8]) -> bool {
    digits.len() == 10 && matches!(digits, [4 | 8, 0, 0, ..])
}

/// North American numbers. Blanks alone are no proof: "200 300 4000" may be three prices.
fn american(run: &Run<'_>) -> Option<Hit> {
    let labelled = || labels::before(run.text, run.start()) == Some(Kind::Phone);
    let skip = usize::from(run.is_like(&[1, 3, 3, 4]) && run.digits(1) == [1]);
    let tail = run.skip(skip);
    let groups = if tail.is_like(&[3, 3, 4]) {
        let digits = tail.digits(3);
        let joined = matches!(tail.join(2), Join::Dash | Join::Dot) || tail.join(1) == Join::Bracket;
        (digits[0] >= 2 && (joined || labelled())).then_some(skip + 3)
    } else if run.is_like(&[3, 4]) || run.is_like(&[4, 4]) {
        (run.join(1) != Join::Dot && labelled()).then_some(2)
    } else if run.is_like(&[10]) {
        labelled().then_some(1)
    } else {
        None
    }?;
    run.is_whole(groups).then(|| extended(run, bracketed(run, hit(run, Kind::Phone, groups))))
}

/// Takes in the bracket that opens before an area code.
fn bracketed(run: &Run<'_>, hit: Hit) -> Hit {
    let open = run.text[..hit.start].chars().next_back().filter(|sign| ['(', '（'].contains(sign));
    let closed = run.text[hit.start..hit.end].contains([')', '）']);
    match open {
        Some(open) if closed => Hit { start: hit.start - open.len_utf8(), ..hit },
        _ => hit,
    }
}
