//! Rosters as people see them.

use rostering::{Cover, Picture, Problem, Roster, check, html, picture, read_json, read_model};
use unicode_width::UnicodeWidthStr;

const SHORT: &str = include_str!("../../testdata/short.json");
const DECEMBER: &str = include_str!("../../testdata/december.json");

fn some_roster(problem: &Problem) -> Roster {
    let mut roster = Roster::of(&problem.model);
    for person in 0..roster.people() {
        for day in (0..roster.days()).filter(|day| (day + person) % 4 > 0) {
            roster.set(person, day, Some((day / 4 + person) % problem.model.shifts.len()));
        }
    }
    roster
}

#[test]
fn a_picture_lines_up_with_chinese_names_and_fits_the_terminal() {
    let problem = read_json(DECEMBER).expect("readable");
    let roster = some_roster(&problem);
    let report = check(&problem.model, &roster);
    for width in [60, 80, 132] {
        let how = Picture { width, penalties_max: 3, ..Picture::default() };
        let text = picture(&problem, &roster, &report, how);
        let head = text.lines().position(|line| line.contains("Tu We")).expect("weekdays");
        let column = text.lines().nth(head).expect("there").find("Tu").expect("the first day is a Tuesday");
        for name in ["李雷", "韩梅梅", "Lily"] {
            let line = text.lines().find(|line| line.starts_with(name)).expect(name);
            let cells = line.strip_prefix(name).expect("begins so").trim_start();
            let before = &line[..line.len() - cells.len()];
            assert_eq!(before.width(), column, "{text}");
        }
        let grid = text.lines().take_while(|line| !line.starts_with("· off")).collect::<Vec<_>>();
        let widest = grid.iter().map(|line| line.width()).max().expect("lines");
        assert!(widest <= width + "  20 shifts 160:00 h".len(), "{widest} for {width}:\n{text}");
        assert!(!text.contains('\u{1b}'), "no colours unless asked for");
        assert!(text.contains("BROKEN  李雷: works on Mon 7 Dec, a day of leave"), "{text}");
    }
    let colored = picture(&problem, &roster, &report, Picture { color: true, ..Picture::default() });
    assert!(colored.contains("\u{1b}[1;31m"));
}

#[test]
fn a_picture_shows_what_is_missing() {
    let problem = read_json(SHORT).expect("readable");
    let roster = Roster::of(&problem.model);
    let text = picture(&problem, &roster, &check(&problem.model, &roster), Picture::default());
    let row = text.lines().find(|line| line.starts_with("19:00–24:00")).expect("the need");
    assert_eq!(row.split_whitespace().collect::<Vec<_>>(), ["19:00–24:00", "-6"]);
    assert!(text.contains("    600  Sun 8 Nov 19:00–24:00: 0 of 6, 6 missing"), "{text}");
}

#[test]
fn a_page_escapes_names_and_holds_every_penalty() {
    let mut model = read_model(crate::text::SMALL).expect("readable");
    model.people[0].id = "<script>alert('&\"')</script>".into();
    model.shifts[0].id = "<b>".into();
    model.cover.push(Cover { day: 1, shift: 0, skill: None, required: 3, under: 7, over: 1 });
    let problem = Problem::dated(model, "2026-11-02".parse().expect("a date"));
    let roster = some_roster(&problem);
    let report = check(&problem.model, &roster);
    let page = html(&problem, &roster, &report, None, "十一月 <2026>");
    assert!(!page.contains("<script") && !page.contains("<b>\""), "{page}");
    assert!(page.contains("&lt;script&gt;alert(&#39;&amp;&quot;&#39;)&lt;/script&gt;"));
    assert!(page.contains("<title>十一月 &lt;2026&gt;</title>"));
    let lines = page.matches("<li><b>").count();
    assert_eq!(lines, report.penalties.len());
    assert_eq!(
        page.split("Hard rules broken</h2>")
            .nth(1)
            .expect("a list")
            .split("</ul>")
            .next()
            .expect("it ends")
            .matches("<li>")
            .count(),
        report.broken().count()
    );
    for external in ["http", "src=", "@import", "url("] {
        assert!(!page.contains(external), "{external} would be fetched");
    }
    let opened = page.matches("<td").count();
    assert_eq!(opened, page.matches("</td>").count());
}

/// A head that costs nothing when it is missing is not counted as missing, neither on a terminal nor on a page.
#[test]
fn what_costs_nothing_is_not_shown_as_missing() {
    let mut problem = read_json(SHORT).expect("readable");
    problem.model.demand[0].under = 0;
    let roster = Roster::of(&problem.model);
    let report = check(&problem.model, &roster);
    assert_eq!(report.objective, 0);
    let text = picture(&problem, &roster, &report, Picture { color: true, ..Picture::default() });
    let row = text.lines().find(|line| line.contains("19:00–24:00")).expect("the need");
    assert!(row.contains('○') && !row.contains("-6") && !row.contains("\u{1b}[1;31m"), "{row}");
    assert!(
        text.contains("○ fewer than wanted, which costs nothing") && !text.contains("one missing"),
        "{text}"
    );
    let page = html(&problem, &roster, &report, None, "one night");
    assert!(page.contains("<b>0</b><span>heads missing</span>") && !page.contains("class=\"under"), "{page}");
    assert!(page.contains("0 there, 6 wanted"));
}
