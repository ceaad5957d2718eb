"""A loopback server that speaks the APIs of OpenAI, Anthropic and Gemini, with scripted replies and faults.

    with ModelServer([Status(429, headers={"Retry-After": "0"}), Answer({"answer": 42})]) as server:
        pool = server.entry("openai", name="a")        # a [[model]] table for a pool's TOML file
        ...
        server.requests[0].body, .headers, .path

Each request takes the next reply of the script; the last one is repeated. Which API is spoken follows from
the path. `check_request`, `check_schema` and `check_reply` hold what was captured and served against the types of
the official Python SDKs.
"""

import copy
import dataclasses
import json
import ssl
import threading
import time

from loopback import LoopbackServer

API_OF_PATH = {"/chat/completions": "openai", "/v1/messages": "anthropic", ":generateContent": "gemini"}


@dataclasses.dataclass
class Captured:
    api: str
    path: str
    headers: dict  # names in lower case
    body: object
    time: float  # monotonic seconds

    @property
    def way(self):
        """How a structured answer was asked for: schema, tool or text."""
        if "tools" in self.body:
            return "tool"
        config = self.body.get("generationConfig", {})
        schema = ("response_format" in self.body or "output_config" in self.body
                  or "responseJsonSchema" in config or "responseSchema" in config)
        return "schema" if schema else "text"

    @property
    def schema(self):
        """The JSON schema of the answer that is asked for; None where the prompt's text has it."""
        if self.way == "text":
            return None
        if self.api == "openai":
            if self.way == "schema":
                return self.body["response_format"]["json_schema"]["schema"]
            return self.body["tools"][0]["function"]["parameters"]
        if self.api == "anthropic":
            return (self.body["output_config"]["format"]["schema"] if self.way == "schema"
                    else self.body["tools"][0]["input_schema"])
        if self.way == "schema":
            return self.body["generationConfig"]["responseJsonSchema"]
        return self.body["tools"][0]["functionDeclarations"][0]["parametersJsonSchema"]


@dataclasses.dataclass
class Answer:
    """A model's answer: JSON or text, by a tool call where the request asks for one (or `tool` says so)."""
    content: object = dataclasses.field(default_factory=lambda: {"answer": 42})
    finish: str = "stop"  # stop, length, refusal
    tool: object = None
    tokens_in: int = 100
    tokens_out: int = 20
    tokens_cached: int = 0
    tokens_reasoning: int = 0
    usage: bool = True
    delay_s: float = 0


@dataclasses.dataclass
class Status:
    """An error in the API's own form; `body` replaces it."""
    code: int
    message: str = "a scripted error"
    headers: dict = dataclasses.field(default_factory=dict)
    body: object = None
    kind: str = "scripted_error"


@dataclasses.dataclass
class Raw:
    body: bytes
    code: int = 200
    headers: dict = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class Hang:
    """Never goes on: before the first byte, or within the body."""
    within_body: bool = False


@dataclasses.dataclass
class Cut:
    """Closes the connection: before the first byte, or within the body."""
    within_body: bool = False
    after: int = 0  # further bytes of the body


def text_of(content):
    return content if isinstance(content, str) else json.dumps(content)


def openai_reply(answer, tool=False):
    message = {"role": "assistant", "content": text_of(answer.content), "refusal": None}
    finish = answer.finish
    if answer.finish == "refusal":
        message.update(content=None, refusal=text_of(answer.content))
        finish = "stop"
    elif tool:
        message.update(content=None, tool_calls=[{
            "id": "call_1", "type": "function",
            "function": {"name": "answer", "arguments": text_of(answer.content)}}])
        finish = "tool_calls" if answer.finish == "stop" else answer.finish
    reply = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1700000000, "model": "m",
             "choices": [{"index": 0, "message": message, "finish_reason": finish, "logprobs": None}]}
    if answer.usage:
        reply["usage"] = {
            "prompt_tokens": answer.tokens_in, "completion_tokens": answer.tokens_out,
            "total_tokens": answer.tokens_in + answer.tokens_out,
            "prompt_tokens_details": {"cached_tokens": answer.tokens_cached, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": answer.tokens_reasoning}}
    return reply


def anthropic_reply(answer, tool=False):
    if tool and not isinstance(answer.content, str):
        content = [{"type": "tool_use", "id": "toolu_1", "name": "answer", "input": answer.content,
                    "caller": {"type": "direct"}}]
    else:
        content = [{"type": "text", "text": text_of(answer.content), "citations": None}]
    finish = {"stop": "tool_use" if tool else "end_turn", "length": "max_tokens"}.get(answer.finish,
                                                                                   answer.finish)
    usage = {"input_tokens": answer.tokens_in - answer.tokens_cached, "output_tokens": answer.tokens_out,
             "cache_read_input_tokens": answer.tokens_cached, "cache_creation_input_tokens": 0,
             "output_tokens_details": {"thinking_tokens": answer.tokens_reasoning}}
    reply = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": content,
             "stop_reason": finish, "stop_sequence": None}
    if answer.usage:
        reply["usage"] = usage
    return reply


def gemini_reply(answer, tool=False):
    if tool and not isinstance(answer.content, str):
        part = {"functionCall": {"name": "answer", "args": answer.content}}
    else:
        part = {"text": text_of(answer.content)}
    finish = {"stop": "STOP", "length": "MAX_TOKENS", "refusal": "SAFETY"}.get(answer.finish, answer.finish)
    parts = [{"text": "so I think", "thought": True}, part] if answer.tokens_reasoning else [part]
    reply = {"candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": finish,
                             "index": 0}],
             "modelVersion": "m", "responseId": "r1"}
    if answer.usage:
        reply["usageMetadata"] = {
            "promptTokenCount": answer.tokens_in,
            "candidatesTokenCount": answer.tokens_out - answer.tokens_reasoning,
            "thoughtsTokenCount": answer.tokens_reasoning,
            "cachedContentTokenCount": answer.tokens_cached,
            "totalTokenCount": answer.tokens_in + answer.tokens_out}
    return reply


