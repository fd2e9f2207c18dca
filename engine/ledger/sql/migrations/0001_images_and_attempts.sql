-- Version 1: batches, images, attempts, events, and the sums that triggers keep.
-- A migration is never changed once it was released: ledgers of every version exist.

CREATE TABLE batches (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    added REAL NOT NULL,
    images INTEGER NOT NULL DEFAULT 0,
    pending INTEGER NOT NULL DEFAULT 0 CHECK (pending >= 0),
    in_flight INTEGER NOT NULL DEFAULT 0 CHECK (in_flight >= 0),
    done INTEGER NOT NULL DEFAULT 0 CHECK (done >= 0),
    failed INTEGER NOT NULL DEFAULT 0 CHECK (failed >= 0),
    accepted INTEGER NOT NULL DEFAULT 0 CHECK (accepted >= 0),
    source_bytes INTEGER NOT NULL DEFAULT 0,  -- of the images done, as jpeg_bytes
    jpeg_bytes INTEGER NOT NULL DEFAULT 0,
    CHECK (images = pending + in_flight + done + failed + accepted)
) STRICT;

CREATE TABLE images (
    id INTEGER PRIMARY KEY,
    batch INTEGER NOT NULL REFERENCES batches (id),
    uuid TEXT NOT NULL,
    barcode TEXT NOT NULL,
    record TEXT NOT NULL,
    name TEXT NOT NULL,
    type TEXT NOT NULL,
    source TEXT NOT NULL,                     -- as the export has it
    checksum TEXT NOT NULL,
    target TEXT NOT NULL,
    target_key INTEGER NOT NULL,              -- equal for targets that a case-folding file system takes for one
    state TEXT NOT NULL DEFAULT 'pending'
        CHECK (state IN ('pending', 'in_flight', 'done', 'failed', 'accepted')),
    round INTEGER NOT NULL DEFAULT 1,         -- one more with every requeue
    attempts INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),  -- that count, of this round
    surveyed INTEGER NOT NULL DEFAULT 0 CHECK (surveyed IN (0, 1)),
    width INTEGER, height INTEGER, components INTEGER, bits INTEGER,
    tile_width INTEGER, tile_height INTEGER, levels INTEGER, colour TEXT,
    code_block_samples INTEGER,
    pixels INTEGER GENERATED ALWAYS AS (width * height) VIRTUAL,
    source_bytes INTEGER,
    stage TEXT, cause TEXT, message TEXT, hint TEXT,
    reason TEXT,                              -- why it was accepted
    storing INTEGER NOT NULL DEFAULT 0 CHECK (storing IN (0, 1)),
    scratch_path TEXT,
    jpeg_bytes INTEGER, jpeg_width INTEGER, jpeg_height INTEGER,
    md5 TEXT, source_digest TEXT, psnr REAL,
    warnings TEXT NOT NULL DEFAULT '[]',      -- a JSON array of texts
    peak_rss_bytes INTEGER,
    updated REAL NOT NULL,
    CHECK ((cause IS NOT NULL) = (state IN ('failed', 'accepted'))),
    CHECK (storing = 0 OR (state = 'in_flight' AND scratch_path IS NOT NULL AND md5 IS NOT NULL)),
    CHECK (state <> 'done' OR (md5 IS NOT NULL AND jpeg_bytes IS NOT NULL)),
    CHECK (surveyed = 0 OR pixels IS NOT NULL)
) STRICT;

CREATE INDEX images_by_target ON images (target_key);
CREATE INDEX images_by_uuid ON images (uuid);
CREATE INDEX images_by_state ON images (state);
CREATE INDEX images_by_batch ON images (batch, state);
CREATE INDEX images_by_cause ON images (cause) WHERE cause IS NOT NULL;
CREATE INDEX images_to_survey ON images (batch) WHERE state = 'pending' AND surveyed = 0;
CREATE INDEX images_to_start ON images (batch, pixels DESC, id) WHERE state = 'pending' AND surveyed = 1;

