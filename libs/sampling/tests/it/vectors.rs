//! The test vectors of the README. They were computed with Python's hashlib and hmac (`verify.py`), not with this
//! crate; a change of one of them is a new format version.

use chrono::NaiveDate;
use sampling::{
    AgentHash, ConversationId, Counts, ListTerms, Plan, Ranker, Seed, agent_hash, commitment, list_hash,
};

const MERCHANT: &str = "merchant-1";
const ACCOUNT: &str = "shop:小王";

fn day() -> NaiveDate {
    "2020-05-13".parse().unwrap()
}

/// The bytes 0, 1, 2 … 31.
fn seed() -> Seed {
    Seed::new(std::array::from_fn(|index| index as u8))
}

fn chat(id: &str) -> ConversationId {
    ConversationId::new("shop-1", "chat", id)
}

fn own_hash() -> AgentHash {
    agent_hash(MERCHANT, day(), ACCOUNT, &[chat("会话-3"), chat("c-1"), chat("c-2")])
}

#[test]
fn commitment_vector() {
    assert_eq!(
        commitment(MERCHANT, day(), &seed()).to_string(),
        "6fcb7f68a6dcdf20fcba8d81204e065d7813a2fa682f9721a1c8d1d79616790e"
    );
}

#[test]
fn rank_vectors() {
    let ranker = Ranker::new(&seed(), MERCHANT, day());
    for (id, expected) in [
        ("c-1", "8dbd79bc129a37d15e2910d8e9fcc42518e4c63d044393c493db34bbd543903e"),
        ("c-2", "6fc1488ce0a644f2a16e455448b725a76ea53d63eb8bdc3c071d4f205a8e03eb"),
        ("会话-3", "aab21bc3c8103540167a8ba12f989f0e2e6630177db9013d2d11db2de1c34bf1"),
    ] {
        assert_eq!(ranker.rank(ACCOUNT, &chat(id)).to_string(), expected, "{id}");
    }
}

#[test]
fn agent_hash_vectors() {
    assert_eq!(own_hash().to_string(), "9f269ff01673c80ecf922773795f2e24ae9a6e8810a0bfe25a5ab69a3d2ccfb3");
    assert_eq!(
        agent_hash(MERCHANT, day(), "shop:b", &[]).to_string(),
        "6faad4233250fcadb994eb1280ae35f9beddad8d0e12931056b385f85ad37e0d"
    );
}

#[test]
fn list_hash_vector() {
    let plan = Plan { size: 15, threshold: 10, counts: Counts::AgentReplies };
    let terms = ListTerms { merchant: MERCHANT, day: day(), plan, day_closed_version: 1 };
    let empty = agent_hash(MERCHANT, day(), "shop:b", &[]);
    assert_eq!(
        list_hash(&terms, [("shop:b", &empty), (ACCOUNT, &own_hash())]).to_string(),
        "de4c4b02ebaddda5f9229d9c2eaa853b6553ee930e4ca271a1139f59ea8924ff"
    );
}
