"""A worker: processes jobs from the queue in Redis: renders (db, then store), notifies or fetches (outside)."""
import psycopg2
from common import *

serve_health()
queue = Redis()
while True:
    try:
        got = queue("BRPOP", "jobs", 8)
        if got is None:
            continue
        job = got[1].decode()
        if job == "render":
            c = psycopg2.connect(DB)
            with c.cursor() as cur:
                first = rng.randrange(1, 1900)
                cur.execute("SELECT id, name, text FROM product WHERE id BETWEEN %s AND %s", (first, first + rng.randrange(3, 40)))
                rows = cur.fetchall()
            c.close()
            time.sleep(human_pause(0.15))
            http_call("PUT", f"http://store.lab/out/{NAME}-{rng.randrange(200)}", noise(600 * len(rows)))
        elif job == "notify":
            http_call("POST", "https://hooks.partner.example/order", noise(rng.randrange(200, 1500)))
        elif job == "fetch":
            host = f"cdn{rng.randrange(1, 30)}.shops.example"
            if rng.random() < 0.04:
                host = f"cdn{rng.randrange(1, 30)}.typo.example"      # NXDOMAIN now and then
            http_call("GET", f"http://{host}/feed?bytes={int(human_pause(9000))}")
        queue("INCR", "done:" + job)
        time.sleep(human_pause(0.2))
    except Exception as e:
        log("job failed:", repr(e))
        time.sleep(rng.uniform(0.5, 2))
