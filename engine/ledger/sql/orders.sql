-- Orders in hand: what was taken, how far it is, and the images of its next slice.

-- name: take
INSERT INTO orders (kind, what, reason, taken, images, person)
VALUES (:kind, :what, :reason, :now, :images, :person)

-- name: open_orders
SELECT id, kind, taken, images, seen, changed, ended, problem, reason, person FROM orders INDEXED BY orders_open
WHERE ended IS NULL ORDER BY id

-- name: order
SELECT id, kind, taken, images, seen, changed, ended, problem, reason, person FROM orders WHERE id = :order

-- name: next
SELECT id, kind, taken, images, seen, changed, ended, problem, reason, person, position, what
FROM orders INDEXED BY orders_open
WHERE ended IS NULL ORDER BY id LIMIT 1

-- name: last_order
SELECT coalesce(max(id), 0) FROM orders

-- name: note_later
INSERT OR IGNORE INTO came_later SELECT id, :image FROM orders INDEXED BY orders_open WHERE ended IS NULL

-- name: forget_later
DELETE FROM came_later WHERE for_order = :order

-- name: failed_after
SELECT id FROM images INDEXED BY images_by_state WHERE state = 'failed' AND id > :position ORDER BY id LIMIT :limit

-- name: advance
UPDATE orders SET seen = min(images, seen + :seen), changed = changed + :changed, position = :position
WHERE id = :order

-- name: end
UPDATE orders SET ended = :now, seen = iif(:problem IS NULL, images, seen), problem = :problem, what = ''
WHERE id = :order

-- name: count_failed
SELECT CAST(total(f.images) AS INTEGER) FROM failures f JOIN batches b ON b.id = f.batch
WHERE (:batch IS NULL OR b.name = :batch) AND (:cause IS NULL OR f.cause = :cause)

-- name: keep_part_of_order
-- Of the chosen images those that were in such a state when the order was taken; :states is a JSON array.
DELETE FROM temp.chosen WHERE id IN (SELECT image FROM main.came_later WHERE for_order = :order)
    OR (SELECT state FROM main.images i WHERE i.id = chosen.id) NOT IN (SELECT value FROM json_each(:states))

-- name: count_chosen
SELECT count(*) FROM temp.chosen
