#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "schedule/workload.h"

namespace banyan {

// How users' programs are imported. Empty fields take their default.
struct ImportOptions {
  std::string python;     // the Python with TVM; default $BANYAN_PYTHON, else that of the build
  std::string helper;     // import_program.py; default beside this room's sources
  double timeout_s = 60;  // > 0; for a user's Python code
};

// The Python that imports programs: `options.python`, $BANYAN_PYTHON or the build's.
std::string PythonWithTvm(const ImportOptions& options = {});

// A workload from what a person typed:
//   mlp, mlp:T=128,H=512     a built-in family with sizes
//   prog.json                a TVM IRModule as JSON (tvm.ir.save_json)
//   prog.json:name           its function of that name
//   prog.py, prog.py:name    TVMScript module or function, or a function that returns one; the
//   user's code runs
//                            in a Python process of its own
// kNotFound: no such family or file; kInvalidArgument, in one line: the program cannot be used,
// with FILE:LINE for an error in the user's Python; kEnvironment: Python or TVM is missing, or the
// time ran out. Thread-safe; loads TVM.
Result<Workload> LoadWorkload(std::string_view text, const ImportOptions& options = {});

}  // namespace banyan
