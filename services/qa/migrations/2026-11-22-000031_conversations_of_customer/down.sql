DROP INDEX conversations_of_customer;
