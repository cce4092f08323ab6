-- Whether orders count (刷单, special orders), as people decided: over what the platform says of the order, whichever revision
-- it sends. Only added to; the highest version holds.
CREATE TABLE order_decisions (
    merchant_id text COLLATE "C" NOT NULL,
    shop_id text COLLATE "C" NOT NULL,
    order_id text COLLATE "C" NOT NULL,
    -- From 1.
    version integer NOT NULL,
    excluded boolean NOT NULL,
    reason text NOT NULL,
    decided_by text NOT NULL,
    decided_at timestamptz NOT NULL,
    CONSTRAINT order_decisions_pkey PRIMARY KEY (merchant_id, shop_id, order_id, version),
    CONSTRAINT order_decisions_reason CHECK (reason <> '')
);
