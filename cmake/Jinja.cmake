# The Jinja interpreter of chat templates: the npm package that third_party/jinja pins, with our own scripts behind it,
# as one C++ source. npm runs only when the lock file is new to this machine's build folders, so a second build needs
# no network; the lock file's hash is what npm checks the download against.

set(jinja_pin ${CMAKE_SOURCE_DIR}/third_party/jinja)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${jinja_pin}/package-lock.json)

# All presets share one download.
if(CMAKE_BINARY_DIR MATCHES "^${CMAKE_SOURCE_DIR}/build/")
  set(jinja_home_default ${CMAKE_SOURCE_DIR}/build/npm)
else()
  set(jinja_home_default ${CMAKE_BINARY_DIR}/npm)
endif()
set(EXOGPU_NPM_DIR ${jinja_home_default} CACHE PATH "Where npm packages are unpacked")

file(SHA256 ${jinja_pin}/package-lock.json jinja_lock_hash)
string(SUBSTRING ${jinja_lock_hash} 0 12 jinja_lock_hash)
set(jinja_dir ${EXOGPU_NPM_DIR}/jinja-${jinja_lock_hash})
set(jinja_library ${jinja_dir}/node_modules/@huggingface/jinja/dist/index.cjs)

file(MAKE_DIRECTORY ${EXOGPU_NPM_DIR})
file(LOCK ${EXOGPU_NPM_DIR}/lock GUARD FILE TIMEOUT 600)
if(NOT EXISTS ${jinja_dir}/complete)
  find_program(NPM_PROGRAM npm)
  if(NOT NPM_PROGRAM)
    message(FATAL_ERROR "npm is not installed. It fetches the Jinja interpreter (third_party/jinja) that chat templates "
      "run in; install it (Debian: apt-get install npm) and configure again.")
  endif()
  message(STATUS "Fetching the Jinja interpreter with npm")
  file(REMOVE_RECURSE ${jinja_dir})
  file(COPY ${jinja_pin}/package.json ${jinja_pin}/package-lock.json ${jinja_pin}/.npmrc DESTINATION ${jinja_dir})
  execute_process(
    COMMAND ${NPM_PROGRAM} ci --ignore-scripts --no-audit --no-fund --prefer-offline
    WORKING_DIRECTORY ${jinja_dir} RESULT_VARIABLE npm_status OUTPUT_VARIABLE npm_text ERROR_VARIABLE npm_text)
  if(NOT npm_status EQUAL 0 OR NOT EXISTS ${jinja_library})
    message(FATAL_ERROR "npm could not fetch the Jinja interpreter (third_party/jinja):\n${npm_text}")
  endif()
  file(TOUCH ${jinja_dir}/complete)
endif()
file(LOCK ${EXOGPU_NPM_DIR}/lock RELEASE)

# Adds the interpreter to `target` as the script of src/model/jinja/script.h.
function(exogpu_embed_jinja target)
  set(js ${CMAKE_SOURCE_DIR}/src/model/jinja)
  # In this order; open.js and close.js are the two ends of one function around all of them.
  set(parts ${js}/open.js ${jinja_library} ${js}/values.js ${js}/methods.js ${js}/filters.js ${js}/tests.js
    ${js}/interpreter.js ${js}/places.js ${js}/close.js)
  set(generated ${CMAKE_BINARY_DIR}/generated/jinja_script.cpp)
  add_custom_command(OUTPUT ${generated}
    COMMAND ${CMAKE_COMMAND} "-DPARTS=${parts}" -DOUT=${generated} -P ${CMAKE_SOURCE_DIR}/cmake/EmbedScript.cmake
    DEPENDS ${parts} ${CMAKE_SOURCE_DIR}/cmake/EmbedScript.cmake
    COMMENT "Embedding the Jinja interpreter" VERBATIM)
  target_sources(${target} PRIVATE ${generated})
endfunction()
