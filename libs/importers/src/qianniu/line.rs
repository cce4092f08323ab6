//! What a line of a chat log is.

use jiff::civil;

/// A line of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Line<'a> {
    /// `nick 2025-5-1 9:05:03`, `nick2025-5-1 9:05:03`, `nick --> peer 2025-5-1 9:05:03`.
    Header { sender: &'a str, peer: Option<&'a str>, at: civil::DateTime },
    /// A time alone: in old logs the line above names the sender.
    Time(civil::DateTime),
    /// 已读, 未读, 发送中.
    ReadState,
    /// `nick 撤回了一条消息`.
    Recall,
    /// 由 A 转交给 B.
    Transfer { to: &'a str },
    /// 当前用户来自 …: where the customer came from, told by the platform.
    Origin,
    /// A goods card's title, price or link.
    Card,
    /// An image, as HTML or as a link.
    Image,
    /// 千牛 and empty lines.
    Noise,
    /// Anything else: text.
    Text,
}

const IMAGE_ENDS: [&str; 6] = [".jpg", ".jpeg", ".png", ".gif", ".webp", ".bmp"];

/// Classifies a line by itself. Whether a header's sender is somebody is for the caller to judge.
pub(super) fn classify(line: &str) -> Line<'_> {
    let line = line.trim();
    if let Some((before, at)) = ending_in_time(line) {
        return match before.split_once("-->") {
            _ if before.is_empty() => Line::Time(at),
            Some((sender, peer)) => Line::Header { sender: sender.trim(), peer: Some(peer.trim()), at },
            None => Line::Header { sender: before, peer: None, at },
        };
    }
    match line {
        "" | "千牛" => return Line::Noise,
        "已读" | "未读" | "发送中" => return Line::ReadState,
        "商品详情页" | "商品推荐" => return Line::Card,
        _ => {}
    }
    if line.starts_with("当前用户来自") {
        return Line::Origin;
    }
    if let Some(nick) = line.strip_suffix("撤回了一条消息") {
        let nick = nick.trim();
        return if nick.chars().count() <= 64 && !nick.contains(char::is_whitespace) {
            Line::Recall
        } else {
            Line::Text
        };
    }
    if let Some(to) = transfer_target(line) {
        return Line::Transfer { to };
    }
    let bare = line.trim_matches('`').trim();
    if (bare.starts_with("<img") || bare.starts_with("<IMG")) && bare.ends_with('>') {
        return Line::Image;
    }
    if (bare.starts_with("http://") || bare.starts_with("https://")) && !bare.contains(char::is_whitespace) {
        let path = bare.split(['?', '#']).next().unwrap_or(bare).to_ascii_lowercase();
        return if IMAGE_ENDS.iter().any(|end| path.ends_with(end)) { Line::Image } else { Line::Card };
    }
    let price = line.strip_prefix(['¥', '￥']).map(str::trim);
    if price.is_some_and(|price| crate::value::decimal(price).is_ok()) {
        return Line::Card;
    }
    Line::Text
}

/// Who took over, of `由 服务助手 转交给 <客服>` with or without a reason behind it.
fn transfer_target(line: &str) -> Option<&str> {
    let (_, rest) = line.strip_prefix('由')?.split_once("转交给")?;
    let end = rest.find(['，', ',', '。']).or_else(|| rest.find("原因")).unwrap_or(rest.len());
    let to = rest[..end].trim().trim_matches(['<', '>', '《', '》']).trim();
    (!to.is_empty() && !to.contains(char::is_whitespace)).then_some(to)
}

