"""Writes the shop's static files: some pages, styles and pictures of plausible sizes.   pages.py FOLDER"""
import pathlib, random, sys

rng = random.Random(1)
folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
(folder / "index.html").write_bytes(rng.randbytes(3200))
(folder / "style.css").write_bytes(rng.randbytes(2600))
for i in range(20):
    (folder / f"picture{i}.jpg").write_bytes(rng.randbytes(int(min(60000, 3500 * rng.lognormvariate(0, 0.9)))))
