//! Numbers, money, times and marks as people and spreadsheets write them.

use std::borrow::Cow;
use std::str::FromStr;

use chrono::{DateTime, NaiveDate, Utc};
use jiff::civil;
use jiff::tz::{AmbiguousOffset, TimeZone};

use crate::fact::Money;

const NANOS: i64 = 1_000_000_000;
/// Marks of currencies before or after an amount, the longer ones first.
const CURRENCY_MARKS: [(&str, &str); 15] = [
    ("人民币", "CNY"),
    ("HK$", "HKD"),
    ("US$", "USD"),
    ("CNY", "CNY"),
    ("RMB", "CNY"),
    ("HKD", "HKD"),
    ("USD", "USD"),
    ("EUR", "EUR"),
    ("GBP", "GBP"),
    ("JPY", "JPY"),
    ("元", "CNY"),
    ("€", "EUR"),
    ("£", "GBP"),
    ("$", "USD"),
    ("¥", YEN_OR_YUAN),
];
/// ¥ stands for both.
const YEN_OR_YUAN: &str = "CNY or JPY";

/// Full-width digits, letters and signs as their ASCII forms; the ends trimmed.
pub(crate) fn narrow(text: &str) -> Cow<'_, str> {
    let text = text.trim();
    let wide = |c: char| matches!(c, '\u{ff01}'..='\u{ff5e}' | '\u{3000}' | '\u{ffe5}' | '\u{2212}');
    if !text.contains(wide) {
        return Cow::Borrowed(text);
    }
    let narrowed = text.chars().map(|c| match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        '\u{3000}' => ' ',
        '\u{ffe5}' => '¥',
        '\u{2212}' => '-',
        other => other,
    });
    Cow::Owned(narrowed.collect::<String>().trim().to_owned())
}

/// Digits without their thousands separators. A comma that separates anything but groups of three is refused: it
/// might stand for a decimal point.
fn without_thousands(digits: &str) -> Result<Cow<'_, str>, String> {
    if !digits.contains(',') {
        return Ok(Cow::Borrowed(digits));
    }
    let (whole, fraction) = digits.split_once('.').map_or((digits, None), |(w, f)| (w, Some(f)));
    let mut groups = whole.split(',');
    let first = groups.next().unwrap_or_default();
    let sound = (1..=3).contains(&first.len())
        && groups.all(|group| group.len() == 3)
        && fraction.is_none_or(|f| !f.contains(','));
    if !sound {
        return Err("has a comma that doesn't separate thousands".to_owned());
    }
    Ok(Cow::Owned(digits.replace(',', "")))
}

/// A whole number, for example `1,234` or `１２`. `12.0` counts as whole.
pub(crate) fn integer(text: &str) -> Result<i64, String> {
    let narrowed = narrow(text);
    let digits = without_thousands(&narrowed)?;
    let whole = digits.split_once('.').map_or(&*digits, |(whole, fraction)| {
        if !fraction.is_empty() && fraction.bytes().all(|byte| byte == b'0') { whole } else { &*digits }
    });
    i64::from_str(whole).map_err(|_| format!("{text:?} is not a whole number"))
}

/// Units and billionths of a decimal number without exponent, both of its sign.
pub(crate) fn decimal(text: &str) -> Result<(i64, i32), String> {
    let wrong = || format!("{text:?} is not a number");
    let narrowed = narrow(text);
    let (negative, digits) = match narrowed.strip_prefix('-') {
        Some(rest) => (true, rest.trim_start()),
        None => (false, narrowed.strip_prefix('+').unwrap_or(&narrowed)),
    };
    let digits = without_thousands(digits)?;
    let (whole, fraction) = digits.split_once('.').unwrap_or((&digits, ""));
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty()) || !all_digits(whole) || !all_digits(fraction) {
        return Err(wrong());
    }
    let fraction = fraction.trim_end_matches('0');
    if fraction.len() > 9 {
        return Err(format!("{text:?} has more than 9 decimals"));
    }
    let units = if whole.is_empty() { 0 } else { i64::from_str(whole).map_err(|_| wrong())? };
    let nanos: i32 = format!("{fraction:0<9}").parse().map_err(|_| wrong())?;
    Ok(if negative { (-units, -nanos) } else { (units, nanos) })
}

