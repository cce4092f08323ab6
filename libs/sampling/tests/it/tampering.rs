//! Whatever is changed in a bundle is found, and named.

use chrono::TimeDelta;
use proptest::prelude::*;
use sampling::{
    AgentHash, Anchor, Bundle, Commitment, ConversationId, Counts, Difference, LateChat, LateSeed, ListHash,
    Plan, Seal, Verified, agent_hash, commitment, list_hash, verify, verify_against, verify_slice,
    verify_slice_against,
};

use crate::support::{MERCHANT, at, bundle, chat, chats, day, seed, with_excluded, with_own_plan};

/// Three agents: one above the size, one exactly at it, one short.
fn sample() -> Bundle {
    bundle(&seed(1), 5, &[12, 5, 2])
}

fn relisted(mut bundle: Bundle) -> Bundle {
    let hashes = bundle.agents.iter().map(|agent| (agent.account.as_str(), &agent.agent_hash));
    bundle.list_hash = list_hash(&bundle.terms(), hashes);
    bundle
}

#[test]
fn an_honest_bundle_holds() {
    let late_added = sample().late.iter().filter(|chat| chat.accepted).count();
    assert_eq!(
        verify(&sample()),
        Ok(Verified {
            agents: 3,
            eligible: 19,
            excluded: 0,
            drawn: 12,
            short_agents: 1,
            late_added,
            late_open: 0
        })
    );
    assert!(verify(&bundle(&seed(1), 15, &[])).is_ok(), "a day without long chats has an empty, valid draw");
}

#[test]
fn a_teams_own_plan_holds_and_cannot_be_changed_afterwards() {
    let plan = Plan { size: 3, threshold: 20, counts: Counts::AllMessages };
    let honest = with_own_plan(sample(), 0, plan);
    let verified = verify(&honest).unwrap();
    assert_eq!((verified.drawn, verified.short_agents), (3 + 5 + 2, 1));
    let slice = honest.slice(&honest.agents[0].account).unwrap();
    assert_eq!(verify_slice(&slice).unwrap().drawn, 3);
    let json = serde_json::to_string(&honest).unwrap();
    assert_eq!(serde_json::from_str::<Bundle>(&json).unwrap(), honest);
    let others =
        [None, Some(Plan { size: 4, ..plan }), Some(Plan { threshold: 9, ..plan }), Some(sample().plan)];
    for other in others {
        let mut changed = honest.clone();
        changed.agents[0].plan = other;
        assert!(matches!(verify(&changed), Err(Difference::AgentHash { .. })), "{other:?}");
        let mut changed = slice.clone();
        changed.own_plan = other;
        assert!(matches!(verify_slice(&changed), Err(Difference::PublishedAgentHash { .. })), "{other:?}");
    }
    let mut more = honest.clone();
    more.agents[0].drawn = sample().agents[0].drawn.clone();
    assert!(matches!(verify(&more), Err(Difference::DrawnExtra { .. })));
}

#[test]
fn what_a_plan_excludes_is_told_and_cannot_be_changed_afterwards() {
    let honest = with_excluded(sample(), 0, chats(500, 3));
    let verified = verify(&honest).unwrap();
    assert_eq!((verified.agents, verified.eligible, verified.excluded, verified.drawn), (3, 19, 3, 12));
    let slice = honest.slice(&honest.agents[0].account).unwrap();
    assert_eq!(verify_slice(&slice).unwrap().excluded, 3);
    let changes: [fn(&mut Vec<sampling::ConversationId>); 4] = [
        |excluded| drop(excluded.pop()),
        |excluded| excluded.push(chat(600)),
        |excluded| excluded[0] = chat(600),
        |excluded| excluded.clear(),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let mut changed = honest.clone();
        change(&mut changed.agents[0].excluded);
        assert!(matches!(verify(&changed.sealed()), Err(Difference::AgentHash { .. })), "{number}");
        let mut changed = slice.clone();
        change(&mut changed.excluded);
        assert!(matches!(verify_slice(&changed), Err(Difference::PublishedAgentHash { .. })), "{number}");
    }
    // A chat is either drawn from or left out.
    let both = honest.agents[0].eligible[0].clone();
    let both = with_excluded(sample(), 0, vec![both]);
    assert!(matches!(verify(&both), Err(Difference::ConversationTwice { .. })));
    assert!(matches!(
        verify_slice(&both.slice(&both.agents[0].account).unwrap()),
        Err(Difference::ConversationTwice { .. })
    ));
    // An account of which everything is left out is listed, and is nobody that could be drawn from.
    let all = with_excluded(bundle(&seed(1), 5, &[12, 0]), 1, chats(1500, 2));
    let verified = verify(&all).unwrap();
    assert_eq!((verified.agents, verified.excluded, verified.short_agents), (1, 2, 0));
}

