// Which of ggml's CPU kernels this process computes with.
//
// ggml brings a library of them for each generation of processors and loads the best one that this processor can run.
// Variants round differently, and within one variant a product of many rows may round differently from the same rows in
// smaller batches (AMX does).
#pragma once

#include <string>

#include "base/result.h"

namespace exogpu::gpu {

// Computes with this variant ("haswell", "zen4") instead of the best, in the whole process. Acts on the first
// load_backends() alone; empty: the best.
void force_cpu_variant(std::string name);

// The variant in use, as its library calls itself: "zen4" for libggml-cpu-zen4.so. Empty before load_backends(), and
// where ggml has its CPU kernels built in.
std::string cpu_variant();

// For load_backends(), once ggml has loaded the best variant: replaces it by the forced one.
// Errors: unsupported (this processor cannot run it), not_found (ggml has no such variant; names those it has).
Result<void> load_forced_cpu_variant();

}  // namespace exogpu::gpu
