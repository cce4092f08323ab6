-- How reviews are worked on. A version never changes; the newest holds. A merchant without one has the built-in policy.
CREATE TABLE review_policies (
    merchant_id text COLLATE "C" NOT NULL,
    version integer NOT NULL,
    same_day boolean NOT NULL,
    -- Working days; 0 allows no appeals.
    appeal_days integer NOT NULL,
    decision_days integer NOT NULL,
    chats_min integer NOT NULL,
    severity_bp_max integer NOT NULL,
    agreement_min double precision NOT NULL,
    window_days integer NOT NULL,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT review_policies_pkey PRIMARY KEY (merchant_id, version)
);
