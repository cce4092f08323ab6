-- Buyers' reviews (评价), a row each. What a review is and was, is content; the columns repeat what lists, deadlines and figures
-- look for, and are written with it.
CREATE TABLE buyer_reviews (
    merchant_id text COLLATE "C" NOT NULL,
    review_id text COLLATE "C" NOT NULL,
    shop_id text COLLATE "C" NOT NULL,
    reviewed_at timestamptz NOT NULL,
    reviewed_day date NOT NULL,
    -- The account that served, and on which day; empty and the review's own day while nobody is known.
    account_id text COLLATE "C" NOT NULL,
    served_day date NOT NULL,
    -- The chat in which it served; empty if there is none.
    channel text COLLATE "C" NOT NULL,
    conversation_id text COLLATE "C" NOT NULL,
    -- Until when a chat of the buyer is looked for. Null when it was found.
    look_until timestamptz,
    product_id text COLLATE "C" NOT NULL,
    -- Both are empty when the buyer was erased.
    order_id text COLLATE "C" NOT NULL,
    customer_id text COLLATE "C" NOT NULL,
    -- 1 good, 2 neutral, 3 bad: as it stands, and the worst it was.
    kind smallint NOT NULL,
    worst smallint NOT NULL,
    -- 0 idle, 1 open, 2 analysed, 3 planned, 4 ended.
    state smallint NOT NULL,
    cause_id text COLLATE "C" NOT NULL,
    stage_id text COLLATE "C" NOT NULL,
    -- Whom it was given to; null leaves it to who served.
    owner_person_id text COLLATE "C",
    -- It has an added comment that nobody has judged.
    comment_unjudged boolean NOT NULL,
    -- From the day after this one it is in the share won back.
    runs_until date NOT NULL,
    -- Null where no reply is owed.
    reply_due_at timestamptz,
    replied_at timestamptz,
    comment_due_at timestamptz,
    comment_replied_at timestamptz,
    -- What it waits for next: 1 reply, 2 reply to the comment, 3 cause and plan, 4 outcome. Null for nothing.
    duty smallint,
    due_at timestamptz,
    -- Null while it is not in the collection.
    collected_at timestamptz,
    tags text[] NOT NULL,
    -- 1 chat, 2 advertising, 3 training, 4 call-back.
    allowed_uses smallint[] NOT NULL,
    -- Of collected reviews, for the search in them.
    words text NOT NULL,
    erased_at timestamptz,
    content jsonb NOT NULL,
    CONSTRAINT buyer_reviews_pkey PRIMARY KEY (merchant_id, review_id, shop_id),
    CONSTRAINT buyer_reviews_due CHECK ((duty IS NULL) = (due_at IS NULL))
);
CREATE INDEX buyer_reviews_by_day ON buyer_reviews (merchant_id, reviewed_day, reviewed_at, review_id, shop_id);
CREATE INDEX buyer_reviews_by_due ON buyer_reviews (merchant_id, due_at, review_id, shop_id) WHERE due_at IS NOT NULL;
CREATE INDEX buyer_reviews_in_collection ON buyer_reviews (merchant_id, collected_at, review_id, shop_id)
    WHERE collected_at IS NOT NULL;
CREATE INDEX buyer_reviews_of_customer ON buyer_reviews (merchant_id, customer_id) WHERE erased_at IS NULL;
CREATE INDEX buyer_reviews_to_end ON buyer_reviews (reviewed_day) WHERE erased_at IS NULL;
CREATE INDEX buyer_reviews_to_look_for ON buyer_reviews (look_until) WHERE look_until IS NOT NULL;

-- What makes a review good or bad, and what is owed for it. A version never changes; a merchant without one has the built-in
-- policy.
CREATE TABLE buyer_review_policies (
    merchant_id text COLLATE "C" NOT NULL,
    version integer NOT NULL,
    rules jsonb NOT NULL,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT buyer_review_policies_pkey PRIMARY KEY (merchant_id, version)
);

ALTER TABLE erasures
    ADD COLUMN buyer_reviews_erased bigint NOT NULL DEFAULT 0,
    ADD COLUMN buyer_reviews_held bigint NOT NULL DEFAULT 0;
