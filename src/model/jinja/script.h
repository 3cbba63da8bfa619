// The JavaScript that chat templates run in, embedded by cmake/Jinja.cmake.
#pragma once

#include <string_view>

namespace exogpu::model::jinja {

// One expression: a function (host) => {compile, render}. A zero byte follows the last character.
std::string_view script();

}  // namespace exogpu::model::jinja
