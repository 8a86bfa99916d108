"""What is installed, as a CycloneDX SBOM, and whether any of it has known holes.

``python .ci/supply_chain.py sbom sbom.json`` writes the packages of this environment.
``python .ci/supply_chain.py audit`` asks PyPI for advisories about each of them. Exit code 0: all
were looked up, nothing is known; 1: something is; 3: advisories could not be had for some, so
nothing is claimed of those.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

KNOWN, UNKNOWN = 1, 3
OURS = "sentinelqa"
ROOT = Path(__file__).resolve().parent.parent


def main(arguments: list[str]) -> int:
    """Do what was asked."""
    match arguments:
        case ["sbom", target]:
            return sbom(Path(target))
        case ["audit"]:
            text, code = verdict(audit())
            sys.stdout.write(text + "\n")
            return code
    sys.stderr.write(f"{__doc__}\n")
    return 2


def sbom(target: Path) -> int:
    """Write the SBOM of this environment; equal environments give equal bytes."""
    options = ("--output-reproducible", "--of", "JSON", "--no-validate", "-o", str(target))
    project = ("--pyproject", str(ROOT / "pyproject.toml"), "--mc-type", "library")
    module = (sys.executable, "-m", "cyclonedx_py", "environment")
    return subprocess.run([*module, *options, *project, sys.executable], check=False).returncode


def audit() -> dict[str, Any]:
    """What ``pip-audit`` says of this environment.

    Raises:
        SystemExit: it said nothing that can be read.
    """
    module = (sys.executable, "-m", "pip_audit", "--format", "json", "--skip-editable")
    ended = subprocess.run(
        [*module, "--progress-spinner", "off"], capture_output=True, text=True, check=False
    )
    try:
        found: dict[str, Any] = json.loads(ended.stdout)
    except ValueError:
        sys.stderr.write(ended.stderr[-2000:])
        sys.stderr.write("nothing was audited: advisories could not be had\n")
        raise SystemExit(UNKNOWN) from None
    return found


def verdict(found: Mapping[str, Any]) -> tuple[str, int]:
    """The report in words, and the exit code."""
    packages = [p for p in found["dependencies"] if p["name"].lower() != OURS]
    skipped = [p["name"] for p in packages if "skip_reason" in p]
    holes = [(p, hole) for p in packages for hole in p.get("vulns", ())]
    lines = [
        f"{p['name']} {p['version']}: {hole['id']}, mended in "
        f"{', '.join(hole.get('fix_versions') or ()) or 'no release yet'}"
        for p, hole in holes
    ]
    looked = len(packages) - len(skipped)
    lines.append(f"{looked} of {len(packages)} packages looked up, {len(holes)} known holes")
    if skipped:
        lines.append(
            f"no advisories could be had for {len(skipped)}: {', '.join(sorted(skipped)[:10])}"
            f"{' ...' if len(skipped) > 10 else ''}; nothing is claimed of these"
        )
    return "\n".join(lines), KNOWN if holes else UNKNOWN if skipped or not packages else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
