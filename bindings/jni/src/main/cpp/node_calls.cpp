// com.exo.gpu.Native: clusters and nodes.
#include <array>

#include "jni_support.h"

namespace exogpu::jvm {
namespace {

// --- clusters

jlong cluster_open(JNIEnv* env, jclass, jlong context, jstring address, jstring key) {
  return guarded(env, [&] {
    const auto own_key = optional_text_of(env, key);
    exogpu_cluster cluster{};
    check(exogpu_cluster_open(handle<exogpu_context>(context), text_of(env, address, "the address").c_str(),
                              or_null(own_key), &cluster));
    return java_handle(cluster);
  });
}

void cluster_close(JNIEnv* env, jclass, jlong cluster) {
  guarded(env, [&] { check(exogpu_cluster_close(handle<exogpu_cluster>(cluster))); });
}

jstring cluster_models(JNIEnv* env, jclass, jlong cluster) {
  return guarded(env, [&] {
    return java_text_of(env, [&](char** text) { return exogpu_cluster_models(handle<exogpu_cluster>(cluster), text); });
  });
}

jstring cluster_json(JNIEnv* env, jclass, jlong cluster) {
  return guarded(env, [&] {
    return java_text_of(env, [&](char** text) { return exogpu_cluster_json(handle<exogpu_cluster>(cluster), text); });
  });
}

jlong cluster_model(JNIEnv* env, jclass, jlong cluster, jstring name) {
  return guarded(env, [&] {
    exogpu_model model{};
    check(exogpu_cluster_model(handle<exogpu_cluster>(cluster), text_of(env, name, "the name").c_str(), &model));
    return java_handle(model);
  });
}

// --- nodes

std::vector<const char*> pointers_to(const std::vector<std::string>& texts) {
  std::vector<const char*> pointers;
  for (const std::string& text : texts) pointers.push_back(text.c_str());
  return pointers;
}

// `texts`: the ten texts of exogpu_node_options in their order, from `state` to `api_key`, and `token`.
jlong node_start(JNIEnv* env, jclass, jlong context, jobjectArray texts, jobjectArray connect, jobjectArray devices,
                 jboolean discover, jint threads, jint context_tokens, jlong memory_bytes_max) {
  return guarded(env, [&] {
    std::array<std::optional<std::string>, 10> own;
    if (texts == nullptr || env->GetArrayLength(texts) != static_cast<jsize>(own.size()))
      refuse("ten texts are needed");
    for (size_t i = 0; i < own.size(); ++i) {
      const auto each = static_cast<jstring>(env->GetObjectArrayElement(texts, static_cast<jsize>(i)));
      own[i] = optional_text_of(env, each);
      if (each != nullptr) env->DeleteLocalRef(each);
    }
    const std::vector<std::string> own_connect = texts_of(env, connect, "an address"),
                                   own_devices = texts_of(env, devices, "a device");
    const std::vector<const char*> connect_list = pointers_to(own_connect), device_list = pointers_to(own_devices);
    if (threads < 0 || context_tokens < 0 || memory_bytes_max < 0) refuse("a number of the options is negative");
    exogpu_node_options options{};
    options.struct_size = sizeof options;
    const char** const fields[] = {&options.state,   &options.cache,  &options.models,    &options.model,
                                   &options.name,    &options.listen, &options.advertise, &options.api,
                                   &options.api_key, &options.token};
    for (size_t i = 0; i < own.size(); ++i) *fields[i] = or_null(own[i]);
    options.connect = connect_list.data();
    options.connect_count = connect_list.size();
    options.devices = device_list.data();
    options.device_count = device_list.size();
    options.discover = discover;
    options.threads = static_cast<uint32_t>(threads);
    options.context_tokens = static_cast<uint32_t>(context_tokens);
    options.memory_bytes_max = static_cast<uint64_t>(memory_bytes_max);
    exogpu_node node{};
    check(exogpu_node_start(handle<exogpu_context>(context), &options, &node));
    return java_handle(node);
  });
}

void node_stop(JNIEnv* env, jclass, jlong node) {
  guarded(env, [&] { check(exogpu_node_stop(handle<exogpu_node>(node))); });
}

void node_leave(JNIEnv* env, jclass, jlong node) {
  guarded(env, [&] { check(exogpu_node_leave(handle<exogpu_node>(node))); });
}

// Of nodes, of clients.
jlongArray node_ports(JNIEnv* env, jclass, jlong node) {
  return guarded(env, [&] {
    uint16_t link = 0, api = 0;
    check(exogpu_node_ports(handle<exogpu_node>(node), &link, &api));
    return java_longs(env, {link, api});
  });
}

jstring node_json(JNIEnv* env, jclass, jlong node) {
  return guarded(env, [&] {
    return java_text_of(env, [&](char** text) { return exogpu_node_json(handle<exogpu_node>(node), text); });
  });
}

// The version; -1: nothing newer came in time.
jlong node_wait(JNIEnv* env, jclass, jlong node, jlong version, jlong timeout_ms) {
  return guarded(env, [&]() -> jlong {
    uint64_t newer = 0;
    const exogpu_code code =
        exogpu_node_wait(handle<exogpu_node>(node), static_cast<uint64_t>(version), timeout_ms, &newer);
    if (code == EXOGPU_DEADLINE_EXCEEDED) return -1;
    check(code);
    return static_cast<jlong>(newer);
  });
}

jlong node_model(JNIEnv* env, jclass, jlong node, jstring name) {
  return guarded(env, [&] {
    exogpu_model model{};
    check(exogpu_node_model(handle<exogpu_node>(node), text_of(env, name, "the name").c_str(), &model));
    return java_handle(model);
  });
}

jstring node_token(JNIEnv* env, jclass, jlong node, jint uses, jint lifetime_s) {
  return guarded(env, [&] {
    if (uses < 0 || lifetime_s < 0) refuse("the uses and the lifetime of a token are positive");
    return java_text_of(env, [&](char** text) {
      return exogpu_node_token(handle<exogpu_node>(node), static_cast<uint32_t>(uses),
                               static_cast<uint32_t>(lifetime_s), text);
    });
  });
}

jstring node_pair(JNIEnv* env, jclass, jlong node) {
  return guarded(env, [&] {
    return java_text_of(env, [&](char** text) { return exogpu_node_pair(handle<exogpu_node>(node), text); });
  });
}

void node_approve(JNIEnv* env, jclass, jlong node, jstring code) {
  guarded(env, [&] { check(exogpu_node_approve(handle<exogpu_node>(node), text_of(env, code, "the code").c_str())); });
}

void node_add_peer(JNIEnv* env, jclass, jlong node, jstring address) {
  guarded(env, [&] {
    check(exogpu_node_add_peer(handle<exogpu_node>(node), text_of(env, address, "the address").c_str()));
  });
}

void node_report_sensors(JNIEnv* env, jclass, jlong node, jdouble charge, jint on_battery, jint throttled,
                         jdouble temperature_c, jdouble temperature_limit_c) {
  guarded(env, [&] {
    const exogpu_sensor_input input{sizeof input, charge, on_battery, throttled, temperature_c, temperature_limit_c};
    check(exogpu_node_report_sensors(handle<exogpu_node>(node), &input));
  });
}

void join(JNIEnv* env, jclass, jstring state, jstring code, jstring address) {
  guarded(env, [&] {
    const auto own_address = optional_text_of(env, address);
    check(exogpu_join(text_of(env, state, "the folder").c_str(), text_of(env, code, "the code").c_str(),
                      or_null(own_address)));
  });
}

}  // namespace

std::vector<JNINativeMethod> node_methods() {
  return {
      method("clusterOpen", "(JLjava/lang/String;Ljava/lang/String;)J", cluster_open),
      method("clusterClose", "(J)V", cluster_close),
      method("clusterModels", "(J)Ljava/lang/String;", cluster_models),
      method("clusterJson", "(J)Ljava/lang/String;", cluster_json),
      method("clusterModel", "(JLjava/lang/String;)J", cluster_model),
      method("nodeStart", "(J[Ljava/lang/String;[Ljava/lang/String;[Ljava/lang/String;ZIIJ)J", node_start),
      method("nodeStop", "(J)V", node_stop),
      method("nodeLeave", "(J)V", node_leave),
      method("nodePorts", "(J)[J", node_ports),
      method("nodeJson", "(J)Ljava/lang/String;", node_json),
      method("nodeWait", "(JJJ)J", node_wait),
      method("nodeModel", "(JLjava/lang/String;)J", node_model),
      method("nodeToken", "(JII)Ljava/lang/String;", node_token),
      method("nodePair", "(J)Ljava/lang/String;", node_pair),
      method("nodeApprove", "(JLjava/lang/String;)V", node_approve),
      method("nodeAddPeer", "(JLjava/lang/String;)V", node_add_peer),
      method("nodeReportSensors", "(JDIIDD)V", node_report_sensors),
      method("join", "(Ljava/lang/String;Ljava/lang/String;Ljava/lang/String;)V", join),
  };
}

}  // namespace exogpu::jvm
