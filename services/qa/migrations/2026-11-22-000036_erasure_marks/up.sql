-- When the chat was erased. The key has it, too: a correction that moves the chat to another day finds no row of it there.
ALTER TABLE conversation_keys ADD COLUMN erased_at timestamptz;
UPDATE conversation_keys k SET erased_at = c.erased_at FROM conversations c
WHERE c.erased_at IS NOT NULL AND c.merchant_id = k.merchant_id AND c.business_day = k.business_day
    AND c.conversation_id = k.conversation_id AND c.channel = k.channel AND c.shop_id = k.shop_id;
-- Chats of an erased customer that come late are looked for here.
CREATE INDEX erasures_of ON erasures (merchant_id, customer_hash) INCLUDE (requested_at);
