-- More sums of an account's day. Both releases run against this: the one before leaves the defaults, and whom it counted is
-- counted again by the next, which notes how many sums it knows.
ALTER TABLE trade_days
    ADD COLUMN initiated_customers bigint NOT NULL DEFAULT 0,
    ADD COLUMN reply_characters bigint NOT NULL DEFAULT 0,
    ADD COLUMN assisted_customers bigint NOT NULL DEFAULT 0,
    ADD COLUMN money_refunds bigint NOT NULL DEFAULT 0,
    ADD COLUMN money_refund_ms bigint NOT NULL DEFAULT 0,
    ADD COLUMN returns bigint NOT NULL DEFAULT 0,
    ADD COLUMN return_ms bigint NOT NULL DEFAULT 0,
    ADD COLUMN refunds_told bigint NOT NULL DEFAULT 0,
    ADD COLUMN refunds_helped bigint NOT NULL DEFAULT 0,
    ADD COLUMN refunds_judged bigint NOT NULL DEFAULT 0,
    ADD COLUMN credited_amount bigint NOT NULL DEFAULT 0,
    -- Packed counts by bucket, as of the other times.
    ADD COLUMN money_refund_times bytea NOT NULL DEFAULT '',
    ADD COLUMN return_times bytea NOT NULL DEFAULT '';

-- Hours have all sums there are; products and categories never have these, so they are NULL where there is nothing and take
-- no room.
ALTER TABLE trade_slices
    ADD COLUMN conversations bigint,
    ADD COLUMN complaints bigint,
    ADD COLUMN scores bigint,
    ADD COLUMN score_sum bigint,
    ADD COLUMN satisfied_scores bigint,
    ADD COLUMN ratings bigint,
    ADD COLUMN item_score_sum bigint,
    ADD COLUMN service_score_sum bigint,
    ADD COLUMN delivery_score_sum bigint,
    ADD COLUMN reviews bigint,
    ADD COLUMN good_reviews bigint,
    ADD COLUMN bad_reviews bigint,
    ADD COLUMN once_bad_reviews bigint,
    ADD COLUMN recovered_reviews bigint,
    ADD COLUMN first_contacts bigint,
    ADD COLUMN first_contacts_resolved bigint,
    ADD COLUMN recommendations bigint,
    ADD COLUMN recommendations_bought bigint,
    ADD COLUMN cross_sells bigint,
    ADD COLUMN cross_sells_bought bigint,
    ADD COLUMN member_signups bigint,
    ADD COLUMN order_handlings bigint,
    ADD COLUMN order_handling_ms bigint,
    ADD COLUMN order_handlings_checked bigint,
    ADD COLUMN order_handlings_right bigint,
    ADD COLUMN after_sale_handlings bigint,
    ADD COLUMN after_sale_handling_ms bigint,
    ADD COLUMN after_sale_handlings_checked bigint,
    ADD COLUMN after_sale_handlings_right bigint,
    ADD COLUMN bot_questions bigint,
    ADD COLUMN bot_handled bigint,
    ADD COLUMN bot_accepted bigint,
    ADD COLUMN bot_transferred bigint,
    ADD COLUMN bot_unanswered bigint,
    ADD COLUMN initiated_customers bigint,
    ADD COLUMN reply_characters bigint,
    ADD COLUMN assisted_customers bigint,
    ADD COLUMN money_refunds bigint,
    ADD COLUMN money_refund_ms bigint,
    ADD COLUMN returns bigint,
    ADD COLUMN return_ms bigint,
    ADD COLUMN refunds_told bigint,
    ADD COLUMN refunds_helped bigint,
    ADD COLUMN refunds_judged bigint,
    ADD COLUMN credited_amount bigint;

-- How many sums the release knew that counted the customer last; 57 stands for those from before this column. A release
-- counts again whom one with fewer sums counted.
ALTER TABLE timelines ADD COLUMN sums_known smallint NOT NULL DEFAULT 57;
CREATE INDEX timelines_fewer_sums ON timelines (merchant_id) WHERE sums_known < 68;
