-- What reviewers can do on each day of the week, Monday first; who has none has `reviewers.capacity` on every working day.
CREATE TABLE reviewer_weeks (
    merchant_id text COLLATE "C" NOT NULL,
    person_id text COLLATE "C" NOT NULL,
    capacities integer[] NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT reviewer_weeks_pkey PRIMARY KEY (merchant_id, person_id),
    CONSTRAINT reviewer_weeks_seven CHECK (cardinality(capacities) = 7)
);

-- Days on which reviewers get no work, both ends included.
CREATE TABLE reviewer_absences (
    merchant_id text COLLATE "C" NOT NULL,
    -- A UUIDv7: sorted by it is sorted by time of adding.
    absence_id uuid NOT NULL,
    person_id text COLLATE "C" NOT NULL,
    from_day date NOT NULL,
    to_day date NOT NULL,
    CONSTRAINT reviewer_absences_pkey PRIMARY KEY (merchant_id, absence_id),
    CONSTRAINT reviewer_absences_order CHECK (from_day <= to_day)
);
CREATE INDEX reviewer_absences_of ON reviewer_absences (merchant_id, person_id, to_day);

-- Open work by due day: what is late.
CREATE INDEX reviews_due ON reviews (merchant_id, due_day, review_id) WHERE state = 2;
