// exogpu_tiny_model FAMILY OUT.gguf: writes one tiny model with random weights.
#include <CLI/CLI.hpp>
#include <map>
#include <print>

#include "base/units.h"
#include "tiny_model/tiny_model.h"

int main(int argc, char** argv) {
  using namespace exogpu;
  CLI::App app("Writes a tiny model of a real architecture with random weights, for tests and trials.",
               "exogpu_tiny_model");
  std::string family, path;
  uint64_t seed = 1;
  uint32_t layers = 0, embedding_length = 0;
  bool list = false;
  tiny::Options options;
  const std::map<std::string, tiny::MatrixType> types = {
      {"f32", tiny::MatrixType::f32},   {"f16", tiny::MatrixType::f16},   {"bf16", tiny::MatrixType::bf16},
      {"q8_0", tiny::MatrixType::q8_0}, {"q4_0", tiny::MatrixType::q4_0}, {"mxfp4", tiny::MatrixType::mxfp4}};
  app.add_flag("--list", list, "Print the families and stop");
  auto* family_option = app.add_option("FAMILY", family, "One of --list");
  auto* path_option = app.add_option("OUT", path, "The file to write, such as tiny.gguf")->needs(family_option);
  app.add_option("--seed", seed, "The seed of the random weights")->capture_default_str();
  app.add_option("--type", options.matrices, "The type of the matrices: f32, f16, bf16, q8_0, q4_0 or mxfp4")
      ->transform(CLI::CheckedTransformer(types));
  app.add_option("--layers", layers, "The number of layers");
  app.add_option("--embedding-length", embedding_length, "Values per token, a multiple of 32");
  app.add_option("--context-length", options.context_length, "Tokens")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  if (list) {
    for (const tiny::Family& each : tiny::families()) std::println("{:<14} {}", each.name, each.architecture);
    return 0;
  }
  if (path_option->empty()) {
    std::println(stderr, "exogpu_tiny_model: name a family and a file to write; --list prints the families");
    return 2;
  }
  if (layers > 0) options.layers = layers;
  if (embedding_length > 0) options.embedding_length = embedding_length;
  if (auto done = tiny::write_tiny_model(path, family, seed, options); !done) {
    std::println(stderr, "exogpu_tiny_model: {}", done.error().message);
    return 1;
  }
  std::println("{}: {}", path, format_bytes(std::filesystem::file_size(path)));
  return 0;
}
