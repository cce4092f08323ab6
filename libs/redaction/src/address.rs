//! Chinese postal addresses: a chain of elements that grow finer, from the province to the flat.
//!
//! There is no word list of streets, so an element is a short name and the character that says what it is (区, 路, 号 …).
//! A chain is an address if it is more exact than a town or a street: a road with its number, two regions and a road, a
//! village in its town, a block with a flat. "南京东路" or "朝阳区" alone stay.

mod elements;
mod labelled;

use std::ops::Range;

use crate::{Finding, Kind, add, places, taken};
pub(crate) use elements::is_anchor;
use elements::{Element, Rank};

/// Characters of the longest run of text that is taken for one address.
const LENGTH_MAX: usize = 60;

/// Bytes before the first character of interest (路, 号 …) in which its address can begin.
const REACH: usize = 3 * 30;

pub(crate) fn find(text: &str, findings: &mut Vec<Finding>) {
    labelled::find(text, findings);
    let mut place = 0;
    let mut anchors = text.char_indices().filter(|(_, character)| is_anchor(*character)).peekable();
    while let Some((anchor, _)) = anchors.peek().copied() {
        if anchor < place {
            anchors.next();
            continue;
        }
        // Nothing between here and the anchor's reach can be part of an address.
        place = place.max(text.floor_char_boundary(anchor.saturating_sub(REACH)));
        let Some(first) = text[place..].chars().next() else { break };
        let end = if elements::may_begin(first) { chain(text, place, findings) } else { None };
        if let Some(end) = end {
            add(findings, Kind::Address, place..end);
        }
        place = end.unwrap_or(place + first.len_utf8());
    }
}

/// What a chain has shown so far.
#[derive(Default)]
struct Evidence {
    /// Provinces, cities, districts, counties.
    regions: u32,
    towns: u32,
    villages: u32,
    roads: u32,
    estates: u32,
    /// House numbers.
    houses: u32,
    /// Blocks, entrances, flats.
    rooms: u32,
}

impl Evidence {
    fn count(&mut self, rank: Rank) {
        match rank {
            Rank::Region => self.regions += 1,
            Rank::Town => self.towns += 1,
            Rank::Village => self.villages += 1,
            Rank::Road => self.roads += 1,
            Rank::Estate => self.estates += 1,
            Rank::House => self.houses += 1,
            Rank::Floor => {}
            Rank::Room => self.rooms += 1,
        }
    }

    /// Whether the chain names a place that few people share.
    fn is_address(&self) -> bool {
        let numbers = self.houses + self.rooms;
        let country = self.towns + self.villages;
        (self.roads > 0 && numbers > 0)
            || (self.regions >= 2 && country + self.roads > 0)
            || (country > 0 && country + self.roads >= 2)
            || (country > 0 && numbers > 0)
            || (self.regions > 0 && self.estates > 0 && numbers > 0)
            || (self.regions > 0 && numbers >= 2)
            || self.rooms >= 2
    }
}

/// The end of the address that begins at `start`, if one does.
fn chain(text: &str, start: usize, findings: &[Finding]) -> Option<usize> {
    let mut evidence = Evidence::default();
    let mut place = start;
    let mut accepted = None;
    let limit = text[start..].char_indices().nth(LENGTH_MAX).map_or(text.len(), |(offset, _)| start + offset);
    while place < limit {
        let gap =
            if place == start || evidence.houses + evidence.rooms > 0 { 0 } else { gap(&text[place..]) };
        let Some(element) = next(text, place + gap, place > start, &evidence) else { break };
        let range: Range<usize> = place..place + gap + element.length;
        if taken(findings, &range) {
            break;
        }
        evidence.count(element.rank);
        place = range.end;
        if evidence.is_address() {
            accepted = Some(place);
        }
    }
    accepted.map(|end| end + elements::aside(&text[end..]))
}

/// A blank or comma between two elements.
fn gap(text: &str) -> usize {
    text.chars().next().filter(|sign| [' ', ',', '，', '-'].contains(sign)).map_or(0, char::len_utf8)
}

fn next(text: &str, place: usize, inside: bool, evidence: &Evidence) -> Option<Element> {
    let rest = &text[place..];
    let numbers = evidence.houses + evidence.rooms;
    if let Some(number) = elements::number(rest, evidence.roads + evidence.villages > 0, numbers > 0) {
        return Some(number);
    }
    let finer = evidence.towns + evidence.villages + evidence.roads + numbers > 0;
    // "朝阳区" is a district and "上海路" a road, although both begin with a city.
    if !finer
        && let Some(known) = places::at(rest)
        && (known.ranked || !elements::is_suffix(&rest[known.length..]))
    {
        return Some(Element { rank: Rank::Region, length: known.length });
    }
    elements::named(text, place, inside, finer)
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
    fn whole_addresses_are_found() {
        for (text, expected) in [
            ("寄到浙江省杭州市余杭区文一西路969号，谢谢", "浙江省杭州市余杭区文一西路969号"),
            ("我在文一西路969号3栋2单元501室", "文一西路969号3栋2单元501室"),
            ("地址是在北京市西城区白广路二条甲3号。", "北京市西城区白广路二条甲3号"),
            ("地址是在小汤山镇讲礼村", "小汤山镇讲礼村"),
            ("北京朝阳区农光东里路11号楼", "北京朝阳区农光东里路11号楼"),
            ("送阳光花园3栋2单元501室", "阳光花园3栋2单元501室"),
            ("广东省 深圳市 南山区 粤海街道 科技园路1号", "广东省 深圳市 南山区 粤海街道 科技园路1号"),
            ("地址是北京朝阳区酒仙桥将台西路19号院3号楼。", "北京朝阳区酒仙桥将台西路19号院3号楼"),
            ("它的地址是北京市东城区国子监街１５号", "北京市东城区国子监街１５号"),
            ("内蒙古自治区呼和浩特市赛罕区大学西街235号", "内蒙古自治区呼和浩特市赛罕区大学西街235号"),
            ("地址是景山前街4号故宫博物院内", "景山前街4号故宫博物院内"),
            ("收货地址：丽园路兴华园彩虹新城110号，电话", "丽园路兴华园彩虹新城110号"),
            ("地址在北京朝阳区三丰北里3号(外交部东南侧)。", "北京朝阳区三丰北里3号(外交部东南侧)"),
            ("上海市徐汇区漕溪北路18号（近地铁站）", "上海市徐汇区漕溪北路18号（近地铁站）"),
        ] {
            assert_eq!(found(text), [expected], "{text}");
        }
    }

    #[test]
    fn places_that_many_share_stay() {
        for text in [
            "我在上海，南京东路逛街",
            "朝阳区有什么好吃的",
            "我不知道3号能不能到",
            "坐地铁10号线到知春路",
            "这个小区门口的路很宽",
            "楼下超市在路边",
            "在路上了，2号到",
            "走3公里，5楼有电梯",
            "订单号是多少",
            "家里单独住一个房间",
            "这款有3个单品5折",
            "杭州仓发货，3号到北京",
            "我住三楼，三楼很吵",
            "在长宁路和遵义路口转了一圈",
            "地址在哪啊",
            "地址不对，3号发货可以吗",
            "地址是多少号",
            "走高速公路53号出口",
        ] {
            assert!(found(text).is_empty(), "{text}: {:?}", found(text));
        }
    }
}
