#pragma once

#include <string>

#include "schedule/compiler.h"

namespace banyan {

// A fixed walk through the MetaSchedule space, to compare compilers and processes: a few samples
// and chains of mutators, one a line, each with what it gives: hash of the program and of the
// trace, or the reason why not.
std::string DescribeMetaWalk(Compiler* compiler);

}  // namespace banyan