#[test]
fn the_order_in_which_things_are_listed_is_free() {
    let mut other = sample();
    other.agents.reverse();
    other.late.reverse();
    for agent in &mut other.agents {
        agent.eligible.reverse();
        agent.drawn.reverse();
    }
    assert!(verify(&other).is_ok());
}

#[test]
fn json_keeps_a_bundle_as_it_is_and_refuses_what_it_does_not_know() {
    let text = serde_json::to_string(&sample()).unwrap();
    assert_eq!(serde_json::from_str::<Bundle>(&text).unwrap(), sample());
    let more = text.replacen("\"merchant\"", "\"note\":1,\"merchant\"", 1);
    assert!(serde_json::from_str::<Bundle>(&more).is_err());
    let short = text.replacen(&sample().commitment.to_string(), "abcd", 1);
    assert!(
        serde_json::from_str::<Bundle>(&short).unwrap_err().to_string().contains("64 hexadecimal digits")
    );
}

#[test]
fn another_seed_breaks_the_commitment() {
    let other = Bundle { seed: seed(2), ..sample() };
    assert!(matches!(verify(&other), Err(Difference::Commitment { .. })));
    // With a commitment made to fit, the sample doesn't follow from the seed any more …
    let fitted = Bundle { commitment: commitment(MERCHANT, day(), &seed(2)), ..other };
    assert!(matches!(verify(&fitted), Err(Difference::DrawnMissing { .. })));
    // … and a whole bundle made under another seed is not the one that was published.
    let forged = bundle(&seed(2), 5, &[12, 5, 2]);
    let published = sample().commitment;
    let anchor = Anchor { merchant: MERCHANT, day: day(), commitment: Some(published), list_hash: None };
    assert_eq!(
        verify_against(&forged, &anchor),
        Err(Difference::PublishedCommitment { published, found: forged.commitment })
    );
}

#[test]
fn a_bundle_of_another_day_or_merchant_is_refused() {
    let sample = sample();
    let anchor = |merchant: &'static str, day: &str| Anchor {
        merchant,
        day: day.parse().unwrap(),
        commitment: Some(sample.commitment),
        list_hash: Some(sample.list_hash),
    };
    assert!(verify_against(&sample, &anchor(MERCHANT, "2020-05-13")).is_ok());
    assert!(matches!(
        verify_against(&sample, &anchor("merchant-2", "2020-05-13")),
        Err(Difference::Merchant { .. })
    ));
    assert!(matches!(verify_against(&sample, &anchor(MERCHANT, "2020-05-14")), Err(Difference::Day { .. })));
    let unlike = Anchor { list_hash: Some(ListHash::from_bytes([9; 32])), ..anchor(MERCHANT, "2020-05-13") };
    assert!(matches!(verify_against(&sample, &unlike), Err(Difference::PublishedList { .. })));
    // Renaming the day inside doesn't help: the commitment covers it.
    let renamed = Bundle { day: "2020-05-14".parse().unwrap(), ..sample };
    assert!(matches!(verify(&renamed), Err(Difference::Commitment { .. })));
}

