-- The complaint (a fact of a shop) that a case was opened for, and what it said when the case was last held against it.
ALTER TABLE cases ADD COLUMN complaint_shop_id text COLLATE "C";
ALTER TABLE cases ADD COLUMN complaint_id text COLLATE "C";
ALTER TABLE cases ADD COLUMN complaint jsonb;
-- A complaint opens one case, however often it comes in.
CREATE UNIQUE INDEX cases_of_complaint ON cases (merchant_id, complaint_shop_id, complaint_id)
    WHERE complaint_id IS NOT NULL;
