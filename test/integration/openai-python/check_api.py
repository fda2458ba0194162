"""Drives a running dispatcher with OpenAI's own Python package. The first argument is its base address.

Prints one line per check and ends with 1 at the first that fails.
"""

import asyncio
import sys

import openai

BASE_URL = sys.argv[1].rstrip("/") + "/v1"
MESSAGES = [{"role": "user", "content": "It is a truth universally acknowledged"}]
client = openai.OpenAI(base_url=BASE_URL, api_key="none")


def whole_chat():
    raw = client.chat.completions.with_raw_response.create(model="default", messages=MESSAGES, max_tokens=8)
    answer = raw.parse()
    assert answer.choices[0].message.content, answer
    assert answer.choices[0].finish_reason in ("stop", "length")
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert answer._request_id == raw.headers["x-request-id"]
    assert raw.headers["x-daisychain-chain"]


def streamed_chat_equals_whole():
    options = {"model": "default", "messages": MESSAGES, "max_tokens": 16, "temperature": 0}
    whole = client.chat.completions.create(**options).choices[0].message.content
    text, usage = "", None
    for chunk in client.chat.completions.create(**options, stream=True, stream_options={"include_usage": True}):
        if chunk.choices:
            text += chunk.choices[0].delta.content or ""
        usage = chunk.usage or usage
    assert text == whole, (text, whole)
    assert usage.completion_tokens == 16, usage


def stream_helper():
    # The helper refuses answers that the length limit cut off, and hands them over in its error.
    try:
        with client.chat.completions.stream(model="default", messages=MESSAGES, max_tokens=8) as stream:
            final = stream.get_final_completion()
    except openai.LengthFinishReasonError as error:
        final = error.completion
    assert final.choices[0].message.content


def choices_and_logprobs():
    answer = client.chat.completions.create(
        model="default", messages=MESSAGES, max_tokens=4, n=3, seed=1, logprobs=True, top_logprobs=2
    )
    assert [choice.index for choice in answer.choices] == [0, 1, 2]
    for choice in answer.choices:
        for entry in choice.logprobs.content:
            assert entry.logprob <= 0 and len(entry.top_logprobs) == 2


def completions():
    answer = client.completions.create(model="default", prompt=["It is", "She was"], max_tokens=4, echo=True, logprobs=1)
    assert answer.choices[0].text.startswith("It is") and answer.choices[1].text.startswith("She was")
    text = "".join(chunk.choices[0].text for chunk in client.completions.create(model="default", prompt="It is", max_tokens=4, stream=True))
    assert text


def prompts_are_scored():
    answer = client.completions.create(model="default", prompt="It is a truth", max_tokens=0, echo=True, logprobs=2)
    scores = answer.choices[0].logprobs
    assert answer.choices[0].text == "It is a truth" and answer.usage.completion_tokens == 0, answer
    assert scores.token_logprobs[0] is None and all(score <= 0 for score in scores.token_logprobs[1:]), scores
    assert all(len(top) == 2 for top in scores.top_logprobs[1:]), scores


def same_seed_same_text():
    ask = lambda: client.completions.create(model="default", prompt="It is", max_tokens=12, seed=7).choices[0].text
    assert ask() == ask()


def models():
    ids = [model.id for model in client.models.list()]
    assert len(ids) == 1
    assert client.models.retrieve(ids[0]).id == ids[0]


def fails_with(kind, code, param, call):
    try:
        call()
    except kind as error:
        assert error.code == code, (error.code, code)
        assert error.param == param, (error.param, param)
        return
    raise AssertionError(f"no {kind.__name__}")


def errors():
    chat = client.chat.completions.create
    fails_with(openai.NotFoundError, "model_not_found", "model", lambda: chat(model="no-such-model", messages=MESSAGES))
    fails_with(openai.BadRequestError, "invalid_value", "temperature", lambda: chat(model="default", messages=MESSAGES, temperature=9))
    fails_with(
        openai.BadRequestError, "context_length_exceeded", "max_tokens", lambda: chat(model="default", messages=MESSAGES, max_tokens=9_000_000)
    )
    tools = [{"type": "function", "function": {"name": "f", "parameters": {}}}]
    fails_with(openai.BadRequestError, "unsupported_parameter", "tools", lambda: chat(model="default", messages=MESSAGES, tools=tools))


    formats = {"type": "json_object"}
    fails_with(
        openai.BadRequestError, "unsupported_parameter", "response_format", lambda: chat(model="default", messages=MESSAGES, response_format=formats)
    )
    fails_with(openai.NotFoundError, "not_found", None, lambda: client.embeddings.create(model="default", input="It is"))


def stop_texts():
    whole = client.completions.create(model="default", prompt="It is a truth", max_tokens=40, temperature=0).choices[0].text
    word = whole.split()[3]
    stopped = client.completions.create(
        model="default", prompt="It is a truth", max_tokens=40, temperature=0, stop=["never comes", word]
    ).choices[0]
    assert stopped.finish_reason == "stop" and stopped.text == whole[: whole.index(word)], (stopped, whole)


def many_at_once():
    async def main():
        async with openai.AsyncOpenAI(base_url=BASE_URL, api_key="none") as many:
            answers = await asyncio.gather(
                *(many.chat.completions.create(model="default", messages=MESSAGES, max_tokens=4) for _ in range(20))
            )
            assert all(answer.choices[0].message.content for answer in answers)

    asyncio.run(main())


def leaving_a_stream_early_frees_its_slot():
    for _ in range(12):
        with client.chat.completions.create(model="default", messages=MESSAGES, max_tokens=200, stream=True) as stream:
            next(iter(stream))
    assert client.chat.completions.create(model="default", messages=MESSAGES, max_tokens=1, timeout=20).choices


for check in [
    whole_chat,
    streamed_chat_equals_whole,
    stream_helper,
    choices_and_logprobs,
    completions,
    prompts_are_scored,
    same_seed_same_text,
    stop_texts,
    models,
    errors,
    many_at_once,
    leaving_a_stream_early_frees_its_slot,
]:
    try:
        check()
    except Exception as error:  # noqa: BLE001: whatever it is, the check failed
        print(f"FAILED {check.__name__}: {type(error).__name__}: {error}", flush=True)
        sys.exit(1)
    print(f"ok {check.__name__}", flush=True)
