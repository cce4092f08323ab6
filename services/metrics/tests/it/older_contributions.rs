//! Contributions in the formats of older releases: whom those counted is counted again with what they didn't know.

use std::ops::RangeInclusive;
use std::time::Duration;

use metrics::domain::varint::{get, put};
use proto::metrics::v1 as pb;
use proto::metrics::v1::fact::Body;

use crate::fact_support::{fact, of};
use crate::sales::a_shop;
use crate::support::asking;

/// What slices had in the second format, by the sums' places.
const SLICED_IN_SECOND: [RangeInclusive<u8>; 2] = [1..=17, 51..=56];

/// A packed contribution as an older format had it: without slices, or with what slices had then, and without the sums and
/// counts that it didn't know.
fn older_format(packed: &[u8], format: u8) -> Vec<u8> {
    let sums_known = if format == 1 { 51 } else { 57 };
    let number = |rest: &mut &[u8]| get(rest).expect("a number");
    let (mut rest, mut out) = (&packed[1..], vec![format]);
    let copy = |rest: &mut &[u8], out: &mut Vec<u8>| {
        let value = number(rest);
        put(out, value);
        value
    };
    let text = |rest: &mut &[u8]| {
        let length = number(rest) as usize;
        let (text, tail) = rest.split_at(length);
        *rest = tail;
        text.to_vec()
    };
    let sums = |rest: &mut &[u8]| {
        let count = number(rest);
        (0..count)
            .map(|_| {
                let sum = rest[0];
                *rest = &rest[1..];
                (sum, number(rest))
            })
            .collect::<Vec<_>>()
    };
    let put_text = |out: &mut Vec<u8>, text: Vec<u8>| {
        put(out, text.len() as u64);
        out.extend(text);
    };
    let put_sums = |out: &mut Vec<u8>, sums: Vec<(u8, u64)>| {
        put(out, sums.len() as u64);
        for (sum, value) in sums {
            out.push(sum);
            put(out, value);
        }
    };
    for _ in 0..copy(&mut rest, &mut out) {
        copy(&mut rest, &mut out);
        copy(&mut rest, &mut out);
        put_text(&mut out, text(&mut rest));
        copy(&mut rest, &mut out);
        let known = sums(&mut rest).into_iter().filter(|(sum, _)| *sum < sums_known).collect();
        put_sums(&mut out, known);
        let mut unknown = Vec::new();
        for spread in 0..5 {
            let out = if spread < 3 { &mut out } else { &mut unknown };
            for _ in 0..copy(&mut rest, out) {
                copy(&mut rest, out);
                copy(&mut rest, out);
            }
        }
        let mut slices = Vec::new();
        for _ in 0..number(&mut rest) {
            let (aspect, item) = (number(&mut rest), text(&mut rest));
            let mut known = sums(&mut rest);
            known.retain(|(sum, _)| SLICED_IN_SECOND.iter().any(|places| places.contains(sum)));
            if !known.is_empty() {
                slices.push((aspect, item, known));
            }
        }
        if format == 2 {
            put(&mut out, slices.len() as u64);
            for (aspect, item, known) in slices {
                put(&mut out, aspect);
                put_text(&mut out, item);
                put_sums(&mut out, known);
            }
        }
    }
    assert!(rest.is_empty());
    out
}

#[tokio::test(flavor = "multi_thread")]
async fn whom_a_release_before_counted_is_counted_with_all_sums_and_restates_nothing() {
    let test = a_shop().await;
    let complaint = Body::Complaint(pb::Complaint {
        severity: pb::ComplaintSeverity::Ordinary.into(),
        ..Default::default()
    });
    test.send_facts(vec![of("b-1", fact("k-1", "2020-05-13T15:00:00", complaint))]).await;
    test.counted().await;
    let groups = [pb::Group::Product, pb::Group::Hour, pb::Group::Account];
    let all = async || {
        let mut rows = Vec::new();
        for group in groups {
            rows.push(test.figures(asking(group, "2020-05-13", "2020-05-20")).await);
        }
        rows
    };
    let expected = all().await;
    let characters: i64 = expected[2].iter().map(|row| row.reply_characters).sum();
    assert_eq!((characters, expected[1].iter().map(|row| row.complaints).sum::<i64>()), (4 * 13, 1));
    let zero = |columns: &str, nothing: &str| {
        columns.split(' ').map(|column| format!("{column} = {nothing}")).collect::<Vec<_>>().join(", ")
    };
    let counts = "initiated_customers reply_characters assisted_customers money_refunds money_refund_ms returns return_ms \
        refunds_told refunds_helped refunds_judged credited_amount";
    let more = "conversations complaints first_contacts first_contacts_resolved";
    let second = format!(
        "UPDATE trade_days SET {}, {}; UPDATE trade_slices SET {}, {};",
        zero(counts, "0"),
        zero("money_refund_times return_times", "''"),
        zero(counts, "NULL"),
        zero(more, "NULL"),
    );
    let carts = "ordered_units carts cart_amount carts_bought carts_left cart_left_amount";
    let first = format!("{second} DELETE FROM trade_slices; UPDATE trade_days SET {};", zero(carts, "0"));
    let client = test.pool.side_client().await.expect("connects");
    for (format, mut sql) in [(2, second), (1, first)] {
        let timelines = client.query("SELECT shop_id, customer_id, contribution FROM timelines", &[]).await;
        for row in timelines.expect("reads") {
            let (shop, customer, packed): (String, String, Vec<u8>) = (row.get(0), row.get(1), row.get(2));
            let old: String =
                older_format(&packed, format).iter().map(|byte| format!("{byte:02x}")).collect();
            sql += &format!(
                "UPDATE timelines SET contribution = '\\x{old}', sliced = {}, sums_known = 57 \
                 WHERE shop_id = '{shop}' AND customer_id = '{customer}';",
                format == 2
            );
        }
        client.batch_execute(&format!("BEGIN; {sql} COMMIT")).await.expect("goes back");
        let pending = test.figures(asking(pb::Group::Shop, "2020-05-13", "2020-05-13")).await;
        let counted = test.count("SELECT count(*) FROM timelines WHERE sums_known < 68").await == 0;
        assert!(counted || pending[0].pending, "what isn't counted yet is not told as if it were");
        testkit::eventually(Duration::from_secs(20), async || {
            test.count("SELECT count(*) FROM timelines WHERE sums_known < 68 OR NOT sliced").await == 0
        })
        .await;
        assert_eq!(all().await, expected, "after format {format}");
    }
    let restated = test.count("SELECT count(*) FROM trade_slices WHERE known_day > business_day").await;
    assert_eq!(restated, 0, "slices were known all along");
}
