//! The draw as a stranger sees it: through the public API and the JSON of a bundle.

mod fairness;
mod reference;
mod support;
mod tampering;
mod vectors;
