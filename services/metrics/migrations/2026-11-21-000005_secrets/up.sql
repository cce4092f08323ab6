-- Keys made with the schema, used where the settings give none. Only metrics' own role can read them.
CREATE TABLE secrets (
    name text NOT NULL,
    value text NOT NULL,
    CONSTRAINT secrets_pkey PRIMARY KEY (name)
);
INSERT INTO secrets (name, value) VALUES ('redaction', gen_random_uuid()::text || gen_random_uuid()::text);
