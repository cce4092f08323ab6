-- Who is away when: nothing is shared out to them then.
CREATE TABLE absences (
    merchant_id text COLLATE "C" NOT NULL,
    person_id text COLLATE "C" NOT NULL,
    -- Both included.
    from_day date NOT NULL,
    to_day date NOT NULL,
    version bigint NOT NULL,
    changed_by text NOT NULL,
    changed_at timestamptz NOT NULL,
    CONSTRAINT absences_pkey PRIMARY KEY (merchant_id, person_id),
    CONSTRAINT absences_days CHECK (from_day <= to_day)
);