#[test]
fn a_swapped_chat_is_named() {
    let mut swapped = sample();
    let agent = &mut swapped.agents[0];
    let dropped = agent.drawn[2].clone();
    let unwanted = agent.eligible.iter().find(|id| !agent.drawn.contains(id)).unwrap().clone();
    agent.drawn[2] = unwanted;
    let account = agent.account.clone();
    assert_eq!(verify(&swapped.sealed()), Err(Difference::DrawnMissing { account, conversation: dropped }));

    let mut added = sample();
    let agent = &mut added.agents[0];
    let unwanted = agent.eligible.iter().find(|id| !agent.drawn.contains(id)).unwrap().clone();
    agent.drawn.push(unwanted.clone());
    let account = agent.account.clone();
    assert_eq!(verify(&added.sealed()), Err(Difference::DrawnExtra { account, conversation: unwanted }));

    let mut repeated = sample();
    let agent = &mut repeated.agents[1];
    agent.drawn.push(agent.drawn[0].clone());
    let (account, conversation) = (agent.account.clone(), agent.drawn[0].clone());
    assert_eq!(verify(&repeated.sealed()), Err(Difference::DrawnExtra { account, conversation }));
}

#[test]
fn a_list_cannot_be_changed_after_it_was_hashed() {
    let mut removed = sample();
    // Somebody hides a chat and draws again, with the agent's hash made to fit: the list hash gives it away.
    let hidden = removed.agents[1].eligible.pop().unwrap();
    removed.agents[1].drawn.retain(|id| *id != hidden);
    let account = removed.agents[1].account.clone();
    assert!(
        matches!(verify(&removed), Err(Difference::AgentHash { account: found, .. }) if found == account)
    );
    let eligible = removed.agents[1].eligible.clone();
    removed.agents[1].agent_hash = agent_hash(MERCHANT, day(), &account, &eligible);
    assert!(matches!(verify(&removed), Err(Difference::ListHash { .. })));
    // Made to fit all over, it is not what was published.
    let refitted = relisted(removed).sealed();
    assert!(verify(&refitted).is_ok());
    let anchor =
        Anchor { merchant: MERCHANT, day: day(), commitment: None, list_hash: Some(sample().list_hash) };
    assert!(matches!(verify_against(&refitted, &anchor), Err(Difference::PublishedList { .. })));
}

#[test]
fn a_chat_or_account_listed_twice_is_named() {
    let mut twice = sample();
    let stolen = twice.agents[0].eligible[3].clone();
    twice.agents[2].eligible.push(stolen.clone());
    let (other, account) = (twice.agents[0].account.clone(), twice.agents[2].account.clone());
    assert_eq!(verify(&twice), Err(Difference::ConversationTwice { account, other, conversation: stolen }));

    let mut late = sample();
    late.late[0].conversation = chat(3);
    assert!(matches!(verify(&late), Err(Difference::ConversationTwice { .. })));

    let mut accounts = sample();
    accounts.agents[1].account = accounts.agents[0].account.clone();
    let account = accounts.agents[0].account.clone();
    assert_eq!(verify(&accounts), Err(Difference::AccountTwice { account }));
}

#[test]
fn a_late_chat_against_the_rule_is_named() {
    for index in 0..3 {
        let mut late = sample();
        late.late[index].accepted = !late.late[index].accepted;
        let LateChat { account, conversation, accepted, .. } = late.late[index].clone();
        let difference = Difference::Late { account, conversation, expected: !accepted };
        assert_eq!(verify(&late.sealed()), Err(difference));
    }
}

#[test]
fn a_late_chat_is_judged_by_a_seed_that_was_secret_when_it_came() {
    let mut open = sample();
    open.late_seeds[0].seed = None;
    // Nobody can tell yet whether the mark is right.
    open.late[0].accepted = !open.late[0].accepted;
    // The other two agents had room left: theirs are added whatever the seed, and need not wait.
    assert_eq!(verify(&open.clone().sealed()).map(|verified| verified.late_open), Ok(1));
    open.late[2].accepted = false;
    assert!(matches!(verify(&open.sealed()), Err(Difference::Late { expected: true, .. })));

    let mut unnamed = sample();
    unnamed.late_seeds.clear();
    assert!(matches!(verify(&unnamed.sealed()), Err(Difference::LateSeed { .. })));

    let mut own = sample();
    own.late[1].seed_day = day();
    own.late_seeds.push(LateSeed { day: day(), commitment: own.commitment, seed: Some(own.seed.clone()) });
    assert!(matches!(verify(&own.sealed()), Err(Difference::LateSeed { .. })));

    let mut other = sample();
    other.late_seeds[0].seed = Some(seed(77));
    assert!(matches!(verify(&other.sealed()), Err(Difference::Commitment { .. })));
}

