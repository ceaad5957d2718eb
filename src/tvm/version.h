#pragma once

#include <string>

namespace banyan {

// The version of the TVM package that would be loaded ("0.27.0.post1"), read from the package's
// folder; "unknown" where that does not tell. Thread-safe; does not load TVM.
std::string TvmVersion();

// The major version of the LLVM inside TVM ("22"), which decides the machine code; "unknown" where
// TVM cannot be loaded. Thread-safe; loads TVM.
std::string TvmLlvmVersion();

// The file of TVM's compiler library that would be loaded. Thread-safe; does not load it.
std::string TvmLibraryFile();

// Wall seconds that the calling thread has spent inside TVM so far, so that our own share of a
// candidate's cost can be told.
double TvmSeconds();

}  // namespace banyan
