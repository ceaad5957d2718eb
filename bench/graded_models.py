#!/usr/bin/env python3
"""Scripted models of graded quality and price behind HTTP, for comparing strategies without a language model.

    .venv/bin/python bench/graded_models.py [--port 8099] [--delay S] [--pool FILE]

Speaks OpenAI's chat completions API. `strong` knows the hand-found schedules of bench/plans and varies their factors,
as a model does that understands the program but not this machine; `middling` leaves the packing out and varies more;
`poor` proposes single steps, half of them illegal. Replies are a function of the prompt. Prices differ by 10 and 50
times, sizes too. --pool writes the pool file (`banyan tune ... --pool FILE`). Runs until killed; prints its address.
They show how a strategy deals with models of known quality; they are no language models, and no claim about those.
"""

import argparse
import hashlib
import http.server
import json
import pathlib
import random
import re
import sys
import time
import tomllib

HERE = pathlib.Path(__file__).resolve().parent
PLANS = HERE / "plans"
POOL = HERE / "graded_pool.toml"
# A block that only this workload has, as the prompt names it.
MARKS = [("moe", "expert_hidden"), ("mlp", "gated"), ("attention", "scores"), ("conv", "conv")]
FACTORS = re.compile(r"(\w+): \[([\d, ]+)\]")
GRADES = [model["name"] for model in tomllib.loads(POOL.read_text())["model"]]


def hand_found(prompt):
    for workload, mark in MARKS:
        if re.search(rf"\b{mark}\b", prompt):
            text = (PLANS / f"{workload}.plan").read_text()
            return [line for line in text.splitlines() if line and not line.startswith("#")]
    return []


def vary(line, rng, chance):
    """Some factors of the line halved or doubled."""
    def other(match):
        numbers = [int(number) for number in match[2].split(",")]
        numbers = [max(1, number * 2 if rng.random() < 0.5 else number // 2) if rng.random() < chance else number
                   for number in numbers]
        return f"{match[1]}: [{', '.join(map(str, numbers))}]"

    head, found, tail = line.partition("factors=")
    if not found:
        return line
    factors, bracket, rest = tail.partition("}")
    return head + found + FACTORS.sub(other, factors) + bracket + rest


def without_packing(lines):
    packed = [match[1] for line in lines for match in [re.search(r"buffer=(\w+)", line)] if match]
    return [line for line in lines if not line.startswith(("pack(", "layout("))
            and not any(f"{name}_pack" in line for name in packed)]


def proposals(grade, prompt):
    rng = random.Random(hashlib.sha256((grade + prompt).encode()).digest())
    plan = hand_found(prompt)
    blocks = sorted({match for line in plan for match in re.findall(r"block=(\w+)", line)}) or ["O"]
    answers = []
    if grade == "strong":
        for i in range(4):
            answers.append([vary(line, rng, 0.12 if i == 0 else 0.25) for line in plan])
    elif grade == "middling":
        for _ in range(4):
            answers.append([vary(line, rng, 0.3) for line in without_packing(plan)])
    else:
        for _ in range(4):
            block = rng.choice(blocks)
            answers.append([rng.choice([
                f"vectorize(loop={block}.i)", f"unroll(loop={block}.k)", f"vectorize(loop={block}.nothing)",
                f"tile(block={block}, factors={{i: [{rng.choice([2, 3, 8])}]}})", f"parallelize(loop={block}.i)",
            ])])
    return [{"keep_steps": 0, "steps": steps, "confidence": round(0.8 - 0.1 * i, 2), "reason": f"{grade} proposal {i + 1}"}
            for i, steps in enumerate(answers)]


def answer(grade, prompt):
    names = re.findall(r"\b(?:tile_size|compute_location|parallel|unroll)\b", prompt)
    if "design_space(" in prompt and names:  # MetaSchedule's mutators
        rng = random.Random(hashlib.sha256((grade + prompt).encode()).digest())
        known = sorted(set(names))
        # Tiles decide most on a CPU: who understands programs draws those.
        weights = [6 if grade == "strong" and name == "tile_size" else 1 for name in known]
        return {"mutators": rng.choices(known, weights, k={"strong": 3, "middling": 2}.get(grade, 1)),
                "next_model": rng.choice(GRADES)}
    return {"proposals": proposals(grade, prompt), "next_model": "middling"}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    delay_s = 0.0

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        prompt = "\n".join(message["content"] for message in request["messages"] if isinstance(message["content"], str))
        time.sleep(self.delay_s)
        text = json.dumps(answer(request["model"], prompt))
        body = json.dumps({
            "id": "chatcmpl-graded", "object": "chat.completion", "created": 0, "model": request["model"],
            "choices": [{"index": 0, "finish_reason": "stop", "logprobs": None,
                         "message": {"role": "assistant", "content": text, "refusal": None}}],
            "usage": {"prompt_tokens": len(prompt) // 4, "completion_tokens": len(text) // 4,
                      "total_tokens": len(prompt) // 4 + len(text) // 4},
        }).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request, client_address):
        # A run that ends no longer waits for its answers.
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


def pool_text(url):
    return re.sub(r'base_url = ".*"', f'base_url = "{url}"', POOL.read_text())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--delay", type=float, default=0.0, help="seconds before an answer")
    parser.add_argument("--pool", help="write the pool file here")
    options = parser.parse_args()
    Handler.delay_s = options.delay
    server = Server(("127.0.0.1", options.port), Handler)
    url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    if options.pool:
        pathlib.Path(options.pool).write_text(pool_text(url))
    print(url, flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        sys.exit(0)


if __name__ == "__main__":
    main()
