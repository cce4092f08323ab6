//! What the words before a number say that it is.

use crate::Kind;

/// Labels in lower case. The nearest before the number counts.
const LABELS: &[(&str, Kind)] = &[
    ("电话", Kind::Phone),
    ("手机", Kind::Phone),
    ("座机", Kind::Phone),
    ("联系方式", Kind::Phone),
    ("联系号码", Kind::Phone),
    ("传真", Kind::Phone),
    ("拨打", Kind::Phone),
    ("致电", Kind::Phone),
    ("打", Kind::Phone),
    ("phone", Kind::Phone),
    ("mobile", Kind::Phone),
    ("cell", Kind::Phone),
    ("call", Kind::Phone),
    ("tel", Kind::Phone),
    ("fax", Kind::Phone),
    ("whatsapp", Kind::Phone),
    ("contact number", Kind::Phone),
    ("身份证", Kind::IdCard),
    ("证件号", Kind::IdCard),
    ("id card", Kind::IdCard),
    ("identity", Kind::IdCard),
    ("银行卡", Kind::BankCard),
    ("信用卡", Kind::BankCard),
    ("储蓄卡", Kind::BankCard),
    ("卡号", Kind::BankCard),
    ("账号", Kind::BankCard),
    ("帐号", Kind::BankCard),
    ("账户", Kind::BankCard),
    ("card number", Kind::BankCard),
    ("credit card", Kind::BankCard),
    ("debit card", Kind::BankCard),
    ("account", Kind::BankCard),
    ("acct", Kind::BankCard),
    ("订单", Kind::Order),
    ("单号", Kind::Order),
    ("运单", Kind::Order),
    ("流水号", Kind::Order),
    ("order", Kind::Order),
    ("tracking", Kind::Order),
    ("waybill", Kind::Order),
];

/// How far before a number a label may stand, in bytes: about 14 Chinese characters.
const REACH: usize = 42;

/// What may stand between a label and what it names, besides signs and blanks.
const LINKS: &[&str] = &["number", "no", "id", "is", "编号", "号码", "号", "码", "是", "为"];

/// What a number at `start` is called, if anything: the nearest label in the same sentence.
pub(crate) fn before(text: &str, start: usize) -> Option<Kind> {
    nearest(window(text, start)).map(|(_, kind)| kind)
}

/// The same, but the label must stand directly before, with nothing but linking words between.
pub(crate) fn directly_before(text: &str, start: usize) -> Option<Kind> {
    let window = window(text, start);
    let (end, kind) = nearest(window)?;
    let mut between = window[end..].to_ascii_lowercase();
    for link in LINKS {
        between = between.replace(link, "");
    }
    between.chars().all(|character| " :：#.,，=".contains(character)).then_some(kind)
}

fn nearest(window: &str) -> Option<(usize, Kind)> {
    let lower = window.to_ascii_lowercase();
    let ends = LABELS.iter().filter_map(|(label, kind)| {
        let places = lower.rmatch_indices(label);
        let mut whole = places.filter(|(place, _)| whole_word(lower.as_bytes(), *place, label.len()));
        whole.next().map(|(place, _)| (place + label.len(), *kind))
    });
    ends.max_by_key(|(end, _)| *end)
}

/// A Latin label counts only as a word of its own: "border" is no "order". Digits may follow: "tel13800138000".
fn whole_word(text: &[u8], place: usize, length: usize) -> bool {
    let letter = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphabetic);
    let after = text.get(place + length);
    !text[place].is_ascii()
        || (!letter(place.checked_sub(1).and_then(|before| text.get(before)))
            && (!letter(after) || after == Some(&b's')))
}

/// The end of the text before `start`, back to the end of the sentence before.
fn window(text: &str, start: usize) -> &str {
    let mut from = start.saturating_sub(REACH);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    let window = &text[from..start];
    let sentence = window.rfind(['。', '！', '？', '；', '!', '?', ';', '\n']);
    let sentence = sentence.map(|end| end + window[end..].chars().next().map_or(0, char::len_utf8));
    &window[sentence.unwrap_or(0)..]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(text: &str) -> Option<Kind> {
        before(text, text.find('7').unwrap())
    }

    #[test]
    fn the_nearest_label_of_the_sentence_counts() {
        assert_eq!(label("电话是7"), Some(Kind::Phone));
        assert_eq!(label("电话不通，订单号7"), Some(Kind::Order));
        assert_eq!(label("电话不通。7"), None);
        assert_eq!(label("My Account number is 7"), Some(Kind::BankCard));
        assert_eq!(label("across the border 7"), None);
        assert_eq!(label("tel7"), Some(Kind::Phone));
    }

    #[test]
    fn a_direct_label_allows_only_linking_words() {
        let direct = |text: &str| directly_before(text, text.find('7').unwrap());
        assert_eq!(direct("订单编号是：7"), Some(Kind::Order));
        assert_eq!(direct("order number is #7"), Some(Kind::Order));
        assert_eq!(direct("order a pizza for 7"), None);
        assert_eq!(direct("订单还没到呢 7"), None);
    }
}
