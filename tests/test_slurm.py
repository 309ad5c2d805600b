"""The study on a real Slurm: one node, made from Debian's packages, gone at the end.

It needs the packages of system-packages-slurm.txt; `./run slurm` brings them and runs this file.
"""

import fcntl
import hashlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from tests.small_study import SMALL, write_profile

pytestmark = pytest.mark.slurm

ROOT = Path(__file__).parents[1]
STUDY, PAPER = ROOT / "experiments", ROOT / "paper"
MIUA = Path(sys.executable).with_name("miua")
DEADLINE = 60  # seconds for what takes one
EXPERIMENTS = ("training-size", "noise-floor", "sensitivity")

CONFIGURATION = """
ClusterName=miua
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
# What works for root in a container, too: no cgroups are written.
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
KillWait=5
ReturnToService=2
# The node is as large as is said here, whatever the machine has.
SlurmdParameters=config_overrides
EnforcePartLimits=ALL
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
GresTypes=gpu
NodeName={host} NodeAddr=127.0.0.1 Port={node_port} CPUs={cores} RealMemory=65536 Gres=gpu:1
PartitionName=study Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def wait_for(what, there, seconds=DEADLINE):
    end = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < end, f"{what}: not within {seconds} s"
        time.sleep(0.2)


class Cluster:
    """munged, slurmctld and slurmd of one node, with every file of theirs in one folder."""

    def __init__(self, folder):
        self.folder = folder
        self.cores = len(os.sched_getaffinity(0))
        self.started = []

    @property
    def environment(self):
        path = f"{self.folder}/bin:{os.environ['PATH']}:/usr/sbin"
        return {**os.environ, "SLURM_CONF": f"{self.folder}/slurm.conf", "PATH": path}

    def run(self, *command):
        return subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=False
        )

    def said(self, *command):
        return self.run(*command).stdout.strip()

    def start(self):
        for name in ("bin", "state", "spool"):
            (self.folder / name).mkdir()
        self.folder.chmod(0o755)
        host = socket.gethostname().partition(".")[0]
        ports = {"controller_port": free_port(), "node_port": free_port()}
        text = CONFIGURATION.format(folder=self.folder, host=host, cores=self.cores, **ports)
        (self.folder / "slurm.conf").write_text(text)
        # A GPU to count; no GPU is behind it.
        (self.folder / "gres.conf").write_text(f"NodeName={host} Name=gpu File=/dev/zero\n")
        if not Path("/sys/fs/cgroup").is_mount():
            # Nothing uses cgroups, but slurmd looks which kind there is, unless it is told one.
            (self.folder / "cgroup.conf").write_text("CgroupPlugin=cgroup/v1\n")
        # Snakemake's plugin hides SLURM_CONF from the srun of a job.
        srun = self.folder / "bin" / "srun"
        real = shutil.which("srun")
        srun.write_text(f'#!/bin/sh\nSLURM_CONF={self.folder}/slurm.conf exec {real} "$@"\n')
        srun.chmod(0o755)
        self._start_munge()
        self._start("slurmctld", "-D")
        self._wait_for("controller", lambda: self.run("scontrol", "ping").returncode == 0)
        self._start("slurmd", "-D", "-N", host)
        self._wait_for("idle node", lambda: self.said("sinfo", "--noheader", "-o", "%T") == "idle")

    def _start_munge(self):
        key = self.folder / "munge.key"
        key.write_bytes(secrets.token_bytes(1024))
        key.chmod(0o400)
        files = {"socket": "socket", "key-file": "key"}
        files |= {f"{name}-file": name for name in ("log", "pid", "seed")}
        places = [f"--{option}={self.folder}/munge.{end}" for option, end in files.items()]
        self._start("munged", "--foreground", "--num-threads=2", *places)
        self._wait_for("munge", (self.folder / "munge.socket").exists)

    def _start(self, daemon, *arguments):
        command = shutil.which(daemon, path=self.environment["PATH"])
        assert command, f"{daemon} is missing; `./run slurm` installs system-packages-slurm.txt"
        with (self.folder / f"{daemon}.out").open("w") as said:
            self.started.append(
                subprocess.Popen(
                    [command, *arguments],
                    env=self.environment,
                    stdin=subprocess.DEVNULL,
                    stdout=said,
                    stderr=subprocess.STDOUT,
                )
            )

    def _wait_for(self, what, there):
        def ended():
            return [process.args[0] for process in self.started if process.poll() is not None]

        try:
            wait_for(what, lambda: there() or ended())
            assert not ended(), f"{what}: {ended()} ended"
        except AssertionError as error:
            logs = [
                f"{path.name}:\n{path.read_text()[-2000:]}"
                for path in sorted(self.folder.glob("*.out"))
            ]
            pytest.fail(f"{error}\n" + "\n".join(logs))

    def stop(self):
        if len(self.started) == 3:
            self.run("scancel", "--user=root", "--full")
            end = time.monotonic() + 20
            while self.said("squeue", "--noheader") and time.monotonic() < end:
                time.sleep(0.5)
        for process in reversed(self.started):
            process.terminate()
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@pytest.fixture(scope="module")
def cluster(loopback):
    # Not in pytest's folder, which others may not enter: munged insists that they may.
    with tempfile.TemporaryDirectory(prefix="miua-slurm-") as folder:
        made = Cluster(Path(folder))
        try:
            made.start()
            yield made
        finally:
            made.stop()


@pytest.fixture(scope="module")
def executor(tmp_path_factory, cluster):
    """A user's copy of the shipped settings, for a small cluster without accounting."""
    folder = tmp_path_factory.mktemp("executor")
    settings = yaml.safe_load((STUDY / "executors" / "slurm" / "config.yaml").read_text())
    settings |= {"slurm-status-command": "squeue", "slurm-init-seconds-before-status-checks": 1}
    settings |= {"latency-wait": 10}
    settings["set-threads"] = dict.fromkeys(settings["set-threads"], cluster.cores)
    (folder / "config.yaml").write_text(yaml.safe_dump(settings))
    return folder


