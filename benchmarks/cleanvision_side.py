"""cleanvision's side of row 6, run by the interpreter that it is installed for.

``python cleanvision_side.py FOLDER JOBS`` prints one JSON object: seconds of ``find_issues`` with
its worker processes, images, version.
"""

import json
import sys
import time
from importlib.metadata import version

from cleanvision import Imagelab

CHECKS = (
    "blurry",
    "odd_size",
    "odd_aspect_ratio",
    "grayscale",
    "exact_duplicates",
    "near_duplicates",
)


def main() -> None:
    """Compute every statistic of the checks that SentinelQA has as well."""
    folder, jobs = sys.argv[1], int(sys.argv[2])
    lab = Imagelab(data_path=folder)
    start = time.perf_counter()
    lab.find_issues({check: {} for check in CHECKS}, n_jobs=jobs, verbose=False)
    seconds = time.perf_counter() - start
    found = {"seconds": seconds, "images": len(lab.issues), "version": version("cleanvision")}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
