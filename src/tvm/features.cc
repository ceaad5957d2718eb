#include "tvm/features.h"

#include <cstdint>

#include <tvm/ffi/container/tensor.h>

namespace banyan {

std::vector<std::vector<float>> ExtractFeatures(const ffi::ObjectRef& schedule) {
  // The defaults of TVM's Python class; the context tells only that the target is a CPU.
  const auto extractor = CallTvm<ffi::ObjectRef>(
      "s_tir.meta_schedule.FeatureExtractorPerStoreFeature", /*buffers_per_store=*/5,
      /*arith_intensity_curve_num_samples=*/10, /*cache_line_bytes=*/64,
      /*extract_workload=*/false);
  const auto target = CallTvm<ffi::ObjectRef>("target.Target", "llvm");
  const auto context = CallTvm<ffi::ObjectRef>("s_tir.meta_schedule.TuneContext", nullptr, target,
                                               nullptr, nullptr, nullptr, /*num_threads=*/1,
                                               /*rand_state=*/1, nullptr);
  const auto candidate = CallTvm<ffi::ObjectRef>("s_tir.meta_schedule.MeasureCandidate", schedule,
                                                 ffi::Array<ffi::ObjectRef>{});
  const auto tensors =
      CallTvm<ffi::Array<ffi::Tensor>>("s_tir.meta_schedule.FeatureExtractorExtractFrom", extractor,
                                       context, ffi::Array<ffi::ObjectRef>{candidate});
  if (tensors.size() != 1 || tensors[0].ndim() != 2) {
    TVM_FFI_THROW(ValueError) << "TVM's feature extractor gave no table";
  }
  const ffi::Tensor& table = tensors[0];
  const auto rows = static_cast<size_t>(table.size(0));
  const auto columns = static_cast<size_t>(table.size(1));
  std::vector<std::vector<float>> features(rows, std::vector<float>(columns));
  const DLDataType dtype = table.dtype();
  for (size_t i = 0; i < rows * columns; ++i) {
    const float value = dtype.bits == 64
                            ? static_cast<float>(static_cast<const double*>(table.data_ptr())[i])
                            : static_cast<const float*>(table.data_ptr())[i];
    features[i / columns][i % columns] = value;
  }
  return features;
}

}  // namespace banyan
