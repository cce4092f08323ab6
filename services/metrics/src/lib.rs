//! What every agent achieves: conversation facts and day figures.
