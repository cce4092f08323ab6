CREATE TABLE half_done (id bigint);
SELECT 1 / 0;