#[test]
fn an_agent_checks_the_own_slice_alone() {
    let sample = sample();
    let account = sample.agents[0].account.clone();
    let slice = sample.slice(&account).unwrap();
    assert_eq!(verify_slice(&slice).map(|verified| (verified.eligible, verified.drawn)), Ok((12, 5)));
    assert!(sample.slice("nobody").is_none());

    let mut missing = slice.clone();
    missing.eligible.remove(4);
    assert!(matches!(verify_slice(&missing), Err(Difference::PublishedAgentHash { .. })));
    let mut other = slice.clone();
    other.agent_hashes[1].agent_hash = AgentHash::from_bytes([1; 32]);
    assert!(matches!(verify_slice(&other), Err(Difference::ListHash { .. })));
    let mut unlisted = slice.clone();
    unlisted.agent_hashes.remove(0);
    assert_eq!(verify_slice(&unlisted), Err(Difference::NotPublished { account }));
    let mut drawn = slice;
    drawn.drawn.pop();
    assert!(matches!(verify_slice(&drawn), Err(Difference::DrawnMissing { .. })));
}

#[test]
fn a_slice_that_agrees_with_itself_alone_is_found_by_what_was_kept() {
    let kept = sample();
    let slice = |bundle: &Bundle| bundle.slice(&bundle.agents[0].account).unwrap();
    let anchor = Anchor {
        merchant: MERCHANT,
        day: day(),
        commitment: Some(kept.commitment),
        list_hash: Some(kept.list_hash),
    };
    assert_eq!(verify_slice_against(&slice(&kept), &anchor), verify_slice(&slice(&kept)));
    // Another seed, another list: each whole in itself.
    let reseeded = slice(&bundle(&seed(2), 5, &[12, 5, 2]));
    verify_slice(&reseeded).expect("agrees with itself");
    assert!(matches!(verify_slice_against(&reseeded, &anchor), Err(Difference::PublishedCommitment { .. })));
    let relisted = slice(&bundle(&seed(1), 5, &[11, 5, 2]));
    verify_slice(&relisted).expect("agrees with itself");
    assert!(matches!(verify_slice_against(&relisted, &anchor), Err(Difference::PublishedList { .. })));
    let elsewhere = Anchor { merchant: "somebody else", ..anchor };
    assert!(matches!(verify_slice_against(&slice(&kept), &elsewhere), Err(Difference::Merchant { .. })));
    let tomorrow = Anchor { day: day().succ_opt().unwrap(), ..anchor };
    assert!(matches!(verify_slice_against(&slice(&kept), &tomorrow), Err(Difference::Day { .. })));
}

/// Changes something, chosen by a number.
type Change = fn(&mut Bundle, usize);

