DROP TABLE day_customers;
DROP TABLE day_facts;
