use importers::zendesk::{Tables, Tickets};
use importers::{Sender, freshdesk};

use crate::support::{Came, options, seconds};

pub const FRESHDESK: &str = r#"[
  {"ticket": {"id": 7, "description_text": "The lamp flickers.", "status": 5, "source": 1, "requester_id": 100,
    "responder_id": 900, "created_at": "2026-01-02T10:00:00Z", "updated_at": "2026-01-04T12:30:00Z", "tags": ["lamp"]},
   "conversations": [
    {"id": 3, "body_text": "It still does.", "incoming": true, "private": false, "user_id": 100, "created_at": "2026-01-03T12:00:00Z"},
    {"id": 1, "body_text": "Please try another socket.", "incoming": false, "private": false, "user_id": 901, "created_at": "2026-01-03T08:00:00Z"},
    {"id": 2, "body_text": "Bad batch?", "incoming": false, "private": true, "user_id": 900, "created_at": "2026-01-03T09:00:00Z"},
    {"id": 4, "body_text": "You get a new one.", "incoming": false, "private": false, "user_id": 900, "created_at": "2026-01-04T12:30:00Z"}
  ]},
  {"id": 8, "description_text": "Ticket: where is it", "status": 2, "source": 15, "requester_id": 101, "responder_id": null,
   "created_at": "2026-01-05T08:00:00Z", "updated_at": "2026-01-05T08:10:00Z",
   "conversations": [
    {"body_text": "How can we help?", "incoming": false, "user_id": null, "created_at": "2026-01-05T08:00:00Z"},
    {"body_text": "where is it", "incoming": true, "user_id": 101, "created_at": "2026-01-05T08:00:01Z"},
    {"body_text": "On its way.", "incoming": false, "user_id": 900, "created_at": "2026-01-05T08:03:00Z"}
  ]},
  {"ticket": {"id": 9, "status": 2, "source": 1, "requester_id": 102, "created_at": "2026-01-05T08:00:00Z",
    "updated_at": "yesterday"}, "conversations": []}
]"#;

#[test]
fn tickets_on_one_line_have_numbers_of_their_own() {
    let one_line = FRESHDESK.replace('\n', "");
    let came = Came::of(freshdesk::Tickets::new(one_line.as_bytes(), options()));
    assert_eq!((came.lines(), came.only_wrong().line), (vec![1, 2], 3));
}

#[test]
fn freshdesk_tickets_become_conversations() {
    let came = Came::of(freshdesk::Tickets::new(FRESHDESK.as_bytes(), options()));
    let wrong = came.only_wrong();
    assert_eq!((wrong.line, wrong.field.as_str()), (17, "ticket.updated_at"));
    assert_eq!(came.lines(), [2, 10]);
    let chats: Vec<_> = came
        .rows
        .into_iter()
        .map(|row| match row.record {
            importers::Record::Conversation(chat) => chat,
            importers::Record::Fact(fact) => panic!("{fact:?}"),
        })
        .collect();
    let said: Vec<_> =
        chats[0].messages.iter().map(|m| (m.sender, m.text.as_str(), m.account.as_deref())).collect();
    assert_eq!(
        said,
        [
            (Sender::Customer, "The lamp flickers.", None),
            (Sender::Agent, "Please try another socket.", Some("901")),
            (Sender::Customer, "It still does.", None),
            (Sender::Agent, "You get a new one.", None),
        ],
        "in order, without the private note"
    );
    assert_eq!((chats[0].channel.as_str(), chats[0].completed), ("email", Some(true)));
    assert_eq!(chats[0].revision, seconds("2026-01-04T12:30:00Z"));
    let senders: Vec<_> = chats[1].messages.iter().map(|message| message.sender).collect();
    assert_eq!(
        senders,
        [Sender::Bot, Sender::Customer, Sender::Agent],
        "a chat's description only repeats it"
    );
    assert_eq!((chats[1].account.as_str(), chats[1].completed), ("900", None));
}

fn zendesk(tickets: &str, comments: &str, chats: Option<(&str, &str)>) -> Came {
    let users = "id,role\n1,agent\n2,end-user\n3,admin\n";
    let tables = Tables {
        tickets: tickets.as_bytes(),
        users: users.as_bytes(),
        comments: comments.as_bytes(),
        chats: chats.map(|(chats, events)| (chats.as_bytes(), events.as_bytes())),
    };
    Came::of(Tickets::new(tables, options()).expect("the tables are sound"))
}

const TICKETS: &str =
    "id,requester_id,assignee_id,status,via_channel,description,created_at,updated_at,subject\n";
const COMMENTS: &str = "id,ticket_id,created,user_id,body,public\n";

