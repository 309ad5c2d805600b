"""What is shown of Snakemake: nothing of itself, every word of a step, and why a job failed."""

from miua.study.executors import LOG_LINES, cluster_messages, local_messages

OF_ITSELF = """\
Building DAG of jobs...
Using shell: /usr/bin/bash
Job stats:
job               count
--------------  -------
train                 2
total                22

Select jobs to execute...
Execute 2 jobs...
[Wed Nov 25 03:53:32 2026]
Finished jobid: 8 (Rule: phantoms)
Elapsed time: 0:00:36.269116
"""
OF_A_CLUSTER = """\
Using workflow specific profile mine for setting default command line arguments.
SLURM run ID: c215d723-69d9-4031-ab31-e389da964d7f
Provided remote nodes: 100
Provided resources: in_turn=Resource("in_turn", 1)
[Wed Nov 25 03:52:02 2026]
rule train:
    input: real/32/images.npy
    output: runs/n0008.done
    jobid: 15
    wildcards: run=n0008
    priority: 8
    resources: tmpdir=<TBD>, gpu=1, runtime=720
No SLURM account given, trying to guess.
[Wed Nov 25 03:55:14 2026] Group job sets_n0004 (jobs in lexicogr. order):
    [Wed Nov 25 03:55:14 2026]
    rule generate:
        input: runs/n0004.done
"""
STEPS = """\
Epoch 3 of 40
  File "x.py", line 3
miua: The paper needs LaTeX.
5 of 22 steps (23%) done
"""
FAILED = """\
[Wed Nov 25 03:52:14 2026]
Error in rule train:
    message: SLURM-job '5' failed, SLURM status is: 'TIMEOUT'. Detailed failure reason unavailable (status command is not 'sacct').For further error details see the cluster/cloud log and the log files of the involved rule(s).
    jobid: 15
    input: real/32/images.npy
    output: runs/n0008.done
    log: {log} (check log file(s) for error details)
    shell:
        miua train --config configs/n0008.yaml
        (command exited with non-zero exit code)
    external_jobid: 5
"""  # noqa: E501


def lines(text):
    return text.splitlines(keepends=True)


def test_what_snakemake_says_of_itself_is_dropped_and_the_steps_words_are_kept():
    assert list(local_messages(lines(OF_ITSELF + STEPS))) == lines(STEPS)
    assert list(cluster_messages(lines(OF_ITSELF + OF_A_CLUSTER + STEPS))) == lines(STEPS)


def test_a_submitted_job_is_one_line():
    said = "Job 15 has been submitted with SLURM jobid 5 (log: logs/rule_train/n0008/5.log).\n"
    assert list(cluster_messages([said])) == [
        "Slurm job 5 is submitted; its log: logs/rule_train/n0008/5.log\n"
    ]


def test_a_failed_job_is_shown_with_the_end_of_its_log(tmp_path):
    log = tmp_path / "n0008" / "5.log"
    log.parent.mkdir()
    epochs = "".join(f"epoch {number}\n" for number in range(100))
    limit = "slurmstepd: error: *** JOB 5 ON vm CANCELLED DUE TO TIME LIMIT ***\n"
    again = "        miua train --config configs/n0008.yaml\n"
    log.write_text(OF_ITSELF + epochs + OF_A_CLUSTER + limit + "srun: got SIGCONT\n" + again)
    shown = list(cluster_messages(lines(FAILED.format(log=log))))
    assert shown[:3] == [
        "Error in rule train:\n",
        "    SLURM-job '5' failed, SLURM status is: 'TIMEOUT'.\n",
        f"    The end of its log, {log}:\n",
    ]
    end = shown[3:-1]
    assert len(end) == LOG_LINES
    assert end[-1] == f"    | {limit}"
    assert end[-2] == "    | epoch 99\n"
    assert shown[-1] == "        miua train --config configs/n0008.yaml\n"


def test_a_log_that_is_not_there_is_said(tmp_path):
    shown = list(cluster_messages(lines(FAILED.format(log=tmp_path / "5.log"))))
    assert "    | (it cannot be read: No such file or directory)\n" in shown
