"""The clients of the HTTP providers against a loopback server: what they send, read, retry and report."""

import email.utils
import json
import time

import pytest

from conftest import KEY
from model_servers import (Answer, Cut, Hang, ModelServer, Raw, Status, check_reply, check_request, check_schema)

APIS = ["openai", "anthropic", "gemini"]
SCHEMA_WAY = {"openai": "schema", "anthropic": "tool", "gemini": "schema"}


@pytest.mark.parametrize("way", ["auto", "schema", "tool", "text"])
@pytest.mark.parametrize("api", APIS)
def test_asks_and_answers_as_the_sdk_knows(ask, api, way):
    answer = Answer(tokens_in=120, tokens_out=30, tokens_cached=40, tokens_reasoning=10)
    with ModelServer([answer]) as server:
        asked = ask(server, api, structured=way, price_in=10.0, price_out=100.0, price_cached=1.0)
    assert asked.failure == "none", asked.error
    assert json.loads(asked.text) == {"answer": 42}
    usage = asked.usage
    assert usage.pop("seconds") > 0
    assert usage == {"tokens_in": 120, "tokens_out": 30, "tokens_cached": 40, "tokens_reasoning": 10,
                     "cost_usd": pytest.approx((80 * 10 + 40 * 1 + 30 * 100) * 1e-6)}
    assert asked.notes == []
    (request,) = server.requests
    check_request(request)
    check_reply(*server.served[0])
    assert request.way == (SCHEMA_WAY[api] if way == "auto" else way)
    if way != "text":
        check_schema(request)
    # The question arrives whole.
    sent = json.dumps(request.body, ensure_ascii=False)
    assert "You answer in JSON." in sent and "What is 6 times 7? \\\"Quoted\\\", new line\\nand é." in sent
    assert ('JSON schema, and nothing else' in sent) == (way == "text")
    # Both bodies are kept as they went over the wire.
    assert json.loads(asked.exchanges[0]["request"]) == request.body
    assert json.loads(asked.exchanges[0]["reply"]) == server.served[0][1]


def test_key_goes_into_the_right_header(ask):
    names = {"openai": ("authorization", f"Bearer {KEY}"), "anthropic": ("x-api-key", KEY),
             "gemini": ("x-goog-api-key", KEY)}
    with ModelServer() as server:
        for api in APIS:
            assert ask(server, api).failure == "none"
            name, value = names[api]
            assert server.requests[-1].headers[name] == value
            assert KEY not in server.requests[-1].path
            assert ask(server, api, key=None).failure == "none"
            assert name not in server.requests[-1].headers
        assert server.requests[2].headers["anthropic-version"] == "2023-06-01"


def test_extra_fields_are_merged_in(ask):
    with ModelServer() as server:
        ask(server, "openai", model="some/model", lines="extra = { temperature = 0.5, max_tokens = 7 }")
        ask(server, "gemini", model="models/gem ini", lines="extra.generationConfig = { topK = 3 }")
    openai, gemini = server.requests
    assert openai.body["model"] == "some/model"
    assert openai.body["temperature"] == 0.5 and openai.body["max_tokens"] == 7
    assert gemini.path == "/v1beta/models/gem%20ini:generateContent"
    assert gemini.body["generationConfig"]["topK"] == 3
    assert gemini.body["generationConfig"]["maxOutputTokens"] == 256


@pytest.mark.parametrize("api", APIS)
def test_turns_to_another_way_once_and_remembers(ask, api):
    ways = {"openai": ["schema", "tool", "text"], "anthropic": ["tool", "schema", "text"],
            "gemini": ["schema", "tool", "text"]}[api]
    refused = {"schema": "response_format / output_config / responseMimeType: schema is not supported",
               "tool": "tool_choice forces tool use: not supported"}

    def script(request):
        return Status(400, refused[request.way]) if request.way in refused else Answer()

    with ModelServer(script) as server:
        asked = ask(server, api, "--times", 2, retries=0)
    assert asked.failure == "none", asked.error
    seen = [request.way for request in server.requests]
    assert list(dict.fromkeys(seen)) == ways
    assert seen[-2:] == ["text", "text"], "the second question starts with what worked"
    assert len(asked.replies[0]["notes"]) == len(seen) - 2 and asked.notes == []
    for request in server.requests:
        check_request(request)


