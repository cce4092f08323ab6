use super::*;
use crate::domain::fact::{BuyerReview, Complaint, FactKey, Order, OrderLine, Severity};
use crate::domain::testing::recorded;

fn at(hours: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::hours(hours)
}

fn timing() -> Timing {
    Timing {
        interval: TimeDelta::hours(48),
        unpaid_after: TimeDelta::hours(1),
        unpaid_within: TimeDelta::hours(72),
        cart_after: TimeDelta::hours(24),
        inquiry_after: TimeDelta::hours(24),
        praise_after: TimeDelta::hours(24),
        within: TimeDelta::hours(168),
        rest: TimeDelta::days(7),
        praise_rest: TimeDelta::days(30),
    }
}

fn fact(id: &str, hours: i64, body: Body) -> Fact {
    Fact {
        key: FactKey { id: id.to_owned(), kind: body.kind(), shop: "s".to_owned() },
        revision: 0,
        occurred_at: at(hours),
        day: at(hours).date_naive(),
        customer: "b".to_owned(),
        account: String::new(),
        body,
    }
}

fn order(id: &str, hours: i64) -> Fact {
    let line = OrderLine {
        product: "p".to_owned(),
        title: String::new(),
        category: String::new(),
        quantity: 1,
        amount: 500,
    };
    let body = Order {
        lines: vec![line],
        amount: 500,
        member_level: String::new(),
        excluded_reason: String::new(),
        campaign: String::new(),
    };
    fact(id, hours, Body::Order(body))
}

fn excluded(mut order: Fact) -> Fact {
    if let Body::Order(order) = &mut order.body {
        order.excluded_reason = "special".to_owned();
    }
    order
}

fn payment(id: &str, order: &str, hours: i64) -> Fact {
    fact(id, hours, Body::Payment { order: order.to_owned(), amount: 500 })
}

fn cart(id: &str, product: &str, hours: i64) -> Fact {
    fact(id, hours, Body::Cart { product: product.to_owned(), quantity: 1, amount: 200 })
}

fn review(id: &str, rating: Rating, hours: i64) -> Fact {
    let review = BuyerReview { order: "o".to_owned(), product: String::new(), rating, once_bad: false };
    fact(id, hours, Body::BuyerReview(review))
}

fn chat(id: &str, hours: i64) -> Recorded {
    recorded(id, "a", "b", at(hours), 0)
}

fn planned(chats: &[Recorded], facts: &[Fact], known: &[Known], hours: i64) -> Plan {
    let history = History::new(chats.to_vec(), facts.to_vec());
    plan(("s", "b"), &history, known, &timing(), at(hours))
}

fn made(plan: &Plan) -> Vec<(FollowUpKind, &str, i64)> {
    plan.create.iter().map(|draft| (draft.kind, draft.source.as_str(), draft.amount)).collect()
}

fn known(kind: FollowUpKind, source: &str, contacted: Option<i64>) -> Known {
    Known {
        id: "f".to_owned(),
        kind,
        source: source.to_owned(),
        order: None,
        source_at: at(0),
        created_at: at(1),
        first_contact_at: contacted.map(at),
        open: true,
    }
}

fn ended(facts: &[Fact], known: Known) -> Option<(FollowUpState, usize)> {
    let plan = planned(&[], facts, &[known], 10);
    plan.end.first().map(|ending| (ending.state, ending.payments.len()))
}

#[test]
fn an_order_is_chased_once_it_stays_unpaid_and_until_it_is_closed() {
    let facts = [order("o", 0)];
    let early = planned(&[], &facts, &[], 0);
    assert_eq!((made(&early), early.look_at), (vec![], Some(at(1))));
    let ready = planned(&[], &facts, &[], 1);
    assert_eq!(made(&ready), [(FollowUpKind::UnpaidOrder, "o", 500)]);
    assert_eq!((ready.create[0].deadline, ready.look_at), (at(72), None));
    assert_eq!(made(&planned(&[], &facts, &[], 72)), [], "the platform has closed it");
    assert_eq!(made(&planned(&[], &facts, &[known(FollowUpKind::UnpaidOrder, "o", None)], 1)), []);
    assert_eq!(made(&planned(&[], &[order("o", 0), payment("p", "o", 1)], &[], 2)), []);
    assert_eq!(made(&planned(&[], &[excluded(order("o", 0))], &[], 2)), []);
}

