#include "store/testing/sample_run.h"

#include <limits>
#include <string>

namespace banyan {

RunStart SampleRunStart(uint64_t seed) {
  RunStart start;
  start.config.workload_text = "matmul:M=64";
  start.config.target_text = "host";
  start.config.seed = seed;
  start.config.pool = LoadPool({"builtin:analytic", "builtin:random"}).value();
  start.workload.id = "matmul:M=64,N=64,K=64";
  start.workload.family = "matmul";
  start.workload.module_json = R"({"nodes": []})";
  start.workload.parameters = {{"A", {64, 64}, "float32", false}, {"C", {64, 64}, "float32", true}};
  start.workload.flops = 524288;
  start.workload.reduction_length = 64;
  start.workload.hash = 0xfedcba9876543210;
  start.target.json = R"({"kind": "llvm"})";
  start.target.cpu = "some-cpu";
  start.target.vector_bits = 512;
  start.target.fingerprint = 0x8000000000000001;
  start.versions = {{"banyan", "0"}, {"tvm", "1"}};
  return start;
}

Event SampleEvent(int64_t index) {
  Event event;
  event.index = index;
  event.elapsed_s = 0.25 * static_cast<double>(index);
  if (index == 0) {
    event.body = ReferenceEvent{{.default_latency_ms = 12.5, .samples_ms = {12.5, 12.75}}, 110};
  } else if (index % 4 == 3) {
    ModelReply reply = SampleCall(static_cast<uint64_t>(index)).reply;
    reply.error = "no idea";
    event.body = ReplyEvent{static_cast<uint64_t>(index), reply};
  } else {
    event.body = OutcomeEvent{SampleTrial(static_cast<uint64_t>(index)).outcome};
  }
  return event;
}

NodeRecord SampleNode(int64_t node_id) {
  NodeRecord node;
  node.node_id = node_id;
  node.parent_id = node_id - 1;
  node.plan_hash = 0xffffffffffffff00 + static_cast<uint64_t>(node_id);
  node.program_hash = 17 * static_cast<uint64_t>(node_id);
  node.delta = "unroll(loop=C.k)\n";
  node.delta_is_plan = node_id % 2 == 1;
  node.origin = node_id == 0 ? "root" : "builtin:analytic";
  node.call_id = static_cast<uint64_t>(node_id);
  node.prior = 0.5;
  node.reason = "it's \"quoted\"\tand 'so' on";
  return node;
}

TrialRecord SampleTrial(uint64_t trial_id) {
  TrialRecord trial;
  trial.trial_id = trial_id;
  trial.node_id = static_cast<int64_t>(trial_id);
  trial.program_hash = 0xabcdef0000000000 + trial_id;
  trial.plan = "unroll(loop=C.k)\n";
  trial.finished = true;
  trial.elapsed_s = 0.25 * static_cast<double>(trial_id);
  trial.outcome.trial_id = trial_id;
  trial.outcome.build_s = 0.125;
  if (trial_id % 5 == 0) {
    trial.outcome.failure = FailureKind::kRunCrash;
    trial.outcome.failure_text = "killed by SIGSEGV";
  } else {
    const double latency_ms = 10.0 / static_cast<double>(trial_id);
    trial.outcome.samples_ms = {latency_ms, latency_ms * 1.5, latency_ms * 0.75};
    trial.outcome.max_relative_error = 0.25;
    trial.outcome.run_s = 0.0625;
  }
  return trial;
}

CallRecord SampleCall(uint64_t call_id) {
  CallRecord call;
  call.call_id = call_id;
  call.model = "builtin:random";
  call.role = ModelRole::kLight;
  call.node_id = 0;
  call.why = "drawn";
  call.answered = true;
  call.accepted = 3;
  call.reply.usage.tokens_in = 100;
  call.reply.usage.seconds = 0.5;
  return call;
}

Status WriteSample(Journal& journal, int64_t index) {
  if (index > 0) {
    BANYAN_RETURN_IF_ERROR(journal.Record(SampleNode(index)));
    if (index % 4 == 3) {
      BANYAN_RETURN_IF_ERROR(journal.Record(SampleCall(static_cast<uint64_t>(index))));
    } else {
      BANYAN_RETURN_IF_ERROR(journal.Record(SampleTrial(static_cast<uint64_t>(index))));
    }
  }
  return journal.Append(SampleEvent(index));
}

}  // namespace banyan
