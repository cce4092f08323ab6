CREATE TABLE things (
    id bigint CONSTRAINT things_pkey PRIMARY KEY,
    name text NOT NULL CONSTRAINT things_name_key UNIQUE,
    count bigint NOT NULL DEFAULT 0 CONSTRAINT things_count_check CHECK (count >= 0)
);
