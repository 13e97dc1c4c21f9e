"""Build airbyte-sync.pyz: the program with all that it needs, for every supported Python.

    make pyz

One file for Linux with glibc. Packages that are compiled come for each Python and machine of
TARGETS, all others once: `any.zip`, `x86_64.zip` and `cp313-x86_64.zip` in the archive are what
unpack.py puts together. The wheels are those of requirements.txt, by their hashes. The same commit
gives the same bytes with the same zlib. An SBOM (CycloneDX) is written beside it.
"""

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from email.message import Message
from email.parser import Parser
from io import BytesIO
from itertools import product
from pathlib import Path
from typing import Final
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

ROOT: Final = Path(__file__).resolve().parent.parent
PYTHONS: Final = ("3.11", "3.12", "3.13", "3.14")
MACHINES: Final = ("x86_64", "aarch64")
_GLIBC: Final = ("manylinux_2_28", "manylinux2014", "manylinux_2_17")
"""glibc 2.28 is older than any system's whose Python is 3.11: Debian 10, RHEL 8."""
_EARLIEST: Final = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a zip archive can hold."""


def main(output: Path) -> None:
    """Build the archive and its SBOM."""
    with tempfile.TemporaryDirectory() as folder:
        wheels = [_own_wheel(Path(folder)), *_locked_wheels(Path(folder))]
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_bytes(archive({name: _merged(one) for name, one in _layers(wheels).items()}))
        output.chmod(0o755)
        sbom = json.dumps(_sbom(wheels), indent=1)
        output.with_suffix(".cdx.json").write_text(f"{sbom}\n", encoding="utf-8")
    print(f"{output}: {output.stat().st_size / 1e6:.1f} MB")


def archive(layers: Mapping[str, Mapping[str, bytes]]) -> bytes:
    """Return the archive of these layers, each with its files by name."""
    zipped = {name: _zip(layers[name], compression=ZIP_DEFLATED) for name in sorted(layers)}
    build = hashlib.sha256(b"".join(zipped.values())).hexdigest()[:16]
    start = (ROOT / "pyz" / "start.py").read_text(encoding="utf-8")
    files = {
        "__main__.py": start.replace('BUILD = "development"', f'BUILD = "{build}"').encode(),
        "unpack.py": (ROOT / "pyz" / "unpack.py").read_bytes(),
        **{f"{name}.zip": layer for name, layer in zipped.items()},
    }
    # Layers are compressed already.
    return b"#!/usr/bin/env python3\n" + _zip(files, compression=ZIP_STORED)


def _own_wheel(folder: Path) -> Path:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
    return next(folder.glob("*.whl"))


def _locked_wheels(folder: Path) -> list[Path]:
    """Download the wheels of requirements.txt for every target, into one folder."""
    wheels = folder / "wheels"
    locked = ROOT / "requirements.txt"
    for number, (python, machine) in enumerate(product(PYTHONS, MACHINES)):
        if number == 1:  # what is not compiled is there
            locked = _compiled(locked, wheels, folder / "compiled.txt")
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--only-binary=:all:"]
        command += [f"--platform={glibc}_{machine}" for glibc in _GLIBC]
        command += [f"--python-version={python}", "--no-deps", f"--dest={wheels}"]
        command += ["--require-hashes", f"--requirement={locked}"]
        subprocess.run(command, check=True, cwd=ROOT)
    return sorted(wheels.iterdir())


def _compiled(locked: Path, wheels: Path, reduced: Path) -> Path:
    """Write the part of the locked requirements whose wheels are for one platform."""
    names = {path.name.partition("-")[0] for path in wheels.iterdir() if "-any" not in path.name}
    blocks = re.split(r"\n(?=\w)", locked.read_text(encoding="utf-8"))
    wanted = [one for one in blocks if one.partition("==")[0].replace("-", "_") in names]
    reduced.write_text("\n".join(wanted), encoding="utf-8")
    return reduced


def _layers(wheels: Iterable[Path]) -> Mapping[str, list[Path]]:
    """Group wheels by what can load them: anything, a machine, or one Python on a machine."""
    layers = defaultdict(list)
    for wheel in wheels:
        python, abi, platform = wheel.stem.split("-")[-3:]
        machine = "x86_64" if platform.endswith("x86_64") else "aarch64"
        layers[
            "any" if platform == "any" else machine if abi == "abi3" else f"{python}-{machine}"
        ].append(wheel)
    return layers


def _merged(wheels: Iterable[Path]) -> dict[str, bytes]:
    """Merge wheels as an installer would; their commands are not needed."""
    files = {}
    for wheel in wheels:
        with ZipFile(wheel) as opened:
            names = [name for name in opened.namelist() if not name.endswith("/")]
            if any(name.partition("/")[0].endswith(".data") for name in names):
                raise SystemExit(f"{wheel.name} has files that an installer would move")
            files.update({name: opened.read(name) for name in names})
    return files


def _zip(files: Mapping[str, bytes], *, compression: int) -> bytes:
    """Make a zip archive that depends on nothing but its content."""
    epoch = int(os.environ.get("SOURCE_DATE_EPOCH", "0"))
    moment = max(time.gmtime(epoch)[:6], _EARLIEST)
    made = BytesIO()
    with ZipFile(made, "w") as file:
        for name in sorted(files):
            info = ZipInfo(name, moment)
            info.external_attr = 0o644 << 16
            file.writestr(info, files[name], compression, 9)
    return made.getvalue()


def _sbom(wheels: Iterable[Path]) -> dict[str, object]:
    """Describe the archive as CycloneDX: the packages, their licences, the wheels and hashes."""
    packages = defaultdict(list)
    for wheel in wheels:
        packages[wheel.name.partition("-")[0]].append(wheel)
    own = _component(packages.pop("airbyte_sync_cli"))
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": {**own, "type": "application"}},
        "components": [_component(packages[name]) for name in sorted(packages)],
    }


def _component(wheels: Sequence[Path]) -> dict[str, object]:
    metadata = _metadata(wheels[0])
    name = re.sub(r"[-_.]+", "-", metadata["Name"]).lower()
    purl = f"pkg:pypi/{name}@{metadata['Version']}"
    return {
        "type": "library",
        "bom-ref": purl,
        "name": name,
        "version": metadata["Version"],
        "purl": purl,
        "licenses": [{"license": {"name": _licence(metadata)}}],
        "components": [
            {"type": "file", "name": wheel.name, "hashes": [{"alg": "SHA-256", "content": digest}]}
            for wheel in wheels
            for digest in [hashlib.sha256(wheel.read_bytes()).hexdigest()]
        ],
    }


def _metadata(wheel: Path) -> Message:
    with ZipFile(wheel) as opened:
        (name,) = (name for name in opened.namelist() if name.endswith(".dist-info/METADATA"))
        return Parser().parsestr(opened.read(name).decode(), headersonly=True)


def _licence(metadata: Message) -> str:
    """Return the licence as the package states it: as an expression, a text, or a classifier."""
    stated = metadata["License-Expression"] or metadata["License"]
    if stated is None:
        classifiers = metadata.get_all("Classifier", [])
        stated = next(one for one in classifiers if one.startswith("License ::")).split(" :: ")[-1]
    return str(stated)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Build airbyte-sync.pyz.")
    parser.add_argument("output", type=Path, nargs="?", default=ROOT / "dist" / "airbyte-sync.pyz")
    main(parser.parse_args().output)
