-- Follow-ups as of their newest version; notes are redacted.
CREATE TABLE follow_ups (
    merchant_id text COLLATE "C" NOT NULL,
    follow_up_id text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    kind text COLLATE "C" NOT NULL,
    -- What it comes from; with kind and shop its second name.
    source_id text COLLATE "C" NOT NULL,
    shop_id text COLLATE "C" NOT NULL,
    customer_id text COLLATE "C" NOT NULL,
    order_id text COLLATE "C",
    note text NOT NULL,
    -- In the currency's smallest unit.
    amount bigint NOT NULL,
    recovered bigint NOT NULL,
    payments text[] NOT NULL,
    state text NOT NULL,
    -- Empty while it is nobody's, so that it can be grouped and paged by.
    owner_person_id text COLLATE "C" NOT NULL,
    people text[] NOT NULL,
    source_at timestamptz NOT NULL,
    -- 9999-12-31 when it is closed, so that those come last.
    due_at timestamptz NOT NULL,
    deadline timestamptz NOT NULL,
    contacts integer NOT NULL,
    missed integer NOT NULL,
    first_contact_at timestamptz,
    closed_at timestamptz,
    events integer NOT NULL,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL,
    created_day date NOT NULL,
    changed_by text NOT NULL,
    changed_at timestamptz NOT NULL,
    CONSTRAINT follow_ups_pkey PRIMARY KEY (merchant_id, follow_up_id),
    CONSTRAINT follow_ups_source UNIQUE (merchant_id, shop_id, kind, source_id),
    CONSTRAINT follow_ups_state CHECK (state IN ('open', 'won', 'lost', 'settled', 'dropped'))
);
CREATE INDEX follow_ups_by_due_at ON follow_ups (merchant_id, due_at, follow_up_id);
CREATE INDEX follow_ups_of_owner ON follow_ups (merchant_id, owner_person_id, due_at, follow_up_id);
CREATE INDEX follow_ups_of_people ON follow_ups USING gin (people);
CREATE INDEX follow_ups_of_customer ON follow_ups (merchant_id, shop_id, customer_id);
CREATE INDEX follow_ups_of_day ON follow_ups (merchant_id, created_day);

-- Which payment counts for which follow-up: none for two.
CREATE TABLE follow_up_payments (
    merchant_id text COLLATE "C" NOT NULL,
    shop_id text COLLATE "C" NOT NULL,
    payment_id text COLLATE "C" NOT NULL,
    follow_up_id text COLLATE "C" NOT NULL,
    CONSTRAINT follow_up_payments_pkey PRIMARY KEY (merchant_id, shop_id, payment_id)
);

-- What happened to follow-ups. Only added to.
CREATE TABLE follow_up_events (
    merchant_id text COLLATE "C" NOT NULL,
    follow_up_id text COLLATE "C" NOT NULL,
    -- From 1.
    number integer NOT NULL,
    person_id text,
    happened_at timestamptz NOT NULL,
    -- As it stood afterwards.
    state text NOT NULL,
    due_at timestamptz,
    late boolean NOT NULL,
    happening jsonb NOT NULL,
    CONSTRAINT follow_up_events_pkey PRIMARY KEY (merchant_id, follow_up_id, number)
);

-- Customers to look at, and when: something came in of them, or time passes that makes a reason. Rows are only inserted
-- by the counter; who looks deletes all of a customer's before looking, and leaves at most one.
CREATE TABLE follow_up_checks (
    merchant_id text COLLATE "C" NOT NULL,
    check_id bigint GENERATED ALWAYS AS IDENTITY,
    check_at timestamptz NOT NULL,
    shop_id text COLLATE "C" NOT NULL,
    customer_id text COLLATE "C" NOT NULL,
    CONSTRAINT follow_up_checks_pkey PRIMARY KEY (merchant_id, check_id)
);
CREATE INDEX follow_up_checks_due ON follow_up_checks (merchant_id, check_at);
CREATE INDEX follow_up_checks_of_customer ON follow_up_checks (merchant_id, shop_id, customer_id);
