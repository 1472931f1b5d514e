"""The scheduler: fills the queue in bursts along the day curve, and runs a cron job every thirty seconds."""
from common import *

serve_health()
queue = Redis()
next_cron = time.time() + 10
while True:
    try:
        burst = int(rng.expovariate(1 / (3.5 * day_curve())))
        for _ in range(min(burst, 25)):
            queue("LPUSH", "jobs", rng.choices(["render", "notify", "fetch"], [5, 2, 2])[0])
        if time.time() >= next_cron:
            next_cron += 30
            http_call("GET", "http://app.lab:8000/api/tick")
            if rng.random() < 0.25:
                http_call("GET", "https://calendar.partner.example/today?bytes=2500")
    except Exception as e:
        log("failed:", repr(e))
    time.sleep(5 + rng.uniform(-0.4, 0.4))
