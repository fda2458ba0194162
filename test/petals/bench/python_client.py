"""Milliseconds per token of PETALS' own client: python_client.py MODEL PREFIX PEER PROMPT_IDS TOKENS REPEATS"""

import json
import sys
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

folder, prefix, peer, prompt_ids, tokens, repeats = sys.argv[1:]
model = AutoDistributedModelForCausalLM.from_pretrained(
    folder, initial_peers=[peer], dht_prefix=prefix, torch_dtype=torch.float32
)
prompt = torch.tensor([json.loads(prompt_ids)])
count = int(tokens)
runs = []
for _ in range(int(repeats)):
    opened = time.perf_counter()
    with model.inference_session(max_length=prompt.shape[1] + count + 8) as session:
        first = model.generate(prompt, max_new_tokens=1, session=session)
        started = time.perf_counter()
        rest = model.generate(None, max_new_tokens=count - 1, session=session)
        ended = time.perf_counter()
    runs.append(
        {
            "firstTokenMs": (started - opened) * 1000,
            "tokenMs": (ended - started) * 1000 / (count - 1),
            "tokens": [int(first[0, -1]), *rest[0, -(count - 1) :].tolist()],
        }
    )
print("runs " + json.dumps(runs))
