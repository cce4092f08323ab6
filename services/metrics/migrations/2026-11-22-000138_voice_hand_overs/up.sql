-- What customers found wrong and was handed to a department; the answer stands in the issue.
CREATE TABLE voice_hand_overs (
    merchant_id text COLLATE "C" NOT NULL,
    issue_id text COLLATE "C" NOT NULL,
    source text NOT NULL,
    reason text NOT NULL,
    product_id text NOT NULL,
    from_day date NOT NULL,
    to_day date NOT NULL,
    count bigint NOT NULL,
    previous bigint NOT NULL,
    handed_over_by text NOT NULL,
    handed_over_at timestamptz NOT NULL,
    CONSTRAINT voice_hand_overs_pkey PRIMARY KEY (merchant_id, issue_id)
);
CREATE INDEX voice_hand_overs_by_time ON voice_hand_overs (merchant_id, handed_over_at DESC, issue_id DESC);
