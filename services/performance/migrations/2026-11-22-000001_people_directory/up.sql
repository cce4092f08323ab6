-- The tenant's settings. The row is also the lock under which the directory of a merchant changes.
CREATE TABLE merchants (
    merchant_id text CONSTRAINT merchants_pkey PRIMARY KEY,
    name text NOT NULL,
    -- IANA name.
    time_zone text NOT NULL,
    -- The hour at which a business day begins.
    cut_over_hour smallint NOT NULL CONSTRAINT merchants_cut_over_hour CHECK (cut_over_hour BETWEEN 0 AND 23),
    -- 0 until somebody has set anything; the etag of an edit, and the version of the event.
    version bigint NOT NULL,
    changed_at timestamptz NOT NULL
);

CREATE TABLE shops (
    merchant_id text NOT NULL CONSTRAINT shops_merchant REFERENCES merchants,
    shop_id text NOT NULL,
    name text NOT NULL,
    CONSTRAINT shops_pkey PRIMARY KEY (merchant_id, shop_id)
);

CREATE TABLE teams (
    merchant_id text NOT NULL CONSTRAINT teams_merchant REFERENCES merchants,
    team_id text NOT NULL,
    name text NOT NULL,
    -- Takes no new members.
    archived boolean NOT NULL,
    version bigint NOT NULL,
    changed_at timestamptz NOT NULL,
    CONSTRAINT teams_pkey PRIMARY KEY (merchant_id, team_id),
    CONSTRAINT teams_name_key UNIQUE (merchant_id, name)
);

CREATE TABLE people (
    merchant_id text NOT NULL CONSTRAINT people_merchant REFERENCES merchants,
    person_id text NOT NULL,
    name text NOT NULL,
    status text NOT NULL CONSTRAINT people_status
        CHECK (status IN ('unconfirmed', 'trainee', 'probation', 'regular', 'left')),
    -- 岗位 in the merchant's words, may be empty.
    position text NOT NULL,
    -- Names as tokens have them, sorted.
    roles text[] NOT NULL,
    -- Who took over the accounts of this once unconfirmed person; the row then is a record only.
    merged_into text,
    version bigint NOT NULL,
    changed_at timestamptz NOT NULL,
    CONSTRAINT people_pkey PRIMARY KEY (merchant_id, person_id),
    CONSTRAINT people_merged_into FOREIGN KEY (merchant_id, merged_into) REFERENCES people (merchant_id, person_id)
);

-- Stays in teams; days are business days, both ends included.
-- The exclusion constraints compare 64-bit hashes as one-number ranges, because comparing text in such a constraint
-- needs an extension that an owner of one schema may not install. A false clash needs two equal hashes in one
-- table: at a million people the odds are below one in ten million.
CREATE TABLE memberships (
    merchant_id text NOT NULL,
    person_id text NOT NULL,
    from_day date NOT NULL,
    -- Null while it lasts.
    to_day date,
    team_id text NOT NULL,
    -- Whether the person leads the team in that time.
    lead boolean NOT NULL,
    CONSTRAINT memberships_pkey PRIMARY KEY (merchant_id, person_id, from_day),
    CONSTRAINT memberships_person FOREIGN KEY (merchant_id, person_id) REFERENCES people (merchant_id, person_id),
    CONSTRAINT memberships_team FOREIGN KEY (merchant_id, team_id) REFERENCES teams (merchant_id, team_id),
    CONSTRAINT memberships_days CHECK (to_day >= from_day),
    CONSTRAINT memberships_one_team_a_day EXCLUDE USING gist (
        int8range(hashtextextended(merchant_id || chr(31) || person_id, 0) >> 1,
                  hashtextextended(merchant_id || chr(31) || person_id, 0) >> 1, '[]') WITH &&,
        daterange(from_day, to_day, '[]') WITH &&
    )
);
CREATE INDEX memberships_of_team ON memberships (merchant_id, team_id, from_day);

-- Which platform account (子账号) was whose; days are business days, both ends included.
CREATE TABLE accounts (
    merchant_id text NOT NULL,
    account_id text NOT NULL,
    from_day date NOT NULL,
    -- Null while it lasts.
    to_day date,
    person_id text NOT NULL,
    CONSTRAINT accounts_pkey PRIMARY KEY (merchant_id, account_id, from_day),
    CONSTRAINT accounts_person FOREIGN KEY (merchant_id, person_id) REFERENCES people (merchant_id, person_id),
    CONSTRAINT accounts_days CHECK (to_day >= from_day),
    CONSTRAINT accounts_one_owner_a_day EXCLUDE USING gist (
        int8range(hashtextextended(merchant_id || chr(31) || account_id, 0) >> 1,
                  hashtextextended(merchant_id || chr(31) || account_id, 0) >> 1, '[]') WITH &&,
        daterange(from_day, to_day, '[]') WITH &&
    )
);
CREATE INDEX accounts_of_person ON accounts (merchant_id, person_id);

-- How a person stood after each change. Rows are only added.
CREATE TABLE person_revisions (
    merchant_id text NOT NULL,
    person_id text NOT NULL,
    version bigint NOT NULL,
    at timestamptz NOT NULL,
    -- The subject of the caller's token, or "event" for an account met in chats.
    actor text NOT NULL,
    -- The person whole, as `store/revisions.rs` writes it.
    person jsonb NOT NULL,
    CONSTRAINT person_revisions_pkey PRIMARY KEY (merchant_id, person_id, version),
    CONSTRAINT person_revisions_person FOREIGN KEY (merchant_id, person_id)
        REFERENCES people (merchant_id, person_id)
);
