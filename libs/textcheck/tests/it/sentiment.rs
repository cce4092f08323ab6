//! The model that comes with the crate, on texts it has not seen.

use textcheck::{SentimentModel, sentiment};

/// 500 positive and 500 negative reviews that were held out when the model was trained.
const HELD_OUT: &str = include_str!("../../data/held_out.tsv");

fn labelled() -> Vec<(&'static str, bool)> {
    HELD_OUT
        .lines()
        .filter_map(|line| line.split_once('\t'))
        .map(|(kind, text)| (text, kind == "+"))
        .collect()
}

#[test]
fn held_out_reviews_are_told_apart_as_well_as_the_readme_says() {
    let texts = labelled();
    assert_eq!(texts.len(), 1_000);
    let right =
        texts.iter().filter(|(text, positive)| (sentiment(text).unwrap_or(0.0) > 0.0) == *positive).count();
    // Two standard errors of a share of a thousand are two points.
    let accuracy = right as f64 / texts.len() as f64;
    assert!((accuracy - EXTRACT_ACCURACY).abs() < 0.02, "{accuracy}");
}

const EXTRACT_ACCURACY: f64 = 0.826;

#[test]
fn what_buyers_say_is_told_apart() {
    for text in ["谢谢，态度很好", "非常满意，下次还来", "質量很好！喜歡", "Great, thanks a lot!"]
    {
        assert!(sentiment(text).unwrap() > 0.2, "{text}: {:?}", sentiment(text));
    }
    for text in
        ["太差了，再也不买了", "垃圾，退货！", "服務態度太差", "this is terrible, I want my money back"]
    {
        assert!(sentiment(text).unwrap() < -0.2, "{text}: {:?}", sentiment(text));
    }
    for text in ["", "？？", "🙂", "13800138000", "the parcel"] {
        assert_eq!(sentiment(text), None, "{text}");
    }
}

#[test]
fn training_is_repeatable_and_survives_its_bytes() {
    let texts: Vec<_> = labelled().into_iter().step_by(5).collect();
    let model = SentimentModel::train(&texts);
    assert_eq!(model, SentimentModel::train(&texts));
    let right =
        texts.iter().filter(|(text, positive)| (model.sentiment(text).unwrap_or(0.0) > 0.0) == *positive);
    assert!(right.count() >= 195, "it learns what it is taught");
    let bytes = model.to_bytes();
    assert_eq!(SentimentModel::from_bytes(&bytes), Some(model));
    assert_eq!(SentimentModel::from_bytes(&bytes[1..]), None);
    assert_eq!(SentimentModel::from_bytes(&[]), None);
    assert_eq!(SentimentModel::train(&[]).sentiment("好"), Some(0.0));
}
