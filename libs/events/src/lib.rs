//! Transactional outbox, relay to JetStream, inbox consumer.
