//! How likely a sample shows a fault at all.

use crate::Undefined;

/// The chance that a sample of `drawn` chats holds at least one fault if each chat is faulty with the chance `fault_rate`:
/// `1 - (1 - p)^n`. It doesn't matter how many chats the sample is drawn from.
///
/// # Errors
/// [`Undefined::OutOfRange`] for a rate outside 0 … 1.
pub fn detection_at_rate(drawn: u64, fault_rate: f64) -> Result<f64, Undefined> {
    share("fault rate", fault_rate)?;
    if drawn == 0 {
        return Ok(0.0);
    }
    // By logarithms, so that a rate of 1e-12 isn't rounded away.
    Ok(-(drawn as f64 * (-fault_rate).ln_1p()).exp_m1())
}

/// The chance that `drawn` of `eligible` chats hold at least one of exactly `faulty` faulty ones (hypergeometric).
///
/// # Errors
/// [`Undefined::Part`] if more are drawn or faulty than eligible.
pub fn detection_in(eligible: u64, faulty: u64, drawn: u64) -> Result<f64, Undefined> {
    for (what, part) in [("faulty", faulty), ("drawn", drawn)] {
        if part > eligible {
            return Err(Undefined::Part { stratum: 0, what, part, whole: eligible });
        }
    }
    // Draws and faults can change places: take the shorter product.
    let (fewer, more) = (faulty.min(drawn), faulty.max(drawn));
    let mut missed = 1.0;
    for step in 0..fewer {
        if more + step >= eligible {
            return Ok(1.0);
        }
        missed *= 1.0 - more as f64 / (eligible - step) as f64;
        if missed < f64::MIN_POSITIVE {
            return Ok(1.0);
        }
    }
    Ok(1.0 - missed)
}

/// How many chats it takes to see at least one fault with the chance `power` if each is faulty with the chance
/// `fault_rate`.
///
/// # Errors
/// [`Undefined::OutOfRange`] unless both lie between 0 and 1, ends left out, or if the number would be beyond 2^53.
pub fn sample_for_detection(fault_rate: f64, power: f64) -> Result<u64, Undefined> {
    for (what, value) in [("fault rate", fault_rate), ("power", power)] {
        if !(value > 0.0 && value < 1.0) {
            return Err(Undefined::OutOfRange { what, value });
        }
    }
    let needed = (-power).ln_1p() / (-fault_rate).ln_1p();
    if needed > 9e15 {
        return Err(Undefined::OutOfRange { what: "fault rate", value: fault_rate });
    }
    Ok(needed.ceil().max(1.0) as u64)
}

fn share(what: &'static str, value: f64) -> Result<(), Undefined> {
    if (0.0..=1.0).contains(&value) { Ok(()) } else { Err(Undefined::OutOfRange { what, value }) }
}
