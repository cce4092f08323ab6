//! Personal data out of text, before anything is stored: phone numbers, identity cards, bank cards, mail addresses,
//! postal addresses, order numbers; in Chinese and in English.
//!
//! Pure: text in, text out. Nothing here knows conversations, tenants or storage. No pattern engine either: each kind is
//! a small scanner that looks only where a digit, an `@` or an address word stands, so that most chat messages cost a look
//! at their bytes and come back borrowed.
//!
//! Start with [`Redactor::redact`]; [`find`] shows what is found and where.
//!
//! Invariants: redacting twice is redacting once; the same order number gives the same token under the same key; times,
//! dates, prices and short numbers stay.

mod address;
mod checks;
mod labels;
mod mail;
mod numbers;
mod phone;
mod places;
mod prefilter;
mod street;

use std::{borrow::Cow, ops::Range};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

pub use phone::Phone;

/// What a piece of text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A telephone number, mobile or not.
    Phone,
    /// A Chinese identity card (身份证).
    IdCard,
    /// A bank card or account.
    BankCard,
    /// A mail address.
    Mail,
    /// A postal address, more exact than a town or a street.
    Address,
    /// An order, tracking or other long reference number. Kept as a token, so that two mentions can be told to be one.
    Order,
}

/// A piece of personal data in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it is.
    pub kind: Kind,
    /// Where it stands, in bytes.
    pub range: Range<usize>,
}

/// Finds personal data, in the order of the text, without overlaps.
pub fn find(text: &str) -> Vec<Finding> {
    let look = prefilter::look(text);
    let mut findings = Vec::new();
    if look.at {
        mail::find(text, &mut findings);
    }
    if look.digits {
        numbers::find(text, &mut findings);
        if look.latin {
            street::find(text, &mut findings);
        }
    }
    if look.address {
        address::find(text, &mut findings);
    }
    findings.sort_unstable_by_key(|finding| finding.range.start);
    findings
}

/// Adds a finding unless an earlier, surer scanner holds part of the place already.
fn add(findings: &mut Vec<Finding>, kind: Kind, range: Range<usize>) {
    if !taken(findings, &range) {
        findings.push(Finding { kind, range });
    }
}

fn taken(findings: &[Finding], range: &Range<usize>) -> bool {
    findings.iter().any(|other| other.range.start < range.end && range.start < other.range.end)
}

/// Takes personal data out of texts. Cheap to make and to share.
#[derive(Clone)]
pub struct Redactor {
    key: Hmac<Sha256>,
}

impl Redactor {
    /// A redactor whose order tokens depend on a secret key. Without the key nobody can try out which number a token
    /// stands for; with a key per merchant, tokens of different merchants can't be joined (see
    /// [`Redactor::for_merchant`]).
    pub fn new(key: &[u8]) -> Self {
        Self { key: <Hmac<Sha256> as KeyInit>::new_from_slice(key).expect("HMAC takes a key of any length") }
    }

    /// A redactor of one merchant, its key derived from the installation's.
    pub fn for_merchant(installation_key: &[u8], merchant: &str) -> Self {
        let mut derive = Self::new(installation_key).key;
        derive.update(b"jinpai.redaction/1 merchant\0");
        derive.update(merchant.as_bytes());
        Self::new(&derive.finalize().into_bytes())
    }

    /// The text with its personal data replaced by `[phone]`, `[id-card]`, `[bank-card]`, `[mail]`, `[address]` and
    /// `[order:1a2b3c4d5e6f]`. Borrowed when there is none.
    pub fn redact<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let findings = find(text);
        if findings.is_empty() {
            return Cow::Borrowed(text);
        }
        let mut redacted = String::with_capacity(text.len());
        let mut copied = 0;
        for Finding { kind, range } in findings {
            redacted.push_str(&text[copied..range.start]);
            match kind {
                Kind::Phone => redacted.push_str("[phone]"),
                Kind::IdCard => redacted.push_str("[id-card]"),
                Kind::BankCard => redacted.push_str("[bank-card]"),
                Kind::Mail => redacted.push_str("[mail]"),
                Kind::Address => redacted.push_str("[address]"),
                Kind::Order => redacted.push_str(&self.order_token(&text[range.clone()])),
            }
            copied = range.end;
        }
        redacted.push_str(&text[copied..]);
        Cow::Owned(redacted)
    }

    /// 48 bits of a keyed hash: among a million orders of a merchant, the odds that any two share a token are 1 in 500.
    fn order_token(&self, number: &str) -> String {
        let mut mac = self.key.clone();
        mac.update(b"jinpai.redaction/1 order\0");
        for character in number.chars() {
            // However it is typed, spaced or hyphenated, it is the same number.
            let plain = numbers::digit(character).map_or(character, |digit| char::from(b'0' + digit));
            if plain.is_ascii_alphanumeric() {
                mac.update(&[plain.to_ascii_uppercase() as u8]);
            }
        }
        format!("[order:{}]", hex::encode(&mac.finalize().into_bytes()[..TOKEN_BYTES]))
    }
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Redactor(key hidden)")
    }
}

const TOKEN_BYTES: usize = 6;

/// Whether a place lies in a token that an earlier redaction put there.
fn in_token(text: &str, place: usize) -> bool {
    const OPEN: &str = "[order:";
    let token = OPEN.len() + 2 * TOKEN_BYTES + 1;
    text[..place].rfind('[').is_some_and(|open| {
        let bytes = &text.as_bytes()[open..];
        bytes.starts_with(OPEN.as_bytes()) && place < open + token && bytes.get(token - 1) == Some(&b']')
    })
}
