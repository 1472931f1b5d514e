"""The report builder: reads figures from the shop and files from the store. It never talks to the database."""
from common import *

serve_health()
while True:
    try:
        http_call("GET", "http://app.lab:8000/api/stats")
        for _ in range(rng.randrange(1, 6)):
            http_call("GET", f"http://store.lab/out/worker-{rng.randrange(1, 9)}-{rng.randrange(200)}")
            time.sleep(human_pause(0.4))
        http_call("PUT", f"http://store.lab/reports/{int(time.time())}", noise(rng.randrange(2000, 30000)))
    except Exception as e:
        log("failed:", repr(e))
    time.sleep(human_pause(14))
