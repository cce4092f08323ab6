-- Leave of people whose chats are drawn, recorded by hand; both ends included.
CREATE TABLE leaves (
    merchant_id text COLLATE "C" NOT NULL,
    -- A UUIDv7: sorted by it is sorted by time of recording.
    leave_id uuid NOT NULL,
    person_id text COLLATE "C" NOT NULL,
    from_day date NOT NULL,
    to_day date NOT NULL,
    recorded_by text NOT NULL,
    recorded_at timestamptz NOT NULL,
    CONSTRAINT leaves_pkey PRIMARY KEY (merchant_id, leave_id),
    CONSTRAINT leaves_order CHECK (from_day <= to_day)
);
CREATE INDEX leaves_of ON leaves (merchant_id, person_id, to_day);

-- How people's days went, as scheduling said last.
CREATE TABLE attendance (
    merchant_id text COLLATE "C" NOT NULL,
    person_id text COLLATE "C" NOT NULL,
    business_day date NOT NULL,
    -- 1 present, 2 on leave, 3 off, 4 absent.
    state smallint NOT NULL,
    -- Of the entity: older events change nothing.
    version bigint NOT NULL,
    CONSTRAINT attendance_pkey PRIMARY KEY (merchant_id, person_id, business_day)
);
