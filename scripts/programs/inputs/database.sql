-- Builds a database in main and asks it questions. Content comes from arithmetic, never random().
PRAGMA page_size = 4096;
PRAGMA synchronous = OFF;
PRAGMA journal_mode = MEMORY;
PRAGMA cache_size = -65536;

CREATE TABLE customer(id INTEGER PRIMARY KEY, name TEXT, city TEXT, note TEXT);
CREATE TABLE sale(id INTEGER PRIMARY KEY, customer INTEGER, day INTEGER, cents INTEGER, item TEXT);

WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
INSERT INTO customer
SELECT i, 'name' || (i * 7919 % 100003), 'city' || (i * 31 % 211),
       substr(hex(i * 104729) || hex(i * 15485863), 1, 8 + i % 40)
FROM n;

WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 150000)
INSERT INTO sale
SELECT i, 1 + i * 6151 % 20000, i * 13 % 365, i * 2654435761 % 100000, 'item' || (i * 389 % 1009)
FROM n;

CREATE INDEX sale_by_customer ON sale(customer, day);
CREATE INDEX sale_by_item ON sale(item);
ANALYZE;

SELECT city, count(*), sum(cents) FROM customer JOIN sale ON sale.customer = customer.id
GROUP BY city ORDER BY sum(cents) DESC LIMIT 20;

SELECT item, count(DISTINCT customer), min(cents), max(cents), total(cents) FROM sale
GROUP BY item HAVING count(*) > 100 ORDER BY item LIMIT 200;

SELECT day, group_concat(id, '/') FROM (SELECT day, id FROM sale WHERE cents < 300 ORDER BY day, id)
GROUP BY day;

SELECT customer, day, cents, sum(cents) OVER (PARTITION BY customer ORDER BY day, id) AS so_far
FROM sale WHERE customer % 97 = 5 ORDER BY customer, day, id;

SELECT json_group_array(json_object('id', id, 'name', name, 'note', lower(note)))
FROM (SELECT * FROM customer WHERE id % 11 = 3 ORDER BY name, id);

BEGIN;
UPDATE customer SET note = note || ' seen ' || (SELECT count(*) FROM sale WHERE customer = customer.id)
WHERE id % 3 = 0;
DELETE FROM sale WHERE day BETWEEN 100 AND 130;
COMMIT;
PRAGMA integrity_check;
VACUUM;
SELECT count(*), sum(length(note)) FROM customer;
SELECT count(*), sum(cents) FROM sale;
