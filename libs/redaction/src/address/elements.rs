//! The elements of an address.

use std::ops::Range;

/// How fine an element is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// Province, city, district, county.
    Region,
    /// Town, township, sub-district.
    Town,
    Village,
    Road,
    /// A group of buildings with a name.
    Estate,
    /// A house number.
    House,
    /// A floor: says little.
    Floor,
    /// A block, entrance or flat.
    Room,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Element {
    pub rank: Rank,
    /// In bytes.
    pub length: usize,
}

/// What ends a name, and how long the name before it may be, in characters. Longer endings first.
const SUFFIXES: &[(&str, Rank, usize, usize)] = &[
    ("自治县", Rank::Region, 2, 8),
    ("街道", Rank::Town, 2, 5),
    ("大街", Rank::Road, 1, 5),
    ("大道", Rank::Road, 1, 5),
    ("公路", Rank::Road, 1, 5),
    ("胡同", Rank::Road, 1, 5),
    ("小区", Rank::Estate, 2, 6),
    ("花园", Rank::Estate, 2, 6),
    ("公寓", Rank::Estate, 2, 6),
    ("家园", Rank::Estate, 2, 6),
    ("新村", Rank::Estate, 2, 5),
    ("大厦", Rank::Estate, 2, 6),
    ("广场", Rank::Estate, 2, 6),
    ("家属院", Rank::Estate, 2, 8),
    ("市", Rank::Region, 2, 4),
    ("区", Rank::Region, 2, 4),
    ("县", Rank::Region, 1, 4),
    ("旗", Rank::Region, 2, 5),
    ("镇", Rank::Town, 1, 4),
    ("乡", Rank::Town, 2, 4),
    ("村", Rank::Village, 1, 4),
    ("路", Rank::Road, 1, 6),
    ("街", Rank::Road, 1, 6),
    ("巷", Rank::Road, 1, 5),
    ("苑", Rank::Estate, 2, 5),
    ("里", Rank::Estate, 2, 4),
    ("条", Rank::Road, 1, 2),
];

/// Endings of ordinary words that look like elements.
const ORDINARY: &[&str] = &[
    "小区",
    "社区",
    "景区",
    "专区",
    "校区",
    "误区",
    "赛区",
    "超市",
    "城市",
    "都市",
    "门市",
    "股市",
    "上市",
    "夜市",
    "菜市",
    "本市",
    "全市",
    "县市",
    "走路",
    "思路",
    "迷路",
    "线路",
    "网路",
    "电路",
    "一路",
    "半路",
    "问路",
    "带路",
    "顺路",
    "套路",
    "马路",
    "高速公路",
    "铁路",
    "上路",
    "出路",
    "后路",
    "退路",
    "逛街",
    "上街",
    "步行街",
    "美食街",
    "商业街",
    "小吃街",
    "条街",
    "城镇",
    "乡镇",
    "冰镇",
    "家乡",
    "老乡",
    "城乡",
    "下乡",
    "故乡",
    "农村",
    "乡村",
    "本村",
    "全村",
    "这里",
    "那里",
    "哪里",
    "家里",
    "心里",
    "手里",
    "店里",
    "屋里",
    "城里",
    "村里",
    "夜里",
    "公里",
    "英里",
    "这条",
    "那条",
    "一条",
    "两条",
    "几条",
    "每条",
    "小镇",
    "古镇",
    "村镇",
    "红旗",
    "国旗",
];

/// Ordinary words that are also the ends of names: 山区, but 南山区.
const ORDINARY_ALONE: &[&str] =
    &["山区", "郊区", "园区", "市区", "分区", "时区", "战区", "地区", "片区", "厂区", "道路", "公路"];

/// Characters that don't stand in a name: whatever comes before them is not part of it.
#[rustfmt::skip] // one to a line it would fill a screen
fn is_stop(character: char) -> bool {
    matches!(character, '我' | '你' | '您' | '他' | '她' | '它' | '们' | '的' | '了' | '吗' | '呢' | '吧' | '啊' | '呀'
        | '哦' | '在' | '是' | '到' | '去' | '住' | '寄' | '址' | '给' | '请' | '把' | '送' | '这' | '那'
        | '哪' | '很' | '个' | '就' | '也' | '还' | '都' | '没' | '不' | '有' | '要' | '能' | '想' | '让'
        | '帮' | '说' | '问' | '号' | '栋' | '幢' | '室' | '走' | '从' | '往' | '于')
}

