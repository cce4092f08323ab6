-- A buyer's last chat before their review: who served them.
CREATE INDEX conversations_of_customer ON conversations (merchant_id, customer_id, business_day) WHERE customer_id <> '';
