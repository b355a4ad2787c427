# Every option of the build, its default, and the compiler flags that follow from it.
option(MODELMESH_BUILD_TESTS "Build the tests" ${PROJECT_IS_TOP_LEVEL})
option(MODELMESH_BUILD_EXAMPLES "Build the examples" ${PROJECT_IS_TOP_LEVEL})
option(MODELMESH_BUILD_BENCH "Build the benchmarks" ${PROJECT_IS_TOP_LEVEL})
option(MODELMESH_WERROR "Treat warnings as errors" OFF)
option(MODELMESH_PCH "Precompile the headers that most files include" OFF)
option(MODELMESH_FUZZ "Build the fuzz targets with libFuzzer (clang only)" OFF)
option(MODELMESH_ASIO_IO_URING "Use Boost.Asio's own io_uring backend; every user of the library gets its macros" OFF)
set(MODELMESH_SANITIZE "" CACHE STRING "Sanitizers to build with: empty, 'address,undefined' or 'thread'")

if(PROJECT_IS_TOP_LEVEL)
    if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
        set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
    endif()
    # Names that scripts rely on: <build>/bin/modelmesh, <build>/bench/...
    set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin")
    set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
    find_program(CCACHE ccache)
    if(CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
        set(CMAKE_CXX_COMPILER_LAUNCHER "${CCACHE}")
        if(MODELMESH_PCH) # else what uses a precompiled header is never taken from the cache
            set(CMAKE_CXX_COMPILER_LAUNCHER
                "${CMAKE_COMMAND};-E;env;CCACHE_SLOPPINESS=pch_defines,time_macros;${CCACHE}")
        endif()
    endif()
endif()

# Flags of our own targets only: a project that adds us as a subdirectory keeps its own.
add_library(modelmesh_flags INTERFACE)
target_compile_features(modelmesh_flags INTERFACE cxx_std_20)
target_compile_options(modelmesh_flags INTERFACE
    -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wimplicit-fallthrough
    $<$<CXX_COMPILER_ID:GNU>:-fcoroutines>
    # g++ 12 warns of overlapping copies inside std::string and of unset optionals where there are none (GCC bugs
    # 105651 and 80635).
    "$<$<AND:$<CXX_COMPILER_ID:GNU>,$<VERSION_LESS:$<CXX_COMPILER_VERSION>,13>>:-Wno-restrict;-Wno-maybe-uninitialized>"
    $<$<BOOL:${MODELMESH_WERROR}>:-Werror>)
if(MODELMESH_PCH) # so that ccache knows what the header holds
    target_compile_options(modelmesh_flags INTERFACE
        $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>
        "$<$<CXX_COMPILER_ID:Clang>:SHELL:-Xclang -fno-pch-timestamp>")
endif()
if(MODELMESH_SANITIZE)
    set(MODELMESH_SANITIZE_FLAGS "-fsanitize=${MODELMESH_SANITIZE}")
    if(MODELMESH_SANITIZE MATCHES "undefined")
        # UBSan's check of virtual tables opens a pipe to look at memory, and takes its failure for a wrong table:
        # a test that leaves the process without a descriptor would always fail.
        list(APPEND MODELMESH_SANITIZE_FLAGS -fno-sanitize=vptr)
    endif()
    target_compile_options(modelmesh_flags INTERFACE
        ${MODELMESH_SANITIZE_FLAGS} -fno-omit-frame-pointer -fno-sanitize-recover=all)
    target_link_options(modelmesh_flags INTERFACE ${MODELMESH_SANITIZE_FLAGS})
endif()
if(MODELMESH_SANITIZE MATCHES "thread")
    target_compile_options(modelmesh_flags INTERFACE "SHELL:-include ${PROJECT_SOURCE_DIR}/cmake/asio_for_tsan.hpp")
endif()
if(MODELMESH_FUZZ)
    target_compile_options(modelmesh_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
