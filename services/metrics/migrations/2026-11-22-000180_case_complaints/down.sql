DROP INDEX cases_of_complaint;
ALTER TABLE cases DROP COLUMN complaint;
ALTER TABLE cases DROP COLUMN complaint_id;
ALTER TABLE cases DROP COLUMN complaint_shop_id;