REPLIES = {"openai": openai_reply, "anthropic": anthropic_reply, "gemini": gemini_reply}


def error_reply(api, status):
    if api == "openai":
        return {"error": {"message": status.message, "type": status.kind, "param": None, "code": status.kind}}
    if api == "anthropic":
        return {"type": "error", "error": {"type": status.kind, "message": status.message},
                "request_id": "req_1"}
    return {"error": {"code": status.code, "message": status.message, "status": "INVALID_ARGUMENT"}}


class ModelServer(LoopbackServer):
    """`script`: a list of replies (Answer, Status, Raw, Hang, Cut), or a function of the Captured request
    that gives one. With `tls` (the files of a certificate and its key) it speaks https. `host` is the name it goes by
    in its addresses. Thread-safe; every connection is closed after its reply."""

    def __init__(self, script=None, tls=None, host="127.0.0.1"):
        super().__init__()
        self.script = script if callable(script) else list(script or [Answer()])
        self.requests = []
        self.served = []  # (api, reply) of every Answer
        self.most_at_once = 0
        self._working = set()  # handlers of the requests whose reply is not on its way yet
        self._host = host
        self._tls = None
        if tls is not None:
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._tls.load_cert_chain(*tls)
        self._lock = threading.Lock()

    def wrap(self, connection):
        if self._tls is None:
            return connection
        # Hands are shaken by the connection's own thread.
        return self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)

    @property
    def url(self):
        return f"{'http' if self._tls is None else 'https'}://{self._host}:{self.port}"

    def base_url(self, api):
        return self.url + {"openai": "/v1", "anthropic": "", "gemini": "/v1beta"}[api]

    def entry(self, api, name="m", **keys):
        """A [[model]] table of this server; further keys as Python values."""
        keys = {"name": name, "provider": api, "model": "test-model", "base_url": self.base_url(api),
                "connect_timeout_s": 5, "first_byte_timeout_s": 5, "total_timeout_s": 10, **keys}
        return "[[model]]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in keys.items())

    def _next(self, captured):
        with self._lock:
            self.requests.append(captured)
            if callable(self.script):
                return self.script(captured)
            return self.script[min(len(self.requests), len(self.script)) - 1]

    def handle_POST(self, handler):
        with self._lock:
            self._working.add(handler)
            self.most_at_once = max(self.most_at_once, len(self._working))
        try:
            self._reply(handler)
        finally:
            self._done(handler)
            handler.close_connection = True

    def _reply(self, handler):
        raw = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        api = next((api for part, api in API_OF_PATH.items() if handler.path.endswith(part)), "unknown")
        captured = Captured(api, handler.path, {k.lower(): v for k, v in handler.headers.items()},
                            json.loads(raw), time.monotonic())
        reply = self._next(captured)
        if api == "unknown" and isinstance(reply, Answer):
            reply = Status(404, f"no such path: {handler.path}")
        if isinstance(reply, Hang):
            if reply.within_body:
                self._send(handler, 200, b"{\"id\": ", {}, length=1000)
            self.stopping.wait(30)
        elif isinstance(reply, Cut):
            if reply.within_body:
                self._send(handler, 200, b"{\"id\": " + b" " * reply.after, {}, length=reply.after + 1000)
        elif isinstance(reply, Raw):
            self._send(handler, reply.code, reply.body, reply.headers)
        elif isinstance(reply, Status):
            body = error_reply(api, reply) if reply.body is None else reply.body
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            self._send(handler, reply.code, data, reply.headers)
        else:
            if reply.delay_s:
                self.stopping.wait(reply.delay_s)
            tool = captured.way == "tool" if reply.tool is None else reply.tool
            body = REPLIES[api](reply, tool)
            with self._lock:
                self.served.append((api, body))
            self._send(handler, 200, json.dumps(body).encode(), {})

    def _done(self, handler):
        with self._lock:
            self._working.discard(handler)

    def _send(self, handler, code, data, headers, length=None):
        self._done(handler)  # before the client can have it, and ask again
        handler.send_response_only(code)
        for name, value in {"Content-Type": "application/json", "Content-Length": length or len(data),
                            "Connection": "close", **headers}.items():
            handler.send_header(name, str(value))
        handler.end_headers()
        handler.wfile.write(data)
        handler.wfile.flush()


