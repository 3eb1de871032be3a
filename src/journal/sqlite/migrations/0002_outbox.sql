-- What people are to be told. Not part of the history: removed once it is old and was delivered.
CREATE TABLE letter (
    seq      INTEGER PRIMARY KEY AUTOINCREMENT, -- a place is never used twice
    at       INTEGER NOT NULL, -- milliseconds since 1970, UTC
    sink     TEXT, -- for this one only; NULL for all
    incident TEXT    NOT NULL,
    body     TEXT    NOT NULL -- JSON
) STRICT;

-- Every incident that is open, with the letter that was last written about it.
CREATE TABLE incident (
    incident TEXT PRIMARY KEY,
    body     TEXT NOT NULL
) STRICT;

CREATE TABLE sink (
    sink       TEXT PRIMARY KEY,
    passed     INTEGER NOT NULL, -- the letters up to this one are behind it
    attempts   INTEGER NOT NULL DEFAULT 0,
    not_before INTEGER,
    delivered  INTEGER NOT NULL DEFAULT 0,
    failed     INTEGER NOT NULL DEFAULT 0,
    refused    INTEGER NOT NULL DEFAULT 0
) STRICT;

-- Every incident that is open at a sink, with the letter that it last took about it.
CREATE TABLE told (
    sink     TEXT NOT NULL,
    incident TEXT NOT NULL,
    body     TEXT NOT NULL,
    PRIMARY KEY (sink, incident)
) STRICT;
