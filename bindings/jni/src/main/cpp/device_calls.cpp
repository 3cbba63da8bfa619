// com.exo.gpu.Native: contexts, devices, buffers and tickets.
#include <memory>

#include "jni_support.h"

namespace exogpu::jvm {
namespace {

uint64_t amount(jlong value, const char* what) {
  if (value < 0) refuse(std::string(what) + " is " + std::to_string(value));
  return static_cast<uint64_t>(value);
}

// --- contexts and devices

jstring version(JNIEnv* env, jclass) {
  return guarded(env, [&] { return java_text(env, exogpu_version()); });
}

jlong context_open(JNIEnv* env, jclass, jstring backend, jboolean software, jboolean cpu_only, jstring program,
                   jstring backends) {
  return guarded(env, [&] {
    const auto own_backend = optional_text_of(env, backend), own_program = optional_text_of(env, program),
               own_backends = optional_text_of(env, backends);
    exogpu_context_options options{};
    options.struct_size = sizeof options;
    options.backend = or_null(own_backend);
    options.software = software;
    options.cpu_only = cpu_only;
    options.program = or_null(own_program);
    options.backends = or_null(own_backends);
    exogpu_context context{};
    check(exogpu_context_open(&options, &context));
    return java_handle(context);
  });
}

void context_close(JNIEnv* env, jclass, jlong context) {
  guarded(env, [&] { check(exogpu_context_close(handle<exogpu_context>(context))); });
}

jlongArray device_list(JNIEnv* env, jclass, jlong context) {
  return guarded(env, [&] {
    size_t count = 0;
    check(exogpu_device_list(handle<exogpu_context>(context), nullptr, 0, &count));
    std::vector<exogpu_device> devices(count);
    check(exogpu_device_list(handle<exogpu_context>(context), devices.data(), count, &count));
    std::vector<jlong> ids;
    for (const exogpu_device& device : devices) ids.push_back(java_handle(device));
    return java_longs(env, ids);
  });
}

jlong device_find(JNIEnv* env, jclass, jlong context, jstring id) {
  return guarded(env, [&] {
    exogpu_device device{};
    check(exogpu_device_find(handle<exogpu_context>(context), text_of(env, id, "the id").c_str(), &device));
    return java_handle(device);
  });
}

jstring device_json(JNIEnv* env, jclass, jlong device) {
  return guarded(env, [&] {
    return java_text_of(env, [&](char** text) { return exogpu_device_json(handle<exogpu_device>(device), text); });
  });
}

exogpu_device_info describe(jlong device) {
  exogpu_device_info info{};
  info.struct_size = sizeof info;
  check(exogpu_device_describe(handle<exogpu_device>(device), &info));
  return info;
}

// The texts of exogpu_device_info in their order.
jobjectArray device_texts(JNIEnv* env, jclass, jlong device) {
  return guarded(env, [&] {
    const exogpu_device_info info = describe(device);
    return java_texts(env, {info.id, info.name, info.vendor, info.architecture, info.backend, info.driver,
                            info.pci_address, info.uuid});
  });
}

// Its numbers in their order.
jlongArray device_numbers(JNIEnv* env, jclass, jlong device) {
  return guarded(env, [&] {
    const exogpu_device_info info = describe(device);
    return java_longs(env, {info.kind, info.software, info.compute_units, info.f16, info.bf16, info.int8_dot,
                            info.matrix_cores, info.asynchronous, static_cast<jlong>(info.memory_bytes)});
  });
}

// NaN: not known.
jdouble device_suitability(JNIEnv* env, jclass, jdouble utilization, jdouble temperature_c, jdouble memory_used_bytes,
                           jlong memory_total_bytes) {
  return guarded(env, [&] {
    exogpu_readings readings{};
    readings.struct_size = sizeof readings;
    readings.utilization = utilization;
    readings.temperature_c = temperature_c;
    readings.memory_used_bytes = memory_used_bytes;
    double suitability = 0;
    check(exogpu_device_suitability(&readings, amount(memory_total_bytes, "the memory"), &suitability));
    return suitability;
  });
}

// Total, free, allocated, buffers.
jlongArray device_memory(JNIEnv* env, jclass, jlong device) {
  return guarded(env, [&] {
    exogpu_memory_info info{};
    info.struct_size = sizeof info;
    check(exogpu_device_memory(handle<exogpu_device>(device), &info));
    return java_longs(env, {static_cast<jlong>(info.total_bytes), static_cast<jlong>(info.free_bytes),
                            static_cast<jlong>(info.allocated_bytes), static_cast<jlong>(info.buffers)});
  });
}

// In the order of exogpu_readings.
jdoubleArray device_sensors(JNIEnv* env, jclass, jlong device) {
  return guarded(env, [&] {
    exogpu_readings r{};
    r.struct_size = sizeof r;
    check(exogpu_device_read_sensors(handle<exogpu_device>(device), &r));
    return java_doubles(env, {r.utilization, r.temperature_c, r.temperature_limit_c, r.power_w, r.clock_share,
                              r.memory_used_bytes, static_cast<jdouble>(r.throttled)});
  });
}

void device_synchronize(JNIEnv* env, jclass, jlong device) {
  guarded(env, [&] { check(exogpu_device_synchronize(handle<exogpu_device>(device))); });
}

jlong device_record(JNIEnv* env, jclass, jlong device) {
  return guarded(env, [&] {
    exogpu_ticket ticket{};
    check(exogpu_device_record(handle<exogpu_device>(device), &ticket));
    return java_handle(ticket);
  });
}

// --- buffers

jlong buffer_allocate(JNIEnv* env, jclass, jlong device, jlong size) {
  return guarded(env, [&] {
    exogpu_buffer buffer{};
    check(exogpu_buffer_allocate(handle<exogpu_device>(device), amount(size, "the size"), &buffer));
    return java_handle(buffer);
  });
}

jlong buffer_allocate_async(JNIEnv* env, jclass, jlong device, jlong size) {
  return guarded(env, [&] {
    exogpu_ticket ticket{};
    check(exogpu_buffer_allocate_async(handle<exogpu_device>(device), amount(size, "the size"), &ticket));
    return java_handle(ticket);
  });
}

void buffer_free(JNIEnv* env, jclass, jlong buffer) {
  guarded(env, [&] { check(exogpu_buffer_free(handle<exogpu_buffer>(buffer))); });
}

jlong buffer_size(JNIEnv* env, jclass, jlong buffer) {
  return guarded(env, [&] {
    exogpu_buffer_info info{};
    info.struct_size = sizeof info;
    check(exogpu_buffer_describe(handle<exogpu_buffer>(buffer), &info));
    return static_cast<jlong>(info.size);
  });
}

void buffer_upload(JNIEnv* env, jclass, jlong buffer, jlong offset, jbyteArray data, jint at, jint size) {
  guarded(env, [&] {
    const std::vector<jbyte> bytes = bytes_of(env, data, at, size);
    check(
        exogpu_buffer_upload(handle<exogpu_buffer>(buffer), amount(offset, "the offset"), bytes.data(), bytes.size()));
  });
}

void buffer_download(JNIEnv* env, jclass, jlong buffer, jlong offset, jbyteArray data, jint at, jint size) {
  guarded(env, [&] {
    std::vector<jbyte> bytes = bytes_of(env, data, at, size);
    check(exogpu_buffer_download(handle<exogpu_buffer>(buffer), amount(offset, "the offset"), bytes.data(),
                                 bytes.size()));
    env->SetByteArrayRegion(data, at, size, bytes.data());
  });
}

void buffer_upload_direct(JNIEnv* env, jclass, jlong buffer, jlong offset, jobject data, jlong at, jlong size) {
  guarded(env, [&] {
    const char* const from = direct_bytes(env, data, at, size);
    check(exogpu_buffer_upload(handle<exogpu_buffer>(buffer), amount(offset, "the offset"), from,
                               amount(size, "the size")));
  });
}

void buffer_download_direct(JNIEnv* env, jclass, jlong buffer, jlong offset, jobject data, jlong at, jlong size) {
  guarded(env, [&] {
    char* const to = direct_bytes(env, data, at, size);
    check(exogpu_buffer_download(handle<exogpu_buffer>(buffer), amount(offset, "the offset"), to,
                                 amount(size, "the size")));
  });
}

jlong buffer_upload_async(JNIEnv* env, jclass, jlong buffer, jlong offset, jobject data, jlong at, jlong size) {
  return guarded(env, [&] {
    const char* const from = direct_bytes(env, data, at, size);
    exogpu_ticket ticket{};
    check(exogpu_buffer_upload_async(handle<exogpu_buffer>(buffer), amount(offset, "the offset"), from,
                                     amount(size, "the size"), &ticket));
    return java_handle(ticket);
  });
}

jlong buffer_download_async(JNIEnv* env, jclass, jlong buffer, jlong offset, jobject data, jlong at, jlong size) {
  return guarded(env, [&] {
    char* const to = direct_bytes(env, data, at, size);
    exogpu_ticket ticket{};
    check(exogpu_buffer_download_async(handle<exogpu_buffer>(buffer), amount(offset, "the offset"), to,
                                       amount(size, "the size"), &ticket));
    return java_handle(ticket);
  });
}

void buffer_copy(JNIEnv* env, jclass, jlong from, jlong from_offset, jlong to, jlong to_offset, jlong size) {
  guarded(env, [&] {
    check(exogpu_buffer_copy(handle<exogpu_buffer>(from), amount(from_offset, "the offset"), handle<exogpu_buffer>(to),
                             amount(to_offset, "the offset"), amount(size, "the size")));
  });
}

jlong buffer_copy_async(JNIEnv* env, jclass, jlong from, jlong from_offset, jlong to, jlong to_offset, jlong size) {
  return guarded(env, [&] {
    exogpu_ticket ticket{};
    check(exogpu_buffer_copy_async(handle<exogpu_buffer>(from), amount(from_offset, "the offset"),
                                   handle<exogpu_buffer>(to), amount(to_offset, "the offset"), amount(size, "the size"),
                                   &ticket));
    return java_handle(ticket);
  });
}

// --- tickets

// A listener of Java, which is called once.
void notify(void* user, exogpu_code code, const char* message) {
  JNIEnv* const env = env_of_this_thread();
  if (env == nullptr) return;
  const auto listener = static_cast<jobject>(user);
  guarded(env, [&] {
    const jstring text = java_text(env, message == nullptr ? "" : message);
    const jclass type = env->GetObjectClass(listener);
    const jmethodID done = env->GetMethodID(type, "done", "(ILjava/lang/String;)V");
    if (done != nullptr) env->CallVoidMethod(listener, done, jint{code}, text);
    env->DeleteLocalRef(type);
    env->DeleteLocalRef(text);
  });
  // Nobody is there to catch it.
  if (env->ExceptionCheck()) {
    env->ExceptionDescribe();
    env->ExceptionClear();
  }
  env->DeleteGlobalRef(listener);
}

void ticket_notify(JNIEnv* env, jclass, jlong ticket, jobject listener) {
  guarded(env, [&] {
    if (listener == nullptr) refuse("the listener is null");
    const jobject kept = env->NewGlobalRef(listener);
    if (kept == nullptr) throw Pending{};
    const exogpu_code code = exogpu_ticket_notify(handle<exogpu_ticket>(ticket), notify, kept);
    if (code != EXOGPU_OK) env->DeleteGlobalRef(kept);
    check(code);
  });
}

// False: not in time. Throws how the operation ended where it failed.
jboolean ticket_wait(JNIEnv* env, jclass, jlong ticket, jlong timeout_ms) {
  return guarded(env, [&]() -> jboolean {
    const exogpu_code code = exogpu_ticket_wait(handle<exogpu_ticket>(ticket), timeout_ms);
    if (code == EXOGPU_DEADLINE_EXCEEDED) {
      int32_t done = 0;
      const Failure failure{code, exogpu_last_error()};
      check(exogpu_ticket_poll(handle<exogpu_ticket>(ticket), &done));
      if (done == 0) return JNI_FALSE;
      throw failure;
    }
    check(code);
    return JNI_TRUE;
  });
}

jlong ticket_buffer(JNIEnv* env, jclass, jlong ticket) {
  return guarded(env, [&] {
    exogpu_buffer buffer{};
    check(exogpu_ticket_buffer(handle<exogpu_ticket>(ticket), &buffer));
    return java_handle(buffer);
  });
}

jlong ticket_model(JNIEnv* env, jclass, jlong ticket) {
  return guarded(env, [&] {
    exogpu_model model{};
    check(exogpu_ticket_model(handle<exogpu_ticket>(ticket), &model));
    return java_handle(model);
  });
}

void ticket_cancel(JNIEnv* env, jclass, jlong ticket) {
  guarded(env, [&] { check(exogpu_ticket_cancel(handle<exogpu_ticket>(ticket))); });
}

void ticket_free(JNIEnv* env, jclass, jlong ticket) {
  guarded(env, [&] { check(exogpu_ticket_free(handle<exogpu_ticket>(ticket))); });
}

}  // namespace

std::vector<JNINativeMethod> device_methods() {
  return {
      method("version", "()Ljava/lang/String;", version),
      method("contextOpen", "(Ljava/lang/String;ZZLjava/lang/String;Ljava/lang/String;)J", context_open),
      method("contextClose", "(J)V", context_close),
      method("deviceList", "(J)[J", device_list),
      method("deviceFind", "(JLjava/lang/String;)J", device_find),
      method("deviceJson", "(J)Ljava/lang/String;", device_json),
      method("deviceTexts", "(J)[Ljava/lang/String;", device_texts),
      method("deviceNumbers", "(J)[J", device_numbers),
      method("deviceSuitability", "(DDDJ)D", device_suitability),
      method("deviceMemory", "(J)[J", device_memory),
      method("deviceSensors", "(J)[D", device_sensors),
      method("deviceSynchronize", "(J)V", device_synchronize),
      method("deviceRecord", "(J)J", device_record),
      method("bufferAllocate", "(JJ)J", buffer_allocate),
      method("bufferAllocateAsync", "(JJ)J", buffer_allocate_async),
      method("bufferFree", "(J)V", buffer_free),
      method("bufferSize", "(J)J", buffer_size),
      method("bufferUpload", "(JJ[BII)V", buffer_upload),
      method("bufferDownload", "(JJ[BII)V", buffer_download),
      method("bufferUploadDirect", "(JJLjava/nio/ByteBuffer;JJ)V", buffer_upload_direct),
      method("bufferDownloadDirect", "(JJLjava/nio/ByteBuffer;JJ)V", buffer_download_direct),
      method("bufferUploadAsync", "(JJLjava/nio/ByteBuffer;JJ)J", buffer_upload_async),
      method("bufferDownloadAsync", "(JJLjava/nio/ByteBuffer;JJ)J", buffer_download_async),
      method("bufferCopy", "(JJJJJ)V", buffer_copy),
      method("bufferCopyAsync", "(JJJJJ)J", buffer_copy_async),
      method("ticketNotify", "(JLcom/exo/gpu/TicketListener;)V", ticket_notify),
      method("ticketWait", "(JJ)Z", ticket_wait),
      method("ticketBuffer", "(J)J", ticket_buffer),
      method("ticketModel", "(J)J", ticket_model),
      method("ticketCancel", "(J)V", ticket_cancel),
      method("ticketFree", "(J)V", ticket_free),
  };
}

}  // namespace exogpu::jvm
