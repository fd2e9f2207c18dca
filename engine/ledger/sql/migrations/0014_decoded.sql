-- Version 14: what really decoded an image.

ALTER TABLE attempts ADD COLUMN decoded TEXT;  -- whole, tiles, strips or gpu; NULL: as planned (lane), or no pixels
ALTER TABLE attempts ADD COLUMN gpu TEXT;      -- what came of giving it to a GPU: decoded, compared, differs, gone, or why not