/// Characters that a suffix begins with; a quick look before the list is searched.
#[rustfmt::skip] // one to a line it would fill a screen
fn may_end_name(character: char) -> bool {
    matches!(character, '自' | '街' | '大' | '公' | '胡' | '小' | '花' | '家' | '新' | '广' | '市' | '区' | '县' | '旗'
        | '镇' | '乡' | '村' | '路' | '巷' | '苑' | '里' | '条')
}

/// Whether a chain can begin with a character.
pub(super) fn may_begin(character: char) -> bool {
    (is_han(character) && !is_stop(character)) || is_digit(character) || character.is_ascii_uppercase()
}

/// Whether a character is one without which there is no address: something finer than a region ends with it.
pub(crate) fn is_anchor(character: char) -> bool {
    const ANCHORS: &[char] =
        &['路', '街', '道', '巷', '弄', '同', '镇', '乡', '村', '栋', '幢', '座', '元', '室', '户', '号'];
    ANCHORS.contains(&character)
}

/// Units of numbered elements, longer ones first.
const UNITS: &[(&str, Rank)] = &[
    ("号院", Rank::House),
    ("号楼", Rank::House),
    ("单元", Rank::Room),
    ("号", Rank::House),
    ("弄", Rank::House),
    ("栋", Rank::Room),
    ("幢", Rank::Room),
    ("座", Rank::Room),
    ("室", Rank::Room),
    ("层", Rank::Floor),
    ("楼", Rank::Floor),
    ("院", Rank::House),
    ("户", Rank::Room),
    ("组", Rank::Room),
    ("队", Rank::Room),
    ("铺", Rank::Room),
    ("门", Rank::Room),
    ("期", Rank::Room),
    ("区", Rank::Room),
    ("段", Rank::Road),
];

/// Digits of the longest number in an address.
const DIGITS_MAX: usize = 5;

fn is_han(character: char) -> bool {
    ('\u{4e00}'..='\u{9fff}').contains(&character)
}

fn is_digit(character: char) -> bool {
    character.is_ascii_digit() || ('０'..='９').contains(&character)
}

/// Whether a text begins with what ends a name.
pub(super) fn is_suffix(text: &str) -> bool {
    SUFFIXES.iter().any(|(suffix, ..)| text.starts_with(suffix))
        || ["东路", "西路", "南路", "北路", "中路", "东街", "西街", "南街", "北街"]
            .iter()
            .any(|road| text.starts_with(road))
}

/// A name and its suffix. `inside` a chain, estates and villages are taken too; once `finer` elements have come, no
/// region follows.
pub(super) fn named(text: &str, start: usize, inside: bool, finer: bool) -> Option<Element> {
    for (name, (offset, character)) in text[start..].char_indices().enumerate() {
        let place = start + offset;
        if may_end_name(character)
            && let Some(element) = suffix(text, start..place, name, inside, finer)
        {
            return Some(element);
        }
        let numeral = is_digit(character) || character.is_ascii_alphabetic();
        if name >= 8 || !(is_han(character) || (name > 0 && numeral)) || is_stop(character) {
            return None;
        }
        // "19号院": a number begins here, which is an element of its own.
        if name > 0 && number(&text[place..], true, false).is_some() {
            return None;
        }
    }
    None
}

