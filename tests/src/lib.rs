//! The whole suite behind the gateway: journeys, failures, benches.
