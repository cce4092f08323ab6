//! The draw is uniform, does not depend on order, and treats a late chat as it would have been treated in time. Seeds
//! are fixed, so that a test that passes passes always.

use std::collections::HashMap;

use proptest::prelude::*;
use sampling::{ConversationId, Ranker, draw_agent, late_accepted};

use crate::support::{MERCHANT, chance, chat, chats, day, seed};

/// Wilson–Hilferty: how many standard deviations a chi-square value lies above what chance gives.
fn surprise(chi_square: f64, freedom: f64) -> f64 {
    let spread = 2.0 / (9.0 * freedom);
    ((chi_square / freedom).cbrt() - (1.0 - spread)) / spread.sqrt()
}

#[test]
fn each_chat_is_drawn_equally_often() {
    let (draws, eligible, size) = (4_000, chats(0, 60), 15);
    let mut taken: HashMap<ConversationId, f64> = HashMap::new();
    for number in 0..draws {
        let ranker = Ranker::new(&seed(number), MERCHANT, day()).agent("a");
        for (_, conversation) in draw_agent(&ranker, &eligible, size).drawn {
            *taken.entry(conversation).or_default() += 1.0;
        }
    }
    let n = eligible.len() as f64;
    let share = chance(size, 60);
    let expected = draws as f64 * share;
    let squares: f64 =
        eligible.iter().map(|id| (taken.get(id).copied().unwrap_or(0.0) - expected).powi(2)).sum();
    // Without replacement the counts of one draw hang together; this brings the sum back to chi-square, n - 1.
    let chi_square = squares / (expected * (1.0 - share)) * (n - 1.0) / n;
    let surprise = surprise(chi_square, n - 1.0);
    assert!(surprise.abs() < 3.5, "chi-square {chi_square:.1} of {n} chats is {surprise:.2} deviations off");
}

#[test]
fn a_hundred_thousand_draws_are_uniform() {
    // One of fifty, a hundred thousand times: plain multinomial, so that the statistic is chi-square itself.
    let (draws, eligible) = (100_000_u64, chats(0, 50));
    let mut taken = vec![0_u32; eligible.len()];
    for number in 0..draws {
        let ranker = Ranker::new(&seed(number), MERCHANT, day()).agent("a");
        let drawn = draw_agent(&ranker, &eligible, 1).drawn;
        let at = eligible.iter().position(|chat| *chat == drawn[0].1).expect("one of them");
        taken[at] += 1;
    }
    let expected = draws as f64 / eligible.len() as f64;
    let chi_square: f64 = taken.iter().map(|&count| (f64::from(count) - expected).powi(2) / expected).sum();
    let surprise = surprise(chi_square, eligible.len() as f64 - 1.0);
    assert!(surprise.abs() < 3.5, "chi-square {chi_square:.1} of 50 chats is {surprise:.2} deviations off");
}

#[test]
fn agents_are_drawn_independently_of_each_other() {
    // Two agents with chats of the same names, one of eight drawn of each under the same seed: all 64 pairs of
    // results come up equally often.
    let (draws, eligible) = (40_000_u64, chats(0, 8));
    let mut pairs = [[0_u32; 8]; 8];
    for number in 0..draws {
        let ranker = Ranker::new(&seed(number), MERCHANT, day());
        let [first, second] = ["a", "b"].map(|account| {
            let drawn = draw_agent(&ranker.agent(account), &eligible, 1).drawn;
            eligible.iter().position(|chat| *chat == drawn[0].1).expect("one of them")
        });
        pairs[first][second] += 1;
    }
    let expected = draws as f64 / 64.0;
    let squares = pairs.iter().flatten().map(|&count| (f64::from(count) - expected).powi(2));
    let chi_square = squares.sum::<f64>() / expected;
    let surprise = surprise(chi_square, 63.0);
    assert!(surprise.abs() < 3.5, "chi-square {chi_square:.1} of 64 pairs is {surprise:.2} deviations off");
}

