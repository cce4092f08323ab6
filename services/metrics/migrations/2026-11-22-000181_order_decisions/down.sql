DROP TABLE order_decisions;
