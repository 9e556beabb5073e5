"""The files for several machines: their syntax, their shape, and what they would start.

No cluster is at hand. The commands are read by torchrun's own parser and by the training command's;
the script for ssh runs as two machines on one.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml
from torch.distributed.run import get_args_parser

from helpers.checkpoints import load_checkpoint
from helpers.train import _options, main
from tests.helpers.test_train_distributed import free_port
from tests.notebooks import ROOT, read

CLUSTER = ROOT / "book" / "cluster"
SCRIPTS = ["torchrun.sh", "slurm.sbatch"]
SWITCH = "TORCH_DISABLE_SHARE_RDZV_TCP_STORE"


def parsed(words):
    """Returns torchrun's options and the training command's from the words after torchrun."""
    torchrun = get_args_parser().parse_args(words)
    assert (torchrun.module, torchrun.training_script) == (True, "helpers.train")
    return torchrun, _options(torchrun.training_script_args)


def run_with_fakes(tmp_path, script, *words, **environment):
    """Runs a script with programs that only write down how they were called."""
    recorder = f"#!{sys.executable}\nimport json, os, sys\n"
    fakes = {
        "torchrun": recorder + "print(json.dumps([sys.argv[1:], dict(os.environ)]))",
        "srun": recorder + "i = sys.argv.index('torchrun'); os.execvp('torchrun', sys.argv[i:])",
        "scontrol": "#!/bin/sh\necho node-a; echo node-b",
    }
    for name, text in fakes.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    return subprocess.run(
        ["bash", str(CLUSTER / script), *words], capture_output=True, text=True,
        env={**os.environ, "PATH": path, **environment},
    )  # fmt: skip


@pytest.mark.parametrize("script", SCRIPTS)
def test_scripts_are_correct_bash(script):
    done = subprocess.run(["bash", "-n", str(CLUSTER / script)], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_every_file_is_in_the_table_and_every_one_in_the_table_is_there():
    named = re.findall(r"\]\(([\w.]+)\)", (CLUSTER / "README.md").read_text(encoding="utf-8"))
    assert sorted(named) == sorted(p.name for p in CLUSTER.iterdir() if p.name != "README.md")


def test_the_script_for_each_machine(tmp_path):
    readme = (CLUSTER / "README.md").read_text(encoding="utf-8")
    line = re.search(r"^HEAD=.*$", readme, re.M)[0]
    environment = dict(re.findall(r"(\w+)=(\S+)", line.partition(" bash ")[0]))
    words = line.partition("torchrun.sh ")[2].split()
    done = run_with_fakes(tmp_path, "torchrun.sh", *words, **environment)
    assert done.returncode == 0, done.stderr
    given, seen = json.loads(done.stdout)
    torchrun, options = parsed(given)
    assert (torchrun.nnodes, torchrun.nproc_per_node, torchrun.rdzv_id) == ("2", "8", "run-1")
    assert torchrun.rdzv_endpoint == "10.0.0.1:29400" and torchrun.rdzv_backend == "c10d"
    assert (str(options.output), options.batch_size) == ("/shared/run-1", 1024)
    assert seen[SWITCH] == "1"
    # What is missing is named.
    done = run_with_fakes(tmp_path, "torchrun.sh", HEAD="10.0.0.1", OUTPUT="")
    assert done.returncode != 0 and "OUTPUT: folder for checkpoint and results" in done.stderr


def test_the_job_for_slurm(tmp_path):
    slurm = {"SLURM_JOB_NODELIST": "node-[a-b]", "SLURM_JOB_ID": "4217", "SLURM_NNODES": "2",
             "SLURM_GPUS_ON_NODE": "8", "SLURM_CPUS_PER_TASK": "64"}  # fmt: skip
    done = run_with_fakes(tmp_path, "slurm.sbatch", "/shared/x", "--lr", "0.1", **slurm)
    assert done.returncode == 0, done.stderr
    given, seen = json.loads(done.stdout)
    torchrun, options = parsed(given)
    assert (torchrun.nnodes, torchrun.nproc_per_node) == ("2", "8")
    assert (torchrun.rdzv_endpoint, torchrun.rdzv_id) == ("node-a:29217", "4217")
    assert (str(options.output), options.lr) == ("/shared/x", 0.1)
    assert (seen[SWITCH], seen["OMP_NUM_THREADS"]) == ("1", "8")
    done = run_with_fakes(tmp_path, "slurm.sbatch", **slurm)
    assert done.returncode != 0 and "usage: sbatch slurm.sbatch OUTPUT" in done.stderr
    text = (CLUSTER / "slurm.sbatch").read_text(encoding="utf-8")
    # SLURM reads its lines up to the first command.
    head, _, rest = text.partition("\nset -euo pipefail")
    assert "#SBATCH" not in rest and "#SBATCH --ntasks-per-node=1\n" in head


def container(pod):
    """Returns a pod's only container, its volumes looked at, and what its command starts."""
    [one] = pod["containers"]
    assert one["command"] == ["torchrun"]
    assert {v["name"] for v in pod["volumes"]} == {v["name"] for v in one["volumeMounts"]}
    assert {"name": SWITCH, "value": "1"} in one["env"]
    assert all(isinstance(word, str) for word in one["args"])
    assert pod["terminationGracePeriodSeconds"] > 30
    torchrun, options = parsed(one["args"])
    assert str(options.output).startswith(one["volumeMounts"][0]["mountPath"] + "/")
    return one, torchrun


