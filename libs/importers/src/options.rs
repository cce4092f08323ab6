//! What a file doesn't tell about itself.

use jiff::tz::TimeZone;

/// How a file is to be read.
#[derive(Debug, Clone)]
pub struct Options {
    pub(crate) zone: TimeZone,
    pub(crate) currency: String,
    pub(crate) ignore_unknown: bool,
    pub(crate) channel: Option<String>,
    pub(crate) shop_account: Option<String>,
}

/// There is no such time zone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no time zone {0:?}")]
pub struct UnknownZone(String);

impl Default for Options {
    /// For formats whose times carry their offset: the clocks show UTC.
    fn default() -> Self {
        Self {
            zone: TimeZone::UTC,
            currency: "CNY".to_owned(),
            ignore_unknown: false,
            channel: None,
            shop_account: None,
        }
    }
}

impl Options {
    /// For a merchant whose clocks show the time of an IANA zone, for example `Asia/Shanghai`. Money is in yuan,
    /// unknown columns are refused.
    ///
    /// # Errors
    ///
    /// There is no such zone.
    pub fn new(zone: &str) -> Result<Self, UnknownZone> {
        let zone = TimeZone::get(zone).map_err(|_| UnknownZone(zone.to_owned()))?;
        Ok(Self { zone, ..Self::default() })
    }

    /// The currency (ISO 4217) of amounts that name none.
    #[must_use]
    pub fn currency(mut self, code: &str) -> Self {
        code.clone_into(&mut self.currency);
        self
    }

    /// Whether unknown columns and fields are passed over instead of refused.
    #[must_use]
    pub fn ignore_unknown(mut self, ignore: bool) -> Self {
        self.ignore_unknown = ignore;
        self
    }

    /// The channel of conversations whose file names none, instead of the format's usual one.
    #[must_use]
    pub fn channel(mut self, channel: Option<String>) -> Self {
        self.channel = channel;
        self
    }

    /// The shop's main account (主账号) in chat logs, where no sub-account shows it.
    #[must_use]
    pub fn shop_account(mut self, account: Option<String>) -> Self {
        self.shop_account = account;
        self
    }
}
