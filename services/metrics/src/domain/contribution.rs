//! What one customer's timeline gives to the days of accounts, and how it is kept so that exactly that can be taken back.

use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate};

use crate::domain::bucket::Bucket;
use crate::domain::slice::{Aspect, Slice, is_sliced_since_the_first};
use crate::domain::timeline::Share;
use crate::domain::trade::{TradeSpread, TradeSum, TradeSums};
use crate::domain::varint::{Damaged, get, put, take};

/// A day of an account under one definition. The shop is the timeline's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The definition's place.
    pub definition_seq: i32,
    /// The business day.
    pub day: NaiveDate,
    /// The account; empty for what is credited to nobody.
    pub account: String,
}

/// Counts by bucket that may be negative, as a change is.
pub type BucketCounts = BTreeMap<Bucket, i64>;

/// What is given to one place.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Gift {
    /// Everything that adds up.
    pub sums: TradeSums,
    /// By the position of each [`TradeSpread`].
    pub counts: [BucketCounts; TradeSpread::ALL.len()],
    /// What of the sums falls to which product, category and hour.
    pub slices: BTreeMap<Slice, TradeSums>,
    /// Which topics have anything to say about the place, counted or left out: bits by `Topic`.
    pub topics: u32,
}

/// All that a timeline gives.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Contribution {
    gifts: BTreeMap<Place, Gift>,
    /// The format it was read from, if that knew less than this program does.
    older: Option<Older>,
}

/// A format of packed contributions that knew fewer sums.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Older {
    /// No slices either.
    First,
    /// Of slices, and of what is counted by bucket, less too.
    Second,
}

impl Older {
    /// Whether it knew a sum.
    fn has(self, sum: TradeSum) -> bool {
        let known = match self {
            Self::First => TradeSum::IN_FIRST_FORMAT,
            Self::Second => TradeSum::IN_SECOND_FORMAT,
        };
        (sum as usize) < known
    }

    /// Whether it knew a sum of slices.
    fn has_sliced(self, sum: TradeSum) -> bool {
        self == Self::Second && is_sliced_since_the_first(sum)
    }
}

impl Gift {
    /// Whether nothing changes by it.
    pub fn is_nothing(&self) -> bool {
        !self.changes_days() && self.slices.is_empty()
    }

    /// Whether anything but its slices changes.
    pub fn changes_days(&self) -> bool {
        self.sums != TradeSums::default() || self.counts.iter().any(|counts| !counts.is_empty())
    }

    /// What an older format of packed contributions knew of it, and what it did not.
    pub fn split_by(&self, older: Older) -> (Self, Self) {
        let (mut known, mut unknown) = (Self::default(), Self::default());
        for (sum, value) in self.sums.entries() {
            let half = if older.has(sum) { &mut known } else { &mut unknown };
            half.sums[sum] = value;
        }
        for (at, counts) in self.counts.iter().enumerate() {
            let half = if at < TradeSpread::IN_SECOND_FORMAT { &mut known } else { &mut unknown };
            half.counts[at].clone_from(counts);
        }
        for (slice, sums) in &self.slices {
            for (sum, value) in sums.entries() {
                let half = if older.has_sliced(sum) { &mut known } else { &mut unknown };
                half.slices.entry(slice.clone()).or_default()[sum] = value;
            }
        }
        (known, unknown)
    }

    /// Adds another gift `sign` times; its topics are not looked at.
    pub fn add(&mut self, other: &Self, sign: i64) {
        for (sum, value) in other.sums.entries() {
            self.sums[sum] += sign * value;
        }
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            for (bucket, count) in theirs {
                change(mine, *bucket, sign * count);
            }
        }
        for (slice, sums) in &other.slices {
            let mine = self.slices.entry(slice.clone()).or_default();
            sums.entries().for_each(|(sum, value)| mine[sum] += sign * value);
            if *mine == TradeSums::default() {
                self.slices.remove(slice);
            }
        }
    }
}

/// Changes a count, and forgets it when it becomes 0.
pub fn change(counts: &mut BucketCounts, bucket: Bucket, by: i64) {
    let count = counts.entry(bucket).or_default();
    *count += by;
    if *count == 0 {
        counts.remove(&bucket);
    }
}

