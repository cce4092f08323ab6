CREATE TABLE secrets (
    name text NOT NULL,
    value text NOT NULL,
    CONSTRAINT secrets_pkey PRIMARY KEY (name)
);
COMMENT ON TABLE secrets IS 'Keys made with the schema, used where the settings give none. Only metrics'' own role can read them.';
INSERT INTO secrets (name, value) VALUES ('redaction', gen_random_uuid()::text || gen_random_uuid()::text);
