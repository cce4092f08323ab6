-- Versions of definitions that merchants put. The built-in one, sequence 1, has no row.
CREATE TABLE definitions (
    merchant_id text COLLATE "C" NOT NULL,
    -- Place among all versions of the merchant, from 2.
    definition_seq integer NOT NULL,
    definition_id text COLLATE "C" NOT NULL,
    version integer NOT NULL,
    name text NOT NULL,
    rules jsonb NOT NULL,
    -- Whether all conversations from before it count under it.
    ready boolean NOT NULL,
    built bigint NOT NULL DEFAULT 0,
    -- Id, channel and shop of the last conversation looked at while building.
    built_through text[],
    created_by text NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT definitions_pkey PRIMARY KEY (merchant_id, definition_seq),
    CONSTRAINT definitions_version_key UNIQUE (merchant_id, definition_id, version)
);
CREATE INDEX definitions_building ON definitions (merchant_id, definition_seq) WHERE NOT ready;
