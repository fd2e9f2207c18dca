-- Version 9: what people say of delivered images and of batches after a look at them. Nothing of it is ever deleted.

CREATE TABLE verdicts (
    id INTEGER PRIMARY KEY,
    image INTEGER NOT NULL REFERENCES images (id),
    verdict TEXT NOT NULL CHECK (verdict IN ('fine', 'not-fine', 'withdrawn')),
    why TEXT NOT NULL,
    md5 TEXT NOT NULL,                        -- of the JPEG that the person saw: the verdict is of no other
    person TEXT NOT NULL,                     -- USER@HOST, or NAME (USER@HOST)
    given REAL NOT NULL,
    recorded REAL NOT NULL,
    CHECK (verdict <> 'not-fine' OR why <> '')
) STRICT;
CREATE INDEX verdicts_by_image ON verdicts (image, given, id);

ALTER TABLE images ADD COLUMN verdict INTEGER;  -- the row in verdicts that was given last; it counts while the MD5 is the same
CREATE INDEX images_by_verdict ON images (batch, verdict) WHERE verdict IS NOT NULL;

CREATE TABLE approvals (
    id INTEGER PRIMARY KEY,
    batch INTEGER NOT NULL REFERENCES batches (id),
    approved INTEGER NOT NULL CHECK (approved IN (0, 1)),  -- 0: withdrawn
    note TEXT NOT NULL,
    person TEXT NOT NULL,
    given REAL NOT NULL,
    recorded REAL NOT NULL,
    changes INTEGER NOT NULL,                 -- of the batch, at that time; so are the counts
    done INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    accepted INTEGER NOT NULL,
    waiting INTEGER NOT NULL,
    fine INTEGER NOT NULL,
    not_fine INTEGER NOT NULL
) STRICT;
CREATE INDEX approvals_by_batch ON approvals (batch, id);

-- How often images came to the batch, or to or from an end; an approval of the same count is of the batch as it is.
ALTER TABLE batches ADD COLUMN changes INTEGER NOT NULL DEFAULT 0;
DROP TRIGGER image_added;
CREATE TRIGGER image_added AFTER INSERT ON images BEGIN
    UPDATE batches SET
        images = images + 1,
        changes = changes + 1,
        pending = pending + (NEW.state = 'pending'),
        in_flight = in_flight + (NEW.state = 'in_flight'),
        done = done + (NEW.state = 'done'),
        failed = failed + (NEW.state = 'failed'),
        accepted = accepted + (NEW.state = 'accepted')
    WHERE id = NEW.batch;
END;
DROP TRIGGER image_moved;
CREATE TRIGGER image_moved AFTER UPDATE OF state ON images WHEN OLD.state <> NEW.state BEGIN
    UPDATE batches SET
        pending = pending + (NEW.state = 'pending') - (OLD.state = 'pending'),
        in_flight = in_flight + (NEW.state = 'in_flight') - (OLD.state = 'in_flight'),
        done = done + (NEW.state = 'done') - (OLD.state = 'done'),
        failed = failed + (NEW.state = 'failed') - (OLD.state = 'failed'),
        accepted = accepted + (NEW.state = 'accepted') - (OLD.state = 'accepted'),
        changes = changes
            + (NEW.state IN ('done', 'failed', 'accepted') OR OLD.state IN ('done', 'failed', 'accepted')),
        source_bytes = source_bytes
            + iif(NEW.state = 'done', ifnull(NEW.source_bytes, 0), 0)
            - iif(OLD.state = 'done', ifnull(OLD.source_bytes, 0), 0),
        jpeg_bytes = jpeg_bytes
            + iif(NEW.state = 'done', NEW.jpeg_bytes, 0) - iif(OLD.state = 'done', OLD.jpeg_bytes, 0)
    WHERE id = NEW.batch;
END;
