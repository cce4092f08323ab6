//! What is accepted of a conversation.

use super::*;

fn at(text: &str) -> Option<DateTime<Utc>> {
    Some(text.parse().expect("an instant"))
}

fn message(time: &str, sender: Sender, text: &str) -> DraftMessage {
    DraftMessage {
        sent_at: at(&format!("2020-05-13T{time}Z")),
        sender: Some(sender),
        text: text.to_owned(),
        quick_reply: false,
        assisted: false,
        account: String::new(),
    }
}

fn draft() -> Draft {
    Draft {
        shop: "star".to_owned(),
        channel: "chat".to_owned(),
        id: "c-1".to_owned(),
        revision: 0,
        account: "a-1".to_owned(),
        customer: "b-1".to_owned(),
        started_at: at("2020-05-13T10:00:00Z"),
        closed_at: at("2020-05-13T10:10:00Z"),
        messages: vec![
            message("10:00:00", Sender::Customer, "在吗"),
            message("10:00:05", Sender::Agent, "您好"),
        ],
        ..Draft::default()
    }
}

fn accept(change: impl FnOnce(&mut Draft)) -> Result<Conversation, String> {
    let mut draft = draft();
    change(&mut draft);
    let now = at("2020-05-14T00:00:00Z").expect("an instant");
    draft.accept(now).map_err(|wrong| format!("{}: {}", wrong.field, wrong.description))
}

#[test]
fn a_complete_conversation_is_accepted() {
    let accepted = accept(|_| ()).expect("accepted");
    assert_eq!(accepted.closed_ms, 600_000);
    assert_eq!(accepted.messages.iter().map(|m| m.offset_ms).collect::<Vec<_>>(), [0, 5_000]);
    assert_eq!(accepted.agent_messages(), 1);
}

#[test]
fn messages_of_the_same_instant_keep_their_order() {
    assert!(accept(|d| d.messages[1].sent_at = d.messages[0].sent_at).is_ok());
}

#[test]
fn what_is_wrong_is_named_by_its_field() {
    let check = |change: fn(&mut Draft), starts: &str| {
        let error = accept(change).expect_err(starts);
        assert!(error.starts_with(starts), "{error} should start with {starts}");
    };
    check(|d| d.shop.clear(), "shop_id: must not be empty");
    check(|d| d.id = "x".repeat(129), "conversation_id: must not be longer");
    check(|d| d.id = "a\0b".to_owned(), "conversation_id: must not contain control");
    check(|d| d.account.clear(), "account_id: must not be empty");
    check(|d| d.customer = "c\nd".to_owned(), "customer_id: must not contain control");
    check(|d| d.revision = -1, "revision: ");
    check(|d| d.started_at = None, "started_at: must be an instant");
    check(|d| d.started_at = at("1970-01-01T00:00:00Z"), "started_at: must not be before the year");
    check(|d| d.closed_at = at("2020-05-13T09:00:00Z"), "closed_at: must not be before started_at");
    check(|d| d.closed_at = at("9999-01-01T00:00:00Z"), "closed_at: must not be in the future");
    check(|d| d.messages.clear(), "messages: must have at least one");
    check(|d| d.messages = vec![d.messages[0].clone(); MESSAGES_MAX + 1], "messages: must not have more");
    check(|d| d.messages.swap(0, 1), "messages[1].sent_at: must not be before the message above");
    check(
        |d| d.messages[0].sent_at = at("2020-05-13T09:59:59Z"),
        "messages[0].sent_at: must not be before started",
    );
    check(
        |d| d.messages[1].sent_at = at("2020-05-13T10:10:01Z"),
        "messages[1].sent_at: must not be after closed",
    );
    check(|d| d.messages[1].sent_at = None, "messages[1].sent_at: must be an instant");
    check(|d| d.messages[0].sender = None, "messages[0].sender: ");
    check(|d| d.messages[0].quick_reply = true, "messages[0].quick_reply: ");
    check(|d| d.messages[0].assisted = true, "messages[0].assisted: ");
    check(|d| d.messages[0].text.push('\0'), "messages[0].text: must not contain the NUL");
    check(|d| d.messages[0].account = "a-2".to_owned(), "messages[0].account_id: must only be set");
    check(|d| d.messages[1].account = "a\n".to_owned(), "messages[1].account_id: must not contain");
    check(|d| d.transferred_from = d.account.clone(), "transferred_from: must be another account");
    check(|d| d.transferred_to = "x".repeat(129), "transferred_to: must not be longer");
}

#[test]
fn other_accounts_are_listed_once() {
    let accepted = accept(|d| {
        let by = |account: &str, time: &str| DraftMessage {
            account: account.to_owned(),
            ..message(time, Sender::Agent, "好的")
        };
        d.messages.extend([by("a-2", "10:01:00"), by("a-1", "10:01:01"), by("a-2", "10:01:02")]);
    });
    assert_eq!(accepted.expect("accepted").other_accounts(), ["a-2"]);
}

#[test]
fn the_content_hash_sees_every_field_and_no_revision() {
    let hash = |change: fn(&mut Draft)| accept(change).expect("accepted").content_hash();
    let same = hash(|_| ());
    assert_eq!(same, hash(|d| d.revision = 7));
    assert_eq!(same, hash(|d| d.messages[1].account = d.account.clone()), "the conversation's own account");
    let others: [fn(&mut Draft); 11] = [
        |d| d.messages[1].account = "a-2".to_owned(),
        |d| d.transferred_from = "a-2".to_owned(),
        |d| d.transferred_to = "a-2".to_owned(),
        |d| d.account.push('x'),
        |d| d.customer.push('x'),
        |d| d.closed_at = at("2020-05-13T10:11:00Z"),
        |d| d.satisfied = Some(false),
        |d| d.completed = Some(false),
        |d| d.messages[0].text.push('x'),
        |d| d.messages[1].quick_reply = true,
        |d| d.messages[0].sender = Some(Sender::Bot),
    ];
    for (at, change) in others.into_iter().enumerate() {
        assert_ne!(same, hash(change), "change {at}");
    }
}
