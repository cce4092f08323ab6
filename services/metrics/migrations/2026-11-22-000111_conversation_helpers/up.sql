-- Accounts that sent messages in a conversation of another account: finds the conversations behind their figures.
-- Changed with the conversation, under its lock.
CREATE TABLE conversation_helpers (
    merchant_id text COLLATE "C" NOT NULL,
    business_day date NOT NULL,
    account_id text COLLATE "C" NOT NULL,
    conversation_id text COLLATE "C" NOT NULL,
    channel text COLLATE "C" NOT NULL,
    shop_id text COLLATE "C" NOT NULL,
    -- The conversation's own account, under which its facts are.
    owner_id text COLLATE "C" NOT NULL,
    CONSTRAINT conversation_helpers_pkey
        PRIMARY KEY (merchant_id, business_day, account_id, conversation_id, channel, shop_id)
);
