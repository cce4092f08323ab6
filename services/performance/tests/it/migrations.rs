//! The schema's way up and back, and Diesel's view of it.

use std::collections::BTreeMap;

fn migrated() -> testkit::Schema {
    testkit::schema("performance", |owner| async move { performance::migrate(&owner).await.map(drop) })
}

#[tokio::test(flavor = "multi_thread")]
async fn every_migration_has_a_way_back() {
    let database = testkit::database(&[migrated()]).await;
    let owner = database.owner_config("performance");
    assert!(performance::migrate(&owner).await.expect("is up").is_empty());
    let down = performance::revert(&owner).await.expect("goes back");
    assert!(!down.is_empty());
    let mut up = performance::migrate(&owner).await.expect("goes up again");
    up.reverse();
    assert_eq!(up, down);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tables_in_the_code_are_the_tables_in_the_database() {
    let database = testkit::database(&[migrated()]).await;
    let pool = pg::connect("performance", &database.config("performance")).await.expect("connects");
    let client = pool.side_client().await.expect("connects");
    let sql = "SELECT table_name::text, column_name::text, \
               CASE data_type WHEN 'ARRAY' THEN 'Array<Text>' WHEN 'text' THEN 'Text' WHEN 'boolean' THEN 'Bool' \
                    WHEN 'date' THEN 'Date' WHEN 'bigint' THEN 'BigInt' WHEN 'smallint' THEN 'SmallInt' \
                    WHEN 'jsonb' THEN 'Jsonb' WHEN 'timestamp with time zone' THEN 'Timestamptz' ELSE data_type END, \
               is_nullable = 'YES' \
               FROM information_schema.columns WHERE table_schema = 'performance' ORDER BY table_name, ordinal_position";
    let mut tables: BTreeMap<String, String> = BTreeMap::new();
    for row in client.query(sql, &[]).await.expect("reads the catalogue") {
        let (table, column, of_type): (String, String, String) = (row.get(0), row.get(1), row.get(2));
        let of_type = if row.get(3) { format!("Nullable<{of_type}>") } else { of_type };
        *tables.entry(table).or_default() += &format!("{column} -> {of_type},");
    }
    let code: String = include_str!("../../src/store/schema.rs").split_whitespace().collect();
    for table in ["merchants", "shops", "teams", "people", "memberships", "accounts", "person_revisions"] {
        let columns: String = tables[table].split_whitespace().collect();
        assert!(code.contains(&format!("){{{columns}}}")), "{table} is {columns} in the database");
    }
}