/// What stands before the time that ends a line: `YYYY-M-D H:MM:SS`. The sender may touch the year.
fn ending_in_time(line: &str) -> Option<(&str, civil::DateTime)> {
    let (date_side, clock) = line.rsplit_once(' ')?;
    let mut parts = clock.split(':');
    let (hour, minute, second) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || minute.len() != 2 || second.len() != 2 || !(1..=2).contains(&hour.len()) {
        return None;
    }
    let date_side = date_side.trim_end();
    let mut parts = date_side.rsplitn(3, '-');
    let (day, month, before) = (parts.next()?, parts.next()?, parts.next()?);
    let year_at = before.len().checked_sub(4).filter(|at| before.is_char_boundary(*at))?;
    let (sender, year) = before.split_at(year_at);
    if !(1..=2).contains(&day.len()) || !(1..=2).contains(&month.len()) {
        return None;
    }
    let number = |text: &str| -> Option<i8> {
        text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
    };
    let year = year.bytes().all(|byte| byte.is_ascii_digit()).then(|| year.parse::<i16>().ok())??;
    if !(2003..=2199).contains(&year) {
        return None;
    }
    let at = civil::DateTime::new(
        year,
        number(month)?,
        number(day)?,
        number(hour)?,
        number(minute)?,
        number(second)?,
        0,
    );
    Some((sender.trim_end(), at.ok()?))
}

/// Whether text may be a nick: no blanks and no punctuation but what nicks and sub-accounts have, and as long as the
/// platform wants nicks to be (5 to 64, a Chinese character counting two).
pub(super) fn is_nick(text: &str) -> bool {
    let width: usize = text.chars().map(|c| if c.is_ascii() { 1 } else { 2 }).sum();
    (5..=64).contains(&width)
        && text.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '*' | ':' | '：' | '.' | '@'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(line: &str) -> (String, Option<String>, String) {
        match classify(line) {
            Line::Header { sender, peer, at } => (sender.to_owned(), peer.map(str::to_owned), at.to_string()),
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn headers_in_all_their_forms() {
        let at = "2025-05-01T09:05:03".to_owned();
        assert_eq!(header("t******7 2025-5-1 9:05:03\r"), ("t******7".into(), None, at.clone()));
        assert_eq!(
            header("某官方旗舰店:小王2025-05-01 09:05:03"),
            ("某官方旗舰店:小王".into(), None, at.clone())
        );
        assert_eq!(header("user1232025-5-1 9:05:03"), ("user123".into(), None, at.clone()));
        let peer = header("某官方旗舰店:小王 --> t******7 2025-5-1 9:05:03");
        assert_eq!(peer, ("某官方旗舰店:小王".into(), Some("t******7".into()), at));
        assert!(matches!(classify("2025-5-1 9:05:03"), Line::Time(_)));
    }

    #[test]
    fn text_that_looks_like_something_else() {
        for text in [
            "2025-5-1 9:05",
            "2025-13-1 9:05:03 是什么时候",
            "nick 2025-13-1 9:05:03",
            "nick 2025-5-1 9:5:03",
            "¥99 能便宜吗",
            "已读不回",
            "看 https://example.com/a 这个",
            "你好，由 我 来",
        ] {
            assert_eq!(classify(text), Line::Text, "{text}");
        }
    }

    #[test]
    fn lines_that_are_no_text() {
        assert_eq!(classify("未读"), Line::ReadState);
        assert_eq!(classify("t******7 撤回了一条消息"), Line::Recall);
        assert_eq!(classify("当前用户来自 商品详情页"), Line::Origin);
        assert_eq!(classify("¥129.00"), Line::Card);
        assert_eq!(classify("`https://item.example.com/item.htm?id=1`"), Line::Card);
        assert_eq!(classify("https://img.example.com/a/b.JPG?x=1"), Line::Image);
        assert_eq!(classify("<img src=\"https://img.example.com/a\" />"), Line::Image);
        assert_eq!(classify("千牛"), Line::Noise);
        let transfers = [
            "由 服务助手 转交给 小王",
            "由 服务助手 转交给 小王 原因：【离线留言自动分配】",
            "由 服务助手 转交给 小王，原因：【系统识别需干预，请处理】",
            "由服务助手转交给<小王>",
        ];
        for line in transfers {
            assert_eq!(classify(line), Line::Transfer { to: "小王" }, "{line}");
        }
    }

    #[test]
    fn nicks() {
        for nick in ["t******7", "某官方旗舰店:小王", "小明同学", "tb123_45"] {
            assert!(is_nick(nick), "{nick}");
        }
        for text in ["请在", "你好，在吗", "a b c d e", "", "好"] {
            assert!(!is_nick(text), "{text}");
        }
    }
}