def test_a_named_way_is_kept(ask):
    with ModelServer([Status(400, "response_format is not supported")]) as server:
        asked = ask(server, "openai", structured="schema")
    assert asked.failure == "http" and len(server.requests) == 1
    assert "response_format is not supported" in asked.error


def test_other_refusals_do_not_turn(ask):
    with ModelServer([Status(400, "maximum context length is 4096")]) as server:
        asked = ask(server, "openai")
    assert len(server.requests) == 1
    assert asked.error == ("HTTP 400: the server refuses the request; the server says: "
                           "maximum context length is 4096")


def test_name_of_the_token_limit_is_found_out(ask):
    def script(request):
        if "max_tokens" in request.body:
            return Status(400, "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.")
        return Answer()

    with ModelServer(script) as server:
        asked = ask(server, "openai", "--times", 2)
    assert asked.failure == "none"
    assert [r.body.get("max_completion_tokens") for r in server.requests] == [None, 256, 256]


def test_gemini_falls_back_to_the_older_schema(ask):
    def script(request):
        if "responseJsonSchema" in request.body["generationConfig"]:
            return Status(400, 'Invalid JSON payload received. Unknown name "responseJsonSchema"')
        return Answer()

    with ModelServer(script) as server:
        assert ask(server, "gemini").failure == "none"
    check_request(server.requests[-1])
    config = server.requests[-1].body["generationConfig"]
    assert config["responseSchema"] == {"type": "object", "properties": {"answer": {"type": "integer"}},
                                        "required": ["answer"]}


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("code", [408, 409, 429, 500, 503, 529])
def test_tries_again_where_it_may_help(ask, api, code):
    with ModelServer([Status(code), Answer()]) as server:
        asked = ask(server, api, retries=1)
    assert asked.failure == "none" and len(server.requests) == 2 and len(asked.exchanges) == 2
    assert "scripted_error" in asked.exchanges[0]["reply"] or api == "gemini"


@pytest.mark.parametrize("code, failure, words", [
    (401, "http", "HTTP 401: the server refuses the key in BANYAN_TEST_API_KEY"),
    (403, "http", "HTTP 403: the server refuses the key in BANYAN_TEST_API_KEY"),
    (404, "http", "HTTP 404: no model 'test-model' there, or base_url is wrong (http://127.0.0.1:"),
    (413, "http", "HTTP 413: the server refuses the request; the server says: a scripted error"),
    (301, "http", "HTTP 301: the server moved to 'http://127.0.0.1:1/x'; put the new address in base_url"),
])
@pytest.mark.parametrize("api", APIS)
def test_gives_up_at_once_where_it_cannot_help(ask, api, code, failure, words):
    with ModelServer([Status(code, headers={"Location": "http://127.0.0.1:1/x"})]) as server:
        asked = ask(server, api)
    assert asked.failure == failure and len(server.requests) == 1
    assert asked.error.startswith(words), asked.error
    assert asked.usage["tokens_in"] == 0 and asked.usage["cost_usd"] == 0


@pytest.mark.parametrize("code, failure, words", [
    (429, "throttled", "HTTP 429: too many requests (3 tries); lower 'concurrency' or come back later"),
    (500, "http", "HTTP 500: the server failed (3 tries); come back later"),
    (529, "throttled", "HTTP 529: the server is overloaded (3 tries); come back later"),
])
def test_gives_up_after_its_retries(ask, code, failure, words):
    with ModelServer([Status(code)]) as server:
        asked = ask(server, "openai", retries=2)
    assert asked.failure == failure and len(server.requests) == 3
    assert asked.error.startswith(words), asked.error


def test_waits_as_long_as_the_server_asks(ask):
    with ModelServer([Status(429, headers={"Retry-After": "0.5"}), Answer()]) as server:
        assert ask(server, "openai").failure == "none"
    assert server.requests[1].time - server.requests[0].time >= 0.45

    date = email.utils.formatdate(time.time() + 2, usegmt=True)
    with ModelServer([Status(503, headers={"Retry-After": date}), Answer()]) as server:
        assert ask(server, "anthropic").failure == "none"
    assert server.requests[1].time - server.requests[0].time >= 0.5

    with ModelServer([Status(429, headers={"Retry-After": "3600"})]) as server:
        asked = ask(server, "openai")
    assert len(server.requests) == 1 and asked.failure == "throttled"
    assert "it asks to come back in 3600 s" in asked.error


