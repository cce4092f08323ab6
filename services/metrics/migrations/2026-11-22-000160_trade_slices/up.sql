-- What of an account's day in a shop falls to one product, one category or one hour of the clock under one definition:
-- changes like those of trade_days, in the same transaction. A release that doesn't know the table leaves it alone; who was
-- counted by one is counted again by the next.
CREATE TABLE trade_slices (
    merchant_id text COLLATE "C" NOT NULL,
    definition_seq integer NOT NULL,
    business_day date NOT NULL,
    shop_id text COLLATE "C" NOT NULL,
    -- Empty for what is credited to nobody.
    account_id text COLLATE "C" NOT NULL,
    -- 1 product, 2 category, 3 hour.
    aspect smallint NOT NULL,
    -- The product's id, the category, or the hour in two digits; empty for what has none.
    item text COLLATE "C" NOT NULL,
    -- The merchant's business day on which the change was committed.
    known_day date NOT NULL,
    received_customers bigint NOT NULL DEFAULT 0,
    inquiries bigint NOT NULL DEFAULT 0,
    ordered_next_day bigint NOT NULL DEFAULT 0,
    ordered bigint NOT NULL DEFAULT 0,
    paid_next_day bigint NOT NULL DEFAULT 0,
    paid bigint NOT NULL DEFAULT 0,
    ordering_buyers bigint NOT NULL DEFAULT 0,
    orders bigint NOT NULL DEFAULT 0,
    ordered_amount bigint NOT NULL DEFAULT 0,
    ordered_units bigint NOT NULL DEFAULT 0,
    paying_buyers bigint NOT NULL DEFAULT 0,
    paid_orders bigint NOT NULL DEFAULT 0,
    paid_amount bigint NOT NULL DEFAULT 0,
    refunded_amount bigint NOT NULL DEFAULT 0,
    refunded_orders bigint NOT NULL DEFAULT 0,
    returned_orders bigint NOT NULL DEFAULT 0,
    completed_refunds bigint NOT NULL DEFAULT 0,
    completed_refund_amount bigint NOT NULL DEFAULT 0,
    carts bigint NOT NULL DEFAULT 0,
    cart_amount bigint NOT NULL DEFAULT 0,
    carts_bought bigint NOT NULL DEFAULT 0,
    carts_left bigint NOT NULL DEFAULT 0,
    cart_left_amount bigint NOT NULL DEFAULT 0,
    CONSTRAINT trade_slices_pkey
        PRIMARY KEY (merchant_id, definition_seq, aspect, business_day, shop_id, account_id, item, known_day)
) WITH (fillfactor = 70);

-- What products are called, as the last order that named them said.
CREATE TABLE products (
    merchant_id text COLLATE "C" NOT NULL,
    product_id text COLLATE "C" NOT NULL,
    shop_id text COLLATE "C" NOT NULL,
    title text NOT NULL,
    -- When the order was placed.
    told_at timestamptz NOT NULL,
    CONSTRAINT products_pkey PRIMARY KEY (merchant_id, product_id, shop_id)
);

ALTER TABLE trade_days
    ADD COLUMN ordered_units bigint NOT NULL DEFAULT 0,
    ADD COLUMN carts bigint NOT NULL DEFAULT 0,
    ADD COLUMN cart_amount bigint NOT NULL DEFAULT 0,
    ADD COLUMN carts_bought bigint NOT NULL DEFAULT 0,
    ADD COLUMN carts_left bigint NOT NULL DEFAULT 0,
    ADD COLUMN cart_left_amount bigint NOT NULL DEFAULT 0;

-- Whether a release that knows slices counted the customer. One that doesn't leaves the default, so that nobody whom it
-- counts after this migration is missed.
ALTER TABLE timelines ADD COLUMN sliced boolean NOT NULL DEFAULT false;
CREATE INDEX timelines_unsliced ON timelines (merchant_id) WHERE NOT sliced;

-- Whether no window of the day ran any more when it was told. Days from before were told once, and are not told again
-- for this; a release that doesn't know the column leaves days to be told again when their last window is over.
ALTER TABLE final_days ADD COLUMN settled boolean NOT NULL DEFAULT true;
ALTER TABLE final_days ALTER COLUMN settled SET DEFAULT false;
