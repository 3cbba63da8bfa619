// What this program knows of the layouts of weights, and the processes in which it checks them.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "gpu/layouts/book.h"

namespace exogpu::cli {

// One for the whole process, stored beside the profiles of devices. Checks run in processes of this same program.
std::shared_ptr<gpu::LayoutBook> layout_book();

// The same without what is stored, and without storing anything.
std::shared_ptr<gpu::LayoutBook> fresh_layout_book();

// Whether this process is one of those: then it has answered, and ends.
bool answered_layout_checks(std::span<const std::string> words);

}  // namespace exogpu::cli