def test_the_manifest_for_kubernetes_alone():
    text = (CLUSTER / "kubernetes.yaml").read_text(encoding="utf-8")
    service, job = yaml.safe_load_all(text)
    assert (service["apiVersion"], service["kind"]) == ("v1", "Service")
    assert (job["apiVersion"], job["kind"]) == ("batch/v1", "Job")
    name, spec = job["metadata"]["name"], job["spec"]
    pod = spec["template"]["spec"]
    one, torchrun = container(pod)
    assert service["spec"]["clusterIP"] == "None"
    assert service["spec"]["selector"] == {"job-name": name}
    assert service["metadata"]["name"] == pod["subdomain"]
    assert spec["completionMode"] == "Indexed"
    assert spec["completions"] == spec["parallelism"] == int(torchrun.nnodes)
    [port], [opened] = service["spec"]["ports"], one["ports"]
    assert torchrun.rdzv_endpoint == f"{name}-0.{pod['subdomain']}:{port['port']}"
    assert opened["containerPort"] == port["port"]
    assert one["resources"]["limits"]["nvidia.com/gpu"] == int(torchrun.nproc_per_node)


def test_the_manifest_for_the_training_operator():
    job = yaml.safe_load((CLUSTER / "pytorchjob.yaml").read_text(encoding="utf-8"))
    assert (job["apiVersion"], job["kind"]) == ("kubeflow.org/v1", "PyTorchJob")
    spec, elastic = job["spec"], job["spec"]["elasticPolicy"]
    worker = spec["pytorchReplicaSpecs"]["Worker"]
    assert elastic["minReplicas"] <= worker["replicas"] <= elastic["maxReplicas"]
    one, torchrun = container(worker["template"]["spec"])
    assert one["name"] == "pytorch"
    assert spec["nprocPerNode"] == str(one["resources"]["limits"]["nvidia.com/gpu"])
    # What the operator sets stands in no option, which would win over it.
    untouched = get_args_parser().parse_args(["x"])
    for name in ("nnodes", "nproc_per_node", "rdzv_endpoint", "max_restarts"):
        assert getattr(torchrun, name) == getattr(untouched, name)


def test_what_the_chapter_tells_to_type():
    text = "\n".join(c.source for c in read(ROOT / "notebooks" / "31_scaling_out.ipynb").cells)
    [block] = re.findall(r"^```\n(export .*?)\n```$", text, re.S | re.M)
    first, line = block.replace("\\\n", "").split("\n")
    assert first == f"export {SWITCH}=1"
    program, *words = line.split()
    torchrun, options = parsed(words)
    assert (program, torchrun.nnodes, options.batch_size) == ("torchrun", "2", 1024)


@pytest.mark.slow
def test_two_machines_give_the_result_of_one(tmp_path):
    words = ["--model", "linear", "--optimizer", "sgd", "--lr", "0.05", "--images", "700"]
    words += ["--epochs", "2", "--device", "cpu", "--augment"]
    assert main([str(tmp_path / "one"), *words]) == 0
    environment = {**os.environ, "HEAD": "127.0.0.1", "PORT": str(free_port()), "NODES": "2",
                   "GPUS": "1", "RUN": "two", "OUTPUT": str(tmp_path / "two"),
                   "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}  # fmt: skip
    machines = [
        subprocess.Popen(["bash", str(CLUSTER / "torchrun.sh"), *words], env=environment,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]  # fmt: skip
    texts = [machine.communicate(timeout=200) for machine in machines]
    assert [machine.returncode for machine in machines] == [0, 0], texts
    assert sorted(out.count("epoch") for out, _ in texts) == [0, 2]
    one, two = (load_checkpoint(tmp_path / name / "checkpoint.pt") for name in ("one", "two"))
    for name, value in one["model"].items():
        assert torch.allclose(value, two["model"][name], rtol=0, atol=1e-5), name
