-- Version 3: UUIDs are kept as the export writes them, and compared without case.

DROP INDEX images_by_uuid;
CREATE INDEX images_by_uuid ON images (uuid COLLATE NOCASE);
