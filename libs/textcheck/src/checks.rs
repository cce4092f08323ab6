//! One module per kind of check.

pub(crate) mod courtesy;
pub(crate) mod mood;
pub(crate) mod personal;
pub(crate) mod promise;
pub(crate) mod reply;
pub(crate) mod timing;
pub(crate) mod tone;
pub(crate) mod words;
