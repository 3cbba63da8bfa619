// The options that give an answer a form.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>

#include "base/result.h"
#include "wire/constraint.h"

namespace exogpu::cli {

struct FormOptions {
  bool json = false;
  std::string json_schema, grammar;  // files
  std::string regex;
};

// `options` must live until the command has run. One of them at most is taken.
void add_form_options(CLI::App& command, FormOptions& options);

// None: free text. Errors: not_found and others of the file.
Result<std::optional<wire::Constraint>> read_form(const FormOptions& options);

}  // namespace exogpu::cli
