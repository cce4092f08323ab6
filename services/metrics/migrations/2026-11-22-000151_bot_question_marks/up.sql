-- What was decided about questions that the bot could not answer.
CREATE TABLE bot_question_marks (
    merchant_id text COLLATE "C" NOT NULL,
    -- Hash of the question without width, case, punctuation, blanks and digits.
    question_id text COLLATE "C" NOT NULL,
    state text NOT NULL,
    -- Redacted.
    note text NOT NULL,
    marked_by text NOT NULL,
    marked_at timestamptz NOT NULL,
    CONSTRAINT bot_question_marks_pkey PRIMARY KEY (merchant_id, question_id),
    CONSTRAINT bot_question_marks_state CHECK (state IN ('planned', 'handled', 'dismissed'))
);
