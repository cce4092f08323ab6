//! A linear model over single characters and pairs.

use crate::normal::fold;

/// Logistic regression over hashed runs of characters, its weights a byte each. Shops can train one of their own.
#[derive(Clone, Debug, PartialEq)]
pub struct SentimentModel {
    weights: Box<[i8]>,
    /// What a weight of 1 is worth.
    scale: f32,
}

const BUCKETS: usize = 1 << 16;
const ROUNDS: u32 = 5;
const STEP: f32 = 0.1;
/// Shrinks what few texts speak for.
const DECAY: f32 = 5e-3;
/// A longest run of characters.
const RUN_MAX: usize = 2;

impl SentimentModel {
    /// Learns from texts and whether each is positive. The same texts in the same order give the same model.
    pub fn train(texts: &[(&str, bool)]) -> Self {
        let prepared: Vec<(Vec<u32>, bool)> =
            texts.iter().map(|&(text, positive)| (features(text), positive)).collect();
        let mut weights = vec![0.0_f32; BUCKETS];
        let mut squares = vec![1e-6_f32; BUCKETS];
        // Strides through the texts that share no factor with their number visit each once, in another order each round.
        let count = prepared.len().max(1);
        for round in 0..ROUNDS {
            let stride = coprime(count, 7_919 + 104_729 * round as usize);
            for step in 0..prepared.len() {
                let (features, positive) = &prepared[step * stride % count];
                let share = 1.0 / (features.len().max(1) as f32).sqrt();
                let sum: f32 = features.iter().map(|&feature| weights[feature as usize]).sum();
                let error = logistic(sum * share) - f32::from(u8::from(*positive));
                for &feature in features {
                    let place = feature as usize;
                    let slope = error * share + DECAY * weights[place];
                    squares[place] += slope * slope;
                    weights[place] -= STEP * slope / squares[place].sqrt();
                }
            }
        }
        Self::quantised(&weights)
    }

    fn quantised(weights: &[f32]) -> Self {
        // The few largest weights are cut, so that the many small ones keep their differences.
        let mut sizes: Vec<f32> = weights.iter().map(|weight| weight.abs()).collect();
        sizes.sort_unstable_by(f32::total_cmp);
        let largest = sizes[sizes.len() - sizes.len() / 1_000 - 1].max(f32::MIN_POSITIVE);
        let scale = largest / 127.0;
        let weights =
            weights.iter().map(|weight| (weight / scale).round().clamp(-127.0, 127.0) as i8).collect();
        Self { weights, scale }
    }

    /// Reads what [`SentimentModel::to_bytes`] wrote.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (scale, weights) = bytes.split_first_chunk()?;
        let scale = f32::from_le_bytes(*scale);
        let weights: Box<[i8]> = weights.iter().map(|&byte| i8::from_le_bytes([byte])).collect();
        (weights.len() == BUCKETS && scale.is_finite() && scale > 0.0).then_some(Self { weights, scale })
    }

    /// The scale as a little-endian `f32`, then a byte per weight: 65,540 bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let weights = self.weights.iter().flat_map(|weight| weight.to_le_bytes());
        self.scale.to_le_bytes().into_iter().chain(weights).collect()
    }

    /// From -1 to 1; nothing for a text without letters.
    pub fn sentiment(&self, text: &str) -> Option<f64> {
        let features = features(text);
        if features.is_empty() {
            return None;
        }
        let sum: i32 = features.iter().map(|&feature| i32::from(self.weights[feature as usize])).sum();
        let score = f64::from(sum) * f64::from(self.scale) / (features.len() as f64).sqrt();
        // The same as twice the probability of "positive", less one.
        Some((score / 2.0).tanh())
    }
}

/// The buckets of all single characters and pairs, rising. The normal form, but exclamation and question marks stay:
/// they say much. Nothing for a text without letters.
fn features(text: &str) -> Vec<u32> {
    let mark = |character| match character {
        '!' | '！' => Some('!'),
        '?' | '？' => Some('?'),
        _ => None,
    };
    let characters: Vec<char> =
        text.chars().filter_map(|character| fold(character).or_else(|| mark(character))).collect();
    if characters.iter().all(|character| matches!(character, '!' | '?')) {
        return Vec::new();
    }
    let mut features: Vec<u32> =
        (1..=RUN_MAX).flat_map(|length| characters.windows(length).map(bucket)).collect();
    features.sort_unstable();
    features.dedup();
    features
}

/// FNV-1a over the code points, its high half folded in.
fn bucket(run: &[char]) -> u32 {
    let hash = run.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, &character| {
        (hash ^ u64::from(u32::from(character))).wrapping_mul(0x0100_0000_01b3)
    });
    ((hash ^ (hash >> 32)) % BUCKETS as u64) as u32
}

fn logistic(value: f32) -> f32 {
    1.0 / (1.0 + (-value).exp())
}

/// The next number from `wish` on that has no factor in common with `count`.
fn coprime(count: usize, wish: usize) -> usize {
    let shares = |mut a: usize, mut b: usize| {
        while b != 0 {
            (a, b) = (b, a % b);
        }
        a > 1
    };
    (wish..).find(|&stride| !shares(count, stride)).unwrap_or(1)
}