/// The first byte of the packed form. Older forms stay readable for ever. A program that doesn't know the form refuses
/// it, and leaves the customer to one that does.
const FORMAT: u8 = 3;
/// See [`Older`].
const SECOND_FORMAT: u8 = 2;
/// See [`Older`].
const FIRST_FORMAT: u8 = 1;

impl Contribution {
    /// Adds the shares of a timeline under one definition.
    pub fn give(&mut self, definition_seq: i32, shares: &[Share]) {
        for share in shares {
            let place = Place { definition_seq, day: share.day, account: share.account.clone() };
            let gift = self.gifts.entry(place).or_default();
            gift.topics |= share.topic.bit();
            for (sum, value) in &share.sums {
                gift.sums[*sum] += value;
            }
            for (spread, bucket) in &share.buckets {
                change(&mut gift.counts[*spread as usize], *bucket, 1);
            }
            for (slice, sums) in share.slices.iter().filter(|(_, sums)| !sums.is_empty()) {
                let mine = gift.slices.entry(slice.clone()).or_default();
                sums.iter().for_each(|(sum, value)| mine[*sum] += value);
            }
        }
        for gift in self.gifts.values_mut() {
            gift.slices.retain(|_, sums| *sums != TradeSums::default());
        }
    }

    /// The format it was read from, if that knew less than this program does.
    pub fn older(&self) -> Option<Older> {
        self.older
    }

    /// By place.
    pub fn gifts(&self) -> impl Iterator<Item = (&Place, &Gift)> {
        self.gifts.iter()
    }

    /// Account-days under any definition, with the topics under any.
    pub fn days(&self) -> BTreeMap<(NaiveDate, &str), u32> {
        let mut days = BTreeMap::new();
        for (place, gift) in &self.gifts {
            *days.entry((place.day, place.account.as_str())).or_default() |= gift.topics;
        }
        days
    }

    /// The packed form: format, number of places, then of each the definition, day, account, topics, sums that aren't
    /// 0, counts by bucket, and slices with their sums that aren't 0.
    pub fn pack(&self) -> Vec<u8> {
        let mut out = vec![FORMAT];
        put(&mut out, self.gifts.len() as u64);
        for (place, gift) in &self.gifts {
            put(&mut out, u64::from(place.definition_seq.unsigned_abs()));
            put_signed(&mut out, place.day.num_days_from_ce().into());
            put_text(&mut out, &place.account);
            put(&mut out, gift.topics.into());
            put_sums(&mut out, &gift.sums);
            gift.counts.iter().for_each(|counts| put_counts(&mut out, counts));
            put(&mut out, gift.slices.len() as u64);
            for (slice, sums) in &gift.slices {
                put(&mut out, u64::from((slice.aspect as i16).unsigned_abs()));
                put_text(&mut out, &slice.item);
                put_sums(&mut out, sums);
            }
        }
        out
    }

    /// Reads the packed form; no bytes at all are a timeline that gave nothing yet.
    pub fn unpack(bytes: &[u8]) -> Result<Self, Damaged> {
        let mut rest = bytes;
        let mut contribution = Self::default();
        if rest.is_empty() {
            return Ok(contribution);
        }
        contribution.older = match take(&mut rest)? {
            FIRST_FORMAT => Some(Older::First),
            SECOND_FORMAT => Some(Older::Second),
            FORMAT => None,
            _ => return Err(Damaged),
        };
        let spreads =
            if contribution.older.is_some() { TradeSpread::IN_SECOND_FORMAT } else { TradeSpread::ALL.len() };
        for _ in 0..get(&mut rest)? {
            let definition_seq = i32::try_from(get(&mut rest)?).map_err(|_| Damaged)?;
            let day = i32::try_from(get_signed(&mut rest)?).map_err(|_| Damaged)?;
            let day = NaiveDate::from_num_days_from_ce_opt(day).ok_or(Damaged)?;
            let account = get_text(&mut rest)?;
            let mut gift =
                Gift { topics: u32::try_from(get(&mut rest)?).map_err(|_| Damaged)?, ..Gift::default() };
            gift.sums = get_sums(&mut rest)?;
            for counts in gift.counts.iter_mut().take(spreads) {
                *counts = get_counts(&mut rest)?;
            }
            let slices = if contribution.older == Some(Older::First) { 0 } else { get(&mut rest)? };
            for _ in 0..slices {
                let aspect = i16::try_from(get(&mut rest)?).ok().and_then(Aspect::of).ok_or(Damaged)?;
                let slice = Slice { aspect, item: get_text(&mut rest)? };
                gift.slices.insert(slice, get_sums(&mut rest)?);
            }
            contribution.gifts.insert(Place { definition_seq, day, account }, gift);
        }
        if rest.is_empty() { Ok(contribution) } else { Err(Damaged) }
    }
}

