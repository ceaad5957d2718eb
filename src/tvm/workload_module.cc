#include "tvm/workload_module.h"

#include <tvm/ffi/container/map.h>

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <vector>

#include "base/json.h"
#include "tvm/node.h"
#include "tvm/pipeline.h"

namespace banyan {
namespace {

using ffi::ObjectRef;
using node::Refs;

constexpr int kCommReduce = 2;                            // TVM's IterVarType
constexpr int64_t kMaxElements = (int64_t{1} << 31) - 1;  // programs index with int32

bool SupportedDtype(const std::string& dtype) {
  static const std::set<std::string> kSupported = {
      "float16", "bfloat16", "float32", "float64", "int8",   "int16", "int32",
      "int64",   "uint8",    "uint16",  "uint32",  "uint64", "bool"};
  return kSupported.count(dtype) > 0;
}

struct Entry {
  std::string name;
  ObjectRef function;
};

Result<Entry> FindEntry(const ObjectRef& module, const std::string& wanted) {
  const auto functions = node::Get<ffi::Map<ObjectRef, ObjectRef>>(module, "functions");
  std::map<std::string, ObjectRef> programs;
  std::string others;
  for (const auto& item : functions) {
    const std::string name = node::Get<std::string>(item.first, "name_hint");
    if (node::Is(item.second, "tirx.PrimFunc")) {
      programs[name] = item.second;
    } else {
      others = name + " (" + std::string(node::TypeKey(item.second)) + ")";
    }
  }
  std::string names;
  for (const auto& item : programs) names += (names.empty() ? "" : ", ") + item.first;
  if (!wanted.empty()) {
    const auto found = programs.find(wanted);
    if (found != programs.end()) return Entry{found->first, found->second};
    return InvalidArgument("the module has no function '" + wanted +
                           "'; it has: " + (names.empty() ? "none" : names));
  }
  if (programs.empty()) {
    return InvalidArgument("the module has no TIR function" +
                           (others.empty() ? std::string() : ", only " + others));
  }
  if (programs.size() == 1) return Entry{programs.begin()->first, programs.begin()->second};
  if (programs.count("main")) return Entry{"main", programs.at("main")};
  return InvalidArgument("the module has several functions and none is called 'main': " + names);
}

Result<TensorSpec> DescribeParameter(const ObjectRef& parameter) {
  TensorSpec spec;
  spec.name = node::Get<std::string>(parameter, "name");
  const ObjectRef type = node::Get<ObjectRef>(parameter, "ty");
  if (!node::Is(type, "tirx.BufferType")) {
    return InvalidArgument("parameter '" + spec.name +
                           "' is no tensor: every parameter must be a T.Buffer");
  }
  int64_t elements = 1;
  for (const ObjectRef& extent : node::Get<Refs>(type, "shape")) {
    if (!node::Is(extent, "ir.IntImm")) {
      return InvalidArgument("parameter '" + spec.name +
                             "' has a symbolic shape: give every dimension a fixed size");
    }
    spec.shape.push_back(node::IntValue(extent));
    if (spec.shape.back() < 1) {
      return InvalidArgument("parameter '" + spec.name + "' has an empty dimension");
    }
    if (elements > kMaxElements / spec.shape.back()) {
      return InvalidArgument("parameter '" + spec.name + "' has more than 2^31-1 elements");
    }
    elements *= spec.shape.back();
  }
  if (!node::Get<Refs>(type, "strides").empty()) {
    return InvalidArgument("parameter '" + spec.name +
                           "' has strides: only compact tensors are taken");
  }
  spec.dtype = node::DtypeText(type);
  if (!SupportedDtype(spec.dtype)) {
    return InvalidArgument("parameter '" + spec.name + "' has element type " + spec.dtype +
                           ", which Banyan cannot make inputs for");
  }
  return spec;
}

struct Access {
  std::set<const void*> read;  // buffers read before anything wrote them
  std::set<const void*> written;
  int64_t reduction_length = 1;
  int blocks = 0;
};

// What the blocks read and write, in program order, and the longest chain of reductions.
Access ScanBlocks(const ObjectRef& body) {
  Access access;
  std::map<const void*, int64_t> chain;  // summed reduction extents that lead to a buffer
  node::VisitBlocks(body, [&](const ObjectRef& realize) {
    const ObjectRef block = node::Get<ObjectRef>(realize, "block");
    const Refs reads = node::Get<Refs>(block, "reads");
    const Refs writes = node::Get<Refs>(block, "writes");
    if (reads.empty() && writes.empty()) return;  // the root
    ++access.blocks;
    int64_t own = 1;
    for (const ObjectRef& iter : node::Get<Refs>(block, "iter_vars")) {
      if (node::Get<int64_t>(iter, "iter_type") != kCommReduce) continue;
      const ObjectRef extent = node::Get<ObjectRef>(node::Get<ObjectRef>(iter, "dom"), "extent");
      if (node::Is(extent, "ir.IntImm")) own *= node::IntValue(extent);
    }
    if (own == 1) own = 0;
    const bool has_init = node::Get<ObjectRef>(block, "init").defined();
    std::set<const void*> own_writes;
    for (const ObjectRef& region : writes) {
      own_writes.insert(node::Get<ObjectRef>(region, "source").get());
    }
    int64_t longest = 0;
    for (const ObjectRef& region : reads) {
      const void* buffer = node::Get<ObjectRef>(region, "source").get();
      if (has_init && own_writes.count(buffer)) continue;
      if (!access.written.count(buffer)) access.read.insert(buffer);
      if (!own_writes.count(buffer)) longest = std::max(longest, chain[buffer]);
    }
    for (const void* buffer : own_writes) {
      access.written.insert(buffer);
      chain[buffer] = std::max(chain[buffer], longest + own);
      access.reduction_length = std::max(access.reduction_length, chain[buffer]);
    }
  });
  return access;
}

// Whether a position in a tensor is computed from data, as in a gather. Read from the JSON graph,
// whose expression nodes name their parts alike.
bool IndexesByData(const Json& graph) {
  const Json& nodes = graph["nodes"];
  std::set<size_t> seen;
  const std::function<bool(const Json&)> loads = [&](const Json& reference) {
    if (!reference.is_number_unsigned()) return false;
    const size_t index = reference.get<size_t>();
    if (index >= nodes.size() || !seen.insert(index).second) return false;
    const Json& item = nodes[index];
    const std::string type = item.value("type", std::string());
    if (type == "ir.TensorLoad") return true;
    if (!item.contains("data")) return false;
    const Json& data = item["data"];
    if (type == "ffi.Array") return std::any_of(data.begin(), data.end(), loads);
    if (!data.is_object() || type == "ir.IntImm") return false;
    for (const char* part : {"a", "b", "value", "args", "condition", "true_value", "false_value"}) {
      if (data.contains(part) && loads(data[part])) return true;
    }
    return false;
  };
  for (const Json& item : nodes) {
    const std::string type = item.value("type", std::string());
    if (type != "ir.TensorLoad" && type != "tirx.BufferStore") continue;
    seen.clear();
    if (loads(item["data"]["indices"])) return true;
  }
  return false;
}

double CountFlops(const ObjectRef& module) {
  try {
    return CallTvm<double>("s_tir.analysis.EstimateTIRFlops", module);
  } catch (const ffi::Error&) {
    return 0;  // data-dependent loops or an operation TVM cannot price: not known
  }
}

}  // namespace

Result<Workload> WorkloadFromModule(const ObjectRef& module, const std::string& entry) {
  BANYAN_ASSIGN_OR_RETURN(Entry found, FindEntry(module, entry));
  const std::string who = "function '" + found.name + "'";
  const ObjectRef body = node::Get<ObjectRef>(found.function, "body");
  if (!node::Is(body, "s_tir.SBlockRealize")) {
    return InvalidArgument(who + " has no blocks to schedule: write it with T.sblock in a " +
                           "@T.prim_func(s_tir=True), or build it with te.create_prim_func");
  }

  Workload workload;
  const Access access = ScanBlocks(body);
  if (access.blocks == 0) return InvalidArgument(who + " computes nothing: it has no block");
  bool any_output = false;
  for (const ObjectRef& parameter : node::Get<Refs>(found.function, "params")) {
    auto spec = DescribeParameter(parameter);
    if (!spec.ok()) return InvalidArgument(who + ": " + spec.error().message);
    spec->is_output = access.written.count(parameter.get()) > 0;
    any_output = any_output || spec->is_output;
    if (spec->is_output && access.read.count(parameter.get())) {
      return InvalidArgument(who + ": parameter '" + spec->name +
                             "' is read and then overwritten; in-place programs cannot be measured "
                             "repeatedly: write the result into a tensor of its own");
    }
    workload.parameters.push_back(std::move(*spec));
  }
  if (!any_output) return InvalidArgument(who + " writes none of its parameters");

  // A module of its own, with the one name that builders, runners and databases expect.
  const auto named = CallTvm<ObjectRef>("ir.BaseFuncWithAttr", found.function, "global_symbol",
                                        ffi::String("main"));
  const ObjectRef alone =
      CallTvm<ObjectRef>("ir.Module_FromExpr", named, ffi::Map<ObjectRef, ObjectRef>());
  workload.module_json = ModuleToJson(alone);
  if (IndexesByData(Json::parse(workload.module_json))) {
    return InvalidArgument(who +
                           " indexes a tensor by values of another; Banyan's random inputs would " +
                           "point outside of it");
  }
  workload.entry = "main";
  workload.flops = CountFlops(alone);
  workload.reduction_length = access.reduction_length;
  workload.hash =
      static_cast<uint64_t>(CallTvm<int64_t>("ffi.StructuralHash", alone, false, false));
  return workload;
}

}  // namespace banyan
