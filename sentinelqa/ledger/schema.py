"""The tables of the ledger. Read the SQL: it is the description of the format.

Times are Unix seconds. JSON columns hold what is only ever read as a whole. The external id of a
request appears once, in ``request``; everything else refers to positions and keys.
"""

from __future__ import annotations

APPLICATION_ID = 0x53514131
"""``SQA1``: tells a ledger from any other SQLite file."""

MIGRATIONS: tuple[str, ...] = (
    """
    -- One row: which job this is, and how often a process has opened it for writing.
    CREATE TABLE run (
        id          INTEGER PRIMARY KEY CHECK (id = 1),
        fingerprint TEXT NOT NULL,      -- sha256 of everything that decides what the run makes
        session     INTEGER NOT NULL,   -- +1 with every writer; fences off results of earlier ones
        started     REAL NOT NULL,
        finished    REAL                -- NULL while there is work left
    ) STRICT;

    -- What somebody wants, in the order of the requests file.
    -- open -> closed (selection decided) -> settled (the selected images are delivered)
    CREATE TABLE request (
        position INTEGER PRIMARY KEY,
        id       TEXT NOT NULL UNIQUE,
        payload  TEXT NOT NULL,         -- JSON of the whole request
        wanted   INTEGER NOT NULL,
        state    TEXT NOT NULL CHECK (state IN ('open', 'closed', 'settled')),
        outcome  TEXT CHECK (outcome IN ('delivered', 'short', 'error')),
        reason   TEXT NOT NULL DEFAULT '',  -- why no more was tried; empty when nothing is missing
        CHECK ((state = 'open') = (outcome IS NULL))
    ) STRICT;

    -- One pass of generate-score-select for a request, with what it generates with.
    CREATE TABLE round (
        request         INTEGER NOT NULL REFERENCES request,
        number          INTEGER NOT NULL CHECK (number >= 1),
        planned         INTEGER NOT NULL,
        prompt          TEXT NOT NULL,
        negative_prompt TEXT NOT NULL,
        settings        TEXT NOT NULL,  -- JSON
        why             TEXT NOT NULL,
        PRIMARY KEY (request, number)
    ) STRICT, WITHOUT ROWID;

    -- One image that is to be made or exists already.
    -- planned -> leased (a worker has it) -> judged; leased -> planned when its process died
    CREATE TABLE candidate (
        key              INTEGER PRIMARY KEY,
        id               TEXT NOT NULL UNIQUE,
        request          INTEGER NOT NULL REFERENCES request,
        idx              INTEGER NOT NULL,
        round            INTEGER NOT NULL,           -- 0 for an existing image
        seed             INTEGER NOT NULL,
        source           TEXT NOT NULL DEFAULT '',   -- where an existing image lies
        state            TEXT NOT NULL CHECK (state IN ('planned', 'leased', 'judged')),
        attempts         INTEGER NOT NULL DEFAULT 0, -- leases that were not given back in order
        session          INTEGER,                    -- the writer that leased it
        sha256           TEXT,                       -- of the image file; NULL when there is none
        path             TEXT,                       -- relative to the run directory
        width            INTEGER,
        height           INTEGER,
        size             INTEGER,
        phash            INTEGER,                    -- 64 bits, read as signed
        generate_seconds REAL,
        score_seconds    REAL,
        shape_planned    INTEGER,                    -- batch sizes: where they differ, memory ran
        shape_actual     INTEGER,                    -- out and the last bits of pixels may differ
        UNIQUE (request, idx),
        CHECK ((sha256 IS NULL) = (path IS NULL))
    ) STRICT;

    -- What is under way, found without a scan.
    CREATE INDEX candidate_leased ON candidate (key) WHERE state = 'leased';
    -- Images by content: whether another candidate shares one.
    CREATE INDEX candidate_sha256 ON candidate (sha256) WHERE sha256 IS NOT NULL;

    -- What one dimension says of one image.
    CREATE TABLE measurement (
        candidate INTEGER NOT NULL REFERENCES candidate,
        dimension TEXT NOT NULL,
        score     REAL,
        unscored  TEXT,
        note      TEXT NOT NULL,
        metrics   TEXT NOT NULL,        -- JSON, in the order the dimension gave them
        uncertain INTEGER NOT NULL,
        models    TEXT NOT NULL,        -- JSON
        PRIMARY KEY (candidate, dimension),
        CHECK ((score IS NULL) = (unscored IS NOT NULL))
    ) STRICT, WITHOUT ROWID;

    -- What the run decided about a candidate, and under which rubric.
    CREATE TABLE verdict (
        candidate INTEGER PRIMARY KEY REFERENCES candidate,
        rubric    TEXT NOT NULL,        -- hash
        outcome   TEXT NOT NULL CHECK (outcome IN ('pass', 'fail', 'review', 'error')),
        rank      REAL NOT NULL,
        checks    TEXT NOT NULL,        -- JSON
        warnings  TEXT NOT NULL         -- JSON
    ) STRICT;

    -- What is selected, best first. The sha256 is that of the delivered file, once it is written.
    CREATE TABLE delivery (
        request   INTEGER NOT NULL REFERENCES request,
        place     INTEGER NOT NULL CHECK (place >= 1),
        candidate INTEGER NOT NULL UNIQUE REFERENCES candidate,
        sha256    TEXT,
        PRIMARY KEY (request, place)
    ) STRICT, WITHOUT ROWID;

    -- What passed but is too like something better.
    CREATE TABLE duplicate (
        candidate INTEGER PRIMARY KEY REFERENCES candidate,
        better    INTEGER NOT NULL REFERENCES candidate
    ) STRICT;
    """,
)
"""``MIGRATIONS[n]`` brings version ``n`` to ``n + 1``; the version is SQLite's ``user_version``."""

VERSION = len(MIGRATIONS)
