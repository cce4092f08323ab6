//! Automatic checks of chats: forbidden words in their disguises, over-promises, slow replies, missing greeting and closing,
//! abrupt tone, falling sentiment, personal data, canned and repeated replies. Chinese and English.
//!
//! Pure: a [`Checker`] is compiled once from [`Rules`], which are data, and then run over each [`Conversation`]. A [`Hit`]
//! says which rule, which message and where in it, in bytes and in characters of the text as it was given; it carries
//! no text. Nothing here knows merchants, storage, or which version of the rules is live.
//!
//! Reading order: [`Rules`] and [`Check`] (what can be asked), [`Checker::check`], [`normalise`] (how texts are compared),
//! [`sentiment`].
//!
//! Invariants: a hit's bytes are a slice of the original text, and that slice's normal form begins and ends with the
//! word that was found; the same rules and chat give the same hits in the same order; no text makes it panic.

mod checker;
mod checks;
mod conversation;
mod defaults;
mod hit;
mod matcher;
mod normal;
mod phrases;
mod rules;
mod sentiment;
mod similarity;
mod validation;

pub use checker::Checker;
pub use conversation::{Conversation, Message, Speaker};
pub use defaults::{Language, default_rules};
pub use hit::{Evidence, Hit, Kind};
pub use normal::normalise;
pub use rules::{
    AbruptTone, CannedReply, Check, Courtesy, FallingSentiment, ForbiddenWords, OverPromise, Personal,
    PersonalData, RepeatedReply, Rule, Rules, Severity, SlowReply,
};
pub use sentiment::{SentimentModel, sentiment};
pub use similarity::StockReplies;
pub use validation::RuleError;
