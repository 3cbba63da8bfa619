// Result<T>: a value or an Error. Errors are returned, never thrown.
#pragma once

#include <expected>
#include <format>
#include <utility>

#include "base/error.h"

namespace exogpu {

template <typename T>
using Result = std::expected<T, Error>;

// return fail(ErrorCode::not_found, "{}: no such file", path);
template <typename... Args>
std::unexpected<Error> fail(ErrorCode code, std::format_string<Args...> text, Args&&... args) {
  return std::unexpected(Error{code, std::format(text, std::forward<Args>(args)...)});
}

}  // namespace exogpu

#define EXO_CONCAT_INNER(a, b) a##b
#define EXO_CONCAT(a, b) EXO_CONCAT_INNER(a, b)

// EXO_TRY(auto file, open(path));   declares `file`, or returns open's Error from this function.
#define EXO_TRY(declaration, expression) EXO_TRY_IMPL(EXO_CONCAT(exo_try_, __LINE__), declaration, expression)
#define EXO_TRY_IMPL(temporary, declaration, expression)                \
  auto temporary = (expression);                                        \
  if (!temporary) return std::unexpected(std::move(temporary).error()); \
  declaration = *std::move(temporary)

// EXO_CHECK(write(file));   for Result<void>: returns the Error, or continues.
#define EXO_CHECK(expression)                                  \
  if (auto exo_check_result = (expression); !exo_check_result) \
  return std::unexpected(std::move(exo_check_result).error())
