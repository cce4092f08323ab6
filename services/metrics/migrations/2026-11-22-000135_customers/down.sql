DROP TABLE tier_rules;
DROP TABLE purchases;
DROP TABLE customers;
