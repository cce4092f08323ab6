-- A follower's copy of the people directory; performance owns the original and publishes every change. Written only
-- by the directory library. Services join these tables in their own queries.
--
-- Days are business days, both ends included. What lasts has to_day = 9999-12-31, so that
-- `day BETWEEN from_day AND to_day` is the whole condition.

CREATE TABLE merchants (
    merchant_id text CONSTRAINT merchants_pkey PRIMARY KEY,
    name text NOT NULL,
    -- IANA name.
    time_zone text NOT NULL,
    -- The hour at which a business day begins.
    cut_over_hour smallint NOT NULL,
    version bigint NOT NULL
);

CREATE TABLE shops (
    merchant_id text NOT NULL,
    shop_id text NOT NULL,
    name text NOT NULL,
    CONSTRAINT shops_pkey PRIMARY KEY (merchant_id, shop_id)
);

CREATE TABLE teams (
    merchant_id text NOT NULL,
    team_id text NOT NULL,
    name text NOT NULL,
    archived boolean NOT NULL,
    version bigint NOT NULL,
    CONSTRAINT teams_pkey PRIMARY KEY (merchant_id, team_id)
);

CREATE TABLE people (
    merchant_id text NOT NULL,
    person_id text NOT NULL,
    name text NOT NULL,
    -- Number of jinpai.events.v1.PersonStatus: 1 unconfirmed, 2 trainee, 3 probation, 4 regular, 5 left.
    status smallint NOT NULL,
    -- Role names as in tokens.
    roles text[] NOT NULL,
    version bigint NOT NULL,
    CONSTRAINT people_pkey PRIMARY KEY (merchant_id, person_id)
);

-- Whose a platform account was, and when. While an account moves from one person to another, the two events may come
-- in any order, so for a moment a day may have two owners or none.
CREATE TABLE accounts (
    merchant_id text NOT NULL,
    account_id text NOT NULL,
    person_id text NOT NULL,
    from_day date NOT NULL,
    to_day date NOT NULL,
    CONSTRAINT accounts_pkey PRIMARY KEY (merchant_id, account_id, person_id, from_day)
);
CREATE INDEX accounts_of_person ON accounts (merchant_id, person_id);

CREATE TABLE memberships (
    merchant_id text NOT NULL,
    person_id text NOT NULL,
    team_id text NOT NULL,
    lead boolean NOT NULL,
    from_day date NOT NULL,
    to_day date NOT NULL,
    CONSTRAINT memberships_pkey PRIMARY KEY (merchant_id, person_id, team_id, from_day)
);
CREATE INDEX memberships_of_team ON memberships (merchant_id, team_id);
