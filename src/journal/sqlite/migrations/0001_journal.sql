-- One row: who this journal belongs to, and where its history ends. `hash` is checked against the writer's own
-- note in every append, so that a second writer is noticed whatever else failed to keep it out.
CREATE TABLE chain (
    only_row     INTEGER PRIMARY KEY CHECK (only_row = 1),
    installation TEXT    NOT NULL,
    seq          INTEGER NOT NULL,
    hash         TEXT    NOT NULL
) STRICT;

CREATE TABLE record (
    seq      INTEGER PRIMARY KEY,
    at       INTEGER NOT NULL, -- milliseconds since 1970, UTC
    app      TEXT,
    rotation TEXT,
    kind     TEXT    NOT NULL,
    body     TEXT    NOT NULL, -- JSON; digested exactly as it stands here
    prev     TEXT    NOT NULL,
    hash     TEXT    NOT NULL
) STRICT;

CREATE INDEX record_of_app ON record (app, seq);
CREATE INDEX record_of_rotation ON record (rotation, seq);

-- What can be learned again. Not part of the history.
CREATE TABLE fact (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

-- Against accidents, with a shell or in our own code. Against intent there is only the chain.
CREATE TRIGGER record_is_never_changed BEFORE UPDATE ON record
BEGIN SELECT RAISE(ABORT, 'a record of the journal is never changed'); END;

CREATE TRIGGER record_is_never_removed BEFORE DELETE ON record
BEGIN SELECT RAISE(ABORT, 'a record of the journal is never removed'); END;

-- Also keeps INSERT OR REPLACE out, which removes without firing the trigger above.
CREATE TRIGGER record_is_only_added_at_the_end BEFORE INSERT ON record
WHEN NEW.seq <> (SELECT COALESCE(MAX(seq), 0) + 1 FROM record)
BEGIN SELECT RAISE(ABORT, 'a record of the journal is only added at the end'); END;

CREATE TRIGGER chain_only_grows BEFORE UPDATE ON chain
WHEN NEW.installation <> OLD.installation OR NEW.seq <= OLD.seq
BEGIN SELECT RAISE(ABORT, 'the journal only grows'); END;

CREATE TRIGGER chain_is_never_removed BEFORE DELETE ON chain
BEGIN SELECT RAISE(ABORT, 'the journal only grows'); END;

CREATE TRIGGER chain_is_written_once BEFORE INSERT ON chain
WHEN EXISTS (SELECT 1 FROM chain)
BEGIN SELECT RAISE(ABORT, 'the journal only grows'); END;
