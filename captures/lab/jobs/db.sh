#!/bin/sh
# PostgreSQL with the shop's tables; passwords are required (so guessing them is realistic).
set -e
bin=/usr/lib/postgresql/15/bin data=/var/lib/postgresql/shop
run() { setpriv --reuid=postgres --regid=postgres --clear-groups "$@"; }
mkdir -p /var/run/postgresql && chown postgres:postgres /var/run/postgresql
cat > /tmp/hba <<END
local all all trust
host  all all 0.0.0.0/0 md5
END
cat > /tmp/shop.sql <<END
CREATE ROLE shop LOGIN PASSWORD 'shop-secret';
CREATE DATABASE shop OWNER shop;
\c shop shop
CREATE TABLE product(id serial PRIMARY KEY, name text, price numeric, text text);
INSERT INTO product(name, price, text) SELECT 'thing ' || i, i % 90, repeat(md5(i::text), 8) FROM generate_series(1, 2000) i;
CREATE TABLE person(id serial PRIMARY KEY, name text, word text, address text);
INSERT INTO person(name, word, address) SELECT 'user' || i, md5('pw' || i), repeat(md5(i::text), 6) FROM generate_series(1, 4000) i;
CREATE TABLE orders(id serial PRIMARY KEY, product int, at timestamptz DEFAULT now());
END
if [ ! -e $data/PG_VERSION ]; then
    run $bin/initdb -D $data --no-sync --auth=trust >/dev/null
    run $bin/pg_ctl -w -D $data -o "-c listen_addresses=''" start
    run psql -q -f /tmp/shop.sql
    run $bin/pg_ctl -w -D $data stop
fi
exec setpriv --reuid=postgres --regid=postgres --clear-groups $bin/postgres -D $data -c listen_addresses='*' -c hba_file=/tmp/hba
