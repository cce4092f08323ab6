//! Why a figure has no value.

/// Why a figure has no value. Units and raters are named by their place in the input, from 0.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum Undefined {
    /// There is less of something than the figure needs.
    #[error("{what}: {found}, needed {needed}")]
    TooFew {
        /// Of what.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many it takes.
        needed: usize,
    },
    /// There is more of something than the figure is computed for.
    #[error("{what}: {found}, at most {limit}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many are allowed.
        limit: usize,
    },
    /// All ratings are the same, so that any raters would agree: agreement beyond chance can't be told.
    #[error("all ratings are the same: agreement can't be told from chance")]
    NoVariation,
    /// A rating names a category that doesn't exist.
    #[error("unit {unit}: category {category} of {categories}")]
    Category {
        /// Where.
        unit: usize,
        /// Its category, from 0.
        category: usize,
        /// How many there are.
        categories: usize,
    },
    /// A unit has another number of ratings, categories or raters than the first one.
    #[error("unit {unit}: {found} {what}, the first unit has {expected}")]
    Uneven {
        /// Where.
        unit: usize,
        /// Of what.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many the first unit has.
        expected: usize,
    },
    /// A value is infinite, not a number, too large to be squared, or below zero on a ratio scale.
    #[error("unit {unit}, place {place}: the value can't be used on this scale")]
    Value {
        /// Where.
        unit: usize,
        /// Which rating of the unit.
        place: usize,
    },
    /// A part is larger than its whole: more reviewed than eligible, more passed than reviewed.
    #[error("stratum {stratum}: {part} {what} of {whole}")]
    Part {
        /// Where; 0 where there is only one.
        stratum: usize,
        /// What the part is.
        what: &'static str,
        /// How many.
        part: u64,
        /// Of how many.
        whole: u64,
    },
    /// A share, level or limit lies outside its range.
    #[error("{what} is {value}, outside its range")]
    OutOfRange {
        /// Which.
        what: &'static str,
        /// What was given.
        value: f64,
    },
}