/// The element that a suffix at the end of `name` makes, if there is one. The name has `length` characters.
fn suffix(text: &str, name: Range<usize>, length: usize, inside: bool, finer: bool) -> Option<Element> {
    let rest = &text[name.end..];
    let (suffix, rank, least, most) = SUFFIXES.iter().find(|(suffix, ..)| rest.starts_with(suffix))?;
    let end = name.end + suffix.len();
    let next = &text[end..];
    // "农光东里路", "开发区街道": the name goes on to the next suffix.
    if SUFFIXES.iter().any(|(suffix, ..)| !matches!(*suffix, "里" | "条") && next.starts_with(suffix)) {
        return None;
    }
    let ordinary = *rank != Rank::Estate
        && (ORDINARY.iter().any(|word| text[..end].ends_with(word))
            || ORDINARY_ALONE.contains(&&text[name.start..end]));
    let region_again = *rank == Rank::Region && finer;
    let needs_chain = matches!(*suffix, "里" | "条" | "村") && !inside;
    // An estate counts only with the block or flat that follows, or behind a road or region.
    let lonely = *rank == Rank::Estate
        && !inside
        && !next.starts_with(|next: char| is_digit(next) || is_numeral(next));
    let fits = (*least..=*most).contains(&length) && !ordinary && !region_again && !needs_chain && !lonely;
    fits.then_some(Element { rank: *rank, length: end - name.start })
}

#[rustfmt::skip] // one to a line it would fill a screen
fn is_numeral(character: char) -> bool {
    matches!(character, '一' | '二' | '三' | '四' | '五' | '六' | '七' | '八' | '九' | '十')
}

/// A number with its unit (969号, 甲3号, A座, 二单元), or behind a house a bare one (3-2-501).
pub(super) fn number(text: &str, road: bool, house: bool) -> Option<Element> {
    let first = text.chars().next()?;
    if !(is_digit(first) || first.is_ascii_uppercase() || is_numeral(first) || "甲乙丙丁".contains(first))
    {
        return None;
    }
    let head = text.chars().next().filter(|first| "甲乙丙丁".contains(*first)).map_or(0, char::len_utf8);
    let digits = numeral(&text[head..]);
    if digits == 0 {
        return None;
    }
    let length = head + digits;
    let rest = &text[length..];
    if let Some((unit, rank)) = UNITS.iter().find(|(unit, _)| rest.starts_with(unit)) {
        // "10号线" is the underground.
        let line = *unit == "号" && rest["号".len()..].starts_with('线');
        return (!line).then_some(Element { rank: *rank, length: length + unit.len() });
    }
    let plain = text[..length].chars().all(|character| is_digit(character) || "-－".contains(character));
    let ends = !rest
        .starts_with(|next: char| is_han(next) || next.is_ascii_alphanumeric() || ".:：%/".contains(next));
    let hyphens = text[..length].contains(['-', '－']);
    // "路12-3" is a house, "路 12" may be anything.
    (plain && ends && (house || (road && hyphens))).then_some(Element { rank: Rank::Room, length })
}

/// The length of digits with hyphens between and a letter behind (116-2, 5B), a letter (A), or Chinese digits.
fn numeral(text: &str) -> usize {
    let mut length = 0;
    let mut digits = 0;
    let mut last = ' ';
    for character in text.chars() {
        let hyphen = "-－".contains(character);
        if is_digit(character) {
            digits += 1;
        } else if !(hyphen && is_digit(last)) {
            break;
        } else {
            digits = 0;
        }
        if digits > DIGITS_MAX {
            return 0;
        }
        length += character.len_utf8();
        last = character;
    }
    if "-－".contains(last) {
        length -= last.len_utf8();
    }
    if let Some(letter) = text[length..].chars().next().filter(char::is_ascii_uppercase) {
        let more = text[length + 1..].chars().next().is_some_and(|next| next.is_ascii_alphabetic());
        return if more { 0 } else { length + letter.len_utf8() + trailing(&text[length + 1..]) };
    }
    if length == 0 {
        return text.chars().take_while(|character| is_numeral(*character)).map(char::len_utf8).sum();
    }
    length
}

/// Digits behind a letter, as in B1层.
fn trailing(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).take(DIGITS_MAX).count()
}

/// A remark in brackets behind an address, which usually says what it is near to.
pub(super) fn aside(text: &str) -> usize {
    const LENGTH_MAX: usize = 25;
    if !text.starts_with(['(', '（']) {
        return 0;
    }
    let close = text.char_indices().take(LENGTH_MAX).find(|(_, character)| [')', '）'].contains(character));
    close.map_or(0, |(place, character)| place + character.len_utf8())
}
