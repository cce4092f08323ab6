-- Inquiries without a payment so far, worked out by the counter together with the customer's timeline.
CREATE TABLE lost_inquiries (
    merchant_id text COLLATE "C" NOT NULL,
    business_day date NOT NULL,
    account_id text COLLATE "C" NOT NULL,
    shop_id text COLLATE "C" NOT NULL,
    customer_id text COLLATE "C" NOT NULL,
    kind text NOT NULL,
    channel text NOT NULL,
    conversation_id text NOT NULL,
    asked_at timestamptz NOT NULL,
    -- The last day on which a payment still counts: lost once it is over.
    window_ends date NOT NULL,
    member_level text NOT NULL,
    product_id text NOT NULL,
    order_id text NOT NULL,
    amount bigint NOT NULL,
    later_paid_day date,
    -- The surest rule that fired; empty if none did.
    signal text NOT NULL,
    -- All that fired, with their numbers.
    evidence jsonb NOT NULL,
    definition_version integer NOT NULL,
    CONSTRAINT lost_inquiries_pkey PRIMARY KEY (merchant_id, business_day, account_id, shop_id, customer_id),
    CONSTRAINT lost_inquiries_kind CHECK (kind IN ('not_answered', 'not_ordered', 'not_paid'))
);
CREATE INDEX lost_inquiries_of_customer ON lost_inquiries (merchant_id, shop_id, customer_id);

-- What people decided. Stays when the lost inquiry is paid after all or is worked out anew.
CREATE TABLE loss_decisions (
    merchant_id text COLLATE "C" NOT NULL,
    business_day date NOT NULL,
    account_id text COLLATE "C" NOT NULL,
    shop_id text COLLATE "C" NOT NULL,
    customer_id text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    reason_id text NOT NULL,
    -- Redacted.
    note text NOT NULL,
    -- What was suggested when it was decided; empty if nothing was.
    signal text NOT NULL,
    suggested_reason_id text NOT NULL,
    decided_by text NOT NULL,
    decided_at timestamptz NOT NULL,
    CONSTRAINT loss_decisions_pkey PRIMARY KEY (merchant_id, business_day, account_id, shop_id, customer_id)
);
CREATE INDEX loss_decisions_by_time ON loss_decisions (merchant_id, decided_at);

-- Versions of the reasons that merchants put; the highest one counts.
CREATE TABLE loss_catalogues (
    merchant_id text COLLATE "C" NOT NULL,
    version integer NOT NULL,
    content jsonb NOT NULL,
    updated_by text NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT loss_catalogues_pkey PRIMARY KEY (merchant_id, version)
);

-- Whoever is known already is worked out once.
INSERT INTO timeline_changes (merchant_id, shop_id, customer_id)
    SELECT merchant_id, shop_id, customer_id FROM timelines;