/// An amount with or without a mark of its currency: `1,234.50`, `¥12`, `１２．５元`, `-3`. Without one it is in
/// `currency`.
pub(crate) fn money(text: &str, currency: &str) -> Result<Money, String> {
    let narrowed = narrow(text);
    let mut rest = &*narrowed;
    let mut marked: Option<&str> = None;
    let negative = rest.strip_prefix('-').map(str::trim_start);
    rest = negative.unwrap_or(rest);
    // A mark may stand on each side: ¥12元.
    for _ in 0..2 {
        for (mark, code) in CURRENCY_MARKS {
            let found = rest.strip_prefix(mark).or_else(|| rest.strip_suffix(mark));
            let Some(inner) = found else { continue };
            let code = if code == YEN_OR_YUAN { if currency == "JPY" { "JPY" } else { "CNY" } } else { code };
            if marked.is_some_and(|before| before != code) {
                return Err(format!("{text:?} names two currencies"));
            }
            marked = Some(code);
            rest = inner.trim();
            break;
        }
    }
    let (units, nanos) = decimal(rest).map_err(|reason| {
        if rest == narrowed { reason } else { format!("{text:?} is not an amount of money") }
    })?;
    let (units, nanos) = match negative {
        Some(_) if units < 0 || nanos < 0 => return Err(format!("{text:?} is not an amount of money")),
        Some(_) => (-units, -nanos),
        None => (units, nanos),
    };
    Ok(Money { currency: marked.unwrap_or(currency).to_owned(), units, nanos })
}

/// Any number as a float: for figures that are compared, not added up.
pub(crate) fn number(text: &str) -> Result<f64, String> {
    let (units, nanos) = decimal(text)?;
    #[expect(clippy::cast_precision_loss, reason = "figures of a sheet are far below 2^53")]
    Ok(units as f64 + f64::from(nanos) / NANOS as f64)
}

/// A mark: true, yes, 1, 是 and their opposites.
pub(crate) fn mark(text: &str) -> Result<bool, String> {
    match narrow(text).to_ascii_lowercase().as_str() {
        "true" | "yes" | "y" | "1" | "是" => Ok(true),
        "false" | "no" | "n" | "0" | "否" => Ok(false),
        _ => Err(format!("{text:?} is neither true nor false")),
    }
}

/// An instant with its offset, as RFC 3339 has it.
pub(crate) fn instant(text: &str) -> Result<DateTime<Utc>, String> {
    DateTime::parse_from_rfc3339(text.trim()).map(|at| at.to_utc()).map_err(|error| {
        format!("{text:?} is not a time with offset such as 2026-01-05T09:05:00+08:00: {error}")
    })
}

/// An instant with its offset, or a time of day on the clocks of `zone`: `2026-1-5 9:05`, `2026/01/05 09:05:30`,
/// `2026年1月5日 9:05`. A time that the clocks skipped is refused; one they showed twice is taken the first time.
pub(crate) fn local_instant(text: &str, zone: &TimeZone) -> Result<DateTime<Utc>, String> {
    if let Ok(at) = DateTime::parse_from_rfc3339(text.trim()) {
        return Ok(at.to_utc());
    }
    let narrowed = narrow(text);
    let wrong = |why: &str| format!("{text:?} is not a time such as 2026-1-5 9:05{why}");
    let (numbers, fraction) = numbers_of(&narrowed).ok_or_else(|| wrong(""))?;
    let (year, month, day, hour, minute, second) = match *numbers.as_slice() {
        [_, _, _] => return Err(wrong(": it has no time of day")),
        [year, month, day, hour, minute] => (year, month, day, hour, minute, 0),
        [year, month, day, hour, minute, second] => (year, month, day, hour, minute, second),
        _ => return Err(wrong("")),
    };
    let small = |value: u32| i8::try_from(value).map_err(|_| wrong(""));
    let local = civil::DateTime::new(
        i16::try_from(year).map_err(|_| wrong(""))?,
        small(month)?,
        small(day)?,
        small(hour)?,
        small(minute)?,
        small(second)?,
        fraction,
    )
    .map_err(|_| wrong(": there is no such day or hour"))?;
    civil_instant(local, zone).map_err(|why| wrong(&why))
}

