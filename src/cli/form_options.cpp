#include "cli/form_options.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

namespace exogpu::cli {
namespace {

Result<std::optional<wire::Constraint>> from_file(const std::string& path, wire::ConstraintKind kind) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return fail(ErrorCode::not_found, "{}: {}", path, std::strerror(errno));
  std::string text(std::istreambuf_iterator<char>(in), {});
  if (in.bad()) return fail(ErrorCode::io_error, "{}: cannot be read", path);
  return wire::Constraint{.kind = kind, .text = std::move(text)};
}

}  // namespace

void add_form_options(CLI::App& command, FormOptions& options) {
  auto* form = command.add_option_group("Form of the answer");
  form->add_flag("--json", options.json, "Answer with a JSON object");
  form->add_option("--json-schema", options.json_schema, "Answer with JSON that the schema in this file accepts")
      ->type_name("FILE");
  form->add_option("--grammar", options.grammar, "Answer with a text of the grammar (GBNF) in this file")
      ->type_name("FILE");
  form->add_option("--regex", options.regex, "Answer with a text that this regular expression matches as a whole");
  form->require_option(0, 1);
}

Result<std::optional<wire::Constraint>> read_form(const FormOptions& options) {
  if (options.json) return wire::Constraint{.text = R"({"type": "object"})"};
  if (!options.regex.empty()) return wire::Constraint{.kind = wire::ConstraintKind::regex, .text = options.regex};
  if (!options.json_schema.empty()) return from_file(options.json_schema, wire::ConstraintKind::json_schema);
  if (!options.grammar.empty()) return from_file(options.grammar, wire::ConstraintKind::gbnf);
  return std::nullopt;
}

}  // namespace exogpu::cli