def test_an_empty_account_is_not_asked_again(ask):
    with ModelServer([Status(429, "You exceeded your quota", kind="insufficient_quota")]) as server:
        asked = ask(server, "openai")
    assert len(server.requests) == 1 and asked.failure == "throttled" and "billing page" in asked.error


@pytest.mark.parametrize("within_body, limits", [
    (False, {"first_byte_timeout_s": 0.2}), (True, {"total_timeout_s": 0.3})])
def test_a_hanging_server_is_left(ask, within_body, limits):
    with ModelServer([Hang(within_body)]) as server:
        asked = ask(server, "openai", price_in=1.0, price_out=1.0, **limits)
    assert asked.failure == "timeout" and len(server.requests) == 1
    (key, seconds), = limits.items()
    assert f"within {seconds} s" in asked.error and key in asked.error
    assert asked.usage["tokens_in"] > 0 and asked.usage["cost_usd"] > 0, "it may be charged for"
    assert any("estimated" in note for note in asked.notes)


@pytest.mark.parametrize("within_body", [False, True])
def test_a_cut_connection_is_tried_again(ask, within_body):
    with ModelServer([Cut(within_body), Answer()]) as server:
        assert ask(server, "openai").failure == "none"
    with ModelServer([Cut(within_body)]) as server:
        asked = ask(server, "openai", retries=1)
    assert asked.failure == "network" and len(server.requests) == 2 and "(2 tries)" in asked.error


def test_no_try_follows_that_might_cost_more_than_was_reserved(ask):
    with ModelServer([Cut(True, after=20_000), Answer()]) as server:
        asked = ask(server, "openai", "--max-output", 8000, retries=1)
    assert asked.failure == "network" and len(server.requests) == 1
    assert "might cost more than was reserved" in asked.error and asked.usage["tokens_out"] > 0
    with ModelServer([Cut(True, after=20_000)]) as server:
        asked = ask(server, "openai", "--max-output", 8000, retries=0)
    assert asked.failure == "network" and "reserved" not in asked.error, "no other try was due"


def test_no_server_at_all(ask):
    with ModelServer() as server:
        pass
    asked = ask(server, "openai", retries=1)
    assert asked.failure == "network" and "(2 tries)" in asked.error
    assert f"is the server of {server.url}/v1/chat/completions running and reachable?" in asked.error
    assert asked.usage["tokens_in"] == 0


def test_a_huge_reply_is_not_read(ask):
    with ModelServer([Raw(b"{\"choices\": \"" + b"x" * 20_000_000 + b"\"}")]) as server:
        asked = ask(server, "openai")
    assert asked.failure == "network" and "larger than 8388608 bytes" in asked.error
    assert len(asked.exchanges[0]["reply"]) < 1_100_000


@pytest.mark.parametrize("body, failure, words", [
    (b"<html>It works!</html>", "unusable", "no JSON (it starts with '<html>It works!</html>'); is base_url"),
    (b"", "unusable", "no JSON"),
    (b"[" * 500_000, "unusable", "no JSON"),
    (b"{\"choices\": []}", "unusable", "holds no choice"),
    (b"[]", "unusable", "holds no choice"),
    (b"{\"choices\": [{\"message\": {\"content\": null}}]}", "unusable", "empty text"),
    (b"{\"error\": {\"code\": 404, \"message\": \"gone\"}}", "http", "HTTP 404"),
    (b"{\"usage\": {\"prompt_tokens\": -5, \"completion_tokens\": 1e99}, \"choices\": 3}", "unusable",
     "holds no choice"),
], ids=["page", "empty", "deep", "no_choice", "list", "null", "error_in_200", "odd_usage"])
def test_a_strange_reply_has_an_outcome(ask, body, failure, words):
    with ModelServer([Raw(body)]) as server:
        asked = ask(server, "openai", retries=0)
    assert asked.failure == failure and words in asked.error, asked.error
    assert 0 <= asked.usage["tokens_in"] < 10_000


