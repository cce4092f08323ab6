//! Whole numbers in as few bytes as they need (LEB128): what facts and histograms are packed with.

/// Why packed bytes cannot be read, or a value cannot be packed.
#[derive(Debug, Clone, Copy, thiserror::Error, PartialEq, Eq)]
#[error("packed values are damaged or of an unknown form")]
pub struct Damaged;

/// Appends a number.
pub fn put(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Takes one byte off the front.
pub fn take(rest: &mut &[u8]) -> Result<u8, Damaged> {
    let (first, tail) = rest.split_first().ok_or(Damaged)?;
    *rest = tail;
    Ok(*first)
}

/// Takes a number off the front.
pub fn get(rest: &mut &[u8]) -> Result<u64, Damaged> {
    let mut value = 0_u64;
    for shift in (0..63).step_by(7) {
        let byte = take(rest)?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(Damaged)
}

/// Takes a number off the front that must fit a signed one.
pub fn get_i64(rest: &mut &[u8]) -> Result<i64, Damaged> {
    i64::try_from(get(rest)?).map_err(|_| Damaged)
}