#[test]
fn zendesk_tables_are_joined() {
    let tickets = format!(
        "{TICKETS}10,2,1,closed,email,It flickers,2026-01-02 10:00:00,2026-01-04 12:30:00,lamp\n\
         11,2,1,deleted,web,x,2026-01-02 10:00:00,2026-01-02 10:00:00,x\n\
         12,2,,open,web,Where is it,2026-01-02 10:00:00.5,2026-01-02 10:00:00,x\n"
    );
    let comments = format!(
        "{COMMENTS}1,10,2026-01-03 08:00:00,3,Try another socket,TRUE\n\
         2,10,2026-01-02 10:00:00,2,It flickers,TRUE\n\
         3,10,2026-01-03 09:00:00,1,internal,FALSE\n\
         4,12,2026-01-03 09:00:00,3,On its way,TRUE\n"
    );
    let came = zendesk(&tickets, &comments, None);
    assert_eq!(came.lines(), [2, 4], "a deleted ticket is passed over");
    let chats = came.conversations();
    let said: Vec<_> =
        chats[0].messages.iter().map(|m| (m.sender, m.text.as_str(), m.account.as_deref())).collect();
    let wanted = [(Sender::Customer, "It flickers", None), (Sender::Agent, "Try another socket", Some("3"))];
    assert_eq!(said, wanted, "the description stands once");
    assert_eq!(chats[0].closed_at.timestamp(), seconds("2026-01-04T12:30:00Z"));
    assert_eq!((chats[1].account.as_str(), chats[1].messages.len()), ("3", 2));
}

#[test]
fn zendesk_chats_stand_for_the_comments_that_repeat_them() {
    let tickets =
        format!("{TICKETS}10,2,1,solved,chat,transcript,2026-01-02 10:00:00,2026-01-02 10:30:00,lamp\n");
    let comments = format!(
        "{COMMENTS}1,10,2026-01-02 10:00:30,1,(10:00) all of it,TRUE\n2,10,2026-01-02 11:00:00,2,thanks,TRUE\n"
    );
    let bot = r#""{""author"":{""type"":""BUSINESS""},""source"":{""type"":""zd:answerBot""}}""#;
    let events = format!(
        "chat_id,created_at,actor_id,type,message,original_message\n\
         x,2026-01-02 10:00:00,__trigger,ChatMessage,Welcome,\n\
         x,2026-01-02 10:00:05,agent:9,ChatMessage,I am a bot,{bot}\n\
         x,2026-01-02 10:00:10,2,ChatMessage,hello,\n\
         x,2026-01-02 10:00:20,agent:1,ChatJoin,,\n\
         x,2026-01-02 10:00:30,agent:1,ChatMessage,hi,\n"
    );
    let came = zendesk(&tickets, &comments, Some(("chat_id,ticket_id\nx,10\n", &events)));
    let chats = came.conversations();
    let said: Vec<_> = chats[0].messages.iter().map(|m| (m.sender, m.text.as_str())).collect();
    let wanted = [
        (Sender::System, "Welcome"),
        (Sender::Bot, "I am a bot"),
        (Sender::Customer, "hello"),
        (Sender::Agent, "hi"),
        (Sender::Customer, "thanks"),
    ];
    assert_eq!(said, wanted);
}

#[test]
fn a_zendesk_ticket_that_does_not_join_is_refused_by_itself() {
    let check = |row: &str, comment: &str, field: &str| {
        let good = "20,2,1,open,web,x,2026-01-02 10:00:00,2026-01-02 10:00:00,x\n";
        let came = zendesk(&format!("{TICKETS}{row}\n{good}"), &format!("{COMMENTS}{comment}\n"), None);
        assert_eq!((came.only_wrong().line, came.only_wrong().field.as_str()), (2, field), "{row}");
        assert_eq!(came.lines(), [3]);
    };
    let ticket = "10,2,1,open,web,x,2026-01-02 10:00:00,2026-01-02 10:00:00,x";
    check(ticket, "1,10,2026-01-03 08:00:00,77,?,TRUE", "ticket_comment.user_id");
    check(ticket, "1,10,soon,1,?,TRUE", "ticket_comment.created");
    check("10,,1,open,web,x,2026-01-02 10:00:00,2026-01-02 10:00:00,x", "", "requester_id");
    check("10,2,,open,web,x,2026-01-02 10:00:00,2026-01-02 10:00:00,x", "", "assignee_id");
    check("10,2,1,open,web,x,then,2026-01-02 10:00:00,x", "", "created_at");
    check("10,2,1,open", "", "ticket");
}

#[test]
fn a_real_zendesk_export_is_read() {
    let open = |table: &str| {
        let path = format!("{}/tests/data/zendesk/{table}.csv", env!("CARGO_MANIFEST_DIR"));
        std::io::BufReader::new(std::fs::File::open(&path).unwrap_or_else(|error| panic!("{path}: {error}")))
    };
    let tables = Tables {
        tickets: open("ticket"),
        users: open("user"),
        comments: open("ticket_comment"),
        chats: Some((open("ticket_chat"), open("ticket_chat_event"))),
    };
    let came = Came::of(Tickets::new(tables, options()).expect("the tables are sound"));
    // Ten tickets, of which two are deleted. Ticket 6605 has a chat.
    assert_eq!(came.rows.len() + came.wrong.len(), 8, "{:?}", came.wrong);
    let ids: Vec<String> = came.conversations().into_iter().map(|chat| chat.id).collect();
    assert!(ids.contains(&"11071".to_owned()), "{ids:?}");
}