@pytest.mark.parametrize("api, body", [
    ("anthropic", b"{\"content\": []}"), ("anthropic", b"{\"content\": 7, \"usage\": []}"),
    ("gemini", b"{\"candidates\": []}"), ("gemini", b"{\"candidates\": [{\"content\": {}}]}")])
def test_an_empty_reply_of_the_others(ask, api, body):
    with ModelServer([Raw(body)]) as server:
        asked = ask(server, api)
    assert asked.failure == "unusable" and "another model" in asked.error


def test_invalid_utf8_is_read_and_noted(ask):
    body = b'{"choices": [{"message": {"content": "{\\"answer\\": \\"\xff\xfe\\"}"}, "finish_reason": "stop"}]}'
    with ModelServer([Raw(body)]) as server:
        asked = ask(server, "openai")
    assert asked.failure == "none" and asked.text == '{"answer": "??"}'
    assert "2 bytes of the reply were not UTF-8: read as '?'" in asked.notes


@pytest.mark.parametrize("api", APIS)
def test_a_refusal(ask, api):
    with ModelServer([Answer("I cannot do that", finish="refusal", tool=False)]) as server:
        asked = ask(server, api)
    check_reply(*server.served[0])
    assert asked.failure == "refused", asked.error
    assert ("I cannot do that" in asked.error) or api == "gemini"
    assert asked.usage["tokens_out"] == 20, "a refusal is charged"


def test_a_blocked_prompt(ask):
    with ModelServer([Raw(b'{"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}')]) as server:
        asked = ask(server, "gemini")
    assert asked.failure == "refused" and "PROHIBITED_CONTENT" in asked.error


@pytest.mark.parametrize("api", APIS)
def test_an_answer_cut_at_the_limit_keeps_its_text(ask, api):
    with ModelServer([Answer('{"answer": 4', finish="length", tool=False)]) as server:
        asked = ask(server, api)
    assert asked.failure == "truncated" and asked.text == '{"answer": 4'
    assert asked.error == "the answer ended at the limit of 256 tokens; raise max_output_tokens"


@pytest.mark.parametrize("api", APIS)
def test_a_tool_call_nobody_asked_for_is_the_answer(ask, api):
    with ModelServer([Answer(tool=True)]) as server:
        asked = ask(server, api, structured="text")
    assert asked.failure == "none" and json.loads(asked.text) == {"answer": 42}


@pytest.mark.parametrize("api", APIS)
def test_missing_usage_is_estimated(ask, api):
    with ModelServer([Answer(usage=False)]) as server:
        asked = ask(server, api)
    assert asked.failure == "none"
    assert 50 < asked.usage["tokens_in"] < 1000 and 1 <= asked.usage["tokens_out"] < 50
    assert any("estimated" in note for note in asked.notes)


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("code", [200, 400, 401, 404, 429, 500])
def test_an_echoed_key_is_hidden(ask, api, code):
    escaped = KEY.replace("-", "\\u002d")
    if code == 200:
        reply = Answer({"answer": f"your key is {KEY}"})
    else:
        reply = Raw(f'{{"error": {{"message": "bad key {KEY} or {escaped} or sk-PL***cdef"}}}}'.encode(), code)
    with ModelServer([reply]) as server:
        asked = ask(server, api, retries=0)
    shown = json.dumps(asked.replies)
    assert "[key]" in shown and "sk-PL" not in shown and "cdef" not in shown


def test_concurrency_is_kept(ask):
    with ModelServer([Answer(delay_s=0.05)]) as server:
        asked = ask(server, "openai", "--parallel", 6, concurrency=2)
    assert [r["failure"] for r in asked.replies] == ["none"] * 6
    assert server.most_at_once == 2


@pytest.mark.parametrize("reply", [Hang(), Hang(True), Status(429, headers={"Retry-After": "30"})])
def test_cancel_ends_calls_in_flight(ask, reply):
    with ModelServer([reply]) as server:
        asked = ask(server, "openai", "--parallel", 3, "--cancel-after", 0.3, concurrency=2, first_byte_timeout_s=30,
                    total_timeout_s=30)
    assert [r["failure"] for r in asked.replies] == ["cancelled"] * 3
    assert asked.seconds < 15, "neither the timeout nor the wait was sat out"
