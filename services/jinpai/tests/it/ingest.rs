//! `jinpai ingest` as people type it: each format twice, what becomes of a bad row, and the figures that come of it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use jinpai::session::{Session, Target};
use proto::access::Role;
use proto::performance::v1::people_service_client::PeopleServiceClient;
use proto::performance::v1::{GetMerchantRequest, Shop, UpdateMerchantRequest};
use serde_json::{Value, json};
use testkit::{Scratch, eventually};

use crate::up::{Up, jinpai};

/// A merchant with one shop and Chinese days, as its manager sets it up.
pub async fn set_up(folder: &Path) {
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

/// The program with a suite of one shop, and files of its own beside it.
pub struct Ingest {
    // Stops before its files go.
    _up: Up,
    pub folder: PathBuf,
    rejects: PathBuf,
    /// Where the program keeps how far it came.
    pub home: PathBuf,
    pub scratch: Scratch,
}

impl Ingest {
    pub async fn start() -> Self {
        let scratch = Scratch::new();
        let folder = scratch.path().join("state");
        let up = Up::start(&folder);
        set_up(&folder).await;
        let (rejects, home) = (scratch.path().join("refused.jsonl"), scratch.path().join("home"));
        Self { _up: up, folder, rejects, home, scratch }
    }

    pub fn command(&self, kind: &str, file: &Path, format: Option<&str>) -> Command {
        let mut command = jinpai(&self.folder);
        command.env("XDG_STATE_HOME", &self.home);
        command.args(["--json", "ingest", kind]).arg(file).arg("--rejects").arg(&self.rejects);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        if let Some(format) = format {
            command.args(["--format", format]);
        }
        command
    }

    /// Runs the program; gives its status, its summary and the reject file.
    pub fn run(&self, kind: &str, file: &Path, format: Option<&str>) -> (i32, Value, Vec<Value>) {
        let mut command = self.command(kind, file, format);
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

/// The rows of `jinpai figures` of a day.
pub fn figures(folder: &Path, day: &str, words: &[&str]) -> Vec<Value> {
    let mut command = jinpai(folder);
    let output = command.args(["--json", "figures", "--from", day]).args(words).output().expect("runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let answer: Value = serde_json::from_slice(&output.stdout).expect("is JSON");
    answer["figures"].as_array().cloned().unwrap_or_default()
}

/// Of the orders' day; each row's key, name, orders, pieces and amount.
fn sold(folder: &Path, words: &[&str]) -> Vec<(String, String, String, String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let row = |row: &Value| {
        let amount = &row["orderedAmount"];
        let cents = amount["nanos"].as_i64().unwrap_or(0) / 10_000_000;
        let ordered = format!("{}.{cents:02}", text(&amount["units"]));
        (text(&row["key"]), text(&row["name"]), text(&row["orders"]), text(&row["orderedUnits"]), ordered)
    };
    figures(folder, "2026-05-01", words).iter().map(row).collect()
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

/// A table of each kind of fact and of conversations: a good record, and a row of which the field is wrong.
const TABLES: [(&str, &str, &str, &str); 12] = [
    (
        "conversations",
        "conversationId,agentId,customerId,channel,sentAt,sender,text\n\
         c-1,a,k,chat,2026-05-01 09:00:00,CUSTOMER,hello\nc-1,a,k,chat,2026-05-01 09:00:05,AGENT,hi\n",
        "c-2,a,k,chat,2026-05-01 09:00:00,NOBODY,hello\n",
        "sender",
    ),
    (
        "payments",
        "paymentId,orderId,occurredAt,customerId,amount\ny-1,o-1,2026-05-01 09:12,b-1,129\n",
        "y-2,o-1,2026-05-01 09:12,b-1,much\n",
        "amount",
    ),
    (
        "refunds",
        "refundId,orderId,occurredAt,customerId,amount,type,reason,completedAt\n\
         r-1,o-1,2026-05-02 09:00,b-1,5,REFUND_ONLY,late,2026-05-02 10:00\n",
        "r-2,o-1,2026-05-02 09:00,b-1,5,SWAP,late,\n",
        "type",
    ),
    (
        "carts",
        "cartId,occurredAt,customerId,productId,quantity,amount\nw-1,2026-05-01 09:00,b-1,p-1,1,129\n",
        "w-2,,b-1,p-1,1,129\n",
        "occurredAt",
    ),
    (
        "complaints",
        "complaintId,occurredAt,customerId,orderId,severity,cause\n\
         m-1,2026-05-03 09:00,b-1,o-1,ORDINARY,late\n",
        "m-2,2026-05-03 09:00,b-1,o-1,AWFUL,late\n",
        "severity",
    ),
    (
        "satisfaction",
        "satisfactionId,occurredAt,customerId,channel,conversationId,score\n\
         s-1,2026-05-01 09:30,b-1,chat,c-1,5\n",
        "s-2,2026-05-01 09:30,b-1,chat,c-1,five\n",
        "score",
    ),
    (
        "store-ratings",
        "storeRatingId,occurredAt,customerId,orderId,itemScore,serviceScore,deliveryScore\n\
         d-1,2026-05-04 09:00,b-1,o-1,5,4,3\n",
        "d-2,2026-05-04 09:00,b-1,o-1,5,4,x\n",
        "deliveryScore",
    ),
    (
        "reviews",
        "reviewId,occurredAt,customerId,orderId,productId,rating,text\n\
         v-1,2026-05-04 09:00,b-1,o-1,p-1,GOOD,nice\n",
        "v-2,2026-05-04 09:00,b-1,o-1,p-1,FINE,nice\n",
        "rating",
    ),
    (
        "bot-events",
        "botEventId,occurredAt,customerId,outcome,questionClass,question\n\
         e-1,2026-05-01 09:00,b-1,ANSWERED,OWN,when?\n",
        "e-2,2026-05-01 09:00,b-1,GUESSED,OWN,when?\n",
        "outcome",
    ),
    (
        "handlings",
        "handlingId,occurredAt,customerId,accountId,type,taskId,openedAt\n\
         h-1,2026-05-01 10:00,b-1,a,ORDER,t-1,2026-05-01 09:00\n",
        "h-2,2026-05-01 10:00,b-1,a,ORDER,t-1,then\n",
        "openedAt",
    ),
    (
        "signups",
        "signupId,occurredAt,customerId\nu-1,2026-05-01 10:00,b-1\n",
        "u-2,2026-05-01 10:00,\n",
        "customerId",
    ),
    (
        "recommendations",
        "recommendationId,occurredAt,customerId,accountId,productId,type\n\
         n-1,2026-05-01 09:20,b-1,a,p-1,RECOMMEND\n",
        "n-2,2026-05-01 09:20,b-1,a,p-1,HINT\n",
        "type",
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_format_goes_in_once_and_names_its_bad_rows() {
    let ingest = Ingest::start().await;
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let data = |name: &str| here.join("tests/data").join(name);
    ingest.twice("orders", &data("orders.csv"), None, 2, &[(5, "amount"), (6, "order.lines[0].quantity")]);
    sales_are_cut(&ingest.folder).await;
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
    for (kind, good, bad, field) in TABLES {
        let file = ingest.scratch.path().join(format!("{kind}.csv"));
        std::fs::write(&file, format!("{good}{bad}")).expect("a file");
        let line = good.lines().count() as i64 + 1;
        ingest.twice(kind, &file, None, 1, &[(line, field)]);
    }
    // A line of each kind, and one that has none.
    ingest.twice("mixed", &data("mixed.jsonl"), None, 13, &[(14, "kind")]);
}
