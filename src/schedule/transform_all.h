#pragma once

#include "schedule/transformation.h"

namespace banyan {

// The transformations, one accessor each; static lifetime. Only the registry (transformation.cc)
// and tests use these; everyone else asks FindTransformation.
const Transformation& TileTransformation();          // transform_tile.cc
const Transformation& ReorderTransformation();       // transform_tile.cc
const Transformation& PackTransformation();          // transform_data.cc
const Transformation& LayoutTransformation();        // transform_data.cc
const Transformation& AccumulateTransformation();    // transform_accumulate.cc
const Transformation& FuseProducerTransformation();  // transform_compute.cc
const Transformation& FuseConsumerTransformation();  // transform_compute.cc
const Transformation& InlineTransformation();        // transform_compute.cc
const Transformation& VectorizeTransformation();     // transform_loop.cc
const Transformation& UnrollTransformation();        // transform_loop.cc
const Transformation& ParallelizeTransformation();   // transform_loop.cc
const Transformation& FuseLoopsTransformation();     // transform_loop.cc
const Transformation& PaddingTransformation();       // transform_reduction.cc
const Transformation& RFactorTransformation();       // transform_reduction.cc
const Transformation& PrimitiveTransformation();     // transform_primitive.cc

// Of the MetaSchedule action space.
const Transformation& DesignSpaceTransformation();  // mutator_steps.cc
const Transformation& MutateTransformation();       // mutator_steps.cc

}  // namespace banyan
