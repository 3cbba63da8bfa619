// exogpu_cluster_*: models of other machines.
#include "base/host_port.h"
#include "capi/api_model.h"
#include "capi/context.h"
#include "capi/error.h"
#include "capi/model_object.h"
#include "capi/structs.h"

namespace exogpu::capi {
namespace {

constexpr uint16_t kApiPort = 8080;

Result<void> get_json(exogpu_cluster cluster, const char* path, char** json) {
  EXO_CHECK(need(json, "json"));
  EXO_TRY(const auto object, handles().find<ClusterObject>(cluster.id));
  EXO_TRY(const std::string text, object->get(path));
  EXO_TRY(*json, text_for_caller(text));
  return {};
}

}  // namespace
}  // namespace exogpu::capi

using namespace exogpu;
using namespace exogpu::capi;

extern "C" {

exogpu_code exogpu_cluster_open(exogpu_context context, const char* address, const char* key, exogpu_cluster* cluster) {
  return call([&]() -> Result<void> {
    EXO_CHECK(need(address, "address"));
    EXO_CHECK(need(cluster, "cluster"));
    EXO_TRY(const auto object, handles().find<ContextObject>(context.id));
    EXO_TRY(const HostPort at, parse_host_port(address, kApiPort, "the address"));
    auto opened = std::make_shared<ClusterObject>(
        api::ApiAddress{.host = at.host.empty() ? "127.0.0.1" : at.host, .port = at.port, .key{or_empty(key)}});
    EXO_TRY(cluster->id, handles().add(context_of(context.id), std::move(opened)));
    return {};
  });
}

exogpu_code exogpu_cluster_close(exogpu_cluster cluster) {
  return call([&]() -> Result<void> {
    EXO_TRY(const auto taken, handles().take<ClusterObject>(cluster.id));
    return {};
  });
}

exogpu_code exogpu_cluster_models(exogpu_cluster cluster, char** json) {
  return call([&] { return get_json(cluster, "/v1/models", json); });
}

exogpu_code exogpu_cluster_json(exogpu_cluster cluster, char** json) {
  return call([&] { return get_json(cluster, "/v1/cluster", json); });
}

exogpu_code exogpu_cluster_model(exogpu_cluster cluster, const char* name, exogpu_model* model) {
  return call([&]() -> Result<void> {
    EXO_CHECK(need(name, "name"));
    EXO_CHECK(need(model, "model"));
    EXO_TRY(const auto object, handles().find<ClusterObject>(cluster.id));
    auto made = std::make_shared<ModelObject>(std::make_shared<ApiModel>(object->at, name));
    EXO_TRY(model->id, handles().add(context_of(cluster.id), std::move(made)));
    return {};
  });
}
}
