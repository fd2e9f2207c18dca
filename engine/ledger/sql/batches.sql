-- The order of the batches, and which of them people hold. There are few batches.

-- name: places
SELECT id, name, place FROM batches ORDER BY place

-- name: put
UPDATE batches SET place = :place WHERE id = :batch

-- name: holds
SELECT name, held, held_by, held_reason FROM batches WHERE held IS NOT NULL ORDER BY place

-- name: hold
UPDATE batches SET held = :now, held_by = :by, held_reason = :reason WHERE name = :name AND held IS NULL

-- name: release
UPDATE batches SET held = NULL, held_by = '', held_reason = '' WHERE name = :name AND held IS NOT NULL
