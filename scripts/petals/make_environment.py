#!/usr/bin/env python3
"""Makes a Python environment in which real PETALS servers run, for the tests and for trying things out.

    python3 scripts/petals/make_environment.py [--folder .cache/petals]

Needs Python 3.11 with pip, Linux on x86-64, and a package index (PyPI or a mirror that pip is set up
for); about two minutes and 2 GB of disk with the CPU build of torch. A second run with the same
requirements does nothing. Nothing outside the folder is changed.

hivemind 1.1.10.post2, which PETALS 2.2 needs, exists only as source, and its build downloads the
network daemon `p2pd` from a third place. Here the daemon comes out of the wheel of hivemind 1.1.12,
so the package index is all that is needed.
"""

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
DEFAULT_FOLDER = HERE.parents[1] / ".cache" / "petals"

BUILD_TOOLS = ["setuptools<70", "wheel", "grpcio-tools==1.62.3", "protobuf==4.25.8"]
HIVEMIND = "hivemind==1.1.10.post2"
HIVEMIND_WITH_DAEMON = "hivemind==1.1.12"
DAEMON_MEMBER = "hivemind/hivemind_cli/p2pd"
# Their own requirements contradict one another or ask for packages that a server on loopback never imports.
NO_DEPS = [
    "petals==2.2.0.post1",
    "bitsandbytes==0.41.1",
    "peft==0.5.0",
    "tensor_parallel==1.0.23",
    "speedtest-cli==2.1.3",
]


def main() -> None:
    arguments = argparse.ArgumentParser(description="Makes a Python environment for PETALS servers.")
    arguments.add_argument("--folder", type=Path, default=DEFAULT_FOLDER)
    folder = arguments.parse_args().folder.resolve()
    if sys.version_info[:2] != (3, 11):
        restart_with_python_311()
    marker = folder / "complete"
    wanted = fingerprint()
    if marker.exists() and marker.read_text() == wanted:
        print(f"PETALS environment: {folder} is complete")
        return
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    # pip of this interpreter installs into the environment, so that ensurepip is not needed.
    run([sys.executable, "-m", "venv", "--without-pip", str(folder / "venv")])
    python = folder / "venv" / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "--disable-pip-version-check"]
    run([*pip, "install", "-q", "-r", str(HERE / "requirements.txt")])
    # After torch, which asks for a newer setuptools that no longer has what the build of hivemind imports.
    run([*pip, "install", "-q", *BUILD_TOOLS])
    with tempfile.TemporaryDirectory() as scratch:
        source = hivemind_source(pip, Path(scratch))
        run([*pip, "install", "-q", "--no-deps", "--no-build-isolation", str(source)])
    run([*pip, "install", "-q", "--no-deps", *NO_DEPS])
    check = f"import sys; sys.path.insert(0, {str(HERE)!r}); import petals_compat, petals; print('PETALS', petals.__version__)"
    run([str(python), "-W", "ignore", "-c", check])
    marker.write_text(wanted)
    print(f"PETALS environment: made in {folder}")


def restart_with_python_311() -> None:
    python = shutil.which("python3.11")
    if python is None:
        sys.exit("PETALS 2.2 needs Python 3.11: install it so that `python3.11` is on the PATH")
    os.execv(python, [python, *sys.argv])


def fingerprint() -> str:
    """Changes when this script or the requirements change."""
    text = b"".join((HERE / name).read_bytes() for name in ("make_environment.py", "requirements.txt"))
    return hashlib.sha256(text).hexdigest()


def hivemind_source(pip: list[str], scratch: Path) -> Path:
    """The source of hivemind with the daemon in it, and its digest in place of the one that setup.py expects."""
    run([*pip, "download", "-q", "--no-deps", "--no-build-isolation", "--no-binary", ":all:", "-d", str(scratch), HIVEMIND])
    run([*pip, "download", "-q", "--no-deps", "--only-binary", ":all:", "-d", str(scratch), HIVEMIND_WITH_DAEMON])
    with tarfile.open(next(scratch.glob("hivemind-*.tar.gz"))) as archive:
        # Python 3.11.4 brought filters, and warns from 3.12 on where none is named; Debian 12 has 3.11.2.
        archive.extractall(scratch, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
    source = next(path for path in scratch.iterdir() if path.is_dir())
    with zipfile.ZipFile(next(scratch.glob("hivemind-*.whl"))) as archive:
        daemon = archive.read(DAEMON_MEMBER)
    target = source / DAEMON_MEMBER
    target.write_bytes(daemon)
    target.chmod(0o755)
    setup = source / "setup.py"
    text, count = re.subn(
        r'("p2pd-linux-amd64":\s*)"[0-9a-f]{64}"',
        rf'\g<1>"{hashlib.sha256(daemon).hexdigest()}"',
        setup.read_text(),
    )
    if count != 1:
        sys.exit("the setup.py of hivemind names its daemon's digest in another way than expected")
    setup.write_text(text)
    return source


def run(command: list[str]) -> None:
    print("+", " ".join(command), flush=True)
    subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
