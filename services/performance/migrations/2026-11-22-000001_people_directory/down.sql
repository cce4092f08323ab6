DROP TABLE person_revisions;
DROP TABLE accounts;
DROP TABLE memberships;
DROP TABLE people;
DROP TABLE teams;
DROP TABLE shops;
DROP TABLE merchants;
