//! What every service process shares: configuration, telemetry, server, identity, clients, clock.
