// exogpu models: lists the models folder; exogpu models rm: removes models from it.
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/utf8.h"
#include "cli/api_options.h"
#include "cli/command.h"
#include "cli/models/cluster_report.h"
#include "cli/models/report.h"
#include "cli/open_model.h"
#include "cli/output.h"

namespace exogpu::cli {
namespace {

struct Options {
  std::string folder;
  bool json = false;
  ApiOptions api;
  bool cluster = false;
  std::vector<std::string> names;  // to remove
  bool yes = false;
};

Result<void> list(const Options& options) {
  EXO_TRY(const model::Library library, models_folder(options.folder));
  EXO_TRY(std::vector<model::LibraryEntry> entries, library.list());
  ModelsReport report = {.folder = library.folder(), .models = {}, .now = std::chrono::system_clock::now()};
  for (model::LibraryEntry& entry : entries) report.models.push_back(describe_model(std::move(entry)));
  write_out(options.json ? as_json(report) : as_text(report));
  return {};
}

// Predictions are made when somebody asks for them: they are there a moment later.
Result<nlohmann::json> cluster_with_predictions(const api::ApiAddress& at) {
  constexpr std::chrono::milliseconds look{100};
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(3);
  while (true) {
    EXO_TRY(const std::string body, body_of(api::get(at, "/v1/cluster", std::chrono::seconds(5))));
    auto cluster = nlohmann::json::parse(body, nullptr, false);
    if (!cluster.is_object()) return fail(ErrorCode::corrupt, "the API sent a cluster that is no JSON");
    if (predictions_complete(cluster) || std::chrono::steady_clock::now() >= until) return cluster;
    std::this_thread::sleep_for(look);
  }
}

Result<void> list_cluster(const Options& options) {
  EXO_TRY(const api::ApiAddress at, api_address(options.api));
  EXO_TRY(const nlohmann::json cluster, cluster_with_predictions(at));
  write_out(options.json ? cluster.value("library", nlohmann::json::array()).dump(2) + "\n" : library_table(cluster));
  return {};
}

// Asks at the terminal; anything but yes means no.
Result<bool> agrees(const model::LibraryEntry& entry) {
  if (isatty(STDIN_FILENO) == 0) {
    return fail(ErrorCode::failed_precondition,
                "{}: standard input is not a terminal, so nobody can confirm; use --yes to remove it", entry.name);
  }
  print_out("Remove {} ({})? [y/N] ", printable(entry.name), format_bytes(entry.bytes));
  EXO_CHECK(flush_out());
  const int first = std::getchar();
  for (int c = first; c != '\n' && c != EOF;) c = std::getchar();
  return first == 'y' || first == 'Y';
}

Result<void> remove(const Options& options) {
  EXO_TRY(const model::Library library, models_folder(options.folder));
  std::vector<model::LibraryEntry> entries;  // finds all names first, so that a wrong one removes nothing
  for (const std::string& name : options.names) {
    EXO_TRY(model::LibraryEntry entry, library.find(name));
    entries.push_back(std::move(entry));
  }
  for (const model::LibraryEntry& entry : entries) {
    if (!options.yes) {
      EXO_TRY(const bool yes, agrees(entry));
      if (!yes) continue;
    }
    EXO_CHECK(library.remove(entry));
    println_out("Removed {} ({}).", printable(entry.name), format_bytes(entry.bytes));
  }
  return {};
}

}  // namespace

void add_models(CLI::App& app, Action& action) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("models", "List the models on this machine");
  command->footer(
      "The folder is $EXOGPU_MODELS, else exogpu/models in $XDG_DATA_HOME or ~/.local/share. GGUF files that are put\n"
      "there by hand are listed as well. USED is when the files were last read, as far as the system records it.");
  command->add_option("--models", options->folder, "The models folder")->type_name("DIR");
  command->add_flag("--json", options->json, "Print JSON");
  command->add_flag("--cluster", options->cluster, "List the models of all nodes, as a node of the cluster knows them");
  add_api_options(*command, options->api);
  CLI::App* rm = command->add_subcommand("rm", "Remove models, after confirmation");
  rm->add_option("name", options->names, "The model's name, as `exogpu models` lists it")
      ->required()
      ->type_name("NAME");
  rm->add_option("--models", options->folder, "The models folder")->type_name("DIR");
  rm->add_flag("-y,--yes", options->yes, "Remove without confirmation");
  command->callback([options, rm, &action] {
    action = [options, removes = rm->parsed()] {
      if (removes) return remove(*options);
      return options->cluster ? list_cluster(*options) : list(*options);
    };
  });
}

}  // namespace exogpu::cli
