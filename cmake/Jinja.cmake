# The Jinja interpreter of chat templates: the script in third_party/jinja followed by this project's scripts, as one C++
# source.

# Adds the interpreter to `target` as the script of src/model/jinja/script.h.
function(exogpu_embed_jinja target)
  set(js ${CMAKE_SOURCE_DIR}/src/model/jinja)
  # In this order; open.js and close.js are the two ends of one function around all of them.
  set(parts ${js}/open.js ${CMAKE_SOURCE_DIR}/third_party/jinja/upstream/index.cjs ${js}/values.js ${js}/methods.js
    ${js}/filters.js ${js}/tests.js ${js}/interpreter.js ${js}/places.js ${js}/close.js)
  set(generated ${CMAKE_BINARY_DIR}/generated/jinja_script.cpp)
  add_custom_command(OUTPUT ${generated}
    COMMAND ${CMAKE_COMMAND} "-DPARTS=${parts}" -DOUT=${generated} -P ${CMAKE_SOURCE_DIR}/cmake/EmbedScript.cmake
    DEPENDS ${parts} ${CMAKE_SOURCE_DIR}/cmake/EmbedScript.cmake
    COMMENT "Embedding the Jinja interpreter" VERBATIM)
  target_sources(${target} PRIVATE ${generated})
endfunction()
