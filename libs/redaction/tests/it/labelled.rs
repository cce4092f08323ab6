//! How much of what is personal is found (recall), and how much of what is found is personal (precision), on texts
//! written by hand and on generated ones. Run with `--nocapture` to see the table.

use std::{collections::BTreeMap, ops::Range};

use redaction::{Finding, Kind, find};

/// The bounds that every kind must keep.
const PRECISION_MIN: f64 = 0.97;
const RECALL_MIN: f64 = 0.97;

const KINDS: [(&str, Kind); 6] = [
    ("phone", Kind::Phone),
    ("id-card", Kind::IdCard),
    ("bank-card", Kind::BankCard),
    ("mail", Kind::Mail),
    ("address", Kind::Address),
    ("order", Kind::Order),
];

struct Labelled {
    text: String,
    personal: Vec<(Kind, Range<usize>)>,
}

/// Reads `{kind:text}` marks out of a line.
fn parse(line: &str) -> Labelled {
    let mut labelled = Labelled { text: String::new(), personal: Vec::new() };
    let mut rest = line;
    while let Some((before, after)) = rest.split_once('{') {
        let (mark, behind) = after.split_once('}').expect("a mark is closed");
        let (name, text) = mark.split_once(':').expect("a mark names its kind");
        let kind = KINDS.iter().find(|(known, _)| *known == name).expect("a mark names a known kind").1;
        labelled.text.push_str(before);
        let start = labelled.text.len();
        labelled.text.push_str(text);
        labelled.personal.push((kind, start..labelled.text.len()));
        rest = behind;
    }
    labelled.text.push_str(rest);
    labelled
}

#[derive(Default)]
struct Score {
    personal: u32,
    recalled: u32,
    found: u32,
    right: u32,
}

fn overlap(left: &Range<usize>, right: &Range<usize>) -> bool {
    left.start < right.end && right.start < left.end
}

/// A mark is recalled if a finding of its kind covers all of it; a finding is right if it touches a mark of its kind.
fn score(lines: &[Labelled]) -> BTreeMap<Kind, Score> {
    let mut scores: BTreeMap<Kind, Score> = BTreeMap::new();
    for line in lines {
        let findings = find(&line.text);
        for (kind, range) in &line.personal {
            let covers = |finding: &Finding| {
                finding.kind == *kind && finding.range.start <= range.start && range.end <= finding.range.end
            };
            let recalled = findings.iter().any(covers);
            let score = scores.entry(*kind).or_default();
            score.personal += 1;
            score.recalled += u32::from(recalled);
            if !recalled {
                eprintln!("missed {kind:?} {:?} in {:?}", &line.text[range.clone()], line.text);
            }
        }
        for finding in findings {
            let right = line
                .personal
                .iter()
                .any(|(kind, range)| *kind == finding.kind && overlap(range, &finding.range));
            let score = scores.entry(finding.kind).or_default();
            score.found += 1;
            score.right += u32::from(right);
            if !right {
                eprintln!("wrong {:?} {:?} in {:?}", finding.kind, &line.text[finding.range], line.text);
            }
        }
    }
    scores
}

fn check(name: &str, lines: &[Labelled]) {
    let scores = score(lines);
    assert_eq!(scores.len(), KINDS.len(), "every kind is tried");
    for (kind, score) in scores {
        let precision = f64::from(score.right) / f64::from(score.found);
        let recall = f64::from(score.recalled) / f64::from(score.personal);
        eprintln!(
            "{name}: {kind:?}: {} personal, precision {precision:.3}, recall {recall:.3}",
            score.personal
        );
        assert!(precision >= PRECISION_MIN, "{name}: precision of {kind:?} is {precision:.3}");
        assert!(recall >= RECALL_MIN, "{name}: recall of {kind:?} is {recall:.3}");
    }
}

#[test]
fn texts_written_by_hand_keep_the_bounds() {
    let lines = include_str!("../data/labelled.txt").lines().filter(|line| !line.starts_with('#'));
    let lines: Vec<Labelled> = lines.map(|line| parse(line.trim_end_matches(" #cw"))).collect();
    assert!(lines.len() > 150);
    check("by hand", &lines);
}

