"""The shop: an HTTP application that caches pages in Redis and stores data in PostgreSQL."""
import http.server, json, queue, threading
import psycopg2
from common import *

cache = Redis()
pool = queue.Queue()


def sql(text, *args):
    """One query on a pooled connection; after a broken connection, the query is retried once on a new one."""
    for attempt in (1, 2):
        try:
            c = pool.get_nowait()
        except queue.Empty:
            c = psycopg2.connect(DB)
            c.autocommit = True
        try:
            with c.cursor() as cur:
                cur.execute(text, args)
                rows = cur.fetchall() if cur.description else []
            if pool.qsize() < 4:
                pool.put(c)
            else:
                c.close()
            return rows
        except psycopg2.OperationalError:
            c.close()
            if attempt == 2:
                raise


class Shop(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    body = ""

    def answer(self, status, body):
        body = body if isinstance(body, bytes) else body.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        try:
            self.route()
        except Exception as e:
            log("failed", self.path, repr(e))
            self.answer(503, "try again\n")

    def do_POST(self):
        self.body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode("latin-1")
        self.do_GET()

    def route(self):
        part = self.path.split("?")[0].strip("/").split("/")
        if part[0] == "health":
            self.answer(200, "ok\n")
        elif part[:2] == ["api", "product"] and part[-1].isdigit():
            key = "product:" + part[-1]
            page = cache("GET", key)
            if page is None:
                rows = sql("SELECT name, price, text FROM product WHERE id = %s", int(part[-1]))
                if not rows:
                    return self.answer(404, "no such product\n")
                page = json.dumps([str(x) for x in rows[0]])
                cache("SET", key, page, "EX", 45)
            self.answer(200, page)
        elif part[:2] == ["api", "search"]:
            rows = sql("SELECT id, name FROM product WHERE mod(id, 97) = %s LIMIT 25", rng.randrange(97))
            self.answer(200, json.dumps(rows))
        elif part[:2] == ["api", "login"]:
            user, _, word = self.body.partition("&")
            rows = sql("SELECT id FROM person WHERE name = %s AND word = md5(%s)",
                       user.removeprefix("user="), word.removeprefix("pass="))
            self.answer(200, "welcome\n" if rows else "denied\n")
        elif part[:2] == ["api", "order"]:
            sql("INSERT INTO orders(product) VALUES (%s)", rng.randrange(1, 2000))
            if rng.random() < 0.3:          # some orders are paid with the partner outside
                http_call("POST", "https://api.partner.example/pay", noise(300))
            cache("LPUSH", "jobs", rng.choice(["render", "notify", "fetch"]))
            self.answer(201, "ordered\n")
        elif part[:2] == ["api", "stats"]:
            self.answer(200, json.dumps(sql("SELECT product, count(*) FROM orders GROUP BY 1 ORDER BY 2 DESC LIMIT 40")))
        elif part[:2] == ["api", "tick"]:   # the scheduler's cron job
            sql("DELETE FROM orders WHERE id < (SELECT max(id) - 500 FROM orders)")
            cache("INCR", "ticks")
            self.answer(200, "ticked\n")
        else:
            self.answer(404, "not here\n")

    def log_message(self, *args):
        pass


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 256


Server(("", 8000), Shop).serve_forever()
