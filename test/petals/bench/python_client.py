"""Milliseconds per step of PETALS' own client, hidden states in and out: python_client.py REQUEST

REQUEST is JSON: folder, prefix, peer, prompt (token ids), tokens, repeats, sessions (at once). Prints `runs ` and a list
with one entry for each session.
"""

import json
import sys
import threading
import time
from collections import defaultdict
from pathlib import Path
from types import SimpleNamespace

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "scripts" / "petals"))
# PETALS asks this package which instructions the processor has, for weights in bfloat16 only.
sys.modules["cpufeature"] = SimpleNamespace(CPUFeature=defaultdict(bool))

import petals_compat  # noqa: F401  (before petals)

import torch  # noqa: E402
from petals import AutoDistributedModelForCausalLM  # noqa: E402

request = json.loads(sys.argv[1])
model = AutoDistributedModelForCausalLM.from_pretrained(
    request["folder"], initial_peers=[request["peer"]], dht_prefix=request["prefix"], torch_dtype=torch.float32
)
blocks = model.model.layers
prompt = torch.tensor([request["prompt"]])
count = request["tokens"]


def generate() -> dict:
    tokens, step_ms = [], []
    with torch.inference_mode(), blocks.inference_session(max_length=prompt.shape[1] + count) as session:
        ids = prompt
        while len(tokens) < count:
            hidden = model.model.embed_tokens(ids)
            started = time.perf_counter()
            output = session.step(hidden)
            step_ms.append((time.perf_counter() - started) * 1000)
            ids = model.lm_head(model.model.norm(output[:, -1:])).argmax(-1)
            tokens.append(int(ids))
    return {"firstMs": step_ms[0], "stepMs": step_ms[1:], "tokens": tokens}


def generate_together(sessions: int) -> tuple[list, float]:
    runs = []
    threads = [threading.Thread(target=lambda: runs.append(generate())) for _ in range(sessions)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return runs, time.perf_counter() - started


generate()  # connections
runs, seconds = [], 0.0
for _ in range(request["repeats"]):
    more, took = generate_together(request["sessions"])
    runs += more
    seconds += took
print("runs " + json.dumps({"runs": runs, "seconds": seconds}))