/// A small generator of fixed numbers, so that the texts are the same in each run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.roll(of.len() as u64) as usize]
    }

    fn digits(&mut self, count: usize) -> String {
        (0..count).map(|_| char::from(b'0' + self.roll(10) as u8)).collect()
    }

    fn mobile(&mut self) -> String {
        let digits = format!("1{}{}", 3 + self.roll(7), self.digits(9));
        match self.roll(4) {
            0 => format!("{} {} {}", &digits[..3], &digits[3..7], &digits[7..]),
            1 => format!("{}-{}-{}", &digits[..3], &digits[3..7], &digits[7..]),
            2 => format!("+86 {digits}"),
            _ => digits,
        }
    }

    fn landline(&mut self) -> String {
        let area = self.one(&["010", "021", "0571", "0755", "028"]);
        format!("{area}-{}{}", 2 + self.roll(7), self.digits(7))
    }

    fn id_card(&mut self) -> String {
        let region = self.one(&["110105", "330106", "440305", "510107", "320102"]);
        let (year, month, day) = (1950 + self.roll(60), 1 + self.roll(12), 1 + self.roll(28));
        let body = format!("{region}{year}{month:02}{day:02}{}", self.digits(3));
        let weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
        let sum: u32 =
            body.bytes().zip(weights).map(|(digit, weight)| u32::from(digit - b'0') * weight).sum();
        format!("{body}{}", char::from(b"10X98765432"[(sum % 11) as usize]))
    }

    fn bank_card(&mut self) -> String {
        let body = format!("{}{}", self.one(&["622202", "622848", "621700"]), self.digits(12));
        let sum: u32 = body
            .bytes()
            .rev()
            .enumerate()
            .map(|(place, digit)| {
                let digit = u32::from(digit - b'0') * if place % 2 == 0 { 2 } else { 1 };
                digit / 10 + digit % 10
            })
            .sum();
        format!("{body}{}", (10 - sum % 10) % 10)
    }

    fn address(&mut self) -> String {
        let region = self.one(&[
            "浙江省杭州市西湖区",
            "北京市海淀区",
            "广东省广州市天河区",
            "上海市浦东新区",
            "四川省成都市锦江区",
            "江苏南京玄武区",
            "湖南省长沙市开福区",
            "山东省青岛市市北区",
        ]);
        let road = self.one(&[
            "文三路",
            "中山北路",
            "建设大道",
            "学院路",
            "人民南路",
            "解放西街",
            "滨河东路",
            "长安街",
        ]);
        let house = 1 + self.roll(900);
        match self.roll(3) {
            0 => format!("{region}{road}{house}号"),
            1 => format!(
                "{region}{road}{house}号{}栋{}单元{}室",
                1 + self.roll(20),
                1 + self.roll(4),
                100 + self.roll(900)
            ),
            _ => format!("{road}{house}号{}号楼{}", 1 + self.roll(20), 100 + self.roll(900)),
        }
    }

    fn sentence(&mut self) -> String {
        let money = format!("{}.{:02}", self.roll(5000), self.roll(100));
        match self.roll(12) {
            0 => format!("麻烦联系{{phone:{}}}，谢谢", self.mobile()),
            1 => format!("电话是{{phone:{}}}，{money}元", self.landline()),
            2 => format!("身份证号{{id-card:{}}}", self.id_card()),
            3 => format!("退款{money}元退到{{bank-card:{}}}", self.bank_card()),
            4 => format!(
                "发票发{{mail:{}{}@{}}}",
                self.one(&["wang", "li_", "a.b"]),
                self.digits(3),
                self.one(&["qq.com", "example.cn"])
            ),
            5 => format!("寄到{{address:{}}}，{{phone:{}}}", self.address(), self.mobile()),
            6 => format!("订单号：{{order:{}{}}}到哪了", 1 + self.roll(4), self.digits(18)),
            7 => format!("快递单号{{order:{}{}}}", self.one(&["SF", "YT", "ZTO"]), self.digits(13)),
            8 => format!(
                "{}-{:02}-{:02} {:02}:{:02}下单，{money}元",
                2015 + self.roll(10),
                1 + self.roll(12),
                1 + self.roll(28),
                self.roll(24),
                self.roll(60)
            ),
            9 => format!(
                "满{}减{}，{}号截止，还剩{}件",
                100 * self.roll(9),
                self.roll(90),
                1 + self.roll(30),
                self.roll(9999)
            ),
            10 => format!(
                "尺寸{}*{}cm，{}-{}元，评分4.{}分",
                self.roll(200),
                self.roll(200),
                self.roll(500),
                500 + self.roll(500),
                self.roll(10)
            ),
            _ => format!(
                "{}月{}号{}点发货，第{}页",
                1 + self.roll(12),
                1 + self.roll(28),
                self.roll(24),
                self.roll(400)
            ),
        }
    }
}

#[test]
fn generated_texts_keep_the_bounds() {
    let mut dice = Dice(20_261_121);
    let lines: Vec<Labelled> = (0..1_000).map(|_| parse(&dice.sentence())).collect();
    check("generated", &lines);
}
