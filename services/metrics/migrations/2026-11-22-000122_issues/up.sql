-- Issues between departments as of their newest version; texts are redacted.
CREATE TABLE issues (
    merchant_id text COLLATE "C" NOT NULL,
    issue_id text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    state text NOT NULL,
    kind text NOT NULL,
    -- Number of jinpai.access.v1.Role.
    department integer NOT NULL,
    owner_person_id text COLLATE "C",
    shop_id text COLLATE "C",
    -- 9999-12-31 if there is none, so that those come last.
    due_day date NOT NULL,
    content jsonb NOT NULL,
    reporter_person_id text,
    -- Everyone who is told of changes: always reporter and owner.
    watchers text[] NOT NULL,
    resolution text NOT NULL,
    comments integer NOT NULL,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL,
    changed_by text NOT NULL,
    changed_at timestamptz NOT NULL,
    CONSTRAINT issues_pkey PRIMARY KEY (merchant_id, issue_id),
    CONSTRAINT issues_state CHECK (state IN ('open', 'in_progress', 'solved', 'rejected', 'closed'))
);
CREATE INDEX issues_by_due_day ON issues (merchant_id, due_day, issue_id);
CREATE INDEX issues_of_watcher ON issues USING gin (watchers);

-- What was said of issues, redacted. Only added to.
CREATE TABLE issue_comments (
    merchant_id text COLLATE "C" NOT NULL,
    issue_id text COLLATE "C" NOT NULL,
    number integer NOT NULL,
    author_person_id text,
    text text NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT issue_comments_pkey PRIMARY KEY (merchant_id, issue_id, number)
);

-- What watchers have not read yet: the newest change of an issue, and how many there are. Reading deletes the row.
CREATE TABLE issue_notices (
    merchant_id text COLLATE "C" NOT NULL,
    person_id text COLLATE "C" NOT NULL,
    issue_id text COLLATE "C" NOT NULL,
    change text NOT NULL,
    changes integer NOT NULL,
    changed_by text NOT NULL,
    changed_at timestamptz NOT NULL,
    CONSTRAINT issue_notices_pkey PRIMARY KEY (merchant_id, person_id, issue_id)
);
CREATE INDEX issue_notices_by_time ON issue_notices (merchant_id, person_id, changed_at, issue_id);
