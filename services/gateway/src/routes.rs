//! Which path goes where: read once from the descriptor set and the access rules.
//!
//! A package `jinpai.<name>.v1` belongs to the upstream `<name>` of the configuration, so a new service is a new
//! line there and no code here.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use prost_reflect::{DescriptorPool, MessageDescriptor, MethodDescriptor};
use proto::access::{self, MethodRule};

/// The package whose services every backend mounts: the metadata key `x-jinpai-target` says which one is meant.
const SHARED_PACKAGE: &str = "events";
/// The package that the gateway serves itself.
const OWN_PACKAGE: &str = "gateway";

/// Who answers a method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// The upstream at this place of the configuration's sorted names.
    Upstream(usize),
    /// The gateway itself.
    Local,
    /// The upstream that the request names.
    Named,
    /// Nobody: the package has no upstream in this configuration.
    Nobody,
}

/// What the gateway knows of one public method.
#[derive(Debug)]
pub struct Route {
    /// Who may call it, and how it streams.
    pub rule: &'static MethodRule,
    /// Who answers.
    pub target: Target,
    /// What is sent.
    pub input: MessageDescriptor,
    /// What is answered.
    pub output: MessageDescriptor,
}

impl Route {
    /// One message each way.
    pub fn is_unary(&self) -> bool {
        !self.rule.client_streaming && !self.rule.server_streaming
    }

    /// A stream without a deadline.
    pub fn is_endless(&self) -> bool {
        self.rule.is_endless()
    }
}

/// All public methods by path.
#[derive(Debug)]
pub struct Routes {
    by_path: HashMap<&'static str, Arc<Route>>,
    pool: DescriptorPool,
}

impl Routes {
    /// Reads the descriptor set. `upstreams` are the configured names, sorted; one that no package asks for is an
    /// error, because it is a typing mistake.
    pub fn new(upstreams: &[String]) -> Result<Self> {
        let pool = DescriptorPool::decode(proto::DESCRIPTOR_SET).context("the compiled-in contracts")?;
        let mut used = BTreeSet::new();
        let mut by_path = HashMap::new();
        for service in pool.services() {
            let package = service.package_name().to_owned();
            let name = package_name(&package);
            for method in service.methods() {
                let path = format!("/{}/{}", service.full_name(), method.name());
                // No rule, no route: what has no access rule is not public.
                let Some(rule) = access::rule(&path) else { continue };
                let target = target(name, upstreams);
                used.extend(name.map(str::to_owned));
                by_path.insert(rule.path, Arc::new(route(rule, target, &method)));
            }
        }
        for upstream in upstreams {
            if !used.contains(upstream) || [SHARED_PACKAGE, OWN_PACKAGE].contains(&upstream.as_str()) {
                bail!("upstreams.{upstream}: no package jinpai.{upstream} has methods to route");
            }
        }
        Ok(Self { by_path, pool })
    }

    /// The route of `/package.Service/Method`.
    pub fn find(&self, path: &str) -> Option<&Arc<Route>> {
        self.by_path.get(path)
    }

    /// Every route, in no order.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Route>> {
        self.by_path.values()
    }

    /// The descriptors of everything under `proto/`.
    pub fn pool(&self) -> &DescriptorPool {
        &self.pool
    }
}

fn route(rule: &'static MethodRule, target: Target, method: &MethodDescriptor) -> Route {
    Route { rule, target, input: method.input(), output: method.output() }
}

/// `metrics` of `jinpai.metrics.v1`.
fn package_name(package: &str) -> Option<&str> {
    let mut parts = package.split('.');
    (parts.next() == Some("jinpai")).then(|| parts.next())?
}

fn target(name: Option<&str>, upstreams: &[String]) -> Target {
    match name {
        Some(OWN_PACKAGE) => Target::Local,
        Some(SHARED_PACKAGE) => Target::Named,
        Some(name) => {
            upstreams.iter().position(|upstream| upstream == name).map_or(Target::Nobody, Target::Upstream)
        }
        None => Target::Nobody,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(of: &[&str]) -> Vec<String> {
        of.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_method_with_a_rule_has_a_route() {
        let routes = Routes::new(&names(&["metrics", "qa"])).expect("these packages exist");
        for rule in access::rules() {
            let route = routes.find(rule.path).expect("a rule has a route");
            let expected = match rule.service.split('.').nth(1) {
                Some("metrics") => Target::Upstream(0),
                Some("qa") => Target::Upstream(1),
                Some("gateway") => Target::Local,
                Some("events") => Target::Named,
                _ => Target::Nobody,
            };
            assert_eq!(route.target, expected, "{}", rule.path);
        }
        assert!(routes.find("/jinpai.qa.v1.QaService/Nothing").is_none());
    }

    #[test]
    fn an_upstream_that_no_package_asks_for_is_named() {
        let error = Routes::new(&names(&["metrcis"])).expect_err("a typing mistake");
        assert!(error.to_string().contains("upstreams.metrcis"), "{error}");
    }
}