#[test]
fn pairs_are_drawn_together_as_often_as_chance_says() {
    let (draws, eligible, size) = (4_000_u64, chats(0, 10), 4);
    let mut together = HashMap::new();
    for number in 0..draws {
        let ranker = Ranker::new(&seed(number), MERCHANT, day()).agent("a");
        let mut drawn: Vec<_> = draw_agent(&ranker, &eligible, size)
            .drawn
            .into_iter()
            .map(|(_, conversation)| conversation)
            .collect();
        drawn.sort();
        for (index, left) in drawn.iter().enumerate() {
            for right in &drawn[index + 1..] {
                *together.entry((left.clone(), right.clone())).or_insert(0.0) += 1.0;
            }
        }
    }
    assert_eq!(together.len(), 45, "every pair comes up");
    // 4/10 of the chats, then 3 of the 9 others.
    let share = 4.0 / 10.0 * 3.0 / 9.0;
    let expected = draws as f64 * share;
    let spread = (expected * (1.0 - share)).sqrt();
    for (pair, count) in together {
        let off: f64 = (count - expected) / spread;
        assert!(off.abs() < 4.5, "{pair:?} came {count} times, {off:.1} deviations off");
    }
}

#[test]
fn a_late_chat_has_the_chance_of_the_others() {
    let draws = 20_000_u64;
    for (size, eligible) in [(15_u32, 60_u64), (15, 16), (1, 1000), (15, 200)] {
        let added = (0..draws)
            .filter(|&number| {
                let rank = Ranker::new(&seed(number), MERCHANT, day()).rank("a", &chat(eligible as usize));
                late_accepted(&rank, size, eligible)
            })
            .count() as f64;
        let share = chance(size, eligible);
        let off = (added - draws as f64 * share) / (draws as f64 * share * (1.0 - share)).sqrt();
        assert!(off.abs() < 4.0, "{added} of {draws} for {size} of {eligible}: {off:.1} deviations off");
    }
}

#[test]
fn days_merchants_and_accounts_draw_apart() {
    let eligible = chats(0, 40);
    let sample = |merchant: &str, day: &str, account: &str| {
        let ranker = Ranker::new(&seed(1), merchant, day.parse().unwrap());
        draw_agent(&ranker.agent(account), &eligible, 15).drawn
    };
    let base = sample("m", "2020-05-13", "a");
    assert_ne!(base, sample("n", "2020-05-13", "a"));
    assert_ne!(base, sample("m", "2020-05-14", "a"));
    assert_ne!(base, sample("m", "2020-05-13", "b"));
}

proptest! {
    #[test]
    fn the_order_of_the_input_does_not_matter(
        (count, size, number) in (0_usize..80, 0_u32..20, any::<u64>()),
        shuffled in Just((0..80_usize).collect::<Vec<_>>()).prop_shuffle(),
    ) {
        let ranker = Ranker::new(&seed(number), MERCHANT, day()).agent("a");
        let in_order = chats(0, count);
        let mixed: Vec<_> = shuffled.into_iter().filter(|&index| index < count).map(chat).collect();
        let sample = draw_agent(&ranker, &in_order, size);
        prop_assert_eq!(&sample, &draw_agent(&ranker, &mixed, size));
        // And it is what a plain sort gives.
        let mut ranked: Vec<_> = in_order.iter().map(|id| (ranker.rank(id), id.clone())).collect();
        ranked.sort();
        ranked.truncate(size as usize);
        prop_assert_eq!(sample.drawn, ranked);
    }

    #[test]
    fn the_late_rule_agrees_with_long_multiplication(bytes in any::<[u8; 32]>(), size in 1_u32..1000, eligible in 1_u64..5000) {
        // Schoolbook: rank * eligible in base 256, then the digits above the 32nd.
        let mut carry = 0_u64;
        for &digit in bytes.iter().rev() {
            carry = (u64::from(digit) * eligible + carry) >> 8;
        }
        let rank = sampling::Rank::from_bytes(bytes);
        prop_assert_eq!(late_accepted(&rank, size, eligible), carry < u64::from(size));
    }
}
