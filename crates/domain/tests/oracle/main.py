"""The other voice on recurrence and zones: it shares no line with the engine that it is compared with.

    python3 main.py        makes its environment where that is missing, and goes on in it

One request a line on standard input, one answer a line on standard output, both JSON; see `protocol.py`.
"""

import os
import sys

NEEDED = (3, 11)
HERE = os.path.dirname(os.path.abspath(__file__))


def stop(why):
    sys.exit(f"oracle: {why}")


def cache():
    """The same place as for the servers of `servers/`."""
    given = os.environ.get("PUNCTUAL_CACHE")
    if not given:
        caches = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
        given = os.path.join(caches, "punctual")
    return os.path.join(os.path.abspath(given), "oracle")


def environment():
    """The Python of an environment with exactly what requirements.txt says. Made once; its name is that file's hash."""
    import fcntl
    import hashlib
    import shutil
    import subprocess

    requirements = os.path.join(HERE, "requirements.txt")
    with open(requirements, "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()[:12]
    name = f"python{sys.version_info[0]}.{sys.version_info[1]}-{digest}"
    whole, part = os.path.join(cache(), name), os.path.join(cache(), name + ".part")
    python = os.path.join("bin", "python3")
    if os.path.isdir(whole):
        return os.path.join(whole, python)
    os.makedirs(cache(), exist_ok=True)
    with open(whole + ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.isdir(whole):
            shutil.rmtree(part, ignore_errors=True)
            print("oracle: fetching python-dateutil and tzdata, once", file=sys.stderr)
            made = subprocess.run([sys.executable, "-m", "venv", part], stdout=subprocess.DEVNULL)
            if made.returncode != 0:
                stop(f"`{sys.executable} -m venv` does not work: install Python's venv (Debian: apt install python3-venv)")
            pip = [os.path.join(part, python), "-m", "pip", "--disable-pip-version-check", "-q", "install"]
            options = ["--require-hashes", "--no-deps", "--only-binary", ":all:", "-r", requirements]
            if subprocess.run(pip + options, stdout=sys.stderr).returncode != 0:
                stop("PyPI did not give what requirements.txt names: is there a network?")
            os.rename(part, whole)
    return os.path.join(whole, python)


if sys.version_info < NEEDED:
    stop(f"Python {NEEDED[0]}.{NEEDED[1]} or later is needed, and `python3` is {sys.version.split()[0]}")
if os.environ.get("PUNCTUAL_ORACLE") != HERE:
    # The zones come from the package alone, not from the system's files.
    os.environ.update(PUNCTUAL_ORACLE=HERE, PYTHONTZPATH="", PYTHONDONTWRITEBYTECODE="1", PYTHONNOUSERSITE="1")
    python = environment()
    os.execv(python, [python, os.path.abspath(__file__)])

import protocol  # noqa: E402

protocol.serve()
