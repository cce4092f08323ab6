//! Every statement that the store writes out as it stands is one that the migrated database understands: its tables, columns and
//! types are there, whether or not a test happens to run it. What is put together while the service runs is left to the tests that
//! run it.

use std::path::{Path, PathBuf};

use tokio_postgres::types::Type;

use crate::support::TestMetrics;

/// How statements begin in the source.
const CALL: &str = "sql_query(";

/// A statement, where it stands, and what is bound to it.
struct Statement {
    at: String,
    sql: String,
    types: Vec<Type>,
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let mut files: Vec<PathBuf> =
        entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] }).collect();
    files.sort();
    files
}

/// The statements of a file that are plain texts.
fn statements(file: &Path) -> Vec<Statement> {
    let source = std::fs::read_to_string(file).expect("a source");
    let name = file.file_name().expect("a name").to_string_lossy();
    let calls = source.match_indices(CALL).map(|(at, _)| at + CALL.len());
    let plain = calls.filter_map(|at| {
        let text = source[at..].trim_start().strip_prefix('"')?;
        let line = source[..at].lines().count();
        let (sql, rest) = literal(text);
        Some(Statement { at: format!("{name}:{line}"), sql, types: bound(rest) })
    });
    plain.collect()
}

/// What a text in the source means, up to its closing quote, and what comes after that.
fn literal(text: &str) -> (String, &str) {
    let mut meant = String::new();
    let mut chars = text.char_indices().peekable();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return (meant, &text[at + 1..]),
            '\\' => match chars.next() {
                Some((_, '\n')) => while chars.next_if(|(_, next)| next.is_whitespace()).is_some() {},
                Some((_, 'n')) => meant.push('\n'),
                Some((_, other)) => meant.push(other),
                None => break,
            },
            other => meant.push(other),
        }
    }
    panic!("no closing quote: {meant}");
}

/// The types that the call binds, in order. A statement ends with its semicolon.
fn bound(rest: &str) -> Vec<Type> {
    let end = rest.find(';').unwrap_or(rest.len());
    let binds = rest[..end].split(".bind::<").skip(1);
    binds.map(|bind| type_of(bind.split(", _>").next().expect("a type"))).collect()
}

fn type_of(name: &str) -> Type {
    let inner = |outer: &str| name.strip_prefix(outer)?.strip_prefix('<')?.strip_suffix('>');
    if let Some(name) = inner("Nullable") {
        return type_of(name);
    }
    if let Some(name) = inner("Array") {
        return match name {
            "Text" => Type::TEXT_ARRAY,
            "SmallInt" => Type::INT2_ARRAY,
            "Integer" => Type::INT4_ARRAY,
            "BigInt" => Type::INT8_ARRAY,
            "Bool" => Type::BOOL_ARRAY,
            "Date" => Type::DATE_ARRAY,
            "Timestamptz" => Type::TIMESTAMPTZ_ARRAY,
            "Jsonb" => Type::JSONB_ARRAY,
            "Binary" => Type::BYTEA_ARRAY,
            "SqlUuid" => Type::UUID_ARRAY,
            _ if name.starts_with("Nullable<") => type_of(&format!("Array{}", &name["Nullable".len()..])),
            other => panic!("an array of {other} is not known here"),
        };
    }
    match name {
        "Text" => Type::TEXT,
        "SmallInt" => Type::INT2,
        "Integer" => Type::INT4,
        "BigInt" => Type::INT8,
        "Double" => Type::FLOAT8,
        "Bool" => Type::BOOL,
        "Date" => Type::DATE,
        "Timestamptz" => Type::TIMESTAMPTZ,
        "Jsonb" => Type::JSONB,
        "Binary" => Type::BYTEA,
        "SqlUuid" => Type::UUID,
        other => panic!("{other} is not known here"),
    }
}

#[test]
fn the_source_is_read_as_the_compiler_does() {
    let (sql, rest) =
        literal("SELECT \\\"a\\\" \\\n     FROM b\")\n.bind::<Nullable<Text>, _>(c);.bind::<Date, _>(d)");
    assert_eq!((sql.as_str(), bound(rest)), ("SELECT \"a\" FROM b", vec![Type::TEXT]));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_understands_every_statement() {
    let test = TestMetrics::start().await;
    let client = test.pool.side_client().await.expect("connects");
    let store = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store");
    let all: Vec<Statement> = sources(&store).iter().flat_map(|file| statements(file)).collect();
    assert!(all.len() > 100, "{} statements were found", all.len());
    let mut wrong = Vec::new();
    for Statement { at, sql, types } in all {
        if let Err(error) = client.prepare_typed(&sql, &types).await {
            wrong.push(format!("{at}: {}", status::chain(&error)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
