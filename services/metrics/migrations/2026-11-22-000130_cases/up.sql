-- Cases (个案) as of their newest version; texts are redacted, of a phone number there is a token and a mask.
CREATE TABLE cases (
    merchant_id text COLLATE "C" NOT NULL,
    case_id text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    state text NOT NULL,
    kind text NOT NULL,
    severity text NOT NULL,
    cause_id text COLLATE "C",
    shop_id text COLLATE "C" NOT NULL,
    customer_id text COLLATE "C",
    -- The same for the same number.
    phone_token text COLLATE "C",
    owner_person_id text COLLATE "C" NOT NULL,
    -- Everyone who has or had it: always the owner.
    people text[] NOT NULL,
    accepted_by_person_id text,
    accepted_at timestamptz NOT NULL,
    accepted_day date NOT NULL,
    -- 9999-12-31 when nothing is owed, so that those come last.
    due_at timestamptz NOT NULL,
    content jsonb NOT NULL,
    -- What became of it: notices, calls back, the last escalation and solution.
    course jsonb NOT NULL,
    missed integer NOT NULL,
    -- In the currency's smallest unit.
    granted bigint NOT NULL,
    recovered bigint NOT NULL,
    events integer NOT NULL,
    created_by text NOT NULL,
    changed_by text NOT NULL,
    changed_at timestamptz NOT NULL,
    CONSTRAINT cases_pkey PRIMARY KEY (merchant_id, case_id),
    CONSTRAINT cases_state CHECK (state IN ('accepted', 'escalated', 'solved', 'called_back', 'archived')),
    CONSTRAINT cases_owner CHECK (owner_person_id = ANY (people))
);
CREATE INDEX cases_by_due_at ON cases (merchant_id, due_at, case_id);
CREATE INDEX cases_of_owner ON cases (merchant_id, owner_person_id, due_at, case_id);
CREATE INDEX cases_of_people ON cases USING gin (people);
CREATE INDEX cases_of_day ON cases (merchant_id, accepted_day);

-- What happened to cases. Only added to.
CREATE TABLE case_events (
    merchant_id text COLLATE "C" NOT NULL,
    case_id text COLLATE "C" NOT NULL,
    -- From 1.
    number integer NOT NULL,
    person_id text,
    happened_at timestamptz NOT NULL,
    -- As it stood afterwards.
    state text NOT NULL,
    due_at timestamptz,
    late boolean NOT NULL,
    happening jsonb NOT NULL,
    CONSTRAINT case_events_pkey PRIMARY KEY (merchant_id, case_id, number)
);