/// Counts by bucket, packed: how many, then of each the bucket and its count.
pub fn pack_counts(counts: &BucketCounts) -> Vec<u8> {
    let mut out = Vec::new();
    if !counts.is_empty() {
        put_counts(&mut out, counts);
    }
    out
}

/// Reads packed counts; no bytes at all are no counts.
pub fn unpack_counts(bytes: &[u8]) -> Result<BucketCounts, Damaged> {
    let mut rest = bytes;
    if rest.is_empty() {
        return Ok(BucketCounts::new());
    }
    let counts = get_counts(&mut rest)?;
    if rest.is_empty() { Ok(counts) } else { Err(Damaged) }
}

fn put_sums(out: &mut Vec<u8>, sums: &TradeSums) {
    let entries: Vec<_> = sums.entries().collect();
    put(out, entries.len() as u64);
    for (sum, value) in entries {
        out.push(sum as u8);
        put_signed(out, value);
    }
}

fn get_sums(rest: &mut &[u8]) -> Result<TradeSums, Damaged> {
    let mut sums = TradeSums::default();
    for _ in 0..get(rest)? {
        let sum = TradeSum::ALL.get(usize::from(take(rest)?)).ok_or(Damaged)?;
        sums[*sum] = get_signed(rest)?;
    }
    Ok(sums)
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

fn put_counts(out: &mut Vec<u8>, counts: &BucketCounts) {
    put(out, counts.len() as u64);
    for (bucket, count) in counts {
        put_signed(out, (*bucket).into());
        put_signed(out, *count);
    }
}

fn get_counts(rest: &mut &[u8]) -> Result<BucketCounts, Damaged> {
    let mut counts = BucketCounts::new();
    for _ in 0..get(rest)? {
        let bucket = Bucket::try_from(get_signed(rest)?).map_err(|_| Damaged)?;
        counts.insert(bucket, get_signed(rest)?);
    }
    Ok(counts)
}

fn get_text(rest: &mut &[u8]) -> Result<String, Damaged> {
    let length = usize::try_from(get(rest)?).map_err(|_| Damaged)?;
    let (text, tail) = rest.split_at_checked(length).ok_or(Damaged)?;
    *rest = tail;
    String::from_utf8(text.to_vec()).map_err(|_| Damaged)
}

/// Small numbers of either sign in few bytes: the sign in the last bit.
fn put_signed(out: &mut Vec<u8>, value: i64) {
    put(out, ((value << 1) ^ (value >> 63)).cast_unsigned());
}

fn get_signed(rest: &mut &[u8]) -> Result<i64, Damaged> {
    let value = get(rest)?;
    Ok((value >> 1).cast_signed() ^ -((value & 1).cast_signed()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_contribution() -> impl Strategy<Value = Contribution> {
        let place =
            (1..9_i32, 700_000..740_000_i32, "[a-z:客]{0,6}").prop_map(|(definition_seq, day, account)| {
                let day = NaiveDate::from_num_days_from_ce_opt(day).expect("a day");
                Place { definition_seq, day, account }
            });
        // A count of 0 is never kept.
        let count = prop_oneof![-9..0_i64, 1..9_i64];
        let counts = prop::collection::btree_map(0..1_000_i16, count, 0..4);
        let sums =
            prop::collection::vec((0..TradeSum::ALL.len(), -1_000_000_000_000..1_000_000_000_000_i64), 0..8);
        let slice = (0..3_usize, "[a-z0-9客]{0,6}", 0..TradeSum::ALL.len());
        let slices = prop::collection::btree_map(slice, 1..9_i64, 0..4);
        let counts = prop::collection::vec(counts, TradeSpread::ALL.len());
        let gift = (any::<u32>(), sums, counts, slices).prop_map(|(topics, sums, counts, slices)| {
            let counts = counts.try_into().expect("as many as there are");
            let mut gift = Gift { counts, topics, ..Gift::default() };
            sums.into_iter().for_each(|(at, value)| gift.sums[TradeSum::ALL[at]] = value);
            for ((aspect, item, sum), value) in slices {
                let slice = Slice { aspect: Aspect::ALL[aspect], item };
                gift.slices.entry(slice).or_default()[TradeSum::ALL[sum]] = value;
            }
            gift
        });
        prop::collection::btree_map(place, gift, 0..5).prop_map(|gifts| Contribution { gifts, older: None })
    }

    proptest! {
        #[test]
        fn what_was_packed_is_read_back(contribution in any_contribution()) {
            prop_assert_eq!(Contribution::unpack(&contribution.pack()), Ok(contribution));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = Contribution::unpack(&bytes);
            let _ = unpack_counts(&bytes);
        }

        #[test]
        fn giving_and_taking_back_leaves_nothing(contribution in any_contribution()) {
            let mut change = Gift::default();
            for sign in [1, -1] {
                contribution.gifts().for_each(|(_, gift)| change.add(gift, sign));
            }
            prop_assert!(change.is_nothing());
        }

        #[test]
        fn what_an_older_format_knew_and_what_it_did_not_make_the_whole(
            contribution in any_contribution(),
        ) {
            for (_, gift) in contribution.gifts() {
                for older in [Older::First, Older::Second] {
                    let (mut whole, unknown) = gift.split_by(older);
                    prop_assert!(whole.sums.entries().all(|(sum, _)| older.has(sum)));
                    prop_assert!(unknown.sums.entries().all(|(sum, _)| !older.has(sum)));
                    prop_assert!(older == Older::Second || whole.slices.is_empty());
                    prop_assert!(unknown.counts[..TradeSpread::IN_SECOND_FORMAT].iter().all(BTreeMap::is_empty));
                    whole.add(&unknown, 1);
                    prop_assert_eq!(&Gift { topics: gift.topics, ..whole }, gift);
                }
            }
        }
    }

    #[test]
    fn the_layout_is_fixed() {
        let mut gift = Gift { topics: 5, ..Gift::default() };
        gift.sums[TradeSum::Inquiries] = 1;
        gift.sums[TradeSum::PaidAmount] = 12_345;
        gift.counts[2].insert(9, 2);
        let day = NaiveDate::from_num_days_from_ce_opt(737_558).expect("a day");
        let place = Place { definition_seq: 1, day, account: "a".to_owned() };
        let first = [1, 1, 1, 0xac, 0x84, 90, 1, b'a', 5, 2, 2, 2, 12, 0xf2, 0xc0, 1, 0, 0, 1, 18, 4];
        let of = |gift: &Gift, older| Contribution {
            gifts: BTreeMap::from([(place.clone(), gift.clone())]),
            older,
        };
        let read = Contribution::unpack(&first);
        assert_eq!(read, Ok(of(&gift, Some(Older::First))), "what was stored by releases before");
        let slice = Slice { aspect: Aspect::Product, item: "p".to_owned() };
        gift.slices.entry(slice).or_default()[TradeSum::Orders] = 3;
        let slices = [1, 1, 1, b'p', 1, 8, 6];
        let mut second = [&first[..], &slices].concat();
        second[0] = 2;
        assert_eq!(Contribution::unpack(&second), Ok(of(&gift, Some(Older::Second))));
        gift.counts[4].insert(7, 1);
        let mut third = [&first[..], &[0, 1, 14, 2], &slices].concat();
        third[0] = 3;
        assert_eq!(of(&gift, None).pack(), third);
        assert_eq!(Contribution::unpack(&third), Ok(of(&gift, None)));
    }
}
