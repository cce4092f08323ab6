//! A private Postgres and a private NATS on loopback, started as an unprivileged user.
