"""``python -m hack.sbom`` writes dist/sbom.cdx.json, the software bill of materials of the image, from requirements/base.txt.

CycloneDX 1.5, the same bytes for the same lock file: every locked package that a Linux image installs, with the hashes the lock file admits
and what needs it.
"""

import json
import re
import sys
import tomllib
import uuid
from collections import defaultdict
from pathlib import Path
from typing import Any

from packaging.markers import Marker

from hack.generated import settle

FILE = Path("dist/sbom.cdx.json")
LOCK = Path("requirements/base.txt")
PACKAGE = re.compile(r"^(?P<name>[a-z0-9._-]+)==(?P<version>[^\s;\\]+)(?:\s*;\s*(?P<marker>[^\\\n]+))?")
HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
VIA = re.compile(r"^ +# +(?:via +)?(?P<name>[a-z0-9._-]+)(?: \(pyproject\.toml\))?$")


def parse(lock: str) -> tuple[list[dict[str, Any]], dict[str, list[str]]]:
    """The components, and for each name the names it needs."""
    components: list[dict[str, Any]] = []
    needs: dict[str, list[str]] = defaultdict(list)
    for block in re.split(r"^(?=\S)", lock, flags=re.MULTILINE):
        found = PACKAGE.match(block)
        if found is None or (
            found["marker"] and not Marker(found["marker"].strip()).evaluate({"sys_platform": "linux"})
        ):
            continue
        name, version = found["name"], found["version"]
        purl = f"pkg:pypi/{name}@{version}"
        hashes = [{"alg": "SHA-256", "content": content} for content in HASH.findall(block)]
        components.append(
            {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl, "hashes": hashes}
        )
        for line in block.splitlines():
            if (via := VIA.match(line)) and via["name"] != "via":
                needs[via["name"]].append(purl)
    return components, needs


def sbom(lock: str, project: dict[str, Any]) -> dict[str, Any]:
    """The bill of materials of the project with these locked packages."""
    components, needs = parse(lock)
    purl = f"pkg:pypi/{project['name']}@{project['version']}"
    root = {
        "type": "application",
        "bom-ref": purl,
        "name": project["name"],
        "version": project["version"],
        "licenses": [{"license": {"id": project["license"]}}],
        "purl": purl,
    }
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, root['purl'] + lock)}",
        "version": 1,
        "metadata": {"component": root},
        "components": components,
        "dependencies": [
            {"ref": component["bom-ref"], "dependsOn": sorted(needs.get(component["name"], ()))}
            for component in (root, *components)
        ],
    }


def wanted() -> dict[Path, str]:
    project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
    return {FILE: json.dumps(sbom(LOCK.read_text(encoding="utf-8"), project), indent=2) + "\n"}


if __name__ == "__main__":
    sys.exit(settle(wanted()))
