//! A signed-in connection to a gateway.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use proto::access::Role;
use proto::gateway::v1::gateway_service_client::GatewayServiceClient;
use proto::gateway::v1::{WhoAmIRequest, WhoAmIResponse};
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};
use tonic::{Request, Response, Status};

use crate::state::State;

/// Which gateway, as whom. Without both, the suite that `jinpai up` runs on this machine.
#[derive(Debug, Clone, Default, Args)]
pub struct Target {
    /// Address of the gateway, for example http://127.0.0.1:8080.
    #[arg(long, env = "JINPAI_GATEWAY", global = true, help_heading = "Connection")]
    pub gateway: Option<String>,
    /// Token to sign in with (see `jinpai token`).
    #[arg(long, env = "JINPAI_TOKEN", global = true, hide_env_values = true, help_heading = "Connection")]
    pub token: Option<String>,
    /// Authority that signed the gateway's certificate (PEM), for https.
    #[arg(long, env = "JINPAI_CA", global = true, value_name = "FILE", help_heading = "Connection")]
    pub ca: Option<PathBuf>,
    /// Folder of the running suite, if it isn't the usual one.
    #[arg(long, env = "JINPAI_STATE", global = true, value_name = "DIR", help_heading = "Connection")]
    pub state: Option<PathBuf>,
}

/// The channel that all generated clients of the command line use.
pub type Signed = InterceptedService<Channel, SignIn>;

/// Adds the token to each call.
#[derive(Debug, Clone)]
pub struct SignIn(MetadataValue<Ascii>);

impl Interceptor for SignIn {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}

/// A connection to a gateway as somebody.
#[derive(Debug, Clone)]
pub struct Session {
    /// Where it leads.
    pub gateway: String,
    channel: Channel,
    sign_in: SignIn,
}

impl Session {
    /// Connects. Where no token is given, the running suite's own key signs one for `role`.
    pub async fn open(target: &Target, role: Role) -> Result<Self> {
        let (gateway, token) = resolve(target, role)?;
        let mut endpoint = Endpoint::from_shared(gateway.clone())
            .with_context(|| format!("--gateway: {gateway} is not an address"))?
            .connect_timeout(Duration::from_secs(5))
            .tcp_nodelay(true)
            .http2_keep_alive_interval(Duration::from_secs(20))
            .keep_alive_while_idle(true);
        if gateway.starts_with("https:") {
            let ca =
                target.ca.as_ref().context("an https gateway needs --ca FILE, the authority to trust")?;
            let pem = std::fs::read(ca).with_context(|| format!("--ca: {} can't be read", ca.display()))?;
            endpoint =
                endpoint.tls_config(ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem)))?;
        }
        let sign_in = format!("Bearer {token}").parse().context("--token is not a token")?;
        Ok(Self { gateway, channel: endpoint.connect_lazy(), sign_in: SignIn(sign_in) })
    }

    /// What generated clients are made from.
    pub fn channel(&self) -> Signed {
        InterceptedService::new(self.channel.clone(), self.sign_in.clone())
    }

    /// Whom the token speaks for.
    pub async fn who_am_i(&self) -> Result<Response<WhoAmIResponse>, Status> {
        GatewayServiceClient::new(self.channel()).who_am_i(WhoAmIRequest {}).await
    }

    /// The merchant that the token speaks for.
    pub async fn merchant(&self) -> Result<String> {
        let answer = self.who_am_i().await;
        Ok(answer.map_err(|status| explain(&status, "signing in failed"))?.into_inner().merchant_id)
    }
}

fn resolve(target: &Target, role: Role) -> Result<(String, String)> {
    if let (Some(gateway), Some(token)) = (&target.gateway, &target.token) {
        return Ok((gateway.clone(), token.clone()));
    }
    let running = State::read(target.state.as_deref())?;
    let Some(running) = running else {
        bail!(
            "no suite runs on this machine (start one with `jinpai up`), and --gateway and --token name no other"
        );
    };
    let token = match &target.token {
        Some(token) => token.clone(),
        None if target.gateway.as_ref().is_none_or(|given| *given == running.gateway) => {
            running.token(role, None)?
        }
        None => bail!("--gateway names a gateway that `jinpai up` does not run here: give --token too"),
    };
    Ok((target.gateway.clone().unwrap_or(running.gateway), token))
}

/// A refusal in words a person can act on: what was refused, why, which fields.
pub fn explain(status: &Status, doing: &str) -> anyhow::Error {
    let problem = status::Problem::from_status(status);
    let mut text = format!("{doing}: {}", problem.message);
    for violation in &problem.violations {
        text.push_str(&format!("\n  {}: {}", violation.field, violation.description));
    }
    for (key, value) in &problem.metadata {
        text.push_str(&format!("\n  {key}: {value}"));
    }
    if !problem.reason.is_empty() {
        text.push_str(&format!("\n  ({} {})", problem.domain, problem.reason));
    }
    match problem.kind {
        status::Kind::Unauthenticated => {
            text.push_str("\n  The token is missing, wrong or expired: see `jinpai token`.");
        }
        status::Kind::Denied => text.push_str("\n  This role may not do that: sign in with another token."),
        status::Kind::Unavailable => text.push_str("\n  Is the suite running? Trying again later is safe."),
        _ => {}
    }
    anyhow::Error::msg(text)
}
