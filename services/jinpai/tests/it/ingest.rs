//! `jinpai ingest` as people type it: each format twice, what becomes of a bad row, and the figures that come of it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jinpai::session::{Session, Target};
use proto::access::Role;
use proto::performance::v1::people_service_client::PeopleServiceClient;
use proto::performance::v1::{GetMerchantRequest, Shop, UpdateMerchantRequest};
use serde_json::{Value, json};
use testkit::{Scratch, eventually};

use crate::up::{Up, jinpai};

/// A merchant with one shop and Chinese days, as its manager sets it up.
async fn set_up(folder: &Path) {
    let target = Target { state: Some(folder.to_owned()), ..Target::default() };
    let session = Session::open(&target, Role::Manager).await.expect("signs in");
    let mut people = PeopleServiceClient::new(session.channel());
    let merchant = people.get_merchant(GetMerchantRequest {}).await.expect("answers").into_inner().merchant;
    let merchant = merchant.expect("a merchant");
    let request = UpdateMerchantRequest {
        name: merchant.name,
        time_zone: "Asia/Shanghai".to_owned(),
        cut_over_hour: 0,
        shops: vec![Shop { shop_id: "star".to_owned(), name: "Star".to_owned() }],
        etag: merchant.etag,
        request_id: String::new(),
    };
    people.update_merchant(request).await.expect("is set up");
}

struct Ingest<'a> {
    folder: &'a Path,
    rejects: PathBuf,
}

impl Ingest<'_> {
    /// Runs the program; gives its status, its summary and the reject file.
    fn run(&self, kind: &str, file: &Path, format: Option<&str>) -> (i32, Value, Vec<Value>) {
        let mut command = jinpai(self.folder);
        command.args(["--json", "ingest", kind]).arg(file).arg("--rejects").arg(&self.rejects);
        if let Some(format) = format {
            command.args(["--format", format]);
        }
        let output = command.output().expect("runs");
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        let summary = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("no summary: {told}"));
        let rejects = std::fs::read_to_string(&self.rejects).expect("a reject file");
        let rejects = rejects.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        (output.status.code().expect("ends"), summary, rejects)
    }

    /// A file that is sent twice: the second time everything is known, and what was refused is refused again.
    fn twice(&self, kind: &str, file: &Path, format: Option<&str>, good: i64, bad: &[(i64, &str)]) {
        let status = if bad.is_empty() { 0 } else { 3 };
        for (accepted, unchanged) in [(good, 0), (0, good)] {
            let (ended, summary, rejects) = self.run(kind, file, format);
            let count = |name: &str| summary[name].as_i64().expect("a number");
            let counts = ["read", "accepted", "unchanged", "stale", "rejected"].map(count);
            let refused = bad.len() as i64;
            assert_eq!(
                counts,
                [good + refused, accepted, unchanged, 0, refused],
                "{kind} {format:?}: {summary}"
            );
            assert_eq!(ended, status);
            let named = |reject: &Value| {
                (
                    reject["line"].as_i64().expect("a line"),
                    reject["field"].as_str().expect("a field").to_owned(),
                )
            };
            // What the file's reader refuses and what the service refuses come as they come.
            let mut named: Vec<(i64, String)> = rejects.iter().map(named).collect();
            named.sort();
            let bad: Vec<(i64, String)> =
                bad.iter().map(|(line, field)| (*line, (*field).to_owned())).collect();
            assert_eq!(named, bad, "{kind} {format:?}");
            assert!(
                rejects.iter().all(|reject| reject["reason"].as_str().is_some_and(|why| !why.is_empty()))
            );
            assert_eq!(summary["rejects"], json!(rejects), "what is shown is what is written");
        }
    }
}

/// `jinpai figures` of the orders' day; each row's key, name, orders, pieces and amount.
fn sold(folder: &Path, words: &[&str]) -> Vec<(String, String, String, String, String)> {
    let mut command = jinpai(folder);
    let output =
        command.args(["--json", "figures", "--from", "2026-05-01"]).args(words).output().expect("runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let answer: Value = serde_json::from_slice(&output.stdout).expect("is JSON");
    let rows = answer["figures"].as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let row = |row: &Value| {
        let amount = &row["orderedAmount"];
        let cents = amount["nanos"].as_i64().unwrap_or(0) / 10_000_000;
        let ordered = format!("{}.{cents:02}", text(&amount["units"]));
        (text(&row["key"]), text(&row["name"]), text(&row["orders"]), text(&row["orderedUnits"]), ordered)
    };
    rows.iter().map(row).collect()
}

/// What the good rows of `orders.csv` are by product, category and hour.
async fn sales_are_cut(folder: &Path) {
    let row = |cells: [&str; 5]| {
        let [key, name, orders, units, amount] = cells.map(str::to_owned);
        (key, name, orders, units, amount)
    };
    // Customers are counted within about a second of coming in.
    eventually(Duration::from_secs(30), async || sold(folder, &["--by", "product"]).len() == 2).await;
    let lamp = row(["p-1", "Desk lamp", "2", "2", "258.00"]);
    let bulb = row(["p-2", "Bulb", "1", "5", "129.50"]);
    assert_eq!(sold(folder, &["--by", "product"]), [lamp, bulb.clone()]);
    assert_eq!(sold(folder, &["--by", "category"]), [row(["lamps", "", "2", "7", "387.50"])]);
    let hours = [row(["09", "", "1", "1", "129.00"]), row(["10", "", "1", "6", "258.50"])];
    assert_eq!(sold(folder, &["--by", "hour"]), hours);
    let shop = sold(folder, &["--by", "shop", "--product", "p-2"]);
    assert_eq!(shop.len(), 1);
    assert_eq!((&shop[0].3, &shop[0].4), (&bulb.3, &bulb.4));
    let mut command = jinpai(folder);
    let shown = command.args(["figures", "--from", "2026-05-01", "--by", "product"]).output().expect("runs");
    let shown = String::from_utf8(shown.stdout).expect("is text");
    assert!(shown.lines().any(|line| line.contains("Bulb (p-2)") && line.contains(" 129.50 ")), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_format_goes_in_once_and_names_its_bad_rows() {
    let scratch = Scratch::new();
    let folder = scratch.path().join("state");
    let _up = Up::start(&folder);
    set_up(&folder).await;
    let ingest = Ingest { folder: &folder, rejects: scratch.path().join("refused.jsonl") };
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let data = |name: &str| here.join("tests/data").join(name);
    ingest.twice("orders", &data("orders.csv"), None, 2, &[(5, "amount"), (6, "order.lines[0].quantity")]);
    sales_are_cut(&folder).await;
    ingest.twice(
        "conversations",
        &data("freshdesk.json"),
        Some("freshdesk"),
        1,
        &[(12, "ticket.updated_at")],
    );
    ingest.twice("conversations", &data("qianniu.txt"), None, 2, &[(1, "sender")]);
    let zendesk = here.join("../../libs/importers/tests/data/zendesk");
    ingest.twice("conversations", &zendesk, None, 8, &[]);
}
