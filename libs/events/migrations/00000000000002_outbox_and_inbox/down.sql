DROP TABLE parked_events;
DROP TABLE inbox_entities;
DROP TABLE inbox;
DROP TABLE outbox;
