ALTER TABLE review_policies DROP COLUMN same_day_until_minute;
