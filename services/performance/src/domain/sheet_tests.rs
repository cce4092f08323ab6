//! Reading and writing the people file.

use super::*;

fn errors(file: &str) -> Vec<(u64, &'static str, &'static str)> {
    Sheet::read(file.as_bytes()).errors.iter().map(|e| (e.line, e.field, e.reason)).collect()
}

/// A file with all columns and these lines.
fn file(lines: &[&str]) -> String {
    format!("{}\n{}\n", COLUMNS.join(","), lines.join("\n"))
}

#[test]
fn a_person_may_take_several_lines() {
    let sheet = Sheet::read(
        file(&[
            "p,甲,正式,客服,agent;lead,a,A组,是,2020-05-01,2020/05/09,x,2020-05-01,",
            "p,,,,,b,B组,,2020-05-10,,y,2020-05-03,2020-05-04",
        ])
        .as_bytes(),
    );
    assert_eq!(sheet.errors, []);
    let entry = &sheet.entries[0];
    assert_eq!(entry.details.status, PersonStatus::Regular);
    assert_eq!(entry.details.roles, [Role::Agent, Role::Lead]);
    let teams: Vec<_> =
        entry.memberships.iter().map(|(line, stay, name)| (*line, stay.lead, name.as_str())).collect();
    assert_eq!(teams, [(2, true, "A组"), (3, false, "B组")]);
    assert_eq!(entry.accounts.len(), 2);
}

#[test]
fn each_mistake_is_named_by_line_and_column() {
    let cases = [
        (",甲,regular,,,,,,,,,,", ("person_id", "MISSING")),
        ("p,,regular,,,,,,,,,,", ("name", "MISSING")),
        ("p,甲,retired,,,,,,,,,,", ("status", "BAD_STATUS")),
        ("p,甲,regular,,king,,,,,,,,", ("roles", "BAD_ROLE")),
        ("p,甲,regular,,,,,yes,,,,,", ("team_id", "MISSING")),
        ("p,甲,regular,,,a,,perhaps,2020-05-01,,,,", ("lead", "BAD_YES_NO")),
        ("p,甲,regular,,,a,,,,,,,", ("team_from", "MISSING")),
        ("p,甲,regular,,,a,,,2020-05-32,,,,", ("team_from", "BAD_DATE")),
        ("p,甲,regular,,,a,,,0202-05-01,,,,", ("team_from", "BAD_DATE")),
        ("p,甲,regular,,,a,,,2020-05-02,2020-05-01,,,", ("team_to", "ENDS_BEFORE_BEGIN")),
        ("p,甲,regular,,,,,,,,,2020-05-01,", ("account_id", "MISSING")),
        ("p,甲,regular,,,,,,,,x,,", ("account_from", "MISSING")),
        ("p,甲,regular,,,,,,,,,,,,", ("", "TOO_MANY_VALUES")),
        ("p,甲\u{1},regular,,,,,,,,,,", ("name", "BAD_TEXT")),
    ];
    for (line, (field, reason)) in cases {
        assert_eq!(errors(&file(&[line])), [(2, field, reason)], "{line}");
    }
    let long = format!("{},甲,regular,,,,,,,,,,", "p".repeat(65));
    assert_eq!(errors(&file(&[&long])), [(2, "person_id", "TOO_LONG")]);
}

#[test]
fn a_later_line_must_not_contradict_the_first() {
    let contradiction = file(&["p,甲,regular,,,,,,,,,,", "p,乙,,,,,,,,,,,"]);
    assert_eq!(errors(&contradiction), [(3, "name", "CONFLICT")]);
    assert!(Sheet::read(contradiction.as_bytes()).entries[0].bad);
    assert_eq!(errors(&file(&["p,甲,regular,,agent,,,,,,,,", "p,甲,正式,,agent,,,,,,,,"])), []);
}

#[test]
fn a_file_in_another_encoding_is_refused_with_its_line() {
    // 甲 in GBK.
    let file = b"person_id,name,status\np,A,regular\nq,\xbc\xd7,regular\n";
    let sheet = Sheet::read(file);
    assert_eq!((sheet.errors[0].line, sheet.errors[0].reason), (3, "NOT_UTF8"));
    assert!(sheet.entries.is_empty());
}

#[test]
fn the_heading_is_checked() {
    assert_eq!(errors("person_id,name\n"), [(1, "status", "MISSING_COLUMN")]);
    assert_eq!(errors("person_id,name,status,salary\n"), [(1, "", "UNKNOWN_COLUMN")]);
    assert_eq!(errors("person_id,name,status,name\n"), [(1, "name", "REPEATED_COLUMN")]);
    assert_eq!(errors("\u{feff}Person_ID, Name ,status\r\np,甲,regular\r\n\r\n"), []);
}

#[test]
fn what_is_written_is_read_back() {
    let line = "p,'=SUM(1),regular,客服,agent;lead,a,A组,yes,2020-05-01,2020-05-09,'-x,2020-05-01,";
    let second = "p,,,,,b,B组,no,2020-05-10,,,,";
    let text = file(&[line, second]);
    let sheet = Sheet::read(text.as_bytes());
    assert_eq!(sheet.errors, []);
    let entry = &sheet.entries[0];
    assert_eq!((entry.details.name.as_str(), entry.accounts[0].1.id.as_str()), ("=SUM(1)", "-x"));
    let person = Person {
        memberships: entry.memberships.iter().map(|(_, stay, _)| stay.clone()).collect(),
        accounts: entry.accounts.iter().map(|(_, account)| account.clone()).collect(),
        ..Person::new(entry.id.clone(), entry.details.clone(), chrono::DateTime::UNIX_EPOCH)
    };
    let names = |team: &TeamId| format!("{}组", team.as_str().to_uppercase());
    let written = write(&[person], true, names).expect("writes to memory");
    assert_eq!(String::from_utf8(written).expect("is text"), text);
}
