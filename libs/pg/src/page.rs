//! Keyset pages: a page begins after a key, never at an offset, so that a deep page costs what the first one does.
//!
//! A token is opaque to callers: the key of the last row, the list it belongs to, and a checksum. It grants nothing
//! (every page is read under the caller's scope), so the checksum is there to refuse tokens that were mangled or
//! belong to another list or filter, not to keep a secret.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use crate::Error;

const CHECKSUM_BYTES: usize = 8;
/// What a request without a size gets.
pub const DEFAULT_SIZE: u32 = 50;
/// The most that a page has, whatever was asked for.
pub const MAX_SIZE: u32 = 1_000;

/// What a caller asked for: how many rows, after which key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest<K> {
    size: u32,
    list: String,
    /// The key of the last row seen; `None` begins at the front.
    pub after: Option<K>,
}

/// Rows and how to go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// At most as many as asked for.
    pub items: Vec<T>,
    /// Empty on the last page.
    pub next_page_token: String,
}

impl<K: Serialize + DeserializeOwned> PageRequest<K> {
    /// Reads `page_size` (0 takes [`DEFAULT_SIZE`]; more than [`MAX_SIZE`] is cut to it) and `page_token`. `list` names
    /// the list and its filters: a token is good only for the list that gave it out.
    ///
    /// # Errors
    ///
    /// [`Error::PageSize`] for a negative size, [`Error::PageToken`] for a token that this list did not give out.
    pub fn parse(page_size: i32, page_token: &str, list: impl Into<String>) -> Result<Self, Error> {
        let size = match u32::try_from(page_size) {
            Ok(0) => DEFAULT_SIZE,
            Ok(size) => size.min(MAX_SIZE),
            Err(_) => return Err(Error::PageSize),
        };
        let list = list.into();
        let after = if page_token.is_empty() { None } else { Some(decode(page_token, &list)?) };
        Ok(Self { size, list, after })
    }

    /// The first page of `size` rows: for code that reads a list by itself.
    pub fn first(size: u32, list: impl Into<String>) -> Self {
        Self { size, list: list.into(), after: None }
    }

    /// How many rows to load: one more than are shown, to know whether there is a next page.
    pub fn limit(&self) -> i64 {
        i64::from(self.size) + 1
    }

    /// Makes the page of up to [`PageRequest::limit`] loaded rows.
    pub fn page<T>(&self, mut rows: Vec<T>, key: impl Fn(&T) -> K) -> Result<Page<T>, Error> {
        let size = self.size as usize;
        let more = rows.len() > size;
        rows.truncate(size);
        let next_page_token = match rows.last() {
            Some(last) if more => encode(&key(last), &self.list)?,
            _ => String::new(),
        };
        Ok(Page { items: rows, next_page_token })
    }
}

impl<T> Page<T> {
    /// The same page of other items, for the step from rows to domain types.
    pub fn map<U>(self, convert: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(convert).collect(), next_page_token: self.next_page_token }
    }
}

fn encode<K: Serialize>(key: &K, list: &str) -> Result<String, Error> {
    let key = serde_json::to_vec(key).map_err(|e| Error::Internal(e.into()))?;
    let mut token = checksum(&key, list).to_vec();
    token.extend(key);
    Ok(URL_SAFE_NO_PAD.encode(token))
}

fn decode<K: DeserializeOwned>(token: &str, list: &str) -> Result<K, Error> {
    let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| Error::PageToken)?;
    let (sum, key) = bytes.split_at_checked(CHECKSUM_BYTES).ok_or(Error::PageToken)?;
    if sum != checksum(key, list) {
        return Err(Error::PageToken);
    }
    serde_json::from_slice(key).map_err(|_| Error::PageToken)
}

fn checksum(key: &[u8], list: &str) -> [u8; CHECKSUM_BYTES] {
    let mut hash = Sha256::new();
    hash.update((list.len() as u64).to_be_bytes());
    hash.update(list);
    hash.update(key);
    let mut sum = [0; CHECKSUM_BYTES];
    sum.copy_from_slice(&hash.finalize()[..CHECKSUM_BYTES]);
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    type Key = (String, i64);

    fn request(size: i32, token: &str) -> Result<PageRequest<Key>, Error> {
        PageRequest::parse(size, token, "reviews of d")
    }

    fn rows(n: i64) -> Vec<i64> {
        (0..n).collect()
    }

    fn token() -> String {
        let page = request(2, "").and_then(|r| r.page(rows(3), |n| ("日".to_owned(), *n))).expect("a page");
        page.next_page_token
    }

    #[test]
    fn sizes_are_clamped() {
        for (asked, limit) in [(0, 51), (1, 2), (1000, 1001), (1001, 1001), (i32::MAX, 1001)] {
            assert_eq!(request(asked, "").expect("valid").limit(), limit);
        }
        for asked in [-1, i32::MIN] {
            assert!(matches!(request(asked, ""), Err(Error::PageSize)));
        }
    }

    #[test]
    fn the_last_page_has_no_token() {
        let page = request(3, "").and_then(|r| r.page(rows(3), |n| (String::new(), *n))).expect("a page");
        assert_eq!((page.items.len(), page.next_page_token.as_str()), (3, ""));
    }

    #[test]
    fn a_token_leads_to_the_key_of_the_last_row() {
        assert_eq!(request(2, &token()).expect("valid").after, Some(("日".to_owned(), 1)));
    }

    #[test]
    fn any_changed_bit_refuses_the_token() {
        let good = URL_SAFE_NO_PAD.decode(token()).expect("base64");
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(matches!(request(2, &URL_SAFE_NO_PAD.encode(bad)), Err(Error::PageToken)), "bit {bit}");
        }
        for bad in ["x", "????", "AAAA"] {
            assert!(matches!(request(2, bad), Err(Error::PageToken)));
        }
    }

    #[test]
    fn a_token_of_another_list_is_refused() {
        let other = PageRequest::<Key>::parse(2, &token(), "reviews of e");
        assert!(matches!(other, Err(Error::PageToken)));
    }
}