CREATE TABLE attempts (
    id INTEGER PRIMARY KEY,
    image INTEGER NOT NULL REFERENCES images (id),
    round INTEGER NOT NULL,
    number INTEGER NOT NULL,                  -- within the round; a number whose attempt did not count comes again
    pid INTEGER NOT NULL,
    lane TEXT NOT NULL,
    predicted_bytes INTEGER NOT NULL,
    correction REAL NOT NULL DEFAULT 1,       -- the factor in that prediction learnt from earlier images
    started REAL NOT NULL,
    ended REAL,
    outcome TEXT CHECK (outcome IN ('converted', 'failed', 'again', 'put-back')),
    stage TEXT, cause TEXT, message TEXT,
    peak_rss_bytes INTEGER, cpu_s REAL, wall_s REAL,
    CHECK ((ended IS NULL) = (outcome IS NULL))
) STRICT;
CREATE INDEX attempts_by_image ON attempts (image);

CREATE TABLE events (
    id INTEGER PRIMARY KEY,
    time REAL NOT NULL,
    level TEXT NOT NULL,
    kind TEXT NOT NULL,
    message TEXT NOT NULL,
    image INTEGER REFERENCES images (id),
    pid INTEGER
) STRICT;
CREATE INDEX events_by_image ON events (image) WHERE image IS NOT NULL;

CREATE TABLE failures (                       -- how many failed images have which cause
    batch INTEGER NOT NULL REFERENCES batches (id),
    cause TEXT NOT NULL,
    images INTEGER NOT NULL CHECK (images >= 0),
    PRIMARY KEY (batch, cause)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER image_added AFTER INSERT ON images BEGIN
    UPDATE batches SET
        images = images + 1,
        pending = pending + (NEW.state = 'pending'),
        in_flight = in_flight + (NEW.state = 'in_flight'),
        done = done + (NEW.state = 'done'),
        failed = failed + (NEW.state = 'failed'),
        accepted = accepted + (NEW.state = 'accepted')
    WHERE id = NEW.batch;
END;
CREATE TRIGGER image_moved AFTER UPDATE OF state ON images WHEN OLD.state <> NEW.state BEGIN
    UPDATE batches SET
        pending = pending + (NEW.state = 'pending') - (OLD.state = 'pending'),
        in_flight = in_flight + (NEW.state = 'in_flight') - (OLD.state = 'in_flight'),
        done = done + (NEW.state = 'done') - (OLD.state = 'done'),
        failed = failed + (NEW.state = 'failed') - (OLD.state = 'failed'),
        accepted = accepted + (NEW.state = 'accepted') - (OLD.state = 'accepted'),
        source_bytes = source_bytes
            + iif(NEW.state = 'done', ifnull(NEW.source_bytes, 0), 0)
            - iif(OLD.state = 'done', ifnull(OLD.source_bytes, 0), 0),
        jpeg_bytes = jpeg_bytes
            + iif(NEW.state = 'done', NEW.jpeg_bytes, 0) - iif(OLD.state = 'done', OLD.jpeg_bytes, 0)
    WHERE id = NEW.batch;
END;
CREATE TRIGGER failure_gone AFTER UPDATE OF state, cause ON images WHEN OLD.state = 'failed' BEGIN
    UPDATE failures SET images = images - 1 WHERE batch = OLD.batch AND cause = OLD.cause;
END;
CREATE TRIGGER failure_come AFTER UPDATE OF state, cause ON images WHEN NEW.state = 'failed' BEGIN
    INSERT INTO failures (batch, cause, images) VALUES (NEW.batch, NEW.cause, 1)
        ON CONFLICT (batch, cause) DO UPDATE SET images = images + 1;
END;
CREATE TRIGGER image_added_failed AFTER INSERT ON images WHEN NEW.state <> 'pending' BEGIN
    SELECT RAISE (ABORT, 'an image begins as pending');
END;
CREATE TRIGGER image_batch_stays BEFORE UPDATE OF batch ON images BEGIN
    SELECT RAISE (ABORT, 'an image stays in its batch');
END;
CREATE TRIGGER image_stays BEFORE DELETE ON images BEGIN
    SELECT RAISE (ABORT, 'an image is never deleted: it is accounted for');
END;
