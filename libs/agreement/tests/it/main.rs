//! Published worked examples, and what must hold for any ratings.

mod calibration;
mod properties;
mod published;
mod samples;