def _walk(value):
    """Forces pydantic's lazy validation of iterables."""
    if isinstance(value, dict):
        for item in value.values():
            _walk(item)
    elif not isinstance(value, (str, bytes, int, float, bool, type(None))):
        try:
            items = iter(value)
        except TypeError:
            return
        for item in items:
            _walk(item)


def check_request(captured):
    """Raises unless the SDK of the API knows every field of the request and its type."""
    import pydantic
    body = captured.body
    if captured.api == "openai":
        from openai.types.chat.completion_create_params import CompletionCreateParamsNonStreaming as Params
        _check_typed_dict(pydantic, Params, body)
    elif captured.api == "anthropic":
        from anthropic.types.message_create_params import MessageCreateParamsNonStreaming as Params
        _check_typed_dict(pydantic, Params, body)
    else:
        from google.genai import types
        known = {"contents": list[types.Content], "systemInstruction": types.Content,
                 "generationConfig": types.GenerationConfig, "tools": list[types.Tool],
                 "toolConfig": types.ToolConfig}
        assert set(body) <= set(known), set(body) - set(known)
        for key, value in body.items():
            pydantic.TypeAdapter(known[key]).validate_python(value)


def _check_typed_dict(pydantic, params, body):
    unknown = set(body) - set(params.__annotations__) - {
        key for base in params.__orig_bases__ for key in getattr(base, "__annotations__", {})}
    assert not unknown, unknown
    _walk(pydantic.TypeAdapter(params).validate_python(body))


def check_schema(captured):
    """Raises unless the structured answer is asked for as the API wants it, by a JSON schema that its SDK takes as it
    is: with nothing unknown in it, and nothing to add for the API's strict mode."""
    schema, body = captured.schema, captured.body
    from google.genai import types
    read = types.JSONSchema.model_validate(schema)  # JSON Schema 2020-12, unknown keys forbidden
    assert read.model_dump(mode="json", by_alias=True, exclude_unset=True) == schema
    if captured.api == "openai":
        from openai.lib._pydantic import _ensure_strict_json_schema
        strict = _ensure_strict_json_schema(copy.deepcopy(schema), path=(), root=schema)
        assert _unordered(strict) == _unordered(schema)
        if captured.way == "schema":
            assert body["response_format"]["type"] == "json_schema"
            assert body["response_format"]["json_schema"]["strict"] is True
        else:
            assert body["tool_choice"]["function"]["name"] == body["tools"][0]["function"]["name"]
    elif captured.api == "anthropic":
        from anthropic import transform_schema
        assert _unordered(transform_schema(schema)) == _unordered(_without_types_of_enums(schema))
        if captured.way == "schema":
            assert body["output_config"]["format"]["type"] == "json_schema"
        else:
            assert body["tool_choice"]["type"] == "tool" and body["tool_choice"]["name"] == body["tools"][0]["name"]
    else:
        if captured.way == "schema":
            assert body["generationConfig"]["responseMimeType"] == "application/json"
        else:
            config = body["toolConfig"]["functionCallingConfig"]
            assert config["mode"] == "ANY"
            assert config["allowedFunctionNames"] == [body["tools"][0]["functionDeclarations"][0]["name"]]
        types.Schema.from_json_schema(json_schema=read)


def _unordered(schema):
    """The schema with its lists of required properties in one order."""
    if isinstance(schema, dict):
        return {key: sorted(value) if key == "required" else _unordered(value) for key, value in schema.items()}
    return [_unordered(item) for item in schema] if isinstance(schema, list) else schema


def _without_types_of_enums(schema):
    """Anthropic's SDK leaves them out: the values say as much."""
    if not isinstance(schema, dict):
        return schema
    return {key: _without_types_of_enums(value) for key, value in schema.items() if key != "type" or "enum" not in schema}


def check_reply(api, body):
    """Raises unless the SDK of the API reads the reply as one of its own, with nothing left over."""
    if api == "openai":
        from openai.types.chat import ChatCompletion as Reply
    elif api == "anthropic":
        from anthropic.types import Message as Reply
    else:
        from google.genai.types import GenerateContentResponse as Reply
    read = Reply.model_validate(body)
    assert not getattr(read, "model_extra", None), read.model_extra
