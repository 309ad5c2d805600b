import subprocess
import sys

HEAVY = ("torch", "torch_fidelity", "pandas", "pydantic", "matplotlib", "scipy", "requests")


def test_importing_the_metrics_is_light():
    program = f"import sys, miua.metrics; print([name for name in {HEAVY} if name in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert answer.stdout == "[]\n", answer.stderr