@pytest.fixture
def tiny(tmp_path):
    """A study of two trainings, whose number of epochs can be set, and which ask for a GPU."""

    def study(epochs):
        return write_profile(
            tmp_path / "experiments",
            gpus_per_training=1,
            data={"source": "phantom", "images": 8, "seed": 2022},
            experiments={"training-size": {"training_sizes": [4, 8], "epochs": epochs}},
        )

    return study


def arguments(command, executor, results, study):
    options = {"--executor": executor, "--results": results, "--study": study, "--paper": PAPER}
    words = [str(word) for option in options.items() for word in option]
    return [str(MIUA), *command, "--profile", "smoke", *words]


@contextmanager
def started(cluster, said_in, *command):
    """`miua` in a process group of its own, as a terminal gives it; its words go to a file."""
    with said_in.open("w") as said:
        process = subprocess.Popen(
            command,
            env=cluster.environment,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield process, said_in.read_text
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def files_of(results):
    """What a reproduction found out: every image, number and verdict, by name."""
    patterns = ("runs/*/checkpoints/*.safetensors", "sets/*/*", "metrics/*.csv")
    patterns += ("metrics/*.npy", "tables/*", "claims.json")
    paths = [path for pattern in patterns for path in results.glob(pattern) if path.is_file()]
    return {
        str(path.relative_to(results)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(paths)
    }


def test_a_cluster_makes_the_same_files_as_one_machine(cluster, executor, tmp_path):
    experiments = {name: SMALL["experiments"][name] for name in EXPERIMENTS}
    study = write_profile(tmp_path / "experiments", **(SMALL | {"experiments": experiments}))
    here = arguments(["reproduce"], "local", tmp_path / "local", study)
    there = arguments(["reproduce"], executor, tmp_path / "cluster", study)
    # At the same time: most of it is a cluster's waiting.
    with (
        started(cluster, tmp_path / "local.txt", *here) as (local, said_here),
        started(cluster, tmp_path / "cluster.txt", *there) as (remote, said),
    ):
        assert remote.wait() == 0, said()
        assert local.wait() == 0, said_here()
    local, results = tmp_path / "local" / "smoke", tmp_path / "cluster" / "smoke"
    assert (results / "plan.yaml").read_text() == (local / "plan.yaml").read_text()
    here, there = files_of(local), files_of(results)
    # A checkpoint, the images and their provenance for each of four sets.
    assert len([name for name in there if name.startswith(("runs/", "sets/"))]) == 12
    assert there == here
    submitted = [line for line in said().splitlines() if line.startswith("Slurm job ")]
    trainings = [line for line in submitted if "/rule_train/" in line]
    assert len(trainings) == len(list((results / "configs").iterdir())) == 2
    # The sets of one training are one job.
    assert len([line for line in submitted if "/group_sets_" in line]) == len(trainings)


def test_a_failed_job_is_shown_with_its_reason_and_goes_on_at_the_next_call(
    cluster, executor, tiny, tmp_path
):
    study, results = tiny([1, 2]), tmp_path / "results"
    command = arguments(["experiment", "training-size"], executor, results, study)
    lock = results / "smoke" / "runs" / "n0004" / ".lock"
    lock.parent.mkdir(parents=True)
    # As a job does that outlived the command which submitted it.
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with started(cluster, tmp_path / "said.txt", *command) as (process, said):
            assert process.wait() == 1, said()
    assert "Error in rule train:" in said()
    assert "SLURM status is: 'FAILED'" in said()
    assert "/rule_train/n0004/" in said()
    assert "    | miua: Another training is at work in runs/n0004." in said()
    assert "Traceback" not in said()
    assert "jobid:" not in said()
    assert (results / "smoke" / "runs" / "n0008.done").exists()
    jobs = cluster.said("scontrol", "show", "job", "--oneliner").splitlines()
    assert [job for job in jobs if "rule_train_wildcards_n0004" in job and "gres:gpu:1" in job]
    with started(cluster, tmp_path / "said.txt", *command) as (process, said):
        assert process.wait() == 0, said()
    assert (results / "smoke" / "tables" / "training-size.csv").exists()
    assert "/rule_train/n0008/" not in said()


def test_an_interruption_cancels_the_jobs(cluster, executor, tiny, tmp_path):
    results = tmp_path / "results"
    command = arguments(["experiment", "training-size"], executor, results, tiny([100000]))

    def training():
        # Either may be first; the other waits for the GPU.
        return list(results.glob("smoke/runs/*/config.yaml")) or process.poll() is not None

    with started(cluster, tmp_path / "said.txt", *command) as (process, said):
        wait_for("a training", training, seconds=180)
        assert process.poll() is None, said()
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(timeout=240) == 130, said()
    wait_for("an empty queue", lambda: not cluster.said("squeue", "--noheader"))
    assert "Stopping ..." in said()
    assert "Traceback" not in said()
