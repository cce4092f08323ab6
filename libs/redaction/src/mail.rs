//! Mail addresses.

use crate::{Finding, Kind, add};

/// Finds `name@host.domain`, the sign narrow or wide.
pub(crate) fn find(text: &str, findings: &mut Vec<Finding>) {
    for (place, sign) in text.match_indices(['@', '＠']) {
        let name = text[..place].bytes().rev().take_while(|byte| is_name(*byte)).count();
        let host = &text[place + sign.len()..];
        let length =
            host.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(byte)).count();
        // A full stop or a dash behind the address belongs to the sentence.
        let host = host[..length].trim_end_matches(['.', '-']);
        let domain = host.rsplit_once('.').is_some_and(|(host, domain)| {
            !host.is_empty() && domain.len() >= 2 && domain.bytes().all(|byte| byte.is_ascii_alphabetic())
        });
        if name > 0 && domain && !host.starts_with('.') && !host.contains("..") {
            add(findings, Kind::Mail, place - name..place + sign.len() + host.len());
        }
    }
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._%+-".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<&str> {
        let mut findings = Vec::new();
        find(text, &mut findings);
        findings.into_iter().map(|finding| &text[finding.range]).collect()
    }

    #[test]
    fn mail_addresses_are_found_whole() {
        assert_eq!(found("发到wang.xm+1@mail.example.com.cn，谢谢"), ["wang.xm+1@mail.example.com.cn"]);
        assert_eq!(found("It's a_b@example.org."), ["a_b@example.org"]);
        assert_eq!(found("12345＠qq.com和x@y.io"), ["12345＠qq.com", "x@y.io"]);
    }

    #[test]
    fn other_uses_of_the_sign_stay() {
        for text in
            ["dinner for 2 @ the club", "@小王 看一下", "Help!@", "Inn @ 420", "a@b", "a@b..com", "5@3.50"]
        {
            assert!(found(text).is_empty(), "{text}");
        }
    }
}
