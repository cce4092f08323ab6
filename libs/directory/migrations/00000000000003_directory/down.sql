DROP TABLE memberships;
DROP TABLE accounts;
DROP TABLE people;
DROP TABLE teams;
DROP TABLE shops;
DROP TABLE merchants;