#[test]
fn what_is_left_in_the_cart_is_one_reason() {
    let carts = [cart("c-1", "p", 0), cart("c-2", "q", 2)];
    assert_eq!(planned(&[], &carts, &[], 20).look_at, Some(at(26)));
    assert_eq!(made(&planned(&[], &carts, &[], 26)), [(FollowUpKind::Cart, "c-2", 400)]);
    let bought = [carts[0].clone(), carts[1].clone(), order("o", 3), payment("p", "o", 3)];
    assert_eq!(made(&planned(&[], &bought, &[], 26)), [(FollowUpKind::Cart, "c-2", 200)], "p was ordered");
    let rests = Known { open: false, ..known(FollowUpKind::Cart, "older", None) };
    assert_eq!(made(&planned(&[], &carts, &[rests], 26)), [], "they were asked lately");
}

#[test]
fn who_asks_without_an_order_before_or_after_is_asked_again() {
    let chats = [chat("1", 0), chat("2", 5)];
    assert_eq!(planned(&chats, &[], &[], 6).look_at, Some(at(29)));
    assert_eq!(made(&planned(&chats, &[], &[], 29)), [(FollowUpKind::Inquiry, "chat/2", 0)]);
    let paid = |hours| [order("o", hours), payment("p", "o", hours)];
    assert_eq!(made(&planned(&chats, &paid(6), &[], 29)), [], "they ordered");
    assert_eq!(made(&planned(&chats, &paid(-1), &[], 29)), [], "they asked about an order");
    assert_eq!(made(&planned(&chats, &paid(-16 * 24), &[], 29)).len(), 1, "that was long ago");
    let mut silent = chat("1", 0);
    silent.facts.messages.pop();
    assert_eq!(made(&planned(&[silent], &[], &[], 29)), [], "nobody answered");
}

#[test]
fn praise_is_answered_once_and_only_if_nothing_went_wrong() {
    let praise = [review("r-1", Rating::Good, 0), review("r-2", Rating::Good, 3)];
    assert_eq!(made(&planned(&[], &praise, &[], 27)), [(FollowUpKind::SatisfiedBuyer, "r-2", 0)]);
    let complaint = Complaint {
        order: String::new(),
        conversation: None,
        severity: Severity::Ordinary,
        cause: String::new(),
        upheld: None,
        closed_at: None,
    };
    let facts = [praise[0].clone(), fact("k", 1, Body::Complaint(complaint))];
    assert_eq!(made(&planned(&[], &facts, &[], 27)), []);
    let score = |score| [fact("s", 0, Body::Satisfaction { conversation: None, score })];
    assert_eq!(made(&planned(&[], &score(5), &[], 27)), [(FollowUpKind::SatisfiedBuyer, "s", 0)]);
    assert_eq!(made(&planned(&[], &score(3), &[], 27)), []);
}

#[test]
fn a_bad_review_is_answered_at_once_and_won_when_it_turns_good() {
    let bad = [review("r", Rating::Bad, 0)];
    assert_eq!(made(&planned(&[], &bad, &[], 0)), [(FollowUpKind::NegativeReview, "r", 0)]);
    let good = [review("r", Rating::Good, 0)];
    let review = |contacted| known(FollowUpKind::NegativeReview, "r", contacted);
    assert_eq!(ended(&bad, review(Some(2))), None);
    assert_eq!(ended(&good, review(Some(2))), Some((FollowUpState::Won, 0)));
    assert_eq!(ended(&good, review(None)), Some((FollowUpState::Settled, 0)));
}

#[test]
fn a_payment_after_a_contact_is_recovered_and_one_before_came_by_itself() {
    let unpaid = |contacted| known(FollowUpKind::UnpaidOrder, "o", contacted);
    let facts = [order("o", 0), payment("p", "o", 5), payment("q", "o", 6)];
    assert_eq!(ended(&facts, unpaid(Some(4))), Some((FollowUpState::Won, 2)));
    assert_eq!(ended(&facts, unpaid(Some(6))), Some((FollowUpState::Won, 1)));
    assert_eq!(ended(&facts, unpaid(Some(7))), Some((FollowUpState::Settled, 0)));
    assert_eq!(ended(&facts, unpaid(None)), Some((FollowUpState::Settled, 0)));
    assert_eq!(ended(&[order("o", 0)], unpaid(Some(4))), None);
    assert_eq!(ended(&[excluded(order("o", 0))], unpaid(None)), Some((FollowUpState::Dropped, 0)));

    let inquiry = || known(FollowUpKind::Inquiry, "chat/1", Some(2));
    assert_eq!(ended(&facts, inquiry()), Some((FollowUpState::Won, 2)));
    let other = [order("o", -5), payment("p", "o", 5)];
    assert_eq!(ended(&other, inquiry()), None, "they paid what they had ordered before");
}

#[test]
fn who_did_nothing_lately_is_not_looked_at() {
    let history = History::new(vec![chat("1", 0)], vec![order("o", 24)]);
    assert!(is_recent(&history, at(24 * 15 - 1)) && !is_recent(&history, at(24 * 15)));
    assert!(!is_recent(&History::default(), at(0)));
}
