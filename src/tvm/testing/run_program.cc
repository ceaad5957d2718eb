#include "tvm/testing/run_program.h"

#include <tvm/ffi/container/tensor.h>
#include <tvm/ffi/dtype.h>
#include <tvm/ffi/extra/module.h>

#include "base/rng.h"
#include "tvm/kernel_buffers.h"
#include "tvm/pipeline.h"
#include "tvm/target.h"

namespace banyan {
namespace {

template <typename T>
void Store(void* data, const std::vector<double>& values) {
  for (size_t i = 0; i < values.size(); ++i) static_cast<T*>(data)[i] = static_cast<T>(values[i]);
}

void Write(const std::string& dtype, void* data, const std::vector<double>& values) {
  if (dtype == "float32") return Store<float>(data, values);
  if (dtype == "float64") return Store<double>(data, values);
  if (dtype == "int64") return Store<int64_t>(data, values);
  Store<int32_t>(data, values);
}

}  // namespace

Values ExactInputs(const Workload& workload, uint64_t seed) {
  Rng rng(seed);
  Values values;
  for (const TensorSpec& spec : workload.parameters) {
    if (spec.is_output) continue;
    const bool is_float = spec.dtype.rfind("float", 0) == 0;
    std::vector<double>& tensor = values.emplace_back();
    for (int64_t i = 0; i < spec.elements(); ++i) {
      tensor.push_back(static_cast<double>(rng.Between(-4, 4)) / (is_float ? 4 : 1));
    }
  }
  return values;
}

Result<Values> RunProgram(const Workload& workload, const std::string& module_json,
                          const Values& inputs) {
  BANYAN_ASSIGN_OR_RETURN(const Target target, DetectTarget(1));
  std::vector<GuardedTensor> tensors;
  std::vector<DLTensor> views(workload.parameters.size(), DLTensor{});
  std::vector<ffi::AnyView> arguments;
  size_t next_input = 0;
  for (const TensorSpec& spec : workload.parameters) {
    BANYAN_ASSIGN_OR_RETURN(GuardedTensor tensor, GuardedTensor::Make(spec, 0));
    if (spec.is_output) {
      tensor.Poison();
    } else {
      Write(spec.dtype, tensor.data(), inputs.at(next_input++));
    }
    tensors.push_back(std::move(tensor));
  }
  for (size_t i = 0; i < tensors.size(); ++i) {
    views[i].data = tensors[i].data();
    views[i].device = DLDevice{kDLCPU, 0};
    views[i].ndim = static_cast<int32_t>(tensors[i].spec().shape.size());
    views[i].dtype = ffi::StringToDLDataType(tensors[i].spec().dtype);
    views[i].shape = const_cast<int64_t*>(tensors[i].spec().shape.data());
    arguments.emplace_back(&views[i]);
  }
  const Status ran = TryTvm([&] {
    const ffi::Module module = Compile(ModuleFromJson(module_json), TargetObject(target));
    const ffi::Function function = module->GetFunction(workload.entry).value();
    ffi::Any result;
    function.CallPacked(arguments.data(), static_cast<int32_t>(arguments.size()), &result);
  });
  if (!ran.ok()) return ran.error();
  Values outputs;
  for (const GuardedTensor& tensor : tensors) {
    if (!tensor.spec().is_output) continue;
    std::vector<double>& values = outputs.emplace_back();
    for (int64_t i = 0; i < tensor.spec().elements(); ++i) {
      values.push_back(ReadElement(tensor.spec().dtype, tensor.data(), i));
    }
  }
  return outputs;
}

}  // namespace banyan
