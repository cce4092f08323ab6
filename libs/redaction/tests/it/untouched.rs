//! What must stay as it is, what must stay the same, and what must not break.

use std::borrow::Cow;

use proptest::prelude::*;
use redaction::{Redactor, find};

fn redactor() -> Redactor {
    Redactor::new(b"a key of the tests")
}

fn check_untouched(name: &str, texts: &str) {
    let redactor = redactor();
    for text in texts.lines() {
        let redacted = redactor.redact(text);
        assert!(matches!(redacted, Cow::Borrowed(_)), "{name}: {text:?} became {redacted:?}");
    }
}

#[test]
fn real_chats_with_times_prices_and_codes_stay() {
    check_untouched("STAR", include_str!("../data/star.txt"));
    check_untouched("CrossWOZ", include_str!("../data/crosswoz.txt"));
}

#[test]
fn a_text_reads_on_without_its_personal_data() {
    for (text, expected) in [
        ("收件人 13812345678 浙江省杭州市余杭区文一西路969号，谢谢", "收件人 [phone] [address]，谢谢"),
        ("身份证11010519491231002X，卡6222021234567890128", "身份证[id-card]，卡[bank-card]"),
        ("写信到a.b@example.com。价格12.50元", "写信到[mail]。价格12.50元"),
    ] {
        assert_eq!(redactor().redact(text), expected);
    }
}

#[test]
fn an_order_keeps_its_token_however_it_is_written() {
    let redactor = redactor();
    let token = |text: &str| {
        let redacted = redactor.redact(text).into_owned();
        let start = redacted.find("[order:").unwrap_or_else(|| panic!("{redacted}"));
        redacted[start..start + "[order:".len() + 13].to_owned()
    };
    let base = token("订单号：220101-123456789012345到了吗");
    assert_eq!(base.len(), "[order:1a2b3c4d5e6f]".len());
    assert_eq!(base, token("order number 220101123456789012345"));
    assert_eq!(base, token("单号２２０１０１１２３４５６７８９０１２３４５"));
    assert_ne!(base, token("订单号：220101-123456789012346"));
    assert_eq!(token("单号SF1234567890123"), token("单号sf1234567890123"));
}

#[test]
fn merchants_and_keys_keep_their_tokens_apart() {
    let text = "订单号2849371023456789012";
    let base = Redactor::for_merchant(b"key", "m-1").redact(text).into_owned();
    assert_eq!(base, Redactor::for_merchant(b"key", "m-1").redact(text));
    assert_ne!(base, Redactor::for_merchant(b"key", "m-2").redact(text));
    assert_ne!(base, Redactor::for_merchant(b"other", "m-1").redact(text));
    assert!(!format!("{:?}", Redactor::new(b"secret")).contains("secret"));
}

/// Texts of the pieces that the scanners look at, in any order.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("13812345678".to_owned()),
        Just("010-63553377".to_owned()),
        Just("11010519491231002X".to_owned()),
        Just("[order:123456789012]".to_owned()),
        Just("2849371023456789012".to_owned()),
        Just("a@b.com".to_owned()),
        Just("浙江省杭州市".to_owned()),
        Just("文一西路969号".to_owned()),
        Just("12 Oak Ave".to_owned()),
        "[电话订单号地址是在：, 0-9a-zA-Z@＠+.()（）省市区路街号栋室-]{1,6}",
        "[０-９]{1,12}",
        "\\PC{1,4}",
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn findings_are_in_order_and_apart(text in pieces()) {
        let findings = find(&text);
        for pair in findings.windows(2) {
            prop_assert!(pair[0].range.end <= pair[1].range.start);
        }
        for finding in findings {
            prop_assert!(!text[finding.range].is_empty());
        }
    }

    #[test]
    fn redacting_again_keeps_every_token(text in pieces()) {
        let redactor = redactor();
        let once = redactor.redact(&text).into_owned();
        let twice = redactor.redact(&once).into_owned();
        let tokens = |text: &str| {
            text.match_indices("[order:").map(|(place, _)| text[place..].chars().take(20).collect::<String>()).collect::<Vec<_>>()
        };
        for token in tokens(&once) {
            prop_assert!(twice.contains(&token), "{} became {}", once, twice);
        }
    }

    #[test]
    fn a_mobile_number_never_survives(number in "1[3-9][0-9]{9}", before in "[\\p{Han}，。：\\n ]{0,8}", after in "[\\p{Han}，。 ]{0,8}") {
        let text = format!("{before}{number}{after}");
        prop_assert!(!redactor().redact(&text).contains(&number), "{}", text);
    }
}
