// Sketches of activations: what a stage received, in a few numbers, so that the stage before can be checked later
// without sending its activations once more.
//
// Of each span of a step one row is chosen, and projected onto random vectors of +1 and -1 (Johnson and Lindenstrauss;
// with signs: Achlioptas, "Database-friendly random projections", 2003). Who receives chooses the seed when the
// activations are there, so a sender cannot know which row and which directions count. Some elements of activations are
// a hundred times as large as the others and would hide them; so each element x becomes x / (|x| + rms) first, where
// rms is the row's.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "wire/ring.h"

namespace exogpu::pipeline {

// [spans, kSketchValues]. `activations`: [rows of the spans, width].
wire::InputSketch sketch_of(std::span<const wire::Span> spans, std::span<const float> activations, uint32_t width,
                            uint64_t seed);

// Which row of the span with this index in its step is sketched, counted from the span's first.
uint32_t sketched_row(uint64_t seed, size_t span, uint32_t rows);
// The values of one row: the logarithm of its rms, and its projections.
std::vector<float> project(std::span<const float> row, uint64_t seed, size_t span);

// How far two sketches of one row are from each other: 0 for the same row, about 1.4 for unrelated ones. Rounding in
// other kernels, types or orders makes it some hundredths.
double sketch_difference(std::span<const float> a, std::span<const float> b);

}  // namespace exogpu::pipeline