/// One change of one value, of any part of a bundle.
fn changes() -> Vec<(&'static str, Change)> {
    vec![
        ("format", |bundle, _| bundle.format.push('1')),
        ("merchant", |bundle, _| bundle.merchant.push('x')),
        ("day", |bundle, by| bundle.day += TimeDelta::days(1 + by as i64 % 400)),
        ("plan size", |bundle, by| bundle.plan.size += 1 + by as u32 % 100),
        ("plan threshold", |bundle, by| bundle.plan.threshold += 1 + by as u32 % 100),
        ("plan counts", |bundle, _| bundle.plan.counts = Counts::AllMessages),
        ("commitment", |bundle, by| {
            let mut bytes = *bundle.commitment.as_bytes();
            bytes[by % 32] ^= 1 << (by % 8);
            bundle.commitment = Commitment::from_bytes(bytes);
        }),
        ("committed_at", |bundle, by| bundle.committed_at += TimeDelta::nanoseconds(1 + by as i64)),
        ("before_day", |bundle, _| bundle.before_day = !bundle.before_day),
        ("seed", |bundle, by| {
            let mut bytes = *bundle.seed.reveal();
            bytes[by % 32] ^= 1 << (by % 8);
            bundle.seed = sampling::Seed::new(bytes);
        }),
        ("day_closed_version", |bundle, by| bundle.day_closed_version += 1 + by as i64),
        ("account", |bundle, by| agent(bundle, by).account.push('x')),
        ("agent dropped", |bundle, by| drop(bundle.agents.remove(by % bundle.agents.len()))),
        ("eligible id", |bundle, by| agent(bundle, by).eligible[0].id.push('x')),
        ("eligible shop", |bundle, by| agent(bundle, by).eligible[0].shop.push('x')),
        ("eligible channel", |bundle, by| agent(bundle, by).eligible[0].channel.push('x')),
        ("eligible dropped", |bundle, by| drop(agent(bundle, by).eligible.pop())),
        ("eligible added", |bundle, by| agent(bundle, by).eligible.push(chat(700))),
        ("eligible repeated", |bundle, by| {
            let agent = agent(bundle, by);
            agent.eligible.push(agent.eligible[0].clone());
        }),
        ("agent_hash", |bundle, by| agent(bundle, by).agent_hash = AgentHash::from_bytes([by as u8; 32])),
        ("drawn id", |bundle, by| agent(bundle, by).drawn[0].id.push('x')),
        ("drawn dropped", |bundle, by| drop(agent(bundle, by).drawn.pop())),
        ("drawn added", |bundle, by| agent(bundle, by).drawn.push(chat(701))),
        ("list_hash", |bundle, by| bundle.list_hash = ListHash::from_bytes([by as u8; 32])),
        ("late account", |bundle, by| late(bundle, by).account.push('x')),
        ("late id", |bundle, by| {
            late(bundle, by).conversation = ConversationId::new("s", "c", by.to_string());
        }),
        ("late accepted", |bundle, by| late(bundle, by).accepted = !late(bundle, by).accepted),
        ("late arrived_at", |bundle, by| {
            late(bundle, by).arrived_at += TimeDelta::nanoseconds(1 + by as i64);
        }),
        ("late seed_day", |bundle, by| late(bundle, by).seed_day += TimeDelta::days(1 + by as i64 % 400)),
        ("late seed", |bundle, by| bundle.late_seeds[0].seed = (by % 2 == 0).then(|| seed(by as u64))),
        ("late seed dropped", |bundle, _| bundle.late_seeds.clear()),
        ("late dropped", |bundle, by| drop(bundle.late.remove(by % bundle.late.len()))),
        ("late added", |bundle, _| {
            let mut more = bundle.late[0].clone();
            more.conversation = chat(702);
            bundle.late.push(more);
        }),
        ("drawn_at", |bundle, by| bundle.drawn_at -= TimeDelta::nanoseconds(1 + by as i64)),
        ("seal", |bundle, by| bundle.seal = Seal::from_bytes([by as u8; 32])),
    ]
}

fn agent(bundle: &mut Bundle, by: usize) -> &mut sampling::AgentList {
    let index = by % bundle.agents.len();
    &mut bundle.agents[index]
}

fn late(bundle: &mut Bundle, by: usize) -> &mut LateChat {
    let index = by % bundle.late.len();
    &mut bundle.late[index]
}

#[test]
fn times_are_compared_to_the_nanosecond() {
    let changed = Bundle { drawn_at: at("2020-05-14T18:00:00.500000001Z"), ..sample() };
    assert_eq!(verify(&changed), Err(Difference::Seal));
}

proptest! {
    #[test]
    fn any_single_change_is_found(
        which in 0..changes().len(),
        by in 0_usize..1_000_000,
        number in any::<u64>(),
        sizes in prop::collection::vec(1_usize..40, 1..5),
        size in 1_u32..20,
    ) {
        let honest = bundle(&seed(number), size, &sizes);
        prop_assert!(verify(&honest).is_ok());
        let (name, change) = changes()[which];
        let mut changed = honest.clone();
        change(&mut changed, by);
        prop_assume!(changed != honest);
        prop_assert!(verify(&changed).is_err(), "{} was changed and not found", name);
    }
}
