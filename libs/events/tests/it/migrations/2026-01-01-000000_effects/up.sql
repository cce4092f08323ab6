-- What the test's handlers did: one row per call.
CREATE TABLE effects (
    effect_id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT effects_pkey PRIMARY KEY,
    entity text NOT NULL,
    version bigint NOT NULL
);
