//! Transcripts, and the log of who read them.

use proto::common::v1::Sender;
use proto::qa::v1 as pb;
use tonic::Code;

use crate::builders::{DAY, agent, chat, conversation, lead, manager, reviewer};
use crate::support::{TestQa, fields, refusal};

fn wanted(id: &str) -> pb::GetConversationRequest {
    pb::GetConversationRequest { conversation: Some(conversation(id)) }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transcript_is_what_metrics_sent() {
    let test = TestQa::with_staff().await;
    let sent = chat("c", "ann-account", 12);
    test.deliver(std::slice::from_ref(&sent)).await;
    let read = test.client().get_conversation(test.by(&reviewer("rita"), wanted("c"))).await.expect("reads");
    let read = read.into_inner().conversation.expect("a conversation");
    assert_eq!(
        (read.business_day, read.account_id.as_str(), read.person_id.as_str()),
        (Some(DAY), "ann-account", "ann")
    );
    assert_eq!(
        (read.agent_messages, read.long_chat, read.satisfied, read.completed),
        (12, true, Some(true), None)
    );
    assert_eq!((read.started_at, read.closed_at), (sent.started_at, sent.closed_at));
    assert_eq!(read.messages.len(), sent.messages.len());
    for (index, (read, sent)) in read.messages.iter().zip(&sent.messages).enumerate() {
        assert_eq!(usize::try_from(read.index), Ok(index));
        assert_eq!((&read.text, read.sender, read.quick_reply), (&sent.text, sent.sender, sent.quick_reply));
    }
    assert_eq!(read.messages[1].sender(), Sender::Agent);
    let second = read.messages[1].sent_at.expect("a time").seconds - read.started_at.expect("a time").seconds;
    assert_eq!(second, 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_read_is_logged_and_a_refused_one_is_not() {
    let test = TestQa::with_staff().await;
    test.deliver(&[chat("ann's", "ann-account", 12), chat("zoe's", "zoe-account", 12)]).await;
    for who in [reviewer("rita"), agent("ann"), lead("lea"), agent("ann")] {
        test.client().get_conversation(test.by(&who, wanted("ann's"))).await.expect("reads");
    }
    for who in [agent("ben"), agent("zoe"), agent("nobody")] {
        let refused = test.client().get_conversation(test.by(&who, wanted("ann's"))).await;
        assert_eq!(refusal(refused), (Code::NotFound, "CONVERSATION_NOT_FOUND".into()));
    }
    test.client().get_conversation(test.by(&manager(), wanted("zoe's"))).await.expect("reads");

    let list = async |message: pb::ListConversationReadsRequest| {
        let listed =
            test.client().list_conversation_reads(test.by(&manager(), message)).await.expect("lists");
        listed.into_inner()
    };
    let of_anns = pb::ListConversationReadsRequest {
        conversation: Some(conversation("ann's")),
        page_size: 3,
        ..pb::ListConversationReadsRequest::default()
    };
    let first = list(of_anns.clone()).await;
    let rest =
        list(pb::ListConversationReadsRequest { page_token: first.next_page_token.clone(), ..of_anns }).await;
    let readers = |page: &pb::ListConversationReadsResponse| -> Vec<String> {
        page.reads.iter().map(|read| read.person_id.clone()).collect()
    };
    // Newest first.
    assert_eq!([readers(&first), readers(&rest)].concat(), ["ann", "lea", "ann", "rita"]);
    assert!(rest.next_page_token.is_empty());
    let by_ann = pb::ListConversationReadsRequest { person_id: "ann".into(), ..Default::default() };
    assert_eq!(list(by_ann).await.reads.len(), 2);
    assert_eq!(list(pb::ListConversationReadsRequest::default()).await.reads.len(), 5);
    assert_eq!(
        test.count("SELECT count(*) FROM qa.audit_entries WHERE rpc LIKE '%GetConversation'").await,
        5
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_strange_id_is_refused_by_its_field() {
    let test = TestQa::start().await;
    let none =
        test.client().get_conversation(test.by(&manager(), pb::GetConversationRequest::default())).await;
    assert_eq!(fields(none), ["conversation"]);
    let nul = test.client().get_conversation(test.by(&manager(), wanted("a\0b"))).await;
    assert_eq!(fields(nul), ["conversation.conversation_id"]);
    let long = test.client().get_conversation(test.by(&manager(), wanted(&"x".repeat(129)))).await;
    assert_eq!(fields(long), ["conversation.conversation_id"]);
}
