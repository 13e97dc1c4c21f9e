"""Size and start of the program: installed, as one file, and in the image.

    make bench      rewrites the table in docs/image.md

CPU seconds instead of wall time, medians of runs in turn: other work on the machine hardly changes
them. The image is measured if podman or docker works here; its base is named, because only the
layer that the build adds is the same on another base.
"""

import gzip
import json
import os
import statistics
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.figures import store
from tests.e2e.image import Image, find_engine

ROOT: Final = Path(__file__).resolve().parent.parent
PYZ: Final = ROOT / "dist" / "airbyte-sync.pyz"
RUNS: Final = 31
STARTS: Final = ("--version", "run --help")
LIMIT: Final = 1.3
"""The most that a start of the one file may cost, in starts of the installed program."""


def main() -> None:
    """Measure, store, and exit with 1 if the one file starts too slowly."""
    with tempfile.TemporaryDirectory() as folder:
        rows = [*_installed_and_one_file(Path(folder)), *_image(Path(folder))]
    store("packages", [row._asdict() for row in rows])
    installed, one_file = rows[:2]
    for start in STARTS:
        ratio = one_file.cpu_ms[start] / installed.cpu_ms[start]
        print(f"{one_file.name} {start}: {ratio:.2f} (at most {LIMIT})")
        if ratio > LIMIT:
            raise SystemExit(1)


class Row(NamedTuple):
    """One way to have the program: its size, and its start beside that of a bare Python."""

    name: str
    megabytes: float
    unpacked_megabytes: float
    cpu_ms: dict[str, float]
    python_cpu_ms: float


def _installed_and_one_file(folder: Path) -> list[Row]:
    environ = {"HOME": str(folder), "PATH": os.environ["PATH"]}
    for name in ("installed", "bare"):  # other packages change what a start imports
        subprocess.run([sys.executable, "-m", "venv", str(folder / name)], check=True)
    installed, bare = folder / "installed" / "bin", folder / "bare" / "bin" / "python"
    pip = [str(installed / "python"), "-m", "pip", "install", "--quiet"]
    locked = [*pip, "--require-hashes", "-r", str(ROOT / "requirements.txt")]
    for command in (locked, [*pip, "--no-deps", str(ROOT)]):
        subprocess.run(command, check=True, env=_pip_environ())
    cpu = _in_turn(
        [
            [str(bare), "-c", "pass"],
            *([str(installed / "airbyte-sync"), *start.split()] for start in STARTS),
            *([str(bare), str(PYZ), *start.split()] for start in STARTS),
        ],
        environ,
    )
    (cache,) = (folder / ".cache").iterdir()
    packages = next((folder / "installed").glob("lib/*/site-packages"))
    size = _size(packages) - _size(packages / "pip")
    return [
        Row("installed", size, size, _starts(cpu[1:3]), cpu[0]),
        Row(PYZ.name, PYZ.stat().st_size / 1e6, _size(cache), _starts(cpu[3:]), cpu[0]),
    ]


def _pip_environ() -> dict[str, str]:
    """Return this environment, without what keeps pip from compiling."""
    return {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}


def _in_turn(commands: Sequence[Sequence[str]], environ: Mapping[str, str]) -> list[float]:
    """Run the commands in turn; return the median CPU milliseconds of each."""
    rounds = [[_cpu_ms(command, environ) for command in commands] for _ in range(RUNS + 1)]
    return [round(statistics.median(each), 1) for each in zip(*rounds[1:], strict=True)]


def _cpu_ms(command: Sequence[str], environ: Mapping[str, str]) -> float:
    process = subprocess.Popen(command, env=dict(environ), stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} exited with {process.returncode}")
    return (usage.ru_utime + usage.ru_stime) * 1000


def _starts(cpu: Sequence[float]) -> dict[str, float]:
    return dict(zip(STARTS, cpu, strict=True))


def _size(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def _image(folder: Path) -> list[Row]:
    engine = find_engine()
    if engine is None:
        print("podman and docker are missing: the image is not measured")
        return []
    image = Image(engine, "airbyte-sync:measured")
    try:
        image.build(folder)
    except AssertionError as error:  # its base cannot be pulled everywhere
        print(f"the image cannot be built here, so it is not measured: {error}"[-300:])
        return []
    layer = _top_layer(image, folder)
    cpu = json.loads(image.python(_START_MANY.format(starts=STARTS, runs=RUNS)))
    labels = image.inspect()["Labels"]
    assert isinstance(labels, dict)  # noqa: S101  # narrows the type
    name = f"image, its layer on {labels['org.opencontainers.image.base.name'].split('/')[-1]}"
    compressed = len(gzip.compress(layer, 6)) / 1e6
    return [Row(name, compressed, len(layer) / 1e6, _starts(cpu[1:]), cpu[0])]


def _top_layer(image: Image, folder: Path) -> bytes:
    """Return what the build adds to its base, as a tar archive."""
    saved = folder / "image.tar"
    image.call("save", "--output", str(saved), image.tag)
    with tarfile.open(saved) as archive:
        manifest = archive.extractfile("manifest.json")
        assert manifest is not None  # noqa: S101  # the same
        layer = archive.extractfile(json.load(manifest)[0]["Layers"][-1])
        assert layer is not None  # noqa: S101  # the same
        return layer.read()


_START_MANY: Final = """
import json, os, statistics, subprocess, sys
commands = [[sys.executable, "-c", "pass"], *(["airbyte-sync", *one.split()] for one in {starts})]
def cpu(command):
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0
    return (usage.ru_utime + usage.ru_stime) * 1000
rounds = [[cpu(command) for command in commands] for _ in range({runs} + 1)]
print(json.dumps([round(statistics.median(one), 1) for one in zip(*rounds[1:])]))
"""

if __name__ == "__main__":
    main()