/// When the clocks of `zone` showed a time (first).
pub(crate) fn civil_instant(local: civil::DateTime, zone: &TimeZone) -> Result<DateTime<Utc>, String> {
    let ambiguous = zone.to_ambiguous_timestamp(local);
    if matches!(ambiguous.offset(), AmbiguousOffset::Gap { .. }) {
        return Err(": the clocks were set forward over it".to_owned());
    }
    let at = ambiguous.earlier().map_err(|_| ": it is out of range".to_owned())?;
    let nanos = u32::try_from(at.subsec_nanosecond().rem_euclid(1_000_000_000)).unwrap_or(0);
    let second = at.as_nanosecond().div_euclid(i128::from(NANOS));
    i64::try_from(second)
        .ok()
        .and_then(|second| DateTime::from_timestamp(second, nanos))
        .ok_or_else(|| ": it is out of range".to_owned())
}

/// A day: `2026-1-5`, `2026/01/05`, `20260105`, `2026年1月5日`, with or without the midnight that spreadsheets add.
pub(crate) fn day(text: &str) -> Result<NaiveDate, String> {
    let wrong = || format!("{text:?} is not a day such as 2026-01-05");
    let narrowed = narrow(text);
    if narrowed.len() == 8 && narrowed.bytes().all(|byte| byte.is_ascii_digit()) {
        return NaiveDate::parse_from_str(&narrowed, "%Y%m%d").map_err(|_| wrong());
    }
    let (numbers, _) = numbers_of(&narrowed).ok_or_else(wrong)?;
    match *numbers.as_slice() {
        [year, month, day] | [year, month, day, 0, 0] | [year, month, day, 0, 0, 0] => i32::try_from(year)
            .ok()
            .and_then(|year| NaiveDate::from_ymd_opt(year, month, day))
            .ok_or_else(wrong),
        _ => Err(wrong()),
    }
}

/// A length of time that names its units, in seconds: `83.5秒`, `1分23秒`, `00:01:23`; and how many seconds its last unit is.
pub(crate) fn seconds(text: &str) -> Result<(f64, f64), String> {
    let narrowed = narrow(text);
    let wrong = || format!("{text:?} is not a length of time");
    if narrowed.contains(':') {
        let parts: Vec<f64> =
            narrowed.split(':').map(number).collect::<Result<_, _>>().map_err(|_| wrong())?;
        if !(2..=3).contains(&parts.len()) || parts.iter().any(|part| *part < 0.0) {
            return Err(wrong());
        }
        return Ok((parts.iter().fold(0.0, |sum, part| sum * 60.0 + part), 1.0));
    }
    let mut rest = &*narrowed;
    let mut sum = 0.0;
    let mut last = None;
    for (units, factor) in
        [(["小时", "时", "h"], 3600.0), (["分钟", "分", "min"], 60.0), (["秒", "s", "sec"], 1.0)]
    {
        let found = units.iter().find_map(|unit| rest.split_once(unit));
        if let Some((part, after)) = found {
            sum += number(part).map_err(|_| wrong())? * factor;
            rest = after.trim();
            last = Some(factor);
        }
    }
    last.filter(|_| rest.is_empty()).map(|last| (sum, last)).ok_or_else(wrong)
}

