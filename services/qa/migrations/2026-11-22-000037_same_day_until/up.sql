-- From which minute after midnight, on the merchant's clock, reviews are due on the next working day after all; 0 for never.
ALTER TABLE review_policies ADD COLUMN same_day_until_minute integer NOT NULL DEFAULT 0;
