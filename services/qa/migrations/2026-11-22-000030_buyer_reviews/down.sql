ALTER TABLE erasures DROP COLUMN buyer_reviews_erased, DROP COLUMN buyer_reviews_held;
DROP TABLE buyer_review_policies;
DROP TABLE buyer_reviews;
