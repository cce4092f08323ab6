//! The access rules of all RPCs as data, read from the method options in `proto/`.

pub use crate::jinpai::access::v1::{Role, Scope};

/// What the proto says of one RPC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MethodRule {
    /// `/package.Service/Method`.
    pub path: &'static str,
    /// `package.Service`.
    pub service: &'static str,
    /// `Method`.
    pub method: &'static str,
    /// Which role may call it, and how far it then reaches.
    pub grants: &'static [(Role, Scope)],
    /// The longest a call may take in milliseconds; 0 takes the server's setting.
    pub deadline_ms: u32,
    /// Whether a call may change something: every method without `idempotency_level = NO_SIDE_EFFECTS`.
    pub changes: bool,
    /// Whether the client sends a stream.
    pub client_streaming: bool,
    /// Whether the server answers with a stream.
    pub server_streaming: bool,
    /// Whether that stream goes on until its caller leaves.
    pub endless: bool,
}

impl MethodRule {
    /// Whether a call lasts until its caller leaves: no deadline of ours ends it.
    pub fn is_endless(&self) -> bool {
        self.endless || (self.client_streaming && self.server_streaming)
    }

    /// The widest scope granted to any of `roles`; `None` refuses the call.
    pub fn scope_for(&self, roles: &[Role]) -> Option<Scope> {
        let granted = self.grants.iter().filter(|(role, _)| roles.contains(role));
        granted.map(|(_, scope)| *scope).max_by_key(|scope| *scope as i32)
    }
}

static RULES: &[MethodRule] = include!(concat!(env!("OUT_DIR"), "/access.rs"));

/// All rules, sorted by path.
pub fn rules() -> &'static [MethodRule] {
    RULES
}

/// The rule of `/package.Service/Method`.
pub fn rule(path: &str) -> Option<&'static MethodRule> {
    RULES.binary_search_by(|rule| rule.path.cmp(path)).ok().map(|at| &RULES[at])
}

/// A role's name in tokens: `ROLE_SENIOR_AGENT` is `senior_agent`.
pub fn role_name(role: Role) -> String {
    role.as_str_name().trim_start_matches("ROLE_").to_ascii_lowercase()
}

/// The role of a token's role name; `None` for names that are no role.
pub fn role_named(name: &str) -> Option<Role> {
    let role = Role::from_str_name(&format!("ROLE_{}", name.to_ascii_uppercase()))?;
    (role != Role::Unspecified).then_some(role)
}
