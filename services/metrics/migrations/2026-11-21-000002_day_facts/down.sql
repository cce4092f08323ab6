DROP TABLE day_customers;
DROP TABLE day_buckets;
DROP TABLE day_facts;