/// The numbers of a date or a date with time, in order, and the nanoseconds; `None` if anything else stands between.
fn numbers_of(text: &str) -> Option<(Vec<u32>, i32)> {
    const ENDS: [&[char]; 6] = [
        &['-', '/', '.', '年'],
        &['-', '/', '.', '月'],
        &[' ', 'T', '日'],
        &[':', '时'],
        &[':', '分'],
        &['.', '秒'],
    ];
    let mut numbers = Vec::with_capacity(6);
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len());
        if end == 0 || end > 9 {
            return None;
        }
        if numbers.len() == 6 {
            // After the seconds' point.
            return (end == rest.len()).then(|| {
                let nanos = format!("{rest:0<9}").parse().ok()?;
                Some((numbers, nanos))
            })?;
        }
        numbers.push(rest[..end].parse().ok()?);
        rest = &rest[end..];
        if let Some(sign) = rest.chars().next() {
            if !ENDS[numbers.len() - 1].contains(&sign) {
                return None;
            }
            rest = &rest[sign.len_utf8()..];
            if numbers.len() == 3 {
                rest = rest.trim_start();
            }
            if rest.is_empty() && !matches!(sign, '日' | '分' | '秒') {
                return None;
            }
        }
    }
    Some((numbers, 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_people_write_them() {
        assert_eq!(integer("1,234"), Ok(1234));
        assert_eq!(integer(" １２ "), Ok(12));
        assert_eq!(integer("12.00"), Ok(12));
        assert_eq!(decimal("-1,234.50"), Ok((-1234, -500_000_000)));
        assert_eq!(decimal(".5"), Ok((0, 500_000_000)));
        for wrong in ["", "1,23", "1,2345", "12,3.4", "1e3", "--1", "一", "1.2.3", "0.1234567891", "12.5"] {
            assert!(integer(wrong).is_err(), "{wrong}");
        }
        assert!(decimal("99999999999999999999").is_err());
    }

    #[test]
    fn money_as_people_write_it() {
        let check = |text: &str, currency: &str, units: i64, nanos: i32| {
            let read = money(text, "CNY").unwrap_or_else(|reason| panic!("{text}: {reason}"));
            assert_eq!((read.currency.as_str(), read.units, read.nanos), (currency, units, nanos), "{text}");
        };
        check("1,234.50", "CNY", 1234, 500_000_000);
        check("¥12", "CNY", 12, 0);
        check("￥１２．５", "CNY", 12, 500_000_000);
        check("¥ 12 元", "CNY", 12, 0);
        check("-¥0.05", "CNY", 0, -50_000_000);
        check("¥-3", "CNY", -3, 0);
        check("US$ 3", "USD", 3, 0);
        check("3 EUR", "EUR", 3, 0);
        for wrong in ["", "¥", "$12元", "-¥-3", "12,5", "twelve", "--3"] {
            assert!(money(wrong, "CNY").is_err(), "{wrong}");
        }
        assert_eq!(money("¥100", "JPY").expect("yen").currency, "JPY");
    }

    #[test]
    fn times_on_the_shop_s_clocks() {
        let shanghai = TimeZone::get("Asia/Shanghai").expect("a zone");
        let wanted = instant("2026-01-05T09:05:00+08:00").expect("an instant");
        for text in [
            "2026-1-5 9:05",
            "2026/01/05 09:05:00",
            "２０２６-1-5　9:05",
            "2026年1月5日 9:05",
            "2026年1月5日9时05分",
            "2026-01-05T01:05:00Z",
        ] {
            assert_eq!(local_instant(text, &shanghai), Ok(wanted), "{text}");
        }
        let wrongs = [
            "2026-1-5",
            "2026-13-5 9:05",
            "2026-2-29 9:05",
            "2026-1-5 25:00",
            "9:05",
            "",
            "2026-1-5 9:05 PM",
            "2026-1-5 9:",
            "x",
        ];
        for wrong in wrongs {
            assert!(local_instant(wrong, &shanghai).is_err(), "{wrong}");
        }
        assert!(local_instant("2026-1-5", &shanghai).expect_err("a day").contains("time of day"));
        let fraction = local_instant("2026-1-5 9:05:00.25", &shanghai).expect("a time");
        assert_eq!(fraction.timestamp_subsec_millis(), 250);
    }

    #[test]
    fn times_that_clocks_skip_or_show_twice() {
        let berlin = TimeZone::get("Europe/Berlin").expect("a zone");
        let skipped = local_instant("2026-03-29 02:30", &berlin).expect_err("skipped");
        assert!(skipped.contains("set forward"), "{skipped}");
        let twice = local_instant("2026-10-25 02:30", &berlin);
        assert_eq!(twice, instant("2026-10-25T02:30:00+02:00"));
    }

    #[test]
    fn days_marks_and_lengths() {
        let wanted = NaiveDate::from_ymd_opt(2026, 1, 5);
        for text in ["2026-1-5", "20260105", "2026/01/05", "2026年1月5日", "2026-01-05 00:00:00"] {
            assert_eq!(day(text).ok(), wanted, "{text}");
        }
        assert!(day("2026-1-5 9:00").is_err() && day("2026-1").is_err() && day("20261305").is_err());
        assert_eq!((mark("是"), mark(" No"), mark("０").ok()), (Ok(true), Ok(false), Some(false)));
        assert!(mark("maybe").is_err());
        for (text, wanted) in [
            ("83.5秒", (83.5, 1.0)),
            ("1分23秒", (83.0, 1.0)),
            ("00:01:23", (83.0, 1.0)),
            ("2小时", (7_200.0, 3_600.0)),
            ("1小时30分", (5_400.0, 60.0)),
        ] {
            assert_eq!(seconds(text), Ok(wanted), "{text}");
        }
        assert!(
            seconds("1分x").is_err()
                && seconds("").is_err()
                && seconds("83.5").is_err()
                && seconds("1:2:3:4").is_err()
        );
    }
}
