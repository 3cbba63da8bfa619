# exogpu_proto(TARGET proto/x.proto...): the messages as a library of generated C++, included as "proto/x.pb.h".
# Generated code is not held to the project's warnings.
function(exogpu_proto target)
  set(out ${CMAKE_BINARY_DIR}/generated)
  set(sources)
  foreach(proto ${ARGN})
    string(REGEX REPLACE "\\.proto$" ".pb" stem ${out}/${proto})
    add_custom_command(OUTPUT ${stem}.cc ${stem}.h
      COMMAND ${CMAKE_COMMAND} -E make_directory ${out}
      COMMAND protobuf::protoc --proto_path=${CMAKE_SOURCE_DIR} --cpp_out=${out} ${CMAKE_SOURCE_DIR}/${proto}
      DEPENDS ${CMAKE_SOURCE_DIR}/${proto} COMMENT "Compiling ${proto}" VERBATIM)
    list(APPEND sources ${stem}.cc ${stem}.h)
  endforeach()
  add_custom_target(${target}_generated DEPENDS ${sources})  # for checks that read the headers and link nothing
  add_library(${target} STATIC ${sources})
  target_include_directories(${target} SYSTEM PUBLIC ${out})
  target_link_libraries(${target} PUBLIC protobuf::libprotobuf-lite)
  target_compile_options(${target} PRIVATE -w)
  set_target_properties(${target} PROPERTIES
    POSITION_INDEPENDENT_CODE ON CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
endfunction()
