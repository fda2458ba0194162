"""Records what the reference implementations make of the models that the tests run.

    python3 -m venv venv && venv/bin/pip install torch transformers tokenizers gguf numpy
    venv/bin/python test/golden/reference/make_reference.py SmolLM2-135M-Instruct.Q4_1.gguf

Writes beside itself:
  smollm2-greedy.json    greedy continuation and logits by transformers, float32, on the dequantised weights
  *-token-ids.json       seeded random Unicode strings and their token ids by the Rust tokenizers library
"""

import json
import random
import sys
from pathlib import Path

import gguf
import numpy as np
import tokenizers
import torch
import transformers

HERE = Path(__file__).parent
TINY_AUSTEN = HERE.parents[2] / "models" / "tiny-austen" / "tokenizer.json"
NEW_TOKENS = 48
STRINGS = 1000
PROMPTS = ["What is the capital of France?", "Write two sentences about the sea, with the number 42 in them."]
HEAD = [
    "hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "intermediate_size",
    "max_position_embeddings", "vocab_size",
]
KEYS = [
    "embedding_length", "block_count", "attention.head_count", "attention.head_count_kv", "feed_forward_length",
    "context_length", "vocab_size",
]


def field(reader, key):
    return reader.fields[key].contents()


def unpermute(weight, heads):
    """GGUF keeps the rows of a head interleaved: row 2i and 2i+1 are the pair (i, i + d/2) of the original."""
    rows, columns = weight.shape
    return weight.reshape(heads, rows // heads // 2, 2, columns).swapaxes(1, 2).reshape(rows, columns)


def load_model(reader):
    config = transformers.LlamaConfig(
        **{name: int(field(reader, f"llama.{key}")) for name, key in zip(HEAD, KEYS)},
        rms_norm_eps=float(np.format_float_positional(np.float32(field(reader, "llama.attention.layer_norm_rms_epsilon")))),
        rope_parameters={"rope_type": "default", "rope_theta": float(field(reader, "llama.rope.freq_base"))},
        tie_word_embeddings=True,
    )
    names = {
        "token_embd": "model.embed_tokens", "output_norm": "model.norm", "attn_norm": "input_layernorm",
        "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
        "attn_output": "self_attn.o_proj", "ffn_norm": "post_attention_layernorm", "ffn_gate": "mlp.gate_proj",
        "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
    }
    state = {}
    for tensor in reader.tensors:
        weight = gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
        parts = tensor.name.split(".")
        part = parts[-2]
        if part == "attn_q":
            weight = unpermute(weight, config.num_attention_heads)
        if part == "attn_k":
            weight = unpermute(weight, config.num_key_value_heads)
        prefix = f"model.layers.{parts[1]}." if parts[0] == "blk" else ""
        state[f"{prefix}{names[part]}.weight"] = torch.from_numpy(np.ascontiguousarray(weight))
    model = transformers.LlamaForCausalLM(config).float().eval()
    missing, unexpected = model.load_state_dict(state, strict=False)
    assert not unexpected and set(missing) <= {"lm_head.weight"}, (missing, unexpected)
    model.tie_weights()
    return model


def load_tokenizer(reader):
    tokens = field(reader, "tokenizer.ggml.tokens")
    merges = [tuple(merge.split(" ", 1)) for merge in field(reader, "tokenizer.ggml.merges")]
    tokenizer = tokenizers.Tokenizer(
        tokenizers.models.BPE(vocab={token: i for i, token in enumerate(tokens)}, merges=merges)
    )
    pre = tokenizers.pre_tokenizers
    tokenizer.pre_tokenizer = pre.Sequence([pre.Digits(individual_digits=True), pre.ByteLevel(add_prefix_space=False)])
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    types = field(reader, "tokenizer.ggml.token_type")
    special = [tokens[i] for i, kind in enumerate(types) if kind == 3]
    tokenizer.add_special_tokens([tokenizers.AddedToken(text, normalized=False, special=True) for text in special])
    return tokenizer


def random_strings(seed):
    """Words, numbers, spaces, punctuation and any character at all, so that every rule of the tokenizer is met."""
    rng = random.Random(seed)
    ranges = [(0x20, 0x7E)] * 6 + [
        (0xA0, 0x17F), (0x370, 0x3FF), (0x400, 0x4FF), (0x5D0, 0x5EA), (0x660, 0x669), (0x900, 0x97F), (0xE00, 0xE5B),
        (0x2000, 0x206F), (0x2150, 0x218B), (0x3040, 0x30FF), (0x4E00, 0x9FFF), (0xAC00, 0xD7A3), (0x1F300, 0x1FAFF),
        (0x1D7CE, 0x1D7FF), (0, 0x1F), (0x10000, 0x10FFFF), (0x300, 0x36F),
    ]
    words = ["the", " and", "ing", "It's", "we'll", "THEY'RE", "  ", "\n\n", "\t", "123", " 4567", "3.14", "...", "e.g."]
    strings = []
    for _ in range(STRINGS):
        text = ""
        for _ in range(rng.randint(0, 24)):
            if rng.random() < 0.3:
                text += rng.choice(words)
            else:
                low, high = rng.choice(ranges)
                text += chr(rng.randint(low, high))
        strings.append(text)
    return strings


def write(name, value):
    (HERE / name).write_text(json.dumps(value, ensure_ascii=True, separators=(",", ":")) + "\n")


def write_token_ids(name, tokenizer, seed):
    strings = random_strings(seed)
    write(name, {"texts": strings, "ids": [tokenizer.encode(text).ids for text in strings]})


def main():
    reader = gguf.GGUFReader(sys.argv[1])
    tokenizer = load_tokenizer(reader)
    write_token_ids("smollm2-token-ids.json", tokenizer, 1)
    write_token_ids("tiny-austen-token-ids.json", tokenizers.Tokenizer.from_file(str(TINY_AUSTEN)), 2)
    model = load_model(reader)
    system = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"
    records = []
    for prompt in PROMPTS:
        text = f"<|im_start|>system\n{system}<|im_end|>\n<|im_start|>user\n{prompt}<|im_end|>\n<|im_start|>assistant\n"
        ids = tokenizer.encode(text).ids
        tokens, steps = torch.tensor([ids]), []
        with torch.no_grad():
            logits = model(tokens).logits[0, -1]
            # No stop at the end token: more tokens compare more.
            for _ in range(NEW_TOKENS):
                steps.append(int(model(tokens).logits[0, -1].argmax()))
                tokens = torch.cat([tokens, torch.tensor([[steps[-1]]])], dim=1)
        top = torch.topk(logits, 64)
        records.append({
            "message": prompt, "rendered": text, "prompt_tokens": ids, "greedy_tokens": steps,
            "top_logits": [[int(i), round(float(v), 5)] for v, i in zip(top.values, top.indices)],
            "logsumexp": round(float(torch.logsumexp(logits, 0)), 5),
        })
    write("smollm2-greedy.json", records)


main()
