-- Reports: those that are to be made (a queue), and those that were, with their frozen figures.
CREATE TABLE reports (
    merchant_id text COLLATE "C" NOT NULL,
    report_id text COLLATE "C" NOT NULL,
    kind text NOT NULL,
    -- person, team, shop or merchant; the id is empty for the merchant.
    subject_kind text NOT NULL,
    subject_id text COLLATE "C" NOT NULL,
    from_day date NOT NULL,
    to_day date NOT NULL,
    scheduled boolean NOT NULL,
    due_day date,
    -- The version is null where each day has the one in force.
    definition_id text NOT NULL,
    definition_version integer,
    known_on date,
    state text NOT NULL,
    -- How often it was begun; who makes it now, and until when nobody else may take it up. A report that waits may be
    -- taken up from that instant on.
    attempts integer NOT NULL DEFAULT 0,
    lease uuid,
    held_until timestamptz NOT NULL,
    failure text NOT NULL DEFAULT '',
    -- The figures as they were when it was made; never changed afterwards. What lists show of them stands beside it.
    document jsonb,
    figure_state text,
    subject_name text NOT NULL DEFAULT '',
    versions integer[] NOT NULL DEFAULT '{}',
    requested_by text NOT NULL,
    requested_at timestamptz NOT NULL,
    made_at timestamptz,
    CONSTRAINT reports_pkey PRIMARY KEY (merchant_id, report_id),
    CONSTRAINT reports_state CHECK (state IN ('waiting', 'making', 'ready', 'failed')),
    CONSTRAINT reports_document CHECK ((state = 'ready') = (document IS NOT NULL))
);
-- A scheduled report is asked for once, whichever replica does it.
CREATE UNIQUE INDEX reports_scheduled ON reports (merchant_id, kind, subject_kind, subject_id, from_day) WHERE scheduled;
CREATE INDEX reports_by_day ON reports (merchant_id, to_day, report_id);
CREATE INDEX reports_to_make ON reports (held_until) WHERE state IN ('waiting', 'making');
