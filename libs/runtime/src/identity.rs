//! Who calls, and how far they reach.
//!
//! The gateway checks the outside token ([`oidc`]), signs a short-lived internal one ([`Signer`]) and passes it on;
//! every service checks that again ([`Verifier`], in the server's access step), which puts a [`Caller`] and a
//! [`Scope`] into the request. Handlers get both with [`admitted`]; store functions take the `Scope`.

mod cache;
mod internal;
mod keys;
pub mod oidc;
mod signer;
mod token;

use proto::Validate;
use proto::access::Role;
use status::{Failure, Kind, Problem};
use tonic::{Extensions, Request, Status};

use crate::ids::{MerchantId, PersonId};

pub use internal::{INTERNAL_AUDIENCE, Verifier, VerifierError};
pub use keys::KeysError;
pub use signer::{Signer, SignerError};
pub use token::TokenError;

/// The metadata key that carries the internal token.
pub const IDENTITY_KEY: &str = "x-jinpai-identity";
/// The metadata key that carries the id of the request, given by the gateway.
pub const REQUEST_ID_KEY: &str = "x-request-id";

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Caller {
    /// The merchant whose data the call is about; a token speaks for exactly one.
    pub merchant: MerchantId,
    /// Who signed in: the `sub` of the token, a person or a program.
    pub subject: String,
    /// The person in the directory, unless a program calls.
    pub person: Option<PersonId>,
    /// What they are in the merchant's organisation.
    pub roles: Vec<Role>,
    /// The id under which every hop logs this request.
    pub request_id: String,
}

/// How far a call reaches inside the merchant.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Reach {
    /// Rows of this person.
    Own(PersonId),
    /// Rows of the people in the teams that this person leads on the row's business day, and of the person.
    Team(PersonId),
    /// Every row of the merchant.
    Merchant,
}

/// The rows that a call may see. Every store function takes one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Scope {
    /// The tenant.
    pub merchant: MerchantId,
    /// How far inside it.
    pub reach: Reach,
}

impl Scope {
    /// Everything of a merchant: what a service's own background work uses.
    pub fn merchant(merchant: MerchantId) -> Self {
        Self { merchant, reach: Reach::Merchant }
    }

    /// The merchant, for reads that show all of it without looking at rows: refused to whoever reaches only a part.
    /// What everybody of the merchant may see has rules that grant `SCOPE_MERCHANT` to everybody, so it passes here.
    ///
    /// # Errors
    ///
    /// [`PartOfMerchant`] unless the reach is [`Reach::Merchant`].
    pub fn whole_merchant(&self) -> Result<&MerchantId, PartOfMerchant> {
        match self.reach {
            Reach::Merchant => Ok(&self.merchant),
            Reach::Own(_) | Reach::Team(_) => Err(PartOfMerchant),
        }
    }

    /// What `caller` reaches with a grant of `granted`; refused when the grant is about a person and there is none.
    pub fn granted(caller: &Caller, granted: proto::access::Scope) -> Result<Self, Status> {
        let person = || {
            let text = "the token names no person, and this role reaches only a person's own rows";
            caller.person.clone().ok_or_else(|| Problem::new(Kind::Denied, "NO_PERSON", text).into_status())
        };
        let reach = match granted {
            proto::access::Scope::Own => Reach::Own(person()?),
            proto::access::Scope::Team => Reach::Team(person()?),
            proto::access::Scope::Merchant => Reach::Merchant,
            proto::access::Scope::Unspecified => {
                return Err(
                    Problem::new(Kind::Denied, "NO_GRANT", "no role of the caller may do this").into_status()
                );
            }
        };
        Ok(Self { merchant: caller.merchant.clone(), reach })
    }
}

/// The call is about the whole merchant, and the caller reaches only a part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is about the whole merchant, and the caller reaches only a part of it")]
pub struct PartOfMerchant;

impl Failure for PartOfMerchant {
    fn kind(&self) -> Kind {
        Kind::Denied
    }

    fn reason(&self) -> &'static str {
        "PART_OF_MERCHANT"
    }
}

/// The caller that the access step put into the request.
pub fn caller(extensions: &Extensions) -> Result<&Caller, Status> {
    extensions.get().ok_or_else(unchecked)
}

/// The scope that the access step put into the request.
pub fn scope(extensions: &Extensions) -> Result<&Scope, Status> {
    extensions.get().ok_or_else(unchecked)
}

/// A handler without the access step in front of it is our mistake, and must never answer.
fn unchecked() -> Status {
    tracing::error!("a call reached its handler without an access check");
    Problem::new(Kind::Internal, "INTERNAL", "internal error").into_status()
}

/// A request that may be acted on: valid by the rules of its proto, from a known caller.
#[derive(Debug)]
pub struct Admitted<T> {
    /// The message.
    pub message: T,
    /// Who asks.
    pub caller: Caller,
    /// The rows that may be touched.
    pub scope: Scope,
}

/// Checks the fields of a request and takes out who asks; what nearly every handler begins with.
pub fn admitted<T: Validate>(request: Request<T>) -> Result<Admitted<T>, Status> {
    let (message, mut extensions) = status::checked(request)?;
    let caller = extensions.remove::<Caller>().ok_or_else(unchecked)?;
    let scope = extensions.remove::<Scope>().ok_or_else(unchecked)?;
    Ok(Admitted { message, caller, scope })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_reaches_the_whole_merchant_reads_it_whole() {
        let merchant = MerchantId::from("m");
        let scope = |reach| Scope { merchant: merchant.clone(), reach };
        assert_eq!(Scope::merchant(merchant.clone()).whole_merchant(), Ok(&merchant));
        for part in [Reach::Own("p".into()), Reach::Team("p".into())] {
            assert_eq!(scope(part).whole_merchant(), Err(PartOfMerchant));
        }
        assert_eq!(PartOfMerchant.kind(), Kind::Denied);
    }
}
